//! How soon the port answers, to whoever keeps the connection as a browser does.

use std::time::{Duration, Instant};

use super::*;

/// A delayed acknowledgement takes 40 ms on Linux. The first answers on a connection are acknowledged at once, and
/// another program may take the processor from any of them, so the fastest of the later ones tells.
#[tokio::test]
async fn the_end_of_an_answer_does_not_wait_for_its_beginning_to_be_acknowledged() -> TestResult {
    let it = serve().await?;
    let (host, token) = (it.host_line(), it.token_line());
    let request =
        format!("POST /rpc/status HTTP/1.1\r\n{host}\r\n{token}\r\nContent-Length: 0\r\n\r\n");
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, it.daemon.port)).await?;
    let mut took = Vec::new();
    for _ in 0..80 {
        let asked = Instant::now();
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n0\r\n\r\n") {
            assert!(
                stream.read_buf(&mut answer).await? > 0,
                "closed after {} answers",
                took.len()
            );
        }
        took.push(asked.elapsed());
    }
    let later = &took[40..];
    let fastest = later.iter().min().copied().unwrap_or_default();
    assert!(fastest < Duration::from_millis(30), "{later:?}");
    Ok(())
}

//! Files that come in whole, in part, and where they may not.

use super::*;

/// Status, and the answer's last line.
type Answered = (u16, String);

impl Running {
    fn upload_head(&self, query: &str, length: usize) -> String {
        format!(
            "POST /upload?{query} HTTP/1.1\r\n{}\r\n{}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n",
            self.host_line(),
            self.token_line()
        )
    }

    async fn begin(&self, query: &str, length: usize) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.daemon.port)).await?;
        stream
            .write_all(self.upload_head(query, length).as_bytes())
            .await?;
        Ok(stream)
    }

    async fn upload(&self, query: &str, bytes: &[u8]) -> io::Result<Answered> {
        let mut stream = self.begin(query, bytes.len()).await?;
        stream.write_all(bytes).await?;
        answer_of(&mut stream).await
    }

    fn files(&self) -> Vec<(String, Vec<u8>)> {
        self.host.files.lock().clone()
    }
}

async fn answer_of(stream: &mut TcpStream) -> io::Result<Answered> {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let status = answer.get(9..12).and_then(|s| s.parse().ok()).unwrap_or(0);
    let line = answer.lines().find(|line| line.starts_with('{'));
    Ok((status, line.unwrap_or_default().to_owned()))
}

#[tokio::test]
async fn a_large_file_comes_in_whole_under_the_name_it_was_given() -> TestResult {
    let it = serve().await?;
    let bytes: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251) as u8).collect();
    let query = "drive=d&folder=ab&name=a+b%2F..%26%E2%80%AE%3Cscript%3E.txt";
    let (status, line) = it.upload(query, &bytes).await?;
    assert_eq!(status, 200, "{line}");
    let made: serde_json::Value = serde_json::from_str(&line)?;
    // Whether that is a name is for whoever takes it to say.
    let name = "a b/..&\u{202e}<script>.txt";
    assert_eq!(made["ok"]["name"], name);
    assert_eq!(made["ok"]["folder"], "ab");
    let files = it.files();
    assert_eq!(files.len(), 1);
    assert!(files[0] == (name.to_owned(), bytes));
    Ok(())
}

#[tokio::test]
async fn a_file_that_breaks_off_is_none() -> TestResult {
    let it = serve().await?;
    let mut stream = it.begin("drive=d&name=half", 5_000_000).await?;
    stream.write_all(&vec![1; 1_000_000]).await?;
    drop(stream);
    // The next one is taken after it.
    it.upload("drive=d&name=whole", b"x").await?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(it.files(), [("whole".to_owned(), b"x".to_vec())]);
    Ok(())
}

#[tokio::test]
async fn a_file_that_the_daemon_ends_upon_is_none_and_says_so() -> TestResult {
    let it = serve().await?;
    let mut stream = it.begin("drive=d&name=half", 5_000_000).await?;
    stream.write_all(&vec![1; 1_000_000]).await?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    it.host.closing.cancel();
    let (status, line) = answer_of(&mut stream).await?;
    assert_eq!(status, 200);
    assert!(line.contains("daemon_unavailable"), "{line}");
    it.serving.await??;
    assert!(it.host.files.lock().is_empty());
    Ok(())
}

#[tokio::test]
async fn who_sends_a_file_that_is_refused_hears_why() -> TestResult {
    let it = serve().await?;
    let (status, line) = it.upload("drive=other&name=x", &vec![1; 8_000_000]).await?;
    assert_eq!(status, 200);
    assert!(line.contains("drive_not_found"), "{line}");
    for query in ["", "drive=d", "name=x", "drive=d&name=x&name=y"] {
        let (status, line) = it.upload(query, b"x").await?;
        assert_eq!(status, 400, "{query}");
        assert!(line.contains("bad_request"), "{line}");
    }
    let own = [it.host_line(), it.origin_line()];
    let (status, _) = it.raw("POST", "/upload?drive=d&name=x", &own, "x").await?;
    assert_eq!(status, 401);
    let evil = [
        it.host_line(),
        it.token_line(),
        "Origin: https://evil.example".into(),
    ];
    let (status, _) = it.raw("POST", "/upload?drive=d&name=x", &evil, "x").await?;
    assert_eq!(status, 403);
    assert!(it.files().is_empty());
    Ok(())
}

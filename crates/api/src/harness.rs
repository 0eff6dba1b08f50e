//! What a fuzzer may throw at the loopback port: a connection's bytes as they come, and requests of commands,
//! before a host without an engine. Does not generate input.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::runtime::Runtime;

use crate::http::{self, Token};
use crate::schema::NAMES;
use crate::testing::fake;

/// The port that requests must name, and the token that they must carry.
pub const PORT: u16 = 4711;
/// See [`PORT`].
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// How long anything may take: an answer that has not come by then never comes.
const HANGS: Duration = Duration::from_secs(10);

/// A listener with one connection.
struct Pipe(Option<DuplexStream>);

impl axum::serve::Listener for Pipe {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.take() {
            Some(stream) => (stream, ()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}

fn runtime() -> Option<Runtime> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().build().ok()
}

/// Sends these bytes as a whole connection. Panics if a command is answered that does not carry the token,
/// or if the answer does not end.
pub fn connection(bytes: &[u8]) {
    let Some(runtime) = runtime() else { return };
    let answer = runtime.block_on(async { tokio::time::timeout(HANGS, converse(bytes)).await });
    let answer =
        String::from_utf8_lossy(&answer.unwrap_or_else(|_| b"hangs".to_vec())).into_owned();
    assert_ne!(answer, "hangs");
    let knows = bytes
        .windows(TOKEN.len())
        .any(|some| some == TOKEN.as_bytes());
    assert!(
        knows || !answer.contains("HTTP/1.1 200"),
        "a stranger is answered"
    );
}

async fn converse(bytes: &[u8]) -> Vec<u8> {
    let (host, router) = fake();
    let app = http::bare_app(PORT, Token::of(TOKEN), router.clone(), host.closing.clone());
    let (mut ours, theirs) = tokio::io::duplex(1 << 20);
    let closing = host.closing.clone().cancelled_owned();
    let serving = axum::serve(Pipe(Some(theirs)), app).with_graceful_shutdown(closing);
    let serving = tokio::spawn(async move { serving.await });
    // Refused if the other end is gone already.
    let _ = ours.write_all(bytes).await;
    // Time to answer before the end is seen, and then for what waits to give up.
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
    host.closing.cancel();
    let _ = ours.shutdown().await;
    let mut answer = Vec::new();
    let _ = ours.read_to_end(&mut answer).await;
    let _ = serving.await;
    router.idle().await;
    answer
}

/// Gives a command, named by the first byte, this request. Panics if what comes is not JSON, line by line,
/// with exactly one last line that says how it went.
pub fn command(bytes: &[u8]) {
    let (Some((first, body)), Some(runtime)) = (bytes.split_first(), runtime()) else {
        return;
    };
    let name = NAMES.get(usize::from(*first) % NAMES.len()).copied();
    let body = Bytes::copy_from_slice(body);
    let answered = async {
        let (host, router) = fake();
        let mut runs = router.start(name.unwrap_or_default(), body)?;
        host.closing.cancel();
        let mut text = Vec::new();
        while let Some(run) = runs.recv().await {
            text.extend_from_slice(&run);
        }
        router.idle().await;
        Some(text)
    };
    let text = runtime.block_on(async { tokio::time::timeout(HANGS, answered).await });
    assert!(matches!(text, Ok(Some(_))), "{name:?} does not end");
    let text = text.ok().flatten().unwrap_or_default();
    let mut last = 0;
    for line in text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        assert_eq!(last, 0, "{name:?} goes on after its last line");
        let line: Option<serde_json::Value> = serde_json::from_slice(line).ok();
        assert!(
            line.is_some(),
            "{name:?} answers with something else than JSON"
        );
        let line = line.unwrap_or_default();
        last += usize::from(line.get("ok").is_some() || line.get("error").is_some());
    }
    assert_eq!(last, 1, "{name:?} has no last line");
}

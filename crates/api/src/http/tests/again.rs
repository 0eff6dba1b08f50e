//! A page that is open when the daemon ends, and goes on when it returns.

use super::*;

impl Running {
    async fn end(self) -> TestResult {
        self.host.closing.cancel();
        Ok(self.serving.await??)
    }
}

async fn run(dir: &Path) -> io::Result<Running> {
    serve_with(Server::bind_again(dir).await?, Hub::default())
}

#[tokio::test]
async fn a_browser_is_still_in_when_the_daemon_returns() -> TestResult {
    let dir = tempfile::tempdir()?;
    let first = run(dir.path()).await?;
    let browser = first.sign_in().await?;
    let (port, token) = (first.daemon.port, first.token_line());
    first.end().await?;

    let next = run(dir.path()).await?;
    assert_eq!(next.daemon.port, port);
    assert_eq!(next.asks(&browser).await?, 200);
    let other = Browser {
        key: browser.key.replace(['0', '1', '2', '3'], "4"),
        ..browser.clone()
    };
    assert_eq!(next.asks(&other).await?, 401);
    // The token of a run ends with it.
    let lines = [next.host_line(), token];
    assert_eq!(next.raw("POST", "/rpc/status", &lines, "{}").await?.0, 401);
    next.end().await
}

#[tokio::test]
async fn where_the_port_was_taken_meanwhile_nobody_is_in() -> TestResult {
    let dir = tempfile::tempdir()?;
    let first = run(dir.path()).await?;
    let browser = first.sign_in().await?;
    let port = first.daemon.port;
    first.end().await?;

    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let next = run(dir.path()).await?;
    assert_ne!(next.daemon.port, port);
    // Whoever had the port may have been sent what the page sends.
    let cookie = browser
        .cookie
        .replace(&cookie_name(port), &cookie_name(next.daemon.port));
    let moved = Browser {
        cookie,
        ..browser.clone()
    };
    assert_eq!(next.asks(&moved).await?, 401);
    next.end().await?;
    drop(other);

    let back = run(dir.path()).await?;
    assert_eq!(back.asks(&browser).await?, 401);
    back.end().await
}

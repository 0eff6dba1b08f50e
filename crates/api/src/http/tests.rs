//! The port against raw requests and against the client, with a host that has no engine.

mod again;
mod events;
mod pace;
mod upload;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::*;
use crate::client::{Client, Update};
use crate::dto::{Settings, ShareRequest, StopRequest, TreeRequest, WaitRequest};
use crate::rendezvous::Rendezvous;
use crate::schema::{Join, Share, Stop, Tree, Wait};
use crate::testing::{Fake, fake};

type TestResult = Result<(), Box<dyn std::error::Error>>;

struct Running {
    host: Arc<Fake>,
    daemon: Rendezvous,
    hub: Hub,
    serving: JoinHandle<io::Result<()>>,
}

async fn serve() -> io::Result<Running> {
    serve_with(Server::bind().await?, Hub::default())
}

fn serve_with(server: Server, hub: Hub) -> io::Result<Running> {
    let page: &[(&str, &[u8])] = &[("index.html", b"<!doctype html>")];
    let server = server
        .with_app(Some(AppFiles::Embedded(page)))
        .with_events(hub.clone());
    let (host, router) = fake();
    let settings = Settings {
        bind: None,
        relay: None,
        discovery: false,
    };
    let daemon = Rendezvous {
        pid: 1,
        port: server.port(),
        token: server.token().clone(),
        version: "0".into(),
        settings,
    };
    let serving = tokio::spawn(server.serve(router, host.closing.clone()));
    Ok(Running {
        host,
        daemon,
        hub,
        serving,
    })
}

/// What a browser has that was let in.
#[derive(Debug, Clone)]
struct Browser {
    /// The `Cookie` header's value.
    cookie: String,
    key: String,
}

impl Running {
    /// Lets a browser in.
    async fn sign_in(&self) -> Result<Browser, Box<dyn std::error::Error>> {
        let url = Client::new(&self.daemon).browser_address().await?;
        let code = url.rsplit_once("#code=").ok_or("no code")?.1;
        let body = format!(r#"{{"code":"{code}"}}"#);
        let mine = [self.host_line(), self.origin_line()];
        let (status, answer) = self.raw("POST", "/session", &mine, &body).await?;
        assert_eq!(status, 200, "{answer}");
        let after = |before: &str, end: char| {
            let rest = answer.split_once(before)?.1;
            Some(rest.split(end).next()?.to_owned())
        };
        Ok(Browser {
            cookie: after("et-cookie: ", ';').ok_or("no cookie")?,
            key: after(r#""key":""#, '"').ok_or("no key")?,
        })
    }

    fn origin_line(&self) -> String {
        format!("Origin: http://127.0.0.1:{}", self.daemon.port)
    }

    /// Status of a command that this browser gives.
    async fn asks(&self, browser: &Browser) -> io::Result<u16> {
        let lines = [
            self.host_line(),
            self.origin_line(),
            format!("Cookie: {}", browser.cookie),
            format!("X-PeerDrive-Key: {}", browser.key),
        ];
        Ok(self.raw("POST", "/rpc/status", &lines, "{}").await?.0)
    }

    /// Sends these header lines and this body; yields status and body.
    async fn raw(
        &self,
        method: &str,
        path: &str,
        headers: &[String],
        body: &str,
    ) -> io::Result<(u16, String)> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.daemon.port)).await?;
        let head = headers
            .iter()
            .fold(format!("{method} {path} HTTP/1.1\r\n"), |head, line| {
                head + line + "\r\n"
            });
        let length = body.len();
        let text = format!("{head}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}");
        stream.write_all(text.as_bytes()).await?;
        let mut answer = Vec::new();
        // The server may close while an oversized body is still being sent.
        stream.read_to_end(&mut answer).await.ok();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.get(9..12).and_then(|s| s.parse().ok()).unwrap_or(0);
        Ok((status, answer))
    }

    fn host_line(&self) -> String {
        format!("Host: 127.0.0.1:{}", self.daemon.port)
    }

    fn token_line(&self) -> String {
        format!("Authorization: Bearer {}", self.daemon.token.expose())
    }
}

#[tokio::test]
async fn the_right_request_is_answered() -> TestResult {
    let it = serve().await?;
    let headers = [it.host_line(), it.token_line()];
    let (status, answer) = it.raw("POST", "/rpc/status", &headers, "").await?;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains(r#"{"ok":{"drives":[]}}"#), "{answer}");
    assert!(answer.to_lowercase().contains("cache-control: no-store"));
    assert!(!answer.to_lowercase().contains("access-control"));
    let own = format!("Origin: http://127.0.0.1:{}", it.daemon.port);
    assert_eq!(
        it.raw(
            "POST",
            "/rpc/status",
            &[it.host_line(), it.token_line(), own],
            ""
        )
        .await?
        .0,
        200
    );
    Ok(())
}

#[tokio::test]
async fn attack_w1_every_wrong_host_origin_and_token_is_refused() -> TestResult {
    let it = serve().await?;
    let port = it.daemon.port;
    let (host, token) = (it.host_line(), it.token_line());
    let secret = it.daemon.token.expose().to_owned();
    let cases: Vec<(u16, Vec<String>)> = vec![
        (421, vec![format!("Host: localhost:{port}"), token.clone()]),
        (421, vec!["Host: 127.0.0.1".into(), token.clone()]),
        (
            421,
            vec![format!("Host: evil.example:{port}"), token.clone()],
        ),
        (
            421,
            vec![
                format!("Host: 127.0.0.1:{port}.evil.example"),
                token.clone(),
            ],
        ),
        (
            421,
            vec![format!("Host: 127.0.0.1:{}", port ^ 1), token.clone()],
        ),
        (
            421,
            vec![host.clone(), "Host: evil.example".into(), token.clone()],
        ),
        (
            403,
            vec![host.clone(), token.clone(), "Origin: null".into()],
        ),
        (
            403,
            vec![
                host.clone(),
                token.clone(),
                "Origin: https://evil.example".into(),
            ],
        ),
        (
            403,
            vec![
                host.clone(),
                token.clone(),
                format!("Origin: https://127.0.0.1:{port}"),
            ],
        ),
        (
            403,
            vec![
                host.clone(),
                token.clone(),
                format!("Origin: http://127.0.0.1:{port}0"),
            ],
        ),
        (
            403,
            vec![
                host.clone(),
                token.clone(),
                format!("Origin: http://localhost:{port}"),
            ],
        ),
        (401, vec![host.clone()]),
        (401, vec![host.clone(), "Authorization: Bearer ".into()]),
        (
            401,
            vec![
                host.clone(),
                format!("Authorization: Bearer {}", &secret[..63]),
            ],
        ),
        (
            401,
            vec![host.clone(), format!("Authorization: Bearer {secret}0")],
        ),
        (
            401,
            vec![
                host.clone(),
                format!("Authorization: Bearer {}", secret.to_uppercase() + "g"),
            ],
        ),
        (
            401,
            vec![host.clone(), format!("Authorization: Basic {secret}")],
        ),
        (401, vec![host.clone(), token.clone(), token.clone()]),
        (401, vec![host.clone(), format!("Cookie: token={secret}")]),
    ];
    for (expected, headers) in cases {
        for path in ["/rpc/status", "/rpc/nothing", "/"] {
            let (status, answer) = it.raw("POST", path, &headers, "{}").await?;
            assert_eq!(status, expected, "{headers:?}: {answer}");
            assert!(answer.contains(r#"{"error":{"code":"#), "{answer}");
            assert!(!answer.contains(&secret));
        }
    }
    Ok(())
}

#[tokio::test]
async fn only_posts_to_commands_are_answered() -> TestResult {
    let it = serve().await?;
    let headers = [it.host_line(), it.token_line()];
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        let (status, answer) = it.raw(method, "/rpc/status", &headers, "").await?;
        assert_eq!(status, 405, "{answer}");
        assert!(!answer.to_lowercase().contains("access-control"));
    }
    for path in [
        "/",
        "/rpc",
        "/rpc/",
        "/rpc/nothing",
        "/rpc/status/more",
        "/rpc/..%2fstatus",
    ] {
        let (status, answer) = it.raw("POST", path, &headers, "{}").await?;
        assert_eq!(status, 404, "{path}: {answer}");
        assert!(answer.contains("unknown_command"));
    }
    Ok(())
}

#[tokio::test]
async fn a_request_is_at_most_64_kib() -> TestResult {
    let it = serve().await?;
    let headers = [it.host_line(), it.token_line()];
    let body = format!("{{}}{}", " ".repeat(MAX_BODY - 2));
    assert_eq!(
        it.raw("POST", "/rpc/status", &headers, &(body.clone() + " "))
            .await?
            .0,
        413
    );
    let (status, answer) = it.raw("POST", "/rpc/stop", &headers, &body).await?;
    assert_eq!(status, 200, "{answer}");
    Ok(())
}

#[tokio::test]
async fn the_client_reads_progress_items_reply_and_error() -> TestResult {
    let it = serve().await?;
    let client = Client::new(&it.daemon);

    let share = ShareRequest {
        path: "/p".into(),
        name: Some("N".into()),
        wait: true,
    };
    let mut answer = client.start::<Share>(&share).await?;
    let mut reports = 0;
    let drive = loop {
        match answer.next().await? {
            Update::Progress(_) => reports += 1,
            Update::Item(none) => match none {},
            Update::Done(drive) => break drive,
        }
    };
    assert!(reports > 0);
    assert_eq!(drive.name, "N");

    let mut answer = client
        .start::<Tree>(&TreeRequest {
            drive: "d".into(),
            path: Some("50000".into()),
        })
        .await?;
    let mut paths = Vec::new();
    while let Update::Item(line) = answer.next().await? {
        paths.push(line.path);
    }
    assert_eq!(paths.len(), 50_000);
    assert_eq!(paths[49_999], "f49999");

    let join = crate::dto::JoinRequest {
        own_device: false,
        ticket: crate::dto::TicketText("x".into()),
        place: crate::dto::Place::Mount("/m".into()),
        wait: true,
    };
    let error = client.call::<Join>(&join).await.err().ok_or("joined")?;
    assert_eq!(
        error,
        ApiError::new(Code::BadTicket, "this is not a ticket").hint("copy all of it")
    );
    Ok(())
}

#[tokio::test]
async fn stop_is_answered_before_the_port_closes_and_ends_what_waits() -> TestResult {
    let it = serve().await?;
    let client = Client::new(&it.daemon);
    let waiting = tokio::spawn({
        let client = client.clone();
        async move {
            client
                .call::<Wait>(&WaitRequest {
                    drive: "d".into(),
                    timeout: None,
                })
                .await
        }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(
        client.call::<Stop>(&StopRequest {}).await?.pid,
        std::process::id()
    );
    let error = waiting.await?.err().ok_or("the wait succeeded")?;
    assert_eq!(error.code, Code::DaemonUnavailable);
    it.serving.await??;
    assert!(it.host.closing.is_cancelled());
    let error = client
        .call::<Stop>(&StopRequest {})
        .await
        .err()
        .ok_or("nobody was there, yet it answered")?;
    assert_eq!(error.code.exit().code(), 5);
    Ok(())
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error_not_an_end() -> TestResult {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let settings = Settings {
        bind: None,
        relay: None,
        discovery: false,
    };
    let daemon = Rendezvous {
        pid: 1,
        port: listener.local_addr()?.port(),
        token: Token::random()?,
        version: "0".into(),
        settings,
    };
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"item\":{\"id\":\"n\",\"path\":\"a\",\"kind\":\"file\",\"size\":1,\"mode\":0,\"hash\":null}}\n{\"ok\":";
            let mut request = [0; 4096];
            let _sent = stream.read(&mut request).await;
            stream.write_all(head.as_bytes()).await.ok();
        }
    });
    let mut answer = Client::new(&daemon)
        .start::<Tree>(&TreeRequest {
            drive: "d".into(),
            path: None,
        })
        .await?;
    assert!(matches!(answer.next().await?, Update::Item(_)));
    let error = answer
        .next()
        .await
        .err()
        .ok_or("took half an answer for a whole one")?;
    assert_eq!(error.code, Code::DaemonUnavailable);
    Ok(())
}

#[tokio::test]
async fn attack_w1_a_browser_is_let_in_by_a_code_and_needs_cookie_and_key() -> TestResult {
    let it = serve().await?;
    let (host, origin) = (
        it.host_line(),
        format!("Origin: http://127.0.0.1:{}", it.daemon.port),
    );
    let url = Client::new(&it.daemon).browser_address().await?;
    let code = url.rsplit_once("#code=").ok_or("no code")?.1.to_owned();
    let body = format!(r#"{{"code":"{code}"}}"#);

    // A page elsewhere, and a request that does not say where it is from, are not let in.
    let (status, _) = it
        .raw("POST", "/session", std::slice::from_ref(&host), &body)
        .await?;
    assert_eq!(status, 401);
    let foreign = "Origin: http://127.0.0.1:1".to_owned();
    let (status, _) = it
        .raw("POST", "/session", &[host.clone(), foreign], &body)
        .await?;
    assert_eq!(status, 403);
    let mine = [host.clone(), origin.clone()];
    let (status, _) = it.raw("POST", "/session", &mine, r#"{"code":"0"}"#).await?;
    assert_eq!(status, 401);

    let (status, answer) = it.raw("POST", "/session", &mine, &body).await?;
    assert_eq!(status, 200, "{answer}");
    let lower = answer.to_lowercase();
    assert!(lower.contains("httponly; samesite=strict"), "{answer}");
    let cookie = answer
        .split("et-cookie: ")
        .nth(1)
        .and_then(|rest| rest.split(';').next());
    let cookie = format!("Cookie: other=1; {}", cookie.ok_or("no cookie")?);
    let key = answer
        .split(r#""key":""#)
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let key = format!("X-PeerDrive-Key: {}", key.ok_or("no key")?);
    let (status, _) = it.raw("POST", "/session", &mine, &body).await?;
    assert_eq!(status, 401, "a code is good once");

    let ask = async |lines: Vec<String>| it.raw("POST", "/rpc/status", &lines, "{}").await;
    let all = vec![host.clone(), origin.clone(), cookie.clone(), key.clone()];
    assert_eq!(ask(all.clone()).await?.0, 200);
    for missing in 1..4 {
        let mut lines = all.clone();
        lines.remove(missing);
        assert_eq!(ask(lines).await?.0, 401, "without {}", all[missing]);
    }
    let mut twice = all.clone();
    twice.push(cookie.clone());
    assert_eq!(ask(twice).await?.0, 401);
    // Only whoever can read the data directory lets others in.
    let (status, _) = it.raw("POST", "/session/code", &all, "{}").await?;
    assert_eq!(status, 401);
    Ok(())
}

#[tokio::test]
async fn attack_w1_the_app_is_served_under_a_strict_policy_to_its_own_host_only() -> TestResult {
    let it = serve().await?;
    let (status, answer) = it.raw("GET", "/", &[it.host_line()], "").await?;
    assert_eq!(status, 200, "{answer}");
    assert!(
        answer.contains("default-src 'none'; script-src 'self'"),
        "{answer}"
    );
    assert!(answer.contains("frame-ancestors 'none'"), "{answer}");
    assert!(!answer.contains("unsafe"), "{answer}");
    let evil = format!("Host: evil.example:{}", it.daemon.port);
    assert_eq!(it.raw("GET", "/", &[evil], "").await?.0, 421);
    for path in ["/rpc", "/rpc/status", "/events", "/upload", "/session"] {
        let (status, _) = it.raw("GET", path, &[it.host_line()], "").await?;
        assert_eq!(status, 401, "{path}");
    }
    Ok(())
}

//! The event stream: who may follow it, and what the slow, the late and the talkative get.

use futures_util::StreamExt as _;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use super::*;
use crate::dto::{Event, Frame};
use crate::events::Cursor;

type Socket = WebSocketStream<TcpStream>;

/// Long enough for a busy machine, for what should take no time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens the stream with exactly these headers beside those of the handshake; the status if refused.
async fn open(
    port: u16,
    host: &str,
    headers: &[(&'static str, String)],
) -> Result<Result<Socket, u16>, Box<dyn std::error::Error>> {
    let mut request = format!("ws://{host}/events").into_client_request()?;
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse()?);
    }
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((socket, answer)) => {
            let chosen = answer.headers().get("sec-websocket-protocol");
            assert_eq!(chosen.and_then(|v| v.to_str().ok()), Some("peerdrive.v1"));
            Ok(Ok(socket))
        }
        Err(SocketError::Http(answer)) => Ok(Err(answer.status().as_u16())),
        Err(error) => Err(error.into()),
    }
}

async fn next(socket: &mut Socket) -> Result<Frame, Box<dyn std::error::Error>> {
    match tokio::time::timeout(PATIENCE, socket.next()).await? {
        Some(Ok(Message::Text(text))) => Ok(serde_json::from_str(&text)?),
        other => Err(format!("{other:?}").into()),
    }
}

/// Whether the connection ends, whatever still comes before that.
async fn ends(socket: &mut Socket) -> bool {
    let end = async {
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, end).await.is_ok()
}

impl Running {
    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.daemon.port)
    }

    /// As a program with the token.
    async fn socket(&self) -> Result<Socket, Box<dyn std::error::Error>> {
        let headers = [
            (
                "authorization",
                format!("Bearer {}", self.daemon.token.expose()),
            ),
            ("sec-websocket-protocol", "peerdrive.v1".to_owned()),
        ];
        let opened = open(self.daemon.port, &self.host(), &headers).await?;
        opened.map_err(|status| format!("refused: {status}").into())
    }
}

#[tokio::test]
async fn every_wrong_host_origin_cookie_and_key_is_refused_here_too() -> TestResult {
    let it = serve().await?;
    let port = it.daemon.port;
    let (one, other) = (it.sign_in().await?, it.sign_in().await?);
    let own = format!("http://{}", it.host());
    let origin = |origin: &str| ("origin", origin.to_owned());
    let cookie = |browser: &Browser| ("cookie", browser.cookie.clone());
    let offer = |words: String| ("sec-websocket-protocol", words);
    let key = |browser: &Browser| offer(format!("peerdrive.v1, key.{}", browser.key));
    let token = (
        "authorization",
        format!("Bearer {}", it.daemon.token.expose()),
    );
    let wrong = ("authorization", format!("Bearer {}", "0".repeat(64)));

    let good = [origin(&own), cookie(&one), key(&one)];
    let mut socket = open(port, &it.host(), &good)
        .await?
        .map_err(|s| s.to_string())?;
    let hello = next(&mut socket).await?;
    assert!(
        matches!(
            hello,
            Frame::Hello {
                seq: 0,
                resumed: false,
                ..
            }
        ),
        "{hello:?}"
    );

    for host in [
        format!("localhost:{port}"),
        format!("evil.example:{port}"),
        "127.0.0.1".into(),
    ] {
        let status = open(port, &host, &good).await?.err();
        assert_eq!(status, Some(421), "{host}");
    }
    let cases = [
        (
            403,
            vec![origin("https://evil.example"), cookie(&one), key(&one)],
        ),
        (403, vec![origin("null"), cookie(&one), key(&one)]),
        (
            403,
            vec![
                origin(&own.replace("http", "https")),
                cookie(&one),
                key(&one),
            ],
        ),
        // A page may not even follow with the token.
        (
            403,
            vec![
                origin("https://evil.example"),
                token.clone(),
                offer("peerdrive.v1".into()),
            ],
        ),
        (401, vec![cookie(&one), key(&one)]),
        (401, vec![origin(&own), key(&one)]),
        (
            401,
            vec![origin(&own), cookie(&one), cookie(&one), key(&one)],
        ),
        (401, vec![origin(&own), cookie(&one)]),
        (
            401,
            vec![origin(&own), cookie(&one), offer("peerdrive.v1".into())],
        ),
        (
            401,
            vec![
                origin(&own),
                cookie(&one),
                offer("peerdrive.v1, key.".into()),
            ],
        ),
        (401, vec![origin(&own), cookie(&one), key(&other)]),
        (401, vec![origin(&own), cookie(&other), key(&one)]),
        (401, vec![wrong, offer("peerdrive.v1".into())]),
        // Let in, but not speaking the same.
        (
            400,
            vec![
                origin(&own),
                cookie(&one),
                offer(format!("key.{}", one.key)),
            ],
        ),
        (400, vec![token.clone()]),
        (400, vec![token, offer("peerdrive.v2".into())]),
    ];
    for (expected, headers) in cases {
        let status = open(port, &it.host(), &headers).await?.err();
        assert_eq!(status, Some(expected), "{headers:?}");
    }
    let plain = [it.host_line(), it.token_line()];
    assert_eq!(it.raw("GET", "/events", &plain, "").await?.0, 400);
    assert_eq!(it.raw("POST", "/events", &plain, "").await?.0, 405);
    Ok(())
}

#[tokio::test]
async fn the_client_goes_on_where_it_was_and_hears_when_it_cannot() -> TestResult {
    let it = serve_with(Server::bind().await?, Hub::with_room(3))?;
    let client = Client::new(&it.daemon);
    let mut events = client.events(None).await?;
    let Frame::Hello {
        stream,
        seq: 0,
        resumed: false,
    } = events.next().await?
    else {
        return Err("no hello".into());
    };
    it.hub.tell(Event::Drives);
    let drives = |seq| Frame::Event {
        seq,
        event: Event::Drives,
    };
    assert_eq!(events.next().await?, drives(1));
    drop(events);
    for _ in 0..3 {
        it.hub.tell(Event::Drives);
    }
    let hello = |seq, resumed| Frame::Hello {
        stream: stream.clone(),
        seq,
        resumed,
    };
    let seen = |seq| Cursor {
        stream: stream.clone(),
        seq,
    };
    let mut events = client.events(Some(&seen(1))).await?;
    assert_eq!(events.next().await?, hello(1, true));
    for seq in 2..=4 {
        assert_eq!(events.next().await?, drives(seq));
    }
    // Too far behind, ahead of everything, of another run, of none.
    let of = |stream: &str| Cursor {
        stream: stream.into(),
        seq: 3,
    };
    for cursor in [seen(0), seen(5), of("0123456789abcdef"), of("x&since=4#?")] {
        let mut events = client.events(Some(&cursor)).await?;
        assert_eq!(events.next().await?, hello(4, false), "{cursor:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_is_told_that_it_lost_events_and_costs_no_memory() -> TestResult {
    let it = serve_with(Server::bind().await?, Hub::with_room(64))?;
    let mut socket = it.socket().await?;
    let large = || Event::Reloaded {
        drive: "d".repeat(10_000),
    };
    // Thirty million bytes: more than any socket takes in.
    for round in 0..3_000 {
        it.hub.tell(large());
        if round % 16 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    assert!(matches!(next(&mut socket).await?, Frame::Hello { .. }));
    let mut last = 0;
    let mut gaps = 0;
    while last < 3_000 {
        match next(&mut socket).await? {
            Frame::Event { seq, .. } => {
                assert_eq!(seq, last + 1, "a gap that nobody told of");
                last = seq;
            }
            Frame::Behind { seq } => {
                assert!(seq > last);
                last = seq;
                gaps += 1;
            }
            other => return Err(format!("{other:?}").into()),
        }
    }
    assert!(gaps > 0);
    it.hub.tell(Event::Drives);
    assert!(matches!(
        next(&mut socket).await?,
        Frame::Event { seq: 3_001, .. }
    ));
    Ok(())
}

#[tokio::test]
async fn the_stream_ends_when_the_daemon_does_whether_anybody_reads_or_not() -> TestResult {
    let it = serve().await?;
    let mut reads = it.socket().await?;
    assert!(matches!(next(&mut reads).await?, Frame::Hello { .. }));
    let deaf = it.socket().await?;
    for _ in 0..3_000 {
        it.hub.tell(Event::Reloaded {
            drive: "d".repeat(10_000),
        });
        tokio::task::yield_now().await;
    }
    let begun = Instant::now();
    it.host.closing.cancel();
    assert!(ends(&mut reads).await);
    it.serving.await??;
    assert!(
        begun.elapsed() < LAST_ANSWERS,
        "waited for somebody who does not read"
    );
    drop(deaf);
    Ok(())
}

#[tokio::test]
async fn nobody_is_listened_to() -> TestResult {
    use futures_util::SinkExt as _;
    let it = serve().await?;
    let mut socket = it.socket().await?;
    next(&mut socket).await?;
    for _ in 0..10 {
        socket.send(Message::text("{}")).await?;
    }
    it.hub.tell(Event::Drives);
    assert!(matches!(
        next(&mut socket).await?,
        Frame::Event { seq: 1, .. }
    ));
    for _ in 0..100 {
        socket.send(Message::text("{}")).await.ok();
    }
    assert!(ends(&mut socket).await, "it talks without end");

    let mut socket = it.socket().await?;
    next(&mut socket).await?;
    socket.send(Message::text("x".repeat(100_000))).await.ok();
    assert!(ends(&mut socket).await, "it says too much");
    Ok(())
}

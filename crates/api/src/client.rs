//! The other end of [`http`](crate::http): gives a command to a running daemon and reads its answer, and
//! follows what happens there. It does not know how a daemon is started.

mod events;

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::error::{ApiError, Code};
use crate::http::Token;
use crate::rendezvous::Rendezvous;
use crate::reply::Line;
use crate::schema::Call;

pub use events::Events;

/// Longest line that is read: far above any real one, so that a mistaken server cannot fill memory.
const MAX_LINE: usize = 16 * 1024 * 1024;

/// How long a daemon may take to answer that it is there.
const HEARD_WITHIN: Duration = Duration::from_secs(5);

/// A way to one daemon.
#[derive(Debug, Clone)]
pub struct Client {
    port: u16,
    token: Token,
}

/// What an answer yields on the way.
#[derive(Debug)]
pub enum Update<C: Call> {
    /// How far the command has come.
    Progress(crate::dto::Progress),
    /// One of the things it streams.
    Item(C::Item),
    /// It is done; the answer ends here.
    Done(C::Reply),
}

/// A command that is known by name alone: see [`Client::pass`].
#[derive(Debug, Clone, Copy)]
pub struct Untyped;

impl Call for Untyped {
    const NAME: &'static str = "";
    type Request = serde_json::Value;
    type Item = serde_json::Value;
    type Reply = serde_json::Value;
}

impl Client {
    /// A way to the daemon that said this of itself. Nothing is sent yet.
    pub fn new(daemon: &Rendezvous) -> Self {
        Self {
            port: daemon.port,
            token: daemon.token.clone(),
        }
    }

    /// Whether the daemon answers. One that is about to end, or was killed a moment ago, may still hold
    /// its data directory, and its port may even take connections; but it says nothing any more.
    pub async fn is_heard(&self) -> bool {
        // No command has the empty name, so that nothing is begun by this.
        let answer = tokio::time::timeout(HEARD_WITHIN, self.post("", Vec::new()));
        matches!(answer.await, Ok(Ok(_)))
    }

    /// Gives a command.
    pub async fn start<C: Call>(&self, request: &C::Request) -> Result<Answer<C>, ApiError> {
        let body = serde_json::to_vec(request).map_err(|e| {
            ApiError::new(
                Code::BadRequest,
                format!("the request cannot be written as JSON: {e}"),
            )
        })?;
        let body = self.post(C::NAME, body).await.map_err(lost)?;
        Ok(Answer::of(body))
    }

    /// Gives a command and waits for its end; what it streams is dropped.
    pub async fn call<C: Call>(&self, request: &C::Request) -> Result<C::Reply, ApiError> {
        let mut answer = self.start::<C>(request).await?;
        loop {
            if let Update::Done(reply) = answer.next().await? {
                return Ok(reply);
            }
        }
    }

    /// Gives a command that is known by name alone, with a request in JSON as it is: for a window that
    /// has its own types of them.
    pub async fn pass(
        &self,
        command: &str,
        request: &serde_json::Value,
    ) -> Result<Answer<Untyped>, ApiError> {
        // A name is a part of a path: what is none must not become another path.
        let plain = |c: char| c.is_ascii_lowercase() || c == '_';
        if command.is_empty() || !command.chars().all(plain) {
            let error = ApiError::new(
                Code::UnknownCommand,
                "the daemon does not know this command",
            );
            return Err(error);
        }
        let body = request.to_string().into_bytes();
        let body = self.post(command, body).await.map_err(lost)?;
        Ok(Answer::of(body))
    }

    /// An address that lets one browser in, once, within two minutes.
    pub async fn browser_address(&self) -> Result<String, ApiError> {
        #[derive(serde::Deserialize)]
        struct Made {
            code: String,
        }
        let body = self.post_to("/session/code", Vec::new()).await;
        let body = body.map_err(lost)?.collect().await;
        let body = body.map_err(|e| lost(e.into()))?.to_bytes();
        match serde_json::from_slice(&body).map_err(|e| lost(e.into()))? {
            Line::<(), Made>::Ok(Made { code }) => {
                Ok(format!("http://127.0.0.1:{}/#code={code}", self.port))
            }
            Line::Error(error) => Err(error),
            Line::Progress(_) | Line::Item(()) => Err(lost("the answer has no end".into())),
        }
    }

    async fn post(
        &self,
        command: &str,
        body: Vec<u8>,
    ) -> Result<Incoming, Box<dyn std::error::Error + Send + Sync>> {
        self.post_to(&format!("/rpc/{command}"), body).await
    }

    async fn post_to(
        &self,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Incoming, Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // Ends with the last of the answer, or when the answer is dropped.
        tokio::spawn(connection);
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::HOST, format!("127.0.0.1:{}", self.port))
            .header(
                header::AUTHORIZATION,
                format!("Bearer {}", self.token.expose()),
            )
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))?;
        Ok(sender.send_request(request).await?.into_body())
    }
}

/// An answer that is coming in.
#[derive(Debug)]
pub struct Answer<C: Call> {
    body: Incoming,
    /// The line that has begun.
    text: Vec<u8>,
    /// Lines that are whole.
    lines: VecDeque<Bytes>,
    call: PhantomData<fn() -> C>,
}

impl<C: Call> Answer<C> {
    fn of(body: Incoming) -> Self {
        Self {
            body,
            text: Vec::new(),
            lines: VecDeque::new(),
            call: PhantomData,
        }
    }

    /// Waits for what comes next. The error is the command's own, or that the daemon went away.
    pub async fn next(&mut self) -> Result<Update<C>, ApiError> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                let line = serde_json::from_slice(&line).map_err(|e| lost(e.into()))?;
                return match line {
                    Line::Progress(progress) => Ok(Update::Progress(progress)),
                    Line::Item(item) => Ok(Update::Item(item)),
                    Line::Ok(reply) => Ok(Update::Done(reply)),
                    Line::Error(error) => Err(error),
                };
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(run) = frame.into_data() {
                        self.split(run)?;
                    }
                }
                Some(Err(error)) => return Err(lost(error.into())),
                None => return Err(lost("the answer has no end".into())),
            }
        }
    }

    /// Cuts a run of bytes into lines.
    fn split(&mut self, mut run: Bytes) -> Result<(), ApiError> {
        while let Some(end) = run.iter().position(|byte| *byte == b'\n') {
            let line = run.split_to(end + 1);
            if self.text.is_empty() {
                self.lines.push_back(line);
            } else {
                self.text.extend_from_slice(&line);
                self.lines.push_back(std::mem::take(&mut self.text).into());
            }
        }
        self.text.extend_from_slice(&run);
        if self.text.len() > MAX_LINE {
            return Err(lost("the answer has a line without end".into()));
        }
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
fn lost(error: Box<dyn std::error::Error + Send + Sync>) -> ApiError {
    ApiError::new(Code::DaemonUnavailable, format!("the daemon went away during the command ({error})"))
        .hint("what was begun goes on when the daemon runs again; why it ended is in daemon.log of the data directory")
}

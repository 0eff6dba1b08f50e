//! The event stream as a program of this machine follows it, with the token rather than as a browser.

use std::net::Ipv4Addr;
use std::time::Duration;

use futures_util::StreamExt as _;
use hyper::header::{AUTHORIZATION, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use super::{Client, HEARD_WITHIN, lost};
use crate::dto::Frame;
use crate::error::ApiError;
use crate::events::{BEAT, Cursor};
use crate::http::PROTOCOL;
use crate::reply::Line;

/// A stream that is silent for three beats is dead.
const SILENCE: Duration = Duration::from_secs(BEAT.as_secs() * 3);

/// What happens at a daemon.
#[derive(Debug)]
pub struct Events {
    socket: WebSocketStream<TcpStream>,
}

impl Client {
    /// Follows what happens from now on, or goes on after what was seen. The first frame is `hello`.
    pub async fn events(&self, after: Option<&Cursor>) -> Result<Events, ApiError> {
        let opened = tokio::time::timeout(HEARD_WITHIN, self.open(after)).await;
        let socket = opened.map_err(|late| lost(late.into()))??;
        Ok(Events { socket })
    }

    async fn open(&self, after: Option<&Cursor>) -> Result<WebSocketStream<TcpStream>, ApiError> {
        let mut address = format!("ws://127.0.0.1:{}/events", self.port);
        // What is no name of a run is of none, and begins anew.
        let plain = |c: char| c.is_ascii_alphanumeric();
        if let Some(Cursor { stream, seq }) = after
            && stream.chars().all(plain)
        {
            address = format!("{address}?stream={stream}&since={seq}");
        }
        let mut request = address.into_client_request().map_err(broken)?;
        let token = HeaderValue::from_str(&format!("Bearer {}", self.token.expose()));
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, token.map_err(|e| lost(e.into()))?);
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await;
        let stream = stream.map_err(|e| lost(e.into()))?;
        let (socket, _) = tokio_tungstenite::client_async(request, stream)
            .await
            .map_err(broken)?;
        Ok(socket)
    }
}

impl Events {
    /// Waits for the next frame. An error is the end: the daemon ended, or is not heard any more.
    pub async fn next(&mut self) -> Result<Frame, ApiError> {
        loop {
            let said = tokio::time::timeout(SILENCE, self.socket.next()).await;
            match said.map_err(|late| lost(late.into()))? {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(&text).map_err(|e| lost(e.into()));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(_)) | None => return Err(lost("the stream of events has ended".into())),
                Some(Err(error)) => return Err(broken(error)),
            }
        }
    }
}

/// What the daemon said when it refused, or that there was no answer.
fn broken(error: SocketError) -> ApiError {
    if let SocketError::Http(answer) = &error
        && let Some(body) = answer.body()
        && let Ok(Line::<(), ()>::Error(error)) = serde_json::from_slice(body)
    {
        return error;
    }
    lost(error.into())
}

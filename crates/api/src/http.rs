//! The loopback port: every command as `POST /rpc/<command>`, answered by JSON lines. It knows who may
//! ask (`guard`), not what is asked.
//!
//! Only 127.0.0.1, only with the token that lies in the data directory, only under the exact host name,
//! never from another web page, no CORS, requests of at most [`MAX_BODY`].

mod guard;
mod token;

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use token::Token;

use crate::error::{ApiError, Code};
use crate::router::Router;
use crate::schema::Commands;

/// Largest request. The longest are joins, whose tickets have some hundred bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// How long answers under way may take once the daemon is to end.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// A bound loopback port.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    port: u16,
    token: Token,
}

impl Server {
    /// Binds a free port of 127.0.0.1 and makes a new token.
    pub async fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        Ok(Self {
            listener,
            port,
            token: Token::random()?,
        })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What a request must carry as `Authorization: Bearer <token>`.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// Serves until `closing` is cancelled and the answers under way are given.
    pub async fn serve<H: Commands>(
        self,
        router: Router<H>,
        closing: CancellationToken,
    ) -> io::Result<()> {
        let guard = guard::Guard::new(self.port, self.token);
        let app = axum::Router::new()
            .route("/rpc/{command}", post(rpc::<H>))
            .fallback(unknown)
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .layer(axum::middleware::from_fn_with_state(
                std::sync::Arc::new(guard),
                guard::admit,
            ))
            .with_state(router);
        let closed = closing.clone().cancelled_owned();
        let serving = axum::serve(self.listener, app).with_graceful_shutdown(closed);
        tokio::select! {
            served = async { serving.await } => served,
            () = async { closing.cancelled().await; tokio::time::sleep(LAST_ANSWERS).await } => Ok(()),
        }
    }
}

async fn rpc<H: Commands>(
    State(router): State<Router<H>>,
    Path(command): Path<String>,
    body: Bytes,
) -> Response {
    let Some(mut runs) = router.start(&command, body) else {
        return unknown().await;
    };
    let lines = futures_util::stream::poll_fn(move |cx| {
        runs.poll_recv(cx).map(|run| run.map(Ok::<_, io::Error>))
    });
    answer(StatusCode::OK, Body::from_stream(lines))
}

/// The answer to a path that is no command.
async fn unknown() -> Response {
    refusal(
        StatusCode::NOT_FOUND,
        &ApiError::new(
            Code::UnknownCommand,
            "the daemon does not know this command",
        )
        .hint("`peerdrive` and the daemon are of two versions; `peerdrive stop` ends the daemon"),
    )
}

/// A reply without a handler: one error line.
fn refusal(status: StatusCode, error: &ApiError) -> Response {
    let line = serde_json::json!({ "error": error });
    answer(status, Body::from(format!("{line}\n")))
}

fn answer(status: StatusCode, body: Body) -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-ndjson"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
    ];
    (status, headers, body).into_response()
}

#[cfg(test)]
mod tests;

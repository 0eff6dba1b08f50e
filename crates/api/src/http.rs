//! The loopback port: every command as `POST /rpc/<command>`, answered by JSON lines; files as
//! `POST /upload`; what happens as the WebSocket `/events`; and the app that a browser gives commands
//! with. It knows who may ask (`guard`), not what is asked.
//!
//! Only 127.0.0.1, only under the exact host name, never from another web page, no CORS, requests of at
//! most [`MAX_BODY`]. Whoever can read the data directory asks with the token that lies there; a browser
//! is let in by a code that is good once (`session`), and only one of the same user (`peer`). The files of the
//! app are no secret. Port and browsers outlive the process (`kept`), so that a page that is open goes on when
//! the daemon returns.

mod app;
mod events;
mod guard;
mod kept;
mod peer;
mod session;
mod token;
mod upload;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path as InPath, Request, State};
use axum::http::{Extensions, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use app::AppFiles;
pub(crate) use events::PROTOCOL;
pub use token::Token;

use crate::clock;
use crate::error::{ApiError, Code};
use crate::events::Hub;
use crate::router::Router;
use crate::schema::Commands;
use crate::upload::Uploads;
use kept::Shelf;
use session::Sessions;

/// Largest request, uploads aside. The longest are joins, whose tickets have some hundred bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// How long answers under way may take once the daemon is to end.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// A bound loopback port.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    port: u16,
    token: Token,
    app: Option<AppFiles>,
    events: Hub,
    sessions: Sessions,
}

/// What answers need besides the commands.
#[derive(Debug)]
struct Door {
    port: u16,
    app: Option<AppFiles>,
    sessions: Arc<Sessions>,
    events: Hub,
    closing: CancellationToken,
    /// Event streams that are open.
    sockets: TaskTracker,
}

impl Server {
    /// Binds a free port of 127.0.0.1 and makes a new token. Lets nobody in who was before.
    pub async fn bind() -> io::Result<Self> {
        Self::on(listener(0).await?, None)
    }

    /// As [`Server::bind`], on the port of the last run of this data directory if that is free: then
    /// browsers that were in still are.
    pub async fn bind_again(data_dir: &Path) -> io::Result<Self> {
        let shelf = Shelf::of(data_dir);
        let listening = match shelf.read().port {
            0 => listener(0).await,
            port => match listener(port).await {
                Ok(listening) => Ok(listening),
                Err(error) => {
                    tracing::info!(%error, "the last run's port is taken: browsers sign in anew");
                    listener(0).await
                }
            },
        };
        Self::on(listening?, Some(shelf))
    }

    fn on(listener: TcpListener, shelf: Option<Shelf>) -> io::Result<Self> {
        let port = listener.local_addr()?.port();
        let sessions = shelf.map(|shelf| {
            let kept = shelf.read();
            Sessions::on(shelf, port, kept)
        });
        Ok(Self {
            listener,
            port,
            token: Token::random()?,
            app: None,
            events: Hub::default(),
            sessions: sessions.unwrap_or_default(),
        })
    }

    /// Tells what is told there to whoever listens.
    #[must_use]
    pub fn with_events(mut self, events: Hub) -> Self {
        self.events = events;
        self
    }

    /// Serves this app to browsers as well.
    #[must_use]
    pub fn with_app(mut self, app: Option<AppFiles>) -> Self {
        self.app = app;
        self
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
    pub async fn serve<H: Commands + Uploads>(
        self,
        router: Router<H>,
        closing: CancellationToken,
    ) -> io::Result<()> {
        let door = Arc::new(Door {
            port: self.port,
            app: self.app,
            sessions: Arc::new(self.sessions),
            events: self.events,
            closing: closing.clone(),
            sockets: TaskTracker::new(),
        });
        let sockets = door.sockets.clone();
        let app = app(door, self.token, router);
        let closed = closing.clone().cancelled_owned();
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        // An answer goes out in two parts: the second would wait until the first is acknowledged, for 40 ms.
        let listener = self.listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "answers to this browser may wait for each other");
            }
        });
        let serving = axum::serve(listener, app).with_graceful_shutdown(closed);
        let whole = async {
            let served = serving.await;
            sockets.close();
            sockets.wait().await;
            served
        };
        tokio::select! {
            served = whole => served,
            () = async { closing.cancelled().await; tokio::time::sleep(LAST_ANSWERS).await } => Ok(()),
        }
    }
}

async fn listener(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}

/// Everything that is answered on a port, behind its guard.
fn app<H: Commands + Uploads>(door: Arc<Door>, token: Token, router: Router<H>) -> axum::Router {
    let guard = guard::Guard::new(door.port, token, door.sessions.clone());
    axum::Router::new()
        .route("/rpc/{command}", post(rpc::<H>))
        .with_state(router.clone())
        .merge(
            axum::Router::new()
                .route("/upload", post(upload::upload::<H>))
                .with_state((router, door.clone())),
        )
        .merge(
            axum::Router::new()
                .route("/events", get(events::listen))
                .route("/session", post(log_in))
                .route("/session/code", post(make_code))
                .fallback(other)
                .with_state(door),
        )
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(axum::middleware::from_fn_with_state(
            Arc::new(guard),
            guard::admit,
        ))
}

/// The same without a listener, a browser that is in, or files of the app, for the harness.
#[cfg(feature = "testing")]
pub(crate) fn bare_app<H: Commands + Uploads>(
    port: u16,
    token: Token,
    router: Router<H>,
    closing: CancellationToken,
) -> axum::Router {
    let door = Arc::new(Door {
        port,
        app: None,
        sessions: Arc::default(),
        events: Hub::default(),
        closing,
        sockets: TaskTracker::new(),
    });
    app(door, token, router)
}

async fn rpc<H: Commands>(
    State(router): State<Router<H>>,
    InPath(command): InPath<String>,
    body: Bytes,
) -> Response {
    let Some(mut runs) = router.start(&command, body) else {
        return unknown();
    };
    let lines = futures_util::stream::poll_fn(move |cx| {
        runs.poll_recv(cx).map(|run| run.map(Ok::<_, io::Error>))
    });
    answer(StatusCode::OK, Body::from_stream(lines))
}

/// Lets a browser in that brings a code: a cookie, and the key that must come with it.
async fn log_in(State(door): State<Arc<Door>>, extensions: Extensions, body: Bytes) -> Response {
    let client = extensions.get::<ConnectInfo<SocketAddr>>();
    // Before the code is looked at: it stays good for the one whom it is for.
    if client.is_some_and(|client| peer::is_another_user(client.0, door.port)) {
        tracing::warn!("another user of this machine tried to be let in");
        let error = ApiError::new(
            Code::NotAllowed,
            "this PeerDrive is another user's of this machine",
        );
        return refusal(StatusCode::FORBIDDEN, &error);
    }
    #[derive(serde::Deserialize)]
    struct Login {
        code: String,
    }
    let login: Option<Login> = serde_json::from_slice(&body).ok();
    let offered = login.map(|login| login.code).unwrap_or_default();
    match door
        .sessions
        .exchange(&offered, Instant::now(), clock::now_ms())
    {
        Ok(Some((cookie, key))) => {
            let line = serde_json::json!({ "ok": { "key": key.expose() } });
            let mut response = answer(StatusCode::OK, Body::from(format!("{line}\n")));
            let cookie = format!(
                "{}={}; HttpOnly; SameSite=Strict; Path=/",
                cookie_name(door.port),
                cookie.expose()
            );
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            response
        }
        Ok(None) => refusal(
            StatusCode::UNAUTHORIZED,
            &ApiError::new(Code::BadToken, "this address was used before or is too old")
                .hint("`peerdrive ui` makes a new one"),
        ),
        Err(error) => no_randomness(&error),
    }
}

/// Makes a code by which a browser is let in.
async fn make_code(State(door): State<Arc<Door>>) -> Response {
    match door.sessions.code(Instant::now()) {
        Ok(code) => {
            let line = serde_json::json!({ "ok": { "code": code.expose() } });
            answer(StatusCode::OK, Body::from(format!("{line}\n")))
        }
        Err(error) => no_randomness(&error),
    }
}

fn no_randomness(error: &io::Error) -> Response {
    refusal(
        StatusCode::INTERNAL_SERVER_ERROR,
        &ApiError::new(
            Code::Io,
            format!("this system gives no random numbers: {error}"),
        ),
    )
}

/// Cookies are shared by all ports of a host, and a machine may run several daemons.
fn cookie_name(port: u16) -> String {
    format!("peerdrive_{port}")
}

/// A file of the app, or nothing that is known.
async fn other(State(door): State<Arc<Door>>, request: Request) -> Response {
    if guard::is_app(request.method(), request.uri().path()) {
        let answer = app::serve(door.app.as_ref(), request.uri().path(), door.port).await;
        return match *request.method() {
            Method::HEAD => {
                let (head, _) = answer.into_parts();
                Response::from_parts(head, Body::empty())
            }
            _ => answer,
        };
    }
    unknown()
}

/// The answer to a path that is no command.
fn unknown() -> Response {
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

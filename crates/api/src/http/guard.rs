//! Who may ask: decided from a request's headers alone, before its body is read.
//!
//! A web page can make a browser send requests to any port of this machine, and a name of its own may
//! resolve to 127.0.0.1. The exact host, the exact origin and the token each stand against one of these.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::session::Sessions;
use super::{Token, cookie_name, refusal};
use crate::clock;
use crate::error::{ApiError, Code};

/// What a request must look like.
#[derive(Debug)]
pub(super) struct Guard {
    host: String,
    origin: String,
    token: Token,
    cookie: String,
    sessions: Arc<Sessions>,
}

/// What a browser sends its key in.
const KEY: &str = "x-peerdrive-key";

/// Paths that answer questions or let in; every other one is the app's.
const ASKED: [&str; 4] = ["/rpc", "/session", "/events", "/upload"];

/// Whether this asks for a file of the app, which is no secret.
pub(super) fn is_app(method: &Method, path: &str) -> bool {
    let asked = |root: &&str| {
        let rest = path.strip_prefix(*root);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    matches!(*method, Method::GET | Method::HEAD) && !ASKED.iter().any(asked)
}

impl Guard {
    pub(super) fn new(port: u16, token: Token, sessions: Arc<Sessions>) -> Self {
        let host = format!("127.0.0.1:{port}");
        Self {
            origin: format!("http://{host}"),
            host,
            token,
            cookie: cookie_name(port),
            sessions,
        }
    }

    /// Decides. Host first, then origin, then token: a page that guesses learns nothing of the token.
    fn check(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<(), (StatusCode, ApiError)> {
        if one(headers, header::HOST) != Some(&self.host) {
            let error = ApiError::new(Code::WrongHost, "this request was meant for another host");
            return Err((StatusCode::MISDIRECTED_REQUEST, error));
        }
        if headers.contains_key(header::ORIGIN)
            && one(headers, header::ORIGIN) != Some(&self.origin)
        {
            let error = ApiError::new(
                Code::ForeignOrigin,
                "this request came from another web page",
            );
            return Err((StatusCode::FORBIDDEN, error));
        }
        let from_here = headers.contains_key(header::ORIGIN);
        // A page of this very port may ask to be let in; it must say that it is one.
        let open = is_app(method, path) || (path == "/session" && from_here);
        let token =
            one(headers, header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        let has_token = token.is_some_and(|offered| self.token.matches(offered));
        // A code is made by whoever can read the data directory, not by a browser that is in.
        let browser = from_here && path != "/session/code" && self.is_browser(headers);
        if !(open || has_token || browser) {
            let error = ApiError::new(
                Code::BadToken,
                "this request does not carry the daemon's token",
            )
            .hint("the token is in daemon.json of the data directory, for its owner alone");
            return Err((StatusCode::UNAUTHORIZED, error));
        }
        Ok(())
    }
}

impl Guard {
    /// Whether this is from a browser that was let in: cookie and key, from a page of this port.
    fn is_browser(&self, headers: &HeaderMap) -> bool {
        let cookies = one(headers, header::COOKIE).unwrap_or_default();
        let mut cookies = cookies.split(';').filter_map(|cookie| {
            let (name, value) = cookie.trim().split_once('=')?;
            (name == self.cookie).then_some(value)
        });
        let (Some(cookie), None) = (cookies.next(), cookies.next()) else {
            return false;
        };
        let key = one(headers, header::HeaderName::from_static(KEY)).or_else(|| {
            // Browsers let a page choose no other header of a WebSocket.
            let offered = one(headers, header::SEC_WEBSOCKET_PROTOCOL)?;
            offered
                .split(',')
                .find_map(|name| name.trim().strip_prefix("key."))
        });
        key.is_some_and(|key| self.sessions.admit(cookie, key, clock::now_ms()))
    }
}

/// The header's value if there is exactly one.
fn one(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// The layer before everything else.
pub(super) async fn admit(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    match guard.check(request.method(), request.uri().path(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err((status, error)) => {
            tracing::warn!(code = error.code.as_str(), "request refused at the door");
            refusal(status, &error)
        }
    }
}

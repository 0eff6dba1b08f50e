//! Who may ask: decided from a request's headers alone, before its body is read.
//!
//! A web page can make a browser send requests to any port of this machine, and a name of its own may
//! resolve to 127.0.0.1. The exact host, the exact origin and the token each stand against one of these.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::{Token, refusal};
use crate::error::{ApiError, Code};

/// What a request must look like.
#[derive(Debug)]
pub(super) struct Guard {
    host: String,
    origin: String,
    token: Token,
}

impl Guard {
    pub(super) fn new(port: u16, token: Token) -> Self {
        let host = format!("127.0.0.1:{port}");
        Self {
            origin: format!("http://{host}"),
            host,
            token,
        }
    }

    /// Decides. Host first, then origin, then token: a page that guesses learns nothing of the token.
    fn check(&self, headers: &HeaderMap) -> Result<(), (StatusCode, ApiError)> {
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
        let token =
            one(headers, header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        if !token.is_some_and(|offered| self.token.matches(offered)) {
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
    match guard.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err((status, error)) => {
            tracing::warn!(code = error.code.as_str(), "request refused at the door");
            refusal(status, &error)
        }
    }
}

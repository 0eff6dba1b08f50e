//! A file that a browser sends: the raw bytes of one request, handed on as they come. Knows no drive.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Door, answer, refusal};
use crate::dto::Made;
use crate::error::{ApiError, Code};
use crate::router::Router;
use crate::schema::Commands;
use crate::upload::{UploadRequest, Uploads};

/// Largest file that is taken in this way: far above what anybody drags into a window, far below what
/// fills every disk by mistake.
const MAX_UPLOAD: u64 = 256 << 30;

/// A sender that is silent for so long is gone.
const SILENCE: Duration = Duration::from_secs(60);

/// Pieces on their way: each has some ten thousand bytes.
const WAITING: usize = 8;

/// How much of a refused file is let pass, so that the browser hears why: it reads no answer to a
/// request that it cannot send.
const LET_PASS: u64 = 64 << 20;

/// Takes a file in: `?drive=D&folder=F&name=N`, answered by one line as a command is.
pub(super) async fn upload<H: Commands + Uploads>(
    State((router, door)): State<(Router<H>, Arc<Door>)>,
    wanted: Result<Query<UploadRequest>, QueryRejection>,
    body: Body,
) -> Response {
    let Ok(Query(request)) = wanted else {
        let error = ApiError::new(
            Code::BadRequest,
            "an upload names its drive, its folder and itself",
        );
        return refusal(StatusCode::BAD_REQUEST, &error);
    };
    let made = take(
        router.host(),
        request,
        body.into_data_stream(),
        &door.closing,
    )
    .await;
    let line = match made {
        Ok(made) => serde_json::json!({ "ok": made }),
        Err(error) => {
            tracing::info!(code = error.code.as_str(), "an upload was refused");
            serde_json::json!({ "error": error })
        }
    };
    answer(StatusCode::OK, Body::from(format!("{line}\n")))
}

async fn take<H: Uploads>(
    host: &H,
    request: UploadRequest,
    body: BodyDataStream,
    closing: &CancellationToken,
) -> Result<Made, ApiError> {
    let (pieces, mut taken) = mpsc::channel(WAITING);
    let taken = futures_util::stream::poll_fn(move |cx| taken.poll_recv(cx)).boxed();
    let both = async { tokio::join!(host.upload(request, taken), pass(body, pieces, MAX_UPLOAD)) };
    tokio::select! {
        biased;
        // Both are dropped together: half a file never looks like a whole one.
        () = closing.cancelled() => Err(ApiError::new(
            Code::DaemonUnavailable,
            "the daemon was stopped before the file was whole",
        )
        .hint("upload it again")),
        (made, passed) = both => match (made, passed) {
            (Err(_), Err(broken)) => Err(broken),
            (made, _) => made,
        },
    }
}

/// Hands the bytes on. Why they broke off, if they did: whoever takes them hears only that.
async fn pass(
    mut body: BodyDataStream,
    pieces: mpsc::Sender<io::Result<Bytes>>,
    most: u64,
) -> Result<(), ApiError> {
    let mut passed = 0;
    // From where on nobody takes any more.
    let mut refused_at = None;
    loop {
        let piece = match tokio::time::timeout(SILENCE, body.next()).await {
            Ok(None) => return Ok(()),
            Ok(Some(Ok(piece))) => Ok(piece),
            Ok(Some(Err(_))) => Err(ApiError::new(
                Code::Failed,
                "the upload broke off before the file was whole",
            )
            .hint("upload it again")),
            Err(_) => Err(
                ApiError::new(Code::TimedOut, "the upload stood still for a minute")
                    .hint("upload it again"),
            ),
        };
        let piece = piece.and_then(|piece| {
            passed += piece.len() as u64;
            match passed <= most {
                true => Ok(piece),
                false => Err(ApiError::new(
                    Code::BadRequest,
                    "this file is too large to be uploaded",
                )
                .hint("put it into the folder or mount of the drive")),
            }
        });
        let given = match piece {
            Ok(piece) => pieces.send(Ok(piece)).await,
            Err(error) => {
                pieces
                    .send(Err(io::ErrorKind::UnexpectedEof.into()))
                    .await
                    .ok();
                return Err(error);
            }
        };
        if given.is_err() && passed - *refused_at.get_or_insert(passed) > LET_PASS {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_above_the_cap_never_looks_whole() {
        let (pieces, mut taken) = mpsc::channel(WAITING);
        let body = Body::from(vec![0; 100]).into_data_stream();
        let error = pass(body, pieces, 99).await.err();
        assert_eq!(error.map(|error| error.code), Some(Code::BadRequest));
        assert!(matches!(taken.recv().await, Some(Err(_))));
        assert!(taken.recv().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_stands_still_is_given_up() {
        let (pieces, mut taken) = mpsc::channel(WAITING);
        let body = Body::from_stream(futures_util::stream::pending::<io::Result<Bytes>>());
        let error = pass(body.into_data_stream(), pieces, 99).await.err();
        assert_eq!(error.map(|error| error.code), Some(Code::TimedOut));
        assert!(matches!(taken.recv().await, Some(Err(_))));
    }
}

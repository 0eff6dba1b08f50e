//! The event stream as a WebSocket: texts out, nothing in. Knows no event.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use tokio_util::sync::CancellationToken;

use super::{Door, refusal};
use crate::error::{ApiError, Code};
use crate::events::{Cursor, Follower};

/// What both ends speak. A browser offers its key beside it, under a name that is never chosen.
pub(crate) const PROTOCOL: &str = "peerdrive.v1";

/// Nobody has anything to say here: what is larger ends the connection.
const MAX_IN: usize = 1024;

/// Messages that are let pass before whoever sends them is taken for mistaken.
const MOST_IN: usize = 64;

/// A reader that takes nothing for so long is gone, or may as well be.
const SENT_WITHIN: Duration = Duration::from_secs(30);

/// Opens the stream: `?stream=S&since=N` goes on after event N of run S.
pub(super) async fn listen(
    State(door): State<Arc<Door>>,
    RawQuery(query): RawQuery,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade.protocols([PROTOCOL]),
        Err(_) => return not_spoken(),
    };
    if upgrade.selected_protocol().is_none() {
        return not_spoken();
    }
    let after = cursor(&query.unwrap_or_default());
    let upgrade = upgrade.max_message_size(MAX_IN).max_frame_size(MAX_IN);
    let follower = door.events.follow(after.as_ref());
    let (closing, sockets) = (door.closing.clone(), door.sockets.clone());
    upgrade.on_upgrade(move |socket| sockets.track_future(feed(socket, follower, closing)))
}

fn not_spoken() -> Response {
    let error = ApiError::new(
        Code::BadRequest,
        "events are sent over a WebSocket that speaks `peerdrive.v1`",
    );
    refusal(StatusCode::BAD_REQUEST, &error)
}

/// Where the stream is to go on. What cannot be understood is nowhere: `hello` tells so.
fn cursor(query: &str) -> Option<Cursor> {
    let of = |wanted: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(name, _)| *name == wanted)
            .map(|(_, value)| value)
    };
    Some(Cursor {
        stream: of("stream")?.to_owned(),
        seq: of("since")?.parse().ok()?,
    })
}

async fn feed(mut socket: WebSocket, mut follower: Follower, closing: CancellationToken) {
    let mut heard = 0;
    loop {
        let text = tokio::select! {
            biased;
            () = closing.cancelled() => return goodbye(&mut socket).await,
            said = socket.recv() => match said {
                // Answered below this.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(Message::Text(_) | Message::Binary(_))) if heard < MOST_IN => {
                    heard += 1;
                    continue;
                }
                _ => return,
            },
            text = follower.next() => text,
        };
        let message = Message::Text(Utf8Bytes::from(&*text));
        let sent = async { tokio::time::timeout(SENT_WITHIN, socket.send(message)).await };
        tokio::select! {
            biased;
            () = closing.cancelled() => return,
            sent = sent => if !matches!(sent, Ok(Ok(()))) {
                return;
            },
        }
    }
}

/// Says that the daemon ends, to a reader that may not listen.
async fn goodbye(socket: &mut WebSocket) {
    let end = Message::Close(Some(CloseFrame {
        code: close_code::AWAY,
        reason: Utf8Bytes::from_static("the daemon ends"),
    }));
    tokio::time::timeout(Duration::from_millis(250), socket.send(end))
        .await
        .ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_to_go_on_is_whole_or_none() {
        let whole = cursor("stream=ab12&since=7");
        assert_eq!(whole.map(|c| (c.stream, c.seq)), Some(("ab12".into(), 7)));
        assert!(cursor("since=7&stream=ab12&x").is_some());
        for query in [
            "",
            "stream=a",
            "since=1",
            "stream=a&since=-1",
            "stream=a&since=x",
        ] {
            assert!(cursor(query).is_none(), "{query}");
        }
    }
}

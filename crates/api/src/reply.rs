//! The stream of JSON lines that answers a command: any number of `{"progress": ..}` and
//! `{"item": ..}`, then exactly one `{"ok": ..}` or `{"error": ..}`. Knows no command and no socket.

use std::marker::PhantomData;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::dto::Progress;
use crate::error::{ApiError, Code};

/// Items are handed on in runs of about this size: big enough that a listing of 100,000 lines is not
/// 100,000 wake-ups, small enough that a reader sees the first lines at once.
const RUN_BYTES: usize = 32 * 1024;

/// Runs that may wait for a slow reader; the handler waits too after that.
const RUNS_WAITING: usize = 4;

/// One line, as it is written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum LineOut<'a, T: Serialize> {
    Progress(&'a Progress),
    Item(&'a T),
    Ok(&'a T),
    Error(&'a ApiError),
}

/// One line, as it is read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line<Item, Reply> {
    /// How far the command has come.
    Progress(Progress),
    /// One of the things it streams.
    Item(Item),
    /// It is done. The last line.
    Ok(Reply),
    /// It failed. The last line.
    Error(ApiError),
}

/// Where the lines of one answer go.
#[derive(Debug)]
pub struct Lines {
    runs: mpsc::Sender<Bytes>,
    closing: CancellationToken,
}

impl Lines {
    /// A way for lines; `closing` asks handlers that wait to give up.
    pub(crate) fn new(closing: CancellationToken) -> (Self, mpsc::Receiver<Bytes>) {
        let (runs, receiver) = mpsc::channel(RUNS_WAITING);
        (Self { runs, closing }, receiver)
    }
}

/// What a handler says before it returns.
#[derive(Debug)]
pub struct Replies<Item> {
    lines: Lines,
    run: Vec<u8>,
    items: PhantomData<fn(Item)>,
}

impl Replies<()> {
    /// Reads a request. An empty body is the empty object.
    pub(crate) fn request<R: DeserializeOwned>(body: &[u8]) -> Result<R, ApiError> {
        let body = if body.is_empty() { b"{}" } else { body };
        // The parser's text may quote the request, and requests may hold tickets: only the place is told.
        serde_json::from_slice(body).map_err(|e| {
            ApiError::new(
                Code::BadRequest,
                format!("the request does not have the form of this command (line {}, column {})", e.line(), e.column()),
            )
            .hint("`peerdrive` and the daemon may be of two versions; `peerdrive stop` ends the daemon")
        })
    }
}

impl<Item: Serialize> Replies<Item> {
    pub(crate) fn new(lines: Lines) -> Self {
        Self {
            lines,
            run: Vec::new(),
            items: PhantomData,
        }
    }

    /// Tells how far the command has come. Skipped when the reader is slow.
    pub fn progress(&mut self, progress: &Progress) {
        if self.run.is_empty() && self.write(&LineOut::<()>::Progress(progress)).is_ok() {
            let run = std::mem::take(&mut self.run);
            // A full channel means that an earlier report has not been read yet: this one is superfluous.
            self.lines.runs.try_send(run.into()).ok();
        }
    }

    /// Streams one thing, in order; waits while the reader is slow.
    ///
    /// Fails when nobody listens any more: the handler should end then.
    pub async fn item(&mut self, item: &Item) -> Result<(), ApiError> {
        self.write(&LineOut::Item(item))?;
        if self.run.len() >= RUN_BYTES {
            self.flush().await
        } else {
            Ok(())
        }
    }

    /// Hands on at once what was streamed so far.
    pub async fn now(&mut self) -> Result<(), ApiError> {
        self.flush().await
    }

    /// Resolves when waiting has become pointless: nobody listens, or the daemon is to end.
    pub async fn closed(&self) -> ApiError {
        tokio::select! {
            () = self.lines.runs.closed() => gone(),
            () = self.lines.closing.cancelled() => ApiError::new(
                Code::DaemonUnavailable,
                "the daemon was stopped before the command was done",
            )
            .hint("give the command again: the daemon starts by itself and goes on where it was"),
        }
    }

    /// Writes the last line.
    pub(crate) async fn end<Reply: Serialize>(
        &mut self,
        command: &str,
        answer: Result<Reply, ApiError>,
    ) {
        let written = match &answer {
            Ok(reply) => self.write(&LineOut::Ok(reply)),
            Err(error) => {
                tracing::info!(command, code = error.code.as_str(), "refused");
                self.write(&LineOut::<()>::Error(error))
            }
        };
        if let Err(error) = written {
            self.write(&LineOut::<()>::Error(&error)).ok();
        }
        self.flush().await.ok();
    }

    fn write<T: Serialize>(&mut self, line: &LineOut<'_, T>) -> Result<(), ApiError> {
        let start = self.run.len();
        match serde_json::to_writer(&mut self.run, line) {
            Ok(()) => {
                self.run.push(b'\n');
                Ok(())
            }
            Err(error) => {
                // Only a path that is not UTF-8 cannot be written as JSON.
                self.run.truncate(start);
                Err(ApiError::new(
                    Code::Failed,
                    format!("the answer cannot be written as JSON: {error}"),
                ))
            }
        }
    }

    async fn flush(&mut self) -> Result<(), ApiError> {
        let run = std::mem::take(&mut self.run);
        self.lines.runs.send(run.into()).await.map_err(|_| gone())
    }
}

fn gone() -> ApiError {
    ApiError::new(
        Code::DaemonUnavailable,
        "nobody waits for the answer any more",
    )
}

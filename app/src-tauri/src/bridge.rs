//! From the page to the daemon: commands, their answers line by line, and the event stream. Knows no
//! command by name; what a page may ask is decided where everybody's requests are.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use peerdrive_api::client::{Client, Update};
use peerdrive_api::dto::Frame;
use peerdrive_api::error::{ApiError, Code};
use peerdrive_api::events::Cursor;
use peerdrive_cli::window::Opening;
use serde_json::{Value, json};
use tauri::State;
use tauri::ipc::{Channel, InvokeResponseBody, Response};
use tokio_util::sync::CancellationToken;

/// The way to the daemon of this window's data directory.
#[derive(Debug)]
pub(crate) struct Daemon {
    opening: Opening,
    // Held while one is looked for or started: once for all commands that wait.
    client: tokio::sync::Mutex<Option<Client>>,
    /// A person opened the window since a daemon was found: one that was told to end is started then.
    opened: AtomicBool,
}

impl Daemon {
    pub(crate) fn new(opening: Opening) -> Self {
        Self {
            opening,
            client: tokio::sync::Mutex::new(None),
            opened: AtomicBool::new(true),
        }
    }

    /// Somebody opened the window, for the first time or again.
    pub(crate) fn opened(&self) {
        self.opened.store(true, Ordering::Relaxed);
    }

    /// A way that worked last time, else a new one: a daemon is started if there is none, unless it was told
    /// to end under an open window.
    async fn client(&self) -> Result<Client, ApiError> {
        let mut client = self.client.lock().await;
        if let Some(client) = &*client {
            return Ok(client.clone());
        }
        let found = if self.opened.load(Ordering::Relaxed) {
            self.opening.daemon().await?
        } else {
            self.opening.daemon_again().await?
        };
        self.opened.store(false, Ordering::Relaxed);
        Ok(client.insert(found).clone())
    }

    /// The daemon did not answer there: it is looked for again.
    async fn forget(&self) {
        *self.client.lock().await = None;
    }
}

/// Event streams that the page listens to, by the name it gave each.
#[derive(Debug, Default)]
pub(crate) struct Streams(Mutex<HashMap<String, CancellationToken>>);

impl Streams {
    fn begin(&self, id: &str) -> CancellationToken {
        let token = CancellationToken::new();
        if let Some(before) = self.0.lock().insert(id.to_owned(), token.clone()) {
            before.cancel();
        }
        token
    }

    fn end(&self, id: &str) {
        if let Some(token) = self.0.lock().remove(id) {
            token.cancel();
        }
    }

    pub(crate) fn end_all(&self) {
        for (_, token) in self.0.lock().drain() {
            token.cancel();
        }
    }
}

/// Gives a command. What it streams goes to `lines` as it comes; the reply is the answer.
#[tauri::command]
pub(crate) async fn rpc(
    daemon: State<'_, Daemon>,
    command: String,
    request: Value,
    lines: Channel<InvokeResponseBody>,
) -> Result<Response, ApiError> {
    let client = daemon.client().await?;
    let answer = ask(&client, &command, &request, &lines).await;
    if let Err(error) = &answer
        && error.code == Code::DaemonUnavailable
    {
        daemon.forget().await;
    }
    answer
}

async fn ask(
    client: &Client,
    command: &str,
    request: &Value,
    lines: &Channel<InvokeResponseBody>,
) -> Result<Response, ApiError> {
    let mut answer = client.pass(command, request).await?;
    loop {
        let line = match answer.next().await? {
            Update::Done(reply) => return Ok(Response::new(reply.to_string())),
            Update::Progress(progress) => json!({ "progress": progress }),
            Update::Item(item) => json!({ "item": item }),
        };
        // A page that is gone needs no more lines; the command goes on all the same.
        lines.send(InvokeResponseBody::Json(line.to_string())).ok();
    }
}

/// The event stream: frames until it ends, or until `hush` is given its `id`.
#[tauri::command]
pub(crate) async fn events(
    daemon: State<'_, Daemon>,
    streams: State<'_, Streams>,
    id: String,
    after: Option<Cursor>,
    frames: Channel<Frame>,
) -> Result<(), ApiError> {
    let hushed = streams.begin(&id);
    let told = tokio::select! {
        () = hushed.cancelled() => Ok(()),
        told = tell(&daemon, after, &frames) => told,
    };
    streams.end(&id);
    if told.is_err() {
        daemon.forget().await;
    }
    told
}

async fn tell(
    daemon: &Daemon,
    after: Option<Cursor>,
    frames: &Channel<Frame>,
) -> Result<(), ApiError> {
    let mut stream = daemon.client().await?.events(after.as_ref()).await?;
    loop {
        let frame = stream.next().await?;
        if frames.send(frame).is_err() {
            return Ok(());
        }
    }
}

/// Ends an event stream.
#[tauri::command]
pub(crate) fn hush(streams: State<'_, Streams>, id: &str) {
    streams.end(id);
}

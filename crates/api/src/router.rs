//! Takes a command's name and its request in JSON, finds its handler and yields the answer as a stream
//! of lines. Knows no transport: the loopback port and the desktop window both stand in front of it.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::reply::Lines;
use crate::schema::{Commands, NAMES, dispatch};

/// The commands of one host. Cheap to clone.
#[derive(Debug)]
pub struct Router<H> {
    host: Arc<H>,
    closing: CancellationToken,
    running: TaskTracker,
}

impl<H> Clone for Router<H> {
    fn clone(&self) -> Self {
        Self {
            host: self.host.clone(),
            closing: self.closing.clone(),
            running: self.running.clone(),
        }
    }
}

impl<H: Commands> Router<H> {
    /// Routes to `host`. When `closing` is cancelled, handlers that wait for something give up.
    pub fn new(host: Arc<H>, closing: CancellationToken) -> Self {
        Self {
            host,
            closing,
            running: TaskTracker::new(),
        }
    }

    /// What answers.
    pub(crate) fn host(&self) -> &H {
        &self.host
    }

    /// Starts a command; the receiver yields runs of whole lines, the last one ends the answer.
    /// `None` if there is no command of this name.
    ///
    /// The command goes on when the receiver is dropped, save where it only waits or lists: half an
    /// edit would be worse than an unheard answer.
    pub fn start(&self, name: &str, body: Bytes) -> Option<mpsc::Receiver<Bytes>> {
        let name = *NAMES.iter().find(|known| **known == name)?;
        let (lines, receiver) = Lines::new(self.closing.clone());
        let host = self.host.clone();
        self.running
            .spawn(async move { dispatch(&*host, name, &body, lines).await });
        Some(receiver)
    }

    /// Resolves when every command that was started has ended. Called after `closing` is cancelled.
    pub async fn idle(&self) {
        self.running.close();
        self.running.wait().await;
    }
}

#[cfg(test)]
mod tests;

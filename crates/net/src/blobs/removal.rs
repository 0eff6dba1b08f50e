//! Removal of named blobs from a store that only offers collection of everything unnamed. It does
//! not know which blobs are worth keeping.
//!
//! iroh-blobs deletes in one place only: a collection that it starts by itself at an interval, after
//! asking a callback what to keep. Here the callback waits until somebody wants to remove something,
//! and then keeps all the rest. So a collection never starts on its own account.

use std::{collections::HashSet, sync::Arc, time::Duration};

use iroh_blobs::{
    Hash,
    store::{GcConfig, ProtectOutcome},
};
use tokio::sync::{Mutex, MutexGuard, mpsc, oneshot};

use super::BlobError;

/// The pause between two collections. The callback does the real waiting.
const PAUSE: Duration = Duration::from_millis(1);

/// How long a sweep may take. A million blobs take some ten seconds; the store stops collecting
/// for good after an error of its own and does not say so, hence a limit.
const SWEEP_LIMIT: Duration = Duration::from_secs(120);

/// A request to delete all blobs but some.
struct Sweep {
    keep: HashSet<Hash>,
    done: oneshot::Sender<()>,
}

/// The side that asks for sweeps.
#[derive(Debug)]
pub(super) struct Sweeper {
    requests: Mutex<mpsc::Sender<Sweep>>,
}

/// The side that the store calls, before each collection.
struct Collector {
    requests: mpsc::Receiver<Sweep>,
    /// Who waits for the collection that was let go last.
    waiting: Option<oneshot::Sender<()>>,
}

impl Sweeper {
    /// Makes a sweeper, and the configuration that ties it to a store.
    pub(super) fn new() -> (Self, GcConfig) {
        let (sender, requests) = mpsc::channel(1);
        let collector = Arc::new(Mutex::new(Collector {
            requests,
            waiting: None,
        }));
        let config = GcConfig {
            interval: PAUSE,
            add_protected: Some(Arc::new(move |keep| {
                let collector = Arc::clone(&collector);
                Box::pin(async move { collector.lock().await.next(keep).await })
            })),
        };
        (
            Self {
                requests: Mutex::new(sender),
            },
            config,
        )
    }

    /// Waits until no other sweep runs. Holding the turn keeps others from starting.
    pub(super) async fn turn(&self) -> Turn<'_> {
        Turn(self.requests.lock().await)
    }
}

/// The right to sweep.
pub(super) struct Turn<'a>(MutexGuard<'a, mpsc::Sender<Sweep>>);

impl Turn<'_> {
    /// Deletes every blob that is not in `keep`, and returns when that is done.
    pub(super) async fn sweep(&mut self, keep: HashSet<Hash>) -> Result<(), BlobError> {
        let (done, ended) = oneshot::channel();
        let sweep = async {
            self.0
                .send(Sweep { keep, done })
                .await
                .map_err(|_| BlobError::Closed)?;
            ended.await.map_err(|_| BlobError::Closed)
        };
        tokio::time::timeout(SWEEP_LIMIT, sweep)
            .await
            .unwrap_or(Err(BlobError::Stalled))
    }
}

impl Collector {
    /// Called when the previous collection has ended; returns to start the next.
    async fn next(&mut self, keep: &mut HashSet<Hash>) -> ProtectOutcome {
        if let Some(done) = self.waiting.take() {
            // Whoever waited may have given up.
            let _ = done.send(());
        }
        match self.requests.recv().await {
            // Nobody waits any longer, so nobody keeps new blobs apart from this sweep: let it be.
            Some(sweep) if sweep.done.is_closed() => ProtectOutcome::Abort,
            Some(sweep) => {
                keep.extend(sweep.keep);
                self.waiting = Some(sweep.done);
                ProtectOutcome::Continue
            }
            // The store is about to be shut down, which ends this task.
            None => std::future::pending().await,
        }
    }
}

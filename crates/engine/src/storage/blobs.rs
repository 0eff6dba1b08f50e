//! The blobs of one drive on a storage peer: named by its writers, fetched from whoever has them, and noted once
//! they would survive a loss of power. Knows nothing of entries.

use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use peerdrive_log::AppendError;
use peerdrive_net::{BlobError, BlobId, PeerId};
use tokio::sync::mpsc;

use super::drive::{Drive, today};
use super::kept::KeptBlobs;

/// Blobs that are fetched before what came is made durable and noted.
const FETCHED: usize = 64;

/// How long fetching those may take: whoever trickles must not keep the others waiting.
const PATIENCE: Duration = Duration::from_secs(300);

/// What was named cannot be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Store(#[from] BlobError),
}

impl Drive {
    /// Names blobs that a writer of the drive wants kept: of each whether it is here, and whether there is no
    /// room for the others. What is not here is fetched.
    pub(crate) async fn keep(
        &self,
        peer: PeerId,
        blobs: &[BlobId],
    ) -> Result<(Vec<bool>, bool), KeepError> {
        let mut here = self.kept.lock().name(blobs, today())?;
        // A note is not the blob: one that the store has lost, or found damaged, is fetched again.
        let mut lost = Vec::new();
        for (id, here) in blobs.iter().zip(&mut here).filter(|(_, here)| **here) {
            if !self.net.blobs().has(id).await? {
                *here = false;
                lost.push(*id);
            }
        }
        if !lost.is_empty() {
            self.kept.lock().strike(&lost)?;
            self.count();
        }
        // Full until something goes or the lease changes: what did not fit would be fetched in vain.
        let full = self.full.load(Ordering::Relaxed) || self.room().left == 0;
        let full = full && here.contains(&false);
        if !full {
            let mut fetching = self.fetching.lock();
            let missing = blobs.iter().zip(&here).filter(|(_, here)| !**here);
            let missing = missing.map(|(id, _)| *id);
            let missing: Vec<BlobId> = missing.filter(|id| !fetching.contains(id)).collect();
            if !missing.is_empty() && self.wanted.try_send((peer, missing.clone())).is_ok() {
                fetching.extend(missing);
            }
        }
        Ok((here, full))
    }

    /// Who may have blobs that somebody named: they, and every other device that is here.
    fn sources(&self, named_by: PeerId) -> Vec<PeerId> {
        let here = self.link.peers().into_iter().filter(|peer| peer.connected);
        let others = here.map(|peer| peer.peer).filter(|peer| *peer != named_by);
        std::iter::once(named_by).chain(others).collect()
    }

    /// Fetches blobs that somebody named, as far as there is room.
    async fn fetch(&self, peer: PeerId, ids: &[BlobId]) {
        for some in ids.chunks(FETCHED) {
            if !self.is_closed() {
                self.fetch_some(peer, some).await;
            }
            let mut fetching = self.fetching.lock();
            some.iter().for_each(|id| _ = fetching.remove(id));
            drop(fetching);
            self.count();
        }
    }

    async fn fetch_some(&self, peer: PeerId, ids: &[BlobId]) {
        let mut room = self.room().left;
        let mut come = Vec::new();
        let mut over = Vec::new();
        if room > 0 {
            let mut fetching = self.net.fetch(ids.to_vec(), self.sources(peer));
            let take = async {
                while let Some((id, fetched)) = fetching.next().await {
                    match fetched {
                        Ok(len) if len.max(KeptBlobs::LEAST) <= room => {
                            room -= len.max(KeptBlobs::LEAST);
                            come.push((id, len));
                        }
                        Ok(_) => over.push(id),
                        Err(error) => tracing::debug!(%error, %id, "a blob did not come"),
                    }
                }
            };
            if tokio::time::timeout(PATIENCE, take).await.is_err() {
                tracing::debug!(%peer, "blobs come too slowly");
            }
        }
        if room == 0 || !over.is_empty() {
            self.full.store(true, Ordering::Relaxed);
            self.budget.give_up(over);
        }
        let ids: Vec<BlobId> = come.iter().map(|(id, _)| *id).collect();
        if let Err(error) = self.note(come).await {
            tracing::error!(%error, "what came cannot be kept");
            self.budget.give_up(ids);
        }
    }

    /// Notes what has come, once it would survive a loss of power.
    async fn note(&self, come: Vec<(BlobId, u64)>) -> Result<(), KeepError> {
        let blobs = self.net.blobs();
        // Nothing is removed between the look whether a blob is here and the note that it is.
        let _here = self.budget.sweeping.read().await;
        let mut here = Vec::new();
        for (id, len) in come {
            if blobs.has(&id).await? && !self.is_closed() {
                here.push((id, len));
            }
        }
        let ids: Vec<BlobId> = here.iter().map(|(id, _)| *id).collect();
        blobs.make_durable(&ids).await?;
        Ok(self.kept.lock().add(&here, today())?)
    }
}

/// Fetches what is named, one naming after the other, until the drive ends.
pub(super) async fn pull(drive: Weak<Drive>, mut wanted: mpsc::Receiver<(PeerId, Vec<BlobId>)>) {
    while let Some((peer, ids)) = wanted.recv().await {
        let Some(drive) = drive.upgrade() else {
            return;
        };
        drive.fetch(peer, &ids).await;
    }
}

//! Brings blobs here when they are not, and hands out their sealed bytes. Does not know what is in them.

use std::{collections::HashSet, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use peerdrive_net::{BlobError, BlobId};
use tokio::{sync::mpsc, time::timeout};

use crate::failpoint;

use super::{
    Inner,
    error::{ContentError, Mismatch},
    lanes::Lane,
    source::FetchError,
};

/// How many small blobs are asked for in one request: what follows an urgent read waits for no more
/// than this, and one round trip is spread over as many.
pub(super) const MANY_SMALL: usize = 1024;
/// How many chunks are asked for in one request: some 16 MiB.
pub(super) const MANY_LARGE: usize = 16;
/// A request for so many blobs is small: the list, or the chunks, of a file of a mebibyte.
const FEW: usize = 4;
/// Requests for one file, or one folder, that are under way at once: while one is on its last chunks, which
/// leave the line idle, the next has begun.
const REQUESTS: usize = 2;
/// Questions to the local store that run at once.
const LOOKUPS: usize = 64;
/// A source that says nothing for so long counts as having ended. It has a limit of its own, this one
/// only keeps its failure from becoming ours.
const SILENCE: Duration = Duration::from_secs(300);

/// Says of each wanted blob when it is here, or that it cannot be had.
pub(super) type Arrivals = mpsc::Receiver<(BlobId, Result<(), ContentError>)>;

impl Inner {
    /// Brings blobs here, `batch` of them in one request, in about the given order. Each is reported
    /// once. Dropping the receiver ends it.
    pub(super) fn arrivals(
        self: &Arc<Self>,
        ids: Vec<BlobId>,
        batch: usize,
        lane: Lane,
    ) -> Arrivals {
        let (report, arrivals) = mpsc::channel(256);
        let store = Arc::clone(self);
        tokio::spawn(async move {
            let mut seen = HashSet::new();
            let ids: Vec<BlobId> = ids.into_iter().filter(|id| seen.insert(*id)).collect();
            let batches = stream::iter(ids.chunks(batch.max(1)).map(Ok));
            // An error means that nobody listens any more.
            let _ = batches
                .try_for_each_concurrent(REQUESTS, |ids| store.bring(ids, lane, &report))
                .await;
        });
        arrivals
    }

    async fn bring(
        &self,
        ids: &[BlobId],
        lane: Lane,
        report: &mpsc::Sender<(BlobId, Result<(), ContentError>)>,
    ) -> Result<(), mpsc::error::SendError<(BlobId, Result<(), ContentError>)>> {
        let mut missing = HashSet::new();
        let mut looked = stream::iter(ids.iter().copied())
            .map(|id| async move { (id, self.blobs.has_claimed(&id).await) })
            .buffered(LOOKUPS);
        let mut wanted = Vec::new();
        while let Some((id, has)) = looked.next().await {
            match has {
                Ok(true) => report.send((id, Ok(()))).await?,
                Ok(false) => {
                    wanted.push(id);
                    missing.insert(id);
                }
                Err(error) => report.send((id, Err(error.into()))).await?,
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        // What is soon over waits for no place: large files may have all of them for long on a slow line.
        let _place = match lane == Lane::Urgent || wanted.len() > FEW {
            true => Some(self.fetching.enter(lane).await),
            false => None,
        };
        let mut fetched = self.source.fetch(wanted);
        while !missing.is_empty() {
            let Ok(Some((id, outcome))) = timeout(SILENCE, fetched.next()).await else {
                break;
            };
            if missing.remove(&id) {
                failpoint::pass("fetch.arrived");
                report.send((id, arrived(id, outcome))).await?;
            }
        }
        for id in missing {
            report
                .send((id, Err(ContentError::Unavailable { missing: 1 })))
                .await?;
        }
        Ok(())
    }

    /// Brings all of these blobs here.
    pub(super) async fn ensure(
        self: &Arc<Self>,
        ids: Vec<BlobId>,
        batch: usize,
        lane: Lane,
    ) -> Result<(), ContentError> {
        let mut arrivals = self.arrivals(ids, batch, lane);
        let mut absent = 0;
        while let Some((_, outcome)) = arrivals.recv().await {
            match outcome {
                Ok(()) => {}
                Err(ContentError::Unavailable { missing }) => absent += missing,
                Err(error) => return Err(error),
            }
        }
        match absent {
            0 => Ok(()),
            missing => Err(ContentError::Unavailable { missing }),
        }
    }

    /// The sealed bytes of a blob, fetched if need be. `most` is the largest it may be.
    pub(super) async fn blob(
        self: &Arc<Self>,
        id: BlobId,
        most: usize,
        lane: Lane,
    ) -> Result<Bytes, ContentError> {
        if lane == Lane::Urgent {
            self.used.note(&id);
        }
        if let Some(bytes) = self.local_blob(id, most).await? {
            return Ok(bytes);
        }
        self.ensure(vec![id], 1, lane).await?;
        // Removed again at once, or damaged again at once: both are for the next attempt to mend.
        self.local_blob(id, most)
            .await?
            .ok_or(ContentError::Unavailable { missing: 1 })
    }

    /// The sealed bytes of a blob if it is here. One that is damaged on the disk is removed, so that
    /// it can be fetched anew.
    async fn local_blob(&self, id: BlobId, most: usize) -> Result<Option<Bytes>, ContentError> {
        match self.blobs.get_up_to(&id, most as u64).await {
            // Not read at all: its size is all that a hostile author got to decide.
            Err(BlobError::Longer(_)) => Err(ContentError::forged(Mismatch::Size)),
            Err(BlobError::Damaged(_)) => {
                tracing::warn!(blob = %id, "stored contents are damaged; fetching them again");
                self.blobs.remove_damaged(id).await?;
                Ok(None)
            }
            other => Ok(other?),
        }
    }
}

fn arrived(id: BlobId, outcome: Result<u64, FetchError>) -> Result<(), ContentError> {
    match outcome {
        Ok(_) => Ok(()),
        Err(FetchError::Store(error)) => Err(ContentError::Store(error)),
        Err(FetchError::Absent) => {
            tracing::debug!(blob = %id, "no connected peer has it");
            Err(ContentError::Unavailable { missing: 1 })
        }
    }
}

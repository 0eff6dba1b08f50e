//! Answers to what other devices ask about blobs: whether they are here, and bringing them back where
//! only the folder has their bytes. Decides no access: whoever asks was let in.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use peerdrive_net::{BlobId, BlobStore, Held, Holder, PeerId, Term};

use super::HoldError;
use super::ledger::Ledger;
use super::promises;
use super::remake::{can_remake, remake};
use crate::drive::handle::Shared;
use crate::gate::MemberGate;

/// Blobs that are made again, or looked up, at once.
const AT_ONCE: usize = 4;
const LOOKUPS: usize = 32;

/// See the module.
#[derive(Debug)]
pub(crate) struct Answers {
    gate: Arc<MemberGate>,
    blobs: BlobStore,
    ledger: Arc<Ledger>,
}

impl Answers {
    pub(crate) fn new(gate: Arc<MemberGate>, blobs: BlobStore, ledger: Arc<Ledger>) -> Self {
        Self {
            gate,
            blobs,
            ledger,
        }
    }
}

impl Holder for Answers {
    fn prepare(&self, ids: Vec<BlobId>) -> BoxFuture<'static, ()> {
        let (drives, blobs) = (self.gate.drives(), self.blobs.clone());
        Box::pin(async move {
            let mut made = stream::iter(ids)
                .map(|id| {
                    let (drives, blobs) = (drives.clone(), blobs.clone());
                    async move {
                        if blobs.has(&id).await.unwrap_or(true) {
                            return;
                        }
                        for drive in &drives {
                            if remake(drive, id).await {
                                return;
                            }
                        }
                    }
                })
                .buffered(AT_ONCE);
            while made.next().await.is_some() {}
        })
    }

    fn held(
        &self,
        peer: PeerId,
        ids: Vec<BlobId>,
        promise: Option<Term>,
    ) -> BoxFuture<'static, Vec<Held>> {
        let (gate, blobs, ledger) = (self.gate.clone(), self.blobs.clone(), self.ledger.clone());
        if promise.is_some() && gate.drives_of(&peer).is_empty() {
            // A storage peer lets go of nothing for having been promised something.
            return Box::pin(std::future::ready(vec![Held::No; ids.len()]));
        }
        Box::pin(async move {
            let drives = gate.drives();
            let mut held: Vec<Held> = stream::iter(ids.iter().copied())
                .map(|id| {
                    let (drives, blobs, ledger) = (drives.clone(), blobs.clone(), ledger.clone());
                    async move {
                        let stays = match promise {
                            // Before the look, so that it cannot go between the two.
                            Some(_) => ledger.promise(&id, Instant::now()),
                            None => !ledger.is_leaving(&id),
                        };
                        let here = blobs.has(&id).await.unwrap_or(false) && stays;
                        if here || drives.iter().any(|drive| can_remake(drive, &id)) {
                            Held::Kept
                        } else {
                            Held::No
                        }
                    }
                })
                .buffered(LOOKUPS)
                .collect()
                .await;
            if let Some(term) = promise {
                let kept = ids
                    .iter()
                    .zip(&held)
                    .filter(|(_, held)| **held == Held::Kept);
                let kept = kept.map(|(id, _)| *id).collect();
                if let Err(error) = note(&blobs, gate.drives_of(&peer), kept, term).await {
                    tracing::warn!(%error, "nothing can be promised to another device now");
                    held.fill(Held::No);
                }
            }
            held
        })
    }
}

/// Notes promises in the drives of whoever relies on them. The asker does not say of which drive a
/// blob is; a drive that does not know it strikes the note off in time.
///
/// Nothing is noted before it would survive a loss of power.
async fn note(
    blobs: &BlobStore,
    drives: Vec<Arc<Shared>>,
    ids: Vec<BlobId>,
    term: Term,
) -> Result<(), HoldError> {
    if ids.is_empty() {
        return Ok(());
    }
    blobs.make_durable(&ids).await?;
    let write = move || {
        drives
            .iter()
            .try_for_each(|drive| promises::promise(drive, &ids, term))
    };
    tokio::task::spawn_blocking(write)
        .await
        .map_err(|_| HoldError::Stopped)?
        .map_err(HoldError::from)
}

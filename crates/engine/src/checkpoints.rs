//! Checkpoints on their way: the snapshot of one is stored before it is signed, and fetched, opened and
//! checked before anything stands on it. Knows when one is made, not what it proves.
//!
//! One is made when somebody is invited and when they come, by the device that invites: a joiner always comes
//! to an admin's device, which knows best what has changed since the last one. So no two devices make one
//! over each other, and there is none that nobody asks for.

use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use peerdrive_crypto::body::SealedSecret;
use peerdrive_crypto::checkpoint::{
    CheckpointBody, MAX_SNAPSHOT, SNAPSHOT_PART, SnapshotAt, open_snapshot, seal_snapshot,
};
use peerdrive_crypto::content::blob_id;
use peerdrive_crypto::ids::DriveId;
use peerdrive_crypto::secret::SnapshotKey;
use peerdrive_net::{BlobError, BlobId, BlobStore, DriveLink, Net, PeerState};
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::content::{BlobSource, FetchError};
use crate::drive::checkpoint::{Known, Prepared};
use crate::drive::error::DriveError;
use crate::drive::ground::{Loaded, SnapshotError};
use crate::drive::handle::Shared;
use crate::drive::request::{OnCheckpoints, Request};
use crate::peers::DrivePeers;

/// Longest wait of a joiner for a checkpoint that is being made for it. It is told of it later then.
const MAKING_LIMIT: Duration = Duration::from_secs(5);

/// Longest wait for a snapshot, in which no entry is judged. After that they are, and nothing shows sooner.
const FETCH_LIMIT: Duration = Duration::from_secs(20);

/// What a seal adds to a part.
const SEAL: u64 = 64;

/// How often it is looked whether what was shown on a checkpoint's word can still be judged.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long nothing may come of what a checkpoint covers while somebody who holds the same entries as this
/// device is connected: those who have more may be just behind.
const OVERDUE: Duration = Duration::from_secs(30);

/// A checkpoint could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MakeError {
    #[error(transparent)]
    Drive(#[from] DriveError),
    #[error(transparent)]
    Store(#[from] BlobError),
    #[error("the document is too large, or not that of the entries")]
    Document,
}

/// A snapshot could not be had.
#[derive(Debug, thiserror::Error)]
enum TakeError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Store(#[from] BlobError),
    #[error("a part of it is missing")]
    Missing,
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error("it did not come in time")]
    Late,
}

/// A prepared checkpoint, ready to be stored and signed.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) body: CheckpointBody,
    pub(crate) parts: Vec<Bytes>,
}

pub(crate) fn make(drive: &DriveId, prepared: Prepared) -> Option<Made> {
    let accumulator = prepared.accumulator(drive)?;
    let key = SnapshotKey::generate(&mut crate::env::rng());
    let len = prepared.document.len() as u64;
    if len > MAX_SNAPSHOT {
        return None;
    }
    let parts = seal_snapshot(drive, &prepared.heads, &key, prepared.document);
    let body = CheckpointBody {
        v: 1,
        time_ms: crate::env::now_ms(),
        changes: prepared
            .frontier
            .iter()
            .map(|reached| reached.seq + 1)
            .sum(),
        frontier: prepared.frontier,
        heads: prepared.heads,
        accumulator,
        snapshot: SnapshotAt {
            blobs: parts.iter().map(|part| blob_id(part)).collect(),
            key: SealedSecret::from(&key),
            len,
        },
    };
    let parts = parts.into_iter().map(Bytes::from).collect();
    Some(Made { body, parts })
}

/// What it takes of a drive to make or take a checkpoint. It does not keep the drive's record open: a drive that
/// ends while this is at work can be opened again.
#[derive(Clone)]
struct Works {
    drive: DriveId,
    net: Net,
    link: DriveLink,
    blobs: BlobStore,
    requests: mpsc::Sender<Request>,
    alone: Arc<Mutex<()>>,
}

impl Works {
    fn of(shared: &Shared) -> Self {
        Self {
            drive: shared.id,
            net: shared.net.clone(),
            link: shared.link.clone(),
            blobs: shared.content.blobs().clone(),
            requests: shared.requests.clone(),
            alone: shared.checkpointing.clone(),
        }
    }

    async fn ask<T>(
        &self,
        ask: impl FnOnce(oneshot::Sender<Result<T, DriveError>>) -> OnCheckpoints,
    ) -> Result<T, DriveError> {
        let (reply, answer) = oneshot::channel();
        let asked = self.requests.send(Request::Checkpoints(ask(reply))).await;
        asked.map_err(|_| DriveError::Closed)?;
        answer.await.map_err(|_| DriveError::Closed)?
    }

    /// Makes a checkpoint of the present if there is need of one and it is this device's to make.
    async fn make(self) -> Result<(), MakeError> {
        let _alone = self.alone.lock().await;
        let prepared = self.ask(|reply| OnCheckpoints::Prepare { reply }).await?;
        let Some(prepared) = prepared else {
            return Ok(());
        };
        let (drive, deps) = (self.drive, prepared.deps.clone());
        let made = tokio::task::spawn_blocking(move || make(&drive, *prepared)).await;
        let made = made.ok().flatten().ok_or(MakeError::Document)?;
        // From before they are stored until the entry that names them is here.
        let _writing = self.blobs.writing();
        self.blobs.put_many(made.parts).await?;
        self.blobs.sync().await?;
        let body = Box::new(made.body);
        self.ask(|reply| OnCheckpoints::Publish { body, deps, reply })
            .await?;
        Ok(())
    }

    /// Fetches the snapshot of a checkpoint, and looks that it is what that says.
    async fn take(&self, known: &Known) -> Result<Loaded, TakeError> {
        let _alone = self.alone.lock().await;
        let begun = Instant::now();
        let blobs = known.body.snapshot.blobs.iter();
        let ids: Vec<BlobId> = blobs.map(|id| BlobId(id.0)).collect();
        let peers = DrivePeers::new(self.net.clone(), self.link.clone());
        let mut fetching = peers.fetch(ids.clone());
        while let Some((_, fetched)) = fetching.next().await {
            if fetched? > SNAPSHOT_PART as u64 + SEAL {
                return Err(TakeError::Missing);
            }
        }
        let mut parts = Vec::new();
        for id in &ids {
            parts.push(self.blobs.get(id).await?.ok_or(TakeError::Missing)?);
        }
        tracing::debug!(took = ?begun.elapsed(), "the parts of a snapshot are here");
        let document = open_snapshot(&self.drive, &known.body, &parts);
        let document = Bytes::from(document.map_err(SnapshotError::from)?);
        drop(parts);
        let (drive, body, read) = (self.drive, known.body.clone(), document.clone());
        let loading = tokio::task::spawn_blocking(move || Loaded::read(&drive, &body, &read));
        // Writing it down takes a while too.
        let entry = Box::new(known.entry.clone());
        let keep = Request::Checkpoints(OnCheckpoints::Keep { entry, document });
        let _ = self.requests.send(keep).await;
        Ok(loading.await.map_err(|_| TakeError::Missing)??)
    }
}

/// Somebody is about to join: makes a checkpoint for them. What is returned ends when it is there, or when it
/// has taken so long that they should not be kept waiting.
pub(crate) fn expect_joiner(shared: &Shared) -> impl Future<Output = ()> + Send + 'static {
    let works = Works::of(shared);
    let making = tokio::spawn(async move {
        if let Err(error) = works.make().await {
            tracing::warn!(%error, "no checkpoint could be made; joining takes longer");
        }
    });
    async move {
        let _ = tokio::time::timeout(MAKING_LIMIT, making).await;
    }
}

/// Fetches what the drive's actor would begin from, and looks that what then shows on its word is judged in
/// the end. Runs as long as the drive does.
pub(crate) async fn follow(shared: Weak<Shared>, mut offers: mpsc::Receiver<Known>) {
    let mut standstill = Standstill::begin(Instant::now());
    loop {
        let offer = tokio::time::timeout(LOOK_AGAIN, offers.recv()).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let requests = shared.requests.clone();
        let request = match offer {
            Ok(None) => return,
            Ok(Some(known)) => {
                let works = Works::of(&shared);
                drop(shared);
                let begun = Instant::now();
                let taking = tokio::time::timeout(FETCH_LIMIT, works.take(&known)).await;
                match taking.unwrap_or(Err(TakeError::Late)) {
                    Ok(loaded) => {
                        tracing::info!(took = ?begun.elapsed(), "a checkpoint's snapshot is here");
                        let (known, loaded) = (Box::new(known), Box::new(loaded));
                        Some(OnCheckpoints::StandOn { known, loaded })
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a checkpoint's snapshot cannot be used; every entry is judged first");
                        Some(OnCheckpoints::GoOn)
                    }
                }
            }
            Err(_) => is_overdue(&shared, &mut standstill).then_some(OnCheckpoints::GiveUp),
        };
        if let Some(request) = request
            && requests.send(Request::Checkpoints(request)).await.is_err()
        {
            return;
        }
    }
}

/// Whether nothing has come for long of what a checkpoint covers, with nothing to be had.
fn is_overdue(shared: &Shared, standstill: &mut Standstill) -> bool {
    let come = shared
        .verified()
        .map(|verified| (verified, shared.log.arrivals()));
    let peers = shared.link.peers();
    let members = shared.members.read();
    let level = |peer: &PeerState| peer.connected && peer.level && !members.is_store(&peer.peer);
    let level = peers.iter().any(level);
    standstill.is_overdue(come, level, Instant::now())
}

/// How far the entries that a checkpoint covers have come, and since when no further.
struct Standstill {
    /// How much is judged, and how many entries have arrived; nothing while there is nothing to judge.
    come: Option<(u8, u64)>,
    since: Instant,
}

impl Standstill {
    fn begin(now: Instant) -> Self {
        Self {
            come: None,
            since: now,
        }
    }

    /// Whether it has lasted too long. It begins anew whenever something comes, and while nobody is `level`
    /// with this device: whoever has more may be about to send it.
    fn is_overdue(&mut self, come: Option<(u8, u64)>, level: bool, now: Instant) -> bool {
        if come.is_none() || come != self.come || !level {
            *self = Self { come, since: now };
            return false;
        }
        now.duration_since(self.since) > OVERDUE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_secs(1);

    /// After how many looks it is overdue, of `looks`, if at the n-th what has come and whether somebody is level
    /// is as `at` says.
    fn overdue_after(looks: u64, at: impl Fn(u64) -> (Option<(u8, u64)>, bool)) -> Option<u64> {
        let begun = Instant::now();
        let mut standstill = Standstill::begin(begun);
        (0..looks).find(|n| {
            let (come, level) = at(*n);
            let now = begun + STEP * u32::try_from(*n).unwrap_or(u32::MAX);
            standstill.is_overdue(come, level, now)
        })
    }

    #[test]
    fn where_nothing_comes_and_nothing_is_to_be_had_it_is_given_up_in_time() {
        let after = OVERDUE.as_secs() + 1;
        assert_eq!(overdue_after(100, |_| (Some((40, 7)), true)), Some(after));
        // It counts from the last that came, or from when somebody was level again.
        let came = overdue_after(100, |n| (Some((40, n.min(20))), true));
        assert_eq!(came, Some(20 + after));
        let judged = overdue_after(100, |n| (Some((if n < 20 { 40 } else { 41 }, 7)), true));
        assert_eq!(judged, Some(20 + after));
        let alone = overdue_after(100, |n| (Some((40, 7)), n >= 20));
        assert_eq!(alone, Some(19 + after));
    }

    #[test]
    fn as_long_as_something_comes_or_may_come_nothing_is_given_up() {
        assert_eq!(overdue_after(1_000, |n| (Some((40, n / 20)), true)), None);
        assert_eq!(overdue_after(1_000, |n| (Some((40, 7)), n % 20 > 0)), None);
        assert_eq!(overdue_after(1_000, |_| (Some((40, 7)), false)), None);
        // There is nothing to judge.
        assert_eq!(overdue_after(1_000, |_| (None, true)), None);
    }
}

//! One drive on a storage peer: its record is kept level with its members', and the blobs that they name are
//! fetched from them. Decides who may do so by the record; holds no key.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use peerdrive_crypto::body::Role;
use peerdrive_crypto::ids::{DriveId, EndpointKey, LogId};
use peerdrive_log::{AppendError, Batch, DriveLog, Note, Space};
use peerdrive_net::{BlobId, DriveLink, DriveTag, LinkEvent, Net, PeerId, TopicSeal};
use tokio::sync::mpsc;

use super::kept::KeptBlobs;
use super::peer::{Budget, StoredDrive, StoredStanding};
use super::record::{Record, RecordError, Room, Terms};
use crate::peers::{Entries, head_of};

/// Namings of blobs that may wait for those before them.
const WAITING: usize = 64;

/// The id of the drive, and since when it has had no lease, if it has none.
const ID_KEY: &[u8] = b"id";
const ENDED_KEY: &[u8] = b"ended";
const LEASED_KEY: &[u8] = b"leased";

/// How long a drive that was offered may take until its record says that there is a lease.
const OFFERED: u64 = 3600;

/// A storage peer says nothing on a topic and heeds nothing: it knows none.
#[derive(Debug)]
struct Silent;

impl TopicSeal for Silent {
    fn seal_hint(&self, _hint: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn open_hint(&self, _sealed: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

/// Who takes part, as the last control entry left it.
#[derive(Debug, Default)]
struct Roll {
    live: HashMap<PeerId, Role>,
    removals: HashMap<PeerId, Vec<(peerdrive_net::LogId, u64)>>,
    terms: Option<Terms>,
    /// Whether there ever was a lease.
    leased: bool,
    /// Since when there is none, in seconds since 1970.
    ended: Option<u64>,
    /// Who offered the drive, until its record says who may do what.
    offered_by: Option<PeerId>,
}

impl Roll {
    fn in_force(&self, now: u64) -> Option<Terms> {
        self.terms.filter(|terms| now <= terms.not_after)
    }
}

/// See the module.
pub(crate) struct Drive {
    pub(crate) tag: DriveTag,
    pub(crate) id: DriveId,
    folder: PathBuf,
    own: EndpointKey,
    pub(super) net: Net,
    log: Arc<DriveLog>,
    pub(super) link: DriveLink,
    record: Mutex<Record>,
    pub(super) kept: Mutex<KeptBlobs>,
    roll: RwLock<Roll>,
    pub(super) wanted: mpsc::Sender<(PeerId, Vec<BlobId>)>,
    /// Blobs that were named and are not here yet.
    pub(super) fetching: Mutex<HashSet<BlobId>>,
    pub(super) full: AtomicBool,
    closed: AtomicBool,
    pub(super) budget: Arc<Budget>,
}

impl std::fmt::Debug for Drive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Drive")
            .field("tag", &self.tag)
            .finish_non_exhaustive()
    }
}

/// Seconds since 1970, by this machine's clock.
pub(crate) fn now_s() -> u64 {
    crate::env::now_ms() / 1000
}

/// Days since 1970.
pub(super) fn today() -> u32 {
    u32::try_from(now_s() / 86_400).unwrap_or(u32::MAX)
}

impl Drive {
    /// Opens what is stored of a drive in `folder`, which is made if it is `offered`: the drive's id and who
    /// offers it.
    pub(crate) fn open(
        folder: &Path,
        tag: DriveTag,
        offered: Option<(DriveId, PeerId)>,
        net: &Net,
        budget: &Arc<Budget>,
    ) -> Result<Arc<Self>, RecordError> {
        let path = folder.join("log.redb");
        std::fs::create_dir_all(folder).map_err(|source| peerdrive_log::OpenError::Io {
            path: path.clone(),
            source,
        })?;
        let id = match offered {
            Some((id, _)) => id,
            None => {
                let id = DriveLog::open(&path)?.note(Space::Config, ID_KEY)?;
                DriveId(
                    id.and_then(|id| id.try_into().ok())
                        .ok_or(RecordError::Damaged)?,
                )
            }
        };
        let record = Record::open(&path, id)?;
        let log = record.log();
        let kept = KeptBlobs::load(log.clone())?;
        let ended = log.note(Space::Config, ENDED_KEY)?;
        let ended = ended.and_then(|at| at.try_into().ok());
        let roll = Roll {
            leased: log.note(Space::Config, LEASED_KEY)?.is_some(),
            ended: ended.map(u64::from_le_bytes),
            offered_by: offered.map(|(_, peer)| peer),
            ..Roll::default()
        };
        let entries = Arc::new(Entries::new(log.clone()));
        // A topic that nobody else is on.
        let link = net.open_drive(tag, crate::env::random(), entries, Arc::new(Silent));
        let (wanted, waiting) = mpsc::channel(WAITING);
        let drive = Arc::new(Self {
            tag,
            id,
            folder: folder.to_owned(),
            own: EndpointKey(net.id().0),
            net: net.clone(),
            log,
            link,
            record: Mutex::new(record),
            kept: Mutex::new(kept),
            roll: RwLock::new(roll),
            wanted,
            fetching: Mutex::default(),
            full: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            budget: budget.clone(),
        });
        if offered.is_some() {
            drive.set(ID_KEY, Some(id.0.to_vec()));
        }
        for (_, address) in drive.log.notes(Space::Peers)? {
            if let Err(error) = net.learn(&address) {
                tracing::debug!(%error, "a remembered address is of no use");
            }
        }
        drive.look_at_members();
        drive.count();
        let events = drive.link.events();
        tokio::spawn(follow(Arc::downgrade(&drive), events));
        tokio::spawn(super::blobs::pull(Arc::downgrade(&drive), waiting));
        Ok(drive)
    }

    /// Ends it, and waits until that is done.
    pub(crate) async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.link.clone().close().await;
        // Until what was being fetched is noted.
        drop(self.budget.sweeping.write().await);
        self.budget.forget(&self.tag);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Takes a drive up again whose lease had ended. Only for who could give it one: whether it is so.
    pub(crate) fn offered_again(&self, by: PeerId) -> bool {
        {
            let mut roll = self.roll.write();
            let known = !roll.live.is_empty();
            if known && roll.live.get(&by) < Some(&Role::Admin) {
                return false;
            }
            roll.offered_by = Some(by);
            roll.ended = roll.ended.map(|_| now_s());
        }
        self.look_at_members();
        true
    }

    fn set(&self, key: &[u8], value: Option<Vec<u8>>) {
        let note = Note {
            space: Space::Config,
            key: key.to_vec(),
            value,
        };
        let batch = Batch {
            notes: vec![note],
            ..Batch::default()
        };
        if let Err(error) = self.log.append(&batch) {
            tracing::error!(%error, "a note of a drive cannot be written");
        }
    }

    /// Reads from the record who may do what, and keeps sessions with those.
    fn look_at_members(&self) {
        let now = now_s();
        // First, so that nobody who looked earlier writes what is older.
        let mut roll = self.roll.write();
        let (live, removals, terms) = {
            let record = self.record.lock();
            (record.live(), record.removals(), record.lease(&self.own))
        };
        roll.live = live;
        roll.removals = removals;
        if roll.terms != terms {
            self.full.store(false, Ordering::Relaxed);
        }
        roll.terms = terms;
        let in_force = roll.in_force(now).is_some();
        if in_force {
            roll.offered_by = None;
        }
        let (was_leased, was_ended) = (roll.leased, roll.ended);
        roll.leased |= in_force;
        roll.ended = match in_force {
            true => None,
            false => Some(roll.ended.unwrap_or(now)),
        };
        let peers: Vec<PeerId> = match in_force {
            true => roll.live.keys().copied().collect(),
            false => roll.offered_by.into_iter().collect(),
        };
        let (leased, ended) = (roll.leased, roll.ended);
        drop(roll);
        if leased && !was_leased {
            self.set(LEASED_KEY, Some(vec![1]));
        }
        if ended != was_ended {
            self.set(ENDED_KEY, ended.map(|at| at.to_le_bytes().to_vec()));
        }
        self.link.set_stores(peers);
    }

    /// Looks whether the lease has run out, and whether what is left of the drive is to go.
    pub(crate) fn is_over(&self, grace: u64) -> bool {
        self.look_at_members();
        let roll = self.roll.read();
        let grace = match (roll.leased, roll.offered_by) {
            (true, Some(_)) => grace.max(OFFERED),
            (true, None) => grace,
            (false, _) => OFFERED,
        };
        roll.ended
            .is_some_and(|ended| now_s() >= ended.saturating_add(grace))
    }

    /// Whether a peer may have what is stored of the drive, by its lease.
    pub(crate) fn serves(&self, peer: &PeerId) -> bool {
        let roll = self.roll.read();
        match roll.in_force(now_s()) {
            Some(_) => roll.live.contains_key(peer),
            // Who offered it brings the record; before there is a lease in it, nobody else is let in.
            None => roll.offered_by == Some(*peer),
        }
    }

    /// What a device that was removed may be told of that.
    pub(crate) fn removal(&self, peer: &PeerId) -> Option<Vec<(peerdrive_net::LogId, u64)>> {
        let roll = self.roll.read();
        roll.in_force(now_s())?;
        roll.removals.get(peer).cloned()
    }

    /// Whether a peer may have the drive's blobs.
    pub(crate) fn gives_blobs(&self, peer: &PeerId) -> bool {
        let roll = self.roll.read();
        roll.in_force(now_s()).is_some() && roll.live.contains_key(peer)
    }

    pub(crate) fn keeps(&self, blob: &BlobId) -> bool {
        self.kept.lock().has(blob)
    }

    pub(crate) fn role(&self, peer: &PeerId) -> Option<Role> {
        let roll = self.roll.read();
        roll.in_force(now_s())?;
        roll.live.get(peer).copied()
    }

    /// Bytes that may still come.
    pub(super) fn room(&self) -> Room {
        // Only its record comes before there is a lease: the part of it that says so.
        let terms = self.roll.read().in_force(now_s());
        let quota = terms.map_or(0, |terms| terms.quota);
        let left = quota.saturating_sub(self.used()).min(self.budget.room());
        Room { left, quota }
    }

    fn used(&self) -> u64 {
        let entries = self.record.lock().bytes();
        entries + self.kept.lock().bytes()
    }

    pub(super) fn count(&self) {
        if !self.is_closed() {
            self.budget.set(self.tag, self.used());
        }
    }

    /// Takes entries in that a member has sent.
    fn receive(&self, entries: Vec<Bytes>) -> Result<Vec<LogId>, AppendError> {
        let room = self.room();
        let taken = self.record.lock().receive(entries, room)?;
        self.count();
        if taken.control {
            self.look_at_members();
        }
        if taken.full && self.roll.read().in_force(now_s()).is_some() {
            self.full.store(true, Ordering::Relaxed);
        }
        Ok(taken.grown)
    }

    /// Strikes off what nobody needs any more, now that an admin has named everything that the drive needs.
    pub(crate) fn tidy(&self) -> Result<Vec<BlobId>, AppendError> {
        let mut kept = self.kept.lock();
        let gone = kept.unneeded(today());
        kept.strike(&gone)?;
        drop(kept);
        self.count();
        self.full.store(false, Ordering::Relaxed);
        Ok(gone)
    }

    #[cfg(test)]
    pub(crate) fn hear(&self, entries: Vec<Bytes>) -> Result<Vec<LogId>, AppendError> {
        self.receive(entries)
    }

    #[cfg(test)]
    pub(crate) fn note_come(&self, come: &[(BlobId, u64)]) -> Result<(), AppendError> {
        self.kept.lock().add(come, today())
    }

    #[cfg(test)]
    pub(crate) fn note_gone(&self, gone: &[BlobId]) -> Result<(), AppendError> {
        self.kept.lock().strike(gone)
    }

    /// All blobs that are kept of it.
    pub(crate) fn blobs(&self) -> Vec<BlobId> {
        self.kept.lock().ids()
    }

    /// Removes its record from the disk. It must have been closed.
    pub(crate) fn erase(&self) -> std::io::Result<()> {
        std::fs::remove_dir_all(&self.folder)
    }

    /// How it stands, for the operator.
    pub(crate) fn show(&self) -> StoredDrive {
        let blobs = self.kept.lock().len() as u64;
        let bytes = self.used();
        let roll = self.roll.read();
        let connected = self
            .link
            .peers()
            .iter()
            .filter(|peer| peer.connected)
            .count();
        let standing = match (roll.in_force(now_s()), roll.ended) {
            (Some(terms), _) => StoredStanding::Leased {
                quota: terms.quota,
                until: terms.not_after,
            },
            (None, Some(since)) if roll.leased => StoredStanding::Ended { since },
            (None, _) => StoredStanding::Offered,
        };
        StoredDrive {
            tag: self.tag.to_string(),
            standing,
            devices: roll.live.len() as u64,
            connected: connected as u64,
            bytes,
            blobs,
            full: self.full.load(Ordering::Relaxed),
        }
    }
}

/// Carries what comes over the link into the record, until the drive ends.
async fn follow(drive: Weak<Drive>, mut events: mpsc::Receiver<LinkEvent>) {
    while let Some(event) = events.recv().await {
        let Some(drive) = drive.upgrade() else {
            return;
        };
        match event {
            LinkEvent::Entries { entries, done, .. } => {
                let taking = {
                    let drive = drive.clone();
                    tokio::task::spawn_blocking(move || drive.receive(entries))
                };
                match taking.await {
                    Ok(Ok(grown)) => {
                        let heads = grown.iter().filter_map(|log| drive.log.tip(&log.0));
                        let heads = heads.map(|tip| (head_of(&tip), Vec::new())).collect();
                        drive.link.announce(heads);
                    }
                    Ok(Err(error)) => tracing::error!(%error, "entries cannot be stored"),
                    Err(_) => return,
                }
                // Dropped by then or not: what was not taken shows in the logs.
                let _ = done.send(());
            }
            LinkEvent::Addresses(addresses) => drive.remember(&addresses),
            // The branch that came first is kept; members have the other from each other.
            LinkEvent::Fork { at, .. } => tracing::warn!(at, "a device's log has two branches"),
            LinkEvent::Connected(_)
            | LinkEvent::Disconnected(_)
            | LinkEvent::LevelChanged(_)
            | LinkEvent::Presence(_)
            | LinkEvent::Audience => {}
        }
    }
}

impl Drive {
    fn remember(&self, addresses: &[Vec<u8>]) {
        let mut notes = Vec::new();
        for address in addresses {
            match self.net.learn(address) {
                Ok(peer) if self.serves(&peer) => notes.push(Note {
                    space: Space::Peers,
                    key: peer.0.to_vec(),
                    value: Some(address.clone()),
                }),
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, "an address is of no use"),
            }
        }
        let batch = Batch {
            notes,
            ..Batch::default()
        };
        if !batch.notes.is_empty()
            && let Err(error) = self.log.append(&batch)
        {
            tracing::warn!(%error, "an address could not be remembered");
        }
    }
}

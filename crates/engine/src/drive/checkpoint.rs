//! Checkpoints as entries: what one of this device would say, and which of those that others signed somebody
//! who joins may begin from. Decides nothing about what counts: no verdict on an entry looks at one.

use std::cmp::Reverse;
use std::sync::Arc;

use peerdrive_crdt_tree::id::Actor;
use peerdrive_crdt_tree::tree::Changes;
use peerdrive_crypto::body::Role;
use peerdrive_crypto::checkpoint::{CheckpointBody, Reached, accumulate, checkpoint_inc};
use peerdrive_crypto::entry::{self, Entry, Links, LogPosition, MAX_LINKS, Plane, kind};
use peerdrive_crypto::ids::{EntryId, LogId};
use peerdrive_crypto::membership::Stands;
use peerdrive_log::{DriveLog, ReadError};
use peerdrive_net::BlobId;

use super::error::DriveError;
use super::replica::Replica;

/// Entries, or nodes, below which a drive is known sooner without a snapshot than with one.
const WORTH_ENTRIES: u64 = 1_000;
const WORTH_NODES: u64 = 5_000;

/// Devices whose last checkpoint is kept in mind. Beyond any number of admins who invite; a bound on what
/// they can make everybody remember.
const MOST_KNOWN: usize = 16;

/// Checkpoints whose snapshots are kept here for who joins next.
const SNAPSHOTS_KEPT: usize = 2;

/// Bytes of entries that are read at a time.
const AT_ONCE: usize = 4 << 20;

/// What is to be signed, before its snapshot is stored.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) frontier: Vec<Reached>,
    /// Heads of the content entries, which the checkpoint builds on.
    pub(crate) deps: Vec<EntryId>,
    /// Heads of the document.
    pub(crate) heads: Vec<[u8; 32]>,
    pub(crate) changes: Changes,
    pub(crate) document: Vec<u8>,
    pub(crate) log: Arc<DriveLog>,
}

/// A checkpoint that this device knows of.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) entry: Entry,
    pub(crate) body: CheckpointBody,
}

impl Prepared {
    /// The accumulator of its changes. Reads the whole record: not for the actor's thread.
    pub(crate) fn accumulator(&self, drive: &peerdrive_crypto::ids::DriveId) -> Option<[u8; 32]> {
        let mut pairs = Vec::new();
        for reached in &self.frontier {
            let log = reached.log(drive);
            let changes = self.changes.get(&Actor(log.actor()))?;
            let ids = ids(&self.log, &log, reached.seq + 1).ok()?;
            if ids.len() != changes.len() {
                return None;
            }
            pairs.extend(changes.iter().copied().zip(ids));
        }
        Some(accumulate(pairs))
    }
}

/// The ids of the first `len` entries of a log; fewer, if it has fewer.
pub(super) fn ids(log: &DriveLog, name: &LogId, len: u64) -> Result<Vec<EntryId>, ReadError> {
    let mut ids: Vec<EntryId> = Vec::new();
    while (ids.len() as u64) < len {
        let some = log.read(&name.0, ids.len() as u64, AT_ONCE)?;
        if some.is_empty() {
            break;
        }
        ids.extend(some.iter().map(|record| EntryId(record.id)));
    }
    ids.truncate(usize::try_from(len).unwrap_or(usize::MAX));
    Ok(ids)
}

impl Replica {
    /// What a checkpoint of the present would say; `None` if there is no need of one, or this device is not
    /// the one to make it.
    ///
    /// Not while a log has parted: how far a log had come would not say it.
    pub(crate) fn prepare_checkpoint(&mut self) -> Option<Prepared> {
        let logs = self.contents.values();
        let edits = logs.filter(|progress| progress.kind == kind::EDIT);
        let entries: u64 = edits.map(|progress| progress.applied).sum();
        let counts = self.tree.read().counts();
        let worth = entries >= WORTH_ENTRIES || counts.files + counts.folders >= WORTH_NODES;
        worth.then(|| self.prepare_now()).flatten()
    }

    /// As [`Replica::prepare_checkpoint`], for a drive of any size.
    pub(super) fn prepare_now(&mut self) -> Option<Prepared> {
        let may = self.control.role() >= Some(Role::Admin) && self.control.may_write();
        if !may || self.ground.is_some() || !self.forks.is_empty() {
            return None;
        }
        self.control.current_epoch()?;
        let frontier = self.reached_now();
        let mut tree = self.tree.write();
        let mut known = self.checkpoints.iter();
        let covered =
            known.any(|known| self.may_vouch(&known.entry) && known.body.frontier == frontier);
        let deps: Vec<EntryId> = self.heads.iter().copied().collect();
        if frontier.is_empty() || covered || deps.len() > MAX_LINKS {
            return None;
        }
        Some(Prepared {
            deps,
            heads: tree.heads(),
            changes: tree.changes(),
            document: tree.save(),
            log: self.log.clone(),
            frontier,
        })
    }

    fn reached_now(&self) -> Vec<Reached> {
        let mut frontier = Vec::new();
        for (name, progress) in &self.contents {
            let first = (progress.kind == kind::EDIT && progress.applied > 0)
                .then(|| self.entry_at(name, 0));
            if let Some(first) = first.flatten() {
                frontier.push(Reached {
                    bind: progress.bind,
                    inc: first.header.inc,
                    seq: progress.applied - 1,
                    entry: progress.tip,
                });
            }
        }
        frontier.sort_unstable();
        frontier
    }

    /// Signs a checkpoint whose snapshot is stored, and stages it. Not if what it speaks of fell away since.
    pub(crate) fn publish_checkpoint(
        &mut self,
        body: &CheckpointBody,
        deps: Vec<EntryId>,
    ) -> Result<(), DriveError> {
        if self.control.role() < Some(Role::Admin) {
            return Err(DriveError::NotAllowed);
        }
        let stands = |reached: &Reached| self.log.contains(&reached.entry.0).unwrap_or(false);
        if !self.forks.is_empty() || !body.frontier.iter().all(stands) {
            return Err(DriveError::Refused("it speaks of what is gone".into()));
        }
        let epoch = self.control.current_epoch().ok_or(DriveError::NoKeys)?;
        let ctrl = self.control.heads();
        let plain = body.to_bytes().map_err(|_| DriveError::TooLarge)?;
        let sealed = entry::content_entry(
            &self.checkpoint_position(),
            kind::CHECKPOINT,
            Links { deps, ctrl },
            &epoch,
            &plain,
            &self.own.keys,
            &mut crate::env::rng(),
        )?;
        if let Some(log) = self.keep(&sealed, sealed.to_bytes())? {
            self.note_checkpoint(&sealed);
            self.staged.own.push(sealed);
            self.advance(log, None);
        }
        Ok(())
    }

    /// Where this device's next checkpoint goes.
    pub(super) fn checkpoint_position(&self) -> LogPosition {
        let at = self.own_position(Plane::Content);
        let inc = checkpoint_inc(&at.inc);
        let log = entry::log_id(&at.drive, &at.bind, at.plane, &inc);
        let (seq, prev) = self.tip(&log).map_or((0, log.0), |(len, tip)| (len, tip.0));
        LogPosition {
            inc,
            seq,
            prev,
            ..at
        }
    }

    /// Takes notice of a checkpoint that is in the record.
    pub(super) fn note_checkpoint(&mut self, entry: &Entry) {
        if entry.header.kind != kind::CHECKPOINT || !self.may_vouch(entry) {
            return;
        }
        let Ok(body) = self.plain_of(entry) else {
            return;
        };
        let Ok(body) = CheckpointBody::decode(&body) else {
            tracing::warn!(entry = %entry.id(), "a checkpoint cannot be read");
            return;
        };
        let by = entry.header.bind;
        let of_same = |known: &Known| known.entry.header.bind == by;
        // Of one log the last counts, also if it covers less: some of what was written may have been cut off.
        let older = |known: &Known| match known.entry.log_id() == entry.log_id() {
            true => known.entry.header.seq >= entry.header.seq,
            false => known.body.changes >= body.changes,
        };
        if self.checkpoints.iter().any(|k| of_same(k) && older(k)) {
            return;
        }
        let mut known = std::mem::take(&mut self.checkpoints);
        known.retain(|known| !of_same(known) && self.may_vouch(&known.entry));
        let entry = entry.clone();
        known.push(Known { entry, body });
        // The id decides between equals, so that it is the same after a restart.
        known.sort_by_cached_key(|known| (Reverse(known.body.changes), known.entry.id()));
        known.truncate(MOST_KNOWN);
        self.checkpoints = known;
    }

    /// Takes notice of the last checkpoint in each log of them.
    pub(super) fn find_checkpoints(&mut self) {
        let logs = self.contents.iter();
        let logs = logs.filter(|(_, progress)| progress.kind == kind::CHECKPOINT);
        let logs: Vec<LogId> = logs.map(|(name, _)| *name).collect();
        for log in logs {
            let len = self.tip(&log).map_or(0, |(len, _)| len);
            let last = len.checked_sub(1).and_then(|at| self.entry_at(&log, at));
            if let Some(last) = last {
                self.note_checkpoint(&last);
            }
        }
    }

    /// The blobs of the checkpoints that whoever joins next will begin from. Of own ones the last is always
    /// among them, whatever others claim.
    pub(crate) fn snapshot_blobs(&self) -> Vec<BlobId> {
        let (own, others): (Vec<&Known>, Vec<&Known>) = self
            .checkpoints
            .iter()
            .partition(|known| self.is_own(&known.entry.header.bind));
        let kept = own.into_iter().chain(others).take(SNAPSHOTS_KEPT);
        let blobs = kept.flat_map(|known| &known.body.snapshot.blobs);
        blobs.map(|id| BlobId(id.0)).collect()
    }

    /// Whether the author of a checkpoint is an admin or an owner now, by this device's own reading.
    pub(super) fn may_vouch(&self, entry: &Entry) -> bool {
        let state = self.control.control.state();
        state.role_of_bind(&entry.header.bind) >= Some(Role::Admin)
    }

    /// The checkpoint that covers most, and was not tried yet, of those from which somebody who knows nothing of the
    /// drive yet can begin: its author may vouch, and all that it covers stands by this device's own reading
    /// of who may write.
    pub(crate) fn candidate(&self, tried: &[EntryId]) -> Option<&Known> {
        if !self.has_written_nothing() {
            return None;
        }
        let mut known = self.checkpoints.iter();
        known.find(|known| !tried.contains(&known.entry.id()) && self.can_stand_on(known))
    }

    pub(super) fn can_stand_on(&self, known: &Known) -> bool {
        let stands = |reached: &Reached| {
            let log = reached.log(&self.drive);
            match self.control.control.stands(&reached.bind, &log) {
                Stands::All => true,
                Stands::UpTo(cut) if cut.seq == reached.seq => cut.entry == reached.entry,
                Stands::UpTo(cut) => cut.seq > reached.seq,
                Stands::Nothing => false,
            }
        };
        let Known { entry, body } = known;
        let ends = |dep: &EntryId| body.frontier.iter().any(|reached| reached.entry == *dep);
        self.forks.is_empty()
            && self.may_vouch(entry)
            && !entry.header.deps.is_empty()
            && entry.header.deps.iter().all(ends)
            && body.frontier.iter().all(stands)
    }

    pub(super) fn has_written_nothing(&self) -> bool {
        let mut own = self.contents.values();
        !own.any(|progress| progress.kind == kind::EDIT && self.is_own(&progress.bind))
    }
}

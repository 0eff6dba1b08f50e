//! The sealed record of one drive that this storage peer has no keys of: which entries are taken in, and what
//! they say of members and of the lease. Synchronous; knows no peer and no blob.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use peerdrive_crypto::body::Role;
use peerdrive_crypto::entry::{Entry, Plane};
use peerdrive_crypto::ids::{DriveId, EndpointKey, EntryId, LogId};
use peerdrive_crypto::membership::{ContentRef, Control, Inserted, Refusal};
use peerdrive_log::{
    AppendError, Batch, DriveLog, Note, OpenError, ReadError, Record as Stored, Space,
};
use peerdrive_net::PeerId;

/// Most bytes of entries whose author is not known yet. They are only in memory: whoever sent them has them
/// still.
const STRANGERS_CAP: usize = 4 << 20;

/// Bytes of control entries that are taken beyond the lease's quota: a drive that is full must still learn
/// that somebody was removed, or that it may have more.
const CONTROL_ROOM: u64 = 16 << 20;

/// The last second of the year 9999: no lease lasts longer.
const LATEST: u64 = 253_402_300_799;

/// Bytes of a log that are read at once.
const READ: usize = 4 << 20;

/// The record could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("an entry in it cannot be read")]
    Damaged,
}

/// What came of entries that were sent.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Logs that have grown.
    pub(crate) grown: Vec<LogId>,
    /// Members, roles or the lease may be others now.
    pub(crate) control: bool,
    /// Some were not taken for want of room.
    pub(crate) full: bool,
}

/// What may still be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Bytes.
    pub(crate) left: u64,
    /// Bytes that the lease grants in all.
    pub(crate) quota: u64,
}

/// What the lease grants, by what is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Bytes.
    pub(crate) quota: u64,
    /// Until when, in seconds since 1970.
    pub(crate) not_after: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Record {
    log: Arc<DriveLog>,
    control: Control,
    /// Entries of authors or control heads that are not known yet.
    strangers: Vec<Bytes>,
    strangers_bytes: usize,
    /// Bytes of all entries.
    bytes: u64,
}

/// What the next append writes.
#[derive(Default)]
struct Staged {
    batch: Batch,
    tips: HashMap<LogId, (u64, EntryId)>,
    /// The control heads of the last entry of a log.
    ctrl: HashMap<LogId, Vec<EntryId>>,
    bytes: u64,
}

impl Record {
    pub(crate) fn open(path: &Path, drive: DriveId) -> Result<Self, RecordError> {
        Self::over(Arc::new(DriveLog::open(path)?), drive)
    }

    /// What an open log says.
    fn over(log: Arc<DriveLog>, drive: DriveId) -> Result<Self, RecordError> {
        let mut control = Control::new(drive);
        let mut bytes = 0;
        // What comes before what it builds on is held back, and released in time.
        let mut hear = |entry: &[u8]| {
            bytes += entry.len() as u64;
            let entry = Entry::decode(entry).map_err(|_| RecordError::Damaged)?;
            if entry.header.plane == Plane::Control {
                control.insert(entry).map_err(|_| RecordError::Damaged)?;
            }
            Ok::<_, RecordError>(())
        };
        for tip in log.tips() {
            let mut at = 0;
            while at < tip.len {
                let some = log.read(&tip.log, at, READ)?;
                if some.is_empty() {
                    return Err(RecordError::Damaged);
                }
                at += some.len() as u64;
                some.iter().try_for_each(|record| hear(&record.bytes))?;
            }
        }
        for (_, beside) in log.notes(Space::Intents)? {
            hear(&beside)?;
        }
        Ok(Self {
            log,
            control,
            strangers: Vec::new(),
            strangers_bytes: 0,
            bytes,
        })
    }

    pub(crate) fn log(&self) -> Arc<DriveLog> {
        self.log.clone()
    }

    /// Bytes of all entries.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Devices that are members now, each with what it may do.
    pub(crate) fn live(&self) -> HashMap<PeerId, Role> {
        let mut live: HashMap<PeerId, Role> = HashMap::new();
        for (_, bind) in self.control.state().live_binds() {
            let role = live
                .entry(PeerId(bind.cert.endpoint.0))
                .or_insert(bind.role);
            *role = bind.role.max(*role);
        }
        live
    }

    /// Devices that were removed, with what they may be told of it: how many entries of which logs.
    pub(crate) fn removals(&self) -> HashMap<PeerId, Vec<(peerdrive_net::LogId, u64)>> {
        let removals = self.control.removals().into_iter();
        removals
            .map(|(endpoint, logs)| {
                let logs = logs.into_iter();
                let logs = logs.map(|(log, len)| (peerdrive_net::LogId(log.0), len));
                (PeerId(endpoint.0), logs.collect())
            })
            .collect()
    }

    /// The lease of a storage peer. Of several, what they grant together.
    pub(crate) fn lease(&self, endpoint: &EndpointKey) -> Option<Terms> {
        let leases = self.control.state().leases.values();
        let own = leases.filter(|lease| lease.endpoint == *endpoint);
        own.map(|lease| Terms {
            quota: lease.quota,
            not_after: lease.not_after.min(LATEST),
        })
        .reduce(|one, other| Terms {
            quota: one.quota.max(other.quota),
            not_after: one.not_after.max(other.not_after),
        })
    }

    /// Takes entries in, as far as `room` goes for them; control entries also beyond that, up to so many bytes of
    /// the record as the quota has and some more. What is refused is dropped; the rest goes on.
    pub(crate) fn receive(
        &mut self,
        entries: Vec<Bytes>,
        room: Room,
    ) -> Result<Taken, AppendError> {
        let mut staged = Staged::default();
        let mut taken = Taken::default();
        let mut queue = entries;
        loop {
            let mut news = false;
            for bytes in std::mem::take(&mut queue) {
                news |= self.receive_one(bytes, room, &mut staged, &mut taken);
            }
            // A control entry may introduce the authors of entries that came before it.
            if !news || self.strangers.is_empty() {
                break;
            }
            self.strangers_bytes = 0;
            queue = std::mem::take(&mut self.strangers);
        }
        let nothing = staged.batch.records.is_empty() && staged.batch.notes.is_empty();
        if !nothing {
            if let Err(error) = self.log.append(&staged.batch) {
                // What is known must be what is stored, or it would never be taken again.
                match Self::over(self.log.clone(), self.control.drive()) {
                    Ok(stored) => *self = stored,
                    Err(error) => tracing::error!(%error, "a drive's record cannot be read"),
                }
                return Err(error);
            }
            self.bytes += staged.bytes;
        }
        taken.grown = staged.tips.into_keys().collect();
        Ok(taken)
    }

    /// Returns whether something came in that entries held back may wait for.
    fn receive_one(
        &mut self,
        bytes: Bytes,
        room: Room,
        staged: &mut Staged,
        taken: &mut Taken,
    ) -> bool {
        let entry = match Entry::decode(&bytes) {
            Ok(entry) => entry,
            Err(reason) => {
                tracing::warn!(%reason, "an entry was refused");
                return false;
            }
        };
        let len = bytes.len() as u64 + staged.bytes;
        let most = room.quota.saturating_add(CONTROL_ROOM);
        match entry.header.plane {
            Plane::Control if self.bytes.saturating_add(len) > most => taken.full = true,
            Plane::Control => return self.receive_control(entry, staged, taken),
            Plane::Content if len > room.left => taken.full = true,
            Plane::Content => return self.receive_content(&entry, bytes, staged),
        }
        false
    }

    fn receive_control(&mut self, entry: Entry, staged: &mut Staged, taken: &mut Taken) -> bool {
        let new = match self.control.insert(entry) {
            Ok(Inserted::New(ids)) => ids,
            Ok(Inserted::Known | Inserted::Pending(_)) => return false,
            Err(reason) => {
                tracing::warn!(%reason, "a control entry was refused");
                return false;
            }
        };
        taken.control = true;
        for id in new {
            if let Some(entry) = self.control.entry(&id).cloned() {
                let bytes = entry.to_bytes();
                if !self.keep(&entry, bytes.clone(), staged) {
                    // Of another branch: what builds on it, a removal perhaps, must not be lost with it.
                    staged.bytes += bytes.len() as u64;
                    staged.batch.notes.push(Note {
                        space: Space::Intents,
                        key: id.0.to_vec(),
                        value: Some(bytes),
                    });
                }
            }
        }
        true
    }

    fn receive_content(&mut self, entry: &Entry, bytes: Bytes, staged: &mut Staged) -> bool {
        match self.judge(entry, staged) {
            Ok(()) => self.keep(entry, bytes.to_vec(), staged),
            Err(Some(reason)) => {
                tracing::warn!(reason, entry = %entry.id(), "an entry was refused");
                false
            }
            Err(None) => {
                if self.strangers_bytes + bytes.len() <= STRANGERS_CAP {
                    self.strangers_bytes += bytes.len();
                    self.strangers.push(bytes);
                }
                false
            }
        }
    }

    /// Whether a content entry is of a writer of this drive. Without a reason, that cannot be told yet.
    fn judge(&self, entry: &Entry, staged: &Staged) -> Result<(), Option<String>> {
        let key = self.control.log_key(&entry.header.bind).ok_or(None)?;
        entry
            .verify(&key)
            .map_err(|reason| Some(reason.to_string()))?;
        let prev_ctrl = self.ctrl_before(entry, staged);
        let judged = ContentRef {
            header: &entry.header,
            prev_ctrl: &prev_ctrl,
            floor: None,
        };
        match self.control.admissible(&judged) {
            Ok(()) => Ok(()),
            Err(Refusal::UnknownControl(_)) => Err(None),
            Err(reason) => Err(Some(reason.to_string())),
        }
    }

    fn ctrl_before(&self, entry: &Entry, staged: &Staged) -> Vec<EntryId> {
        let log = entry.log_id();
        if let Some(ctrl) = staged.ctrl.get(&log) {
            return ctrl.clone();
        }
        let last = self.log.tip(&log.0).and_then(|tip| {
            let last = self.log.read(&log.0, tip.len.checked_sub(1)?, 1);
            Entry::decode(&last.ok()?.pop()?.bytes).ok()
        });
        last.map(|last| last.header.ctrl).unwrap_or_default()
    }

    /// Puts an entry into its place, if it is the next of its log. Of a content log that parted, the branch stays
    /// that came first: members have the other from each other.
    fn keep(&self, entry: &Entry, bytes: Vec<u8>, staged: &mut Staged) -> bool {
        let log = entry.log_id();
        let known = staged.tips.get(&log).copied();
        let known = known.or_else(|| {
            let tip = self.log.tip(&log.0)?;
            Some((tip.len, EntryId(tip.tip)))
        });
        let (len, tip) = known.unwrap_or((0, EntryId(entry.header.prev)));
        if entry.header.seq != len || entry.header.prev != tip.0 {
            return false;
        }
        let id = entry.id();
        staged.bytes += bytes.len() as u64;
        staged.batch.records.push(Stored {
            log: log.0,
            seq: len,
            id: id.0,
            bytes,
        });
        staged.tips.insert(log, (len + 1, id));
        staged.ctrl.insert(log, entry.header.ctrl.clone());
        true
    }
}

#[cfg(test)]
mod tests;

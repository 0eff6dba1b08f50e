//! One drive's state on this device: its record, who may write, and the document, kept in step. Turns
//! edits into durable entries and entries into events. Synchronous; knows no thread, socket or door.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;
use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::event::TreeEvent;
use peerdrive_crdt_tree::id::Actor;
use peerdrive_crdt_tree::lint::Author;
use peerdrive_crdt_tree::tree::{ApplyError, DriveTree};
use peerdrive_crypto::body::ContentBody;
use peerdrive_crypto::entry::{self, Entry, Links, LogPosition, Plane, content_entry};
use peerdrive_crypto::identity::DriveKeys;
use peerdrive_crypto::ids::{BindId, DriveId, EntryId, LogId, MemberId};
use peerdrive_log::{AppendError, Batch, DriveLog, Record, Snapshot};
use serde::{Deserialize, Serialize};

use super::control::{Admits, ControlPlane, Taken};
use super::error::{DriveError, LoadError};
use super::pool::Pool;
use super::request::{Check, EditIfResults, EditResults};
use crate::incarnation::HighWater;
use crate::local::{Seal, Space};
use crate::open::{INCARNATIONS_KEY, Incarnations};

/// Most bytes of entries whose author is not known yet. They are only in memory: whoever sent them has
/// them still.
const STRANGERS_CAP: usize = 16 << 20;

/// Most bytes of stored entries that wait for others. What finds no room waits in the record and is
/// looked at again after a restart.
const WAITING_CAP: usize = 256 << 20;

/// A snapshot is due when the entries since the last one exceed a quarter of its size and this.
const SNAPSHOT_AFTER_BYTES: usize = 4 << 20;

/// Who this device is in the drive, and which logs it writes.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) keys: Arc<DriveKeys>,
    pub(crate) bind: BindId,
    /// Incarnations of the control and the content log.
    pub(crate) control_inc: [u8; 16],
    pub(crate) content_inc: [u8; 16],
    /// How far the record had come when this device last wrote.
    pub(crate) high: Arc<HighWater>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) drive: DriveId,
    pub(crate) own: Own,
    pub(crate) log: Arc<DriveLog>,
    pub(crate) control: ControlPlane,
    tree: Arc<RwLock<DriveTree>>,
    seal: Arc<Seal>,
    /// Control heads that the last entry of each content log knew.
    last_ctrl: HashMap<LogId, Vec<EntryId>>,
    /// Applied content entries that no applied entry builds on.
    heads: BTreeSet<EntryId>,
    /// Stored content entries whose ancestors are not all applied.
    waiting: Pool<Entry>,
    /// Entries of authors or control heads that are not known yet.
    strangers: Vec<Bytes>,
    strangers_bytes: usize,
    /// Stored entries that proved inadmissible; nothing is built on them.
    void: HashSet<EntryId>,
    /// What the next commit writes.
    staged: Staged,
    since_snapshot: usize,
    snapshot_bytes: usize,
}

#[derive(Debug, Default)]
struct Staged {
    batch: Batch,
    tips: HashMap<LogId, (u64, EntryId)>,
    applied: HashSet<EntryId>,
    events: Vec<Happened>,
    own: Vec<Entry>,
    others: BTreeSet<LogId>,
    control_changed: bool,
}

/// Tree events with their cause.
#[derive(Clone, Debug)]
pub(crate) struct Happened {
    /// `None` for this device's own edits.
    pub(crate) by: Option<MemberId>,
    pub(crate) events: Vec<TreeEvent>,
}

/// What a commit made durable, to be told to doors and peers.
#[derive(Debug, Default)]
pub(crate) struct Committed {
    pub(crate) happened: Vec<Happened>,
    /// This device's new entries, in order.
    pub(crate) own: Vec<Record>,
    /// Logs of others that grew.
    pub(crate) grown: Vec<LogId>,
    pub(crate) control_changed: bool,
}

#[derive(Serialize, Deserialize)]
struct SnapshotBody {
    v: u8,
    heads: Vec<EntryId>,
    void: Vec<EntryId>,
    waiting: Vec<EntryId>,
    document: Vec<u8>,
}

impl Replica {
    /// Rebuilds the state from the record: control entries, then the snapshot, then the entries since.
    pub(crate) fn load(
        drive: DriveId,
        mut own: Own,
        log: Arc<DriveLog>,
        seal: Arc<Seal>,
        mut control: ControlPlane,
    ) -> Result<Self, LoadError> {
        load_control(&log, &mut control)?;
        own.bind = control.settle_bind();
        let actor =
            Actor(entry::log_id(&drive, &own.bind, Plane::Content, &own.content_inc).actor());
        let mut from = 0;
        let mut heads = BTreeSet::new();
        let mut void = HashSet::new();
        let mut was_waiting = Vec::new();
        let mut snapshot_bytes = 0;
        let tree = match log.snapshot()? {
            Some(Snapshot { arrival, bytes }) => {
                let plain = seal.open_snapshot(&bytes)?;
                let body: SnapshotBody =
                    postcard::from_bytes(&plain).map_err(|_| LoadError::Snapshot)?;
                from = arrival;
                snapshot_bytes = bytes.len();
                heads.extend(body.heads);
                void.extend(body.void);
                was_waiting = body.waiting;
                DriveTree::load(&body.document, actor)?
            }
            None => DriveTree::new(actor),
        };
        let mut replica = Self {
            drive,
            own,
            log: log.clone(),
            control,
            tree: Arc::new(RwLock::new(tree)),
            seal,
            last_ctrl: last_control_heads(&log)?,
            heads,
            waiting: Pool::new(WAITING_CAP),
            strangers: Vec::new(),
            strangers_bytes: 0,
            void,
            staged: Staged::default(),
            since_snapshot: 0,
            snapshot_bytes,
        };
        for id in was_waiting {
            if let Some(record) = log.get(&id.0)? {
                replica.replay(&record);
            }
        }
        log.replay(from, |_, record| replica.replay(&record))?;
        // What replaying did is in the record already.
        replica.staged = Staged::default();
        Ok(replica)
    }

    /// The shared view. Only this replica writes to it.
    pub(crate) fn tree(&self) -> Arc<RwLock<DriveTree>> {
        self.tree.clone()
    }

    /// Number of entries that wait for others.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len() + self.strangers.len()
    }

    /// Lets the document take the edits and stages the entries; nothing is durable before `commit`.
    pub(crate) fn edit(&mut self, edits: &[Edit]) -> Result<EditResults, DriveError> {
        if !self.control.may_write() {
            return Err(DriveError::ReadOnly);
        }
        let epoch = self.control.current_epoch().ok_or(DriveError::NoKeys)?;
        let edited = self.tree.write().edit(edits);
        for change in edited.changes {
            let body = ContentBody {
                v: 1,
                time_ms: crate::env::now_ms(),
                changes: vec![peerdrive_crypto::wire::Bytes(change)],
                supersedes: Vec::new(),
            };
            let at = self.own_position(Plane::Content);
            let mut deps = self.heads.clone();
            deps.remove(&EntryId(at.prev));
            let links = Links {
                deps: deps.into_iter().take(entry::MAX_LINKS).collect(),
                ctrl: self.control.heads(),
            };
            let plain = body.to_bytes().map_err(|_| DriveError::TooLarge)?;
            let sealed = content_entry(
                &at,
                entry::kind::EDIT,
                links,
                &epoch,
                &plain,
                &self.own.keys,
                &mut crate::env::rng(),
            )?;
            self.stage(&sealed, sealed.to_bytes());
            self.staged.applied.insert(sealed.id());
            self.advance_heads(&sealed);
            self.staged.own.push(sealed);
        }
        self.staged.events.push(Happened {
            by: None,
            events: edited.events,
        });
        Ok(edited.results)
    }

    /// As `edit`, but only those edits whose condition holds now; `None` for the others.
    pub(crate) fn edit_if(
        &mut self,
        edits: Vec<(Edit, Check)>,
    ) -> Result<EditIfResults, DriveError> {
        let holds: Vec<bool> = {
            let tree = self.tree.read();
            edits
                .iter()
                .map(|(_, check)| check.as_ref().is_none_or(|holds| holds(&tree)))
                .collect()
        };
        let standing: Vec<Edit> = edits
            .into_iter()
            .zip(&holds)
            .filter(|(_, holds)| **holds)
            .map(|((edit, _), _)| edit)
            .collect();
        let mut results = self.edit(&standing)?.into_iter();
        Ok(holds
            .into_iter()
            .map(|holds| if holds { results.next() } else { None })
            .collect())
    }

    /// Stages a control entry made by this device. It takes effect at once.
    pub(crate) fn add_control(&mut self, sealed: Entry) -> Result<(), DriveError> {
        match self.control.insert(sealed.clone()) {
            Taken::New(_) => {}
            Taken::Nothing => {
                return Err(DriveError::Refused("it builds on what is not here".into()));
            }
            Taken::Refused(reason) => return Err(DriveError::Refused(reason)),
        }
        self.settle();
        self.stage(&sealed, sealed.to_bytes());
        self.staged.own.push(sealed);
        Ok(())
    }

    /// Where the next entry of one of this device's logs goes.
    pub(crate) fn own_position(&self, plane: Plane) -> LogPosition {
        let inc = match plane {
            Plane::Control => self.own.control_inc,
            Plane::Content => self.own.content_inc,
        };
        let log = entry::log_id(&self.drive, &self.own.bind, plane, &inc);
        let (seq, prev) = self.tip(&log).map_or((0, log.0), |(len, tip)| (len, tip.0));
        LogPosition {
            drive: self.drive,
            plane,
            bind: self.own.bind,
            inc,
            seq,
            prev,
        }
    }

    /// Takes entries from a peer. What is refused is dropped with a reason in the log of the program;
    /// the rest goes on.
    pub(crate) fn receive(&mut self, entries: Vec<Bytes>) {
        let mut queue: Vec<Bytes> = entries;
        loop {
            let mut news = false;
            for bytes in std::mem::take(&mut queue) {
                news |= self.receive_one(bytes);
            }
            // A new control entry may introduce the authors of entries that came before it.
            if !news || self.strangers.is_empty() {
                break;
            }
            self.strangers_bytes = 0;
            queue = std::mem::take(&mut self.strangers);
        }
        // Entries of this device that it did not have: it was set back, or copied.
        let met: Vec<LogId> = self.staged.others.iter().copied().collect();
        if met.iter().any(|log| self.writes_in(log)) {
            self.reincarnate();
        }
    }

    /// Whether a log is one that this device writes on in.
    pub(crate) fn writes_in(&self, log: &LogId) -> bool {
        [Plane::Control, Plane::Content]
            .into_iter()
            .any(|plane| self.own_position(plane).log_id() == *log)
    }

    /// Goes on in new logs: the present ones hold entries of this device that it does not know, so that
    /// it might use a number twice.
    pub(crate) fn reincarnate(&mut self) {
        tracing::warn!("another has more of this device's own log: going on in new ones");
        let fresh = Incarnations::fresh();
        self.own.control_inc = fresh.control;
        self.own.content_inc = fresh.content;
        let log = self.own_position(Plane::Content).log_id();
        self.tree.write().set_actor(Actor(log.actor()));
        self.keep_incarnations();
    }

    fn keep_incarnations(&mut self) {
        let now = Incarnations {
            control: self.own.control_inc,
            content: self.own.content_inc,
        };
        if let Ok(bytes) = now.to_bytes() {
            let note = self.seal.note(Space::Config, INCARNATIONS_KEY, &bytes);
            self.staged.batch.notes.push(note);
        }
    }

    /// Makes everything staged durable. On an error nothing of it happened: the caller drops the
    /// replica's memory by `reload`.
    pub(crate) fn commit(&mut self) -> Result<Committed, AppendError> {
        let staged = std::mem::take(&mut self.staged);
        if staged.batch.records.is_empty() && staged.batch.notes.is_empty() {
            return Ok(Committed::default());
        }
        self.log.append(&staged.batch)?;
        if !staged.own.is_empty() {
            self.own.high.rise(self.log.arrivals());
        }
        self.since_snapshot += staged
            .batch
            .records
            .iter()
            .map(|record| record.bytes.len())
            .sum::<usize>();
        let own: HashSet<EntryId> = staged.own.iter().map(Entry::id).collect();
        Ok(Committed {
            happened: staged.events,
            own: staged
                .batch
                .records
                .into_iter()
                .filter(|record| own.contains(&EntryId(record.id)))
                .collect(),
            grown: staged.others.into_iter().collect(),
            control_changed: staged.control_changed,
        })
    }

    /// Writes a snapshot if enough was appended since the last one, or in any case if `now`.
    pub(crate) fn snapshot_if_due(&mut self, now: bool) -> Result<(), DriveError> {
        let due = self.since_snapshot > SNAPSHOT_AFTER_BYTES.max(self.snapshot_bytes / 4);
        if !(due || now && self.since_snapshot > 0) {
            return Ok(());
        }
        let body = SnapshotBody {
            v: 1,
            heads: self.heads.iter().copied().collect(),
            void: self.void.iter().copied().collect(),
            waiting: self.waiting.ids().copied().collect(),
            document: self.tree.write().save(),
        };
        let plain = postcard::to_stdvec(&body).map_err(|_| DriveError::TooLarge)?;
        let bytes = self.seal.close_snapshot(&plain);
        self.snapshot_bytes = bytes.len();
        self.since_snapshot = 0;
        let snapshot = Some(Snapshot {
            arrival: self.log.arrivals(),
            bytes,
        });
        Ok(self.log.append(&Batch {
            snapshot,
            ..Batch::default()
        })?)
    }

    /// Goes back to what is on disk, after a write that failed.
    pub(crate) fn reload(&mut self) -> Result<(), LoadError> {
        let own = Own {
            keys: self.own.keys.clone(),
            high: self.own.high.clone(),
            ..self.own
        };
        let control = self.control.emptied();
        let mut fresh = Replica::load(
            self.drive,
            own,
            self.log.clone(),
            self.seal.clone(),
            control,
        )?;
        // Doors hold the lock, not what is in it.
        std::mem::swap(&mut *self.tree.write(), &mut *fresh.tree.write());
        fresh.tree = self.tree.clone();
        *self = fresh;
        // Should the write that failed have been to keep new incarnations, the next one keeps them.
        self.keep_incarnations();
        Ok(())
    }

    /// Where each content log ends for this device: its device, the last entry's number and id.
    pub(crate) fn frontier(&self) -> Vec<(LogId, BindId, u64, EntryId)> {
        let mut ends = Vec::new();
        for tip in self.log.tips() {
            let last = self.log.get(&tip.tip).ok().flatten();
            if let Some(entry) = last.and_then(|record| Entry::decode(&record.bytes).ok())
                && entry.header.plane == Plane::Content
            {
                let seq = entry.header.seq;
                ends.push((entry.log_id(), entry.header.bind, seq, entry.id()));
            }
        }
        ends
    }

    /// After control entries came in: this device may act under another id now.
    fn settle(&mut self) {
        self.control.catch_up();
        self.staged.control_changed = true;
        let bind = self.control.settle_bind();
        if bind != self.own.bind {
            self.own.bind = bind;
            let log = self.own_position(Plane::Content).log_id();
            self.tree.write().set_actor(Actor(log.actor()));
        }
    }

    fn tip(&self, log: &LogId) -> Option<(u64, EntryId)> {
        self.staged
            .tips
            .get(log)
            .copied()
            .or_else(|| self.log.tip(&log.0).map(|tip| (tip.len, EntryId(tip.tip))))
    }

    fn stage(&mut self, entry: &Entry, bytes: Vec<u8>) {
        let (log, id) = (entry.log_id(), entry.id());
        self.staged.tips.insert(log, (entry.header.seq + 1, id));
        self.staged.batch.records.push(Record {
            log: log.0,
            seq: entry.header.seq,
            id: id.0,
            bytes,
        });
    }

    /// Returns whether something came in that entries held back may wait for.
    fn receive_one(&mut self, bytes: Bytes) -> bool {
        match Entry::decode(&bytes) {
            Ok(entry) if entry.header.plane == Plane::Control => self.receive_control(entry),
            Ok(entry) => self.receive_content(entry, bytes),
            Err(reason) => {
                tracing::warn!(%reason, "an entry was refused");
                false
            }
        }
    }

    fn receive_control(&mut self, entry: Entry) -> bool {
        let new = match self.control.insert(entry) {
            Taken::New(ids) => ids,
            Taken::Nothing => return false,
            Taken::Refused(reason) => {
                tracing::warn!(%reason, "a control entry was refused");
                return false;
            }
        };
        self.settle();
        for id in new {
            let Some(entry) = self.control.control.entry(&id).cloned() else {
                continue;
            };
            let log = entry.log_id();
            // The second of two entries with one number counts, but has no place in the record: it
            // stays in memory, and comes again from whoever has it.
            if entry.header.seq == self.tip(&log).map_or(0, |(len, _)| len) {
                self.stage(&entry, entry.to_bytes());
                self.staged.others.insert(log);
            }
        }
        true
    }

    fn receive_content(&mut self, entry: Entry, bytes: Bytes) -> bool {
        let log = entry.log_id();
        let (len, tip) = self.tip(&log).unwrap_or((0, EntryId(log.0)));
        if entry.header.seq < len || self.is_stranger(&bytes) {
            return false;
        }
        if entry.header.seq > len {
            // Sent out of order: looked at again when more has come.
            self.hold_stranger(bytes);
            return false;
        }
        if entry.header.prev != tip.0 {
            tracing::warn!(log = %log, seq = len, "an entry does not continue its log");
            return false;
        }
        let prev_ctrl = self.last_ctrl.get(&log).cloned().unwrap_or_default();
        let record = &self.log;
        let mut on_chain = |cut: &EntryId| {
            // The log here is one chain: the cut is on it if it is in the record further on, or is
            // the entry itself. One that is not here yet cannot be told apart from a fork.
            *cut == entry.id()
                || record
                    .get(&cut.0)
                    .ok()
                    .flatten()
                    .is_some_and(|at| at.log == log.0)
        };
        match self.control.admits(&entry, &prev_ctrl, &mut on_chain) {
            Admits::No(reason) => {
                tracing::warn!(%reason, log = %log, seq = len, "an entry was refused");
                return false;
            }
            Admits::NotYet => {
                self.hold_stranger(bytes);
                return false;
            }
            Admits::Yes => {}
        }
        self.stage(&entry, bytes.to_vec());
        self.staged.others.insert(log);
        self.last_ctrl.insert(log, entry.header.ctrl.clone());
        self.apply_or_wait(entry);
        // A successor may have come first.
        !self.strangers.is_empty()
    }

    fn is_stranger(&self, bytes: &Bytes) -> bool {
        self.strangers.iter().any(|held| held == bytes)
    }

    fn hold_stranger(&mut self, bytes: Bytes) {
        if self.strangers_bytes + bytes.len() <= STRANGERS_CAP {
            self.strangers_bytes += bytes.len();
            self.strangers.push(bytes);
        }
    }

    fn replay(&mut self, record: &Record) {
        match Entry::decode(&record.bytes) {
            Ok(entry) if entry.header.plane == Plane::Content => {
                self.since_snapshot += record.bytes.len();
                self.apply_or_wait(entry);
            }
            Ok(_) => {}
            Err(reason) => tracing::error!(%reason, "a stored entry cannot be read"),
        }
    }

    /// Applies the entry, and whatever waited for it, or files it under what it waits for.
    fn apply_or_wait(&mut self, entry: Entry) {
        let mut ready = vec![entry];
        while let Some(entry) = ready.pop() {
            let id = entry.id();
            match self.missing(&entry) {
                Some(missing) => {
                    self.waiting.hold(id, entry.body.len(), missing, entry);
                }
                None => {
                    if self.apply(&entry) {
                        self.staged.applied.insert(id);
                        self.advance_heads(&entry);
                    } else {
                        self.void.insert(id);
                    }
                    ready.extend(self.waiting.release(&id));
                }
            }
        }
    }

    /// The first ancestor that is not applied.
    fn missing(&self, entry: &Entry) -> Option<EntryId> {
        entry
            .header
            .deps
            .iter()
            .copied()
            .chain(entry.header.predecessor())
            .find(|id| !self.is_applied(id))
    }

    fn is_applied(&self, id: &EntryId) -> bool {
        if self.void.contains(id) || self.waiting.contains(id) {
            return false;
        }
        self.staged.applied.contains(id) || self.log.contains(&id.0).unwrap_or(false)
    }

    /// Opens the body and lets the document take the change. `false` if the entry is void.
    fn apply(&mut self, entry: &Entry) -> bool {
        let by = self.control.member_of(&entry.header.bind);
        match self.apply_body(entry) {
            Ok(events) => {
                self.staged.events.push(Happened { by, events });
                true
            }
            Err(reason) => {
                tracing::warn!(%reason, entry = %entry.id(), "an entry is void");
                false
            }
        }
    }

    fn apply_body(&mut self, entry: &Entry) -> Result<Vec<TreeEvent>, VoidReason> {
        let keys = self
            .control
            .epoch(&entry.header.epoch)
            .ok_or(VoidReason::NoKeys)?;
        let plain = entry.open_body(&keys).map_err(|_| VoidReason::Sealed)?;
        let body = ContentBody::decode(&plain).map_err(|_| VoidReason::Body)?;
        // One change an entry, so that an entry is applied whole or not at all.
        let [change] = body.changes.as_slice() else {
            return Err(VoidReason::Body);
        };
        let author = Author {
            actor: Actor(entry.log_id().actor()),
            seq: entry.header.seq + 1,
        };
        Ok(self.tree.write().apply(change, &author)?)
    }

    fn advance_heads(&mut self, entry: &Entry) {
        for dep in &entry.header.deps {
            self.heads.remove(dep);
        }
        if let Some(before) = entry.header.predecessor() {
            self.heads.remove(&before);
        }
        self.heads.insert(entry.id());
    }
}

/// Why a stored entry has no effect.
#[derive(Debug, thiserror::Error)]
enum VoidReason {
    #[error("its epoch's keys are not here")]
    NoKeys,
    #[error("its body does not open")]
    Sealed,
    #[error("its body is not one this version knows")]
    Body,
    #[error(transparent)]
    Change(#[from] ApplyError),
}

/// Reads every control log into the control plane. They are few and small.
fn load_control(log: &DriveLog, control: &mut ControlPlane) -> Result<(), LoadError> {
    let mut known = 0;
    let mut taken = 0;
    for tip in log.tips() {
        let Some(first) = log.read(&tip.log, 0, 1)?.pop() else {
            continue;
        };
        if Entry::decode(&first.bytes).is_ok_and(|entry| entry.header.plane == Plane::Content) {
            continue;
        }
        for record in log.read(&tip.log, 0, usize::MAX)? {
            known += 1;
            let entry = Entry::decode(&record.bytes).map_err(|_| LoadError::Control)?;
            // Logs refer to each other: what comes too early is held back, and released in time.
            match control.insert(entry) {
                Taken::New(ids) => taken += ids.len(),
                Taken::Nothing => {}
                Taken::Refused(_) => return Err(LoadError::Control),
            }
        }
    }
    control.catch_up();
    if known == taken && known > 0 {
        Ok(())
    } else {
        Err(LoadError::Control)
    }
}

fn last_control_heads(log: &DriveLog) -> Result<HashMap<LogId, Vec<EntryId>>, LoadError> {
    let mut heads = HashMap::new();
    for tip in log.tips() {
        if let Some(last) = log.get(&tip.tip)?
            && let Ok(entry) = Entry::decode(&last.bytes)
            && entry.header.plane == Plane::Content
        {
            heads.insert(LogId(tip.log), entry.header.ctrl);
        }
    }
    Ok(heads)
}

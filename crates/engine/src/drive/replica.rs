//! One drive's state on this device: its record, who may write, and the document, kept in step. Turns
//! edits into durable entries and entries into events. Synchronous; knows no thread, socket or door.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;
use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::event::TreeEvent;
use peerdrive_crdt_tree::id::Actor;
use peerdrive_crdt_tree::tree::DriveTree;
use peerdrive_crypto::body::ContentBody;
use peerdrive_crypto::entry::{self, Entry, Links, LogPosition, Plane, content_entry};
use peerdrive_crypto::fork::{Forks, Place};
use peerdrive_crypto::identity::DriveKeys;
use peerdrive_crypto::ids::{BindId, DriveId, EntryId, LogId, MemberId};
use peerdrive_log::{AppendError, Batch, DriveLog, Note, Record, Snapshot};
use serde::{Deserialize, Serialize};

use super::admission::{Progress, Stop};
use super::branches::{self, Slot, Stored};
use super::checkpoint::Known;
use super::control::{Admits, ControlPlane, Taken};
use super::error::{DriveError, LoadError};
use super::ground::{Disproved, Ground};
use super::request::{Check, EditIfResults, EditResults};
use crate::failpoint;
use crate::incarnation::HighWater;
use crate::local::{Seal, Space};
use crate::open::{INCARNATIONS_KEY, Incarnations};

/// Most bytes of entries whose author is not known yet. They are only in memory: whoever sent them has
/// them still.
const STRANGERS_CAP: usize = 16 << 20;

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
    pub(super) tree: Arc<RwLock<DriveTree>>,
    /// The document that is to show next, while it is being built.
    pub(super) building: Option<DriveTree>,
    /// What shows instead, on the word of a checkpoint.
    pub(super) ground: Option<Ground>,
    /// The last checkpoint of each device that may vouch, those that claim most first.
    pub(super) checkpoints: Vec<Known>,
    /// One that was not true.
    pub(super) disproved: Option<Disproved>,
    pub(super) seal: Arc<Seal>,
    /// How far each stored content log, and branch of one, is applied.
    pub(super) contents: HashMap<LogId, Progress>,
    /// Where logs of either plane part.
    pub(super) parted: BTreeSet<Place>,
    /// Which branches of content logs count.
    pub(super) forks: Forks,
    /// How much of each content log was weighed for that, and with how many control entries.
    pub(super) weighed: HashMap<LogId, u64>,
    pub(super) weighed_with: usize,
    /// Logs whose next entry builds on an entry that is not applied.
    pub(super) waiters: HashMap<EntryId, Vec<LogId>>,
    /// Logs whose next entry holds a change that builds on one that is not in the document.
    pub(super) lacking: BTreeSet<LogId>,
    /// Applied content entries that no applied entry builds on.
    pub(super) heads: BTreeSet<EntryId>,
    /// Own entries that others of this device stand for.
    pub(super) superseded: HashSet<EntryId>,
    /// Entries of authors or control heads that are not known yet.
    strangers: Vec<Bytes>,
    strangers_bytes: usize,
    /// What the next commit writes.
    pub(super) staged: Staged,
    pub(super) since_snapshot: usize,
    /// The last snapshot holds what no longer counts.
    pub(super) snapshot_wanted: bool,
    snapshot_bytes: usize,
}

#[derive(Debug, Default)]
pub(super) struct Staged {
    pub(super) batch: Batch,
    pub(super) tips: HashMap<LogId, (u64, EntryId)>,
    /// Where in the batch each entry is, by id and by place.
    pub(super) places: HashMap<EntryId, (LogId, u64)>,
    pub(super) index: HashMap<(LogId, u64), usize>,
    pub(super) events: Vec<Happened>,
    pub(super) own: Vec<Entry>,
    /// Logs and branches that others wrote in, or that have another length now.
    pub(super) others: BTreeSet<LogId>,
    control_changed: bool,
    /// The document was built anew.
    pub(super) reloaded: bool,
}

impl Staged {
    /// The notes that the next commit writes.
    pub(super) fn notes(&self) -> Vec<Note> {
        self.batch.notes.clone()
    }
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
    /// What shows was built anew: doors compare all of it.
    pub(crate) reloaded: bool,
}

/// Version of [`SnapshotBody`].
const SNAPSHOT: u8 = 2;

#[derive(Serialize, Deserialize)]
struct SnapshotBody {
    v: u8,
    heads: Vec<EntryId>,
    /// How many of the first entries of each log are in it, with the last of them.
    applied: Vec<(LogId, u64, EntryId)>,
    superseded: Vec<EntryId>,
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
        let stored = branches::stored(&log)?;
        load_control(&log, &stored, &mut control)?;
        own.bind = control.settle_bind();
        let actor =
            Actor(entry::log_id(&drive, &own.bind, Plane::Content, &own.content_inc).actor());
        let mut replica = Self {
            drive,
            contents: HashMap::new(),
            parted: BTreeSet::new(),
            forks: Forks::default(),
            weighed: HashMap::new(),
            weighed_with: 0,
            own,
            log: log.clone(),
            control,
            tree: Arc::new(RwLock::new(DriveTree::new(actor))),
            building: None,
            ground: None,
            checkpoints: Vec::new(),
            disproved: None,
            seal,
            waiters: HashMap::new(),
            lacking: BTreeSet::new(),
            heads: BTreeSet::new(),
            superseded: HashSet::new(),
            strangers: Vec::new(),
            strangers_bytes: 0,
            staged: Staged::default(),
            since_snapshot: 0,
            snapshot_wanted: false,
            snapshot_bytes: 0,
        };
        replica.find_branches(&stored);
        replica.decide();
        if let Some(Snapshot { bytes, .. }) = log.snapshot()? {
            replica.take_snapshot(&bytes, actor)?;
        }
        let mut logs: Vec<LogId> = replica.contents.keys().copied().collect();
        logs.sort_unstable();
        for log in logs {
            replica.advance(log, None);
        }
        replica.find_checkpoints();
        replica.find_ground();
        // What this did is in the record already.
        replica.staged = Staged::default();
        // Where an own log parted, its length is no longer what was signed in it.
        if replica.parted.iter().any(|(log, _)| replica.writes_in(log)) {
            replica.reincarnate();
        }
        Ok(replica)
    }

    /// Begins from the snapshot, unless there is in it what no longer counts: then from nothing.
    fn take_snapshot(&mut self, sealed: &[u8], actor: Actor) -> Result<(), LoadError> {
        let plain = self.seal.open_snapshot(sealed)?;
        // Of an older program: everything in it is in the record too.
        let Ok(body) = postcard::from_bytes::<SnapshotBody>(&plain) else {
            return Ok(());
        };
        let reached = self.reached(&body.applied).filter(|_| body.v == SNAPSHOT);
        let Some(reached) = reached else {
            self.snapshot_wanted = true;
            return Ok(());
        };
        *self.tree.write() = DriveTree::load(&body.document, actor)?;
        self.snapshot_bytes = sealed.len();
        self.heads.extend(body.heads);
        self.superseded.extend(body.superseded);
        for (log, (applied, tip)) in reached {
            if let Some(progress) = self.contents.get_mut(&log) {
                progress.applied = applied;
                progress.tip = tip;
            }
        }
        Ok(())
    }

    /// How far each log and branch is applied in a snapshot that ends with these entries. `None` if some
    /// of it no longer counts. A log may have parted since, and go by other names.
    fn reached(&self, applied: &[(LogId, u64, EntryId)]) -> Option<HashMap<LogId, (u64, EntryId)>> {
        let mut reached: HashMap<LogId, (u64, EntryId)> = HashMap::new();
        for (_, _, tip) in applied {
            let mut last = Some(*tip);
            while let Some(tip) = last {
                let (name, at) = self.place(&tip)?;
                let here = self.contents.get(&name)?;
                if here.loses || at >= self.limit(&name) {
                    return None;
                }
                let known = reached.entry(name).or_insert((0, tip));
                if known.0 > at {
                    break;
                }
                *known = (at + 1, tip);
                last = here.before;
            }
        }
        Some(reached)
    }

    /// The shared view. Only this replica writes to it.
    pub(crate) fn tree(&self) -> Arc<RwLock<DriveTree>> {
        self.tree.clone()
    }

    /// Number of entries that wait for others.
    pub(crate) fn waiting(&self) -> usize {
        let mut count = self.strangers.len();
        for (log, progress) in &self.contents {
            let waits = matches!(progress.stop, Stop::Waits(_) | Stop::Keys);
            if waits && !self.is_dead_from(progress, &mut HashSet::new()) {
                let len = self.tip(log).map_or(0, |(len, _)| len);
                count += usize::try_from(len.saturating_sub(progress.applied)).unwrap_or(0);
            }
        }
        count
    }

    /// Lets the document take the edits and stages the entries; nothing is durable before `commit`.
    pub(crate) fn edit(&mut self, edits: &[Edit]) -> Result<EditResults, DriveError> {
        if !self.control.may_write() {
            return Err(DriveError::ReadOnly);
        }
        self.control.current_epoch().ok_or(DriveError::NoKeys)?;
        if self.ground.is_none() {
            self.clean_log();
        }
        let edited = self.tree.write().edit(edits);
        self.stage_changes(edited.changes, &[])?;
        self.staged.events.push(Happened {
            by: None,
            events: edited.events,
        });
        Ok(edited.results)
    }

    /// Seals a body as the next entry of this device's content log.
    pub(super) fn seal_content(&self, body: &ContentBody) -> Result<Entry, DriveError> {
        let epoch = self.control.current_epoch().ok_or(DriveError::NoKeys)?;
        let at = self.own_position(Plane::Content);
        let shown = self.ground.as_ref().map(|ground| &ground.heads);
        let mut deps = shown.unwrap_or(&self.heads).clone();
        deps.remove(&EntryId(at.prev));
        let links = Links {
            deps: deps.into_iter().take(entry::MAX_LINKS).collect(),
            ctrl: self.control.heads(),
        };
        let plain = body.to_bytes().map_err(|_| DriveError::TooLarge)?;
        Ok(content_entry(
            &at,
            entry::kind::EDIT,
            links,
            &epoch,
            &plain,
            &self.own.keys,
            &mut crate::env::rng(),
        )?)
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
        self.keep(&sealed, sealed.to_bytes())?;
        self.staged.own.push(sealed);
        self.settle();
        self.reconcile();
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
        let known = self.control.control.len();
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
        if self.control.control.len() != known || !self.forks.is_empty() {
            self.reconcile();
        }
        self.show_more();
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
            || self.checkpoint_position().log_id() == *log
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

    pub(super) fn keep_incarnations(&mut self) {
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
        let own_edits = staged
            .own
            .iter()
            .any(|own| own.header.kind == entry::kind::EDIT);
        if own_edits {
            failpoint::pass("record.staged");
        }
        self.log.append(&staged.batch)?;
        if own_edits {
            failpoint::pass("record.written");
        }
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
            reloaded: staged.reloaded,
        })
    }

    /// Writes a snapshot if enough was appended since the last one, or in any case if `now`.
    pub(crate) fn snapshot_if_due(&mut self, now: bool) -> Result<(), DriveError> {
        let due = self.since_snapshot > SNAPSHOT_AFTER_BYTES.max(self.snapshot_bytes / 4);
        if !(due || self.snapshot_wanted || now && self.since_snapshot > 0) {
            return Ok(());
        }
        let body = SnapshotBody {
            v: SNAPSHOT,
            heads: self.heads.iter().copied().collect(),
            applied: self
                .contents
                .iter()
                .filter(|(_, progress)| progress.applied > 0)
                .map(|(log, progress)| (*log, progress.applied, progress.tip))
                .collect(),
            superseded: self.superseded.iter().copied().collect(),
            document: match &mut self.building {
                // What counts, not what a checkpoint says.
                Some(built) => built.save(),
                None => self.tree.write().save(),
            },
        };
        let plain = postcard::to_stdvec(&body).map_err(|_| DriveError::TooLarge)?;
        let bytes = self.seal.close_snapshot(&plain);
        self.snapshot_bytes = bytes.len();
        self.since_snapshot = 0;
        self.snapshot_wanted = false;
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

    /// Where each content log ends for this device: its device, the last applied entry's number and id.
    pub(crate) fn frontier(&self) -> Vec<(LogId, BindId, u64, EntryId)> {
        let mut ends: HashMap<LogId, (LogId, BindId, u64, EntryId)> = HashMap::new();
        for own in self.contents.values().filter(|own| own.applied > 0) {
            let seq = own.first + own.applied - 1;
            // Of a log that parted, the branches that count follow each other.
            let end = ends
                .entry(own.log)
                .or_insert((own.log, own.bind, seq, own.tip));
            if end.2 < seq {
                *end = (own.log, own.bind, seq, own.tip);
            }
        }
        ends.into_values().collect()
    }

    /// An entry by its place, stored or about to be.
    pub(super) fn entry_at(&self, log: &LogId, seq: u64) -> Option<Entry> {
        let bytes = match self.staged.index.get(&(*log, seq)) {
            Some(at) => self.staged.batch.records.get(*at)?.bytes.clone(),
            None if self.log.tip(&log.0).is_none_or(|tip| seq >= tip.len) => return None,
            None => self.log.read(&log.0, seq, 1).ok()?.pop()?.bytes,
        };
        match Entry::decode(&bytes) {
            Ok(entry) => Some(entry),
            Err(reason) => {
                tracing::error!(%reason, "a stored entry cannot be read");
                None
            }
        }
    }

    /// Where an entry is, stored or about to be.
    pub(super) fn place(&self, id: &EntryId) -> Option<(LogId, u64)> {
        let staged = self.staged.places.get(id).copied();
        staged.or_else(|| {
            let (log, seq) = self.log.place(&id.0).ok()??;
            Some((LogId(log), seq))
        })
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

    pub(super) fn tip(&self, log: &LogId) -> Option<(u64, EntryId)> {
        self.staged
            .tips
            .get(log)
            .copied()
            .or_else(|| self.log.tip(&log.0).map(|tip| (tip.len, EntryId(tip.tip))))
    }

    /// Adds an entry to what the next commit writes, at its place.
    pub(super) fn stage(&mut self, name: LogId, at: u64, entry: &Entry, bytes: Vec<u8>) {
        self.staged.add(Record {
            log: name.0,
            seq: at,
            id: entry.id().0,
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
        let id = entry.id();
        let new = match self.control.insert(entry) {
            Taken::New(ids) => ids,
            // Known, but not in the record: what kept it out may be over.
            Taken::Nothing
                if self.control.control.entry(&id).is_some() && self.place(&id).is_none() =>
            {
                vec![id]
            }
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
            match self.keep(&entry, entry.to_bytes()) {
                Ok(name) => self.staged.others.extend(name),
                Err(error) => tracing::error!(%error, "an entry could not be given a place"),
            }
        }
        true
    }

    fn receive_content(&mut self, entry: Entry, bytes: Bytes) -> bool {
        if self.is_stranger(&bytes) {
            return false;
        }
        match self.slot(&entry) {
            Slot::Known => return false,
            Slot::Early => {
                // Sent out of order, or of a branch whose beginning is not here: looked at again when
                // more has come.
                self.hold_stranger(bytes);
                return false;
            }
            Slot::Wrong => {
                tracing::warn!(entry = %entry.id(), "an entry does not continue its log");
                return false;
            }
            Slot::Next(..) | Slot::Parts(..) | Slot::Beside => {}
        }
        let before = entry.header.predecessor();
        let prev_ctrl = before
            .and_then(|before| self.place(&before))
            .and_then(|(log, seq)| self.entry_at(&log, seq))
            .map(|entry| entry.header.ctrl)
            .unwrap_or_default();
        match self.control.admits(&entry, &prev_ctrl) {
            Admits::No(reason) => {
                tracing::warn!(%reason, entry = %entry.id(), "an entry was refused");
                return false;
            }
            Admits::NotYet => {
                self.hold_stranger(bytes);
                return false;
            }
            Admits::Yes => {}
        }
        match self.keep(&entry, bytes.to_vec()) {
            Ok(Some(name)) => {
                self.staged.others.insert(name);
                self.note_checkpoint(&entry);
                self.advance(name, Some(entry));
                // A successor may have come first.
                !self.strangers.is_empty()
            }
            Ok(None) => false,
            Err(error) => {
                // It comes again from whoever has it.
                tracing::error!(%error, "an entry could not be given a place");
                false
            }
        }
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
}

/// Reads every control log into the control plane. They are few and small.
fn load_control(
    log: &DriveLog,
    stored: &[Stored],
    control: &mut ControlPlane,
) -> Result<(), LoadError> {
    let mut known = 0;
    let mut taken = 0;
    for Stored { name, first } in stored {
        if first.header.plane == Plane::Content {
            continue;
        }
        for record in log.read(&name.0, 0, usize::MAX)? {
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
    if taken == 0 {
        return Err(LoadError::Control);
    }
    if known != taken {
        // They count once what they build on comes from a peer; the drive opens without them.
        tracing::error!(
            known,
            taken,
            "control entries build on some that are not in the record"
        );
    }
    Ok(())
}

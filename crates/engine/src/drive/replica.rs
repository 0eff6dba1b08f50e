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

use super::admission::{Progress, Stop};
use super::branches::{self, Stored};
use super::checkpoint::Known;
use super::control::{ControlPlane, Taken};
use super::error::{DriveError, LoadError};
use super::ground::{Disproved, Ground};
use super::request::{Check, EditIfResults, EditResults};
use crate::failpoint;
use crate::incarnation::HighWater;
use crate::local::{Seal, Space};
use crate::open::{INCARNATIONS_KEY, Incarnations};

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
    /// The record has what is stood on, or is about to be.
    pub(super) ground_kept: bool,
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
    pub(super) strangers: Vec<Bytes>,
    pub(super) strangers_bytes: usize,
    /// What the next commit writes.
    pub(super) staged: Staged,
    pub(super) since_snapshot: usize,
    /// The last snapshot holds what no longer counts.
    pub(super) snapshot_wanted: bool,
    pub(super) snapshot_bytes: usize,
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
    pub(super) control_changed: bool,
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
            ground_kept: false,
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
            return Ok(Committed {
                reloaded: staged.reloaded,
                ..Committed::default()
            });
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

//! What shows between joining and having judged every entry: a document that an admin's checkpoint vouches
//! for, with what came since. Knows no peer and no blob.
//!
//! The entries are judged all the while, exactly as without a checkpoint, and make a second document. Only
//! that one is believed in the end: when it has come as far as the checkpoint, the two are compared change
//! by change, and it takes the other's place whatever comes of it. What was written here meanwhile is of
//! this device's log from the beginning; where its ground turns out to be false it is made again.

use std::collections::{BTreeSet, HashMap};

use peerdrive_crdt_tree::id::Actor;
use peerdrive_crdt_tree::tree::{Changes, DriveTree, LoadError as TreeLoadError};
use peerdrive_crypto::aead::OpenFailed;
use peerdrive_crypto::checkpoint::{CheckpointBody, accumulate};
use peerdrive_crypto::entry::{Entry, Plane, kind};
use peerdrive_crypto::ids::{BindId, DriveId, EntryId, LogId};
use peerdrive_log::{Note, ReadError};
use serde::{Deserialize, Serialize};

use super::admission::{Stop, author_of};
use super::checkpoint::{Known, ids};
use super::replica::{Happened, Replica};
use crate::local::{LocalTable, Space};
use crate::working_copy::Problem;

const GROUND_KEY: &[u8] = b"ground";
const DISPROVED_KEY: &[u8] = b"disproved";

/// See the module.
#[derive(Debug)]
pub(crate) struct Ground {
    known: Known,
    /// How many entries of each log the checkpoint covers, with the last of them.
    frontier: HashMap<LogId, (u64, EntryId)>,
    /// The changes that its document holds.
    changes: Changes,
    /// How many entries of each log show, where that is more than it covers.
    shown: HashMap<LogId, u64>,
    /// Entries that show and that no other that shows builds on.
    pub(super) heads: BTreeSet<EntryId>,
}

/// The document of a checkpoint, opened and found to be what the checkpoint says of it.
#[derive(Debug)]
pub(crate) struct Loaded {
    tree: DriveTree,
    changes: Changes,
}

/// Why a snapshot is not what its checkpoint says.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    /// A part is missing, or of something else.
    #[error("a part of the snapshot does not open")]
    Sealed(#[from] OpenFailed),
    /// It is no document of a drive.
    #[error(transparent)]
    Document(#[from] TreeLoadError),
    /// It has other heads.
    #[error("the snapshot has other heads than the checkpoint says")]
    Heads,
    /// It holds changes that no entry up to the frontier can hold, or lacks some.
    #[error("the snapshot does not hold the changes of the logs that the checkpoint names")]
    Changes,
}

/// A checkpoint that the entries do not bear out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Disproved {
    /// The signed entry, which is kept in the record: the proof.
    pub(crate) checkpoint: EntryId,
    /// The device that signed it.
    pub(crate) by: BindId,
    /// Whether the entries say something else; or else some that it names were never found.
    pub(crate) proved: bool,
}

/// What comparing showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The entries make exactly this document.
    Holds,
    /// They do not.
    Differs,
    /// Some that it covers are nowhere to be found.
    Missing,
    /// What the checkpoint covers counts no longer, for reasons that its author need not have known.
    Overtaken,
}

impl Loaded {
    /// Looks at the document that was in the parts of a checkpoint's snapshot.
    pub(crate) fn read(
        drive: &DriveId,
        body: &CheckpointBody,
        document: &[u8],
    ) -> Result<Self, SnapshotError> {
        // Nobody writes under it.
        let tree = DriveTree::load_foreign(document, body.changes, Actor([0xff; 16]))?;
        if tree.heads() != body.heads {
            return Err(SnapshotError::Heads);
        }
        let changes = tree.changes();
        let fits = changes.len() == body.frontier.len()
            && body.frontier.iter().all(|reached| {
                let actor = Actor(reached.log(drive).actor());
                let own = changes.get(&actor).map_or(0, Vec::len);
                own as u64 == reached.seq + 1
            });
        if !fits {
            return Err(SnapshotError::Changes);
        }
        Ok(Self { tree, changes })
    }
}

impl Ground {
    fn of(drive: &DriveId, known: Known, changes: Changes) -> Self {
        let frontier = known.body.frontier.iter();
        Self {
            frontier: frontier
                .map(|reached| (reached.log(drive), (reached.seq + 1, reached.entry)))
                .collect(),
            heads: known.entry.header.deps.iter().copied().collect(),
            shown: HashMap::new(),
            changes,
            known,
        }
    }

    /// How many entries of a log show.
    fn shown(&self, log: &LogId) -> u64 {
        let covered = || self.frontier.get(log).map(|(len, _)| *len);
        self.shown.get(log).copied().or_else(covered).unwrap_or(0)
    }

    /// Notes that an entry shows.
    pub(super) fn show(&mut self, entry: &Entry) {
        for link in entry
            .header
            .deps
            .iter()
            .copied()
            .chain(entry.header.predecessor())
        {
            self.heads.remove(&link);
        }
        self.heads.insert(entry.id());
        self.shown.insert(entry.log_id(), entry.header.seq + 1);
    }
}

impl Replica {
    /// Keeps what is about to be stood on, before it was looked at, which takes longer: whoever starts again looks
    /// at it again.
    pub(crate) fn keep_ground(&mut self, entry: &Entry, document: &[u8]) {
        let entry = entry.to_bytes();
        let mut note = (entry.len() as u32).to_le_bytes().to_vec();
        note.reserve_exact(entry.len() + document.len());
        note.extend(entry);
        note.extend(document);
        let note = self.seal.note(Space::Config, GROUND_KEY, &note);
        self.staged.batch.notes.push(note);
        self.ground_kept = true;
    }

    /// Strikes what was kept, if nothing stands on it after a start: it was not what it should be.
    pub(crate) fn forget_false_ground(&mut self) {
        if self.ground.is_none() {
            self.forget_ground();
        }
    }

    /// It is not stood on.
    pub(crate) fn forget_ground(&mut self) {
        if std::mem::take(&mut self.ground_kept) {
            self.staged.batch.notes.push(Note {
                value: None,
                ..self.seal.note(Space::Config, GROUND_KEY, &[])
            });
        }
    }

    /// Shows the document of a checkpoint from now on, while the entries are judged. Nothing happens, and
    /// `false` is returned, if the checkpoint is not to be begun from any more, or its document is not kept.
    pub(crate) fn stand_on(&mut self, known: Known, loaded: Loaded) -> bool {
        if self.ground.is_some() {
            return false;
        }
        if !self.ground_kept || !self.has_written_nothing() || !self.can_stand_on(&known) {
            self.forget_ground();
            return false;
        }
        self.take_ground(known, loaded);
        self.staged.events.clear();
        self.staged.reloaded = true;
        true
    }

    fn take_ground(&mut self, known: Known, loaded: Loaded) {
        let Loaded { mut tree, changes } = loaded;
        self.ground_kept = true;
        tree.set_actor(Actor(self.own_position(Plane::Content).log_id().actor()));
        let mut building = std::mem::replace(&mut *self.tree.write(), tree);
        building.hide();
        self.building = Some(building);
        self.ground = Some(Ground::of(&self.drive, known, changes));
        self.show_more();
    }

    /// Stands again on what this device stood on when it stopped.
    pub(super) fn find_ground(&mut self) {
        let local = LocalTable::new(self.log.clone(), self.seal.clone());
        match local.get(Space::Config, DISPROVED_KEY) {
            Ok(Some(bytes)) => self.disproved = postcard::from_bytes(&bytes).ok(),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "a note cannot be read"),
        }
        let Ok(Some(note)) = local.get(Space::Config, GROUND_KEY) else {
            return;
        };
        if let Err(error) = self.stand_again(&note) {
            // The entries are judged anyway: more shows as they come.
            tracing::warn!(%error, "the snapshot that was joined by cannot be read");
            self.ground_kept = true;
        }
    }

    fn stand_again(&mut self, note: &[u8]) -> Result<(), SnapshotError> {
        let parts = note.split_first_chunk::<4>().and_then(|(len, rest)| {
            rest.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)
        });
        let (entry, document) = parts.ok_or(OpenFailed)?;
        let entry = Entry::decode(entry).map_err(|_| OpenFailed)?;
        let plain = self.plain_of(&entry).map_err(|_| OpenFailed)?;
        let body = CheckpointBody::decode(&plain).map_err(|_| OpenFailed)?;
        let loaded = Loaded::read(&self.drive, &body, document)?;
        self.take_ground(Known { entry, body }, loaded);
        Ok(())
    }

    /// How much of what is shown on the word of a checkpoint was judged, in hundredths. `None` if nothing is.
    pub(crate) fn verified(&self) -> Option<u8> {
        let ground = self.ground.as_ref()?;
        let all: u64 = ground.frontier.values().map(|(len, _)| len).sum();
        let judged = ground.frontier.iter().map(|(log, (len, _))| {
            let own = self.contents.get(log);
            own.map_or(0, |own| own.applied.min(*len))
        });
        let hundredths = judged.sum::<u64>().saturating_mul(100) / all.max(1);
        Some(u8::try_from(hundredths.min(99)).unwrap_or(99))
    }

    /// Shows what came since the checkpoint, as far as all that it builds on shows.
    pub(super) fn show_more(&mut self) {
        if self.ground.is_none() || !self.forks.is_empty() {
            return;
        }
        let logs = self.contents.iter();
        let logs = logs.filter(|(_, progress)| progress.kind == kind::EDIT);
        let mut logs: Vec<LogId> = logs.map(|(name, _)| *name).collect();
        logs.sort_unstable();
        let mut some = true;
        while some {
            some = false;
            for log in &logs {
                while self.show_next(log) {
                    some = true;
                }
            }
        }
    }

    fn show_next(&mut self, log: &LogId) -> bool {
        let Some(ground) = &self.ground else {
            return false;
        };
        let at = ground.shown(log);
        if at >= self.limit(log) {
            return false;
        }
        let Some(entry) = self.entry_at(log, at) else {
            return false;
        };
        let links = entry.header.deps.iter().copied();
        let mut links = links.chain(entry.header.predecessor());
        if !links.all(|link| self.shows(ground, &link)) {
            return false;
        }
        let change = match self.body_of(&entry) {
            Ok(body) if body.changes.len() == 1 => body.changes,
            _ => return false,
        };
        let Ok(events) = self.tree.write().apply(&change[0], &author_of(&entry)) else {
            return false;
        };
        let by = self.control.member_of(&entry.header.bind);
        self.staged.events.push(Happened { by, events });
        if let Some(ground) = &mut self.ground {
            ground.show(&entry);
        }
        true
    }

    fn shows(&self, ground: &Ground, id: &EntryId) -> bool {
        let mut ends = ground.frontier.values();
        ends.any(|(_, end)| end == id)
            || self
                .place(id)
                .is_some_and(|(log, seq)| seq < ground.shown(&log))
    }

    /// Ends showing the word of a checkpoint once every entry that it covers is durable here. Whether it did.
    pub(crate) fn settle_ground(&mut self) -> bool {
        let Some(ground) = &self.ground else {
            return false;
        };
        let here = |log: &LogId| self.log.tip(&log.0).map_or(0, |tip| tip.len);
        let mut covered = ground.frontier.iter();
        if !covered.all(|(log, (len, _))| here(log) >= *len) {
            return false;
        }
        match self.compare(ground) {
            Ok(verdict) => self.leave_ground(verdict),
            Err(error) => {
                tracing::error!(%error, "the record cannot be read, nor a checkpoint judged");
                return false;
            }
        }
        true
    }

    /// Ends it although entries that it covers are in no record of those that could be asked.
    pub(crate) fn give_ground_up(&mut self) {
        self.leave_ground(match self.forks.is_empty() {
            true => Verdict::Missing,
            false => Verdict::Overtaken,
        });
    }

    fn compare(&self, ground: &Ground) -> Result<Verdict, ReadError> {
        let Some(built) = self.building.as_ref().filter(|_| self.forks.is_empty()) else {
            return Ok(Verdict::Overtaken);
        };
        let mut differs = false;
        let built = built.changes();
        let mut pairs = Vec::new();
        for (log, (len, end)) in &ground.frontier {
            let Some(own) = self.contents.get(log) else {
                return Ok(Verdict::Overtaken);
            };
            if own.applied < *len && matches!(own.stop, Stop::Barred | Stop::Lost | Stop::Keys) {
                return Ok(Verdict::Overtaken);
            }
            let actor = Actor(log.actor());
            let count = usize::try_from(*len).unwrap_or(usize::MAX);
            let judged = built.get(&actor).and_then(|all| all.get(..count));
            let said = ground.changes.get(&actor).map(Vec::as_slice);
            let entries = ids(&self.log, log, *len)?;
            differs |= judged.is_none() || judged != said || entries.last() != Some(end);
            pairs.extend(judged.unwrap_or_default().iter().copied().zip(entries));
        }
        differs |= accumulate(pairs) != ground.known.body.accumulator;
        Ok(match differs {
            true => Verdict::Differs,
            false => Verdict::Holds,
        })
    }

    fn leave_ground(&mut self, verdict: Verdict) {
        let (Some(ground), Some(mut built)) = (self.ground.take(), self.building.take()) else {
            return;
        };
        let checkpoint = ground.known.entry.id();
        let by = ground.known.entry.header.bind;
        tracing::info!(%checkpoint, ?verdict, "the history that a checkpoint vouched for was judged");
        if verdict == Verdict::Holds && built.heads() == self.tree.read().heads() {
            // Change by change the same document: there is nothing to look at anew.
            return self.stand_alone();
        }
        built.set_actor(Actor(self.own_position(Plane::Content).log_id().actor()));
        built.reveal();
        let mut shown = std::mem::replace(&mut *self.tree.write(), built);
        if matches!(verdict, Verdict::Differs | Verdict::Missing) {
            tracing::error!(%checkpoint, %by, "a checkpoint is not borne out by the entries");
            let proved = verdict == Verdict::Differs;
            let disproved = Disproved {
                checkpoint,
                by,
                proved,
            };
            self.disproved = Some(disproved);
            if let Ok(bytes) = postcard::to_stdvec(&disproved) {
                let note = self.seal.note(Space::Config, DISPROVED_KEY, &bytes);
                self.staged.batch.notes.push(note);
            }
        }
        if verdict != Verdict::Holds {
            self.keep_own_work(&mut shown);
        }
        if self.tree.read().view_hash() != shown.view_hash() {
            self.staged.events.clear();
            self.staged.reloaded = true;
        }
        self.stand_alone();
    }

    /// Needs the checkpoint no more, from the next commit on.
    fn stand_alone(&mut self) {
        self.forget_ground();
        self.snapshot_wanted = true;
        self.remake();
    }

    /// Makes what this device wrote on false ground again on what is left.
    fn keep_own_work(&mut self, shown: &mut DriveTree) {
        let mut orphans = Vec::new();
        for (log, progress) in &self.contents {
            if progress.kind != kind::EDIT || !self.is_own(&progress.bind) {
                continue;
            }
            let mut at = progress.applied;
            while let Some(entry) = self.entry_at(log, at) {
                at += 1;
                orphans.push(entry);
            }
        }
        if !orphans.is_empty() && self.control.may_write() {
            orphans.sort_by_key(|entry| (entry.log_id(), entry.header.seq));
            self.make_again(shown, &orphans);
        }
    }

    /// What people should know of a checkpoint that was not true, as long as its author is still there.
    pub(super) fn notice_of_checkpoint(&self) -> Option<Problem> {
        let Disproved {
            checkpoint,
            by,
            proved,
        } = self.disproved?;
        let bind = self
            .control
            .control
            .state()
            .bind(&by)
            .filter(|bind| bind.live)?;
        Some(Problem {
            path: String::new(),
            reason: format!(
                "{} signed a checkpoint {} ({checkpoint})",
                self.name_of_device(&by, bind),
                match proved {
                    true => "that the history does not bear out",
                    false => "of entries that no device here has",
                }
            ),
            hint: "the drive was made anew from its entries, and what you changed meanwhile was kept; do not \
                   trust that device: an owner can remove it"
                .to_owned(),
        })
    }
}

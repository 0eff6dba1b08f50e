//! Takes local changes in: reads what is new, sends edits, and notes what is in step afterwards.
//! Overwrites nothing: what the drive has and this disk never showed is kept beside.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use peerdrive_crdt_tree::edit::Place;
use peerdrive_crdt_tree::id::NodeId;

use super::ahead::Fresh;
use super::batch::{After, Batch};
use super::beneath::{EntryKind, Stat, split};
use super::ignored::{RULES_FILE, may_be_passing};
use super::in_step::{Held, Record};
use super::keeper::{Keeper, Pause, wall_ns};
use super::plan::local::{self, Change};
use super::port::Drive;
use super::rest::{Look, NEWCOMER, PASSING, REST};
use super::scan::Observed;

/// Nodes in one batch of edits: one action of the drive.
pub(super) const BATCH: usize = 800;
/// What the drive answered to each edit of a batch, and what follows if it went through.
pub(super) type Told = Vec<(Result<NodeId, String>, After)>;

impl<D: Drive> Keeper<D> {
    /// Looks at some paths and takes in what changed there. Returns whether the drive was told
    /// anything.
    pub(super) async fn take_in(&mut self, looks: &[Look], now: Instant) -> Result<bool, Pause> {
        if looks
            .iter()
            .any(|look| split(&look.path).1 == RULES_FILE || look.path.is_empty())
        {
            self.ignored.reread();
        }
        let wall = wall_ns();
        let fresh = self.ahead.take_fresh();
        let seen = self.scan(looks);
        let whole: BTreeSet<&str> = looks
            .iter()
            .filter(|look| look.whole)
            .map(|look| look.path.as_str())
            .collect();
        let passing = |path: &str, stat: &Stat| {
            rest_left(path, stat, wall, true, true).is_some() && may_be_passing(split(path).1)
        };
        let changes = local::changes(&self.in_step, &seen, &passing);
        self.paths_tried(looks);
        self.note_unnamed(&seen, looks.iter().any(|look| look.path.is_empty()));
        for (path, reason) in &seen.unreadable {
            self.path_failed(
                path,
                reason.clone(),
                "Make it readable, or rename it; it is looked at again by itself.",
                now,
            );
        }
        for folder in &seen.away {
            self.found_away(folder, now);
        }
        if changes.is_empty() {
            return Ok(false);
        }
        self.check_root()?;
        if !self.drive.can_write() {
            self.keep_local(changes).await;
            return Ok(false);
        }
        let rested = self.only_rested(changes, &whole, &fresh, wall, now);
        self.apply(rested, &seen, &fresh, now, wall).await
    }

    /// Leaves out files that may still be written to, to look at them again in time.
    fn only_rested(
        &mut self,
        changes: Vec<Change>,
        whole: &BTreeSet<&str>,
        fresh: &Fresh,
        wall: i64,
        now: Instant,
    ) -> Vec<Change> {
        let rest = &mut self.rest;
        let is_rested = |change: &Change| {
            let (path, wait) = match change {
                // It rested while it was read.
                Change::New { stat, .. } | Change::Touched { stat, .. }
                    if fresh.of(stat).is_some() =>
                {
                    return true;
                }
                Change::New { path, stat } => {
                    let whole = whole.contains(path.as_str());
                    (path, rest_left(path, stat, wall, true, whole))
                }
                Change::Touched { path, stat, .. } => {
                    let whole = whole.contains(path.as_str());
                    (path, rest_left(path, stat, wall, false, whole))
                }
                Change::Moved { .. } | Change::Missing { .. } => return true,
            };
            if let Some(wait) = wait {
                rest.look(path, now + wait, false);
            }
            wait.is_none()
        };
        changes.into_iter().filter(is_rested).collect()
    }

    async fn apply(
        &mut self,
        mut changes: Vec<Change>,
        seen: &Observed,
        fresh: &Fresh,
        now: Instant,
        wall: i64,
    ) -> Result<bool, Pause> {
        let is_folder = |change: &mut Change| matches!(change, Change::New { stat, .. } if stat.kind == EntryKind::Folder);
        let is_move = |change: &mut Change| matches!(change, Change::Moved { .. });
        let folders: Vec<Change> = changes.extract_if(.., is_folder).collect();
        let moves: Vec<Change> = changes.extract_if(.., is_move).collect();
        let missing: Vec<(NodeId, String)> = changes
            .extract_if(.., |change| matches!(change, Change::Missing { .. }))
            .filter_map(|change| match change {
                Change::Missing { id, path } => Some((id, path)),
                _ => None,
            })
            .collect();
        // Of a drive that is met for the first time these are nearly all: they stay where they are.
        let leaves = changes;
        let mut work = Work::new(seen, now, wall);
        for change in folders {
            self.new_folder(&mut work, change).await?;
        }
        self.send(&mut work).await?;
        self.moves(&mut work, moves).await?;
        let gone: BTreeSet<NodeId> = missing.iter().map(|(id, _)| *id).collect();
        self.leaves(&mut work, leaves, &gone, fresh).await?;
        self.send(&mut work).await?;
        let told = work.told;
        let spared = work.spared;
        Ok(self.missing(missing, seen, &spared, now).await? || told)
    }

    /// Sends the batch and notes what came of it.
    pub(super) async fn send(&mut self, work: &mut Work<'_>) -> Result<(), Pause> {
        let batch = std::mem::take(&mut work.batch);
        let told = self.tell(batch).await?;
        self.told(work, told).await;
        Ok(())
    }

    /// Has the drive take a batch, durably; what comes of it is for [`Keeper::told`] to note.
    pub(super) async fn tell(&self, batch: Batch) -> Result<Told, Pause> {
        if batch.edits.is_empty() {
            return Ok(Told::new());
        }
        self.drive
            .flush()
            .await
            .map_err(|error| Pause::Drive(error.to_string()))?;
        crate::failpoint::pass("import.flushed");
        let jot = batch.jot();
        let results = match self.drive.edit(batch.edits, Some(jot)).await {
            Ok(results) => results,
            Err(error) => {
                // What was jotted down with it did not come to pass.
                self.drive.jot_anew(self.in_step.waiting());
                return Err(Pause::Drive(error.to_string()));
            }
        };
        crate::failpoint::pass("import.told");
        Ok(results.into_iter().zip(batch.after).collect())
    }

    pub(super) async fn told(&mut self, work: &mut Work<'_>, told: Told) {
        work.told |= !told.is_empty();
        let mut created = HashMap::new();
        for (at, (result, after)) in told.into_iter().enumerate() {
            match result {
                Ok(id) => {
                    created.insert(at, id);
                    if matches!(after, After::Created { .. }) {
                        self.vacate(id, work.now).await;
                    }
                    self.sent(work, after, id, &created);
                }
                Err(reason) => self.refused(work, after, &reason),
            }
        }
    }

    fn sent(
        &mut self,
        work: &mut Work<'_>,
        after: After,
        id: NodeId,
        created: &HashMap<usize, NodeId>,
    ) {
        match after {
            After::Created {
                path,
                parent,
                mut record,
            } => {
                let parent = match parent {
                    Place::In(parent) => Some(parent),
                    Place::InCreated(at) => created.get(&at).copied(),
                };
                if let Some(parent) = parent {
                    record.parent = parent;
                    work.made.insert(path.clone(), Place::In(id));
                    if record.held != Held::Folder {
                        self.deletions.made(id, work.now);
                    }
                    self.adopt(id, record);
                    self.path_done(&path);
                }
            }
            After::Changed { path, id, record } => {
                self.adopt(id, record);
                self.path_done(&path);
            }
            After::Nothing => {}
        }
    }

    fn refused(&mut self, work: &mut Work<'_>, after: After, reason: &str) {
        match after {
            After::Created { path, .. } => {
                work.made.remove(&path);
                self.path_failed(&path, reason, "It is tried again by itself.", work.now);
            }
            After::Changed { path, id, .. } => {
                work.spared.insert(id);
                self.path_failed(&path, reason, "It is tried again by itself.", work.now);
            }
            After::Nothing => {}
        }
    }

    /// Notes that an entry is in step with a node; the view may have moved on already.
    pub(super) fn adopt(&mut self, id: NodeId, record: Record) {
        self.vanished.remove(&id);
        self.in_step.put(id, record);
        self.dirty.insert(id);
    }
}

/// One pass of taking in.
pub(super) struct Work<'a> {
    pub(super) seen: &'a Observed,
    pub(super) batch: Batch,
    /// Where folders are that this pass made or met.
    pub(super) made: HashMap<String, Place>,
    /// Nodes that live on elsewhere on disk though the drive does not know it yet.
    pub(super) spared: BTreeSet<NodeId>,
    pub(super) told: bool,
    pub(super) now: Instant,
    /// When the disk was looked at, by the wall clock: what is read later was seen then at the latest.
    pub(super) wall_ns: i64,
}

impl<'a> Work<'a> {
    pub(super) fn new(seen: &'a Observed, now: Instant, wall_ns: i64) -> Self {
        Work {
            seen,
            batch: Batch::default(),
            made: HashMap::new(),
            spared: BTreeSet::new(),
            told: false,
            now,
            wall_ns,
        }
    }
}

/// How long a file has to be left alone yet before it is taken. Judged by its change time, which no
/// program can set; a time in the future says nothing and holds nothing up.
fn rest_left(path: &str, stat: &Stat, wall: i64, new: bool, whole: bool) -> Option<Duration> {
    if stat.kind == EntryKind::Folder {
        return None;
    }
    let needed = match (new, whole) {
        (true, _) if may_be_passing(split(path).1) => PASSING,
        (true, true) => NEWCOMER,
        (false, true) => return None,
        (_, false) => REST,
    };
    let age = u64::try_from(wall.checked_sub(stat.ctime_ns)?).ok()?;
    needed
        .checked_sub(Duration::from_nanos(age))
        .filter(|left| !left.is_zero())
}

//! Entries that vanished, and what a reader changed: the two cases in which a difference on disk must
//! not simply be sent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::{Content, Kind};

use super::batch;
use super::beneath::{EntryKind, Stat, name_of, split};
use super::checkout::Outcome;
use super::ignored::may_be_passing;
use super::in_step::{Held, Record};
use super::keeper::{Keeper, Pause, too_young, wall_ns};
use super::plan::decide;
use super::plan::local::Change;
use super::port::{Check, Drive};
use super::rest::{PASSING, VANISHED};
use super::retry::Retry;
use super::scan::{Observed, Seen};

/// What could not be decided yet is asked again after this long.
const AGAIN: Duration = Duration::from_millis(500);
/// A deletion that goes on and on is sent after this long.
const MOST_HOLD: Duration = Duration::from_secs(3);

impl<D: Drive> Keeper<D> {
    /// Deletes in the drive what has been gone from the disk for long enough. `spared` nodes live on
    /// elsewhere on disk.
    pub(super) async fn missing(
        &mut self,
        missing: Vec<(NodeId, String)>,
        seen: &Observed,
        spared: &BTreeSet<NodeId>,
        now: Instant,
    ) -> Result<bool, Pause> {
        let mut due = Vec::new();
        for (id, path) in missing {
            if spared.contains(&id) || !self.is_due(id, &path, seen, now) {
                continue;
            }
            if self.may_be_read(id) {
                // A copy of it may be what is read now: it was moved then.
                self.rest.look(&path, now + VANISHED, false);
                continue;
            }
            due.push((id, path));
        }
        if due.is_empty() {
            return Ok(false);
        }
        // Asked once more, at the last moment: the marker, then each entry.
        self.check_root()?;
        let mut gone = BTreeSet::new();
        for (id, path) in due {
            if self.is_in_away(&path) {
                self.rest.look(&path, now, true);
                continue;
            }
            match self.root.stat(&path) {
                Ok(there) if there.is_none_or(|stat| self.is_another(id, &stat)) => {
                    gone.insert(id);
                }
                Ok(_) => self.rest.look(&path, now, true),
                Err(error) => self.path_failed_io(&path, &error, now),
            }
        }
        let (mut delete, mut forget) = (BTreeMap::new(), BTreeSet::new());
        let (in_step, rules) = (&self.in_step, &self.rules);
        for id in gone.iter().filter(|id| !in_step.inside_any(**id, &gone)) {
            // What must still hold when they are deleted is what they were decided on.
            let (one, checked) = self.drive.view(|view| {
                let one = decide::for_missing(view, in_step, rules, spared, *id);
                let check = |id: &NodeId| (*id, batch::still_whole(view, &[*id]));
                let checked: Vec<(NodeId, Check)> = one.delete.iter().map(check).collect();
                (one, checked)
            });
            delete.extend(checked);
            forget.extend(one.forget.into_iter().chain(one.keep));
        }
        // The records of folders go last: what the drive did not take is asked again by its place in them.
        let told = self.delete(delete, now).await?;
        self.forget(forget, now);
        Ok(told)
    }

    /// Forgets records, each when nothing hangs on it any more: whatever waits for another change keeps the
    /// folders around it, by which it is found. What waits for an answer is found without.
    fn forget(&mut self, ids: BTreeSet<NodeId>, now: Instant) {
        let mut ids: Vec<(String, NodeId)> = ids
            .into_iter()
            .map(|id| (self.in_step.path(id).unwrap_or_default(), id))
            .collect();
        // What is in a folder before it.
        ids.sort_unstable_by(|one, other| other.cmp(one));
        for (path, id) in ids {
            let held = self.in_step.children(id).next().is_some()
                && !self
                    .in_step
                    .subtree(id)
                    .iter()
                    .any(|inside| self.deletions.asked.contains(inside));
            if held {
                self.path_waits(&path, Retry::waiting(now + AGAIN));
                continue;
            }
            self.vanished.remove(&id);
            self.in_step.remove(id);
            self.dirty.insert(id);
        }
    }

    /// A node was just made here. Where a file was first made, who makes one again gets the node it was, and
    /// if others deleted that meanwhile, its entry may still be where it was last: the deletion is carried
    /// out before the record goes over to the new place. What was changed there since is met as new.
    pub(super) async fn vacate(&mut self, made: NodeId, now: Instant) {
        if self.in_step.get(made).is_none() {
            return;
        }
        for id in self.in_step.subtree(made).into_iter().rev() {
            let path = self.in_step.path(id);
            let lives = id != made && self.drive.view(|view| view.get(id).is_some());
            let removed = match self.about_to_go(id).await {
                Ok(_parting) if !lives => matches!(self.remove_entry(id), Outcome::Done),
                _ => false,
            };
            if !removed {
                self.in_step.remove(id);
                if let Some(path) = path {
                    self.rest.look(&path, now, true);
                }
            }
            self.dirty.insert(id);
        }
    }

    fn is_another(&self, id: NodeId, stat: &Stat) -> bool {
        self.in_step
            .get(id)
            .is_none_or(|record| !record.stat.same_object(stat))
    }

    fn is_due(&mut self, id: NodeId, path: &str, seen: &Observed, now: Instant) -> bool {
        if self
            .vanished
            .get(&id)
            .is_none_or(|due| now.duration_since(*due) > MOST_HOLD)
        {
            // Not known to have vanished, or long ago, and back in between.
            let record = self.in_step.get(id);
            let passing = |stat: &Stat| record.is_some_and(|record| record.stat.same_object(stat));
            let elsewhere = seen.at.iter().any(|(at, what)| {
                matches!(what, Seen::There(stat) if passing(stat)) && may_be_passing(name_of(at))
            });
            let hold = if elsewhere {
                PASSING + VANISHED
            } else {
                VANISHED
            };
            self.vanished.insert(id, now + hold);
            self.last_vanished = now;
        }
        let first = self.vanished.get(&id).copied().unwrap_or(now);
        // Something that is deleted bit by bit is one deletion, and is judged as one.
        let due = first.max((self.last_vanished + VANISHED).min(first + MOST_HOLD));
        if due <= now {
            return true;
        }
        self.rest.look(path, due, false);
        false
    }

    /// Sends deletions, unless they are so many that the user is asked first.
    async fn delete(
        &mut self,
        mut checked: BTreeMap<NodeId, Check>,
        now: Instant,
    ) -> Result<bool, Pause> {
        checked.retain(|id, _| self.in_step.get(*id).is_some());
        let all: BTreeSet<NodeId> = checked.keys().copied().collect();
        // A folder takes along what is in it.
        let ids: Vec<NodeId> = all
            .iter()
            .copied()
            .filter(|id| !self.in_step.inside_any(*id, &all))
            .collect();
        if ids.is_empty() {
            return Ok(false);
        }
        let is_file = |id: &NodeId| {
            self.in_step
                .get(*id)
                .is_some_and(|record| record.held != Held::Folder)
        };
        let count = |id: &NodeId| {
            self.in_step
                .subtree(*id)
                .iter()
                .filter(|id| is_file(id) && !self.deletions.is_fresh(**id, now))
                .count()
        };
        let files: usize = ids
            .iter()
            .filter(|id| !self.deletions.allowed.contains(id))
            .map(count)
            .sum();
        let before = self.in_step.files();
        if !self.deletions.asked.is_empty() || !self.deletions.admit(files, before, now) {
            self.deletions.asked.extend(
                ids.into_iter()
                    .filter(|id| !self.deletions.allowed.contains(id)),
            );
            return Ok(false);
        }
        let edits = ids
            .iter()
            .map(|id| (Edit::Delete { node: *id }, checked.remove(id).flatten()))
            .collect();
        let results = self
            .drive
            .edit(edits, None)
            .await
            .map_err(|error| Pause::Drive(error.to_string()))?;
        for (id, result) in ids.into_iter().zip(results) {
            self.vanished.remove(&id);
            self.deletions.allowed.remove(&id);
            match result {
                Ok(_) => {
                    let all = self.in_step.subtree(id);
                    all.iter().for_each(|id| self.deletions.gone(*id));
                    self.dirty.extend(all);
                    self.in_step.remove_subtree(id);
                }
                Err(reason) => {
                    if let Some(path) = self.in_step.path(id) {
                        self.path_failed(&path, reason, "It is tried again by itself.", now);
                    }
                }
            }
        }
        Ok(true)
    }

    /// What was put back by itself needs no answer any more.
    pub(super) fn came_back(&mut self) {
        if self.deletions.asked.is_empty() {
            return;
        }
        let back: Vec<NodeId> = self
            .deletions
            .asked
            .iter()
            .filter(|id| {
                self.in_step.path(**id).is_none_or(|path| {
                    matches!(self.root.stat(&path), Ok(Some(stat)) if !self.is_another(**id, &stat))
                })
            })
            .copied()
            .collect();
        for id in back {
            self.deletions.asked.remove(&id);
            self.vanished.remove(&id);
        }
    }

    /// The user said yes: what is still gone is deleted now.
    pub(super) async fn deletions_confirmed(&mut self, now: Instant) -> Result<(), Pause> {
        let asked = std::mem::take(&mut self.deletions.asked);
        self.deletions.allowed.extend(asked.iter().copied());
        let gone: Vec<(NodeId, String)> = asked
            .into_iter()
            .filter_map(|id| Some((id, self.in_step.path(id)?)))
            .collect();
        for (id, _) in &gone {
            self.vanished.insert(*id, now);
        }
        self.missing(gone, &Observed::default(), &BTreeSet::new(), now)
            .await?;
        self.deletions.allowed.clear();
        Ok(())
    }

    /// The user said no: what is gone is written out again.
    pub(super) fn deletions_declined(&mut self) {
        for id in std::mem::take(&mut self.deletions.asked) {
            for id in self.in_step.subtree(id).into_iter().rev() {
                self.vanished.remove(&id);
                self.in_step.remove(id);
                self.dirty.insert(id);
            }
        }
    }

    /// A reader's changes: reported, never sent. What is the drive's own anyway is noted as in step.
    pub(super) async fn keep_local(&mut self, changes: Vec<Change>) {
        for change in changes {
            let (path, stat) = match &change {
                Change::New { path, stat }
                | Change::Moved { path, stat, .. }
                | Change::Touched { path, stat, .. } => (path.clone(), Some(*stat)),
                Change::Missing { path, .. } => (path.clone(), None),
            };
            if self.local_only.get(&path) == Some(&stat) {
                self.report_local(&path, stat.is_none());
                continue;
            }
            let is_the_drives = match &change {
                Change::New { stat, .. } => self.adopt_if_same(&path, *stat).await,
                Change::Touched { id, stat, .. } => self.refresh_if_same(*id, &path, *stat).await,
                Change::Moved { .. } | Change::Missing { .. } => false,
            };
            if !is_the_drives {
                self.local_only.insert(path.clone(), stat);
                self.report_local(&path, stat.is_none());
            }
        }
    }

    fn report_local(&mut self, path: &str, deleted: bool) {
        let what = if deleted {
            "deleted on this device only"
        } else {
            "changed on this device only"
        };
        let reason = format!("{what}: you may read this drive, not change it");
        self.problems.set(
            path,
            reason,
            "Ask a member with the admin role for the writer role, or keep a copy elsewhere.",
        );
    }

    async fn adopt_if_same(&mut self, path: &str, stat: Stat) -> bool {
        let seen_ns = wall_ns();
        let (parent, name) = split(path);
        let Some(parent) = self.in_step.resolve(parent) else {
            return false;
        };
        let shown = self.rules.unescape(name).into_owned();
        let Some(node) = self
            .drive
            .view(|view| view.child(parent, &shown).and_then(|id| view.get(id)))
        else {
            return false;
        };
        if self.in_step.get(node.id).is_some() {
            return false;
        }
        let held = Held::of(&node);
        let same = match (stat.kind, node.kind) {
            (EntryKind::Folder, Kind::Folder) => true,
            (EntryKind::Symlink, Kind::Symlink) => self
                .root
                .read_link(path)
                .is_ok_and(|target| held == Held::Symlink(String::from_utf8_lossy(&target).into())),
            (EntryKind::File, Kind::File) => {
                matches!(&node.content, Some(Content::File(content)) if content.len == stat.size)
                    && self.holds(path, &held).await
            }
            _ => false,
        };
        if same {
            let record = self.record(parent, name, held, stat, seen_ns);
            self.in_step.put(
                node.id,
                Record {
                    mode: node.mode,
                    mtime_ns: node.mtime_ns,
                    ..record
                },
            );
            self.dirty.insert(node.id);
        }
        same
    }

    async fn refresh_if_same(&mut self, id: NodeId, path: &str, stat: Stat) -> bool {
        let seen_ns = wall_ns();
        let Some(record) = self.in_step.get(id).cloned() else {
            return false;
        };
        let same = match stat.kind {
            EntryKind::Folder => true,
            EntryKind::Symlink => self.root.read_link(path).is_ok_and(|target| {
                record.held == Held::Symlink(String::from_utf8_lossy(&target).into())
            }),
            _ => self.holds(path, &record.held).await,
        };
        if same {
            let racy = stat.kind == EntryKind::File && too_young(&stat, seen_ns);
            self.in_step
                .update(id, |record| (record.stat, record.racy) = (stat, racy));
        }
        same
    }

    async fn holds(&self, path: &str, held: &Held) -> bool {
        let Ok(file) = self.root.open_file(path) else {
            return false;
        };
        match self.drive.hash(file).await {
            Ok((hash, len)) => Held::File { hash, len }.same(held),
            Err(_) => false,
        }
    }
}

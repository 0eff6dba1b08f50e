//! Brings the disk to what the drive shows, step by step. Every file is written aside, verified, made
//! durable and swapped in; what it replaces is looked at once more after the swap and put back if
//! somebody changed it meanwhile. A local change always comes first.

use std::collections::BTreeSet;
use std::io;
use std::time::Instant;

use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::{Content, Kind, Node};

use super::aside;
use super::beneath::{EntryKind, Stat, join, split};
use super::in_step::{Held, Record};
use super::keeper::{Keeper, wall_ns};
use super::names;
use super::plan::out::{self, Step};
use super::port::{Drive, View};
use super::status::hint_for;
use super::write::waits_for_bytes;

/// Nodes planned for at once: the drive's view is read under one lock meanwhile.
const PLANNED: usize = 2_000;
/// What to do about a symlink that is not made.
const OUTSIDE_LINKS: &str = "If you trust the members, `peerdrive config DRIVE --outside-links allow` makes such links here.";
/// How a step ended.
pub(super) enum Outcome {
    Done,
    /// The disk is not as the record says: look at this path, take in what is there, plan again.
    Changed(String),
    /// This node waits; the others go on.
    Waits {
        path: String,
        reason: String,
        hint: &'static str,
    },
    /// Not now: what it needs is not there yet.
    Skipped,
}

impl Outcome {
    pub(super) fn io(path: &str, error: &io::Error) -> Outcome {
        match error.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::AlreadyExists
            | io::ErrorKind::NotADirectory => Outcome::Changed(path.to_owned()),
            _ => Outcome::Waits {
                path: path.to_owned(),
                reason: error.to_string(),
                hint: hint_for(error),
            },
        }
    }
}

impl<D: Drive> Keeper<D> {
    /// Writes out one portion of what differs. Returns whether there may be more to do at once.
    pub(super) async fn write_out(&mut self, now: Instant) -> bool {
        if !self.aside.has_room() {
            return false;
        }
        let due: BTreeSet<NodeId> = self
            .dirty
            .iter()
            .filter(|id| !self.aside.has(**id))
            .filter(|id| self.later.get(id).is_none_or(|retry| retry.at <= now))
            .take(PLANNED)
            .copied()
            .collect();
        if due.is_empty() {
            return false;
        }
        let plan = {
            let Keeper {
                drive,
                in_step,
                rules,
                ignored,
                options,
                ..
            } = &*self;
            let wanted = |view: &dyn View, node: &Node| {
                let path = path_of(view, node);
                if ignored.local_covers(&path, node.kind == Kind::Folder)
                    && in_step.get(node.id).is_none()
                {
                    return Err(String::new());
                }
                match &node.content {
                    Some(Content::Symlink(target))
                        if !options.allow_outside_symlinks
                            && leads_outside(&path, target)
                            && !leads_there_already(in_step.get(node.id), node, target) =>
                    {
                        Err(format!("the symlink leads out of the folder, to {target}"))
                    }
                    _ => Ok(()),
                }
            };
            drive.view(|view| out::plan(view, in_step, due.iter().copied(), rules, &wanted))
        };
        for id in plan.settled {
            self.node_done(id);
        }
        for (id, reason) in plan.refused {
            self.dirty.remove(&id);
            self.problems.clear_of(id);
            if !reason.is_empty() {
                let path = self.drive_path(id).unwrap_or_default();
                self.problems.set_of(id, &path, reason, OUTSIDE_LINKS);
            }
        }
        if plan.steps.is_empty() {
            // The rest hangs on what is refused: it is planned again when that changes.
            self.dirty.retain(|id| !due.contains(id));
        }
        let steps = self.not_in_away(plan.steps, now);
        self.run(steps, now).await;
        true
    }

    /// Takes the steps, and hands files over to be written aside.
    async fn run(&mut self, steps: Vec<Step>, now: Instant) {
        let mut files = Vec::new();
        for step in steps {
            let parting = match &step {
                Step::Remove { id } => self.about_to_go(*id).await,
                _ => Ok(None),
            };
            let _parting = match (parting, &step) {
                (Ok(parting), _) => parting,
                (Err(outcome), Step::Remove { id }) => {
                    self.noted(*id, outcome, now);
                    continue;
                }
                (Err(_), _) => continue,
            };
            let (id, outcome) = match step {
                Step::MakeFolder { id, parent, name } => (id, self.make_folder(id, parent, &name)),
                Step::Link { id, parent, name } => (id, self.link(id, parent, &name)),
                Step::Park { id } => (id, self.park(id)),
                Step::Place { id, parent, name } => (id, self.place_entry(id, parent, &name)),
                Step::Remove { id } => (id, self.remove_entry(id)),
                Step::Dress { id } => (id, self.dress_entry(id)),
                Step::Write { id, parent, name } => {
                    // What is on its way is looked at once more when it is here.
                    if !self.aside.has(id) {
                        self.dirty.remove(&id);
                        files.push((id, parent, name));
                    }
                    continue;
                }
            };
            self.noted(id, outcome, now);
        }
        let portions = self.drive.view(|view| aside::portions(files, view));
        self.aside.add(portions);
    }

    /// Before the bytes of a file leave the folder. While what is returned lives, nobody counts on
    /// their being there.
    pub(super) async fn about_to_go(&self, id: NodeId) -> Result<Option<D::Parting>, Outcome> {
        let file = |id| {
            self.in_step
                .get(id)
                .is_some_and(|record| matches!(record.held, Held::File { .. }))
        };
        let Some(path) = self.in_step.path(id).filter(|_| file(id)) else {
            return Ok(None);
        };
        match self.drive.about_to_go(id, self.root.path(), &path).await {
            Ok(parting) => Ok(Some(parting)),
            Err(error) => Err(waits_for_bytes(&path, &error)),
        }
    }

    pub(super) fn noted(&mut self, id: NodeId, outcome: Outcome, now: Instant) {
        match outcome {
            // Planning once more finds nothing to do, or what is left to do.
            Outcome::Done => {}
            Outcome::Skipped => self.node_again(id, now),
            Outcome::Changed(path) => {
                self.node_again(id, now);
                self.rest.look(&path, now, true);
                if !self.drive.can_write() {
                    self.make_way(id, &path, now);
                }
            }
            Outcome::Waits { path, reason, hint } => self.node_failed(id, &path, reason, hint, now),
        }
        self.jot();
    }

    /// A reader's own version of a file that the drive changed is kept beside it; what a reader moved
    /// or deleted is written out anew.
    fn make_way(&mut self, id: NodeId, path: &str, now: Instant) {
        let Ok(there) = self.root.stat(path) else {
            return;
        };
        if there.is_none() && self.in_step.path(id).as_deref() == Some(path) {
            for id in self.in_step.subtree(id).into_iter().rev() {
                self.in_step.remove(id);
                self.dirty.insert(id);
            }
            return;
        }
        let ours = there.is_some_and(|stat| {
            self.in_step
                .resolve(path)
                .and_then(|id| self.in_step.get(id))
                .is_some_and(|record| record.stat.same_bytes(&stat, true))
        });
        if there.is_some_and(|stat| stat.kind != EntryKind::Folder) && !ours {
            self.put_aside(path, "local", now);
        }
    }

    /// Where the entry of a node goes; `None` while the place still belongs to another.
    pub(super) fn target(&self, id: NodeId, parent: NodeId, name: &str) -> Option<String> {
        match self.in_step.child(parent, name) {
            Some(other) if other != id => None,
            _ => Some(join(&self.in_step.path(parent)?, name)),
        }
    }

    fn make_folder(&mut self, id: NodeId, parent: NodeId, name: &str) -> Outcome {
        let (Some(path), Some(node)) = (
            self.target(id, parent, name),
            self.drive.view(|view| view.get(id)),
        ) else {
            return Outcome::Skipped;
        };
        if let Err(error) = self.root.make_folder(&path) {
            return self.occupied(&path, &error);
        }
        let root = self.root.path().to_owned();
        self.watch.add(&root, &path);
        // Its bits are set when everything is in it.
        self.note(
            id,
            parent,
            name,
            Held::Folder,
            &Node {
                mode: 0o700,
                ..node
            },
            &path,
            None,
        )
    }

    /// Notes that an entry is now as the drive shows it.
    #[expect(clippy::too_many_arguments, reason = "each is one field of the record")]
    pub(super) fn note(
        &mut self,
        id: NodeId,
        parent: NodeId,
        name: &str,
        held: Held,
        node: &Node,
        path: &str,
        written: Option<Stat>,
    ) -> Outcome {
        match self.root.stat(path) {
            Ok(Some(stat)) => {
                // Whoever wrote to it since it was swapped in is seen by the next look.
                let stat = written
                    .filter(|written| !written.same_bytes(&stat, false))
                    .unwrap_or(stat);
                let mut record = self.record(parent, name, held, stat, wall_ns());
                (record.mode, record.mtime_ns) = (node.mode, node.mtime_ns);
                self.vanished.remove(&id);
                self.problems.clear(path);
                self.in_step.put(id, record);
                Outcome::Done
            }
            Ok(None) => Outcome::Changed(path.to_owned()),
            Err(error) => Outcome::io(path, &error),
        }
    }

    /// Something is where an entry should be made: a local file to take in, unless it is one that
    /// never will be.
    pub(super) fn occupied(&mut self, path: &str, error: &io::Error) -> Outcome {
        if error.kind() == io::ErrorKind::AlreadyExists {
            let there = self.root.stat(path).ok().flatten();
            let folder = there.is_some_and(|stat| stat.kind == EntryKind::Folder);
            if there.is_some_and(|stat| stat.kind == EntryKind::Special)
                || self.ignored.covers(&self.root, path, folder)
            {
                return Outcome::Waits {
                    path: path.to_owned(),
                    reason: "something that is not part of the drive has its name here".into(),
                    hint: "Move it away.",
                };
            }
        }
        Outcome::io(path, error)
    }

    fn link(&mut self, id: NodeId, parent: NodeId, name: &str) -> Outcome {
        let (Some(path), Some(node)) = (
            self.target(id, parent, name),
            self.drive.view(|view| view.get(id)),
        ) else {
            return Outcome::Skipped;
        };
        let Held::Symlink(target) = Held::of(&node) else {
            return Outcome::Skipped;
        };
        let temp = self.temp_path(id);
        if let Err(error) = self.root.symlink(&target, &temp) {
            return Outcome::Waits {
                path,
                reason: error.to_string(),
                hint: hint_for(&error),
            };
        }
        if let Err(error) = self.root.set_mtime(&temp, node.mtime_ns) {
            tracing::debug!(%error, "a symlink keeps the time at which it was made");
        }
        match self.swap_in(id, &temp, &path) {
            Ok(written) => self.note(
                id,
                parent,
                name,
                Held::Symlink(target),
                &node,
                &path,
                written,
            ),
            Err(outcome) => outcome,
        }
    }

    /// Whether the entry of a node is where its record says, as the object it says.
    fn entry_of(&self, id: NodeId) -> Result<(String, Stat), Outcome> {
        let (Some(path), Some(record)) = (self.in_step.path(id), self.in_step.get(id)) else {
            return Err(Outcome::Skipped);
        };
        match self.root.stat(&path) {
            Ok(Some(stat)) if record.stat.same_object(&stat) => Ok((path, stat)),
            Ok(_) => Err(Outcome::Changed(path)),
            Err(error) => Err(Outcome::io(&path, &error)),
        }
    }

    fn park(&mut self, id: NodeId) -> Outcome {
        let Some(parent) = self.in_step.get(id).map(|record| record.parent) else {
            return Outcome::Skipped;
        };
        self.place_entry(id, parent, &names::parked(id))
    }

    fn place_entry(&mut self, id: NodeId, parent: NodeId, name: &str) -> Outcome {
        let (from, before) = match self.entry_of(id) {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
        let Some(to) = self.target(id, parent, name) else {
            return Outcome::Skipped;
        };
        if let Err(error) = self.root.rename_new(&from, &to) {
            return self.occupied(&to, &error);
        }
        match self.root.stat(&to) {
            Ok(Some(stat)) => {
                self.in_step.update(id, |record| {
                    (record.parent, record.name) = (parent, name.to_owned());
                    // A file that had changed before the rename keeps its old stat: the change is taken in.
                    if record.stat.same_bytes(&before, true) && before.same_bytes(&stat, false) {
                        record.stat = stat;
                    }
                });
                if stat.kind == EntryKind::Folder {
                    // The system forgot the folders in it by name: they are watched again as they are listed.
                    self.rest.look(&to, Instant::now(), true);
                    self.watched_again(&to, Instant::now());
                }
                Outcome::Done
            }
            _ => Outcome::Changed(to),
        }
    }

    pub(super) fn remove_entry(&mut self, id: NodeId) -> Outcome {
        let Some(record) = self.in_step.get(id).cloned() else {
            return Outcome::Skipped;
        };
        let (path, stat) = match self.entry_of(id) {
            Ok(found) => found,
            Err(Outcome::Changed(path)) if matches!(self.root.stat(&path), Ok(None)) => {
                // Gone on both sides.
                self.in_step.remove_subtree(id);
                return Outcome::Done;
            }
            Err(outcome) => return outcome,
        };
        if record.held == Held::Folder {
            // What was in it last, and is not there, was not looked at yet: it has its own change, which is
            // found by its place in this folder.
            if self.in_step.children(id).next().is_some() {
                return Outcome::Changed(path);
            }
            return self.remove_folder(id, &path);
        }
        if !record.stat.same_bytes(&stat, true) {
            return Outcome::Changed(path);
        }
        // Out of sight first, then looked at again: a save in between is not lost.
        let temp = self.temp_path(id);
        if let Err(error) = self.root.rename_new(&path, &temp) {
            return Outcome::io(&path, &error);
        }
        match self.root.stat(&temp) {
            Ok(Some(now)) if record.stat.same_bytes(&now, false) => {
                self.linger(&temp, &path, now);
                self.in_step.remove(id);
                self.node_done(id);
                Outcome::Done
            }
            _ => match self.root.rename_new(&temp, &path) {
                Ok(()) => Outcome::Changed(path),
                Err(error) => {
                    // Saved once more meanwhile: the newest is in its place, and this one beside it.
                    self.bring_back(&temp, &path, Instant::now());
                    Outcome::io(&path, &error)
                }
            },
        }
    }

    fn remove_folder(&mut self, id: NodeId, path: &str) -> Outcome {
        match self.root.remove_folder(path) {
            Ok(()) => {
                self.in_step.remove(id);
                self.node_done(id);
                Outcome::Done
            }
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                let entries = match self.root.list(path) {
                    Ok(entries) => entries,
                    Err(error) => return Outcome::io(path, &error),
                };
                let ours = entries.into_iter().any(|(name, stat)| {
                    let folder = stat.kind == EntryKind::Folder;
                    let rel = join(path, &name.to_string_lossy());
                    stat.kind != EntryKind::Special
                        && !self.ignored.covers(&self.root, &rel, folder)
                });
                if ours {
                    return Outcome::Changed(path.to_owned());
                }
                // Only what never travels is left in it, and that is not ours to remove.
                self.in_step.update(id, |record| record.left_behind = true);
                self.node_done(id);
                Outcome::Done
            }
            Err(error) => Outcome::io(path, &error),
        }
    }

    fn dress_entry(&mut self, id: NodeId) -> Outcome {
        let Some(node) = self.drive.view(|view| view.get(id)) else {
            return Outcome::Skipped;
        };
        let Some(record) = self.in_step.get(id).cloned() else {
            return Outcome::Skipped;
        };
        if !record.held.same(&Held::of(&node)) {
            return Outcome::Skipped;
        }
        let (path, stat) = match self.entry_of(id) {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
        if node.kind == Kind::File && !record.stat.same_bytes(&stat, true)
            || record.stat.mode != stat.mode
        {
            return Outcome::Changed(path);
        }
        let set = || -> io::Result<()> {
            if self.rules.keeps_modes && node.kind != Kind::Symlink && stat.mode != disk_mode(&node)
            {
                self.root.chmod(&path, disk_mode(&node))?;
            }
            if node.kind == Kind::File && stat.mtime_ns != node.mtime_ns {
                self.root.set_mtime(&path, node.mtime_ns)?;
            }
            Ok(())
        };
        if let Err(error) = set() {
            return Outcome::io(&path, &error);
        }
        let (parent, name) = (record.parent, record.name.clone());
        self.note(id, parent, &name, record.held, &node, &path, None)
    }
}

/// The permission bits of an entry on disk: those of the drive, without set-user-id and the like, and
/// such that this device can go on reading what it keeps.
pub(super) fn disk_mode(node: &Node) -> u32 {
    let least = if node.kind == Kind::Folder {
        0o700
    } else {
        0o400
    };
    node.mode & 0o777 | least
}

/// Where the view shows a node.
fn path_of(view: &dyn View, node: &Node) -> String {
    let mut names = vec![node.name.clone()];
    let mut at = node.parent;
    while let (Some(folder), true) = (
        view.get(at).filter(|_| at != NodeId::ROOT),
        names.len() < 4096,
    ) {
        at = folder.parent;
        names.push(folder.name);
    }
    names.reverse();
    names.join("/")
}

/// Whether this very symlink is on the disk, from which it was taken in, and the drive does not move it to where it
/// would lead elsewhere.
fn leads_there_already(record: Option<&Record>, node: &Node, target: &str) -> bool {
    record.is_some_and(|record| {
        record.held.same(&Held::of(node))
            && (record.parent == node.parent || target.starts_with('/'))
    })
}

/// Whether a symlink at `path` could lead out of the folder. Only `..` at the start are allowed, and
/// no more of them than there are folders around it: one after a name could climb from wherever that
/// name, itself a symlink, leads.
pub(super) fn leads_outside(path: &str, target: &str) -> bool {
    if target.starts_with('/') || target.contains('\0') || target.is_empty() {
        return true;
    }
    let folders = split(path)
        .0
        .split('/')
        .filter(|part| !part.is_empty())
        .count();
    let mut climbs = 0;
    let mut named = false;
    for part in target
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        match part {
            ".." if named => return true,
            ".." => climbs += 1,
            _ => named = true,
        }
    }
    climbs > folders
}

//! Looks at the disk and writes down what differs from what was last in step. Reads metadata only,
//! never content; decides nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;

use peerdrive_crdt_tree::id::NodeId;

use super::away::{self, Known};
use super::beneath::{EntryKind, Root, Stat, join, split};
use super::ignored::Ignored;
use super::in_step::{Held, InStep, Record};
use super::names;

/// What was found at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Seen {
    There(Stat),
    /// The disk said that nothing is there.
    Absent,
}

/// The differences between the disk and the in-step tree, in the paths that were looked at.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// By path, parents before what is in them.
    pub(super) at: BTreeMap<String, Seen>,
    /// Folders that are not simply where their record says: the record each one is, or `None` if it
    /// is new.
    pub(super) folders: HashMap<String, Option<NodeId>>,
    /// Paths that could not be looked at, and why.
    pub(super) unreadable: Vec<(String, String)>,
    /// Folders whose disk is not there: nothing was looked at in them.
    pub(super) away: BTreeSet<String>,
    /// Of every folder that was listed, what in it has a name that is no text: as it can be shown.
    pub(super) unnamed: BTreeMap<String, Vec<String>>,
    /// Entries looked at.
    pub(super) entries: u64,
}

impl Observed {
    /// The record of what is at `path`, by this scan or else by the in-step tree.
    pub(super) fn node_at(&self, in_step: &InStep, path: &str) -> Option<NodeId> {
        let mut known = path;
        let mut node = loop {
            match self.folders.get(known) {
                Some(node) => break (*node)?,
                None if known.is_empty() => break NodeId::ROOT,
                None => known = split(known).0,
            }
        };
        for part in path[known.len()..]
            .split('/')
            .filter(|part| !part.is_empty())
        {
            node = in_step.child(node, part)?;
        }
        Some(node)
    }

    /// The record that has its place at `path`, whatever is there now.
    pub(super) fn owner_of(&self, in_step: &InStep, path: &str) -> Option<NodeId> {
        let (parent, name) = split(path);
        in_step.child(self.node_at(in_step, parent)?, name)
    }
}

/// One look at the disk.
pub(super) struct Scan<'a> {
    root: &'a Root,
    in_step: &'a InStep,
    ignored: &'a mut Ignored,
    /// Called with each folder before it is listed, so that no change falls between list and watch.
    watch: &'a mut dyn FnMut(&str),
    seen: Observed,
    /// Records that a folder was taken for by its place only, which a folder that is the very object
    /// may claim later.
    by_place: HashMap<NodeId, String>,
    claimed: BTreeSet<NodeId>,
    /// Folders found not to be what their place said.
    strangers: BTreeSet<String>,
    /// What is in a moved folder is looked at with the rest.
    moved_too: bool,
    known: Known,
}

impl<'a> Scan<'a> {
    pub(super) fn new(
        root: &'a Root,
        in_step: &'a InStep,
        ignored: &'a mut Ignored,
        watch: &'a mut dyn FnMut(&str),
    ) -> Scan<'a> {
        Scan {
            root,
            in_step,
            ignored,
            watch,
            seen: Observed::default(),
            by_place: HashMap::new(),
            claimed: BTreeSet::new(),
            strangers: BTreeSet::new(),
            moved_too: true,
            known: Known::new(),
        }
    }

    /// Leaves for later what is in moved folders: whoever asks will look at them in full once the
    /// moves are known to the drive, which then does not wait for it.
    pub(super) fn moves_first(mut self) -> Self {
        self.moved_too = false;
        self
    }

    /// Looks at one path; with `deep`, at everything below it too.
    pub(super) fn look(&mut self, path: &str, deep: bool) {
        if path.is_empty() {
            self.list("", Some(NodeId::ROOT));
            return;
        }
        let (parent, name) = split(path);
        let folder = |id: &NodeId| {
            *id == NodeId::ROOT
                || self
                    .in_step
                    .get(*id)
                    .is_some_and(|r| r.held == Held::Folder)
        };
        let Some(base) = self.seen.node_at(self.in_step, parent).filter(folder) else {
            // Inside a folder that is not known yet: that folder is the news.
            return self.look(parent, true);
        };
        if self.hidden(parent) || self.in_away(parent) {
            return;
        }
        match self.root.stat(path) {
            Ok(Some(stat)) => self.entry(Some(base), path, stat, deep),
            Ok(None) if self.in_step.child(base, name).is_some() => {
                self.seen.at.insert(path.to_owned(), Seen::Absent);
            }
            Ok(None) => {}
            Err(error) => self.cannot(path, &error),
        }
    }

    /// Ends the look.
    pub(super) fn finish(mut self) -> Observed {
        while let Some(path) = self.strangers.pop_first() {
            let below = format!("{path}/");
            self.seen.at.retain(|at, _| !at.starts_with(&below));
            self.seen.folders.retain(|at, _| !at.starts_with(&below));
            self.seen.unnamed.retain(|at, _| !at.starts_with(&below));
            self.seen.folders.insert(path.clone(), None);
            self.list(&path, None);
        }
        self.seen
    }

    fn cannot(&mut self, path: &str, error: &io::Error) {
        self.seen
            .unreadable
            .push((path.to_owned(), error.to_string()));
    }

    /// Whether a folder is inside one that is ignored and not part of the drive.
    fn hidden(&mut self, path: &str) -> bool {
        let mut end = 0;
        while end < path.len() {
            let start = if end == 0 { 0 } else { end + 1 };
            end = path[start..]
                .find('/')
                .map_or(path.len(), |len| start + len);
            let known = self.seen.node_at(self.in_step, &path[..end]).is_some();
            if !known && self.ignored.covers(self.root, &path[..end], true) {
                return true;
            }
        }
        false
    }

    /// Whether a folder, or one around it, is away.
    fn in_away(&mut self, path: &str) -> bool {
        let away = away::around(self.root, self.in_step, path, &mut self.known);
        let found = away.is_some();
        self.seen.away.extend(away);
        found
    }

    fn list(&mut self, path: &str, base: Option<NodeId>) {
        (self.watch)(path);
        let entries = match self.root.list(path) {
            Ok(entries) => entries,
            // Gone since it was seen: its own event, or the next look, tells.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if base.is_none() {
                    self.seen.at.remove(path);
                    self.seen.folders.remove(path);
                }
                return;
            }
            Err(error) => return self.cannot(path, &error),
        };
        let mut present = BTreeSet::new();
        let mut unnamed = Vec::new();
        for (name, stat) in entries {
            match name.into_string() {
                Ok(name) => {
                    self.entry(base, &join(path, &name), stat, true);
                    present.insert(name);
                }
                Err(name) => unnamed.push(join(path, &name.to_string_lossy())),
            }
        }
        unnamed.sort_unstable();
        self.seen.unnamed.insert(path.to_owned(), unnamed);
        let Some(base) = base else { return };
        for (name, _) in self.in_step.children(base) {
            if !present.contains(name) {
                self.seen.at.entry(join(path, name)).or_insert(Seen::Absent);
            }
        }
    }

    fn entry(&mut self, base: Option<NodeId>, path: &str, stat: Stat, deep: bool) {
        self.seen.entries += 1;
        let owner = base.and_then(|base| self.in_step.child(base, split(path).1));
        let is_folder = stat.kind == EntryKind::Folder;
        // What waits for its place under a name of ours is no news unless nobody knows it any more.
        if owner.is_none()
            && names::parked_node(split(path).1).is_none()
            && self.ignored.covers(self.root, path, is_folder)
        {
            return;
        }
        match stat.kind {
            EntryKind::Special => {
                if owner.is_some() {
                    self.seen.at.insert(path.to_owned(), Seen::Absent);
                }
            }
            EntryKind::Folder => self.folder(owner, path, stat, deep),
            EntryKind::File | EntryKind::Symlink => self.leaf(owner, path, stat),
        }
    }

    fn leaf(&mut self, owner: Option<NodeId>, path: &str, stat: Stat) {
        if owner
            .and_then(|id| self.in_step.get(id))
            .is_some_and(|record| unchanged(record, &stat))
        {
            return;
        }
        self.seen.at.insert(path.to_owned(), Seen::There(stat));
        self.look_where_it_was(owner, path, &stat);
    }

    /// If this object is known from elsewhere, looks whether it still is there: a move has two ends,
    /// and its events may come apart.
    fn look_where_it_was(&mut self, owner: Option<NodeId>, path: &str, stat: &Stat) {
        let Some(known) = self
            .in_step
            .by_object(stat)
            .filter(|known| Some(*known) != owner)
        else {
            return;
        };
        let Some(was) = self.in_step.path(known).filter(|was| was != path) else {
            return;
        };
        if self.seen.at.contains_key(&was) {
            return;
        }
        self.look(&was, true);
    }

    fn folder(&mut self, owner: Option<NodeId>, path: &str, stat: Stat, deep: bool) {
        let record = |id: NodeId| {
            self.in_step
                .get(id)
                .filter(|record| record.held == Held::Folder)
        };
        // Two records can name one object, if it was moved while it was looked at: it is the one in its place.
        let in_place = owner.filter(|id| record(*id).is_some_and(|r| r.stat.same_object(&stat)));
        let object = in_place.or_else(|| self.in_step.by_object(&stat));
        if let (Some(owner), None) = (owner, object)
            && away::is_away(self.root, self.in_step, owner, path, &stat)
        {
            self.seen.away.insert(path.to_owned());
            return;
        }
        let twice = object
            .filter(|object| Some(*object) != owner)
            .is_some_and(|object| self.still_where_it_was(object, &stat));
        if twice && !self.is_at(path, &stat) {
            // It went back meanwhile, and was in one place all the time.
            return;
        }
        let (is, by_place) = match (object, owner) {
            (Some(object), Some(owner)) if object == owner => (Some(owner), false),
            (Some(object), _) if !twice => (Some(object), false),
            (_, Some(owner)) if record(owner).is_some() && !self.claimed.contains(&owner) => {
                (Some(owner), true)
            }
            _ => (None, false),
        };
        let same = is.is_some() && is == owner && !by_place;
        let unchanged = same
            && is
                .and_then(record)
                .is_some_and(|r| r.stat.mode == stat.mode && !r.left_behind);
        if let Some(id) = is {
            if by_place {
                self.by_place.insert(id, path.to_owned());
            } else {
                self.claimed.insert(id);
                if let Some(stranger) = self.by_place.remove(&id).filter(|at| at != path) {
                    self.strangers.insert(stranger);
                }
            }
        }
        if is.is_none() || is != owner {
            self.seen.folders.insert(path.to_owned(), is);
        }
        if !unchanged {
            self.seen.at.insert(path.to_owned(), Seen::There(stat));
        }
        let moved = is.is_some() && is != owner && !by_place;
        if (deep || !same) && (self.moved_too || !moved) {
            self.list(path, is);
        }
    }

    /// Whether the folder of a record is still at its own place, so that what was met elsewhere is
    /// not it (a bind mount shows one folder twice).
    fn still_where_it_was(&self, id: NodeId, stat: &Stat) -> bool {
        let was = self.in_step.path(id);
        was.is_some_and(|was| self.is_at(&was, stat))
    }

    fn is_at(&self, path: &str, stat: &Stat) -> bool {
        matches!(self.root.stat(path), Ok(Some(now)) if now.same_object(stat))
    }
}

/// Whether the entry of a record is as it was, as far as metadata can tell.
pub(super) fn unchanged(record: &Record, stat: &Stat) -> bool {
    !record.racy && record.stat.same_bytes(stat, true) && record.stat.mode == stat.mode
}

//! Disk against in-step: what somebody did here, told apart into new, moved, touched and missing.
//! Knows nothing of the drive.

use std::collections::BTreeSet;

use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::Kind;

use super::super::beneath::{EntryKind, Stat};
use super::super::in_step::{InStep, Record};
use super::super::scan::{Observed, Seen};

/// One thing that happened on disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in super::super) enum Change {
    /// An entry that no record knows.
    New { path: String, stat: Stat },
    /// The entry of a node is elsewhere; it may have been written to as well.
    Moved {
        id: NodeId,
        path: String,
        stat: Stat,
    },
    /// The entry of a node is in its place and is not what it was: bytes, permission bits, or only
    /// its times.
    Touched {
        id: NodeId,
        path: String,
        stat: Stat,
    },
    /// Nothing is left of the entry of a node, nor of what was in it save what moved.
    Missing { id: NodeId, path: String },
}

fn fits(record: &Record, stat: &Stat) -> bool {
    matches!(
        (record.held.kind(), stat.kind),
        (Kind::File, EntryKind::File)
            | (Kind::Folder, EntryKind::Folder)
            | (Kind::Symlink, EntryKind::Symlink)
    )
}

/// Tells apart what an observation means; parents come before what is in them, missing ones last.
///
/// Which file is which: a file whose name is still taken by a file stays that file (saving by "write
/// a new one, rename it over" is an edit), unless its inode shows under a name that is new and not
/// `passing` (then it was renamed, and something new took its name). Folders go by inode, which `Scan`
/// has done.
pub(in super::super) fn changes(
    in_step: &InStep,
    seen: &Observed,
    passing: &dyn Fn(&str, &Stat) -> bool,
) -> Vec<Change> {
    let matcher = Matcher {
        in_step,
        seen,
        objects: objects(seen),
        passing,
    };
    let mut claimed = BTreeSet::new();
    let mut changes = Vec::with_capacity(seen.at.len());
    for (path, what) in &seen.at {
        let Seen::There(stat) = what else { continue };
        let is = match stat.kind {
            EntryKind::Folder => seen
                .node_at(in_step, path)
                .filter(|id| in_step.get(*id).is_some_and(|record| fits(record, stat))),
            _ => matcher.leaf(path, stat),
        };
        let (path, stat) = (path.clone(), *stat);
        changes.push(match is.filter(|id| claimed.insert(*id)) {
            None => Change::New { path, stat },
            Some(id) if seen.owner_of(in_step, &path) == Some(id) => {
                Change::Touched { id, path, stat }
            }
            Some(id) => Change::Moved { id, path, stat },
        });
    }
    claimed.extend(seen.folders.values().copied().flatten());
    for path in seen.at.keys() {
        if let Some(id) = seen
            .owner_of(in_step, path)
            .filter(|id| claimed.insert(*id))
        {
            changes.push(Change::Missing {
                id,
                path: path.clone(),
            });
        }
    }
    changes
}

/// An object of the file system: device and inode number.
type Object = (u64, u64);

/// Where each observed object is: sorted by object, and for each by path. Of a whole drive there are as many as
/// it has files, so no more is kept of each than this.
fn objects(seen: &Observed) -> Vec<(Object, &str)> {
    let mut objects: Vec<(Object, &str)> = seen
        .at
        .iter()
        .filter_map(|(path, what)| match what {
            Seen::There(stat) => Some(((stat.dev, stat.ino), path.as_str())),
            Seen::Absent => None,
        })
        .collect();
    objects.sort_unstable();
    objects
}

struct Matcher<'a> {
    in_step: &'a InStep,
    seen: &'a Observed,
    objects: Vec<(Object, &'a str)>,
    passing: &'a dyn Fn(&str, &Stat) -> bool,
}

impl Matcher<'_> {
    /// Which record the file or symlink at `path` is.
    fn leaf(&self, path: &str, stat: &Stat) -> Option<NodeId> {
        let owner = self.owner(path, stat);
        let object = self.in_step.by_object(stat);
        if owner.is_some() && owner == object {
            return owner;
        }
        if let Some(owner) = owner {
            return if self.renamed_to(owner, path).is_none() {
                Some(owner)
            } else {
                self.arrived(object, path, stat)
            };
        }
        self.arrived(object, path, stat)
    }

    /// The record of this kind that has its place at `path`.
    fn owner(&self, path: &str, stat: &Stat) -> Option<NodeId> {
        let owner = self.seen.owner_of(self.in_step, path)?;
        self.in_step
            .get(owner)
            .filter(|record| fits(record, stat))
            .map(|_| owner)
    }

    /// Whether a known object came to `path` from its own place.
    fn arrived(&self, object: Option<NodeId>, path: &str, stat: &Stat) -> Option<NodeId> {
        let id = object.filter(|id| {
            self.in_step
                .get(*id)
                .is_some_and(|record| fits(record, stat))
        })?;
        let was = self.in_step.path(id)?;
        (self.left(id, &was) && self.renamed_to(id, &was) == Some(path)).then_some(id)
    }

    /// Whether the place of a record was seen to be empty or taken by another object.
    fn left(&self, id: NodeId, was: &str) -> bool {
        let Some(record) = self.in_step.get(id) else {
            return false;
        };
        match self.seen.at.get(was) {
            Some(Seen::Absent) => true,
            Some(Seen::There(now)) => !now.same_object(&record.stat),
            None => false,
        }
    }

    /// The new name under which the object of a record shows: the first of them, if there are links.
    fn renamed_to(&self, id: NodeId, was: &str) -> Option<&str> {
        let record = self.in_step.get(id)?;
        if !self.left(id, was) {
            return None;
        }
        let object = (record.stat.dev, record.stat.ino);
        let first = self.objects.partition_point(|(other, _)| *other < object);
        let fresh = |path: &str| match self.seen.at.get(path) {
            Some(Seen::There(stat)) => {
                path != was
                    && stat.same_object(&record.stat)
                    && self.owner(path, stat).is_none()
                    && !(self.passing)(path, stat)
            }
            Some(Seen::Absent) | None => false,
        };
        self.objects[first..]
            .iter()
            .take_while(|(other, _)| *other == object)
            .map(|(_, path)| *path)
            .find(|path| fresh(path))
    }
}

//! Folders in whose place there is another disk than when they were last in step: theirs was unmounted,
//! or one was mounted over them. What is missing there was not deleted, and what is written there would
//! not be where it belongs. Knows records and what the disk says now.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use peerdrive_crdt_tree::id::NodeId;

use super::beneath::{EntryKind, Root, Stat, join};
use super::in_step::{Held, InStep};
use super::keeper::Keeper;
use super::plan::out::Step;
use super::port::Drive;
use super::retry::Retry;

/// How often it is looked whether the disk is back: nobody tells of mounts.
const LOOK: Duration = Duration::from_secs(2);

/// Folders that were asked about, and whether they are away.
pub(super) type Known = HashMap<String, bool>;

/// Whether what is at `path`, the place of a folder's record, is on another disk and lacks something
/// that was in the folder. A disk that only got another number, or a full copy on a larger one, is as
/// good as the folder itself.
pub(super) fn is_away(root: &Root, in_step: &InStep, id: NodeId, path: &str, now: &Stat) -> bool {
    let Some(was) = in_step.get(id).filter(|record| record.held == Held::Folder) else {
        return false;
    };
    if now.kind != EntryKind::Folder || was.stat.dev == now.dev {
        return false;
    }
    let renumbered =
        was.stat.btime_ns != 0 && was.stat.btime_ns == now.btime_ns && was.stat.ino == now.ino;
    !renumbered
        && in_step
            .children(id)
            .any(|(name, _)| !matches!(root.stat(&join(path, name)), Ok(Some(_))))
}

/// The first folder on the way to `path`, and that itself, that is away.
pub(super) fn around(
    root: &Root,
    in_step: &InStep,
    path: &str,
    known: &mut Known,
) -> Option<String> {
    let mut at = NodeId::ROOT;
    let mut end = 0;
    while end < path.len() {
        let start = if end == 0 { 0 } else { end + 1 };
        end = path[start..]
            .find('/')
            .map_or(path.len(), |len| start + len);
        let folder = &path[..end];
        at = in_step.child(at, &path[start..end])?;
        let away = *known.entry(folder.to_owned()).or_insert_with(|| {
            matches!(root.stat(folder), Ok(Some(now)) if is_away(root, in_step, at, folder, &now))
        });
        if away {
            return Some(folder.to_owned());
        }
    }
    None
}

impl<D: Drive> Keeper<D> {
    /// Whether the entry at a path is in a folder that is away, or is one.
    pub(super) fn is_in_away(&self, path: &str) -> bool {
        around(&self.root, &self.in_step, path, &mut Known::new()).is_some()
    }

    /// Says that a folder is away, and looks again by and by.
    pub(super) fn found_away(&mut self, path: &str, now: Instant) {
        self.problems.set(
            path,
            "its disk is not mounted, or another is mounted in its place; nothing in it is taken in, \
             deleted or written until it is back",
            "Mount its disk. To delete what was in it for everybody, remove the empty folder.",
        );
        self.path_waits(path, Retry::waiting(now + LOOK));
    }

    /// Leaves out what would be done in folders that are away.
    pub(super) fn not_in_away(&mut self, steps: Vec<Step>, now: Instant) -> Vec<Step> {
        let mut known = Known::new();
        let mut away = BTreeSet::new();
        let mut rest = Vec::with_capacity(steps.len());
        for step in steps {
            let id = step.id();
            let places = [Some(id), step.parent()];
            let found = places.into_iter().flatten().find_map(|node| {
                let path = self.in_step.path(node)?;
                around(&self.root, &self.in_step, &path, &mut known)
            });
            let Some(folder) = found else {
                rest.push(step);
                continue;
            };
            self.later.insert(id, Retry::waiting(now + LOOK));
            self.dirty.insert(id);
            away.insert(folder);
        }
        for folder in away {
            self.found_away(&folder, now);
        }
        rest
    }
}

//! For tests: what a tree shows in one comparable value, a slow and obvious reference of it, and random
//! histories of several devices. Not part of the product (feature `test-utils`).

mod history;
mod reference;
mod rng;

use std::collections::{BTreeMap, BTreeSet};

use crate::conflict::Conflict;
use crate::id::NodeId;
use crate::node::{Kind, Node};
use crate::tree::DriveTree;
use crate::view::Counts;

pub use history::{Case, Step, run_cases};
pub use reference::reference;
pub use rng::Rng;

/// The nodes that a change writes to.
pub fn nodes_written(change: &[u8]) -> Vec<NodeId> {
    crate::lint::nodes_written(change)
}

/// Registers that this thread has read from documents so far.
pub fn reads() -> u64 {
    crate::register::reads()
}

/// Entries that views of this thread have put into a folder so far, for the first time or again.
pub fn settled() -> u64 {
    crate::view::settled()
}

/// All that a tree shows and keeps, as one value.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Picture {
    /// Every entry by path.
    pub entries: BTreeMap<String, Node>,
    /// Deleted nodes, with the folder and name they had.
    pub trash: BTreeMap<NodeId, (NodeId, String, Kind)>,
    /// What is to be told.
    pub conflicts: BTreeSet<Conflict>,
    /// Number and size of the entries.
    pub counts: Counts,
}

/// What the tree says of itself through its public face.
///
/// # Errors
/// Says what does not fit: an entry that one question finds and another does not.
pub fn picture(tree: &DriveTree) -> Result<Picture, String> {
    let mut picture = Picture {
        counts: tree.counts(),
        ..Picture::default()
    };
    for id in tree.walk() {
        let node = tree
            .get(id)
            .ok_or_else(|| format!("{id} is walked but not shown"))?;
        let path = tree.path(id).ok_or_else(|| format!("{id} has no path"))?;
        if tree.lookup(&path) != Some(id) {
            return Err(format!("{path} does not lead to {id}"));
        }
        if tree.child(node.parent, &node.name) != Some(id) {
            return Err(format!("{id} is not in its folder"));
        }
        if picture.entries.insert(path.clone(), node).is_some() {
            return Err(format!("{path} shows twice"));
        }
    }
    for trashed in tree.trash() {
        if tree.get(trashed.id).is_some() {
            return Err(format!("{} is in the trash and shows", trashed.id));
        }
        picture
            .trash
            .insert(trashed.id, (trashed.parent, trashed.name, trashed.kind));
    }
    picture.conflicts = tree.conflicts().into_iter().collect();
    Ok(picture)
}

impl Picture {
    /// The first difference between two pictures, in words; empty if there is none.
    pub fn difference(&self, other: &Picture) -> String {
        let mut found = String::new();
        let paths: BTreeSet<&String> = self.entries.keys().chain(other.entries.keys()).collect();
        for path in paths {
            let (ours, theirs) = (self.entries.get(path), other.entries.get(path));
            if ours != theirs {
                found.push_str(&format!("{path}:\n  {ours:?}\n  {theirs:?}\n"));
            }
        }
        let ids: BTreeSet<&NodeId> = self.trash.keys().chain(other.trash.keys()).collect();
        for id in ids {
            let (ours, theirs) = (self.trash.get(id), other.trash.get(id));
            if ours != theirs {
                found.push_str(&format!("trash {id}:\n  {ours:?}\n  {theirs:?}\n"));
            }
        }
        for conflict in self.conflicts.symmetric_difference(&other.conflicts) {
            found.push_str(&format!("conflict on one side only: {conflict:?}\n"));
        }
        if self.counts != other.counts {
            found.push_str(&format!("{:?}\n{:?}\n", self.counts, other.counts));
        }
        found
    }
}

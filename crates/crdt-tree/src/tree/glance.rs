//! The gist of many entries at once, from the view alone: what long lists are sorted and searched by.
//! Reads nothing of the document, so that a hundred thousand entries cost milliseconds.

use super::DriveTree;
use crate::id::NodeId;
use crate::node::Kind;
use crate::view::SlotId;

/// The gist of one entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Glance<'a> {
    /// Which.
    pub id: NodeId,
    /// The name it shows under.
    pub name: &'a str,
    /// What it is.
    pub kind: Kind,
    /// Bytes of a file.
    pub len: u64,
    /// Permission bits.
    pub mode: u32,
    /// Modification time, nanoseconds since 1970.
    pub mtime_ns: i64,
    /// For a conflict copy: the node of which it is another version.
    pub copy_of: Option<NodeId>,
}

impl DriveTree {
    /// The gist of an entry that shows.
    pub fn glance(&self, id: NodeId) -> Option<Glance<'_>> {
        Some(self.glance_at(self.view.shown(id)?))
    }

    /// The folder that an entry shows in.
    pub fn parent(&self, id: NodeId) -> Option<NodeId> {
        Some(self.view.parent_id(self.view.shown(id)?))
    }

    fn glance_at(&self, at: SlotId) -> Glance<'_> {
        let entry = self.view.entry(at);
        Glance {
            id: entry.id,
            name: self.view.shown_name(at),
            kind: entry.kind,
            len: entry.len,
            mode: u32::from(entry.mode),
            mtime_ns: entry.mtime_ns,
            copy_of: entry.copy_of().map(|(node, _)| self.view.entry(node).id),
        }
    }

    /// The entries of a folder in byte order of the NFC form of their names.
    pub fn glances(&self, folder: NodeId) -> impl Iterator<Item = Glance<'_>> {
        let slots = self.view.shown(folder);
        let slots = slots.map(|at| self.view.children_after(at, None));
        slots.into_iter().flatten().map(|at| self.glance_at(at))
    }

    /// Everything below a folder, in no order that means anything.
    pub fn glances_below(&self, folder: NodeId) -> impl Iterator<Item = Glance<'_>> {
        let mut waiting: Vec<SlotId> = self.view.shown(folder).into_iter().collect();
        let mut open: Vec<SlotId> = Vec::new();
        std::iter::from_fn(move || {
            loop {
                if let Some(at) = open.pop() {
                    if self.view.has_children(at) {
                        waiting.push(at);
                    }
                    return Some(self.glance_at(at));
                }
                open.extend(self.view.children_after(waiting.pop()?, None));
            }
        })
    }

    /// Whether a conflict is to be told about an entry.
    pub fn is_troubled(&self, id: NodeId) -> bool {
        self.view.is_troubled(id)
    }
}

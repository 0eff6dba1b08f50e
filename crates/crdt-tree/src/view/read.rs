//! Questions to the view: by id, by path, by folder; knows nothing of how it came to be.

use super::names::nfc;
use super::{Counts, ROOT, Slot, SlotId, View};
use crate::id::{NodeId, OpId};

/// Most names that a path is told with: far more than rule R8 allows, moves made apart included.
const MOST_NAMES: usize = 1024;

impl View {
    /// The slot of an entry that shows.
    pub(crate) fn shown(&self, id: NodeId) -> Option<SlotId> {
        self.any(id).filter(|at| self.slot(*at).attached)
    }

    /// The slot of a node, shown or not, or of a conflict copy.
    pub(crate) fn any(&self, id: NodeId) -> Option<SlotId> {
        self.index.get(&self.slots, id)
    }

    /// What is kept of an entry.
    pub(crate) fn entry(&self, at: SlotId) -> &Slot {
        self.slot(at)
    }

    /// The id of the folder that an entry shows in.
    pub(crate) fn parent_id(&self, at: SlotId) -> NodeId {
        self.slot(self.slot(at).parent).id
    }

    pub(crate) fn child(&self, parent: SlotId, name: &str) -> Option<SlotId> {
        self.holder(parent, &nfc(name))
    }

    /// Entries of a folder in order of their NFC names, those after `after` only.
    pub(crate) fn children_after(
        &self,
        parent: SlotId,
        after: Option<&str>,
    ) -> impl Iterator<Item = SlotId> + use<'_> {
        let children = self.folder(parent).map(|folder| &folder.children);
        let from = after.and_then(|name| {
            let name = nfc(name);
            let (Ok(spot) | Err(spot)) = self.seek(parent, &name)?;
            // The one of this very name, if there is one, is not after it.
            let skip = self.seek(parent, &name)?.is_ok();
            Some((spot, usize::from(skip)))
        });
        let page = children
            .zip(from)
            .map(|(all, (spot, skip))| all.from(spot).skip(skip));
        let all = children.filter(|_| after.is_none()).map(|all| all.iter());
        page.into_iter().flatten().chain(all.into_iter().flatten())
    }

    pub(crate) fn has_children(&self, at: SlotId) -> bool {
        self.folder(at)
            .is_some_and(|folder| !folder.children.is_empty())
    }

    /// The folders above an entry, the nearest first, the root last. Cannot loop: R2 leaves no cycle.
    pub(crate) fn above(&self, at: SlotId) -> impl Iterator<Item = SlotId> {
        let parent = |at: SlotId| (at != ROOT).then(|| self.slot(at).parent);
        std::iter::successors(parent(at), move |at| parent(*at))
    }

    /// Names from the root down, joined by `/`. Of what is deeper than anyone can make it (rule R8), only
    /// the last names: a path of a hundred thousand folders helps nobody, and there may be as many of them.
    pub(crate) fn path(&self, at: SlotId) -> String {
        let mut names: Vec<&str> = Vec::new();
        let mut step = at;
        while step != ROOT {
            if names.len() == MOST_NAMES {
                names.push("…");
                break;
            }
            names.push(self.shown_name(step));
            step = self.slot(step).parent;
        }
        names.reverse();
        names.join("/")
    }

    pub(crate) fn lookup(&self, path: &str) -> Option<SlotId> {
        if path.is_empty() {
            return Some(ROOT);
        }
        path.split('/')
            .try_fold(ROOT, |at, name| self.child(at, name))
    }

    /// The versions that show beside a node: copy and the write that it shows.
    pub(crate) fn copies_of(&self, at: SlotId) -> Vec<(SlotId, OpId)> {
        let copies = self.slot(at).copies().into_iter();
        copies
            .filter_map(|copy| Some((copy, self.slot(copy).copy_of()?.1)))
            .collect()
    }

    pub(crate) fn hidden(&self) -> impl Iterator<Item = SlotId> {
        self.hidden.iter().copied()
    }

    pub(crate) fn troubled(&self) -> impl Iterator<Item = NodeId> {
        self.troubled.iter().copied()
    }

    pub(crate) fn is_troubled(&self, id: NodeId) -> bool {
        self.troubled.contains(&id)
    }

    /// Whether rule R2 put a folder elsewhere than its last move.
    pub(crate) fn is_demoted(&self, at: SlotId) -> bool {
        self.demoted.contains(&at)
    }

    pub(crate) fn is_renamed(&self, at: SlotId) -> bool {
        self.slot(at).tagged
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }
}

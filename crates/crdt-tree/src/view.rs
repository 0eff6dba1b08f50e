//! What the drive shows, kept up to date in time proportional to each change; knows nothing of how
//! registers are stored (`register`) or why a rule says what it says (`resolve`).
//!
//! Nodes are slots in one vector, found by id. A slot knows its parent after rules R1 and R2, a folder
//! knows the names that show in it. Everything that is needed rarely (why a move lost, which op made a
//! node) is read from the document again when a rule asks.

mod change;
mod children;
mod cycles;
mod index;
mod journal;
mod names;
mod read;
mod slot;

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::id::NodeId;
use crate::node::Kind;

pub(crate) use change::{Begun, Touched};
use index::Index;
pub(crate) use journal::Journal;
use slot::Folder;
pub(crate) use slot::{Slot, SlotId};

/// How much the view shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Files, conflict copies included.
    pub files: u64,
    /// Folders, without the root.
    pub folders: u64,
    /// Symlinks, conflict copies included.
    pub symlinks: u64,
    /// Sum of the lengths of all files that show.
    pub bytes: u64,
}

/// The view. Everything outside `view` only reads it.
#[derive(Clone, Debug)]
pub(crate) struct View {
    slots: Vec<Slot>,
    free: Vec<SlotId>,
    index: Index,
    /// Names shown instead of a slot's own (rules R5, R6).
    tagged: HashMap<SlotId, String>,
    /// Folders that are not at the first candidate of rule R2.
    demoted: BTreeSet<SlotId>,
    /// Nodes that wait for a parent that does not exist (R1).
    waiting: HashMap<NodeId, BTreeSet<SlotId>>,
    /// Nodes that do not show.
    hidden: HashSet<SlotId>,
    /// Nodes on which a conflict is to be reported.
    troubled: BTreeSet<NodeId>,
    counts: Counts,
}

/// The slot of the root folder.
pub(crate) const ROOT: SlotId = SlotId(0);

impl View {
    /// The view of a drive without nodes.
    pub(crate) fn new() -> Self {
        let mut root = Slot::new(NodeId::ROOT, Kind::Folder);
        root.attached = true;
        root.folder = Some(Box::new(Folder::default()));
        let mut view = View {
            slots: Vec::new(),
            free: Vec::new(),
            index: Index::default(),
            tagged: HashMap::new(),
            demoted: BTreeSet::new(),
            waiting: HashMap::new(),
            hidden: HashSet::new(),
            troubled: BTreeSet::new(),
            counts: Counts::default(),
        };
        view.add_slot(root);
        view
    }

    fn add_slot(&mut self, slot: Slot) -> SlotId {
        let at = match self.free.pop() {
            Some(at) => {
                self.slots[at.index()] = slot;
                at
            }
            None => {
                self.slots.push(slot);
                SlotId::at(self.slots.len() - 1)
            }
        };
        self.index.insert(&self.slots, at);
        at
    }

    /// Forgets a conflict copy; nodes stay for ever.
    fn free_slot(&mut self, at: SlotId) {
        self.index.remove(&self.slots, at);
        self.free.push(at);
    }

    fn slot(&self, at: SlotId) -> &Slot {
        &self.slots[at.index()]
    }

    fn slot_mut(&mut self, at: SlotId) -> &mut Slot {
        &mut self.slots[at.index()]
    }

    fn folder(&self, at: SlotId) -> Option<&Folder> {
        self.slot(at).folder.as_deref()
    }

    fn folder_mut(&mut self, at: SlotId) -> Option<&mut Folder> {
        self.slot_mut(at).folder.as_deref_mut()
    }
}

#[cfg(feature = "test-utils")]
thread_local! {
    static SETTLED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Entries that views of this thread have put into a folder so far: what a change sets in motion.
#[cfg(feature = "test-utils")]
pub(crate) fn settled() -> u64 {
    SETTLED.get()
}

fn count_settled() {
    #[cfg(feature = "test-utils")]
    SETTLED.set(SETTLED.get() + 1);
}

//! What the view keeps of each node, made small: a drive of a million nodes has a million of these.

use std::collections::{BTreeMap, BTreeSet};

use super::children::Children;
use crate::id::{NodeId, OpId};
use crate::name::Name;
use crate::node::Kind;

/// Names a slot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct SlotId(pub(super) u32);

impl SlotId {
    pub(super) fn at(index: usize) -> Self {
        // 2^32 slots of 100 bytes do not fit any machine that Automerge's own 32-bit counters allow.
        SlotId(index as u32)
    }

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// One node or conflict copy.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) id: NodeId,
    pub(crate) kind: Kind,
    /// Deleted by rule R3; a deleted folder may show all the same (R4).
    pub(crate) dead: bool,
    /// Shows: it is among the names of its parent.
    pub(crate) attached: bool,
    /// Shows under a name of `View::tagged` instead of its own.
    pub(crate) tagged: bool,
    /// Holds content; what, is read from the document.
    pub(crate) has_content: bool,
    pub(crate) mode: u16,
    /// The folder it shows in, after R1 and R2.
    pub(crate) parent: SlotId,
    /// Its own name.
    pub(crate) name: Box<str>,
    pub(crate) len: u64,
    pub(crate) mtime_ns: i64,
    /// Tells content values apart, times left out.
    pub(crate) print: u64,
    pub(crate) folder: Option<Box<Folder>>,
    pub(crate) rare: Option<Box<Rare>>,
}

impl Slot {
    pub(super) fn new(id: NodeId, kind: Kind) -> Self {
        Slot {
            id,
            kind,
            dead: false,
            attached: false,
            tagged: false,
            has_content: false,
            mode: kind.default_mode() as u16,
            parent: SlotId(0),
            name: Box::default(),
            len: 0,
            mtime_ns: 0,
            print: 0,
            folder: None,
            rare: None,
        }
    }

    /// For a conflict copy: the node and the write of the version.
    pub(crate) fn copy_of(&self) -> Option<(SlotId, OpId)> {
        self.rare.as_deref().and_then(|rare| rare.copy_of)
    }

    /// The conflict copies of this node.
    pub(super) fn copies(&self) -> Vec<SlotId> {
        self.rare
            .as_deref()
            .map(|rare| rare.copies.clone())
            .unwrap_or_default()
    }
}

/// What only few nodes have.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Rare {
    /// Set for conflict copies only.
    pub(crate) copy_of: Option<(SlotId, OpId)>,
    /// Versions that show beside this node (R6).
    pub(crate) copies: Vec<SlotId>,
    /// Parents that concurrent moves asked for (R1).
    pub(crate) lost_places: Vec<NodeId>,
    /// Names that concurrent renames asked for.
    pub(crate) lost_names: Vec<Name>,
    /// Someone deleted it without having seen what keeps it alive (R3).
    pub(crate) outlived: bool,
}

/// The names that show in one folder.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folder {
    /// Every node and copy that shows, in order of the NFC of its shown name.
    pub(crate) children: Children,
    /// How many nodes show in it; copies do not keep a folder alive, their nodes do.
    pub(crate) nodes: u32,
    pub(crate) clashes: Option<Box<Clashes>>,
}

/// Where rules R5 and R6 are at work in one folder.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clashes {
    /// Own names that two or more nodes have, each with its claims; the least holds the name.
    pub(crate) contested: BTreeMap<Box<str>, BTreeMap<crate::resolve::Claim, SlotId>>,
    /// Everything that shows under a tag, with the attempt that was free.
    pub(crate) tagged: BTreeMap<NodeId, (SlotId, usize)>,
    /// Those that could not have the shortest tag.
    pub(crate) long: BTreeSet<NodeId>,
}

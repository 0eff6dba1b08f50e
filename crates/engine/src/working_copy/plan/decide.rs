//! What a change on disk means for the drive, given that the drive may have moved on meanwhile: a
//! version or a place that this disk never showed is never overwritten by what was done here.

use std::collections::BTreeSet;

use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::Node;

use super::super::in_step::{Held, InStep, Record};
use super::super::names::DiskRules;
use super::super::port::View;

/// What becomes of an entry that no record knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum ForNew {
    /// The drive has nothing of that name: create it.
    Create,
    /// The drive has just this there already: they are in step.
    Adopt(NodeId),
    /// The drive has something else there, which is not on disk: the local one goes beside it.
    Aside,
    /// The name still belongs to a node whose own change comes first.
    Wait,
}

/// Decides for a new entry that holds `held`, by the name that it would have in the drive and the one
/// that it has on disk.
pub(in super::super) fn for_new(
    view: &dyn View,
    in_step: &InStep,
    parent: NodeId,
    (name, on_disk): (&str, &str),
    held: &Held,
) -> ForNew {
    let Some(id) = view.child(parent, name) else {
        return ForNew::Create;
    };
    let Some(node) = view.get(id) else {
        return ForNew::Create;
    };
    if let Some(record) = in_step.get(id) {
        return if record.parent == parent && record.name == on_disk {
            ForNew::Wait
        } else {
            ForNew::Aside
        };
    }
    let theirs = Held::of(&node);
    if theirs.kind() == held.kind() && theirs.same(held) {
        ForNew::Adopt(id)
    } else {
        ForNew::Aside
    }
}

/// What becomes of bytes written to a node's entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum ForBytes {
    /// The drive has these very bytes.
    InStep,
    /// The drive has what the disk had before: send.
    Send,
    /// The drive deleted the node meanwhile: take it out of the trash and send.
    Revive,
    /// The drive has nothing left that could be taken out of the trash: it is a new file.
    Anew,
    /// The drive has a version that this disk never showed: both are kept.
    Aside,
}

/// Decides for a node whose entry now holds `held`.
pub(in super::super) fn for_bytes(
    view: &dyn View,
    record: &Record,
    id: NodeId,
    held: &Held,
) -> ForBytes {
    let Some(node) = view.get(id) else {
        return match view.is_trashed(id) {
            true => ForBytes::Revive,
            false => ForBytes::Anew,
        };
    };
    let theirs = Held::of(&node);
    if theirs.same(held) {
        ForBytes::InStep
    } else if theirs.same(&record.held) {
        ForBytes::Send
    } else {
        ForBytes::Aside
    }
}

/// Where a node moved here should go in the drive: what did not change here is left as the drive has
/// it, so that a rename here and a move elsewhere both hold. `None` if it is there already.
pub(in super::super) fn for_move(
    node: &Node,
    record: &Record,
    parent: NodeId,
    name: &str,
    rules: &DiskRules,
) -> Option<(NodeId, String)> {
    let to = if parent == record.parent {
        node.parent
    } else {
        parent
    };
    let called = if name == record.name {
        node.name.clone()
    } else {
        rules.unescape(name).into_owned()
    };
    (to != node.parent || called != node.name).then_some((to, called))
}

/// What becomes of nodes whose entries are gone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in super::super) struct ForMissing {
    /// Delete these in the drive, folders with all that is in them.
    pub(in super::super) delete: Vec<NodeId>,
    /// The drive has news of these that the disk never showed: forget the records, so that they are
    /// written out again.
    pub(in super::super) keep: Vec<NodeId>,
    /// The drive deleted these too: only the records are left to forget.
    pub(in super::super) forget: Vec<NodeId>,
}

/// Decides for a missing node and what was in it, leaving out what is `spared` because it lives on
/// elsewhere on disk.
pub(in super::super) fn for_missing(
    view: &dyn View,
    in_step: &InStep,
    rules: &DiskRules,
    spared: &BTreeSet<NodeId>,
    id: NodeId,
) -> ForMissing {
    let mut all = ForMissing::default();
    Missing {
        view,
        in_step,
        rules,
        spared,
    }
    .visit(id, &mut all);
    all
}

struct Missing<'a> {
    view: &'a dyn View,
    in_step: &'a InStep,
    rules: &'a DiskRules,
    spared: &'a BTreeSet<NodeId>,
}

impl Missing<'_> {
    /// Returns whether a deletion of this node takes nothing along that was not seen here.
    fn visit(&self, id: NodeId, all: &mut ForMissing) -> bool {
        if self.spared.contains(&id) {
            return false;
        }
        let Some(record) = self.in_step.get(id) else {
            return false;
        };
        let node = self.view.get(id);
        let mut inside = ForMissing::default();
        let mut whole = true;
        for (_, child) in self.in_step.children(id) {
            whole &= self.visit(child, &mut inside);
        }
        let Some(node) = node else {
            all.delete.extend(inside.delete);
            all.keep.extend(inside.keep);
            all.forget.extend(inside.forget);
            all.forget.push(id);
            return whole;
        };
        whole &= self.view.children(id).into_iter().all(|child| {
            self.in_step
                .get(child)
                .is_some_and(|known| known.parent == id)
        });
        // That somebody gave its name to something else as well is no news of this node, though it may show
        // with a tag since.
        let called = self.rules.project(self.view, id, node.parent, &node.name) == record.name
            || self.view.is_called(id, &self.rules.unescape(&record.name));
        let as_seen = Held::of(&node).same(&record.held) && node.parent == record.parent && called;
        if as_seen && whole {
            all.delete.push(id);
        } else {
            all.delete.extend(inside.delete);
            all.keep.extend(inside.keep);
            all.forget.extend(inside.forget);
            all.keep.push(id);
        }
        as_seen && whole
    }
}

//! Brings the view in step with nodes whose registers were written; knows nothing of who wrote them.

use std::collections::BTreeMap;

use automerge::ReadDoc;

use super::journal::Journal;
use super::slot::{Folder, Rare};
use super::{ROOT, Slot, SlotId, View};
use crate::id::NodeId;
use crate::node::{Content, Kind};
use crate::register::{Registers, Source};
use crate::resolve::{self, Version};
use crate::schema;

/// Nodes whose registers were written, and whether an extended attribute was among them.
pub(crate) type Touched = BTreeMap<NodeId, bool>;

/// Nodes that were begun by these writes, with all that is written of them.
pub(crate) type Begun = BTreeMap<NodeId, Registers>;

impl View {
    /// Brings the view in step with the document after writes to the registers of `touched`. Of nodes that `begun`
    /// has, all registers are there and need not be read.
    pub(crate) fn refresh<R: ReadDoc>(
        &mut self,
        source: &Source<'_, R>,
        touched: &Touched,
        begun: &mut Begun,
        journal: &mut Journal,
    ) {
        let nodes = touched.iter().filter_map(|(id, xattr)| {
            if *xattr {
                journal.note_xattr(*id);
            }
            let registers = match begun.remove(id) {
                Some(registers) => {
                    debug_assert_eq!(source.registers(*id).as_ref(), Some(&registers));
                    registers
                }
                None => source.registers(*id)?,
            };
            Some((*id, registers))
        });
        let nodes: Vec<_> = nodes.collect();
        self.take_in(source, nodes, journal);
    }

    /// Makes the view from all nodes of a document.
    pub(crate) fn build<R: ReadDoc>(
        source: &Source<'_, R>,
        nodes: impl IntoIterator<Item = (NodeId, Registers)>,
    ) -> View {
        let mut view = View::new();
        view.take_in(source, nodes, &mut Journal::off());
        view
    }

    /// Takes in new states of nodes: everything that may move is unhooked first, then places (R1, R2)
    /// are found, then everything that shows is hooked in again (R3, R4), under a name (R5, R6).
    fn take_in<R: ReadDoc>(
        &mut self,
        source: &Source<'_, R>,
        nodes: impl IntoIterator<Item = (NodeId, Registers)>,
        journal: &mut Journal,
    ) {
        let mut work = Work::default();
        for (id, registers) in nodes {
            if id != NodeId::ROOT {
                self.take_in_node(source, id, &registers, &mut work, journal);
            }
        }
        let moves = std::mem::take(&mut work.moves);
        self.place(source, moves, &mut work, journal);
        self.hook_in(source, work.unhooked, journal);
    }

    fn take_in_node<R: ReadDoc>(
        &mut self,
        source: &Source<'_, R>,
        id: NodeId,
        registers: &Registers,
        work: &mut Work,
        journal: &mut Journal,
    ) {
        let Some((kind, _)) = resolve::birth(registers) else {
            return;
        };
        let Some((_, parent, _)) = resolve::place(registers) else {
            return;
        };
        let Some(name) = resolve::name(registers) else {
            return;
        };
        let at = match self.any(id) {
            Some(at) if self.slot(at).copy_of().is_none() => {
                self.unhook(at, &mut work.unhooked, journal);
                self.drop_copies(at);
                at
            }
            other => {
                if let Some((node, _)) = other.and_then(|copy| self.slot(copy).copy_of()) {
                    // The copy has become a node; its version may still be current beside it.
                    self.unhook(node, &mut work.unhooked, journal);
                    self.drop_copy(node, id);
                }
                journal.note_absent(id);
                self.add_node(source, id, kind, work)
            }
        };
        let versions = resolve::versions(kind, &registers.content);
        let dead = resolve::deleted(registers);
        let (mode, mtime_ns) = resolve::look(kind, registers, versions.first());
        let slot = self.slot_mut(at);
        slot.dead = dead;
        slot.mode = mode;
        slot.mtime_ns = mtime_ns;
        slot.name = name.as_str().into();
        hold(slot, versions.first());
        let rare = Rare {
            copy_of: None,
            copies: Vec::new(),
            lost_places: resolve::lost_places(registers),
            lost_names: resolve::lost_names(registers),
            outlived: !registers.deletion.is_empty() && !dead,
        };
        slot.rare = (rare != Rare::default()).then(|| Box::new(rare));
        self.set_copies(at, versions.get(1..).unwrap_or_default(), journal);
        work.moves.push((at, parent));
    }

    fn add_node<R: ReadDoc>(
        &mut self,
        source: &Source<'_, R>,
        id: NodeId,
        kind: Kind,
        work: &mut Work,
    ) -> SlotId {
        let mut slot = Slot::new(id, kind);
        if kind == Kind::Folder {
            slot.folder = Some(Box::new(Folder::default()));
        }
        let at = self.add_slot(slot);
        work.unhooked.push(at);
        // Whoever named this parent before it existed stood in the root until now.
        for child in self.waiting.remove(&id).unwrap_or_default() {
            let registers = source.place(self.slot(child).id);
            if let Some((_, parent, _)) = resolve::place(&registers)
                && parent == id
            {
                work.moves.push((child, id));
            }
        }
        at
    }

    /// Sets the conflict copies of a node, which must be unhooked.
    fn set_copies(&mut self, at: SlotId, versions: &[Version], journal: &mut Journal) {
        let node = self.slot(at);
        let (node_id, kind, mode, parent) = (node.id, node.kind, node.mode, node.parent);
        let mut copies = Vec::with_capacity(versions.len());
        for version in versions {
            let id = NodeId::copied(node_id, kind, version.op);
            if self.any(id).is_some() {
                // That copy became a node of its own.
                continue;
            }
            journal.note_absent(id);
            let mut slot = Slot::new(id, kind);
            slot.mode = mode;
            slot.parent = parent;
            slot.mtime_ns = match &version.content {
                Some(Content::File(file)) => file.mtime_ns,
                _ => 0,
            };
            hold(&mut slot, Some(version));
            slot.rare = Some(Box::new(Rare {
                copy_of: Some((at, version.op)),
                ..Rare::default()
            }));
            copies.push(self.add_slot(slot));
        }
        if !copies.is_empty() {
            self.slot_mut(at).rare.get_or_insert_default().copies = copies;
        }
    }

    fn drop_copies(&mut self, at: SlotId) {
        let rare = self.slot_mut(at).rare.as_deref_mut();
        for copy in rare
            .map(|rare| std::mem::take(&mut rare.copies))
            .unwrap_or_default()
        {
            self.free_slot(copy);
        }
    }

    fn drop_copy(&mut self, at: SlotId, id: NodeId) {
        let gone: Vec<SlotId> = self
            .slot(at)
            .copies()
            .into_iter()
            .filter(|copy| self.slot(*copy).id == id)
            .collect();
        let rare = &mut self.slot_mut(at).rare;
        if let Some(rare) = rare.as_deref_mut() {
            rare.copies.retain(|copy| !gone.contains(copy));
        }
        if rare.as_deref().is_some_and(|rare| *rare == Rare::default()) {
            *rare = None;
        }
        for copy in gone {
            self.free_slot(copy);
        }
    }

    /// The slot of a parent by R1: the root if it does not exist or is no folder.
    pub(super) fn find_parent(&mut self, child: SlotId, parent: NodeId) -> SlotId {
        match self.any(parent) {
            Some(at) if self.slot(at).kind == Kind::Folder => at,
            Some(at) if self.slot(at).copy_of().is_none() => ROOT,
            _ => {
                self.waiting.entry(parent).or_default().insert(child);
                ROOT
            }
        }
    }
}

/// What is left to do before a change is fully in the view.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Nodes to place, each with the parent that rule R1 gives it.
    pub(super) moves: Vec<(SlotId, NodeId)>,
    /// Nodes that may or may not show when everything has its place.
    pub(super) unhooked: Vec<SlotId>,
}

/// Puts a version into a slot.
fn hold(slot: &mut Slot, version: Option<&Version>) {
    let content = version.and_then(|version| version.content.as_ref());
    slot.has_content = content.is_some();
    slot.len = match content {
        Some(Content::File(file)) => file.len,
        Some(Content::Symlink(target)) => target.len() as u64,
        None => 0,
    };
    slot.print = content.map_or(0, print);
}

/// Tells contents apart, times left out, which show as attributes.
fn print(content: &Content) -> u64 {
    let mut timeless = content.clone();
    if let Content::File(file) = &mut timeless {
        file.mtime_ns = 0;
    }
    let hash = blake3::hash(&schema::encode_content(Some(&timeless)));
    let first = hash.as_bytes().first_chunk().copied().unwrap_or_default();
    u64::from_le_bytes(first)
}

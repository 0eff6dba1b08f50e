//! Where nodes stand and whether they show (rules R1, R2 and R4), after writes; knows nothing of names.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use automerge::ReadDoc;

use super::change::Work;
use super::journal::Journal;
use super::{ROOT, SlotId, View};
use crate::id::{Actor, NodeId, OpId};
use crate::node::Kind;
use crate::register::Source;
use crate::resolve::{self, FolderGraph};

impl View {
    /// Gives every node of `moves` its place and settles the cycles that this makes or ends.
    pub(super) fn place<R: ReadDoc>(
        &mut self,
        source: &Source<'_, R>,
        moves: Vec<(SlotId, NodeId)>,
        work: &mut Work,
        journal: &mut Journal,
    ) {
        let mut points = HashMap::new();
        for (at, parent) in moves {
            let parent = self.find_parent(at, parent);
            if self.slot(at).kind == Kind::Folder {
                points.insert(at, parent);
            } else {
                self.move_to(at, parent, work, journal);
            }
        }
        if points.is_empty() {
            return;
        }
        if self.demoted.is_empty() {
            // A folder that points where it stood closes no cycle.
            points.retain(|at, parent| self.slot(*at).parent != *parent);
        }
        for at in self.demoted.clone() {
            if let Entry::Vacant(entry) = points.entry(at) {
                let parent = first_candidate(source, self.slot(at).id);
                entry.insert(self.find_parent(at, parent));
            }
        }
        let suspects: Vec<SlotId> = points.keys().copied().collect();
        let mut graph = Pointers {
            view: self,
            source,
            points,
            tried: HashMap::new(),
        };
        let demoted = resolve::break_cycles(&mut graph, suspects);
        let points = graph.points;
        let were = std::mem::replace(&mut self.demoted, demoted.clone());
        for (at, parent) in points {
            self.move_to(at, parent, work, journal);
        }
        for at in were.symmetric_difference(&demoted) {
            // Whether it is in conflict has changed, and with it what there is to tell.
            self.unhook(*at, &mut work.unhooked, journal);
        }
    }

    fn move_to(&mut self, at: SlotId, parent: SlotId, work: &mut Work, journal: &mut Journal) {
        if self.slot(at).parent != parent {
            self.unhook(at, &mut work.unhooked, journal);
            self.slot_mut(at).parent = parent;
        }
    }

    /// Takes a node with its copies out of its folder, to be looked at again by [`View::hook_in`].
    pub(super) fn unhook(&mut self, at: SlotId, unhooked: &mut Vec<SlotId>, journal: &mut Journal) {
        unhooked.push(at);
        if !self.slot(at).attached {
            return;
        }
        unhooked.push(self.slot(at).parent);
        let parent = self.slot(at).parent;
        for copy in self.slot(at).copies() {
            self.detach(copy, journal);
        }
        self.detach(at, journal);
        if let Some(folder) = self.folder_mut(parent) {
            folder.nodes -= 1;
        }
    }

    /// **R4**: shows what is alive and every folder with something alive in it, hides the rest.
    pub(super) fn hook_in<R: ReadDoc>(
        &mut self,
        source: &Source<'_, R>,
        mut work: Vec<SlotId>,
        journal: &mut Journal,
    ) {
        while let Some(at) = work.pop() {
            let slot = self.slot(at);
            let shows = !slot.dead || slot.folder.as_deref().is_some_and(|f| f.nodes > 0);
            if at == ROOT || shows == slot.attached {
                if !shows {
                    self.hidden.insert(at);
                }
                continue;
            }
            if !shows {
                self.unhook(at, &mut work, journal);
                continue;
            }
            let parent = slot.parent;
            self.hidden.remove(&at);
            self.attach(source, at, journal);
            for copy in self.slot(at).copies() {
                self.slot_mut(copy).parent = parent;
                self.attach(source, copy, journal);
            }
            if let Some(folder) = self.folder_mut(parent) {
                folder.nodes += 1;
            }
            work.push(parent);
        }
    }

    fn attach<R: ReadDoc>(&mut self, source: &Source<'_, R>, at: SlotId, journal: &mut Journal) {
        super::count_settled();
        journal.note(self, at);
        self.slot_mut(at).attached = true;
        self.claim(source, at, journal);
        self.mark_trouble(at);
        let (kind, len) = (self.slot(at).kind, self.slot(at).len);
        let counts = &mut self.counts;
        match kind {
            Kind::File => {
                counts.files += 1;
                counts.bytes = counts.bytes.wrapping_add(len);
            }
            Kind::Folder => counts.folders += 1,
            Kind::Symlink => counts.symlinks += 1,
        }
    }

    fn detach(&mut self, at: SlotId, journal: &mut Journal) {
        journal.note(self, at);
        self.unclaim(at, journal);
        self.slot_mut(at).attached = false;
        self.mark_trouble(at);
        let (kind, len) = (self.slot(at).kind, self.slot(at).len);
        let counts = &mut self.counts;
        match kind {
            Kind::File => {
                counts.files -= 1;
                counts.bytes = counts.bytes.wrapping_sub(len);
            }
            Kind::Folder => counts.folders -= 1,
            Kind::Symlink => counts.symlinks -= 1,
        }
    }

    /// Notes whether there is a conflict to report on a node.
    pub(super) fn mark_trouble(&mut self, at: SlotId) {
        let slot = self.slot(at);
        let id = slot.id;
        let rare = slot
            .rare
            .as_deref()
            .is_some_and(|rare| rare.copy_of.is_none());
        let is_copy = slot.copy_of().is_some();
        let trouble = slot.attached
            && !is_copy
            && (rare || slot.dead || self.demoted.contains(&at) || slot.tagged);
        if trouble {
            self.troubled.insert(id);
        } else if !is_copy {
            self.troubled.remove(&id);
        }
    }
}

fn first_candidate<R: ReadDoc>(source: &Source<'_, R>, id: NodeId) -> NodeId {
    let registers = source.place(id);
    resolve::place(&registers).map_or(NodeId::ROOT, |(_, parent, _)| parent)
}

/// The folders as rule R2 sees them, with the pointers that differ from the view's own.
struct Pointers<'v, 's, R> {
    view: &'v View,
    source: &'s Source<'s, R>,
    points: HashMap<SlotId, SlotId>,
    /// How many candidates of each demoted folder were tried.
    tried: HashMap<SlotId, usize>,
}

impl<R: ReadDoc> FolderGraph for Pointers<'_, '_, R> {
    type Folder = SlotId;

    fn parent(&self, folder: SlotId) -> Option<SlotId> {
        if folder == ROOT {
            return None;
        }
        Some(
            self.points
                .get(&folder)
                .copied()
                .unwrap_or(self.view.slot(folder).parent),
        )
    }

    fn moved_by(&self, folder: SlotId) -> OpId {
        let registers = self.source.place(self.view.slot(folder).id);
        let never = OpId {
            counter: 0,
            actor: Actor::GENESIS,
        };
        resolve::place(&registers).map_or(never, |(op, _, _)| op)
    }

    fn demote(&mut self, folder: SlotId) {
        let registers = self.source.place(self.view.slot(folder).id);
        let former = resolve::place(&registers).map(|(_, _, former)| former.to_vec());
        let tried = self.tried.entry(folder).or_insert(0);
        let next = former
            .unwrap_or_default()
            .get(*tried)
            .copied()
            .unwrap_or(NodeId::ROOT);
        *tried += 1;
        let parent = match self.view.any(next) {
            Some(at) if self.view.slot(at).kind == Kind::Folder => at,
            _ => ROOT,
        };
        self.points.insert(folder, parent);
    }
}

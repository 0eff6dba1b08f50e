//! What a change did to what shows: noted before, compared after; knows nothing of why.

use std::collections::{BTreeSet, HashMap};

use super::{SlotId, View};
use crate::event::TreeEvent;
use crate::id::NodeId;

/// What showed before, of everything that a change has moved so far; events are read off it.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    before: HashMap<NodeId, Option<Seen>>,
    xattrs: BTreeSet<NodeId>,
    off: bool,
}

/// What a person sees of an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Seen {
    parent: NodeId,
    name: String,
    print: u64,
    look: (u16, i64),
    conflict: bool,
}

impl Journal {
    /// A journal for rebuilding, when nobody asks for events.
    pub(crate) fn off() -> Self {
        Journal {
            off: true,
            ..Journal::default()
        }
    }

    /// Remembers that an extended attribute of a node was written.
    pub(super) fn note_xattr(&mut self, id: NodeId) {
        if !self.off {
            self.xattrs.insert(id);
        }
    }

    /// To be called before anything that shows of `at` changes.
    pub(super) fn note(&mut self, view: &View, at: SlotId) {
        if self.off {
            return;
        }
        let id = view.slot(at).id;
        self.before.entry(id).or_insert_with(|| view.seen(at));
    }

    /// Remembers that an entry did not exist.
    pub(super) fn note_absent(&mut self, id: NodeId) {
        if !self.off {
            self.before.entry(id).or_insert(None);
        }
    }

    /// What happened, in an order that a mirror can follow: created (folders before what is in them),
    /// moved, content, attributes, deleted (the deepest first), conflicts.
    pub(crate) fn events(self, view: &View) -> Vec<TreeEvent> {
        let mut created = Vec::new();
        let mut changed = Vec::new();
        let mut deleted = Vec::new();
        let mut conflicts = Vec::new();
        let mut before: Vec<(NodeId, Option<Seen>)> = self.before.into_iter().collect();
        before.sort_unstable_by_key(|(id, _)| *id);
        for (id, was) in before {
            let now = view.any(id).and_then(|at| view.seen(at));
            let had = was.as_ref().is_some_and(|seen| seen.conflict);
            let has = now.as_ref().is_some_and(|seen| seen.conflict);
            if had != has {
                conflicts.push(if has {
                    TreeEvent::ConflictAppeared { id }
                } else {
                    TreeEvent::ConflictEnded { id }
                });
            }
            match (was, now) {
                (None, Some(_)) => created.push(id),
                (Some(was), None) => {
                    let Seen {
                        parent: from,
                        name: old_name,
                        ..
                    } = was;
                    deleted.push((id, from, old_name));
                }
                (Some(was), Some(now)) => {
                    let look = was.look != now.look || self.xattrs.contains(&id);
                    let content = was.print != now.print;
                    if was.parent != now.parent || was.name != now.name {
                        let Seen {
                            parent: from,
                            name: old_name,
                            ..
                        } = was;
                        changed.push((0, TreeEvent::NodeMoved { id, from, old_name }));
                    }
                    if content {
                        changed.push((1, TreeEvent::ContentChanged { id }));
                    }
                    if look {
                        changed.push((2, TreeEvent::AttributesChanged { id }));
                    }
                }
                (None, None) => {}
            }
        }
        changed.sort_by_key(|(order, _)| *order);
        let parent = |id: NodeId| view.any(id).map(|at| view.parent_id(at));
        let created = by_depth(created, |id| *id, parent).into_iter();
        let folders: HashMap<NodeId, NodeId> =
            deleted.iter().map(|(id, from, _)| (*id, *from)).collect();
        let deleted = by_depth(deleted, |(id, ..)| *id, |id| folders.get(&id).copied());
        let deleted = deleted.into_iter().rev();
        created
            .map(|id| TreeEvent::NodeCreated { id })
            .chain(changed.into_iter().map(|(_, event)| event))
            .chain(deleted.map(|(id, from, old_name)| TreeEvent::NodeDeleted {
                id,
                from,
                old_name,
            }))
            .chain(conflicts)
            .collect()
    }
}

/// Orders entries by how many folders lie above them, as far as `parent` knows; otherwise as they were.
fn by_depth<T>(
    mut entries: Vec<T>,
    id: impl Fn(&T) -> NodeId,
    parent: impl Fn(NodeId) -> Option<NodeId>,
) -> Vec<T> {
    let mut depths: HashMap<NodeId, usize> = HashMap::from([(NodeId::ROOT, 0)]);
    for entry in &entries {
        // Each folder is passed once in all, however deep they lie.
        let mut trail = Vec::new();
        let mut at = Some(id(entry));
        let mut depth = loop {
            let Some(step) = at else { break 0 };
            if let Some(depth) = depths.get(&step) {
                break *depth;
            }
            trail.push(step);
            at = parent(step);
        };
        for step in trail.into_iter().rev() {
            depth += 1;
            depths.insert(step, depth);
        }
    }
    entries.sort_by_key(|entry| depths.get(&id(entry)).copied());
    entries
}

impl View {
    fn seen(&self, at: SlotId) -> Option<Seen> {
        let slot = self.slot(at);
        slot.attached.then(|| Seen {
            parent: self.slot(slot.parent).id,
            name: self.shown_name(at).to_owned(),
            print: slot.print,
            look: (slot.mode, slot.mtime_ns),
            conflict: self.troubled.contains(&slot.id),
        })
    }
}

//! One device of a random history: its tree, what it knows, and a mirror that follows its events.

use std::collections::{BTreeMap, BTreeSet};

use super::edits;
use crate::conflict::Conflict;
use crate::event::TreeEvent;
use crate::id::{Actor, NodeId};
use crate::lint::Author;
use crate::node::{Content, Node};
use crate::testing::{nodes_written, picture, reference};
use crate::tree::{ApplyError, DriveTree};

/// A change as it travels.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Sent {
    pub(super) author: (Actor, u64),
    pub(super) change: Vec<u8>,
}

/// A device.
pub(super) struct Device {
    number: usize,
    pub(super) tree: DriveTree,
    actor: Actor,
    seq: u64,
    incarnation: u8,
    /// Every change it has, own ones included, in the order in which it got them.
    pub(super) known: Vec<Sent>,
    has: BTreeSet<Sent>,
    /// Nodes that these write to.
    ids: BTreeSet<NodeId>,
    /// What came before what it builds on.
    early: BTreeSet<Sent>,
    /// Last snapshot, and how much of `known` it holds.
    kept: Option<(Vec<u8>, usize)>,
    /// Hashes of the contents that it wrote.
    pub(super) written: BTreeSet<[u8; 32]>,
    /// What a program that only ever heard events believes to show, and to be in conflict.
    mirror: BTreeMap<NodeId, Node>,
    troubled: BTreeSet<NodeId>,
}

impl Device {
    pub(super) fn new(number: usize) -> Self {
        let actor = actor_of(number, 0);
        Device {
            number,
            tree: DriveTree::new(actor),
            actor,
            seq: 0,
            incarnation: 0,
            known: Vec::new(),
            has: BTreeSet::new(),
            ids: BTreeSet::new(),
            early: BTreeSet::new(),
            kept: None,
            written: BTreeSet::new(),
            mirror: BTreeMap::new(),
            troubled: BTreeSet::new(),
        }
    }

    /// Edits what it sees.
    pub(super) fn act(
        &mut self,
        seed: u64,
        names: &[String],
        lost_on_purpose: &mut BTreeSet<[u8; 32]>,
    ) -> Result<(), String> {
        let chosen = edits::choose(&self.tree, seed, names);
        let held = edits::held(&self.tree);
        let edited = self.tree.edit(&chosen);
        // Only what was really done excuses that something is gone, and only on the nodes it was done to.
        let done = chosen.iter().zip(&edited.results);
        let done: Vec<_> = done
            .filter_map(|(edit, result)| Some((edit, *result.as_ref().ok()?)))
            .collect();
        for (at, (edit, node)) in done.iter().enumerate() {
            // What the batch itself wrote before counts as held too.
            let earlier = done[..at]
                .iter()
                .filter_map(|(edit, node)| Some(edits::Held::shown(*node, edits::writes(edit)?)));
            let earlier: Vec<_> = earlier.collect();
            let over = held.iter().chain(&earlier);
            let over = over.filter(|held| edits::overwrites(edit, *node, held));
            lost_on_purpose.extend(over.map(|held| held.hash));
            self.written.extend(edits::writes(edit));
        }
        for change in edited.changes {
            self.seq += 1;
            self.ids.extend(nodes_written(&change));
            let sent = Sent {
                author: (self.actor, self.seq),
                change,
            };
            self.has.insert(sent.clone());
            self.known.push(sent);
        }
        self.follow(edited.events)
    }

    /// Hears changes, in an order that may be wrong.
    pub(super) fn hear(&mut self, told: Vec<Sent>) -> Result<(), String> {
        let mut again = None;
        for sent in told {
            if self.has.contains(&sent) {
                again = Some(sent);
                continue;
            }
            self.early.insert(sent.clone());
            self.take(&sent)?;
        }
        if let Some(again) = again {
            self.take(&again)?;
        }
        loop {
            let mut more = false;
            for sent in self.early.clone() {
                more |= self.take(&sent)?;
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// Applies a change if what it builds on is here.
    fn take(&mut self, sent: &Sent) -> Result<bool, String> {
        let (actor, seq) = sent.author;
        match self.tree.apply(&sent.change, &Author { actor, seq }) {
            Ok(events) => {
                self.early.remove(sent);
                if !self.has.insert(sent.clone()) {
                    return if events.is_empty() {
                        Ok(false)
                    } else {
                        Err(format!("heard twice, and it did something: {events:?}"))
                    };
                }
                self.ids.extend(nodes_written(&sent.change));
                self.known.push(sent.clone());
                self.follow(events)?;
                Ok(true)
            }
            Err(ApplyError::MissingDependency(_)) => Ok(false),
            Err(error) => Err(format!("an honest change is refused: {error}")),
        }
    }

    pub(super) fn keep(&mut self) {
        self.kept = Some((self.tree.save(), self.known.len()));
    }

    /// Starts again from the last snapshot (or nothing) and what came since, own changes included.
    pub(super) fn restart(&mut self, anew: bool) -> Result<(), String> {
        if anew {
            self.incarnation += 1;
            self.actor = actor_of(self.number, self.incarnation);
            self.seq = 0;
        }
        let before = picture(&self.tree)?;
        let tail = match &self.kept {
            Some((snapshot, tail)) => {
                self.tree = DriveTree::load(snapshot, self.actor).map_err(|e| e.to_string())?;
                *tail
            }
            None => {
                self.tree = DriveTree::new(self.actor);
                0
            }
        };
        for Sent {
            author: (actor, seq),
            change,
        } in &self.known[tail..]
        {
            let author = Author {
                actor: *actor,
                seq: *seq,
            };
            self.tree
                .apply(change, &author)
                .map_err(|error| format!("on restart: {error}"))?;
        }
        let after = picture(&self.tree)?;
        if before == after {
            Ok(())
        } else {
            Err(format!(
                "differs after a restart:\n{}",
                before.difference(&after)
            ))
        }
    }

    /// What must hold at any time: incremental view, rebuild and reference are equal, and whoever
    /// followed the events knows all of it.
    pub(super) fn check(&mut self) -> Result<(), String> {
        let shown = picture(&self.tree)?;
        let reference = reference(&self.tree, &self.ids);
        if shown != reference {
            return Err(format!(
                "view and reference:\n{}",
                shown.difference(&reference)
            ));
        }
        let nodes = self.tree.scan(&self.ids);
        let rebuilt = self.tree.shown_anew(nodes, picture)?;
        if shown != rebuilt {
            return Err(format!("view and rebuild:\n{}", shown.difference(&rebuilt)));
        }
        let mut ids: BTreeSet<NodeId> = self.mirror.keys().copied().collect();
        ids.extend(shown.entries.values().map(|node| node.id));
        for id in ids {
            let (now, told) = (
                self.tree.get(id).map(known),
                self.mirror.get(&id).cloned().map(known),
            );
            if now != told {
                return Err(format!(
                    "view and what was told of it:\n  {now:?}\n  {told:?}"
                ));
            }
        }
        let troubled: BTreeSet<NodeId> = shown.conflicts.iter().map(Conflict::node).collect();
        if troubled != self.troubled {
            return Err(format!(
                "conflicts {troubled:?}, told of {:?}",
                self.troubled
            ));
        }
        Ok(())
    }

    fn follow(&mut self, events: Vec<TreeEvent>) -> Result<(), String> {
        for event in events {
            let fits = self.follow_one(&event);
            if !fits {
                return Err(format!("{event:?} does not fit what was told before"));
            }
        }
        Ok(())
    }

    /// Whether the event fits what was told before.
    fn follow_one(&mut self, event: &TreeEvent) -> bool {
        let tree = &self.tree;
        match event {
            TreeEvent::NodeCreated { id } => {
                let parent_known = tree.get(*id).is_some_and(|node| {
                    node.parent == NodeId::ROOT || self.mirror.contains_key(&node.parent)
                });
                let node = tree.get(*id);
                parent_known && node.is_some_and(|node| self.mirror.insert(*id, node).is_none())
            }
            TreeEvent::NodeMoved { id, from, old_name } => {
                let Some((was, now)) = self.mirror.get_mut(id).zip(tree.get(*id)) else {
                    return false;
                };
                let fits = was.parent == *from && was.name == *old_name;
                was.parent = now.parent;
                was.name = now.name;
                fits
            }
            TreeEvent::ContentChanged { id } => {
                let Some((was, now)) = self.mirror.get_mut(id).zip(tree.get(*id)) else {
                    return false;
                };
                let differs = was.content != now.content;
                was.content = now.content;
                differs
            }
            TreeEvent::AttributesChanged { id } => {
                let Some((was, now)) = self.mirror.get_mut(id).zip(tree.get(*id)) else {
                    return false;
                };
                was.mode = now.mode;
                was.mtime_ns = now.mtime_ns;
                if let (Some(Content::File(was)), Some(Content::File(now))) =
                    (&mut was.content, &now.content)
                {
                    was.mtime_ns = now.mtime_ns;
                }
                true
            }
            TreeEvent::NodeDeleted { id, from, old_name } => self
                .mirror
                .remove(id)
                .is_some_and(|was| was.parent == *from && was.name == *old_name),
            TreeEvent::ConflictAppeared { id } => self.troubled.insert(*id),
            TreeEvent::ConflictEnded { id } => self.troubled.remove(id),
        }
    }

    /// Names that show under a tag here: what an unlucky person elsewhere might type.
    pub(super) fn tagged_names(&self) -> Vec<String> {
        self.mirror
            .values()
            .filter(|node| node.name.contains('('))
            .map(|n| n.name.clone())
            .collect()
    }

    /// Hashes of all contents in the view and in the trash.
    pub(super) fn contents_kept(&self) -> BTreeSet<[u8; 32]> {
        let shown = self.mirror.keys().copied();
        let trashed = self.tree.trash().into_iter().map(|trashed| trashed.id);
        let hashes = shown.chain(trashed).flat_map(|id| self.tree.contents(id));
        hashes
            .filter_map(|stored| edits::hash_of(stored.content.as_ref()))
            .collect()
    }
}

/// A node without what no event tells: that a copy became a node of its own ends the conflict of the
/// node beside it, but changes nothing that shows of the copy.
fn known(node: Node) -> Node {
    Node {
        copy_of: None,
        ..node
    }
}

fn actor_of(number: usize, incarnation: u8) -> Actor {
    // Spread over the byte so that actors do not sort by device.
    let mixed = 0x11 + (number * 89 + usize::from(incarnation) * 31) % 200;
    let mut actor = [mixed as u8; 16];
    actor[14] = number as u8;
    actor[15] = incarnation;
    Actor(actor)
}

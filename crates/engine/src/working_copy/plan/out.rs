//! View against in-step: the ordered steps that bring the disk to what the drive shows. Pure, and the
//! order is safe at every point: no step needs a name that is still taken, none moves a folder into
//! itself, and nothing is removed before what is still wanted in it has left.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::{Kind, Node};

use super::super::in_step::{Held, InStep};
use super::super::names::{self, DiskRules};
use super::super::port::View;

/// One step. Paths are not in it: an entry is where its record says when the step is taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in super::super) enum Step {
    /// Make a folder for a node that has no entry.
    MakeFolder {
        id: NodeId,
        parent: NodeId,
        name: String,
    },
    /// Make a symlink, or point one elsewhere.
    Link {
        id: NodeId,
        parent: NodeId,
        name: String,
    },
    /// Rename the entry to a name of ours in its own folder, so that another can have its place.
    Park { id: NodeId },
    /// Rename the entry to where the drive shows it.
    Place {
        id: NodeId,
        parent: NodeId,
        name: String,
    },
    /// Remove the entry of a node that the drive deleted; a folder only when nothing is in it.
    Remove { id: NodeId },
    /// Write the bytes of a file, new or in place of old ones.
    Write {
        id: NodeId,
        parent: NodeId,
        name: String,
    },
    /// Set permission bits and modification time.
    Dress { id: NodeId },
}

impl Step {
    /// Whose entry it is about.
    pub(in super::super) fn id(&self) -> NodeId {
        match self {
            Step::MakeFolder { id, .. }
            | Step::Link { id, .. }
            | Step::Park { id }
            | Step::Place { id, .. }
            | Step::Remove { id }
            | Step::Write { id, .. }
            | Step::Dress { id } => *id,
        }
    }

    /// The folder into which it puts something.
    pub(in super::super) fn parent(&self) -> Option<NodeId> {
        match self {
            Step::MakeFolder { parent, .. }
            | Step::Link { parent, .. }
            | Step::Place { parent, .. }
            | Step::Write { parent, .. } => Some(*parent),
            Step::Park { .. } | Step::Remove { .. } | Step::Dress { .. } => None,
        }
    }
}

/// Steps in order, and what needs none.
#[derive(Debug, Default)]
pub(in super::super) struct Plan {
    pub(in super::super) steps: Vec<Step>,
    /// Nodes that are in step as they are.
    pub(in super::super) settled: Vec<NodeId>,
    /// Nodes that are not to be on this disk, and why.
    pub(in super::super) refused: Vec<(NodeId, String)>,
}

/// Says why a node is not to be on this disk, or that it may.
pub(in super::super) type Wanted<'a> = &'a dyn Fn(&dyn View, &Node) -> Result<(), String>;

/// Plans for the `dirty` nodes and those that they depend on.
pub(in super::super) fn plan(
    view: &dyn View,
    in_step: &InStep,
    dirty: impl IntoIterator<Item = NodeId>,
    rules: &DiskRules,
    wanted: Wanted<'_>,
) -> Plan {
    let mut planner = Planner {
        view,
        in_step,
        rules,
        wanted,
        goals: BTreeMap::new(),
        gone: BTreeSet::new(),
        plan: Plan::default(),
    };
    planner.collect(dirty.into_iter().collect());
    planner.order()
}

struct Goal {
    node: Node,
    name: String,
}

struct Planner<'a> {
    view: &'a dyn View,
    in_step: &'a InStep,
    rules: &'a DiskRules,
    wanted: Wanted<'a>,
    goals: BTreeMap<NodeId, Goal>,
    gone: BTreeSet<NodeId>,
    plan: Plan,
}

impl Planner<'_> {
    /// Finds all nodes concerned: the dirty ones, folders that must be there first, what was in a
    /// deleted folder or is in a new one, and whoever is in the way.
    fn collect(&mut self, mut stack: Vec<NodeId>) {
        let mut met = BTreeSet::from([NodeId::ROOT]);
        while let Some(id) = stack.pop() {
            if !met.insert(id) {
                continue;
            }
            let record = self.in_step.get(id);
            let Some(node) = self.view.get(id) else {
                if record.is_some() {
                    self.gone.insert(id);
                    stack.extend(self.in_step.children(id).map(|(_, child)| child));
                } else {
                    self.plan.settled.push(id);
                }
                continue;
            };
            if let Err(reason) = (self.wanted)(self.view, &node) {
                self.plan.refused.push((id, reason));
                continue;
            }
            if record.is_none_or(|record| record.left_behind) {
                if node.parent != NodeId::ROOT && self.in_step.get(node.parent).is_none() {
                    stack.push(node.parent);
                }
                if node.kind == Kind::Folder {
                    stack.extend(self.view.children(id));
                }
            }
            let name = self.rules.project(self.view, id, node.parent, &node.name);
            stack.extend(
                self.in_step
                    .child(node.parent, &name)
                    .filter(|in_the_way| *in_the_way != id),
            );
            self.goals.insert(id, Goal { node, name });
        }
    }

    fn order(mut self) -> Plan {
        let mut board = Board::new(self.in_step);
        let mut late = Vec::new();
        let goals = std::mem::take(&mut self.goals);
        let mut order: Vec<(usize, bool, NodeId)> = goals
            .iter()
            .map(|(id, goal)| {
                (
                    self.depth(goal.node.parent),
                    goal.node.kind != Kind::Folder,
                    *id,
                )
            })
            .collect();
        order.sort_unstable();
        for (_, _, id) in order {
            let Some(goal) = goals.get(&id) else { continue };
            self.settle(id, goal, &goals, &mut board, &mut late);
        }
        self.plan.steps.append(&mut late);
        self.remove_gone(&board);
        // Bits come last, the deepest first: a folder may be meant to be read-only.
        let mut dress: Vec<(usize, NodeId)> = goals
            .iter()
            .filter(|(id, goal)| self.needs_dress(**id, goal))
            .map(|(id, goal)| (self.depth(goal.node.parent), *id))
            .collect();
        dress.sort_unstable_by(|one, other| other.cmp(one));
        self.plan
            .steps
            .extend(dress.into_iter().map(|(_, id)| Step::Dress { id }));
        self.plan
    }

    fn settle(
        &mut self,
        id: NodeId,
        goal: &Goal,
        goals: &BTreeMap<NodeId, Goal>,
        board: &mut Board<'_>,
        late: &mut Vec<Step>,
    ) {
        let (parent, name) = (goal.node.parent, goal.name.clone());
        let record = self.in_step.get(id);
        let in_place = board
            .place(id)
            .is_some_and(|(at, called)| at == parent && called == name);
        let bytes_differ = record.is_none_or(|record| !record.held.same(&Held::of(&goal.node)));
        if in_place && !bytes_differ {
            if !self.needs_dress(id, goal) {
                self.plan.settled.push(id);
            }
            return;
        }
        if parent != NodeId::ROOT && board.place(parent).is_none() {
            // Its folder is not to be on this disk, so neither is it.
            return;
        }
        if !in_place {
            self.make_room(id, parent, &name, goals, board);
            if board.place(id).is_some() {
                self.plan.steps.push(Step::Place {
                    id,
                    parent,
                    name: name.clone(),
                });
            } else if goal.node.kind == Kind::Folder {
                self.plan.steps.push(Step::MakeFolder {
                    id,
                    parent,
                    name: name.clone(),
                });
            }
            board.put(id, Some((parent, name.clone())));
        }
        match goal.node.kind {
            Kind::File if bytes_differ => late.push(Step::Write { id, parent, name }),
            Kind::Symlink if bytes_differ => late.push(Step::Link { id, parent, name }),
            _ => {}
        }
    }

    /// Clears `name` in `parent` of whoever has it now and should not.
    fn make_room(
        &mut self,
        id: NodeId,
        parent: NodeId,
        name: &str,
        goals: &BTreeMap<NodeId, Goal>,
        board: &mut Board<'_>,
    ) {
        let Some(other) = board.at(parent, name).filter(|other| *other != id) else {
            return;
        };
        let leaf = self
            .in_step
            .get(other)
            .is_some_and(|record| record.held != Held::Folder);
        if leaf && self.gone.contains(&other) {
            self.plan.steps.push(Step::Remove { id: other });
            board.put(other, None);
        } else if goals.contains_key(&other) || self.gone.contains(&other) {
            self.plan.steps.push(Step::Park { id: other });
            let home = board.place(other).map_or(parent, |(at, _)| at);
            board.put(other, Some((home, names::parked(other))));
        }
        // Anyone else is refused or unknown; the step finds the name taken and waits.
    }

    fn remove_gone(&mut self, board: &Board<'_>) {
        let mut gone: Vec<(usize, NodeId)> = self
            .gone
            .iter()
            .filter(|id| board.place(**id).is_some())
            .map(|id| (board.depth(*id), *id))
            .collect();
        gone.sort_unstable_by(|one, other| other.cmp(one));
        self.plan
            .steps
            .extend(gone.into_iter().map(|(_, id)| Step::Remove { id }));
    }

    fn needs_dress(&self, id: NodeId, goal: &Goal) -> bool {
        let Some(record) = self.in_step.get(id) else {
            return goal.node.kind == Kind::Folder;
        };
        let bits = goal.node.kind != Kind::Symlink
            && self.rules.keeps_modes
            && record.mode != goal.node.mode;
        let time = goal.node.kind == Kind::File
            && record.held.same(&Held::of(&goal.node))
            && record.mtime_ns != goal.node.mtime_ns;
        bits || time
    }

    /// How deep the entries of a folder of the view are.
    fn depth(&self, mut folder: NodeId) -> usize {
        let mut depth = 0;
        while folder != NodeId::ROOT && depth < 4096 {
            let Some(node) = self.view.get(folder) else {
                break;
            };
            folder = node.parent;
            depth += 1;
        }
        depth
    }
}

/// Where entries are after the steps so far.
struct Board<'a> {
    in_step: &'a InStep,
    places: HashMap<NodeId, Option<(NodeId, String)>>,
    taken: HashMap<(NodeId, String), Option<NodeId>>,
}

impl<'a> Board<'a> {
    fn new(in_step: &'a InStep) -> Self {
        Board {
            in_step,
            places: HashMap::new(),
            taken: HashMap::new(),
        }
    }

    fn place(&self, id: NodeId) -> Option<(NodeId, String)> {
        match self.places.get(&id) {
            Some(place) => place.clone(),
            None => self
                .in_step
                .get(id)
                .map(|record| (record.parent, record.name.clone())),
        }
    }

    fn at(&self, parent: NodeId, name: &str) -> Option<NodeId> {
        match self.taken.get(&(parent, name.to_owned())) {
            Some(taken) => *taken,
            None => self.in_step.child(parent, name),
        }
    }

    fn put(&mut self, id: NodeId, to: Option<(NodeId, String)>) {
        if let Some(from) = self.place(id) {
            self.taken.insert(from, None);
        }
        if let Some(to) = &to {
            self.taken.insert(to.clone(), Some(id));
        }
        self.places.insert(id, to);
    }

    fn depth(&self, mut id: NodeId) -> usize {
        let mut depth = 0;
        while let (Some((parent, _)), true) = (self.place(id), depth < 4096) {
            id = parent;
            depth += 1;
        }
        depth
    }
}

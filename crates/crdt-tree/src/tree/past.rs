//! What a tree showed at an earlier point of its history; knows nothing of when that was.

use std::collections::HashMap;

use automerge::ChangeHash;

use super::questions::node_of;
use super::{DriveTree, nodes_of};
use crate::id::NodeId;
use crate::node::Node;
use crate::register::Source;
use crate::view::{ROOT, View};

/// Everything that showed at one point of the history, by the same rules as today.
#[derive(Clone, Debug, Default)]
pub struct Past {
    nodes: Vec<Node>,
    by_id: HashMap<NodeId, usize>,
}

impl DriveTree {
    /// What the tree shows to who has seen these changes, and what they build on, and nothing else.
    /// Unknown hashes are passed over. Costs by the size of the drive then, several times as much as a
    /// load.
    pub fn past(&self, heads: &[[u8; 32]]) -> Past {
        let known = heads.iter().filter(|hash| self.has_change(hash));
        let heads: Vec<ChangeHash> = known.map(|hash| ChangeHash(*hash)).collect();
        if heads.is_empty() {
            // No heads would mean all of them.
            return Past::default();
        }
        let source = Source::at(&self.document, &self.buckets, &heads);
        let nodes = self
            .buckets
            .iter()
            .flat_map(|bucket| nodes_of(&self.document, bucket, Some(&heads)));
        let view = View::build(&source, nodes);
        let mut past = Past::default();
        let mut open = vec![ROOT];
        while let Some(folder) = open.pop() {
            for at in view.children_after(folder, None) {
                let node = node_of(&view, &source, at);
                past.by_id.insert(node.id, past.nodes.len());
                past.nodes.push(node);
                if view.has_children(at) {
                    open.push(at);
                }
            }
        }
        past
    }
}

impl Past {
    /// Every entry but the root, each folder before what is in it.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// An entry that showed then.
    pub fn get(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(*self.by_id.get(&id)?)
    }

    /// The entry that was at a path: names joined by `/`; the empty path is the root.
    pub fn lookup(&self, path: &str) -> Option<NodeId> {
        if path.is_empty() {
            return Some(NodeId::ROOT);
        }
        path.split('/').try_fold(NodeId::ROOT, |parent, name| {
            let here = |node: &&Node| node.parent == parent && node.name == name;
            Some(self.nodes.iter().find(here)?.id)
        })
    }

    /// The path that an entry had.
    pub fn path(&self, id: NodeId) -> Option<String> {
        let mut names = Vec::new();
        let mut at = id;
        while at != NodeId::ROOT {
            let node = self.get(at)?;
            names.push(node.name.as_str());
            at = node.parent;
        }
        names.reverse();
        Some(names.join("/"))
    }

    /// Whether an entry was `top` or below it.
    pub fn is_below(&self, id: NodeId, top: NodeId) -> bool {
        let mut at = id;
        while at != top {
            let Some(node) = self.get(at) else {
                return false;
            };
            at = node.parent;
        }
        true
    }
}

//! What can be asked of a tree; answers come from the view, and from the document where the view keeps
//! only the gist.

use std::collections::BTreeMap;

use automerge::ReadDoc;

use super::DriveTree;
use crate::conflict::{Beside, Conflict};
use crate::id::{NodeId, OpId};
use crate::node::{Content, Kind, Node};
use crate::register::Source;
use crate::resolve;
use crate::view::{Counts, SlotId, View};

/// A deleted node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trashed {
    /// Which.
    pub id: NodeId,
    /// The folder that it was in; may be deleted itself.
    pub parent: NodeId,
    /// The name it had.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// What it last held.
    pub content: Option<Content>,
}

/// One current value of a node's content, whether it shows, shows beside, or equals another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored {
    /// The write.
    pub op: OpId,
    /// What it says; `None` is a file without content.
    pub content: Option<Content>,
}

impl DriveTree {
    /// An entry that shows: a live node, a folder kept by what is in it, or a conflict copy. The root
    /// folder has the empty name and is its own parent.
    pub fn get(&self, id: NodeId) -> Option<Node> {
        let at = self.view.shown(id)?;
        Some(self.node(at))
    }

    /// Whether a name is that of an entry, or what the entry shows as while others have that name (rules R5
    /// and R6). When such a clash comes or goes, nobody has renamed anything.
    pub fn is_called(&self, id: NodeId, name: &str) -> bool {
        let Some(at) = self.view.shown(id) else {
            return false;
        };
        let entry = self.view.entry(at);
        let device = entry.copy_of().map(|(_, op)| resolve::device_tag(op));
        (device.is_none() && *entry.name == *name)
            || self.view.shown_name(at) == name
            || resolve::is_tagged(name, &entry.name, id, device.as_deref())
    }

    fn node(&self, at: SlotId) -> Node {
        node_of(&self.view, &self.source(), at)
    }

    /// The entry of a folder that shows under this name, whatever its Unicode normal form.
    pub fn child(&self, parent: NodeId, name: &str) -> Option<NodeId> {
        let at = self.view.child(self.view.shown(parent)?, name)?;
        Some(self.view.entry(at).id)
    }

    /// The entries of a folder in byte order of the NFC form of their names.
    pub fn children(&self, parent: NodeId) -> impl Iterator<Item = (&str, NodeId)> {
        self.children_from(parent, None)
    }

    /// Those whose name comes after `name`, which need not exist: the next page of a listing.
    pub fn children_after(
        &self,
        parent: NodeId,
        name: &str,
    ) -> impl Iterator<Item = (&str, NodeId)> {
        self.children_from(parent, Some(name))
    }

    fn children_from(
        &self,
        parent: NodeId,
        after: Option<&str>,
    ) -> impl Iterator<Item = (&str, NodeId)> {
        let slots = self
            .view
            .shown(parent)
            .map(|at| self.view.children_after(at, after));
        slots
            .into_iter()
            .flatten()
            .map(|at| (self.view.shown_name(at), self.view.entry(at).id))
    }

    /// Whether a folder shows nothing.
    pub fn is_empty(&self, folder: NodeId) -> bool {
        self.view
            .shown(folder)
            .is_none_or(|at| !self.view.has_children(at))
    }

    /// The entry at a path: names joined by `/`, no leading one; the empty path is the root.
    pub fn lookup(&self, path: &str) -> Option<NodeId> {
        Some(self.view.entry(self.view.lookup(path)?).id)
    }

    /// The path of an entry; costs by its depth.
    pub fn path(&self, id: NodeId) -> Option<String> {
        Some(self.view.path(self.view.shown(id)?))
    }

    /// How much the drive shows, without counting.
    pub fn counts(&self) -> Counts {
        self.view.counts()
    }

    /// The extended attributes of an entry; a conflict copy has those of its node.
    pub fn xattrs(&self, id: NodeId) -> BTreeMap<String, Vec<u8>> {
        let Some(at) = self.view.shown(id) else {
            return BTreeMap::new();
        };
        let node = self.view.entry(at).copy_of().map_or(at, |(node, _)| node);
        self.source()
            .xattrs(self.view.entry(node).id)
            .into_iter()
            .collect()
    }

    /// Every current content value of a node, shown or deleted, the one that shows first. Versions that
    /// were replaced are in the log.
    pub fn contents(&self, id: NodeId) -> Vec<Stored> {
        let contents = self.source().contents(id).into_iter().rev();
        contents
            .map(|(op, content)| Stored { op, content })
            .collect()
    }

    /// Deleted nodes, by id.
    pub fn trash(&self) -> Vec<Trashed> {
        let mut hidden: Vec<SlotId> = self.view.hidden().collect();
        hidden.sort_unstable_by_key(|at| self.view.entry(*at).id);
        let trashed = hidden.into_iter().map(|at| {
            let node = self.node(at);
            let Node {
                id,
                parent,
                name,
                kind,
                content,
                ..
            } = node;
            Trashed {
                id,
                parent,
                name,
                kind,
                content,
            }
        });
        trashed.collect()
    }

    /// Whether a node is deleted and does not show. A conflict copy is none: it goes and comes with its file.
    pub fn is_trashed(&self, id: NodeId) -> bool {
        self.view
            .any(id)
            .map(|at| self.view.entry(at))
            .is_some_and(|entry| !entry.attached && entry.copy_of().is_none())
    }

    /// Where edits met, by node.
    pub fn conflicts(&self) -> Vec<Conflict> {
        self.view
            .troubled()
            .flat_map(|id| self.conflicts_of(id))
            .collect()
    }

    /// Where edits met on one node.
    pub fn conflicts_of(&self, node: NodeId) -> Vec<Conflict> {
        let mut found = Vec::new();
        let Some(at) = self.view.shown(node) else {
            return found;
        };
        let entry = self.view.entry(at);
        let path = self.view.path(at);
        let registers = self.source().place(node);
        let wanted = resolve::place(&registers).map_or(NodeId::ROOT, |(_, parent, _)| parent);
        if self.view.is_demoted(at) {
            let wanted_path = self.path(wanted).unwrap_or_default();
            found.push(Conflict::Cycle {
                node,
                path: path.clone(),
                wanted,
                wanted_path,
            });
        }
        if self.view.is_renamed(at) && entry.copy_of().is_none() {
            let holder = self.view.namesakes(at).first().copied().unwrap_or(at);
            found.push(Conflict::SameName {
                node,
                path: path.clone(),
                name: entry.name.to_string(),
                holder: self.view.entry(holder).id,
            });
        }
        if entry.dead {
            found.push(Conflict::DeletedAround {
                node,
                path: path.clone(),
            });
        }
        let Some(rare) = entry.rare.as_deref().filter(|rare| rare.copy_of.is_none()) else {
            return found;
        };
        if !rare.lost_places.is_empty() {
            let also = rare
                .lost_places
                .iter()
                .filter_map(|id| self.path(*id))
                .collect();
            found.push(Conflict::MovedApart {
                node,
                path: path.clone(),
                also,
            });
        }
        if !rare.lost_names.is_empty() {
            let also = rare.lost_names.iter().map(ToString::to_string).collect();
            found.push(Conflict::RenamedApart {
                node,
                path: path.clone(),
                also,
            });
        }
        if rare.outlived {
            found.push(Conflict::DeletedAndEdited {
                node,
                path: path.clone(),
                kind: entry.kind,
            });
        }
        let copies: Vec<Beside> = self
            .view
            .copies_of(at)
            .into_iter()
            .map(|(copy, op)| Beside {
                id: self.view.entry(copy).id,
                path: self.view.path(copy),
                author: op.actor,
            })
            .collect();
        if !copies.is_empty() {
            found.push(Conflict::Content { node, path, copies });
        }
        found
    }
}

/// An entry of a view in full; its content is read where the view was made from.
pub(super) fn node_of<R: ReadDoc>(view: &View, source: &Source<'_, R>, at: SlotId) -> Node {
    let entry = view.entry(at);
    let copy_of = entry.copy_of().map(|(node, _)| view.entry(node).id);
    let content = match entry.has_content {
        true => content_of(view, at, source.contents(copy_of.unwrap_or(entry.id))),
        false => None,
    };
    Node {
        id: entry.id,
        parent: view.parent_id(at),
        name: view.shown_name(at).to_owned(),
        kind: entry.kind,
        content,
        mode: u32::from(entry.mode),
        mtime_ns: entry.mtime_ns,
        copy_of,
    }
}

/// Which of a node's contents an entry shows: its node's last one of its kind, or that of which it is the copy.
pub(super) fn content_of(
    view: &View,
    at: SlotId,
    contents: Vec<(OpId, Option<Content>)>,
) -> Option<Content> {
    let entry = view.entry(at);
    let shows = |(op, content): &(OpId, Option<Content>)| match entry.copy_of() {
        Some((_, version)) => *op == version,
        None => content.as_ref().map(Content::kind) == Some(entry.kind),
    };
    contents.into_iter().rev().find(shows)?.1
}

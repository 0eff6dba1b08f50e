//! Edits that go to the drive as one action, each with what is in step once it went through.

use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::name::Name;
use peerdrive_crdt_tree::node::{Content, Kind};

use super::in_step::{self, Held, Record};
use super::port::{Check, Jot, View};

/// What follows when an edit went through.
#[derive(Debug)]
pub(super) enum After {
    /// Its node is in step with the entry at `path`.
    Created {
        path: String,
        parent: Place,
        record: Record,
    },
    /// The node is in step with the entry at `path`.
    Changed {
        path: String,
        id: NodeId,
        record: Record,
    },
    /// It was only part of another edit.
    Nothing,
}

#[derive(Default)]
pub(super) struct Batch {
    pub(super) edits: Vec<(Edit, Check)>,
    pub(super) after: Vec<After>,
}

impl Batch {
    pub(super) fn push(&mut self, edit: Edit, check: Check, after: After) {
        self.edits.push((edit, check));
        self.after.push(after);
    }

    /// What is in step once the edits went through, as far as each did.
    pub(super) fn jot(&self) -> Jot {
        let after: Vec<_> = self
            .after
            .iter()
            .map(|after| match after {
                After::Created { parent, record, .. } => Some((Some(*parent), record.clone())),
                After::Changed { record, .. } => Some((None, record.clone())),
                After::Nothing => None,
            })
            .collect();
        Box::new(move |ids| {
            let rows = after.into_iter().zip(ids).filter_map(|(after, id)| {
                let (parent, mut record) = after?;
                match parent {
                    Some(Place::In(parent)) => record.parent = parent,
                    Some(Place::InCreated(at)) => record.parent = (*ids.get(at)?)?,
                    None => {}
                }
                in_step::row((*id)?, Some(&record))
            });
            rows.collect()
        })
    }

    /// Adds a creation and says at which index. The record's parent is filled in when it went through.
    #[expect(
        clippy::too_many_arguments,
        reason = "they are the fields of `Edit::Create` and what goes with it"
    )]
    pub(super) fn create(
        &mut self,
        path: &str,
        parent: Place,
        name: Name,
        kind: Kind,
        content: Option<Content>,
        mode: Option<u32>,
        record: Record,
    ) -> usize {
        let after = After::Created {
            path: path.to_owned(),
            parent,
            record,
        };
        self.push(
            Edit::Create {
                parent,
                name,
                kind,
                content,
                mode,
            },
            None,
            after,
        );
        self.edits.len() - 1
    }
}

/// The node holds what this disk showed last.
pub(super) fn still_holds(id: NodeId, held: Held) -> Check {
    Some(Box::new(move |view| {
        view.get(id).is_some_and(|node| Held::of(&node).same(&held))
    }))
}

/// Nothing in these subtrees is other than this disk showed it last, nothing more is in them.
pub(super) fn still_whole(view: &dyn View, ids: &[NodeId]) -> Check {
    let mut seen = Vec::new();
    let mut stack = ids.to_vec();
    while let Some(id) = stack.pop() {
        let children = view.children(id);
        stack.extend(&children);
        seen.push((view.get(id), children));
    }
    Some(Box::new(move |view| {
        seen.iter().all(|(node, children)| {
            node.as_ref().is_some_and(|node| {
                view.get(node.id).is_some_and(|now| {
                    now.parent == node.parent
                        && now.name == node.name
                        && now.content == node.content
                }) && view.children(node.id) == *children
            })
        })
    }))
}

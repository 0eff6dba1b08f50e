//! Every version that somebody could ask this device for: what a drive shows, what is in its trash, and
//! what its retained history holds. Knows nothing of blobs.

use std::sync::Arc;

use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::{Content, FileContent};
use peerdrive_crdt_tree::tree::DriveTree;

use super::HoldError;
use super::settings::Keeping;
use crate::drive::handle::Shared;
use crate::history;

/// Nodes that are looked at while the view is held.
const AT_ONCE: usize = 512;

/// A version that is needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Needed {
    /// The node that it is, or was, of.
    pub(crate) node: NodeId,
    /// The version.
    pub(crate) content: FileContent,
    /// Whether the drive shows it now.
    pub(crate) shown: bool,
}

/// All of them. Reads the whole record, off the threads that serve.
pub(crate) async fn needed(shared: &Arc<Shared>) -> Result<Vec<Needed>, HoldError> {
    let keeping = Keeping::of(shared)?;
    needed_for(shared, keeping).await
}

/// As [`needed`], for who keeps more or less than this device.
pub(crate) async fn needed_for(
    shared: &Arc<Shared>,
    keeping: Keeping,
) -> Result<Vec<Needed>, HoldError> {
    let shared = shared.clone();
    let all = move || {
        let mut all = Vec::new();
        shown(&shared, NodeId::ROOT, &mut |needed| all.push(needed));
        let retained = history::retained(&shared, &keeping, crate::env::now_ms())?;
        let old = retained.trash.into_iter().chain(retained.replaced);
        all.extend(old.map(|(node, content)| Needed {
            node,
            content,
            shown: false,
        }));
        Ok(all)
    };
    tokio::task::spawn_blocking(all)
        .await
        .map_err(|_| HoldError::Stopped)?
}

/// What shows at and below a node: every current version, also of what is in conflict.
pub(crate) fn shown(shared: &Shared, top: NodeId, visit: &mut impl FnMut(Needed)) {
    let ids = below(&shared.tree.read(), top);
    for ids in ids.chunks(AT_ONCE) {
        let tree = shared.tree.read();
        for id in ids {
            for stored in tree.contents(*id) {
                if let Some(Content::File(content)) = stored.content {
                    visit(Needed {
                        node: *id,
                        content,
                        shown: true,
                    });
                }
            }
        }
    }
}

/// A node and everything below it.
pub(crate) fn below(tree: &DriveTree, top: NodeId) -> Vec<NodeId> {
    if top == NodeId::ROOT {
        return tree.walk().collect();
    }
    let mut ids = vec![top];
    let mut next = 0;
    while let Some(id) = ids.get(next).copied() {
        ids.extend(tree.children(id).map(|(_, child)| child));
        next += 1;
    }
    ids
}

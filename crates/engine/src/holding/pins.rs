//! Pins: parts of a drive whose bytes are to be on this device always. A pin is on a node, so it goes
//! along when that is renamed or moved.

use std::collections::{BTreeSet, HashSet};

use peerdrive_crdt_tree::id::NodeId;

use super::needed::below;
use crate::drive::handle::Shared;
use crate::local::{LocalError, Space};

const KEY: &[u8] = b"pins";

/// The pinned nodes themselves.
pub(crate) fn pins(shared: &Shared) -> Result<BTreeSet<NodeId>, LocalError> {
    let note = shared.local.get(Space::Config, KEY)?.unwrap_or_default();
    let (ids, _) = note.as_chunks::<16>();
    Ok(ids.iter().map(|id| NodeId(*id)).collect())
}

/// Pins a node, or takes its pin away. Whether that changed anything.
pub(crate) fn set_pin(shared: &Shared, node: NodeId, pinned: bool) -> Result<bool, LocalError> {
    let mut all = pins(shared)?;
    let changed = match pinned {
        true => all.insert(node),
        false => all.remove(&node),
    };
    if changed {
        let note = all.iter().flat_map(|id| id.0).collect();
        shared.local.put(Space::Config, KEY, note)?;
    }
    Ok(changed)
}

/// The pinned nodes and everything below them.
pub(crate) fn pinned(shared: &Shared) -> Result<HashSet<NodeId>, LocalError> {
    let pins = pins(shared)?;
    let tree = shared.tree.read();
    let all = pins.into_iter().flat_map(|pin| below(&tree, pin));
    Ok(all.collect())
}

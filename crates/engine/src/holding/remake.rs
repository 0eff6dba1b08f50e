//! Blobs that were let go of because the folder has the same bytes: where those are, and making the
//! blob again. A file that changed meanwhile gives another blob, and is then an honest "not here".

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use peerdrive_crdt_tree::id::NodeId;
use peerdrive_net::BlobId;
use serde::{Deserialize, Serialize};

use crate::drive::handle::Shared;
use crate::local::{Change, LocalError, Space};
use crate::working_copy::reproduce;

/// Where the bytes of a chunk are in the folder: a note of this device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    v: u8,
    node: [u8; 16],
    offset: u64,
    len: u32,
    /// The epoch whose keys sealed it.
    epoch: [u8; 8],
}

impl Place {
    pub(crate) fn new(node: NodeId, offset: u64, len: u32, epoch: [u8; 8]) -> Self {
        Self {
            v: 1,
            node: node.0,
            offset,
            len,
            epoch,
        }
    }
}

/// Writes down where the bytes of these blobs are, durably: by blob, and by file.
pub(crate) fn note(shared: &Shared, places: &[(BlobId, Place)]) -> Result<(), LocalError> {
    let mut changes: Vec<Change> = places
        .iter()
        .filter_map(|(id, place)| Some((id.0.to_vec(), Some(postcard::to_stdvec(place).ok()?))))
        .collect();
    let mut files: BTreeMap<[u8; 16], BTreeSet<BlobId>> = BTreeMap::new();
    for (id, place) in places {
        files.entry(place.node).or_default().insert(*id);
    }
    for (node, mut ids) in files {
        ids.extend(noted_of(shared, NodeId(node))?);
        let note = ids.iter().flat_map(|id| id.0).collect();
        changes.push((node.to_vec(), Some(note)));
    }
    shared.local.write(Space::Blobs, &changes)
}

/// The blobs that were let go of because this file has their bytes.
fn noted_of(shared: &Shared, node: NodeId) -> Result<Vec<BlobId>, LocalError> {
    let note = shared.local.get(Space::Blobs, &node.0)?.unwrap_or_default();
    let (ids, _) = note.as_chunks::<32>();
    Ok(ids.iter().map(|id| BlobId(*id)).collect())
}

/// Makes all blobs again that were let go of because this file has their bytes: it is about to have
/// others, and what it has may be the last copy of an earlier version.
pub(crate) async fn preserve(shared: &Arc<Shared>, node: NodeId) {
    let ids = {
        let shared = shared.clone();
        tokio::task::spawn_blocking(move || noted_of(&shared, node)).await
    };
    let Ok(Ok(ids)) = ids else {
        tracing::warn!(node = %node, "it is not known which parts of a file are only in the folder");
        return;
    };
    if ids.is_empty() {
        return;
    }
    for id in ids {
        if !shared.content.blobs().has(&id).await.unwrap_or(true) {
            remake(shared, id).await;
        }
    }
    let forget = [(node.0.to_vec(), None)];
    if let Err(error) = shared.local.write(Space::Blobs, &forget) {
        tracing::debug!(%error, "a note of parts of a file could not be struck off");
    }
}

fn place_of(shared: &Shared, id: &BlobId) -> Option<Place> {
    let note = shared.local.get(Space::Blobs, &id.0).ok()??;
    let place: Place = postcard::from_bytes(&note).ok()?;
    (place.v == 1).then_some(place)
}

/// Whether the folder most likely has a blob's bytes still: the file is there, and as it was.
pub(crate) fn can_remake(shared: &Shared, id: &BlobId) -> bool {
    let Some(copy) = shared.working_copy.lock().clone() else {
        return false;
    };
    place_of(shared, id).is_some_and(|place| {
        reproduce::is_unchanged(copy.root(), &shared.local, NodeId(place.node))
    })
}

/// Makes a blob again from the folder and stores it. Whether it is here now.
pub(crate) async fn remake(shared: &Arc<Shared>, id: BlobId) -> bool {
    let Some(copy) = shared.working_copy.lock().clone() else {
        return false;
    };
    let looked = {
        let shared = shared.clone();
        tokio::task::spawn_blocking(move || {
            let place = place_of(&shared, &id)?;
            let node = NodeId(place.node);
            let bytes = reproduce::read(copy.root(), &shared.local, node, place.offset, place.len);
            Some((place, bytes.ok()?))
        })
        .await
    };
    let Ok(Some((place, bytes))) = looked else {
        return false;
    };
    match shared.content.remake(id, place.epoch, bytes).await {
        Ok(made) => made,
        Err(error) => {
            tracing::warn!(%error, blob = %id, "a part of a file could not be made again");
            false
        }
    }
}

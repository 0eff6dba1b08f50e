//! Blobs that were let go of because the folder has the same bytes: where those are, and making the
//! blob again. A file that changed meanwhile gives another blob, and is then an honest "not here".

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use peerdrive_crdt_tree::id::NodeId;
use peerdrive_net::BlobId;
use serde::{Deserialize, Serialize};

use crate::content::ContentError;
use crate::drive::handle::Shared;
use crate::failpoint;
use crate::local::{Change, LocalError, Space};
use crate::working_copy::reproduce;

/// More files with the same bytes are not remembered of one blob.
const MOST_PLACES: usize = 1024;

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

    /// The file.
    pub(crate) fn node(&self) -> NodeId {
        NodeId(self.node)
    }
}

/// Where a blob's bytes are: every file that has them. Version 2; version 1 was one place alone.
#[derive(Serialize, Deserialize)]
struct Places {
    v: u8,
    all: Vec<Place>,
}

fn decode(note: &[u8]) -> Vec<Place> {
    match note.first() {
        Some(1) => postcard::from_bytes(note).into_iter().collect(),
        Some(2) => {
            postcard::from_bytes(note).map_or_else(|_| Vec::new(), |places: Places| places.all)
        }
        _ => Vec::new(),
    }
}

/// Writes down where the bytes of these blobs are, durably: by blob, and by file. What was noted of a
/// blob before stays, after what is said now.
pub(crate) fn note(shared: &Shared, blobs: &[(BlobId, Vec<Place>)]) -> Result<(), LocalError> {
    let mut changes: Vec<Change> = Vec::new();
    let mut files: BTreeMap<[u8; 16], BTreeSet<BlobId>> = BTreeMap::new();
    for (id, places) in blobs {
        let mut all = places.clone();
        let before = places_of(shared, id)?.into_iter();
        all.extend(before.filter(|one| !places.iter().any(|other| other.node == one.node)));
        all.truncate(MOST_PLACES);
        for place in &all {
            files.entry(place.node).or_default().insert(*id);
        }
        if let Ok(note) = postcard::to_stdvec(&Places { v: 2, all }) {
            changes.push((id.0.to_vec(), Some(note)));
        }
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

/// A blob could not be made again, though the folder may well have its bytes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemakeError {
    /// This device's notes could not be read.
    #[error(transparent)]
    Notes(#[from] LocalError),
    /// It could not be sealed or stored.
    #[error(transparent)]
    Store(#[from] ContentError),
    /// The file could not be read.
    #[error("the file cannot be read: {0}")]
    File(#[source] io::Error),
    /// PeerDrive is shutting down.
    #[error("PeerDrive is stopping")]
    Stopped,
}

/// Runs `look` where it may block.
async fn blocking<T: Send + 'static>(
    shared: &Arc<Shared>,
    look: impl FnOnce(&Shared) -> Result<T, RemakeError> + Send + 'static,
) -> Result<T, RemakeError> {
    let shared = shared.clone();
    tokio::task::spawn_blocking(move || look(&shared))
        .await
        .map_err(|_| RemakeError::Stopped)?
}

/// Makes all blobs again that were let go of because this file has their bytes, durably: it is about
/// to have others, and what it has may be the last copy of an earlier version. The file is at `path`
/// below `root` now, whatever the records say yet.
///
/// # Errors
/// Some blob could not be made though its bytes may be there. The file must stay as it is then.
pub(crate) async fn preserve(
    shared: &Arc<Shared>,
    node: NodeId,
    root: &Path,
    path: &str,
) -> Result<(), RemakeError> {
    let ids = blocking(shared, move |shared| Ok(noted_of(shared, node)?)).await?;
    if ids.is_empty() {
        return Ok(());
    }
    let mut made = false;
    for id in ids {
        let here = shared.content.blobs().has(&id).await;
        if !here.map_err(ContentError::from)? {
            let from = Some((node, root.to_owned(), path.to_owned()));
            made |= remake_from(shared, id, from).await?;
        }
    }
    if made {
        shared.content.flush().await?;
        failpoint::pass("preserve.made");
    }
    let forget = [(node.0.to_vec(), None)];
    if let Err(error) = shared.local.write(Space::Blobs, &forget) {
        tracing::debug!(%error, "a note of parts of a file could not be struck off");
    }
    Ok(())
}

fn places_of(shared: &Shared, id: &BlobId) -> Result<Vec<Place>, LocalError> {
    let note = shared.local.get(Space::Blobs, &id.0)?;
    Ok(note.map(|note| decode(&note)).unwrap_or_default())
}

/// Whether the folder most likely has a blob's bytes still: some file is there, and as it was.
pub(crate) fn can_remake(shared: &Shared, id: &BlobId) -> bool {
    let Some(copy) = shared.working_copy.lock().clone() else {
        return false;
    };
    let there = |place: &Place| reproduce::is_unchanged(copy.root(), &shared.local, place.node());
    places_of(shared, id).is_ok_and(|places| places.iter().any(there))
}

/// Makes a blob again from the folder and stores it. Whether it is here now.
pub(crate) async fn remake(shared: &Arc<Shared>, id: BlobId) -> bool {
    match remake_from(shared, id, None).await {
        Ok(made) => made,
        Err(error) => {
            tracing::warn!(%error, blob = %id, "a part of a file could not be made again");
            false
        }
    }
}

/// As `remake`; the place of a file may be known better than the records know it. False means that the
/// folder does not have these bytes any more.
async fn remake_from(
    shared: &Arc<Shared>,
    id: BlobId,
    known: Option<(NodeId, PathBuf, String)>,
) -> Result<bool, RemakeError> {
    let places = blocking(shared, move |shared| Ok(places_of(shared, &id)?)).await?;
    let mut failed = None;
    for place in places {
        match bytes_at(shared, place, known.clone()).await {
            Ok(Some(bytes)) => {
                if shared.content.remake(id, place.epoch, bytes).await? {
                    return Ok(true);
                }
            }
            Ok(None) => {}
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(false), Err)
}

/// What a file has now where it had a blob's bytes, if it is there and that long.
async fn bytes_at(
    shared: &Arc<Shared>,
    place: Place,
    known: Option<(NodeId, PathBuf, String)>,
) -> Result<Option<Vec<u8>>, RemakeError> {
    let copy = shared.working_copy.lock().clone();
    blocking(shared, move |shared| {
        let read = match (known, copy) {
            (Some((of, root, path)), _) if of == place.node() => {
                reproduce::read_at(&root, &path, place.offset, place.len)
            }
            (_, Some(copy)) => reproduce::read(
                copy.root(),
                &shared.local,
                place.node(),
                place.offset,
                place.len,
            ),
            (_, None) => return Ok(None),
        };
        match read {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(RemakeError::File(error)),
        }
    })
    .await
}

/// Whether a read failed because the file is not there, or not that long: what it held is gone.
fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, UnexpectedEof};
    matches!(error.kind(), NotFound | NotADirectory | UnexpectedEof)
}

//! Letting go of blobs that others hold too: the folder on this disk, or another device that says that
//! it keeps them. Never of what only this device holds.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::FileContent;
use peerdrive_net::BlobId;

use super::HoldError;
use super::needed::Needed;
use super::pins;
use super::promises::Promises;
use super::remake::{self, Place};
use super::settings::Keeping;
use crate::content::PartKind;
use crate::drive::handle::{DriveHandle, Shared};
use crate::failpoint;
use crate::local::LocalError;
use crate::working_copy::reproduce::{FolderFiles, is_unchanged};

/// Once there is too much, so many hundredths of the cap are left, so that the next is not at once.
const LEAVE: u64 = 90;

/// Blobs about which other devices are asked at once.
const ASKED: usize = 4096;

/// What was let go of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Evicted {
    /// Blobs.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that are left in the cache.
    pub left: u64,
    /// Bytes of what should have gone and stayed, since nobody else who could be asked keeps it.
    pub only_here: u64,
}

/// A blob that is here.
#[derive(Clone, Debug)]
struct Here {
    sealed: u64,
    /// Where the folder has the same bytes: in each of these files.
    places: Vec<Place>,
    pinned: bool,
    /// A list of the chunks of a long file, or of a file that the folder shows. Small and often asked
    /// for.
    list: bool,
    /// How recent the version is; the oldest goes first.
    recent: (u64, i64),
}

/// What of these versions is here.
async fn look(
    shared: &Arc<Shared>,
    versions: &[Needed],
) -> Result<HashMap<BlobId, Here>, HoldError> {
    // What came a moment ago is in the folder, too, and not only at those who might let go of it.
    let copy = shared.working_copy.lock().clone();
    if let Some(copy) = copy {
        copy.noted().await;
    }
    let present: HashSet<BlobId> = shared.content.blobs().ids().await?.into_iter().collect();
    let (folder, pinned) = {
        let shared = shared.clone();
        let load = move || {
            let copy = shared.working_copy.lock().clone();
            let folder = match copy {
                Some(copy) => FolderFiles::load(copy.root(), &shared.local)?,
                None => None,
            };
            Ok::<_, HoldError>((folder.map(Arc::new), pins::pinned(&shared)?))
        };
        tokio::task::spawn_blocking(load)
            .await
            .map_err(|_| HoldError::Stopped)??
    };
    let mut here: HashMap<BlobId, Here> = HashMap::new();
    for needed in versions {
        let content = needed.content;
        let Some(manifest) = content.manifest else {
            continue;
        };
        let parts = shared.content.parts(&content).await?;
        if !parts.parts.iter().any(|part| present.contains(&part.id)) {
            continue;
        }
        let in_folder = needed.shown
            && match &folder {
                Some(folder) => holds(folder.clone(), needed.node, content).await?,
                None => false,
            };
        for part in parts.parts {
            if !present.contains(&part.id) {
                continue;
            }
            let place = match part.kind {
                PartKind::Chunk { offset, len } if in_folder => {
                    Some(Place::new(needed.node, offset, len, manifest.epoch))
                }
                _ => None,
            };
            let inline = parts_inline(&part.kind, &content);
            let found = here.entry(part.id).or_insert(Here {
                sealed: part.sealed,
                places: Vec::new(),
                pinned: false,
                list: false,
                recent: (0, i64::MIN),
            });
            let known = |place: &Place| found.places.iter().any(|one| one.node() == place.node());
            if let Some(place) = place.filter(|place| !known(place)) {
                found.places.push(place);
            }
            found.pinned |= pinned.contains(&needed.node);
            found.list |= part.kind == PartKind::List && (!inline || folder.is_some());
            let used = shared.content.last_used(&part.id);
            found.recent = found.recent.max((used, content.mtime_ns));
        }
    }
    Ok(here)
}

/// Whether a list is all there is of its version.
fn parts_inline(kind: &PartKind, content: &FileContent) -> bool {
    *kind == PartKind::List && content.len <= crate::content::INLINE
}

async fn holds(
    folder: Arc<FolderFiles>,
    node: NodeId,
    content: FileContent,
) -> Result<bool, HoldError> {
    tokio::task::spawn_blocking(move || folder.holds(node, &content.hash, content.len))
        .await
        .map_err(|_| HoldError::Stopped)
}

/// Brings what the drive takes in the store below `cap`, if it is above and as far as that can be done.
pub(crate) async fn to_cap(shared: &Arc<Shared>, cap: u64) -> Result<Evicted, HoldError> {
    let versions = super::needed::needed(shared).await?;
    let here = look(shared, &versions).await?;
    drop(versions);
    let used: u64 = here.values().map(|blob| blob.sealed).sum();
    if used <= cap {
        return Ok(Evicted {
            left: used,
            ..Evicted::default()
        });
    }
    let goal = cap / 100 * LEAVE;
    let candidates = here.into_iter().filter(|(_, blob)| !blob.list).collect();
    let mut evicted = let_go(shared, candidates, used - goal).await?;
    evicted.left = used - evicted.bytes;
    Ok(evicted)
}

/// Lets go of blobs until `bytes` are free: first what the folder has, the oldest first, then what
/// other devices keep.
async fn let_go(
    shared: &Arc<Shared>,
    candidates: Vec<(BlobId, Here)>,
    bytes: u64,
) -> Result<Evicted, HoldError> {
    let mut evicted = Evicted::default();
    let (mut held, mut others): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .partition(|(_, blob)| !blob.places.is_empty());
    held.sort_unstable_by_key(|(id, blob)| (blob.recent, *id));
    let held = first_of(held, bytes);
    if !held.is_empty() {
        // What the folder was seen to have may have left it meanwhile; from here on nothing does.
        let _alone = shared.parting.write().await;
        let held = still_held(shared, held).await?;
        let places: Vec<(BlobId, Vec<Place>)> = held
            .iter()
            .map(|(id, blob)| (*id, blob.places.clone()))
            .collect();
        remake::note(shared, &places)?;
        failpoint::pass("evict.noted");
        let ids = held.iter().map(|(id, _)| *id).collect();
        shared.content.blobs().remove(ids).await?;
        failpoint::pass("evict.removed");
        evicted.blobs += held.len() as u64;
        evicted.bytes += held.iter().map(|(_, blob)| blob.sealed).sum::<u64>();
    }
    others.retain(|(_, blob)| !blob.pinned);
    others.sort_unstable_by_key(|(id, blob)| (blob.recent, *id));
    let mut others = others.into_iter().peekable();
    while evicted.bytes < bytes && others.peek().is_some() {
        let some: Vec<(BlobId, Here)> = others.by_ref().take(ASKED).collect();
        let some = first_of(some, bytes - evicted.bytes);
        let sealed: HashMap<BlobId, u64> = some.iter().map(|(id, b)| (*id, b.sealed)).collect();
        let gone = kept_elsewhere(shared, sealed.keys().copied().collect()).await?;
        let freed: u64 = gone.iter().filter_map(|id| sealed.get(id)).sum();
        evicted.blobs += gone.len() as u64;
        evicted.bytes += freed;
        evicted.only_here += sealed.values().sum::<u64>() - freed;
    }
    Ok(evicted)
}

/// Those of these blobs whose bytes are in the folder now.
async fn still_held(
    shared: &Arc<Shared>,
    mut blobs: Vec<(BlobId, Here)>,
) -> Result<Vec<(BlobId, Here)>, HoldError> {
    let shared = shared.clone();
    let look = move || {
        let copy = shared.working_copy.lock().clone();
        let mut unchanged: HashMap<NodeId, bool> = HashMap::new();
        let Some(copy) = copy else {
            return Vec::new();
        };
        for (_, blob) in &mut blobs {
            blob.places.retain(|place| {
                *unchanged
                    .entry(place.node())
                    .or_insert_with(|| is_unchanged(copy.root(), &shared.local, place.node()))
            });
        }
        blobs.retain(|(_, blob)| !blob.places.is_empty());
        blobs
    };
    tokio::task::spawn_blocking(look)
        .await
        .map_err(|_| HoldError::Stopped)
}

/// So many of the first that they take `bytes` together.
fn first_of(blobs: Vec<(BlobId, Here)>, bytes: u64) -> Vec<(BlobId, Here)> {
    let mut sum = 0;
    blobs
        .into_iter()
        .take_while(|(_, blob)| {
            let wanted = sum < bytes;
            sum += blob.sealed;
            wanted
        })
        .collect()
}

/// Removes those of these blobs that another device promises to keep; which.
async fn kept_elsewhere(shared: &Arc<Shared>, ids: Vec<BlobId>) -> Result<Vec<BlobId>, HoldError> {
    let drive = DriveHandle {
        shared: shared.clone(),
    };
    // Whoever this device has promised something is served by the other device from now on.
    let keeping = {
        let shared = shared.clone();
        let look = move || Ok(Promises::load(&shared)?.keeping(Keeping::of(&shared)?));
        tokio::task::spawn_blocking(look)
            .await
            .map_err(|_| HoldError::Stopped)?
            .map_err(|error: LocalError| error)?
    };
    let leaving = shared.ledger.leave(ids, Instant::now());
    let mut open: Vec<BlobId> = leaving.ids().to_vec();
    let mut kept = Vec::new();
    // A storage peer's lease can end any day: nothing is let go of for its word.
    let members = drive.connected().into_iter();
    for peer in members.filter(|peer| !drive.is_store(peer)) {
        if open.is_empty() {
            break;
        }
        let held = drive.held_by(peer, &open, Some(keeping.term())).await;
        let (yes, no) = open.into_iter().partition(|id| held.contains(id));
        kept.extend::<Vec<BlobId>>(yes);
        open = no;
    }
    failpoint::pass("evict.promised");
    shared.content.blobs().remove(kept.clone()).await?;
    Ok(kept)
}

impl DriveHandle {
    /// Lets go of the sealed bytes of everything at and below a path, as far as the folder on this disk
    /// or another device keeps them. What is pinned stays.
    pub async fn evict(&self, path: &str) -> Result<Evicted, HoldError> {
        let top = self.node_to_hold(path)?;
        let versions = {
            let shared = self.shared.clone();
            let all = move || {
                let mut all = Vec::new();
                super::needed::shown(&shared, top, &mut |needed| all.push(needed));
                all
            };
            tokio::task::spawn_blocking(all)
                .await
                .map_err(|_| HoldError::Stopped)?
        };
        let here = look(&self.shared, &versions).await?;
        let candidates = here.into_iter().filter(|(_, blob)| !blob.list).collect();
        let_go(&self.shared, candidates, u64::MAX).await
    }
}

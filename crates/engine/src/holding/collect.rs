//! Collection of what nothing needs any more: blobs that no drive's view, trash, or retained history
//! refers to, and that nobody is about to name. Marks, then sweeps; when it cannot tell, it keeps.

use std::collections::HashSet;

use peerdrive_crdt_tree::node::FileContent;
use peerdrive_net::BlobId;

use super::HoldError;
use super::needed::{needed, needed_for};
use super::promises::Promises;
use super::settings::Keeping;
use crate::content::{Part, Untold};
use crate::drive::handle::DriveHandle;
use crate::engine::Engine;
use crate::failpoint;
use crate::local::{Change, Space};

/// What a collection did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Collected {
    /// Blobs that are gone.
    pub blobs: u64,
    /// Bytes that the store takes less on disk.
    pub bytes: u64,
    /// Blobs that are left.
    pub left: u64,
}

impl Engine {
    /// Removes from this device what no drive needs any more.
    ///
    /// # Errors
    /// [`HoldError::Broken`], [`HoldError::Busy`] and [`HoldError::Untold`] when it cannot be told what is needed; nothing is
    /// removed then.
    pub async fn collect(&self) -> Result<Collected, HoldError> {
        // One at a time: two would only do the same work twice.
        let _turn = self.inner.collecting.lock().await;
        if let Some(broken) = self.broken().first() {
            return Err(HoldError::Broken(broken.id.clone()));
        }
        let blobs = self.inner.device.net.blobs();
        let mut kept: HashSet<BlobId> = HashSet::new();
        let drives = self.drives();
        for drive in &drives {
            let reading = drive.working_copy().map(|copy| copy.status());
            // What cannot be read now, or a folder that is away, may be so for months.
            if reading.is_some_and(|status| status.is_reading()) {
                return Err(HoldError::Busy(drive.name().to_owned()));
            }
            for version in needed(&drive.shared).await? {
                let parts = parts_of(drive, &version.content).await?;
                kept.extend(parts.into_iter().map(|part| part.id));
            }
            kept.extend(promised(drive).await?);
            kept.extend(drive.shared.snapshot_blobs());
        }
        let present = blobs.ids().await?;
        let before = present.len();
        let doomed: Vec<BlobId> = present
            .into_iter()
            .filter(|id| !kept.contains(id))
            .collect();
        failpoint::pass("collect.marked");
        let size = blobs.size_on_disk().await?;
        blobs.remove_unclaimed(doomed).await?;
        failpoint::pass("collect.swept");
        for drive in &drives {
            strike_places(drive, &kept)?;
        }
        let left = blobs.ids().await?.len();
        Ok(Collected {
            blobs: before.saturating_sub(left) as u64,
            bytes: size.saturating_sub(blobs.size_on_disk().await?),
            left: left as u64,
        })
    }
}

/// What other devices rely on and somebody may still ask them for, by what is known here; the rest is
/// promised no longer.
async fn promised(drive: &DriveHandle) -> Result<HashSet<BlobId>, HoldError> {
    let promises = {
        let shared = drive.shared.clone();
        tokio::task::spawn_blocking(move || Promises::load(&shared))
            .await
            .map_err(|_| HoldError::Stopped)??
    };
    if promises.blobs.is_empty() {
        return Ok(promises.blobs);
    }
    let keeping = promises.keeping(Keeping::of(&drive.shared)?);
    let mut named: HashSet<BlobId> = HashSet::new();
    for version in needed_for(&drive.shared, keeping).await? {
        let parts = drive.content().parts(&version.content).await?;
        if !matches!(parts.untold, None | Some(Untold::Forged)) {
            // It may name any of them.
            return Ok(promises.blobs);
        }
        named.extend(parts.parts.into_iter().map(|part| part.id));
    }
    let (kept, over): (HashSet<BlobId>, HashSet<BlobId>) = promises
        .blobs
        .into_iter()
        .partition(|id| named.contains(id));
    let shared = drive.shared.clone();
    tokio::task::spawn_blocking(move || Promises::strike(&shared, &over))
        .await
        .map_err(|_| HoldError::Stopped)??;
    Ok(kept)
}

/// The blobs of a version that is needed. A list that was never here names nothing of which only this
/// device has the last copy: whoever let go of such a blob was promised that it stays. One that was
/// here, or cannot be read yet, may.
async fn parts_of(drive: &DriveHandle, content: &FileContent) -> Result<Vec<Part>, HoldError> {
    // Once for the list itself, and once for its pages.
    for _ in 0..2 {
        let parts = drive.content().parts(content).await?;
        let Some(Untold::NotHere(lists)) = parts.untold else {
            return match parts.untold {
                Some(Untold::NotYet) => Err(HoldError::Untold(drive.name().to_owned())),
                _ => Ok(parts.parts),
            };
        };
        let lost = drive.content().blobs().lost().await?;
        if !lists.iter().any(|list| lost.contains(list)) {
            return Ok(parts.parts);
        }
        if let Err(error) = drive.content().fetch_lists(lists).await {
            tracing::debug!(%error, "a list of parts was damaged here");
            break;
        }
    }
    match drive.content().parts(content).await? {
        parts if parts.all() => Ok(parts.parts),
        _ => Err(HoldError::Untold(drive.name().to_owned())),
    }
}

/// Forgets where the bytes of blobs are that nobody will ask for.
fn strike_places(drive: &DriveHandle, kept: &HashSet<BlobId>) -> Result<(), HoldError> {
    let local = &drive.shared.local;
    let unknown = |key: &Vec<u8>| {
        // Notes by file have shorter keys, and go when the file does.
        <[u8; 32]>::try_from(key.as_slice()).is_ok_and(|id| !kept.contains(&BlobId(id)))
    };
    let changes: Vec<Change> = local
        .all(Space::Blobs)?
        .into_iter()
        .filter(|(key, _)| unknown(key))
        .map(|(key, _)| (key, None))
        .collect();
    Ok(local.write(Space::Blobs, &changes)?)
}

//! Which of a drive's bytes this device holds, for how long, and who else does: the cache with its cap,
//! pins, and the collection of what nothing needs any more. Knows blobs by what versions refer to them.
//!
//! The rule above all others: bytes that only this device holds stay. A blob is let go of only if the
//! folder on this disk has the same bytes, or another device has said that it keeps them, or no version
//! that anyone could ask for refers to it.

mod answers;
mod collect;
mod due;
mod evict;
mod ledger;
pub(crate) mod naming;
mod needed;
pub(crate) mod pinning;
mod pins;
mod promises;
mod remake;
pub(crate) mod rounds;
mod settings;
mod whereabouts;

use std::sync::atomic::Ordering;

use peerdrive_crdt_tree::id::NodeId;
use peerdrive_log::ReadError;
use peerdrive_net::BlobError;

pub(crate) use answers::Answers;
pub use collect::Collected;
pub use evict::Evicted;
pub(crate) use ledger::Ledger;
pub use naming::Storing;
pub(crate) use remake::{can_remake, preserve, remake};
pub use settings::Keeping;
pub use whereabouts::Whereabouts;

use crate::content::ContentError;
use crate::drive::handle::DriveHandle;
use crate::local::LocalError;

/// What is held could not be told, or not be changed.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// Nothing is at that path.
    #[error("there is nothing at `{0}` in the drive")]
    NoPath(String),
    /// Bytes could not be fetched or looked at.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The store of blobs failed.
    #[error(transparent)]
    Store(#[from] BlobError),
    /// This device's notes could not be read or written.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The record could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A drive of this device cannot be opened, so what it needs is not known.
    #[error(
        "the drive {0} cannot be opened, and nothing is collected that it may need; `peerdrive status` says why, `peerdrive leave` gives it up"
    )]
    Broken(String),
    /// A folder is being read.
    #[error("files of the drive `{0}` are being read; try again when it is up to date")]
    Busy(String),
    /// What a version consists of was known and is not any more, or not yet.
    #[error(
        "the list of parts of a file of the drive `{0}` is damaged or cannot be read yet, and nothing is \
         collected that it may need; connect a device that has the file, or update PeerDrive"
    )]
    Untold(String),
    /// PeerDrive is shutting down.
    #[error("PeerDrive is stopping")]
    Stopped,
}

impl DriveHandle {
    fn node_to_hold(&self, path: &str) -> Result<NodeId, HoldError> {
        let found = self.view().lookup(path.trim_matches('/'));
        found.ok_or_else(|| HoldError::NoPath(path.to_owned()))
    }

    /// Keeps the bytes of a file, or of everything in a folder, on this device from now on, and fetches
    /// what is not here yet.
    pub async fn pin(&self, path: &str) -> Result<(), HoldError> {
        let node = self.node_to_hold(path)?;
        pins::set_pin(&self.shared, node, true)?;
        let mut wanted = Vec::new();
        needed::shown(&self.shared, node, &mut |needed| {
            wanted.push(needed.content)
        });
        let fetched = self.content().prefetch(&wanted).await;
        // It stays pinned, and is tried again when a peer comes.
        if fetched.is_err() {
            self.shared.pins_missed.store(true, Ordering::Release);
        }
        Ok(fetched?)
    }

    /// Takes a pin away; whether there was one on exactly that.
    pub fn unpin(&self, path: &str) -> Result<bool, HoldError> {
        let node = self.node_to_hold(path)?;
        Ok(pins::set_pin(&self.shared, node, false)?)
    }

    /// What this device keeps of the drive.
    pub fn keeping(&self) -> Result<Keeping, HoldError> {
        Ok(Keeping::of(&self.shared)?)
    }

    /// Sets what this device keeps of the drive, and brings the cache below a new cap.
    pub async fn keep(&self, keeping: Keeping) -> Result<Evicted, HoldError> {
        keeping.store(&self.shared)?;
        let bytes = self.view().counts().bytes;
        evict::to_cap(&self.shared, keeping.cap(bytes)).await
    }
}

#[cfg(test)]
mod tests;

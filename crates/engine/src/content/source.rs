//! What the content store needs from outside: the keys of the drive, and somebody who has the blobs
//! that this device lacks. Does not know how either is come by.

use std::sync::Arc;

use futures_util::stream::BoxStream;
use peerdrive_crypto::{content::DriveLifetimeKeys, epoch::EpochKeys};
use peerdrive_net::{BlobError, BlobId};

/// The keys of one drive, as far as this device holds them.
pub trait ContentKeys: Send + Sync {
    /// The keys of the epoch to write in; `None` when this device is not a member.
    fn current(&self) -> Option<Arc<EpochKeys>>;

    /// The keys of the epoch whose id begins with these 8 bytes, if they are here.
    fn by_tag(&self, tag: &[u8; 8]) -> Option<Arc<EpochKeys>>;

    /// The keys of the drive's lifetime: whole-file hashes and the seed of the chunker.
    fn lifetime(&self) -> Arc<DriveLifetimeKeys>;

    /// A nonce fresh from the operating system's generator, never given twice.
    fn fresh_nonce(&self) -> [u8; 24];
}

/// Brings blobs into the local store.
pub trait BlobSource: Send + Sync {
    /// Fetches these blobs, several at once and in any order, and says of each when it is in the
    /// store (with its length) or why it cannot be had. Waits for a provider no longer than a limit
    /// of its own. What it says nothing of by the end counts as absent. Dropping the stream ends it.
    fn fetch(&self, ids: Vec<BlobId>) -> BoxStream<'static, (BlobId, Result<u64, FetchError>)>;
}

/// Why one blob could not be fetched.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FetchError {
    /// No peer that could be reached has it.
    #[error("no connected peer has it")]
    Absent,
    /// It arrived, or was about to, and the local store did not take it.
    #[error(transparent)]
    Store(Arc<BlobError>),
}

impl From<BlobError> for FetchError {
    fn from(error: BlobError) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// For who reads, it is one whether peers are away or there but without the blob.
impl From<peerdrive_net::FetchError> for FetchError {
    fn from(error: peerdrive_net::FetchError) -> Self {
        match error {
            peerdrive_net::FetchError::Unreachable | peerdrive_net::FetchError::Missing => {
                Self::Absent
            }
            peerdrive_net::FetchError::Store(error) => Self::Store(error),
        }
    }
}

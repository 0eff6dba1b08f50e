//! What can go wrong with the bytes of files, told apart as far as a door acts on it. Does not know
//! paths: whoever asked adds the name of the file.

use std::{io, sync::Arc};

use peerdrive_net::BlobError;

/// Why a file's bytes could not be stored, read or written out.
///
/// Clones share their causes, since several readers may wait for one chunk and all hear why it failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ContentError {
    /// Neither this device nor any peer that could be reached has all the bytes. Asking again later
    /// may help.
    #[error(
        "the contents are not on this device, and no connected peer has them ({missing} parts \
         missing); they arrive once somebody who has them is online"
    )]
    Unavailable {
        /// How many blobs could not be had.
        missing: usize,
    },
    /// The bytes are here, but they are not what the author of the version vouched for. They are
    /// never handed out. Asking again does not help.
    #[error("the contents are not what their author wrote ({what}); restore another version")]
    Forged {
        /// What did not agree.
        what: Mismatch,
    },
    /// This device does not hold the keys of the epoch in which the version was written.
    #[error("this device has no key for these contents yet; it arrives with the next sync")]
    NoKey {
        /// First 8 bytes of the epoch's id.
        epoch: [u8; 8],
    },
    /// There is no epoch to write in: this device is not (or no longer) a member of the drive.
    #[error("nothing can be written: this device is not a member of the drive")]
    NoEpoch,
    /// The file is longer than a manifest can describe.
    #[error("the file is too large for a drive (at least {len} bytes)")]
    TooLarge {
        /// Bytes read until then.
        len: u64,
    },
    /// The local store of blobs failed.
    #[error(transparent)]
    Store(Arc<BlobError>),
    /// The local file that is read from or written to failed.
    #[error("the file on this disk cannot be read or written: {0}")]
    File(#[source] Arc<io::Error>),
    /// PeerDrive is shutting down.
    #[error("PeerDrive is stopping")]
    Stopped,
}

/// What a hostile (or damaged) content version was caught at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mismatch {
    /// The manifest does not open as the manifest of this version.
    Seal,
    /// The manifest opens, but in a form that this version does not know.
    Newer,
    /// The manifest opens, but describes an impossible file.
    Manifest,
    /// A chunk does not open with the key and length that the manifest gives.
    Chunk,
    /// Every part is in order, but the whole does not hash to the version's hash.
    Whole,
    /// A blob is larger than anything a manifest may name.
    Size,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Seal => "the list of parts belongs to something else",
            Self::Newer => "the list of parts was written by a newer PeerDrive; update this one",
            Self::Manifest => "the list of parts makes no sense",
            Self::Chunk => "a part is not the one that was listed",
            Self::Whole => "the parts do not add up to the file",
            Self::Size => "a part is too large",
        })
    }
}

impl ContentError {
    pub(super) fn forged(what: Mismatch) -> Self {
        Self::Forged { what }
    }
}

impl From<BlobError> for ContentError {
    fn from(error: BlobError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl From<io::Error> for ContentError {
    fn from(error: io::Error) -> Self {
        Self::File(Arc::new(error))
    }
}

/// A task of ours that panicked or was cut off by the runtime's end.
impl From<tokio::task::JoinError> for ContentError {
    fn from(_: tokio::task::JoinError) -> Self {
        Self::Stopped
    }
}

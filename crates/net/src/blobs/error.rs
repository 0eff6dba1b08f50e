//! What can go wrong with the local store of blobs, told apart as far as a caller acts on it.

use std::{error::Error, io, path::PathBuf};

use iroh_blobs::api::{ExportBaoError, RequestError};

use crate::types::BlobId;

/// Why the blob store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The store could not be opened.
    #[error(
        "cannot open the blob store in {}: {reason}; check that the directory is writable and that \
         no other PeerDrive uses it",
        dir.display()
    )]
    Open {
        /// The directory that was asked for.
        dir: PathBuf,
        /// The store's own words.
        reason: String,
    },
    /// The disk or the quota is used up.
    #[error("the disk has no room for more file contents; free some space and try again")]
    Full(#[source] io::Error),
    /// The stored bytes do not hash to the identifier any more.
    #[error("the stored contents {0} are damaged on this disk; fetch them again from a peer")]
    Damaged(BlobId),
    /// It is longer than it may be.
    #[error("the stored contents {0} are longer than they may be; they are not read")]
    Longer(BlobId),
    /// Reading or writing failed.
    #[error("the blob store cannot read or write its files: {0}")]
    Io(#[source] io::Error),
    /// A removal did not end in time; it may still happen.
    #[error("removing file contents takes too long; it is tried again at the next collection")]
    Stalled,
    /// The store has been closed, or has stopped after an earlier failure.
    #[error(
        "the store of file contents has stopped; PeerDrive opens it again by itself once the disk has room"
    )]
    Closed,
}

impl BlobError {
    /// Sorts an error of reading a blob that is said to be complete.
    pub(super) fn of_export(id: BlobId, error: ExportBaoError) -> Self {
        match error {
            ExportBaoError::ExportBaoInner { .. } => Self::Damaged(id),
            other => Self::from(iroh_blobs::api::Error::from(other)),
        }
    }
}

impl From<io::Error> for BlobError {
    fn from(error: io::Error) -> Self {
        if is_full(&error) {
            Self::Full(error)
        } else {
            Self::Io(error)
        }
    }
}

impl From<iroh_blobs::api::Error> for BlobError {
    fn from(error: iroh_blobs::api::Error) -> Self {
        let iroh_blobs::api::Error::Io(error) = error;
        Self::from(error)
    }
}

impl From<RequestError> for BlobError {
    fn from(error: RequestError) -> Self {
        match error {
            // The store's actor is gone: it answers every request that reaches it.
            RequestError::Rpc { .. } => Self::Closed,
            RequestError::Inner { source, .. } => Self::from(source),
            other => Self::Io(io::Error::other(other)),
        }
    }
}

/// Whether "no room" is anywhere among the causes: the store wraps what the system told it.
fn is_full(error: &io::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        cause = match error.downcast_ref::<io::Error>() {
            Some(io) if matches!(io.kind(), io::ErrorKind::StorageFull) => return true,
            Some(io) if matches!(io.kind(), io::ErrorKind::QuotaExceeded) => return true,
            // Its `source` leaves out the error that it wraps itself.
            Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    false
}

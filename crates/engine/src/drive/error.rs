//! What can go wrong with a drive, one enum a family of operations; knows no exit code and no screen.

use std::sync::Arc;

use peerdrive_crdt_tree::tree::LoadError as TreeLoadError;
use peerdrive_crypto::entry::EntryError;
use peerdrive_log::{AppendError, OpenError, ReadError};

use crate::local::LocalError;

/// An edit or another request to a drive was not carried out. Nothing of it happened.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// This device's member may only read.
    #[error("you may only read this drive; ask an admin for the writer role")]
    ReadOnly,
    /// This device's member may not do this.
    #[error("your role in this drive does not allow that; an admin can")]
    NotAllowed,
    /// Only somebody above both can.
    #[error("that is not below your own role in this drive; an owner can do it")]
    NotAbove,
    /// There is no epoch that this device may write with.
    #[error(
        "this device has no current key of the drive yet; it comes when another member is on line"
    )]
    NoKeys,
    /// More than an entry can hold.
    #[error("this is too much for one step; do it in parts")]
    TooLarge,
    /// The rules of membership do not allow this.
    #[error("the drive's rules refuse this: {0}")]
    Refused(String),
    /// The invite is used up, expired, revoked or unknown.
    #[error("the invite cannot be used: {0}")]
    Invite(String),
    /// An entry could not be made.
    #[error("an entry could not be made")]
    Entry(#[from] EntryError),
    /// The record could not be written.
    #[error(transparent)]
    Append(#[from] Arc<AppendError>),
    /// The record could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Notes could not be read or written.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The drive is being closed.
    #[error("the drive is being closed")]
    Closed,
}

/// A drive cannot be opened from disk.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The record cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The record cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Notes cannot be read.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The document cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeLoadError),
    /// The snapshot is not one this version knows.
    #[error("the drive's snapshot on this device is not one this version knows; update PeerDrive")]
    Snapshot,
    /// The control entries do not form a drive.
    #[error(
        "the drive's membership record on this device is damaged; move its folder away and join again"
    )]
    Control,
    /// What this device needs to take part is not there.
    #[error("the drive's keys on this device are missing; move its folder away and join again")]
    Keys,
}

impl From<AppendError> for DriveError {
    fn from(error: AppendError) -> Self {
        Self::Append(Arc::new(error))
    }
}

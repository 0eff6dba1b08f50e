//! What can go wrong in the record, one enum a family of operations; knows no one to tell it to.

use std::path::PathBuf;

use crate::record::LogId;

/// Opening failed; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process holds this record.
    #[error("{path} is in use by another PeerDrive process; stop that one first")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// Written by a program that knows a later format.
    #[error(
        "{path} was written by a newer PeerDrive (format {found}, this program knows {known}); update this device"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The newest known here.
        known: u64,
    },
    /// The bytes are not a record, or the disk damaged them.
    #[error(
        "{path} is damaged; move it away and join the drive again, entries come back from the other devices"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the store said.
        #[source]
        source: Box<redb::Error>,
    },
    /// The operating system refused.
    #[error("cannot open {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Its reason.
        #[source]
        source: std::io::Error,
    },
}

/// A write did not happen; the record is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// An entry is not the next of its log.
    #[error("entry {found} does not follow the {len} known ones of its log")]
    Gap {
        /// Which log.
        log: LogId,
        /// Entries known.
        len: u64,
        /// Number offered.
        found: u64,
    },
    /// A log cannot part there: it has no entry of that number, or the name is taken.
    #[error("a log of {len} entries cannot part at number {at}")]
    Split {
        /// Which log.
        log: LogId,
        /// Entries known.
        len: u64,
        /// Where it was to part.
        at: u64,
    },
    /// No room on the disk.
    #[error("the disk is full; free some space, PeerDrive goes on by itself")]
    Full,
    /// The store refused for another reason.
    #[error("the record could not be written")]
    Store(#[source] Box<redb::Error>),
}

/// A read failed: the disk or the file is damaged.
#[derive(Debug, thiserror::Error)]
#[error("the record could not be read")]
pub struct ReadError(#[source] pub(crate) Box<redb::Error>);

/// Whether this error, or anything below it, is the operating system saying that the disk is full.
fn is_full(error: &redb::Error) -> bool {
    matches!(error, redb::Error::Io(io)
        if matches!(io.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded))
}

impl AppendError {
    pub(crate) fn from_store(error: impl Into<redb::Error>) -> Self {
        let error = error.into();
        if is_full(&error) {
            Self::Full
        } else {
            Self::Store(Box::new(error))
        }
    }
}

impl ReadError {
    pub(crate) fn from_store(error: impl Into<redb::Error>) -> Self {
        Self(Box::new(error.into()))
    }
}

impl OpenError {
    pub(crate) fn from_store(path: &std::path::Path, error: impl Into<redb::Error>) -> Self {
        let path = path.to_owned();
        match error.into() {
            redb::Error::DatabaseAlreadyOpen => Self::InUse { path },
            redb::Error::Io(source) => Self::Io { path, source },
            source => Self::Damaged {
                path,
                source: Box::new(source),
            },
        }
    }
}

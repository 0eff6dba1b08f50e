//! Errors of the parts below that the engine's own errors are made of, so that a table of all of them
//! needs no other crate. Adds nothing to them.

pub use peerdrive_crypto::author::AuthorError;
pub use peerdrive_crypto::identity::PhraseError;
pub use peerdrive_crypto::invite::{JoinError as ProtocolError, Refused, TicketError};
pub use peerdrive_crypto::reentry::ReentryError;
pub use peerdrive_log::{AppendError, OpenError as RecordError, ReadError};
pub use peerdrive_net::{BlobError, JoinError as ConnectionError, StartError};

pub use crate::audit::AuditError;
pub use crate::backup::BackupError;
pub use crate::content::ContentError;
pub use crate::device::DataDirError;
pub use crate::drive::error::{DriveError, LoadError};
pub use crate::engine::{FindError, FolderError, KeepError, OpenError};
pub use crate::join::JoinError;
pub use crate::local::LocalError;
pub use crate::passphrase::PassphraseError;
pub use crate::recover::RecoverError;
pub use crate::share::ShareError;
pub use crate::working_copy::WorkingCopyError;

//! Finds peers and moves sealed entries and blobs over Iroh. Knows nothing of folders, and never sees
//! plaintext.

mod blobs;
mod types;

pub use blobs::{BlobError, BlobStore};
pub use types::{BlobId, DriveTag, EntryId, LogId, PeerId};

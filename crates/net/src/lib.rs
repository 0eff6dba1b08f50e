//! Finds peers and moves sealed entries and blobs over Iroh. Knows nothing of folders, and never sees
//! plaintext.
//!
//! One [`Net`] per device. For each drive a [`DriveLink`] keeps the logs level with those of the other
//! members; the logs themselves stay with an [`EntrySource`]. Blobs live in a [`BlobStore`] and are
//! fetched by their hash. Who may do any of this is decided by a [`Gate`].
//! A storage peer, which holds no drive's keys, is told by [`StoreRequest`]s what to keep.

mod address;
mod blobs;
mod frame;
#[doc(hidden)]
pub mod harness;
mod holding;
mod join;
mod link;
mod net;
mod proto;
mod rate;
mod screen;
mod store;
#[cfg(test)]
mod testing;
mod types;
#[cfg(test)]
mod vectors;

pub use address::{AddressError, MAX_ADDRESS};
pub use blobs::{BlobError, BlobStore, FetchError, Writing};
pub use holding::{AskError, Held, Holder, Term};
pub use join::{JoinError, JoinStream, MAX_JOIN_FRAME};
pub use link::{DriveLink, LinkEvent, MAX_PRESENCE, PeerState, TooLong, TopicSeal};
pub use net::{Net, NetConfig, StartError};
pub use proto::{EntrySource, LogHead};
pub use screen::Gate;
pub use store::{MAX_NAMED, StoreKeeper, StoreRefusal, StoreReply, StoreRequest};
pub use types::{BlobId, DriveTag, EntryId, LogId, PeerId};

//! A storage peer: keeps the sealed record and blobs of drives under a lease, and serves them to their members
//! while nobody else is on line. It has no drive's keys, so it can say who may have an entry and who wrote it,
//! and never what is in it (security.md §2.10).
//!
//! What it goes by is each drive's control plane, which is signed and not sealed: the same rules as on any
//! device say who is a member, who may write, and whether the lease stands. It is believed in nothing: members
//! check whatever comes from it like what comes from anybody.

mod blobs;
mod drive;
mod kept;
mod peer;
mod record;

pub use peer::{StorageConfig, StorageError, StoragePeer, StoredDrive, StoredStanding};

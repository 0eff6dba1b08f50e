//! One actor per drive that turns edits from the doors into document, log and net, and remote entries
//! back into events. The only crate that ties the rest together; it knows no door by name except the
//! working copy, which lives here.

mod arriving;
pub mod audit;
pub mod backup;
mod checkpoints;
pub mod choices;
pub mod config;
pub mod content;
pub mod device;
pub mod devices;
pub mod drive;
pub mod engine;
mod env;
pub mod errors;
mod failpoint;
mod folders;
mod gate;
#[doc(hidden)]
pub mod harness;
pub mod history;
pub mod holding;
mod incarnation;
pub mod join;
mod jotter;
mod keyring;
pub mod leases;
pub mod leave;
pub mod listing;
pub mod local;
pub mod members;
mod open;
pub mod passphrase;
pub mod pausing;
mod peers;
pub mod place;
pub mod presence;
pub mod recover;
pub mod share;
pub mod storage;
mod tend;
mod voices;
pub mod working_copy;

pub use config::EngineConfig;
pub use drive::error::DriveError;
pub use drive::event::DriveEvent;
pub use drive::handle::DriveHandle;
pub use drive::status::{Backlog, DriveStatus, PeerStatus, Waited};
pub use drive::work::Work;
pub use engine::Engine;
pub use peerdrive_crdt_tree as tree;
pub use peerdrive_crypto::body::Role;
pub use presence::{Focus, Here};

//! The folder tree of one drive as an Automerge document: edits in, changes out, one view for
//! everyone. Pure: no IO, no clock, no global randomness, and no idea what a peer is.

pub mod conflict;
pub mod edit;
pub mod event;
pub mod id;
pub mod lint;
pub mod name;
pub mod node;
mod register;
mod resolve;
mod schema;
#[cfg(feature = "test-utils")]
pub mod testing;
pub mod tree;
mod view;

pub use view::Counts;

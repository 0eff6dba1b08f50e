//! Every command a UI can give to PeerDrive, once: names, requests, replies, error codes, handlers,
//! and the loopback transport they travel over. It does not know who asks: a command line, a desktop
//! window or a browser give the same commands and get the same answers.
//!
//! - [`schema`] is the list of commands. A host that lacks a handler for one does not compile.
//! - [`dto`] are the requests and replies, [`error`] the one shape in which anything fails.
//! - [`router`] turns a command's name and JSON into a stream of JSON lines.
//! - [`http`] puts the router behind a guarded loopback port; [`client`] is its other end.
//! - [`events`] is what happens meanwhile, numbered, for whoever follows.
//! - [`rendezvous`] is how a client finds the daemon of a data directory, and how there is only one.

#[cfg(test)]
mod bindings;
pub mod client;
mod clock;
pub mod dto;
pub mod error;
pub mod events;
pub mod handlers;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod harness;
pub mod http;
pub mod mount_door;
mod private;
pub mod rendezvous;
pub mod reply;
pub mod router;
pub mod schema;
pub mod upload;

#[cfg(any(test, feature = "testing"))]
mod testing;

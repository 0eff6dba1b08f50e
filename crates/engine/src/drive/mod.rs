//! One drive on this device: an actor that owns its state, and the handle that doors hold.

pub(crate) mod actor;
pub(crate) mod admission;
pub mod approval;
pub(crate) mod branches;
pub(crate) mod checkpoint;
pub(crate) mod control;
pub mod error;
pub mod event;
pub(crate) mod forks;
pub(crate) mod govern;
pub(crate) mod ground;
pub mod handle;
pub(crate) mod identity;
pub mod invite;
pub(crate) mod receive;
pub(crate) mod replica;
pub mod request;
pub mod review;
pub mod roll;
pub(crate) mod snapshot;
pub mod status;
#[cfg(test)]
mod tests;
pub mod work;

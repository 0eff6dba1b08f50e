//! One drive on this device: an actor that owns its state, and the handle that doors hold.

pub(crate) mod actor;
pub mod approval;
pub(crate) mod control;
pub mod error;
pub mod event;
pub(crate) mod govern;
pub mod handle;
pub(crate) mod identity;
pub mod invite;
pub(crate) mod pool;
pub(crate) mod replica;
pub mod request;
pub mod roll;
pub mod status;
pub mod work;

//! The commands, one file each: what can be typed, what is asked of the daemon, and how the answer reads.

pub(crate) mod audit;
pub(crate) mod cat;
pub(crate) mod completions;
pub(crate) mod conflicts;
pub(crate) mod daemon;
pub(crate) mod devices;
pub(crate) mod invite;
pub(crate) mod invites;
pub(crate) mod join;
pub(crate) mod ls;
pub(crate) mod members;
pub(crate) mod mount;
pub(crate) mod peers;
pub(crate) mod phrase;
pub(crate) mod recover;
pub(crate) mod revoke;
pub(crate) mod role;
pub(crate) mod share;
pub(crate) mod status;
pub(crate) mod stop;
pub(crate) mod tree;
pub(crate) mod unmount;
pub(crate) mod wait;

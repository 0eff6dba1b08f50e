//! The file system against its references: without FUSE, and through a real mount.

mod drive;
mod model;
mod programs;
mod remote;
mod semantics;
mod session;
mod stale;
mod support;
mod writing;

//! A drive as a POSIX file system through FUSE.
//!
//! Four layers, each knowing only the one below: [`session`] mounts and unmounts, `fuse` turns kernel
//! requests into calls (the only file that imports fuser), [`fs`] is the file system itself, and
//! [`volume`] is what it needs from a drive. `docs/SEMANTICS.md` says how the result differs from a
//! local disk; each of its sections is a test.

pub mod config;
pub mod drive;
pub mod errno;
pub mod fs;
mod fuse;
mod handle;
mod inode;
pub mod session;
pub mod volume;

pub use config::MountOptions;
pub use session::{MountError, Mounted, clear_stale, mount};
pub use volume::{Volume, VolumeError};

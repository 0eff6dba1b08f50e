//! How a drive is mounted; knows nothing of which drive or where.

use std::path::PathBuf;
use std::time::Duration;

/// Options of one mount.
#[derive(Clone, Debug)]
pub struct MountOptions {
    /// Folder for files being written. Private to the user; on a disk with room for the largest file
    /// that is edited. Nothing in it outlives the process.
    pub staging_dir: PathBuf,
    /// Lets other users of this machine in, under the permission bits that the files show.
    pub allow_other: bool,
    /// Refuses every change with `EROFS`, even where the member may write.
    pub read_only: bool,
    /// User and group that every file belongs to. `mount` sets the user that calls it.
    pub owner: (u32, u32),
    /// How long the kernel may answer lookups and `stat` by itself. Changes from elsewhere are told to
    /// it at once, so this is only a bound on what a lost notification could cost.
    pub cache_for: Duration,
    /// How long one read waits for bytes that only other devices have, before it is `EIO`.
    pub read_timeout: Duration,
}

impl MountOptions {
    /// The defaults, with the given staging folder.
    pub fn new(staging_dir: impl Into<PathBuf>) -> Self {
        Self {
            staging_dir: staging_dir.into(),
            allow_other: false,
            read_only: false,
            owner: (
                rustix::process::getuid().as_raw(),
                rustix::process::getgid().as_raw(),
            ),
            cache_for: Duration::from_secs(24 * 60 * 60),
            read_timeout: Duration::from_secs(30),
        }
    }
}

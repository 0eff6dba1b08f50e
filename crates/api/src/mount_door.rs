//! What the commands need of a mount: told by whoever runs the daemon, since doors never import each
//! other. Knows no FUSE.

use std::future::Future;
use std::path::{Path, PathBuf};

use peerdrive_engine::DriveHandle;

use crate::error::ApiError;

/// Puts drives up as file systems, in this process.
pub trait MountDoor: Send + Sync + 'static {
    /// Mounts a drive on an empty folder and yields the folder's canonical path. What a killed process
    /// left mounted there is cleared first.
    fn mount(
        &self,
        drive: DriveHandle,
        at: &Path,
    ) -> impl Future<Output = Result<PathBuf, ApiError>> + Send;

    /// Saves what is being written and takes the mount away; clears what a killed process left. False if
    /// there was neither.
    fn unmount(&self, at: &Path) -> impl Future<Output = Result<bool, ApiError>> + Send;

    /// Takes every mount away, for the end of the process.
    fn unmount_all(&self) -> impl Future<Output = ()> + Send;
}

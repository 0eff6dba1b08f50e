//! The mounts of this process: what the commands ask of a mount door, done through FUSE. Knows drives
//! only by their handles, and remembers nothing across a restart: that is the commands' part.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use peerdrive_api::error::{ApiError, Code};
use peerdrive_api::mount_door::MountDoor;
use peerdrive_engine::DriveHandle;
use peerdrive_mount::{MountError, MountOptions, Mounted};
use tokio::runtime::Handle;
use tokio::sync::Mutex;

/// Every mount, by its mount point.
#[derive(Debug)]
pub(super) struct Mounts {
    staging: PathBuf,
    // Held across awaits on purpose: one mount or unmount at a time.
    mounted: Mutex<BTreeMap<PathBuf, Mounted>>,
}

impl Mounts {
    /// No mounts yet; files being written go below `staging`.
    pub(super) fn new(staging: PathBuf) -> Self {
        Self {
            staging,
            mounted: Mutex::default(),
        }
    }
}

impl MountDoor for Mounts {
    async fn mount(&self, drive: DriveHandle, at: &Path) -> Result<PathBuf, ApiError> {
        let mut mounted = self.mounted.lock().await;
        mounted.retain(|_, mount| mount.is_alive());
        let mut options = MountOptions::new(self.staging.join(drive.id().to_string()));
        options.read_only = !drive.can_write();
        let (at, runtime) = (at.to_owned(), Handle::current());
        // Mounting asks the kernel, and perhaps a set-uid program.
        let mount = tokio::task::spawn_blocking(move || {
            peerdrive_mount::mount(drive, &at, runtime, options)
        })
        .await
        .map_err(|_| {
            ApiError::new(Code::Failed, "mounting broke off")
                .hint("daemon.log of the data directory says why")
        })?
        .map_err(|e| refused(&e))?;
        let path = mount.path().to_owned();
        mounted.insert(path.clone(), mount);
        Ok(path)
    }

    async fn unmount(&self, at: &Path) -> Result<bool, ApiError> {
        match self.mounted.lock().await.remove(at) {
            Some(mount) => mount
                .unmount()
                .await
                .map(|()| true)
                .map_err(|e| refused(&e)),
            None => peerdrive_mount::clear_stale(at).map_err(|e| refused(&e)),
        }
    }

    async fn unmount_all(&self) {
        let mut mounted = self.mounted.lock().await;
        for (_, mount) in std::mem::take(&mut *mounted) {
            if let Err(error) = mount.unmount().await {
                tracing::error!(
                    code = refused(&error).code.as_str(),
                    "a mount did not end in order"
                );
            }
        }
    }
}

/// What a mount's error means to a program; its text says the rest.
fn refused(error: &MountError) -> ApiError {
    let (code, hint) = match error {
        MountError::Missing(_) => (Code::FolderNotFound, "make the folder, then mount on it"),
        MountError::NotAFolder(_) => (Code::BadRequest, "name an empty folder"),
        MountError::NotEmpty(_) | MountError::AlreadyMounted(_) => (
            Code::MountPointInUse,
            "choose an empty folder on which nothing is mounted",
        ),
        MountError::NoFuse | MountError::NotPermitted { .. } => (
            Code::MountUnavailable,
            "or keep the drive as a folder: `peerdrive join TICKET DIR`",
        ),
        MountError::Staging { source, .. } | MountError::System { source, .. } => (
            of_system(source),
            "check that the folder is yours, then try again",
        ),
        MountError::Unsaved { .. } => (
            Code::Io,
            "keep the program that has it open running and make room: it is saved when that closes it",
        ),
    };
    ApiError::new(code, error.to_string()).hint(hint)
}

fn of_system(error: &std::io::Error) -> Code {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Code::DiskFull,
        std::io::ErrorKind::PermissionDenied => Code::NotAllowed,
        _ => Code::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mount is gone by then, and so is what `status` says of it: only the program can still save.
    #[test]
    fn what_is_unsaved_at_unmount_is_said_with_what_helps() {
        let error = refused(&MountError::Unsaved {
            path: "/home/ana/drive".into(),
            source: peerdrive_mount::errno::FsError::ReadOnly,
        });
        assert_eq!(error.code, Code::Io);
        assert!(error.message.contains("was unmounted"), "{error:?}");
        let hint = error.hint.unwrap_or_default();
        assert!(hint.contains("keep the program"), "{hint}");
        assert!(!hint.contains("still there"), "{hint}");
    }
}

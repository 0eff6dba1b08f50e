//! Mounting and unmounting, and what is remembered of it across restarts.

use std::path::{Path, PathBuf};

use peerdrive_engine::DriveHandle;

use super::{AbsentMount, Host, errors};
use crate::dto::{DriveRef, UnmountReply};
use crate::error::{ApiError, Code};
use crate::mount_door::MountDoor;

impl<M: MountDoor> Host<M> {
    /// Brings back every mount that was there when the last daemon ended, in order or not. One that
    /// cannot be brought back is a problem in `status` and is tried again at the next start.
    pub async fn bring_back_mounts(&self) {
        for drive in self.engine.drives() {
            let mounts = drive.mounts().unwrap_or_else(|error| {
                tracing::error!(%error, "what was mounted cannot be read");
                Vec::new()
            });
            for path in mounts {
                if let Err(error) = self.mounts.mount(drive.clone(), &path).await {
                    tracing::warn!(code = error.code.as_str(), "a mount was not brought back");
                    self.absent.lock().await.push(AbsentMount {
                        drive: drive.id().to_string(),
                        path,
                        error,
                    });
                }
            }
        }
    }

    /// Where a drive is mounted: not where it should be and could not.
    pub(super) async fn mounted(&self, drive: &DriveHandle) -> Result<Vec<PathBuf>, ApiError> {
        let mut mounts = drive.mounts().map_err(|e| errors::local(&e))?;
        let absent = self.absent.lock().await;
        mounts.retain(|path| !absent.iter().any(|absent| absent.path == *path));
        Ok(mounts)
    }

    /// Takes every mount away for the end of this process; they stay remembered.
    pub async fn unmount_all(&self) {
        self.mounts.unmount_all().await;
    }

    pub(super) async fn mount_and_remember(
        &self,
        drive: &DriveHandle,
        at: &Path,
    ) -> Result<DriveRef, ApiError> {
        let path = self.mounts.mount(drive.clone(), at).await?;
        self.forget_absent(&path).await;
        let mut mounts = drive.mounts().map_err(|e| errors::local(&e))?;
        if !mounts.contains(&path) {
            mounts.push(path.clone());
            drive.set_mounts(&mounts).map_err(|e| errors::local(&e))?;
        }
        Ok(DriveRef {
            drive: drive.id().to_string(),
            name: drive.name().to_owned(),
            path,
        })
    }

    pub(super) async fn unmount_and_forget(&self, at: &Path) -> Result<UnmountReply, ApiError> {
        let path = lexical(at);
        let mut known = false;
        for drive in self.engine.drives() {
            let mut mounts = drive.mounts().map_err(|e| errors::local(&e))?;
            if mounts.contains(&path) {
                known = true;
                // First, so that a mount that ends half-way does not come back by itself.
                mounts.retain(|mount| *mount != path);
                drive.set_mounts(&mounts).map_err(|e| errors::local(&e))?;
            }
        }
        self.forget_absent(&path).await;
        let was_mounted = self.mounts.unmount(&path).await?;
        if known || was_mounted {
            return Ok(UnmountReply { path });
        }
        let message = format!("no drive is mounted on {}", at.display());
        Err(ApiError::new(Code::NotMounted, message)
            .hint("`peerdrive status` lists what is mounted where"))
    }

    /// A mount that was noted before it was made, and was not made.
    pub(super) fn forget_mount(&self, drive: &DriveHandle, at: &Path) -> Result<(), ApiError> {
        let path = lexical(at);
        let mut mounts = drive.mounts().map_err(|e| errors::local(&e))?;
        mounts.retain(|mount| *mount != path);
        drive.set_mounts(&mounts).map_err(|e| errors::local(&e))
    }

    async fn forget_absent(&self, path: &Path) {
        self.absent
            .lock()
            .await
            .retain(|absent| absent.path != path);
    }
}

/// The canonical path of a mount point without asking whatever is mounted there, which may be dead.
pub(super) fn lexical(at: &Path) -> PathBuf {
    match (at.parent().map(Path::canonicalize), at.file_name()) {
        (Some(Ok(parent)), Some(name)) => parent.join(name),
        _ => at.to_owned(),
    }
}

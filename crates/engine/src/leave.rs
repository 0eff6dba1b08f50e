//! Giving a drive up on this device: its record, its keys and what only it needed of the stores go, its
//! folder stays as it is. The other devices are told nothing: to them it is off.

use std::path::{Path, PathBuf};

use peerdrive_crypto::ids::DriveId;

use crate::drive::handle::DriveHandle;
use crate::engine::Engine;
use crate::failpoint;
use crate::local::{LocalError, Space};
use crate::open::{Running, SELF_KEY, record_folder};
use crate::working_copy::WorkingCopy;

/// A drive could not be given up.
#[derive(Debug, thiserror::Error)]
pub enum LeaveError {
    /// This device's notes could not be read or written.
    #[error(transparent)]
    Notes(#[from] LocalError),
    /// The marker could not be taken from its folder.
    #[error("{path} is still marked as the drive's: {source}")]
    Marker {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Its record could not be removed.
    #[error("cannot remove {path}: {source}")]
    Record {
        /// The record.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Engine {
    /// Gives a drive up on this device. Mounts are the caller's. Gives the folder that it was kept in,
    /// which stays, with everything in it but the marker.
    ///
    /// # Errors
    /// Before the record is gone the drive is there still, its folder no longer kept in step: to be tried
    /// again.
    pub async fn leave(&self, drive: &DriveHandle) -> Result<Option<PathBuf>, LeaveError> {
        let folder = drive.folder()?;
        self.stop_folder(drive).await;
        if let Some(folder) = &folder {
            unmark(folder, &drive.id())?;
        }
        failpoint::pass("leave.unmarked");
        let running = self.disown(drive)?;
        failpoint::pass("leave.disowned");
        if let Some(running) = running {
            self.end(running).await;
        }
        self.clear(&drive.id().to_string())?;
        self.collect_later();
        Ok(folder)
    }

    /// Gives up a drive whose record cannot be opened; whether there is one of that id. Its folder keeps
    /// the marker, since nobody can say any more where it is.
    ///
    /// # Errors
    /// Its record cannot be removed.
    pub fn leave_broken(&self, id: &str) -> Result<bool, LeaveError> {
        if !self.broken().iter().any(|broken| broken.id == id) {
            return Ok(false);
        }
        self.clear(id)?;
        self.inner.broken.lock().retain(|broken| broken.id != id);
        self.collect_later();
        Ok(true)
    }

    /// Takes back a drive that was just made and that nobody was told of: its folder could not be taken up.
    pub(crate) fn take_back(&self, drive: &DriveHandle, folder: &Path) {
        if let Err(error) = unmark(folder, &drive.id()) {
            tracing::warn!(%error, "a folder keeps the marker of a drive that was not made");
        }
        match self.disown(drive) {
            Ok(Some(running)) => {
                let (engine, id) = (self.clone(), drive.id().to_string());
                tokio::spawn(async move {
                    engine.end(running).await;
                    if let Err(error) = engine.clear(&id) {
                        tracing::warn!(%error, "goes with the next start");
                    }
                });
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "a drive that was not made stays"),
        }
    }

    /// From here on the next start clears away what is left of the drive, and nobody finds it here.
    fn disown(&self, drive: &DriveHandle) -> Result<Option<Running>, LocalError> {
        let strike = (SELF_KEY.to_vec(), None);
        drive.shared.local.write(Space::Config, &[strike])?;
        Ok(self.inner.drives.lock().remove(&drive.id()))
    }

    fn clear(&self, id: &str) -> Result<(), LeaveError> {
        let data = &self.inner.device.data;
        let record = record_folder(data, id);
        for path in [record, data.join("staging").join(id)] {
            match std::fs::remove_dir_all(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(LeaveError::Record { path, source });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What was stored lately is kept a while longer, and goes with a later round.
    fn collect_later(&self) {
        let engine = self.clone();
        tokio::spawn(async move {
            if let Err(error) = engine.collect().await {
                tracing::info!(%error, "not collected now");
            }
        });
    }
}

fn unmark(folder: &Path, drive: &DriveId) -> Result<(), LeaveError> {
    WorkingCopy::unmark(folder, &drive.to_string()).map_err(|source| LeaveError::Marker {
        path: folder.to_owned(),
        source,
    })
}

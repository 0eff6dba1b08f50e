//! The folders of this device's drives: which can be one, and taking them up. Knows where a folder may
//! be, not what becomes of what is in it.

use std::path::{Path, PathBuf};

use peerdrive_crypto::ids::DriveId;

use crate::choices::{self, ChoiceError};
use crate::drive::handle::DriveHandle;
use crate::engine::Engine;
use crate::place::Place;
use crate::working_copy::{self, WorkingCopy, WorkingCopyError};

/// A folder cannot become, or hold, a drive.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Nothing there.
    #[error("there is no folder {path}")]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// Something else there.
    #[error("{path} is not a folder")]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// It, a folder above or a folder in it belongs to a drive already.
    #[error("{path} {relation} the folder of the drive `{drive}`; a file cannot be in two drives")]
    Taken {
        /// The path.
        path: PathBuf,
        /// "is", "is inside" or "contains".
        relation: &'static str,
        /// The drive.
        drive: String,
    },
    /// It would hold, or be held by, this device's own data.
    #[error("{path} overlaps PeerDrive's own data directory {data}; choose another folder")]
    OwnData {
        /// The path.
        path: PathBuf,
        /// The data directory.
        data: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot use {path}: {source}")]
    Io {
        /// The path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Engine {
    /// Keeps a folder in step with a drive from now on, also after a restart. It is made if it is
    /// missing; one with files in it is united with the drive, once it is known what is in that.
    ///
    /// # Errors
    /// Nothing was changed.
    pub fn keep(&self, drive: &DriveHandle, folder: &Path) -> Result<(), KeepError> {
        let folder = self.future_folder(folder, Some(drive.id()))?;
        if let Some(kept) = drive.folder()?
            && kept != folder
        {
            return Err(KeepError::Elsewhere {
                drive: drive.name().to_owned(),
                folder: kept,
            });
        }
        working_copy::check(&folder, &drive.id().to_string())?;
        if drive.folder()?.is_none() {
            drive.set_folder(Some(&folder))?;
        }
        let started = drive.start_folder();
        if started.is_err() && !drive.has_begun()? {
            drive.set_folder(None)?;
        }
        started
    }

    /// The path of the folder in which a drive that is still to come is to be kept, if it is: looked at
    /// before a ticket is spent on it.
    pub(crate) fn folder_to_come(
        &self,
        place: Place<'_>,
        drive: &DriveId,
    ) -> Result<Option<PathBuf>, KeepError> {
        let Place::Folder(folder) = place else {
            return Ok(None);
        };
        let folder = self.future_folder(folder, None)?;
        working_copy::check(&folder, &drive.to_string())?;
        Ok(Some(folder))
    }

    /// The canonical path of a folder that is there and may belong to a drive: a new one, or `own`.
    pub(crate) fn usable_folder(
        &self,
        folder: &Path,
        own: Option<DriveId>,
    ) -> Result<PathBuf, FolderError> {
        let path = folder
            .canonicalize()
            .map_err(|error| folder_error(folder, error))?;
        if !path
            .metadata()
            .map_err(|error| folder_error(folder, error))?
            .is_dir()
        {
            return Err(FolderError::NotAFolder { path });
        }
        self.check_overlap(path, own)
    }

    /// As [`Engine::usable_folder`], for a folder that may still have to be made: the path it will have.
    pub(crate) fn future_folder(
        &self,
        folder: &Path,
        own: Option<DriveId>,
    ) -> Result<PathBuf, FolderError> {
        let absolute = std::path::absolute(folder).map_err(|error| folder_error(folder, error))?;
        if absolute.symlink_metadata().is_ok() {
            return self.usable_folder(&absolute, own);
        }
        let there = absolute
            .ancestors()
            .find(|above| above.symlink_metadata().is_ok());
        let there = there.unwrap_or(Path::new("/"));
        let above = there
            .canonicalize()
            .map_err(|error| folder_error(there, error))?;
        if !above.is_dir() {
            return Err(FolderError::NotAFolder { path: above });
        }
        let rest = absolute.strip_prefix(there).unwrap_or(Path::new(""));
        self.check_overlap(above.join(rest), own)
    }

    fn check_overlap(&self, path: PathBuf, own: Option<DriveId>) -> Result<PathBuf, FolderError> {
        let here = self.inner.data.path();
        let data = here
            .canonicalize()
            .map_err(|error| folder_error(here, error))?;
        if path.starts_with(&data) || data.starts_with(&path) {
            return Err(FolderError::OwnData { path, data });
        }
        for drive in self.drives() {
            // By the note, not by what is kept in step now: it may be paused, or not there.
            let Ok(Some(other)) = drive.folder() else {
                continue;
            };
            if Some(drive.id()) == own {
                continue;
            }
            let relation = if path == other {
                "is"
            } else if path.starts_with(&other) {
                "is inside"
            } else if other.starts_with(&path) {
                "contains"
            } else {
                continue;
            };
            return Err(FolderError::Taken {
                path,
                relation,
                drive: drive.name().to_owned(),
            });
        }
        Ok(path)
    }
}

/// When a folder is taken up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum When {
    /// Somebody asks for it and waits.
    Asked,
    /// It was chosen earlier.
    Earlier,
    /// It was chosen earlier, and the drive's tree has just arrived.
    Arrived,
}

impl DriveHandle {
    /// Starts keeping the drive's folder in step, as somebody asks for now, if it has one and that is not
    /// under way. While the drive is paused, or it is not known what is in it, that comes later.
    pub(crate) fn start_folder(&self) -> Result<(), KeepError> {
        self.take_folder_up(When::Asked)
    }

    /// As [`DriveHandle::start_folder`], for a folder that was chosen earlier: what is wrong with it is
    /// told in the status.
    pub(crate) fn start_folder_beside(&self) {
        if let Err(error) = self.take_folder_up(When::Earlier) {
            self.has_no_folder(&error);
        }
    }

    /// What is in the drive is known now: its folder, if it has one, is united with it.
    pub(crate) fn start_folder_of_arrived(&self) {
        if let Err(error) = self.take_folder_up(When::Arrived) {
            self.has_no_folder(&error);
        }
    }

    fn has_no_folder(&self, error: &KeepError) {
        tracing::error!(drive = %self.id(), %error, "the folder cannot be kept in step");
        *self.shared.no_folder.lock() = Some(error.to_string());
        self.shared.standing_changed();
    }

    fn take_folder_up(&self, when: When) -> Result<(), KeepError> {
        let _once = self.shared.starting.lock();
        let awaited = self.shared.is_awaited() && when != When::Arrived;
        let later = self.is_paused() || awaited;
        if later || self.working_copy().is_some() {
            return Ok(());
        }
        let Some(folder) = self.folder()? else {
            return Ok(());
        };
        let options = choices::chosen(&self.shared)?;
        let copy = match when {
            When::Asked => WorkingCopy::start(self.clone(), folder, options),
            When::Earlier | When::Arrived => WorkingCopy::resume(self.clone(), folder, options),
        }?;
        *self.shared.working_copy.lock() = Some(copy);
        *self.shared.no_folder.lock() = None;
        Ok(())
    }
}

fn folder_error(folder: &Path, source: std::io::Error) -> FolderError {
    let path = folder.to_owned();
    match source.kind() {
        std::io::ErrorKind::NotFound => FolderError::NotFound { path },
        std::io::ErrorKind::NotADirectory | std::io::ErrorKind::AlreadyExists => {
            FolderError::NotAFolder { path }
        }
        _ => FolderError::Io { path, source },
    }
}

/// A folder cannot be kept in step.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The choice could not be remembered.
    #[error(transparent)]
    Notes(#[from] crate::local::LocalError),
    /// The drive has a folder.
    #[error("the drive `{drive}` is kept as {folder} on this device already")]
    Elsewhere {
        /// The drive's name.
        drive: String,
        /// Its folder.
        folder: PathBuf,
    },
    /// How it is to be kept is not known.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// The working copy did not start.
    #[error(transparent)]
    Copy(#[from] WorkingCopyError),
}

//! Where a drive shows on this device: the folder that is kept in step and the mount points, noted
//! durably before anything is made there, so that whoever is killed meanwhile goes on with it. Knows no
//! disk.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::drive::handle::DriveHandle;
use crate::local::{Change, LocalError, LocalTable, Space};

const FOLDER_KEY: &[u8] = b"folder";

/// There once the folder was marked as this drive's.
const BEGUN_KEY: &[u8] = b"folder begun";

const MOUNTS_KEY: &[u8] = b"mounts";

/// Where a drive that comes to this device is to show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place<'a> {
    /// Somebody says so later.
    Later,
    /// Kept as this folder.
    Folder(&'a Path),
    /// Mounted here, by whoever has a mount door.
    Mount(&'a Path),
}

/// Notes where a drive is to show.
pub(crate) fn remember(local: &LocalTable, place: Place<'_>) -> Result<(), LocalError> {
    let (key, path) = match place {
        Place::Later => return Ok(()),
        Place::Folder(path) => (FOLDER_KEY, path),
        Place::Mount(path) => (MOUNTS_KEY, path),
    };
    local.put(Space::Config, key, encode_paths(&[path.to_owned()]))
}

/// The folder that is to be kept in step.
pub(crate) fn folder(local: &LocalTable) -> Result<Option<PathBuf>, LocalError> {
    let stored = local.get(Space::Config, FOLDER_KEY)?;
    Ok(stored.and_then(|bytes| decode_paths(&bytes).pop()))
}

/// Whether that folder was marked as the drive's.
pub(crate) fn has_begun(local: &LocalTable) -> Result<bool, LocalError> {
    Ok(local.get(Space::Config, BEGUN_KEY)?.is_some())
}

impl DriveHandle {
    /// Mount points to bring back after a restart.
    pub fn mounts(&self) -> Result<Vec<PathBuf>, LocalError> {
        let stored = self.shared.local.get(Space::Config, MOUNTS_KEY)?;
        Ok(stored.map(|bytes| decode_paths(&bytes)).unwrap_or_default())
    }

    /// Remembers mount points.
    pub fn set_mounts(&self, mounts: &[PathBuf]) -> Result<(), LocalError> {
        self.shared
            .local
            .put(Space::Config, MOUNTS_KEY, encode_paths(mounts))
    }

    /// The folder that is kept in step, or will be: also while it is not there, or the drive is paused.
    pub fn folder(&self) -> Result<Option<PathBuf>, LocalError> {
        folder(&self.shared.local)
    }

    /// Notes the folder to keep in step, or that there is none.
    pub(crate) fn set_folder(&self, folder: Option<&Path>) -> Result<(), LocalError> {
        let stored = folder.map(|folder| encode_paths(&[folder.to_owned()]));
        let changes: [Change; 2] = [(FOLDER_KEY.to_vec(), stored), (BEGUN_KEY.to_vec(), None)];
        self.shared.local.write(Space::Config, &changes)
    }

    pub(crate) fn has_begun(&self) -> Result<bool, LocalError> {
        has_begun(&self.shared.local)
    }

    /// Notes that the folder is marked as this drive's.
    pub(crate) fn set_begun(&self) -> Result<(), LocalError> {
        self.shared.local.put(Space::Config, BEGUN_KEY, vec![1])
    }
}

/// Paths need not be UTF-8; joined by NUL, which no path contains.
fn encode_paths(paths: &[PathBuf]) -> Vec<u8> {
    paths
        .iter()
        .map(|path| path.as_os_str().as_bytes())
        .collect::<Vec<_>>()
        .join(&0)
}

fn decode_paths(bytes: &[u8]) -> Vec<PathBuf> {
    bytes
        .split(|byte| *byte == 0)
        .filter(|path| !path.is_empty())
        .map(|path| PathBuf::from(OsString::from_vec(path.to_vec())))
        .collect()
}

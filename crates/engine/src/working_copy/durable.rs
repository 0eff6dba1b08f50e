//! What is made durable before records that speak of it are: a record must never name what a loss of
//! power could still take back. Knows files and folders of the working copy, not what they mean.

use std::io;
use std::os::fd::OwnedFd;

use super::beneath::Root;
use super::in_step::{InStep, SpokenOf};

/// Above this many files and folders, one flush of the whole file system is cheaper than one for each.
const MOST: usize = 48;

/// Open handles on what has to be durable first. Flushing blocks: for a thread that may.
#[derive(Debug)]
pub(super) enum Before {
    /// These files and folders. The rest of the disk, which others may have filled with work of
    /// theirs, is not waited for.
    These(Vec<OwnedFd>),
    /// Everything on the file system of this folder.
    Everything(OwnedFd),
}

impl Before {
    /// For the changes that `in_step` would hand out now.
    pub(super) fn of(root: &Root, in_step: &InStep) -> io::Result<Before> {
        match in_step.spoken_of(MOST).map(|spoken| open(root, &spoken)) {
            Some(Ok(these)) => Ok(Before::These(these)),
            // Not to be opened, but still there: nobody may read it, say.
            Some(Err(_)) | None => Ok(Before::Everything(root.descriptor()?)),
        }
    }

    /// Returns when all of it would survive a loss of power.
    pub(super) fn flush(self) -> io::Result<()> {
        match self {
            Before::These(these) => these.iter().try_for_each(|one| Ok(rustix::fs::fsync(one)?)),
            Before::Everything(folder) => Ok(rustix::fs::syncfs(folder)?),
        }
    }
}

fn open(root: &Root, spoken: &SpokenOf) -> io::Result<Vec<OwnedFd>> {
    let files = spoken.files.iter().map(|path| root.open_file(path));
    let folders = spoken.folders.iter().map(|path| root.open_folder(path));
    files
        .map(|file| file.map(OwnedFd::from))
        .chain(folders)
        // What went away meanwhile is not what the record says, and the next look will find so.
        .filter(|one| !matches!(one, Err(error) if error.kind() == io::ErrorKind::NotFound))
        .collect()
}

//! Making a drive out of a folder. Knows how a drive is founded, not how its files come in: that is
//! the working copy's work, and goes on after this returns.

use std::path::Path;

use peerdrive_crypto::author::{AuthorError, Founded, Founding, genesis};
use peerdrive_crypto::identity::DriveKeys;
use peerdrive_log::{AppendError, Batch, Record};

use crate::drive::error::LoadError;
use crate::drive::handle::DriveHandle;
use crate::engine::{Engine, FolderError, KeepError};
use crate::failpoint;
use crate::open::SelfNote;
use crate::place::{Place, remember};
use crate::working_copy;

/// Longest name of a drive, in bytes.
pub const MAX_DRIVE_NAME: usize = 128;

/// A folder could not be shared. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// The folder, or keeping it in step.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// The name of the drive.
    #[error(
        "a drive's name has 1 to {MAX_DRIVE_NAME} bytes and no control characters; choose one with --name"
    )]
    Name,
    /// The drive could not be founded.
    #[error(transparent)]
    Found(#[from] AuthorError),
    /// Its record could not be written.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Its record could not be opened.
    #[error(transparent)]
    Load(#[from] LoadError),
}

impl From<FolderError> for ShareError {
    fn from(error: FolderError) -> Self {
        Self::Keep(error.into())
    }
}

/// Whether a text can be a drive's name.
pub fn is_drive_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_DRIVE_NAME && !name.chars().any(char::is_control)
}

impl Engine {
    /// Makes a folder a drive, named `name` or after the folder. Returns as soon as the drive exists;
    /// its files come in after that (see the working copy's progress).
    pub fn share(&self, folder: &Path, name: Option<String>) -> Result<DriveHandle, ShareError> {
        let folder = self.usable_folder(folder, None)?;
        let name = match name {
            Some(name) => name,
            None => folder
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
        };
        if !is_drive_name(&name) {
            return Err(ShareError::Name);
        }
        let keys = DriveKeys::generate(&mut crate::env::rng());
        let founded = genesis(
            &Founding {
                drive_name: &name,
                member_label: &self.inner.device_name,
                device_label: &self.inner.device_name,
                keys: &keys,
                endpoint: &self.inner.endpoint,
                now: crate::env::now_ms() / 1000,
            },
            &mut crate::env::rng(),
        )?;
        // Before anything is made: it may carry the marker of a drive of another data directory.
        working_copy::check(&folder, &founded.drive.to_string()).map_err(KeepError::from)?;
        let device = &self.inner.device;
        let opened = device.open_record(founded.drive)?;
        opened.log.append(&first_batch(&founded))?;
        opened.keep_root(&founded.root)?;
        remember(&opened.local, Place::Folder(&folder)).map_err(LoadError::from)?;
        // Written last: a record without it is one that nobody was told of.
        opened.write_self(&SelfNote::new(&keys, founded.bind, founded.member, name))?;
        failpoint::pass("share.founded");
        let drive = self.admit_drive(device.start(opened)?);
        if let Err(error) = drive.start_folder() {
            self.take_back(&drive, &folder);
            return Err(error.into());
        }
        Ok(drive)
    }
}

fn first_batch(founded: &Founded) -> Batch {
    let record = Record {
        log: founded.genesis.log_id().0,
        seq: 0,
        id: founded.genesis.id().0,
        bytes: founded.genesis.to_bytes(),
    };
    Batch {
        records: vec![record],
        ..Batch::default()
    }
}

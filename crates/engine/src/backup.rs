//! A backup of who this device is, sealed under a passphrase: enough to be the same device again, in every
//! drive, from nothing. Knows the form; holds no contents of drives.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use peerdrive_crypto::entry::Entry;
use peerdrive_crypto::ids::DriveId;
use peerdrive_crypto::local::local_key;
use peerdrive_crypto::secret::DeviceSecret;
use peerdrive_crypto::wire::Bytes;
use peerdrive_log::{AppendError, Batch, DriveLog, OpenError, Record};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::device::{DataDir, DataDirError};
use crate::drive::error::DriveError;
use crate::drive::handle::DriveHandle;
use crate::engine::Engine;
use crate::local::{LocalError, LocalTable, Seal, Space};
use crate::open::{ROOT_KEY, SELF_KEY, record_folder};
use crate::passphrase::{self, Passphrase, PassphraseError, Sealed};

/// The version of the form.
const VERSION: u8 = 1;

/// The most bytes of a backup that are read: control logs of very many drives.
const MOST: u64 = 1 << 30;

/// A backup could not be written, or nothing could be brought back from one.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The passphrase, or what it should open.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// The file, or the data directory.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// There is a file of that name.
    #[error("{0} is there already; name a new file")]
    Exists(PathBuf),
    /// This data directory is a device already.
    #[error(
        "{0} is a device already, which a backup does not replace; name an empty --data-dir, or move this one away"
    )]
    NotEmpty(PathBuf),
    /// Of a newer program, or not one at all.
    #[error("the backup is not one that this version knows; update PeerDrive")]
    Form,
    /// The data directory cannot be used.
    #[error(transparent)]
    Data(#[from] DataDirError),
    /// A drive's record.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A drive's record.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// A drive's notes.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// A drive.
    #[error(transparent)]
    Drive(#[from] DriveError),
}

/// A drive that was brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Its id.
    pub id: DriveId,
    /// Its name.
    pub name: String,
}

#[derive(Serialize, Deserialize)]
struct Backup {
    v: u8,
    secret: Wiped,
    drives: Vec<DriveBackup>,
}

/// Bytes that are wiped when dropped.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct Wiped(Vec<u8>);

#[derive(Serialize, Deserialize)]
struct DriveBackup {
    id: DriveId,
    name: String,
    /// Who this device is in it.
    own: Wiped,
    /// The root key's seed, if its phrase was not shown yet.
    root: Option<Wiped>,
    control: Vec<Bytes>,
    peers: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Engine {
    /// Writes a backup of this device to a new file, readable by its owner alone.
    pub async fn back_up(&self, passphrase: Passphrase, out: &Path) -> Result<usize, BackupError> {
        if !passphrase.is_long_enough() {
            return Err(PassphraseError::Short.into());
        }
        let mut drives = Vec::new();
        for drive in self.drives() {
            drives.push(back_up(&drive).await?);
        }
        let count = drives.len();
        let secret = self.inner.device.secret.expose_for_sealing().to_vec();
        let backup = Backup {
            v: VERSION,
            secret: Wiped(secret),
            drives,
        };
        let out = out.to_owned();
        let written = tokio::task::spawn_blocking(move || {
            let plain = postcard::to_stdvec(&backup).map_err(|_| BackupError::Form)?;
            let plain = Zeroizing::new(plain);
            let sealed = passphrase::seal(&passphrase, Sealed::Backup, &plain)?;
            write_new(&out, &sealed)
        });
        written.await.map_err(|_| DriveError::Closed)??;
        Ok(count)
    }
}

async fn back_up(drive: &DriveHandle) -> Result<DriveBackup, BackupError> {
    let control = drive.history_source().await?.control;
    let local = drive.local();
    let own = local.get(Space::Config, SELF_KEY)?;
    Ok(DriveBackup {
        id: drive.id(),
        name: drive.name().to_owned(),
        own: Wiped(own.unwrap_or_default()),
        root: local.get(Space::Config, ROOT_KEY)?.map(Wiped),
        control: control
            .iter()
            .map(|entry| Bytes(entry.to_bytes()))
            .collect(),
        peers: local.all(Space::Peers)?,
    })
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    let io = |doing| {
        let path = path.to_owned();
        move |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::AlreadyExists => BackupError::Exists(path),
            _ => BackupError::Io {
                doing,
                path,
                source,
            },
        }
    };
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(io("create"))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = std::fs::remove_file(path);
    }
    written.map_err(io("write"))
}

/// Makes an empty data directory the device of a backup. Its drives are there at the next start, in new
/// logs, and get their entries from whoever has them.
///
/// # Errors
/// [`BackupError`]; a directory that was empty is left so unless the disk failed in the middle.
pub fn restore(
    data_dir: &Path,
    file: &Path,
    passphrase: &Passphrase,
) -> Result<Vec<Restored>, BackupError> {
    let io = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| BackupError::Io {
            doing,
            path,
            source,
        }
    };
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|opened| opened.take(MOST).read_to_end(&mut bytes))
        .map_err(io("read", file))?;
    let plain = passphrase::open(passphrase, Sealed::Backup, &bytes)?;
    let backup: Backup = postcard::from_bytes(&plain).map_err(|_| BackupError::Form)?;
    let secret = <[u8; 32]>::try_from(backup.secret.0.as_slice());
    let secret = Zeroizing::new(secret.map_err(|_| BackupError::Form)?);
    if backup.v != VERSION {
        return Err(BackupError::Form);
    }
    let data = DataDir::open(data_dir)?;
    if data.has_key() || data_dir.join("drives").exists() {
        return Err(BackupError::NotEmpty(data_dir.to_owned()));
    }
    let device = DeviceSecret::from_bytes(*secret);
    let mut restored = Vec::new();
    for drive in &backup.drives {
        restore_drive(data_dir, &device, drive)?;
        restored.push(Restored {
            id: drive.id,
            name: drive.name.clone(),
        });
    }
    // Last: a directory without a key is not a device.
    data.write_key(&secret, None)?;
    Ok(restored)
}

fn restore_drive(
    data_dir: &Path,
    device: &DeviceSecret,
    drive: &DriveBackup,
) -> Result<(), BackupError> {
    let folder = record_folder(data_dir, &drive.id.to_string());
    std::fs::create_dir_all(&folder).map_err(|source| BackupError::Io {
        doing: "create",
        path: folder.clone(),
        source,
    })?;
    let log = Arc::new(DriveLog::open(&folder.join("log.redb"))?);
    let seal = Arc::new(Seal::new(drive.id, local_key(device)));
    let local = LocalTable::new(log.clone(), seal);
    let mut batch = Batch::default();
    let mut next = std::collections::HashMap::new();
    for bytes in &drive.control {
        let entry = Entry::decode(bytes).map_err(|_| BackupError::Form)?;
        let log = entry.log_id();
        // The second of two entries with one number has no place in a record.
        let number = next.entry(log).or_insert(0);
        if entry.header.seq != *number {
            continue;
        }
        *number += 1;
        batch.records.push(Record {
            log: log.0,
            seq: entry.header.seq,
            id: entry.id().0,
            bytes: bytes.0.clone(),
        });
    }
    log.append(&batch)?;
    for (peer, address) in &drive.peers {
        local.put(Space::Peers, peer, address.clone())?;
    }
    if let Some(root) = &drive.root {
        local.put(Space::Config, ROOT_KEY, root.0.clone())?;
    }
    // Last, as when a drive is made: a record without it is one that was never finished.
    Ok(local.put(Space::Config, SELF_KEY, drive.own.0.clone())?)
}

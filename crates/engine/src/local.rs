//! This device's own notes about one drive, sealed under the device's key: nothing of a drive can be
//! read from, or confirmed against, a copy of the disk without that key. Knows rooms and bytes only.

use std::sync::Arc;

use peerdrive_crypto::domain::label;
use peerdrive_crypto::ids::DriveId;
use peerdrive_crypto::kdf::kdf;
use peerdrive_crypto::local::{open_local, seal_local};
use peerdrive_crypto::secret::LocalKey;
use peerdrive_log::{AppendError, Batch, DriveLog, KeyAndValue, Note, ReadError};

pub use peerdrive_log::Space;

/// A sealed, durable key-value store of this device and one drive. Cheap to clone; calls block for
/// the length of a disk write.
#[derive(Clone, Debug)]
pub struct LocalTable {
    log: Arc<DriveLog>,
    seal: Arc<Seal>,
}

/// A change of one key: `None` forgets it.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// A note could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Writing failed.
    #[error(transparent)]
    Write(#[from] AppendError),
    /// A value does not open: it was sealed by another device, or damaged.
    #[error(
        "this device's notes do not open with its key; was the data directory put together from two?"
    )]
    Sealed,
}

/// The key of one drive's notes on this device.
#[derive(Debug)]
pub(crate) struct Seal {
    drive: DriveId,
    key: LocalKey,
}

impl Seal {
    pub(crate) fn new(drive: DriveId, key: LocalKey) -> Self {
        Self { drive, key }
    }

    /// Where a key is stored: keys may be derived from names, so they are not stored as they are.
    fn stored_key(&self, space: Space, key: &[u8]) -> Vec<u8> {
        kdf(
            self.key.expose_for_sealing(),
            label::NOTE_KEY,
            &self.drive,
            &[&[space as u8], key],
        )[..16]
            .to_vec()
    }

    fn place(&self, space: Space) -> String {
        format!("{}/{}", self.drive, space as u8)
    }

    fn close(&self, space: Space, key: &[u8], value: &[u8]) -> Vec<u8> {
        let mut plain = Vec::with_capacity(4 + key.len() + value.len());
        plain.extend_from_slice(&(key.len() as u32).to_le_bytes());
        plain.extend_from_slice(key);
        plain.extend_from_slice(value);
        seal_local(
            &self.key,
            &self.place(space),
            &plain,
            &mut crate::env::rng(),
        )
    }

    fn open(&self, space: Space, sealed: &[u8]) -> Result<KeyAndValue, LocalError> {
        let plain =
            open_local(&self.key, &self.place(space), sealed).map_err(|_| LocalError::Sealed)?;
        let (len, rest) = plain.split_first_chunk::<4>().ok_or(LocalError::Sealed)?;
        let len = u32::from_le_bytes(*len) as usize;
        if len > rest.len() {
            return Err(LocalError::Sealed);
        }
        let (key, value) = rest.split_at(len);
        Ok((key.to_vec(), value.to_vec()))
    }

    /// A note, sealed, for a batch that writes something else too.
    pub(crate) fn note(&self, space: Space, key: &[u8], value: &[u8]) -> Note {
        Note {
            space,
            key: self.stored_key(space, key),
            value: Some(self.close(space, key, value)),
        }
    }

    /// Seals a whole snapshot.
    pub(crate) fn close_snapshot(&self, plain: &[u8]) -> Vec<u8> {
        seal_local(
            &self.key,
            &format!("{}/snapshot", self.drive),
            plain,
            &mut crate::env::rng(),
        )
    }

    /// Seals what is jotted down beside the notes.
    pub(crate) fn close_jotting(&self, plain: &[u8]) -> Vec<u8> {
        let place = format!("{}/jotted", self.drive);
        seal_local(&self.key, &place, plain, &mut crate::env::rng())
    }

    /// Opens what was jotted down.
    pub(crate) fn open_jotting(&self, sealed: &[u8]) -> Result<Vec<u8>, LocalError> {
        open_local(&self.key, &format!("{}/jotted", self.drive), sealed)
            .map_err(|_| LocalError::Sealed)
    }

    /// Opens a snapshot.
    pub(crate) fn open_snapshot(&self, sealed: &[u8]) -> Result<Vec<u8>, LocalError> {
        open_local(&self.key, &format!("{}/snapshot", self.drive), sealed)
            .map_err(|_| LocalError::Sealed)
    }
}

impl LocalTable {
    pub(crate) fn new(log: Arc<DriveLog>, seal: Arc<Seal>) -> Self {
        Self { log, seal }
    }

    /// The value of a key.
    pub fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, LocalError> {
        match self.log.note(space, &self.seal.stored_key(space, key))? {
            Some(sealed) => Ok(Some(self.seal.open(space, &sealed)?.1)),
            None => Ok(None),
        }
    }

    /// Every key of a room with its value, in no particular order.
    pub fn all(&self, space: Space) -> Result<Vec<KeyAndValue>, LocalError> {
        self.log
            .notes(space)?
            .iter()
            .map(|(_, sealed)| self.seal.open(space, sealed))
            .collect()
    }

    /// Writes all changes in one durable transaction.
    pub fn write(&self, space: Space, changes: &[Change]) -> Result<(), LocalError> {
        if changes.is_empty() {
            return Ok(());
        }
        let notes = changes
            .iter()
            .map(|(key, value)| Note {
                space,
                key: self.seal.stored_key(space, key),
                value: value
                    .as_ref()
                    .map(|value| self.seal.close(space, key, value)),
            })
            .collect();
        Ok(self.log.append(&Batch {
            notes,
            ..Batch::default()
        })?)
    }

    /// Writes one key.
    pub fn put(&self, space: Space, key: &[u8], value: Vec<u8>) -> Result<(), LocalError> {
        self.write(space, &[(key.to_vec(), Some(value))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    fn table(path: &std::path::Path, key: u8) -> Result<LocalTable, Box<dyn std::error::Error>> {
        let seal = Seal::new(DriveId([1; 32]), LocalKey::from_bytes([key; 32]));
        Ok(LocalTable::new(
            Arc::new(DriveLog::open(path)?),
            Arc::new(seal),
        ))
    }

    #[test]
    fn notes_come_back_after_a_restart_and_stand_nowhere_in_the_file() -> TestResult {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("log.redb");
        let notes = table(&path, 1)?;
        notes.put(Space::InStep, b"secret-key-name", b"secret-value".to_vec())?;
        notes.put(Space::InStep, b"gone", b"x".to_vec())?;
        notes.write(Space::InStep, &[(b"gone".to_vec(), None)])?;
        drop(notes);
        let notes = table(&path, 1)?;
        assert_eq!(
            notes.get(Space::InStep, b"secret-key-name")?,
            Some(b"secret-value".to_vec())
        );
        assert_eq!(
            notes.all(Space::InStep)?,
            vec![(b"secret-key-name".to_vec(), b"secret-value".to_vec())]
        );
        drop(notes);
        let bytes = std::fs::read(&path)?;
        for canary in [b"secret-key-name".as_slice(), b"secret-value"] {
            assert!(!bytes.windows(canary.len()).any(|window| window == canary));
        }
        Ok(())
    }

    #[test]
    fn another_devices_key_opens_nothing() -> TestResult {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("log.redb");
        let notes = table(&path, 1)?;
        notes.put(Space::Config, b"a", b"1".to_vec())?;
        drop(notes);
        assert!(matches!(
            table(&path, 2)?.all(Space::Config),
            Err(LocalError::Sealed)
        ));
        Ok(())
    }

    /// Sealing draws a nonce, so what is published is opened, and only the place of it is made again.
    #[test]
    fn the_published_note_is_stored_and_opens_where_it_says() -> TestResult {
        let hex = data_encoding::HEXLOWER;
        let seal = Seal::new(DriveId([1; 32]), LocalKey::from_bytes([2; 32]));
        let stored = hex.encode(&seal.stored_key(Space::Peers, b"key"));
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/notes.json");
        if std::env::var_os("PEERDRIVE_WRITE_VECTORS").is_some() {
            let sealed = seal.close(Space::Peers, b"key", b"value");
            let made = serde_json::json!({
                "drive": hex.encode(&[1; 32]), "local_key": hex.encode(&[2; 32]), "space": 3,
                "key": hex.encode(b"key"), "value": hex.encode(b"value"), "stored_key": stored,
                "sealed": hex.encode(&sealed), "snapshot": hex.encode(&seal.close_snapshot(b"snapshot")),
            });
            std::fs::write(path, serde_json::to_string_pretty(&made)? + "\n")?;
        }
        let published: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
        let text = |name: &str| published.get(name).and_then(|text| text.as_str());
        assert_eq!(text("stored_key"), Some(stored.as_str()));
        let bytes = |name: &str| hex.decode(text(name).unwrap_or_default().as_bytes());
        let opened = seal.open(Space::Peers, &bytes("sealed")?)?;
        assert_eq!(opened, (b"key".to_vec(), b"value".to_vec()));
        assert_eq!(seal.open_snapshot(&bytes("snapshot")?)?, b"snapshot");
        assert!(seal.open(Space::Config, &bytes("sealed")?).is_err());
        Ok(())
    }
}

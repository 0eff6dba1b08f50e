//! Blobs that were here until they were found damaged. What such a blob said is no longer known here,
//! which is something else than never having been told. Does not know what they were.

use std::{collections::HashSet, fs, io, io::Write, path::Path, path::PathBuf};

use parking_lot::Mutex;

use crate::types::BlobId;

/// Their ids, one after the other.
const FILE: &str = "lost";

/// The note of them, kept beside the store.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// `None` for a store in memory.
    file: Option<PathBuf>,
    ids: Mutex<HashSet<BlobId>>,
}

impl Lost {
    /// Reads the note in the store's directory.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let file = dir.join(FILE);
        let note = match fs::read(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            other => other?,
        };
        // Half an id at the end is one whose blob was not removed yet.
        let (ids, _) = note.as_chunks::<32>();
        Ok(Self {
            file: Some(file),
            ids: Mutex::new(ids.iter().map(|id| BlobId(*id)).collect()),
        })
    }

    /// Notes a blob, durably.
    pub(super) fn note(&self, id: BlobId) -> io::Result<()> {
        let mut ids = self.ids.lock();
        if ids.contains(&id) {
            return Ok(());
        }
        if let Some(path) = &self.file {
            let mut file = fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)?;
            let whole = file.metadata()?.len() / 32 * 32;
            file.set_len(whole)?;
            file.write_all(id.as_bytes())?;
            file.sync_all()?;
        }
        ids.insert(id);
        Ok(())
    }

    /// All that were noted, also if they came back since.
    pub(super) fn ids(&self) -> Vec<BlobId> {
        self.ids.lock().iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_is_known_after_a_restart_and_after_a_torn_write() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        Lost::open(dir.path())?.note(BlobId([1; 32]))?;
        let mut torn = fs::read(dir.path().join(FILE))?;
        torn.extend_from_slice(&[2; 7]);
        fs::write(dir.path().join(FILE), torn)?;
        let lost = Lost::open(dir.path())?;
        lost.note(BlobId([3; 32]))?;
        lost.note(BlobId([3; 32]))?;
        let mut ids = Lost::open(dir.path())?.ids();
        ids.sort_unstable();
        assert_eq!(ids, [BlobId([1; 32]), BlobId([3; 32])]);
        Ok(())
    }
}

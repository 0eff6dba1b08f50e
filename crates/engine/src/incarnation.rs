//! Whether this device's record of a drive is where, and as new as, it was when this device last wrote:
//! the signs by which a copied or restored data directory is known. Knows no entry.
//!
//! A number of a log is signed once. A copy of a data directory, or an old one put back, would sign
//! numbers again that the other has used, so it writes on in new logs. The signs, all of this machine:
//!
//! - a file whose inode and time of change no copy has: a copied or unpacked directory;
//! - the inode of the record: a record put back beside the rest;
//! - a count, written beside the record after each own entry: a record overwritten in place;
//! - the machine, and its present start: a disk or volume that was set back, which takes a start to be
//!   seen. A new log for each start in which something is written is the price.
//!
//! What none of them shows (a running machine set back with its memory) shows when a peer has more of
//! this device's own log than this device: see [`crate::drive::replica::Replica::receive`].

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The file in the data directory whose inode and time of change count.
const ANCHOR: &str = "anchor";

/// The file beside a drive's record with the count.
const HIGH: &str = "high";

/// What is known of this machine and data directory, the same for all drives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Here {
    inode: u64,
    changed: (i64, i64),
    machine: String,
    start: String,
}

/// Where a drive's record was when this device last opened it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    here: Here,
    record: u64,
}

impl Here {
    /// Looks; makes the anchor on the first call.
    pub(crate) fn look(data: &Path) -> io::Result<Self> {
        let path = data.join(ANCHOR);
        // Its content says nothing: only where it lies on the disk does.
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)?;
        let about = file.metadata()?;
        Ok(Self {
            inode: about.ino(),
            changed: (about.ctime(), about.ctime_nsec()),
            machine: word_in("/etc/machine-id"),
            start: word_in("/proc/sys/kernel/random/boot_id"),
        })
    }

    /// This start of the machine; empty where the system does not say.
    pub(crate) fn start(&self) -> &str {
        &self.start
    }

    /// With where one drive's record is.
    pub(crate) fn mark(&self, record: &Path) -> io::Result<Mark> {
        Ok(Mark {
            here: self.clone(),
            record: record.metadata()?.ino(),
        })
    }
}

/// What a system has no such file for is the same at every look.
fn word_in(path: &str) -> String {
    std::fs::read_to_string(path)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// How many entries the record had when this device last wrote one of its own. Written without waiting
/// for the disk: what a power cut leaves of it is too small, never too large.
#[derive(Debug)]
pub(crate) struct HighWater {
    file: File,
}

impl HighWater {
    /// Of the record in this folder.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(folder.join(HIGH))?;
        Ok(Self { file })
    }

    /// What was last written; 0 if nothing was.
    pub(crate) fn read(&self) -> u64 {
        let mut bytes = [0; 8];
        match self.file.read_exact_at(&mut bytes, 0) {
            Ok(()) => u64::from_le_bytes(bytes),
            Err(_) => 0,
        }
    }

    /// Writes a greater count.
    pub(crate) fn rise(&self, entries: u64) {
        if let Err(error) = self.file.write_all_at(&entries.to_le_bytes(), 0) {
            tracing::warn!(%error, "a restored record might not be known as one");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn a_directory_is_itself_again_and_its_copy_is_not() -> TestResult {
        let folder = tempfile::tempdir()?;
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        std::fs::create_dir(&one)?;
        std::fs::create_dir(&two)?;
        let first = Here::look(&one)?;
        assert_eq!(Here::look(&one)?, first);
        std::fs::copy(one.join(ANCHOR), two.join(ANCHOR))?;
        assert_ne!(Here::look(&two)?, first);
        // Moved, it is the same directory still.
        std::fs::rename(&one, folder.path().join("moved"))?;
        assert_eq!(Here::look(&folder.path().join("moved"))?, first);
        Ok(())
    }

    #[test]
    fn an_anchor_that_was_overwritten_in_place_is_another() -> TestResult {
        let folder = tempfile::tempdir()?;
        let first = Here::look(folder.path())?;
        // The clock of a file system ticks some hundred times a second.
        std::thread::sleep(std::time::Duration::from_millis(30));
        std::fs::write(folder.path().join(ANCHOR), b"")?;
        assert_ne!(Here::look(folder.path())?, first);
        Ok(())
    }

    #[test]
    fn the_count_is_there_after_a_restart() -> TestResult {
        let folder = tempfile::tempdir()?;
        assert_eq!(HighWater::open(folder.path())?.read(), 0);
        HighWater::open(folder.path())?.rise(7);
        assert_eq!(HighWater::open(folder.path())?.read(), 7);
        Ok(())
    }
}

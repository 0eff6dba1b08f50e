//! Rows of the in-step table that are not durable yet, jotted down beside a drive's record without waiting
//! for the disk: they are there after a crash of the program, and void after a start of the machine, which
//! may have taken back what they speak of. Knows rows, not what they mean.
//!
//! The file is a run of frames, each its length (LE32) and its sealed bytes. The first says in which start
//! of the machine it was written. A frame that was cut short by a crash ends the run.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use peerdrive_log::{DriveLog, LogId};
use serde::{Deserialize, Serialize};

use crate::local::{Change, Seal};

/// The file beside a drive's record.
const JOTTED: &str = "jotted";

/// Rows that were jotted down together.
#[derive(Serialize, Deserialize)]
struct Frame {
    /// They hold only if that log of this device has so many entries: they came with the last of them, and
    /// were written before it was.
    with: Option<(LogId, u64)>,
    rows: Vec<Change>,
}

/// Writes and reads them.
#[derive(Debug)]
pub(crate) struct Jotter {
    path: PathBuf,
    seal: Arc<Seal>,
    log: Arc<DriveLog>,
    /// This start of the machine; without a name for it nothing is jotted down.
    start: String,
    /// Open for appending, once there is something of this start in it.
    file: Mutex<Option<File>>,
}

impl Jotter {
    /// For the record in `folder`, in the present start of the machine.
    pub(crate) fn new(folder: &Path, seal: Arc<Seal>, log: Arc<DriveLog>, start: &str) -> Self {
        Self {
            path: folder.join(JOTTED),
            seal,
            log,
            start: start.to_owned(),
            file: Mutex::default(),
        }
    }

    /// What was jotted down in this start of the machine, in order.
    pub(crate) fn read(&self) -> Vec<Change> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                tracing::warn!(%error, "what was last in step is not known to the moment");
                return Vec::new();
            }
        };
        let mut frames = frames(&bytes).map_while(|sealed| self.seal.open_jotting(sealed).ok());
        let now = !self.start.is_empty()
            && frames
                .next()
                .is_some_and(|start| start == self.start.as_bytes());
        if !now {
            return Vec::new();
        }
        frames
            .map_while(|plain| postcard::from_bytes::<Frame>(&plain).ok())
            .filter(|frame| frame.with.is_none_or(|(log, len)| self.has(&log, len)))
            .flat_map(|frame| frame.rows)
            .collect()
    }

    /// Adds rows.
    pub(crate) fn add(&self, rows: Vec<Change>) {
        self.write(&Frame { with: None, rows });
    }

    /// Adds rows that hold once a log of this device has so many entries.
    pub(crate) fn add_with(&self, log: LogId, len: u64, rows: Vec<Change>) {
        let with = Some((log, len));
        self.write(&Frame { with, rows });
    }

    /// Begins anew, with these rows: everything else is durable, or did not come to pass.
    pub(crate) fn begin_anew(&self, rows: Vec<Change>) {
        let mut file = self.file.lock();
        *file = None;
        let done = self.anew(rows);
        match done {
            Ok(begun) => *file = begun,
            Err(error) => self.failed(&error),
        }
    }

    fn has(&self, log: &LogId, len: u64) -> bool {
        self.log.tip(log).is_some_and(|tip| tip.len >= len)
    }

    fn anew(&self, rows: Vec<Change>) -> io::Result<Option<File>> {
        if self.start.is_empty() || rows.is_empty() {
            return match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(None),
            };
        }
        let beside = self.path.with_extension("new");
        let mut file = self.begin(&beside)?;
        file.write_all(&self.sealed(&Frame { with: None, rows })?)?;
        std::fs::rename(&beside, &self.path)?;
        Ok(Some(file))
    }

    fn write(&self, frame: &Frame) {
        if self.start.is_empty() || frame.rows.is_empty() {
            return;
        }
        let mut place = self.file.lock();
        let done = self.sealed(frame).and_then(|bytes| {
            if place.is_none() {
                // What a crash left, or an error in the middle of a frame, stays until it is durable.
                *place = self.anew(self.read())?;
            }
            if place.is_none() {
                *place = Some(self.begin(&self.path)?);
            }
            // In one go: a crash cuts off the end of it, or nothing.
            place.as_mut().map_or(Ok(()), |file| file.write_all(&bytes))
        });
        if let Err(error) = done {
            // What follows a frame that was cut short would not be read.
            *place = None;
            self.failed(&error);
        }
    }

    fn begin(&self, path: &Path) -> io::Result<File> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(&framed(&self.seal.close_jotting(self.start.as_bytes())))?;
        Ok(file)
    }

    fn sealed(&self, frame: &Frame) -> io::Result<Vec<u8>> {
        let plain = postcard::to_stdvec(frame).map_err(io::Error::other)?;
        Ok(framed(&self.seal.close_jotting(&plain)))
    }

    fn failed(&self, error: &io::Error) {
        tracing::warn!(%error, "after a crash, a deletion of the last moments might be undone");
    }
}

fn framed(sealed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 + sealed.len());
    bytes.extend_from_slice(&(sealed.len() as u32).to_le_bytes());
    bytes.extend_from_slice(sealed);
    bytes
}

fn frames(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (len, tail) = rest.split_first_chunk::<4>()?;
        let (sealed, tail) = tail.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        rest = tail;
        Some(sealed)
    })
}

#[cfg(test)]
mod tests {
    use peerdrive_crypto::ids::DriveId;
    use peerdrive_crypto::secret::LocalKey;
    use peerdrive_log::{Batch, Record};

    use super::*;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    struct Place {
        folder: tempfile::TempDir,
        log: Arc<DriveLog>,
    }

    impl Place {
        fn new() -> Result<Self, Box<dyn std::error::Error>> {
            let folder = tempfile::tempdir()?;
            let log = Arc::new(DriveLog::open(&folder.path().join("log.redb"))?);
            Ok(Self { folder, log })
        }

        /// As the program finds it at its next start.
        fn opened(&self, start: &str) -> Jotter {
            let seal = Arc::new(Seal::new(DriveId([1; 32]), LocalKey::from_bytes([7; 32])));
            Jotter::new(self.folder.path(), seal, self.log.clone(), start)
        }
    }

    fn row(key: &str) -> Change {
        (key.as_bytes().to_vec(), Some(b"a secret name".to_vec()))
    }

    #[test]
    fn what_was_jotted_down_is_there_after_a_crash_and_not_after_a_start_of_the_machine()
    -> TestResult {
        let place = Place::new()?;
        let jotter = place.opened("monday");
        jotter.add(vec![row("a"), (b"b".to_vec(), None)]);
        jotter.add(vec![row("c")]);
        let all = vec![row("a"), (b"b".to_vec(), None), row("c")];
        assert_eq!(place.opened("monday").read(), all);
        assert_eq!(place.opened("tuesday").read(), vec![]);
        place.opened("monday").add(vec![row("e")]);
        let all: Vec<_> = all.into_iter().chain([row("e")]).collect();
        assert_eq!(place.opened("monday").read(), all);
        // A system that does not tell its starts apart has none.
        place.opened("").add(vec![row("d")]);
        assert_eq!(place.opened("").read(), vec![]);
        let bytes = std::fs::read(place.folder.path().join(JOTTED))?;
        assert!(!bytes.windows(8).any(|bytes| bytes == b"a secret"));
        Ok(())
    }

    #[test]
    fn another_start_writes_over_what_was_before() -> TestResult {
        let place = Place::new()?;
        place.opened("monday").add(vec![row("a")]);
        place.opened("tuesday").add(vec![row("b")]);
        assert_eq!(place.opened("tuesday").read(), vec![row("b")]);
        assert_eq!(place.opened("monday").read(), vec![]);
        Ok(())
    }

    #[test]
    fn a_frame_cut_short_ends_the_run_and_what_follows_a_new_beginning_is_read() -> TestResult {
        let place = Place::new()?;
        let jotter = place.opened("monday");
        jotter.add(vec![row("a")]);
        jotter.add(vec![row("b")]);
        let path = place.folder.path().join(JOTTED);
        let bytes = std::fs::read(&path)?;
        std::fs::write(&path, &bytes[..bytes.len() - 1])?;
        let jotter = place.opened("monday");
        assert_eq!(jotter.read(), vec![row("a")]);
        jotter.begin_anew(vec![row("a")]);
        jotter.add(vec![row("c")]);
        assert_eq!(place.opened("monday").read(), vec![row("a"), row("c")]);
        jotter.begin_anew(Vec::new());
        assert_eq!(place.opened("monday").read(), vec![]);
        jotter.add(vec![row("d")]);
        assert_eq!(place.opened("monday").read(), vec![row("d")]);
        Ok(())
    }

    #[test]
    fn rows_of_an_entry_that_was_never_written_do_not_hold() -> TestResult {
        let place = Place::new()?;
        let log = [3; 32];
        let jotter = place.opened("monday");
        jotter.add_with(log, 1, vec![row("a")]);
        assert_eq!(jotter.read(), vec![]);
        let records = vec![Record {
            log,
            seq: 0,
            id: [4; 32],
            bytes: vec![5],
        }];
        place.log.append(&Batch {
            records,
            ..Batch::default()
        })?;
        jotter.add_with(log, 2, vec![row("b")]);
        jotter.add(vec![row("c")]);
        assert_eq!(place.opened("monday").read(), vec![row("a"), row("c")]);
        Ok(())
    }
}

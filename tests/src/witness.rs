//! A thread that reads a folder all the time and remembers any file that was never written as a whole.
//! Knows nothing of who writes.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use crate::folder::walk;

/// Watches one folder until asked what it saw.
#[derive(Debug)]
pub struct Witness {
    allowed: Arc<Mutex<HashSet<blake3::Hash>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Testimony>>,
}

#[derive(Debug, Default)]
struct Testimony {
    reads: u64,
    torn: Vec<String>,
}

impl Witness {
    /// Starts watching `root`, which may not exist yet, and where a file may have any of the bytes with
    /// the hashes in `allowed`.
    pub fn of(root: &Path, allowed: impl IntoIterator<Item = blake3::Hash>) -> Self {
        let allowed = Arc::new(Mutex::new(allowed.into_iter().collect()));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let (root, allowed, stop) = (root.to_owned(), Arc::clone(&allowed), Arc::clone(&stop));
            thread::spawn(move || watch(&root, &allowed, &stop))
        };
        Self {
            allowed,
            stop,
            thread: Some(thread),
        }
    }

    /// Announces bytes that a file may have from now on. To be called before they are written.
    pub fn allow(&self, bytes: &[u8]) {
        let hash = blake3::hash(bytes);
        self.allowed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(hash);
    }

    /// Stops; fails if any file was ever seen with bytes that nobody wrote. Gives how many files were
    /// read.
    pub fn testify(mut self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        let Some(thread) = self.thread.take() else {
            bail!("already asked")
        };
        let Ok(testimony) = thread.join() else {
            bail!("the witness panicked")
        };
        ensure!(
            testimony.torn.is_empty(),
            "torn files were visible: {}",
            testimony.torn.join("; ")
        );
        Ok(testimony.reads)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn watch(root: &Path, allowed: &Mutex<HashSet<blake3::Hash>>, stop: &AtomicBool) -> Testimony {
    let mut testimony = Testimony::default();
    while !stop.load(Ordering::Relaxed) {
        let files: Vec<PathBuf> = walk(root).unwrap_or_default();
        for path in files.into_iter().filter(|path| !is_unfinished(path)) {
            // A file that cannot be read (vanished, or its bytes are with no peer now) is not torn.
            let Ok(about) = fs::symlink_metadata(&path) else {
                continue;
            };
            let Ok(bytes) = (if about.is_file() {
                fs::read(&path)
            } else {
                continue;
            }) else {
                continue;
            };
            testimony.reads += 1;
            let hash = blake3::hash(&bytes);
            if !allowed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .contains(&hash)
            {
                testimony
                    .torn
                    .push(format!("{} with {} bytes", path.display(), bytes.len()));
            }
            if stop.load(Ordering::Relaxed) || testimony.torn.len() > 10 {
                return testimony;
            }
        }
        // Often enough to see anything that lasts, and half a core at most.
        thread::sleep(Duration::from_millis(5));
    }
    testimony
}

/// Whether a test's own author is still writing this: it is renamed when it is whole, and PeerDrive takes
/// no part in it before.
fn is_unfinished(path: &Path) -> bool {
    path.extension().is_some_and(|kind| kind == "swp")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_file_is_no_cause_for_alarm() -> Result<()> {
        let root = tempfile::tempdir()?;
        fs::write(root.path().join("a"), "whole")?;
        let witness = Witness::of(root.path(), [blake3::hash(b"whole")]);
        thread::sleep(Duration::from_millis(100));
        assert!(witness.testify()? > 0);
        Ok(())
    }

    #[test]
    fn a_torn_file_is_seen() -> Result<()> {
        let root = tempfile::tempdir()?;
        let witness = Witness::of(root.path(), []);
        witness.allow(b"whole");
        fs::write(root.path().join("a"), "whol")?;
        thread::sleep(Duration::from_millis(100));
        assert!(witness.testify().is_err());
        Ok(())
    }
}

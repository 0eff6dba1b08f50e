//! How there is one daemon to a data directory and how a client finds it: a lock that dies with its
//! holder, and `daemon.json` beside it. Knows nothing of starting a daemon.
//!
//! The lock alone says whether a daemon lives. After `kill -9` the file is still there, but nobody
//! holds the lock, and what the file says is void.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::dto::Settings;
use crate::http::Token;
use crate::private;

const LOCK: &str = "daemon.lock";
const FILE: &str = "daemon.json";

/// `daemon.json` has some 200 bytes; anything much bigger was not written by a daemon.
const MAX_FILE: u64 = 16 * 1024;

/// A client that asks whether a daemon lives holds the lock for a moment: tries a daemon makes before
/// it believes that the holder is another one, and the pause between them.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(15);

/// What a client must know of a daemon: the content of `daemon.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rendezvous {
    /// The daemon's process.
    pub pid: u32,
    /// Its loopback port.
    pub port: u16,
    /// What requests must carry.
    pub token: Token,
    /// Its version.
    pub version: String,
    /// How it was started.
    pub settings: Settings,
}

/// Why a process cannot be the daemon of a data directory.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another one is.
    #[error("another daemon{} has the data directory {}", pid.map(|p| format!(" (process {p})")).unwrap_or_default(), data_dir.display())]
    Running {
        /// Its process, where it said so.
        pid: Option<u32>,
        /// The directory.
        data_dir: PathBuf,
    },
    /// The directory cannot be made or written.
    #[error("the data directory {} cannot be used: {source}", data_dir.display())]
    Io {
        /// The directory.
        data_dir: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
}

/// The right to be the daemon of a data directory. Ends with the process, or when dropped.
#[derive(Debug)]
pub struct DaemonLock {
    // Held, never read: closing it gives the lock up.
    _file: File,
    data_dir: PathBuf,
}

impl DaemonLock {
    /// Becomes the daemon of `data_dir`, which is made (for its owner alone) if it does not exist.
    /// What a dead daemon left is removed. Blocks for up to 0.3 s.
    pub fn acquire(data_dir: &Path) -> Result<Self, LockError> {
        let io = |source| LockError::Io {
            data_dir: data_dir.to_owned(),
            source,
        };
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(data_dir).map_err(io)?;
        let file = private::open(
            OpenOptions::new().create(true).truncate(false),
            &data_dir.join(LOCK),
        )
        .map_err(io)?;
        for attempt in 1.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if attempt < TRIES => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    let pid = read(data_dir).map(|found| found.pid);
                    return Err(LockError::Running {
                        pid,
                        data_dir: data_dir.to_owned(),
                    });
                }
                Err(TryLockError::Error(source)) => return Err(io(source)),
            }
        }
        remove(data_dir).map_err(io)?;
        Ok(Self {
            _file: file,
            data_dir: data_dir.to_owned(),
        })
    }

    /// Tells clients where the daemon is. Written beside and renamed, so that nobody reads half of it.
    pub fn publish(&self, rendezvous: &Rendezvous) -> io::Result<()> {
        let bytes = serde_json::to_vec(rendezvous).map_err(io::Error::other)?;
        private::replace(&self.data_dir.join(FILE), &bytes)
    }

    /// Tells clients that the daemon is about to end: they wait for the lock then.
    pub fn withdraw(&self) -> io::Result<()> {
        remove(&self.data_dir)
    }
}

impl Drop for DaemonLock {
    fn drop(&mut self) {
        // What stays behind is void without the lock.
        remove(&self.data_dir).ok();
    }
}

/// Makes the data directory, for its owner alone, if it does not exist.
pub fn prepare(data_dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(data_dir)
}

/// What is known of the daemon of a data directory.
#[derive(Debug)]
pub enum Found {
    /// None lives.
    Nobody,
    /// One holds the lock but does not answer yet (or is about to end).
    Starting,
    /// One lives and said where.
    Daemon(Box<Rendezvous>),
}

/// Whether the last daemon of a data directory, of which none lives, ended because it was to: one that died
/// left behind what it had published.
pub fn took_leave(data_dir: &Path) -> bool {
    !data_dir.join(FILE).exists()
}

/// Looks for the daemon of a data directory.
pub fn find(data_dir: &Path) -> io::Result<Found> {
    let lock = match OpenOptions::new().read(true).open(data_dir.join(LOCK)) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nobody),
        Err(error) => return Err(error),
    };
    match lock.try_lock_shared() {
        Ok(()) => Ok(Found::Nobody),
        Err(TryLockError::WouldBlock) => {
            Ok(read(data_dir).map_or(Found::Starting, |r| Found::Daemon(Box::new(r))))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn read(data_dir: &Path) -> Option<Rendezvous> {
    let text = private::read(&data_dir.join(FILE), MAX_FILE)?;
    serde_json::from_slice(&text).ok()
}

fn remove(data_dir: &Path) -> io::Result<()> {
    private::remove(&data_dir.join(FILE))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn some() -> io::Result<Rendezvous> {
        Ok(Rendezvous {
            pid: 7,
            port: 4242,
            token: Token::random()?,
            version: "0".into(),
            settings: Settings {
                bind: None,
                relay: None,
                discovery: true,
            },
        })
    }

    #[test]
    fn only_one_daemon_has_a_data_directory_and_the_second_hears_of_the_first()
    -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let lock = DaemonLock::acquire(dir.path())?;
        assert!(matches!(find(dir.path())?, Found::Starting));
        lock.publish(&some()?)?;
        assert!(matches!(find(dir.path())?, Found::Daemon(found) if found.port == 4242));
        assert!(matches!(
            DaemonLock::acquire(dir.path()),
            Err(LockError::Running { pid: Some(7), .. })
        ));
        drop(lock);
        assert!(matches!(find(dir.path())?, Found::Nobody));
        DaemonLock::acquire(dir.path())?;
        Ok(())
    }

    #[test]
    fn what_a_killed_daemon_left_is_void() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let lock = DaemonLock::acquire(dir.path())?;
        lock.publish(&some()?)?;
        let left = fs::read(dir.path().join(FILE))?;
        drop(lock);
        assert!(took_leave(dir.path()));
        fs::write(dir.path().join(FILE), left)?;
        assert!(matches!(find(dir.path())?, Found::Nobody));
        assert!(!took_leave(dir.path()));
        let _lock = DaemonLock::acquire(dir.path())?;
        assert!(matches!(find(dir.path())?, Found::Starting));
        Ok(())
    }

    #[test]
    fn the_token_is_for_the_owner_alone() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let data_dir = dir.path().join("a/b");
        let lock = DaemonLock::acquire(&data_dir)?;
        lock.publish(&some()?)?;
        assert_eq!(fs::metadata(&data_dir)?.permissions().mode() & 0o777, 0o700);
        assert_eq!(
            fs::metadata(data_dir.join(FILE))?.permissions().mode() & 0o777,
            0o600
        );
        Ok(())
    }

    #[test]
    fn clients_that_look_do_not_keep_a_daemon_from_starting()
    -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        drop(DaemonLock::acquire(dir.path())?);
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        find(dir.path()).ok();
                        std::thread::sleep(Duration::from_micros(200));
                    }
                });
            }
            let taken: Vec<_> = (0..50)
                .map(|_| DaemonLock::acquire(dir.path()).map(drop))
                .collect();
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            taken.into_iter().collect::<Result<(), _>>()
        })?;
        Ok(())
    }
}

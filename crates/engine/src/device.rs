//! This device's place on disk: the data directory, its lock, its secret and the port it was last
//! reached at. Knows nothing of drives.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::passphrase::{self, Passphrase, PassphraseError, Sealed};
use crate::pausing::Rates;

/// The file with the device's secret.
pub(crate) const KEY: &str = "device.key";

/// A data directory held by this process. Released when dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// The data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process holds it.
    #[error(
        "another PeerDrive process uses {path}; stop it with `peerdrive stop`, or name another --data-dir"
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The device's secret has the wrong length.
    #[error(
        "{path} is not a device key; restore it from a backup, or move it away to become a new device"
    )]
    BadKey {
        /// The key file.
        path: PathBuf,
    },
    /// The device's secret is sealed, and nobody said under what.
    #[error(
        "{path} is sealed under a passphrase, which was not given; name a file with it by --passphrase-file, or start from a terminal"
    )]
    Locked {
        /// The key file.
        path: PathBuf,
    },
    /// The device's secret is sealed, and does not open.
    #[error("{path} does not open: {why}")]
    Passphrase {
        /// The key file.
        path: PathBuf,
        /// In what way.
        why: PassphraseError,
    },
    /// The device's secret can be read by others.
    #[error(
        "{path} can be read by other users; run `chmod 600 {path}` if you trust that nobody did"
    )]
    OpenKey {
        /// The key file.
        path: PathBuf,
    },
}

impl DataDir {
    /// Makes the directory if it is missing (mode 0700) and takes its lock.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let io = |doing, at: &Path| {
            let at = at.to_owned();
            move |source| DataDirError::Io {
                doing,
                path: at,
                source,
            }
        };
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(io("create", path))?;
        let lock_path = path.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&lock_path)
            .map_err(io("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse {
                path: path.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(io("lock", &lock_path)(source)),
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder within, made if missing.
    pub fn folder(&self, name: &str) -> Result<PathBuf, DataDirError> {
        let path = self.path.join(name);
        std::fs::create_dir_all(&path).map_err(|source| DataDirError::Io {
            doing: "create",
            path: path.clone(),
            source,
        })?;
        Ok(path)
    }

    /// The device's 32 secret bytes, made on first use and kept in `device.key`, readable by the
    /// owner only. One that was sealed opens with its passphrase only.
    pub fn secret(
        &self,
        passphrase: Option<&Passphrase>,
    ) -> Result<Zeroizing<[u8; 32]>, DataDirError> {
        let path = self.path.join(KEY);
        let io = |doing| {
            let path = path.clone();
            move |source| DataDirError::Io {
                doing,
                path,
                source,
            }
        };
        match File::open(&path) {
            Ok(file) => {
                let mode = file.metadata().map_err(io("read"))?.permissions().mode();
                if mode & 0o077 != 0 {
                    return Err(DataDirError::OpenKey { path: path.clone() });
                }
                let mut bytes = Zeroizing::new(Vec::new());
                file.take(1024)
                    .read_to_end(&mut bytes)
                    .map_err(io("read"))?;
                if passphrase::is_sealed(&bytes) {
                    let locked = || DataDirError::Locked { path: path.clone() };
                    let given = passphrase.ok_or_else(locked)?;
                    bytes = passphrase::open(given, Sealed::Key, &bytes).map_err(|why| {
                        DataDirError::Passphrase {
                            path: path.clone(),
                            why,
                        }
                    })?;
                }
                let secret = <[u8; 32]>::try_from(bytes.as_slice())
                    .map_err(|_| DataDirError::BadKey { path: path.clone() })?;
                Ok(Zeroizing::new(secret))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let secret = Zeroizing::new(crate::env::random());
                self.write_key(&secret, None)?;
                Ok(secret)
            }
            Err(error) => Err(io("open")(error)),
        }
    }

    /// Whether the device has a secret.
    pub(crate) fn has_key(&self) -> bool {
        self.path.join(KEY).symlink_metadata().is_ok()
    }

    /// Writes the device's secret, sealed if there is a passphrase. What it replaces is gone from the
    /// directory, but may be found on the disk itself for some time.
    pub(crate) fn write_key(
        &self,
        secret: &[u8; 32],
        passphrase: Option<&Passphrase>,
    ) -> Result<(), DataDirError> {
        let path = self.path.join(KEY);
        let bytes = match passphrase {
            None => Zeroizing::new(secret.to_vec()),
            Some(passphrase) => {
                Zeroizing::new(passphrase::seal(passphrase, Sealed::Key, secret).map_err(
                    |why| DataDirError::Passphrase {
                        path: path.clone(),
                        why,
                    },
                )?)
            }
        };
        self.write_private(KEY, &bytes)
    }

    /// Writes a file that nobody else may read.
    pub(crate) fn write_private(&self, name: &str, bytes: &[u8]) -> Result<(), DataDirError> {
        let path = self.path.join(name);
        let io = |doing| {
            let path = path.clone();
            move |source| DataDirError::Io {
                doing,
                path,
                source,
            }
        };
        // Written beside and renamed, so that a crash leaves a whole one or the one before.
        let fresh = self.path.join(format!("{name}.new"));
        let _ = std::fs::remove_file(&fresh);
        let mut file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&fresh)
            .map_err(io("create"))?;
        file.write_all(bytes).map_err(io("write"))?;
        file.sync_all().map_err(io("write"))?;
        std::fs::rename(&fresh, &path).map_err(io("write"))?;
        File::open(&self.path)
            .and_then(|dir| dir.sync_all())
            .map_err(io("write"))
    }

    /// The UDP port of the last run, so that devices which know this one's address find it again
    /// where no discovery helps them.
    pub fn last_port(&self) -> Option<u16> {
        std::fs::read_to_string(self.path.join("port"))
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    /// How fast contents may pass, as it was set last.
    pub(crate) fn rates(&self) -> Rates {
        let text = std::fs::read_to_string(self.path.join("limits")).unwrap_or_default();
        let mut rates = text
            .split_whitespace()
            .map(|word| word.parse().ok().filter(|rate| *rate > 0));
        Rates {
            up: rates.next().flatten(),
            down: rates.next().flatten(),
        }
    }

    /// Remembers how fast contents may pass.
    pub(crate) fn remember_rates(&self, rates: Rates) -> Result<(), DataDirError> {
        let (up, down) = (rates.up.unwrap_or(0), rates.down.unwrap_or(0));
        let path = self.path.join("limits");
        std::fs::write(&path, format!("{up} {down}\n")).map_err(|source| DataDirError::Io {
            doing: "write",
            path,
            source,
        })
    }

    /// Remembers the port. Losing it costs a rediscovery, so errors only reach the log.
    pub fn remember_port(&self, port: u16) {
        if self.last_port() != Some(port)
            && let Err(error) = std::fs::write(self.path.join("port"), format!("{port}\n"))
        {
            tracing::warn!(%error, "could not remember the port");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn a_data_directory_has_one_user_at_a_time() -> TestResult {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("device");
        let first = DataDir::open(&path)?;
        assert!(matches!(
            DataDir::open(&path),
            Err(DataDirError::InUse { .. })
        ));
        drop(first);
        DataDir::open(&path)?;
        Ok(())
    }

    #[test]
    fn limits_are_remembered() -> TestResult {
        let folder = tempfile::tempdir()?;
        let data = DataDir::open(folder.path())?;
        assert_eq!(data.rates(), Rates::default());
        let rates = Rates {
            up: None,
            down: Some(1 << 20),
        };
        data.remember_rates(rates)?;
        assert_eq!(data.rates(), rates);
        Ok(())
    }

    #[test]
    fn attack_w3_the_secret_is_made_once_and_readable_by_nobody_else() -> TestResult {
        let folder = tempfile::tempdir()?;
        let data = DataDir::open(folder.path())?;
        let secret = data.secret(None)?;
        assert_eq!(data.secret(None)?, secret);
        let key = folder.path().join("device.key");
        assert_eq!(std::fs::metadata(&key)?.permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640))?;
        assert!(matches!(
            data.secret(None),
            Err(DataDirError::OpenKey { .. })
        ));
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600))?;
        let passphrase = Passphrase::new("correct horse");
        data.write_key(&secret, Some(&passphrase))?;
        assert_eq!(std::fs::metadata(&key)?.permissions().mode() & 0o777, 0o600);
        let locked = data.secret(None);
        assert!(matches!(locked, Err(DataDirError::Locked { .. })));
        assert_eq!(data.secret(Some(&passphrase))?, secret);
        let sealed = std::fs::read(&key)?;
        assert!(!sealed.windows(32).any(|window| window == secret.as_slice()));
        data.write_key(&secret, None)?;
        assert_eq!(data.secret(None)?, secret);
        std::fs::write(&key, b"short")?;
        assert!(matches!(
            data.secret(None),
            Err(DataDirError::BadKey { .. })
        ));
        Ok(())
    }
}

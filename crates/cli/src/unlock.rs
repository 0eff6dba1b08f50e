//! Where the passphrase of this device's key comes from when a daemon starts: a file, an inherited file
//! descriptor, a terminal. Never the command line, which other users see. Knows no command.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _};
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};

use peerdrive_api::error::{ApiError, Code};
use peerdrive_engine::passphrase::key_is_sealed;

use crate::secret;

/// Names an inherited file descriptor from which the passphrase can be read.
const DESCRIPTOR: &str = "PEERDRIVE_PASSPHRASE_FD";

/// Longest text that is read for a passphrase.
const MOST: u64 = 4096;

/// How the passphrase can be had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Unlock {
    /// A file, absolute.
    pub(crate) file: Option<PathBuf>,
}

impl Unlock {
    /// The passphrase, if the key of this data directory needs one.
    pub(crate) fn passphrase(&self, data_dir: &Path) -> Result<Option<String>, ApiError> {
        if key_is_sealed(data_dir) != Some(true) {
            return Ok(None);
        }
        if let Some(path) = &self.file {
            let opened = File::open(path).and_then(read);
            return opened.map(Some).map_err(|e| {
                ApiError::new(
                    Code::Locked,
                    format!("the passphrase cannot be read from {}: {e}", path.display()),
                )
                .hint("check the file's name, and that you may read it")
            });
        }
        if let Some(number) = std::env::var_os(DESCRIPTOR) {
            return descriptor(&number.to_string_lossy())
                .map(Some)
                .map_err(|e| {
                    ApiError::new(
                        Code::Locked,
                        format!("the passphrase cannot be read as {DESCRIPTOR} says: {e}"),
                    )
                    .hint("it is the number of a file descriptor that this process inherits")
                });
        }
        if io::stdin().is_terminal() {
            return match secret::ask("The passphrase of this device:") {
                Ok(passphrase) => Ok(Some(passphrase)),
                Err(_) => Err(missing()),
            };
        }
        Err(missing())
    }
}

fn missing() -> ApiError {
    ApiError::new(
        Code::Locked,
        "this device's key is sealed, and its passphrase was not given",
    )
    .hint("run the command at a terminal, or name a file with it: --passphrase-file FILE")
}

fn descriptor(number: &str) -> io::Result<String> {
    let number: RawFd = number.parse().map_err(io::Error::other)?;
    // By its name, since taking a descriptor by its number is nothing that can be checked.
    File::open(format!("/proc/self/fd/{number}")).and_then(read)
}

fn read(file: File) -> io::Result<String> {
    let mut text = String::new();
    file.take(MOST).read_to_string(&mut text)?;
    Ok(text.trim().to_owned())
}

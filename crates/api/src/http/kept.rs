//! What the loopback port remembers for the next run, so that a page that is open then goes on: its
//! number, and which browsers are in. Knows no request.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::private;

/// Its name in the data directory.
const FILE: &str = "browsers.json";

/// A few hundred bytes for each browser.
const MAX_FILE: u64 = 64 * 1024;

/// What is remembered.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The port of the last run; 0 if there was none.
    pub(super) port: u16,
    /// Browsers that were let in by it, the oldest first.
    pub(super) sessions: Vec<KeptSession>,
}

/// A browser that was let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptSession {
    /// Hash of its cookie and key, in hex: whoever reads this file cannot be that browser.
    pub(super) hash: String,
    /// Until when, milliseconds since 1970.
    pub(super) until: u64,
}

/// Where it is remembered.
#[derive(Debug)]
pub(super) struct Shelf(PathBuf);

impl Shelf {
    pub(super) fn of(data_dir: &Path) -> Self {
        Self(data_dir.join(FILE))
    }

    /// What the last run left; nothing if that cannot be read.
    pub(super) fn read(&self) -> Kept {
        let bytes = private::read(&self.0, MAX_FILE).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Remembers. What cannot be written is not remembered: browsers sign in once more then.
    pub(super) fn write(&self, kept: &Kept) {
        let bytes = serde_json::to_vec(kept).map_err(std::io::Error::other);
        if let Err(error) = bytes.and_then(|bytes| private::replace(&self.0, &bytes)) {
            tracing::warn!(%error, "which browsers are in cannot be remembered for the next start");
        }
    }
}

//! How much of a drive this device keeps, and how long: a note of this device, for each drive.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::drive::handle::Shared;
use crate::local::{LocalError, Space};

const KEY: &[u8] = b"keeping";

/// The least that the cache may take unless somebody said otherwise.
const LEAST_CACHE: u64 = 1 << 30;

/// The cache's share of a large drive unless somebody said otherwise: one part in so many.
const CACHE_SHARE: u64 = 20;

/// What this device keeps of a drive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Keeping {
    /// Bytes that the cache may take; `None` for the larger of 1 GiB and 5 % of the drive.
    pub cache: Option<u64>,
    /// How long what was replaced or deleted is kept.
    pub days: u32,
    /// How many versions of a file are kept however old they are.
    pub versions: u32,
}

impl Default for Keeping {
    fn default() -> Self {
        Self {
            cache: None,
            days: 30,
            versions: 10,
        }
    }
}

impl Keeping {
    /// Bytes that the cache of a drive of `bytes` may take.
    pub fn cap(&self, bytes: u64) -> u64 {
        self.cache
            .unwrap_or_else(|| LEAST_CACHE.max(bytes / CACHE_SHARE))
    }

    /// How long what was replaced or deleted is kept.
    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs(u64::from(self.days) * 86_400)
    }

    pub(crate) fn of(shared: &Shared) -> Result<Self, LocalError> {
        let note = shared.local.get(Space::Config, KEY)?;
        let kept = note.and_then(|note| postcard::from_bytes(&note).ok());
        Ok(kept.unwrap_or_default())
    }

    pub(crate) fn store(&self, shared: &Shared) -> Result<(), LocalError> {
        // Plain numbers: there is no way in which this fails.
        let note = postcard::to_stdvec(self).unwrap_or_default();
        shared.local.put(Space::Config, KEY, note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_grows_with_the_drive_unless_it_was_set() {
        let keeping = Keeping::default();
        assert_eq!(keeping.cap(0), 1 << 30);
        assert_eq!(keeping.cap(100 << 30), 5 << 30);
        let set = Keeping {
            cache: Some(7),
            ..keeping
        };
        assert_eq!(set.cap(100 << 30), 7);
    }
}

//! Which blobs of a drive a storage peer keeps: named when, and how large. Knows no
//! peer and holds no blob.

use std::collections::HashMap;
use std::sync::Arc;

use peerdrive_log::{AppendError, Batch, DriveLog, Note, ReadError, Space};
use peerdrive_net::BlobId;

/// Days for which a blob stays after the last time that a member named it, once another has named everything
/// that it needs without it: devices that know of a version that others do not know yet come by in time.
const UNNAMED: u32 = 7;

/// A blob that is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kept {
    /// Bytes.
    len: u64,
    /// The day, since 1970, on which somebody named it last.
    named: u32,
}

impl Kept {
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.len.to_le_bytes().to_vec();
        bytes.extend(self.named.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (len, rest) = bytes.split_first_chunk()?;
        Some(Self {
            len: u64::from_le_bytes(*len),
            named: u32::from_le_bytes(rest.try_into().ok()?),
        })
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct KeptBlobs {
    log: Arc<DriveLog>,
    blobs: HashMap<BlobId, Kept>,
    bytes: u64,
}

impl KeptBlobs {
    /// As noted in the record.
    pub(crate) fn load(log: Arc<DriveLog>) -> Result<Self, ReadError> {
        let mut blobs = HashMap::new();
        for (key, value) in log.notes(Space::Blobs)? {
            let id = key.try_into().map(BlobId);
            if let (Ok(id), Some(kept)) = (id, Kept::from_bytes(&value)) {
                blobs.insert(id, kept);
            }
        }
        let bytes = blobs.values().map(|kept: &Kept| kept.len).sum();
        Ok(Self { log, blobs, bytes })
    }

    /// Bytes of all.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes that a blob counts for at least: that it is there is noted, too.
    pub(crate) const LEAST: u64 = 512;

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.blobs.len()
    }

    pub(crate) fn has(&self, id: &BlobId) -> bool {
        self.blobs.contains_key(id)
    }

    /// All of them.
    pub(crate) fn ids(&self) -> Vec<BlobId> {
        self.blobs.keys().copied().collect()
    }

    /// Notes that somebody needs these. Of each, whether it is here.
    pub(crate) fn name(&mut self, ids: &[BlobId], today: u32) -> Result<Vec<bool>, AppendError> {
        let mut notes = Vec::new();
        let mut here = Vec::with_capacity(ids.len());
        for id in ids {
            let known = self.blobs.get_mut(id);
            here.push(known.is_some());
            if let Some(kept) = known.filter(|kept| kept.named < today) {
                kept.named = today;
                notes.push(note(id, Some(*kept)));
            }
        }
        self.write(notes)?;
        Ok(here)
    }

    /// Notes blobs that have come, which are durable.
    pub(crate) fn add(&mut self, come: &[(BlobId, u64)], today: u32) -> Result<(), AppendError> {
        let mut notes = Vec::new();
        for (id, len) in come {
            let kept = Kept {
                len: (*len).max(Self::LEAST),
                named: today,
            };
            if self.blobs.insert(*id, kept).is_none() {
                self.bytes += kept.len;
            }
            notes.push(note(id, Some(kept)));
        }
        self.write(notes)
    }

    /// What nobody needs any more, now that somebody has named everything that they need.
    pub(crate) fn unneeded(&self, today: u32) -> Vec<BlobId> {
        let over = |kept: &Kept| kept.named.saturating_add(UNNAMED) < today;
        let blobs = self.blobs.iter().filter(|(_, kept)| over(kept));
        blobs.map(|(id, _)| *id).collect()
    }

    /// Notes that these are to be gone, before they are.
    pub(crate) fn strike(&mut self, ids: &[BlobId]) -> Result<(), AppendError> {
        let mut notes = Vec::new();
        for id in ids {
            if let Some(kept) = self.blobs.remove(id) {
                self.bytes -= kept.len;
                notes.push(note(id, None));
            }
        }
        self.write(notes)
    }

    fn write(&self, notes: Vec<Note>) -> Result<(), AppendError> {
        if notes.is_empty() {
            return Ok(());
        }
        self.log.append(&Batch {
            notes,
            ..Batch::default()
        })
    }
}

fn note(id: &BlobId, kept: Option<Kept>) -> Note {
    Note {
        space: Space::Blobs,
        key: id.0.to_vec(),
        value: kept.map(Kept::to_bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    const DAY: u32 = 20_000;

    fn id(of: u8) -> BlobId {
        BlobId([of; 32])
    }

    fn open(folder: &tempfile::TempDir) -> Result<KeptBlobs, Box<dyn std::error::Error>> {
        let log = DriveLog::open(&folder.path().join("log.redb"))?;
        Ok(KeptBlobs::load(Arc::new(log))?)
    }

    #[test]
    fn what_is_kept_is_known_after_a_restart_with_its_bytes() -> TestResult {
        let folder = tempfile::tempdir()?;
        let mut kept = open(&folder)?;
        kept.add(&[(id(1), 10), (id(2), 20)], DAY)?;
        kept.add(&[(id(2), 20)], DAY)?;
        kept.strike(&[id(1), id(3)])?;
        drop(kept);
        let kept = open(&folder)?;
        assert_eq!((kept.bytes(), kept.ids()), (KeptBlobs::LEAST, vec![id(2)]));
        Ok(())
    }

    #[test]
    fn only_what_is_not_named_for_long_goes_and_only_when_somebody_has_named_the_rest() -> TestResult
    {
        let folder = tempfile::tempdir()?;
        let mut kept = open(&folder)?;
        kept.add(&[(id(1), 1), (id(2), 1), (id(3), 1)], DAY)?;
        assert!(kept.unneeded(DAY + UNNAMED).is_empty());
        // Two are named again, one of them once more.
        assert_eq!(kept.name(&[id(1), id(9)], DAY + 1)?, [true, false]);
        assert_eq!(kept.name(&[id(2)], DAY + 30)?, [true]);
        assert_eq!(kept.unneeded(DAY + UNNAMED + 1), [id(3)]);
        drop(kept);
        let mut kept = open(&folder)?;
        let mut later = kept.unneeded(DAY + UNNAMED + 2);
        later.sort_unstable();
        assert_eq!(later, [id(1), id(3)]);
        assert_eq!(kept.unneeded(DAY + 30 + UNNAMED + 1).len(), 3);
        kept.strike(&later)?;
        assert_eq!(kept.ids(), [id(2)]);
        Ok(())
    }
}

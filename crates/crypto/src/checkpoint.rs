//! What a checkpoint says: how far each log had come, the document made of exactly that, and where a sealed
//! copy of the document is. Knows its bytes, not whether any of it is true (security.md §2.7).
//!
//! Nothing in a checkpoint decides what counts. It lets whoever joins look at a drive before every entry of
//! it was judged, and what it claims can be held against the entries later: its author signed it.

use serde::{Deserialize, Serialize};

use crate::{
    aead::OpenFailed,
    body::{MAX_CUTS, SealedSecret},
    content::{SnapshotPart, padme},
    domain::context,
    entry::{MAX_BODY, Plane, log_id},
    ids::{BindId, BlobId, DriveId, EntryId, LogId},
    kdf::derive,
    secret::SnapshotKey,
    wire::{self, WireError, ascends},
};

/// Plain bytes of each part of a snapshot but the last.
pub const SNAPSHOT_PART: usize = 1 << 20;

/// The longest snapshot: some ten million nodes. Whoever reads one holds all of it in memory.
pub const MAX_SNAPSHOT: u64 = 1 << 30;

/// The most heads of a document.
pub const MAX_HEADS: usize = 1024;

/// How far a log had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reached {
    /// Whose log.
    pub bind: BindId,
    /// Its incarnation.
    pub inc: [u8; 16],
    /// The number of the last entry that is in the document. All before it are too.
    pub seq: u64,
    /// That entry.
    pub entry: EntryId,
}

impl Reached {
    /// Which log.
    pub fn log(&self, drive: &DriveId) -> LogId {
        log_id(drive, &self.bind, Plane::Content, &self.inc)
    }
}

/// Where the sealed copy of a document is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotAt {
    /// Its parts, in order.
    pub blobs: Vec<BlobId>,
    /// Opens each of them.
    pub key: SealedSecret,
    /// The length of the document's bytes, without the padding behind them.
    pub len: u64,
}

/// The body of a content entry of kind [`crate::entry::kind::CHECKPOINT`], before sealing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointBody {
    /// 1.
    pub v: u8,
    /// The author's clock in milliseconds since 1970: shown, never judged by.
    pub time_ms: u64,
    /// Every content log of which something is in the document, strictly ascending by device and incarnation.
    pub frontier: Vec<Reached>,
    /// Heads of the document, strictly ascending.
    pub heads: Vec<[u8; 32]>,
    /// How many changes entries brought into the document: one each.
    pub changes: u64,
    /// See [`accumulate`].
    pub accumulator: [u8; 32],
    /// The document itself.
    pub snapshot: SnapshotAt,
}

impl CheckpointBody {
    /// Its canonical bytes.
    ///
    /// # Errors
    /// [`WireError::Malformed`] if a list is too long or not in order, or the parts do not make up the
    /// snapshot.
    pub fn to_bytes(&self) -> Result<Vec<u8>, WireError> {
        let places: Vec<_> = self.frontier.iter().map(|r| (r.bind, r.inc)).collect();
        let sums = self.frontier.iter().try_fold(0u64, |sum, reached| {
            sum.checked_add(reached.seq.checked_add(1)?)
        });
        let sound = self.v == 1
            && ascends(&places, MAX_CUTS)
            && ascends(&self.heads, MAX_HEADS)
            && !self.heads.is_empty()
            && sums == Some(self.changes)
            && parts_of(self.snapshot.len) == Some(self.snapshot.blobs.len());
        if !sound {
            return Err(WireError::Malformed);
        }
        wire::encode(self)
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn decode(bytes: &[u8]) -> Result<CheckpointBody, WireError> {
        let body: CheckpointBody = wire::decode(bytes, MAX_BODY)?;
        body.to_bytes()?;
        Ok(body)
    }
}

/// The incarnation of the log that holds a device's checkpoints and nothing else: a change has the number of
/// its entry, so there is no place for them among the changes. It is new whenever that of the content log is.
pub fn checkpoint_inc(content_inc: &[u8; 16]) -> [u8; 16] {
    let mut inc = [0; 16];
    inc.copy_from_slice(&derive(context::CHECKPOINT_LOG, content_inc)[..16]);
    inc
}

/// Into how many parts a snapshot of so many bytes is cut; `None` if there is no such snapshot.
pub fn parts_of(len: u64) -> Option<usize> {
    let padded = (1..=MAX_SNAPSHOT).contains(&len).then(|| padme(len))?;
    usize::try_from(padded.div_ceil(SNAPSHOT_PART as u64)).ok()
}

/// One hash of a set of changes, each with the entry that it came in: over the pairs in order. Equal for
/// two devices exactly when both say the same of every change.
pub fn accumulate(mut pairs: Vec<([u8; 32], EntryId)>) -> [u8; 32] {
    pairs.sort_unstable();
    let joined: Vec<u8> = pairs
        .iter()
        .flat_map(|(change, entry)| [*change, entry.0])
        .flatten()
        .collect();
    derive(context::CHECKPOINT_CHANGES, &joined)
}

fn part_at(drive: &DriveId, heads: &[[u8; 32]], index: usize, count: usize) -> SnapshotPart {
    SnapshotPart {
        drive: *drive,
        heads: derive(context::SNAPSHOT_HEADS, heads.as_flattened()),
        index: index as u64,
        count: count as u64,
    }
}

/// Pads, cuts and seals a document of these heads. `key` must never have been used before.
pub fn seal_snapshot(
    drive: &DriveId,
    heads: &[[u8; 32]],
    key: &SnapshotKey,
    mut document: Vec<u8>,
) -> Vec<Vec<u8>> {
    let padded = usize::try_from(padme(document.len() as u64)).unwrap_or(document.len());
    document.resize(padded, 0);
    let parts = document.chunks(SNAPSHOT_PART);
    let count = parts.len();
    parts
        .enumerate()
        .map(|(index, part)| part_at(drive, heads, index, count).seal(key, part))
        .collect()
}

/// Opens what [`seal_snapshot`] has sealed.
///
/// # Errors
/// [`OpenFailed`] if anything of it is another part, of another snapshot, or padded with anything else.
pub fn open_snapshot(
    drive: &DriveId,
    checkpoint: &CheckpointBody,
    parts: &[impl AsRef<[u8]>],
) -> Result<Vec<u8>, OpenFailed> {
    let at = &checkpoint.snapshot;
    if parts_of(at.len) != Some(parts.len()) {
        return Err(OpenFailed);
    }
    let key = SnapshotKey::from(&at.key);
    let mut document = Vec::new();
    for (index, sealed) in parts.iter().enumerate() {
        let place = part_at(drive, &checkpoint.heads, index, parts.len());
        document.extend(place.open(&key, sealed.as_ref())?);
    }
    let len = usize::try_from(at.len).map_err(|_| OpenFailed)?;
    let exact = document.len() as u64 == padme(at.len);
    if !exact || document.split_off(len).iter().any(|byte| *byte != 0) {
        return Err(OpenFailed);
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(len: u64) -> CheckpointBody {
        let reached = |bind, inc, seq| Reached {
            bind: BindId([bind; 32]),
            inc: [inc; 16],
            seq,
            entry: EntryId([9; 32]),
        };
        CheckpointBody {
            v: 1,
            time_ms: 5,
            frontier: vec![reached(1, 1, 4), reached(1, 2, 0), reached(2, 1, 10)],
            heads: vec![[1; 32], [2; 32]],
            changes: 17,
            accumulator: [3; 32],
            snapshot: SnapshotAt {
                blobs: vec![BlobId([5; 32]); parts_of(len).unwrap_or(0)],
                key: SealedSecret::from(&SnapshotKey::from_bytes([6; 32])),
                len,
            },
        }
    }

    #[test]
    fn a_checkpoint_reads_as_it_was_written_and_in_no_other_form() -> Result<(), WireError> {
        let bytes = body(100).to_bytes()?;
        assert_eq!(CheckpointBody::decode(&bytes)?, body(100));
        for cut in 0..bytes.len() {
            assert!(CheckpointBody::decode(&bytes[..cut]).is_err());
        }
        assert!(CheckpointBody::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
        let wrong: [fn(&mut CheckpointBody); 9] = [
            |b| b.v = 2,
            |b| b.frontier.swap(0, 1),
            |b| b.frontier[1] = b.frontier[0],
            |b| b.heads.swap(0, 1),
            |b| b.heads.clear(),
            |b| b.changes += 1,
            |b| b.frontier[0].seq = u64::MAX,
            |b| b.snapshot.blobs.clear(),
            |b| b.snapshot.len = MAX_SNAPSHOT + 1,
        ];
        for spoil in wrong {
            let mut spoilt = body(100);
            spoil(&mut spoilt);
            assert!(spoilt.to_bytes().is_err());
            assert!(CheckpointBody::decode(&wire::encode(&spoilt)?).is_err());
        }
        Ok(())
    }

    #[test]
    fn a_snapshot_opens_whole_or_not_at_all() -> Result<(), OpenFailed> {
        let (drive, key) = (DriveId([1; 32]), SnapshotKey::from_bytes([6; 32]));
        let document: Vec<u8> = (0..2_500_000u32).map(|at| at as u8).collect();
        let checkpoint = body(document.len() as u64);
        let parts = seal_snapshot(&drive, &checkpoint.heads, &key, document.clone());
        assert_eq!(parts.len(), checkpoint.snapshot.blobs.len());
        assert_eq!(open_snapshot(&drive, &checkpoint, &parts)?, document);
        let mut swapped = parts.clone();
        swapped.swap(0, 1);
        let mut other_heads = checkpoint.clone();
        other_heads.heads.pop();
        let mut shorter = checkpoint.clone();
        shorter.snapshot.len -= 1;
        assert!(open_snapshot(&drive, &checkpoint, &swapped).is_err());
        assert!(open_snapshot(&drive, &checkpoint, &parts[..2]).is_err());
        assert!(open_snapshot(&drive, &other_heads, &parts).is_err());
        assert!(open_snapshot(&drive, &shorter, &parts).is_err());
        assert!(open_snapshot(&DriveId([2; 32]), &checkpoint, &parts).is_err());
        Ok(())
    }

    #[test]
    fn the_accumulator_is_of_a_set_of_pairs() {
        let (one, two) = (([1; 32], EntryId([8; 32])), ([2; 32], EntryId([7; 32])));
        let both = accumulate(vec![one, two]);
        assert_eq!(both, accumulate(vec![two, one]));
        assert_ne!(both, accumulate(vec![one]));
        // The same changes, said to be in each other's entries.
        assert_ne!(both, accumulate(vec![(one.0, two.1), (two.0, one.1)]));
    }
}

//! The document as it was written down last, from which a start goes on: when it is due, what is in it, and
//! whether it still counts. Knows no file.

use std::collections::HashMap;

use peerdrive_crdt_tree::id::Actor;
use peerdrive_crdt_tree::tree::DriveTree;
use peerdrive_crypto::ids::{EntryId, LogId};
use peerdrive_log::{Batch, Snapshot};
use serde::{Deserialize, Serialize};

use super::error::{DriveError, LoadError};
use super::replica::Replica;

/// A snapshot is due when the entries since the last one exceed a quarter of its size and this.
const SNAPSHOT_AFTER_BYTES: usize = 4 << 20;

/// Version of [`SnapshotBody`].
const SNAPSHOT: u8 = 2;

#[derive(Serialize, Deserialize)]
struct SnapshotBody<'a> {
    v: u8,
    heads: Vec<EntryId>,
    /// How many of the first entries of each log are in it, with the last of them.
    applied: Vec<(LogId, u64, EntryId)>,
    superseded: Vec<EntryId>,
    /// Written by hand, behind the others: byte by byte it takes long, and room twice over.
    #[serde(borrow, skip_serializing)]
    document: &'a [u8],
}

impl Replica {
    /// Begins from the snapshot, unless there is in it what no longer counts: then from nothing.
    pub(super) fn take_snapshot(&mut self, sealed: &[u8], actor: Actor) -> Result<(), LoadError> {
        let plain = self.seal.open_snapshot(sealed)?;
        // Of an older program: everything in it is in the record too.
        let Ok(body) = postcard::from_bytes::<SnapshotBody>(&plain) else {
            return Ok(());
        };
        let reached = self.reached(&body.applied).filter(|_| body.v == SNAPSHOT);
        let Some(reached) = reached else {
            self.snapshot_wanted = true;
            return Ok(());
        };
        *self.tree.write() = DriveTree::load(body.document, actor)?;
        self.snapshot_bytes = sealed.len();
        self.heads.extend(body.heads);
        self.superseded.extend(body.superseded);
        for (log, (applied, tip)) in reached {
            if let Some(progress) = self.contents.get_mut(&log) {
                progress.applied = applied;
                progress.tip = tip;
            }
        }
        Ok(())
    }

    /// How far each log and branch is applied in a snapshot that ends with these entries. `None` if some
    /// of it no longer counts. A log may have parted since, and go by other names.
    fn reached(&self, applied: &[(LogId, u64, EntryId)]) -> Option<HashMap<LogId, (u64, EntryId)>> {
        let mut reached: HashMap<LogId, (u64, EntryId)> = HashMap::new();
        for (_, _, tip) in applied {
            let mut last = Some(*tip);
            while let Some(tip) = last {
                let (name, at) = self.place(&tip)?;
                let here = self.contents.get(&name)?;
                if here.loses || at >= self.limit(&name) {
                    return None;
                }
                let known = reached.entry(name).or_insert((0, tip));
                if known.0 > at {
                    break;
                }
                *known = (at + 1, tip);
                last = here.before;
            }
        }
        Some(reached)
    }

    /// Writes a snapshot if enough was appended since the last one, or in any case if `now`.
    pub(crate) fn snapshot_if_due(&mut self, now: bool) -> Result<(), DriveError> {
        let due = self.since_snapshot > SNAPSHOT_AFTER_BYTES.max(self.snapshot_bytes / 4);
        if !(due || self.snapshot_wanted || now && self.since_snapshot > 0) {
            return Ok(());
        }
        let document = match &mut self.building {
            // What counts, not what a checkpoint says.
            Some(built) => built.save(),
            None => self.tree.write().save(),
        };
        let body = SnapshotBody {
            v: SNAPSHOT,
            heads: self.heads.iter().copied().collect(),
            applied: self
                .contents
                .iter()
                .filter(|(_, progress)| progress.applied > 0)
                .map(|(log, progress)| (*log, progress.applied, progress.tip))
                .collect(),
            superseded: self.superseded.iter().copied().collect(),
            document: &[],
        };
        let plain = Vec::with_capacity(document.len() + document.len() / 4 + 4096);
        let plain = postcard::to_extend(&body, plain).map_err(|_| DriveError::TooLarge)?;
        let mut plain =
            postcard::to_extend(&document.len(), plain).map_err(|_| DriveError::TooLarge)?;
        plain.extend_from_slice(&document);
        drop(document);
        let bytes = self.seal.close_snapshot(&plain);
        drop(plain);
        self.snapshot_bytes = bytes.len();
        self.since_snapshot = 0;
        self.snapshot_wanted = false;
        let snapshot = Some(Snapshot {
            arrival: self.log.arrivals(),
            bytes,
        });
        Ok(self.log.append(&Batch {
            snapshot,
            ..Batch::default()
        })?)
    }
}

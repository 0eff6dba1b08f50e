//! Slots by node id, in five bytes each: the ids themselves are in the slots.

use hashbrown::HashTable;

use super::{Slot, SlotId};
use crate::id::NodeId;

/// Finds slots by id. Every question takes the slots along.
#[derive(Clone, Debug, Default)]
pub(super) struct Index(HashTable<SlotId>);

impl Index {
    pub(super) fn get(&self, slots: &[Slot], id: NodeId) -> Option<SlotId> {
        self.0
            .find(hash(id), |at| slots[at.index()].id == id)
            .copied()
    }

    /// Adds a slot whose id is not there yet.
    pub(super) fn insert(&mut self, slots: &[Slot], at: SlotId) {
        let of = |at: &SlotId| hash(slots[at.index()].id);
        self.0.insert_unique(of(&at), at, of);
    }

    pub(super) fn remove(&mut self, slots: &[Slot], at: SlotId) {
        let id = slots[at.index()].id;
        if let Ok(entry) = self.0.find_entry(hash(id), |found| *found == at) {
            entry.remove();
        }
    }
}

/// Ids are BLAKE3 outputs (the linter sees to that), so any part of one is a hash already; both halves are
/// taken, since the first bits choose the bucket in the document.
fn hash(id: NodeId) -> u64 {
    let whole = u128::from_le_bytes(id.0);
    (whole as u64) ^ ((whole >> 64) as u64).rotate_left(32)
}

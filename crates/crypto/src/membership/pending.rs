//! Entries that build on entries not here yet, by what they wait for; capped in bytes, the oldest go
//! first; knows nothing of whether they will be any good.

use std::collections::{HashMap, VecDeque};

use crate::{entry::Entry, ids::EntryId};

/// The most bytes of entries held back.
const MAX_BYTES: usize = 16 << 20;
/// What an entry takes besides its body, roughly.
const OVERHEAD: usize = 512;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Pending {
    held: HashMap<EntryId, Entry>,
    /// By one of the entries that each waits for.
    waiting: HashMap<EntryId, Vec<EntryId>>,
    order: VecDeque<EntryId>,
    bytes: usize,
}

impl Pending {
    /// Holds an entry back until `missing` is here.
    pub(super) fn hold(&mut self, id: EntryId, entry: Entry, missing: EntryId) {
        if self.held.contains_key(&id) {
            return;
        }
        self.bytes += entry.body.len() + OVERHEAD;
        self.held.insert(id, entry);
        self.waiting.entry(missing).or_default().push(id);
        self.order.push_back(id);
        while self.bytes > MAX_BYTES {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            self.forget(&oldest);
        }
    }

    fn forget(&mut self, id: &EntryId) -> Option<Entry> {
        let entry = self.held.remove(id)?;
        self.bytes = self.bytes.saturating_sub(entry.body.len() + OVERHEAD);
        Some(entry)
    }

    /// Takes out the entries that waited for this one.
    pub(super) fn released_by(&mut self, arrived: &EntryId) -> Vec<(EntryId, Entry)> {
        let ids = self.waiting.remove(arrived).unwrap_or_default();
        let taken: Vec<_> = ids
            .into_iter()
            .filter_map(|id| Some((id, self.forget(&id)?)))
            .collect();
        // Ids of entries long gone would pile up in the order; as many again as are held are let be.
        if self.order.len() > 2 * self.held.len() + 64 {
            self.order.retain(|id| self.held.contains_key(id));
        }
        taken
    }

    /// The entries held back.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.held.values()
    }

    /// Whether this entry is held back.
    pub(super) fn has(&self, id: &EntryId) -> bool {
        self.held.contains_key(id)
    }
}

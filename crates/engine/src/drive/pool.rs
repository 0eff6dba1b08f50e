//! Entries that cannot be applied yet, each filed under the one thing it waits for. Knows nothing of
//! why an entry matters or who wrote it.

use std::collections::{HashMap, HashSet};

use peerdrive_crypto::ids::EntryId;

/// Waiting items of type `T`, bounded in bytes.
#[derive(Debug)]
pub(crate) struct Pool<T> {
    waiting: HashMap<EntryId, Vec<(EntryId, usize, T)>>,
    known: HashSet<EntryId>,
    bytes: usize,
    cap: usize,
}

impl<T> Pool<T> {
    /// A pool that holds at most `cap` bytes of entries.
    pub(crate) fn new(cap: usize) -> Self {
        Self {
            waiting: HashMap::new(),
            known: HashSet::new(),
            bytes: 0,
            cap,
        }
    }

    /// Files `item` (entry `id`, of `bytes` bytes) until `missing` is there. Returns whether there was
    /// room; an item that is already filed is not filed twice.
    pub(crate) fn hold(&mut self, id: EntryId, bytes: usize, missing: EntryId, item: T) -> bool {
        if self.known.contains(&id) {
            return true;
        }
        if self.bytes + bytes > self.cap {
            return false;
        }
        self.bytes += bytes;
        self.known.insert(id);
        self.waiting
            .entry(missing)
            .or_default()
            .push((id, bytes, item));
        true
    }

    /// Takes out everything that waited for `arrived`, in the order in which it was filed.
    pub(crate) fn release(&mut self, arrived: &EntryId) -> Vec<T> {
        let freed = self.waiting.remove(arrived).unwrap_or_default();
        let mut items = Vec::with_capacity(freed.len());
        for (id, bytes, item) in freed {
            self.known.remove(&id);
            self.bytes -= bytes;
            items.push(item);
        }
        items
    }

    /// Whether the entry waits here.
    pub(crate) fn contains(&self, id: &EntryId) -> bool {
        self.known.contains(id)
    }

    /// Ids of all that wait, in no order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &EntryId> {
        self.known.iter()
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> EntryId {
        EntryId([n; 32])
    }

    #[test]
    fn an_entry_comes_out_when_what_it_waits_for_arrives() {
        let mut pool = Pool::new(100);
        assert!(pool.hold(id(2), 10, id(1), "two"));
        assert!(pool.hold(id(3), 10, id(1), "three"));
        assert!(pool.hold(id(2), 10, id(1), "two again"));
        assert_eq!((pool.len(), pool.contains(&id(2))), (2, true));
        assert!(pool.release(&id(9)).is_empty());
        assert_eq!(pool.release(&id(1)), ["two", "three"]);
        assert_eq!((pool.len(), pool.bytes), (0, 0));
    }

    #[test]
    fn a_full_pool_takes_no_more_until_something_leaves() {
        let mut pool = Pool::new(25);
        assert!(pool.hold(id(1), 20, id(8), 1));
        assert!(!pool.hold(id(2), 20, id(9), 2));
        assert_eq!(pool.release(&id(8)), [1]);
        assert!(pool.hold(id(2), 20, id(9), 2));
    }
}

//! Which blobs were read not long ago: who has to let go of some begins with the others. Kept in memory
//! only, so a restart begins with all alike. Does not know what is in them.

use std::collections::HashMap;

use parking_lot::Mutex;
use peerdrive_net::BlobId;

/// Blobs remembered before the older half is forgotten.
const MOST: usize = 1 << 16;

/// Reads in their order, by the first bytes of the blobs' ids.
#[derive(Debug, Default)]
pub(super) struct Used(Mutex<(u64, HashMap<u64, u64>)>);

fn short(id: &BlobId) -> u64 {
    id.0.first_chunk().copied().map_or(0, u64::from_le_bytes)
}

impl Used {
    /// A blob is being read.
    pub(super) fn note(&self, id: &BlobId) {
        let (clock, reads) = &mut *self.0.lock();
        *clock += 1;
        reads.insert(short(id), *clock);
        if reads.len() > MOST {
            let mut times: Vec<u64> = reads.values().copied().collect();
            let (_, middle, _) = times.select_nth_unstable(MOST / 2);
            let middle = *middle;
            reads.retain(|_, at| *at > middle);
        }
    }

    /// Greater is later; 0 is never.
    pub(super) fn last(&self, id: &BlobId) -> u64 {
        self.0.lock().1.get(&short(id)).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_read_counts_and_the_oldest_are_forgotten() {
        let used = Used::default();
        let id = |n: u64| {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&n.to_le_bytes());
            BlobId(id)
        };
        used.note(&id(1));
        used.note(&id(2));
        used.note(&id(1));
        assert!(used.last(&id(1)) > used.last(&id(2)) && used.last(&id(3)) == 0);
        for n in 10..10 + MOST as u64 {
            used.note(&id(n));
        }
        assert_eq!(used.last(&id(1)), 0);
        assert!(used.last(&id(9 + MOST as u64)) > 0);
    }
}

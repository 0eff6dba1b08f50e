//! Small blobs that were fetched a moment ago, kept in memory until somebody takes them: a folder's files come by the
//! hundred and are written out at once, and asking the store for each again takes longer than to receive it. The
//! store has them too; nothing is lost with these.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use crate::types::BlobId;

/// Bytes of a blob that is kept, at most: a small file and its seal.
pub(super) const SMALL: usize = 20 << 10;

/// Bytes of all of them.
const MOST: usize = 8 << 20;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Come {
    blobs: HashMap<BlobId, Bytes>,
    /// In the order in which they came, those that were taken since among them.
    order: VecDeque<BlobId>,
    bytes: usize,
}

impl Come {
    /// Keeps a blob; the oldest give way.
    pub(super) fn keep(&mut self, id: BlobId, bytes: Bytes) {
        if bytes.len() > SMALL {
            return;
        }
        self.bytes += bytes.len();
        if let Some(before) = self.blobs.insert(id, bytes) {
            self.bytes -= before.len();
        } else {
            self.order.push_back(id);
        }
        while self.bytes > MOST || self.order.len() > 2 * self.blobs.len() + 64 {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            self.take(&oldest);
        }
    }

    /// A blob that came, which is not kept any longer: it is wanted once.
    pub(super) fn take(&mut self, id: &BlobId) -> Option<Bytes> {
        let bytes = self.blobs.remove(id)?;
        self.bytes -= bytes.len();
        Some(bytes)
    }

    /// These are removed from the store.
    pub(super) fn forget(&mut self, ids: &[BlobId]) {
        for id in ids {
            self.take(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> BlobId {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        BlobId(bytes)
    }

    #[test]
    fn the_oldest_give_way_and_large_ones_are_not_kept() {
        let mut come = Come::default();
        let blob = Bytes::from(vec![7; SMALL]);
        let fit = MOST / SMALL;
        for number in 0..fit + 10 {
            come.keep(id(number), blob.clone());
        }
        assert!(come.bytes <= MOST);
        assert!(come.take(&id(9)).is_none());
        assert!(come.take(&id(10)).is_some());
        assert!(come.take(&id(10)).is_none(), "it is given once");
        come.forget(&[id(11)]);
        assert!(come.take(&id(11)).is_none());
        come.keep(id(0), Bytes::from(vec![7; SMALL + 1]));
        assert!(come.take(&id(0)).is_none());
    }

    #[test]
    fn what_was_taken_leaves_nothing_behind() {
        let mut come = Come::default();
        for number in 0..100_000 {
            come.keep(id(number), Bytes::from_static(b"small"));
            assert!(come.take(&id(number)).is_some());
        }
        assert_eq!((come.bytes, come.blobs.len()), (0, 0));
        assert!(come.order.len() < 100);
        // One that comes again is counted once.
        come.keep(id(1), Bytes::from_static(b"small"));
        come.keep(id(1), Bytes::from_static(b"small"));
        assert_eq!(come.bytes, 5);
    }
}

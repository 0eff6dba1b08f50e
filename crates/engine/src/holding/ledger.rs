//! What this device has promised other devices to keep, and what it is about to let go of. Shared by
//! all drives of a device, as its store of blobs is. Knows no drive.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use peerdrive_net::BlobId;

/// How long a promise holds: long against the time in which who asked acts on it.
const PROMISE: Duration = Duration::from_secs(900);

/// Promises kept before old ones are struck off.
const PRUNE_AT: usize = 1 << 14;

/// Two devices may ask each other about the same blob in the same moment, and both must not let go. So
/// who asks first writes down what it is about to let go of, and says no to questions about that; and
/// who says yes writes that down, and lets nothing of it go for a while.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    promised: HashMap<BlobId, Instant>,
    leaving: HashSet<BlobId>,
}

impl Ledger {
    /// Promises to keep a blob, unless it is about to go.
    pub(crate) fn promise(&self, id: &BlobId, now: Instant) -> bool {
        let mut state = self.state.lock();
        if state.leaving.contains(id) {
            return false;
        }
        if state.promised.len() >= PRUNE_AT {
            state
                .promised
                .retain(|_, at| now.saturating_duration_since(*at) < PROMISE);
        }
        state.promised.insert(*id, now);
        true
    }

    /// Whether a blob is about to go.
    pub(crate) fn is_leaving(&self, id: &BlobId) -> bool {
        self.state.lock().leaving.contains(id)
    }

    /// Writes down that these blobs are about to go, those left out that were promised to somebody.
    /// They stay written down while what is returned lives.
    pub(crate) fn leave(&self, ids: Vec<BlobId>, now: Instant) -> Leaving<'_> {
        let mut state = self.state.lock();
        let free: Vec<BlobId> = ids
            .into_iter()
            .filter(|id| {
                let promised = state.promised.get(id);
                promised.is_none_or(|at| now.saturating_duration_since(*at) >= PROMISE)
            })
            // Who else is letting go of the same blob right now has it written down already.
            .filter(|id| !state.leaving.contains(id))
            .collect();
        state.leaving.extend(free.iter().copied());
        Leaving {
            ledger: self,
            ids: free,
        }
    }
}

/// Blobs that are about to go.
#[derive(Debug)]
pub(crate) struct Leaving<'a> {
    ledger: &'a Ledger,
    ids: Vec<BlobId>,
}

impl Leaving<'_> {
    /// Which.
    pub(crate) fn ids(&self) -> &[BlobId] {
        &self.ids
    }
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        let mut state = self.ledger.state.lock();
        for id in &self.ids {
            state.leaving.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: BlobId = BlobId([1; 32]);

    #[test]
    fn what_was_promised_stays_and_what_leaves_is_not_promised() {
        let ledger = Ledger::default();
        let now = Instant::now();
        assert!(ledger.promise(&ID, now));
        assert!(ledger.leave(vec![ID], now).ids().is_empty());
        let later = now + PROMISE;
        {
            let leaving = ledger.leave(vec![ID, BlobId([2; 32])], later);
            assert_eq!(leaving.ids().len(), 2);
            assert!(ledger.is_leaving(&ID) && !ledger.promise(&ID, later));
            assert!(ledger.leave(vec![ID], later).ids().is_empty());
        }
        assert!(ledger.promise(&ID, later));
    }
}

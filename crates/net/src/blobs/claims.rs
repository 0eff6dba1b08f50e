//! Which blobs somebody has just written or found, and will name in a moment: what a collection of
//! garbage must leave alone. Does not know what for.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::types::BlobId;

/// How long after it was written a blob counts as about to be named. Long against the time between
/// reading a file and recording the edit that names it, also on a loaded machine.
const ABOUT_TO_BE_NAMED: Duration = Duration::from_secs(3600);

/// Claims kept before old ones are struck off.
const PRUNE_AT: usize = 1 << 16;

/// Claims on blobs. Kept by the first bytes of an id: two that share them only protect each other.
#[derive(Debug)]
pub(super) struct Claims {
    started: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Seconds after the start at which a blob was last claimed.
    claimed: HashMap<u64, u32>,
    /// Writers at work, by ticket, with the second in which each began.
    writers: BTreeMap<u64, u32>,
    tickets: u64,
    prune_at: usize,
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            state: Mutex::new(State {
                prune_at: PRUNE_AT,
                ..State::default()
            }),
        }
    }
}

fn short(id: &BlobId) -> u64 {
    id.0.first_chunk().copied().map_or(0, u64::from_le_bytes)
}

impl State {
    /// What was claimed before this second is claimed no longer.
    fn limit(&self, now: u32) -> u32 {
        let recent = now.saturating_sub(ABOUT_TO_BE_NAMED.as_secs() as u32);
        let writers = self.writers.values().copied().min();
        writers.map_or(recent, |begun| begun.min(recent))
    }
}

impl Claims {
    fn now(&self) -> u32 {
        u32::try_from(self.started.elapsed().as_secs()).unwrap_or(u32::MAX)
    }

    /// Claims a blob for a while.
    pub(super) fn add(&self, id: &BlobId) {
        let now = self.now();
        let mut state = self.state.lock();
        state.claimed.insert(short(id), now);
        if state.claimed.len() > state.prune_at {
            let limit = state.limit(now);
            state.claimed.retain(|_, at| *at >= limit);
            state.prune_at = PRUNE_AT.max(state.claimed.len() * 2);
        }
    }

    /// Whether a blob is claimed.
    pub(super) fn has(&self, id: &BlobId) -> bool {
        let now = self.now();
        let state = self.state.lock();
        let limit = state.limit(now);
        state.claimed.get(&short(id)).is_some_and(|at| *at >= limit)
    }

    /// Forgets all claims, as a restart does.
    #[doc(hidden)]
    pub(super) fn forget(&self) {
        self.state.lock().claimed.clear();
    }

    /// While a writer is at work, what was claimed since it began stays claimed.
    pub(super) fn begin(&self) -> u64 {
        let now = self.now();
        let mut state = self.state.lock();
        state.tickets += 1;
        let ticket = state.tickets;
        state.writers.insert(ticket, now);
        ticket
    }

    /// Ends a writer. What it wrote stays claimed for the usual while from now on.
    pub(super) fn end(&self, ticket: u64) {
        let now = self.now();
        let mut state = self.state.lock();
        if let Some(begun) = state.writers.remove(&ticket) {
            let claimed = state.claimed.values_mut();
            claimed.filter(|at| **at >= begun).for_each(|at| *at = now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_claimed_until_it_is_forgotten() {
        let claims = Claims::default();
        let (one, two) = (BlobId([1; 32]), BlobId([2; 32]));
        claims.add(&one);
        assert!(claims.has(&one) && !claims.has(&two));
        claims.forget();
        assert!(!claims.has(&one));
    }

    #[test]
    fn a_writer_keeps_what_it_wrote_however_long_it_takes() {
        let claims = Claims {
            // As if it had begun two hours ago.
            started: Instant::now()
                .checked_sub(Duration::from_secs(7200))
                .unwrap_or_else(Instant::now),
            ..Claims::default()
        };
        let id = BlobId([3; 32]);
        let ticket = {
            let mut state = claims.state.lock();
            state.writers.insert(9, 0);
            state.claimed.insert(short(&id), 5);
            9
        };
        assert!(claims.has(&id));
        claims.end(ticket);
        assert!(claims.has(&id), "it is about to be named now");
        claims.state.lock().claimed.insert(short(&id), 5);
        assert!(!claims.has(&id));
    }
}

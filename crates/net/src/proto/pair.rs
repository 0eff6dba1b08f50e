//! One log as two peers have it: what we hold against what the other says it holds. Does not know
//! other logs or other peers.

use std::time::{Duration, Instant};

use super::{LogHead, fork::Fork};

/// How long a log is left alone with a peer that did not deliver, at first and at most. At first
/// short: the usual cause is that an entry came before another that vouches for its author.
const FIRST_STALL: Duration = Duration::from_millis(250);
const LONGEST_STALL: Duration = Duration::from_secs(60);

/// One log between us and one peer.
#[derive(Debug, Default)]
pub(super) struct Pair {
    /// The head that the peer told us last.
    pub(super) theirs: Option<LogHead>,
    /// The head that we told the peer last.
    pub(super) told: Option<LogHead>,
    /// The number after the last entry that was sent to the peer in this session.
    pub(super) sent: u64,
    /// Whether the two logs were found to part, or may.
    pub(super) fork: Fork,
    /// Since when and how long the peer is not asked for this log.
    pub(super) stall: Stall,
    /// What the pair adds to the session's totals.
    pub(super) gap: Gap,
}

/// How far two logs are apart.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Gap {
    /// Entries that the peer lacks.
    pub(super) behind: u64,
    /// Entries that we lack.
    pub(super) ahead: u64,
    /// 1 unless the heads are the same.
    pub(super) unequal: u64,
}

impl Gap {
    /// The gap between our head and theirs.
    pub(super) fn between(ours: Option<&LogHead>, theirs: Option<&LogHead>) -> Self {
        let (our_len, their_len) = (ours.map_or(0, |h| h.len), theirs.map_or(0, |h| h.len));
        Self {
            behind: our_len.saturating_sub(their_len),
            ahead: their_len.saturating_sub(our_len),
            unequal: u64::from(ours != theirs),
        }
    }

    /// Replaces `old` by `new` in a sum of gaps.
    pub(super) fn replace(&mut self, old: Self, new: Self) {
        let swap = |sum: &mut u64, old, new| *sum = sum.saturating_sub(old).saturating_add(new);
        swap(&mut self.behind, old.behind, new.behind);
        swap(&mut self.ahead, old.ahead, new.ahead);
        swap(&mut self.unequal, old.unequal, new.unequal);
    }
}

/// A pause in asking, which doubles while it does not help.
#[derive(Debug, Default)]
pub(super) struct Stall {
    until: Option<Instant>,
    last: Option<Duration>,
}

impl Stall {
    /// Begins a pause, twice as long as the one before.
    pub(super) fn begin(&mut self, now: Instant) {
        let pause = self
            .last
            .map_or(FIRST_STALL, |last| (last * 2).min(LONGEST_STALL));
        self.last = Some(pause);
        self.until = Some(now + pause);
    }

    /// When the pause ends, if there is one.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Whether it is among the first few pauses: later ones are not cut short by anything, so that
    /// a peer with a log that never makes sense is not asked for it again and again.
    pub(super) fn is_short(&self) -> bool {
        self.last.is_some_and(|last| last <= 4 * FIRST_STALL)
    }

    /// Lets the asking go on, and remembers how long the pause was.
    pub(super) fn end(&mut self) {
        self.until = None;
    }
}

impl Pair {
    /// Whether the peer may be asked for entries from number `next`.
    pub(super) fn offers(&self, next: u64) -> bool {
        self.stall.until().is_none()
            && self.fork == Fork::None
            && self.theirs.is_some_and(|head| head.len > next)
    }
}

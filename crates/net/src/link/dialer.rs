//! When to call which member: at once, and then at growing intervals. Does not know sessions, and
//! does not call by itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rand_chacha::{ChaCha8Rng, rand_core::Rng};
use tokio::time::Instant;

use crate::types::PeerId;

/// The pause after a call that failed, at first and at most. The first is short enough to notice a
/// restart, the last long enough for a device that is off for days to cost nothing.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// A session that held for so long was a success; a shorter one counts as a failed call, or two
/// peers that cannot agree would call each other without pause.
const SETTLED: Duration = Duration::from_secs(1);

/// Keeps the times.
pub(super) struct Dialer {
    members: BTreeMap<PeerId, Plan>,
    /// Only spreads calls in time: no secret.
    rng: ChaCha8Rng,
}

#[derive(Debug)]
struct Plan {
    state: State,
    pause: Duration,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// There is a session.
    Connected,
    /// A call is under way.
    Calling,
    /// The next call.
    Due(Instant),
}

impl Dialer {
    pub(super) fn new(rng: ChaCha8Rng) -> Self {
        Self {
            members: BTreeMap::new(),
            rng,
        }
    }

    /// Sets whom to call. New members are called at once.
    pub(super) fn set_members(&mut self, members: &BTreeSet<PeerId>, now: Instant) {
        self.members.retain(|peer, _| members.contains(peer));
        for peer in members {
            let plan = || Plan {
                state: State::Due(now),
                pause: FIRST_PAUSE,
            };
            self.members.entry(*peer).or_insert_with(plan);
        }
    }

    /// The members to call now; each is then taken to be called.
    pub(super) fn due(&mut self, now: Instant) -> Vec<PeerId> {
        let due = |plan: &Plan| matches!(plan.state, State::Due(at) if at <= now);
        let mut peers = Vec::new();
        for (peer, plan) in self.members.iter_mut().filter(|(_, plan)| due(plan)) {
            plan.state = State::Calling;
            peers.push(*peer);
        }
        peers
    }

    /// When somebody is to be called next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let due = self.members.values().filter_map(|plan| match plan.state {
            State::Due(at) => Some(at),
            State::Connected | State::Calling => None,
        });
        due.min()
    }

    /// There is a session with the peer, whoever called.
    pub(super) fn connected(&mut self, peer: &PeerId) {
        if let Some(plan) = self.members.get_mut(peer) {
            plan.state = State::Connected;
        }
    }

    /// The session with the peer has ended after `held`.
    pub(super) fn disconnected(&mut self, peer: &PeerId, held: Duration, now: Instant) {
        if held >= SETTLED
            && let Some(plan) = self.members.get_mut(peer)
        {
            plan.pause = FIRST_PAUSE;
            // Both sides notice at the same time: do not let them call at the same time.
            let spread = Duration::from_millis(u64::from(self.rng.next_u32() % 50));
            plan.state = State::Due(now + spread);
        } else {
            self.pause(peer, now);
        }
    }

    /// A call has failed.
    pub(super) fn failed(&mut self, peer: &PeerId, now: Instant) {
        if self
            .members
            .get(peer)
            .is_some_and(|plan| plan.state == State::Calling)
        {
            self.pause(peer, now);
        }
    }

    fn pause(&mut self, peer: &PeerId, now: Instant) {
        let Some(plan) = self.members.get_mut(peer) else {
            return;
        };
        // Between half the pause and the whole of it.
        let share = 0.5 + f64::from(self.rng.next_u32()) / f64::from(u32::MAX) / 2.0;
        plan.state = State::Due(now + plan.pause.mul_f64(share));
        plan.pause = (plan.pause * 2).min(LONGEST_PAUSE);
    }

    /// The peer is worth a call now, and short pauses again.
    pub(super) fn encourage(&mut self, peer: &PeerId, now: Instant) {
        if let Some(plan) = self.members.get_mut(peer) {
            plan.pause = FIRST_PAUSE;
            if matches!(plan.state, State::Due(at) if at > now) {
                plan.state = State::Due(now);
            }
        }
    }

    /// All members are worth a call now.
    pub(super) fn encourage_all(&mut self, now: Instant) {
        let peers: Vec<PeerId> = self.members.keys().copied().collect();
        peers.iter().for_each(|peer| self.encourage(peer, now));
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    const PEER: PeerId = PeerId([7; 32]);

    #[test]
    fn pauses_grow_to_a_limit_and_shrink_after_success() {
        let mut dialer = Dialer::new(ChaCha8Rng::seed_from_u64(1));
        let mut now = Instant::now();
        dialer.set_members(&BTreeSet::from([PEER]), now);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            assert_eq!(dialer.due(now), [PEER]);
            assert!(dialer.due(now).is_empty(), "one call at a time");
            dialer.failed(&PEER, now);
            let next = dialer.deadline().unwrap_or(now);
            pauses.push(next - now);
            now = next;
        }
        assert!(pauses[0] <= FIRST_PAUSE && pauses[11] <= LONGEST_PAUSE);
        assert!(pauses[11] >= LONGEST_PAUSE / 2);

        dialer.due(now);
        dialer.connected(&PEER);
        assert_eq!(dialer.deadline(), None);
        dialer.disconnected(&PEER, Duration::from_secs(9), now);
        assert!(
            dialer
                .deadline()
                .is_some_and(|at| at - now <= Duration::from_millis(50))
        );
    }

    #[test]
    fn a_nudge_calls_at_once_but_never_twice_at_a_time() {
        let mut dialer = Dialer::new(ChaCha8Rng::seed_from_u64(1));
        let now = Instant::now();
        dialer.set_members(&BTreeSet::from([PEER]), now);
        assert_eq!(dialer.due(now), [PEER]);
        dialer.encourage_all(now);
        assert!(dialer.due(now).is_empty());
        dialer.failed(&PEER, now);
        assert!(dialer.due(now).is_empty());
        dialer.encourage_all(now);
        assert_eq!(dialer.due(now), [PEER]);
    }
}

//! What is asked of whom, and when again. Does not know what comes of it.

use std::{
    collections::{HashSet, VecDeque},
    time::{Duration, Instant},
};

use super::{Exchange, Incoming, UNTAKEN, WINDOW, Want};
use crate::{
    proto::{Message, pair::Stall},
    types::{LogId, PeerId},
};

/// How long an answer may take before somebody else is asked. Peers answer in order, and one window
/// goes through a slow line in this time.
pub(super) const WANT_LIMIT: Duration = Duration::from_secs(8);

/// Questions of ours that may be open, over all peers.
const MAX_WANTS: usize = 16;

/// Logs to ask for, in order, each once.
#[derive(Default)]
pub(super) struct Wanted {
    order: VecDeque<LogId>,
    listed: HashSet<LogId>,
}

impl Wanted {
    pub(super) fn push_back(&mut self, log: LogId) {
        if self.listed.insert(log) {
            self.order.push_back(log);
        }
    }

    pub(super) fn push_front(&mut self, log: LogId) {
        if self.listed.insert(log) {
            self.order.push_front(log);
        }
    }

    pub(super) fn front(&self) -> Option<LogId> {
        self.order.front().copied()
    }

    pub(super) fn pop_front(&mut self) {
        if let Some(log) = self.order.pop_front() {
            self.listed.remove(&log);
        }
    }
}

impl Exchange {
    /// Asks for what is wanted, as far as there is room for it.
    pub(super) fn ask(&mut self, now: Instant) {
        while let Some(log) = self.wanted.front() {
            let next = self.next(&log);
            let open = self
                .incoming
                .get(&log)
                .is_some_and(|incoming| incoming.want.is_some());
            let offering = self.sessions.iter().filter(|(_, session)| {
                !session.misbehaved && session.pairs.get(&log).is_some_and(|p| p.offers(next))
            });
            let Some(peer) = offering
                .min_by_key(|(_, s)| s.open_wants)
                .map(|(peer, _)| *peer)
                .filter(|_| !open)
            else {
                self.wanted.pop_front();
                continue;
            };
            if self.open_wants >= MAX_WANTS
                || self.untaken + (self.open_wants + 1) * WINDOW > UNTAKEN
            {
                return;
            }
            self.wanted.pop_front();
            let incoming = self.incoming.entry(log).or_insert(Incoming::at(next));
            incoming.want = Some(Want {
                peer,
                from: next,
                since: now,
            });
            self.open_wants += 1;
            if let Some(session) = self.sessions.get_mut(&peer) {
                session.open_wants += 1;
            }
            self.send(peer, &Message::Want { log, from: next });
        }
    }

    pub(super) fn ticked(&mut self, now: Instant) {
        let late: Vec<(LogId, PeerId)> = self
            .incoming
            .iter()
            .filter_map(|(log, incoming)| Some((*log, incoming.want.as_ref()?)))
            .filter(|(_, want)| want.since + WANT_LIMIT <= now)
            .map(|(log, want)| (log, want.peer))
            .collect();
        for (log, peer) in late {
            self.close_want(&log);
            self.settle(&log);
            self.stall(peer, log, now);
            self.wanted.push_back(log);
        }
        self.end_stalls(|stall| stall.until().is_none_or(|until| until <= now));
    }

    /// Lets the asking go on where a pause is `over`.
    pub(super) fn end_stalls(&mut self, over: impl Fn(&Stall) -> bool) {
        let mut ended = Vec::new();
        let sessions = &mut self.sessions;
        self.stalled.retain(|(peer, log)| {
            let Some(pair) = sessions.get_mut(peer).and_then(|s| s.pairs.get_mut(log)) else {
                return false;
            };
            let end = over(&pair.stall);
            if end {
                pair.stall.end();
                ended.push(*log);
            }
            !end
        });
        ended.into_iter().for_each(|log| self.wanted.push_back(log));
    }

    /// Forgets an open question of ours.
    pub(super) fn close_want(&mut self, log: &LogId) {
        let Some(want) = self.incoming.get_mut(log).and_then(|i| i.want.take()) else {
            return;
        };
        self.open_wants = self.open_wants.saturating_sub(1);
        if let Some(session) = self.sessions.get_mut(&want.peer) {
            session.open_wants = session.open_wants.saturating_sub(1);
        }
    }

    /// Forgets a log of which nothing is on its way any more.
    pub(super) fn settle(&mut self, log: &LogId) {
        if self
            .incoming
            .get(log)
            .is_some_and(|i| i.want.is_none() && i.deliveries == 0)
        {
            self.incoming.remove(log);
        }
    }

    pub(super) fn stall(&mut self, peer: PeerId, log: LogId, now: Instant) {
        if let Some(pair) = self
            .sessions
            .get_mut(&peer)
            .and_then(|s| s.pairs.get_mut(&log))
        {
            pair.stall.begin(now);
            self.stalled.insert((peer, log));
        }
    }
}

//! All sessions of one drive together: who is told what, who is asked for what, and what has
//! arrived. Does not know connections; [`crate::link`] feeds it and carries out what it says.
//!
//! The rules, in short. Both sides name their heads. Who lacks entries asks one peer for them, a
//! window at a time, hands them to the keeper, and when they are durable names the new head: that is
//! at once the acknowledgement and the news for the others. An author pushes what it has just
//! written to those who hold all that comes before. What does not lead anywhere pauses and is tried
//! again later. Whatever is lost or refused, the next exchange of heads repairs.

mod arrive;
mod ask;
mod tell;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Instant,
};

use self::ask::{WANT_LIMIT, Wanted};
pub(crate) use self::tell::{answer, shown};
use super::{
    EntrySource, InEvent, LogHead, Message, OutEvent,
    event::Standing,
    message::MAX_HEADS,
    pair::{Gap, Pair},
};
use crate::types::{LogId, PeerId};

/// Logs of one drive that a peer may name. Two per device, so this is far beyond any drive.
pub(super) const MAX_LOGS: usize = 1 << 16;

/// Entries asked for at once, in bytes: large against a round trip's cost on a local network, small
/// against memory.
const WINDOW: usize = 256 << 10;

/// Questions of a peer that may wait for their answer: more than one that keeps to [`MAX_WANTS`]
/// can have.
const MAX_ASKED: usize = 64;

/// Bytes handed to the keeper, or asked for, that it has not taken yet.
const UNTAKEN: usize = 4 << 20;

/// Bytes that came from one peer and are not taken, above which nothing more is read from it.
const UNTAKEN_PER_PEER: usize = 2 << 20;

/// The state of all sessions of one drive.
pub(crate) struct Exchange {
    source: Arc<dyn EntrySource>,
    local: HashMap<LogId, LogHead>,
    sessions: BTreeMap<PeerId, Session>,
    /// Logs of which something is on its way; the others are not mentioned.
    incoming: HashMap<LogId, Incoming>,
    /// Logs that some peer may have more of, in the order of asking.
    wanted: Wanted,
    /// The pauses that are running.
    stalled: BTreeSet<(PeerId, LogId)>,
    /// What the keeper has not taken yet.
    deliveries: HashMap<u64, Delivery>,
    next_delivery: u64,
    untaken: usize,
    open_wants: usize,
    out: VecDeque<OutEvent>,
}

/// What is known of one peer.
#[derive(Default)]
struct Session {
    pairs: HashMap<LogId, Pair>,
    total: Gap,
    /// Whether the peer has named all its logs.
    named_all: bool,
    /// What was last said about the peer being level.
    told_level: bool,
    /// Logs whose head the peer is to be told.
    to_tell: BTreeSet<LogId>,
    /// The peer's open questions.
    asked: VecDeque<(LogId, u64)>,
    /// Questions that the peer has not answered.
    open_wants: usize,
    unsent: usize,
    untaken: usize,
    misbehaved: bool,
}

/// A log of which something is on its way.
struct Incoming {
    /// The number after the last entry that is here or handed to the keeper.
    next: u64,
    /// Deliveries that are not taken.
    deliveries: usize,
    want: Option<Want>,
    /// Whose delivery was the first not to be accepted.
    suspect: Option<PeerId>,
}

struct Want {
    peer: PeerId,
    from: u64,
    since: Instant,
}

struct Delivery {
    peer: PeerId,
    log: LogId,
    end: u64,
    bytes: usize,
}

impl Exchange {
    /// An exchange without sessions.
    pub(crate) fn new(source: Arc<dyn EntrySource>) -> Self {
        let mut exchange = Self {
            source,
            local: HashMap::new(),
            sessions: BTreeMap::new(),
            incoming: HashMap::new(),
            wanted: Wanted::default(),
            stalled: BTreeSet::new(),
            deliveries: HashMap::new(),
            next_delivery: 0,
            untaken: 0,
            open_wants: 0,
            out: VecDeque::new(),
        };
        exchange.recheck();
        exchange
    }

    /// Where our own entries are read.
    pub(crate) fn source(&self) -> Arc<dyn EntrySource> {
        Arc::clone(&self.source)
    }

    /// Takes in one event. What follows from it is in [`Exchange::poll`], acknowledgements only after
    /// [`Exchange::flush`].
    pub(crate) fn handle(&mut self, event: InEvent, now: Instant) {
        match event {
            InEvent::Opened(peer) => self.opened(peer),
            InEvent::Closed(peer) => self.closed(peer),
            InEvent::Received(peer, message) => self.received(peer, message, now),
            InEvent::Written(peer, bytes) => {
                if let Some(session) = self.sessions.get_mut(&peer) {
                    session.unsent = session.unsent.saturating_sub(bytes);
                }
                self.serve(peer);
            }
            InEvent::Announced(new) => self.announced(new),
            InEvent::Taken(id) => self.taken(id, now),
            InEvent::Recheck => self.recheck(),
            InEvent::Tick => self.ticked(now),
        }
        self.ask(now);
    }

    /// Tells the peers which heads have changed since the last call. Called once after a bunch of
    /// events, so that many small arrivals are acknowledged together.
    pub(crate) fn flush(&mut self) {
        let peers: Vec<PeerId> = self.sessions.keys().copied().collect();
        for peer in peers {
            self.tell(peer);
            let Some(session) = self.sessions.get_mut(&peer) else {
                continue;
            };
            let level = session.is_level();
            if level != session.told_level {
                session.told_level = level;
                self.out.push_back(OutEvent::LevelChanged(peer));
            }
        }
    }

    /// The next thing to do.
    pub(crate) fn poll(&mut self) -> Option<OutEvent> {
        self.out.pop_front()
    }

    /// When [`InEvent::Tick`] is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let wants = self
            .incoming
            .values()
            .filter_map(|incoming| incoming.want.as_ref());
        let stalls = self
            .stalled
            .iter()
            .filter_map(|(peer, log)| self.sessions.get(peer)?.pairs.get(log)?.stall.until());
        wants
            .map(|want| want.since + WANT_LIMIT)
            .chain(stalls)
            .min()
    }

    /// Whether more may be read from the peer.
    pub(crate) fn may_read(&self, peer: &PeerId) -> bool {
        self.sessions
            .get(peer)
            .is_some_and(|s| s.untaken < UNTAKEN_PER_PEER && !s.misbehaved)
    }

    /// How the peer stands to us, if there is a session.
    pub(crate) fn standing(&self, peer: &PeerId) -> Option<Standing> {
        let session = self.sessions.get(peer)?;
        let Gap { behind, ahead, .. } = session.total;
        Some(Standing {
            level: session.is_level(),
            behind,
            ahead,
        })
    }

    /// The lengths of our logs, as far as they were announced.
    #[cfg(test)]
    pub(super) fn known(&self) -> impl Iterator<Item = (LogId, u64)> {
        self.local.values().map(|head| (head.log, head.len))
    }

    /// Whether any of the heads says that there is something we lack.
    pub(crate) fn lacks_any(&self, heads: &[LogHead]) -> bool {
        heads.iter().any(|head| head.len > self.next(&head.log))
    }

    fn opened(&mut self, peer: PeerId) {
        self.closed(peer);
        self.recheck();
        let summary = self.source.summary();
        let mut session = Session::default();
        for (log, head) in &self.local {
            let gap = Gap::between(Some(head), None);
            session.total.replace(Gap::default(), gap);
            session.pairs.insert(
                *log,
                Pair {
                    told: Some(*head),
                    gap,
                    ..Pair::default()
                },
            );
        }
        self.sessions.insert(peer, session);
        // The keeper's order, since peers ask in the order in which they hear.
        let mut heads: Vec<LogHead> = summary
            .iter()
            .filter_map(|head| self.local.get(&head.log).copied())
            .collect();
        if heads.len() < self.local.len() {
            let named: HashSet<LogId> = heads.iter().map(|head| head.log).collect();
            heads.extend(
                self.local
                    .values()
                    .filter(|head| !named.contains(&head.log)),
            );
        }
        let mut rest = heads.as_slice();
        loop {
            let (first, after) = rest.split_at(rest.len().min(MAX_HEADS));
            rest = after;
            self.send(
                peer,
                &Message::Heads {
                    heads: first.to_vec(),
                    more: !rest.is_empty(),
                },
            );
            if rest.is_empty() {
                return;
            }
        }
    }

    fn closed(&mut self, peer: PeerId) {
        let Some(session) = self.sessions.remove(&peer) else {
            return;
        };
        self.open_wants = self.open_wants.saturating_sub(session.open_wants);
        let orphaned: Vec<LogId> = self
            .incoming
            .iter_mut()
            .filter(|(_, incoming)| incoming.want.as_ref().is_some_and(|want| want.peer == peer))
            .map(|(log, incoming)| {
                incoming.want = None;
                *log
            })
            .collect();
        for log in orphaned {
            self.settle(&log);
            self.wanted.push_back(log);
        }
    }

    fn received(&mut self, peer: PeerId, message: Message, now: Instant) {
        if self
            .sessions
            .get(&peer)
            .is_none_or(|session| session.misbehaved)
        {
            return;
        }
        match message {
            Message::Hello { .. } => self.misbehaved(peer, "a second hello"),
            Message::Heads { heads, more } => {
                for head in heads {
                    self.heard(peer, head);
                }
                if let Some(session) = self.sessions.get_mut(&peer) {
                    session.named_all |= !more;
                }
            }
            Message::Want { log, from } => {
                let Some(session) = self.sessions.get_mut(&peer) else {
                    return;
                };
                if session.asked.len() == MAX_ASKED {
                    return self.misbehaved(peer, "too many questions");
                }
                session.asked.push_back((log, from));
                self.serve(peer);
            }
            Message::Entries(run) => self.answered(peer, run, now),
            Message::Push(run) => {
                self.heard(peer, run.head);
                self.accept(peer, run);
            }
            Message::AskIds { log, seqs } => {
                let source = &self.source;
                let ids = seqs
                    .into_iter()
                    .map(|seq| (seq, source.entry_id_at(&log, seq)))
                    .collect();
                self.send(peer, &Message::Ids { log, ids });
            }
            Message::Ids { log, ids } => self.search_on(peer, log, &ids),
            Message::Addresses(list) => self.out.push_back(OutEvent::Addresses(peer, list)),
        }
    }

    fn recheck(&mut self) {
        for head in self.source.summary() {
            self.local_grew(head);
        }
        let known: Vec<LogId> = self.local.keys().copied().collect();
        known.iter().for_each(|log| self.parted(log));
    }

    /// Notes our own head of a log. What is announced may come late; a log that really is shorter than
    /// it was has parted, and what is missing goes by another name.
    fn local_grew(&mut self, head: LogHead) {
        let known = self.local.get(&head.log).copied();
        if known == Some(head) {
            return;
        }
        if known.is_some_and(|known| known.len > head.len) || head.len == 0 {
            return self.parted(&head.log);
        }
        self.local.insert(head.log, head);
        if let Some(incoming) = self.incoming.get_mut(&head.log) {
            incoming.next = incoming.next.max(head.len);
        }
        self.local_changed(&head.log);
    }

    /// Looks whether one of our logs has become shorter, or has nothing left.
    fn parted(&mut self, log: &LogId) {
        let Some(known) = self.local.get(log).copied() else {
            return;
        };
        match self.source.head(log) {
            Some(head) if head.len >= known.len => return,
            Some(head) => self.local.insert(*log, head),
            None => self.local.remove(log),
        };
        self.local_changed(log);
    }

    fn local_changed(&mut self, log: &LogId) {
        let ours = self.local.get(log).copied();
        let peers: Vec<PeerId> = self.sessions.keys().copied().collect();
        for peer in peers {
            if let Some(session) = self.sessions.get_mut(&peer) {
                session.pairs.entry(*log).or_default();
                session.measure(log, ours.as_ref());
                session.to_tell.insert(*log);
            }
            self.compare(peer, log);
        }
    }

    fn len(&self, log: &LogId) -> u64 {
        self.local.get(log).map_or(0, |head| head.len)
    }

    /// The number of the first entry that is neither here nor handed to the keeper.
    fn next(&self, log: &LogId) -> u64 {
        self.incoming
            .get(log)
            .map_or_else(|| self.len(log), |incoming| incoming.next)
    }

    fn misbehaved(&mut self, peer: PeerId, why: &'static str) {
        if let Some(session) = self.sessions.get_mut(&peer)
            && !session.misbehaved
        {
            session.misbehaved = true;
            self.out.push_back(OutEvent::Misbehaved(peer, why));
        }
    }
}

impl Incoming {
    fn at(next: u64) -> Self {
        Self {
            next,
            deliveries: 0,
            want: None,
            suspect: None,
        }
    }
}

impl Session {
    /// Whether both sides hold the same, and the peer has said so.
    fn is_level(&self) -> bool {
        self.named_all && self.total.unequal == 0
    }

    /// Brings the totals up to date after either head of a log has changed.
    fn measure(&mut self, log: &LogId, ours: Option<&LogHead>) {
        if let Some(pair) = self.pairs.get_mut(log) {
            let gap = Gap::between(ours, pair.theirs.as_ref());
            self.total
                .replace(std::mem::replace(&mut pair.gap, gap), gap);
        }
    }
}

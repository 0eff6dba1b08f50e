//! All sessions of one drive together: who is told what, who is asked for what, and what has
//! arrived. Does not know connections; [`crate::link`] feeds it and carries out what it says.
//!
//! The rules, in short. Both sides name their heads. Who lacks entries asks one peer for them, a
//! window at a time, hands them to the keeper, and when they are durable names the new head: that is
//! at once the acknowledgement and the news for the others. An author pushes what it has just
//! written to those who hold all that comes before. What does not lead anywhere pauses and is tried
//! again later. Whatever is lost or refused, the next exchange of heads repairs.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    EntrySource, LogHead, MAX_FRAME, Message,
    fork::{Fork, Found, Parting, Search},
    message::{MAX_ENTRIES, MAX_HEADS, Run},
    pair::{Gap, Pair, Stall},
};
use crate::types::{EntryId, LogId, PeerId};

/// Logs of one drive that a peer may name. Two per device, so this is far beyond any drive.
pub(super) const MAX_LOGS: usize = 1 << 16;

/// Entries asked for at once, in bytes: large against a round trip's cost on a local network, small
/// against memory.
const WINDOW: usize = 256 << 10;

/// How long an answer may take before somebody else is asked. Peers answer in order, and one window
/// goes through a slow line in this time.
const WANT_LIMIT: Duration = Duration::from_secs(8);

/// Bytes waiting to be written to a peer above which nothing but heads is added later.
const OUTBOX: usize = 1 << 20;

/// Bytes waiting to be written to a peer that asks without reading the answers.
const OUTBOX_LIMIT: usize = 4 << 20;

/// Questions of a peer that may wait for their answer: more than one that keeps to [`MAX_WANTS`]
/// can have.
const MAX_ASKED: usize = 64;

/// Questions of ours that may be open, over all peers.
const MAX_WANTS: usize = 16;

/// Bytes handed to the keeper, or asked for, that it has not taken yet.
const UNTAKEN: usize = 4 << 20;

/// Bytes that came from one peer and are not taken, above which nothing more is read from it.
const UNTAKEN_PER_PEER: usize = 2 << 20;

/// What stays the same while a drive is open.
#[derive(Clone)]
pub(crate) struct Config {
    /// The keeper of the logs.
    pub(crate) source: Arc<dyn EntrySource>,
}

/// What happens to an exchange.
#[derive(Debug)]
pub(crate) enum InEvent {
    /// A session with a peer has begun; both have said hello.
    Opened(PeerId),
    /// The session with a peer has ended.
    Closed(PeerId),
    /// A peer has sent a message.
    Received(PeerId, Message),
    /// A frame of so many bytes has been handed to the network.
    Written(PeerId, usize),
    /// Entries have been appended here, durably: the new heads, each with the last entries.
    Announced(Vec<(LogHead, Vec<Bytes>)>),
    /// The keeper is done with a delivery: what it accepted is durable.
    Taken(u64),
    /// The logs may have grown without an announcement.
    Recheck,
    /// Nothing, but time has passed: see [`Exchange::deadline`].
    Tick,
}

/// What an exchange wants done.
#[derive(Debug)]
pub(crate) enum OutEvent {
    /// Write this frame to the peer.
    Send(PeerId, Vec<u8>),
    /// Hand entries to the keeper, and say [`InEvent::Taken`] when it is done with them.
    Deliver {
        /// Names the delivery.
        id: u64,
        /// Who sent them.
        from: PeerId,
        /// Consecutive entries of one log.
        entries: Vec<Bytes>,
    },
    /// The peer became level with us, or ceased to be.
    LevelChanged(PeerId),
    /// The peer holds another entry than we at the same place.
    Fork {
        /// The peer.
        from: PeerId,
        /// The log.
        log: LogId,
        /// The first number at which the two differ.
        at: u64,
        /// Our entry there.
        ours: EntryId,
        /// Theirs, as they say.
        theirs: EntryId,
        /// Their entries from `at` on, unchecked: evidence, if signed.
        entries: Vec<Bytes>,
    },
    /// The peer told where members can be reached.
    Addresses(PeerId, Vec<Vec<u8>>),
    /// The peer breaks the rules: close the session.
    Misbehaved(PeerId, &'static str),
}

/// How a peer stands to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) level: bool,
    pub(crate) behind: u64,
    pub(crate) ahead: u64,
}

/// The state of all sessions of one drive.
pub(crate) struct Exchange {
    config: Config,
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

/// Logs to ask for, in order, each once.
#[derive(Default)]
struct Wanted {
    order: VecDeque<LogId>,
    listed: HashSet<LogId>,
}

impl Wanted {
    fn push_back(&mut self, log: LogId) {
        if self.listed.insert(log) {
            self.order.push_back(log);
        }
    }

    fn push_front(&mut self, log: LogId) {
        if self.listed.insert(log) {
            self.order.push_front(log);
        }
    }

    fn front(&self) -> Option<LogId> {
        self.order.front().copied()
    }

    fn pop_front(&mut self) {
        if let Some(log) = self.order.pop_front() {
            self.listed.remove(&log);
        }
    }
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
    pub(crate) fn new(config: Config) -> Self {
        let mut exchange = Self {
            config,
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
        let summary = self.config.source.summary();
        for head in &summary {
            self.local_grew(*head);
        }
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
                let source = &self.config.source;
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

    /// Notes a head that the peer has named.
    fn heard(&mut self, peer: PeerId, head: LogHead) {
        let ours = self.local.get(&head.log).copied();
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        if session.pairs.len() >= MAX_LOGS && !session.pairs.contains_key(&head.log) {
            return self.misbehaved(peer, "too many logs");
        }
        session.pairs.entry(head.log).or_default().theirs = Some(head);
        session.measure(&head.log, ours.as_ref());
        self.compare(peer, &head.log);
    }

    /// Looks at one log after either head has changed: is there more to get, or a fork?
    fn compare(&mut self, peer: PeerId, log: &LogId) {
        let next = self.next(log);
        let source = Arc::clone(&self.config.source);
        let ours = self.local.get(log).copied();
        let Some(pair) = self
            .sessions
            .get_mut(&peer)
            .and_then(|s| s.pairs.get_mut(log))
        else {
            return;
        };
        let Some(theirs) = pair.theirs else { return };
        let known = match pair.fork {
            Fork::Known(parting) => Some(parting),
            _ => None,
        };
        if known.is_some_and(|p| source.entry_id_at(log, p.at) == Some(p.theirs)) {
            // The keeper has gone over to their side.
            pair.fork = Fork::None;
        }
        if let Some(ours) = ours.filter(|ours| ours.len >= theirs.len) {
            let same =
                ours == theirs || source.entry_id_at(log, theirs.len - 1) == Some(theirs.tip);
            if same {
                pair.fork = Fork::None;
                pair.stall = Default::default();
            } else if pair.fork == Fork::None {
                self.search(peer, *log, theirs.len);
            }
        } else if theirs.len > next {
            self.wanted.push_back(*log);
        }
    }

    /// Asks where the first `common` entries of a log part from the peer's.
    fn search(&mut self, peer: PeerId, log: LogId, common: u64) {
        let search = Search::among(common);
        if let Some(pair) = self
            .sessions
            .get_mut(&peer)
            .and_then(|s| s.pairs.get_mut(&log))
        {
            pair.fork = Fork::Searching(search);
            self.send(
                peer,
                &Message::AskIds {
                    log,
                    seqs: search.probes(),
                },
            );
        }
    }

    fn search_on(&mut self, peer: PeerId, log: LogId, ids: &[(u64, Option<EntryId>)]) {
        let source = Arc::clone(&self.config.source);
        let Some(pair) = self
            .sessions
            .get_mut(&peer)
            .and_then(|s| s.pairs.get_mut(&log))
        else {
            return;
        };
        let Fork::Searching(search) = &mut pair.fork else {
            return;
        };
        let found = search.answer(ids, |seq| source.entry_id_at(&log, seq));
        let seqs = search.probes();
        match found {
            Found::NotYet => self.send(peer, &Message::AskIds { log, seqs }),
            Found::Parted(parting) => {
                pair.fork = Fork::Fetching(parting);
                self.send(
                    peer,
                    &Message::Want {
                        log,
                        from: parting.at,
                    },
                );
            }
            Found::Same => {
                pair.fork = Fork::None;
                self.wanted.push_back(log);
            }
        }
    }

    /// Takes in the answer to a question, of which there are two kinds: for what comes next, and for
    /// the evidence of a fork.
    fn answered(&mut self, peer: PeerId, run: Run, now: Instant) {
        let log = run.head.log;
        self.heard(peer, run.head);
        if let Some(pair) = self
            .sessions
            .get_mut(&peer)
            .and_then(|s| s.pairs.get_mut(&log))
            && let Fork::Fetching(Parting { at, ours, theirs }) = pair.fork
            && run.from == at
        {
            pair.fork = Fork::Known(Parting { at, ours, theirs });
            let entries = run.entries;
            self.out.push_back(OutEvent::Fork {
                from: peer,
                log,
                at,
                ours,
                theirs,
                entries,
            });
            return;
        }
        let answers = |want: &Want| want.peer == peer && want.from == run.from;
        if self
            .incoming
            .get(&log)
            .and_then(|i| i.want.as_ref())
            .is_some_and(answers)
        {
            self.close_want(&log);
            if run.entries.is_empty() && run.head.len > run.from {
                self.stall(peer, log, now);
            }
        }
        self.accept(peer, run);
        self.settle(&log);
        // Ahead of the other logs: windows of one log in a row are what the keeper can use best.
        self.wanted.push_front(log);
    }

    /// Hands on those entries of a run that continue what is here.
    fn accept(&mut self, peer: PeerId, run: Run) {
        let log = run.head.log;
        let next = self.next(&log);
        let end = run.end();
        if run.from > next || end <= next {
            return;
        }
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        let parted = session
            .pairs
            .get(&log)
            .is_some_and(|pair| pair.fork != Fork::None);
        if parted || session.untaken >= 2 * UNTAKEN_PER_PEER {
            return;
        }
        let bytes = run.bytes();
        // Below the number of entries in the run, which fits.
        let known = usize::try_from(next - run.from).unwrap_or(usize::MAX);
        let entries: Vec<Bytes> = run.entries.into_iter().skip(known).collect();
        session.untaken += bytes;
        self.untaken += bytes;
        let incoming = self.incoming.entry(log).or_insert(Incoming::at(next));
        incoming.next = end;
        incoming.deliveries += 1;
        let id = self.next_delivery;
        self.next_delivery += 1;
        self.deliveries.insert(
            id,
            Delivery {
                peer,
                log,
                end,
                bytes,
            },
        );
        self.out.push_back(OutEvent::Deliver {
            id,
            from: peer,
            entries,
        });
    }

    fn taken(&mut self, id: u64, now: Instant) {
        let Some(Delivery {
            peer,
            log,
            end,
            bytes,
        }) = self.deliveries.remove(&id)
        else {
            return;
        };
        self.untaken = self.untaken.saturating_sub(bytes);
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.untaken = session.untaken.saturating_sub(bytes);
        }
        if let Some(head) = self.config.source.head(&log) {
            self.local_grew(head);
        }
        let len = self.len(&log);
        if len >= end {
            // What could not be made sense of before may have waited for this.
            self.end_stalls(Stall::is_short);
            if let Some(pair) = self
                .sessions
                .get_mut(&peer)
                .and_then(|s| s.pairs.get_mut(&log))
            {
                pair.stall = Default::default();
            }
        }
        let Some(incoming) = self.incoming.get_mut(&log) else {
            return;
        };
        incoming.deliveries = incoming.deliveries.saturating_sub(1);
        if len < end {
            incoming.suspect.get_or_insert(peer);
        }
        if incoming.deliveries == 0 {
            incoming.next = len;
            if let Some(suspect) = incoming.suspect.take() {
                self.stall(suspect, log, now);
                self.suspect_fork(suspect, log, len);
            }
        }
        self.settle(&log);
        self.wanted.push_back(log);
    }

    /// Finds out whether entries were refused because they continue another log than ours.
    fn suspect_fork(&mut self, peer: PeerId, log: LogId, len: u64) {
        let pair = self
            .sessions
            .get(&peer)
            .and_then(|session| session.pairs.get(&log));
        let Some(pair) = pair.filter(|pair| pair.fork == Fork::None) else {
            return;
        };
        let common = pair.theirs.map_or(0, |theirs| theirs.len.min(len));
        if common > 0 {
            self.search(peer, log, common);
        }
    }

    fn announced(&mut self, new: Vec<(LogHead, Vec<Bytes>)>) {
        for (head, entries) in new {
            self.local_grew(head);
            let Some(from) = head.len.checked_sub(entries.len() as u64) else {
                continue;
            };
            if entries.is_empty() || self.local.get(&head.log) != Some(&head) {
                continue;
            }
            let peers: Vec<PeerId> = self.sessions.keys().copied().collect();
            for peer in peers {
                self.push(peer, head, from, &entries);
            }
        }
    }

    /// Sends new entries to a peer that has all that comes before them.
    fn push(&mut self, peer: PeerId, head: LogHead, from: u64, entries: &[Bytes]) {
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        let asked = session.asked.iter().any(|(log, _)| *log == head.log);
        if !session.named_all || session.unsent >= OUTBOX || asked {
            return;
        }
        let pair = session.pairs.entry(head.log).or_default();
        let has = pair.sent.max(pair.theirs.map_or(0, |theirs| theirs.len));
        if has < from || has >= head.len || pair.fork != Fork::None {
            return;
        }
        let missing = entries
            .iter()
            .skip(usize::try_from(has - from).unwrap_or(usize::MAX));
        let run = Run {
            head,
            from: has,
            entries: missing.cloned().collect(),
        };
        if run.bytes() > WINDOW || run.entries.len() > MAX_ENTRIES {
            return;
        }
        pair.sent = head.len;
        pair.told = Some(head);
        self.send(peer, &Message::Push(run));
    }

    /// Answers the peer's questions as long as it reads the answers.
    fn serve(&mut self, peer: PeerId) {
        while let Some(session) = self.sessions.get_mut(&peer) {
            if session.unsent >= OUTBOX {
                return;
            }
            let Some((log, from)) = session.asked.pop_front() else {
                return;
            };
            let mut entries = self.config.source.read(&log, from, WINDOW);
            // The head after the entries: it covers them.
            let Some(head) = self.config.source.head(&log) else {
                continue;
            };
            let mut room = MAX_FRAME - 1024;
            let fits = entries.iter().take(MAX_ENTRIES).take_while(|entry| {
                // Four bytes for the length of each.
                let fits = entry.len() + 4 <= room;
                room = room.saturating_sub(entry.len() + 4);
                fits
            });
            let count = fits.count();
            entries.truncate(count);
            let run = Run {
                head,
                from,
                entries,
            };
            if let Some(pair) = session.pairs.get_mut(&log) {
                pair.sent = pair.sent.max(run.end());
            }
            if run.end() <= head.len {
                self.send(peer, &Message::Entries(run));
            } else {
                let run = Run {
                    head,
                    from: head.len.min(from),
                    entries: Vec::new(),
                };
                self.send(peer, &Message::Entries(run));
            }
        }
    }

    /// Names to the peer the heads that have changed.
    fn tell(&mut self, peer: PeerId) {
        loop {
            let Some(session) = self.sessions.get_mut(&peer) else {
                return;
            };
            if session.to_tell.is_empty() || session.unsent >= OUTBOX {
                return;
            }
            let mut heads = Vec::new();
            while heads.len() < MAX_HEADS
                && let Some(log) = session.to_tell.pop_first()
            {
                let pair = session.pairs.entry(log).or_default();
                if let Some(head) = self
                    .local
                    .get(&log)
                    .filter(|head| pair.told != Some(**head))
                {
                    pair.told = Some(*head);
                    heads.push(*head);
                }
            }
            if !heads.is_empty() {
                self.send(peer, &Message::Heads { heads, more: false });
            }
        }
    }

    /// Asks for what is wanted, as far as there is room for it.
    fn ask(&mut self, now: Instant) {
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

    fn ticked(&mut self, now: Instant) {
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
    fn end_stalls(&mut self, over: impl Fn(&Stall) -> bool) {
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

    fn recheck(&mut self) {
        for head in self.config.source.summary() {
            self.local_grew(head);
        }
    }

    /// Notes our own head of a log.
    fn local_grew(&mut self, head: LogHead) {
        let known = self.local.get(&head.log);
        if known.is_some_and(|known| known.len > head.len || *known == head) {
            return;
        }
        self.local.insert(head.log, head);
        if let Some(incoming) = self.incoming.get_mut(&head.log) {
            incoming.next = incoming.next.max(head.len);
        }
        let peers: Vec<PeerId> = self.sessions.keys().copied().collect();
        for peer in peers {
            if let Some(session) = self.sessions.get_mut(&peer) {
                session.pairs.entry(head.log).or_default();
                session.measure(&head.log, Some(&head));
                session.to_tell.insert(head.log);
            }
            self.compare(peer, &head.log);
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

    /// Forgets an open question of ours.
    fn close_want(&mut self, log: &LogId) {
        let Some(want) = self.incoming.get_mut(log).and_then(|i| i.want.take()) else {
            return;
        };
        self.open_wants = self.open_wants.saturating_sub(1);
        if let Some(session) = self.sessions.get_mut(&want.peer) {
            session.open_wants = session.open_wants.saturating_sub(1);
        }
    }

    /// Forgets a log of which nothing is on its way any more.
    fn settle(&mut self, log: &LogId) {
        if self
            .incoming
            .get(log)
            .is_some_and(|i| i.want.is_none() && i.deliveries == 0)
        {
            self.incoming.remove(log);
        }
    }

    fn stall(&mut self, peer: PeerId, log: LogId, now: Instant) {
        if let Some(pair) = self
            .sessions
            .get_mut(&peer)
            .and_then(|s| s.pairs.get_mut(&log))
        {
            pair.stall.begin(now);
            self.stalled.insert((peer, log));
        }
    }

    fn send(&mut self, peer: PeerId, message: &Message) {
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        let frame = message.encode();
        session.unsent += frame.len();
        if session.unsent > OUTBOX_LIMIT {
            return self.misbehaved(peer, "does not read");
        }
        self.out.push_back(OutEvent::Send(peer, frame));
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

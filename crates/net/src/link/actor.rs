//! The task that owns one link: it feeds the exchange, carries out what the exchange says, and
//! keeps sessions up. Does not decide what is asked of whom.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use iroh::Endpoint;
use iroh_gossip::Gossip;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Circle, Ends, Inbox, LinkEvent, NewSession, PeerState, Shared,
    dialer::Dialer,
    events::Waiting,
    notice,
    session::{self, FromSession, OpenDrives, Session, SessionError},
    topic::{self, Heard, Hint, ToTopic, TopicSeal, Whisper},
};
use crate::{
    address::{AddressBook, Word},
    proto::{EntrySource, Exchange, InEvent, LogHead, MAX_ADDRESSES, Message, OutEvent},
    screen::{DONE, Gate, REFUSED},
    types::PeerId,
};

/// How often the logs are compared with what was announced, and members with the gate.
const RECHECK: Duration = Duration::from_secs(10);

/// Two connections between the same two processes within this time are a simultaneous call, of which
/// one is kept. Later, a second one means that the caller has lost the first.
const SIMULTANEOUS: Duration = Duration::from_secs(2);

/// How often a hint is sent to members without a session, at most.
const HINT_PAUSE: Duration = Duration::from_millis(500);

/// How often a hint makes this side call members, at most.
const NUDGE_PAUSE: Duration = Duration::from_secs(1);

/// How often a hint is opened at most, which costs a check of its signature.
const HINT_LOOK: Duration = Duration::from_millis(20);

/// How long the end of a link waits for its last words to go out.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// How long before the end of a link its last message of presence was said at least: gossip hands it on in the
/// background, and what has not left this device when the endpoint closes is lost.
const GOING_OUT: Duration = Duration::from_millis(100);

/// Peers that are told at one time why they are turned away.
const MAX_TOLD: usize = 8;

/// Reports of sessions that are handled before the exchange is flushed.
const AT_ONCE: usize = 64;

/// What the actor needs from the rest of the net.
pub(crate) struct Surroundings {
    pub(crate) endpoint: Endpoint,
    pub(crate) gossip: Gossip,
    pub(crate) gate: Arc<dyn Gate>,
    pub(crate) book: AddressBook,
    pub(crate) drives: Arc<OpenDrives>,
    pub(crate) instance: u64,
    pub(crate) dial_limit: Duration,
    /// This device's own address, encoded.
    pub(crate) own_address: Arc<dyn Fn() -> Vec<u8> + Send + Sync>,
    pub(crate) seal: Arc<dyn TopicSeal>,
}

type Taking = Pin<Box<dyn Future<Output = u64> + Send>>;

/// The state of one link.
pub(crate) struct Actor {
    net: Surroundings,
    shared: Arc<Shared>,
    exchange: Exchange,
    dialer: Dialer,
    circle: Circle,
    sessions: BTreeMap<PeerId, Session>,
    next_number: u64,

    // Where things come from.
    incoming: mpsc::Receiver<NewSession>,
    reports: mpsc::UnboundedReceiver<FromSession>,
    reports_in: mpsc::UnboundedSender<FromSession>,
    calls: JoinSet<(PeerId, Result<NewSession, SessionError>)>,
    told: JoinSet<PeerId>,
    being_told: BTreeSet<PeerId>,
    taking: FuturesUnordered<Taking>,
    presence: mpsc::Receiver<Vec<u8>>,
    heard: mpsc::Receiver<Heard>,

    // Where things go.
    events: mpsc::Sender<LinkEvent>,
    waiting: Waiting,
    topic: mpsc::Sender<ToTopic>,
    next_hint: Instant,
    next_look: Instant,
    next_nudge: Instant,
    /// When presence was last said.
    said: Option<Instant>,
    /// Addresses of peers that are not known to belong here, with who told: they may, a moment later.
    unplaced: VecDeque<(PeerId, Vec<u8>)>,
}

impl Actor {
    /// Starts the link. It runs until stopped.
    pub(crate) fn start(net: Surroundings, source: Arc<dyn EntrySource>, ends: Ends) {
        let Ends {
            shared,
            events,
            presence,
        } = ends;
        let (sessions, incoming) = mpsc::channel(16);
        let (reports_in, reports) = mpsc::unbounded_channel();
        let (topic, topic_requests) = mpsc::channel(64);
        let (heard_in, heard) = mpsc::channel(64);
        let leave = CancellationToken::new();
        let stay = topic::stay(
            net.gossip.clone(),
            shared.topic.subscribe(),
            topic_requests,
            heard_in,
            leave.clone(),
        );
        let stay = tokio::spawn(stay);
        net.drives.insert(shared.drive, sessions.clone());
        let now = Instant::now();
        let seed = net.instance ^ u64::from_le_bytes(first_eight(&shared.drive.0));
        let actor = Self {
            exchange: Exchange::new(source),
            dialer: Dialer::new(ChaCha8Rng::seed_from_u64(seed)),
            circle: Circle::default(),
            sessions: BTreeMap::new(),
            next_number: 0,
            incoming,
            reports,
            reports_in,
            calls: JoinSet::new(),
            told: JoinSet::new(),
            being_told: BTreeSet::new(),
            taking: FuturesUnordered::new(),
            presence,
            heard,
            events,
            waiting: Waiting::default(),
            topic,
            next_hint: now,
            next_look: now,
            next_nudge: now,
            said: None,
            unplaced: VecDeque::new(),
            shared,
            net,
        };
        tokio::spawn(actor.run(sessions, stay, leave));
    }

    async fn run(
        mut self,
        own_door: mpsc::Sender<NewSession>,
        stay: JoinHandle<()>,
        leave: CancellationToken,
    ) {
        let shared = Arc::clone(&self.shared);
        let mut circle = shared.circle.subscribe();
        circle.mark_changed();
        let mut recheck = tokio::time::interval(RECHECK);
        recheck.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            self.call_members();
            let deadline = self.deadline();
            let events = self.events.clone();
            tokio::select! {
                () = shared.stop.cancelled() => break,
                () = shared.wake.notified() => self.read_inbox(),
                Some(report) = self.reports.recv() => self.read_reports(report),
                Some(delivery) = self.taking.next() => self.feed(InEvent::Taken(delivery)),
                place = events.reserve(), if !self.waiting.is_empty() => match place {
                    Ok(place) => {
                        if let Some(event) = self.waiting.pop() {
                            place.send(event);
                        }
                        continue;
                    }
                    // Nobody listens any more. Entries go unacknowledged, as they should.
                    Err(_) => while self.waiting.pop().is_some() {},
                },
                Some(session) = self.incoming.recv() => self.meet(session),
                Some(call) = self.calls.join_next() => self.called(call),
                Some(told) = self.told.join_next() => match told {
                    Ok(peer) => _ = self.being_told.remove(&peer),
                    // Whom it was about is not known, and nobody is to be shut out for it.
                    Err(_) => self.being_told.clear(),
                },
                Ok(()) = circle.changed() => {
                    self.circle = circle.borrow_and_update().clone();
                    self.screen_members();
                    for (from, address) in std::mem::take(&mut self.unplaced) {
                        self.learn(from, &[address]);
                    }
                }
                Some(bytes) = self.presence.recv() => self.say_presence(bytes),
                Some(heard) = self.heard.recv() => self.hear(heard),
                _ = recheck.tick() => {
                    self.feed(InEvent::Recheck);
                    self.screen_members();
                }
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    self.feed(InEvent::Tick);
                }
            }
            self.flush();
        }
        self.net.drives.remove(&shared.drive, &own_door);
        for (_, session) in std::mem::take(&mut self.sessions) {
            session.end(DONE);
        }
        self.publish();
        self.last_words(stay).await;
        leave.cancel();
        shared.stopped.cancel();
    }

    /// Says what was still to be said, and leaves the topic.
    async fn last_words(mut self, stay: JoinHandle<()>) {
        while let Ok(bytes) = self.presence.try_recv() {
            self.say_presence(bytes);
        }
        let gone_out = self.said.map(|at| at + GOING_OUT);
        // Without anyone who could ask for more, it leaves when all is said.
        drop(self);
        if timeout(LAST_WORDS, stay).await.is_err() {
            tracing::debug!("gossip does not keep up; a last message may be lost");
        }
        if let Some(at) = gone_out {
            sleep_until(at).await;
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let exchange = self.exchange.deadline().map(Instant::from_std);
        [exchange, self.dialer.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Hands one event to the exchange and does what it says.
    fn feed(&mut self, event: InEvent) {
        self.exchange.handle(event, Instant::now().into_std());
        self.carry_out();
    }

    /// Ends a turn: what was changed is told to peers, and to whoever looks.
    fn flush(&mut self) {
        self.exchange.flush();
        self.carry_out();
        for session in self.sessions.values_mut() {
            session.read_on(0, self.exchange.may_read(&session.peer));
        }
        self.publish();
    }

    fn carry_out(&mut self) {
        while let Some(out) = self.exchange.poll() {
            match out {
                OutEvent::Send(peer, frame) => {
                    if let Some(session) = self.sessions.get(&peer) {
                        session.send(frame);
                    }
                }
                OutEvent::Deliver { id, from, entries } => {
                    let (done, taken) = oneshot::channel();
                    self.taking.push(Box::pin(async move {
                        // Dropped is done, too: what was not accepted shows in the logs.
                        let _ = taken.await;
                        id
                    }));
                    self.waiting.push(LinkEvent::Entries {
                        from,
                        entries,
                        done,
                    });
                }
                OutEvent::LevelChanged(peer) => self.waiting.push(LinkEvent::LevelChanged(peer)),
                OutEvent::Fork {
                    from,
                    log,
                    at,
                    ours,
                    theirs,
                    entries,
                } => {
                    self.waiting.push(LinkEvent::Fork {
                        from,
                        log,
                        at,
                        ours,
                        theirs,
                        entries,
                    });
                }
                OutEvent::Addresses(peer, list) => self.learn(peer, &list),
                OutEvent::Misbehaved(peer, why) => {
                    tracing::warn!(?peer, why, "a peer breaks the rules");
                    if let Some(session) = self.sessions.remove(&peer) {
                        self.lost(session, REFUSED);
                    }
                }
            }
        }
    }

    fn read_inbox(&mut self) {
        let inbox = {
            let mut inbox = self.shared.inbox.lock();
            let taken = std::mem::take(&mut *inbox);
            inbox.reading = taken.reading || !taken.announced.is_empty();
            taken
        };
        let Inbox {
            announced,
            reachable,
            nudged,
            ..
        } = inbox;
        if !announced.is_empty() {
            let heads: Vec<LogHead> = announced.iter().map(|(head, _)| *head).collect();
            self.feed(InEvent::Announced(announced));
            self.hint(&heads);
        }
        let now = Instant::now();
        if nudged {
            self.dialer.encourage_all(now);
        }
        reachable
            .iter()
            .for_each(|peer| self.dialer.encourage(peer, now));
    }

    /// Tells members without a session, if there are any, that there is something new.
    fn hint(&mut self, heads: &[LogHead]) {
        let now = Instant::now();
        let all_here = self
            .circle
            .members
            .iter()
            .all(|peer| self.sessions.contains_key(peer));
        if all_here || now < self.next_hint {
            return;
        }
        self.next_hint = now + HINT_PAUSE;
        if let Some(sealed) = self.net.seal.seal_hint(&Hint::of(heads).encode()) {
            self.say(Whisper::Hint(sealed));
        }
    }

    fn say_presence(&mut self, bytes: Vec<u8>) {
        self.said = Some(Instant::now());
        self.say(Whisper::Presence(bytes));
    }

    fn say(&self, whisper: Whisper) {
        if self.topic.try_send(ToTopic::Say(whisper)).is_err() {
            tracing::debug!("gossip does not keep up; a message is dropped");
        }
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Said(Whisper::Presence(bytes)) => self.waiting.push(LinkEvent::Presence(bytes)),
            Heard::Neighbour => self.waiting.push(LinkEvent::Audience),
            Heard::Said(Whisper::Hint(sealed)) => self.heed(&sealed),
        }
    }

    /// Calls members when one of them said that there is something new. Whoever floods the topic with hints
    /// keeps others' from being heard, and nothing else: entries come without them.
    fn heed(&mut self, sealed: &[u8]) {
        let now = Instant::now();
        if now < self.next_nudge.max(self.next_look) {
            return;
        }
        self.next_look = now + HINT_LOOK;
        let Some(hint) = self.net.seal.open_hint(sealed) else {
            return tracing::debug!("a hint that no member said was dropped");
        };
        let heads = Hint::decode(&hint).map(Hint::heads);
        if heads.is_some_and(|heads| self.exchange.lacks_any(&heads)) {
            self.next_nudge = now + NUDGE_PAUSE;
            self.dialer.encourage_all(now);
        }
    }

    fn read_reports(&mut self, first: FromSession) {
        let mut report = Some(first);
        let mut left = AT_ONCE;
        while let Some(now) = report {
            self.read_report(now);
            left -= 1;
            report = if left > 0 {
                self.reports.try_recv().ok()
            } else {
                None
            };
        }
    }

    fn read_report(&mut self, report: FromSession) {
        let (FromSession::Message(number, _)
        | FromSession::Written(number, _)
        | FromSession::Ended(number, _)) = &report;
        let number = *number;
        // A session that was replaced may still report.
        let Some(peer) = self
            .sessions
            .values()
            .find(|s| s.number == number)
            .map(|s| s.peer)
        else {
            return;
        };
        match report {
            FromSession::Message(_, message) => {
                if let Some(state) = self.shared.states.lock().get_mut(&peer) {
                    state.last_seen = Some(SystemTime::now());
                }
                self.feed(InEvent::Received(peer, message));
                let more = self.exchange.may_read(&peer);
                if let Some(session) = self.sessions.get_mut(&peer) {
                    session.read_on(1, more);
                }
            }
            FromSession::Written(_, bytes) => self.feed(InEvent::Written(peer, bytes)),
            FromSession::Ended(_, why) => {
                tracing::debug!(?peer, why, "a session has ended");
                if let Some(session) = self.sessions.remove(&peer) {
                    self.lost(session, DONE);
                }
            }
        }
    }

    fn call_members(&mut self) {
        for peer in self.dialer.due(Instant::now()) {
            let endpoint = self.net.endpoint.clone();
            let (drive, instance) = (self.shared.drive, self.net.instance);
            let limit = self.net.dial_limit;
            self.calls.spawn(async move {
                (
                    peer,
                    session::dial(endpoint, peer, drive, instance, limit).await,
                )
            });
        }
    }

    fn called(
        &mut self,
        call: Result<(PeerId, Result<NewSession, SessionError>), tokio::task::JoinError>,
    ) {
        match call {
            Ok((_, Ok(session))) => self.meet(session),
            Ok((peer, Err(error))) => {
                tracing::debug!(?peer, %error, "a call has failed");
                self.dialer.failed(&peer, Instant::now());
                if self.sessions.contains_key(&peer) {
                    self.dialer.connected(&peer);
                }
            }
            Err(error) => tracing::error!(%error, "a call has broken down"),
        }
    }

    /// Takes in a connection on which both sides have said hello. Of two with the same peer, one
    /// stays; both sides must choose the same.
    fn meet(&mut self, new: NewSession) {
        let peer = new.peer;
        if !self.net.gate.admits_to(&peer, &self.shared.drive) {
            self.dialer.failed(&peer, Instant::now());
            return self.turn_away(new);
        }
        if let Some(old) = self.sessions.get(&peer) {
            let same_start = old.instance == new.instance;
            let simultaneous = same_start && new.since.duration_since(old.since) < SIMULTANEOUS;
            let own = PeerId::from(self.net.endpoint.id());
            // The one that the smaller key has called.
            let keep_old = old.dialed == (own < peer) && old.dialed != new.dialed;
            if simultaneous && keep_old {
                new.retire();
                return self.dialer.connected(&peer);
            }
        }
        self.next_number += 1;
        let session = Session::start(self.next_number, new, self.reports_in.clone());
        match self.sessions.insert(peer, session) {
            Some(old) => old.retire(),
            None => self.waiting.push(LinkEvent::Connected(peer)),
        }
        self.dialer.connected(&peer);
        self.feed(InEvent::Opened(peer));
        self.introduce(peer);
        if !self.circle.stores.contains(&peer) {
            // Dropped when gossip does not keep up: it has other peers then.
            let _ = self.topic.try_send(ToTopic::Meet(peer));
        }
    }

    /// Refuses a peer; tells it why first, if it was a member.
    fn turn_away(&mut self, new: NewSession) {
        let peer = new.peer;
        match self.net.gate.removal(&peer, &self.shared.drive) {
            Some(removal) if self.told.len() < MAX_TOLD && self.being_told.insert(peer) => {
                let source = self.exchange.source();
                self.told.spawn(async move {
                    notice::give(new, source, removal).await;
                    peer
                });
            }
            _ => new.connection.close(REFUSED, &[]),
        }
    }

    /// Tells a peer where we and the other members are.
    fn introduce(&self, peer: PeerId) {
        let all = self.circle.all();
        let others = all.iter().filter(|other| **other != peer);
        let list: Vec<Vec<u8>> = std::iter::once((self.net.own_address)())
            .chain(others.filter_map(|other| self.net.book.get(other)))
            .take(MAX_ADDRESSES)
            .collect();
        self.tell_addresses(peer, list);
        // Whoever has come may be one whose address only this device was told.
        if let Some(address) = self.net.book.get(&peer) {
            for other in self.sessions.keys().filter(|other| **other != peer) {
                self.tell_addresses(*other, vec![address.clone()]);
            }
        }
    }

    fn tell_addresses(&self, peer: PeerId, list: Vec<Vec<u8>>) {
        if let Some(session) = self.sessions.get(&peer) {
            session.send(Message::Addresses(list).encode());
        }
    }

    /// Notes where members are, and passes on what is new.
    fn learn(&mut self, from: PeerId, list: &[Vec<u8>]) {
        let mut news = Vec::new();
        for bytes in list {
            let Ok(addr) = crate::address::decode(bytes) else {
                continue;
            };
            let peer = PeerId::from(addr.id);
            let word = if peer == from {
                Word::Own
            } else {
                Word::Hearsay
            };
            let member =
                self.circle.has(&peer) || self.net.gate.admits_to(&peer, &self.shared.drive);
            if !member {
                if self.unplaced.len() >= MAX_ADDRESSES {
                    self.unplaced.pop_front();
                }
                self.unplaced.push_back((from, bytes.clone()));
                continue;
            }
            if let Ok((peer, true)) = self.net.book.learn(bytes, word) {
                self.dialer.encourage(&peer, Instant::now());
                news.extend(self.net.book.get(&peer));
            }
        }
        if news.is_empty() {
            return;
        }
        for peer in self.sessions.keys().filter(|peer| **peer != from) {
            self.tell_addresses(*peer, news.clone());
        }
        self.waiting.push(LinkEvent::Addresses(news));
    }

    /// Ends sessions with peers that are admitted no more, and plans calls to members.
    fn screen_members(&mut self) {
        let drive = self.shared.drive;
        let gone: Vec<PeerId> = self
            .sessions
            .keys()
            .filter(|peer| !self.net.gate.admits_to(peer, &drive))
            .copied()
            .collect();
        self.dialer.set_members(&self.circle.all(), Instant::now());
        if !gone.is_empty() {
            // Why they are to go may be among what is not told yet, and nobody tells them later.
            self.read_inbox();
            self.exchange.flush();
            self.carry_out();
        }
        for peer in gone {
            if let Some(session) = self.sessions.remove(&peer) {
                self.forget(&session);
                session.dismiss(REFUSED);
            }
        }
        for peer in self.sessions.keys() {
            self.dialer.connected(peer);
        }
    }

    /// Clears up after a session that is already out of the table.
    fn lost(&mut self, session: Session, code: iroh::endpoint::VarInt) {
        self.forget(&session);
        session.end(code);
    }

    fn forget(&mut self, session: &Session) {
        let (peer, held) = (session.peer, session.since.elapsed());
        self.dialer.disconnected(&peer, held, Instant::now());
        self.feed(InEvent::Closed(peer));
        self.waiting.push(LinkEvent::Disconnected(peer));
    }

    /// Shows how peers stand.
    fn publish(&self) {
        let mut states = self.shared.states.lock();
        let all = self.circle.all();
        states.retain(|peer, _| all.contains(peer) || self.sessions.contains_key(peer));
        for peer in all.iter().chain(self.sessions.keys()) {
            let standing = self.exchange.standing(peer);
            let connected = self.sessions.contains_key(peer);
            let state = states.entry(*peer).or_insert_with(|| PeerState {
                peer: *peer,
                connected,
                level: false,
                behind: 0,
                ahead: 0,
                last_seen: None,
            });
            if connected && state.last_seen.is_none() {
                state.last_seen = Some(SystemTime::now());
            }
            state.connected = connected;
            state.level = standing.is_some_and(|s| s.level);
            state.behind = standing.map_or(0, |s| s.behind);
            state.ahead = standing.map_or(0, |s| s.ahead);
        }
        self.shared.inbox.lock().reading = false;
    }
}

fn first_eight(bytes: &[u8; 32]) -> [u8; 8] {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[..8]);
    eight
}

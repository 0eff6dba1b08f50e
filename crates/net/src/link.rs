//! The link of one drive to its other members: sessions kept up, entries in and out. Does not know
//! what entries mean, nor other drives.

mod actor;
mod dialer;
mod events;
mod notice;
mod session;
mod topic;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::SystemTime,
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

pub use self::topic::TopicSeal;
pub(crate) use self::{
    actor::{Actor, Surroundings},
    session::{NewSession, OpenDrives, SYNC_ALPN, SyncDoor},
};
use crate::{
    proto::LogHead,
    types::{DriveTag, EntryId, LogId, PeerId},
};

/// Announced entries that wait for the link, in bytes. Beyond that only heads are kept, and peers
/// ask for the entries.
const INBOX_BYTES: usize = 4 << 20;

/// Messages of presence that wait to be sent. More are dropped: the next one says it better.
const PRESENCE_WAITING: usize = 16;

/// The largest message of presence, in bytes. Gossip drops what is larger than 4 KiB as a whole.
pub const MAX_PRESENCE: usize = 3 << 10;

/// A message of presence is too long to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of presence of {len} bytes is longer than {MAX_PRESENCE}, and was not sent")]
pub struct TooLong {
    /// Its length in bytes.
    pub len: usize,
}

/// How one peer stands to us, for display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerState {
    /// The peer.
    pub peer: PeerId,
    /// Whether there is a session now.
    pub connected: bool,
    /// Whether we have all that the peer has, and it has acknowledged all that we have.
    pub level: bool,
    /// Entries that the peer lacks, as far as known. Zero without a session.
    pub behind: u64,
    /// Entries that we lack, as far as known. Zero without a session.
    pub ahead: u64,
    /// When the peer was last heard, by this device's clock.
    pub last_seen: Option<SystemTime>,
}

/// What happens on a link.
#[derive(Debug)]
pub enum LinkEvent {
    /// Consecutive entries of one log have arrived, as sent: nothing about them is checked yet.
    Entries {
        /// Who sent them; not necessarily who wrote them.
        from: PeerId,
        /// The entries' bytes, in order.
        entries: Vec<Bytes>,
        /// To be sent (or dropped) when those entries that are acceptable are durable and
        /// [`crate::EntrySource`] shows them. Only then are they acknowledged, and more is read.
        done: oneshot::Sender<()>,
    },
    /// A session with the peer has begun.
    Connected(PeerId),
    /// The session with the peer has ended.
    Disconnected(PeerId),
    /// [`PeerState::level`] has changed.
    LevelChanged(PeerId),
    /// New addresses of members, worth remembering for the next start.
    Addresses(Vec<Vec<u8>>),
    /// A message of presence, from whom is for its seal to say.
    Presence(Vec<u8>),
    /// There is one more to hear messages of presence, who has not heard the ones before.
    Audience,
    /// Two copies of one log hold different entries at the same place. Reported once in a session.
    Fork {
        /// Who holds the other copy.
        from: PeerId,
        /// The log.
        log: LogId,
        /// The first number at which the two differ.
        at: u64,
        /// The id of our entry there.
        ours: EntryId,
        /// The id of theirs, as they say.
        theirs: EntryId,
        /// Their entries from `at` on, unchecked: the evidence.
        entries: Vec<Bytes>,
    },
}

/// A handle to the link of one drive. Clones are the same link; it ends with
/// [`DriveLink::close`], or when the last clone is dropped.
#[derive(Clone)]
pub struct DriveLink {
    shared: Arc<Shared>,
    _alive: Arc<Alive>,
}

impl fmt::Debug for DriveLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DriveLink")
            .field("drive", &self.shared.drive)
            .finish_non_exhaustive()
    }
}

/// Ends the link when the last handle goes.
struct Alive(CancellationToken);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// What handles and actor share.
pub(crate) struct Shared {
    pub(crate) drive: DriveTag,
    inbox: Mutex<Inbox>,
    wake: Notify,
    circle: watch::Sender<Circle>,
    topic: watch::Sender<[u8; 32]>,
    presence: mpsc::Sender<Vec<u8>>,
    states: Mutex<BTreeMap<PeerId, PeerState>>,
    events: Mutex<Option<mpsc::Receiver<LinkEvent>>>,
    stop: CancellationToken,
    /// Cancelled when the actor has ended.
    stopped: CancellationToken,
}

/// With whom sessions are kept up.
#[derive(Clone, Default)]
pub(crate) struct Circle {
    members: BTreeSet<PeerId>,
    /// Those who take no part in the topic.
    stores: BTreeSet<PeerId>,
}

impl Circle {
    fn has(&self, peer: &PeerId) -> bool {
        self.members.contains(peer) || self.stores.contains(peer)
    }

    fn all(&self) -> BTreeSet<PeerId> {
        self.members.union(&self.stores).copied().collect()
    }
}

/// What waits for the actor.
#[derive(Default)]
struct Inbox {
    announced: Vec<(LogHead, Vec<Bytes>)>,
    announced_bytes: usize,
    /// What was announced is being read: what is shown of peers does not know of it yet.
    reading: bool,
    /// Peers that may be reached better than before.
    reachable: BTreeSet<PeerId>,
    nudged: bool,
}

/// The actor's ends of what [`Shared`] holds the other ends of.
pub(crate) struct Ends {
    pub(crate) shared: Arc<Shared>,
    pub(crate) events: mpsc::Sender<LinkEvent>,
    pub(crate) presence: mpsc::Receiver<Vec<u8>>,
}

/// Events that may wait for the engine beside those that the actor holds back.
const EVENTS_WAITING: usize = 32;

impl DriveLink {
    /// A handle and the ends for its actor.
    pub(crate) fn new(drive: DriveTag, topic: [u8; 32], stop: CancellationToken) -> (Self, Ends) {
        let (events, events_out) = mpsc::channel(EVENTS_WAITING);
        let (presence, presence_out) = mpsc::channel(PRESENCE_WAITING);
        let shared = Arc::new(Shared {
            drive,
            inbox: Mutex::default(),
            wake: Notify::new(),
            circle: watch::Sender::new(Circle::default()),
            topic: watch::Sender::new(topic),
            presence,
            states: Mutex::default(),
            events: Mutex::new(Some(events_out)),
            stopped: CancellationToken::new(),
            stop: stop.clone(),
        });
        let link = Self {
            shared: Arc::clone(&shared),
            _alive: Arc::new(Alive(stop)),
        };
        (
            link,
            Ends {
                shared,
                events,
                presence: presence_out,
            },
        )
    }

    /// Says that logs have grown, after the growth is durable: the new heads, each with the entries
    /// that were appended last. Members that hold all that comes before are sent the entries at
    /// once, the others the heads.
    ///
    /// With no entries only the head is announced; that is right for what came from elsewhere.
    pub fn announce(&self, new: Vec<(LogHead, Vec<Bytes>)>) {
        {
            let mut inbox = self.shared.inbox.lock();
            for (head, mut entries) in new {
                let bytes: usize = entries.iter().map(Bytes::len).sum();
                if inbox.announced_bytes.saturating_add(bytes) > INBOX_BYTES {
                    entries.clear();
                    // Heads alone replace each other, so a stuck link does not pile them up.
                    let known = inbox.announced.iter_mut().rev();
                    if let Some((known, _)) = known
                        .take_while(|(_, e)| e.is_empty())
                        .find(|(h, _)| h.log == head.log)
                    {
                        *known = head;
                        continue;
                    }
                } else {
                    inbox.announced_bytes += bytes;
                }
                inbox.announced.push((head, entries));
            }
        }
        self.shared.wake.notify_one();
    }

    /// Sets who the other members' devices are. Sessions with all of them are kept up from now on, and
    /// sessions with those whom the [`crate::Gate`] admits no more are ended.
    pub fn set_members(&self, peers: Vec<PeerId>) {
        let members = peers.into_iter().collect();
        self.shared
            .circle
            .send_modify(|circle| circle.members = members);
    }

    /// Sets with whom sessions are kept up who is not to be met on the topic: a member's storage peers, or a
    /// storage peer's members.
    pub fn set_stores(&self, peers: Vec<PeerId>) {
        let stores = peers.into_iter().collect();
        self.shared
            .circle
            .send_modify(|circle| circle.stores = stores);
    }

    /// How the members, and other peers with a session, stand to us. Nobody is level with what was announced
    /// a moment ago, also where the link has not come to it yet.
    pub fn peers(&self) -> Vec<PeerState> {
        let states = self.shared.states.lock();
        let behind = {
            let inbox = self.shared.inbox.lock();
            inbox.reading || !inbox.announced.is_empty()
        };
        let mut peers: Vec<PeerState> = states.values().cloned().collect();
        peers.iter_mut().for_each(|peer| peer.level &= !behind);
        peers
    }

    /// What happens on this link. The caller must keep reading: unread entries stop the network.
    ///
    /// The second call, on any clone, returns a receiver that has already ended.
    pub fn events(&self) -> mpsc::Receiver<LinkEvent> {
        self.shared
            .events
            .lock()
            .take()
            .unwrap_or_else(|| mpsc::channel(1).1)
    }

    /// Moves to another gossip topic: after a change of epoch, so that former members hear nothing.
    pub fn change_topic(&self, topic: [u8; 32]) {
        self.shared.topic.send_replace(topic);
    }

    /// Sends a message to all members that can be reached right now; lost if it is lost. The caller seals
    /// and signs it.
    ///
    /// # Errors
    ///
    /// [`TooLong`] beyond [`MAX_PRESENCE`] bytes: nothing is sent.
    pub fn send_presence(&self, bytes: Vec<u8>) -> Result<(), TooLong> {
        if bytes.len() > MAX_PRESENCE {
            return Err(TooLong { len: bytes.len() });
        }
        if self.shared.presence.try_send(bytes).is_err() {
            tracing::debug!("a message of presence was dropped");
        }
        Ok(())
    }

    /// Tries all members that are not connected again, now.
    pub fn nudge(&self) {
        self.shared.inbox.lock().nudged = true;
        self.shared.wake.notify_one();
    }

    /// Ends the link and its sessions, and waits until that is done. Other clones are then without
    /// effect.
    pub async fn close(self) {
        self.shared.stop.cancel();
        self.shared.stopped.cancelled().await;
    }
}

impl Shared {
    /// Says that a peer may be reached better than before.
    pub(crate) fn reachable(&self, peer: PeerId) {
        if self.circle.borrow().has(&peer) {
            self.inbox.lock().reachable.insert(peer);
            self.wake.notify_one();
        }
    }

    /// Ends the link.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Whether the link has ended.
    pub(crate) fn has_stopped(&self) -> bool {
        self.stopped.is_cancelled()
    }

    /// Waits until the link has ended.
    pub(crate) async fn stopped(&self) {
        self.stopped.cancelled().await;
    }
}

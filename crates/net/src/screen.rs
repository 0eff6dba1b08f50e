//! Who may talk to this device: every connection is judged right after its handshake, before a
//! stream is accepted. Does not know the reasons; it asks the [`Gate`].

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use iroh::{
    endpoint::{AfterHandshakeOutcome, Connection, EndpointHooks, Incoming, IncomingAddr, VarInt},
    protocol::IncomingFilterOutcome,
};
use parking_lot::Mutex;

use crate::{
    join::JOIN_ALPN,
    link::SYNC_ALPN,
    store::STORE_ALPN,
    types::{BlobId, DriveTag, LogId, PeerId},
};

/// Decides who may do what. When it cannot tell, it says no.
///
/// Asked often and from the network's tasks: answers must come from memory. It must not own the
/// [`crate::Net`] that asks it, or neither is ever freed.
pub trait Gate: Send + Sync + 'static {
    /// Whether the peer is a live member of any drive here. Without this it gets no stream at all.
    fn admits(&self, peer: &PeerId) -> bool;

    /// Whether the peer is a live member of this drive.
    fn admits_to(&self, peer: &PeerId, drive: &DriveTag) -> bool;

    /// Whether the peer may fetch this blob from here.
    fn may_read_blob(&self, peer: &PeerId, blob: &BlobId) -> bool;

    /// Whether the peer was a member of any drive here, and is none now: it may ask what has ended that.
    fn was_removed(&self, _peer: &PeerId) -> bool {
        false
    }

    /// What a peer that was removed from this drive may still read, as how many entries of which logs: what
    /// has ended its membership. `None` for anybody else.
    fn removal(&self, _peer: &PeerId, _drive: &DriveTag) -> Option<Vec<(LogId, u64)>> {
        None
    }
}

/// What a refused peer is told, whatever the reason.
pub(crate) const REFUSED: VarInt = VarInt::from_u32(1);

/// Closes a second connection between the same two peers.
pub(crate) const DUPLICATE: VarInt = VarInt::from_u32(2);

/// Closes a connection that has done its work.
pub(crate) const DONE: VarInt = VarInt::from_u32(0);

/// Refuses strangers. Joining and offers to a storage peer are open to them; [`crate::join`] and [`crate::store`] limit
/// what they can use up.
pub(crate) struct Screen {
    gate: Arc<dyn Gate>,
}

impl Screen {
    pub(crate) fn new(gate: Arc<dyn Gate>) -> Self {
        Self { gate }
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Screen")
    }
}

impl EndpointHooks for Screen {
    async fn after_handshake<'a>(&'a self, conn: &'a Connection) -> AfterHandshakeOutcome {
        let peer = conn.remote_id().into();
        let to_be_told = || conn.alpn() == SYNC_ALPN && self.gate.was_removed(&peer);
        let is_open = [JOIN_ALPN, STORE_ALPN].contains(&conn.alpn());
        if is_open || self.gate.admits(&peer) || to_be_told() {
            return AfterHandshakeOutcome::Accept;
        }
        tracing::debug!(peer = %conn.remote_id().fmt_short(), "refused");
        AfterHandshakeOutcome::Reject {
            error_code: REFUSED,
            reason: Vec::new(),
        }
    }
}

/// Handshakes that one source may begin at once: a house full of devices that all start together.
const BURST: f64 = 256.0;

/// Handshakes per second that one source may begin in the long run.
const RATE: f64 = 64.0;

/// Sources that are watched. Beyond that the quiet ones are forgotten.
const SOURCES: usize = 4096;

/// Limits how fast one network address can make this device compute handshakes.
#[derive(Debug, Default)]
pub(crate) struct Doorkeeper {
    buckets: Mutex<HashMap<Source, Bucket>>,
}

#[derive(Debug, PartialEq, Eq, Hash, Clone, Copy)]
enum Source {
    Ip(IpAddr),
    /// All relayed connections together: the relay limits its clients itself.
    Relay,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Doorkeeper {
    /// What to do about a connection attempt.
    pub(crate) fn judge(&self, incoming: &Incoming) -> IncomingFilterOutcome {
        let source = match incoming.remote_addr() {
            IncomingAddr::Ip(addr) => Source::Ip(addr.ip()),
            _ => Source::Relay,
        };
        if self.admit(source, Instant::now()) {
            IncomingFilterOutcome::Accept
        } else {
            IncomingFilterOutcome::Ignore
        }
    }

    fn admit(&self, source: Source, now: Instant) -> bool {
        let refill = |bucket: &Bucket| {
            let since = now.saturating_duration_since(bucket.at);
            (bucket.tokens + since.as_secs_f64() * RATE).min(BURST)
        };
        let mut buckets = self.buckets.lock();
        if buckets.len() >= SOURCES {
            let full = Duration::from_secs_f64(BURST / RATE);
            buckets.retain(|_, bucket| now.saturating_duration_since(bucket.at) < full);
        }
        if buckets.len() >= SOURCES && !buckets.contains_key(&source) {
            return false;
        }
        let bucket = buckets.entry(source).or_insert(Bucket {
            tokens: BURST,
            at: now,
        });
        bucket.tokens = refill(bucket);
        bucket.at = now;
        let admitted = bucket.tokens >= 1.0;
        if admitted {
            bucket.tokens -= 1.0;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_g1_one_source_cannot_flood_and_others_are_not_hurt() {
        let keeper = Doorkeeper::default();
        let now = Instant::now();
        let flood = Source::Ip([10, 0, 0, 1].into());
        let admitted = (0..10_000).filter(|_| keeper.admit(flood, now)).count();
        assert_eq!(admitted, BURST as usize);
        assert!(keeper.admit(Source::Ip([10, 0, 0, 2].into()), now));
        assert!(keeper.admit(flood, now + Duration::from_secs(1)));
    }

    #[test]
    fn attack_g3_many_sources_do_not_take_more_and_more_memory() {
        let keeper = Doorkeeper::default();
        let now = Instant::now();
        for i in 0..20_000u32 {
            keeper.admit(Source::Ip(IpAddr::from(i.to_be_bytes())), now);
        }
        assert!(keeper.buckets.lock().len() <= SOURCES);
        let later = now + Duration::from_secs(10);
        assert!(keeper.admit(Source::Ip([99, 0, 0, 1].into()), later));
    }
}

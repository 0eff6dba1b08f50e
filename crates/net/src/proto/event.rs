//! What goes into the exchange of a drive's logs, and what comes out of it.

use bytes::Bytes;

use super::{LogHead, Message};
use crate::types::{EntryId, LogId, PeerId};

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

//! What a member's device and a storage peer say to each other beside entries and blobs: a drive is offered,
//! and its blobs are named, so that they are fetched and kept. Does not know who may do either, nor what the
//! blobs are of.
//!
//! One request a stream, in postcard's one canonical form, and one reply.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use iroh::{
    Endpoint, EndpointAddr, EndpointId,
    endpoint::Connection,
    protocol::{AcceptError, ProtocolHandler},
};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    frame::{self, FrameError},
    holding::AskError,
    screen::{DONE, Gate, REFUSED},
    types::{BlobId, DriveTag, PeerId},
};

/// The protocol's name in the handshake.
pub(crate) const STORE_ALPN: &[u8] = b"peerdrive/store/1";

/// The most blobs that one request may name.
pub const MAX_NAMED: usize = 4096;

/// The largest request, in bytes: as many blobs as may be named, and what stands around them.
const MAX_REQUEST: usize = MAX_NAMED * 32 + 256;

/// The largest reply, in bytes.
const MAX_REPLY: usize = MAX_NAMED + 64;

/// How long an answer may take: a storage peer on a slow disk looks some thousand blobs up.
const ANSWER: Duration = Duration::from_secs(30);

/// How long a request may take to arrive once its stream is open, and a connection may be idle.
const REQUEST: Duration = Duration::from_secs(10);

/// Connections at once: of members' devices, and of anybody else who knows the storage peer's address. The latter
/// have one request each, so that they keep out nobody for long.
const AT_ONCE: usize = 256;
const STRANGERS: usize = 16;

/// What a member's device asks of a storage peer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoreRequest {
    /// To take a drive in. Its record follows by the usual way, and must grant this storage peer a lease.
    Offer {
        /// What the operator handed out.
        secret: [u8; 32],
        /// What the drive is called on the wire.
        drive: DriveTag,
        /// The drive's id, which is the hash of its first entry.
        id: [u8; 32],
    },
    /// To keep these blobs. What is not there is fetched from who asks.
    Keep {
        /// The drive.
        drive: DriveTag,
        /// At most [`MAX_NAMED`].
        blobs: Vec<BlobId>,
    },
    /// Everything that the asker needs of the drive has been named within the last hours: what nobody has
    /// named for long may go.
    Named {
        /// The drive.
        drive: DriveTag,
    },
}

impl fmt::Debug for StoreRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offer { drive, .. } => write!(f, "Offer({drive:?})"),
            Self::Keep { drive, blobs } => write!(f, "Keep({drive:?}, {} blobs)", blobs.len()),
            Self::Named { drive } => write!(f, "Named({drive:?})"),
        }
    }
}

/// A storage peer's answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum StoreReply {
    /// It is done.
    Done,
    /// How it stands to the blobs that were named.
    Kept {
        /// Of each, in order, whether it is there; what is not is being fetched.
        here: Vec<bool>,
        /// Something was not taken, since the drive has as many bytes there as it may.
        full: bool,
    },
    /// It is not done.
    Refused(StoreRefusal),
}

/// Why a storage peer does not do what it was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
pub enum StoreRefusal {
    /// The secret of the offer is not, or no longer, the right one.
    #[error("the storage peer does not know that code; ask its operator for the present one")]
    Code,
    /// It holds as many drives as it may.
    #[error("the storage peer takes no more drives; its operator can make room")]
    Room,
    /// Whoever asks has no say in that drive, or there is no lease for it.
    #[error("the storage peer has no lease for that drive from you")]
    Lease,
    /// Its disk does not work.
    #[error("the storage peer cannot write; its operator should look at its disk")]
    Disk,
}

/// What answers for a storage peer.
///
/// Must not own the [`crate::Net`] that asks it.
pub trait StoreKeeper: Send + Sync + 'static {
    /// Answers one request. The peer is whoever the connection says, stranger or not.
    fn answer(&self, peer: PeerId, request: StoreRequest) -> BoxFuture<'static, StoreReply>;
}

/// The keeper, if this is a storage peer.
#[derive(Clone, Default)]
pub(crate) struct StoreKeepers(Arc<RwLock<Option<Arc<dyn StoreKeeper>>>>);

impl StoreKeepers {
    pub(crate) fn set(&self, keeper: Arc<dyn StoreKeeper>) {
        *self.0.write() = Some(keeper);
    }

    fn get(&self) -> Option<Arc<dyn StoreKeeper>> {
        self.0.read().clone()
    }
}

/// Asks a storage peer for one thing.
pub(crate) async fn ask(
    endpoint: &Endpoint,
    peer: PeerId,
    request: &StoreRequest,
    dial_limit: Duration,
) -> Result<StoreReply, AskError> {
    let id = EndpointId::from_bytes(&peer.0).map_err(|_| AskError::Unreachable)?;
    let call = endpoint.connect(EndpointAddr::new(id), STORE_ALPN);
    let connection = timeout(dial_limit, call)
        .await
        .map_err(|_| AskError::Unreachable)?
        .map_err(|_| AskError::Unreachable)?;
    let talk = async {
        let opened = connection.open_bi().await;
        let (mut send, mut recv) = opened.map_err(|_| AskError::Unreachable)?;
        frame::write(&mut send, vec![encode(request)]).await?;
        let reply = frame::read(&mut recv, MAX_REPLY).await?;
        decode(&reply).ok_or(AskError::NoAnswer)
    };
    let reply = timeout(ANSWER, talk).await;
    connection.close(DONE, &[]);
    reply.map_err(|_| AskError::Unreachable)?
}

pub(crate) fn encode(value: &impl Serialize) -> Vec<u8> {
    // Writing plain structures into memory has no way to fail.
    postcard::to_allocvec(value).unwrap_or_default()
}

/// Reads what takes the whole of `frame` and is in canonical form.
fn decode<T: Serialize + DeserializeOwned>(frame: &[u8]) -> Option<T> {
    let value: T = postcard::from_bytes(frame).ok()?;
    (encode(&value) == frame).then_some(value)
}

/// Reads a request, within its limits.
pub(crate) fn parse(frame: &[u8]) -> Option<StoreRequest> {
    let request = decode(frame)?;
    match &request {
        StoreRequest::Keep { blobs, .. } if blobs.len() > MAX_NAMED => None,
        _ => Some(request),
    }
}

/// Lets whoever comes ask, if this is a storage peer.
pub(crate) struct StoreDoor {
    keepers: StoreKeepers,
    gate: Arc<dyn Gate>,
    known: Semaphore,
    strangers: Semaphore,
}

impl StoreDoor {
    pub(crate) fn new(keepers: StoreKeepers, gate: Arc<dyn Gate>) -> Self {
        Self {
            keepers,
            gate,
            known: Semaphore::new(AT_ONCE),
            strangers: Semaphore::new(STRANGERS),
        }
    }

    /// Answers the next request, within its time.
    async fn answer(connection: &Connection, keeper: &dyn StoreKeeper) -> Result<(), FrameError> {
        let peer = PeerId::from(connection.remote_id());
        let lost = |e: &dyn fmt::Display| FrameError::Lost(e.to_string());
        let (mut send, mut recv) = timeout(REQUEST, connection.accept_bi())
            .await
            .map_err(|_| FrameError::TooSlow)?
            .map_err(|e| lost(&e))?;
        let request = timeout(REQUEST, frame::read(&mut recv, MAX_REQUEST))
            .await
            .map_err(|_| FrameError::TooSlow)??;
        let Some(request) = parse(&request) else {
            return Err(FrameError::Ended);
        };
        let reply = async {
            let reply = keeper.answer(peer, request).await;
            frame::write(&mut send, vec![encode(&reply)]).await?;
            send.finish().map_err(|e| lost(&e))
        };
        timeout(ANSWER, reply)
            .await
            .map_err(|_| FrameError::TooSlow)?
    }

    /// Answers as many requests as a member has, and one of anybody else.
    async fn serve(&self, connection: &Connection, keeper: &dyn StoreKeeper) {
        let peer = PeerId::from(connection.remote_id());
        let member = self.gate.admits(&peer);
        let places = if member { &self.known } else { &self.strangers };
        let Ok(_place) = places.try_acquire() else {
            return;
        };
        loop {
            if let Err(error) = Self::answer(connection, keeper).await {
                // However it ends, the connection is closed; the asker says what came of it.
                tracing::trace!(%error, "no more requests");
                return;
            }
            if !member {
                // The reply is on its way; the asker closes when it is there.
                let _ = timeout(REQUEST, connection.closed()).await;
                return;
            }
        }
    }
}

impl fmt::Debug for StoreDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreDoor")
    }
}

impl ProtocolHandler for StoreDoor {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        if let Some(keeper) = self.keepers.get() {
            self.serve(&connection, &*keeper).await;
        }
        connection.close(REFUSED, &[]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_replies_survive_their_encoding_and_nothing_else_is_one() {
        let drive = DriveTag([1; 32]);
        for request in [
            StoreRequest::Offer {
                secret: [2; 32],
                drive,
                id: [3; 32],
            },
            StoreRequest::Keep {
                drive,
                blobs: vec![BlobId([4; 32]); 3],
            },
            StoreRequest::Named { drive },
        ] {
            let good = encode(&request);
            assert!(parse(&good) == Some(request));
            for cut in 0..good.len() {
                assert!(parse(&good[..cut]).is_none());
            }
            assert!(parse(&[good, vec![0]].concat()).is_none());
        }
        let reply = StoreReply::Kept {
            here: vec![true, false],
            full: true,
        };
        assert_eq!(decode(&encode(&reply)), Some(reply));
        assert_eq!(decode::<StoreReply>(&[9]), None);
    }

    #[test]
    fn attack_b3_more_blobs_than_may_be_named_are_refused_and_as_many_as_may_fit() {
        let keep = |count| {
            encode(&StoreRequest::Keep {
                drive: DriveTag([1; 32]),
                blobs: vec![BlobId([4; 32]); count],
            })
        };
        assert!(parse(&keep(MAX_NAMED)).is_some());
        assert!(parse(&keep(MAX_NAMED + 1)).is_none());
        assert!(keep(MAX_NAMED).len() <= MAX_REQUEST);
        let reply = StoreReply::Kept {
            here: vec![true; MAX_NAMED],
            full: false,
        };
        assert!(encode(&reply).len() <= MAX_REPLY);
    }

    #[test]
    fn an_offer_is_not_printed_with_its_secret() {
        let offer = StoreRequest::Offer {
            secret: [0x41; 32],
            drive: DriveTag([1; 32]),
            id: [3; 32],
        };
        assert!(!format!("{offer:?}").contains("65"));
    }
}

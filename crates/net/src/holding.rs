//! Asking a peer which blobs it holds, and answering. Does not know what the blobs are of, nor why
//! somebody wants to know.
//!
//! One question a stream: a byte that says whether the asker means to let go of what the other holds
//! (0: no; 2: yes, and eight bytes follow that say how long it is to be kept for the asker), then the
//! ids; the answer is one byte for each.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use iroh::{
    Endpoint, EndpointAddr, EndpointId,
    endpoint::Connection,
    protocol::{AcceptError, ProtocolHandler},
};
use parking_lot::RwLock;
use tokio::time::timeout;

use crate::{
    frame::{self, FrameError},
    screen::{DONE, Gate, REFUSED},
    types::{BlobId, PeerId},
};

/// The protocol's name in the handshake.
pub(crate) const HOLD_ALPN: &[u8] = b"peerdrive/hold/1";

/// The most blobs in one question.
const MAX_ASKED: usize = 4096;

/// The first byte of a question.
const ASKS: u8 = 0;
const RELIES: u8 = 2;

/// The longest beginning of a question, before the ids.
const HEAD: usize = 9;

/// How long one answer may take: a device on a slow disk looks up some thousand blobs.
const ANSWER: Duration = Duration::from_secs(20);

/// How long a question may take to arrive once its stream is open, and a connection may be idle.
const QUESTION: Duration = Duration::from_secs(10);

/// How a device stands to a blob.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Held {
    /// It does not have it, or may not have it much longer.
    No,
    /// It has it, or can make it from what it has, and keeps it.
    Kept,
}

/// How long whoever asks needs what it asks about: while its drive shows it, and after it was replaced
/// or deleted either so many days, or while it is among the last so many versions of its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Term {
    /// Days.
    pub days: u32,
    /// Versions.
    pub versions: u32,
}

/// What answers for the blobs that are not only in the store: some can be made anew.
///
/// Must not own the [`crate::Net`] that asks it.
pub trait Holder: Send + Sync + 'static {
    /// Brings into the store what of these blobs is not there and can be made anew: a peer that may
    /// have them has asked for them.
    fn prepare(&self, ids: Vec<BlobId>) -> BoxFuture<'static, ()>;

    /// Says of each blob how this device stands to it. With a `promise`, the asker relies on a
    /// [`Held::Kept`] for that long and lets go of its own copy.
    fn held(
        &self,
        peer: PeerId,
        ids: Vec<BlobId>,
        promise: Option<Term>,
    ) -> BoxFuture<'static, Vec<Held>>;
}

/// The holder, once there is one.
#[derive(Clone, Default)]
pub(crate) struct Holders(Arc<RwLock<Option<Arc<dyn Holder>>>>);

impl Holders {
    pub(crate) fn set(&self, holder: Arc<dyn Holder>) {
        *self.0.write() = Some(holder);
    }

    fn get(&self) -> Option<Arc<dyn Holder>> {
        self.0.read().clone()
    }

    pub(crate) async fn prepare(&self, ids: Vec<BlobId>) {
        if let Some(holder) = self.get() {
            holder.prepare(ids).await;
        }
    }
}

/// Why a peer's answer could not be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AskError {
    /// It cannot be reached, or does not answer in time.
    #[error("the device cannot be reached")]
    Unreachable,
    /// It answered with something that is no answer, or refuses to.
    #[error("the device does not answer that")]
    NoAnswer,
}

impl From<FrameError> for AskError {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Lost(_) | FrameError::TooSlow => Self::Unreachable,
            FrameError::Ended | FrameError::TooLong(_) => Self::NoAnswer,
        }
    }
}

/// Asks a peer about blobs, as many as there are, over one connection.
pub(crate) async fn ask(
    endpoint: &Endpoint,
    peer: PeerId,
    ids: &[BlobId],
    promise: Option<Term>,
    dial_limit: Duration,
) -> Result<Vec<Held>, AskError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let id = EndpointId::from_bytes(&peer.0).map_err(|_| AskError::Unreachable)?;
    let call = endpoint.connect(EndpointAddr::new(id), HOLD_ALPN);
    let connection = timeout(dial_limit, call)
        .await
        .map_err(|_| AskError::Unreachable)?
        .map_err(|_| AskError::Unreachable)?;
    let mut all = Vec::with_capacity(ids.len());
    for some in ids.chunks(MAX_ASKED) {
        let answer = timeout(ANSWER, ask_some(&connection, some, promise));
        all.extend(answer.await.map_err(|_| AskError::Unreachable)??);
    }
    connection.close(DONE, &[]);
    Ok(all)
}

async fn ask_some(
    connection: &Connection,
    ids: &[BlobId],
    promise: Option<Term>,
) -> Result<Vec<Held>, AskError> {
    let (mut send, mut recv) = connection
        .open_bi()
        .await
        .map_err(|_| AskError::Unreachable)?;
    frame::write(&mut send, vec![encode(promise, ids)]).await?;
    let answer = frame::read(&mut recv, ids.len()).await?;
    if answer.len() != ids.len() {
        return Err(AskError::NoAnswer);
    }
    // Anything but a clear yes is a no.
    let held = answer.into_iter().map(|byte| match byte {
        1 => Held::Kept,
        _ => Held::No,
    });
    Ok(held.collect())
}

/// Answers members' questions.
pub(crate) struct HoldDoor {
    holders: Holders,
    gate: Arc<dyn Gate>,
}

impl HoldDoor {
    pub(crate) fn new(holders: Holders, gate: Arc<dyn Gate>) -> Self {
        Self { holders, gate }
    }

    async fn answer(&self, connection: &Connection, peer: PeerId) -> Result<(), FrameError> {
        loop {
            let lost = |e: &dyn fmt::Display| FrameError::Lost(e.to_string());
            let (mut send, mut recv) = timeout(QUESTION, connection.accept_bi())
                .await
                .map_err(|_| FrameError::TooSlow)?
                .map_err(|e| lost(&e))?;
            let question = timeout(QUESTION, frame::read(&mut recv, HEAD + MAX_ASKED * 32))
                .await
                .map_err(|_| FrameError::TooSlow)??;
            let Some((promise, ids)) = parse(&question) else {
                return Err(FrameError::Ended);
            };
            let answer = self.look(peer, promise, &ids).await;
            frame::write(&mut send, vec![answer]).await?;
            send.finish().map_err(|e| lost(&e))?;
        }
    }
}

impl HoldDoor {
    /// The answer to one question: no to all that the asker may not read.
    async fn look(&self, peer: PeerId, promise: Option<Term>, ids: &[BlobId]) -> Vec<u8> {
        let mut answer = vec![0; ids.len()];
        let Some(holder) = self.holders.get() else {
            return answer;
        };
        let may = |(_, id): &(usize, &BlobId)| self.gate.may_read_blob(&peer, id);
        let (places, asked): (Vec<usize>, Vec<BlobId>) = ids
            .iter()
            .enumerate()
            .filter(may)
            .map(|(place, id)| (place, *id))
            .unzip();
        let held = holder.held(peer, asked, promise).await;
        for (place, held) in places.into_iter().zip(held) {
            if let (Held::Kept, Some(said)) = (held, answer.get_mut(place)) {
                *said = 1;
            }
        }
        answer
    }
}

/// Writes a question.
pub(crate) fn encode(promise: Option<Term>, ids: &[BlobId]) -> Vec<u8> {
    let mut question = Vec::with_capacity(HEAD + ids.len() * 32);
    match promise {
        None => question.push(ASKS),
        Some(term) => {
            question.push(RELIES);
            question.extend_from_slice(&term.days.to_le_bytes());
            question.extend_from_slice(&term.versions.to_le_bytes());
        }
    }
    ids.iter()
        .for_each(|id| question.extend_from_slice(id.as_bytes()));
    question
}

/// Reads a question: whether and for how long the asker relies on the answer, and the ids.
pub(crate) fn parse(question: &[u8]) -> Option<(Option<Term>, Vec<BlobId>)> {
    let (promise, ids) = match question.split_first()? {
        (&ASKS, ids) => (None, ids),
        (&RELIES, rest) => {
            let (days, rest) = rest.split_first_chunk()?;
            let (versions, ids) = rest.split_first_chunk()?;
            let term = Term {
                days: u32::from_le_bytes(*days),
                versions: u32::from_le_bytes(*versions),
            };
            (Some(term), ids)
        }
        _ => return None,
    };
    let (ids, rest) = ids.as_chunks::<32>();
    let ids = ids.iter().map(|id| BlobId(*id)).collect();
    rest.is_empty().then_some((promise, ids))
}

impl fmt::Debug for HoldDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HoldDoor")
    }
}

impl ProtocolHandler for HoldDoor {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        let peer = PeerId::from(connection.remote_id());
        if self.gate.admits(&peer) {
            // However it ends, the connection is closed; the asker says what came of it.
            if let Err(error) = self.answer(&connection, peer).await {
                tracing::trace!(%error, "no more questions");
            }
        }
        connection.close(REFUSED, &[]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_question_is_one() {
        assert_eq!(parse(&[]), None);
        assert_eq!(parse(&[0]), Some((None, Vec::new())));
        assert_eq!(parse(&[1]), None);
        assert_eq!(parse(&[0, 7]), None);
        assert_eq!(parse(&[2, 0, 0, 0, 0, 0, 0, 0]), None);
        let term = Term {
            days: 30,
            versions: 10,
        };
        let question = [&[2, 30, 0, 0, 0, 10, 0, 0, 0][..], &[7; 32]].concat();
        assert_eq!(parse(&question), Some((Some(term), vec![BlobId([7; 32])])));
    }
}

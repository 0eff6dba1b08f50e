//! Streams for joining a drive: the one door that is open to strangers, and what keeps them from
//! using up this device. Does not know what is said on them.

use std::{fmt, sync::Arc, time::Duration};

use iroh::{
    Endpoint,
    endpoint::{Connection, RecvStream, SendStream},
    protocol::{AcceptError, ProtocolHandler},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::timeout,
};

use crate::{
    address::{self, AddressError},
    frame::{self, FrameError},
    screen::{DONE, REFUSED},
    types::PeerId,
};

/// The protocol's name in the handshake.
pub(crate) const JOIN_ALPN: &[u8] = b"peerdrive/join/1";

/// The largest message, in bytes.
pub const MAX_JOIN_FRAME: usize = 1 << 20;

/// Joins that may be under way at once, from all peers together.
const JOINS_AT_ONCE: usize = 8;

/// How long a joiner may take to send its first message.
const FIRST_MESSAGE: Duration = Duration::from_secs(5);

/// How long a join may take in all: a person may have to approve it.
const JOIN_LIMIT: Duration = Duration::from_secs(15 * 60);

/// How long reaching the other device may take.
const DIAL_LIMIT: Duration = Duration::from_secs(15);

/// How long the last message may take to arrive.
const FINISH_LIMIT: Duration = Duration::from_secs(5);

/// Separates what is derived from the session here from other uses of it.
const EXPORTER_LABEL: &[u8] = b"peerdrive join 1";

/// Why a join could not go on.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The address in the ticket is no good.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The other device could not be reached.
    #[error("the inviting device cannot be reached ({0}); it must be running and on line")]
    Unreachable(String),
    /// The other device has closed the stream, or refuses to talk.
    #[error("the other device has ended the conversation")]
    Closed,
    /// A message longer than [`MAX_JOIN_FRAME`].
    #[error("a message of {0} bytes is too long for a join")]
    TooLong(usize),
    /// The other device did not answer in time.
    #[error("the other device did not answer in time; try again")]
    TooSlow,
    /// The connection broke.
    #[error("the connection to the other device was lost ({0}); try again")]
    Lost(String),
}

impl From<FrameError> for JoinError {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Ended => Self::Closed,
            FrameError::TooLong(len) => Self::TooLong(len),
            FrameError::TooSlow => Self::TooSlow,
            FrameError::Lost(why) => Self::Lost(why),
        }
    }
}

/// A conversation with one other device, about joining. Both ends are authenticated by their
/// endpoint keys; nothing is sent before the handshake is complete.
pub struct JoinStream {
    connection: Connection,
    exporter: [u8; 32],
    send: SendStream,
    recv: RecvStream,
    /// The first message, which was read before anyone was bothered.
    first: Option<Vec<u8>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl fmt::Debug for JoinStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinStream")
            .field("peer", &self.peer())
            .finish_non_exhaustive()
    }
}

impl JoinStream {
    /// The other device.
    pub fn peer(&self) -> PeerId {
        self.connection.remote_id().into()
    }

    /// Bytes that only the two ends of this very connection can know (RFC 5705). What is signed with
    /// them cannot be carried to another connection.
    pub fn exporter(&self) -> [u8; 32] {
        self.exporter
    }

    /// Sends one message of at most [`MAX_JOIN_FRAME`] bytes.
    ///
    /// # Errors
    ///
    /// [`JoinError::TooLong`], or [`JoinError::Lost`] when the connection is.
    pub async fn send(&mut self, message: &[u8]) -> Result<(), JoinError> {
        if message.len() > MAX_JOIN_FRAME {
            return Err(JoinError::TooLong(message.len()));
        }
        Ok(frame::write(&mut self.send, vec![message.to_vec()]).await?)
    }

    /// Waits for the next message.
    ///
    /// # Errors
    ///
    /// [`JoinError::Closed`] when the other side has finished; any other [`JoinError`] when it breaks
    /// the rules or is lost.
    pub async fn recv(&mut self) -> Result<Vec<u8>, JoinError> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        let read = frame::read(&mut self.recv, MAX_JOIN_FRAME);
        Ok(timeout(JOIN_LIMIT, read)
            .await
            .map_err(|_| JoinError::TooSlow)??)
    }

    /// Ends the conversation once the other side has received what was sent.
    pub async fn finish(mut self) {
        if self.send.finish().is_ok() {
            // Resolves when everything is acknowledged, or the other side wants no more.
            let _ = timeout(FINISH_LIMIT, self.send.stopped()).await;
        }
        self.connection.close(DONE, &[]);
    }
}

fn exporter(connection: &Connection) -> Result<[u8; 32], JoinError> {
    let mut secret = [0; 32];
    connection
        .export_keying_material(&mut secret, EXPORTER_LABEL, &[])
        .map_err(|_| JoinError::Lost("no session secret".to_owned()))?;
    Ok(secret)
}

/// Opens a conversation with the device at `address`.
pub(crate) async fn dial(endpoint: &Endpoint, address: &[u8]) -> Result<JoinStream, JoinError> {
    let addr = address::decode(address)?;
    if addr.id == endpoint.id() {
        return Err(AddressError::Own.into());
    }
    let connection = timeout(DIAL_LIMIT, endpoint.connect(addr, JOIN_ALPN))
        .await
        .map_err(|_| JoinError::Unreachable("no answer".to_owned()))?
        .map_err(|e| JoinError::Unreachable(format!("{e:#}")))?;
    let exporter = exporter(&connection)?;
    let (send, recv) = connection
        .open_bi()
        .await
        .map_err(|e| JoinError::Lost(e.to_string()))?;
    Ok(JoinStream {
        connection,
        exporter,
        send,
        recv,
        first: None,
        _permit: None,
    })
}

/// Accepts conversations, and hands over those that have begun to talk.
#[derive(Debug)]
pub(crate) struct JoinDoor {
    places: Arc<Semaphore>,
    joins: mpsc::Sender<JoinStream>,
}

impl JoinDoor {
    /// A door, and where its conversations come out.
    pub(crate) fn new() -> (Self, mpsc::Receiver<JoinStream>) {
        let (joins, accepted) = mpsc::channel(JOINS_AT_ONCE);
        (
            Self {
                places: Arc::new(Semaphore::new(JOINS_AT_ONCE)),
                joins,
            },
            accepted,
        )
    }

    async fn welcome(
        connection: Connection,
        permit: OwnedSemaphorePermit,
    ) -> Result<JoinStream, JoinError> {
        let exporter = exporter(&connection)?;
        let begin = async {
            let (send, mut recv) = connection
                .accept_bi()
                .await
                .map_err(|e| JoinError::Lost(e.to_string()))?;
            let first = frame::read(&mut recv, MAX_JOIN_FRAME).await?;
            Ok::<_, JoinError>((send, recv, first))
        };
        let (send, recv, first) = timeout(FIRST_MESSAGE, begin)
            .await
            .map_err(|_| JoinError::TooSlow)??;
        Ok(JoinStream {
            connection,
            exporter,
            send,
            recv,
            first: Some(first),
            _permit: Some(permit),
        })
    }
}

impl ProtocolHandler for JoinDoor {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() else {
            connection.close(REFUSED, &[]);
            return Ok(());
        };
        let handed_over = match Self::welcome(connection.clone(), permit).await {
            Ok(stream) => self.joins.try_send(stream).is_ok(),
            Err(error) => {
                tracing::debug!(%error, "a join did not begin");
                false
            }
        };
        if !handed_over {
            connection.close(REFUSED, &[]);
        }
        Ok(())
    }
}

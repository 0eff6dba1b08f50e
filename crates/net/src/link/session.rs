//! One connection to one peer about one drive: the greeting, and the two tasks that read and write.
//! Does not know what the messages say.

use std::{fmt, sync::Arc, time::Duration};

use iroh::{
    Endpoint, EndpointAddr, EndpointId,
    endpoint::{Connection, RecvStream, SendStream},
    protocol::{AcceptError, ProtocolHandler},
};
use parking_lot::RwLock;
use tokio::{
    sync::{Semaphore, mpsc},
    task::AbortHandle,
    time::{Instant, timeout},
};

use crate::{
    frame::{self, FrameError},
    proto::{DecodeError, MAX_FRAME, Message},
    screen::{DUPLICATE, Gate, REFUSED},
    types::{DriveTag, PeerId},
};

/// The protocol's name in the handshake.
pub(crate) const SYNC_ALPN: &[u8] = b"peerdrive/sync/1";

/// The largest greeting, in bytes: a drive, a number and a tag.
const MAX_HELLO: usize = 64;

/// How long the greeting may take after the handshake.
const GREETING: Duration = Duration::from_secs(5);

/// Messages that were read and not handled, per peer.
const READ_AHEAD: usize = 4;

/// Bytes that are handed to the network in one call.
const WRITE_TOGETHER: usize = 256 << 10;

/// Why there is no session with a peer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// The peer cannot be reached.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// It did not answer in time.
    #[error("did not answer in time")]
    TooSlow,
    /// The connection broke during the greeting, or was refused.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The greeting is not one.
    #[error("greeted with a {0} message")]
    Decode(#[from] DecodeError),
    /// The greeting speaks of another drive, or is no greeting.
    #[error("greeted wrongly")]
    Greeting,
}

/// A connection on which both sides have said hello.
pub(crate) struct NewSession {
    pub(super) peer: PeerId,
    /// Which start of the peer's process this is.
    pub(super) instance: u64,
    /// Whether this side dialed.
    pub(super) dialed: bool,
    pub(super) since: Instant,
    pub(super) connection: Connection,
    pub(super) send: SendStream,
    pub(super) recv: RecvStream,
}

impl fmt::Debug for NewSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSession")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// Calls a peer and greets it.
pub(super) async fn dial(
    endpoint: Endpoint,
    peer: PeerId,
    drive: DriveTag,
    instance: u64,
    limit: Duration,
) -> Result<NewSession, SessionError> {
    let id = EndpointId::from_bytes(&peer.0)
        .map_err(|_| SessionError::Unreachable("not an endpoint key".to_owned()))?;
    let connection = timeout(limit, endpoint.connect(EndpointAddr::new(id), SYNC_ALPN))
        .await
        .map_err(|_| SessionError::TooSlow)?
        .map_err(|e| SessionError::Unreachable(format!("{e:#}")))?;
    let greeting = async {
        let (mut send, mut recv) = connection
            .open_bi()
            .await
            .map_err(|e| FrameError::Lost(e.to_string()))?;
        frame::write(&mut send, vec![Message::Hello { drive, instance }.encode()]).await?;
        let (_, their_instance) = hello(&mut recv, |theirs| theirs == drive).await?;
        Ok(NewSession {
            peer,
            instance: their_instance,
            dialed: true,
            since: Instant::now(),
            connection: connection.clone(),
            send,
            recv,
        })
    };
    timeout(GREETING, greeting)
        .await
        .unwrap_or(Err(SessionError::TooSlow))
}

/// Reads a greeting about a drive that will do.
async fn hello(
    recv: &mut RecvStream,
    will_do: impl Fn(DriveTag) -> bool,
) -> Result<(DriveTag, u64), SessionError> {
    match Message::decode(&frame::read(recv, MAX_HELLO).await?)? {
        Message::Hello { drive, instance } if will_do(drive) => Ok((drive, instance)),
        _ => Err(SessionError::Greeting),
    }
}

/// The drives that are open here: where the sessions of each go, and which start of this process
/// they see.
#[derive(Default)]
pub(crate) struct OpenDrives {
    drives: RwLock<std::collections::HashMap<DriveTag, mpsc::Sender<NewSession>>>,
}

impl OpenDrives {
    pub(crate) fn insert(&self, drive: DriveTag, sessions: mpsc::Sender<NewSession>) {
        self.drives.write().insert(drive, sessions);
    }

    /// Forgets a drive, unless it has been opened again.
    pub(crate) fn remove(&self, drive: &DriveTag, sessions: &mpsc::Sender<NewSession>) {
        let mut drives = self.drives.write();
        if drives
            .get(drive)
            .is_some_and(|open| open.same_channel(sessions))
        {
            drives.remove(drive);
        }
    }

    fn get(&self, drive: &DriveTag) -> Option<mpsc::Sender<NewSession>> {
        self.drives.read().get(drive).cloned()
    }
}

/// Accepts connections about drives that are open here, from their members and those who were.
pub(crate) struct SyncDoor {
    pub(crate) gate: Arc<dyn Gate>,
    pub(crate) drives: Arc<OpenDrives>,
    pub(crate) instance: u64,
}

impl fmt::Debug for SyncDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SyncDoor")
    }
}

impl SyncDoor {
    async fn greet(
        &self,
        connection: &Connection,
    ) -> Result<(mpsc::Sender<NewSession>, NewSession), SessionError> {
        let peer = PeerId::from(connection.remote_id());
        let (mut send, mut recv) = connection
            .accept_bi()
            .await
            .map_err(|e| FrameError::Lost(e.to_string()))?;
        let may_speak = |drive| {
            self.gate.admits_to(&peer, &drive) || self.gate.removal(&peer, &drive).is_some()
        };
        let (drive, instance) = hello(&mut recv, may_speak).await?;
        let sessions = self.drives.get(&drive).ok_or(SessionError::Greeting)?;
        let answer = Message::Hello {
            drive,
            instance: self.instance,
        };
        frame::write(&mut send, vec![answer.encode()]).await?;
        let session = NewSession {
            peer,
            instance,
            dialed: false,
            since: Instant::now(),
            connection: connection.clone(),
            send,
            recv,
        };
        Ok((sessions, session))
    }
}

impl ProtocolHandler for SyncDoor {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        let greeted = timeout(GREETING, self.greet(&connection)).await;
        let taken = match greeted.unwrap_or(Err(SessionError::TooSlow)) {
            Ok((sessions, session)) => sessions.send(session).await.is_ok(),
            Err(error) => {
                tracing::debug!(peer = %connection.remote_id().fmt_short(), %error, "no session");
                false
            }
        };
        if !taken {
            connection.close(REFUSED, &[]);
        }
        Ok(())
    }
}

/// What the tasks of a session report. Each carries the session's number.
pub(super) enum FromSession {
    /// A message has arrived. One of [`READ_AHEAD`] places is taken until [`Session::read_on`].
    Message(u64, Message),
    /// So many bytes have been handed to the network.
    Written(u64, usize),
    /// The session is over.
    Ended(u64, String),
}

/// A session that is running.
pub(super) struct Session {
    pub(super) peer: PeerId,
    pub(super) number: u64,
    pub(super) instance: u64,
    pub(super) dialed: bool,
    pub(super) since: Instant,
    connection: Connection,
    outbox: mpsc::UnboundedSender<Vec<u8>>,
    places: Arc<Semaphore>,
    /// Places that are not given back yet, because nothing more should be read.
    held: usize,
    tasks: [AbortHandle; 2],
}

impl Session {
    /// Starts the tasks of a session. The channel for reports takes no more than the state machine
    /// allows: it counts the bytes that it has not seen written, and messages have places.
    pub(super) fn start(
        number: u64,
        new: NewSession,
        reports: mpsc::UnboundedSender<FromSession>,
    ) -> Self {
        let NewSession {
            peer,
            instance,
            dialed,
            since,
            connection,
            send,
            recv,
        } = new;
        let (outbox, frames) = mpsc::unbounded_channel();
        let places = Arc::new(Semaphore::new(READ_AHEAD));
        let reader = tokio::spawn(read_all(number, recv, Arc::clone(&places), reports.clone()));
        let writer = tokio::spawn(write_all(number, send, frames, reports));
        let tasks = [reader.abort_handle(), writer.abort_handle()];
        Self {
            peer,
            number,
            instance,
            dialed,
            since,
            connection,
            outbox,
            places,
            held: 0,
            tasks,
        }
    }

    /// Writes a frame, some time.
    pub(super) fn send(&self, frame: Vec<u8>) {
        // A writer that has ended has reported so.
        let _ = self.outbox.send(frame);
    }

    /// Gives back the places of handled messages if more may be read, or notes one to be given back
    /// later.
    pub(super) fn read_on(&mut self, handled: usize, more: bool) {
        self.held += handled;
        if more && self.held > 0 {
            self.places.add_permits(self.held);
            self.held = 0;
        }
    }

    /// Ends the session at once.
    pub(super) fn end(self, code: iroh::endpoint::VarInt) {
        self.connection.close(code, &[]);
    }

    /// Ends the session once the peer has what was written so far; reads nothing more.
    pub(super) fn dismiss(mut self, code: iroh::endpoint::VarInt) {
        let [reader, _] = &self.tasks;
        reader.abort();
        // The writer ends the stream after what is queued, and the peer then the connection.
        self.outbox = mpsc::unbounded_channel().0;
        tokio::spawn(async move {
            let _ = timeout(FAREWELL, self.connection.closed()).await;
            self.connection.close(code, &[]);
        });
    }

    /// Ends the session in favour of another with the same peer.
    pub(super) fn retire(self) {
        let connection = self.connection.clone();
        retire(connection, self);
    }
}

impl NewSession {
    /// Gives the connection up in favour of an older one with the same peer.
    pub(super) fn retire(self) {
        let connection = self.connection.clone();
        retire(connection, self);
    }
}

/// How long a peer that is to go may take to read what was written to it.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long a connection that is not used is kept: the peer may not know the other one yet, and
/// should not see this one end before, however busy its machine is.
const RETIREMENT: Duration = Duration::from_secs(5);

/// Closes a connection later, and until then keeps its streams open, which `streams` owns.
fn retire(connection: Connection, streams: impl Send + 'static) {
    tokio::spawn(async move {
        let _ = timeout(RETIREMENT, connection.closed()).await;
        connection.close(DUPLICATE, &[]);
        drop(streams);
    });
}

impl Drop for Session {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

/// Work that one peer may cause per second, and at once, in units of a simple message: far more than
/// anyone types or copies, and a fraction of a processor.
const RATE: f64 = 20_000.0;
const BURST: f64 = 20_000.0;

/// Slows down reading from a peer that causes too much work. It is not sent away: it may have that
/// much to say.
struct Pace {
    credit: f64,
    at: Instant,
}

impl Pace {
    async fn keep(&mut self, cost: usize) {
        let now = Instant::now();
        let earned = now.duration_since(self.at).as_secs_f64() * RATE;
        self.credit = (self.credit + earned).min(BURST) - cost as f64;
        self.at = now;
        if self.credit < 0.0 {
            tokio::time::sleep(Duration::from_secs_f64(-self.credit / RATE)).await;
        }
    }
}

async fn read_all(
    number: u64,
    mut recv: RecvStream,
    places: Arc<Semaphore>,
    reports: mpsc::UnboundedSender<FromSession>,
) {
    let mut pace = Pace {
        credit: BURST,
        at: Instant::now(),
    };
    let why = loop {
        let Ok(place) = places.acquire().await else {
            return;
        };
        place.forget();
        let frame = match frame::read(&mut recv, MAX_FRAME).await {
            Ok(frame) => frame,
            Err(error) => break error.to_string(),
        };
        match Message::decode(&frame) {
            Ok(message) => {
                pace.keep(message.cost()).await;
                if reports.send(FromSession::Message(number, message)).is_err() {
                    return;
                }
            }
            Err(error) => break error.to_string(),
        }
    };
    let _ = reports.send(FromSession::Ended(number, why));
}

async fn write_all(
    number: u64,
    mut send: SendStream,
    mut frames: mpsc::UnboundedReceiver<Vec<u8>>,
    reports: mpsc::UnboundedSender<FromSession>,
) {
    while let Some(first) = frames.recv().await {
        let mut bytes = first.len();
        let mut together = vec![first];
        while bytes < WRITE_TOGETHER
            && let Ok(frame) = frames.try_recv()
        {
            bytes += frame.len();
            together.push(frame);
        }
        if let Err(error) = frame::write(&mut send, together).await {
            let _ = reports.send(FromSession::Ended(number, error.to_string()));
            return;
        }
        if reports.send(FromSession::Written(number, bytes)).is_err() {
            return;
        }
    }
}

//! The network of one device: one endpoint, and the doors on it. Does not know drives beyond their
//! tags.

use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use futures_util::Stream;
use iroh::{
    Endpoint, EndpointAddr, RelayMode, RelayUrl, SecretKey, TransportAddr,
    endpoint::{IdleTimeout, PortmapperConfig, QuicTransportConfig, VarInt, presets},
    protocol::Router,
};
use iroh_gossip::Gossip;
use iroh_mdns_address_lookup::MdnsAddressLookup;
use parking_lot::Mutex;
use rand_chacha::rand_core::Rng;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    address::{self, AddressBook, AddressError, Word},
    blobs::{BlobDoor, BlobError, BlobStore, FetchError, Fetcher},
    holding::{self, AskError, HOLD_ALPN, Held, HoldDoor, Holder, Holders, Term},
    join::{self, JOIN_ALPN, JoinDoor, JoinError, JoinStream},
    link::{Actor, DriveLink, OpenDrives, SYNC_ALPN, Shared, Surroundings, SyncDoor, TopicSeal},
    proto::EntrySource,
    rate::Limits,
    screen::{Doorkeeper, Gate, Screen},
    store::{self, STORE_ALPN, StoreDoor, StoreKeeper, StoreKeepers, StoreReply, StoreRequest},
    types::{BlobId, DriveTag, PeerId},
};

/// How the device takes part in the network.
#[derive(Clone)]
pub struct NetConfig {
    /// The secret half of the endpoint key. Its public half is the device's [`PeerId`].
    pub secret_key: [u8; 32],
    /// Where to listen. Without it all interfaces, at any port.
    pub bind: Option<SocketAddr>,
    /// Whether to find peers, and be found, by public DNS, public relays and the local network.
    /// Without it only addresses that were learned are used.
    pub discovery: bool,
    /// The address of a relay of one's own, in place of the public ones.
    pub relay: Option<String>,
    /// Where blobs are stored.
    pub blobs_dir: PathBuf,
}

impl fmt::Debug for NetConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetConfig")
            .field("bind", &self.bind)
            .field("discovery", &self.discovery)
            .field("relay", &self.relay)
            .field("blobs_dir", &self.blobs_dir)
            .finish_non_exhaustive()
    }
}

/// Why the network could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store of blobs could not be opened.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The relay's address is no URL.
    #[error(
        "the relay's address {0:?} is not valid; it should look like https://relay.example.org"
    )]
    Relay(String),
    /// The address to listen on cannot be used.
    #[error("cannot listen on {address}: {reason}; choose another address or port")]
    Bind {
        /// The address that was asked for.
        address: String,
        /// The system's own words.
        reason: String,
    },
    /// A part of the endpoint could not be set up.
    #[error("the network cannot be set up: {0}")]
    Setup(String),
}

/// A sign of life is sent after this long without anything else to say, and a peer that has been
/// silent for the second is gone. A restarted peer does not wait for that: it calls.
const KEEP_ALIVE: Duration = Duration::from_secs(1);
const SILENCE: Duration = Duration::from_secs(5);

/// Bytes under way on one stream. The QUIC library gives up a connection when a stream's buffer has
/// more than 1,024 gaps. When a burst overflows the receiver's socket, every other packet may be
/// missing: then 2 MiB make at most some 900 gaps. Large blobs gain nothing from more (measured).
const STREAM_WINDOW: u32 = 2 << 20;

/// Bytes under way on one connection, at first: what a stranger can make this device hold until it is
/// turned away. Where more is wanted it is granted later, to those who are known.
const CONNECTION_WINDOW: u32 = 2 << 20;

/// Bytes that are kept until they are acknowledged, per connection.
const SEND_WINDOW: u64 = 8 << 20;

/// Streams that a peer may have open on one connection.
const STREAMS: u32 = 64;

/// How long a call may take: on known addresses, and with looking up and a relay.
const DIRECT_CALL: Duration = Duration::from_secs(3);
const CALL: Duration = Duration::from_secs(10);

/// The network of one device. Clones are the same; it ends with [`Net::shutdown`].
#[derive(Clone)]
pub struct Net {
    inner: Arc<Inner>,
}

struct Inner {
    router: Router,
    endpoint: Endpoint,
    gossip: Gossip,
    gate: Arc<dyn Gate>,
    book: AddressBook,
    blobs: BlobStore,
    fetcher: Fetcher,
    holders: Holders,
    stores: StoreKeepers,
    limits: Limits,
    drives: Arc<OpenDrives>,
    links: Mutex<Vec<Arc<Shared>>>,
    joins: Mutex<Option<mpsc::Receiver<JoinStream>>>,
    instance: u64,
    dial_limit: Duration,
    relay: Option<RelayUrl>,
    stop: CancellationToken,
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

impl Net {
    /// Opens the store of blobs, binds the endpoint and starts answering.
    ///
    /// # Errors
    ///
    /// A [`StartError`] that says which part did not work.
    pub async fn start(config: NetConfig, gate: Arc<dyn Gate>) -> Result<Self, StartError> {
        let secret = SecretKey::from_bytes(&config.secret_key);
        let book = AddressBook::new(secret.public().into());
        let relay = config.relay.as_deref().map(relay_url).transpose()?;
        let blobs = BlobStore::open(&config.blobs_dir).await?;
        let endpoint = match bind(&config, secret, &book, Arc::clone(&gate)).await {
            Ok(endpoint) => endpoint,
            Err(error) => {
                blobs.close().await;
                return Err(error);
            }
        };
        let gossip = Gossip::builder().spawn(endpoint.clone());
        let drives = Arc::new(OpenDrives::default());
        let instance = process_rng().next_u64();
        let (join_door, joins) = JoinDoor::new();
        let sync_door = SyncDoor {
            gate: Arc::clone(&gate),
            drives: Arc::clone(&drives),
            instance,
        };
        let holders = Holders::default();
        let stores = StoreKeepers::default();
        let limits = Limits::default();
        let keeper = Doorkeeper::default();
        let router = Router::builder(endpoint.clone())
            .incoming_filter(Arc::new(move |incoming| keeper.judge(incoming)))
            .accept(SYNC_ALPN, sync_door)
            .accept(JOIN_ALPN, join_door)
            .accept(iroh_gossip::ALPN, gossip.clone())
            .accept(
                iroh_blobs::ALPN,
                BlobDoor::new(
                    blobs.clone(),
                    Arc::clone(&gate),
                    holders.clone(),
                    limits.clone(),
                ),
            )
            .accept(HOLD_ALPN, HoldDoor::new(holders.clone(), Arc::clone(&gate)))
            .accept(
                STORE_ALPN,
                StoreDoor::new(stores.clone(), Arc::clone(&gate)),
            )
            .spawn();
        let dial_limit = if config.discovery || config.relay.is_some() {
            CALL
        } else {
            DIRECT_CALL
        };
        let fetcher = Fetcher::new(endpoint.clone(), blobs.clone(), dial_limit, limits.clone());
        let inner = Inner {
            router,
            endpoint,
            gossip,
            gate,
            book,
            blobs,
            fetcher,
            holders,
            stores,
            limits,
            drives,
            links: Mutex::default(),
            joins: Mutex::new(Some(joins)),
            instance,
            dial_limit,
            relay,
            stop: CancellationToken::new(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// This device's name on the network.
    pub fn id(&self) -> PeerId {
        self.inner.endpoint.id().into()
    }

    /// Where this device can be reached right now, for tickets and for other members: at most
    /// [`crate::MAX_ADDRESS`] bytes. Changes when the network does.
    pub fn address(&self) -> Vec<u8> {
        own_address(&self.inner.endpoint, self.inner.relay.as_ref())
    }

    /// The port that is listened on. Members know it: use it again after a restart.
    pub fn bound_port(&self) -> u16 {
        self.inner
            .endpoint
            .bound_sockets()
            .first()
            .map_or(0, SocketAddr::port)
    }

    /// Remembers, until the end of the process, how to reach a peer; calls it if it is a member that
    /// is not connected.
    ///
    /// # Errors
    ///
    /// An [`AddressError`] when the bytes are no address, or this device's own.
    pub fn learn(&self, address: &[u8]) -> Result<PeerId, AddressError> {
        let (peer, new) = self.inner.book.learn(address, Word::Hearsay)?;
        if new {
            self.inner
                .links
                .lock()
                .iter()
                .for_each(|link| link.reachable(peer));
        }
        Ok(peer)
    }

    /// The blobs on this device.
    pub fn blobs(&self) -> &BlobStore {
        &self.inner.blobs
    }

    /// Sets who answers for blobs that are not in the store but can be made anew. Without one, what is
    /// asked for is served if it is in the store, and peers' questions are answered with no.
    pub fn set_holder(&self, holder: Arc<dyn Holder>) {
        self.inner.holders.set(holder);
    }

    /// Makes this a storage peer: sets who answers what only those are asked.
    pub fn set_store(&self, keeper: Arc<dyn StoreKeeper>) {
        self.inner.stores.set(keeper);
    }

    /// Asks a storage peer for something.
    ///
    /// # Errors
    ///
    /// An [`AskError`] when there is no answer.
    pub async fn ask_store(
        &self,
        peer: PeerId,
        request: &StoreRequest,
    ) -> Result<StoreReply, AskError> {
        let inner = &self.inner;
        store::ask(&inner.endpoint, peer, request, inner.dial_limit).await
    }

    /// Sets how fast contents may be sent and received, in bytes a second, all peers together.
    pub fn set_limits(&self, up: Option<u64>, down: Option<u64>) {
        self.inner.limits.set(up, down);
    }

    /// Asks a peer how it stands to these blobs; answers in their order. With a `promise`, a
    /// [`Held::Kept`] is one that this device may rely on for that long when it lets go of its own
    /// copy now.
    ///
    /// # Errors
    ///
    /// An [`AskError`] when there is no answer.
    pub async fn ask_held(
        &self,
        peer: PeerId,
        ids: &[BlobId],
        promise: Option<Term>,
    ) -> Result<Vec<Held>, AskError> {
        let inner = &self.inner;
        holding::ask(&inner.endpoint, peer, ids, promise, inner.dial_limit).await
    }

    /// Fetches blobs into the store, each from whichever provider has it, checked against its id as
    /// it arrives. Each id is reported once, with the blob's length, in the order of arrival; blobs
    /// that are here already are reported at once. Dropping the stream ends the fetching.
    pub fn fetch(
        &self,
        ids: Vec<BlobId>,
        providers: Vec<PeerId>,
    ) -> impl Stream<Item = (BlobId, Result<u64, FetchError>)> + Send + Unpin + 'static {
        self.inner.fetcher.fetch(ids, providers)
    }

    /// Starts keeping a drive level with its members, who are set with
    /// [`DriveLink::set_members`]. `tag` and `topic` are what members call the drive and where they
    /// gossip about it, `seal` who may be heard there. Opening a drive again replaces the older link's place at the door.
    pub fn open_drive(
        &self,
        tag: DriveTag,
        topic: [u8; 32],
        source: Arc<dyn EntrySource>,
        seal: Arc<dyn TopicSeal>,
    ) -> DriveLink {
        let inner = &self.inner;
        let (link, ends) = DriveLink::new(tag, topic, inner.stop.child_token());
        let mut links = inner.links.lock();
        links.retain(|link| !link.has_stopped());
        links.push(Arc::clone(&ends.shared));
        let endpoint = inner.endpoint.clone();
        let relay = inner.relay.clone();
        let net = Surroundings {
            endpoint: inner.endpoint.clone(),
            gossip: inner.gossip.clone(),
            gate: Arc::clone(&inner.gate),
            book: inner.book.clone(),
            drives: Arc::clone(&inner.drives),
            instance: inner.instance,
            dial_limit: inner.dial_limit,
            own_address: Arc::new(move || own_address(&endpoint, relay.as_ref())),
            seal,
        };
        Actor::start(net, source, ends);
        link
    }

    /// Opens a conversation about joining with the device at `address`.
    ///
    /// # Errors
    ///
    /// A [`JoinError`] when the address is no good or nobody answers there.
    pub async fn dial_join(&self, address: &[u8]) -> Result<JoinStream, JoinError> {
        join::dial(&self.inner.endpoint, address).await
    }

    /// Conversations that others have opened. The second call returns a receiver that has already
    /// ended.
    pub fn accept_joins(&self) -> mpsc::Receiver<JoinStream> {
        self.inner
            .joins
            .lock()
            .take()
            .unwrap_or_else(|| mpsc::channel(1).1)
    }

    /// Ends all links, closes the endpoint, and writes down and closes the store of blobs.
    pub async fn shutdown(&self) {
        self.inner.stop.cancel();
        let links = std::mem::take(&mut *self.inner.links.lock());
        for link in links {
            link.stop();
            link.stopped().await;
        }
        self.inner.fetcher.stop();
        if let Err(error) = self.inner.router.shutdown().await {
            tracing::warn!(%error, "the network did not stop in order");
        }
        self.inner.blobs.close().await;
    }
}

async fn bind(
    config: &NetConfig,
    secret: SecretKey,
    book: &AddressBook,
    gate: Arc<dyn Gate>,
) -> Result<Endpoint, StartError> {
    let setup = |e: &dyn fmt::Display| StartError::Setup(e.to_string());
    let mut builder = if config.discovery {
        Endpoint::builder(presets::N0).address_lookup(MdnsAddressLookup::builder())
    } else {
        // Asking routers for open ports speaks to the whole local network.
        Endpoint::builder(presets::Minimal)
            .relay_mode(RelayMode::Disabled)
            .portmapper_config(PortmapperConfig::Disabled)
    };
    if let Some(url) = &config.relay {
        let relay = relay_url(url)?;
        builder = builder.relay_mode(RelayMode::custom([relay]));
    }
    let wanted = config
        .bind
        .map_or_else(|| "any port".to_owned(), |addr| addr.to_string());
    let failed = |reason: String| StartError::Bind {
        address: wanted.clone(),
        reason,
    };
    if let Some(addr) = config.bind {
        builder = builder
            .clear_ip_transports()
            .bind_addr(addr)
            .map_err(|e| failed(e.to_string()))?;
    }
    let silence = IdleTimeout::try_from(SILENCE).map_err(|e| setup(&e))?;
    let transport = QuicTransportConfig::builder()
        .keep_alive_interval(KEEP_ALIVE)
        .default_path_keep_alive_interval(KEEP_ALIVE)
        .max_idle_timeout(Some(silence))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW))
        .send_window(SEND_WINDOW)
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS))
        .build();
    builder
        .secret_key(secret)
        .transport_config(transport)
        .address_lookup(book.lookup())
        .hooks(Screen::new(gate))
        .bind()
        .await
        .map_err(|e| failed(format!("{e:#}")))
}

fn relay_url(text: &str) -> Result<RelayUrl, StartError> {
    text.parse().map_err(|_| StartError::Relay(text.to_owned()))
}

/// What the endpoint knows of its own addresses, the sockets that are bound to one address, and the relay that
/// was chosen for it, also while it is still on its way there.
fn own_address(endpoint: &Endpoint, relay: Option<&RelayUrl>) -> Vec<u8> {
    let addr = endpoint.addr();
    let sockets = endpoint.bound_sockets().into_iter();
    let bound = sockets
        .filter(|socket| !socket.ip().is_unspecified())
        .map(TransportAddr::Ip);
    let relay = relay.cloned().map(TransportAddr::Relay);
    let ways = addr.addrs.iter().cloned().chain(bound).chain(relay);
    address::encode(&EndpointAddr::from_parts(addr.id, ways))
}

/// Randomness for what needs no secrecy: telling one start of the process from another.
fn process_rng() -> rand_chacha::ChaCha8Rng {
    use std::hash::{BuildHasher, RandomState};

    use rand_chacha::rand_core::SeedableRng;
    // The standard library seeds its hash tables from the operating system.
    rand_chacha::ChaCha8Rng::seed_from_u64(RandomState::new().hash_one(std::process::id()))
}

#[cfg(test)]
mod tests;

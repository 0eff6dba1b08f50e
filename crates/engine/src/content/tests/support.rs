//! A drive's keys, sources of several kinds, and seeded random bytes for the tests beside this file.

use std::{
    error::Error,
    fs::File,
    io::{Read, Seek, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use parking_lot::Mutex;
use peerdrive_crdt_tree::node::FileContent;
use peerdrive_crypto::{
    content::DriveLifetimeKeys,
    epoch::EpochKeys,
    ids::{DriveId, EpochId},
    secret::{DriveSecret, EpochSecret},
};
use peerdrive_net::{BlobId, BlobStore};

use crate::content::{BlobSource, ContentKeys, ContentStore, FetchError, Progress, shape::Shape};

pub(super) type TestResult = Result<(), Box<dyn Error>>;

/// Small sizes, so that a file of a few hundred KiB has pages and chunks enough.
pub(super) const TINY: Shape = Shape {
    inline: 1024,
    short: 16 * 1024,
    min: 1024,
    avg: 4096,
    max: 16 * 1024,
    fanout: 16,
};

/// Seeded random bytes and numbers (SplitMix64). Prints its seed; `PEERDRIVE_SEED` replays one.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(default: u64) -> Self {
        let seed = std::env::var("PEERDRIVE_SEED")
            .ok()
            .and_then(|s| s.parse().ok());
        let seed = seed.unwrap_or(default);
        println!("seed {seed} (replay with PEERDRIVE_SEED={seed})");
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub(super) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..len.div_ceil(8))
            .flat_map(|_| self.next().to_le_bytes())
            .collect();
        bytes.truncate(len);
        bytes
    }
}

/// The keys of a drive with two epochs, the second current.
pub(super) struct Keys {
    pub(super) epochs: Vec<Arc<EpochKeys>>,
    lifetime: Arc<DriveLifetimeKeys>,
    nonces: AtomicU64,
}

impl Keys {
    pub(super) fn of_drive(drive: u8) -> Arc<Self> {
        let id = DriveId([drive; 32]);
        let epoch = |n: u8| {
            let secret = EpochSecret::from_bytes([drive ^ n; 32]);
            Arc::new(EpochKeys::derive(id, EpochId([n; 32]), secret))
        };
        let secret = DriveSecret::from_bytes([drive; 32]);
        Arc::new(Self {
            epochs: vec![epoch(1), epoch(2)],
            lifetime: Arc::new(DriveLifetimeKeys::derive(&id, &secret)),
            nonces: AtomicU64::new(u64::from(drive) << 32),
        })
    }
}

impl ContentKeys for Keys {
    fn current(&self) -> Option<Arc<EpochKeys>> {
        self.epochs.last().cloned()
    }

    fn by_tag(&self, tag: &[u8; 8]) -> Option<Arc<EpochKeys>> {
        self.epochs
            .iter()
            .find(|e| e.id().0.starts_with(tag))
            .cloned()
    }

    fn lifetime(&self) -> Arc<DriveLifetimeKeys> {
        Arc::clone(&self.lifetime)
    }

    fn fresh_nonce(&self) -> [u8; 24] {
        let mut nonce = [0; 24];
        let n = self.nonces.fetch_add(1, Ordering::Relaxed);
        nonce[..8].copy_from_slice(&n.to_le_bytes());
        nonce
    }
}

/// Copies blobs out of another store, and counts the requests and the blobs.
pub(super) struct Peer {
    theirs: BlobStore,
    ours: BlobStore,
    pub(super) requests: AtomicUsize,
    pub(super) fetched: Mutex<Vec<BlobId>>,
}

impl Peer {
    pub(super) fn new(theirs: &BlobStore, ours: &BlobStore) -> Self {
        Self {
            theirs: theirs.clone(),
            ours: ours.clone(),
            requests: AtomicUsize::new(0),
            fetched: Mutex::default(),
        }
    }
}

impl BlobSource for Peer {
    fn fetch(&self, ids: Vec<BlobId>) -> BoxStream<'static, (BlobId, Result<u64, FetchError>)> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.fetched.lock().extend_from_slice(&ids);
        let (theirs, ours) = (self.theirs.clone(), self.ours.clone());
        stream::iter(ids)
            .map(move |id| {
                let (theirs, ours) = (theirs.clone(), ours.clone());
                async move { (id, copy(&theirs, &ours, &id).await) }
            })
            .buffer_unordered(16)
            .boxed()
    }
}

async fn copy(from: &BlobStore, to: &BlobStore, id: &BlobId) -> Result<u64, FetchError> {
    let bytes = from.get(id).await?.ok_or(FetchError::Absent)?;
    let len = bytes.len() as u64;
    to.put(bytes).await?;
    Ok(len)
}

/// Nobody is there: every request ends at once.
pub(super) struct Nobody;

impl BlobSource for Nobody {
    fn fetch(&self, _: Vec<BlobId>) -> BoxStream<'static, (BlobId, Result<u64, FetchError>)> {
        stream::empty().boxed()
    }
}

/// A device alone with its drive.
pub(super) fn alone(keys: &Arc<Keys>, shape: Shape) -> (ContentStore, BlobStore) {
    let blobs = BlobStore::in_memory();
    let keys: Arc<dyn ContentKeys> = Arc::clone(keys) as _;
    (
        ContentStore::with_shape(blobs.clone(), keys, Arc::new(Nobody), shape),
        blobs,
    )
}

/// A device with nothing, beside a peer with `theirs`.
pub(super) fn beside(
    keys: &Arc<Keys>,
    theirs: &BlobStore,
    shape: Shape,
) -> (ContentStore, Arc<Peer>, BlobStore) {
    let ours = BlobStore::in_memory();
    let peer = Arc::new(Peer::new(theirs, &ours));
    let source: Arc<dyn BlobSource> = Arc::clone(&peer) as _;
    let keys: Arc<dyn ContentKeys> = Arc::clone(keys) as _;
    (
        ContentStore::with_shape(ours.clone(), keys, source, shape),
        peer,
        ours,
    )
}

/// A file of these bytes, left at its end.
pub(super) fn file_of(bytes: &[u8]) -> std::io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(bytes)?;
    Ok(file)
}

/// Writes a version out and reads what is in the file then.
pub(super) async fn written(
    store: &ContentStore,
    content: &FileContent,
) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut file = tempfile::tempfile()?;
    let outcome = store
        .write_to(content, file.try_clone()?, &Progress::new())
        .await;
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    if outcome.is_err() {
        assert!(
            bytes.is_empty(),
            "a failed write leaves nothing to be mistaken for the file"
        );
    }
    outcome?;
    Ok(bytes)
}

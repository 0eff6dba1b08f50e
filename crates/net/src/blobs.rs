//! The local store of blobs: immutable ciphertexts named by their BLAKE3 hash. It does not know what
//! the bytes mean, nor which drive refers to them; a blob lives here until [`BlobStore::remove`].

mod claims;
mod come;
mod error;
mod fetch;
mod lost;
mod removal;
mod revive;
mod room;
mod serve;
mod sync;

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use iroh_blobs::{
    Hash,
    api::{RequestError, Store, blobs::BlobStatus},
    store::{
        fs::{FsStore, options::Options},
        mem::MemStore,
    },
};
use parking_lot::{Mutex, RwLock};

use self::{claims::Claims, come::Come, lost::Lost, removal::Sweeper, room::Room};
pub use self::{error::BlobError, fetch::FetchError};
pub(crate) use self::{fetch::Fetcher, room::Reserved, serve::BlobDoor};
use crate::types::BlobId;

/// Rooms for chunks that are kept to be read into again.
const BUFFERS: usize = 6;

/// Puts in flight at once in [`BlobStore::put_many`]: enough to fill the store's batch of one
/// transaction, few enough that the temporary files of large blobs do not pile up.
const PUTS_IN_FLIGHT: usize = 64;

/// The store keeps blobs up to this length in its database, and others in files of their own. The database keeps
/// up to 1 GiB of what it read and wrote in memory: with 16 KiB, a device that shared 100,000 files of 4 KiB took
/// 1,186 MiB, with this 321 MiB and 1.07 times as long (docs/BENCHMARKS.md).
const INLINED: u64 = 1024;

/// A handle to the blobs of one device. Clones share the store.
///
/// # Durability
///
/// A blob that was put survives the end of the process only once [`BlobStore::sync`] has returned
/// after it: the store collects metadata of many puts into one transaction.
#[derive(Clone, Debug)]
pub struct BlobStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Another one once the first has stopped by itself.
    opened: RwLock<Arc<Opened>>,
    /// It is not to be opened again.
    closed: AtomicBool,
    /// Where the files are; `None` for a store in memory.
    dir: Option<PathBuf>,
    /// Bytes that are being written.
    room: Room,
    /// Counts the beginnings and ends of removals: odd while one runs.
    removals: AtomicU64,
    claims: Claims,
    lost: Arc<Lost>,
    /// Room in which chunks were read, to read others in.
    buffers: Mutex<Vec<Vec<u8>>>,
    /// Small blobs that came just now.
    come: Mutex<Come>,
    /// The largest blob that is fetched, in bytes.
    largest: AtomicU64,
    /// Bytes of blobs that were stored since the start, whether new or not.
    stored: AtomicU64,
    unsynced: Mutex<Unsynced>,
    /// Held by a sync to its end: another that finds nothing left to do must not return before.
    syncing: tokio::sync::Mutex<()>,
}

/// The store underneath, and the one way to remove something from it.
#[derive(Debug)]
struct Opened {
    store: Store,
    sweeper: Sweeper,
}

impl Opened {
    async fn open(dir: &Path) -> Result<Self, BlobError> {
        let (sweeper, config) = Sweeper::new();
        let mut options = Options::new(dir);
        options.gc = Some(config);
        options.inline.max_data_inlined = INLINED;
        let store = FsStore::load_with_opts(dir.join("blobs.db"), options).await;
        let store = store.map_err(|e| BlobError::Open {
            dir: dir.to_owned(),
            reason: format!("{e:#}"),
        })?;
        Ok(Self {
            store: store.into(),
            sweeper,
        })
    }
}

/// Blobs with files of their own that were put since the last sync.
#[derive(Debug, Default)]
struct Unsynced {
    files: HashSet<Hash>,
    /// More than are worth naming.
    many: bool,
}

impl Unsynced {
    /// Above this many, one flush of the whole file system is cheaper than one a file.
    const MOST: usize = 8;

    fn of(files: HashSet<Hash>) -> Self {
        let many = files.len() > Self::MOST;
        Self { files, many }
    }

    fn note(&mut self, hash: Hash, len: usize) {
        if len as u64 > INLINED && !self.many {
            self.files.insert(hash);
            self.many = self.files.len() > Self::MOST;
        }
    }

    fn give_back(&mut self, taken: Unsynced) {
        self.files.extend(taken.files);
        self.many |= taken.many || self.files.len() > Self::MOST;
    }
}

impl Drop for Inner {
    /// Lets the store write down what it holds and unlock its files, without waiting for it.
    fn drop(&mut self) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let opened = self.opened.get_mut().clone();
            runtime.spawn(async move {
                // An error means that the store is already shut down.
                let _ = opened.store.shutdown().await;
            });
        }
    }
}

impl BlobStore {
    /// Opens the store in `dir`, making the directory if there is none.
    ///
    /// # Errors
    ///
    /// [`BlobError::Open`] when the directory cannot be made or read, or when another process (or
    /// a handle that is not yet closed) holds the store.
    pub async fn open(dir: &Path) -> Result<Self, BlobError> {
        let failed = |reason: String| BlobError::Open {
            dir: dir.to_owned(),
            reason,
        };
        tokio::fs::create_dir_all(dir)
            .await
            .map_err(|e| failed(e.to_string()))?;
        let lost = Lost::open(dir).map_err(|e| failed(e.to_string()))?;
        let opened = Opened::open(dir).await?;
        Ok(Self::new(opened, Some(dir.to_owned()), lost))
    }

    /// Makes a store that forgets everything when its last handle is dropped. Must be called inside
    /// a tokio runtime.
    pub fn in_memory() -> Self {
        let (sweeper, config) = Sweeper::new();
        let store = MemStore::new_with_opts(iroh_blobs::store::mem::Options {
            gc_config: Some(config),
        });
        let opened = Opened {
            store: store.into(),
            sweeper,
        };
        Self::new(opened, None, Lost::default())
    }

    fn new(opened: Opened, dir: Option<PathBuf>, lost: Lost) -> Self {
        let removals = AtomicU64::new(0);
        Self {
            inner: Arc::new(Inner {
                opened: RwLock::new(opened.into()),
                closed: AtomicBool::new(false),
                room: Room::default(),
                dir,
                removals,
                claims: Claims::default(),
                lost: Arc::new(lost),
                buffers: Mutex::default(),
                come: Mutex::default(),
                largest: AtomicU64::new(u64::MAX),
                stored: AtomicU64::new(0),
                unsynced: Mutex::default(),
                syncing: tokio::sync::Mutex::default(),
            }),
        }
    }

    /// The store underneath, for the transfer of blobs. To be asked for anew each time.
    pub(crate) fn store(&self) -> Store {
        self.opened().store.clone()
    }

    fn opened(&self) -> Arc<Opened> {
        self.inner.opened.read().clone()
    }

    /// Stores `bytes` and returns their identifier. Storing what is already here changes nothing.
    ///
    /// # Errors
    ///
    /// [`BlobError::Full`] when the disk has no room; any other [`BlobError`] when the store fails.
    pub async fn put(&self, bytes: Bytes) -> Result<BlobId, BlobError> {
        let _room = self.reserve(bytes.len() as u64)?;
        loop {
            let before = self.removals();
            let tag = self.store().add_bytes(bytes.clone()).temp_tag().await?;
            let id = BlobId::from(tag.hash());
            // Before the look at removals: one that begins after it sees the claim.
            self.claim(&id);
            self.inner.unsynced.lock().note(tag.hash(), bytes.len());
            if self.outlasts_removals(before, &id).await? {
                self.count_stored(bytes.len() as u64);
                return Ok(id);
            }
        }
    }

    /// Sets so many bytes of the disk aside while what is returned lives, if it has them, and some to spare.
    pub(crate) fn reserve(&self, len: u64) -> Result<Reserved<'_>, BlobError> {
        Ok(self.inner.room.reserve(self.inner.dir.as_deref(), len)?)
    }

    /// Keeps a blob, here or on its way, from being collected for a while: somebody is about to name
    /// it.
    pub fn claim(&self, id: &BlobId) {
        self.inner.claims.add(id);
    }

    /// While what is returned lives, whatever is claimed or put stays claimed, and for a while after.
    pub fn writing(&self) -> Writing {
        Writing {
            ticket: self.inner.claims.begin(),
            store: self.clone(),
        }
    }

    /// As [`BlobStore::has`], and if so, it is claimed and no collection has taken it meanwhile.
    ///
    /// # Errors
    ///
    /// A [`BlobError`] when the store fails.
    pub async fn has_claimed(&self, id: &BlobId) -> Result<bool, BlobError> {
        self.claim(id);
        let before = self.removals();
        Ok(self.has(id).await? && self.outlasts_removals(before, id).await?)
    }

    /// Bytes of blobs that were put or fetched since the start: what has to be looked at anew.
    pub fn stored(&self) -> u64 {
        self.inner.stored.load(Ordering::Relaxed)
    }

    /// Fetches no blob from now on that is larger: what comes of strangers' doing has a bound then.
    pub fn set_largest(&self, bytes: u64) {
        self.inner.largest.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn largest(&self) -> u64 {
        self.inner.largest.load(Ordering::Relaxed)
    }

    pub(crate) fn count_stored(&self, bytes: u64) {
        self.inner.stored.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Forgets all claims, as a restart does.
    #[doc(hidden)]
    pub fn forget_claims(&self) {
        self.inner.claims.forget();
    }

    /// Stores many blobs, several at once; identifiers in the order of the blobs.
    ///
    /// # Errors
    ///
    /// As [`BlobStore::put`]; blobs before the failing one may have been stored.
    pub async fn put_many(&self, blobs: Vec<Bytes>) -> Result<Vec<BlobId>, BlobError> {
        stream::iter(blobs.into_iter().map(|bytes| self.put(bytes)))
            .buffered(PUTS_IN_FLIGHT)
            .try_collect()
            .await
    }

    /// Whether the whole blob is here.
    ///
    /// # Errors
    ///
    /// A [`BlobError`] when the store fails.
    pub async fn has(&self, id: &BlobId) -> Result<bool, BlobError> {
        Ok(self.size(id).await?.is_some())
    }

    /// The length of the blob in bytes, if the whole of it is here.
    ///
    /// # Errors
    ///
    /// A [`BlobError`] when the store fails.
    pub async fn size(&self, id: &BlobId) -> Result<Option<u64>, BlobError> {
        match self
            .store()
            .status(Hash::from(*id))
            .await
            .map_err(RequestError::from)?
        {
            BlobStatus::Complete { size } => Ok(Some(size)),
            BlobStatus::Partial { .. } | BlobStatus::NotFound => Ok(None),
        }
    }

    /// The bytes of the blob, checked against its identifier, if the whole of it is here.
    ///
    /// # Errors
    ///
    /// [`BlobError::Damaged`] when the stored bytes are no longer those of the blob; any other
    /// [`BlobError`] when the store fails.
    pub async fn get(&self, id: &BlobId) -> Result<Option<Bytes>, BlobError> {
        self.get_up_to(id, u64::MAX).await
    }

    /// As [`BlobStore::get`], for a blob of at most `most` bytes.
    ///
    /// # Errors
    ///
    /// As [`BlobStore::get`]; [`BlobError::Longer`] when it is longer, which is not read then.
    pub async fn get_up_to(&self, id: &BlobId, most: u64) -> Result<Option<Bytes>, BlobError> {
        let come = self.inner.come.lock().take(id);
        if let Some(bytes) = come.filter(|bytes| bytes.len() as u64 <= most) {
            return Ok(Some(bytes));
        }
        let Some(size) = self.size(id).await? else {
            return Ok(None);
        };
        if size > most {
            return Err(BlobError::Longer(*id));
        }
        if let Some(bytes) = self.read_file(id, size).await {
            return Ok(Some(bytes));
        }
        match self.store().get_bytes(Hash::from(*id)).await {
            Ok(bytes) => Ok(Some(bytes)),
            // It may have been removed between the question and the read.
            Err(_) if !self.has(id).await? => Ok(None),
            Err(error) => Err(BlobError::of_export(*id, error)),
        }
    }

    /// A blob that has a file of its own, read in one piece: the store would hand it over in pieces of 16 KiB
    /// with their proofs, which takes three times as much memory for a while. `None` whenever anything is not as
    /// it should be: the store knows what to say of it.
    async fn read_file(&self, id: &BlobId, size: u64) -> Option<Bytes> {
        let dir = self.inner.dir.as_deref().filter(|_| size > INLINED)?;
        let hash = Hash::from(*id);
        let path = sync::file_of(dir, &hash.to_hex());
        let buffer = self.inner.buffers.lock().pop().unwrap_or_default();
        let read = run_blocking(move || sync::read_into(buffer, &path))
            .await
            .ok()?;
        (read.len() as u64 == size && Hash::new(&read) == hash).then(|| Bytes::from(read))
    }

    /// Keeps a blob that was fetched and stored for who is about to ask for it.
    fn keep_come(&self, id: BlobId, bytes: Bytes) {
        self.inner.come.lock().keep(id, bytes);
    }

    /// Gives back what [`BlobStore::get`] gave, or what was made of it in its room, so that the next blob is read
    /// into that: a large file goes through thousands of chunks, and each would leave free room behind on
    /// another processor's account. Without effect while somebody else holds it.
    pub fn give_back(&self, bytes: Bytes) {
        if let Ok(bytes) = bytes.try_into_mut() {
            let mut buffers = self.inner.buffers.lock();
            if buffers.len() < BUFFERS {
                buffers.push(Vec::from(bytes));
            }
        }
    }

    /// Lets go of the room that was given back.
    pub fn forget_buffers(&self) {
        self.inner.buffers.lock().clear();
    }

    /// Removes blobs, whole or partial; those that are not here are passed over.
    ///
    /// The cost grows with the number of blobs in the store, not only with `ids`: collect many.
    /// A put or fetch of the same blob that runs at the same time wins over the removal.
    ///
    /// # Errors
    ///
    /// [`BlobError::Stalled`] when the store did not finish in time; any other [`BlobError`] when
    /// the store fails. Some of the blobs may then be gone.
    pub async fn remove(&self, ids: Vec<BlobId>) -> Result<(), BlobError> {
        self.remove_where(ids, |_| true).await
    }

    /// As [`BlobStore::remove`], but leaves alone what is claimed. A blob that somebody claims before
    /// it is gone is either left alone or found missing by who claimed it, never taken from under
    /// them.
    ///
    /// # Errors
    ///
    /// As [`BlobStore::remove`].
    pub async fn remove_unclaimed(&self, ids: Vec<BlobId>) -> Result<(), BlobError> {
        self.remove_where(ids, |id| !self.inner.claims.has(id))
            .await
    }

    /// Removes a blob that was found damaged, so that it can be fetched again, and notes for good that
    /// it was here.
    ///
    /// # Errors
    ///
    /// As [`BlobStore::remove`]; it is still here if it could not be noted.
    pub async fn remove_damaged(&self, id: BlobId) -> Result<(), BlobError> {
        let lost = Arc::clone(&self.inner.lost);
        run_blocking(move || lost.note(id)).await?;
        self.remove(vec![id]).await
    }

    /// Blobs that were here until they were found damaged, and have not come back.
    ///
    /// # Errors
    ///
    /// A [`BlobError`] when the store fails.
    pub async fn lost(&self) -> Result<HashSet<BlobId>, BlobError> {
        let mut lost = HashSet::new();
        for id in self.inner.lost.ids() {
            if !self.has(&id).await? {
                lost.insert(id);
            }
        }
        Ok(lost)
    }

    async fn remove_where(
        &self,
        mut ids: Vec<BlobId>,
        doomed: impl Fn(&BlobId) -> bool,
    ) -> Result<(), BlobError> {
        if ids.is_empty() {
            return Ok(());
        }
        let opened = self.opened();
        let mut turn = opened.sweeper.turn().await;
        let _running = Running::begin(&self.inner.removals);
        // Asked only now: who claims from here on sees that a removal is under way.
        ids.retain(|id| doomed(id));
        self.inner.come.lock().forget(&ids);
        let doomed: HashSet<Hash> = ids.into_iter().map(Hash::from).collect();
        let all = opened.store.list().hashes().await?;
        let mut keep: HashSet<Hash> = all.into_iter().collect();
        let before = keep.len();
        keep.retain(|hash| !doomed.contains(hash));
        if keep.len() == before {
            return Ok(());
        }
        turn.sweep(keep).await
    }

    /// Returns once every put that ended before this call would survive a loss of power.
    ///
    /// # Errors
    ///
    /// A [`BlobError`] when the disk refuses or the store fails.
    pub async fn sync(&self) -> Result<(), BlobError> {
        let _turn = self.inner.syncing.lock().await;
        let taken = std::mem::take(&mut *self.inner.unsynced.lock());
        let mut owed = Owed {
            unsynced: &self.inner.unsynced,
            taken,
        };
        self.sync_taken(&owed.taken).await?;
        owed.taken = Unsynced::default();
        Ok(())
    }

    async fn sync_taken(&self, taken: &Unsynced) -> Result<(), BlobError> {
        // The files first: metadata must not promise bytes that are not on the disk. Not the whole
        // file system for a handful: it would wait for whatever everybody else has written.
        match &self.inner.dir {
            Some(dir) if taken.many => {
                let dir = dir.clone();
                run_blocking(move || sync::flush_files(&dir)).await?;
            }
            Some(dir) if !taken.files.is_empty() => {
                let dir = dir.clone();
                let names: Vec<String> = taken.files.iter().map(Hash::to_hex).collect();
                run_blocking(move || sync::flush_blobs(&dir, &names)).await?;
            }
            _ => {}
        }
        Ok(self.store().sync_db().await?)
    }

    /// Returns once these blobs, as far as they are here, would survive a loss of power: also those that were
    /// fetched, which nothing else waits for.
    ///
    /// # Errors
    ///
    /// A [`BlobError`] when the disk refuses or the store fails.
    pub async fn make_durable(&self, ids: &[BlobId]) -> Result<(), BlobError> {
        let files = ids.iter().map(|id| Hash::from(*id));
        self.sync_taken(&Unsynced::of(files.collect())).await
    }

    /// The identifiers of all blobs, whole and partial, in no particular order.
    ///
    /// # Errors
    ///
    /// A [`BlobError`] when the store fails.
    pub async fn ids(&self) -> Result<Vec<BlobId>, BlobError> {
        Ok(self
            .store()
            .list()
            .hashes()
            .await?
            .into_iter()
            .map(BlobId::from)
            .collect())
    }

    /// Bytes that the store's files take on disk; zero for a store in memory.
    ///
    /// # Errors
    ///
    /// [`BlobError::Io`] when a directory cannot be read.
    pub async fn size_on_disk(&self) -> Result<u64, BlobError> {
        match self.inner.dir.clone() {
            Some(dir) => run_blocking(move || sync::disk_usage(&dir)).await,
            None => Ok(0),
        }
    }

    /// Writes down everything and unlocks the files. Later calls on any clone fail.
    pub async fn close(&self) {
        self.inner.closed.store(true, Ordering::Release);
        if let Err(error) = self.sync().await {
            tracing::warn!(%error, "the blob store could not be synced before closing");
        }
        if let Err(error) = self.store().shutdown().await {
            tracing::debug!(%error, "the blob store was already closed");
        }
    }

    /// The count to hand to [`BlobStore::outlasts_removals`] after a write.
    pub(crate) fn removals(&self) -> u64 {
        self.inner.removals.load(Ordering::Acquire)
    }

    /// Whether a blob written since the count was `before` is certain to be still here: a sweep that
    /// ran beside the write knew nothing of it and may have taken it along.
    pub(crate) async fn outlasts_removals(
        &self,
        before: u64,
        id: &BlobId,
    ) -> Result<bool, BlobError> {
        if before.is_multiple_of(2) && self.removals() == before {
            return Ok(true);
        }
        drop(self.opened().sweeper.turn().await);
        self.has(id).await
    }
}

/// Keeps what is written meanwhile from being collected; see [`BlobStore::writing`].
#[derive(Debug)]
pub struct Writing {
    ticket: u64,
    store: BlobStore,
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.store.inner.claims.end(self.ticket);
    }
}

/// What a sync has taken on: given back when it fails, or is given up half way.
struct Owed<'a> {
    unsynced: &'a Mutex<Unsynced>,
    taken: Unsynced,
}

impl Drop for Owed<'_> {
    fn drop(&mut self) {
        self.unsynced
            .lock()
            .give_back(std::mem::take(&mut self.taken));
    }
}

/// Marks a removal as running until dropped.
struct Running<'a>(&'a AtomicU64);

impl<'a> Running<'a> {
    fn begin(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// Runs file system work where it may block.
async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, BlobError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(BlobError::Closed),
    }
}

#[cfg(test)]
mod tests;

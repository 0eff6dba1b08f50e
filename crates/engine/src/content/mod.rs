//! The bytes of files: cut, sealed and stored on the way in; fetched, opened and checked on the way
//! out. Knows versions of content ([`FileContent`]) and blobs, but no names, folders or peers.
//!
//! A file is cut where its content says so, each chunk is sealed under a key that its own bytes give,
//! and a sealed manifest lists the chunks (content.md, security.md §3.3). What comes out of here is
//! exactly what the author of a version vouched for, or an error; never other bytes, never a part that
//! was not checked. Only ciphertext enters the [`BlobStore`], which serves it to peers.
//!
//! Memory stays flat: a few chunks in flight within a budget shared by all imports and checkouts, and
//! one cache of opened chunks shared by all readers.

mod cache;
mod cut;
mod error;
mod fetch;
mod import;
mod lanes;
mod manifest;
mod open;
mod parts;
mod presence;
mod progress;
mod reader;
mod seal;
mod shape;
mod source;
mod used;
mod write;

#[cfg(test)]
mod tests;

use std::{fmt, fs::File, io::Read, sync::Arc};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use parking_lot::Mutex;
use peerdrive_crdt_tree::node::{ContentHash, FileContent};
use peerdrive_net::{BlobId, BlobStore};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use self::manifest::harness;
pub(crate) use self::parts::{Part, PartKind, Untold, VersionParts};
use self::{
    cache::{Loads, Lru},
    cut::CutRule,
    lanes::{Lane, Lanes},
    manifest::ChunkRef,
    open::Opened,
    shape::Shape,
};
pub use self::{
    error::{ContentError, Mismatch},
    progress::{Pace, Progress, Snapshot},
    reader::ContentReader,
    source::{BlobSource, ContentKeys, FetchError},
    write::WriteJob,
};

/// Files up to this length are all in their manifest.
pub(crate) const INLINE: u64 = Shape::V1.inline;

/// Opened chunks kept for readers: eight of the longest, so that a few streams read ahead side by side.
const CHUNK_CACHE: usize = 32 << 20;
/// Opened manifests kept for readers: about thirty of the longest, or hundreds of thousands of small
/// ones' worth of lists.
const MANIFEST_CACHE: usize = 8 << 20;
/// Keys of chunks that are stored, remembered so that they are not stored again: 64 Ki of them stand
/// for some 64 GiB and take 8 MiB.
const STORED_CHUNKS: usize = 64 << 10;
/// Plain bytes of chunks in flight in imports and checkouts together, in KiB. Each also exists in
/// sealed form, so this counts about twice.
const BUDGET_KIB: usize = 16 << 10;
/// Long files that are read, or written, at the same time. One keeps two cores busy; with two, a short
/// one need not wait for a very long one.
const LONG_FILES: usize = 2;
/// A longer one is very long: on a slow line it may take hours, and others of its kind have places of their own.
const VERY_LONG: u64 = 16 << 20;
/// Requests of background work to the source that run at once.
const BACKGROUND_FETCHES: usize = 4;

/// The bytes of one drive's files. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct ContentStore(Arc<Inner>);

impl fmt::Debug for ContentStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContentStore").finish_non_exhaustive()
    }
}

struct Inner {
    blobs: BlobStore,
    keys: Arc<dyn ContentKeys>,
    source: Arc<dyn BlobSource>,
    shape: Shape,
    rule: Arc<CutRule>,
    /// Work on blocking threads: hashing, sealing, file systems.
    working: Lanes,
    /// Requests to the source.
    fetching: Lanes,
    long_in: Semaphore,
    long_out: Semaphore,
    very_long_out: Semaphore,
    budget: Arc<Semaphore>,
    chunks: Loads<ChunkOf, Bytes>,
    manifests: Loads<VersionOf, Arc<Opened>>,
    stored: Mutex<Lru<[u8; 32], BlobId>>,
    used: used::Used,
}

/// A chunk as the cache knows it: all that decides whether it opens, so that one version's claim about
/// a chunk is never answered out of another's.
type ChunkOf = ([u8; 8], ChunkRef);
/// A manifest as the cache knows it: epoch, blob, hash, length.
type VersionOf = ([u8; 8], [u8; 32], [u8; 32], u64);

impl ContentStore {
    /// The contents of the drive that `keys` belong to, in `blobs`, with `source` for what is not
    /// there. Must be called inside a tokio runtime, as all else here.
    pub fn new(blobs: BlobStore, keys: Arc<dyn ContentKeys>, source: Arc<dyn BlobSource>) -> Self {
        Self::with_shape(blobs, keys, source, Shape::V1)
    }

    fn with_shape(
        blobs: BlobStore,
        keys: Arc<dyn ContentKeys>,
        source: Arc<dyn BlobSource>,
        shape: Shape,
    ) -> Self {
        let lifetime = keys.lifetime();
        let seed = lifetime
            .cdc_seed()
            .first_chunk()
            .copied()
            .unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self(Arc::new(Inner {
            blobs,
            keys,
            source,
            shape,
            rule: Arc::new(CutRule::new(shape, u64::from_le_bytes(seed))),
            // Half of them may wait for a disk while the other half computes.
            working: Lanes::new(cores * 2),
            fetching: Lanes::new(BACKGROUND_FETCHES),
            long_in: Semaphore::new(LONG_FILES),
            long_out: Semaphore::new(LONG_FILES),
            very_long_out: Semaphore::new(LONG_FILES),
            budget: Arc::new(Semaphore::new(BUDGET_KIB)),
            chunks: Loads::new(CHUNK_CACHE),
            manifests: Loads::new(MANIFEST_CACHE),
            stored: Mutex::new(Lru::new(STORED_CHUNKS)),
            used: used::Used::default(),
        }))
    }

    /// Reads a file from its beginning, cuts, hashes, seals and stores it. The version that it
    /// returns says `mtime_ns`. What was read is consistent in itself, but a caller who fears that
    /// the file changed meanwhile must compare its times before and after. Counts the bytes and one
    /// file in `progress` as they are stored, but does not announce them there. A file that fits its manifest is
    /// read on the thread that polls this.
    ///
    /// # Errors
    ///
    /// [`ContentError::NoEpoch`], [`ContentError::File`], [`ContentError::Store`],
    /// [`ContentError::TooLarge`].
    pub async fn import_file(
        &self,
        file: File,
        mtime_ns: i64,
        progress: &Progress,
    ) -> Result<FileContent, ContentError> {
        Box::pin(self.0.import_file(file, mtime_ns, progress)).await
    }

    /// As [`ContentStore::import_file`], for bytes that are in memory.
    ///
    /// # Errors
    ///
    /// [`ContentError::NoEpoch`], [`ContentError::Store`].
    pub async fn import_bytes(
        &self,
        bytes: Vec<u8>,
        mtime_ns: i64,
    ) -> Result<FileContent, ContentError> {
        Box::pin(self.0.import_bytes(bytes, mtime_ns)).await
    }

    /// As [`ContentStore::import_file`], for bytes that come in pieces from elsewhere. The end of the
    /// stream is the end of the file: a piece that is an error says that there is no such file. A long
    /// file takes one of few places meanwhile, so pieces must not be let wait for.
    ///
    /// # Errors
    ///
    /// [`ContentError::NoEpoch`], [`ContentError::File`] with the error of a piece,
    /// [`ContentError::Store`], [`ContentError::TooLarge`].
    pub async fn import_stream(
        &self,
        pieces: BoxStream<'static, std::io::Result<Bytes>>,
        mtime_ns: i64,
    ) -> Result<FileContent, ContentError> {
        Box::pin(self.0.import_stream(pieces, mtime_ns)).await
    }

    /// Hash and length of a file from its beginning; nothing is stored. To compare it with a version.
    ///
    /// # Errors
    ///
    /// [`ContentError::File`].
    pub async fn hash_file(&self, mut file: File) -> Result<(ContentHash, u64), ContentError> {
        let mut hasher = self.0.keys.lifetime().content_hasher();
        let size = file.metadata().map_or(0, |meta| meta.len());
        self.0
            .work_on(Lane::Background, size, move || {
                import::rewind(&mut file)?;
                // As long as the file when that is short: most files are.
                let mut buffer = vec![0; size.clamp(1 << 12, 1 << 20) as usize];
                let mut len = 0;
                loop {
                    match file.read(&mut buffer) {
                        Ok(0) => return Ok((ContentHash(hasher.finish().0), len)),
                        Ok(n) => {
                            hasher.update(buffer.get(..n).unwrap_or_default());
                            len += n as u64;
                        }
                        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            })
            .await?
    }

    /// Returns once every import that ended before this call would survive a loss of power: to be
    /// awaited before the edit that names the imported versions is recorded.
    ///
    /// # Errors
    ///
    /// [`ContentError::Store`].
    pub async fn flush(&self) -> Result<(), ContentError> {
        Ok(self.0.blobs.sync().await?)
    }

    /// Opens a version to read ranges of it. Fetches its manifest if that is not here.
    ///
    /// # Errors
    ///
    /// [`ContentError::Unavailable`], [`ContentError::Forged`], [`ContentError::NoKey`],
    /// [`ContentError::Store`].
    pub async fn open(&self, content: &FileContent) -> Result<ContentReader, ContentError> {
        let opened = self.0.opened(content, Lane::Urgent).await?;
        Ok(ContentReader::new(Arc::clone(&self.0), opened))
    }

    /// Writes a version into a file, fetching what is missing. Every chunk is checked before it is
    /// written and the whole at the end; runs of zeros become holes. Counts in `progress` as
    /// [`ContentStore::import_file`] does. Flushing the file to disk is left to the caller. A version that fits its
    /// manifest is written on the thread that polls this.
    ///
    /// # Errors
    ///
    /// As [`ContentStore::open`], and [`ContentError::File`]. The file is then empty.
    pub async fn write_to(
        &self,
        content: &FileContent,
        file: File,
        progress: &Progress,
    ) -> Result<(), ContentError> {
        Box::pin(self.0.write(WriteJob::into_file(*content, file), progress)).await
    }

    /// Writes many versions, several at once, asking for the manifests of many in one request: the
    /// way to check out a folder. Yields the index of each job with its outcome, in the order in
    /// which they end; jobs make progress only while the stream is polled.
    pub fn write_many(
        &self,
        jobs: Vec<WriteJob>,
        progress: &Progress,
    ) -> BoxStream<'static, (usize, Result<(), ContentError>)> {
        self.0.write_many(jobs, progress)
    }

    /// Whether every byte of a version can be read without a peer.
    ///
    /// # Errors
    ///
    /// [`ContentError::Forged`], [`ContentError::NoKey`], [`ContentError::Store`].
    pub async fn is_local(&self, content: &FileContent) -> Result<bool, ContentError> {
        Box::pin(self.0.is_local(content)).await
    }

    /// The blobs that a version consists of, as far as this device can tell without a peer.
    pub(crate) async fn parts(&self, content: &FileContent) -> Result<VersionParts, ContentError> {
        Box::pin(self.0.parts(content)).await
    }

    /// Makes a chunk's blob again from its plain bytes; whether these were its bytes.
    pub(crate) async fn remake(
        &self,
        wanted: BlobId,
        epoch: [u8; 8],
        plain: Vec<u8>,
    ) -> Result<bool, ContentError> {
        Box::pin(self.0.remake(wanted, epoch, plain)).await
    }

    /// When a blob was last read by somebody who waited for it: greater is later, 0 is never.
    pub(crate) fn last_used(&self, id: &BlobId) -> u64 {
        self.0.used.last(id)
    }

    /// The store that the blobs are in.
    pub(crate) fn blobs(&self) -> &BlobStore {
        &self.0.blobs
    }

    /// Brings the manifest of a version here, if a peer has it.
    pub(crate) async fn fetch_list(&self, content: &FileContent) -> Result<(), ContentError> {
        Box::pin(self.0.opened(content, Lane::Background)).await?;
        Ok(())
    }

    /// Brings these lists of chunks here, as far as a peer has them.
    pub(crate) async fn fetch_lists(&self, lists: Vec<BlobId>) -> Result<(), ContentError> {
        Box::pin(self.0.ensure(lists, fetch::MANY_SMALL, Lane::Background)).await
    }

    /// Fetches all blobs of these versions, so that they can be read without a peer.
    ///
    /// # Errors
    ///
    /// As [`ContentStore::open`]: the first error, after everything else was fetched.
    pub async fn prefetch(&self, contents: &[FileContent]) -> Result<(), ContentError> {
        Box::pin(self.0.prefetch(contents)).await
    }
}

impl Inner {
    /// Runs `job` on a thread that may block, once there is room in its lane.
    async fn work<T: Send + 'static>(
        &self,
        lane: Lane,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ContentError> {
        let _place = self.working.enter(lane).await;
        Ok(tokio::task::spawn_blocking(job).await?)
    }

    /// As [`Inner::work`], but on the thread that polls it where it is about no more than fits a manifest: to hand
    /// that to another thread and to wait for it takes longer than to do it.
    async fn work_on<T: Send + 'static>(
        &self,
        lane: Lane,
        len: u64,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ContentError> {
        match len <= self.shape.inline {
            true => Ok(job()),
            false => self.work(lane, job).await,
        }
    }

    /// Waits until `len` more plain bytes may be in memory. More than half of the budget is never
    /// asked for, so that nothing waits for itself.
    async fn room(&self, len: u64) -> Result<OwnedSemaphorePermit, ContentError> {
        let kib = (len / 1024 + 1).min(BUDGET_KIB as u64 / 2);
        Arc::clone(&self.budget)
            .acquire_many_owned(u32::try_from(kib).unwrap_or(1))
            .await
            .map_err(|_| ContentError::Stopped)
    }
}

//! A version whose manifest is open: where each of its bytes is, and how to get at a chunk. Does not
//! know who reads, nor in what order.

use std::sync::Arc;

use bytes::Bytes;
use peerdrive_crdt_tree::node::FileContent;
use peerdrive_crypto::epoch::EpochKeys;
use peerdrive_net::BlobId;

use super::{
    Inner,
    error::{ContentError, Mismatch},
    lanes::Lane,
    manifest::{Body, ChunkRef, Manifest, PageRef, Run, decode_page},
    seal,
};

/// The list of a version's chunks, or the bytes themselves.
pub(super) enum Parts {
    /// All of the file.
    Inline(Bytes),
    /// One run from the first byte to the last.
    Run(Arc<Run>),
    /// Pages, each a run, with the place where it begins.
    Pages(Vec<(u64, PageRef)>),
}

/// A version with its manifest open and checked.
pub(super) struct Opened {
    pub(super) version: FileContent,
    /// `None` for the empty file, which has no epoch.
    epoch: Option<Arc<EpochKeys>>,
    pub(super) parts: Parts,
}

impl Opened {
    fn new(version: FileContent, epoch: Arc<EpochKeys>, manifest: Manifest) -> Self {
        let parts = match manifest.body {
            Body::Inline(bytes) => Parts::Inline(bytes.into()),
            Body::Chunks(chunks) => Parts::Run(Arc::new(Run::new(0, chunks))),
            Body::Pages(pages) => {
                let mut start = 0;
                let place = |page: PageRef| {
                    let at = start;
                    start += page.span;
                    (at, page)
                };
                Parts::Pages(pages.into_iter().map(place).collect())
            }
        };
        Self {
            version,
            epoch: Some(epoch),
            parts,
        }
    }

    /// About what it takes in memory.
    fn weight(&self) -> usize {
        256 + match &self.parts {
            Parts::Inline(bytes) => bytes.len(),
            Parts::Run(run) => run.chunks().len() * 80,
            Parts::Pages(pages) => pages.len() * 96,
        }
    }

    /// The page that lists the chunk of the byte at `offset`, if the version has pages.
    pub(super) fn page_at(&self, offset: u64) -> Option<ChunkRef> {
        match &self.parts {
            Parts::Pages(pages) => page_of(pages, offset).map(|(_, page)| page.page),
            _ => None,
        }
    }

    /// The page that lists the chunk of the byte at `offset`, with the bytes that it spans.
    pub(super) fn page_span(&self, offset: u64) -> Option<(u64, ChunkRef)> {
        match &self.parts {
            Parts::Pages(pages) => page_of(pages, offset).map(|(_, page)| (page.span, page.page)),
            _ => None,
        }
    }

    fn epoch(&self) -> Result<&Arc<EpochKeys>, ContentError> {
        // Only the empty file has none, and it has no chunks to ask for either.
        self.epoch
            .as_ref()
            .ok_or(ContentError::forged(Mismatch::Manifest))
    }
}

fn page_of(pages: &[(u64, PageRef)], offset: u64) -> Option<&(u64, PageRef)> {
    let after = pages.partition_point(|(start, _)| *start <= offset);
    pages.get(after.checked_sub(1)?)
}

impl Inner {
    /// Opens a version's manifest, out of the cache if somebody read it not long ago.
    pub(super) async fn opened(
        self: &Arc<Self>,
        version: &FileContent,
        lane: Lane,
    ) -> Result<Arc<Opened>, ContentError> {
        let version = *version;
        let Some(manifest) = version.manifest else {
            return self.empty(version).map(Arc::new);
        };
        let key = (manifest.epoch, manifest.blob, version.hash.0, version.len);
        let opened = self.manifests.get(key, || {
            let store = Arc::clone(self);
            async move {
                let opened = store.open_uncached(version, lane).await?;
                let weight = opened.weight();
                Ok((Arc::new(opened), weight))
            }
        });
        opened.await
    }

    /// Opens a version's manifest without touching the cache: for the many files of a checkout.
    pub(super) async fn open_uncached(
        self: &Arc<Self>,
        version: FileContent,
        lane: Lane,
    ) -> Result<Opened, ContentError> {
        let Some(manifest) = version.manifest else {
            return self.empty(version);
        };
        let most = seal::manifest_blob_max(&self.shape);
        let sealed = self.blob(BlobId(manifest.blob), most, lane).await?;
        let (store, len) = (Arc::clone(self), sealed.len() as u64);
        self.work_on(lane, len, move || store.open_manifest(version, &sealed))
            .await?
    }

    /// Opens a sealed manifest. Takes some 10 µs for a small file's and 10 ms for the largest.
    pub(super) fn open_manifest(
        &self,
        version: FileContent,
        sealed: &[u8],
    ) -> Result<Opened, ContentError> {
        let tag = version.manifest.map(|m| m.epoch).unwrap_or_default();
        let epoch = self
            .keys
            .by_tag(&tag)
            .ok_or(ContentError::NoKey { epoch: tag })?;
        let lifetime = self.keys.lifetime();
        let manifest = seal::open_manifest(&epoch, &lifetime, &version, sealed, &self.shape)?;
        Ok(Opened::new(version, epoch, manifest))
    }

    /// The empty file: there is nothing to fetch, but its claim is checked like any other.
    fn empty(&self, version: FileContent) -> Result<Opened, ContentError> {
        let hash = self.keys.lifetime().content_hash(&[]);
        if version.len != 0 || version.hash.0 != hash.0 {
            return Err(ContentError::forged(Mismatch::Whole));
        }
        Ok(Opened {
            version,
            epoch: None,
            parts: Parts::Inline(Bytes::new()),
        })
    }

    /// The run that holds the byte at `offset`, which must be below the version's length.
    pub(super) async fn run_at(
        self: &Arc<Self>,
        opened: &Opened,
        offset: u64,
        lane: Lane,
    ) -> Result<Arc<Run>, ContentError> {
        match &opened.parts {
            Parts::Inline(_) => Err(ContentError::forged(Mismatch::Manifest)),
            Parts::Run(run) => Ok(Arc::clone(run)),
            Parts::Pages(pages) => {
                let (start, page) =
                    page_of(pages, offset).ok_or(ContentError::forged(Mismatch::Manifest))?;
                let bytes = self.chunk(opened.epoch()?, &page.page, lane).await?;
                let chunks = decode_page(&bytes, page, &self.shape)
                    .map_err(|_| ContentError::forged(Mismatch::Manifest))?;
                Ok(Arc::new(Run::new(*start, chunks)))
            }
        }
    }

    /// The checked bytes of one chunk, through the cache that readers share.
    pub(super) async fn chunk(
        self: &Arc<Self>,
        epoch: &Arc<EpochKeys>,
        chunk: &ChunkRef,
        lane: Lane,
    ) -> Result<Bytes, ContentError> {
        let key = (seal::epoch_tag(epoch), *chunk);
        self.chunks
            .get(key, || self.load_chunk(epoch, chunk, lane))
            .await
    }

    /// The checked bytes of one chunk of `opened`, through the cache.
    pub(super) async fn chunk_of(
        self: &Arc<Self>,
        opened: &Opened,
        chunk: &ChunkRef,
        lane: Lane,
    ) -> Result<Bytes, ContentError> {
        self.chunk(opened.epoch()?, chunk, lane).await
    }

    /// Begins to load a chunk that somebody will want soon, unless it is here or on its way.
    pub(super) fn prepare(self: &Arc<Self>, opened: &Opened, chunk: &ChunkRef) {
        if let Ok(epoch) = opened.epoch() {
            let key = (seal::epoch_tag(epoch), *chunk);
            self.chunks
                .prepare(key, || self.load_chunk(epoch, chunk, Lane::Urgent));
        }
    }

    fn load_chunk(
        self: &Arc<Self>,
        epoch: &Arc<EpochKeys>,
        chunk: &ChunkRef,
        lane: Lane,
    ) -> impl Future<Output = Result<(Bytes, usize), ContentError>> + Send + 'static {
        let (store, epoch, chunk) = (Arc::clone(self), Arc::clone(epoch), *chunk);
        async move {
            let bytes = store.open_chunk(epoch, chunk, lane).await?;
            let weight = bytes.len();
            Ok((bytes, weight))
        }
    }

    /// The checked bytes of one chunk of `opened`, past the cache: for those who read all of a file.
    pub(super) async fn chunk_uncached(
        self: &Arc<Self>,
        opened: &Opened,
        chunk: ChunkRef,
        lane: Lane,
    ) -> Result<Bytes, ContentError> {
        self.open_chunk(Arc::clone(opened.epoch()?), chunk, lane)
            .await
    }

    async fn open_chunk(
        self: &Arc<Self>,
        epoch: Arc<EpochKeys>,
        chunk: ChunkRef,
        lane: Lane,
    ) -> Result<Bytes, ContentError> {
        let sealed = self
            .blob(BlobId(chunk.blob), seal::chunk_blob_max(&chunk), lane)
            .await?;
        self.work(lane, move || seal::open_chunk(&epoch, &chunk, sealed))
            .await?
    }
}

//! Bytes on their way in: read and cut on one thread, sealed on others, stored as they come. Does not
//! know which edit will name them.

use std::{
    fs::File,
    io::{self, Cursor, Read, Seek},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use peerdrive_crdt_tree::node::{ContentHash, FileContent, ManifestRef};
use peerdrive_crypto::epoch::EpochKeys;
use peerdrive_net::BlobId;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, mpsc},
};

use crate::failpoint;

use super::{
    Inner,
    cut::{CutRule, Cutter},
    error::ContentError,
    lanes::Lane,
    manifest::{Body, ChunkRef, Manifest, PageRef, encode_page},
    progress::Progress,
    seal::{self, Sealed},
    shape::Shape,
};

/// Chunks of one file that are sealed or being stored at once: two cores seal while the store writes.
const IN_FLIGHT: usize = 4;

/// Goes to the beginning of a file, wherever its opener left it.
pub(super) fn rewind(file: &mut File) -> Result<(), ContentError> {
    Ok(file.rewind()?)
}

/// Pieces that come from elsewhere, for a thread that may block.
struct Incoming {
    pieces: BoxStream<'static, io::Result<Bytes>>,
    left: Bytes,
    runtime: Handle,
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left.is_empty() {
            match self.runtime.block_on(self.pieces.next()) {
                Some(piece) => self.left = piece?,
                None => return Ok(0),
            }
        }
        let len = buffer.len().min(self.left.len());
        buffer[..len].copy_from_slice(&self.left.split_to(len));
        Ok(len)
    }
}

/// A whole short file, ready to be stored.
struct Short {
    hash: ContentHash,
    len: u64,
    chunks: Vec<(Sealed, BlobId)>,
    /// `None` for the empty file.
    manifest: Option<SealedManifest>,
}

/// A sealed manifest and the epoch that it was sealed in, which may have ended since.
struct SealedManifest {
    bytes: Bytes,
    epoch: [u8; 8],
}

/// What the beginning of a file showed.
enum Beginning {
    Short(Short),
    /// The first bytes and the file, positioned after them.
    Long(Vec<u8>, File),
}

/// What sealing a short file takes; goes to a blocking thread.
struct Sealer {
    epoch: Arc<EpochKeys>,
    keys: Arc<dyn super::ContentKeys>,
    rule: Arc<CutRule>,
    shape: Shape,
}

impl Sealer {
    fn short(&self, bytes: Vec<u8>) -> Result<Short, ContentError> {
        let hash = ContentHash(self.keys.lifetime().content_hash(&bytes).0);
        let len = bytes.len() as u64;
        let mut chunks = Vec::new();
        let body = if len <= self.shape.inline {
            Body::Inline(bytes)
        } else {
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let cut = self.rule.first(rest).clamp(1, rest.len());
                let (piece, after) = rest.split_at(cut);
                let sealed = Sealed::new(&self.epoch, piece);
                let id = BlobId(sealed.blob_id());
                chunks.push((sealed, id));
                rest = after;
            }
            Body::Chunks(
                chunks
                    .iter()
                    .map(|(sealed, id)| sealed.named(id.0))
                    .collect(),
            )
        };
        let manifest = match len {
            0 => None,
            size => Some(self.manifest(&hash, Manifest { size, body })?),
        };
        Ok(Short {
            hash,
            len,
            chunks,
            manifest,
        })
    }

    fn manifest(
        &self,
        hash: &ContentHash,
        manifest: Manifest,
    ) -> Result<SealedManifest, ContentError> {
        let nonce = self.keys.fresh_nonce();
        Ok(SealedManifest {
            bytes: seal::seal_manifest(&self.epoch, &nonce, hash, &manifest)?,
            epoch: seal::epoch_tag(&self.epoch),
        })
    }
}

impl Inner {
    fn sealer(&self) -> Result<Sealer, ContentError> {
        Ok(Sealer {
            epoch: self.keys.current().ok_or(ContentError::NoEpoch)?,
            keys: Arc::clone(&self.keys),
            rule: Arc::clone(&self.rule),
            shape: self.shape,
        })
    }

    pub(super) async fn import_file(
        self: &Arc<Self>,
        mut file: File,
        mtime_ns: i64,
        progress: &Progress,
    ) -> Result<FileContent, ContentError> {
        let sealer = self.sealer()?;
        // Only a hint: the file may be growing.
        let short = self.shape.short;
        let size = file.metadata()?.len().min(short);
        let room = self.room(size).await?;
        let beginning = self
            .work_on(Lane::Background, size, move || {
                rewind(&mut file)?;
                let mut head = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
                (&mut file).take(short + 1).read_to_end(&mut head)?;
                Ok::<_, ContentError>(if head.len() as u64 <= short {
                    Beginning::Short(sealer.short(head)?)
                } else {
                    Beginning::Long(head, file)
                })
            })
            .await??;
        let content = match beginning {
            Beginning::Short(short) => {
                let content = self.put_short(short, mtime_ns).await?;
                progress.add_bytes(content.len);
                content
            }
            Beginning::Long(head, file) => {
                drop(room);
                self.import_long(Cursor::new(head).chain(file), mtime_ns, progress)
                    .await?
            }
        };
        progress.add_file();
        Ok(content)
    }

    pub(super) async fn import_bytes(
        self: &Arc<Self>,
        bytes: Vec<u8>,
        mtime_ns: i64,
    ) -> Result<FileContent, ContentError> {
        if bytes.len() as u64 > self.shape.short {
            return self
                .import_long(Cursor::new(bytes), mtime_ns, &Progress::new())
                .await;
        }
        let sealer = self.sealer()?;
        let len = bytes.len() as u64;
        let short = self
            .work_on(Lane::Background, len, move || sealer.short(bytes))
            .await??;
        self.put_short(short, mtime_ns).await
    }

    pub(super) async fn import_stream(
        self: &Arc<Self>,
        mut pieces: BoxStream<'static, io::Result<Bytes>>,
        mtime_ns: i64,
    ) -> Result<FileContent, ContentError> {
        let mut head = Vec::new();
        while head.len() as u64 <= self.shape.short {
            match pieces.next().await {
                Some(piece) => head.extend_from_slice(&piece?),
                None => return self.import_bytes(head, mtime_ns).await,
            }
        }
        let rest = Incoming {
            pieces,
            left: Bytes::new(),
            runtime: Handle::current(),
        };
        let whole = Cursor::new(head).chain(rest);
        self.import_long(whole, mtime_ns, &Progress::new()).await
    }

    async fn put_short(&self, short: Short, mtime_ns: i64) -> Result<FileContent, ContentError> {
        for (sealed, _) in &short.chunks {
            if self.stored_as(sealed).await?.is_none() {
                self.put_chunk(sealed).await?;
            }
        }
        let manifest = match short.manifest {
            Some(sealed) => Some(self.put_manifest(sealed).await?),
            None => None,
        };
        Ok(FileContent {
            hash: short.hash,
            len: short.len,
            mtime_ns,
            manifest,
        })
    }

    async fn import_long(
        self: &Arc<Self>,
        source: impl Read + Send + 'static,
        mtime_ns: i64,
        progress: &Progress,
    ) -> Result<FileContent, ContentError> {
        let _turn = self
            .long_in
            .acquire()
            .await
            .map_err(|_| ContentError::Stopped)?;
        // What the first minutes stored is named only when the last byte is read.
        let _writing = self.blobs.writing();
        let sealer = self.sealer()?;
        let (pieces, received) = mpsc::channel(1);
        let cutting = {
            let (rule, mut hasher) = (
                Arc::clone(&self.rule),
                self.keys.lifetime().content_hasher(),
            );
            tokio::task::spawn_blocking(move || {
                let mut cutter = Cutter::new(&rule, source);
                while let Some(piece) = cutter.next_piece()? {
                    hasher.update(&piece);
                    // Whoever received has failed or was dropped, and asks for nothing more.
                    if pieces.blocking_send(piece).is_err() {
                        return Err(io::ErrorKind::Interrupted.into());
                    }
                }
                Ok::<_, io::Error>(hasher.finish())
            })
        };
        let mut listing = Listing::default();
        let mut stored = stream::unfold(received, |mut received| async move {
            let room = self.room(self.shape.max as u64).await;
            let piece = received.recv().await?;
            Some((room.map(|room| (piece, room)), received))
        })
        .map(|next| async {
            let (piece, room) = next?;
            let len = piece.len() as u64;
            let chunk = self.put_piece(&sealer.epoch, piece, room).await?;
            progress.add_bytes(len);
            Ok::<_, ContentError>(chunk)
        })
        .buffered(IN_FLIGHT)
        .boxed();
        while let Some(chunk) = stored.next().await {
            if let Some(full) = listing.push(chunk?, &self.shape)? {
                self.put_page(&sealer.epoch, &mut listing, full).await?;
            }
        }
        drop(stored);
        // All pieces were taken, so this ends by itself; a read error shows here.
        let hash = ContentHash(cutting.await??.0);
        if !listing.pages.is_empty() {
            let last = std::mem::take(&mut listing.chunks);
            self.put_page(&sealer.epoch, &mut listing, last).await?;
        }
        let manifest = listing.into_manifest();
        let len = manifest.size;
        let sealed = self
            .work(Lane::Background, move || sealer.manifest(&hash, manifest))
            .await??;
        Ok(FileContent {
            hash,
            len,
            mtime_ns,
            manifest: Some(self.put_manifest(sealed).await?),
        })
    }

    /// Seals and stores one piece. `room` is what it takes of the budget, at first for the longest.
    async fn put_piece(
        &self,
        epoch: &Arc<EpochKeys>,
        piece: Vec<u8>,
        mut room: OwnedSemaphorePermit,
    ) -> Result<ChunkRef, ContentError> {
        let surplus = room.num_permits().saturating_sub(piece.len() / 1024 + 1);
        drop(room.split(surplus));
        let epoch = Arc::clone(epoch);
        let sealed = self
            .work(Lane::Background, move || Sealed::new(&epoch, &piece))
            .await?;
        let id = match self.stored_as(&sealed).await? {
            Some(id) => id,
            None => self.put_chunk(&sealed).await?,
        };
        Ok(sealed.named(id.0))
    }

    /// Stores a page of references as a chunk of its own.
    async fn put_page(
        &self,
        epoch: &Arc<EpochKeys>,
        listing: &mut Listing,
        chunks: Vec<ChunkRef>,
    ) -> Result<(), ContentError> {
        let too_large = || ContentError::TooLarge { len: listing.len };
        let count = u32::try_from(chunks.len()).map_err(|_| too_large())?;
        let span = chunks.iter().map(|chunk| u64::from(chunk.len)).sum();
        let bytes = encode_page(&chunks).map_err(|_| too_large())?;
        let room = self.room(bytes.len() as u64).await?;
        let page = self.put_piece(epoch, bytes, room).await?;
        listing.pages.push(PageRef {
            page,
            span,
            chunks: count,
        });
        Ok(())
    }

    async fn put_manifest(&self, sealed: SealedManifest) -> Result<ManifestRef, ContentError> {
        Ok(ManifestRef {
            blob: self.blobs.put(sealed.bytes).await?.0,
            epoch: sealed.epoch,
        })
    }

    async fn put_chunk(&self, sealed: &Sealed) -> Result<BlobId, ContentError> {
        let id = self.blobs.put(sealed.bytes.clone()).await?;
        failpoint::pass("import.stored");
        self.stored.lock().put(sealed.key(), id, 1);
        Ok(id)
    }

    /// The blob of a chunk that was stored not long ago and still is.
    async fn stored_as(&self, sealed: &Sealed) -> Result<Option<BlobId>, ContentError> {
        let known = self.stored.lock().get(&sealed.key());
        match known {
            Some(id) if self.blobs.has_claimed(&id).await? => Ok(Some(id)),
            _ => Ok(None),
        }
    }
}

/// The references of a long file while it is being read: all of its full pages are stored already.
#[derive(Default)]
struct Listing {
    chunks: Vec<ChunkRef>,
    pages: Vec<PageRef>,
    len: u64,
}

impl Listing {
    /// Adds a chunk. Yields those of a full page, to be stored, once one more chunk needs room.
    fn push(
        &mut self,
        chunk: ChunkRef,
        shape: &Shape,
    ) -> Result<Option<Vec<ChunkRef>>, ContentError> {
        let full = if self.chunks.len() < shape.fanout {
            None
        } else if self.pages.len() + 1 < shape.fanout {
            Some(std::mem::take(&mut self.chunks))
        } else {
            return Err(ContentError::TooLarge { len: self.len });
        };
        self.len += u64::from(chunk.len);
        self.chunks.push(chunk);
        Ok(full)
    }

    fn into_manifest(self) -> Manifest {
        Manifest {
            size: self.len,
            body: if self.pages.is_empty() {
                Body::Chunks(self.chunks)
            } else {
                Body::Pages(self.pages)
            },
        }
    }
}

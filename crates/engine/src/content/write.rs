//! Versions on their way out into files: fetched, opened, checked, written, the whole hashed at the
//! end. Does not know where the files are or when they are shown.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    fs::File,
    io::{self, Seek, SeekFrom, Write},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use parking_lot::Mutex;
use peerdrive_crdt_tree::node::FileContent;
use peerdrive_crypto::{content::ContentHasher, ids};
use peerdrive_net::{BlobId, BlobStore};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::{
    Inner, VERY_LONG,
    error::{ContentError, Mismatch},
    fetch::{Arrivals, MANY_LARGE, MANY_SMALL},
    import::rewind,
    lanes::Lane,
    manifest::ChunkRef,
    open::{Opened, Parts},
    progress::Progress,
    seal,
};

/// Files of a batch that are written at once.
const FILES_AT_ONCE: usize = 32;
/// Chunks of one file that are opened at once, while earlier ones are written.
const IN_FLIGHT: usize = 3;
/// Zeros are left out in pieces of this length, which is what file systems allocate by, or a multiple.
const HOLE: usize = 64 << 10;

type Create = Box<dyn FnOnce() -> io::Result<File> + Send>;
type Finish = Box<dyn FnOnce(File) -> io::Result<()> + Send>;

/// One version to be written out, and where to.
pub struct WriteJob {
    content: FileContent,
    create: Create,
    finish: Finish,
}

impl fmt::Debug for WriteJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteJob")
            .field("content", &self.content)
            .finish_non_exhaustive()
    }
}

impl WriteJob {
    /// Writes `content` into the file that `create` makes once its bytes can be had, and hands that
    /// to `finish` (to set times, flush, rename) when they are all in it and checked. Both run on a
    /// thread that may block. When anything fails, `finish` is not called, and the file, if it was
    /// created, is empty.
    pub fn new(
        content: FileContent,
        create: impl FnOnce() -> io::Result<File> + Send + 'static,
        finish: impl FnOnce(File) -> io::Result<()> + Send + 'static,
    ) -> Self {
        Self {
            content,
            create: Box::new(create),
            finish: Box::new(finish),
        }
    }

    pub(super) fn into_file(content: FileContent, file: File) -> Self {
        Self::new(content, move || Ok(file), |_| Ok(()))
    }

    /// Writes checked bytes that are all here.
    fn run(self, parts: &[Bytes]) -> Result<(), ContentError> {
        let mut output = Output::new((self.create)()?)?;
        let written = parts.iter().try_for_each(|part| output.write(part));
        let file = output.end(written.map_err(ContentError::from))?;
        Ok((self.finish)(file)?)
    }
}

/// A file that is being written from its beginning.
struct Output {
    file: File,
    len: u64,
}

impl Output {
    /// Empties the file: holes must read as zeros.
    fn new(mut file: File) -> Result<Self, ContentError> {
        file.set_len(0)?;
        rewind(&mut file)?;
        Ok(Self { file, len: 0 })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(HOLE) {
            if piece.len() == HOLE && is_zero(piece) {
                self.file.seek(SeekFrom::Current(HOLE as i64))?;
            } else {
                self.file.write_all(piece)?;
            }
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Gives the file back if all went well, else empties it.
    fn end(self, written: Result<(), ContentError>) -> Result<File, ContentError> {
        match written {
            // The last bytes may be a hole, which only a length makes real.
            Ok(()) => self.file.set_len(self.len)?,
            Err(error) => {
                // A failing disk may refuse this too; the error is told either way.
                let _ = self.file.set_len(0);
                return Err(error);
            }
        }
        Ok(self.file)
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    // Most pieces differ from zero at once; of the others, blocks are compared at memory speed.
    const ZERO: [u8; 4096] = [0; 4096];
    bytes.first() == Some(&0)
        && bytes
            .chunks(ZERO.len())
            .all(|b| Some(b) == ZERO.get(..b.len()))
}

impl Inner {
    pub(super) async fn write(
        self: &Arc<Self>,
        job: WriteJob,
        progress: &Progress,
    ) -> Result<(), ContentError> {
        let lane = Lane::Background;
        let Some(manifest) = job.content.manifest else {
            let opened = self.open_uncached(job.content, lane).await?;
            return self.write_opened(opened, job, progress).await;
        };
        // A long file takes room by the chunk, and must not hold any while it waits for its turn.
        let _room = match job.content.len <= self.shape.short {
            true => Some(self.room(job.content.len).await?),
            false => None,
        };
        let most = seal::manifest_blob_max(&self.shape);
        let sealed = self.blob(BlobId(manifest.blob), most, lane).await?;
        let store = Arc::clone(self);
        // A small file, opened and written in one go on one thread.
        let len = job.content.len;
        let (opened, job) = self
            .work_on(lane, len, move || {
                let opened = store.open_manifest(job.content, &sealed)?;
                Ok::<_, ContentError>(match &opened.parts {
                    Parts::Inline(bytes) => {
                        job.run(std::slice::from_ref(bytes))?;
                        (opened, None)
                    }
                    _ => (opened, Some(job)),
                })
            })
            .await??;
        match job {
            Some(job) => self.write_opened(opened, job, progress).await,
            None => {
                progress.add_bytes(opened.version.len);
                progress.add_file();
                Ok(())
            }
        }
    }

    async fn write_opened(
        self: &Arc<Self>,
        opened: Opened,
        job: WriteJob,
        progress: &Progress,
    ) -> Result<(), ContentError> {
        let version = opened.version;
        if version.len <= self.shape.short {
            let parts = match &opened.parts {
                Parts::Inline(bytes) => vec![bytes.clone()],
                _ => {
                    self.pieces(&opened, false)
                        .map_ok(|(part, _)| part)
                        .try_collect()
                        .await?
                }
            };
            let mut hasher = self.keys.lifetime().content_hasher();
            self.work(Lane::Background, move || {
                parts.iter().for_each(|part| hasher.update(part));
                check_whole(hasher, &version)?;
                job.run(&parts)
            })
            .await??;
            progress.add_bytes(version.len);
        } else {
            self.write_long(&opened, job, progress).await?;
        }
        progress.add_file();
        Ok(())
    }

    async fn write_long(
        self: &Arc<Self>,
        opened: &Opened,
        job: WriteJob,
        progress: &Progress,
    ) -> Result<(), ContentError> {
        let version = opened.version;
        let places = match version.len > VERY_LONG {
            true => &self.very_long_out,
            false => &self.long_out,
        };
        let turn = places.acquire().await;
        let _turn = turn.map_err(|_| ContentError::Stopped)?;
        let hasher = self.keys.lifetime().content_hasher();
        let mut pieces = Box::pin(self.pieces(opened, true));
        // The file is not created before the first bytes can be had.
        let Some(first) = pieces.try_next().await? else {
            return Err(ContentError::forged(Mismatch::Manifest));
        };
        let (send, received) = mpsc::channel(1);
        let counted = progress.clone();
        let blobs = self.blobs.clone();
        let writing = tokio::task::spawn_blocking(move || {
            let written = write_received(received, job, hasher, &version, &counted, &blobs);
            blobs.forget_buffers();
            written
        });
        let mut next = Some(first);
        let mut failed = None;
        while let Some(piece) = next {
            // The writer has failed and says why below.
            if send.send(piece).await.is_err() {
                break;
            }
            next = match pieces.try_next().await {
                Ok(next) => next,
                Err(error) => {
                    failed = Some(error);
                    None
                }
            };
        }
        drop(send);
        let written = writing.await?;
        // Bytes that did not come are the cause of the writer's complaint that some are missing.
        failed.map_or(written, Err)
    }

    /// The checked bytes of all chunks in order, each with its share of the budget; `budgeted` says
    /// whether it is to be taken here, or the caller has it already.
    fn pieces<'a>(
        self: &'a Arc<Self>,
        opened: &'a Opened,
        budgeted: bool,
    ) -> impl futures_util::Stream<Item = Result<(Bytes, Option<OwnedSemaphorePermit>), ContentError>> + 'a
    {
        self.present(opened)
            .and_then(move |chunk| async move {
                // In the order of the file, so that no chunk waits for room that a later one took.
                let room = match budgeted {
                    true => Some(self.room(u64::from(chunk.len)).await?),
                    false => None,
                };
                Ok((chunk, room))
            })
            .map_ok(move |(chunk, room)| async move {
                let bytes = self.chunk_uncached(opened, chunk, Lane::Background).await?;
                Ok((bytes, room))
            })
            .try_buffered(IN_FLIGHT)
    }

    /// All chunks in order, each once its blob is here. Fetching runs ahead of who asks.
    fn present<'a>(
        self: &'a Arc<Self>,
        opened: &'a Opened,
    ) -> impl futures_util::Stream<Item = Result<ChunkRef, ContentError>> + 'a {
        let lane = Lane::Background;
        stream::try_unfold(0, move |at| async move {
            if at >= opened.version.len {
                return Ok::<_, ContentError>(None);
            }
            let run = self.run_at(opened, at, lane).await?;
            let ids = run
                .chunks()
                .iter()
                .map(|chunk| BlobId(chunk.blob))
                .collect();
            let arriving = Arriving::new(self.arrivals(ids, MANY_LARGE, lane));
            let end = run.end();
            let chunks: Vec<ChunkRef> = run.chunks().to_vec();
            let present = stream::try_unfold(
                (chunks.into_iter(), arriving),
                |(mut chunks, mut arriving)| async move {
                    let Some(chunk) = chunks.next() else {
                        return Ok::<_, ContentError>(None);
                    };
                    arriving.wait_for(BlobId(chunk.blob)).await?;
                    Ok(Some((chunk, (chunks, arriving))))
                },
            );
            Ok(Some((present, end)))
        })
        .try_flatten()
    }

    pub(super) fn write_many(
        self: &Arc<Self>,
        jobs: Vec<WriteJob>,
        progress: &Progress,
    ) -> BoxStream<'static, (usize, Result<(), ContentError>)> {
        let mut ready = Vec::new();
        let mut order = Vec::new();
        let mut waiting: HashMap<BlobId, Vec<(usize, WriteJob)>> = HashMap::new();
        for (index, job) in jobs.into_iter().enumerate() {
            match job.content.manifest {
                None => ready.push((index, job, Ok(()))),
                Some(manifest) => {
                    let id = BlobId(manifest.blob);
                    order.push(id);
                    waiting.entry(id).or_default().push((index, job));
                }
            }
        }
        let arrivals = self.arrivals(order, MANY_SMALL, Lane::Background);
        let waiting = Mutex::new(waiting);
        let arrived = stream::unfold((arrivals, waiting), |(mut arrivals, waiting)| async move {
            let (id, outcome) = arrivals.recv().await?;
            let jobs = waiting.lock().remove(&id).unwrap_or_default();
            let jobs: Vec<_> = jobs
                .into_iter()
                .map(|(index, job)| (index, job, outcome.clone()))
                .collect();
            Some((stream::iter(jobs), (arrivals, waiting)))
        });
        let (store, progress) = (Arc::clone(self), progress.clone());
        stream::iter(ready)
            .chain(arrived.flatten())
            .map(move |(index, job, outcome)| {
                let (store, progress) = (Arc::clone(&store), progress.clone());
                async move {
                    let written = match outcome {
                        Ok(()) => Box::pin(store.write(job, &progress)).await,
                        Err(error) => Err(error),
                    };
                    (index, written)
                }
            })
            .buffer_unordered(FILES_AT_ONCE)
            .boxed()
    }
}

/// The arrivals of one run, waited for in another order than they come in.
struct Arriving {
    arrivals: Arrivals,
    here: HashSet<BlobId>,
}

impl Arriving {
    fn new(arrivals: Arrivals) -> Self {
        Self {
            arrivals,
            here: HashSet::new(),
        }
    }

    async fn wait_for(&mut self, id: BlobId) -> Result<(), ContentError> {
        while !self.here.contains(&id) {
            let (arrived, outcome) = self.arrivals.recv().await.ok_or(ContentError::Stopped)?;
            outcome?;
            self.here.insert(arrived);
        }
        Ok(())
    }
}

/// The writing half of a long file's pipeline.
fn write_received(
    mut received: mpsc::Receiver<(Bytes, Option<OwnedSemaphorePermit>)>,
    job: WriteJob,
    mut hasher: ContentHasher,
    version: &FileContent,
    progress: &Progress,
    blobs: &BlobStore,
) -> Result<(), ContentError> {
    let mut output = Output::new((job.create)()?)?;
    let mut write_all = || {
        while let Some((bytes, _room)) = received.blocking_recv() {
            hasher.update(&bytes);
            output.write(&bytes)?;
            progress.add_bytes(bytes.len() as u64);
            blobs.give_back(bytes);
        }
        Ok(())
    };
    let written = write_all().and_then(|()| check_whole(hasher, version));
    let file = output.end(written)?;
    Ok((job.finish)(file)?)
}

fn check_whole(hasher: ContentHasher, version: &FileContent) -> Result<(), ContentError> {
    if hasher.matches(&ids::ContentHash(version.hash.0)) {
        Ok(())
    } else {
        Err(ContentError::forged(Mismatch::Whole))
    }
}

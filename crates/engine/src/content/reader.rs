//! Reads ranges of one version, ahead of who reads in order. Does not know where the bytes come from.

use std::{fmt, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;

use super::{
    Inner,
    error::ContentError,
    lanes::Lane,
    manifest::{ChunkRef, Run},
    open::{Opened, Parts},
};

/// Chunks of one read that are loaded at once.
const SIDE_BY_SIDE: usize = 4;
/// How far is read ahead at most: enough to keep a link of 100 MB/s busy over 80 ms, little enough
/// that a few streams fit into the cache.
const AHEAD_MOST: u64 = 8 << 20;
/// How far is read ahead when a second read follows the first; doubled by each that follows.
const AHEAD_FIRST: u64 = 1 << 20;
/// A read so near to where the last one ended still counts as the next: kernels read ahead on several
/// threads, whose requests overtake one another.
const NEAR: u64 = 1 << 20;

/// A version opened for reading. Cheap to clone; clones share what is known about the order of reads.
#[derive(Clone)]
pub struct ContentReader(Arc<Reading>);

struct Reading {
    store: Arc<Inner>,
    opened: Arc<Opened>,
    habit: Mutex<Habit>,
}

/// How the file is being read.
#[derive(Default)]
struct Habit {
    /// Where the last read ended.
    next: u64,
    /// How far to read ahead; 0 until a read has followed another.
    ahead: u64,
    /// The run that was read last: of a long file, the page of references.
    run: Option<Arc<Run>>,
}

impl fmt::Debug for ContentReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContentReader")
            .field("version", &self.0.opened.version)
            .finish_non_exhaustive()
    }
}

impl ContentReader {
    pub(super) fn new(store: Arc<Inner>, opened: Arc<Opened>) -> Self {
        Self(Arc::new(Reading {
            store,
            opened,
            habit: Mutex::default(),
        }))
    }

    /// Length of the file.
    pub fn len(&self) -> u64 {
        self.0.opened.version.len
    }

    /// Whether the file is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes from `offset` on, `len` of them or as many as there are before the end. Each was
    /// checked. At most `len` bytes are allocated, and none where they lie in one chunk.
    ///
    /// # Errors
    ///
    /// [`ContentError::Unavailable`] when a part is neither here nor at a peer, once the source
    /// says so; [`ContentError::Forged`], [`ContentError::Store`].
    pub async fn read_at(&self, offset: u64, len: usize) -> Result<Bytes, ContentError> {
        let end = offset.saturating_add(len as u64).min(self.len());
        if offset >= end {
            return Ok(Bytes::new());
        }
        if let Parts::Inline(bytes) = &self.0.opened.parts {
            return Ok(slice(bytes, offset, end));
        }
        Box::pin(self.0.read(offset, end)).await
    }
}

impl Reading {
    async fn read(&self, offset: u64, end: u64) -> Result<Bytes, ContentError> {
        let mut parts = Vec::new();
        let mut at = offset;
        while at < end {
            let run = self.run_at(at).await?;
            let wanted: Vec<(u64, ChunkRef)> =
                run.from(at).take_while(|(start, _)| *start < end).collect();
            let begin = at;
            let loaded: Vec<Bytes> = stream::iter(wanted)
                .map(|(start, chunk)| async move {
                    let bytes = self
                        .store
                        .chunk_of(&self.opened, &chunk, Lane::Urgent)
                        .await?;
                    // Chunks were found to be exactly as long as listed.
                    let (from, to) = (begin.max(start) - start, end - start);
                    Ok::<_, ContentError>(slice(&bytes, from, to))
                })
                .buffered(SIDE_BY_SIDE)
                .try_collect()
                .await?;
            at = run.end();
            parts.extend(loaded);
        }
        self.read_ahead(offset, end);
        if parts.len() == 1 {
            return Ok(parts.remove(0));
        }
        let mut joined = BytesMut::with_capacity(parts.iter().map(Bytes::len).sum());
        parts.iter().for_each(|part| joined.extend_from_slice(part));
        Ok(joined.freeze())
    }

    async fn run_at(&self, offset: u64) -> Result<Arc<Run>, ContentError> {
        let last = self.habit.lock().run.clone();
        if let Some(run) = last.filter(|run| run.holds(offset)) {
            return Ok(run);
        }
        let run = self
            .store
            .run_at(&self.opened, offset, Lane::Urgent)
            .await?;
        self.habit.lock().run = Some(Arc::clone(&run));
        Ok(run)
    }

    /// Begins to load what comes after `end`, if the file is being read in order. Never waits: what
    /// cannot be had ahead of time will be said when it is read.
    fn read_ahead(&self, offset: u64, end: u64) {
        let (ahead, run) = {
            let mut habit = self.habit.lock();
            let follows = habit.next > 0 && offset.abs_diff(habit.next) <= NEAR;
            habit.ahead = match (follows, habit.ahead) {
                (false, _) => 0,
                (true, 0) => AHEAD_FIRST,
                // Grows by what is read, so that many small reads do not count as a long one.
                (true, ahead) => (ahead + (end - offset)).min(AHEAD_MOST),
            };
            habit.next = end;
            (habit.ahead, habit.run.clone())
        };
        let until = end.saturating_add(ahead).min(self.opened.version.len);
        let Some(run) = run.filter(|_| end < until) else {
            return;
        };
        for (_, chunk) in run.from(end).take_while(|(start, _)| *start < until) {
            self.store.prepare(&self.opened, &chunk);
        }
        if run.end() < until
            && let Some(page) = self.opened.page_at(run.end())
        {
            self.store.prepare(&self.opened, &page);
        }
    }
}

/// `bytes[from..to]`, as far as there are so many, without copying.
fn slice(bytes: &Bytes, from: u64, to: u64) -> Bytes {
    let clamp = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
    let (from, to) = (clamp(from), clamp(to));
    bytes.slice(from.min(to)..to)
}

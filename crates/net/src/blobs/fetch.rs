//! Fetching blobs from peers that may have them. Does not know who should have what: it asks, and a
//! wrong answer is found out by its hash.
//!
//! Small blobs are asked for many at a time on a few streams per provider; how many follows from how
//! fast they come. A provider that lacks one fails the whole request, so what was left of it is then
//! asked for one by one, many requests at once, and blobs that a provider does not have are left to
//! the others.

mod transfer;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fmt,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use iroh::{
    Endpoint, EndpointAddr, EndpointId,
    endpoint::{Connection, VarInt},
};
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, mpsc},
    task::{AbortHandle, JoinSet},
    time::timeout,
};

use self::transfer::{Means, TransferError};
use super::{BlobError, BlobStore};
use crate::{
    rate::Limits,
    screen::DONE,
    types::{BlobId, PeerId},
};

/// Requests under way to one provider: enough to hide a round trip, few enough to share fairly.
const STREAMS: usize = 3;

/// Requests for single blobs under way to one provider.
const SINGLES: usize = 16;

/// Blobs in one request, at first and at most.
const FIRST_BATCH: usize = 16;
const LARGEST_BATCH: usize = 512;

/// A request that took less is followed by one twice as large, one that took four times as long by
/// half as many: large blobs should not all hang on one provider.
const BRISK: Duration = Duration::from_millis(150);

/// Questions to the local store under way.
const LOCAL: usize = 64;

/// Bytes under way from one provider, on all streams together: 80 MB/s at 100 ms.
const WINDOW: u32 = 8 << 20;

/// Connections that nobody uses are closed after this.
const IDLE: Duration = Duration::from_secs(60);

/// Reports that wait to be read before fetching pauses.
const REPORTS: usize = 256;

/// Why a blob could not be fetched.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FetchError {
    /// No provider was named, or none can be reached.
    #[error("no device that may hold these contents can be reached; they come when one is on line")]
    Unreachable,
    /// All providers that could be reached lack it or do not give it.
    #[error("none of the devices on line holds these contents; they come when one that does is")]
    Missing,
    /// The local store failed.
    #[error(transparent)]
    Store(Arc<BlobError>),
}

impl From<BlobError> for FetchError {
    fn from(error: BlobError) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// Fetches blobs into one store, over connections that are kept for a while.
#[derive(Clone)]
pub(crate) struct Fetcher {
    shared: Arc<Shared>,
}

struct Shared {
    endpoint: Endpoint,
    store: BlobStore,
    dial_limit: Duration,
    limits: Limits,
    connections: Mutex<HashMap<PeerId, (Connection, Instant)>>,
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fetcher")
    }
}

/// What comes out of a fetch; ends it when dropped.
struct Reports {
    reports: mpsc::Receiver<(BlobId, Result<u64, FetchError>)>,
    task: AbortHandle,
}

impl Stream for Reports {
    type Item = (BlobId, Result<u64, FetchError>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.reports.poll_recv(cx)
    }
}

impl Drop for Reports {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fetcher {
    pub(crate) fn new(
        endpoint: Endpoint,
        store: BlobStore,
        dial_limit: Duration,
        limits: Limits,
    ) -> Self {
        let connections = Mutex::default();
        let shared = Arc::new(Shared {
            endpoint,
            store,
            dial_limit,
            limits,
            connections,
        });
        let weak = Arc::downgrade(&shared);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(IDLE / 4).await;
                let Some(shared) = weak.upgrade() else { return };
                let now = Instant::now();
                shared.connections.lock().retain(|_, (connection, used)| {
                    connection.close_reason().is_none() && now.duration_since(*used) < IDLE
                });
            }
        });
        Self { shared }
    }

    /// Closes the connections.
    pub(crate) fn stop(&self) {
        for (_, (connection, _)) in self.shared.connections.lock().drain() {
            connection.close(DONE, &[]);
        }
    }

    /// Fetches; see [`crate::Net::fetch`].
    pub(crate) fn fetch(
        &self,
        ids: Vec<BlobId>,
        providers: Vec<PeerId>,
    ) -> impl Stream<Item = (BlobId, Result<u64, FetchError>)> + Send + Unpin + 'static {
        let (sender, reports) = mpsc::channel(REPORTS);
        let shared = Arc::clone(&self.shared);
        let task = tokio::spawn(run(shared, ids, providers, sender)).abort_handle();
        Reports { reports, task }
    }
}

impl Shared {
    fn means(&self) -> Means<'_> {
        Means::new(&self.store, &self.limits)
    }

    /// A connection to the provider, of which there is one at most.
    async fn connect(&self, peer: PeerId) -> Option<Connection> {
        if let Some((connection, used)) = self.connections.lock().get_mut(&peer)
            && connection.close_reason().is_none()
        {
            *used = Instant::now();
            return Some(connection.clone());
        }
        let id = EndpointId::from_bytes(&peer.0).ok()?;
        let call = self
            .endpoint
            .connect(EndpointAddr::new(id), iroh_blobs::ALPN);
        let connection = timeout(self.dial_limit, call).await.ok()?.ok()?;
        connection.set_receive_window(VarInt::from_u32(WINDOW));
        self.connections
            .lock()
            .insert(peer, (connection.clone(), Instant::now()));
        Some(connection)
    }
}

/// What one fetch still has to do, shared by the workers for its providers.
struct Work {
    todo: Mutex<Todo>,
    /// Something has been put back or finished.
    changed: Notify,
    reports: mpsc::Sender<(BlobId, Result<u64, FetchError>)>,
}

#[derive(Default)]
struct Todo {
    waiting: VecDeque<Job>,
    /// Jobs that a worker has taken.
    taken: usize,
}

/// A blob to fetch.
struct Job {
    id: BlobId,
    /// Providers, by their place in the list, that do not give it.
    refused_by: HashSet<usize>,
}

async fn run(
    shared: Arc<Shared>,
    ids: Vec<BlobId>,
    providers: Vec<PeerId>,
    reports: mpsc::Sender<(BlobId, Result<u64, FetchError>)>,
) {
    let own = PeerId::from(shared.endpoint.id());
    let mut seen = HashSet::new();
    let unique: Vec<BlobId> = ids.into_iter().filter(|id| seen.insert(*id)).collect();
    let mut waiting = VecDeque::new();
    let store = &shared.store;
    unique.iter().for_each(|id| shared.store.claim(id));
    let mut here = stream::iter(unique)
        .map(|id| async move { (id, store.size(&id).await) })
        .buffered(LOCAL);
    while let Some((id, size)) = here.next().await {
        let report = match size {
            Ok(Some(size)) => Ok(size),
            Ok(None) => {
                waiting.push_back(Job {
                    id,
                    refused_by: HashSet::new(),
                });
                continue;
            }
            Err(error) => Err(error.into()),
        };
        if reports.send((id, report)).await.is_err() {
            return;
        }
    }
    drop(here);
    if waiting.is_empty() {
        return;
    }
    let work = Arc::new(Work {
        todo: Mutex::new(Todo { waiting, taken: 0 }),
        changed: Notify::new(),
        reports,
    });
    let mut seen = HashSet::new();
    let mut workers = JoinSet::new();
    for (place, peer) in providers.into_iter().enumerate() {
        if peer != own && seen.insert(peer) {
            workers.spawn(serve_from(
                Arc::clone(&shared),
                Arc::clone(&work),
                place,
                peer,
            ));
        }
    }
    let mut reached = false;
    while let Some(worker) = workers.join_next().await {
        reached |= worker.unwrap_or(false);
    }
    let left = std::mem::take(&mut work.todo.lock().waiting);
    let why = || {
        if reached {
            FetchError::Missing
        } else {
            FetchError::Unreachable
        }
    };
    for job in left {
        if work.reports.send((job.id, Err(why()))).await.is_err() {
            return;
        }
    }
}

/// Connections to one provider in one fetch that may break before it is given up.
const CONNECTIONS: usize = 3;

/// Fetches from one provider what it has, until there is nothing left for it to do. Returns whether
/// it could be reached at all.
async fn serve_from(shared: Arc<Shared>, work: Arc<Work>, place: usize, peer: PeerId) -> bool {
    let mut batch = FIRST_BATCH;
    for attempt in 0..CONNECTIONS {
        let Some(connection) = shared.connect(peer).await else {
            return attempt > 0;
        };
        let (shared, work) = (Arc::clone(&shared), Arc::clone(&work));
        let worker = Worker {
            shared,
            work,
            place,
            connection,
            batch: Mutex::new(batch),
        };
        let ends = futures_util::future::join_all((0..STREAMS).map(|_| worker.run())).await;
        if let Some((_, used)) = worker.shared.connections.lock().get_mut(&peer) {
            *used = Instant::now();
        }
        if !ends.contains(&End::Broken) {
            break;
        }
        batch = *worker.batch.lock();
    }
    true
}

/// Why a worker stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// There is nothing left that this provider could give.
    Done,
    /// The connection broke. Another may hold.
    Broken,
    /// The provider sent something else than was asked for.
    Useless,
}

/// One provider's share in a fetch.
struct Worker {
    shared: Arc<Shared>,
    work: Arc<Work>,
    place: usize,
    connection: Connection,
    batch: Mutex<usize>,
}

/// What there is to do next.
enum Next {
    Jobs(Vec<Job>),
    /// Others are at work on what is left, and may put it back.
    Wait,
    Nothing,
}

impl Worker {
    async fn run(&self) -> End {
        loop {
            // Registered before looking, so that nothing is missed in between.
            let changed = self.work.changed.notified();
            match self.next() {
                Next::Nothing => return End::Done,
                Next::Wait => changed.await,
                Next::Jobs(jobs) => {
                    if let Err(end) = self.fetch(jobs).await {
                        return end;
                    }
                }
            }
        }
    }

    fn next(&self) -> Next {
        if self.work.reports.is_closed() {
            return Next::Nothing;
        }
        let most = *self.batch.lock();
        let mut todo = self.work.todo.lock();
        let mut jobs = Vec::new();
        let mut others = VecDeque::new();
        while jobs.len() < most
            && let Some(job) = todo.waiting.pop_front()
        {
            if job.refused_by.contains(&self.place) {
                others.push_back(job);
            } else {
                jobs.push(job);
            }
        }
        others.append(&mut todo.waiting);
        todo.waiting = others;
        todo.taken += jobs.len();
        match jobs.is_empty() {
            false => Next::Jobs(jobs),
            true if todo.taken > 0 => Next::Wait,
            true => Next::Nothing,
        }
    }

    /// Fetches the blobs of some jobs, and puts back those that failed. Fails when
    /// there is no use in going on.
    async fn fetch(&self, jobs: Vec<Job>) -> Result<(), End> {
        let removals = self.shared.store.removals();
        let begun = Instant::now();
        let count = jobs.len();
        let mut jobs = VecDeque::from(jobs);
        let result = if let Err(error) = self.shared.store.reserve(0) {
            Err(TransferError::Store(error))
        } else if count == 1 {
            Err(TransferError::Refused)
        } else {
            self.fetch_together(&mut jobs, removals).await
        };
        let usable = match result {
            Ok(()) => {
                let took = begun.elapsed();
                let mut batch = self.batch.lock();
                if took < BRISK && count == *batch {
                    *batch = (*batch * 2).min(LARGEST_BATCH);
                } else if took > 4 * BRISK {
                    *batch = (*batch / 2).max(2);
                }
                Ok(())
            }
            Err(TransferError::Refused) => self.fetch_singly(&mut jobs, removals).await,
            Err(TransferError::Lost) => Err(End::Broken),
            Err(TransferError::Wrong) => {
                tracing::warn!(peer = %self.connection.remote_id().fmt_short(), "wrong blobs");
                self.connection.close(DONE, &[]);
                Err(End::Useless)
            }
            Err(TransferError::Store(error)) => {
                self.give_up(&mut jobs, error).await;
                Ok(())
            }
        };
        let mut todo = self.work.todo.lock();
        todo.taken -= count;
        jobs.into_iter()
            .rev()
            .for_each(|job| todo.waiting.push_front(job));
        drop(todo);
        self.work.changed.notify_waiters();
        usable
    }

    /// One request for all; finished jobs are taken off the front.
    async fn fetch_together(
        &self,
        jobs: &mut VecDeque<Job>,
        removals: u64,
    ) -> Result<(), TransferError> {
        let ids: Vec<BlobId> = jobs.iter().map(|job| job.id).collect();
        let transfer = transfer::begin(&self.connection, &ids).await?;
        let means = self.shared.means();
        let mut stored = pin!(transfer.store_all(&means));
        let mut again = VecDeque::new();
        while let Some(size) = stored.try_next().await? {
            let Some(job) = jobs.pop_front() else { break };
            again.extend(self.finish(job, size, removals).await?);
        }
        jobs.append(&mut again);
        Ok(())
    }

    /// A request for each. What the provider does not give is marked so.
    async fn fetch_singly(&self, jobs: &mut VecDeque<Job>, removals: u64) -> Result<(), End> {
        let each = jobs.drain(..).map(|mut job| async move {
            let fetched = async {
                let transfer = transfer::begin_one(&self.connection, job.id).await?;
                let means = self.shared.means();
                let mut stored = pin!(transfer.store_all(&means));
                stored.try_next().await?.ok_or(TransferError::Refused)
            };
            match fetched.await {
                Ok(size) => match self.finish(job, size, removals).await {
                    Ok(again) => (again, None),
                    Err(error) => (None, Some(error)),
                },
                Err(TransferError::Refused) => {
                    job.refused_by.insert(self.place);
                    (Some(job), None)
                }
                Err(error) => (Some(job), Some(error)),
            }
        });
        let mut results = stream::iter(each.collect::<Vec<_>>()).buffer_unordered(SINGLES);
        let mut usable = Ok(());
        let mut again = VecDeque::new();
        while let Some((job, error)) = results.next().await {
            match error {
                Some(TransferError::Store(error)) => {
                    let mut failed: VecDeque<Job> = job.into_iter().collect();
                    self.give_up(&mut failed, error).await;
                    continue;
                }
                Some(TransferError::Wrong) => usable = Err(End::Useless),
                Some(_) => usable = usable.and(Err(End::Broken)),
                None => {}
            }
            again.extend(job);
        }
        drop(results);
        *jobs = again;
        usable
    }

    /// Reports a blob that has arrived; hands the job back if a removal took it along.
    async fn finish(
        &self,
        job: Job,
        size: u64,
        removals: u64,
    ) -> Result<Option<Job>, TransferError> {
        let stays = self.shared.store.outlasts_removals(removals, &job.id).await;
        if !stays.map_err(TransferError::Store)? {
            return Ok(Some(job));
        }
        self.shared.store.count_stored(size);
        // Nobody listens: the fetch is about to be ended.
        let _ = self.work.reports.send((job.id, Ok(size))).await;
        Ok(None)
    }

    /// Reports a failure of the local store, which no other provider can help.
    async fn give_up(&self, jobs: &mut VecDeque<Job>, error: BlobError) {
        let error = FetchError::from(error);
        for job in jobs.drain(..) {
            let _ = self.work.reports.send((job.id, Err(error.clone()))).await;
        }
    }
}

//! Where blobs of a drive come from and how its devices are reached: the bridge between one drive's
//! link and the content store. Knows no contents.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use peerdrive_net::{BlobId, DriveLink, Net, PeerId};

use crate::content::{BlobSource, FetchError};
use crate::drive::handle::Shared;
use crate::holding::remake;

/// How long a fetch waits for some peer to connect before it says that nobody has the bytes.
const WAIT_FOR_PEERS: Duration = Duration::from_secs(5);

/// How often a waiting fetch looks for peers.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Fetches from the peers of one drive that are connected.
#[derive(Clone, Debug)]
pub(crate) struct DrivePeers {
    net: Net,
    link: DriveLink,
    /// The drive itself, once it is there: its folder may have what is wanted.
    drive: Arc<OnceLock<Weak<Shared>>>,
}

impl DrivePeers {
    pub(crate) fn new(net: Net, link: DriveLink) -> Self {
        Self {
            net,
            link,
            drive: Arc::default(),
        }
    }

    /// Where to set the drive.
    pub(crate) fn drive(&self) -> Arc<OnceLock<Weak<Shared>>> {
        self.drive.clone()
    }

    /// Makes blobs again from the folder, if there is one. Which; the others are left in `ids`.
    async fn remade(&self, ids: &mut Vec<BlobId>) -> Vec<(BlobId, Result<u64, FetchError>)> {
        let drive = self.drive.get().and_then(Weak::upgrade);
        let Some(drive) = drive.filter(|drive| drive.working_copy.lock().is_some()) else {
            return Vec::new();
        };
        let mut made = Vec::new();
        let mut left = Vec::new();
        for id in std::mem::take(ids) {
            match remake(&drive, id).await {
                true => match drive.content.blobs().size(&id).await {
                    Ok(Some(size)) => made.push((id, Ok(size))),
                    _ => left.push(id),
                },
                false => left.push(id),
            }
        }
        *ids = left;
        made
    }

    fn connected(&self) -> Vec<PeerId> {
        self.link
            .peers()
            .into_iter()
            .filter(|peer| peer.connected)
            .map(|peer| peer.peer)
            .collect()
    }

    async fn providers(&self) -> Vec<PeerId> {
        let mut waited = Duration::ZERO;
        loop {
            let connected = self.connected();
            if !connected.is_empty() || waited >= WAIT_FOR_PEERS {
                return connected;
            }
            if waited.is_zero() {
                self.link.nudge();
            }
            tokio::time::sleep(LOOK_AGAIN).await;
            waited += LOOK_AGAIN;
        }
    }
}

impl BlobSource for DrivePeers {
    fn fetch(&self, mut ids: Vec<BlobId>) -> BoxStream<'static, (BlobId, Result<u64, FetchError>)> {
        let peers = self.clone();
        stream::once(async move {
            let made = stream::iter(peers.remade(&mut ids).await);
            if ids.is_empty() {
                return made.boxed();
            }
            let providers = peers.providers().await;
            if providers.is_empty() {
                let absent = stream::iter(ids).map(|id| (id, Err(FetchError::Absent)));
                return made.chain(absent).boxed();
            }
            let fetched = peers.net.fetch(ids, providers);
            made.chain(fetched.map(|(id, result)| (id, result.map_err(why))))
                .boxed()
        })
        .flatten()
        .boxed()
    }
}

fn why(error: peerdrive_net::FetchError) -> FetchError {
    use peerdrive_net::FetchError as Net;
    match error {
        Net::Unreachable | Net::Missing => FetchError::Absent,
        Net::Store(error) => FetchError::Store(error),
    }
}

/// The log as the network reads it.
#[derive(Debug)]
pub(crate) struct Entries {
    log: Arc<peerdrive_log::DriveLog>,
}

impl Entries {
    pub(crate) fn new(log: Arc<peerdrive_log::DriveLog>) -> Self {
        Self { log }
    }
}

impl peerdrive_net::EntrySource for Entries {
    fn summary(&self) -> Vec<peerdrive_net::LogHead> {
        let mut tips = self.log.tips();
        // Peers ask in the order in which they hear. The short logs are those of control entries and of
        // checkpoints: who joins needs them before all else.
        tips.sort_unstable_by_key(|tip| (tip.len, tip.log));
        tips.iter().map(head_of).collect()
    }

    fn head(&self, log: &peerdrive_net::LogId) -> Option<peerdrive_net::LogHead> {
        self.log.tip(&log.0).map(|tip| head_of(&tip))
    }

    /// An unreadable record looks like an empty one to peers; this device's own doors say what is wrong.
    fn read(&self, log: &peerdrive_net::LogId, from: u64, max_bytes: usize) -> Vec<bytes::Bytes> {
        let read = self
            .log
            .read(&log.0, from, max_bytes)
            .unwrap_or_else(|error| {
                tracing::error!(%error, "the record cannot be read");
                Vec::new()
            });
        read.into_iter().map(|record| record.bytes.into()).collect()
    }

    fn entry_id_at(&self, log: &peerdrive_net::LogId, seq: u64) -> Option<peerdrive_net::EntryId> {
        self.log
            .id_at(&log.0, seq)
            .ok()
            .flatten()
            .map(peerdrive_net::EntryId)
    }
}

/// What peers are told of a log.
pub(crate) fn head_of(tip: &peerdrive_log::Tip) -> peerdrive_net::LogHead {
    peerdrive_net::LogHead {
        log: peerdrive_net::LogId(tip.log),
        len: tip.len,
        tip: peerdrive_net::EntryId(tip.tip),
    }
}

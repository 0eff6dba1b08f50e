//! Where blobs of a drive come from and how its devices are reached: the bridge between one drive's
//! link and the content store. Knows no contents.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use peerdrive_net::{BlobId, DriveLink, Net, PeerId};

use crate::content::{BlobSource, FetchError};

/// How long a fetch waits for some peer to connect before it says that nobody has the bytes.
const WAIT_FOR_PEERS: Duration = Duration::from_secs(5);

/// How often a waiting fetch looks for peers.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Fetches from the peers of one drive that are connected.
#[derive(Clone, Debug)]
pub(crate) struct DrivePeers {
    net: Net,
    link: DriveLink,
}

impl DrivePeers {
    pub(crate) fn new(net: Net, link: DriveLink) -> Self {
        Self { net, link }
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
    fn fetch(&self, ids: Vec<BlobId>) -> BoxStream<'static, (BlobId, Result<u64, FetchError>)> {
        let peers = self.clone();
        stream::once(async move {
            let providers = peers.providers().await;
            if providers.is_empty() {
                return stream::iter(ids)
                    .map(|id| (id, Err(FetchError::Absent)))
                    .boxed();
            }
            peers
                .net
                .fetch(ids, providers)
                .map(|(id, result)| (id, result.map_err(why)))
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
    log: std::sync::Arc<peerdrive_log::DriveLog>,
}

impl Entries {
    pub(crate) fn new(log: std::sync::Arc<peerdrive_log::DriveLog>) -> Self {
        Self { log }
    }
}

impl peerdrive_net::EntrySource for Entries {
    fn summary(&self) -> Vec<peerdrive_net::LogHead> {
        self.log
            .tips()
            .into_iter()
            .map(|tip| peerdrive_net::LogHead {
                log: peerdrive_net::LogId(tip.log),
                len: tip.len,
                tip: peerdrive_net::EntryId(tip.tip),
            })
            .collect()
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

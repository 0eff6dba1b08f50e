//! Several nets in one process, on the loopback interface, reached by learned addresses only.

mod attack;
mod blobs;
mod join;
mod sync;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::*;
use crate::{
    link::LinkEvent,
    testing::{Keeper, Password, TestResult},
    types::LogId,
};

pub(super) const DRIVE: DriveTag = DriveTag([7; 32]);
pub(super) const TOPIC: [u8; 32] = [8; 32];

/// Admits whom it is told to, to everything.
#[derive(Default)]
pub(super) struct Members {
    pub(super) peers: Mutex<HashSet<PeerId>>,
    pub(super) hidden: Mutex<HashSet<BlobId>>,
    pub(super) removed: Mutex<HashMap<PeerId, Vec<(LogId, u64)>>>,
}

impl Gate for Members {
    fn admits(&self, peer: &PeerId) -> bool {
        self.peers.lock().contains(peer)
    }

    fn admits_to(&self, peer: &PeerId, drive: &DriveTag) -> bool {
        *drive == DRIVE && self.admits(peer)
    }

    fn may_read_blob(&self, peer: &PeerId, blob: &BlobId) -> bool {
        self.admits(peer) && !self.hidden.lock().contains(blob)
    }

    fn was_removed(&self, peer: &PeerId) -> bool {
        self.removed.lock().contains_key(peer)
    }

    fn removal(&self, peer: &PeerId, drive: &DriveTag) -> Option<Vec<(LogId, u64)>> {
        let removed = self.removed.lock();
        removed.get(peer).filter(|_| *drive == DRIVE).cloned()
    }
}

/// A device: a net with a drive, whose keeper takes all that arrives.
pub(super) struct Device {
    pub(super) key: u8,
    pub(super) net: Net,
    pub(super) gate: Arc<Members>,
    pub(super) keeper: Arc<Keeper>,
    pub(super) link: DriveLink,
    /// Events other than entries.
    pub(super) events: mpsc::UnboundedReceiver<LinkEvent>,
    dir: Arc<tempfile::TempDir>,
}

pub(super) fn peer(key: u8) -> PeerId {
    SecretKey::from_bytes(&[key; 32]).public().into()
}

/// What all members seal hints with.
pub(super) fn password() -> Arc<dyn TopicSeal> {
    Arc::new(Password(1))
}

pub(super) fn log(key: u8) -> LogId {
    LogId([key; 32])
}

impl Device {
    pub(super) async fn start(key: u8) -> TestResult<Self> {
        let dir = Arc::new(tempfile::tempdir()?);
        Self::start_with(key, 0, dir, Arc::default(), Arc::default()).await
    }

    async fn start_with(
        key: u8,
        port: u16,
        dir: Arc<tempfile::TempDir>,
        gate: Arc<Members>,
        keeper: Arc<Keeper>,
    ) -> TestResult<Self> {
        let config = NetConfig {
            secret_key: [key; 32],
            bind: Some(([127, 0, 0, 1], port).into()),
            discovery: false,
            relay: None,
            blobs_dir: dir.path().join("blobs"),
        };
        let net = Net::start(config, Arc::clone(&gate) as Arc<dyn Gate>).await?;
        let source = Arc::clone(&keeper) as Arc<dyn EntrySource>;
        let link = net.open_drive(DRIVE, TOPIC, source, password());
        let mut from_link = link.events();
        let (others, events) = mpsc::unbounded_channel();
        let taker = Arc::clone(&keeper);
        tokio::spawn(async move {
            while let Some(event) = from_link.recv().await {
                match event {
                    LinkEvent::Entries { entries, done, .. } => {
                        taker.take(&entries);
                        let _ = done.send(());
                    }
                    other => {
                        let _ = others.send(other);
                    }
                }
            }
        });
        Ok(Self {
            key,
            net,
            gate,
            keeper,
            link,
            events,
            dir,
        })
    }

    /// Starts the device again, on the same port.
    pub(super) async fn restart(self) -> TestResult<Self> {
        let port = self.net.bound_port();
        let Self {
            key,
            net,
            gate,
            keeper,
            link,
            dir,
            ..
        } = self;
        net.shutdown().await;
        drop((net, link));
        Self::start_with(key, port, dir, gate, keeper).await
    }

    pub(super) fn admit(&self, others: &[u8]) {
        self.gate
            .peers
            .lock()
            .extend(others.iter().map(|key| peer(*key)));
    }

    /// Admits nobody any more, and tells this one as much of the own log.
    pub(super) fn remove(&self, key: u8, told: u64) {
        let told = vec![(log(self.key), told)];
        self.gate.removed.lock().insert(peer(key), told);
        self.gate.peers.lock().clear();
        self.link.set_members(Vec::new());
    }

    /// Writes an entry to the device's log and announces it.
    pub(super) fn write(&self, payload: &[u8]) {
        let new = self.keeper.write(log(self.key), payload);
        self.link.announce(vec![new]);
    }

    pub(super) fn state(&self, key: u8) -> Option<crate::PeerState> {
        self.link
            .peers()
            .into_iter()
            .find(|state| state.peer == peer(key))
    }

    pub(super) fn is_connected(&self, key: u8) -> bool {
        self.state(key).is_some_and(|state| state.connected)
    }

    pub(super) fn is_level(&self, key: u8) -> bool {
        self.state(key).is_some_and(|state| state.level)
    }
}

/// Lets the devices in at each other's door, and tells each where the others are. Who is a member
/// for whom is left to the test.
pub(super) fn acquaint(devices: &[&Device]) -> TestResult {
    for one in devices {
        for other in devices.iter().filter(|other| other.key != one.key) {
            one.admit(&[other.key]);
            one.net.learn(&other.net.address())?;
        }
    }
    Ok(())
}

/// Makes the devices members for each other, and tells each where the others are.
pub(super) fn introduce(devices: &[&Device]) -> TestResult {
    acquaint(devices)?;
    for one in devices {
        let others = devices.iter().filter(|other| other.key != one.key);
        one.link
            .set_members(others.map(|other| other.net.id()).collect());
    }
    Ok(())
}

/// Waits until something is so. Returns how long it took.
pub(super) async fn until(what: &str, mut so: impl FnMut() -> bool) -> TestResult<Duration> {
    let begun = Instant::now();
    while !so() {
        if begun.elapsed() > Duration::from_secs(20) {
            return Err(format!("after 20 s still not so: {what}").into());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(begun.elapsed())
}

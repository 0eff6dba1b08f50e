//! The storage peer as a whole: its endpoint, its code, and the drives that were offered to it. Knows of each
//! only what its record says in the clear.

use std::collections::HashMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use data_encoding::HEXLOWER;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use parking_lot::{Mutex, RwLock};
use peerdrive_crypto::body::Role;
use peerdrive_crypto::domain::label;
use peerdrive_crypto::ids::DriveId;
use peerdrive_crypto::kdf::kdf;
use peerdrive_crypto::secret::StoreSecret;
use peerdrive_crypto::store_code::{StoreCode, StoreCodeError};
use peerdrive_net::{
    BlobId, DriveTag, Gate, Held, Holder, LogId, Net, NetConfig, PeerId, StartError, StoreKeeper,
    StoreRefusal, StoreReply, StoreRequest, Term,
};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::drive::Drive;
use crate::device::{DataDir, DataDirError};
use crate::passphrase::Passphrase;

/// The most drives.
const MOST_DRIVES: usize = 1024;

/// How often it is looked which leases have run out.
const ROUND: Duration = Duration::from_secs(10);

/// Lookups in the store at once.
const LOOKUPS: usize = 32;

/// The largest blob that is kept: the largest chunk of a file, sealed, and some more.
const LARGEST: u64 = 5 << 20;

/// The file with the secret of the code.
const CODE: &str = "store.code";

/// How a storage peer is run.
#[derive(Clone, Debug)]
pub struct StorageConfig {
    /// Where everything it keeps lives.
    pub data_dir: PathBuf,
    /// Where to listen; any port of all interfaces if it is not said.
    pub bind: Option<SocketAddr>,
    /// Whether to be found by public DNS, relays and on the local network.
    pub discovery: bool,
    /// A relay of one's own.
    pub relay: Option<String>,
    /// The most bytes of all drives together.
    pub most: u64,
    /// For how many seconds a drive stays on the disk once its lease has ended.
    pub grace: u64,
    /// Makes another code: the one before lets nobody in any more.
    pub new_code: bool,
}

/// The storage peer cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Its folder.
    #[error(transparent)]
    Data(#[from] DataDirError),
    /// The network.
    #[error(transparent)]
    Net(#[from] StartError),
    /// Its code.
    #[error(transparent)]
    Code(#[from] StoreCodeError),
}

/// How a drive stands on a storage peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredStanding {
    /// It was offered, and its record does not grant a lease yet.
    Offered,
    /// Its lease is in force.
    Leased {
        /// Bytes.
        quota: u64,
        /// Seconds since 1970.
        until: u64,
    },
    /// Its lease was ended or has run out.
    Ended {
        /// Seconds since 1970.
        since: u64,
    },
}

/// What the operator may know of a drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDrive {
    /// What it is called on the wire, in hex.
    pub tag: String,
    /// How it stands.
    pub standing: StoredStanding,
    /// How many devices take part.
    pub devices: u64,
    /// How many of them are connected.
    pub connected: u64,
    /// Bytes of its record and its blobs.
    pub bytes: u64,
    /// How many blobs.
    pub blobs: u64,
    /// Whether the last that was sent did not all fit.
    pub full: bool,
}

/// The bytes of all drives, and what does not fit any more.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Read while a blob that is here is noted to be, written while blobs are removed.
    pub(crate) sweeping: tokio::sync::RwLock<()>,
    most: u64,
    used: Mutex<HashMap<DriveTag, u64>>,
    surplus: mpsc::UnboundedSender<Vec<BlobId>>,
}

impl Budget {
    pub(crate) fn room(&self) -> u64 {
        let used: u64 = self.used.lock().values().sum();
        self.most.saturating_sub(used)
    }

    pub(crate) fn set(&self, drive: DriveTag, used: u64) {
        self.used.lock().insert(drive, used);
    }

    pub(crate) fn forget(&self, drive: &DriveTag) {
        self.used.lock().remove(drive);
    }

    /// Has blobs removed, unless a drive keeps them.
    pub(crate) fn give_up(&self, blobs: Vec<BlobId>) {
        // Whoever removes them ends with the storage peer.
        let _ = self.surplus.send(blobs);
    }
}

/// A storage peer that runs. Ended by [`StoragePeer::shutdown`].
#[derive(Debug)]
pub struct StoragePeer {
    inner: Arc<Inner>,
}

struct Inner {
    data: DataDir,
    net: Net,
    secret: StoreSecret,
    drives: Arc<Drives>,
    budget: Arc<Budget>,
    grace: u64,
    /// Held while a drive is taken in or let go of.
    changing: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoragePeer")
    }
}

/// The drives that are open, by what they are called on the wire.
#[derive(Debug, Default)]
struct Drives(RwLock<HashMap<DriveTag, Arc<Drive>>>);

impl Drives {
    fn get(&self, tag: &DriveTag) -> Option<Arc<Drive>> {
        self.0.read().get(tag).cloned()
    }

    fn all(&self) -> Vec<Arc<Drive>> {
        self.0.read().values().cloned().collect()
    }

    fn any(&self, so: impl Fn(&Drive) -> bool) -> bool {
        self.0.read().values().any(|drive| so(drive))
    }
}

impl Gate for Drives {
    fn admits(&self, peer: &PeerId) -> bool {
        self.any(|drive| drive.serves(peer))
    }

    fn admits_to(&self, peer: &PeerId, drive: &DriveTag) -> bool {
        self.get(drive).is_some_and(|drive| drive.serves(peer))
    }

    fn may_read_blob(&self, peer: &PeerId, blob: &BlobId) -> bool {
        self.any(|drive| drive.keeps(blob) && drive.gives_blobs(peer))
    }

    fn was_removed(&self, peer: &PeerId) -> bool {
        self.any(|drive| drive.removal(peer).is_some())
    }

    fn removal(&self, peer: &PeerId, drive: &DriveTag) -> Option<Vec<(LogId, u64)>> {
        self.get(drive)?.removal(peer)
    }
}

/// What is here of the blobs that somebody asks about.
struct Answers {
    drives: Arc<Drives>,
    blobs: peerdrive_net::BlobStore,
}

impl Holder for Answers {
    fn prepare(&self, _ids: Vec<BlobId>) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn held(
        &self,
        peer: PeerId,
        ids: Vec<BlobId>,
        promise: Option<Term>,
    ) -> BoxFuture<'static, Vec<Held>> {
        if promise.is_some() {
            // A lease can end any day: nobody is to rely on more than members' devices.
            return Box::pin(std::future::ready(vec![Held::No; ids.len()]));
        }
        let (drives, blobs) = (self.drives.all(), self.blobs.clone());
        Box::pin(async move {
            let drives = drives.into_iter().filter(|drive| drive.gives_blobs(&peer));
            let drives: Vec<_> = drives.collect();
            let looked: Vec<(BlobId, bool)> = ids
                .iter()
                .map(|id| (*id, drives.iter().any(|drive| drive.keeps(id))))
                .collect();
            stream::iter(looked)
                .map(|(id, kept)| {
                    let blobs = blobs.clone();
                    async move {
                        match kept && blobs.has(&id).await.unwrap_or(false) {
                            true => Held::Kept,
                            false => Held::No,
                        }
                    }
                })
                .buffered(LOOKUPS)
                .collect()
                .await
        })
    }
}

/// Answers what only a storage peer is asked.
struct Clerk(Weak<Inner>);

impl StoreKeeper for Clerk {
    fn answer(&self, peer: PeerId, request: StoreRequest) -> BoxFuture<'static, StoreReply> {
        let inner = self.0.clone();
        Box::pin(async move {
            let Some(inner) = inner.upgrade() else {
                return StoreReply::Refused(StoreRefusal::Lease);
            };
            let answer = match request {
                StoreRequest::Offer { secret, drive, id } => {
                    let secret = StoreSecret::from_bytes(secret);
                    inner.take_in(peer, &secret, drive, DriveId(id)).await
                }
                StoreRequest::Keep { drive, blobs } => inner.keep(peer, &drive, &blobs).await,
                StoreRequest::Named { drive } => inner.named(peer, &drive),
            };
            answer.unwrap_or_else(StoreReply::Refused)
        })
    }
}

impl Inner {
    async fn take_in(
        &self,
        peer: PeerId,
        secret: &StoreSecret,
        tag: DriveTag,
        id: DriveId,
    ) -> Result<StoreReply, StoreRefusal> {
        if *secret != self.secret {
            return Err(StoreRefusal::Code);
        }
        let _alone = self.changing.lock().await;
        if let Some(drive) = self.drives.get(&tag) {
            if drive.id != id {
                return Err(StoreRefusal::Lease);
            }
            return match drive.offered_again(peer) {
                true => Ok(StoreReply::Done),
                false => Err(StoreRefusal::Lease),
            };
        }
        if self.drives.0.read().len() >= MOST_DRIVES {
            return Err(StoreRefusal::Room);
        }
        let folder = folder_of(self.data.path(), &tag);
        let offered = Some((id, peer));
        let drive = Drive::open(&folder, tag, offered, &self.net, &self.budget);
        let drive = drive.map_err(|error| {
            tracing::error!(%error, "a drive that is offered cannot be stored");
            StoreRefusal::Disk
        })?;
        self.drives.0.write().insert(tag, drive);
        Ok(StoreReply::Done)
    }

    async fn keep(
        &self,
        peer: PeerId,
        drive: &DriveTag,
        blobs: &[BlobId],
    ) -> Result<StoreReply, StoreRefusal> {
        let drive = self.drives.get(drive).ok_or(StoreRefusal::Lease)?;
        if drive.role(&peer) < Some(Role::Writer) {
            return Err(StoreRefusal::Lease);
        }
        let (here, full) = drive.keep(peer, blobs).await.map_err(of_disk)?;
        Ok(StoreReply::Kept { here, full })
    }

    fn named(&self, peer: PeerId, drive: &DriveTag) -> Result<StoreReply, StoreRefusal> {
        let drive = self.drives.get(drive).ok_or(StoreRefusal::Lease)?;
        // Who could end the lease.
        if drive.role(&peer) < Some(Role::Admin) {
            return Err(StoreRefusal::Lease);
        }
        let gone = drive.tidy().map_err(of_disk)?;
        self.budget.give_up(gone);
        Ok(StoreReply::Done)
    }

    /// Removes blobs that no drive keeps: two drives may have named the same one.
    async fn remove(&self, mut blobs: Vec<BlobId>) {
        let _alone = self.budget.sweeping.write().await;
        blobs.retain(|id| !self.drives.any(|drive| drive.keeps(id)));
        if let Err(error) = self.net.blobs().remove(blobs).await {
            tracing::warn!(%error, "blobs that nobody needs cannot be removed now");
        }
    }

    /// Lets go of drives whose lease ended long enough ago.
    async fn round(&self) {
        let _alone = self.changing.lock().await;
        for drive in self.drives.all() {
            if !drive.is_over(self.grace) {
                continue;
            }
            tracing::info!(drive = ?drive.tag, "the lease has ended: the drive is removed");
            self.drives.0.write().remove(&drive.tag);
            drive.close().await;
            self.remove(drive.blobs()).await;
            if let Err(error) = drive.erase() {
                tracing::error!(%error, "the record of a drive cannot be removed");
            }
        }
    }
}

fn of_disk(error: impl Display) -> StoreRefusal {
    tracing::error!(%error, "nothing can be noted");
    StoreRefusal::Disk
}

fn folder_of(data: &Path, tag: &DriveTag) -> PathBuf {
    data.join("stored").join(tag.to_string())
}

impl StoragePeer {
    /// Takes its folder, joins the network and serves what is stored.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn open(
        config: StorageConfig,
        passphrase: Option<Passphrase>,
    ) -> Result<Self, StorageError> {
        let data = DataDir::open(&config.data_dir)?;
        let device = data.secret(passphrase.as_ref())?;
        let endpoint = Zeroizing::new(kdf(&device, label::ENDPOINT, &DriveId::ZERO, &[]));
        let secret = code_secret(&data, config.new_code)?;
        let drives = Arc::new(Drives::default());
        let bind = config.bind.filter(|bind| bind.port() != 0).or_else(|| {
            let mut bind = config.bind?;
            bind.set_port(data.last_port().unwrap_or(0));
            Some(bind)
        });
        let net_config = NetConfig {
            secret_key: *endpoint,
            bind,
            discovery: config.discovery,
            relay: config.relay.clone(),
            blobs_dir: data.folder("blobs")?,
        };
        let net = Net::start(net_config, drives.clone()).await?;
        data.remember_port(net.bound_port());
        net.blobs().set_largest(LARGEST);
        let (surplus, given_up) = mpsc::unbounded_channel();
        let budget = Arc::new(Budget {
            sweeping: tokio::sync::RwLock::new(()),
            most: config.most,
            used: Mutex::default(),
            surplus,
        });
        let mut all_open = true;
        for folder in stored(data.path()) {
            let Some(tag) = tag_of(&folder) else {
                continue;
            };
            match Drive::open(&folder, tag, None, &net, &budget) {
                Ok(drive) => _ = drives.0.write().insert(tag, drive),
                Err(error) => {
                    all_open = false;
                    tracing::error!(drive = ?tag, %error, "a drive cannot be opened, and is not served");
                }
            }
        }
        net.set_holder(Arc::new(Answers {
            drives: drives.clone(),
            blobs: net.blobs().clone(),
        }));
        let inner = Arc::new(Inner {
            data,
            net,
            secret,
            drives,
            budget,
            grace: config.grace,
            changing: tokio::sync::Mutex::default(),
        });
        inner.net.set_store(Arc::new(Clerk(Arc::downgrade(&inner))));
        // What came and was not noted, by the end of a process.
        if all_open && let Ok(all) = inner.net.blobs().ids().await {
            inner.remove(all).await;
        }
        tokio::spawn(rounds(Arc::downgrade(&inner), given_up));
        Ok(Self { inner })
    }

    /// What to hand to whoever may keep drives here. A secret: who has it may fill the disk.
    ///
    /// # Errors
    /// [`StoreCodeError`], if its address is too long.
    pub fn code(&self) -> Result<Zeroizing<String>, StoreCodeError> {
        let code = StoreCode {
            address: self.inner.net.address(),
            secret: self.inner.secret.duplicate(),
        };
        code.to_text()
    }

    /// What is stored, in the order of the tags.
    pub fn drives(&self) -> Vec<StoredDrive> {
        let mut drives: Vec<_> = self.inner.drives.all().iter().map(|d| d.show()).collect();
        drives.sort_unstable_by(|one, other| one.tag.cmp(&other.tag));
        drives
    }

    /// Ends it in order.
    pub async fn shutdown(self) {
        let _alone = self.inner.changing.lock().await;
        for drive in self.inner.drives.all() {
            drive.close().await;
        }
        // They hold the network, which holds them.
        self.inner.drives.0.write().clear();
        self.inner.net.shutdown().await;
    }
}

/// Lets go of what is not needed, as long as the storage peer runs.
async fn rounds(inner: Weak<Inner>, mut given_up: mpsc::UnboundedReceiver<Vec<BlobId>>) {
    let mut round = tokio::time::interval(ROUND);
    round.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let gone = tokio::select! {
            gone = given_up.recv() => gone,
            _ = round.tick() => None,
        };
        let Some(inner) = inner.upgrade() else {
            return;
        };
        match gone {
            Some(blobs) => inner.remove(blobs).await,
            None => inner.round().await,
        }
    }
}

fn stored(data: &Path) -> Vec<PathBuf> {
    let Ok(folders) = std::fs::read_dir(data.join("stored")) else {
        return Vec::new();
    };
    let folders = folders.filter_map(|folder| Some(folder.ok()?.path()));
    folders.collect()
}

fn tag_of(folder: &Path) -> Option<DriveTag> {
    let name = folder.file_name()?.to_str()?;
    let bytes = HEXLOWER.decode(name.as_bytes()).ok()?;
    bytes.try_into().ok().map(DriveTag)
}

/// The secret of the code, made when it is first asked for or another one is wanted.
fn code_secret(data: &DataDir, anew: bool) -> Result<StoreSecret, DataDirError> {
    let path = data.path().join(CODE);
    match std::fs::read(&path).map(Zeroizing::new) {
        Ok(bytes) if !anew => match <[u8; 32]>::try_from(bytes.as_slice()) {
            Ok(secret) => return Ok(StoreSecret::from_bytes(secret)),
            Err(_) => tracing::warn!("the secret of the code is damaged: another is made"),
        },
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            return Err(DataDirError::Io {
                doing: "read",
                path,
                source,
            });
        }
        _ => {}
    }
    let secret = StoreSecret::generate(&mut crate::env::rng());
    data.write_private(CODE, secret.expose_for_sealing())?;
    Ok(secret)
}

#[cfg(test)]
mod tests;

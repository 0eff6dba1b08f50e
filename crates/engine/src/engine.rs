//! All drives of one device, in the process that holds its data directory: share, invite, join, and
//! an orderly end. Knows no command line and no screen.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use peerdrive_crypto::domain::label;
use peerdrive_crypto::ids::DriveId;
use peerdrive_crypto::kdf::kdf;
use peerdrive_crypto::secret::{DeviceSecret, EndpointSecret};
use peerdrive_net::{Net, NetConfig, StartError};

use crate::config::EngineConfig;
use crate::device::{DataDir, DataDirError};
use crate::devices::DeviceOffer;
use crate::drive::error::LoadError;
use crate::drive::handle::DriveHandle;
use crate::drive::request::Request;
pub use crate::folders::{FolderError, KeepError};
use crate::gate::MemberGate;
use crate::holding::{Answers, Ledger};
use crate::incarnation::Here;
use crate::open::{Device, Running, record_folder};
use crate::passphrase::Passphrase;
use crate::presence::Pace;

/// How long an orderly end waits for one drive's last write.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// How long an orderly end waits for a folder. What it is in the middle of is never half visible, and
/// goes on at the next start.
const FOLDER_STOP_LIMIT: Duration = Duration::from_millis(1500);

/// The drives of this device. Cheap to clone; ended by [`Engine::shutdown`].
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) data: DataDir,
    pub(crate) device: Device,
    pub(crate) device_name: String,
    pub(crate) endpoint: EndpointSecret,
    pub(crate) drives: Mutex<BTreeMap<DriveId, Running>>,
    pub(crate) broken: Mutex<Vec<BrokenDrive>>,
    /// Codes for new devices that were shown and not used yet; they end with the process.
    pub(crate) offers: Mutex<Vec<Arc<DeviceOffer>>>,
    pub(crate) collecting: tokio::sync::Mutex<()>,
}

/// A drive whose record on this device could not be opened. The others go on.
#[derive(Clone, Debug)]
pub struct BrokenDrive {
    /// The name of its folder: the drive's id.
    pub id: String,
    /// Why, and what to do.
    pub reason: String,
}

/// The engine cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory.
    #[error(transparent)]
    Data(#[from] DataDirError),
    /// The network.
    #[error(transparent)]
    Net(#[from] StartError),
}

/// No drive, or more than one, by that id or name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// None.
    #[error("there is no drive `{wanted}` on this device; `peerdrive status` lists them")]
    NotFound {
        /// What was asked for.
        wanted: String,
    },
    /// Several of this name.
    #[error("several drives are named `{wanted}`; use one of their ids: {}", ids.join(", "))]
    Ambiguous {
        /// What was asked for.
        wanted: String,
        /// Which.
        ids: Vec<String>,
    },
}

impl Engine {
    /// Takes the data directory, joins the network and brings every drive back to life.
    pub async fn open(config: EngineConfig) -> Result<Engine, OpenError> {
        Self::open_with(config, None).await
    }

    /// As [`Engine::open`], with the passphrase that the device's key may be sealed under.
    pub async fn open_with(
        config: EngineConfig,
        passphrase: Option<Passphrase>,
    ) -> Result<Engine, OpenError> {
        Self::open_paced(config, passphrase, Pace::default()).await
    }

    /// As [`Engine::open_with`], with other times of presence.
    pub(crate) async fn open_paced(
        config: EngineConfig,
        passphrase: Option<Passphrase>,
        pace: Pace,
    ) -> Result<Engine, OpenError> {
        let data = DataDir::open(&config.data_dir)?;
        let here = Here::look(data.path()).map_err(|source| DataDirError::Io {
            doing: "look at",
            path: data.path().to_owned(),
            source,
        })?;
        let secret = Arc::new(DeviceSecret::from_bytes(*data.secret(passphrase.as_ref())?));
        let endpoint = EndpointSecret::from_bytes(kdf(
            secret.expose_for_sealing(),
            label::ENDPOINT,
            &DriveId::ZERO,
            &[],
        ));
        let gate = Arc::new(MemberGate::default());
        let net = start_net(&config, &data, &endpoint, gate.clone()).await?;
        data.remember_port(net.bound_port());
        let rates = data.rates();
        net.set_limits(rates.up, rates.down);
        let ledger = Arc::new(Ledger::default());
        net.set_holder(Arc::new(Answers::new(
            gate.clone(),
            net.blobs().clone(),
            ledger.clone(),
        )));
        let device = Device {
            data: data.path().to_owned(),
            secret,
            net,
            gate,
            here,
            ledger,
            pace,
        };
        let engine = Engine {
            inner: Arc::new(Inner {
                data,
                device,
                device_name: config.device_name,
                endpoint,
                drives: Mutex::default(),
                broken: Mutex::default(),
                offers: Mutex::default(),
                collecting: tokio::sync::Mutex::default(),
            }),
        };
        for name in engine.recorded()? {
            if let Err(error) = engine.resume(&name) {
                tracing::error!(drive = %name, %error, "a drive could not be opened");
                let broken = BrokenDrive {
                    id: name,
                    reason: error.to_string(),
                };
                engine.inner.broken.lock().push(broken);
            }
        }
        tokio::spawn(crate::holding::rounds::run(Arc::downgrade(&engine.inner)));
        tokio::spawn(crate::join::admit_joiners(Arc::downgrade(&engine.inner)));
        Ok(engine)
    }

    /// Seals the device's key under a passphrase, which every later start needs; without one, leaves the
    /// key in the clear. Takes as long as the passphrase is to be hard to guess.
    pub async fn set_passphrase(&self, passphrase: Option<Passphrase>) -> Result<(), DataDirError> {
        let inner = self.inner.clone();
        let written = tokio::task::spawn_blocking(move || {
            let secret = inner.device.secret.expose_for_sealing();
            inner.data.write_key(secret, passphrase.as_ref())
        });
        written.await.unwrap_or_else(|error| {
            Err(DataDirError::Io {
                doing: "write",
                path: self.inner.data.path().to_owned(),
                source: std::io::Error::other(error),
            })
        })
    }

    /// Every drive that is open, in the order of their ids.
    pub fn drives(&self) -> Vec<DriveHandle> {
        self.inner
            .drives
            .lock()
            .values()
            .map(|running| running.handle.clone())
            .collect()
    }

    /// Drives whose record could not be opened.
    pub fn broken(&self) -> Vec<BrokenDrive> {
        self.inner.broken.lock().clone()
    }

    /// A drive by its id or by its name, if that is unique.
    pub fn drive(&self, wanted: &str) -> Result<DriveHandle, FindError> {
        let drives = self.drives();
        if let Some(drive) = drives.iter().find(|drive| drive.id().to_string() == wanted) {
            return Ok(drive.clone());
        }
        let mut named = drives.into_iter().filter(|drive| drive.name() == wanted);
        match (named.next(), named.next()) {
            (None, _) => Err(FindError::NotFound {
                wanted: wanted.to_owned(),
            }),
            (Some(drive), None) => Ok(drive),
            (Some(first), Some(second)) => Err(FindError::Ambiguous {
                wanted: wanted.to_owned(),
                ids: [first, second]
                    .into_iter()
                    .chain(named)
                    .map(|drive| drive.id().to_string())
                    .collect(),
            }),
        }
    }

    /// This device's endpoint, as others see it.
    pub fn peer_id(&self) -> peerdrive_net::PeerId {
        self.inner.device.net.id()
    }

    /// Ends all drives in order: folders first, then their last writes, then the network.
    pub async fn shutdown(&self) {
        let drives: Vec<Running> = std::mem::take(&mut *self.inner.drives.lock())
            .into_values()
            .collect();
        for running in &drives {
            crate::presence::leave(&running.handle.shared);
        }
        for running in drives {
            self.end(running).await;
        }
        self.inner.device.net.shutdown().await;
    }

    /// Ends one drive that is no longer in the list.
    pub(crate) async fn end(&self, running: Running) {
        let Running {
            handle,
            thread,
            tag,
        } = running;
        crate::presence::leave(&handle.shared);
        self.stop_folder(&handle).await;
        self.inner.device.gate.close(&tag);
        let stopped = handle.ask_stop();
        if tokio::time::timeout(STOP_LIMIT, stopped).await.is_err() {
            tracing::error!(drive = %handle.id(), "the drive did not end in time");
            return;
        }
        let joined = tokio::task::spawn_blocking(move || thread.join());
        if !matches!(joined.await, Ok(Ok(()))) {
            tracing::error!(drive = %handle.id(), "the drive's thread ended badly");
        }
        // Whoever makes or fetches a checkpoint reads the record, and hears now that nobody wants it.
        let idle = handle.shared.checkpointing.lock();
        let _ = tokio::time::timeout(STOP_LIMIT, idle).await;
        handle.shared.link.clone().close().await;
    }

    /// Stops keeping the drive's folder in step until it is started again.
    pub(crate) async fn stop_folder(&self, drive: &DriveHandle) {
        let copy = drive.shared.working_copy.lock().take();
        if let Some(copy) = copy
            && tokio::time::timeout(FOLDER_STOP_LIMIT, copy.stop())
                .await
                .is_err()
        {
            tracing::info!(drive = %drive.id(), "left in the middle of a long file");
        }
    }

    /// Takes a started drive into the list.
    pub(crate) fn admit_drive(&self, running: Running) -> DriveHandle {
        let handle = running.handle.clone();
        self.inner.drives.lock().insert(handle.id(), running);
        handle
    }

    fn recorded(&self) -> Result<Vec<String>, OpenError> {
        let folder = self.inner.data.folder("drives")?;
        let io = |source| DataDirError::Io {
            doing: "read",
            path: folder.clone(),
            source,
        };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(io)? {
            if let Ok(name) = entry.map_err(io)?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn resume(&self, name: &str) -> Result<(), ResumeError> {
        let id: DriveId = name.parse().map_err(|_| ResumeError::Name)?;
        let device = &self.inner.device;
        let opened = device.open_record(id)?;
        if !opened.is_complete()? {
            // A share or join that was killed half-way: nobody was told of this drive yet.
            drop(opened);
            let folder = record_folder(&device.data, name);
            tracing::info!(drive = %id, "clearing away a drive that was never finished");
            return std::fs::remove_dir_all(folder).map_err(ResumeError::Io);
        }
        self.admit_drive(device.start(opened)?)
            .start_folder_beside();
        Ok(())
    }
}

/// A drive could not be brought back.
#[derive(Debug, thiserror::Error)]
enum ResumeError {
    #[error("its folder in the data directory has no drive's name")]
    Name,
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Notes(#[from] crate::local::LocalError),
    #[error(transparent)]
    Io(std::io::Error),
}

async fn start_net(
    config: &EngineConfig,
    data: &DataDir,
    endpoint: &EndpointSecret,
    gate: Arc<MemberGate>,
) -> Result<Net, OpenError> {
    let blobs_dir = data.folder("blobs")?;
    let start = |bind| {
        let config = NetConfig {
            secret_key: *endpoint.expose_for_sealing(),
            bind,
            discovery: config.discovery,
            relay: config.relay.clone(),
            blobs_dir: blobs_dir.clone(),
        };
        Net::start(config, gate.clone())
    };
    let wanted = config
        .bind
        .unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0));
    // The port of the last run, so that devices that remember this one find it; if somebody else
    // took it meanwhile, any.
    if wanted.port() == 0
        && let Some(port) = data.last_port()
        && let Ok(net) = start(Some(SocketAddr::new(wanted.ip(), port))).await
    {
        return Ok(net);
    }
    Ok(start(config.bind).await?)
}

impl DriveHandle {
    async fn ask_stop(&self) {
        let (reply, stopped) = tokio::sync::oneshot::channel();
        if self
            .shared
            .requests
            .send(Request::Stop { reply })
            .await
            .is_ok()
        {
            let _ = stopped.await;
        }
    }
}

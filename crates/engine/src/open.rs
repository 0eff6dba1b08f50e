//! Bringing one drive to life from its record on disk: the order in which its parts come into being.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use peerdrive_crypto::identity::{DriveKeys, RootKey};
use peerdrive_crypto::ids::{BindId, DriveId, LogId, MemberId};
use peerdrive_crypto::local::local_key;
use peerdrive_crypto::secret::DeviceSecret;
use peerdrive_log::DriveLog;
use peerdrive_net::{DriveTag, LinkEvent, Net, PeerId};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

use crate::content::ContentStore;
use crate::drive::control::ControlPlane;
use crate::drive::error::LoadError;
use crate::drive::event::DriveEvent;
use crate::drive::handle::{DriveHandle, Parts, Shared};
use crate::drive::identity::Ask;
use crate::drive::replica::{Own, Replica};
use crate::drive::request::Request;
use crate::gate::MemberGate;
use crate::holding::Ledger;
use crate::incarnation::{Here, HighWater};
use crate::jotter::Jotter;
use crate::keyring::SharedKeys;
use crate::local::{LocalTable, Seal, Space};
use crate::peers::{DrivePeers, Entries};
use crate::presence::{self, Pace, Presence};
use crate::voices::Voices;

/// Requests that may wait for the actor before who asks has to wait too.
const REQUESTS: usize = 1024;

pub(crate) const SELF_KEY: &[u8] = b"self";

/// Under which the incarnations of this device's logs are kept, once they are not the first ones.
pub(crate) const INCARNATIONS_KEY: &[u8] = b"incarnations";

const MARK_KEY: &[u8] = b"mark";

/// Where the root key's seed lies until its phrase has been shown.
pub(crate) const ROOT_KEY: &[u8] = b"root";

/// Who this device is in one drive: kept sealed in the drive's notes.
#[derive(Serialize, Deserialize)]
pub(crate) struct SelfNote {
    v: u8,
    #[serde(with = "two_halves")]
    keys: Zeroizing<[u8; 64]>,
    bind: BindId,
    member: MemberId,
    control_inc: [u8; 16],
    content_inc: [u8; 16],
    name: String,
}

/// The incarnations of this device's two logs: random, and new whenever a number might have been used.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Incarnations {
    pub(crate) control: [u8; 16],
    pub(crate) content: [u8; 16],
}

impl Incarnations {
    pub(crate) fn fresh() -> Self {
        Self {
            control: crate::env::random(),
            content: crate::env::random(),
        }
    }

    pub(crate) fn to_bytes(self) -> Result<Vec<u8>, LoadError> {
        postcard::to_stdvec(&self).map_err(|_| LoadError::Keys)
    }
}

mod two_halves {
    //! serde knows arrays of up to 32 bytes only.
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(
        keys: &Zeroizing<[u8; 64]>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let (low, high) = keys.split_at(32);
        (low, high).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Zeroizing<[u8; 64]>, D::Error> {
        let (low, high) = <(Vec<u8>, Vec<u8>)>::deserialize(from)?;
        let mut keys = Zeroizing::new([0; 64]);
        if low.len() != 32 || high.len() != 32 {
            return Err(serde::de::Error::custom("a key of the wrong length"));
        }
        keys[..32].copy_from_slice(&low);
        keys[32..].copy_from_slice(&high);
        Ok(keys)
    }
}

impl SelfNote {
    pub(crate) fn new(keys: &DriveKeys, bind: BindId, member: MemberId, name: String) -> Self {
        Self {
            v: 1,
            keys: keys.expose_for_sealing(),
            bind,
            member,
            control_inc: crate::env::random(),
            content_inc: crate::env::random(),
            name,
        }
    }
}

/// What all drives of a device share.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) data: PathBuf,
    pub(crate) secret: Arc<DeviceSecret>,
    pub(crate) net: Net,
    pub(crate) gate: Arc<MemberGate>,
    pub(crate) here: Here,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) pace: Pace,
}

/// A drive's record, opened, with nothing running yet.
pub(crate) struct Opened {
    id: DriveId,
    pub(crate) log: Arc<DriveLog>,
    pub(crate) local: LocalTable,
    seal: Arc<Seal>,
}

/// A running drive, with what it takes to end it.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) handle: DriveHandle,
    pub(crate) thread: std::thread::JoinHandle<()>,
    pub(crate) tag: DriveTag,
}

/// The folder of a drive's record within the data directory.
pub(crate) fn record_folder(data: &Path, id: &str) -> PathBuf {
    data.join("drives").join(id)
}

impl Device {
    /// Opens, or makes, the record of a drive.
    pub(crate) fn open_record(&self, id: DriveId) -> Result<Opened, LoadError> {
        let folder = record_folder(&self.data, &id.to_string());
        let path = folder.join("log.redb");
        std::fs::create_dir_all(&folder).map_err(|source| peerdrive_log::OpenError::Io {
            path: path.clone(),
            source,
        })?;
        let log = Arc::new(DriveLog::open(&path)?);
        let seal = Arc::new(Seal::new(id, local_key(&self.secret)));
        let local = LocalTable::new(log.clone(), seal.clone());
        Ok(Opened {
            id,
            log,
            local,
            seal,
        })
    }

    /// Starts a drive from its record: state, keys, sync, actor. Its folder is started by the caller.
    pub(crate) fn start(&self, opened: Opened) -> Result<Running, LoadError> {
        let Opened {
            id,
            log,
            local,
            seal,
        } = opened;
        let note = local.get(Space::Config, SELF_KEY)?.ok_or(LoadError::Keys)?;
        let note: SelfNote = postcard::from_bytes(&note).map_err(|_| LoadError::Keys)?;
        let (incarnations, high) = self.incarnations(&id, &note, &log, &local)?;
        let own = Own {
            keys: Arc::new(DriveKeys::from_bytes(&note.keys)),
            bind: note.bind,
            control_inc: incarnations.control,
            content_inc: incarnations.content,
            high,
        };
        let control = ControlPlane::new(id, own.keys.clone(), own.bind);
        let replica = Replica::load(id, own, log.clone(), seal.clone(), control)?;
        let lifetime = replica.control.lifetime().ok_or(LoadError::Keys)?;
        let tag = DriveTag(lifetime.blind_tag());
        let keyring = Arc::new(SharedKeys::new(lifetime));
        let topic = replica
            .control
            .current_epoch()
            .map_or([0; 32], |epoch| epoch.gossip_topic());
        let voices = Arc::new(Voices::new(
            replica.own.keys.clone(),
            keyring.clone(),
            replica.own.bind,
        ));
        let entries = Arc::new(Entries::new(log.clone()));
        let link = self.net.open_drive(tag, topic, entries, voices.clone());
        let peers = DrivePeers::new(self.net.clone(), link.clone());
        let itself = peers.drive();
        let content = ContentStore::new(self.net.blobs().clone(), keyring.clone(), Arc::new(peers));
        let (requests, inbox) = mpsc::channel(REQUESTS);
        let folder = record_folder(&self.data, &id.to_string());
        let jotter = Jotter::new(&folder, seal, log.clone(), self.here.start());
        let paused = crate::pausing::is_paused(&local)?;
        let (presence, ears) = Presence::new();
        let awaited = crate::arriving::is_awaited(&local)?;
        let (offers, offered) = mpsc::channel(1);
        let shared = Arc::new(Shared::new(Parts {
            id,
            name: note.name,
            tree: replica.tree(),
            log,
            local,
            jotter,
            keyring,
            content,
            net: self.net.clone(),
            link,
            ledger: self.ledger.clone(),
            requests,
            paused,
            presence,
            voices,
            awaited,
            offers,
            tag,
        }));
        let _ = itself.set(Arc::downgrade(&shared));
        self.gate.open(tag, &shared);
        learn_addresses(&shared);
        shared.membership_changed(&replica.control);
        shared.set_notices(replica.notices());
        shared.set_verified(replica.verified(), &replica.snapshot_blobs());
        let events = shared.link.events();
        let thread = crate::drive::actor::spawn(replica, inbox, Arc::downgrade(&shared)).map_err(
            |source| peerdrive_log::OpenError::Io {
                path: self.data.clone(),
                source,
            },
        )?;
        tokio::spawn(follow_link(Arc::downgrade(&shared), events));
        tokio::spawn(crate::tend::tend(Arc::downgrade(&shared)));
        tokio::spawn(crate::checkpoints::follow(Arc::downgrade(&shared), offered));
        tokio::spawn(crate::holding::pinning::follow(Arc::downgrade(&shared)));
        tokio::spawn(crate::holding::naming::follow(Arc::downgrade(&shared)));
        tokio::spawn(presence::run(Arc::downgrade(&shared), self.pace, ears));
        if awaited {
            tokio::spawn(crate::arriving::follow(Arc::downgrade(&shared)));
        }
        Ok(Running {
            handle: DriveHandle { shared },
            thread,
            tag,
        })
    }
}

impl Device {
    /// Which logs this device writes on in: new ones, if its record is a copy or an old one put back.
    fn incarnations(
        &self,
        id: &DriveId,
        note: &SelfNote,
        log: &DriveLog,
        local: &LocalTable,
    ) -> Result<(Incarnations, Arc<HighWater>), LoadError> {
        let folder = record_folder(&self.data, &id.to_string());
        let path = folder.join("log.redb");
        let io = |source| peerdrive_log::OpenError::Io {
            path: path.clone(),
            source,
        };
        let high = HighWater::open(&folder).map_err(io)?;
        let mark = self.here.mark(&path).map_err(io)?;
        let mark = postcard::to_stdvec(&mark).map_err(|_| LoadError::Keys)?;
        let kept = local.get(Space::Config, MARK_KEY)?;
        let behind = log.arrivals() < high.read();
        if kept.as_ref() == Some(&mark) && !behind {
            let stored = local.get(Space::Config, INCARNATIONS_KEY)?;
            let stored = stored.and_then(|bytes| postcard::from_bytes(&bytes).ok());
            let first = Incarnations {
                control: note.control_inc,
                content: note.content_inc,
            };
            return Ok((stored.unwrap_or(first), Arc::new(high)));
        }
        if kept.is_some() {
            tracing::info!(drive = %id, behind, "not where it was written: going on in new logs");
        }
        let fresh = Incarnations::fresh();
        let changes = [
            (INCARNATIONS_KEY.to_vec(), Some(fresh.to_bytes()?)),
            (MARK_KEY.to_vec(), Some(mark)),
        ];
        local.write(Space::Config, &changes)?;
        // Lower than it says only once, or every start would take this for a restored record.
        high.rise(log.arrivals());
        Ok((fresh, Arc::new(high)))
    }
}

impl Opened {
    /// Whether the making of this record was finished.
    pub(crate) fn is_complete(&self) -> Result<bool, crate::local::LocalError> {
        Ok(self.local.get(Space::Config, SELF_KEY)?.is_some())
    }

    /// Keeps the root key of a drive that was just founded, until its phrase has been shown.
    pub(crate) fn keep_root(&self, root: &RootKey) -> Result<(), LoadError> {
        let seed = root.seed().expose_for_sealing().to_vec();
        Ok(self.local.put(Space::Config, ROOT_KEY, seed)?)
    }

    /// Writes who this device is in the drive: the last step of making a record.
    pub(crate) fn write_self(&self, note: &SelfNote) -> Result<(), LoadError> {
        let bytes = Zeroizing::new(postcard::to_stdvec(note).map_err(|_| LoadError::Keys)?);
        Ok(self.local.put(Space::Config, SELF_KEY, bytes.to_vec())?)
    }
}

/// Tells the network how the drive's devices were last reached.
fn learn_addresses(shared: &Shared) {
    match shared.local.all(Space::Peers) {
        Ok(known) => {
            for (_, address) in known {
                if let Err(error) = shared.net.learn(&address) {
                    tracing::debug!(%error, "a remembered address is of no use");
                }
            }
        }
        Err(error) => tracing::warn!(%error, "addresses of other devices could not be read"),
    }
}

/// Carries what comes over the link to where it belongs. Ends with the link or the drive.
async fn follow_link(shared: std::sync::Weak<Shared>, mut events: mpsc::Receiver<LinkEvent>) {
    while let Some(event) = events.recv().await {
        let Some(shared) = shared.upgrade() else {
            return;
        };
        match event {
            LinkEvent::Entries { entries, done, .. } => {
                // Waiting here is the backpressure: the link reads no further meanwhile.
                if shared
                    .requests
                    .send(Request::Receive { entries, done })
                    .await
                    .is_err()
                {
                    return;
                }
            }
            LinkEvent::Connected(_) | LinkEvent::Disconnected(_) => {
                shared.presence.stir();
                shared.publish(DriveEvent::Peers);
            }
            LinkEvent::LevelChanged(_) => shared.publish(DriveEvent::Peers),
            LinkEvent::Addresses(addresses) => remember_addresses(&shared, &addresses),
            LinkEvent::Fork {
                from,
                log,
                at,
                entries,
                ..
            } => {
                tracing::warn!(
                    ?from,
                    at,
                    "a device wrote two different entries at one place"
                );
                let log = LogId(log.0);
                let met = Request::Identity(Ask::Forked { log });
                // Their branch is taken in like anything else: its author's signature is the proof.
                let (done, _) = oneshot::channel();
                let evidence = Request::Receive { entries, done };
                for request in [met, evidence] {
                    if shared.requests.send(request).await.is_err() {
                        return;
                    }
                }
            }
            LinkEvent::Presence(frame) => shared.presence.heard(frame),
            LinkEvent::Audience => shared.presence.greet(),
        }
    }
}

fn remember_addresses(shared: &Shared, addresses: &[Vec<u8>]) {
    for address in addresses {
        match shared.net.learn(address) {
            Ok(peer) if is_other_member(shared, &peer) => {
                if let Err(error) = remember_address(&shared.local, &peer, address) {
                    tracing::warn!(%error, "an address could not be remembered");
                }
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "an address is of no use"),
        }
    }
}

/// Writes only what is new: addresses come with every connection.
pub(crate) fn remember_address(
    local: &LocalTable,
    peer: &PeerId,
    address: &[u8],
) -> Result<(), crate::local::LocalError> {
    if local.get(Space::Peers, &peer.0)?.as_deref() == Some(address) {
        return Ok(());
    }
    local.put(Space::Peers, &peer.0, address.to_vec())
}

fn is_other_member(shared: &Shared, peer: &PeerId) -> bool {
    *peer != shared.net.id() && shared.members.read().admits(peer)
}

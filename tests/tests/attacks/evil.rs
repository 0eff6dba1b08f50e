//! A device whose person patched the program, or whose disk fell into other hands: it has everything that
//! was in a data directory, speaks the real protocol over the real network, and signs whatever it likes
//! with the keys that it has. Knows no rule that it would keep.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::id::Actor;
use peerdrive_crdt_tree::lint::Author;
use peerdrive_crdt_tree::tree::DriveTree;
use peerdrive_crypto::author::{Draft, Signer, control_entry};
use peerdrive_crypto::body::ContentBody;
use peerdrive_crypto::content::DriveLifetimeKeys;
use peerdrive_crypto::domain::label;
use peerdrive_crypto::entry::{Entry, Links, LogPosition, Plane, content_entry, kind};
use peerdrive_crypto::epoch::EpochKeys;
use peerdrive_crypto::frame::{Channel, open_frame, seal_frame};
use peerdrive_crypto::identity::DriveKeys;
use peerdrive_crypto::ids::{BindId, DriveId, EntryId, MemberId};
use peerdrive_crypto::kdf::kdf;
use peerdrive_crypto::keyring::{Keyring, Opener};
use peerdrive_crypto::local::{local_key, open_local};
use peerdrive_crypto::membership::Control;
use peerdrive_crypto::secret::{DeviceSecret, DriveSecret, EndpointSecret, LocalKey};
use peerdrive_log::{DriveLog, Space};
use peerdrive_net::{
    BlobId, DriveLink, DriveTag, Gate, LinkEvent, LogId, Net, NetConfig, PeerId, TopicSeal,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use serde::Deserialize;
use tempfile::TempDir;

use crate::shelf::Shelf;

/// Everything that a device has of one drive, in the hands of somebody who keeps no rule.
pub(crate) struct Evil {
    pub(crate) drive: DriveId,
    pub(crate) keys: Arc<DriveKeys>,
    pub(crate) endpoint: EndpointSecret,
    pub(crate) bind: BindId,
    pub(crate) member: MemberId,
    /// What it knows of who may do what.
    pub(crate) control: Control,
    /// What it can open.
    pub(crate) keyring: Keyring,
    /// What it tells others.
    pub(crate) shelf: Arc<Shelf>,
    /// What it seals with instead of the current epoch.
    pub(crate) seal_with: Option<Arc<EpochKeys>>,
    /// What it says it knows of the control log, instead of the truth.
    pub(crate) claims: Option<Vec<EntryId>>,
    pub(crate) content_at: LogPosition,
    control_at: LogPosition,
    pub(crate) rng: ChaCha20Rng,
}

/// As the product writes it, under the key `self`.
#[derive(Deserialize)]
struct SelfNote {
    _v: u8,
    keys: (Vec<u8>, Vec<u8>),
    bind: BindId,
    member: MemberId,
    _incarnations: ([u8; 16], [u8; 16]),
    _name: String,
}

fn note(log: &DriveLog, drive: DriveId, key: &LocalKey, name: &[u8]) -> Result<Vec<u8>> {
    let space = Space::Config as u8;
    let stored = kdf(
        key.expose_for_sealing(),
        label::NOTE_KEY,
        &drive,
        &[&[space], name],
    );
    let sealed = log.note(Space::Config, &stored[..16])?;
    let sealed = sealed.context("no such note")?;
    let plain = open_local(key, &format!("{drive}/{space}"), &sealed)?;
    let (len, rest) = plain.split_first_chunk::<4>().context("a short note")?;
    let len = u32::from_le_bytes(*len) as usize;
    Ok(rest.get(len..).context("a short note")?.to_vec())
}

/// Speaks on a drive's topic with what was taken, and listens to anybody.
#[derive(Debug)]
struct Mouth {
    epoch: Option<Arc<EpochKeys>>,
    bind: BindId,
    keys: Arc<DriveKeys>,
}

impl TopicSeal for Mouth {
    fn seal_hint(&self, hint: &[u8]) -> Option<Vec<u8>> {
        let (channel, mut rng) = (Channel::Announce, ChaCha20Rng::seed_from_u64(1));
        seal_frame(
            self.epoch.as_deref()?,
            channel,
            &self.bind,
            &self.keys,
            hint,
            &mut rng,
        )
        .ok()
    }

    fn open_hint(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let frame = open_frame(self.epoch.as_deref()?, Channel::Announce, sealed).ok()?;
        Some(frame.payload)
    }
}

impl Evil {
    /// Takes everything out of the data directory of a device that is not running, and whose key lies
    /// in the clear.
    pub(crate) fn seize(data: &Path, drive: DriveId) -> Result<Self> {
        let secret = fs::read(data.join("device.key"))?;
        let secret = <[u8; 32]>::try_from(secret.as_slice()).context("a sealed key")?;
        let secret = DeviceSecret::from_bytes(secret);
        let endpoint = kdf(
            secret.expose_for_sealing(),
            label::ENDPOINT,
            &DriveId::ZERO,
            &[],
        );
        let log = DriveLog::open(&data.join("drives").join(drive.to_string()).join("log.redb"))?;
        let own = note(&log, drive, &local_key(&secret), b"self")?;
        let own: SelfNote = postcard::from_bytes(&own)?;
        let keys: [u8; 64] = [own.keys.0, own.keys.1]
            .concat()
            .try_into()
            .ok()
            .context("keys")?;
        let shelf = Shelf::default();
        log.replay(0, |_, record| {
            shelf.put(&record.bytes);
        })?;
        let mut rng = ChaCha20Rng::from_seed(*blake3::hash(&keys).as_bytes());
        let mut evil = Self {
            drive,
            keys: Arc::new(DriveKeys::from_bytes(&keys)),
            endpoint: EndpointSecret::from_bytes(endpoint),
            bind: own.bind,
            member: own.member,
            control: Control::new(drive),
            keyring: Keyring::new(drive),
            content_at: LogPosition::open(drive, Plane::Content, own.bind, &mut rng),
            control_at: LogPosition::open(drive, Plane::Control, own.bind, &mut rng),
            shelf: Arc::new(shelf),
            seal_with: None,
            claims: None,
            rng,
        };
        evil.learn()?;
        // After a change of role a device acts under another id.
        let log_pk = evil.keys.log_pk();
        let own = evil.own_live_bind(&log_pk);
        if let Some(bind) = own {
            evil.act_as(bind);
        }
        Ok(evil)
    }

    fn own_live_bind(&self, log_pk: &[u8; 32]) -> Option<BindId> {
        let live: Vec<_> = self.control.state().live_binds().collect();
        let own = live.iter().find(|(_, bind)| bind.cert.log_pk == *log_pk);
        own.map(|(id, _)| **id)
    }

    /// Somebody with this one's knowledge and secrets of the drive, and keys that nobody let in.
    pub(crate) fn stranger(&self, seed: u64) -> Result<Self> {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut stranger = Self {
            keys: Arc::new(DriveKeys::generate(&mut rng)),
            endpoint: EndpointSecret::generate(&mut rng),
            control: self.control.clone(),
            keyring: Keyring::new(self.drive),
            shelf: Arc::new(self.shelf.copy()),
            content_at: LogPosition::open(self.drive, Plane::Content, self.bind, &mut rng),
            control_at: LogPosition::open(self.drive, Plane::Control, self.bind, &mut rng),
            seal_with: None,
            claims: None,
            drive: self.drive,
            bind: self.bind,
            member: self.member,
            rng,
        };
        for keys in self.keyring.epochs() {
            let secret = keys.secret().duplicate();
            stranger
                .keyring
                .insert(&stranger.control, &keys.id(), secret);
        }
        Ok(stranger)
    }

    /// Signs under another id, and in new logs, from now on.
    pub(crate) fn act_as(&mut self, bind: BindId) {
        self.bind = bind;
        self.control_at = LogPosition::open(self.drive, Plane::Control, bind, &mut self.rng);
        self.fresh_log();
    }

    /// Goes on in a new content log.
    pub(crate) fn fresh_log(&mut self) {
        self.content_at = LogPosition::open(self.drive, Plane::Content, self.bind, &mut self.rng);
    }

    /// Makes of what lies on the shelf whatever can be made of it with these keys.
    pub(crate) fn learn(&mut self) -> Result<()> {
        for entry in self.shelf.entries() {
            if entry.header.plane == Plane::Control {
                let _ = self.control.insert(entry);
            }
        }
        self.keyring
            .catch_up(&self.control, Opener::Device(&self.keys));
        self.control.open_names(&self.keyring);
        Ok(())
    }

    /// The keys of the drive's lifetime, which every member has for ever.
    pub(crate) fn lifetime(&self) -> Result<DriveLifetimeKeys> {
        let part = self.control.genesis_part().context("no genesis")?;
        let secret = part.drive_secret.as_ref().context("no drive secret")?;
        Ok(DriveLifetimeKeys::derive(
            &self.drive,
            &DriveSecret::from(secret),
        ))
    }

    /// Every content entry that lies here.
    pub(crate) fn contents(&self) -> Vec<Entry> {
        let mut all = self.shelf.entries();
        all.retain(|entry| entry.header.plane == Plane::Content);
        all
    }

    /// Opens the body of a content entry with any key that is here.
    pub(crate) fn open(&self, entry: &Entry) -> Option<Vec<u8>> {
        self.keyring
            .epochs()
            .find_map(|keys| entry.open_body(keys).ok())
    }

    /// The document of everything here that opens, whether it counts or not.
    pub(crate) fn tree(&self) -> DriveTree {
        let mut tree = DriveTree::new(Actor(self.content_at.log_id().actor()));
        let mut left = self.contents();
        loop {
            let before = left.len();
            left.retain(|entry| {
                let Some(plain) = self.open(entry) else {
                    return false;
                };
                let author = Author {
                    actor: Actor(entry.log_id().actor()),
                    seq: entry.header.seq + 1,
                };
                ContentBody::decode(&plain).is_ok_and(|body| {
                    let mut changes = body.changes.iter();
                    changes.any(|change| tree.apply(change, &author).is_err())
                })
            });
            if left.is_empty() || left.len() == before {
                return tree;
            }
        }
    }

    /// The entries of others that no entry builds on.
    fn heads(&self) -> Vec<EntryId> {
        let others = self.contents();
        let others = others.iter().filter(|e| e.header.bind != self.bind);
        let mut heads: Vec<EntryId> = others.clone().map(Entry::id).collect();
        for entry in others {
            let before = entry.header.predecessor();
            heads.retain(|id| !entry.header.deps.contains(id) && Some(*id) != before);
        }
        heads
    }

    /// Writes what the program would write for these edits, allowed or not.
    pub(crate) fn write(&mut self, edits: &[Edit]) -> Result<Vec<Entry>> {
        let mut tree = self.tree();
        tree.set_actor(Actor(self.content_at.log_id().actor()));
        let edited = tree.edit(edits);
        let mut entries = Vec::new();
        for result in edited.results {
            result.context("an edit of the test is refused")?;
        }
        for change in edited.changes {
            entries.push(self.say(vec![change])?);
        }
        Ok(entries)
    }

    /// Writes an entry with these changes in it, whatever they are.
    pub(crate) fn say(&mut self, changes: Vec<Vec<u8>>) -> Result<Entry> {
        let body = ContentBody {
            v: 1,
            time_ms: 1_800_000_000_000,
            changes: changes
                .into_iter()
                .map(peerdrive_crypto::wire::Bytes)
                .collect(),
            supersedes: Vec::new(),
        };
        self.mutter(&body.to_bytes()?)
    }

    /// Writes an entry with any bytes in it.
    pub(crate) fn mutter(&mut self, plain: &[u8]) -> Result<Entry> {
        let current = self.control.state().current_epoch();
        let epoch = self.seal_with.clone();
        let epoch = epoch.or_else(|| self.keyring.get(&current?));
        let links = Links {
            deps: self.heads(),
            ctrl: self.claims.clone().unwrap_or_else(|| self.control.heads()),
        };
        let entry = content_entry(
            &self.content_at,
            kind::EDIT,
            links,
            epoch.context("no key to seal with")?.as_ref(),
            plain,
            &self.keys,
            &mut self.rng,
        )?;
        self.content_at = LogPosition::after(&entry.header);
        self.shelf.put(&entry.to_bytes());
        Ok(entry)
    }

    /// Writes a control entry, allowed or not, and believes it.
    pub(crate) fn rule(&mut self, draft: Draft) -> Result<Entry> {
        let signer = Signer::Device(&self.keys);
        let made = control_entry(
            &self.control,
            &self.control_at,
            signer,
            &self.keyring,
            draft,
            &mut self.rng,
        )?;
        self.control_at = LogPosition::after(&made.entry.header);
        self.shelf.put(&made.entry.to_bytes());
        self.control.insert(made.entry.clone())?;
        if let Some((id, secret)) = made.epoch {
            self.keyring.insert(&self.control, &id, secret);
        }
        self.learn()?;
        Ok(made.entry)
    }

    /// Goes on the network under its own endpoint and calls these devices.
    pub(crate) async fn on_air(&self, others: &[Vec<u8>]) -> Result<OnAir> {
        self.on_air_with(self.shelf.clone(), others).await
    }

    /// As [`Evil::on_air`], telling what another shelf has.
    pub(crate) async fn on_air_with(&self, shelf: Arc<Shelf>, others: &[Vec<u8>]) -> Result<OnAir> {
        let blobs = tempfile::tempdir()?;
        let config = NetConfig {
            secret_key: *self.endpoint.expose_for_sealing(),
            bind: Some("127.0.0.1:0".parse()?),
            discovery: false,
            relay: None,
            blobs_dir: blobs.path().to_owned(),
        };
        let net = Net::start(config, Arc::new(Anyone)).await?;
        let mut peers = Vec::new();
        for address in others {
            peers.push(net.learn(address)?);
        }
        let tag = DriveTag(self.lifetime()?.blind_tag());
        let topic = self.keyring.epochs().last().map(|keys| keys.gossip_topic());
        let mouth = Mouth {
            epoch: self.keyring.epochs().last().cloned(),
            bind: self.bind,
            keys: self.keys.clone(),
        };
        let topic = topic.unwrap_or_default();
        let link = net.open_drive(tag, topic, shelf.clone(), Arc::new(mouth));
        let mut events = link.events();
        let taken = shelf.clone();
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if let LinkEvent::Entries { entries, done, .. } = event {
                    for entry in &entries {
                        taken.put(entry);
                    }
                    let _ = done.send(());
                }
            }
        });
        link.set_members(peers.clone());
        Ok(OnAir {
            net,
            link,
            shelf,
            peers,
            _blobs: blobs,
        })
    }
}

/// A patched device on the network.
pub(crate) struct OnAir {
    pub(crate) net: Net,
    pub(crate) link: DriveLink,
    pub(crate) shelf: Arc<Shelf>,
    /// Whom it calls, in the order in which they were named.
    pub(crate) peers: Vec<PeerId>,
    _blobs: TempDir,
}

impl OnAir {
    /// Whether there is a session with this one of those whom it calls.
    pub(crate) fn is_met(&self, at: usize) -> bool {
        let peer = self.peers.get(at);
        let states = self.link.peers();
        states
            .iter()
            .any(|state| Some(&state.peer) == peer && state.connected)
    }

    /// Whether this one of them has said that it keeps everything that was told to it.
    pub(crate) fn has_told(&self, at: usize) -> bool {
        let peer = self.peers.get(at);
        let states = self.link.peers();
        states
            .iter()
            .any(|state| Some(&state.peer) == peer && state.connected && state.behind == 0)
    }

    /// Whether this one of them and this device have the same.
    pub(crate) fn is_level(&self, at: usize) -> bool {
        let peer = self.peers.get(at);
        let states = self.link.peers();
        states
            .iter()
            .any(|state| Some(&state.peer) == peer && state.connected && state.level)
    }

    /// Sends entries to everyone, unasked.
    pub(crate) fn push(&self, entries: &[Entry]) {
        let news = entries.iter().filter_map(|entry| {
            let log = LogId(entry.log_id().0);
            Some((self.shelf.head_of(&log)?, vec![entry.to_bytes().into()]))
        });
        self.link.announce(news.collect());
    }

    /// Ends it.
    pub(crate) async fn off(self) {
        self.link.clone().close().await;
        self.net.shutdown().await;
    }
}

/// A gate without a keeper.
pub(crate) struct Anyone;

impl Gate for Anyone {
    fn admits(&self, _: &PeerId) -> bool {
        true
    }

    fn admits_to(&self, _: &PeerId, _: &DriveTag) -> bool {
        true
    }

    fn may_read_blob(&self, _: &PeerId, _: &BlobId) -> bool {
        true
    }
}

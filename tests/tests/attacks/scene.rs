//! Honest devices in one process, each a whole engine with its own data directory and endpoint on
//! loopback. Nothing of them is patched.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use data_encoding::BASE32_NOPAD;
use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::name::Name;
use peerdrive_crdt_tree::node::{Content, Kind};
use peerdrive_crypto::ids::DriveId;
use peerdrive_engine::join::InviteOptions;
use peerdrive_engine::{DriveHandle, Engine, EngineConfig, Role};
use tempfile::TempDir;

use crate::evil::Evil;

/// How long something may take that takes well under a second: for a loaded machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Devices with one drive; the first one is the owner's.
pub(crate) struct Scene {
    root: TempDir,
    pub(crate) drive: DriveId,
    devices: Vec<Option<Honest>>,
}

/// A running device.
pub(crate) struct Honest {
    pub(crate) engine: Engine,
    pub(crate) drive: DriveHandle,
}

impl Scene {
    /// An owner, and a device of another person for each of these roles. All have the same.
    pub(crate) async fn of(roles: &[Role]) -> Result<Self> {
        let root = tempfile::tempdir()?;
        let folder = root.path().join("shared");
        std::fs::create_dir(&folder)?;
        let engine = start(root.path().join("0")).await?;
        let drive = engine.share(&folder, Some("Drive".into()))?;
        let mut scene = Self {
            root,
            drive: drive.id(),
            devices: vec![Some(Honest { engine, drive })],
        };
        scene.at(0)?.make("honest").await?;
        for role in roles {
            scene.join(*role).await?;
        }
        let all: Vec<usize> = (0..=roles.len()).collect();
        scene.level(&all).await?;
        Ok(scene)
    }

    /// One more device, let in by the owner.
    pub(crate) async fn join(&mut self, role: Role) -> Result<usize> {
        let owner = self.at(0)?;
        let options = InviteOptions {
            role,
            expires: None,
            uses: 1,
            approve: Some(false),
        };
        let invite = owner.engine.invite(&owner.drive, options).await?;
        let at = self.devices.len();
        let engine = start(self.data(at)).await?;
        let drive = engine.join(invite.ticket.text(), None).await?;
        self.devices.push(Some(Honest { engine, drive }));
        Ok(at)
    }

    /// Where the data of a device lies.
    pub(crate) fn data(&self, at: usize) -> PathBuf {
        self.root.path().join(at.to_string())
    }

    /// A running device.
    pub(crate) fn at(&self, at: usize) -> Result<&Honest> {
        let device = self.devices.get(at).and_then(Option::as_ref);
        device.with_context(|| format!("device {at} does not run"))
    }

    /// Ends a device in order.
    pub(crate) async fn stop(&mut self, at: usize) -> Result<()> {
        let device = self.devices.get_mut(at).and_then(Option::take);
        let device = device.context("it does not run")?;
        device.engine.shutdown().await;
        drop(device);
        // Tasks that were about to end may hold the record a moment longer.
        let record = self.data(at).join("drives").join(self.drive.to_string());
        until("its record is free", || {
            Ok(peerdrive_log::DriveLog::open(&record.join("log.redb")).is_ok())
        })
        .await
    }

    /// Starts a device again.
    pub(crate) async fn start(&mut self, at: usize) -> Result<()> {
        let engine = start(self.data(at)).await?;
        let drive = engine.drive(&self.drive.to_string())?;
        self.devices[at] = Some(Honest { engine, drive });
        Ok(())
    }

    /// Ends a device and takes everything that it has.
    pub(crate) async fn seize(&mut self, at: usize) -> Result<Evil> {
        self.stop(at).await?;
        Evil::seize(&self.data(at), self.drive)
    }

    /// Takes a copy of everything that a device has, which goes on.
    pub(crate) async fn look_into(&mut self, at: usize) -> Result<Evil> {
        let evil = self.seize(at).await?;
        self.start(at).await?;
        Ok(evil)
    }

    /// Where devices can be reached.
    pub(crate) fn addresses(&self, of: &[usize]) -> Result<Vec<Vec<u8>>> {
        of.iter().map(|at| self.at(*at)?.address()).collect()
    }

    /// Waits until these devices show the same, with nothing waiting.
    pub(crate) async fn level(&self, of: &[usize]) -> Result<()> {
        until("all show the same", || {
            let mut hashes = Vec::new();
            for at in of {
                let device = self.at(*at)?;
                let status = device.drive.status();
                if status.pending_down > 0 {
                    return Ok(false);
                }
                hashes.push((status.view_hash, device.drive.view().view_hash()));
            }
            Ok(hashes.windows(2).all(|pair| pair[0] == pair[1]))
        })
        .await
    }

    /// What nobody may have changed: that what honest devices do from here on still arrives.
    pub(crate) async fn goes_on(&self, of: &[usize], name: &str) -> Result<()> {
        let mut made = Vec::new();
        for at in of {
            let device = self.at(*at)?;
            if device.drive.can_write() {
                made.push(format!("{name} {at}"));
                device.make(&format!("{name} {at}")).await?;
            }
        }
        ensure!(!made.is_empty(), "nobody of them writes");
        // What a liar promised and never gave may be waited for: that is no matter of what is here.
        until(&format!("all show {made:?} and the same"), || {
            let mut hashes = Vec::new();
            for at in of {
                let device = self.at(*at)?;
                if !made.iter().all(|wanted| device.shows(wanted)) {
                    return Ok(false);
                }
                hashes.push(device.drive.view().view_hash());
            }
            Ok(hashes.windows(2).all(|pair| pair[0] == pair[1]))
        })
        .await
    }
}

impl Honest {
    /// Makes a folder at the top.
    pub(crate) async fn make(&self, name: &str) -> Result<NodeId> {
        Ok(self.drive.edit(vec![folder(name)?]).await?.remove(0)?)
    }

    /// Makes a file at the top.
    pub(crate) async fn file(&self, name: &str, bytes: &[u8]) -> Result<NodeId> {
        let content = self.drive.content().import_bytes(bytes.to_vec(), 0).await?;
        self.drive.content().flush().await?;
        let edit = Edit::Create {
            parent: Place::In(NodeId::ROOT),
            name: Name::new(name)?,
            kind: Kind::File,
            content: Some(Content::File(content)),
            mode: None,
        };
        Ok(self.drive.edit(vec![edit]).await?.remove(0)?)
    }

    /// The bytes of a file; `None` if there is none of this name.
    pub(crate) async fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let node = {
            let tree = self.drive.view();
            tree.lookup(path).and_then(|id| tree.get(id))
        };
        let Some(Content::File(file)) = node.and_then(|node| node.content) else {
            return Ok(None);
        };
        let reader = self.drive.content().open(&file).await?;
        Ok(Some(reader.read_at(0, file.len as usize).await?.to_vec()))
    }

    /// Whether there is something at a path.
    pub(crate) fn shows(&self, path: &str) -> bool {
        self.drive.view().lookup(path).is_some()
    }

    /// Everything that shows, attributes and all, as one value.
    pub(crate) fn all(&self) -> ([u8; 32], [u8; 32]) {
        let tree = self.drive.view();
        let mut xattrs = blake3::Hasher::new();
        for id in tree.walk() {
            xattrs.update(format!("{id:?}{:?}", tree.xattrs(id)).as_bytes());
        }
        (tree.view_hash(), *xattrs.finalize().as_bytes())
    }

    /// Where it can be reached.
    pub(crate) fn address(&self) -> Result<Vec<u8>> {
        let contact = self.engine.contact();
        let (_, text) = contact.split_once('#').context("no address")?;
        Ok(BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes())?)
    }

    /// The ids of the members that are in, with their roles.
    pub(crate) fn members(&self) -> Vec<(String, Role)> {
        let members = self.drive.members().into_iter();
        members.map(|m| (m.id.to_string(), m.role)).collect()
    }
}

/// The edit that makes a folder at the top.
pub(crate) fn folder(name: &str) -> Result<Edit> {
    Ok(Edit::Create {
        parent: Place::In(NodeId::ROOT),
        name: Name::new(name)?,
        kind: Kind::Folder,
        content: None,
        mode: None,
    })
}

/// A device on a data directory.
pub(crate) async fn start(data: PathBuf) -> Result<Engine> {
    let config = EngineConfig {
        data_dir: data,
        device_name: "test".into(),
        bind: Some("127.0.0.1:0".parse()?),
        discovery: false,
        relay: None,
    };
    Ok(Engine::open(config).await?)
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    while !holds()? {
        ensure!(begun.elapsed() < LIMIT, "{what}: not within a minute");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

//! Two folders and a contestant between them. Knows how each is started, kept apart and asked, and
//! nothing of what it is given to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use peerdrive_tests::{Device, Door, Host, Lab, Network, Requirement, Role, Usage, run, within};

use super::Place;
use super::contestant::Contestant;
use super::disk::Kept;
use super::syncthing::{Syncthing, SyncthingPair};
use super::wire;

/// How long a copy may take.
const COPY: Duration = Duration::from_secs(900);

/// How long devices may take to notice that they are apart, or to take in what each wrote alone.
const ALONE: Duration = Duration::from_secs(300);

/// What joins the devices of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// The machine's loopback.
    ByLoopback,
    /// A link between two network namespaces, which counts what crosses it and can be cut.
    ByLink,
}

impl Joined {
    /// The networks of sender and receiver, and what they hang on.
    fn networks(self) -> Result<([Option<Host>; 2], Option<Network>)> {
        match (self, Requirement::Namespaces.reason()) {
            (Self::ByLoopback, _) => Ok(([None, None], None)),
            (Self::ByLink, Some(reason)) => bail!("{reason}"),
            (Self::ByLink, None) => {
                let mut network = Network::new()?;
                let hosts = [Some(network.host()?), Some(network.host()?)];
                Ok((hosts, Some(network)))
            }
        }
    }
}

/// Two folders, and what brings the contents of one to the other.
pub(crate) struct Pair {
    /// Where things are put.
    pub(crate) source: PathBuf,
    /// Where they arrive.
    pub(crate) target: PathBuf,
    means: Means,
    // Last: the processes end before their network and their files go.
    _network: Option<Network>,
    root: Root,
}

enum Means {
    /// A command that is run each time.
    Once(Vec<&'static str>),
    Syncthing(Box<SyncthingPair>),
    PeerDrive {
        devices: Box<[Device; 2]>,
        drive: String,
    },
}

enum Root {
    Plain(tempfile::TempDir),
    Lab(Lab),
}

impl Pair {
    /// Two empty folders, and the contestant ready and at rest between them.
    pub(crate) fn start(contestant: &Contestant, place: &Place, joined: Joined) -> Result<Self> {
        if let Contestant::PeerDrive { binary, mounted } = contestant {
            let lab = Lab::below(&place.folder, binary.clone())?;
            return Self::peerdrive(lab, *mounted, joined);
        }
        let root = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(&place.folder)?;
        let (source, target) = (root.path().join("source"), root.path().join("target"));
        fs::create_dir_all(&source)?;
        fs::create_dir_all(&target)?;
        let mut network = None;
        let means = match contestant {
            Contestant::Syncthing { tuned } => {
                let folders = [source.as_path(), target.as_path()];
                let (hosts, hub) = joined.networks()?;
                network = hub;
                let pair = SyncthingPair::start(root.path(), folders, hosts, *tuned)?;
                Means::Syncthing(Box::new(pair))
            }
            Contestant::Copy => Means::Once(vec!["cp", "-a"]),
            // By default rsync compares times by the second, and an edit within one is lost.
            _ => Means::Once(vec!["rsync", "-a", "--delete", "--modify-window=-1"]),
        };
        Ok(Self {
            source,
            target,
            means,
            _network: network,
            root: Root::Plain(root),
        })
    }

    fn peerdrive(lab: Lab, mounted: bool, joined: Joined) -> Result<Self> {
        let ([one, two], network) = joined.networks()?;
        let device = |name, host| match host {
            Some(host) => lab.device_on(name, host),
            None => lab.device(name),
        };
        let devices = [device("sender", one)?, device("receiver", two)?];
        let [sender, receiver] = &devices;
        let folder = lab.folder("source")?;
        let drive = sender.share(&folder)?.drive;
        let ticket = sender.invite(&drive, Role::Writer)?;
        let target = lab.path("target");
        let source = if mounted {
            let point = lab.path("mounted source");
            sender.mount(&drive, &point)?;
            receiver.join(&ticket, Door::Mount(&target))?;
            point
        } else {
            receiver.join(&ticket, Door::Folder(&target))?;
            folder
        };
        lab.converge(&[sender, receiver], &drive)?;
        Ok(Self {
            source,
            target,
            means: Means::PeerDrive {
                devices: Box::new(devices),
                drive,
            },
            _network: network,
            root: Root::Lab(lab),
        })
    }

    /// Says when to those to whom it must be said: the others notice by themselves.
    pub(crate) fn carry_now(&self) -> Result<()> {
        self.carry(&[]).map(drop)
    }

    /// As [`Pair::carry_now`], for a file of which little has changed. A copy on one machine is told to
    /// look for what that is, as it would between two; gives the bytes that it would have sent then.
    pub(crate) fn carry_changes(&self) -> Result<Option<u64>> {
        let said = self.carry(&["--no-whole-file", "--stats"])?;
        said.map(|said| wire::of_rsync(&said)).transpose()
    }

    /// Runs what has to be run, if anything; gives what it said.
    fn carry(&self, more: &[&str]) -> Result<Option<String>> {
        let Means::Once(words) = &self.means else {
            return Ok(None);
        };
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(more).env("LC_ALL", "C");
        // Both want the contents of the folder: `cp` says so by a dot, `rsync` by a slash.
        command
            .arg(self.source.join(if words[0] == "cp" { "." } else { "" }))
            .arg(&self.target);
        let answer = run(&mut command, COPY)?.ok().context("the copy failed")?;
        Ok(Some(answer.stdout))
    }

    /// What the devices have used so far: sender, receiver.
    pub(crate) fn usage(&self) -> Result<Vec<Usage>> {
        match &self.means {
            Means::Once(_) => Ok(Vec::new()),
            Means::Syncthing(pair) => pair.sides().iter().map(Syncthing::usage).collect(),
            Means::PeerDrive { devices, .. } => devices.iter().map(Device::usage).collect(),
        }
    }

    /// Waits until both devices have nothing more to do.
    pub(crate) fn rest(&self) -> Result<()> {
        match (&self.means, &self.root) {
            (Means::Syncthing(pair), _) => pair.rest(),
            (Means::PeerDrive { devices, drive }, Root::Lab(lab)) => {
                lab.converge(&[&devices[0], &devices[1]], drive).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Bytes that have crossed the link between the devices so far, in both directions; `None` if there
    /// are no devices.
    pub(crate) fn crossed(&self) -> Result<Option<u64>> {
        let Some(host) = self.receiver_host()? else {
            return Ok(None);
        };
        let (sent, received) = host.traffic()?;
        Ok(Some(sent + received))
    }

    /// Where the link is cut and counted, if there are devices.
    fn receiver_host(&self) -> Result<Option<&Host>> {
        let host = match &self.means {
            Means::Once(_) => return Ok(None),
            Means::Syncthing(pair) => pair.sides()[1].host(),
            Means::PeerDrive { devices, .. } => devices[1].host(),
        };
        let host = host.context("the devices are not joined by a link of their own")?;
        Ok(Some(host))
    }

    /// Keeps the devices apart; returns when both know that they are. Syncthing is told: by itself it
    /// does not notice for minutes.
    pub(crate) fn part(&self) -> Result<()> {
        match &self.means {
            Means::Once(_) => bail!("there are no devices to be kept apart"),
            Means::Syncthing(pair) => pair.part(),
            Means::PeerDrive { devices, drive } => {
                if let Some(host) = self.receiver_host()? {
                    host.cut()?;
                }
                for device in devices.iter() {
                    let alone = || Ok((!sees_another(device, drive)?).then_some(()));
                    within(ALONE, "the device is alone", alone)?;
                }
                Ok(())
            }
        }
    }

    /// Lets them reach each other again.
    pub(crate) fn meet(&self) -> Result<()> {
        match &self.means {
            Means::Syncthing(pair) => pair.meet(),
            _ => match self.receiver_host()? {
                Some(host) => host.heal(),
                None => bail!("there are no devices that could meet"),
            },
        }
    }

    /// How many bytes each device says that it has, by its own way of counting.
    pub(crate) fn bytes(&self) -> Result<[u64; 2]> {
        match &self.means {
            Means::Once(_) => bail!("a copy says nothing"),
            Means::Syncthing(pair) => {
                let [one, two] = pair.sides();
                Ok([one.bytes()?, two.bytes()?])
            }
            Means::PeerDrive { devices, drive } => {
                let [one, two] = &**devices;
                Ok([one.status(drive)?.bytes, two.status(drive)?.bytes])
            }
        }
    }

    /// Waits until each device, alone, says that it has so many.
    pub(crate) fn take_in(&self, bytes: [u64; 2]) -> Result<()> {
        match &self.means {
            Means::Once(_) => Ok(()),
            Means::Syncthing(pair) => pair.take_in(bytes),
            Means::PeerDrive { devices, drive } => {
                for (device, bytes) in devices.iter().zip(bytes) {
                    within(ALONE, "the device has taken in what it wrote", || {
                        let status = device.status(drive)?;
                        let done = status.bytes == bytes && status.pending_up == 0;
                        Ok(done.then_some(()))
                    })?;
                }
                Ok(())
            }
        }
    }

    /// What lies where, for the sharer and for whoever keeps it as a folder.
    pub(crate) fn kept(&self) -> Result<[Kept; 2]> {
        let kept = |folder: &Path, own: &Path, cache| Kept {
            folder: folder.to_owned(),
            own: own.to_owned(),
            cache,
        };
        match &self.means {
            Means::Once(_) => bail!("a copy keeps nothing"),
            Means::Syncthing(pair) => {
                let [sharer, keeper] = pair.sides();
                Ok([
                    kept(&self.source, sharer.home(), None),
                    kept(&self.target, keeper.home(), None),
                ])
            }
            Means::PeerDrive { devices, drive } => {
                let [sharer, keeper] = &**devices;
                Ok([
                    kept(&self.source, sharer.data_dir(), Some(cache(sharer, drive)?)),
                    kept(&self.target, keeper.data_dir(), Some(cache(keeper, drive)?)),
                ])
            }
        }
    }

    /// Ends it. What it wrote stays until all have been measured.
    pub(crate) fn leave(self, place: &Place) {
        let Self { means, root, .. } = self;
        drop(means);
        match &root {
            Root::Plain(root) => place.keep(root.path()),
            Root::Lab(lab) => place.keep(&lab.path("")),
        }
    }

    /// Where things can be prepared on the same file system, out of everyone's sight.
    pub(crate) fn aside(&self) -> Result<tempfile::TempDir> {
        let root = match &self.root {
            Root::Plain(root) => root.path().to_owned(),
            Root::Lab(lab) => lab.folder("aside")?,
        };
        Ok(tempfile::Builder::new().prefix("aside-").tempdir_in(root)?)
    }
}

fn sees_another(device: &Device, drive: &str) -> Result<bool> {
    let peers = device.status(drive)?.peers;
    let connected = |peer: &serde_json::Value| peer.get("connected") == Some(&true.into());
    Ok(peers.iter().any(connected))
}

/// Where a device keeps sealed contents, and how much that may be.
fn cache(device: &Device, drive: &str) -> Result<(PathBuf, u64)> {
    let config: serde_json::Value = device.call(&["config", drive])?.ok()?.json()?;
    let cap = config.get("cache").and_then(serde_json::Value::as_u64);
    Ok((
        device.data_dir().join("blobs"),
        cap.context("`config` does not say what the cache may take")?,
    ))
}

//! Those who take part: each brings what is in one folder to another. Knows how each is started, and
//! nothing of what it is given to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use peerdrive_tests::{Binary, Device, Door, Lab, Role, Usage, run};

use super::Place;
use super::syncthing::SyncthingPair;
use super::work::Work;

/// One who takes part.
#[derive(Clone, Debug)]
pub(crate) enum Contestant {
    /// `cp -a`.
    Copy,
    /// `rsync -a --delete`.
    Rsync,
    /// Syncthing as installed, or with a quicker watcher.
    Syncthing {
        /// Whether with the quicker watcher.
        tuned: bool,
    },
    /// PeerDrive, folder to folder or mount to mount.
    PeerDrive {
        /// What runs.
        binary: Binary,
        /// Whether from mount to mount.
        mounted: bool,
    },
}

impl Contestant {
    /// Its name in the table.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Copy => "`cp -a`",
            Self::Rsync => "`rsync -a`",
            Self::Syncthing { tuned: false } => "Syncthing",
            Self::Syncthing { tuned: true } => "Syncthing, tuned",
            Self::PeerDrive { mounted: false, .. } => "PeerDrive",
            Self::PeerDrive { mounted: true, .. } => "PeerDrive, mounts",
        }
    }

    /// Whether it makes sense to give it this.
    pub(crate) fn does(&self, work: Work) -> bool {
        match self {
            // Copying everything anew is no rename, and nobody copies everything for one edit.
            Self::Copy => matches!(work, Work::ManyFiles | Work::OneFile),
            Self::Rsync | Self::Syncthing { .. } | Self::PeerDrive { mounted: false, .. } => true,
            // A mount shows a file before its bytes are here, so arrival of whole trees is another
            // question there.
            Self::PeerDrive { mounted: true, .. } => matches!(work, Work::Rename | Work::Edit),
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
    // Last: the processes end before their files go.
    _root: Root,
}

enum Means {
    /// A command that is run each time.
    Once(Vec<&'static str>),
    Syncthing(SyncthingPair),
    PeerDrive(Vec<Device>),
}

enum Root {
    Plain(tempfile::TempDir),
    Lab(Lab),
}

impl Pair {
    /// Two empty folders, and the contestant ready and at rest between them.
    pub(crate) fn start(contestant: &Contestant, place: &Place) -> Result<Self> {
        let plain = || {
            tempfile::Builder::new()
                .prefix("bench-")
                .tempdir_in(&place.folder)
        };
        let folders = |root: &Path| -> Result<(PathBuf, PathBuf)> {
            let (source, target) = (root.join("source"), root.join("target"));
            fs::create_dir_all(&source)?;
            fs::create_dir_all(&target)?;
            Ok((source, target))
        };
        match contestant {
            Contestant::Copy | Contestant::Rsync => {
                let root = plain()?;
                let (source, target) = folders(root.path())?;
                let words = match contestant {
                    Contestant::Copy => vec!["cp", "-a"],
                    // By default rsync compares times by the second, and an edit within one is lost.
                    _ => vec!["rsync", "-a", "--delete", "--modify-window=-1"],
                };
                Ok(Self {
                    source,
                    target,
                    means: Means::Once(words),
                    _root: Root::Plain(root),
                })
            }
            Contestant::Syncthing { tuned } => {
                let root = plain()?;
                let (source, target) = folders(root.path())?;
                let pair = SyncthingPair::start(root.path(), [&source, &target], *tuned)?;
                Ok(Self {
                    source,
                    target,
                    means: Means::Syncthing(pair),
                    _root: Root::Plain(root),
                })
            }
            Contestant::PeerDrive { binary, mounted } => {
                let lab = Lab::below(&place.folder, binary.clone())?;
                let devices = vec![lab.device("sender")?, lab.device("receiver")?];
                let (sender, receiver) = (&devices[0], &devices[1]);
                let folder = lab.folder("source")?;
                let drive = sender.share(&folder)?.drive;
                let ticket = sender.invite(&drive, Role::Writer)?;
                let target = lab.path("target");
                let source = if *mounted {
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
                    means: Means::PeerDrive(devices),
                    _root: Root::Lab(lab),
                })
            }
        }
    }

    /// Whether somebody must say when: the others notice by themselves.
    pub(crate) fn carry_now(&self) -> Result<()> {
        let Means::Once(words) = &self.means else {
            return Ok(());
        };
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        // Both want the contents of the folder: `cp` says so by a dot, `rsync` by a slash.
        command
            .arg(self.source.join(if words[0] == "cp" { "." } else { "" }))
            .arg(&self.target);
        run(&mut command, Duration::from_secs(900))?
            .ok()
            .context("the copy failed")?;
        Ok(())
    }

    /// Whether it has to be said when.
    pub(crate) fn is_live(&self) -> bool {
        !matches!(self.means, Means::Once(_))
    }

    /// What the devices have used so far: sender, receiver.
    pub(crate) fn usage(&self) -> Result<Vec<Usage>> {
        match &self.means {
            Means::Once(_) => Ok(Vec::new()),
            Means::Syncthing(pair) => pair.usage(),
            Means::PeerDrive(devices) => devices.iter().map(Device::usage).collect(),
        }
    }

    /// Where things can be prepared on the same file system, out of everyone's sight.
    pub(crate) fn aside(&self) -> Result<tempfile::TempDir> {
        let root = match &self._root {
            Root::Plain(root) => root.path().to_owned(),
            Root::Lab(lab) => lab.folder("aside")?,
        };
        Ok(tempfile::Builder::new().prefix("aside-").tempdir_in(root)?)
    }
}

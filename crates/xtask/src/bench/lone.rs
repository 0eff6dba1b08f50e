//! One device of a contestant, and a folder that it does not know yet. Knows how it is told to take the
//! folder in and when it has.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use peerdrive_tests::{Device, Lab, Usage};

use super::Place;
use super::contestant::Contestant;
use super::syncthing::Syncthing;
use crate::interrupt::Interrupt;

/// Far above what it takes.
const LIMIT: Duration = Duration::from_secs(900);

/// Between two questions whether it is done: far below what it takes, and asked seldom enough.
const ASKED: Duration = Duration::from_millis(50);

/// A device that runs and has nothing to do.
pub(crate) struct Lone {
    /// What it will be told of.
    pub(crate) folder: PathBuf,
    means: Means,
}

enum Means {
    Syncthing {
        device: Syncthing,
        // Last: the process ends before its files go.
        root: tempfile::TempDir,
    },
    PeerDrive {
        device: Device,
        lab: Lab,
    },
}

impl Lone {
    /// Starts it beside an empty folder. What is to be in there is written by `fill`, before the
    /// device knows of it.
    pub(crate) fn start(
        contestant: &Contestant,
        place: &Place,
        fill: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Self> {
        match contestant {
            Contestant::PeerDrive { binary, .. } => {
                let lab = Lab::below(&place.folder, binary.clone())?;
                let folder = lab.folder("existing")?;
                fill(&folder)?;
                let device = lab.device("sharer")?;
                let means = Means::PeerDrive { device, lab };
                Ok(Self { folder, means })
            }
            Contestant::Syncthing { tuned } => {
                let root = tempfile::Builder::new()
                    .prefix("bench-")
                    .tempdir_in(&place.folder)?;
                let folder = root.path().join("existing");
                std::fs::create_dir(&folder)?;
                fill(&folder)?;
                let device = Syncthing::alone(root.path(), &folder, *tuned)?;
                let means = Means::Syncthing { device, root };
                Ok(Self { folder, means })
            }
            Contestant::Copy | Contestant::Rsync => bail!("a copy takes nothing in"),
        }
    }

    /// Tells it of the folder; gives how long it took until all `files` of it were taken in.
    pub(crate) fn take_in(&self, files: usize, interrupt: &Interrupt) -> Result<Duration> {
        let start = Instant::now();
        let drive = match &self.means {
            Means::Syncthing { device, .. } => {
                device.begin()?;
                String::new()
            }
            // Returns when all is taken in, and fails if something could not be.
            Means::PeerDrive { device, .. } => device.share(&self.folder)?.drive,
        };
        let returned = start.elapsed();
        if self.has(files, &drive)? {
            return Ok(returned);
        }
        loop {
            interrupt.check()?;
            ensure!(
                start.elapsed() < LIMIT,
                "not taken in within {} s",
                LIMIT.as_secs()
            );
            thread::sleep(ASKED);
            if self.has(files, &drive)? {
                return Ok(start.elapsed());
            }
        }
    }

    /// Whether it has taken in so many files and has nothing more to do.
    fn has(&self, files: usize, drive: &str) -> Result<bool> {
        match &self.means {
            // Before it has begun, it answers that it has no such folder.
            Means::Syncthing { device, .. } => Ok(device.has_files(files).unwrap_or(false)),
            Means::PeerDrive { device, .. } => {
                let status = device.status(drive)?;
                let waits = status.pending_up + status.pending_down;
                Ok(status.files == files as u64 && waits == 0)
            }
        }
    }

    /// Ends it. What it wrote stays until all have been measured.
    pub(crate) fn leave(self, place: &Place) {
        match self.means {
            Means::Syncthing { device, root } => {
                drop(device);
                place.keep(root.path());
            }
            Means::PeerDrive { device, lab } => {
                drop(device);
                place.keep(&lab.path(""));
            }
        }
    }

    /// What the device has used so far.
    pub(crate) fn usage(&self) -> Result<Usage> {
        match &self.means {
            Means::Syncthing { device, .. } => device.usage(),
            Means::PeerDrive { device, .. } => device.usage(),
        }
    }
}

//! One place on disk for the devices and folders of one test. Cleans up after itself, and shows the
//! devices' logs when the test failed. Knows nothing of what is tested.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::binary::Binary;
use crate::device::Device;
use crate::network::Host;
use crate::reply::DriveStatus;
use crate::wait::within;

/// How much of a device's log a failed test shows.
const SHOWN_OF_A_LOG: usize = 6_000;

/// How long devices may take to show the same. Far above what it takes; a limit, not a figure.
const CONVERGENCE: Duration = Duration::from_secs(120);

static TURN: Mutex<()> = Mutex::new(());

/// A test's devices and folders, in one temporary folder that goes when the test ends.
#[derive(Debug)]
pub struct Lab {
    root: TempDir,
    binary: Binary,
    logs: Mutex<Vec<(String, PathBuf)>>,
}

impl Lab {
    /// Runs one test in a lab of its own. If it fails, the ends of the devices' logs are printed; with
    /// `PEERDRIVE_KEEP` set, the whole lab stays on disk.
    pub fn run<T>(test: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        // One at a time in one process (nextest, with a process for each test, has its own way).
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lab = Self::with(Binary::find()?)?;
        let outcome = test(&lab);
        if outcome.is_err() {
            lab.show_logs();
            if std::env::var_os("PEERDRIVE_KEEP").is_some() {
                lab.root.disable_cleanup(true);
                say(&format!("kept: {}\n", lab.root.path().display()));
            }
        }
        outcome
    }

    /// A lab that runs a given program.
    pub fn with(binary: Binary) -> Result<Self> {
        let root = tempfile::Builder::new()
            .prefix("peerdrive-lab-")
            .tempdir()?;
        Ok(Self {
            root,
            binary,
            logs: Mutex::default(),
        })
    }

    /// As [`Lab::with`], below a given folder: on the file system to be measured.
    pub fn below(folder: &Path, binary: Binary) -> Result<Self> {
        let root = tempfile::Builder::new()
            .prefix("peerdrive-lab-")
            .tempdir_in(folder)?;
        Ok(Self {
            root,
            binary,
            logs: Mutex::default(),
        })
    }

    /// A path in the lab, where nothing may be yet.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// A new folder in the lab.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.path(name);
        fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// A new device on the machine's loopback, its daemon running.
    pub fn device(&self, name: &str) -> Result<Device> {
        let device = self.device_at_rest(name);
        device.start()?;
        Ok(device)
    }

    /// A new device in a network of its own, its daemon running.
    pub fn device_on(&self, name: &str, host: Host) -> Result<Device> {
        let device = self.new_device(name, Some(host));
        device.start()?;
        Ok(device)
    }

    /// As [`Lab::device_on`], for one that reaches others through a relay.
    pub fn device_behind(&self, name: &str, host: Host, relay: &str) -> Result<Device> {
        let mut device = self.new_device(name, Some(host));
        device.set_relay(relay);
        device.start()?;
        Ok(device)
    }

    /// A new device on the machine's loopback that nobody has started.
    pub fn device_at_rest(&self, name: &str) -> Device {
        self.new_device(name, None)
    }

    fn new_device(&self, name: &str, host: Option<Host>) -> Device {
        let device = Device::new(name, &self.binary, self.root.path(), host);
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        logs.push((name.to_owned(), device.log()));
        logs.push((
            format!("{name}, in the background"),
            device.data_dir().join("daemon.log"),
        ));
        device
    }

    /// Waits until all devices show the same, with nothing pending; gives how long that took.
    pub fn converge(&self, devices: &[&Device], drive: &str) -> Result<Duration> {
        let mut last: Vec<DriveStatus> = Vec::new();
        let waited = within(
            CONVERGENCE,
            "all devices show the same and nothing is pending",
            || {
                last.clear();
                for device in devices {
                    last.push(device.status(drive)?);
                }
                let same = last
                    .windows(2)
                    .all(|pair| pair[0].view_hash == pair[1].view_hash);
                let rest = last
                    .iter()
                    .all(|status| status.pending_up == 0 && status.pending_down == 0);
                Ok((same && rest).then_some(()))
            },
        );
        let ((), took) = waited.with_context(|| format!("last seen: {last:#?}"))?;
        Ok(took)
    }

    /// Prints the ends of the devices' logs, for whoever has to find out why something failed.
    pub fn show_logs(&self) {
        for (name, path) in self
            .logs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            let Ok(bytes) = fs::read(path) else { continue };
            let tail = bytes.len().saturating_sub(SHOWN_OF_A_LOG);
            say(&format!(
                "--- log of {name}\n{}\n",
                String::from_utf8_lossy(&bytes[tail..])
            ));
        }
    }
}

fn say(words: &str) {
    let _ = std::io::stderr().write_all(words.as_bytes());
}

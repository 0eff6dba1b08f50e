//! One device: a data directory, the daemon that runs on it, and the command line that drives it. Knows
//! the command line's promises and nothing of what lies behind them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use crate::binary::Binary;
use crate::command::{Answer, run, run_with};
use crate::network::Host;
use crate::process::{Usage, signal};
use crate::reply::{DriveStatus, Invited, Joined, Listed, Shared};
use crate::wait::{within, within_ms};

/// How long a command may take. Far above what any takes; a command that hangs is a failure.
const COMMAND: Duration = Duration::from_secs(300);

/// How long a daemon may take to start or to stop.
const TURN: Duration = Duration::from_secs(60);

/// What an invitation allows.
#[derive(Clone, Copy, Debug)]
pub enum Role {
    /// Sees everything, changes nothing.
    Reader,
    /// Changes files.
    Writer,
    /// Invites others as well.
    Admin,
}

/// Where a joined drive appears.
#[derive(Clone, Copy, Debug)]
pub enum Door<'a> {
    /// As a plain folder.
    Folder(&'a Path),
    /// As a mounted drive.
    Mount(&'a Path),
}

/// A device. Its daemon, whoever started it, and its mounts are gone when it is dropped.
#[derive(Debug)]
pub struct Device {
    name: String,
    binary: Binary,
    data_dir: PathBuf,
    log: PathBuf,
    host: Option<Host>,
    relay: Option<String>,
    daemon: Mutex<Option<Child>>,
    mounts: Mutex<Vec<PathBuf>>,
}

impl Device {
    pub(crate) fn new(name: &str, binary: &Binary, root: &Path, host: Option<Host>) -> Self {
        Self {
            name: name.to_owned(),
            binary: binary.clone(),
            data_dir: root.join(format!("device {name}")),
            log: root.join(format!("{name}.log")),
            host,
            relay: None,
            daemon: Mutex::default(),
            mounts: Mutex::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where everything lies that this device is.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// What its daemon said, when it was started from here.
    pub fn log(&self) -> PathBuf {
        self.log.clone()
    }

    /// The network it is in, if it has one of its own.
    pub fn host(&self) -> Option<&Host> {
        self.host.as_ref()
    }

    pub(crate) fn set_relay(&mut self, url: &str) {
        self.relay = Some(url.to_owned());
    }

    /// `peerdrive` with the options of this device, for whatever words follow.
    pub fn command(&self, words: &[&str]) -> Command {
        let (mut command, bind) = match &self.host {
            Some(host) => (
                host.command(self.binary.path()),
                format!("{}:0", host.address()),
            ),
            None => (Command::new(self.binary.path()), "127.0.0.1:0".to_owned()),
        };
        command.arg("--data-dir").arg(&self.data_dir);
        if let Some(relay) = &self.relay {
            command.args(["--relay", relay]);
        }
        command
            .args(["--no-discovery", "--bind", &bind, "--json"])
            .args(words)
            .env("PEERDRIVE_NAME", &self.name);
        command
    }

    /// Runs a command to its end, whatever the end.
    pub fn call(&self, words: &[&str]) -> Result<Answer> {
        run(&mut self.command(words), COMMAND)
    }

    /// As [`Device::call`], with a text on standard input.
    pub fn call_with(&self, words: &[&str], input: &str) -> Result<Answer> {
        run_with(&mut self.command(words), input, COMMAND)
    }

    // ---- the daemon -------------------------------------------------------------------------------

    /// Starts the daemon and waits until it can be asked.
    pub fn start(&self) -> Result<()> {
        self.start_failing("")
    }

    /// As [`Device::start`]; the daemon is killed when it passes the named place for the so-manieth time
    /// (`place:3`), which only a debug build does.
    pub fn start_failing(&self, place: &str) -> Result<()> {
        let mut daemon = self.daemon.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(daemon.is_none(), "the daemon of {} runs already", self.name);
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut child = self
            .command(&["daemon"])
            .env("PEERDRIVE_FAIL", place)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start a daemon")?;
        let ready = within(TURN, "the daemon can be asked", || {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(Err(status)));
            }
            Ok((self.daemon_pid() == Some(child.id())).then_some(Ok(())))
        });
        match ready {
            Ok((Ok(()), _)) => {
                *daemon = Some(child);
                Ok(())
            }
            Ok((Err(status), _)) => bail!("the daemon of {} ended at once: {status}", self.name),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// Asks the daemon to end, as a service manager would, and waits for it.
    pub fn stop(&self) -> Result<()> {
        let mut child = self.take_daemon()?;
        signal(child.id(), Signal::TERM)?;
        let ended = within(TURN, "the daemon ends", || Ok(child.try_wait()?));
        if ended.is_err() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let (status, _) = ended?;
        ensure!(
            status.success(),
            "the daemon of {} ended with {status}",
            self.name
        );
        Ok(())
    }

    /// `kill -9`, at once, wherever it is.
    pub fn kill(&self) -> Result<()> {
        let mut child = self.take_daemon()?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Waits until the daemon has been killed by nobody from here, and starts it again.
    pub fn revive(&self, limit: Duration) -> Result<()> {
        let mut child = self.take_daemon()?;
        let ended = within(limit, "the daemon is killed", || Ok(child.try_wait()?));
        if ended.is_err() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let (status, _) = ended?;
        ensure!(
            !status.success(),
            "the daemon of {} ended in order, and was to be killed",
            self.name
        );
        self.start()
    }

    /// The daemon's process.
    pub fn pid(&self) -> Result<u32> {
        let daemon = self.daemon.lock().unwrap_or_else(PoisonError::into_inner);
        daemon
            .as_ref()
            .map(Child::id)
            .with_context(|| format!("{} has no daemon", self.name))
    }

    /// What the daemon has used so far.
    pub fn usage(&self) -> Result<Usage> {
        Usage::of(self.pid()?)
    }

    /// The process that says in the data directory that it is the daemon, if any; it may be long dead.
    pub fn daemon_pid(&self) -> Option<u32> {
        let text = fs::read_to_string(self.data_dir.join("daemon.json")).ok()?;
        let value: serde_json::Value = serde_json::from_str(&text).ok()?;
        value.get("pid")?.as_u64()?.try_into().ok()
    }

    fn take_daemon(&self) -> Result<Child> {
        let mut daemon = self.daemon.lock().unwrap_or_else(PoisonError::into_inner);
        daemon
            .take()
            .with_context(|| format!("{} has no daemon", self.name))
    }

    // ---- commands ---------------------------------------------------------------------------------

    /// Makes a folder a drive.
    pub fn share(&self, folder: &Path) -> Result<Shared> {
        self.call(&["share", text(folder)?])?.ok()?.json()
    }

    /// A ticket that any number of devices may use.
    pub fn invite(&self, drive: &str, role: Role) -> Result<String> {
        let role = match role {
            Role::Reader => "reader",
            Role::Writer => "writer",
            Role::Admin => "admin",
        };
        let mut words = vec!["invite", drive, "--role", role, "--uses", "20"];
        if role == "admin" {
            words.push("--no-approve");
        }
        let invited: Invited = self.call(&words)?.ok()?.json()?;
        Ok(invited.ticket)
    }

    /// Joins a drive; returns when the tree is known.
    pub fn join(&self, ticket: &str, door: Door<'_>) -> Result<Joined> {
        let answer = match door {
            Door::Folder(folder) => self.call(&["join", ticket, text(folder)?])?,
            Door::Mount(point) => {
                self.expect_mount(point)?;
                self.call(&["join", ticket, "--mount", text(point)?])?
            }
        };
        let joined = answer.ok()?.json()?;
        if let Door::Mount(point) = door {
            // A command has returned, yet a test that then wrote into the bare folder below would
            // test nothing.
            ensure!(mounted(point), "{} is not mounted", point.display());
        }
        Ok(joined)
    }

    /// Mounts a drive this device has.
    pub fn mount(&self, drive: &str, point: &Path) -> Result<()> {
        self.expect_mount(point)?;
        self.call(&["mount", drive, text(point)?])?.ok()?;
        ensure!(mounted(point), "{} is not mounted", point.display());
        Ok(())
    }

    /// How one drive is.
    pub fn status(&self, drive: &str) -> Result<DriveStatus> {
        let answer = self.call(&["status", drive])?.ok()?;
        let value: serde_json::Value = answer.json()?;
        let value = match value.get("drives").and_then(|drives| drives.get(0)) {
            Some(first) => first.clone(),
            None => value,
        };
        serde_json::from_value(value)
            .with_context(|| format!("not a drive's status: {}", answer.stdout))
    }

    /// The drive as this device shows it, and the hash over that.
    pub fn tree(&self, drive: &str) -> Result<(Vec<Listed>, String)> {
        let mut lines = self.call(&["tree", drive])?.ok()?.lines()?;
        let last = lines.pop().context("`tree` printed nothing")?;
        let hash = last.get("view_hash").and_then(|hash| hash.as_str());
        let hash = hash
            .context("the last line of `tree` is not the view hash")?
            .to_owned();
        let listed = lines
            .into_iter()
            .map(serde_json::from_value)
            .collect::<Result<_, _>>();
        Ok((listed.context("a line of `tree` is not an entry")?, hash))
    }

    /// Returns when this device is level with its peers and nothing is pending.
    pub fn wait(&self, drive: &str) -> Result<()> {
        self.call(&["wait", drive, "--timeout", "120"])?.ok()?;
        Ok(())
    }

    // ---- mounts -----------------------------------------------------------------------------------

    fn expect_mount(&self, point: &Path) -> Result<()> {
        fs::create_dir_all(point)?;
        let mut mounts = self.mounts.lock().unwrap_or_else(PoisonError::into_inner);
        mounts.push(point.to_owned());
        Ok(())
    }

    /// Processes on this device's data directory, whoever started them.
    fn processes(&self) -> Vec<u32> {
        let Ok(all) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        let ours = self.data_dir.as_os_str().as_encoded_bytes();
        all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|pid| {
                let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                line.split(|byte| *byte == 0).any(|word| word == ours)
            })
            .collect()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if let Ok(mut child) = self.take_daemon() {
            let _ = signal(child.id(), Signal::TERM);
            let polite = Duration::from_secs(10);
            if within(polite, "the daemon ends", || Ok(child.try_wait()?)).is_err() {
                let _ = child.kill();
            }
            let _ = child.wait();
        }
        // A daemon that a command started by itself is no child of ours.
        for pid in self.processes() {
            let _ = signal(pid, Signal::KILL);
        }
        let _ = within_ms(Duration::from_secs(5), "they are gone", || {
            self.processes().is_empty()
        });
        for point in self
            .mounts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            if mounted(point) {
                let _ = run(Command::new("fusermount3").arg("-uz").arg(point), TURN);
            }
        }
    }
}

/// Whether something is mounted exactly there, also if it is dead.
fn mounted(point: &Path) -> bool {
    let table = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let wanted = point.to_string_lossy().replace(' ', "\\040");
    table
        .lines()
        .any(|line| line.split(' ').nth(1) == Some(&wanted))
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path of a test is UTF-8")
}

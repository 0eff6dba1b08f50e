//! Syncthing devices with one folder, on loopback or on a link of their own and nowhere else. Knows Syncthing's configuration and
//! the few questions and wishes of its interface that are needed.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use peerdrive_tests::{Host, Usage, run, signal, within};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::http::Interface;

const KEY: &str = "bench";
/// Where one listens that has a network of its own.
const LISTENS: u16 = 22_000;
const READY: Duration = Duration::from_secs(60);

/// How long it may take to be done with what it was given.
const REST: Duration = Duration::from_secs(900);

/// One device. Ended when dropped.
#[derive(Debug)]
pub(crate) struct Syncthing {
    home: PathBuf,
    folder: PathBuf,
    id: String,
    interface: Interface,
    listens: SocketAddr,
    process: Option<Child>,
    // Last: the process ends before its network goes.
    host: Option<Host>,
}

impl Syncthing {
    /// One that knows nobody and has its folder paused: it has never looked into it.
    pub(crate) fn alone(root: &Path, folder: &Path, tuned: bool) -> Result<Self> {
        let mut side = Self::generate(&root.join("syncthing"), folder, None)?;
        let text = configuration(&side, &[&side], tuned, true);
        fs::write(side.home.join("config.xml"), text)?;
        side.serve()?;
        within(READY, "Syncthing answers", || {
            side.interface.get("/rest/system/ping").map(Some)
        })?;
        Ok(side)
    }

    /// A device with keys of its own that does not run yet.
    fn generate(home: &Path, folder: &Path, host: Option<Host>) -> Result<Self> {
        let mut generate = Command::new("syncthing");
        generate
            .arg("generate")
            .arg("--home")
            .arg(home)
            .arg("--no-default-folder");
        run(generate.env("STNODEFAULTFOLDER", "1"), READY)?.ok()?;
        let mut ask = Command::new("syncthing");
        let id = run(ask.arg("--home").arg(home).arg("--device-id"), READY)?
            .ok()?
            .stdout;
        fs::create_dir_all(folder.join(".stfolder"))?;
        Ok(Self {
            home: home.to_owned(),
            folder: folder.to_owned(),
            id: id.trim().to_owned(),
            interface: Interface {
                socket: home.join("interface"),
                key: KEY,
            },
            listens: match &host {
                Some(host) => (IpAddr::from(host.address()), LISTENS).into(),
                None => free_address()?,
            },
            process: None,
            host,
        })
    }

    fn serve(&mut self) -> Result<()> {
        let log = File::create(self.home.join("log"))?;
        let mut command = match &self.host {
            Some(host) => host.command(Path::new("syncthing")),
            None => Command::new("syncthing"),
        };
        command
            .args(["serve", "--no-browser", "--no-restart", "--home"])
            .arg(&self.home);
        // Directly, without a second process that watches over the first.
        command.env("STMONITORED", "yes").env("STNOUPGRADE", "1");
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        self.process = Some(command.spawn()?);
        Ok(())
    }

    /// Where everything is that it has beside the folder.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// The network it is in, if it has one of its own.
    pub(crate) fn host(&self) -> Option<&Host> {
        self.host.as_ref()
    }

    /// What it has used so far.
    pub(crate) fn usage(&self) -> Result<Usage> {
        Usage::of(self.process.as_ref().context("Syncthing runs")?.id())
    }

    /// Has it begin with its folder, if that was paused.
    pub(crate) fn begin(&self) -> Result<()> {
        self.interface
            .patch("/rest/config/folders/bench", &json!({"paused": false}))?;
        Ok(())
    }

    /// Whether it does nothing and wants nothing; and whether it says so of a number.
    fn rests_with(&self, key: &str, number: Option<u64>) -> Result<bool> {
        let status = self.status()?;
        let idle = status.get("state").and_then(Value::as_str) == Some("idle");
        let count = |key: &str| status.get(key).and_then(Value::as_u64);
        let wants = count("needTotalItems").unwrap_or(0);
        Ok(idle && wants == 0 && number.is_none_or(|number| count(key) == Some(number)))
    }

    fn status(&self) -> Result<Value> {
        self.interface.get("/rest/db/status?folder=bench")
    }

    /// Whether it has taken in so many files and does nothing more.
    pub(crate) fn has_files(&self, files: usize) -> Result<bool> {
        self.rests_with("localFiles", Some(files as u64))
    }

    /// How many bytes it says that it has; folders count as some.
    pub(crate) fn bytes(&self) -> Result<u64> {
        let bytes = self.status()?.get("localBytes").and_then(Value::as_u64);
        bytes.context("Syncthing does not say what it has")
    }

    /// Waits until it says that it has so many bytes, and rests.
    fn take_in(&self, bytes: u64) -> Result<()> {
        let all = || Ok(self.rests_with("localBytes", Some(bytes))?.then_some(()));
        within(REST, "Syncthing has taken in what is there", all)?;
        Ok(())
    }

    fn is_connected(&self) -> Result<bool> {
        let all = self.interface.get("/rest/system/connections")?;
        let connections = all.get("connections").and_then(Value::as_object);
        let is_one = |one: &Value| one.get("connected") == Some(&true.into());
        Ok(connections.is_some_and(|all| all.values().any(is_one)))
    }
}

impl Drop for Syncthing {
    fn drop(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        let _ = signal(process.id(), Signal::TERM);
        let polite = Duration::from_secs(20);
        if within(polite, "Syncthing ends", || Ok(process.try_wait()?)).is_err() {
            let _ = process.kill();
        }
        let _ = process.wait();
    }
}

/// Two connected devices.
#[derive(Debug)]
pub(crate) struct SyncthingPair {
    sides: [Syncthing; 2],
}

impl SyncthingPair {
    /// Starts both and waits until they are connected and idle. `tuned`: a watcher that waits 1 s
    /// instead of 10, and no search for names that differ in case only.
    pub(crate) fn start(
        root: &Path,
        folders: [&Path; 2],
        hosts: [Option<Host>; 2],
        tuned: bool,
    ) -> Result<Self> {
        let [one, two] = hosts;
        let mut sides = [
            Syncthing::generate(&root.join("syncthing 0"), folders[0], one)?,
            Syncthing::generate(&root.join("syncthing 1"), folders[1], two)?,
        ];
        for side in &sides {
            let all: Vec<&Syncthing> = sides.iter().collect();
            let text = configuration(side, &all, tuned, false);
            fs::write(side.home.join("config.xml"), text)?;
        }
        for side in &mut sides {
            side.serve()?;
        }
        let pair = Self { sides };
        for side in &pair.sides {
            let ready = || Ok((side.is_connected()? && side.rests_with("", None)?).then_some(()));
            within(READY, "Syncthing is connected and idle", ready)
                .with_context(|| fs::read_to_string(side.home.join("log")).unwrap_or_default())?;
        }
        // Its watcher starts some time after that, and nothing says when.
        thread::sleep(Duration::from_secs(3));
        Ok(pair)
    }

    /// Both: sender and receiver.
    pub(crate) fn sides(&self) -> &[Syncthing; 2] {
        &self.sides
    }

    /// Waits until both have nothing to do.
    pub(crate) fn rest(&self) -> Result<()> {
        for side in &self.sides {
            let quiet = || Ok(side.rests_with("", None)?.then_some(()));
            within(REST, "Syncthing has nothing to do", quiet)?;
        }
        Ok(())
    }

    /// Ends the connection, by the wish of both.
    pub(crate) fn part(&self) -> Result<()> {
        self.wish("pause")?;
        for side in &self.sides {
            let apart = || Ok((!side.is_connected()?).then_some(()));
            within(READY, "Syncthing is alone", apart)?;
        }
        Ok(())
    }

    /// Lets them connect again.
    pub(crate) fn meet(&self) -> Result<()> {
        self.wish("resume")
    }

    /// Waits until each, alone, says that it has so many bytes.
    pub(crate) fn take_in(&self, bytes: [u64; 2]) -> Result<()> {
        for (side, bytes) in self.sides.iter().zip(bytes) {
            side.take_in(bytes)?;
        }
        Ok(())
    }

    fn wish(&self, word: &str) -> Result<()> {
        let [one, two] = &self.sides;
        for (side, other) in [(one, two), (two, one)] {
            let path = format!("/rest/system/{word}?device={}", other.id);
            side.interface.post(&path)?;
        }
        Ok(())
    }
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// The whole configuration: nothing is announced, looked up, relayed, mapped, reported or upgraded. What is
/// not named in a folder is zero, so what a new folder has otherwise is named.
fn configuration(own: &Syncthing, all: &[&Syncthing], tuned: bool, paused: bool) -> String {
    let devices: String = all
        .iter()
        .map(|side| {
            format!(
                "<device id=\"{}\" name=\"device\"><address>tcp://{}</address></device>\n",
                side.id, side.listens
            )
        })
        .collect();
    let members: String = all
        .iter()
        .map(|side| format!("<device id=\"{}\"/>", side.id))
        .collect();
    let (delay, case_sensitive) = if tuned { (1, true) } else { (10, false) };
    format!(
        r#"<configuration version="35">
<folder id="bench" label="bench" path="{path}" type="sendreceive" rescanIntervalS="3600" fsWatcherEnabled="true" fsWatcherDelayS="{delay}" autoNormalize="true">
<filesystemType>basic</filesystemType>
{members}
<minDiskFree unit="%">1</minDiskFree>
<maxConflicts>10</maxConflicts>
<paused>{paused}</paused>
<caseSensitiveFS>{case_sensitive}</caseSensitiveFS>
</folder>
{devices}<gui enabled="true" tls="false"><address>{interface}</address><apikey>{KEY}</apikey></gui>
<options>
<listenAddress>tcp://{listens}</listenAddress>
<globalAnnounceEnabled>false</globalAnnounceEnabled>
<localAnnounceEnabled>false</localAnnounceEnabled>
<relaysEnabled>false</relaysEnabled>
<natEnabled>false</natEnabled>
<startBrowser>false</startBrowser>
<urAccepted>-1</urAccepted>
<autoUpgradeIntervalH>0</autoUpgradeIntervalH>
<crashReportingEnabled>false</crashReportingEnabled>
<stunKeepaliveStartS>0</stunKeepaliveStartS>
<setLowPriority>false</setLowPriority>
</options>
</configuration>
"#,
        path = own.folder.display(),
        interface = own.interface.socket.display(),
        listens = own.listens,
    )
}

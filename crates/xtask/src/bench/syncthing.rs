//! Two Syncthing devices with one folder, on loopback and nowhere else. Knows Syncthing's configuration
//! and the few questions of its interface that say when it is ready.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use peerdrive_tests::{Usage, run, signal, within};
use rustix::process::Signal;

use super::http;

const KEY: &str = "bench";
const READY: Duration = Duration::from_secs(60);

/// Two connected devices. Ended when dropped.
#[derive(Debug)]
pub(crate) struct SyncthingPair {
    sides: Vec<Side>,
}

#[derive(Debug)]
struct Side {
    home: PathBuf,
    folder: PathBuf,
    id: String,
    interface: u16,
    listens: u16,
    process: Option<Child>,
}

impl SyncthingPair {
    /// Starts both and waits until they are connected and idle. `tuned`: a watcher that waits 1 s
    /// instead of 10, and no search for names that differ in case only.
    pub(crate) fn start(root: &Path, folders: [&Path; 2], tuned: bool) -> Result<Self> {
        let mut sides = Vec::new();
        for (number, folder) in folders.into_iter().enumerate() {
            let home = root.join(format!("syncthing {number}"));
            let mut generate = Command::new("syncthing");
            generate
                .arg("generate")
                .arg("--home")
                .arg(&home)
                .arg("--no-default-folder");
            run(generate.env("STNODEFAULTFOLDER", "1"), READY)?.ok()?;
            let mut ask = Command::new("syncthing");
            let id = run(ask.arg("--home").arg(&home).arg("--device-id"), READY)?
                .ok()?
                .stdout;
            fs::create_dir_all(folder.join(".stfolder"))?;
            sides.push(Side {
                home,
                folder: folder.to_owned(),
                id: id.trim().to_owned(),
                interface: free_port()?,
                listens: free_port()?,
                process: None,
            });
        }
        for side in &sides {
            fs::write(
                side.home.join("config.xml"),
                configuration(side, &sides, tuned),
            )?;
        }
        let mut pair = Self { sides };
        for side in &mut pair.sides {
            let log = File::create(side.home.join("log"))?;
            let mut command = Command::new("syncthing");
            command
                .args(["serve", "--no-browser", "--no-restart", "--home"])
                .arg(&side.home);
            // Directly, without a second process that watches over the first.
            command.env("STMONITORED", "yes").env("STNOUPGRADE", "1");
            command
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log);
            side.process = Some(command.spawn()?);
        }
        pair.wait_until_ready()?;
        Ok(pair)
    }

    /// What the two processes have used so far.
    pub(crate) fn usage(&self) -> Result<Vec<Usage>> {
        self.sides
            .iter()
            .filter_map(|side| side.process.as_ref())
            .map(|p| Usage::of(p.id()))
            .collect()
    }

    fn wait_until_ready(&self) -> Result<()> {
        for side in &self.sides {
            within(READY, "Syncthing is connected and idle", || {
                let all = http::get(side.interface, "/rest/system/connections", KEY)?;
                let connections = all.get("connections").and_then(|all| all.as_object());
                let connected = connections.is_some_and(|connections| {
                    connections
                        .values()
                        .any(|one| one.get("connected") == Some(&true.into()))
                });
                let folder = http::get(side.interface, "/rest/db/status?folder=bench", KEY)?;
                let idle = folder.get("state").and_then(|state| state.as_str()) == Some("idle");
                Ok((connected && idle).then_some(()))
            })
            .with_context(|| fs::read_to_string(side.home.join("log")).unwrap_or_default())?;
        }
        // Its watcher starts some time after that, and nothing says when.
        thread::sleep(Duration::from_secs(3));
        Ok(())
    }
}

impl Drop for SyncthingPair {
    fn drop(&mut self) {
        for side in &mut self.sides {
            let Some(mut process) = side.process.take() else {
                continue;
            };
            let _ = signal(process.id(), Signal::TERM);
            let polite = Duration::from_secs(20);
            if within(polite, "Syncthing ends", || Ok(process.try_wait()?)).is_err() {
                let _ = process.kill();
            }
            let _ = process.wait();
        }
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

/// The whole configuration: nothing is announced, looked up, relayed, mapped, reported or upgraded.
fn configuration(own: &Side, all: &[Side], tuned: bool) -> String {
    let devices: String = all
        .iter()
        .map(|side| {
            format!(
                "<device id=\"{}\" name=\"device\"><address>tcp://127.0.0.1:{}</address></device>\n",
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
<folder id="bench" label="bench" path="{path}" type="sendreceive" rescanIntervalS="3600" fsWatcherEnabled="true" fsWatcherDelayS="{delay}">
<filesystemType>basic</filesystemType>
{members}
<caseSensitiveFS>{case_sensitive}</caseSensitiveFS>
</folder>
{devices}<gui enabled="true" tls="false"><address>127.0.0.1:{interface}</address><apikey>{KEY}</apikey></gui>
<options>
<listenAddress>tcp://127.0.0.1:{listens}</listenAddress>
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
        interface = own.interface,
        listens = own.listens,
    )
}

//! Finding the daemon of a data directory, or starting it in the background. Knows no command.
//!
//! Any number of commands may do this at once: the daemons they start settle by the lock of the data
//! directory who stays, and every command ends up with the one that did.

use std::fs::OpenOptions;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use peerdrive_api::client::Client;
use peerdrive_api::error::{ApiError, Code};
use peerdrive_api::rendezvous::{self, Found, Rendezvous};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::Report;
use crate::context::Asked;
use crate::unlock::Unlock;

/// Its log, in the data directory.
pub(crate) const LOG: &str = "daemon.log";

/// The log is put aside at a start when it is larger than this.
const LOG_LIMIT: u64 = 8 << 20;

/// How long a daemon may take from start to its first answer: it opens every drive before that, some
/// 10 s for a million files.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A way to the daemon, which is started if there is none.
pub(crate) async fn attach(
    data_dir: &Path,
    asked: &Asked,
    unlock: &Unlock,
) -> Result<Client, ApiError> {
    let begun = Instant::now();
    let mut started: Option<oneshot::Receiver<Option<Report>>> = None;
    while begun.elapsed() < PATIENCE {
        match look(data_dir)? {
            Found::Daemon(daemon) => {
                agrees(&daemon, asked)?;
                let client = Client::new(&daemon);
                if client.is_heard().await {
                    return Ok(client);
                }
            }
            Found::Nobody if started.is_none() => {
                started = Some(start(data_dir, asked, unlock)?);
            }
            // It has not got as far as the lock, or it has died.
            Found::Nobody => {}
            // Another command started one, or one is about to end.
            Found::Starting => {}
        }
        if let Some(report) = &mut started {
            match report.try_recv() {
                Err(TryRecvError::Empty) | Ok(Some(Report::Ready { .. })) => {}
                // Another one was faster: wait for that.
                Ok(Some(Report::Error(error))) if error.code == Code::DaemonRunning => {
                    started = None
                }
                Ok(Some(Report::Error(error))) => return Err(error),
                Ok(None) | Err(TryRecvError::Closed) => match look(data_dir)? {
                    Found::Daemon(_) => {}
                    Found::Starting | Found::Nobody => return Err(died(data_dir)),
                },
            }
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let error = ApiError::new(
        Code::DaemonUnavailable,
        "the daemon has not answered for two minutes",
    );
    Err(error.hint(format!(
        "it may still be starting; {} says what it does",
        data_dir.join(LOG).display()
    )))
}

/// The same, for one who had a way before: a daemon that died is started again, and one that was told to
/// end is not.
pub(crate) async fn attach_again(
    data_dir: &Path,
    asked: &Asked,
    unlock: &Unlock,
) -> Result<Client, ApiError> {
    let begun = Instant::now();
    while matches!(look(data_dir)?, Found::Starting) && begun.elapsed() < PATIENCE {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    if matches!(look(data_dir)?, Found::Nobody) && rendezvous::took_leave(data_dir) {
        return Err(ApiError::new(
            Code::DaemonUnavailable,
            "PeerDrive was told to stop on this device",
        )
        .hint("open PeerDrive again, or run `peerdrive status`, to start it"));
    }
    attach(data_dir, asked, unlock).await
}

/// Looks for the daemon, in words for people.
pub(crate) fn look(data_dir: &Path) -> Result<Found, ApiError> {
    rendezvous::find(data_dir).map_err(|e| unusable(data_dir, &e))
}

fn unusable(data_dir: &Path, error: &io::Error) -> ApiError {
    let code = match error.kind() {
        io::ErrorKind::PermissionDenied => Code::NotAllowed,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::DiskFull,
        _ => Code::Io,
    };
    ApiError::new(
        code,
        format!(
            "the data directory {} cannot be used: {error}",
            data_dir.display()
        ),
    )
    .hint("check that it is yours and can be written, or name another one by --data-dir")
}

/// Options that the running daemon does not follow must not be passed over in silence.
fn agrees(daemon: &Rendezvous, asked: &Asked) -> Result<(), ApiError> {
    let Some(option) = asked.contradicts(&daemon.settings) else {
        return Ok(());
    };
    let message = format!(
        "the running daemon was started with another {option}, and keeps to it until it ends"
    );
    Err(ApiError::new(Code::SettingsDiffer, message)
        .hint("run `peerdrive stop`, then this command again; or leave the option out"))
}

fn died(data_dir: &Path) -> ApiError {
    ApiError::new(
        Code::DaemonUnavailable,
        "the daemon ended while it was starting",
    )
    .hint(format!("{} says why", data_dir.join(LOG).display()))
}

/// Starts a daemon; the receiver yields what it reports, `None` if it ends without a word.
fn start(
    data_dir: &Path,
    asked: &Asked,
    unlock: &Unlock,
) -> Result<oneshot::Receiver<Option<Report>>, ApiError> {
    let passphrase = unlock.passphrase(data_dir)?;
    let fail = |error: io::Error| unusable(data_dir, &error);
    rendezvous::prepare(data_dir).map_err(fail)?;
    let path = data_dir.join(LOG);
    if path.metadata().is_ok_and(|log| log.len() > LOG_LIMIT) {
        std::fs::rename(&path, data_dir.join("daemon.log.old")).map_err(fail)?;
    }
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path)
        .map_err(fail)?;
    let program = std::env::current_exe().map_err(fail)?;

    let mut command = Command::new(program);
    command.arg("--data-dir").arg(data_dir);
    if asked.no_discovery {
        command.arg("--no-discovery");
    }
    if let Some(relay) = &asked.relay {
        command.arg("--relay").arg(relay);
    }
    if let Some(bind) = &asked.bind {
        command.arg("--bind").arg(bind.to_string());
    }
    // From `/`, so that it keeps no disk busy.
    command.args(["daemon", "--detached"]).current_dir("/");
    command.env_remove("PEERDRIVE_PASSPHRASE_FD");
    let input = if passphrase.is_some() {
        command.arg("--passphrase-stdin");
        Stdio::piped()
    } else {
        Stdio::null()
    };
    let mut child = command
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .map_err(|e| {
            ApiError::new(
                Code::DaemonUnavailable,
                format!("the daemon cannot be started: {e}"),
            )
            .hint("run `peerdrive daemon` in another terminal to see more")
        })?;

    if let (Some(passphrase), Some(mut input)) = (passphrase, child.stdin.take()) {
        // One that has ended already says why by itself.
        input.write_all(passphrase.as_bytes()).ok();
    }
    let (sender, report) = oneshot::channel();
    // A thread of its own, since a read from a pipe cannot be given up; it ends with this process.
    std::thread::Builder::new()
        .name("daemon's report".into())
        .spawn(move || sender.send(first_line(child)))
        .map_err(fail)?;
    Ok(report)
}

fn first_line(mut child: Child) -> Option<Report> {
    let mut line = String::new();
    BufReader::new(child.stdout.take()?)
        .read_line(&mut line)
        .ok()?;
    serde_json::from_str(&line).ok()
}

//! The daemon: holds the engine and the mounts, serves the commands, ends in order. Knows no command by
//! name.

mod mounts;
pub(crate) mod start;

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use peerdrive_api::error::{ApiError, Code};
use peerdrive_api::handlers::{Host, errors};
use peerdrive_api::http::{AppFiles, Server};
use peerdrive_api::rendezvous::{DaemonLock, LockError, Rendezvous};
use peerdrive_api::router::Router;
use peerdrive_engine::passphrase::Passphrase;
use peerdrive_engine::{Engine, EngineConfig};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::context::Context;
use crate::failure::Failure;
use mounts::Mounts;

/// How long commands under way may take to end when the daemon does. Then they are left to themselves:
/// whatever they changed is durable or did not happen.
const LAST_COMMANDS: Duration = Duration::from_secs(5);

/// What is logged unless `PEERDRIVE_LOG` says otherwise. The libraries below name addresses and mount
/// points at the level `info`.
const LOGGED: &str = "warn,peerdrive=info,peerdrive_api=info,peerdrive_cli=info,peerdrive_crdt_tree=info,\
     peerdrive_crypto=info,peerdrive_engine=info,peerdrive_log=info,peerdrive_mount=info,peerdrive_net=info";

/// Libraries that write names of files at their finer levels: a log that is sent to somebody who helps must
/// not hold them, whatever was asked for.
const HUSHED: [&str; 2] = ["notify=warn", "fuser=warn"];

fn filter(asked: &str) -> EnvFilter {
    let hushed = HUSHED.into_iter().filter_map(|word| word.parse().ok());
    hushed.fold(EnvFilter::new(asked), EnvFilter::add_directive)
}

/// What a started daemon tells the one who started it, as one line on standard output.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Report {
    /// It answers.
    Ready {
        /// Its process.
        pid: u32,
    },
    /// It could not start.
    Error(ApiError),
}

/// Runs the daemon until it is asked to end.
pub(crate) fn run(
    context: Context,
    detached: bool,
    passphrase: Option<String>,
) -> Result<(), Failure> {
    let passphrase = passphrase.map(|text| Passphrase::new(&text));
    if detached {
        // No longer of the terminal's session: neither Ctrl-C nor closing the window reaches it.
        rustix::process::setsid().ok();
    }
    start_logging();
    let ended = run_to_end(serve(&context, detached, passphrase));
    if detached && let Err(Failure::Api(error)) = &ended {
        report(&Report::Error(error.clone()));
    }
    ended
}

/// Writes what happens to standard error, in the measure that `PEERDRIVE_LOG` asks for.
pub(crate) fn start_logging() {
    let log = std::env::var("PEERDRIVE_LOG").unwrap_or_else(|_| LOGGED.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter(&log))
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
}

/// Runs what serves others on as many threads as there are processors, and waits for nothing but it.
pub(crate) fn run_to_end(
    serving: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| {
            ApiError::new(Code::Io, format!("this system lets no threads run: {e}"))
                .hint("check the limits of this user")
        })?;
    let ended = runtime.block_on(serving);
    runtime.shutdown_background();
    ended
}

async fn serve(
    context: &Context,
    detached: bool,
    passphrase: Option<Passphrase>,
) -> Result<(), Failure> {
    let lock = DaemonLock::acquire(&context.data_dir).map_err(|e| locked_out(&e))?;
    // Asked for before anything exists that would have to be put in order.
    let mut ending = Ending::new()?;
    let settings = context.asked.settings();
    let config = EngineConfig {
        data_dir: context.data_dir.clone(),
        device_name: device_name(),
        bind: settings.bind,
        discovery: settings.discovery,
        relay: settings.relay.clone(),
    };
    let engine = Engine::open_with(config, passphrase)
        .await
        .map_err(|e| errors::open(&e))?;

    let closing = CancellationToken::new();
    let mounts = Mounts::new(context.data_dir.join("staging"));
    let host = Arc::new(Host::new(engine.clone(), mounts, closing.clone()));
    host.bring_back_mounts().await;
    host.watch();

    let served = answer(
        context,
        &lock,
        host.clone(),
        &closing,
        &mut ending,
        detached,
    )
    .await;

    // In this order: nobody new comes in, commands end, mounts save what is written, drives close.
    lock.withdraw().ok();
    closing.cancel();
    host.unmount_all().await;
    engine.shutdown().await;
    tracing::info!("ended");
    served
}

/// Serves commands until a signal or the `stop` command.
async fn answer(
    context: &Context,
    lock: &DaemonLock,
    host: Arc<Host<Mounts>>,
    closing: &CancellationToken,
    ending: &mut Ending,
    detached: bool,
) -> Result<(), Failure> {
    let fail = |e: io::Error| {
        ApiError::new(Code::Io, format!("no loopback port can be served: {e}"))
            .hint("check that 127.0.0.1 is up")
    };
    let server = Server::bind_again(&context.data_dir).await.map_err(fail)?;
    let server = server.with_app(app()).with_events(host.events());
    let rendezvous = Rendezvous {
        pid: std::process::id(),
        port: server.port(),
        token: server.token().clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        settings: context.asked.settings(),
    };
    let router = Router::new(host, closing.clone());
    let serving = tokio::spawn(server.serve(router.clone(), closing.clone()));
    lock.publish(&rendezvous).map_err(fail)?;
    tracing::info!(pid = rendezvous.pid, "ready");
    if detached {
        report(&Report::Ready {
            pid: rendezvous.pid,
        });
        hush();
    } else if context.out.json() {
        context.out.object(&Report::Ready {
            pid: rendezvous.pid,
        })?;
        context.out.flush()?;
    } else {
        context.out.say("The daemon runs. Ctrl-C ends it in order.");
    }

    tokio::select! {
        () = ending.asked() => {}
        () = closing.cancelled() => {}
    }
    lock.withdraw().ok();
    closing.cancel();
    let last = async {
        router.idle().await;
        serving.await
    };
    match tokio::time::timeout(LAST_COMMANDS, last).await {
        Ok(Ok(served)) => Ok(served.map_err(fail)?),
        Ok(Err(_)) => Err(ApiError::new(Code::Failed, "serving commands broke off")
            .hint("the log says why")
            .into()),
        Err(_) => {
            tracing::warn!("some commands were still under way");
            Ok(())
        }
    }
}

/// The app for browsers: of the folder that was named, else the one built in, else `ui` beside the program.
fn app() -> Option<AppFiles> {
    const BUILT_IN: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/app_files.rs"));
    let has_page = |folder: &std::path::PathBuf| folder.join("index.html").is_file();
    let named = std::env::var_os("PEERDRIVE_UI_DIR").map(std::path::PathBuf::from);
    if let Some(folder) = named.filter(has_page) {
        return Some(AppFiles::Folder(folder));
    }
    if !BUILT_IN.is_empty() {
        return Some(AppFiles::Embedded(BUILT_IN));
    }
    let beside = std::env::current_exe().ok()?.parent()?.join("ui");
    Some(beside).filter(has_page).map(AppFiles::Folder)
}

/// Signals that ask for an end in order.
pub(crate) struct Ending {
    signals: [tokio::signal::unix::Signal; 3],
}

impl Ending {
    pub(crate) fn new() -> Result<Self, ApiError> {
        let one = |kind| {
            signal(kind).map_err(|e| {
                ApiError::new(Code::Io, format!("signals cannot be received: {e}"))
                    .hint("check the limits of this user")
            })
        };
        Ok(Self {
            signals: [
                one(SignalKind::interrupt())?,
                one(SignalKind::terminate())?,
                one(SignalKind::hangup())?,
            ],
        })
    }

    pub(crate) async fn asked(&mut self) {
        let [a, b, c] = &mut self.signals;
        tokio::select! {
            _ = a.recv() => {}
            _ = b.recv() => {}
            _ = c.recv() => {}
        }
    }
}

fn report(report: &Report) {
    if let Ok(line) = serde_json::to_string(report) {
        // Whoever started this daemon may have been ended meanwhile.
        writeln!(io::stdout(), "{line}").ok();
    }
}

/// Lets go of the pipe to the one who started this daemon.
fn hush() {
    let nowhere = std::fs::OpenOptions::new().write(true).open("/dev/null");
    if !matches!(nowhere.map(rustix::stdio::dup2_stdout), Ok(Ok(()))) {
        tracing::warn!("standard output stays open");
    }
}

fn locked_out(error: &LockError) -> ApiError {
    let (code, hint) = match error {
        LockError::Running { .. } => (
            Code::DaemonRunning,
            "it serves all commands with this --data-dir; `peerdrive stop` ends it",
        ),
        LockError::Io { source, .. } => match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                (Code::DiskFull, "free some space")
            }
            io::ErrorKind::PermissionDenied => (
                Code::NotAllowed,
                "check that it is yours, or name another one by --data-dir",
            ),
            _ => (
                Code::Io,
                "check that it can be written, or name another one by --data-dir",
            ),
        },
    };
    ApiError::new(code, error.to_string()).hint(hint)
}

/// Names this device to others, instead of the name of the machine.
const NAME: &str = "PEERDRIVE_NAME";

/// What others see this device called: `PEERDRIVE_NAME`, else its host name; at most 64 bytes of it.
fn device_name() -> String {
    let given = std::env::var(NAME)
        .ok()
        .filter(|name| !name.trim().is_empty());
    let name = given.unwrap_or_else(|| {
        let machine = rustix::system::uname();
        machine.nodename().to_string_lossy().into_owned()
    });
    shortened(name.trim()).to_owned()
}

fn shortened(name: &str) -> &str {
    let end = (0..=name.len().min(64))
        .rev()
        .find(|end| name.is_char_boundary(*end))
        .unwrap_or(0);
    &name[..end]
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn a_long_name_ends_between_two_letters() {
        assert_eq!(shortened("workstation"), "workstation");
        assert_eq!(shortened(&"é".repeat(40)), "é".repeat(32));
        assert_eq!(shortened(&format!("a{}", "é".repeat(40))).len(), 63);
    }
}

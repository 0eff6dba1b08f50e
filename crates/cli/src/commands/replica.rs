//! `peerdrive replica`.

use std::time::Duration;

use clap::Args;
use peerdrive_api::error::{ApiError, Code};
use peerdrive_engine::passphrase::Passphrase;
use peerdrive_engine::storage::{
    StorageConfig, StorageError, StoragePeer, StoredDrive, StoredStanding,
};
use serde_json::{Value, json};

use crate::context::Context;
use crate::daemon::{Ending, run_to_end, start_logging};
use crate::failure::Failure;
use crate::progress::bytes;
use crate::words::{amount, count, moment, short};

/// The folder of a storage peer within the data directory: it is no device of any drive.
const FOLDER: &str = "replica";

/// How often it is looked whether there is something to tell.
const LOOK: Duration = Duration::from_millis(500);

/// Run a storage peer: keep drives that it cannot read, and serve them while their members are off line
///
/// It prints a code. Whoever has the code can put drives here, up to --most: keep it as you would a password. An
/// admin of a drive gives it to `peerdrive lease`. Runs until Ctrl-C; what is stored is there at the next start.
#[derive(Debug, Args)]
pub(crate) struct Replica {
    /// How much may be stored here, all drives together: 500G, 2T
    #[arg(long, value_name = "SIZE", default_value = "100G", value_parser = amount)]
    most: u64,
    /// How long a drive stays here once its lease has ended or run out, in case it is given another: 12h, 7d
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = humantime::parse_duration)]
    grace: Duration,
    /// Make another code; by the one before nobody can put drives here any more
    #[arg(long)]
    new_code: bool,
}

impl Replica {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let data_dir = context.data_dir.join(FOLDER);
        let passphrase = context.unlock.passphrase(&data_dir)?;
        let settings = context.asked.settings();
        let config = StorageConfig {
            data_dir,
            bind: settings.bind,
            discovery: settings.discovery,
            relay: settings.relay,
            most: self.most,
            grace: self.grace.as_secs(),
            new_code: self.new_code,
        };
        start_logging();
        run_to_end(serve(&context, config, passphrase))
    }
}

async fn serve(
    context: &Context,
    config: StorageConfig,
    passphrase: Option<String>,
) -> Result<(), Failure> {
    let mut ending = Ending::new()?;
    let passphrase = passphrase.map(|text| Passphrase::new(&text));
    let storage = StoragePeer::open(config, passphrase).await;
    let storage = storage.map_err(|e| failed(&e))?;
    let code = storage.code().map_err(|e| failed(&e.into()))?;
    context
        .out
        .answer(&json!({ "code": &**code }), |_| format!("{}\n", &**code))?;
    context.out.flush()?;
    context.out.say(
        "The storage peer runs. Whoever has this code can put drives here; to put one: peerdrive lease DRIVE CODE\n\
         Ctrl-C ends it in order.",
    );
    let mut before: Vec<StoredDrive> = Vec::new();
    let told = loop {
        let now = storage.drives();
        if let Err(error) = tell(context, &before, &now) {
            break Err(error);
        }
        before = now;
        tokio::select! {
            () = ending.asked() => break Ok(()),
            () = tokio::time::sleep(LOOK) => {}
        }
    };
    storage.shutdown().await;
    told
}

/// Tells what is new.
fn tell(context: &Context, before: &[StoredDrive], now: &[StoredDrive]) -> Result<(), Failure> {
    let out = &context.out;
    for drive in now.iter().filter(|drive| !before.contains(drive)) {
        match out.json() {
            true => out.object(&object(drive))?,
            false => out.bytes(line(drive).as_bytes())?,
        }
    }
    for gone in before
        .iter()
        .filter(|old| now.iter().all(|new| new.tag != old.tag))
    {
        match out.json() {
            true => out.object(&json!({ "drive": gone.tag, "state": "gone" }))?,
            false => out.bytes(format!("{}  removed\n", short(&gone.tag)).as_bytes())?,
        }
    }
    Ok(out.flush()?)
}

fn object(drive: &StoredDrive) -> Value {
    let (state, quota, until) = match drive.standing {
        StoredStanding::Offered => ("offered", None, None),
        StoredStanding::Leased { quota, until } => {
            ("leased", Some(quota), Some(until.saturating_mul(1000)))
        }
        StoredStanding::Ended { since } => ("ended", None, Some(since.saturating_mul(1000))),
    };
    json!({
        "drive": drive.tag, "state": state, "quota": quota, "until": until, "bytes": drive.bytes,
        "blobs": drive.blobs, "devices": drive.devices, "connected": drive.connected, "full": drive.full,
    })
}

fn line(drive: &StoredDrive) -> String {
    let standing = match drive.standing {
        StoredStanding::Offered => "offered; its lease is on its way".to_owned(),
        StoredStanding::Leased { quota, until } => {
            format!(
                "of {} until {}",
                bytes(quota),
                moment(until.saturating_mul(1000))
            )
        }
        StoredStanding::Ended { since } => {
            format!("lease ended {}", moment(since.saturating_mul(1000)))
        }
    };
    format!(
        "{}  {} {standing}; {} of {} connected{}\n",
        short(&drive.tag),
        bytes(drive.bytes),
        drive.connected,
        count(drive.devices, "device", "devices"),
        if drive.full { "; full" } else { "" },
    )
}

fn failed(error: &StorageError) -> ApiError {
    let (code, hint) = match error {
        StorageError::Data(_) => (
            Code::Io,
            "check that the data directory can be written and no other storage peer uses it",
        ),
        StorageError::Net(_) => (Code::Io, "choose another address by --bind"),
        StorageError::Code(_) => (Code::Failed, "listen on fewer addresses by --bind"),
    };
    ApiError::new(code, error.to_string()).hint(hint)
}

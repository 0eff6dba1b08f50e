//! `peerdrive history`.

use std::time::SystemTime;

use clap::Args;
use peerdrive_api::dto::{HistoryRequest, Version};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::progress::bytes;
use crate::words::{ago, plain, table};

/// List every version of a file: who wrote it, when, and who has its bytes
///
/// `peerdrive restore DRIVE PATH --version V` brings one back.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
    /// The file's path in the drive, now or when it was deleted
    #[arg(value_name = "PATH")]
    path: String,
}

impl History {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let out = &context.out;
        let mut rows = Vec::new();
        let now = SystemTime::now();
        context.stream::<schema::History>(
            &HistoryRequest {
                drive: self.drive,
                path: self.path,
            },
            |version| {
                if out.json() {
                    out.object(&version)?;
                } else {
                    rows.push(row(&version, now));
                }
                Ok(())
            },
        )?;
        if !rows.is_empty() {
            let headings = ["VERSION", "WRITTEN", "BY", "ON", ">SIZE", "BYTES"];
            out.bytes(table(&headings, &rows).as_bytes())?;
        }
        Ok(out.flush()?)
    }
}

fn row(version: &Version, now: SystemTime) -> Vec<String> {
    let mut places = Vec::new();
    if version.here {
        places.push("here".to_owned());
    }
    match version.peers {
        0 => {}
        1 => places.push("1 peer".to_owned()),
        many => places.push(format!("{many} peers")),
    }
    if places.is_empty() {
        places.push("nowhere on line".to_owned());
    }
    let name = match version.current {
        true => format!("{} (current)", version.version),
        false => version.version.clone(),
    };
    vec![
        name,
        ago(version.time, now),
        plain(version.by.as_deref().unwrap_or("?")),
        plain(&version.device),
        bytes(version.size),
        places.join(", "),
    ]
}

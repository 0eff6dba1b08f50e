//! `peerdrive ls`.

use clap::Args;
use peerdrive_api::dto::{LsEntry, LsRequest};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::progress::bytes;
use crate::words::{mode, moment, plain, table};

/// List one folder of a drive
#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
    /// The folder [default: the drive's root]
    #[arg(value_name = "PATH")]
    path: Option<String>,
}

impl Ls {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let out = &context.out;
        let mut rows = Vec::new();
        context.stream::<schema::Ls>(
            &LsRequest {
                drive: self.drive,
                path: self.path,
            },
            |entry| {
                if out.json() {
                    out.object(&entry)?;
                } else {
                    rows.push(row(&entry));
                }
                Ok(())
            },
        )?;
        if !rows.is_empty() {
            out.bytes(table(&["MODE", ">SIZE", "CHANGED", "NAME"], &rows).as_bytes())?;
        }
        Ok(out.flush()?)
    }
}

fn row(entry: &LsEntry) -> Vec<String> {
    let size = if entry.kind == "folder" {
        String::new()
    } else {
        bytes(entry.size)
    };
    let changed = u64::try_from(entry.mtime)
        .ok()
        .filter(|at| *at > 0)
        .map(moment)
        .unwrap_or_default();
    let name = match (&entry.target, entry.kind.as_str()) {
        (Some(target), _) => format!("{} -> {}", plain(&entry.name), plain(target)),
        (None, "folder") => format!("{}/", plain(&entry.name)),
        (None, _) => plain(&entry.name),
    };
    vec![mode(&entry.kind, entry.mode), size, changed, name]
}

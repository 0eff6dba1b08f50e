//! `peerdrive trash`.

use std::time::SystemTime;

use clap::{Args, Subcommand};
use peerdrive_api::dto::{TrashLine, TrashRequest, UndeleteRequest};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::progress::bytes;
use crate::words::{ago, plain, table};

/// List what was deleted from a drive, or take something out of the trash
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Trash {
    #[command(subcommand)]
    command: Option<TrashCommand>,
    /// The drive's name or id
    #[arg(value_name = "DRIVE", required = true)]
    drive: Option<String>,
}

#[derive(Debug, Subcommand)]
enum TrashCommand {
    /// Take something out of the trash, with all that was deleted with it
    Restore {
        /// The drive's name or id
        #[arg(value_name = "DRIVE")]
        drive: String,
        /// The path that it had, or its id of the list
        #[arg(value_name = "PATH")]
        path: String,
    },
}

impl Trash {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        match self.command {
            Some(TrashCommand::Restore { drive, path }) => undelete(&context, drive, path),
            None => list(&context, self.drive.unwrap_or_default()),
        }
    }
}

fn undelete(context: &Context, drive: String, path: String) -> Result<(), Failure> {
    let reply = context.call::<schema::Undelete>(&UndeleteRequest { drive, path })?;
    context
        .out
        .answer(&reply, |reply| format!("Back at {}\n", plain(&reply.path)))?;
    Ok(())
}

fn list(context: &Context, drive: String) -> Result<(), Failure> {
    let out = &context.out;
    let mut rows = Vec::new();
    let mut over = 0u64;
    let now = SystemTime::now();
    let reply = context.stream::<schema::Trash>(&TrashRequest { drive }, |line| {
        if out.json() {
            out.object(&line)?;
        } else {
            over += u64::from(!line.kept);
            rows.push(row(&line, now));
        }
        Ok(())
    })?;
    if !rows.is_empty() {
        let headings = ["DELETED", "BY", "ON", ">SIZE", "PATH"];
        out.bytes(table(&headings, &rows).as_bytes())?;
    }
    out.flush()?;
    if reply.entries == 0 {
        out.say("The trash is empty.");
    }
    if over > 0 {
        out.say(
            "What was deleted longer ago than this device keeps it is marked with *: it may be gone for good. \
             `peerdrive config DRIVE --keep-days N` keeps it longer.",
        );
    }
    Ok(())
}

fn row(line: &TrashLine, now: SystemTime) -> Vec<String> {
    let folder = line.kind == "folder";
    let slash = if folder { "/" } else { "" };
    let over = if line.kept { "" } else { " *" };
    vec![
        line.time.map(|time| ago(time, now)).unwrap_or_default(),
        plain(line.by.as_deref().unwrap_or("?")),
        plain(line.device.as_deref().unwrap_or("?")),
        if folder {
            String::new()
        } else {
            bytes(line.size)
        },
        format!("{}{slash}{over}", plain(&line.path)),
    ]
}

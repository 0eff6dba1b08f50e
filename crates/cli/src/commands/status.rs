//! `peerdrive status`.

use std::time::Duration;

use clap::Args;
use peerdrive_api::dto::{DriveStatus, StatusReply, StatusRequest, Work};
use peerdrive_api::schema;
use peerdrive_engine::passphrase::key_is_sealed;

use crate::context::Context;
use crate::failure::Failure;
use crate::progress::{bytes, duration};
use crate::words::{count, plain, table};

/// Problems listed for one drive before the rest is only counted.
const MANY: usize = 10;

/// Show how drives do: what is in them, what waits and why, who else has them
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Only this drive, by name or id
    #[arg(value_name = "DRIVE")]
    drive: Option<String>,
    /// Only this file or folder of the drive
    #[arg(value_name = "PATH")]
    path: Option<String>,
}

impl Status {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let reply = context.call::<schema::Status>(&StatusRequest {
            drive: self.drive,
            path: self.path,
        })?;
        context.out.answer(&reply, text)?;
        if key_is_sealed(&context.data_dir) == Some(false) {
            context.out.say("This device's key lies in the clear, readable by you alone; `peerdrive passphrase` seals it.");
        }
        if reply.drives.is_empty() && reply.broken.is_empty() {
            context.out.say("No drives yet. Make one:\n  peerdrive share DIR\nor join one:\n  peerdrive join TICKET DIR");
        }
        Ok(())
    }
}

fn text(reply: &StatusReply) -> String {
    let mut text = String::new();
    if !reply.drives.is_empty() {
        let rows: Vec<_> = reply.drives.iter().map(row).collect();
        text += &table(
            &[
                "DRIVE", "ROLE", ">FILES", ">SIZE", "STATE", "PEERS", "WHERE",
            ],
            &rows,
        );
    }
    for drive in &reply.drives {
        text += &details(drive);
    }
    for broken in &reply.broken {
        text += &format!(
            "\nThe drive {} cannot be opened: {}\n  \
             Nothing is collected meanwhile, since it may need it; `peerdrive leave {}` gives it up.\n",
            broken.id,
            plain(&broken.reason),
            broken.id
        );
    }
    text
}

fn row(drive: &DriveStatus) -> Vec<String> {
    let places = drive.folder.iter().map(|f| f.display().to_string());
    let mounts = drive
        .mounts
        .iter()
        .map(|m| format!("{} (mount)", m.display()));
    let places: Vec<String> = places.chain(mounts).map(|place| plain(&place)).collect();
    let here = drive.peers.iter().filter(|peer| peer.connected).count();
    let peers = match drive.peers.len() {
        0 => "none".to_owned(),
        all => format!("{here} of {all}"),
    };
    vec![
        plain(&drive.name),
        drive
            .role
            .map_or("removed", |role| role.as_str())
            .to_owned(),
        drive.files.to_string(),
        bytes(drive.bytes),
        state(drive),
        peers,
        places.join(", "),
    ]
}

fn state(drive: &DriveStatus) -> String {
    let mut words = Vec::new();
    if drive.paused {
        words.push("paused".to_owned());
    }
    if let Some(work) = &drive.work {
        words.push(pace(work));
    }
    if drive.pending_up > 0 {
        words.push(format!("{} to send", drive.pending_up));
    }
    if drive.pending_down > 0 {
        words.push(format!("{} to receive", drive.pending_down));
    }
    if let Some(verified) = drive.verified {
        words.push(format!("history verified to {verified} %"));
    }
    if !drive.problems.is_empty() {
        words.push(count(drive.problems.len() as u64, "problem", "problems"));
    }
    if words.is_empty() {
        "up to date".to_owned()
    } else {
        words.join(", ")
    }
}

/// How far the work is, and how fast it goes.
fn pace(work: &Work) -> String {
    let mut text = format!(
        "{} {} of {}",
        work.progress.stage,
        bytes(work.progress.bytes),
        bytes(work.progress.bytes_total.unwrap_or_default()),
    );
    if work.rate > 0 {
        text += &format!(" at {}/s", bytes(work.rate));
    }
    if let Some(left) = work.left {
        text += &format!(", {} left", duration(Duration::from_secs(left)));
    }
    text
}

fn details(drive: &DriveStatus) -> String {
    let mut text = String::new();
    if let Some(path) = &drive.path {
        let shown = if path.path.is_empty() {
            "/"
        } else {
            &path.path
        };
        text += &format!(
            "\n{}: {} of {} on this device, {} of {}; all of it on {} now{}\n",
            plain(shown),
            path.files_here,
            count(path.files, "file", "files"),
            bytes(path.bytes_here),
            bytes(path.bytes),
            count(path.peers, "connected device", "connected devices"),
            if path.pinned { "; pinned" } else { "" },
        );
    }
    if drive.problems.is_empty() {
        return text;
    }
    text += &format!("\nWaiting in {}:\n", plain(&drive.name));
    for problem in drive.problems.iter().take(MANY) {
        let about = problem
            .path
            .as_ref()
            .map_or_else(String::new, |path| format!("{}: ", plain(path)));
        text += &format!("  {about}{}\n", plain(&problem.reason));
        if !problem.hint.is_empty() {
            text += &format!("    {}\n", plain(&problem.hint));
        }
    }
    if drive.problems.len() > MANY {
        text += &format!(
            "  and {} more; --json lists them all\n",
            drive.problems.len() - MANY
        );
    }
    text
}

#[cfg(test)]
mod tests;

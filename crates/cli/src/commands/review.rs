//! `peerdrive review`.

use clap::{Args, Subcommand};
use peerdrive_api::dto::{DecideReviewReply, DecideReviewRequest, ReviewLine, ReviewRequest};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::words::{count, plain};

/// List what removed devices wrote too late to count, and decide about it
///
/// Nobody's tree shows these changes: they reached others only after the device was removed. An admin can
/// let them count for everyone, which cannot be undone except by editing; or set them aside on this device.
/// (A drive that is named like one of the commands below goes by its id.)
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Review {
    /// The drive's name or id
    #[arg(value_name = "DRIVE", required = true)]
    drive: Option<String>,
    #[command(subcommand)]
    decide: Option<Decide>,
}

/// What becomes of it.
#[derive(Debug, Subcommand)]
enum Decide {
    /// Let it count, for everyone
    Accept {
        /// The drive's name or id
        #[arg(value_name = "DRIVE")]
        drive: String,
        /// The device: id, beginning of an id, or name
        #[arg(value_name = "DEVICE")]
        device: String,
    },
    /// Set it aside: it is not listed on this device any more
    Discard {
        /// The drive's name or id
        #[arg(value_name = "DRIVE")]
        drive: String,
        /// The device: id, beginning of an id, or name
        #[arg(value_name = "DEVICE")]
        device: String,
    },
}

impl Review {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        match self.decide {
            Some(Decide::Accept { drive, device }) => decide(&context, drive, device, true),
            Some(Decide::Discard { drive, device }) => decide(&context, drive, device, false),
            None => list(&context, self.drive.unwrap_or_default()),
        }
    }
}

fn list(context: &Context, drive: String) -> Result<(), Failure> {
    let out = &context.out;
    let mut text = String::new();
    context.stream::<schema::Review>(&ReviewRequest { drive }, |line| {
        if out.json() {
            out.object(&line)?;
        } else {
            text += &told(&line);
        }
        Ok(())
    })?;
    if text.is_empty() {
        out.say("Nothing waits to be reviewed.");
    } else {
        out.bytes(text.as_bytes())?;
        out.say("To let it count: peerdrive review accept DRIVE DEVICE; to set it aside: peerdrive review discard DRIVE DEVICE");
    }
    Ok(out.flush()?)
}

fn told(line: &ReviewLine) -> String {
    let name = line.name.as_deref().map(plain).unwrap_or_default();
    let changes = count(line.entries, "change", "changes");
    let mut text = format!("{changes} from {name} ({})\n", line.device);
    for path in &line.paths {
        text += &format!("  {}\n", plain(path));
    }
    text
}

fn decide(context: &Context, drive: String, device: String, accept: bool) -> Result<(), Failure> {
    let reply = context.call::<schema::DecideReview>(&DecideReviewRequest {
        drive,
        device,
        accept,
    })?;
    context.out.answer(&reply, |reply: &DecideReviewReply| {
        let verb = if reply.accepted {
            "counts now, for everyone"
        } else {
            "is set aside on this device"
        };
        format!("{} {verb}\n", count(reply.entries, "change", "changes"))
    })?;
    Ok(())
}

//! `peerdrive recover`.

use std::path::{Path, PathBuf};

use clap::Args;
use peerdrive_api::dto::{Place, RecoverReply, RecoverRequest, TicketText};
use peerdrive_api::schema;

use crate::context::{Context, absolute};
use crate::failure::Failure;
use crate::secret;
use crate::words::plain;

/// Come back into a drive with its recovery phrase, as an owner
///
/// The phrase is asked for, or read from standard input. Some device of the drive has to be on line: name
/// it by an invite to the drive, also one that has been used or has expired, or by what
/// `peerdrive devices address` prints there.
///
/// Every other device of the one who made the drive is ended then: it reads nothing that is written from
/// now on. What it read before cannot be taken back. What it wrote and nobody else has is lost.
#[derive(Debug, Args)]
pub(crate) struct Recover {
    /// What leads to a device of the drive
    #[arg(long, value_name = "INVITE|ADDRESS")]
    from: String,
    /// Keep the drive as this folder [default: a new folder of its name, here]
    #[arg(value_name = "DIR", conflicts_with = "mount", value_hint = clap::ValueHint::DirPath)]
    dir: Option<PathBuf>,
    /// Mount the drive on this empty folder instead; contents come on demand
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    mount: Option<PathBuf>,
    /// Do not end the other devices
    #[arg(long)]
    keep_devices: bool,
}

impl Recover {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let place = match (&self.dir, &self.mount) {
            (Some(dir), _) => Place::Folder(absolute(dir)?),
            (None, Some(dir)) => Place::Mount(absolute(dir)?),
            (None, None) => Place::Inside(absolute(Path::new("."))?),
        };
        let phrase = secret::ask("The 24 words of the recovery phrase:")?;
        let reply = context.call::<schema::Recover>(&RecoverRequest {
            phrase: TicketText(phrase),
            contact: TicketText(self.from),
            place,
            keep_devices: self.keep_devices,
        })?;
        context.out.answer(&reply, |r| {
            format!("{}  {}  {}\n", plain(&r.name), r.drive, r.path.display())
        })?;
        context.out.say(&said(&reply, self.keep_devices));
        Ok(())
    }
}

fn said(reply: &RecoverReply, keep: bool) -> String {
    let now = "You are an owner of the drive again.";
    if reply.alone && reply.ended.is_empty() {
        format!("{now} You had no other device.")
    } else if reply.alone {
        let names: Vec<String> = reply.ended.iter().map(|name| plain(name)).collect();
        format!("{now} Ended: {}.", names.join(", "))
    } else if keep {
        format!("{now} Your other devices stay.")
    } else {
        format!(
            "{now} Your other devices are not ended yet, since the drive has not arrived in full: run this\n\
             command again when it has."
        )
    }
}

//! `peerdrive recover`.

use std::path::{Path, PathBuf};

use clap::Args;
use peerdrive_api::dto::{DriveRef, KeepRequest, Place, RecoverReply, RecoverRequest, TicketText};
use peerdrive_api::handlers::identity;
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
    #[arg(
        long,
        value_name = "INVITE|ADDRESS",
        required_unless_present = "backup"
    )]
    from: Option<String>,
    /// Be the device of this backup again, in all its drives; its passphrase is asked for instead of a phrase
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "mount", "keep_devices"], value_hint = clap::ValueHint::FilePath)]
    backup: Option<PathBuf>,
    /// Keep the drive as this folder; with --backup, all drives in folders of their names in it [default: a new folder of its name, here]
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
        if let Some(file) = &self.backup {
            return from_backup(&context, file, self.dir.as_deref());
        }
        let place = match (&self.dir, &self.mount) {
            (Some(dir), _) => Place::Folder(absolute(dir)?),
            (None, Some(dir)) => Place::Mount(absolute(dir)?),
            (None, None) => Place::Inside(absolute(Path::new("."))?),
        };
        let phrase = secret::ask("The 24 words of the recovery phrase:")?;
        let reply = context.call::<schema::Recover>(&RecoverRequest {
            phrase: TicketText(phrase),
            contact: TicketText(self.from.unwrap_or_default()),
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

/// Makes this data directory, in which there is nothing yet, the device of a backup.
fn from_backup(context: &Context, file: &Path, dir: Option<&Path>) -> Result<(), Failure> {
    let file = absolute(file)?;
    let dir = dir.map(absolute).transpose()?;
    let passphrase = secret::ask("The passphrase of the backup:")?;
    let drives = identity::restore(&context.data_dir, &file, &passphrase)?;
    for drive in drives {
        let id = drive.id.to_string();
        let name = folder_name(&drive.name).unwrap_or(&id);
        let shown = match &dir {
            Some(dir) => context.call::<schema::Keep>(&KeepRequest {
                drive: id.clone(),
                path: dir.join(name),
            })?,
            None => DriveRef {
                drive: id,
                name: drive.name,
                path: PathBuf::new(),
            },
        };
        context.out.answer(&shown, |d| {
            format!("{}  {}  {}\n", plain(&d.name), d.drive, d.path.display())
        })?;
    }
    context.out.say(
        "This is the device of the backup again. What is in its drives comes from whoever else has them.\n\
         `peerdrive passphrase` seals its key; `peerdrive mount` shows a drive.",
    );
    Ok(())
}

/// A drive's name, where it can be a folder's.
fn folder_name(name: &str) -> Option<&str> {
    let fits = !name.is_empty()
        && name.len() <= 200
        && !name.starts_with(['.', '-', ' '])
        && !name.contains(['/', '\\', ':'])
        && !name.chars().any(char::is_control);
    fits.then_some(name)
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

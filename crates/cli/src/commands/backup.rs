//! `peerdrive backup`.

use std::path::PathBuf;

use clap::Args;
use peerdrive_api::dto::{BackupRequest, TicketText};
use peerdrive_api::schema;

use super::passphrase::chosen;
use crate::context::{Context, absolute};
use crate::failure::Failure;
use crate::words::count;

/// Write a backup of who this device is, sealed under a passphrase
///
/// The passphrase is asked for, or read from standard input. With the backup, `peerdrive recover --backup`
/// makes a new machine this device again, in all its drives, with what it may do. It holds keys and no
/// files: those come from whoever else has the drives. A device that was stolen is still one of yours
/// after that: take it out, or come back with the recovery phrase instead, which ends it.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The file to make
    #[arg(long, value_name = "FILE", default_value = "peerdrive.backup", value_hint = clap::ValueHint::FilePath)]
    out: PathBuf,
}

impl Backup {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let request = BackupRequest {
            out: absolute(&self.out)?,
            passphrase: TicketText(chosen("A passphrase for the backup:")?),
        };
        let reply = context.call::<schema::Backup>(&request)?;
        context.out.answer(&reply, |reply| {
            format!(
                "{}  {}\n",
                reply.path.display(),
                count(reply.drives, "drive", "drives")
            )
        })?;
        context
            .out
            .say("Keep it on another machine. Without the passphrase it is of no use to anyone.");
        Ok(())
    }
}

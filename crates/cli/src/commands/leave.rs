//! `peerdrive leave`.

use clap::Args;
use peerdrive_api::dto::{LeaveReply, LeaveRequest};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::words::plain;

/// Give a drive up on this device; its folder stays, as a plain folder
///
/// Other devices keep it and still list this one; an admin takes it out with `peerdrive revoke`. What only
/// this drive needed of the stores here is freed within hours.
#[derive(Debug, Args)]
pub(crate) struct Leave {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
    /// Leave although no connected device has everything that this one has
    #[arg(long)]
    force: bool,
}

impl Leave {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let reply = context.call::<schema::Leave>(&LeaveRequest {
            drive: self.drive,
            force: self.force,
        })?;
        context.out.answer(&reply, text)?;
        Ok(())
    }
}

fn text(reply: &LeaveReply) -> String {
    let name = match reply.name.as_str() {
        "" => reply.drive.clone(),
        name => plain(name),
    };
    let folder = reply.folder.as_ref();
    let stays = folder.map(|folder| {
        let folder = plain(&folder.display().to_string());
        format!(" {folder} is a plain folder now.")
    });
    format!(
        "{name} is no longer on this device.{}\n",
        stays.unwrap_or_default()
    )
}

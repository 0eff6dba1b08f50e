//! `peerdrive deletions`.

use clap::Args;
use peerdrive_api::dto::{DeletionsAnswer, DeletionsReply, DeletionsRequest};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;

/// Confirm or undo a deletion of most of a drive
///
/// When more than half of a drive of over 100 files is deleted in its folder, nothing is deleted for
/// the others before you say so. Without an option, tells how much waits.
#[derive(Debug, Args)]
pub(crate) struct Deletions {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
    /// Delete for everybody what was deleted in the folder
    #[arg(long, conflicts_with = "undo")]
    confirm: bool,
    /// Write everything out again that was deleted in the folder
    #[arg(long)]
    undo: bool,
}

impl Deletions {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let answer = if self.confirm {
            Some(DeletionsAnswer::Confirm)
        } else if self.undo {
            Some(DeletionsAnswer::Undo)
        } else {
            None
        };
        let drive = self.drive;
        let reply = context.call::<schema::Deletions>(&DeletionsRequest { drive, answer })?;
        context.out.answer(&reply, text)?;
        if reply.waiting > 0 {
            context.out.say(
                "Nothing is deleted for the others yet: answer with --confirm, or --undo to have everything back.",
            );
        }
        Ok(())
    }
}

fn text(reply: &DeletionsReply) -> String {
    match reply.waiting {
        0 => "No deletion waits.\n".to_owned(),
        1 => "1 deletion waits.\n".to_owned(),
        many => format!("{many} deletions wait.\n"),
    }
}

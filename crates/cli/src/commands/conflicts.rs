//! `peerdrive conflicts`.

use clap::Args;
use peerdrive_api::dto::{ConflictsReply, ConflictsRequest};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::words::plain;

/// List what was changed in two ways at once, and how it was settled
///
/// Nothing is lost in any of these; the text says where everything is, and how to end the case.
#[derive(Debug, Args)]
pub(crate) struct Conflicts {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
}

impl Conflicts {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let reply = context.call::<schema::Conflicts>(&ConflictsRequest { drive: self.drive })?;
        context.out.answer(&reply, text)?;
        if reply.conflicts.is_empty() {
            context.out.say("No conflicts.");
        }
        Ok(())
    }
}

fn text(reply: &ConflictsReply) -> String {
    reply
        .conflicts
        .iter()
        .map(|conflict| format!("{}\n", plain(&conflict.reason)))
        .collect()
}

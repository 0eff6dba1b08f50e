//! `peerdrive pause`.

use clap::Args;
use peerdrive_api::dto::{PauseReply, PauseRequest};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::words::plain;

/// Stop sending, receiving and writing of a drive on this device
///
/// Other devices go on without it. What is here can still be read and, on a mount, changed.
#[derive(Debug, Args)]
pub(crate) struct Pause {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
}

impl Pause {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let reply = context.call::<schema::Pause>(&PauseRequest { drive: self.drive })?;
        context.out.answer(&reply, text)?;
        Ok(())
    }
}

fn text(reply: &PauseReply) -> String {
    let state = if reply.paused {
        "paused"
    } else {
        "under way again"
    };
    format!("{} is {state}.\n", plain(&reply.name))
}

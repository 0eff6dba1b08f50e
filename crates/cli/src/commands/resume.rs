//! `peerdrive resume`.

use clap::Args;
use peerdrive_api::dto::{PauseReply, PauseRequest};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::words::plain;

/// Go on with a paused drive
#[derive(Debug, Args)]
pub(crate) struct Resume {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
}

impl Resume {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let reply = context.call::<schema::Resume>(&PauseRequest { drive: self.drive })?;
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

//! `peerdrive evict`.

use clap::Args;
use peerdrive_api::dto::{EvictReply, EvictRequest};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::progress::bytes;

/// Free the space that a file or folder takes in this device's cache
///
/// Only what the folder on this disk or another connected device holds as well is let go of. Files in a
/// folder stay; on a mount they are fetched again when they are read.
#[derive(Debug, Args)]
pub(crate) struct Evict {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
    /// The file or folder in the drive [default: the whole drive]
    #[arg(value_name = "PATH", default_value = "")]
    path: String,
}

impl Evict {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let reply = context.call::<schema::Evict>(&EvictRequest {
            drive: self.drive,
            path: self.path,
        })?;
        context.out.answer(&reply, text)?;
        Ok(())
    }
}

fn text(reply: &EvictReply) -> String {
    let mut text = format!("{} let go of.\n", bytes(reply.bytes));
    if reply.only_here > 0 {
        text += &format!(
            "{} stay: no other connected device keeps them.\n",
            bytes(reply.only_here)
        );
    }
    text
}

//! `peerdrive pin`.

use clap::Args;
use peerdrive_api::dto::{PinReply, PinRequest};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::words::{count, plain};

/// Keep a file or folder of a drive on this device
///
/// What is pinned is fetched now and whenever it changes, and the cache never lets go of it.
#[derive(Debug, Args)]
pub(crate) struct Pin {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
    /// The file or folder in the drive [default: the whole drive]
    #[arg(value_name = "PATH", default_value = "")]
    path: String,
}

impl Pin {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let reply = context.call::<schema::Pin>(&PinRequest {
            drive: self.drive,
            path: self.path,
        })?;
        context.out.answer(&reply, text)?;
        Ok(())
    }
}

fn text(reply: &PinReply) -> String {
    let path = if reply.path.is_empty() {
        "/"
    } else {
        &reply.path
    };
    let state = if reply.pinned { "pinned" } else { "not pinned" };
    let files = count(reply.files, "file", "files");
    format!(
        "{} is {state}: {} of {files} on this device\n",
        plain(path),
        reply.files_here
    )
}

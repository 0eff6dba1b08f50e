//! `peerdrive tree`.

use clap::Args;
use peerdrive_api::dto::TreeRequest;
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::words::plain;

/// List everything in a drive
///
/// With --json, the last line is a hash over the listing: equal on two devices exactly when they show
/// the same.
#[derive(Debug, Args)]
pub(crate) struct Tree {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
    /// List only what is at and below this path of the drive
    #[arg(value_name = "PATH")]
    path: Option<String>,
}

impl Tree {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let out = &context.out;
        let request = TreeRequest {
            drive: self.drive,
            path: self.path,
        };
        let end = context.stream::<schema::Tree>(&request, |line| {
            if out.json() {
                out.object(&line)?;
            } else {
                let mark = if line.kind == "folder" { "/" } else { "" };
                // Names go to a terminal without what it would obey, and into a pipe as they are.
                let path = if out.is_read() {
                    plain(&line.path)
                } else {
                    line.path
                };
                out.line(format_args!("{path}{mark}"))?;
            }
            Ok(())
        })?;
        if out.json() {
            out.object(&end)?;
        }
        Ok(out.flush()?)
    }
}

//! `peerdrive mount`.

use std::path::PathBuf;

use clap::Args;
use peerdrive_api::dto::MountRequest;
use peerdrive_api::schema;

use crate::context::{Context, absolute};
use crate::failure::Failure;
use crate::words::plain;

/// Show a drive as a file system on an empty folder
///
/// The mount comes back by itself when the daemon starts again, until `peerdrive unmount`.
#[derive(Debug, Args)]
pub(crate) struct Mount {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
    /// The empty folder
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    dir: PathBuf,
}

impl Mount {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let request = MountRequest {
            drive: self.drive,
            path: absolute(&self.dir)?,
        };
        let drive = context.call::<schema::Mount>(&request)?;
        context.out.answer(&drive, |d| {
            format!("{}  {}  {}\n", plain(&d.name), d.drive, d.path.display())
        })?;
        Ok(())
    }
}

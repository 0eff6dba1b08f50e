//! `peerdrive unmount`.

use std::path::PathBuf;

use clap::Args;
use peerdrive_api::dto::UnmountRequest;
use peerdrive_api::schema;

use crate::context::{Context, absolute};
use crate::failure::Failure;

/// Take a mount away; the drive stays joined
#[derive(Debug, Args)]
pub(crate) struct Unmount {
    /// The folder it is mounted on
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    dir: PathBuf,
}

impl Unmount {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let gone = context.call::<schema::Unmount>(&UnmountRequest {
            path: absolute(&self.dir)?,
        })?;
        context
            .out
            .answer(&gone, |gone| format!("{}\n", gone.path.display()))?;
        Ok(())
    }
}

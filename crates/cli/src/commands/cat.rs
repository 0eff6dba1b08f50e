//! `peerdrive cat`.

use clap::Args;
use data_encoding::BASE64;
use peerdrive_api::dto::CatRequest;
use peerdrive_api::error::{ApiError, Code};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;

/// Print a file of a drive, fetching it if need be
#[derive(Debug, Args)]
pub(crate) struct Cat {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
    /// The file's path in the drive
    #[arg(value_name = "PATH")]
    path: String,
}

impl Cat {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let out = &context.out;
        context.stream::<schema::Cat>(
            &CatRequest {
                drive: self.drive,
                path: self.path,
            },
            |chunk| {
                let bytes = BASE64.decode(chunk.data.as_bytes()).map_err(|e| {
                    ApiError::new(
                        Code::DaemonUnavailable,
                        format!("the daemon's answer is garbled: {e}"),
                    )
                })?;
                Ok(out.bytes(&bytes)?)
            },
        )?;
        Ok(out.flush()?)
    }
}

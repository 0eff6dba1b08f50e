//! `peerdrive stop`.

use std::time::{Duration, Instant};

use clap::Args;
use peerdrive_api::client::Client;
use peerdrive_api::dto::StopRequest;
use peerdrive_api::error::{ApiError, Code};
use peerdrive_api::rendezvous::Found;
use peerdrive_api::schema;
use serde_json::json;

use crate::context::{Context, block_on};
use crate::daemon::start::look;
use crate::failure::Failure;

/// A drive is given 20 s for its last write; a device has a few of them at most.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// End the daemon in order: mounts are unmounted, and everything is on disk
#[derive(Debug, Args)]
pub(crate) struct Stop {}

impl Stop {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let stopped = block_on(stop(&context))??;
        context
            .out
            .answer(&json!({ "stopped": stopped }), |_| String::new())?;
        context.out.say(if stopped {
            "The daemon has ended."
        } else {
            "No daemon is running."
        });
        Ok(())
    }
}

/// Whether there was one. Returns when its data directory is free.
async fn stop(context: &Context) -> Result<bool, Failure> {
    let begun = Instant::now();
    let (mut asked, mut seen) = (false, false);
    while begun.elapsed() < PATIENCE {
        match look(&context.data_dir)? {
            Found::Nobody => return Ok(seen),
            Found::Daemon(daemon) if !asked => {
                match Client::new(&daemon)
                    .call::<schema::Stop>(&StopRequest {})
                    .await
                {
                    Ok(_) => asked = true,
                    // It may be ending by itself; what counts is whether it is gone.
                    Err(error) if error.code == Code::DaemonUnavailable => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Found::Daemon(_) | Found::Starting => {}
        }
        seen = true;
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let error = ApiError::new(
        Code::TimedOut,
        "the daemon was asked to end but is still busy",
    );
    Err(error.hint("it ends by itself when its last write is done; daemon.log of the data directory says more").into())
}

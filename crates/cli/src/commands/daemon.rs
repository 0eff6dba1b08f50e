//! `peerdrive daemon`.

use clap::Args;

use crate::context::Context;
use crate::daemon;
use crate::failure::Failure;

/// Run the daemon in the foreground, until Ctrl-C or `peerdrive stop`
///
/// Not needed by hand: commands start it in the background. For service managers.
#[derive(Debug, Args)]
pub(crate) struct Daemon {
    /// Started by another command, which waits for one line about how it went
    #[arg(long, hide = true)]
    detached: bool,
}

impl Daemon {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        daemon::run(context, self.detached)
    }
}

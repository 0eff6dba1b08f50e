//! `peerdrive daemon`.

use clap::Args;

use crate::context::Context;
use crate::daemon;
use crate::failure::Failure;
use crate::secret;

/// Run the daemon in the foreground, until Ctrl-C or `peerdrive stop`
///
/// Not needed by hand: commands start it in the background. For service managers.
#[derive(Debug, Args)]
pub(crate) struct Daemon {
    /// Started by another command, which waits for one line about how it went
    #[arg(long, hide = true)]
    detached: bool,
    /// The passphrase of this device's key comes on standard input
    #[arg(long, hide = true)]
    passphrase_stdin: bool,
}

impl Daemon {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let passphrase = if self.passphrase_stdin {
            Some(secret::ask("The passphrase of this device:")?)
        } else {
            context.unlock.passphrase(&context.data_dir)?
        };
        daemon::run(context, self.detached, passphrase)
    }
}

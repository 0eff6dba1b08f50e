//! What can be typed. The doc comments here and on the commands are the help texts.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands;
use crate::context::Context;
use crate::failure::Failure;

/// A folder that several people hold at once, encrypted, without a server.
///
/// Share a folder, invite others, and everyone who joins keeps it as a folder or mounts it. Commands
/// start the background daemon by themselves.
#[derive(Debug, Parser)]
#[command(
    name = "peerdrive",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Options {
    /// Where everything this device is lives [default: the platform's place for an application's data]
    #[arg(long, global = true, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(crate) data_dir: Option<PathBuf>,
    /// Print JSON: one object, or one line for each thing; errors on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Neither search for devices nor be found, on the local network or beyond it
    #[arg(long, global = true)]
    pub(crate) no_discovery: bool,
    /// Reach others through this relay instead of the public ones
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) relay: Option<String>,
    /// Read the passphrase that this device's key is sealed under from this file, if a daemon is started
    #[arg(long, global = true, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Listen for other devices on this address
    #[arg(long, global = true, value_name = "ADDR")]
    pub(crate) bind: Option<SocketAddr>,
}

macro_rules! subcommands {
    ($($module:ident::$name:ident),+ $(,)?) => {
        /// The commands, each in a file of its own.
        #[derive(Debug, Subcommand)]
        pub(crate) enum Command {
            $($name(commands::$module::$name),)+
        }

        impl Command {
            /// Runs it to its end.
            pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
                match self {
                    $(Command::$name(command) => command.run(context),)+
                }
            }
        }
    };
}

subcommands! {
    share::Share,
    invite::Invite,
    invites::Invites,
    join::Join,
    leave::Leave,
    devices::Devices,
    phrase::Phrase,
    audit::Audit,
    backup::Backup,
    recover::Recover,
    lease::Lease,
    leases::Leases,
    replica::Replica,
    members::Members,
    role::Role,
    revoke::Revoke,
    review::Review,
    passphrase::Passphrase,
    mount::Mount,
    unmount::Unmount,
    status::Status,
    peers::Peers,
    who::Who,
    activity::Activity,
    conflicts::Conflicts,
    deletions::Deletions,
    tree::Tree,
    ls::Ls,
    cat::Cat,
    history::History,
    restore::Restore,
    trash::Trash,
    pin::Pin,
    unpin::Unpin,
    evict::Evict,
    config::Config,
    collect::Collect,
    limit::Limit,
    pause::Pause,
    resume::Resume,
    wait::Wait,
    ui::Ui,
    stop::Stop,
    daemon::Daemon,
    completions::Completions,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_or_after_the_command() -> Result<(), clap::Error> {
        for words in [
            ["peerdrive", "--json", "stop"],
            ["peerdrive", "stop", "--json"],
        ] {
            assert!(Cli::try_parse_from(words)?.options.json);
        }
        Ok(())
    }

    #[test]
    fn every_command_and_every_option_has_a_help_text() {
        for command in Cli::command().get_subcommands() {
            assert!(
                command.get_about().is_some(),
                "{} has none",
                command.get_name()
            );
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} {} has none",
                    command.get_name(),
                    argument.get_id()
                );
            }
        }
    }
}

//! The `peerdrive` command line and its daemon. It knows how commands are typed and their answers
//! printed; what they mean is in `peerdrive-api`, and nothing here touches a drive except the daemon,
//! which holds the engine and serves the commands.

mod args;
mod commands;
mod context;
mod daemon;
mod failure;
mod output;
mod progress;
mod secret;
mod unlock;
pub mod window;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use args::Cli;
use context::Context;
use failure::Failure;

/// Runs one command line to its end. The exit code: 0 done, 1 failed, 2 wrong usage, 3 not found,
/// 4 refused, 5 unavailable.
pub fn run(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    // A dump of this process would hold tickets and keys.
    let none = rustix::process::Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    rustix::process::setrlimit(rustix::process::Resource::Core, none).ok();

    let words: Vec<OsString> = words.into_iter().collect();
    let (json, done) = match Cli::try_parse_from(&words) {
        Ok(cli) => (
            cli.options.json,
            Context::new(cli.options).and_then(|context| cli.command.run(context)),
        ),
        Err(usage) => (
            words.iter().any(|word| word == "--json"),
            Err(Failure::Usage(usage)),
        ),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(json),
    }
}

//! How a command ends badly: what is printed about it, and the exit code. Knows no command.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::error::ErrorKind;
use peerdrive_api::error::{ApiError, Code};
use serde_json::json;

/// Why a command did not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The words make no command; or they ask for help, which is no failure.
    #[error(transparent)]
    Usage(clap::Error),
    /// The command was refused or did not work.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// Standard output cannot be written.
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// Tells on standard error, and yields the exit code.
    pub(crate) fn report(self, json: bool) -> ExitCode {
        match self {
            Failure::Usage(error) if !error.use_stderr() => {
                error.print().ok();
                ExitCode::SUCCESS
            }
            Failure::Usage(error) if !json => {
                error.print().ok();
                code(Code::BadRequest)
            }
            Failure::Usage(error) => tell(&of_usage(&error), json),
            Failure::Api(error) => tell(&error, json),
            // Whoever read the output wanted no more of it: `peerdrive tree Photos | head`.
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                ExitCode::SUCCESS
            }
            Failure::Output(error) => tell(&of_output(&error), json),
        }
    }
}

/// The shape in which errors are promised to scripts.
pub(crate) fn as_json(error: &ApiError) -> serde_json::Value {
    json!({ "error": { "code": error.code, "message": error.message, "hint": error.hint } })
}

fn tell(error: &ApiError, json: bool) -> ExitCode {
    let mut to = io::stderr().lock();
    if json {
        writeln!(to, "{}", as_json(error)).ok();
    } else {
        writeln!(to, "peerdrive: {}", error.message).ok();
        if let Some(hint) = &error.hint {
            writeln!(to, "  {hint}").ok();
        }
    }
    code(error.code)
}

fn code(code: Code) -> ExitCode {
    ExitCode::from(code.exit().code())
}

fn of_output(error: &io::Error) -> ApiError {
    let code = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::DiskFull,
        _ => Code::Io,
    };
    ApiError::new(code, format!("cannot write the answer: {error}"))
        .hint("check where standard output goes")
}

/// Clap's first paragraph is what happened; its usage lines and tips are for people at a terminal.
fn of_usage(error: &clap::Error) -> ApiError {
    let text = error.render().to_string();
    let message = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "no command is given",
        _ => text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: "),
    };
    ApiError::new(Code::BadRequest, message)
        .hint("`peerdrive --help` lists the commands, `peerdrive COMMAND --help` explains one")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn wrong_words_are_named_in_one_line() {
        for (words, about) in [
            (vec!["peerdrive", "no-such-command"], "no-such-command"),
            (vec!["peerdrive", "invite", "D", "--role", "king"], "king"),
            (vec!["peerdrive", "--bind", "nowhere", "status"], "nowhere"),
            (vec!["peerdrive"], "no command"),
        ] {
            let error = Cli::try_parse_from(&words).err().map(|e| of_usage(&e));
            let error = error.map(|e| (e.message.contains(about) && !e.message.contains('\n'), e));
            assert!(
                matches!(&error, Some((true, e)) if e.code == Code::BadRequest),
                "{words:?}: {error:?}"
            );
        }
    }
}

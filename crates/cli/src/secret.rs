//! Reading what nobody else may see: from standard input, never from the command line. Knows no command.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::process::{Command, Stdio};

use peerdrive_api::error::{ApiError, Code};

use crate::failure::Failure;

/// Longest secret that is read.
const MOST: u64 = 16 * 1024;

/// Asks for a secret: with `question` and without showing what is typed if a person is at the keyboard,
/// else everything on standard input. White space around it does not count.
pub(crate) fn ask(question: &str) -> Result<String, Failure> {
    let stdin = io::stdin();
    let text = if stdin.is_terminal() {
        typed(question)
    } else {
        let mut text = String::new();
        stdin
            .lock()
            .take(MOST)
            .read_to_string(&mut text)
            .map(|_| text)
    };
    let text = text.map_err(|e| {
        ApiError::new(
            Code::BadRequest,
            format!("nothing could be read from standard input: {e}"),
        )
        .hint("type it at a terminal, or pipe it into the command")
    })?;
    let text = text.trim();
    if text.is_empty() {
        return Err(
            ApiError::new(Code::BadRequest, "nothing was given on standard input")
                .hint("type it at a terminal, or pipe it into the command")
                .into(),
        );
    }
    Ok(text.to_owned())
}

/// Whether a person types what [`ask`] asks for.
pub(crate) fn is_typed() -> bool {
    io::stdin().is_terminal()
}

fn typed(question: &str) -> io::Result<String> {
    write!(io::stderr().lock(), "{question} ")?;
    let hidden = Hidden::begin();
    let mut line = String::new();
    let read = io::stdin().lock().take(MOST).read_line(&mut line);
    drop(hidden);
    writeln!(io::stderr().lock())?;
    read.map(|_| line)
}

/// While it lives, the terminal does not show what is typed.
struct Hidden;

impl Hidden {
    fn begin() -> Self {
        stty("-echo");
        Hidden
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        stty("echo");
    }
}

/// Where there is no `stty`, what is typed is seen: that is no reason to refuse it.
fn stty(word: &str) {
    Command::new("stty")
        .arg(word)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok();
}

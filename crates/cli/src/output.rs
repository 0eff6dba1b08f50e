//! Where answers go: data to standard output, everything said to a person to standard error. Knows no
//! command.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write as _};

use serde::Serialize;

/// The two streams of one run.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    data: RefCell<BufWriter<Stdout>>,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            data: RefCell::new(BufWriter::with_capacity(64 * 1024, io::stdout())),
        }
    }

    /// Whether answers are JSON.
    pub(crate) fn json(&self) -> bool {
        self.json
    }

    /// Whether a person watches standard error.
    pub(crate) fn is_watched(&self) -> bool {
        !self.json && io::stderr().is_terminal()
    }

    /// Whether a person reads standard output.
    pub(crate) fn is_read(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// The answer: JSON if that was asked for, else what `text` makes of it.
    pub(crate) fn answer<T: Serialize>(
        &self,
        answer: &T,
        text: impl FnOnce(&T) -> String,
    ) -> io::Result<()> {
        if self.json {
            self.object(answer)?;
        } else {
            self.bytes(text(answer).as_bytes())?;
        }
        self.flush()
    }

    /// One line of JSON.
    pub(crate) fn object<T: Serialize>(&self, object: &T) -> io::Result<()> {
        let mut data = self.data.borrow_mut();
        serde_json::to_writer(&mut *data, object).map_err(|e| match e.io_error_kind() {
            Some(kind) => io::Error::from(kind),
            None => io::Error::other(e),
        })?;
        data.write_all(b"\n")
    }

    /// Bytes as they are.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> io::Result<()> {
        self.data.borrow_mut().write_all(bytes)
    }

    /// A line of text.
    pub(crate) fn line(&self, line: fmt::Arguments<'_>) -> io::Result<()> {
        writeln!(self.data.borrow_mut(), "{line}")
    }

    /// Hands on what has been written.
    pub(crate) fn flush(&self) -> io::Result<()> {
        self.data.borrow_mut().flush()
    }

    /// News while the answer is still to come, on standard error: JSON if that was asked for.
    pub(crate) fn aside<T: Serialize>(&self, news: &T, text: impl FnOnce(&T) -> String) {
        let line = if self.json {
            serde_json::to_string(news).unwrap_or_default()
        } else {
            text(news)
        };
        writeln!(io::stderr().lock(), "{line}").ok();
    }

    /// Says something to the person, if the answer is not for a program.
    pub(crate) fn say(&self, words: &str) {
        if !self.json {
            writeln!(io::stderr().lock(), "{words}").ok();
        }
    }
}

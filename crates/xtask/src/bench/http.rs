//! The least of HTTP: one request over a socket of this machine for a JSON answer. Knows nothing of who
//! answers, or in which network.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// An answer may have this many bytes.
const LARGEST: u64 = 4 << 20;

/// Somebody who answers at a socket to whoever has the key.
#[derive(Clone, Debug)]
pub(crate) struct Interface {
    pub(crate) socket: PathBuf,
    pub(crate) key: &'static str,
}

impl Interface {
    /// Asks for something.
    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        self.ask("GET", path, "")
    }

    /// Has something done.
    pub(crate) fn post(&self, path: &str) -> Result<Value> {
        self.ask("POST", path, "")
    }

    /// Changes something.
    pub(crate) fn patch(&self, path: &str, change: &Value) -> Result<Value> {
        self.ask("PATCH", path, &change.to_string())
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Result<Value> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        // 1.0, so that the answer ends with the connection and comes in one piece.
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: localhost\r\nX-API-Key: {}\r\nContent-Length: {}\r\n\r\n{body}",
            self.key,
            body.len()
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.take(LARGEST).read_to_end(&mut answer)?;
        answered(&String::from_utf8_lossy(&answer)).with_context(|| format!("{method} {path}"))
    }
}

/// The JSON of an answer that says yes; nothing is `null`.
fn answered(text: &str) -> Result<Value> {
    let (head, body) = text.split_once("\r\n\r\n").context("not an HTTP answer")?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    ensure!(status == "200", "status {status}: {}", body.trim());
    match body.trim() {
        "" => Ok(Value::Null),
        body => Ok(serde_json::from_str(body)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yes_may_be_without_words_and_a_no_tells_its_own() -> Result<()> {
        assert_eq!(
            answered("HTTP/1.0 200 OK\r\nA: b\r\n\r\n{\"a\":1}")?["a"],
            1
        );
        assert!(answered("HTTP/1.0 200 OK\r\n\r\n")?.is_null());
        let no = answered("HTTP/1.0 404 Not Found\r\n\r\nno such folder\n");
        let words = no.map_or_else(|error| error.to_string(), |value| value.to_string());
        assert_eq!(words, "status 404: no such folder");
        Ok(())
    }
}

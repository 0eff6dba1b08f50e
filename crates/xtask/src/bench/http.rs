//! The least of HTTP: one GET over loopback for a JSON answer. Knows nothing of who answers.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// An answer may have this many bytes.
const LARGEST: u64 = 4 << 20;

/// Asks `path` on a loopback port, with an API key.
pub(crate) fn get(port: u16, path: &str, key: &str) -> Result<serde_json::Value> {
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&at, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    // 1.0, so that the answer ends with the connection and comes in one piece.
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\nX-API-Key: {key}\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(LARGEST).read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").context("not an HTTP answer")?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    ensure!(status == "200", "{path}: status {status}");
    Ok(serde_json::from_str(body)?)
}

//! The daemon itself.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// How a daemon reaches the network: fixed when it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Settings {
    /// The address its peers' connections come in on, if not any free one.
    pub bind: Option<SocketAddr>,
    /// The relay it uses instead of the public ones.
    pub relay: Option<String>,
    /// Whether it finds and is found by peers without being told addresses.
    pub discovery: bool,
}

/// Ends the daemon in order: mounts unmounted, everything durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StopRequest {}

/// The daemon is about to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StopReply {
    /// Process id of the daemon that ends.
    pub pid: u32,
}

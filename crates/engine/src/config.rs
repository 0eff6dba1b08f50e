//! How an engine is set up, resolved: no defaults are looked up later.

use std::net::SocketAddr;
use std::path::PathBuf;

/// What an [`crate::Engine`] is opened with.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Everything this device is lives here.
    pub data_dir: PathBuf,
    /// What others see this device called, at most 64 bytes of it.
    pub device_name: String,
    /// The UDP address to listen on; `None` for all interfaces. Port 0 means the port of the last run.
    pub bind: Option<SocketAddr>,
    /// Whether to be found, and find others, through public discovery, relays and the local network.
    pub discovery: bool,
    /// A relay of one's own, as a URL.
    pub relay: Option<String>,
}

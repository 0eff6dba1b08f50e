//! How fast, and whether at all.

use serde::{Deserialize, Serialize};

use super::Progress;

/// Reads or sets how fast contents may pass, for this device; what is absent stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LimitRequest {
    /// Bytes a second that are sent at most; 0 for no limit.
    pub up: Option<u64>,
    /// Bytes a second that are received at most; 0 for no limit.
    pub down: Option<u64>,
}

/// How fast contents may pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LimitReply {
    /// Bytes a second that are sent at most; absent for no limit.
    pub up: Option<u64>,
    /// Bytes a second that are received at most; absent for no limit.
    pub down: Option<u64>,
}

/// Pauses a drive on this device, or goes on with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PauseRequest {
    /// Id or unique name.
    pub drive: String,
}

/// Whether a drive is paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PauseReply {
    /// The drive's id.
    pub drive: String,
    /// Its name.
    pub name: String,
    /// Whether it is paused now.
    pub paused: bool,
}

/// Work that is under way, and how fast it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Work {
    /// How far it is.
    pub progress: Progress,
    /// Bytes a second, of late.
    pub rate: u64,
    /// Seconds that the rest takes at this rate; absent while nothing moves.
    pub left: Option<u64>,
}

//! What removed devices wrote too late to count.

use serde::{Deserialize, Serialize};

/// Asks what waits to be reviewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ReviewRequest {
    /// Id or unique name.
    pub drive: String,
}

/// What one removed device wrote that nobody's tree shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ReviewLine {
    /// The device.
    pub device: String,
    /// Whose it was.
    pub member: Option<String>,
    /// What it, or else its member, was called.
    pub name: Option<String>,
    /// How many changes wait.
    pub entries: u64,
    /// Paths that would appear, go or change: some of them, where they are many.
    pub paths: Vec<String>,
}

/// All was listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ReviewReply {
    /// The drive's id.
    pub drive: String,
}

/// Lets the late work of a device count, or sets it aside on this device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DecideReviewRequest {
    /// Id or unique name.
    pub drive: String,
    /// The device: id, unique beginning of an id, or unique name.
    pub device: String,
    /// Whether it is to count.
    pub accept: bool,
}

/// It was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DecideReviewReply {
    /// The device.
    pub device: String,
    /// How many changes waited.
    pub entries: u64,
    /// Whether they count now.
    pub accepted: bool,
}

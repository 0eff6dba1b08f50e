//! What is going on, in short: drives, transfers, problems, activity.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{BrokenDrive, Change, Problem, Role, Who};

/// Asks for the drives of this device, without anything that costs by their size.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DrivesRequest {}

/// The drives of this device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DrivesReply {
    /// The version of the daemon.
    pub version: String,
    /// This device's id.
    pub device: String,
    /// In the order of their names.
    pub drives: Vec<DriveCard>,
    /// Drives that cannot be opened.
    pub broken: Vec<BrokenDrive>,
}

/// A drive in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DriveCard {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What this device's member may do; absent once it was removed.
    pub role: Option<Role>,
    /// The folder it is kept as, if it is.
    pub folder: Option<PathBuf>,
    /// Where it is mounted.
    pub mounts: Vec<PathBuf>,
    /// Files in it.
    pub files: u64,
    /// Folders in it.
    pub folders: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Changes of this device that have not been taken in, or not sent to a connected peer.
    pub pending_up: u64,
    /// Changes of others that are not here yet.
    pub pending_down: u64,
    /// How many things wait: `problems` says which.
    pub problems: u32,
    /// How many conflicts await a choice.
    pub conflicts: u32,
    /// Other devices known.
    pub peers: u32,
    /// Those that are connected now.
    pub connected: u32,
}

/// Asks what waits, in one drive or in all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ProblemsRequest {
    /// Id or unique name; all drives unless given.
    #[serde(default)]
    #[cfg_attr(test, ts(optional = nullable))]
    pub drive: Option<String>,
}

/// What waits, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ProblemsReply {
    /// Each drive that has any.
    pub drives: Vec<DriveProblems>,
}

/// What waits in one drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DriveProblems {
    /// The drive's id.
    pub drive: String,
    /// Its name.
    pub name: String,
    /// How many there are.
    pub total: u32,
    /// The first hundred.
    pub problems: Vec<Problem>,
}

/// Asks what is being moved, in one drive or in all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TransfersRequest {
    /// Id or unique name; all drives unless given.
    #[serde(default)]
    #[cfg_attr(test, ts(optional = nullable))]
    pub drive: Option<String>,
}

/// What is being moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TransfersReply {
    /// One for each drive and direction under way.
    pub transfers: Vec<Transfer>,
}

/// Bytes on their way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Transfer {
    /// The drive's id.
    pub drive: String,
    /// Which way.
    pub way: Way,
    /// Files done.
    pub files: u64,
    /// Files in all, as far as known.
    pub files_total: u64,
    /// Bytes done.
    pub bytes: u64,
    /// Bytes in all, as far as known.
    pub bytes_total: u64,
    /// Bytes a second, lately.
    pub rate: u64,
    /// Milliseconds left at this rate; absent while nothing moves.
    pub left: Option<u64>,
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// From the folder into the drive.
    Import,
    /// From the drive, where needed from other devices, into the folder.
    Checkout,
}

/// Asks who did what lately. It is known since the daemon started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ActivityRequest {
    /// The drive's id or unique name.
    pub drive: String,
    /// Only what is before this number; the newest unless given.
    #[serde(default)]
    #[cfg_attr(test, ts(optional = nullable))]
    pub before: Option<u64>,
    /// Most wanted; more than 200 are given as 200.
    pub limit: u32,
}

/// Who did what lately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ActivityReply {
    /// The drive's id.
    pub drive: String,
    /// The newest first.
    pub items: Vec<Activity>,
    /// Whether there is more before the last of them.
    pub more: bool,
}

/// What one member did at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Activity {
    /// Its number: grows with time.
    pub number: u64,
    /// When this device heard of it.
    pub at: u64,
    /// Who.
    pub who: Who,
    /// What, at most 32 changes.
    pub changes: Vec<Change>,
    /// How many changes there were.
    pub count: u32,
}

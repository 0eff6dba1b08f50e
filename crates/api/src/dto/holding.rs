//! What this device keeps of a drive, and for how long.

use serde::{Deserialize, Serialize};

/// Keeps everything at and below a path on this device, or no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PinRequest {
    /// Id or unique name.
    pub drive: String,
    /// The file or folder; the whole drive if empty.
    pub path: String,
}

/// The pin is set or gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PinReply {
    /// The path in the drive.
    pub path: String,
    /// Whether it is pinned now.
    pub pinned: bool,
    /// Files at and below it.
    pub files: u64,
    /// How many of them can be read without another device.
    pub files_here: u64,
}

/// Lets go of the cached bytes of everything at and below a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct EvictRequest {
    /// Id or unique name.
    pub drive: String,
    /// The file or folder; the whole drive if empty.
    pub path: String,
}

/// What was let go of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct EvictReply {
    /// Parts of files.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that stay, since no other device that is connected keeps them.
    pub only_here: u64,
}

/// Reads, or changes, what this device keeps of a drive; what is absent stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ConfigRequest {
    /// Id or unique name.
    pub drive: String,
    /// Bytes that the cache may take; 0 for the larger of 1 GiB and 5 % of the drive.
    pub cache: Option<u64>,
    /// Days for which what was replaced or deleted is kept.
    pub keep_days: Option<u32>,
    /// Versions of a file that are kept however old they are.
    pub keep_versions: Option<u32>,
    /// Patterns in gitignore syntax to add to those that the folder here leaves alone.
    pub ignore: Option<Vec<String>>,
    /// Patterns to strike from them.
    pub no_ignore: Option<Vec<String>>,
    /// Whether symlinks of others that lead out of the folder are made in it.
    pub outside_links: Option<bool>,
}

/// What this device keeps of a drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ConfigReply {
    /// Bytes that the cache may take.
    pub cache: u64,
    /// Whether that follows from the size of the drive.
    pub cache_by_size: bool,
    /// Days for which what was replaced or deleted is kept.
    pub keep_days: u32,
    /// Versions of a file that are kept however old they are.
    pub keep_versions: u32,
    /// Patterns in gitignore syntax that the folder here leaves alone.
    pub ignore: Vec<String>,
    /// Whether symlinks of others that lead out of the folder are made in it.
    pub outside_links: bool,
}

/// Removes from this device what no drive needs any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CollectRequest {}

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CollectReply {
    /// Parts of files that are gone.
    pub blobs: u64,
    /// Bytes that the disk has more.
    pub bytes: u64,
    /// Parts of files that are left.
    pub left: u64,
}

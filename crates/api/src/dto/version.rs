//! Earlier versions, the trash, and bringing either back.

use serde::{Deserialize, Serialize};

use super::Problem;

/// Asks for every version of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct HistoryRequest {
    /// Id or unique name.
    pub drive: String,
    /// The file's path, now or when it was deleted.
    pub path: String,
}

/// One version of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Version {
    /// Its name, as `restore` takes it.
    pub version: String,
    /// When it was written, by its author's clock.
    pub time: u64,
    /// Whose device wrote it, if known.
    pub by: Option<String>,
    /// Which device.
    pub device: String,
    /// Bytes.
    pub size: u64,
    /// Whether it is what the file holds now.
    pub current: bool,
    /// Whether all its bytes are on this device.
    pub here: bool,
    /// How many of the devices that are connected now hold all its bytes.
    pub peers: u64,
    /// What tells its bytes from any other's.
    pub hash: Option<String>,
}

/// All versions are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct HistoryReply {
    /// How many there are.
    pub versions: u64,
}

/// Brings back an earlier version of a file, or a subtree as it was at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RestoreRequest {
    /// Id or unique name.
    pub drive: String,
    /// What: a file with `version`, anything with `as_of`; the whole drive unless given.
    pub path: Option<String>,
    /// One of the versions that `history` lists.
    pub version: Option<String>,
    /// The time to go back to.
    pub as_of: Option<u64>,
    /// With `as_of`: move what was not there then to the trash.
    #[serde(default)]
    pub exact: bool,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RestoreReply {
    /// Files that hold an earlier version again.
    pub contents: u64,
    /// Files and folders that are back from the trash.
    pub undeleted: u64,
    /// Files and folders that are back where, or under the name that, they were.
    pub moved: u64,
    /// Files and folders that went to the trash.
    pub deleted: u64,
    /// What could not be restored.
    pub problems: Vec<Problem>,
}

/// Asks what is in the trash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TrashRequest {
    /// Id or unique name.
    pub drive: String,
}

/// Something in the trash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TrashLine {
    /// The path that it had.
    pub path: String,
    /// `file`, `folder` or `symlink`.
    pub kind: String,
    /// Bytes.
    pub size: u64,
    /// What tells it from others that had the same path.
    pub id: String,
    /// When it was deleted, by the deleter's clock; absent if the record does not tell.
    pub time: Option<u64>,
    /// Who deleted it, if known.
    pub by: Option<String>,
    /// On which device.
    pub device: Option<String>,
    /// Whether it was deleted so lately that this device keeps what it held. What is older may be gone for good.
    pub kept: bool,
}

/// The trash is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TrashReply {
    /// How many things are in it.
    pub entries: u64,
}

/// Takes something out of the trash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct UndeleteRequest {
    /// Id or unique name.
    pub drive: String,
    /// The path that it had, or its id.
    pub path: String,
}

/// It is back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct UndeleteReply {
    /// Where it shows now.
    pub path: String,
}

//! What a drive is, how it does, and who else has it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Role, Work};

/// A drive and where it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DriveRef {
    /// Its id.
    pub drive: String,
    /// Its name.
    pub name: String,
    /// The folder it is kept as or mounted on.
    pub path: PathBuf,
}

/// Asks how drives do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StatusRequest {
    /// Id or unique name; all drives unless given.
    pub drive: Option<String>,
    /// A path in that drive, to hear about it alone.
    pub path: Option<String>,
}

/// How drives do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StatusReply {
    /// In the order of their names.
    pub drives: Vec<DriveStatus>,
    /// Drives of this device that cannot be opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<BrokenDrive>,
}

/// A drive that cannot be opened; the others go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct BrokenDrive {
    /// Its id.
    pub id: String,
    /// Why, and what to do.
    pub reason: String,
}

/// How one drive does on this device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DriveStatus {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What this device's member may do; `None` once it was removed.
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
    /// Hash over the listing that `tree` gives.
    pub view_hash: String,
    /// Changes of this device that have not been taken in, or not sent to a connected peer.
    pub pending_up: u64,
    /// Changes of others that are not in the folder yet.
    pub pending_down: u64,
    /// Whether it is paused on this device.
    pub paused: bool,
    /// The reading or writing of its folder that is under way, if any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub work: Option<Work>,
    /// How much of the history of a drive that was just joined was judged so far, in hundredths; absent once
    /// all is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verified: Option<u8>,
    /// What waits, and why.
    pub problems: Vec<Problem>,
    /// The other devices.
    pub peers: Vec<Peer>,
    /// About the path that was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub path: Option<PathStatus>,
}

/// How one file or folder does on this device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PathStatus {
    /// Its path in the drive.
    pub path: String,
    /// `file`, `folder` or `symlink`.
    pub kind: String,
    /// Files in it, itself included.
    pub files: u64,
    /// How many of them can be read without another device.
    pub files_here: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// How many of those bytes belong to such files.
    pub bytes_here: u64,
    /// The least number of devices that are connected now, besides this one, that hold all bytes of a
    /// file of it: on so many more it is safe.
    pub peers: u64,
    /// Whether its bytes are kept on this device whatever the cache may take.
    pub pinned: bool,
}

/// Something that waits, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Problem {
    /// The path in the drive, if it is about one.
    pub path: Option<String>,
    /// Why it waits.
    pub reason: String,
    /// What to do.
    pub hint: String,
}

/// Another device that has the drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Peer {
    /// Its id.
    pub id: String,
    /// Whose it is, if known.
    pub member: Option<String>,
    /// Whether it is nobody's device but a storage peer, which cannot read what it keeps.
    #[serde(default)]
    pub store: bool,
    /// Whether there is a connection to it now.
    pub connected: bool,
    /// Whether it and this device hold the same.
    pub level: bool,
    /// When it was last connected.
    pub last_seen: Option<u64>,
}

/// Asks who else has a drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PeersRequest {
    /// Id or unique name.
    pub drive: String,
}

/// Who else has a drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PeersReply {
    /// The drive's id.
    pub drive: String,
    /// The other devices.
    pub peers: Vec<Peer>,
}

/// Asks what was changed in two ways at once and awaits a choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ConflictsRequest {
    /// Id or unique name.
    pub drive: String,
}

/// What awaits a choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ConflictsReply {
    /// The drive's id.
    pub drive: String,
    /// In path order.
    pub conflicts: Vec<Conflict>,
}

/// One file or folder that was changed in two ways at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Conflict {
    /// Its path in the drive.
    pub path: String,
    /// What met: `content`, `moved_apart`, `renamed_apart`, `same_name`, `cycle`, `deleted_and_edited`,
    /// `deleted_around`.
    pub kind: String,
    /// Paths of the other versions that show beside it.
    pub copies: Vec<String>,
    /// In words: what happened.
    pub reason: String,
}

/// Waits until this device is level with every connected peer and nothing is pending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct WaitRequest {
    /// Id or unique name.
    pub drive: String,
    /// Milliseconds to wait at most; for ever unless given.
    pub timeout: Option<u64>,
}

/// This device is level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct WaitReply {
    /// The drive's id.
    pub drive: String,
    /// Its name.
    pub name: String,
    /// Hash over the listing that `tree` gives.
    pub view_hash: String,
    /// Files and folders that could not be dealt with; `status` says which and why.
    #[serde(default)]
    pub problems: u64,
}

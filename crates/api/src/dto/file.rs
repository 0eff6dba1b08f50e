//! What a drive holds.

use serde::{Deserialize, Serialize};

/// Lists everything in a drive, or below a path of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TreeRequest {
    /// Id or unique name.
    pub drive: String,
    /// Where to start; the root unless given.
    pub path: Option<String>,
}

/// One file, folder or symlink of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TreeLine {
    /// Its path in the drive.
    pub path: String,
    /// What stays the same through renames, moves and edits.
    pub id: String,
    /// `file`, `folder` or `symlink`.
    pub kind: String,
    /// Bytes; of a symlink, the length of its target.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// What tells its content from any other; folders have none.
    pub hash: Option<String>,
}

/// The listing is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TreeReply {
    /// Hash over the listing: equal on two devices exactly when they show the same.
    pub view_hash: String,
}

/// Lists one folder of a drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LsRequest {
    /// Id or unique name.
    pub drive: String,
    /// The folder; the root unless given.
    pub path: Option<String>,
}

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LsEntry {
    /// Its name.
    pub name: String,
    /// `file`, `folder` or `symlink`.
    pub kind: String,
    /// Bytes; of a symlink, the length of its target.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// When it was last changed.
    pub mtime: i64,
    /// Where a symlink points.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target: Option<String>,
}

/// The folder is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LsReply {
    /// How many entries there were.
    pub entries: u64,
}

/// Reads a file of a drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CatRequest {
    /// Id or unique name.
    pub drive: String,
    /// The file.
    pub path: String,
}

/// A run of a file's bytes, in order from its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Chunk {
    /// The bytes in base64.
    pub data: String,
}

/// The file is read to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CatReply {
    /// How many bytes it has.
    pub size: u64,
}

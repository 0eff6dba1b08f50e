//! What a browser of folders does: make, rename, move, delete, upload. Nodes are named by id; a folder
//! that is not named is the drive's root.

use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// Most nodes of one request.
pub const MAX_NODES: usize = 2000;

/// Makes a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct MakeFolderRequest {
    /// The drive's id or unique name.
    pub drive: String,
    /// The folder it is made in.
    #[serde(default)]
    #[cfg_attr(test, ts(optional = nullable))]
    pub folder: Option<String>,
    /// Its name.
    pub name: String,
}

/// Makes a file from text or from a few bytes. Larger ones are uploaded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CreateFileRequest {
    /// The drive's id or unique name.
    pub drive: String,
    /// The folder it is made in.
    #[serde(default)]
    #[cfg_attr(test, ts(optional = nullable))]
    pub folder: Option<String>,
    /// Its name.
    pub name: String,
    /// Its text; empty unless given. At most 32 KiB.
    #[serde(default)]
    #[cfg_attr(test, ts(optional, as = "Option<_>"))]
    pub text: String,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Made {
    /// Its id.
    pub node: String,
    /// The folder it is in.
    pub folder: String,
    /// Its name.
    pub name: String,
}

/// Gives a node another name in its folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RenameRequest {
    /// The drive's id or unique name.
    pub drive: String,
    /// What.
    pub node: String,
    /// The new name.
    pub name: String,
}

/// Moves nodes into a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct MoveRequest {
    /// The drive's id or unique name.
    pub drive: String,
    /// What; at most 2000.
    pub nodes: Vec<String>,
    /// Where to.
    #[serde(default)]
    #[cfg_attr(test, ts(optional = nullable))]
    pub folder: Option<String>,
}

/// Puts nodes into the trash, folders with all that is in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DeleteRequest {
    /// The drive's id or unique name.
    pub drive: String,
    /// What; at most 2000.
    pub nodes: Vec<String>,
}

/// What came of it, each node for itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ChangeReply {
    /// How many were done.
    pub done: u32,
    /// Those that were not, and why.
    pub refused: Vec<Refused>,
}

/// A node that stayed as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Refused {
    /// Which.
    pub node: String,
    /// Why.
    pub error: ApiError,
}

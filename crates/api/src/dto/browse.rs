//! What a browser of folders asks: a window of a folder, a search, a look into a file.
//!
//! Nodes are named by their ids (22 characters); a folder that is not named is the drive's root. No
//! answer holds more than a window: [`MAX_WINDOW`] rows, [`MAX_HITS`] hits.

use serde::{Deserialize, Serialize};

/// Most rows of one answer to `folder`.
pub const MAX_WINDOW: u32 = 500;

/// Most hits of one answer to `search`.
pub const MAX_HITS: u32 = 200;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum NodeKind {
    /// Holds bytes.
    File,
    /// Holds nodes.
    Folder,
    /// Holds a path.
    Symlink,
}

/// What rows are put in order by. Equal ones are in the order of their names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum SortKey {
    /// As people read names: case does not count, `file 9` is before `file 10`.
    #[default]
    Name,
    /// Bytes.
    Size,
    /// When it was last changed.
    Time,
    /// Folders, then files by the ending of their names, then symlinks.
    Kind,
}

/// Asks for a window of a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct FolderRequest {
    /// The drive's id or unique name.
    pub drive: String,
    /// The folder's id.
    #[serde(default)]
    #[cfg_attr(test, ts(optional = nullable))]
    pub folder: Option<String>,
    /// Rows before the window.
    pub offset: u32,
    /// Rows of the window; more than 500 are given as 500.
    pub count: u32,
    /// The order.
    #[serde(default)]
    #[cfg_attr(test, ts(optional, as = "Option<_>"))]
    pub sort: SortKey,
    /// Whether the order is reversed. Folders stay first if they are.
    #[serde(default)]
    #[cfg_attr(test, ts(optional, as = "Option<_>"))]
    pub descending: bool,
    /// Whether folders come before everything else.
    #[serde(default)]
    #[cfg_attr(test, ts(optional, as = "Option<_>"))]
    pub folders_first: bool,
    /// Whose place in this order is also asked for.
    #[serde(default)]
    #[cfg_attr(test, ts(optional = nullable))]
    pub seek: Option<Seek>,
}

/// Whose place in a folder is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Seek {
    /// The node of this id.
    Node(String),
    /// The first row from `from` on, and then from the top, whose name begins so, whatever its case.
    Prefix {
        /// What was typed.
        text: String,
        /// The row to begin at.
        from: u32,
    },
}

/// A window of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct FolderReply {
    /// The drive's id.
    pub drive: String,
    /// The folder's id.
    pub folder: String,
    /// The folders from the root (whose name is the drive's) to this one, both included.
    pub path: Vec<Crumb>,
    /// How many rows the folder has.
    pub total: u32,
    /// Rows before the window.
    pub offset: u32,
    /// The window.
    pub rows: Vec<Row>,
    /// The row that was sought; absent if nothing was sought or there is none.
    pub found: Option<u32>,
    /// Whether this device's member may change the drive.
    pub can_write: bool,
}

/// A folder on the way to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Crumb {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// One file, folder or symlink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Row {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: NodeKind,
    /// Bytes of a file; of a symlink, the length of its target; of a folder, nothing.
    pub size: u64,
    /// When it was last changed.
    pub mtime: i64,
    /// Permission bits.
    pub mode: u32,
    /// How many entries a folder has.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(test, ts(optional))]
    pub entries: Option<u32>,
    /// Where a symlink points.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(test, ts(optional))]
    pub target: Option<String>,
    /// Edits met on it: `conflicts` says how.
    pub conflict: bool,
    /// It is another version of this node, shown beside it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(test, ts(optional))]
    pub copy_of: Option<String>,
    /// Why it waits, if it does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(test, ts(optional))]
    pub problem: Option<String>,
    /// Whether all bytes of a file are on this device; absent where that is not known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(test, ts(optional))]
    pub here: Option<bool>,
    /// How many other devices have all its bytes; absent where that is not known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(test, ts(optional))]
    pub peers: Option<u32>,
}

/// Searches names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SearchRequest {
    /// The drive's id or unique name.
    pub drive: String,
    /// Words that must all be in the name, whatever their case and order; at most 256 bytes.
    pub text: String,
    /// Only below this folder.
    #[serde(default)]
    #[cfg_attr(test, ts(optional = nullable))]
    pub folder: Option<String>,
    /// Most hits wanted; more than 200 are given as 200.
    pub limit: u32,
}

/// What was found, best first: names that are the text, then names that begin with it, then the rest;
/// among equals the shorter name first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SearchReply {
    /// The drive's id.
    pub drive: String,
    /// How many names match, those that are not in `hits` included.
    pub total: u32,
    /// The best of them.
    pub hits: Vec<Hit>,
}

/// Something that a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Hit {
    /// The folder it is in.
    pub folder: String,
    /// Path of that folder, empty for the root.
    pub below: String,
    /// What was found.
    pub row: Row,
}

/// Looks into a file, to show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ReadRequest {
    /// The drive's id or unique name.
    pub drive: String,
    /// The file's id.
    pub node: String,
}

/// What a file can be shown as. What it is follows from its bytes, never from its name, and nothing
/// that a browser would run is ever among it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "as", rename_all = "lowercase")]
pub enum ReadReply {
    /// UTF-8. At most 512 KiB, cut at the end of a line where there is one.
    Text {
        /// The text.
        text: String,
        /// Whether it was cut.
        cut: bool,
        /// Bytes of the whole file.
        size: u64,
    },
    /// A picture: PNG, JPEG, GIF, WebP, AVIF or BMP of at most 16 MiB.
    Image {
        /// Its media type.
        media: String,
        /// Its bytes in base64.
        data: String,
        /// Bytes of the whole file.
        size: u64,
    },
    /// Neither, or too large for one.
    Other {
        /// In words: why it is not shown.
        reason: String,
        /// Bytes of the whole file.
        size: u64,
    },
}

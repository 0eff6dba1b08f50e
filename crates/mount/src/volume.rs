//! What a file system needs from a drive; knows nothing of FUSE, inodes or open files.
//!
//! Metadata is answered from memory and at once. Bytes and edits are asynchronous. An implementation
//! needs no locking against the caller: two edits of one node at once are its own business.

use std::collections::BTreeMap;
use std::fs::File;
use std::future::Future;

use bytes::Bytes;
use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::event::TreeEvent;
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::name::{Name, NameError};
use peerdrive_crdt_tree::node::{Content, FileContent, Kind};

/// One node as the drive shows it now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attr {
    /// Its identity.
    pub id: NodeId,
    /// The folder it shows in.
    pub parent: NodeId,
    /// The name it shows under.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Permission bits, at most 0o777.
    pub mode: u32,
    /// Modification time to show, nanoseconds since 1970; 0 where the drive has none.
    pub mtime_ns: i64,
    /// What it holds; `None` for folders and for files without content, which are empty.
    pub content: Option<Content>,
}

impl Attr {
    /// The bytes of a file; `None` for the empty file without content and for what is not a file.
    pub fn file(&self) -> Option<FileContent> {
        match &self.content {
            Some(Content::File(content)) => Some(*content),
            Some(Content::Symlink(_)) | None => None,
        }
    }

    /// Length in bytes: of the file, or of the symlink's target.
    pub fn len(&self) -> u64 {
        match &self.content {
            Some(Content::File(content)) => content.len,
            Some(Content::Symlink(target)) => target.len() as u64,
            None => 0,
        }
    }

    /// Whether it holds no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One name in a folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The name shown.
    pub name: String,
    /// The node.
    pub id: NodeId,
}

/// How much a drive holds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Usage {
    /// Files, folders and symlinks.
    pub nodes: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// Something in the drive changed, by anyone's hand, including the caller's own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// What happened, in order. The view already shows it.
    Tree(Vec<TreeEvent>),
    /// Changes were missed: whatever was read before may be out of date.
    Missed,
}

/// Why a drive could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// The node is not in the view.
    #[error("it is no longer in the drive")]
    NotFound,
    /// The name is taken.
    #[error("the name is taken in that folder")]
    Exists,
    /// A folder was needed.
    #[error("it is not a folder")]
    NotAFolder,
    /// A file was needed.
    #[error("it is a folder")]
    IsAFolder,
    /// A folder would end up inside itself.
    #[error("a folder cannot be moved into itself")]
    IntoItself,
    /// The drive does not take such a name (rule R8).
    #[error("the name is not one a drive can hold: {0}")]
    Name(#[from] NameError),
    /// The top folder, which has no name, mode or attributes of its own.
    #[error("the drive's top folder cannot be changed")]
    Root,
    /// More than 256 folders deep.
    #[error("folders can be nested 256 deep, not more")]
    TooDeep,
    /// An extended attribute or a symlink's target beyond its limit.
    #[error("the value is longer than a drive can hold")]
    TooLarge,
    /// Longer than any file in a drive can be.
    #[error("the file is too large for a drive")]
    FileTooLarge,
    /// This member may only read.
    #[error("you may read this drive but not change it; ask an admin for the writer role")]
    ReadOnly,
    /// No connected device has the bytes.
    #[error("no reachable device has the contents; they arrive when one that has them connects")]
    Unreachable,
    /// The bytes do not match what their author signed.
    #[error("the contents are damaged: {0}")]
    Damaged(String),
    /// The disk of this device is full.
    #[error("the disk is full; free some space and try again")]
    NoSpace,
    /// The drive is being closed.
    #[error("the drive has been closed")]
    Closed,
    /// The disk of this device failed.
    #[error("the disk failed: {0}")]
    Io(#[from] std::io::Error),
    /// Anything else the drive refuses, in its own words.
    #[error("the drive refused: {0}")]
    Refused(String),
}

/// A drive, as the file system sees it.
pub trait Volume: Send + Sync + 'static {
    /// Bytes of one content version.
    type Reader: Reader;
    /// Stream of changes.
    type Feed: Feed;

    /// Name to show in the list of mounts.
    fn name(&self) -> String;

    /// Whether this member may change anything. May change while mounted.
    fn can_write(&self) -> bool;

    /// A live node or conflict copy; the root has the empty name.
    fn get(&self, id: NodeId) -> Option<Attr>;

    /// The node shown under `name`, compared after NFC.
    fn lookup(&self, parent: NodeId, name: &str) -> Option<Attr>;

    /// Every name in a folder, in any order; empty for what is no folder.
    fn children(&self, parent: NodeId) -> Vec<Entry>;

    /// Whether a folder shows nothing.
    fn is_empty(&self, folder: NodeId) -> bool {
        self.children(folder).is_empty()
    }

    /// How many of a folder's children are folders. May cost by their number: callers remember it.
    fn subfolders(&self, parent: NodeId) -> u32;

    /// The id that a file made there would get, where that can be told: its inode number then is the
    /// same after the next mount.
    fn expected_id(&self, _parent: NodeId, _name: &Name) -> Option<NodeId> {
        None
    }

    /// Extended attributes, names with `user.`.
    fn xattrs(&self, id: NodeId) -> BTreeMap<String, Vec<u8>>;

    /// How much the drive holds.
    fn usage(&self) -> Usage;

    /// A handle that may write a file begins (`true`) or ends (`false`): others see who is at it. Several of
    /// one file are several. Called with locks held: it must return at once, and not call back.
    fn writing(&self, _node: NodeId, _begins: bool) {}

    /// Does `edits` as one action, durable when it returns. Each answers for itself, with the node it
    /// made or changed.
    fn edit(
        &self,
        edits: Vec<Edit>,
    ) -> impl Future<Output = Result<Vec<Result<NodeId, VolumeError>>, VolumeError>> + Send;

    /// As [`Volume::edit`], but only if `node` is, in the moment of the edit, as the caller `seen` it:
    /// showing with the same content, or not showing. `None`: it is not, and nothing was done.
    fn edit_if_still(
        &self,
        node: NodeId,
        seen: Option<Attr>,
        edits: Vec<Edit>,
    ) -> impl Future<Output = Result<Option<Vec<Result<NodeId, VolumeError>>>, VolumeError>> + Send;

    /// Takes in the whole of `file` (`len` bytes; its cursor may be moved), durable when it returns.
    fn import(
        &self,
        file: File,
        len: u64,
        mtime_ns: i64,
    ) -> impl Future<Output = Result<FileContent, VolumeError>> + Send;

    /// Opens a version for reading; may fetch what is needed to find its bytes.
    fn open(
        &self,
        content: FileContent,
    ) -> impl Future<Output = Result<Self::Reader, VolumeError>> + Send;

    /// Writes a whole version into the empty `file`.
    fn write_to(
        &self,
        content: FileContent,
        file: File,
    ) -> impl Future<Output = Result<(), VolumeError>> + Send;

    /// Changes from now on.
    fn feed(&self) -> Self::Feed;
}

/// An open content version.
pub trait Reader: Send + Sync + 'static {
    /// Up to `len` bytes at `offset`, verified; fewer only at the end.
    fn read_at(
        &self,
        offset: u64,
        len: usize,
    ) -> impl Future<Output = Result<Bytes, VolumeError>> + Send;
}

/// Changes of a drive, in order.
pub trait Feed: Send + 'static {
    /// The next one; `None` once the drive is closed.
    fn next(&mut self) -> impl Future<Output = Option<Change>> + Send;
}

//! Why a tree did not do what it was asked; knows nothing of how doors show it.

use crate::id::NodeId;
use crate::lint::LintError;

/// Why an edit was refused. It has left no trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// Nothing of this id shows (for restore: is in the trash).
    #[error("this file or folder is no longer there")]
    NotFound(NodeId),
    /// The target folder is a file or symlink.
    #[error("the target is not a folder")]
    NotAFolder(NodeId),
    /// Something in the folder has the name already.
    #[error("the folder already has something named `{name}`")]
    NameTaken {
        /// The name.
        name: String,
        /// What has it.
        holder: NodeId,
    },
    /// The edit does not apply to this kind of node, or the content is of another kind.
    #[error("this cannot be done to a node of this kind")]
    WrongKind(NodeId),
    /// A folder would lie in itself.
    #[error("a folder cannot be moved into itself")]
    IntoItself(NodeId),
    /// The root folder cannot be moved, deleted or changed.
    #[error("the drive's top folder cannot be changed")]
    Root,
    /// Deeper than 256 folders (rule R8).
    #[error("folders can be nested at most 256 deep")]
    TooDeep,
    /// The edit whose folder this one needs was refused, is no creation of a folder or comes later.
    #[error("the folder that this belongs into was not created")]
    NoSuchEdit(usize),
    /// Permission bits above 0o777.
    #[error("permission bits are at most 0777")]
    BadMode(u32),
    /// An attribute name outside `user.*`, longer than 255 bytes or with a NUL, or a value above 4 KiB.
    #[error("extended attributes are named `user.…` and hold at most 4096 bytes")]
    BadXattr,
    /// An empty or overlong symlink target, or one with a NUL.
    #[error("a symlink's target has 1 to 4095 bytes and no NUL")]
    BadTarget,
    /// The node is not deleted.
    #[error("this is not in the trash")]
    NotDeleted(NodeId),
    /// There is no content conflict on the node, or the version to keep is not one of its versions.
    #[error("this file is not in conflict, or has no such version")]
    NotInConflict(NodeId),
    /// The document is of a newer schema.
    #[error("this drive was changed by a newer version of PeerDrive; update to write to it")]
    ReadOnly,
    /// Automerge refused the write: the document is at a limit of the library.
    #[error("the document cannot take this edit: {0}")]
    Automerge(String),
}

/// Why a change from outside was not applied. The tree is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The change breaks a rule of the format; it will never be admitted.
    #[error("the change is not one that PeerDrive writes: {0}")]
    Lint(#[from] LintError),
    /// It builds on a change that is not in the document; apply that one first.
    #[error("the change builds on one that is not here yet")]
    MissingDependency([u8; 32]),
    /// The document is of a newer schema.
    #[error("this drive was changed by a newer version of PeerDrive; update to follow it")]
    ReadOnly,
    /// Automerge refused what the linter let through.
    #[error("the change cannot be read: {0}")]
    Automerge(String),
}

/// Why a snapshot could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Automerge cannot read it: cut off, damaged, or its heads do not fit its changes.
    #[error("the snapshot cannot be read: {0}")]
    Automerge(String),
    /// A sound document, but not one of a drive of this format.
    #[error("the snapshot is not the document of a drive")]
    NotADrive,
}

impl LoadError {
    pub(super) fn automerge(error: impl std::fmt::Display) -> Self {
        LoadError::Automerge(error.to_string())
    }
}

//! What a person can do to the tree; knows nothing of how it is written down.

use crate::id::NodeId;
use crate::name::Name;
use crate::node::{Content, Kind};

/// A folder as the target of an edit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// A folder that exists.
    In(NodeId),
    /// The folder created by the edit at this index of the same batch, so that a whole tree can be
    /// created as one action.
    InCreated(usize),
}

/// One user action on one node. Names nodes by id, never by path; a conflict copy's id is as good as
/// a node's, and editing a copy makes it a node (rule R6).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Edit {
    /// Makes a node. A node of this name and kind that was deleted from the same folder lives again,
    /// with its history; one that is alive there is an error.
    Create {
        /// The folder.
        parent: Place,
        /// Its name there.
        name: Name,
        /// What it is.
        kind: Kind,
        /// What it holds.
        content: Option<Content>,
        /// Permission bits, `None` for the default of its kind.
        mode: Option<u32>,
    },
    /// Moves or renames, or both. The name must be free in the folder.
    Move {
        /// What.
        node: NodeId,
        /// The folder it goes to.
        parent: NodeId,
        /// The name there.
        name: Name,
    },
    /// Renames a file over another (rule R7): the target keeps its identity and takes the source's
    /// content; the source is deleted.
    Replace {
        /// The file that goes away.
        source: NodeId,
        /// The file whose content is replaced.
        target: NodeId,
    },
    /// Writes a new content version.
    SetContent {
        /// A file or symlink.
        node: NodeId,
        /// What it now holds.
        content: Content,
    },
    /// Sets attributes without touching content; `None` leaves one as it is.
    SetAttributes {
        /// What.
        node: NodeId,
        /// Permission bits, at most 0o777.
        mode: Option<u32>,
        /// Modification time, nanoseconds since 1970.
        mtime_ns: Option<i64>,
    },
    /// Sets (or with `None` removes) one `user.*` attribute of at most 4 KiB.
    SetXattr {
        /// What.
        node: NodeId,
        /// Attribute name, `user.` included.
        key: String,
        /// Its value.
        value: Option<Vec<u8>>,
    },
    /// Deletes; for a folder, with everything in it that this device sees (rules R3 and R4).
    Delete {
        /// What.
        node: NodeId,
    },
    /// Takes out of the trash, with the folders that hold it.
    Restore {
        /// A deleted node.
        node: NodeId,
    },
    /// Ends a content conflict: the named version (the node's own id, or a copy's) stays, the others
    /// go to history.
    Resolve {
        /// The node in conflict.
        node: NodeId,
        /// Whose version stays.
        keep: NodeId,
    },
}

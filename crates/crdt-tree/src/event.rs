//! What happened to the view; knows nothing of who caused it.

use crate::id::NodeId;

/// A change of what the view shows. After any of them the view already shows the new state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TreeEvent {
    /// A node or conflict copy appeared in the view.
    NodeCreated {
        /// Which.
        id: NodeId,
    },
    /// It shows in another folder or under another name, by its own move or by a rule.
    NodeMoved {
        /// Which.
        id: NodeId,
        /// The folder it showed in before.
        from: NodeId,
        /// The name it showed under before.
        old_name: String,
    },
    /// It holds something else.
    ContentChanged {
        /// Which.
        id: NodeId,
    },
    /// Its permission bits, modification time or extended attributes changed.
    AttributesChanged {
        /// Which.
        id: NodeId,
    },
    /// It left the view.
    NodeDeleted {
        /// Which.
        id: NodeId,
        /// The folder it showed in.
        from: NodeId,
        /// The name it showed under.
        old_name: String,
    },
    /// A conflict began on this node; see `DriveTree::conflicts`.
    ConflictAppeared {
        /// Which.
        id: NodeId,
    },
    /// A conflict on this node ended.
    ConflictEnded {
        /// Which.
        id: NodeId,
    },
}

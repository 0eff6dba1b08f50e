//! Node ids and actor ids; knows nothing of the document they live in.

use std::fmt;

/// The permanent identity of a file, folder, symlink or conflict copy within one drive.
///
/// Derived at creation from parent, kind, NFC name and generation (tree.md, "Layout"); renames and
/// moves never change it. A conflict copy already carries the id that it gets should it become a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub [u8; 16]);

impl NodeId {
    /// The root folder of every drive: it always exists and can be neither moved nor deleted.
    pub const ROOT: NodeId = NodeId([0; 16]);
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::BASE64URL_NOPAD.encode(&self.0))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

/// The author of changes in the document: the first 16 bytes of a content log's id (security.md §2.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Actor(pub [u8; 16]);

//! Node ids, op ids and actor ids; knows nothing of the document they live in.

use std::fmt;

use crate::node::Kind;

/// The permanent identity of a file, folder, symlink or conflict copy within one drive.
///
/// Derived at creation from parent, kind, NFC name and generation (tree.md, "Layout"); renames and
/// moves never change it. A conflict copy already carries the id that it gets should it become a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub [u8; 16]);

/// Separates ids of created nodes from every other use of BLAKE3.
const CREATED: &str = "peerdrive 2026 tree node created under a parent";
/// Separates ids of conflict copies from ids of created nodes.
const COPIED: &str = "peerdrive 2026 tree node from a conflict copy";

impl NodeId {
    /// The root folder of every drive: it always exists and can be neither moved nor deleted.
    pub const ROOT: NodeId = NodeId([0; 16]);

    /// The id of a node created under `parent` with this NFC name (tree.md, "Layout").
    ///
    /// Two devices that create the same path while apart derive the same id and so made one node.
    pub fn created(parent: NodeId, kind: Kind, nfc_name: &str, generation: u64) -> NodeId {
        let mut hasher = blake3::Hasher::new_derive_key(CREATED);
        hasher.update(&parent.0);
        hasher.update(&[kind.code()]);
        hasher.update(&generation.to_le_bytes());
        hasher.update(nfc_name.as_bytes());
        NodeId::truncated(&hasher)
    }

    /// The id of the conflict copy of `node` that shows the version written by `version` (rule R6).
    pub fn copied(node: NodeId, kind: Kind, version: OpId) -> NodeId {
        let mut hasher = blake3::Hasher::new_derive_key(COPIED);
        hasher.update(&node.0);
        hasher.update(&[kind.code()]);
        hasher.update(&version.counter.to_le_bytes());
        hasher.update(&version.actor.0);
        NodeId::truncated(&hasher)
    }

    /// Parses what [`fmt::Display`] writes: 22 characters of base64url without padding.
    pub fn parse(text: &str) -> Option<NodeId> {
        let mut id = [0; 16];
        if text.len() != NodeId::TEXT_LEN {
            return None;
        }
        let read = data_encoding::BASE64URL_NOPAD.decode_mut(text.as_bytes(), &mut id);
        (read == Ok(id.len())).then_some(NodeId(id))
    }

    /// Length of an id as text.
    pub const TEXT_LEN: usize = 22;

    fn truncated(hasher: &blake3::Hasher) -> NodeId {
        let mut id = [0; 16];
        hasher.finalize_xof().fill(&mut id);
        NodeId(id)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; NodeId::TEXT_LEN];
        data_encoding::BASE64URL_NOPAD.encode_mut(&self.0, &mut text);
        f.write_str(&String::from_utf8_lossy(&text))
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

impl Actor {
    /// The author of the first change of every drive. No device may write under it.
    pub const GENESIS: Actor = Actor([0; 16]);
}

/// One write to one register: a Lamport counter and its author. Ordered by counter, then actor; this
/// order, not any clock, decides who wins (tree.md, "The view").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId {
    /// Greater than the counter of every write its author had seen.
    pub counter: u32,
    /// Who wrote it.
    pub actor: Actor,
}

impl fmt::Debug for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@", self.counter)?;
        f.write_str(&data_encoding::HEXLOWER.encode(&self.actor.0[..3]))
    }
}

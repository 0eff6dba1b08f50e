//! A drive as a flat listing in path order, and the hash that two devices compare. Knows the view
//! only, not where bytes are.

use std::collections::HashMap;

use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::{Content, Kind, Node};
use peerdrive_crdt_tree::tree::DriveTree;

/// One line of a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Path from the drive's root, components joined by `/`.
    pub path: String,
    /// The node, which stays the same through renames and edits.
    pub id: NodeId,
    /// What it is.
    pub kind: Kind,
    /// Length in bytes of a file, or of a symlink's target; 0 for folders.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// A file's keyed content hash, or the hash of a symlink's target; `None` for folders.
    pub hash: Option<[u8; 32]>,
}

/// Folders within folders that a listing goes down to. Nobody can make more than 256 (rule R8), and moves
/// made apart add to that; but a member with a program of its own could pile up as many as it likes, and
/// the paths of all of them would fill any memory. Equal on all devices, since the view hash is.
pub const MAX_LISTED_DEPTH: usize = 1024;

/// Visits everything below `top` (not itself), folders before what is in them, names in byte order.
/// `prefix` is put before each path.
pub fn walk(tree: &DriveTree, top: NodeId, prefix: &str, visit: &mut impl FnMut(Listed)) {
    let mut held = None;
    if top == NodeId::ROOT {
        let held = held.insert(HashMap::new());
        tree.each_content(|id, content| {
            held.insert(id, gist(content));
        });
    }
    let gist_of = |id: NodeId| match &held {
        Some(held) => held.get(&id).copied(),
        None => tree.get(id)?.content.as_ref().map(gist),
    };
    let mut open = vec![(tree.children(top), prefix.to_owned())];
    while let Some((children, prefix)) = open.last_mut() {
        let Some((name, id)) = children.next() else {
            open.pop();
            continue;
        };
        let Some(entry) = tree.glance(id) else {
            continue;
        };
        let path = if prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{prefix}/{name}")
        };
        let goes_on = entry.kind == Kind::Folder && open.len() < MAX_LISTED_DEPTH;
        let below = goes_on.then(|| path.clone());
        let (size, hash) = gist_of(id).unzip();
        visit(Listed {
            path,
            id,
            kind: entry.kind,
            size: size.unwrap_or_default(),
            mode: entry.mode,
            hash,
        });
        if let Some(path) = below {
            open.push((tree.children(id), path));
        }
    }
}

/// The line of a single node.
pub fn line(node: &Node, path: String) -> Listed {
    let (size, hash) = node.content.as_ref().map(gist).unzip();
    Listed {
        path,
        id: node.id,
        kind: node.kind,
        size: size.unwrap_or_default(),
        mode: node.mode,
        hash,
    }
}

/// Size and hash of what a node holds.
fn gist(content: &Content) -> (u64, [u8; 32]) {
    match content {
        Content::File(file) => (file.len, file.hash.0),
        Content::Symlink(target) => (
            target.len() as u64,
            *blake3::hash(target.as_bytes()).as_bytes(),
        ),
    }
}

/// Hash over the whole listing: equal on two devices exactly when they show the same drive.
///
/// BLAKE3 in key derivation mode over, for each line: path length (u32 LE), path, kind (u8), size
/// (u64 LE), mode (u32 LE), and 32 bytes of hash (zeros where there is none).
pub fn view_hash(tree: &DriveTree) -> [u8; 32] {
    let mut hasher = ViewHasher::default();
    walk(tree, NodeId::ROOT, "", &mut |listed| hasher.add(&listed));
    hasher.finish()
}

/// Builds a [`view_hash`] from lines in order.
#[derive(Debug)]
pub struct ViewHasher(blake3::Hasher);

impl Default for ViewHasher {
    fn default() -> Self {
        Self(blake3::Hasher::new_derive_key("peerdrive v1 view hash"))
    }
}

impl ViewHasher {
    /// Adds the next line.
    pub fn add(&mut self, listed: &Listed) {
        let kind = match listed.kind {
            Kind::File => 0u8,
            Kind::Folder => 1,
            Kind::Symlink => 2,
        };
        self.0.update(&(listed.path.len() as u32).to_le_bytes());
        self.0.update(listed.path.as_bytes());
        self.0.update(&[kind]);
        self.0.update(&listed.size.to_le_bytes());
        self.0.update(&listed.mode.to_le_bytes());
        self.0.update(&listed.hash.unwrap_or_default());
    }

    /// The hash of all lines added.
    pub fn finish(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}

//! Inode numbers and what they stand for; knows nothing of contents, handles or the drive's view.
//!
//! A number belongs to a node for as long as the kernel or an open handle refers to it, and is derived
//! from the node's id where that number is free: so it is the same after the next mount, which spares
//! programs that remember it (git's index) from reading everything again. It is not the node: a file
//! that was renamed over another, unlinked, or replaced from elsewhere while open leaves its node and
//! keeps its number, as on any Unix.

use std::collections::HashMap;

use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::name::Name;
use peerdrive_crdt_tree::node::{Content, FileContent, Kind};

use crate::volume::Attr;

/// The number of the root folder, as FUSE has it.
pub(crate) const ROOT_INO: u64 = 1;

/// Numbers handed to files that have no node yet, and on collisions, start here; derived ones are below.
const FIRST_FREE: u64 = 1 << 63;

/// What a number stands for.
#[derive(Clone, Debug)]
pub(crate) enum Bound {
    /// A node of the drive.
    Node(NodeId),
    /// A file created here that the drive does not know yet: it enters when first closed or fsynced.
    New(NewFile),
    /// No longer under any name.
    Gone(Gone),
}

/// A file that is not in the drive yet.
#[derive(Clone, Debug)]
pub(crate) struct NewFile {
    pub(crate) parent: NodeId,
    pub(crate) name: Name,
    pub(crate) mode: u32,
}

/// What is left of a node for those who still hold its number.
#[derive(Clone, Debug)]
pub(crate) struct Gone {
    /// The node whose other version, or whose trash, unsaved writes belong to; `None` once it was
    /// unlinked here, where unsaved writes vanish with the last handle.
    pub(crate) origin: Option<NodeId>,
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) mtime_ns: i64,
    pub(crate) content: Option<Content>,
}

impl Gone {
    pub(crate) fn of(attr: &Attr, origin: Option<NodeId>) -> Self {
        Self {
            origin,
            kind: attr.kind,
            mode: attr.mode,
            mtime_ns: attr.mtime_ns,
            content: attr.content.clone(),
        }
    }
}

/// What the kernel may have cached about a node; compared with the view to tell what is out of date.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Told {
    pub(crate) parent: NodeId,
    pub(crate) name: Box<str>,
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) mtime_ns: i64,
}

impl Told {
    pub(crate) fn of(attr: &Attr) -> Self {
        Self {
            parent: attr.parent,
            name: attr.name.as_str().into(),
            kind: attr.kind,
            mode: attr.mode,
            mtime_ns: attr.mtime_ns,
        }
    }

    pub(crate) fn shows_at(&self, attr: &Attr) -> bool {
        self.parent == attr.parent && *self.name == *attr.name
    }
}

/// Fingerprint of a content version: 64 bits of a keyed hash tell versions of one file apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Version(u64, u64);

impl Version {
    pub(crate) fn of(content: Option<&Content>) -> Self {
        match content {
            None => Version(0, 0),
            Some(Content::File(content)) => Version::of_file(Some(content)),
            Some(Content::Symlink(target)) => {
                let bytes = target.as_bytes();
                // FNV-1a: two targets of one symlink, seldom changed, never secret.
                let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                    (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
                });
                Version(bytes.len() as u64, hash)
            }
        }
    }

    /// The empty file is one version, with content or without.
    pub(crate) fn of_file(content: Option<&FileContent>) -> Self {
        match content {
            Some(content) if content.len > 0 => {
                let mut first = [0; 8];
                first.copy_from_slice(&content.hash.0[..8]);
                Version(content.len, u64::from_le_bytes(first))
            }
            Some(_) | None => Version(0, 0),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Inode {
    /// How often the kernel was given this number and has not forgotten it.
    lookups: u64,
    /// Open handles.
    opens: u64,
    pub(crate) bound: Bound,
    pub(crate) told: Option<Told>,
    /// Version whose pages the kernel may hold.
    pub(crate) cached: Option<Version>,
}

impl Inode {
    /// Whether a handle is open.
    pub(crate) fn is_open(&self) -> bool {
        self.opens > 0
    }
}

/// All numbers in use.
#[derive(Debug)]
pub(crate) struct Inodes {
    by_ino: HashMap<u64, Inode>,
    by_node: HashMap<NodeId, u64>,
    /// Files not in the drive yet, by folder and NFC name.
    new: HashMap<NodeId, HashMap<String, u64>>,
    next: u64,
}

impl Inodes {
    pub(crate) fn new() -> Self {
        let root = Inode {
            lookups: 1,
            opens: 0,
            bound: Bound::Node(NodeId::ROOT),
            told: None,
            cached: None,
        };
        Self {
            by_ino: HashMap::from([(ROOT_INO, root)]),
            by_node: HashMap::from([(NodeId::ROOT, ROOT_INO)]),
            new: HashMap::new(),
            next: FIRST_FREE,
        }
    }

    pub(crate) fn get(&self, ino: u64) -> Option<&Inode> {
        self.by_ino.get(&ino)
    }

    pub(crate) fn get_mut(&mut self, ino: u64) -> Option<&mut Inode> {
        self.by_ino.get_mut(&ino)
    }

    /// The number in use for a node.
    pub(crate) fn of_node(&self, id: NodeId) -> Option<u64> {
        self.by_node.get(&id).copied()
    }

    /// The number that a node has or would get.
    pub(crate) fn peek(&self, id: NodeId) -> u64 {
        self.of_node(id).unwrap_or_else(|| natural(id))
    }

    /// Gives a node's number to the kernel once more.
    pub(crate) fn look_up(&mut self, id: NodeId) -> u64 {
        let ino = match self.by_node.get(&id) {
            Some(ino) => *ino,
            None => {
                let ino = self.free(natural(id));
                self.insert(ino, Bound::Node(id));
                self.by_node.insert(id, ino);
                ino
            }
        };
        self.look_up_again(ino);
        ino
    }

    /// Gives a number in use to the kernel once more.
    pub(crate) fn look_up_again(&mut self, ino: u64) {
        if let Some(inode) = self.by_ino.get_mut(&ino) {
            inode.lookups += 1;
        }
    }

    /// A number for a file that is not in the drive yet, given to the kernel once. The number is the
    /// one that `expected`, where known, would have.
    pub(crate) fn look_up_new(&mut self, file: NewFile, expected: Option<NodeId>) -> u64 {
        let wanted = expected.map_or(self.next, natural);
        let ino = self.free(wanted);
        self.new
            .entry(file.parent)
            .or_default()
            .insert(file.name.nfc(), ino);
        self.insert(ino, Bound::New(file));
        self.look_up_again(ino);
        ino
    }

    /// A file of that name that is not in the drive yet.
    pub(crate) fn find_new(&self, parent: NodeId, name: &Name) -> Option<u64> {
        let names = self.new.get(&parent)?;
        names.get(&name.nfc()).copied()
    }

    /// All files of that folder that are not in the drive yet.
    pub(crate) fn all_new(&self, parent: NodeId) -> Vec<u64> {
        self.new
            .get(&parent)
            .map_or_else(Vec::new, |names| names.values().copied().collect())
    }

    /// Makes a number stand for something else. A node that another number stood for leaves it first
    /// (see `let_go`).
    pub(crate) fn bind(&mut self, ino: u64, bound: Bound) {
        let Some(inode) = self.by_ino.get_mut(&ino) else {
            return;
        };
        match std::mem::replace(&mut inode.bound, bound.clone()) {
            Bound::Node(id) => {
                if self.by_node.get(&id) == Some(&ino) {
                    self.by_node.remove(&id);
                }
            }
            Bound::New(file) => self.remove_new(&file),
            Bound::Gone(_) => {}
        }
        match bound {
            Bound::Node(id) => {
                self.by_node.insert(id, ino);
            }
            Bound::New(file) => {
                self.new
                    .entry(file.parent)
                    .or_default()
                    .insert(file.name.nfc(), ino);
            }
            Bound::Gone(_) => {}
        }
    }

    /// Takes a node away from its number, which keeps what `gone` says.
    pub(crate) fn let_go(&mut self, id: NodeId, gone: Gone) -> Option<u64> {
        let ino = self.of_node(id)?;
        self.bind(ino, Bound::Gone(gone));
        Some(ino)
    }

    pub(crate) fn opened(&mut self, ino: u64) {
        if let Some(inode) = self.by_ino.get_mut(&ino) {
            inode.opens += 1;
        }
    }

    /// A handle was closed.
    pub(crate) fn closed(&mut self, ino: u64) {
        if let Some(inode) = self.by_ino.get_mut(&ino) {
            inode.opens = inode.opens.saturating_sub(1);
        }
        self.collect(ino);
    }

    /// The kernel forgets `count` of the times it was given the number.
    pub(crate) fn forget(&mut self, ino: u64, count: u64) {
        if let Some(inode) = self.by_ino.get_mut(&ino) {
            inode.lookups = inode.lookups.saturating_sub(count);
        }
        self.collect(ino);
    }

    /// Numbers of the nodes that the kernel knows.
    pub(crate) fn nodes(&self) -> Vec<(NodeId, u64)> {
        self.by_node.iter().map(|(id, ino)| (*id, *ino)).collect()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.by_ino.len()
    }

    fn insert(&mut self, ino: u64, bound: Bound) {
        self.by_ino.insert(
            ino,
            Inode {
                lookups: 0,
                opens: 0,
                bound,
                told: None,
                cached: None,
            },
        );
    }

    fn free(&mut self, wanted: u64) -> u64 {
        if !self.by_ino.contains_key(&wanted) && wanted < FIRST_FREE {
            return wanted;
        }
        while self.by_ino.contains_key(&self.next) {
            self.next += 1;
        }
        let ino = self.next;
        self.next += 1;
        ino
    }

    fn collect(&mut self, ino: u64) {
        let unused = |inode: &Inode| inode.lookups == 0 && inode.opens == 0;
        if ino == ROOT_INO || !self.by_ino.get(&ino).is_some_and(unused) {
            return;
        }
        match self.by_ino.remove(&ino).map(|inode| inode.bound) {
            Some(Bound::Node(id)) => {
                self.by_node.remove(&id);
            }
            Some(Bound::New(file)) => self.remove_new(&file),
            Some(Bound::Gone(_)) | None => {}
        }
    }

    fn remove_new(&mut self, file: &NewFile) {
        if let Some(names) = self.new.get_mut(&file.parent) {
            names.remove(&file.name.nfc());
            if names.is_empty() {
                self.new.remove(&file.parent);
            }
        }
    }
}

/// The number that a node has wherever it is free: 62 bits of its id, which is a hash.
fn natural(id: NodeId) -> u64 {
    if id == NodeId::ROOT {
        return ROOT_INO;
    }
    let mut first = [0; 8];
    first.copy_from_slice(&id.0[..8]);
    // Clear of 0, which no inode has, and of the root.
    (u64::from_le_bytes(first) >> 2) + 2
}

#[cfg(test)]
mod tests;

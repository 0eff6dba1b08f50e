//! The folder as a second copy of the drive's bytes: what it holds as it was last in step, for who has
//! let go of another copy. Reads the durable records only, so that it never waits for the worker.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::ContentHash;

use super::beneath::Root;
use super::in_step::{Held, InStep, Record, decode};
use crate::local::{LocalError, LocalTable, Space};

/// The longest run of bytes that is read at once; no chunk is longer.
const MOST: u32 = 16 << 20;

/// Depth beyond which records must be damaged (rule R8).
const DEPTH: usize = 4096;

fn record(local: &LocalTable, node: NodeId) -> Option<Record> {
    decode(&local.get(Space::InStep, &node.0).ok()??)
}

/// Where a node's file is, and what it was.
fn locate(local: &LocalTable, node: NodeId) -> Option<(String, Record)> {
    let found = record(local, node)?;
    let mut names = vec![found.name.clone()];
    let mut at = found.parent;
    while at != NodeId::ROOT {
        let above = record(local, at)?;
        names.push(above.name);
        at = above.parent;
        if names.len() > DEPTH {
            return None;
        }
    }
    names.reverse();
    Some((names.join("/"), found))
}

/// Whether a node's file is there and as it was when it was last in step.
pub(crate) fn is_unchanged(root: &Path, local: &LocalTable, node: NodeId) -> bool {
    let Some((path, record)) = locate(local, node) else {
        return false;
    };
    let stat = Root::open(root).and_then(|root| root.stat(&path));
    stat.is_ok_and(|stat| stat.is_some_and(|stat| stat.same_bytes(&record.stat, false)))
}

/// Bytes of a node's file, whatever they are now: the caller checks them.
pub(crate) fn read(
    root: &Path,
    local: &LocalTable,
    node: NodeId,
    offset: u64,
    len: u32,
) -> io::Result<Vec<u8>> {
    let gone = || io::Error::from(io::ErrorKind::NotFound);
    let (path, record) = locate(local, node).ok_or_else(gone)?;
    let long_enough = matches!(record.held, Held::File { len: all, .. }
        if offset.checked_add(u64::from(len)).is_some_and(|end| end <= all));
    if !long_enough {
        return Err(gone());
    }
    read_at(root, &path, offset, len)
}

/// Bytes of the file at `path` below `root`, whatever they are now: the caller checks them.
pub(crate) fn read_at(root: &Path, path: &str, offset: u64, len: u32) -> io::Result<Vec<u8>> {
    if len > MOST {
        return Err(io::ErrorKind::NotFound.into());
    }
    let file = Root::open(root)?.open_file(path)?;
    let mut bytes = vec![0; len as usize];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

/// All files of the folder as they were last in step.
#[derive(Debug)]
pub(crate) struct FolderFiles {
    root: Root,
    in_step: InStep,
}

impl FolderFiles {
    /// Reads all records; `None` if the folder is not there.
    pub(crate) fn load(root: &Path, local: &LocalTable) -> Result<Option<Self>, LocalError> {
        let in_step = InStep::load(local.all(Space::InStep)?, Vec::new());
        Ok(Root::open(root).ok().map(|root| Self { root, in_step }))
    }

    /// Whether the file of a node is there, has these bytes by the records, and did not change since.
    pub(crate) fn holds(&self, node: NodeId, hash: &ContentHash, len: u64) -> bool {
        let Some(record) = self.in_step.get(node) else {
            return false;
        };
        let wanted = Held::File { hash: *hash, len };
        if record.racy || !record.held.same(&wanted) {
            return false;
        }
        let Some(path) = self.in_step.path(node) else {
            return false;
        };
        let stat = self.root.stat(&path);
        stat.is_ok_and(|stat| stat.is_some_and(|stat| stat.same_bytes(&record.stat, false)))
    }
}

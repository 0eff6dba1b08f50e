//! Earlier versions, the trash, and the way back: what the log says of who wrote what and when, and
//! edits that bring it back. Everything here is a forward edit; nothing is ever rewritten.
//!
//! Times are those that authors gave their entries. They are shown and selected by, and decide nothing
//! else; an author's clock that is wrong makes its versions appear at the wrong time, no more.

mod log;
mod restore;
mod retention;
mod trash;

use peerdrive_crdt_tree::id::{NodeId, OpId};
use peerdrive_crdt_tree::node::{Content, FileContent};
use peerdrive_crypto::ids::BindId;
use peerdrive_log::ReadError;

use crate::drive::error::DriveError;
use crate::drive::handle::DriveHandle;

pub(crate) use log::replay;
pub use restore::{Back, Restored, Unrestored};
pub(crate) use retention::retained;
pub use trash::TrashedItem;

/// Who wrote something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Writer {
    /// The member's name or id; `None` if no entry here introduces the device.
    pub member: Option<String>,
    /// The device's name or id.
    pub device: String,
}

/// One version of a file's content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version {
    /// What tells it from the node's other versions.
    pub op: OpId,
    /// The node it was written to. Another than was asked about for versions from before a conflict
    /// copy became a node of its own.
    pub node: NodeId,
    /// Milliseconds since 1970, as its author's clock said.
    pub time_ms: u64,
    /// Who wrote it.
    pub by: Writer,
    /// What it holds; `None` is a file without content.
    pub content: Option<Content>,
    /// Whether it is what the node holds now, alone or beside others.
    pub current: bool,
}

impl Version {
    /// The version's name, as `restore` takes it: the write's counter, and the first bytes of its
    /// author's actor.
    pub fn name(&self) -> String {
        version_name(self.op)
    }

    /// Its bytes, if it is a file's.
    pub fn file(&self) -> Option<&FileContent> {
        match &self.content {
            Some(Content::File(file)) => Some(file),
            _ => None,
        }
    }
}

fn version_name(op: OpId) -> String {
    let author = data_encoding::HEXLOWER.encode(&op.actor.0[..4]);
    format!("{}-{author}", op.counter)
}

/// Earlier versions cannot be told or brought back.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Nothing is, or in the trash was, at that path.
    #[error("there is nothing at `{0}` in the drive, nor in its trash")]
    NoPath(String),
    /// The node has no such version.
    #[error("`{path}` has no version `{version}`; `peerdrive history` lists them")]
    NoVersion {
        /// The path that was asked for.
        path: String,
        /// The version that was asked for.
        version: String,
    },
    /// Folders have no versions of their own.
    #[error("`{0}` is a folder; give a time to restore all of it as it was then")]
    Folder(String),
    /// Nothing was in the drive at that time.
    #[error(
        "nothing of the drive is as old as that; `peerdrive history` tells how far back it goes"
    )]
    TooEarly,
    /// The version's bytes are neither here nor at a peer that can be reached.
    #[error(transparent)]
    Content(#[from] crate::content::ContentError),
    /// The drive took no edit.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// The drive refused the edit.
    #[error("it cannot be restored: {0}")]
    Refused(String),
    /// The record could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// This device's notes could not be read.
    #[error(transparent)]
    Local(#[from] crate::local::LocalError),
}

impl DriveHandle {
    /// Every version of what is, or in the trash was, at a path, the newest first. Reads the whole
    /// record: seconds for a million entries. Blocks.
    pub fn history(&self, path: &str) -> Result<Vec<Version>, HistoryError> {
        let node = self.node_at(path)?;
        self.versions(node)
    }

    /// The versions of one node, the newest first. Blocks.
    pub(crate) fn versions(&self, node: NodeId) -> Result<Vec<Version>, HistoryError> {
        let mut versions = Vec::new();
        let mut origin = None;
        self.collect_versions(node, None, &mut versions, &mut origin)?;
        // A conflict copy that became a node goes on with the versions that led to it.
        if let Some((from, last)) = origin {
            self.collect_versions(from, Some(last), &mut versions, &mut None)?;
        }
        versions.sort_by_key(|version| std::cmp::Reverse(version.op));
        Ok(versions)
    }

    fn collect_versions(
        &self,
        node: NodeId,
        last: Option<OpId>,
        versions: &mut Vec<Version>,
        origin: &mut Option<(NodeId, OpId)>,
    ) -> Result<(), HistoryError> {
        use peerdrive_crdt_tree::written::{What, hash, writes};
        let mut found = Vec::new();
        replay(&self.shared, |told| {
            let Ok(writes) = writes(&told.change) else {
                return;
            };
            for write in writes.into_iter().filter(|write| write.node == node) {
                match write.what {
                    What::Content(content) if last.is_none_or(|last| write.op <= last) => {
                        found.push((
                            write.op,
                            told.time_ms,
                            told.bind,
                            content,
                            told.change.clone(),
                        ));
                    }
                    What::Born { copied, .. } => *origin = origin.or(copied),
                    _ => {}
                }
            }
        })?;
        let tree = self.view();
        let current: Vec<OpId> = match last {
            None => tree.contents(node).iter().map(|stored| stored.op).collect(),
            Some(_) => Vec::new(),
        };
        let members = self.shared.members.read();
        for (op, time_ms, bind, content, change) in found {
            // Entries that wait for others, or proved inadmissible, are in the record too.
            if hash(&change).is_some_and(|hash| tree.has_change(&hash)) {
                versions.push(Version {
                    op,
                    node,
                    time_ms,
                    by: members.writer(&bind),
                    content,
                    current: current.contains(&op),
                });
            }
        }
        Ok(())
    }

    /// The node at a path, or the one that was deleted from there last.
    pub(crate) fn node_at(&self, path: &str) -> Result<NodeId, HistoryError> {
        let path = path.trim_matches('/');
        if let Some(id) = self.view().lookup(path) {
            return Ok(id);
        }
        let trashed = self.trash()?;
        let found = trashed.into_iter().find(|item| item.path == path);
        found
            .map(|item| item.id)
            .ok_or_else(|| HistoryError::NoPath(path.to_owned()))
    }
}

/// The short text of an id, where there is no name.
pub(crate) fn bind_text(bind: &BindId) -> String {
    data_encoding::HEXLOWER.encode(&bind.0[..5])
}

//! What a working copy says of itself: what waits and why, and how far a long piece of work is. Plain
//! values, for people and doors.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use peerdrive_crdt_tree::id::NodeId;
use serde::{Deserialize, Serialize};

/// How to keep a folder in step: a choice of this device, for one drive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkingCopyOptions {
    /// Patterns in gitignore syntax, for this device only: what they name is neither taken in nor
    /// checked out, unless it already was.
    pub local_ignore: Vec<String>,
    /// Check out symlinks whose target is absolute or leads out of the folder. Those that were made here
    /// stay in any case.
    pub allow_outside_symlinks: bool,
}

/// One entry that waits, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Where, relative to the folder.
    pub path: String,
    /// What happened.
    pub reason: String,
    /// What to do about it; empty when it resolves itself.
    pub hint: String,
}

/// How things stand.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WorkingCopyStatus {
    /// Local paths that are still to be looked at or taken in.
    pub pending_in: usize,
    /// Nodes that are still to be written out.
    pub pending_out: usize,
    /// How many of `pending_in` failed and are tried again in a while: see `problems`.
    pub failing_in: usize,
    /// How many of `pending_out` failed and are tried again in a while: see `problems`.
    pub failing_out: usize,
    /// Bytes of files that are still to be written out, as far as is known.
    pub pending_bytes: u64,
    /// Entries that wait, and why; sorted by path.
    pub problems: Vec<Problem>,
    /// Why nothing is done at all at the moment.
    pub paused: Option<String>,
    /// A look at the whole folder is under way.
    pub scanning: bool,
    /// Deletions that wait for a yes (`WorkingCopy::confirm_deletions`), if any.
    pub deletions_to_confirm: usize,
    /// The system tells of every change. Otherwise (it watches only so many folders) changes are found by
    /// looking every half minute.
    pub watching: bool,
}

impl WorkingCopyStatus {
    /// Whether something is left that will be done by itself soon. What failed is not.
    pub fn is_busy(&self) -> bool {
        self.scanning || self.pending_in > self.failing_in || self.pending_out > self.failing_out
    }

    /// Whether files of the folder are being read, or will be soon.
    pub fn is_reading(&self) -> bool {
        self.paused.is_none() && self.pending_in > self.failing_in
    }

    /// Whether folder and drive are in step and nothing waits.
    pub fn in_step(&self) -> bool {
        self.pending_in == 0
            && self.pending_out == 0
            && self.problems.is_empty()
            && self.paused.is_none()
            && self.deletions_to_confirm == 0
    }
}

/// How far an import or a checkout is; all zero when there is none. Totals grow while they are found out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WorkingCopyProgress {
    /// Files taken in.
    pub files_in: u64,
    /// Of how many.
    pub files_in_total: u64,
    /// Bytes taken in.
    pub bytes_in: u64,
    /// Of how many.
    pub bytes_in_total: u64,
    /// Files written out.
    pub files_out: u64,
    /// Of how many.
    pub files_out_total: u64,
    /// Bytes written out.
    pub bytes_out: u64,
    /// Of how many.
    pub bytes_out_total: u64,
}

/// What worker and handle share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) status: Mutex<WorkingCopyStatus>,
    pub(super) progress: Mutex<WorkingCopyProgress>,
    /// The user said yes to the deletions that wait.
    pub(super) confirmed: AtomicBool,
    /// The user said no.
    pub(super) declined: AtomicBool,
    /// What the folder holds is not all noted durably yet.
    pub(super) noting: AtomicBool,
}

impl Shared {
    /// The worker ended by a fault of its own: nobody may take the folder for being kept in step.
    pub(super) fn broke_down(&self) {
        tracing::error!("the working copy broke down");
        let mut status = self.status.lock();
        status.scanning = false;
        status.paused = Some(
            "a fault in PeerDrive stopped it; it goes on where it was when PeerDrive is started anew (`peerdrive stop`, then any other command)"
                .into(),
        );
    }

    pub(super) fn take(flag: &AtomicBool) -> bool {
        flag.swap(false, Ordering::AcqRel)
    }
}

/// Problems by path, so that a path has one.
#[derive(Debug, Default)]
pub(super) struct Problems {
    by_path: BTreeMap<String, (String, String)>,
    /// Under which path that of a node was told: it may have another since, or none.
    of_nodes: HashMap<NodeId, String>,
}

impl Problems {
    pub(super) fn set(&mut self, path: &str, reason: impl Into<String>, hint: &str) {
        self.by_path
            .insert(path.to_owned(), (reason.into(), hint.to_owned()));
    }

    /// As [`Problems::set`], for what is wrong with a node, which has one problem wherever it is.
    pub(super) fn set_of(&mut self, id: NodeId, path: &str, reason: impl Into<String>, hint: &str) {
        self.clear_of(id);
        self.set(path, reason, hint);
        self.of_nodes.insert(id, path.to_owned());
    }

    pub(super) fn clear(&mut self, path: &str) {
        self.by_path.remove(path);
    }

    /// Nothing is wrong with a node any more.
    pub(super) fn clear_of(&mut self, id: NodeId) {
        if let Some(path) = self.of_nodes.remove(&id) {
            self.by_path.remove(&path);
        }
    }

    pub(super) fn list(&self) -> Vec<Problem> {
        self.by_path
            .iter()
            .map(|(path, (reason, hint))| Problem {
                path: path.clone(),
                reason: reason.clone(),
                hint: hint.clone(),
            })
            .collect()
    }
}

/// What to do about a failed operation of the disk, in a sentence.
pub(super) fn hint_for(error: &std::io::Error) -> &'static str {
    use std::io::ErrorKind::{
        InvalidFilename, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
    };
    match error.kind() {
        StorageFull | QuotaExceeded => "Free some space on this disk; it is tried again by itself.",
        PermissionDenied => {
            "Give yourself permission to the file and its folder; it is tried again by itself."
        }
        InvalidFilename => "This disk cannot hold the name. Rename it on another device.",
        ReadOnlyFilesystem => "Mount the disk for writing.",
        _ => "It is tried again by itself.",
    }
}

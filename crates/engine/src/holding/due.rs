//! What a drive's events may have brought other bytes for, gathered until somebody sees to it. Knows not what
//! is done about it.

use std::collections::HashSet;
use std::sync::Arc;

use peerdrive_crdt_tree::event::TreeEvent;
use peerdrive_crdt_tree::id::NodeId;
use tokio::sync::broadcast::{self, error::TryRecvError};

use crate::drive::event::DriveEvent;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Due {
    /// Everything.
    pub(super) all: bool,
    /// These nodes and what is below them.
    pub(super) nodes: HashSet<NodeId>,
    /// It was tried, and did not all succeed.
    pub(super) failed: bool,
    /// How many events were heard.
    pub(super) heard: u64,
}

impl Due {
    /// All there is.
    pub(super) fn everything() -> Self {
        Self {
            all: true,
            ..Self::default()
        }
    }

    pub(super) fn is_something(&self) -> bool {
        self.all || !self.nodes.is_empty()
    }

    pub(super) fn hear(&mut self, event: &DriveEvent) {
        self.heard += 1;
        match event {
            DriveEvent::Tree { events, .. } => self.nodes.extend(events.iter().filter_map(brings)),
            DriveEvent::Reloaded => self.all = true,
            DriveEvent::Peers => self.failed = false,
            DriveEvent::Members => {}
        }
    }

    /// So many events passed unheard.
    pub(super) fn miss(&mut self, events: u64) {
        self.all = true;
        self.heard += events;
    }

    /// Hears all that has been published. `false` once the drive has ended.
    pub(super) fn hear_all(&mut self, events: &mut broadcast::Receiver<Arc<DriveEvent>>) -> bool {
        loop {
            match events.try_recv() {
                Ok(event) => self.hear(&event),
                Err(TryRecvError::Lagged(missed)) => self.miss(missed),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Closed) => return false,
            }
        }
    }
}

/// The node that an event may bring other bytes for.
fn brings(event: &TreeEvent) -> Option<NodeId> {
    match event {
        TreeEvent::NodeCreated { id }
        | TreeEvent::NodeMoved { id, .. }
        | TreeEvent::ContentChanged { id }
        | TreeEvent::ConflictAppeared { id } => Some(*id),
        TreeEvent::AttributesChanged { .. }
        | TreeEvent::NodeDeleted { .. }
        | TreeEvent::ConflictEnded { .. } => None,
    }
}

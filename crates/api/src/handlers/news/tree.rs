//! A change of the view in the words of doors: which folders to look at again, and what a person would
//! say happened. Knows nothing of who did it.

use std::collections::{BTreeSet, HashSet};

use peerdrive_engine::tree::event::TreeEvent;
use peerdrive_engine::tree::id::NodeId;
use peerdrive_engine::tree::tree::DriveTree;

use crate::dto::{Change, ChangeKind};

/// Most folders that are named.
const FOLDERS: usize = 64;

/// Most changes that are told one by one.
const CHANGES: usize = 32;

/// What is told of one change of the view.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Folders whose rows differ, by id.
    pub(super) folders: Vec<String>,
    /// There are more of them.
    pub(super) all: bool,
    /// What happened, as far as there is room.
    pub(super) changes: Vec<Change>,
    /// How many changes there were.
    pub(super) count: u32,
}

impl Told {
    pub(super) fn is_anything(&self) -> bool {
        self.count > 0 || self.all || !self.folders.is_empty()
    }
}

/// Tells what happened. The view may have gone on since: what it does not show any more is left out,
/// for that is told of later.
pub(super) fn told(view: &DriveTree, events: &[TreeEvent]) -> Told {
    let mut teller = Teller {
        view,
        folders: BTreeSet::new(),
        all: false,
        edited: HashSet::new(),
        told: Told::default(),
    };
    for event in events {
        teller.take(event);
    }
    let folders = teller.folders.iter().map(ToString::to_string);
    Told {
        folders: folders.collect(),
        all: teller.all,
        ..teller.told
    }
}

struct Teller<'a> {
    view: &'a DriveTree,
    folders: BTreeSet<NodeId>,
    all: bool,
    /// New ones, and those with a new content: their times and attributes are no news.
    edited: HashSet<NodeId>,
    told: Told,
}

impl Teller<'_> {
    fn take(&mut self, event: &TreeEvent) {
        match event {
            TreeEvent::NodeCreated { id } => {
                self.edited.insert(*id);
                if let Some(folder) = self.view.parent(*id) {
                    self.entries_differ(folder);
                    self.add(ChangeKind::Created, *id, folder, None);
                }
            }
            TreeEvent::NodeMoved { id, from, old_name } => {
                let Some(folder) = self.view.parent(*id) else {
                    return;
                };
                let what = match folder == *from {
                    true => ChangeKind::Renamed,
                    false => ChangeKind::Moved,
                };
                if what == ChangeKind::Moved {
                    self.entries_differ(*from);
                    self.entries_differ(folder);
                }
                self.rows_differ(folder);
                self.add(what, *id, folder, Some((*from, old_name)));
            }
            TreeEvent::ContentChanged { id } => {
                if self.edited.insert(*id) {
                    self.in_place(ChangeKind::Edited, *id);
                }
            }
            TreeEvent::AttributesChanged { id } if self.edited.contains(id) => {}
            TreeEvent::AttributesChanged { id } => self.in_place(ChangeKind::Attributes, *id),
            TreeEvent::NodeDeleted { id, from, old_name } => {
                // What went with its folder is not told by itself.
                if self.shows(*from) {
                    self.entries_differ(*from);
                    self.add_deleted(*id, *from, old_name);
                }
            }
            TreeEvent::ConflictAppeared { id } => self.in_place(ChangeKind::Conflict, *id),
            TreeEvent::ConflictEnded { id } => self.in_place(ChangeKind::Settled, *id),
        }
    }

    fn shows(&self, folder: NodeId) -> bool {
        self.view.glance(folder).is_some()
    }

    fn in_place(&mut self, what: ChangeKind, id: NodeId) {
        if let Some(folder) = self.view.parent(id) {
            self.rows_differ(folder);
            self.add(what, id, folder, None);
        }
    }

    fn rows_differ(&mut self, folder: NodeId) {
        if self.folders.contains(&folder) || !self.shows(folder) {
            return;
        }
        if self.folders.len() < FOLDERS {
            self.folders.insert(folder);
        } else {
            self.all = true;
        }
    }

    /// A folder's own row says how many entries it has.
    fn entries_differ(&mut self, folder: NodeId) {
        self.rows_differ(folder);
        if folder != NodeId::ROOT
            && let Some(above) = self.view.parent(folder)
        {
            self.rows_differ(above);
        }
    }

    fn add(
        &mut self,
        what: ChangeKind,
        id: NodeId,
        folder: NodeId,
        from: Option<(NodeId, &String)>,
    ) {
        self.told.count = self.told.count.saturating_add(1);
        if self.told.changes.len() < CHANGES {
            self.told.changes.push(Change {
                what,
                node: id.to_string(),
                folder: folder.to_string(),
                path: self.view.path(id).unwrap_or_default(),
                from: from.and_then(|(folder, name)| self.path_in(folder, name)),
            });
        }
    }

    fn add_deleted(&mut self, id: NodeId, folder: NodeId, name: &str) {
        self.told.count = self.told.count.saturating_add(1);
        if self.told.changes.len() < CHANGES {
            self.told.changes.push(Change {
                what: ChangeKind::Deleted,
                node: id.to_string(),
                folder: folder.to_string(),
                path: self.path_in(folder, name).unwrap_or_default(),
                from: None,
            });
        }
    }

    /// The path that a name has in a folder, if that shows.
    fn path_in(&self, folder: NodeId, name: &str) -> Option<String> {
        let above = self.view.path(folder)?;
        Some(match above.as_str() {
            "" => name.to_owned(),
            above => format!("{above}/{name}"),
        })
    }
}

#[cfg(test)]
mod tests;

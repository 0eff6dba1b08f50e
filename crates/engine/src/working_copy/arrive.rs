//! Folders and whatever moved: where in the drive an entry belongs, and what to do when its name is
//! taken there. Reads no contents.

use std::collections::BTreeSet;
use std::time::Instant;

use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::name::Name;
use peerdrive_crdt_tree::node::Kind;

use super::batch::After;
use super::beneath::{EntryKind, Stat, join, name_of, split};
use super::in_step::{Held, Record};
use super::keeper::{Keeper, Pause};
use super::names;
use super::plan::decide::{self, ForNew};
use super::plan::local::Change;
use super::port::Drive;
use super::rest::REST;
use super::take_in::{BATCH, Work};

impl<D: Drive> Keeper<D> {
    pub(super) async fn new_folder(
        &mut self,
        work: &mut Work<'_>,
        change: Change,
    ) -> Result<(), Pause> {
        let Change::New { path, stat } = change else {
            return Ok(());
        };
        let Some(place) = self.place(work, &path).await? else {
            return Ok(());
        };
        if let Some(id) = names::parked_node(name_of(&path)) {
            self.unpark(id, &path, stat, work.now);
            return Ok(());
        }
        let Some(name) = self.name_for(&path, work.now) else {
            return Ok(());
        };
        let answer = match place {
            Place::In(parent) => {
                let in_step = &self.in_step;
                self.drive.view(|view| {
                    decide::for_new(
                        view,
                        in_step,
                        parent,
                        (name.as_str(), name_of(&path)),
                        &Held::Folder,
                    )
                })
            }
            Place::InCreated(_) => ForNew::Create,
        };
        let record = self.record(
            NodeId::ROOT,
            name_of(&path),
            Held::Folder,
            stat,
            work.wall_ns,
        );
        match (answer, place) {
            (ForNew::Create, _) => {
                let at = work.batch.create(
                    &path,
                    place,
                    name,
                    Kind::Folder,
                    None,
                    self.mode_of(&stat, 0o755),
                    record,
                );
                work.made.insert(path, Place::InCreated(at));
                if work.batch.edits.len() >= BATCH {
                    self.send(work).await?;
                }
            }
            (ForNew::Adopt(id), Place::In(parent)) => {
                let mode = self
                    .drive
                    .view(|view| view.get(id).map(|node| node.mode))
                    .unwrap_or(record.mode);
                self.adopt(
                    id,
                    Record {
                        parent,
                        mode,
                        ..record
                    },
                );
                work.made.insert(path, Place::In(id));
            }
            (ForNew::Aside, _) => {
                self.put_aside(&path, "local", work.now);
            }
            (ForNew::Wait | ForNew::Adopt(_), _) => self.rest.look(&path, work.now + REST, true),
        }
        Ok(())
    }

    pub(super) async fn moves(
        &mut self,
        work: &mut Work<'_>,
        moves: Vec<Change>,
    ) -> Result<(), Pause> {
        let mut leaving: BTreeSet<NodeId> = moves
            .iter()
            .filter_map(|change| {
                if let Change::Moved { id, .. } = change {
                    Some(*id)
                } else {
                    None
                }
            })
            .collect();
        let mut left = BTreeSet::new();
        for change in moves {
            let Change::Moved { id, path, stat } = change else {
                continue;
            };
            work.spared.insert(id);
            let Some(Place::In(parent)) = self.place(work, &path).await? else {
                continue;
            };
            let name = name_of(&path);
            if names::parked_node(name) == Some(id) {
                self.unpark(id, &path, stat, work.now);
                continue;
            }
            let Some(record) = self.in_step.get(id).cloned() else {
                // It was forgotten with the folder that it came from: it is new.
                self.rest.look(&path, work.now, true);
                continue;
            };
            let Some(called) = self.name_for(&path, work.now) else {
                continue;
            };
            let Some(node) = self.drive.view(|view| view.get(id)) else {
                // Deleted by others, moved here: it lives, as if it were new.
                self.in_step.remove_subtree(id);
                work.spared.remove(&id);
                self.rest.look(&path, work.now, true);
                continue;
            };
            // The record keeps the old stat of a file that was written to as well: the next look sees it.
            let stat = if record.stat.same_bytes(&stat, false) || stat.kind == EntryKind::Folder {
                stat
            } else {
                record.stat
            };
            let moved = Record {
                parent,
                name: name.to_owned(),
                stat,
                mode: record.mode,
                ..record.clone()
            };
            let goal = decide::for_move(&node, &record, parent, name, &self.rules);
            let Some((to, called)) =
                goal.map(|(to, shown)| (to, Name::new(shown).unwrap_or(called)))
            else {
                self.moved(work, id, moved, &path);
                continue;
            };
            if self.is_inside(to, id, &leaving) {
                // Others moved its goal into it meanwhile. Of two such moves the later does not count,
                // and this one comes later: the drive's places are written out.
                self.moved(work, id, moved, &path);
                continue;
            }
            let other = self
                .drive
                .view(|view| view.child(to, called.as_str()))
                .filter(|other| *other != id && !left.contains(other));
            if let Some(other) = other {
                if leaving.contains(&other) {
                    let Some(node) = self.drive.view(|view| view.get(other)) else {
                        self.rest.look(&path, work.now, true);
                        continue;
                    };
                    if let Ok(name) = Name::new(names::tagged(
                        &node.name,
                        &format!("moving {:.6}", other.to_string()),
                    )) {
                        work.batch.push(
                            Edit::Move {
                                node: other,
                                parent: node.parent,
                                name,
                            },
                            None,
                            After::Nothing,
                        );
                        left.insert(other);
                    }
                } else {
                    let here = |record: &Record| record.parent == parent && record.name == name;
                    if self.in_step.get(other).is_some_and(here) {
                        // What was at this place has its own change, which comes first.
                        self.rest.look(&path, work.now + REST, true);
                    } else {
                        self.put_aside(&path, "local", work.now);
                    }
                    continue;
                }
            }
            leaving.remove(&id);
            left.insert(id);
            work.batch.push(
                Edit::Move {
                    node: id,
                    parent: to,
                    name: called,
                },
                None,
                After::Changed {
                    path: path.clone(),
                    id,
                    record: moved,
                },
            );
            work.spared.remove(&id);
            self.rest.look(&path, work.now, true);
        }
        self.send(work).await
    }

    /// Whether the drive shows `folder` as or below `id`, with nothing between that is `leaving`.
    fn is_inside(&self, folder: NodeId, id: NodeId, leaving: &BTreeSet<NodeId>) -> bool {
        self.drive.view(|view| {
            let mut at = folder;
            while at != NodeId::ROOT && at != id && !leaving.contains(&at) {
                match view.get(at) {
                    Some(node) => at = node.parent,
                    None => return false,
                }
            }
            at == id
        })
    }

    pub(super) fn moved(&mut self, work: &mut Work<'_>, id: NodeId, record: Record, path: &str) {
        let is_folder = record.held == Held::Folder;
        self.adopt(id, record);
        work.spared.remove(&id);
        self.rest.look(path, work.now, true);
        if is_folder {
            self.watched_again(path, work.now);
        }
    }

    /// Where in the drive the parent of a path is; `None` (and the path is looked at again) if it has
    /// no node yet.
    pub(super) async fn place(
        &mut self,
        work: &mut Work<'_>,
        path: &str,
    ) -> Result<Option<Place>, Pause> {
        let parent = split(path).0;
        if let Some(made) = work.made.get(parent) {
            return Ok(Some(*made));
        }
        let Some(id) = work.seen.node_at(&self.in_step, parent) else {
            self.rest.look(parent, work.now + REST, true);
            return Ok(None);
        };
        match self.revive(work, id).await? {
            Some(id) => {
                if id != NodeId::ROOT {
                    work.made.insert(parent.to_owned(), Place::In(id));
                }
                Ok(Some(Place::In(id)))
            }
            None => {
                self.rest.look(path, work.now + REST, true);
                Ok(None)
            }
        }
    }

    /// Sees to it that a folder with a record is in the drive: something was put into it here after
    /// others had deleted it. Returns its id, which may be new.
    pub(super) async fn revive(
        &mut self,
        work: &mut Work<'_>,
        id: NodeId,
    ) -> Result<Option<NodeId>, Pause> {
        let mut missing = Vec::new();
        let mut at = id;
        while at != NodeId::ROOT && self.drive.view(|view| view.get(at).is_none()) {
            let Some(record) = self.in_step.get(at) else {
                return Ok(None);
            };
            missing.push(at);
            at = record.parent;
        }
        let mut parent = at;
        for old in missing.into_iter().rev() {
            self.send(work).await?;
            let Some(record) = self.in_step.get(old).cloned() else {
                return Ok(None);
            };
            // A folder that was only waiting to be removed has lost its name.
            let shown = match names::parked_node(&record.name) {
                Some(id) => format!("recovered {:.6}", id.to_string()).into(),
                None => self.rules.unescape(&record.name),
            };
            let Ok(name) = Name::new(shown) else {
                return Ok(None);
            };
            let there = self.drive.view(|view| {
                view.child(parent, name.as_str())
                    .filter(|id| view.get(*id).is_some_and(|node| node.kind == Kind::Folder))
            });
            let new = match there {
                Some(id) if self.in_step.get(id).is_none() => id,
                Some(_) => return Ok(None),
                None => {
                    let edit = Edit::Create {
                        parent: Place::In(parent),
                        name,
                        kind: Kind::Folder,
                        content: None,
                        mode: None,
                    };
                    let mut results = self
                        .drive
                        .edit(vec![(edit, None)], None)
                        .await
                        .map_err(|error| Pause::Drive(error.to_string()))?;
                    match results.pop() {
                        Some(Ok(id)) => id,
                        _ => return Ok(None),
                    }
                }
            };
            work.told = true;
            self.in_step.rekey(
                old,
                new,
                Record {
                    parent,
                    left_behind: false,
                    ..record
                },
            );
            self.dirty.insert(new);
            parent = new;
        }
        Ok(Some(parent))
    }

    /// Renames a local entry to a free name beside, and says which.
    pub(super) fn put_aside(&mut self, path: &str, tag: &str, now: Instant) -> Option<String> {
        let (parent, name) = split(path);
        for n in 1..100 {
            let tag = if n == 1 {
                tag.to_owned()
            } else {
                format!("{tag} {n}")
            };
            let beside = names::tagged(name, &tag);
            let taken = self.drive.view(|view| {
                parent
                    .split('/')
                    .filter(|part| !part.is_empty())
                    .try_fold(NodeId::ROOT, |at, part| {
                        view.child(at, &self.rules.unescape(part))
                    })
                    .is_some_and(|folder| {
                        view.child(folder, &self.rules.unescape(&beside)).is_some()
                    })
            });
            if taken {
                continue;
            }
            let beside = join(parent, &beside);
            match self.root.rename_new(path, &beside) {
                Ok(()) => {
                    self.rest.look(&beside, now, true);
                    return Some(beside);
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    self.path_failed_io(path, &error, now);
                    return None;
                }
            }
        }
        self.path_failed(path, "no free name was found beside it", "Rename it.", now);
        None
    }

    /// An entry under a name of ours, left by a crash: it is where it is, and goes on to its place.
    pub(super) fn unpark(&mut self, id: NodeId, path: &str, stat: Stat, now: Instant) {
        let known = self
            .in_step
            .get(id)
            .is_some_and(|record| record.stat.same_object(&stat));
        let parent = self.in_step.resolve(split(path).0);
        match (known, parent) {
            (true, Some(parent)) => {
                self.in_step.update(id, |record| {
                    record.parent = parent;
                    record.name = name_of(path).to_owned();
                });
                self.dirty.insert(id);
            }
            _ => {
                let (folder, _) = split(path);
                let found = join(folder, &format!("recovered {:.6}", id.to_string()));
                match self.root.rename_new(path, &found) {
                    Ok(()) => self.rest.look(&found, now, true),
                    Err(error) => self.path_failed_io(path, &error, now),
                }
            }
        }
    }

    /// The drive's name for an entry, or a problem if it can have none.
    pub(super) fn name_for(&mut self, path: &str, now: Instant) -> Option<Name> {
        match Name::new(self.rules.unescape(name_of(path))) {
            Ok(name) => Some(name),
            Err(error) => {
                self.path_failed(path, error.to_string(), "Rename it.", now);
                None
            }
        }
    }

    pub(super) fn mode_of(&self, stat: &Stat, default: u32) -> Option<u32> {
        (self.rules.keeps_modes && stat.kind != EntryKind::Symlink && stat.mode != default)
            .then_some(stat.mode)
    }
}

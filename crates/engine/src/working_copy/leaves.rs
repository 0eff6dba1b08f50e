//! New and changed files and symlinks, once they are read: what becomes of each in the drive.

use std::collections::{BTreeSet, HashMap, VecDeque};

use futures_util::StreamExt;
use futures_util::stream;
use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::{Content, Kind};

use super::ahead::Fresh;
use super::batch::{self, After};
use super::beneath::{EntryKind, Stat, name_of};
use super::in_step::{Held, Record};
use super::keeper::{Keeper, Pause, too_young};
use super::names;
use super::plan::decide::{self, ForBytes, ForNew};
use super::plan::local::Change;
use super::port::Drive;
use super::read::Taken;
use super::rest::REST;
use super::take_in::{BATCH, Work};

/// Files read at the same time: both cores are busy, and a slow disk has several requests to order.
const READERS: usize = 12;
/// Bytes of the files that are told in one go, unless one has more: others see what has been read so far.
const BYTES: u64 = 64 << 20;

impl<D: Drive> Keeper<D> {
    /// New and touched files and symlinks, and touched folders, in portions.
    pub(super) async fn leaves(
        &mut self,
        work: &mut Work<'_>,
        leaves: Vec<Change>,
        gone: &BTreeSet<NodeId>,
        fresh: &Fresh,
    ) -> Result<(), Pause> {
        let (known, leaves) = self.read_ahead(leaves, fresh);
        self.expect_in(&leaves);
        let taken = self.leaves_one_by_one(work, known, leaves, gone).await;
        self.none_expected();
        taken
    }

    async fn leaves_one_by_one(
        &mut self,
        work: &mut Work<'_>,
        known: Vec<(Change, Taken)>,
        leaves: Vec<Change>,
        gone: &BTreeSet<NodeId>,
    ) -> Result<(), Pause> {
        let mut gone_by_content: HashMap<([u8; 32], u64), NodeId> = HashMap::new();
        let is_new = |change: &Change| matches!(change, Change::New { .. });
        let any_new = leaves.iter().any(is_new) || known.iter().any(|(change, _)| is_new(change));
        let gone = gone.iter().chain(self.vanished.keys());
        let gone: BTreeSet<NodeId> = gone.copied().filter(|_| any_new).collect();
        let tops = gone
            .iter()
            .filter(|id| !self.in_step.inside_any(**id, &gone));
        for id in tops.flat_map(|id| self.in_step.subtree(*id)) {
            if let Some(Held::File { hash, len: 1.. }) =
                self.in_step.get(id).map(|record| &record.held)
            {
                let len = self.in_step.get(id).map_or(0, |record| record.stat.size);
                gone_by_content.insert((hash.0, len), id);
            }
        }
        for (change, taken) in known {
            self.leaf(work, change, taken, &mut gone_by_content).await?;
        }
        let mut rest = portions(leaves);
        let mut taken = self.read_all(rest.pop_front()).await;
        while !taken.is_empty() {
            for (change, taken) in taken {
                self.leaf(work, change, taken, &mut gone_by_content).await?;
            }
            // The next are read while these are made durable and told.
            let batch = std::mem::take(&mut work.batch);
            let this = &*self;
            let (told, next) = tokio::join!(this.tell(batch), this.read_all(rest.pop_front()));
            self.told(work, told?).await;
            taken = next;
        }
        Ok(())
    }

    /// Reads a portion of changed files and symlinks.
    async fn read_all(&self, portion: Option<Vec<Change>>) -> Vec<(Change, Taken)> {
        let portion = portion.unwrap_or_default();
        let namesakes = self.namesakes(&portion);
        stream::iter(portion.into_iter().zip(namesakes))
            .map(|(change, namesake)| async move {
                let taken = self.read(&change, namesake).await;
                if let Some(bytes) = file_bytes(&change) {
                    self.count_in(bytes);
                }
                (change, taken)
            })
            .buffered(READERS)
            .collect()
            .await
    }

    /// Every file that is going to be read is counted once when it has been, whatever became of it: what
    /// was the same already, or could not be read, is no work that is left.
    pub(super) fn expect_in(&self, leaves: &[Change]) {
        let mut progress = self.shared.progress.lock();
        if progress.files_in == progress.files_in_total {
            (
                progress.files_in,
                progress.files_in_total,
                progress.bytes_in,
                progress.bytes_in_total,
            ) = (0, 0, 0, 0);
        }
        for bytes in leaves.iter().filter_map(file_bytes) {
            progress.files_in_total += 1;
            progress.bytes_in_total += bytes;
        }
    }

    pub(super) fn count_in(&self, bytes: u64) {
        let mut progress = self.shared.progress.lock();
        progress.files_in += 1;
        progress.bytes_in += bytes;
    }

    /// What was not come to, because the drive takes nothing now, is expected again when it is found again.
    fn none_expected(&self) {
        let (files, bytes) = self.ahead.left();
        let mut progress = self.shared.progress.lock();
        progress.files_in_total = progress.files_in + files;
        progress.bytes_in_total = progress.bytes_in + bytes;
    }

    pub(super) async fn leaf(
        &mut self,
        work: &mut Work<'_>,
        change: Change,
        taken: Taken,
        gone: &mut HashMap<([u8; 32], u64), NodeId>,
    ) -> Result<(), Pause> {
        let (id, path, stat) = match change {
            Change::New { path, stat } => (None, path, stat),
            Change::Touched { id, path, stat } => (Some(id), path, stat),
            Change::Moved { .. } | Change::Missing { .. } => return Ok(()),
        };
        match (taken, id) {
            (Taken::Restless, _) => self.rest.look(&path, work.now + REST, false),
            (Taken::Failed(reason, hint), _) => self.path_failed(&path, reason, hint, work.now),
            (Taken::Same, Some(id)) => self.same_bytes(work, id, &path, stat),
            (Taken::Same, None) => {}
            (Taken::Content(content), Some(id)) => {
                self.new_bytes(work, id, &path, stat, content).await?
            }
            (Taken::Content(content), None) => {
                self.new_leaf(work, &path, stat, content, gone).await?
            }
        }
        Ok(())
    }

    /// An entry whose bytes are those of its record: bits, times, or only the inode changed.
    pub(super) fn same_bytes(&mut self, work: &mut Work<'_>, id: NodeId, path: &str, stat: Stat) {
        let Some(record) = self.in_step.get(id).cloned() else {
            // It was forgotten meanwhile, with a folder that others deleted: it is new.
            self.rest.look(path, work.now, true);
            return;
        };
        let Some(node) = self.drive.view(|view| view.get(id)) else {
            // Deleted by others and not changed here: it only is not removed yet.
            self.in_step.update(id, |record| record.stat = stat);
            return;
        };
        let mode = self
            .changed_mode(&record, &stat)
            .filter(|mode| node.mode == record.mode && *mode != node.mode);
        let mtime = (stat.kind == EntryKind::File
            && stat.mtime_ns != record.stat.mtime_ns
            && node.mtime_ns == record.mtime_ns)
            .then_some(stat.mtime_ns);
        let young = record.held.kind() == Kind::File && too_young(&stat, work.wall_ns);
        let mut now = Record {
            stat,
            racy: young,
            left_behind: false,
            ..record
        };
        now.mode = mode.unwrap_or(now.mode);
        now.mtime_ns = mtime.unwrap_or(now.mtime_ns);
        if mode.is_some() || mtime.is_some() {
            let edit = Edit::SetAttributes {
                node: id,
                mode,
                mtime_ns: mtime,
            };
            work.batch.push(
                edit,
                None,
                After::Changed {
                    path: path.to_owned(),
                    id,
                    record: now,
                },
            );
        } else {
            self.adopt(id, now);
        }
    }

    pub(super) fn changed_mode(&self, record: &Record, stat: &Stat) -> Option<u32> {
        (self.rules.keeps_modes && stat.kind != EntryKind::Symlink && stat.mode != record.stat.mode)
            .then_some(stat.mode)
    }

    pub(super) async fn new_bytes(
        &mut self,
        work: &mut Work<'_>,
        id: NodeId,
        path: &str,
        stat: Stat,
        content: Content,
    ) -> Result<(), Pause> {
        let Some(record) = self.in_step.get(id).cloned() else {
            // As above.
            self.rest.look(path, work.now, true);
            return Ok(());
        };
        let held = held_of(&content);
        let answer = self
            .drive
            .view(|view| decide::for_bytes(view, &record, id, &held));
        let mode = self.changed_mode(&record, &stat);
        let fresh = self.record(
            record.parent,
            &record.name,
            held.clone(),
            stat,
            work.wall_ns,
        );
        let now = Record {
            mode: mode.unwrap_or(record.mode),
            ..fresh
        };
        match answer {
            ForBytes::InStep => {
                let mtime_ns = self
                    .drive
                    .view(|view| view.get(id).map(|node| node.mtime_ns))
                    .unwrap_or(now.mtime_ns);
                self.adopt(
                    id,
                    Record {
                        mtime_ns,
                        mode: record.mode,
                        ..now
                    },
                );
            }
            ForBytes::Send | ForBytes::Revive => {
                let check = if answer == ForBytes::Revive {
                    work.batch
                        .push(Edit::Restore { node: id }, None, After::Nothing);
                    None
                } else {
                    batch::still_holds(id, record.held.clone())
                };
                if let Some(mode) = mode {
                    let edit = Edit::SetAttributes {
                        node: id,
                        mode: Some(mode),
                        mtime_ns: None,
                    };
                    work.batch.push(edit, None, After::Nothing);
                }
                let edit = Edit::SetContent { node: id, content };
                work.batch.push(
                    edit,
                    check,
                    After::Changed {
                        path: path.to_owned(),
                        id,
                        record: now,
                    },
                );
            }
            ForBytes::Anew => {
                self.in_step.remove(id);
                self.dirty.insert(id);
                self.rest.look(path, work.now, true);
            }
            ForBytes::Aside => {
                let Some(beside) = self.put_aside(path, &conflict_tag(&held), work.now) else {
                    return Ok(());
                };
                // The drive's own version is written out in its place.
                self.in_step.remove(id);
                self.dirty.insert(id);
                self.create_leaf(work, &beside, stat, content).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn new_leaf(
        &mut self,
        work: &mut Work<'_>,
        path: &str,
        stat: Stat,
        content: Content,
        gone: &mut HashMap<([u8; 32], u64), NodeId>,
    ) -> Result<(), Pause> {
        if let Some(id) = names::parked_node(name_of(path)) {
            self.unpark(id, path, stat, work.now);
            return Ok(());
        }
        let Some(place) = self.place(work, path).await? else {
            return Ok(());
        };
        let Some(name) = self.name_for(path, work.now) else {
            return Ok(());
        };
        let held = held_of(&content);
        let answer = match place {
            Place::In(parent) => {
                let in_step = &self.in_step;
                self.drive.view(|view| {
                    decide::for_new(view, in_step, parent, (name.as_str(), name_of(path)), &held)
                })
            }
            Place::InCreated(_) => ForNew::Create,
        };
        let record = self.record(
            NodeId::ROOT,
            name_of(path),
            held.clone(),
            stat,
            work.wall_ns,
        );
        match (answer, place) {
            (ForNew::Create, Place::In(parent)) if self.is_moved_copy(&held, gone).is_some() => {
                let Some(id) = self.is_moved_copy(&held, gone) else {
                    return Ok(());
                };
                gone.retain(|_, other| *other != id);
                self.vanished.remove(&id);
                let mode = self.in_step.get(id).map_or(record.mode, |old| old.mode);
                work.spared.insert(id);
                let record = Record {
                    parent,
                    mode,
                    ..record
                };
                let edit = Edit::Move {
                    node: id,
                    parent,
                    name,
                };
                work.batch.push(
                    edit,
                    None,
                    After::Changed {
                        path: path.to_owned(),
                        id,
                        record,
                    },
                );
                // What else changed with it (bits, times) is seen by the next look.
                self.rest.look(path, work.now + REST, false);
            }
            (ForNew::Create, _) => {
                let mode = self.mode_of(&stat, 0o644);
                let kind = held.kind();
                work.batch
                    .create(path, place, name, kind, Some(content), mode, record);
            }
            (ForNew::Adopt(id), Place::In(parent)) => {
                let node = self.drive.view(|view| view.get(id));
                let (mode, mtime_ns) = node.map_or((record.mode, record.mtime_ns), |node| {
                    (node.mode, node.mtime_ns)
                });
                // The disk's bits and times stay as they are; the drive's are noted as seen.
                self.adopt(
                    id,
                    Record {
                        parent,
                        mode,
                        mtime_ns,
                        ..record
                    },
                );
            }
            (ForNew::Aside, _) => {
                if let Some(beside) = self.put_aside(path, &conflict_tag(&held), work.now) {
                    if let Place::In(parent) = place {
                        self.dirty
                            .extend(self.drive.view(|view| view.child(parent, name.as_str())));
                    }
                    self.create_leaf(work, &beside, stat, content).await?;
                }
            }
            (ForNew::Wait | ForNew::Adopt(_), _) => self.rest.look(path, work.now + REST, true),
        }
        Ok(())
    }

    /// A node that just vanished elsewhere and held these very bytes: copied and removed, a move.
    pub(super) fn is_moved_copy(
        &self,
        held: &Held,
        gone: &HashMap<([u8; 32], u64), NodeId>,
    ) -> Option<NodeId> {
        let Held::File { hash, len } = held else {
            return None;
        };
        let id = *gone.get(&(hash.0, *len))?;
        let record = self
            .in_step
            .get(id)
            .filter(|record| record.held.same(held))?;
        let still = self
            .in_step
            .path(id)
            .is_none_or(|path| !matches!(self.root.stat(&path), Ok(None)));
        let as_seen = self.drive.view(|view| {
            view.get(id).is_some_and(|node| {
                Held::of(&node).same(&record.held) && node.parent == record.parent
            })
        });
        (as_seen && !still).then_some(id)
    }

    /// Creates a node for an entry that was just put aside.
    pub(super) async fn create_leaf(
        &mut self,
        work: &mut Work<'_>,
        path: &str,
        read: Stat,
        content: Content,
    ) -> Result<(), Pause> {
        let stat = match self.root.stat(path) {
            // The rename changed its change time. What was written since it was read is seen by the
            // next look, against the stat that was read.
            Ok(Some(stat)) if stat.same_bytes(&read, false) => stat,
            Ok(Some(_)) => read,
            _ => {
                self.rest.look(path, work.now, false);
                return Ok(());
            }
        };
        let (Some(place), Some(name)) =
            (self.place(work, path).await?, self.name_for(path, work.now))
        else {
            return Ok(());
        };
        let (held, kind) = (held_of(&content), kind_of(&content));
        let record = self.record(NodeId::ROOT, name_of(path), held, stat, work.wall_ns);
        let mode = self.mode_of(&stat, 0o644);
        work.batch
            .create(path, place, name, kind, Some(content), mode, record);
        Ok(())
    }
}

/// What is told in one go, in order.
fn portions(leaves: Vec<Change>) -> VecDeque<Vec<Change>> {
    let mut portions: VecDeque<Vec<Change>> = VecDeque::new();
    let mut bytes = 0;
    for change in leaves {
        bytes += file_bytes(&change).unwrap_or(0);
        match portions.back_mut() {
            Some(last) if last.len() < BATCH && bytes <= BYTES => last.push(change),
            _ => {
                bytes = file_bytes(&change).unwrap_or(0);
                portions.push_back(vec![change]);
            }
        }
    }
    portions
}

/// How many bytes there are to read of a changed file; `None` if it is none.
fn file_bytes(change: &Change) -> Option<u64> {
    match change {
        Change::New { stat, .. } | Change::Touched { stat, .. } if stat.kind == EntryKind::File => {
            Some(stat.size)
        }
        _ => None,
    }
}

fn kind_of(content: &Content) -> Kind {
    held_of(content).kind()
}

fn held_of(content: &Content) -> Held {
    match content {
        Content::File(file) => Held::File {
            hash: file.hash,
            len: file.len,
        },
        Content::Symlink(target) => Held::Symlink(target.clone()),
    }
}

/// The tag of a version that is kept beside: the same wherever and whenever it is made.
fn conflict_tag(held: &Held) -> String {
    match held {
        Held::File { hash, .. } => {
            format!("conflict {}", data_encoding::HEXLOWER.encode(&hash.0[..3]))
        }
        _ => "conflict".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(number: usize, size: u64) -> Change {
        let stat = Stat {
            kind: EntryKind::File,
            dev: 0,
            ino: number as u64,
            size,
            mtime_ns: 0,
            ctime_ns: 0,
            btime_ns: 0,
            mode: 0o644,
        };
        let path = number.to_string();
        Change::New { path, stat }
    }

    #[test]
    fn what_is_told_in_one_go_has_a_bound_and_keeps_its_order() {
        let sizes = [
            vec![1; 2 * BATCH + 1],
            vec![BYTES / 2; 5],
            vec![3 * BYTES, 1],
        ]
        .concat();
        let all = sizes.iter().copied().enumerate();
        let portions = portions(all.map(|(number, size)| file(number, size)).collect());
        let lens: Vec<usize> = portions.iter().map(Vec::len).collect();
        // The one that is left of the many goes with the first of the larger ones.
        assert_eq!(lens, [BATCH, BATCH, 2, 2, 2, 1, 1]);
        let order = portions.into_iter().flatten().map(|change| match change {
            Change::New { path, .. } => path.parse().ok(),
            _ => None,
        });
        assert!(order.eq((0..sizes.len()).map(Some)));
    }
}

//! The third tree: what was last in step between the drive and the disk, per node. Knows neither of
//! them: a difference to this tree is what makes a change local or remote.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::{Content, ContentHash, Kind, Node};
use serde::{Deserialize, Serialize};

use super::beneath::Stat;
use super::port::StoredRow;

/// What a node holds, in the terms in which disk and drive are compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Held {
    Folder,
    File { hash: ContentHash, len: u64 },
    Symlink(String),
}

impl Held {
    /// What a node of the view holds. A file without content is the empty file.
    pub(super) fn of(node: &Node) -> Held {
        match (&node.content, node.kind) {
            (_, Kind::Folder) => Held::Folder,
            (Some(Content::Symlink(target)), _) => Held::Symlink(target.clone()),
            (Some(Content::File(file)), _) => Held::File {
                hash: file.hash,
                len: file.len,
            },
            (None, Kind::Symlink) => Held::Symlink(String::new()),
            (None, Kind::File) => Held::File {
                hash: ContentHash([0; 32]),
                len: 0,
            },
        }
    }

    /// Whether both are the same bytes. All empty files are.
    pub(super) fn same(&self, other: &Held) -> bool {
        match (self, other) {
            (Held::File { len: 0, .. }, Held::File { len: 0, .. }) => true,
            (one, other) => one == other,
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Held::Folder => Kind::Folder,
            Held::File { .. } => Kind::File,
            Held::Symlink(_) => Kind::Symlink,
        }
    }
}

/// One node as it was when disk and drive agreed on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Record {
    pub(super) parent: NodeId,
    /// The name on disk, which `names` may have made from the drive's.
    pub(super) name: String,
    pub(super) held: Held,
    /// The disk's side: what `statx` said.
    pub(super) stat: Stat,
    /// The drive's side: permission bits.
    pub(super) mode: u32,
    /// The drive's side: modification time.
    pub(super) mtime_ns: i64,
    /// The file was too young when its content was read for its times to prove that it did not
    /// change since ("racily clean"): the next look reads it again.
    pub(super) racy: bool,
    /// A folder that the drive has deleted, and that stays on disk for the ignored files in it.
    pub(super) left_behind: bool,
}

/// All records, with the indexes that lookups by place and by inode need.
#[derive(Debug, Default)]
pub(super) struct InStep {
    records: HashMap<NodeId, Record>,
    children: HashMap<NodeId, BTreeMap<String, NodeId>>,
    inodes: HashMap<(u64, u64), NodeId>,
    changed: BTreeSet<NodeId>,
    /// Changed since changes were jotted down last.
    fresh: BTreeSet<NodeId>,
    /// Folders that an entry came to or left since changes were taken last.
    stirred: BTreeSet<NodeId>,
    /// Changes came back, and nobody knows any more what they speak of.
    unsure: bool,
    /// Nodes whose place another record took.
    displaced: BTreeSet<NodeId>,
    files: usize,
}

/// Paths of which changed records speak.
#[derive(Debug, Default)]
pub(super) struct SpokenOf {
    pub(super) files: Vec<String>,
    pub(super) folders: Vec<String>,
}

/// One change of the durable table: key, and value or deletion.
pub(super) type Row = (Vec<u8>, Option<Vec<u8>>);

impl InStep {
    pub(super) fn get(&self, id: NodeId) -> Option<&Record> {
        self.records.get(&id)
    }

    /// Records that are not folders.
    pub(super) fn files(&self) -> usize {
        self.files
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.records.keys().copied()
    }

    pub(super) fn child(&self, parent: NodeId, name: &str) -> Option<NodeId> {
        self.children.get(&parent)?.get(name).copied()
    }

    /// Children in name order.
    pub(super) fn children(&self, parent: NodeId) -> impl Iterator<Item = (&str, NodeId)> + '_ {
        self.children
            .get(&parent)
            .into_iter()
            .flatten()
            .map(|(name, id)| (name.as_str(), *id))
    }

    /// The record whose entry this inode is, if `stat` really is that object.
    pub(super) fn by_object(&self, stat: &Stat) -> Option<NodeId> {
        let id = *self.inodes.get(&(stat.dev, stat.ino))?;
        self.records
            .get(&id)
            .filter(|record| record.stat.same_object(stat))
            .map(|_| id)
    }

    /// Where the entry of a node was on disk; the root's is `""`. `None` if it has no record.
    pub(super) fn path(&self, id: NodeId) -> Option<String> {
        let mut names = Vec::new();
        let mut at = id;
        while at != NodeId::ROOT {
            let record = self.records.get(&at)?;
            names.push(record.name.as_str());
            at = record.parent;
            // Longer than any tree is deep (rule R8): records of a damaged table must not hang us.
            if names.len() > 4096 {
                return None;
            }
        }
        names.reverse();
        Some(names.join("/"))
    }

    /// The node whose entry was at a path.
    pub(super) fn resolve(&self, path: &str) -> Option<NodeId> {
        path.split('/')
            .filter(|part| !part.is_empty())
            .try_fold(NodeId::ROOT, |at, part| self.child(at, part))
    }

    /// The node and everything that was in it, parents first.
    pub(super) fn subtree(&self, id: NodeId) -> Vec<NodeId> {
        let mut all = vec![id];
        let mut next = 0;
        while let Some(at) = all.get(next).copied() {
            all.extend(self.children(at).map(|(_, child)| child));
            next += 1;
        }
        all
    }

    /// Whether one of the folders around a node is among `folders`.
    pub(super) fn inside_any(&self, id: NodeId, folders: &BTreeSet<NodeId>) -> bool {
        let mut at = id;
        for _ in 0..=4096 {
            match self.records.get(&at) {
                Some(record) if folders.contains(&record.parent) => return true,
                Some(record) => at = record.parent,
                None => return false,
            }
        }
        false
    }

    /// Sets a record. Whatever record was at that place before loses its place index only.
    pub(super) fn put(&mut self, id: NodeId, record: Record) {
        if self.records.get(&id) == Some(&record) {
            return;
        }
        self.unlink(id);
        let siblings = self.children.entry(record.parent).or_default();
        if let Some(other) = siblings.insert(record.name.clone(), id) {
            self.displaced.insert(other);
        }
        self.inodes.insert((record.stat.dev, record.stat.ino), id);
        self.files += usize::from(record.held != Held::Folder);
        self.stirred.insert(record.parent);
        self.records.insert(id, record);
        self.touch(id);
    }

    /// Nodes whose place another record took and that have found no other since: their entries are
    /// not where their records say.
    pub(super) fn take_displaced(&mut self) -> Vec<NodeId> {
        let displaced = std::mem::take(&mut self.displaced);
        let lost = |id: &NodeId| {
            self.get(*id)
                .is_some_and(|record| self.child(record.parent, &record.name) != Some(*id))
        };
        displaced.into_iter().filter(lost).collect()
    }

    /// Changes a record in place.
    pub(super) fn update(&mut self, id: NodeId, change: impl FnOnce(&mut Record)) {
        if let Some(mut record) = self.records.get(&id).cloned() {
            change(&mut record);
            self.put(id, record);
        }
    }

    /// Gives a folder another id, keeping what is in it.
    pub(super) fn rekey(&mut self, old: NodeId, new: NodeId, record: Record) {
        if old != new {
            let children: Vec<NodeId> = self.children(old).map(|(_, child)| child).collect();
            self.remove(old);
            for child in children {
                self.update(child, |record| record.parent = new);
            }
        }
        self.put(new, record);
    }

    /// Forgets one record. Its children keep theirs: forget them first, or use `remove_subtree`.
    pub(super) fn remove(&mut self, id: NodeId) {
        if self.unlink(id) {
            self.records.remove(&id);
            self.touch(id);
        }
    }

    /// Forgets a node and everything in it.
    pub(super) fn remove_subtree(&mut self, id: NodeId) {
        for id in self.subtree(id).into_iter().rev() {
            self.remove(id);
        }
    }

    fn touch(&mut self, id: NodeId) {
        self.changed.insert(id);
        self.fresh.insert(id);
    }

    fn unlink(&mut self, id: NodeId) -> bool {
        let Some(old) = self.records.get(&id) else {
            return false;
        };
        self.stirred.insert(old.parent);
        if let Some(siblings) = self.children.get_mut(&old.parent) {
            if siblings.get(&old.name) == Some(&id) {
                siblings.remove(&old.name);
            }
            if siblings.is_empty() {
                self.children.remove(&old.parent);
            }
        }
        let object = (old.stat.dev, old.stat.ino);
        if self.inodes.get(&object) == Some(&id) {
            self.inodes.remove(&object);
        }
        self.files -= usize::from(old.held != Held::Folder);
        true
    }

    /// Whether there are changes that `take_changes` has not handed out.
    pub(super) fn changes(&self) -> usize {
        self.changed.len()
    }

    pub(super) fn has_changes(&self) -> bool {
        !self.changed.is_empty()
    }

    /// What must be durable on disk before the changes may be: files, and folders whose entries
    /// came or went. `None` if they are more than `most`, or not known.
    pub(super) fn spoken_of(&self, most: usize) -> Option<SpokenOf> {
        if self.unsure || self.changed.len() + self.stirred.len() > most {
            return None;
        }
        let is_file = |id: &&NodeId| {
            self.get(**id)
                .is_some_and(|record| matches!(record.held, Held::File { .. }))
        };
        Some(SpokenOf {
            files: self
                .changed
                .iter()
                .filter(is_file)
                .filter_map(|id| self.path(*id))
                .collect(),
            // A folder without a path has left itself, and where it was is among them.
            folders: self
                .stirred
                .iter()
                .filter_map(|id| self.path(*id))
                .collect(),
        })
    }

    /// What changed since the last call, as rows of the durable table.
    pub(super) fn take_changes(&mut self) -> Vec<Row> {
        self.stirred.clear();
        self.unsure = false;
        let changed = std::mem::take(&mut self.changed);
        changed
            .into_iter()
            .filter_map(|id| row(id, self.records.get(&id)))
            .collect()
    }

    /// What changed since this was asked last, to be jotted down.
    pub(super) fn take_fresh(&mut self) -> Vec<Row> {
        std::mem::take(&mut self.fresh)
            .into_iter()
            .filter_map(|id| row(id, self.records.get(&id)))
            .collect()
    }

    /// What `take_changes` would hand out now.
    pub(super) fn waiting(&self) -> Vec<Row> {
        self.changed
            .iter()
            .filter_map(|id| row(*id, self.records.get(id)))
            .collect()
    }

    /// Hands rows back that could not be written, so that they are written with the next.
    pub(super) fn return_changes(&mut self, rows: &[Row]) {
        self.unsure = true;
        self.changed
            .extend(rows.iter().filter_map(|(key, _)| id_of(key)));
    }

    /// Reads the durable table, and over it what was jotted down since. Rows that make no sense, or hang
    /// in the air, are left out: their files are then met as if for the first time, which loses nothing.
    pub(super) fn load(rows: Vec<StoredRow>, jotted: Vec<Row>) -> InStep {
        let mut all = InStep::default();
        let mut latest: HashMap<Vec<u8>, Option<Vec<u8>>> = rows
            .into_iter()
            .map(|(key, value)| (key, Some(value)))
            .collect();
        let not_durable: Vec<NodeId> = jotted.iter().filter_map(|(key, _)| id_of(key)).collect();
        latest.extend(jotted);
        for (key, value) in latest {
            if let (Some(id), Some(record)) = (id_of(&key), value.as_deref().and_then(decode)) {
                all.put(id, record);
            }
        }
        all.changed.clear();
        all.changed.extend(not_durable);
        loop {
            let hangs = |id: &NodeId| {
                let placed = all
                    .get(*id)
                    .is_some_and(|r| all.child(r.parent, &r.name) == Some(*id));
                !placed || all.path(*id).is_none()
            };
            let loose: Vec<NodeId> = all.ids().filter(hangs).collect();
            if loose.is_empty() {
                break;
            }
            // Their rows go too: with another folder in the same place they would speak of it.
            for id in loose {
                all.remove(id);
            }
        }
        all.fresh.clear();
        all.displaced.clear();
        // What is not durable may speak of what is not: nobody knows which folders that were.
        all.unsure = !all.changed.is_empty();
        all.stirred.clear();
        all
    }
}

/// The row of a node, or what forgets it. None if there is no way to write it.
pub(super) fn row(id: NodeId, record: Option<&Record>) -> Option<Row> {
    let value = match record {
        Some(record) => Some(encode(record)?),
        None => None,
    };
    Some((id.0.to_vec(), value))
}

fn id_of(key: &[u8]) -> Option<NodeId> {
    key.try_into().ok().map(NodeId)
}

/// A record as it is stored; version 1.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: u8,
    parent: [u8; 16],
    name: String,
    held: StoredHeld,
    stat: Stat,
    mode: u32,
    mtime_ns: i64,
    racy: bool,
    left_behind: bool,
}

#[derive(Serialize, Deserialize)]
enum StoredHeld {
    Folder,
    File([u8; 32], u64),
    Symlink(String),
}

fn encode(record: &Record) -> Option<Vec<u8>> {
    let held = match &record.held {
        Held::Folder => StoredHeld::Folder,
        Held::File { hash, len } => StoredHeld::File(hash.0, *len),
        Held::Symlink(target) => StoredHeld::Symlink(target.clone()),
    };
    let stored = Stored {
        version: 1,
        parent: record.parent.0,
        name: record.name.clone(),
        held,
        stat: record.stat,
        mode: record.mode,
        mtime_ns: record.mtime_ns,
        racy: record.racy,
        left_behind: record.left_behind,
    };
    postcard::to_stdvec(&stored).ok()
}

pub(super) fn decode(bytes: &[u8]) -> Option<Record> {
    let stored: Stored = postcard::from_bytes(bytes)
        .ok()
        .filter(|stored: &Stored| stored.version == 1)?;
    let held = match stored.held {
        StoredHeld::Folder => Held::Folder,
        StoredHeld::File(hash, len) => Held::File {
            hash: ContentHash(hash),
            len,
        },
        StoredHeld::Symlink(target) => Held::Symlink(target),
    };
    Some(Record {
        parent: NodeId(stored.parent),
        name: stored.name,
        held,
        stat: stored.stat,
        mode: stored.mode,
        mtime_ns: stored.mtime_ns,
        racy: stored.racy,
        left_behind: stored.left_behind,
    })
}

//! Takes local changes in: reads what is new, sends edits, and notes what is in step afterwards.
//! Overwrites nothing: what the drive has and this disk never showed is kept beside.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;
use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::name::Name;
use peerdrive_crdt_tree::node::{Content, FileContent, Kind};

use super::batch::{self, After, Batch};
use super::beneath::{EntryKind, Stat, join, name_of, split};
use super::ignored::{RULES_FILE, may_be_passing};
use super::in_step::{Held, Record};
use super::keeper::{Keeper, Pause, too_young, wall_ns};
use super::names;
use super::plan::decide::{self, ForBytes, ForNew};
use super::plan::local::{self, Change};
use super::port::{BytesError, Drive};
use super::rest::{Look, NEWCOMER, PASSING, REST};
use super::scan::Observed;
use super::status::hint_for;

/// Nodes in one batch of edits: one action of the drive.
pub(super) const BATCH: usize = 800;
/// Files read at the same time: both cores are busy, and a slow disk has several requests to order.
const READERS: usize = 12;

/// What reading a changed file or symlink gave.
enum Taken {
    /// Its content, stored in the drive if it was a file.
    Content(Content),
    /// It has the bytes of its record still.
    Same,
    /// It changed while it was read, or went away.
    Restless,
    Failed(String, &'static str),
}

impl<D: Drive> Keeper<D> {
    /// Looks at some paths and takes in what changed there. Returns whether the drive was told
    /// anything.
    pub(super) async fn take_in(&mut self, looks: &[Look], now: Instant) -> Result<bool, Pause> {
        if looks
            .iter()
            .any(|look| split(&look.path).1 == RULES_FILE || look.path.is_empty())
        {
            self.ignored.reread();
        }
        let seen = self.scan(looks);
        let whole: BTreeSet<&str> = looks
            .iter()
            .filter(|look| look.whole)
            .map(|look| look.path.as_str())
            .collect();
        let wall = wall_ns();
        let passing = |path: &str, stat: &Stat| {
            rest_left(path, stat, wall, true, true).is_some() && may_be_passing(split(path).1)
        };
        let changes = local::changes(&self.in_step, &seen, &passing);
        for look in looks {
            self.path_done(&look.path);
        }
        for (path, reason) in &seen.unreadable {
            self.path_failed(
                path,
                reason.clone(),
                "Make it readable, or rename it; it is looked at again by itself.",
                now,
            );
        }
        if changes.is_empty() {
            return Ok(false);
        }
        self.check_root()?;
        if !self.drive.can_write() {
            self.keep_local(changes).await;
            return Ok(false);
        }
        let rested = self.only_rested(changes, &whole, wall, now);
        self.apply(rested, &seen, now).await
    }

    /// Leaves out files that may still be written to, to look at them again in time.
    fn only_rested(
        &mut self,
        changes: Vec<Change>,
        whole: &BTreeSet<&str>,
        wall: i64,
        now: Instant,
    ) -> Vec<Change> {
        let mut rested = Vec::with_capacity(changes.len());
        for change in changes {
            let wait = match &change {
                Change::New { path, stat } => {
                    rest_left(path, stat, wall, true, whole.contains(path.as_str()))
                }
                Change::Touched { path, stat, .. } => {
                    rest_left(path, stat, wall, false, whole.contains(path.as_str()))
                }
                Change::Moved { .. } | Change::Missing { .. } => None,
            };
            match (wait, &change) {
                (Some(wait), Change::New { path, .. } | Change::Touched { path, .. }) => {
                    self.rest.look(path, now + wait, false)
                }
                _ => rested.push(change),
            }
        }
        rested
    }

    async fn apply(
        &mut self,
        changes: Vec<Change>,
        seen: &Observed,
        now: Instant,
    ) -> Result<bool, Pause> {
        let (mut folders, mut moves, mut leaves, mut missing) = (vec![], vec![], vec![], vec![]);
        for change in changes {
            match change {
                Change::New { stat, .. } if stat.kind == EntryKind::Folder => folders.push(change),
                Change::Moved { .. } => moves.push(change),
                Change::Missing { id, path } => missing.push((id, path)),
                other => leaves.push(other),
            }
        }
        let mut work = Work::new(seen, now);
        for change in folders {
            self.new_folder(&mut work, change).await?;
        }
        self.send(&mut work).await?;
        self.moves(&mut work, moves).await?;
        let gone: BTreeSet<NodeId> = missing.iter().map(|(id, _)| *id).collect();
        self.leaves(&mut work, leaves, &gone).await?;
        self.send(&mut work).await?;
        let told = work.told;
        let spared = work.spared;
        Ok(self.missing(missing, seen, &spared, now).await? || told)
    }

    /// Sends the batch and notes what came of it.
    pub(super) async fn send(&mut self, work: &mut Work<'_>) -> Result<(), Pause> {
        let batch = std::mem::take(&mut work.batch);
        if batch.edits.is_empty() {
            return Ok(());
        }
        self.drive
            .flush()
            .await
            .map_err(|error| Pause::Drive(error.to_string()))?;
        let results = self
            .drive
            .edit(batch.edits)
            .await
            .map_err(|error| Pause::Drive(error.to_string()))?;
        work.told = true;
        let mut created = HashMap::new();
        for (at, (result, after)) in results.into_iter().zip(batch.after).enumerate() {
            match result {
                Ok(id) => {
                    created.insert(at, id);
                    self.sent(work, after, id, &created);
                }
                Err(reason) => self.refused(work, after, &reason),
            }
        }
        Ok(())
    }

    fn sent(
        &mut self,
        work: &mut Work<'_>,
        after: After,
        id: NodeId,
        created: &HashMap<usize, NodeId>,
    ) {
        match after {
            After::Created {
                path,
                parent,
                mut record,
            } => {
                let parent = match parent {
                    Place::In(parent) => Some(parent),
                    Place::InCreated(at) => created.get(&at).copied(),
                };
                if let Some(parent) = parent {
                    record.parent = parent;
                    work.made.insert(path.clone(), Place::In(id));
                    self.count_in(&record.held);
                    self.adopt(id, record);
                    self.path_done(&path);
                }
            }
            After::Changed { path, id, record } => {
                self.count_in(&record.held);
                self.adopt(id, record);
                self.path_done(&path);
            }
            After::Nothing => {}
        }
    }

    fn refused(&mut self, work: &mut Work<'_>, after: After, reason: &str) {
        match after {
            After::Created { path, .. } => {
                work.made.remove(&path);
                self.path_failed(&path, reason, "It is tried again by itself.", work.now);
            }
            After::Changed { path, id, .. } => {
                work.spared.insert(id);
                self.path_failed(&path, reason, "It is tried again by itself.", work.now);
            }
            After::Nothing => {}
        }
    }

    fn count_in(&self, held: &Held) {
        if let Held::File { len, .. } = held {
            let mut progress = self.shared.progress.lock();
            progress.files_in += 1;
            progress.bytes_in += len;
        }
    }

    /// Notes that an entry is in step with a node; the view may have moved on already.
    fn adopt(&mut self, id: NodeId, record: Record) {
        self.vanished.remove(&id);
        self.in_step.put(id, record);
        self.dirty.insert(id);
    }

    async fn new_folder(&mut self, work: &mut Work<'_>, change: Change) -> Result<(), Pause> {
        let Change::New { path, stat } = change else {
            return Ok(());
        };
        let Some(place) = self.place(work, &path).await? else {
            return Ok(());
        };
        if let Some(id) = names::parked_node(name_of(&path)) {
            return Ok(self.unpark(id, &path, stat, work.now));
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
        let record = self.record(NodeId::ROOT, name_of(&path), Held::Folder, stat);
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

    /// Where in the drive the parent of a path is; `None` (and the path is looked at again) if it has
    /// no node yet.
    async fn place(&mut self, work: &mut Work<'_>, path: &str) -> Result<Option<Place>, Pause> {
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
    async fn revive(&mut self, work: &mut Work<'_>, id: NodeId) -> Result<Option<NodeId>, Pause> {
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
                        .edit(vec![(edit, None)])
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

    async fn moves(&mut self, work: &mut Work<'_>, moves: Vec<Change>) -> Result<(), Pause> {
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
            let other = self
                .drive
                .view(|view| view.child(to, called.as_str()))
                .filter(|other| *other != id && !left.contains(other));
            if let Some(other) = other {
                if leaving.contains(&other) {
                    let Some(node) = self.drive.view(|view| view.get(other)) else {
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

    fn moved(&mut self, work: &mut Work<'_>, id: NodeId, record: Record, path: &str) {
        self.adopt(id, record);
        work.spared.remove(&id);
        self.rest.look(path, work.now, true);
    }

    /// New and touched files and symlinks, and touched folders, in portions.
    async fn leaves(
        &mut self,
        work: &mut Work<'_>,
        leaves: Vec<Change>,
        gone: &BTreeSet<NodeId>,
    ) -> Result<(), Pause> {
        self.expect_in(&leaves);
        let mut gone_by_content: HashMap<([u8; 32], u64), NodeId> = HashMap::new();
        for id in gone.iter().chain(self.vanished.keys()) {
            if let Some(Held::File { hash, len: 1.. }) =
                self.in_step.get(*id).map(|record| &record.held)
            {
                let len = self.in_step.get(*id).map_or(0, |record| record.stat.size);
                gone_by_content.insert((hash.0, len), *id);
            }
        }
        let mut rest = leaves.into_iter().peekable();
        while rest.peek().is_some() {
            let portion: Vec<Change> = rest.by_ref().take(BATCH).collect();
            let taken: Vec<(Change, Taken)> = {
                let this = &*self;
                stream::iter(portion)
                    .map(|change| async move {
                        let taken = this.read(&change).await;
                        (change, taken)
                    })
                    .buffered(READERS)
                    .collect()
                    .await
            };
            for (change, taken) in taken {
                self.leaf(work, change, taken, &mut gone_by_content).await?;
            }
            self.send(work).await?;
        }
        Ok(())
    }

    fn expect_in(&self, leaves: &[Change]) {
        let mut progress = self.shared.progress.lock();
        if progress.files_in == progress.files_in_total {
            (
                progress.files_in,
                progress.files_in_total,
                progress.bytes_in,
                progress.bytes_in_total,
            ) = (0, 0, 0, 0);
        }
        for change in leaves {
            if let Change::New { stat, .. } | Change::Touched { stat, .. } = change {
                progress.files_in_total += u64::from(stat.kind == EntryKind::File);
                progress.bytes_in_total += if stat.kind == EntryKind::File {
                    stat.size
                } else {
                    0
                };
            }
        }
    }

    /// Reads what a changed entry holds now.
    async fn read(&self, change: &Change) -> Taken {
        let (path, stat, record) = match change {
            Change::New { path, stat } => (path, stat, None),
            Change::Touched { id, path, stat } => (path, stat, self.in_step.get(*id)),
            _ => return Taken::Same,
        };
        match stat.kind {
            EntryKind::Folder => Taken::Same,
            EntryKind::Symlink => match self.root.read_link(path).map(String::from_utf8) {
                Ok(Ok(target))
                    if record.is_some_and(|r| r.held == Held::Symlink(target.clone())) =>
                {
                    Taken::Same
                }
                Ok(Ok(target)) => Taken::Content(Content::Symlink(target)),
                Ok(Err(_)) => Taken::Failed(
                    "the symlink's target is not UTF-8".into(),
                    "Point it elsewhere.",
                ),
                Err(error) => gone_or_failed(&error),
            },
            _ => self.read_file(path, stat, record).await,
        }
    }

    async fn read_file(&self, path: &str, stat: &Stat, record: Option<&Record>) -> Taken {
        // Same size and modification time: most likely only moved about, replaced by itself, or too
        // young at the last look. Then comparing is enough.
        let compare = match record {
            Some(record) => record.stat.size == stat.size && record.stat.mtime_ns == stat.mtime_ns,
            None => self.drive_has_namesake(path, stat.size),
        };
        if compare {
            match self
                .with_file(path, stat, |file| self.drive.hash(file))
                .await
            {
                Ok(Some((hash, len))) => {
                    let held = Held::File { hash, len };
                    if record.is_some_and(|record| record.held.same(&held)) {
                        return Taken::Same;
                    }
                    if let Some(content) = self.namesake_content(path, &held) {
                        return Taken::Content(Content::File(content));
                    }
                }
                Ok(None) => return Taken::Restless,
                Err(failed) => return failed,
            }
        }
        match self
            .with_file(path, stat, |file| self.drive.import(file, stat.mtime_ns))
            .await
        {
            Ok(Some(content)) => Taken::Content(Content::File(content)),
            Ok(None) => Taken::Restless,
            Err(failed) => failed,
        }
    }

    /// Runs `work` on an open file, and says `None` if the file was not the same before and after.
    async fn with_file<T, F>(
        &self,
        path: &str,
        stat: &Stat,
        work: impl FnOnce(std::fs::File) -> F,
    ) -> Result<Option<T>, Taken>
    where
        F: Future<Output = Result<T, BytesError>>,
    {
        let file = self
            .root
            .open_file(path)
            .map_err(|error| gone_or_failed(&error))?;
        let same = |file: &std::fs::File| {
            self.root
                .stat_file(file)
                .is_ok_and(|now| now.same_bytes(stat, true))
        };
        if !same(&file) {
            return Ok(None);
        }
        let again = file
            .try_clone()
            .map_err(|error| Taken::Failed(error.to_string(), hint_for(&error)))?;
        let done = work(file).await.map_err(|error| match error {
            BytesError::Disk(error) => Taken::Failed(error.to_string(), hint_for(&error)),
            other => Taken::Failed(other.to_string(), "It is tried again by itself."),
        })?;
        Ok(same(&again).then_some(done))
    }

    /// Whether the drive has an unseen file of this name and size: then they are compared first.
    fn drive_has_namesake(&self, path: &str, size: u64) -> bool {
        self.namesake(path)
            .is_some_and(|content| content.len == size)
    }

    fn namesake_content(&self, path: &str, held: &Held) -> Option<FileContent> {
        self.namesake(path).filter(|content| {
            Held::File {
                hash: content.hash,
                len: content.len,
            }
            .same(held)
        })
    }

    fn namesake(&self, path: &str) -> Option<FileContent> {
        self.drive.view(|view| {
            let mut at = NodeId::ROOT;
            for part in path.split('/') {
                at = view.child(at, &self.rules.unescape(part))?;
            }
            match view.get(at)?.content? {
                Content::File(content) => Some(content),
                Content::Symlink(_) => None,
            }
        })
    }

    async fn leaf(
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
    fn same_bytes(&mut self, work: &mut Work<'_>, id: NodeId, path: &str, stat: Stat) {
        let Some(record) = self.in_step.get(id).cloned() else {
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
        let young = record.held.kind() == Kind::File && too_young(&stat, wall_ns());
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

    fn changed_mode(&self, record: &Record, stat: &Stat) -> Option<u32> {
        (self.rules.keeps_modes && stat.kind != EntryKind::Symlink && stat.mode != record.stat.mode)
            .then_some(stat.mode)
    }

    async fn new_bytes(
        &mut self,
        work: &mut Work<'_>,
        id: NodeId,
        path: &str,
        stat: Stat,
        content: Content,
    ) -> Result<(), Pause> {
        let Some(record) = self.in_step.get(id).cloned() else {
            return Ok(());
        };
        let held = held_of(&content);
        let answer = self
            .drive
            .view(|view| decide::for_bytes(view, &record, id, &held));
        let mode = self.changed_mode(&record, &stat);
        let fresh = self.record(record.parent, &record.name, held.clone(), stat);
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

    async fn new_leaf(
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
        let record = self.record(NodeId::ROOT, name_of(path), held.clone(), stat);
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
                let kind = held.kind();
                let mode = if kind == Kind::File {
                    self.mode_of(&stat, 0o644)
                } else {
                    None
                };
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
    fn is_moved_copy(
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
    async fn create_leaf(
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
            _ => return Ok(self.rest.look(path, work.now, false)),
        };
        let (Some(place), Some(name)) =
            (self.place(work, path).await?, self.name_for(path, work.now))
        else {
            return Ok(());
        };
        let held = held_of(&content);
        let kind = held.kind();
        let record = self.record(NodeId::ROOT, name_of(path), held, stat);
        let mode = if kind == Kind::File {
            self.mode_of(&stat, 0o644)
        } else {
            None
        };
        work.batch
            .create(path, place, name, kind, Some(content), mode, record);
        Ok(())
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
    fn unpark(&mut self, id: NodeId, path: &str, stat: Stat, now: Instant) {
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
    fn name_for(&mut self, path: &str, now: Instant) -> Option<Name> {
        match Name::new(self.rules.unescape(name_of(path))) {
            Ok(name) => Some(name),
            Err(error) => {
                self.path_failed(path, error.to_string(), "Rename it.", now);
                None
            }
        }
    }

    fn mode_of(&self, stat: &Stat, default: u32) -> Option<u32> {
        (self.rules.keeps_modes && stat.mode != default).then_some(stat.mode)
    }
}

/// One pass of taking in.
pub(super) struct Work<'a> {
    pub(super) seen: &'a Observed,
    pub(super) batch: Batch,
    /// Where folders are that this pass made or met.
    made: HashMap<String, Place>,
    /// Nodes that live on elsewhere on disk though the drive does not know it yet.
    pub(super) spared: BTreeSet<NodeId>,
    pub(super) told: bool,
    pub(super) now: Instant,
}

impl<'a> Work<'a> {
    pub(super) fn new(seen: &'a Observed, now: Instant) -> Self {
        Work {
            seen,
            batch: Batch::default(),
            made: HashMap::new(),
            spared: BTreeSet::new(),
            told: false,
            now,
        }
    }
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

fn gone_or_failed(error: &std::io::Error) -> Taken {
    match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Taken::Restless,
        _ => Taken::Failed(error.to_string(), hint_for(error)),
    }
}

/// How long a file has to be left alone yet before it is taken. Judged by its change time, which no
/// program can set; a time in the future says nothing and holds nothing up.
fn rest_left(path: &str, stat: &Stat, wall: i64, new: bool, whole: bool) -> Option<Duration> {
    if stat.kind == EntryKind::Folder {
        return None;
    }
    let needed = match (new, whole) {
        (true, _) if may_be_passing(split(path).1) => PASSING,
        (true, true) => NEWCOMER,
        (false, true) => return None,
        (_, false) => REST,
    };
    let age = u64::try_from(wall.checked_sub(stat.ctime_ns)?).ok()?;
    needed
        .checked_sub(Duration::from_nanos(age))
        .filter(|left| !left.is_zero())
}

//! A drive in memory: the real tree, contents in a map, and a second device that edits the same drive.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};
use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::event::TreeEvent;
use peerdrive_crdt_tree::id::{Actor, NodeId};
use peerdrive_crdt_tree::lint::Author;
use peerdrive_crdt_tree::name::Name;
use peerdrive_crdt_tree::node::{Content, ContentHash, FileContent, Kind, Node};
use peerdrive_crdt_tree::tree::DriveTree;
use tokio::sync::broadcast;

use super::super::beneath::Root;
use super::super::in_step::{InStep, Row};
use super::super::keeper::Keeper;
use super::super::marker;
use super::super::names::DiskRules;
use super::super::port::{BytesError, Check, Drive, DriveRefused, Jot, News, NewsFeed, View};
use super::super::status::{WorkingCopyOptions, WorkingCopyStatus};
use super::super::{WorkingCopy, WorkingCopyError};

pub(super) type TestResult = Result<(), Box<dyn std::error::Error>>;
pub(super) type Or<T> = Result<T, Box<dyn std::error::Error>>;

/// What the trimmed build lacks: the tree as a view.
pub(super) struct Looking<'a>(pub(super) &'a DriveTree);

impl View for Looking<'_> {
    fn get(&self, id: NodeId) -> Option<Node> {
        self.0.get(id)
    }
    fn child(&self, parent: NodeId, name: &str) -> Option<NodeId> {
        self.0.child(parent, name)
    }
    fn is_called(&self, id: NodeId, name: &str) -> bool {
        self.0.is_called(id, name)
    }
    fn children(&self, parent: NodeId) -> Vec<NodeId> {
        self.0.children(parent).map(|(_, id)| id).collect()
    }
    fn is_trashed(&self, id: NodeId) -> bool {
        self.0.is_trashed(id)
    }
}

/// Bytes of all contents, shared by the devices of a test.
#[derive(Default)]
pub(super) struct Bytes {
    all: Mutex<HashMap<[u8; 32], Vec<u8>>>,
    away: Mutex<HashSet<[u8; 32]>>,
    /// Contents that come, but not to their end.
    slow: Mutex<HashSet<[u8; 32]>>,
}

/// When a hook is called: between any two steps of a working copy.
pub(super) type Hook = Box<dyn FnMut() + Send>;

pub(super) struct Inner {
    tree: RwLock<DriveTree>,
    actor: Actor,
    seq: Mutex<HashMap<Actor, u64>>,
    /// Changes made here, in order, for others to fetch.
    pub(super) made: Mutex<Vec<(Author, Vec<u8>)>>,
    bytes: Arc<Bytes>,
    rows: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
    jotted: Mutex<Vec<Row>>,
    /// Records do not become durable.
    held: AtomicBool,
    /// Nothing reaches the disk any more.
    crashed: AtomicBool,
    news: broadcast::Sender<News>,
    writable: AtomicBool,
    /// What the folder has is the last copy, and another cannot be made.
    pub(super) holds_on: AtomicBool,
    begun: AtomicBool,
    pub(super) edits: Mutex<Vec<Edit>>,
    pub(super) imports: AtomicUsize,
    pub(super) hashes: AtomicUsize,
    pub(super) writes: AtomicUsize,
    pub(super) hook: Mutex<Option<Hook>>,
    /// Called once, right before edits of the working copy reach the drive.
    pub(super) before_edit: Mutex<Option<Hook>>,
}

#[derive(Clone)]
pub(super) struct Fake(pub(super) Arc<Inner>);

impl Fake {
    pub(super) fn new(device: u8, bytes: &Arc<Bytes>) -> Fake {
        let actor = Actor([device; 16]);
        Fake(Arc::new(Inner {
            tree: RwLock::new(DriveTree::new(actor)),
            actor,
            seq: Mutex::default(),
            made: Mutex::default(),
            bytes: bytes.clone(),
            rows: Mutex::default(),
            jotted: Mutex::default(),
            held: AtomicBool::new(false),
            crashed: AtomicBool::new(false),
            news: broadcast::Sender::new(4096),
            writable: AtomicBool::new(true),
            holds_on: AtomicBool::new(false),
            begun: AtomicBool::new(false),
            edits: Mutex::default(),
            imports: AtomicUsize::new(0),
            hashes: AtomicUsize::new(0),
            writes: AtomicUsize::new(0),
            hook: Mutex::default(),
            before_edit: Mutex::default(),
        }))
    }

    pub(super) fn read_only(&self) {
        self.0.writable.store(false, Ordering::SeqCst);
    }

    pub(super) fn tree(&self) -> parking_lot::RwLockReadGuard<'_, DriveTree> {
        self.0.tree.read()
    }

    pub(super) fn content(&self, bytes: &[u8]) -> FileContent {
        let hash = *blake3::hash(bytes).as_bytes();
        self.0.bytes.all.lock().insert(hash, bytes.to_vec());
        FileContent {
            hash: ContentHash(hash),
            len: bytes.len() as u64,
            mtime_ns: 1_600_000_000_000_000_000,
            manifest: None,
        }
    }

    pub(super) fn take_away(&self, bytes: &[u8]) {
        self.0
            .bytes
            .away
            .lock()
            .insert(*blake3::hash(bytes).as_bytes());
    }

    /// These bytes come as far as half, and are read but not told of, until [`Fake::hurry`].
    pub(super) fn slow_down(&self, bytes: &[u8]) {
        let hash = *blake3::hash(bytes).as_bytes();
        self.0.bytes.slow.lock().insert(hash);
    }

    pub(super) fn hurry(&self) {
        self.0.bytes.slow.lock().clear();
    }

    async fn comes_slowly(&self, content: &FileContent) {
        while self.0.bytes.slow.lock().contains(&content.hash.0) {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }

    pub(super) fn bring_back(&self) {
        self.0.bytes.away.lock().clear();
        self.0.news.send(News::Peers).ok();
    }

    /// Edits as this device, at once.
    pub(super) fn apply(&self, edits: &[Edit]) -> Vec<Result<NodeId, String>> {
        let edited = self.0.tree.write().edit(edits);
        let mut seq = self.0.seq.lock();
        let next = seq.entry(self.0.actor).or_insert(0);
        for change in edited.changes {
            *next += 1;
            self.0.made.lock().push((
                Author {
                    actor: self.0.actor,
                    seq: *next,
                },
                change,
            ));
        }
        self.tell(&edited.events);
        edited
            .results
            .into_iter()
            .map(|result| result.map_err(|error| error.to_string()))
            .collect()
    }

    fn edit_all(
        &self,
        edits: Vec<(Edit, Check)>,
    ) -> Result<Vec<Result<NodeId, String>>, DriveRefused> {
        self.hook();
        if let Some(mut before) = self.0.before_edit.lock().take() {
            before();
        }
        let mut results = Vec::new();
        // One by one, so that a check sees what came before; a batch that refers to itself as one.
        if edits.iter().all(|(_, check)| check.is_none()) {
            let edits: Vec<Edit> = edits.into_iter().map(|(edit, _)| edit).collect();
            self.0.edits.lock().extend(edits.iter().cloned());
            return Ok(self.apply(&edits));
        }
        for (edit, check) in edits {
            let ok = check.is_none_or(|check| check(&Looking(&self.0.tree.read())));
            if ok {
                self.0.edits.lock().push(edit.clone());
                results.extend(self.apply(&[edit]));
            } else {
                results.push(Err("the drive changed in the same moment".into()));
            }
        }
        Ok(results)
    }

    pub(super) fn one(&self, edit: Edit) -> Or<NodeId> {
        Ok(self.apply(&[edit]).pop().ok_or("no result")??)
    }

    /// Takes what another device made and this has not.
    pub(super) fn fetch(&self, from: &Fake) -> TestResult {
        let made = from.0.made.lock().clone();
        for (author, change) in made {
            let events = {
                let mut seq = self.0.seq.lock();
                let have = seq.entry(author.actor).or_insert(0);
                if author.seq != *have + 1 {
                    continue;
                }
                *have += 1;
                self.0.tree.write().apply(&change, &author)?
            };
            self.tell(&events);
        }
        Ok(())
    }

    fn tell(&self, events: &[TreeEvent]) {
        let nodes: Vec<NodeId> = events
            .iter()
            .map(|event| match event {
                TreeEvent::NodeCreated { id }
                | TreeEvent::NodeMoved { id, .. }
                | TreeEvent::ContentChanged { id }
                | TreeEvent::AttributesChanged { id }
                | TreeEvent::NodeDeleted { id, .. }
                | TreeEvent::ConflictAppeared { id }
                | TreeEvent::ConflictEnded { id } => *id,
            })
            .collect();
        if !nodes.is_empty() {
            self.0.news.send(News::Nodes(nodes)).ok();
        }
    }

    pub(super) fn at(&self, path: &str) -> Or<NodeId> {
        Ok(self
            .tree()
            .lookup(path)
            .ok_or_else(|| format!("the drive has no {path}"))?)
    }

    pub(super) fn write(&self, path: &str, bytes: &[u8]) -> Or<NodeId> {
        let content = Content::File(self.content(bytes));
        if let Ok(node) = self.at(path) {
            return self.one(Edit::SetContent { node, content });
        }
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.one(Edit::Create {
            parent: Place::In(self.at(parent)?),
            name: Name::new(name)?,
            kind: Kind::File,
            content: Some(content),
            mode: None,
        })
    }

    pub(super) fn folder(&self, path: &str) -> Or<NodeId> {
        self.create(path, Kind::Folder, None)
    }

    pub(super) fn link(&self, path: &str, target: &str) -> Or<NodeId> {
        self.create(path, Kind::Symlink, Some(Content::Symlink(target.into())))
    }

    fn create(&self, path: &str, kind: Kind, content: Option<Content>) -> Or<NodeId> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.one(Edit::Create {
            parent: Place::In(self.at(parent)?),
            name: Name::new(name)?,
            kind,
            content,
            mode: None,
        })
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> Or<NodeId> {
        let (parent, name) = to.rsplit_once('/').unwrap_or(("", to));
        self.one(Edit::Move {
            node: self.at(from)?,
            parent: self.at(parent)?,
            name: Name::new(name)?,
        })
    }

    pub(super) fn delete(&self, path: &str) -> Or<NodeId> {
        self.one(Edit::Delete {
            node: self.at(path)?,
        })
    }

    pub(super) fn restore(&self, node: NodeId) -> Or<NodeId> {
        self.one(Edit::Restore { node })
    }

    /// How many rows are jotted down.
    pub(super) fn jotted_down(&self) -> usize {
        self.0.jotted.lock().len()
    }

    /// Path -> bytes of every file, `None` for folders, target for symlinks.
    pub(super) fn shown(&self) -> BTreeMap<String, Option<Vec<u8>>> {
        let tree = self.tree();
        let all = self.0.bytes.all.lock();
        tree.walk()
            .filter_map(|id| Some((tree.path(id)?, tree.get(id)?)))
            .map(|(path, node)| {
                let bytes = match node.content {
                    Some(Content::File(content)) => {
                        Some(all.get(&content.hash.0).cloned().unwrap_or_default())
                    }
                    Some(Content::Symlink(target)) => Some(format!("-> {target}").into_bytes()),
                    None if node.kind == Kind::Folder => None,
                    None => Some(Vec::new()),
                };
                (path, bytes)
            })
            .collect()
    }

    fn hook(&self) {
        // Taken out while it runs: it may itself come by here.
        let hook = self.0.hook.lock().take();
        if let Some(mut hook) = hook {
            hook();
            let mut place = self.0.hook.lock();
            if place.is_none() {
                *place = Some(hook);
            }
        }
    }
}

pub(super) struct FakeFeed(broadcast::Receiver<News>);

impl NewsFeed for FakeFeed {
    async fn next(&mut self) -> Option<News> {
        match self.0.recv().await {
            Ok(news) => Some(news),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(News::Lost),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
    fn try_next(&mut self) -> Option<News> {
        match self.0.try_recv() {
            Ok(news) => Some(news),
            Err(broadcast::error::TryRecvError::Lagged(_)) => Some(News::Lost),
            Err(_) => None,
        }
    }
}

impl Drive for Fake {
    type Feed = FakeFeed;
    fn news(&self) -> FakeFeed {
        FakeFeed(self.0.news.subscribe())
    }
    fn id(&self) -> String {
        "fake".into()
    }
    fn can_write(&self) -> bool {
        self.0.writable.load(Ordering::SeqCst)
    }
    fn view<R>(&self, read: impl FnOnce(&dyn View) -> R) -> R {
        self.hook();
        read(&Looking(&self.0.tree.read()))
    }
    async fn edit(
        &self,
        edits: Vec<(Edit, Check)>,
        jot: Option<Jot>,
    ) -> Result<Vec<Result<NodeId, String>>, DriveRefused> {
        let results = self.edit_all(edits)?;
        if let Some(jot) = jot {
            let ids: Vec<Option<NodeId>> = results
                .iter()
                .map(|result| result.as_ref().ok().copied())
                .collect();
            Drive::jot(self, jot(&ids));
        }
        Ok(results)
    }
    async fn import(&self, mut file: File, mtime_ns: i64) -> Result<FileContent, BytesError> {
        self.hook();
        self.0.imports.fetch_add(1, Ordering::SeqCst);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(BytesError::Disk)?;
        self.hook();
        let content = self.content(&bytes);
        self.comes_slowly(&content).await;
        Ok(FileContent {
            mtime_ns,
            ..content
        })
    }
    async fn hash(&self, mut file: File) -> Result<(ContentHash, u64), BytesError> {
        self.hook();
        self.0.hashes.fetch_add(1, Ordering::SeqCst);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(BytesError::Disk)?;
        Ok((
            ContentHash(*blake3::hash(&bytes).as_bytes()),
            bytes.len() as u64,
        ))
    }
    async fn flush(&self) -> Result<(), BytesError> {
        self.hook();
        Ok(())
    }
    async fn prefetch(&self, _: Vec<FileContent>) {
        self.hook();
    }
    async fn write_to(&self, content: FileContent, mut file: File) -> Result<(), BytesError> {
        self.hook();
        self.0.writes.fetch_add(1, Ordering::SeqCst);
        if self.0.bytes.away.lock().contains(&content.hash.0) {
            return Err(BytesError::NobodyHasThem);
        }
        let bytes = self
            .0
            .bytes
            .all
            .lock()
            .get(&content.hash.0)
            .cloned()
            .ok_or(BytesError::NobodyHasThem)?;
        let half = bytes.len() / 2;
        file.write_all(&bytes[..half]).map_err(BytesError::Disk)?;
        self.hook();
        self.comes_slowly(&content).await;
        file.write_all(&bytes[half..]).map_err(BytesError::Disk)
    }
    type Parting = ();
    async fn about_to_go(&self, _: NodeId, _: &Path, _: &str) -> Result<(), BytesError> {
        match self.0.holds_on.load(Ordering::SeqCst) {
            true => Err(BytesError::Other("no room for the old version".into())),
            false => Ok(()),
        }
    }
    fn has_begun(&self) -> bool {
        self.0.begun.load(Ordering::SeqCst)
    }
    fn begun(&self) -> Result<(), String> {
        self.0.begun.store(true, Ordering::SeqCst);
        Ok(())
    }
    fn load(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>, String> {
        Ok(self.0.rows.lock().clone().into_iter().collect())
    }
    fn store(&self, rows: &[Row]) -> Result<(), String> {
        if [&self.0.held, &self.0.crashed]
            .iter()
            .any(|not| not.load(Ordering::SeqCst))
        {
            return Err("not now".into());
        }
        let mut all = self.0.rows.lock();
        for (key, value) in rows {
            match value {
                Some(value) => all.insert(key.clone(), value.clone()),
                None => all.remove(key),
            };
        }
        Ok(())
    }
    fn jot(&self, rows: Vec<Row>) {
        if !self.0.crashed.load(Ordering::SeqCst) {
            self.0.jotted.lock().extend(rows);
        }
    }
    fn jot_anew(&self, rows: Vec<Row>) {
        if !self.0.crashed.load(Ordering::SeqCst) {
            *self.0.jotted.lock() = rows;
        }
    }
    fn jotted(&self) -> Vec<Row> {
        self.0.jotted.lock().clone()
    }
}

/// A drive with a folder, and another device of the same drive.
pub(super) struct Bench {
    pub(super) here: Fake,
    pub(super) there: Fake,
    pub(super) dir: tempfile::TempDir,
    pub(super) copy: Option<WorkingCopy>,
    pub(super) options: WorkingCopyOptions,
}

impl Bench {
    pub(super) fn new() -> Or<Bench> {
        let bytes = Arc::new(Bytes::default());
        let (here, there) = (Fake::new(1, &bytes), Fake::new(2, &bytes));
        let dir = tempfile::tempdir()?;
        Ok(Bench {
            here,
            there,
            dir,
            copy: None,
            options: WorkingCopyOptions::default(),
        })
    }

    pub(super) fn started() -> Or<Bench> {
        let mut bench = Bench::new()?;
        bench.start()?;
        Ok(bench)
    }

    /// What a worker works on, without the worker.
    pub(super) fn keeper(&self) -> Or<Keeper<Fake>> {
        std::fs::create_dir_all(self.root())?;
        let root = Root::open(&self.root())?;
        marker::write(&root, "fake")?;
        let drive = Arc::new(self.here.clone());
        Ok(Keeper::new(
            drive,
            root,
            DiskRules::POSIX,
            InStep::default(),
            self.options.clone(),
            Arc::default(),
        ))
    }

    pub(super) fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    pub(super) fn path(&self, rel: &str) -> PathBuf {
        self.root().join(rel)
    }

    pub(super) fn start(&mut self) -> Result<(), WorkingCopyError> {
        self.copy = Some(WorkingCopy::start_on(
            self.here.clone(),
            &self.root(),
            self.options.clone(),
            true,
        )?);
        Ok(())
    }

    /// As a daemon does when it starts.
    pub(super) fn resume(&mut self) -> Result<(), WorkingCopyError> {
        let (drive, options) = (self.here.clone(), self.options.clone());
        self.copy = Some(WorkingCopy::start_on(drive, &self.root(), options, false)?);
        Ok(())
    }

    pub(super) async fn stop(&mut self) {
        if let Some(copy) = self.copy.take() {
            copy.stop().await;
        }
    }

    /// Waits until every record is durable.
    pub(super) async fn records_durable(&self) -> TestResult {
        for _ in 0..200 {
            if self.here.jotted_down() == 0 {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        Err("records never became durable".into())
    }

    /// From here on records are only jotted down, as if none of them had had the time to become durable.
    pub(super) fn hold_records(&self) {
        self.here.0.held.store(true, Ordering::SeqCst);
    }

    /// Ends the working copy as `kill -9` does: what is not on disk by now is lost.
    pub(super) async fn crash(&mut self) {
        self.here.0.crashed.store(true, Ordering::SeqCst);
        self.stop().await;
        self.here.0.crashed.store(false, Ordering::SeqCst);
        self.here.0.held.store(false, Ordering::SeqCst);
    }

    /// As `crash`, and the whole machine with it.
    pub(super) async fn lose_power(&mut self) {
        self.crash().await;
        self.here.0.jotted.lock().clear();
    }

    pub(super) async fn sync(&self) -> Or<WorkingCopyStatus> {
        let copy = self.copy.as_ref().ok_or("not started")?;
        Ok(
            tokio::time::timeout(std::time::Duration::from_secs(30), copy.sync_now())
                .await
                .map_err(|_| format!("never quiet: {:?}", copy.status()))??,
        )
    }

    /// Both devices tell each other everything, then the folder is brought in step.
    pub(super) async fn settle(&self) -> Or<WorkingCopyStatus> {
        self.exchange()?;
        let status = self.sync().await?;
        self.exchange()?;
        self.sync().await?;
        Ok(status)
    }

    pub(super) fn exchange(&self) -> TestResult {
        self.here.fetch(&self.there)?;
        self.there.fetch(&self.here)
    }

    pub(super) fn put(&self, rel: &str, bytes: impl AsRef<[u8]>) -> TestResult {
        let path = self.path(rel);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        Ok(std::fs::write(path, bytes)?)
    }

    pub(super) fn read(&self, rel: &str) -> Or<String> {
        Ok(std::fs::read_to_string(self.path(rel)).map_err(|error| format!("{rel}: {error}"))?)
    }

    /// What the folder holds, in the terms of `Fake::shown`.
    pub(super) fn on_disk(&self) -> Or<BTreeMap<String, Option<Vec<u8>>>> {
        let mut all = BTreeMap::new();
        walk(&self.root(), "", &mut all)?;
        Ok(all)
    }

    /// Waits until it is in step by itself, with nothing pending: nobody asks for a look at everything.
    pub(super) async fn until_in_step(&self) -> TestResult {
        let copy = self.copy.as_ref().ok_or("not started")?;
        for _ in 0..160 {
            self.exchange()?;
            let status = copy.status();
            let pending = status.pending_in + status.pending_out;
            if !status.scanning && pending == 0 && self.assert_in_step().is_ok() {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        self.assert_in_step()?;
        Err(format!("something stays pending: {:?}", copy.status()).into())
    }

    pub(super) fn assert_in_step(&self) -> TestResult {
        let (disk, drive, other) = (self.on_disk()?, self.here.shown(), self.there.shown());
        if disk != drive || drive != other {
            return Err(format!(
                "disk {:#?}\ndrive {:#?}\nother {:#?}",
                text(&disk),
                text(&drive),
                text(&other)
            )
            .into());
        }
        Ok(())
    }

    /// Nothing is said any more.
    pub(super) async fn assert_silent(&self) -> TestResult {
        let before = self.here.0.made.lock().len();
        self.sync().await?;
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        self.sync().await?;
        let after = self.here.0.made.lock().len();
        if before != after {
            return Err(format!(
                "{} changes after quiet: {:?}",
                after - before,
                self.here.0.edits.lock()
            )
            .into());
        }
        Ok(())
    }
}

pub(super) fn text(all: &BTreeMap<String, Option<Vec<u8>>>) -> BTreeMap<&str, String> {
    all.iter()
        .map(|(path, bytes)| {
            (
                path.as_str(),
                bytes.as_ref().map_or("/".into(), |bytes| {
                    String::from_utf8_lossy(bytes).into_owned()
                }),
            )
        })
        .collect()
}

pub(super) fn walk(
    dir: &Path,
    rel: &str,
    all: &mut BTreeMap<String, Option<Vec<u8>>>,
) -> TestResult {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == ".peerdrive" {
            continue;
        }
        let path = if rel.is_empty() {
            name
        } else {
            format!("{rel}/{name}")
        };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.path(), &path, all)?;
            all.insert(path, None);
        } else if kind.is_symlink() {
            let target = std::fs::read_link(entry.path())?;
            all.insert(
                path,
                Some(format!("-> {}", target.to_string_lossy()).into_bytes()),
            );
        } else {
            all.insert(path, Some(std::fs::read(entry.path())?));
        }
    }
    Ok(())
}

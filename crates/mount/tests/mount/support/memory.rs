//! A drive in memory: the second implementation of `Volume`, written for being obvious.
//!
//! It does what `docs/design/tree.md` says of edits, without merging: there is one device, and "remote"
//! edits are edits whose events arrive unasked.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::event::TreeEvent;
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::name::Name;
use peerdrive_crdt_tree::node::{Content, ContentHash, FileContent, Kind, ManifestRef};
use peerdrive_mount::volume::{Attr, Change, Entry, Feed, Reader, Usage, Volume, VolumeError};
use tokio::sync::broadcast;

/// A drive in memory. Clones are the same drive.
#[derive(Clone)]
pub(crate) struct MemoryVolume(Arc<Shared>);

struct Shared {
    tree: Mutex<Tree>,
    contents: Mutex<HashMap<ContentHash, Bytes>>,
    changes: broadcast::Sender<Vec<TreeEvent>>,
    can_write: AtomicBool,
    full: AtomicBool,
    unreachable: Mutex<HashSet<ContentHash>>,
    /// Milliseconds that every read of contents takes.
    slowness: AtomicU64,
    edits: AtomicU64,
    /// Somebody else's write that comes in right before the next conditional edit.
    interruption: Mutex<Option<(String, Vec<u8>)>>,
    /// How many handles that may write were told of, less those that ended, by node.
    writing: Mutex<BTreeMap<NodeId, i64>>,
}

#[derive(Default)]
struct Tree {
    nodes: BTreeMap<NodeId, Node>,
    /// Live nodes by folder and NFC name.
    names: BTreeMap<(NodeId, String), NodeId>,
    events: Vec<TreeEvent>,
}

struct Node {
    parent: NodeId,
    name: Name,
    kind: Kind,
    content: Option<Content>,
    mode: u32,
    touched_ns: Option<i64>,
    xattrs: BTreeMap<String, Vec<u8>>,
    deleted: bool,
}

impl MemoryVolume {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shared {
            tree: Mutex::default(),
            contents: Mutex::default(),
            changes: broadcast::channel(256).0,
            can_write: AtomicBool::new(true),
            full: AtomicBool::new(false),
            unreachable: Mutex::default(),
            slowness: AtomicU64::new(0),
            edits: AtomicU64::new(0),
            interruption: Mutex::default(),
            writing: Mutex::default(),
        }))
    }

    /// Whether this member may write.
    pub(crate) fn set_can_write(&self, can_write: bool) {
        self.0.can_write.store(can_write, Ordering::SeqCst);
    }

    /// Makes every import fail for lack of space.
    pub(crate) fn set_full(&self, full: bool) {
        self.0.full.store(full, Ordering::SeqCst);
    }

    /// Makes every read of contents take so long.
    pub(crate) fn set_slowness(&self, slowness: Duration) {
        self.0
            .slowness
            .store(slowness.as_millis() as u64, Ordering::SeqCst);
    }

    /// Takes the bytes of a file away from every reachable device.
    pub(crate) fn make_unreachable(&self, path: &str) {
        if let Some(content) = self.at(path).and_then(|attr| attr.file()) {
            self.0.unreachable.lock().insert(content.hash);
        }
    }

    /// Lets somebody else write between the next look at a node and the edit that follows from it.
    pub(crate) fn interrupt(&self, path: &str, bytes: &[u8]) {
        *self.0.interruption.lock() = Some((path.to_owned(), bytes.to_vec()));
    }

    /// Files that are said to be written, with the number of handles; what is balanced is left out.
    pub(crate) fn writing(&self) -> Vec<(NodeId, i64)> {
        let writing = self.0.writing.lock();
        let open = writing.iter().filter(|(_, handles)| **handles != 0);
        open.map(|(id, handles)| (*id, *handles)).collect()
    }

    /// How many edits were done.
    pub(crate) fn edits(&self) -> u64 {
        self.0.edits.load(Ordering::SeqCst)
    }

    /// The node at a path; "" is the root.
    pub(crate) fn at(&self, path: &str) -> Option<Attr> {
        let mut attr = self.get(NodeId::ROOT)?;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            attr = self.lookup(attr.id, name)?;
        }
        Some(attr)
    }

    /// The bytes that peers see at a path.
    pub(crate) fn bytes(&self, path: &str) -> Option<Bytes> {
        match self.at(path)?.content {
            Some(Content::File(content)) => self.0.contents.lock().get(&content.hash).cloned(),
            Some(Content::Symlink(_)) => None,
            None => Some(Bytes::new()),
        }
    }

    /// Edits as somebody elsewhere.
    pub(crate) fn remote(&self, edits: &[Edit]) -> Vec<NodeId> {
        self.apply(edits).into_iter().flatten().collect()
    }

    /// Writes a file as somebody elsewhere, making it where it is not.
    pub(crate) fn remote_write(&self, path: &str, bytes: &[u8]) {
        let content = Content::File(self.keep(bytes.to_vec(), mtime_now()));
        let edit = match (self.at(path), path.rsplit_once('/')) {
            (Some(attr), _) => Edit::SetContent {
                node: attr.id,
                content,
            },
            (None, split) => {
                let (folder, name) = split.unwrap_or(("", path));
                let Some((folder, name)) = self.at(folder).zip(Name::new(name).ok()) else {
                    return;
                };
                Edit::Create {
                    parent: Place::In(folder.id),
                    name,
                    kind: Kind::File,
                    content: Some(content),
                    mode: None,
                }
            }
        };
        self.remote(&[edit]);
    }

    fn keep(&self, bytes: Vec<u8>, mtime_ns: i64) -> FileContent {
        let hash = ContentHash(*blake3::hash(&bytes).as_bytes());
        let len = bytes.len() as u64;
        let manifest = (len > 0).then_some(ManifestRef {
            blob: hash.0,
            epoch: [0; 8],
        });
        self.0.contents.lock().insert(hash, bytes.into());
        FileContent {
            hash,
            len,
            mtime_ns,
            manifest,
        }
    }

    fn apply(&self, edits: &[Edit]) -> Vec<Result<NodeId, VolumeError>> {
        let mut tree = self.0.tree.lock();
        let mut results: Vec<Result<NodeId, VolumeError>> = Vec::new();
        for edit in edits {
            let made: Vec<Option<NodeId>> = results
                .iter()
                .map(|result| result.as_ref().ok().copied())
                .collect();
            results.push(tree.apply(edit.clone(), &made));
        }
        let events = std::mem::take(&mut tree.events);
        drop(tree);
        self.0.edits.fetch_add(1, Ordering::SeqCst);
        let _ = self.0.changes.send(events);
        results
    }

    fn content(&self, content: &FileContent) -> Result<Bytes, VolumeError> {
        if self.0.unreachable.lock().contains(&content.hash) {
            return Err(VolumeError::Unreachable);
        }
        let contents = self.0.contents.lock();
        contents
            .get(&content.hash)
            .cloned()
            .ok_or(VolumeError::Unreachable)
    }

    async fn be_slow(&self) {
        let slowness = self.0.slowness.load(Ordering::SeqCst);
        if slowness > 0 {
            tokio::time::sleep(Duration::from_millis(slowness)).await;
        }
    }
}

impl Tree {
    fn live(&self, id: NodeId) -> Result<&Node, VolumeError> {
        self.nodes
            .get(&id)
            .filter(|node| !node.deleted)
            .ok_or(VolumeError::NotFound)
    }

    fn live_mut(&mut self, id: NodeId) -> Result<&mut Node, VolumeError> {
        self.nodes
            .get_mut(&id)
            .filter(|node| !node.deleted)
            .ok_or(VolumeError::NotFound)
    }

    fn folder(&self, id: NodeId) -> Result<(), VolumeError> {
        if id != NodeId::ROOT && self.live(id)?.kind != Kind::Folder {
            return Err(VolumeError::NotAFolder);
        }
        Ok(())
    }

    fn children(&self, parent: NodeId) -> impl Iterator<Item = (NodeId, &Node)> {
        let names = self.names.range((parent, String::new())..);
        let children = names.take_while(move |((folder, _), _)| *folder == parent);
        children.filter_map(|(_, id)| Some((*id, self.nodes.get(id)?)))
    }

    fn child(&self, parent: NodeId, name: &str) -> Option<NodeId> {
        self.names
            .get(&(parent, Name::new(name).ok()?.nfc()))
            .copied()
    }

    fn attr(&self, id: NodeId) -> Option<Attr> {
        if id == NodeId::ROOT {
            return Some(Attr {
                id,
                parent: id,
                name: String::new(),
                kind: Kind::Folder,
                mode: 0o755,
                mtime_ns: 0,
                content: None,
            });
        }
        let node = self.live(id).ok()?;
        let written_ns = match &node.content {
            Some(Content::File(content)) => content.mtime_ns,
            Some(Content::Symlink(_)) | None => 0,
        };
        Some(Attr {
            id,
            parent: node.parent,
            name: node.name.as_str().to_owned(),
            kind: node.kind,
            mode: node.mode,
            mtime_ns: node.touched_ns.unwrap_or(written_ns),
            content: node.content.clone(),
        })
    }

    fn apply(&mut self, edit: Edit, made: &[Option<NodeId>]) -> Result<NodeId, VolumeError> {
        match edit {
            Edit::Create {
                parent,
                name,
                kind,
                content,
                mode,
            } => {
                let parent = match parent {
                    Place::In(id) => id,
                    Place::InCreated(index) => made
                        .get(index)
                        .copied()
                        .flatten()
                        .ok_or(VolumeError::NotFound)?,
                };
                self.create(parent, name, kind, content, mode)
            }
            Edit::Move { node, parent, name } => self.relocate(node, parent, name),
            Edit::Replace { source, target } => {
                let content = self.live(source)?.content.clone();
                self.live(target)?;
                self.delete(source)?;
                let node = self.live_mut(target)?;
                node.content = content;
                node.touched_ns = None;
                self.events.push(TreeEvent::ContentChanged { id: target });
                Ok(target)
            }
            Edit::SetContent { node, content } => {
                let live = self.live_mut(node)?;
                live.content = Some(content);
                live.touched_ns = None;
                self.events.push(TreeEvent::ContentChanged { id: node });
                Ok(node)
            }
            Edit::SetAttributes {
                node,
                mode,
                mtime_ns,
            } => {
                if node == NodeId::ROOT {
                    return Err(VolumeError::Refused(
                        "the root has no attributes".to_owned(),
                    ));
                }
                let live = self.live_mut(node)?;
                live.mode = mode.unwrap_or(live.mode);
                live.touched_ns = mtime_ns.or(live.touched_ns);
                self.events.push(TreeEvent::AttributesChanged { id: node });
                Ok(node)
            }
            Edit::SetXattr { node, key, value } => {
                let live = self.live_mut(node)?;
                match value {
                    Some(value) => live.xattrs.insert(key, value),
                    None => live.xattrs.remove(&key),
                };
                self.events.push(TreeEvent::AttributesChanged { id: node });
                Ok(node)
            }
            Edit::Delete { node } => self.delete(node),
            Edit::Restore { node } => self.restore(node),
            Edit::Resolve { node, .. } => Ok(node),
        }
    }

    fn create(
        &mut self,
        parent: NodeId,
        name: Name,
        kind: Kind,
        content: Option<Content>,
        mode: Option<u32>,
    ) -> Result<NodeId, VolumeError> {
        self.folder(parent)?;
        if self.child(parent, name.as_str()).is_some() {
            return Err(VolumeError::Exists);
        }
        let mut generation = 0_u32;
        let id = loop {
            let mut hasher = blake3::Hasher::new();
            hasher
                .update(&parent.0)
                .update(&[kind as u8])
                .update(name.nfc().as_bytes());
            hasher.update(&generation.to_le_bytes());
            let mut id = [0; 16];
            id.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
            if self.live(NodeId(id)).is_err() {
                break NodeId(id);
            }
            generation += 1;
        };
        let default = if kind == Kind::Folder { 0o755 } else { 0o644 };
        let old = self.nodes.remove(&id);
        let node = Node {
            parent,
            name,
            kind,
            content,
            mode: mode.unwrap_or(default),
            touched_ns: None,
            xattrs: old.map(|old| old.xattrs).unwrap_or_default(),
            deleted: false,
        };
        self.names.insert((parent, node.name.nfc()), id);
        self.nodes.insert(id, node);
        self.events.push(TreeEvent::NodeCreated { id });
        Ok(id)
    }

    fn relocate(&mut self, id: NodeId, parent: NodeId, name: Name) -> Result<NodeId, VolumeError> {
        self.live(id)?;
        self.folder(parent)?;
        if self
            .child(parent, name.as_str())
            .is_some_and(|there| there != id)
        {
            return Err(VolumeError::Exists);
        }
        let mut above = parent;
        while above != NodeId::ROOT {
            if above == id {
                return Err(VolumeError::IntoItself);
            }
            above = self.live(above)?.parent;
        }
        let node = self.live_mut(id)?;
        let new = (parent, name.nfc());
        let from = std::mem::replace(&mut node.parent, parent);
        let old = std::mem::replace(&mut node.name, name);
        self.names.remove(&(from, old.nfc()));
        self.names.insert(new, id);
        let old_name = old.as_str().to_owned();
        self.events
            .push(TreeEvent::NodeMoved { id, from, old_name });
        Ok(id)
    }

    fn delete(&mut self, id: NodeId) -> Result<NodeId, VolumeError> {
        self.live(id)?;
        let below: Vec<NodeId> = self.children(id).map(|(id, _)| id).collect();
        for child in below {
            self.delete(child)?;
        }
        let node = self.live_mut(id)?;
        node.deleted = true;
        let (from, old_name) = (node.parent, node.name.as_str().to_owned());
        let key = (from, node.name.nfc());
        self.names.remove(&key);
        self.events
            .push(TreeEvent::NodeDeleted { id, from, old_name });
        Ok(id)
    }

    fn restore(&mut self, id: NodeId) -> Result<NodeId, VolumeError> {
        let mut above = id;
        while above != NodeId::ROOT {
            let node = self.nodes.get_mut(&above).ok_or(VolumeError::NotFound)?;
            if std::mem::replace(&mut node.deleted, false) {
                self.names.insert((node.parent, node.name.nfc()), above);
                self.events.push(TreeEvent::NodeCreated { id: above });
            }
            above = node.parent;
        }
        Ok(id)
    }
}

impl Volume for MemoryVolume {
    type Reader = MemoryReader;
    type Feed = MemoryFeed;

    fn name(&self) -> String {
        "memory".to_owned()
    }

    fn can_write(&self) -> bool {
        self.0.can_write.load(Ordering::SeqCst)
    }

    fn get(&self, id: NodeId) -> Option<Attr> {
        self.0.tree.lock().attr(id)
    }

    fn lookup(&self, parent: NodeId, name: &str) -> Option<Attr> {
        let tree = self.0.tree.lock();
        tree.attr(tree.child(parent, name)?)
    }

    fn children(&self, parent: NodeId) -> Vec<Entry> {
        let tree = self.0.tree.lock();
        let entry = |(id, node): (NodeId, &Node)| Entry {
            name: node.name.as_str().to_owned(),
            id,
        };
        tree.children(parent).map(entry).collect()
    }

    fn subfolders(&self, parent: NodeId) -> u32 {
        let tree = self.0.tree.lock();
        let folders = tree
            .children(parent)
            .filter(|(_, node)| node.kind == Kind::Folder);
        folders.count() as u32
    }

    fn xattrs(&self, id: NodeId) -> BTreeMap<String, Vec<u8>> {
        let tree = self.0.tree.lock();
        tree.live(id)
            .map(|node| node.xattrs.clone())
            .unwrap_or_default()
    }

    fn writing(&self, node: NodeId, begins: bool) {
        *self.0.writing.lock().entry(node).or_default() += if begins { 1 } else { -1 };
    }

    fn usage(&self) -> Usage {
        let tree = self.0.tree.lock();
        let live = tree.nodes.iter().filter(|(_, node)| !node.deleted);
        let bytes = live
            .clone()
            .filter_map(|(id, _)| Some(tree.attr(*id)?.len()))
            .sum();
        Usage {
            nodes: live.count() as u64,
            bytes,
        }
    }

    async fn edit(
        &self,
        edits: Vec<Edit>,
    ) -> Result<Vec<Result<NodeId, VolumeError>>, VolumeError> {
        // What an actor on another thread does to its callers.
        tokio::task::yield_now().await;
        Ok(self.apply(&edits))
    }

    async fn edit_if_still(
        &self,
        node: NodeId,
        seen: Option<Attr>,
        edits: Vec<Edit>,
    ) -> Result<Option<Vec<Result<NodeId, VolumeError>>>, VolumeError> {
        tokio::task::yield_now().await;
        let interruption = self.0.interruption.lock().take();
        if let Some((path, bytes)) = interruption {
            self.remote_write(&path, &bytes);
        }
        let same = self.get(node).map(|attr| attr.content) == seen.map(|attr| attr.content);
        Ok(same.then(|| self.apply(&edits)))
    }

    async fn import(
        &self,
        mut file: File,
        len: u64,
        mtime_ns: i64,
    ) -> Result<FileContent, VolumeError> {
        if self.0.full.load(Ordering::SeqCst) {
            return Err(VolumeError::NoSpace);
        }
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut bytes)?;
        if bytes.len() as u64 != len {
            return Err(VolumeError::Damaged(
                "the length is not what was said".to_owned(),
            ));
        }
        Ok(self.keep(bytes, mtime_ns))
    }

    async fn open(&self, content: FileContent) -> Result<MemoryReader, VolumeError> {
        self.be_slow().await;
        let bytes = self.content(&content)?;
        Ok(MemoryReader {
            volume: self.clone(),
            bytes,
        })
    }

    async fn write_to(&self, content: FileContent, mut file: File) -> Result<(), VolumeError> {
        self.be_slow().await;
        file.write_all(&self.content(&content)?)?;
        Ok(())
    }

    fn feed(&self) -> MemoryFeed {
        MemoryFeed(self.0.changes.subscribe())
    }
}

pub(crate) struct MemoryReader {
    volume: MemoryVolume,
    bytes: Bytes,
}

impl Reader for MemoryReader {
    async fn read_at(&self, offset: u64, len: usize) -> Result<Bytes, VolumeError> {
        self.volume.be_slow().await;
        let start = (offset as usize).min(self.bytes.len());
        let end = start.saturating_add(len).min(self.bytes.len());
        Ok(self.bytes.slice(start..end))
    }
}

pub(crate) struct MemoryFeed(broadcast::Receiver<Vec<TreeEvent>>);

impl Feed for MemoryFeed {
    async fn next(&mut self) -> Option<Change> {
        match self.0.recv().await {
            Ok(events) => Some(Change::Tree(events)),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Change::Missed),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

fn mtime_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as i64)
}

//! The file system itself: every operation, by inode and handle number; knows nothing of FUSE.
//!
//! Three pieces of state. The drive's view, behind [`Volume`], is the truth for everything that is not
//! open. `State` holds what the kernel refers to: inode numbers, open files, folder handles; its lock
//! is never held while something is awaited. `edits` is held, shared, from before an edit reaches the
//! drive until `State` says so too: [`FileSystem::absorb`] waits for it, and so can tell the caller's
//! own changes from those of others.

mod attributes;
mod commit;
mod file;
mod folder;
mod rename;
mod stale;
mod xattr;

use std::collections::{HashMap, HashSet};
use std::hash::RandomState;
use std::sync::Arc;

use parking_lot::Mutex;
use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::name::{MAX_NAME_BYTES, Name};
use peerdrive_crdt_tree::node::Kind;
use tokio::sync::RwLock;

pub use attributes::SetAttributes;
pub use folder::FolderEntry;
pub use rename::RenameMode;
pub use stale::Stale;
pub use xattr::XattrMode;

use crate::config::MountOptions;
use crate::errno::FsError;
use crate::handle::{Handle, OpenFile};
use crate::inode::{Bound, Inodes, Told};
use crate::volume::{Attr, Volume, VolumeError};

/// The inode number of the root folder.
pub const ROOT: u64 = crate::inode::ROOT_INO;

/// What `stat` shows of an inode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attributes {
    /// Inode number.
    pub ino: u64,
    /// What it is.
    pub kind: Kind,
    /// Length in bytes.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// Modification time, nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Change time, nanoseconds since 1970.
    pub ctime_ns: i64,
    /// Links: 1 for a file, 2 and the number of subfolders for a folder, 0 for what has no name any more.
    pub nlink: u32,
}

/// A name that was found, or made. The caller now refers to the inode once more, until `forget`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// What it is.
    pub attributes: Attributes,
    /// Whether the name may be remembered until told otherwise.
    pub cacheable: bool,
}

/// A file that was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opened {
    /// Its handle, until `release`.
    pub handle: u64,
    /// Whether pages cached from an earlier handle still hold.
    pub keep_cache: bool,
}

/// How a file is opened.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct OpenMode {
    /// Open for writing.
    pub write: bool,
    /// Cut to nothing first.
    pub truncate: bool,
    /// Fail if the name is there.
    pub exclusive: bool,
}

/// Space and counts of the whole file system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statfs {
    /// Size of a block in bytes.
    pub block_size: u32,
    /// Blocks in use and free together.
    pub blocks: u64,
    /// Blocks free on the disk that new files go to.
    pub free: u64,
    /// Files, folders and symlinks.
    pub nodes: u64,
}

/// A drive as a file system.
#[derive(Debug)]
pub struct FileSystem<V: Volume> {
    volume: V,
    options: MountOptions,
    state: Mutex<State<V::Reader>>,
    edits: RwLock<()>,
    /// Keys of the cookies in listings.
    cookies: RandomState,
    mounted_ns: i64,
}

#[derive(Debug)]
struct State<R> {
    inodes: Inodes,
    /// Open files by inode number.
    files: HashMap<u64, Arc<OpenFile<R>>>,
    handles: HashMap<u64, Handle<R>>,
    next_handle: u64,
    /// When a name came to, or left, a folder while mounted.
    touched: HashMap<NodeId, i64>,
    subfolders: Subfolders,
    own: Own,
    /// What the kernel must forget of the caller's own changes, with the next change absorbed.
    owed: Vec<Stale>,
    /// Names that the kernel remembers as not there, by folder.
    absent: HashSet<(u64, Box<str>)>,
}

/// Nodes whose names were changed through this mount, until the drive's feed says so too.
///
/// A wrong entry costs no truth: what the feed says is only taken for the mount's own doing if the
/// kernel was also told of the very place where the node shows.
#[derive(Debug, Default)]
struct Own {
    created: HashSet<NodeId>,
    moved: HashSet<NodeId>,
    deleted: HashSet<NodeId>,
}

/// How many folders are in folders, as far as it was asked and has not changed.
#[derive(Debug, Default)]
struct Subfolders {
    counts: HashMap<NodeId, u32>,
    /// Grows with every change, so that a count taken before one is not kept after it.
    changes: u64,
}

impl Subfolders {
    fn forget(&mut self, folder: NodeId) {
        self.counts.remove(&folder);
        self.changes += 1;
    }

    fn forget_all(&mut self) {
        self.counts.clear();
        self.changes += 1;
    }
}

/// Beyond so many, the kernel is no longer asked to remember that a name is not there.
const MAX_ABSENT: usize = 65_536;

impl<R> State<R> {
    fn handle(&mut self, handle: Handle<R>) -> u64 {
        let number = self.next_handle;
        self.next_handle += 1;
        self.handles.insert(number, handle);
        number
    }

    fn tell(&mut self, ino: u64, attr: &Attr) {
        if let Some(inode) = self.inodes.get_mut(ino) {
            inode.told = Some(Told::of(attr));
        }
    }

    /// The kernel hears attributes with an answer. Where it knew the node before it may still look for
    /// it: that is forgotten when the feed says that the node moved.
    fn tell_attributes(&mut self, ino: u64, attr: &Attr) {
        match self
            .inodes
            .get_mut(ino)
            .and_then(|inode| inode.told.as_mut())
        {
            Some(told) => {
                told.mode = attr.mode;
                told.mtime_ns = attr.mtime_ns;
            }
            None => self.tell(ino, attr),
        }
    }

    /// A name went by another spelling than the kernel was given: it must forget the one shown.
    fn owe_other_spelling(&mut self, folder: NodeId, shown: &str, given: &Name) {
        if shown == given.as_str() {
            return;
        }
        if let Some(folder) = self.inodes.of_node(folder) {
            for name in [shown, given.as_str()] {
                let name = name.to_owned();
                self.owed.push(Stale::Name { folder, name });
            }
        }
    }

    fn bound(&self, ino: u64) -> Result<Bound, FsError> {
        let inode = self.inodes.get(ino).ok_or(FsError::NotFound)?;
        Ok(inode.bound.clone())
    }
}

impl<V: Volume> FileSystem<V> {
    /// A file system over `volume`.
    pub fn new(volume: V, options: MountOptions) -> Self {
        Self {
            volume,
            options,
            state: Mutex::new(State {
                inodes: Inodes::new(),
                files: HashMap::new(),
                handles: HashMap::new(),
                next_handle: 1,
                touched: HashMap::new(),
                subfolders: Subfolders::default(),
                own: Own::default(),
                owed: Vec::new(),
                absent: HashSet::new(),
            }),
            edits: RwLock::new(()),
            cookies: RandomState::new(),
            mounted_ns: crate::handle::now_ns(),
        }
    }

    /// The drive.
    pub fn volume(&self) -> &V {
        &self.volume
    }

    /// How it is mounted.
    pub fn options(&self) -> &MountOptions {
        &self.options
    }

    /// Finds a name. `None`: it is not there, and the caller may remember so until told otherwise.
    pub fn lookup(&self, parent: u64, name: &[u8]) -> Result<Option<Found>, FsError> {
        if name.len() > MAX_NAME_BYTES {
            return Err(FsError::NameTooLong);
        }
        // What is not a name of a drive cannot be there.
        let valid = std::str::from_utf8(name)
            .ok()
            .and_then(|name| Name::new(name).ok());
        let Some(name) = valid else {
            return Err(FsError::NotFound);
        };
        let folder = self.folder(parent)?;
        if let Some(found) = self.find_new(folder, &name) {
            return Ok(Some(found));
        }
        let Some(attr) = self.volume.lookup(folder, name.as_str()) else {
            let mut state = self.state.lock();
            if state.absent.len() >= MAX_ABSENT {
                return Err(FsError::NotFound);
            }
            state.absent.insert((parent, name.as_str().into()));
            return Ok(None);
        };
        let mut found = self.found(&attr);
        // Changes are told by the shown name only: another spelling of it must be asked for each time.
        found.cacheable = attr.name == name.as_str();
        Ok(Some(found))
    }

    /// The caller gives up `count` of its references.
    pub fn forget(&self, ino: u64, count: u64) {
        self.state.lock().inodes.forget(ino, count);
    }

    /// Space and counts.
    pub fn statfs(&self) -> Result<Statfs, FsError> {
        let disk = rustix::fs::statvfs(&self.options.staging_dir)
            .map_err(|errno| FsError::Staging(errno.into()))?;
        let block_size = 4096;
        let usage = self.volume.usage();
        let free = disk.f_bavail.saturating_mul(disk.f_frsize) / u64::from(block_size);
        Ok(Statfs {
            block_size,
            blocks: usage
                .bytes
                .div_ceil(u64::from(block_size))
                .saturating_add(free),
            free,
            nodes: usage.nodes,
        })
    }

    /// Takes a reference to a node's inode and describes it.
    fn found(&self, attr: &Attr) -> Found {
        let mut state = self.state.lock();
        let ino = state.inodes.look_up(attr.id);
        state.tell_attributes(ino, attr);
        let file = state.files.get(&ino).cloned();
        drop(state);
        Found {
            attributes: self.describe(ino, attr, file.as_deref()),
            cacheable: true,
        }
    }

    /// Takes a reference to a file that is not in the drive yet.
    fn find_new(&self, parent: NodeId, name: &Name) -> Option<Found> {
        let mut state = self.state.lock();
        let ino = state.inodes.find_new(parent, name)?;
        state.inodes.look_up_again(ino);
        drop(state);
        let attributes = self.attributes(ino).ok()?;
        Some(Found {
            attributes,
            cacheable: true,
        })
    }

    /// The node that an inode stands for. Files that are not in the drive yet have none.
    fn node(&self, ino: u64) -> Result<NodeId, FsError> {
        match self.state.lock().bound(ino)? {
            Bound::Node(id) => Ok(id),
            Bound::New(_) | Bound::Gone(_) => Err(FsError::NotFound),
        }
    }

    /// The folder that an inode stands for.
    fn folder(&self, ino: u64) -> Result<NodeId, FsError> {
        match self.state.lock().bound(ino)? {
            Bound::Node(id) => Ok(id),
            Bound::New(_) => Err(FsError::NotAFolder),
            Bound::Gone(_) => Err(FsError::NotFound),
        }
    }

    fn writable(&self) -> Result<(), FsError> {
        if self.options.read_only || !self.volume.can_write() {
            return Err(FsError::ReadOnly);
        }
        Ok(())
    }

    /// Does one edit.
    async fn edit_one(&self, edit: Edit) -> Result<NodeId, FsError> {
        let mut results = self.volume.edit(vec![edit]).await?.into_iter();
        let missing = || Err(VolumeError::Refused("the edit got no answer".to_owned()));
        Ok(results.next().unwrap_or_else(missing)?)
    }

    /// Does several edits as one action; the first that fails is the error.
    async fn edit_all(&self, edits: Vec<Edit>) -> Result<(), FsError> {
        for result in self.volume.edit(edits).await? {
            result?;
        }
        Ok(())
    }

    fn subfolders(&self, folder: NodeId) -> u32 {
        let changes = {
            let state = self.state.lock();
            if let Some(count) = state.subfolders.counts.get(&folder) {
                return *count;
            }
            state.subfolders.changes
        };
        let count = self.volume.subfolders(folder);
        let mut state = self.state.lock();
        if state.subfolders.changes == changes {
            state.subfolders.counts.insert(folder, count);
        }
        count
    }

    /// Notes that a name came to, or left, a folder.
    fn touch(&self, folder: NodeId) {
        self.state
            .lock()
            .touched
            .insert(folder, crate::handle::now_ns());
    }
}

/// What was open when the mount ended is written no more.
impl<V: Volume> Drop for FileSystem<V> {
    fn drop(&mut self) {
        for handle in self.state.get_mut().handles.values() {
            if let Handle::File { told: Some(id), .. } = handle {
                self.volume.writing(*id, false);
            }
        }
    }
}

/// Checks a name that is to be made.
fn new_name(name: &[u8]) -> Result<Name, FsError> {
    if name.len() > MAX_NAME_BYTES {
        return Err(FsError::NameTooLong);
    }
    let name = std::str::from_utf8(name).map_err(|_| FsError::NotUtf8)?;
    Name::new(name).map_err(|error| FsError::Volume(error.into()))
}

/// Checks permission bits that are to be set.
fn new_mode(mode: u32) -> Result<u32, FsError> {
    match mode & 0o7777 {
        mode @ 0..=0o777 => Ok(mode),
        _ => Err(FsError::NotPermitted("setuid, setgid or sticky bits")),
    }
}

//! Open files and folders; knows nothing of names or of who asks.
//!
//! One [`OpenFile`] is shared by all handles of one inode. It reads the version that was current when
//! the first handle was opened, until something is written: then the bytes are copied to a private
//! staging file, and from there on that file is what everybody reads, until the last handle closes.
//! Staging files have no name: whatever ends the process, they end with it.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::FileContent;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::errno::FsError;
use crate::volume::{Reader, Volume};

/// The largest offset that fits the kernel's signed arithmetic.
const MAX_LEN: u64 = i64::MAX as u64;

/// A file that is open, in one or more handles.
#[derive(Debug)]
pub(crate) struct OpenFile<R> {
    /// What to read until something is written.
    base: Option<FileContent>,
    reader: OnceCell<R>,
    now: RwLock<Now>,
    /// Whoever changes the bytes, or takes them into the drive, holds this.
    turn: Mutex<Turn>,
    staging_dir: PathBuf,
}

#[derive(Clone, Debug)]
struct Now {
    staging: Option<Arc<File>>,
    len: u64,
    mtime_ns: i64,
    /// Written to since it was last taken into the drive. Only the holder of the turn changes it.
    dirty: bool,
}

/// The right to change the bytes, with what only its holder needs.
#[derive(Debug)]
pub(crate) struct Turn {
    /// The version that the bytes come from.
    pub(crate) base: Option<FileContent>,
}

impl<R: Reader> OpenFile<R> {
    /// A file of the drive.
    pub(crate) fn existing(base: Option<FileContent>, mtime_ns: i64, staging_dir: &Path) -> Self {
        Self::open(
            base,
            base.map_or(0, |base| base.len),
            mtime_ns,
            staging_dir,
            false,
        )
    }

    /// A file that the drive does not know yet.
    pub(crate) fn new(mtime_ns: i64, staging_dir: &Path) -> Self {
        Self::open(None, 0, mtime_ns, staging_dir, true)
    }

    fn open(
        base: Option<FileContent>,
        len: u64,
        mtime_ns: i64,
        staging_dir: &Path,
        dirty: bool,
    ) -> Self {
        Self {
            base,
            reader: OnceCell::new(),
            now: RwLock::new(Now {
                staging: None,
                len,
                mtime_ns,
                dirty,
            }),
            turn: Mutex::new(Turn { base }),
            staging_dir: staging_dir.to_path_buf(),
        }
    }

    /// Length and modification time.
    pub(crate) fn stat(&self) -> (u64, i64) {
        let now = self.now.read();
        (now.len, now.mtime_ns)
    }

    /// Whether nothing was written that the drive does not have. Somebody may be about to: who has the
    /// turn may also come to nothing.
    pub(crate) fn is_clean(&self) -> bool {
        !self.now.read().dirty
    }

    /// The bytes are in the drive, as `content`.
    pub(crate) fn saved(&self, turn: &mut Turn, content: FileContent) {
        self.now.write().dirty = false;
        turn.base = Some(content);
    }

    pub(crate) async fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().await
    }

    /// Up to `len` bytes at `offset`, if they can be had without waiting for anything but this disk.
    pub(crate) fn try_read(&self, offset: u64, len: usize) -> Option<Result<Bytes, FsError>> {
        let now = self.now.read().clone();
        if offset >= now.len {
            return Some(Ok(Bytes::new()));
        }
        let staging = now.staging?;
        let len = len.min(usize::try_from(now.len - offset).unwrap_or(usize::MAX));
        let mut bytes = vec![0; len];
        let mut done = 0;
        while done < len {
            match staging.read_at(&mut bytes[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Some(Err(FsError::Staging(error))),
            }
        }
        bytes.truncate(done);
        Some(Ok(bytes.into()))
    }

    /// Up to `len` bytes at `offset`; fewer only at the end.
    pub(crate) async fn read<V>(
        &self,
        volume: &V,
        offset: u64,
        len: usize,
    ) -> Result<Bytes, FsError>
    where
        V: Volume<Reader = R>,
    {
        if let Some(done) = self.try_read(offset, len) {
            return done;
        }
        let Some(base) = self.base else {
            return Ok(Bytes::new());
        };
        let reader = self.reader.get_or_try_init(|| volume.open(base)).await?;
        Ok(reader.read_at(offset, len).await?)
    }

    /// Writes at once if the staging file is there and nobody else has the turn.
    pub(crate) fn try_write(&self, offset: u64, data: &[u8]) -> Option<Result<(), FsError>> {
        let turn = self.turn.try_lock().ok()?;
        let staging = self.now.read().staging.clone()?;
        Some(self.write_to(&staging, &turn, offset, data))
    }

    /// Writes, after bringing the file here if that is needed.
    pub(crate) async fn write<V>(&self, volume: &V, offset: u64, data: &[u8]) -> Result<(), FsError>
    where
        V: Volume<Reader = R>,
    {
        let turn = self.turn.lock().await;
        let staging = self.staged(volume).await?;
        self.write_to(&staging, &turn, offset, data)
    }

    fn write_to(
        &self,
        staging: &File,
        turn: &Turn,
        offset: u64,
        data: &[u8],
    ) -> Result<(), FsError> {
        let end = offset
            .checked_add(data.len() as u64)
            .filter(|end| *end <= MAX_LEN)
            .ok_or(FsError::FileTooLarge)?;
        staging
            .write_all_at(data, offset)
            .map_err(FsError::Staging)?;
        let len = self.stat().0.max(end);
        self.changed(turn, len);
        Ok(())
    }

    /// The bytes were changed, and are `len` long now.
    fn changed(&self, _turn: &Turn, len: u64) {
        let mut now = self.now.write();
        now.len = len;
        now.mtime_ns = now_ns();
        now.dirty = true;
    }

    /// Cuts or extends with zeros. Cutting to nothing fetches nothing. Says whether it was clean before.
    pub(crate) async fn set_len<V>(&self, volume: &V, len: u64) -> Result<bool, FsError>
    where
        V: Volume<Reader = R>,
    {
        if len > MAX_LEN {
            return Err(FsError::FileTooLarge);
        }
        let turn = self.turn.lock().await;
        let staging = if len == 0 {
            self.staged_empty()?
        } else {
            self.staged(volume).await?
        };
        staging.set_len(len).map_err(FsError::Staging)?;
        let was_clean = self.is_clean();
        self.changed(&turn, len);
        Ok(was_clean)
    }

    /// `fallocate(2)` on the bytes.
    pub(crate) async fn allocate<V>(
        &self,
        volume: &V,
        offset: u64,
        len: u64,
        flags: rustix::fs::FallocateFlags,
    ) -> Result<(), FsError>
    where
        V: Volume<Reader = R>,
    {
        let turn = self.turn.lock().await;
        let staging = self.staged(volume).await?;
        rustix::fs::fallocate(&*staging, flags, offset, len)
            .map_err(|errno| FsError::Staging(errno.into()))?;
        let len = staging.metadata().map_err(FsError::Staging)?.len();
        self.changed(&turn, len);
        Ok(())
    }

    /// Sets the modification time, if there is something unsaved that it then belongs to.
    pub(crate) async fn set_mtime_if_dirty(&self, mtime_ns: i64) -> bool {
        let _turn = self.turn.lock().await;
        let mut now = self.now.write();
        if now.dirty {
            now.mtime_ns = mtime_ns;
        }
        now.dirty
    }

    /// The drive shows another modification time for the bytes that are open.
    pub(crate) fn show_mtime(&self, mtime_ns: i64) {
        self.now.write().mtime_ns = mtime_ns;
    }

    /// The bytes as they are now, for the holder of the turn to take into the drive: a file of its
    /// own cursor at the start, length and modification time.
    pub(crate) async fn bytes<V>(
        &self,
        volume: &V,
        _turn: &Turn,
    ) -> Result<(File, u64, i64), FsError>
    where
        V: Volume<Reader = R>,
    {
        let staging = self.staged(volume).await?;
        let (len, mtime_ns) = self.stat();
        let mut file = staging.try_clone().map_err(FsError::Staging)?;
        file.seek(SeekFrom::Start(0)).map_err(FsError::Staging)?;
        Ok((file, len, mtime_ns))
    }

    /// The staging file, with the bytes in it. Only the holder of the turn calls this.
    async fn staged<V>(&self, volume: &V) -> Result<Arc<File>, FsError>
    where
        V: Volume<Reader = R>,
    {
        if let Some(staging) = self.now.read().staging.clone() {
            return Ok(staging);
        }
        let Some(base) = self.base.filter(|base| base.len > 0) else {
            return self.staged_empty();
        };
        let file = self.temporary()?;
        let copy = file.try_clone().map_err(FsError::Staging)?;
        volume.write_to(base, copy).await?;
        let file = Arc::new(file);
        self.now.write().staging = Some(file.clone());
        Ok(file)
    }

    fn staged_empty(&self) -> Result<Arc<File>, FsError> {
        let mut now = self.now.write();
        if let Some(staging) = &now.staging {
            return Ok(staging.clone());
        }
        let file = Arc::new(self.temporary()?);
        now.staging = Some(file.clone());
        now.len = 0;
        Ok(file)
    }

    fn temporary(&self) -> Result<File, FsError> {
        tempfile::tempfile_in(&self.staging_dir).map_err(FsError::Staging)
    }
}

/// What a handle number stands for.
#[derive(Debug)]
pub(crate) enum Handle<R> {
    File {
        ino: u64,
        file: Arc<OpenFile<R>>,
        writable: bool,
        /// The node that the drive was told is being written, until it is told that this ended.
        told: Option<NodeId>,
    },
    Folder {
        ino: u64,
        listing: Option<Arc<Listing>>,
    },
}

/// The names of a folder in the order of their cookies.
///
/// A cookie is a hash of the name: whoever continues after one, in this listing or a later one, sees
/// each name that stayed exactly once, whatever came and went meanwhile (seekdir, rewinddir, and the
/// kernel's own cache of listings, which several handles share).
#[derive(Debug)]
pub(crate) struct Listing(Vec<Listed>);

#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) cookie: u64,
    pub(crate) name: Box<str>,
    pub(crate) what: Target,
}

/// What a listed name stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    Node(NodeId),
    /// A file that is not in the drive yet, by its inode number.
    New(u64),
}

/// Cookies of `.` and `..`; those of names come after.
pub(crate) const DOT: u64 = 1;
pub(crate) const DOT_DOT: u64 = 2;

impl Listing {
    pub(crate) fn new(
        names: impl Iterator<Item = (Box<str>, Target)>,
        keys: &impl std::hash::BuildHasher,
    ) -> Self {
        let mut listed: Vec<Listed> = names
            .map(|(name, what)| Listed {
                // Positive as a signed offset, with room for collisions.
                cookie: (keys.hash_one(&name) >> 2).max(DOT_DOT + 1),
                name,
                what,
            })
            .collect();
        listed.sort_unstable_by(|a, b| (a.cookie, &a.name).cmp(&(b.cookie, &b.name)));
        let mut last = DOT_DOT;
        for entry in &mut listed {
            entry.cookie = entry.cookie.max(last + 1);
            last = entry.cookie;
        }
        Self(listed)
    }

    /// What comes after `cookie`.
    pub(crate) fn after(&self, cookie: u64) -> &[Listed] {
        let from = self.0.partition_point(|entry| entry.cookie <= cookie);
        &self.0[from..]
    }
}

/// The time now, nanoseconds since 1970.
pub(crate) fn now_ns() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    })
}

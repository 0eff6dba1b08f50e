//! Files: create, open, read, write, flush, release.

use std::sync::Arc;

use bytes::Bytes;
use peerdrive_crdt_tree::node::{Content, FileContent, Kind};
use rustix::fs::FallocateFlags;

use super::{FileSystem, Found, OpenMode, Opened, Stale, new_mode, new_name};
use crate::errno::FsError;
use crate::handle::{Handle, OpenFile, now_ns};
use crate::inode::{Bound, NewFile, Version};
use crate::volume::{Volume, VolumeError};

/// What a handle of a file stands for.
pub(super) struct Open<R> {
    ino: u64,
    pub(super) file: Arc<OpenFile<R>>,
    writable: bool,
}

/// A file that is open for one operation; closes itself.
pub(super) struct Borrowed<'a, V: Volume> {
    fs: &'a FileSystem<V>,
    ino: u64,
    pub(super) file: Arc<OpenFile<V::Reader>>,
    /// The version of its bytes, where nobody else had it open.
    version: Option<Version>,
}

impl<V: Volume> Drop for Borrowed<'_, V> {
    fn drop(&mut self) {
        self.fs.close(self.ino, &self.file);
    }
}

impl<V: Volume> FileSystem<V> {
    /// Makes a file and opens it; opens the one that is there unless `exclusive`. Peers see it when it
    /// is first closed or fsynced.
    pub async fn create(
        &self,
        parent: u64,
        name: &[u8],
        permissions: u32,
        mode: OpenMode,
    ) -> Result<(Found, Opened), FsError> {
        self.writable()?;
        let name = new_name(name)?;
        let permissions = new_mode(permissions)?;
        let folder = self.folder(parent)?;
        let there = self.find_new(folder, &name).or_else(|| {
            self.volume
                .lookup(folder, name.as_str())
                .map(|attr| self.found(&attr))
        });
        if let Some(found) = there {
            let opened = match mode.exclusive {
                true => Err(FsError::Exists),
                false => self.open(found.attributes.ino, mode).await,
            };
            if opened.is_err() {
                self.forget(found.attributes.ino, 1);
            }
            return Ok((found, opened?));
        }
        let file = Arc::new(OpenFile::new(now_ns(), &self.options.staging_dir));
        let expected = self.volume.expected_id(folder, &name);
        let mut state = self.state.lock();
        let new = NewFile {
            parent: folder,
            name,
            mode: permissions,
        };
        let ino = state.inodes.look_up_new(new, expected);
        state.inodes.opened(ino);
        state.files.insert(ino, file.clone());
        let handle = state.handle(Handle::File {
            ino,
            file,
            writable: mode.write,
            // Others can be told once it is in the drive.
            told: None,
        });
        drop(state);
        self.touch(folder);
        let found = Found {
            attributes: self.attributes(ino)?,
            cacheable: true,
        };
        let opened = Opened {
            handle,
            keep_cache: true,
        };
        Ok((found, opened))
    }

    /// Opens a file.
    pub async fn open(&self, ino: u64, mode: OpenMode) -> Result<Opened, FsError> {
        if mode.write || mode.truncate {
            self.writable()?;
        }
        let opened = self.open_file(ino)?;
        if mode.truncate {
            opened.file.set_len(&self.volume, 0).await?;
        }
        let mut state = self.state.lock();
        state.inodes.opened(ino);
        // While it is open, the kernel's pages follow it.
        let keep_cache = match (opened.version, state.inodes.get_mut(ino)) {
            (Some(version), Some(inode)) => inode.cached.replace(version) == Some(version),
            (Some(_), None) => false,
            (None, _) => true,
        };
        let told = match state.bound(ino) {
            Ok(Bound::Node(id)) if mode.write => Some(id),
            _ => None,
        };
        if let Some(id) = told {
            self.volume.writing(id, true);
        }
        let handle = state.handle(Handle::File {
            ino,
            file: opened.file.clone(),
            writable: mode.write,
            told,
        });
        Ok(Opened { handle, keep_cache })
    }

    /// The open file of an inode, opened for as long as the reply lives.
    pub(super) fn open_file(&self, ino: u64) -> Result<Borrowed<'_, V>, FsError> {
        let mut state = self.state.lock();
        if let Some(file) = state.files.get(&ino).cloned() {
            state.inodes.opened(ino);
            return Ok(Borrowed {
                fs: self,
                ino,
                file,
                version: None,
            });
        }
        let (base, mtime_ns) = match state.bound(ino)? {
            Bound::Node(id) => {
                let attr = self.volume.get(id).ok_or(FsError::NotFound)?;
                (of_file(attr.kind, attr.file())?, attr.mtime_ns)
            }
            Bound::New(_) => (None, now_ns()),
            // Deleted or replaced elsewhere: only who had it open has it.
            Bound::Gone(gone) if gone.origin.is_some() => return Err(FsError::NotFound),
            Bound::Gone(gone) => {
                let content = match gone.content {
                    Some(Content::File(content)) => Some(content),
                    Some(Content::Symlink(_)) | None => None,
                };
                (of_file(gone.kind, content)?, gone.mtime_ns)
            }
        };
        let file = Arc::new(OpenFile::existing(
            base,
            mtime_ns,
            &self.options.staging_dir,
        ));
        state.files.insert(ino, file.clone());
        state.inodes.opened(ino);
        Ok(Borrowed {
            fs: self,
            ino,
            file,
            version: Some(Version::of_file(base.as_ref())),
        })
    }

    /// Closes a file as often as it was opened; with the last time, its staging file is gone.
    fn close(&self, ino: u64, file: &Arc<OpenFile<V::Reader>>) {
        let mut state = self.state.lock();
        state.inodes.closed(ino);
        let open = state.inodes.get(ino).is_some_and(|inode| inode.is_open());
        let same = state
            .files
            .get(&ino)
            .is_some_and(|open| Arc::ptr_eq(open, file));
        if !open && same {
            state.files.remove(&ino);
            // Writes that could not be taken in are lost with it, as close(2) said.
            if !file.is_clean()
                && let Some(inode) = state.inodes.get_mut(ino)
            {
                inode.cached = None;
                state.owed.push(Stale::Pages { ino });
            }
        }
    }

    /// Bytes that are on this disk already, if this handle has written.
    pub fn try_read(&self, handle: u64, offset: u64, len: usize) -> Option<Result<Bytes, FsError>> {
        match self.file(handle) {
            Ok(open) => open.file.try_read(offset, len),
            Err(error) => Some(Err(error)),
        }
    }

    /// Up to `len` bytes at `offset`; fewer only at the end.
    pub async fn read(&self, handle: u64, offset: u64, len: usize) -> Result<Bytes, FsError> {
        let open = self.file(handle)?;
        let read = open.file.read(&self.volume, offset, len);
        tokio::time::timeout(self.options.read_timeout, read)
            .await
            .unwrap_or(Err(FsError::TimedOut))
    }

    /// Writes at once, where nothing has to be waited for.
    pub fn try_write(&self, handle: u64, offset: u64, data: &[u8]) -> Option<Result<(), FsError>> {
        match self.file_to_write(handle) {
            Ok(open) => open.file.try_write(offset, data),
            Err(error) => Some(Err(error)),
        }
    }

    /// Writes all of `data` at `offset`.
    pub async fn write(&self, handle: u64, offset: u64, data: &[u8]) -> Result<(), FsError> {
        let open = self.file_to_write(handle)?;
        open.file.write(&self.volume, offset, data).await
    }

    /// `fallocate(2)`; `mode` is its bits.
    pub async fn allocate(
        &self,
        handle: u64,
        offset: u64,
        len: u64,
        mode: u32,
    ) -> Result<(), FsError> {
        let allowed =
            FallocateFlags::KEEP_SIZE | FallocateFlags::PUNCH_HOLE | FallocateFlags::ZERO_RANGE;
        let flags = FallocateFlags::from_bits(mode)
            .filter(|flags| allowed.contains(*flags))
            .ok_or(FsError::NotSupported)?;
        let open = self.file_to_write(handle)?;
        open.file.allocate(&self.volume, offset, len, flags).await
    }

    /// `close(2)`, and `fsync(2)`: what was written through this handle's file is in the drive, and
    /// durable, when it returns. A handle that only reads has nothing to say here.
    pub async fn flush(&self, handle: u64) -> Result<(), FsError> {
        let open = self.file(handle)?;
        match open.writable {
            true => self.commit(open.ino, &open.file).await,
            false => Ok(()),
        }
    }

    /// The last descriptor of a handle is closed and its mappings are gone.
    pub async fn release(&self, handle: u64) -> Result<(), FsError> {
        // Only pages written through a mapping after close(2) are left to take in.
        let committed = self.flush(handle).await;
        let open = self.file(handle)?;
        let removed = self.state.lock().handles.remove(&handle);
        if let Some(Handle::File { told: Some(id), .. }) = removed {
            self.volume.writing(id, false);
        }
        self.close(open.ino, &open.file);
        committed
    }

    pub(super) fn file_to_write(&self, handle: u64) -> Result<Open<V::Reader>, FsError> {
        let open = self.file(handle)?;
        match open.writable {
            true => Ok(open),
            false => Err(FsError::BadHandle),
        }
    }

    fn file(&self, handle: u64) -> Result<Open<V::Reader>, FsError> {
        match self.state.lock().handles.get(&handle) {
            Some(Handle::File {
                ino,
                file,
                writable,
                ..
            }) => Ok(Open {
                ino: *ino,
                file: file.clone(),
                writable: *writable,
            }),
            Some(Handle::Folder { .. }) | None => Err(FsError::BadHandle),
        }
    }
}

fn of_file(kind: Kind, content: Option<FileContent>) -> Result<Option<FileContent>, FsError> {
    match kind {
        Kind::File => Ok(content),
        Kind::Folder => Err(FsError::Volume(VolumeError::IsAFolder)),
        Kind::Symlink => Err(FsError::Invalid),
    }
}

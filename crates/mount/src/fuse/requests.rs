//! Every kernel request, a few lines each: unpack, call the file system, answer. Knows no rule of it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use fuser::{
    BsdFileFlags, Errno, FileHandle, Filesystem, FopenFlags, INodeNo, InitFlags, IoctlFlags,
    KernelConfig, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyIoctl, ReplyOpen, ReplyStatfs,
    ReplyWrite, ReplyXattr, Request, TimeOrNow, WriteFlags,
};
use rustix::fs::RawMode;

use super::shapes::{
    absent, attr, bare, errno, file_type, nanoseconds, open_flags, open_mode, sized,
};
use super::{Fuse, GENERATION, MAX_BACKGROUND, MAX_WRITE};
use crate::fs::{RenameMode, SetAttributes, XattrMode};
use crate::volume::Volume;

/// How long the kernel may believe that a name is not there. An answer and the word that the name has come
/// can cross inside the kernel, which then keeps the answer: not for longer than this.
const ABSENT: Duration = Duration::from_secs(1);

impl<V: Volume> Filesystem for Fuse<V> {
    fn init(&mut self, _req: &Request, config: &mut KernelConfig) -> std::io::Result<()> {
        let wanted = [
            // O_TRUNC with open, not as an edit of its own before it.
            InitFlags::FUSE_ATOMIC_O_TRUNC,
            InitFlags::FUSE_DO_READDIRPLUS,
            InitFlags::FUSE_READDIRPLUS_AUTO,
            InitFlags::FUSE_PARALLEL_DIROPS,
            InitFlags::FUSE_CACHE_SYMLINKS,
            InitFlags::FUSE_ASYNC_DIO,
            // There are no setuid bits to clear, so the kernel need not ask before every write.
            InitFlags::FUSE_HANDLE_KILLPRIV_V2,
        ];
        for flag in wanted {
            if config.add_capabilities(flag).is_err() {
                tracing::debug!(?flag, "this kernel's FUSE does not know it");
            }
        }
        // Both are below fuser's own limits: an error would name the nearest value and keep the old.
        let _ = config.set_max_write(MAX_WRITE);
        let _ = config.set_max_background(MAX_BACKGROUND);
        Ok(())
    }

    fn lookup(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let _answering = self.answering.read();
        match self.fs.lookup(parent.0, name.as_bytes()) {
            Ok(Some(found)) => {
                let names = if found.cacheable {
                    self.ttl()
                } else {
                    Duration::ZERO
                };
                let attr = self.attr(&found.attributes);
                reply.entry_with_ttls(&self.ttl(), &names, &attr, GENERATION);
            }
            Ok(None) => reply.entry(&self.ttl().min(ABSENT), &absent(), GENERATION),
            Err(error) => reply.error(errno(&error)),
        }
    }

    fn forget(&self, _req: &Request, ino: INodeNo, nlookup: u64) {
        self.fs.forget(ino.0, nlookup);
    }

    fn getattr(&self, _req: &Request, ino: INodeNo, _fh: Option<FileHandle>, reply: ReplyAttr) {
        let _answering = self.answering.read();
        match self.fs.attributes(ino.0) {
            Ok(attributes) => reply.attr(&self.ttl(), &self.attr(&attributes)),
            Err(error) => reply.error(errno(&error)),
        }
    }

    fn setattr(
        &self,
        _req: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let set = SetAttributes {
            mode,
            uid,
            gid,
            size,
            mtime_ns: mtime.map(nanoseconds),
            handle: fh.map(|fh| fh.0),
        };
        let (fs, answering) = (self.fs.clone(), self.answering.clone());
        self.finish(async move {
            let set = fs.set_attributes(ino.0, set).await;
            let _answering = answering.read();
            match set.and_then(|()| fs.attributes(ino.0)) {
                Ok(attributes) => {
                    reply.attr(&fs.options().cache_for, &attr(fs.options(), &attributes));
                }
                Err(error) => reply.error(errno(&error)),
            }
        });
    }

    fn readlink(&self, _req: &Request, ino: INodeNo, reply: ReplyData) {
        match self.fs.read_link(ino.0) {
            Ok(target) => reply.data(target.as_bytes()),
            Err(error) => reply.error(errno(&error)),
        }
    }

    fn mknod(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        _rdev: u32,
        reply: ReplyEntry,
    ) {
        if rustix::fs::FileType::from_raw_mode(mode as RawMode) != rustix::fs::FileType::RegularFile
        {
            return reply.error(Errno::EPERM);
        }
        let (fs, name) = (self.fs.clone(), name.to_owned());
        self.finish_entry(reply, async move {
            fs.make_file(parent.0, name.as_bytes(), mode & 0o7777).await
        });
    }

    fn mkdir(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        let (fs, name) = (self.fs.clone(), name.to_owned());
        self.finish_entry(reply, async move {
            fs.make_folder(parent.0, name.as_bytes(), mode & 0o777)
                .await
        });
    }

    fn unlink(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let (fs, name) = (self.fs.clone(), name.to_owned());
        self.finish_empty(
            reply,
            async move { fs.unlink(parent.0, name.as_bytes()).await },
        );
    }

    fn rmdir(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let (fs, name) = (self.fs.clone(), name.to_owned());
        self.finish_empty(reply, async move {
            fs.remove_folder(parent.0, name.as_bytes()).await
        });
    }

    fn symlink(
        &self,
        _req: &Request,
        parent: INodeNo,
        link_name: &OsStr,
        target: &Path,
        reply: ReplyEntry,
    ) {
        let (fs, name, target) = (self.fs.clone(), link_name.to_owned(), target.to_owned());
        self.finish_entry(reply, async move {
            let target = target.as_os_str().as_bytes();
            fs.make_symlink(parent.0, name.as_bytes(), target).await
        });
    }

    fn rename(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let mode = if flags.is_empty() {
            RenameMode::Replace
        } else if flags == RenameFlags::RENAME_NOREPLACE {
            RenameMode::NoReplace
        } else if flags == RenameFlags::RENAME_EXCHANGE {
            RenameMode::Exchange
        } else {
            return reply.error(Errno::EINVAL);
        };
        let (fs, name, newname) = (self.fs.clone(), name.to_owned(), newname.to_owned());
        self.finish_empty(reply, async move {
            let from = (parent.0, name.as_bytes());
            fs.rename(from, (newparent.0, newname.as_bytes()), mode)
                .await
        });
    }

    fn open(&self, _req: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let (fs, mode) = (self.fs.clone(), open_mode(flags));
        let notifier = self.notifier.clone();
        self.finish(async move {
            match fs.open(ino.0, mode).await {
                Ok(opened) => {
                    // It reads no further than the length that it knows, which may be that of the
                    // version before: this one may be older than the news of it.
                    if !opened.keep_cache {
                        Self::forget_attributes(&notifier, ino);
                    }
                    reply.opened(FileHandle(opened.handle), open_flags(opened.keep_cache))
                }
                Err(error) => reply.error(errno(&error)),
            }
        });
    }

    fn create(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let (fs, name) = (self.fs.clone(), name.to_owned());
        self.finish(async move {
            let open = open_mode(OpenFlags(flags));
            match fs
                .create(parent.0, name.as_bytes(), mode & 0o7777, open)
                .await
            {
                Ok((found, opened)) => reply.created(
                    &fs.options().cache_for,
                    &attr(fs.options(), &found.attributes),
                    GENERATION,
                    FileHandle(opened.handle),
                    open_flags(opened.keep_cache),
                ),
                Err(error) => reply.error(errno(&error)),
            }
        });
    }

    fn read(
        &self,
        _req: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let fs = self.fs.clone();
        self.finish(async move {
            match fs.read(fh.0, offset, size as usize).await {
                Ok(bytes) => reply.data(&bytes),
                Err(error) => reply.error(errno(&error)),
            }
        });
    }

    fn write(
        &self,
        _req: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let len = data.len() as u32;
        if let Some(written) = self.fs.try_write(fh.0, offset, data) {
            return match written {
                Ok(()) => reply.written(len),
                Err(error) => reply.error(errno(&error)),
            };
        }
        let (fs, data) = (self.fs.clone(), data.to_vec());
        self.finish(async move {
            match fs.write(fh.0, offset, &data).await {
                Ok(()) => reply.written(len),
                Err(error) => reply.error(errno(&error)),
            }
        });
    }

    fn flush(
        &self,
        _req: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        _lock_owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        let fs = self.fs.clone();
        self.finish_empty(reply, async move { fs.flush(fh.0).await });
    }

    fn release(
        &self,
        _req: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        let fs = self.fs.clone();
        self.finish_empty(reply, async move { fs.release(fh.0).await });
    }

    fn fsync(
        &self,
        _req: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        _datasync: bool,
        reply: ReplyEmpty,
    ) {
        let fs = self.fs.clone();
        self.finish_empty(reply, async move { fs.flush(fh.0).await });
    }

    fn opendir(&self, _req: &Request, ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        match self.fs.open_folder(ino.0) {
            Ok(handle) => {
                let flags = FopenFlags::FOPEN_CACHE_DIR | FopenFlags::FOPEN_KEEP_CACHE;
                reply.opened(FileHandle(handle), flags);
            }
            Err(error) => reply.error(errno(&error)),
        }
    }

    fn readdir(
        &self,
        _req: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let _answering = self.answering.read();
        let listed = self.fs.list(fh.0, offset, false, |entry| {
            !reply.add(
                INodeNo(entry.ino),
                entry.cookie,
                file_type(entry.kind),
                entry.name,
            )
        });
        match listed {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(errno(&error)),
        }
    }

    fn readdirplus(
        &self,
        _req: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        let _answering = self.answering.read();
        let listed = self.fs.list(fh.0, offset, true, |entry| {
            let (attr, ttl) = match &entry.attributes {
                Some(attributes) => (self.attr(attributes), self.ttl()),
                // The kernel takes no reference for `.` and `..`, nor their attributes.
                None => (bare(entry.ino, entry.kind), Duration::ZERO),
            };
            !reply.add(
                INodeNo(entry.ino),
                entry.cookie,
                entry.name,
                &ttl,
                &attr,
                GENERATION,
            )
        });
        match listed {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(errno(&error)),
        }
    }

    fn releasedir(
        &self,
        _req: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        _flags: OpenFlags,
        reply: ReplyEmpty,
    ) {
        self.fs.release_folder(fh.0);
        reply.ok();
    }

    fn fsyncdir(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        _datasync: bool,
        reply: ReplyEmpty,
    ) {
        let fs = self.fs.clone();
        self.finish_empty(reply, async move { fs.sync_folder(ino.0).await });
    }

    fn statfs(&self, _req: &Request, _ino: INodeNo, reply: ReplyStatfs) {
        match self.fs.statfs() {
            Ok(all) => reply.statfs(
                all.blocks,
                all.free,
                all.free,
                all.nodes,
                u64::from(u32::MAX),
                all.block_size,
                255,
                all.block_size,
            ),
            Err(error) => reply.error(errno(&error)),
        }
    }

    fn setxattr(
        &self,
        _req: &Request,
        ino: INodeNo,
        name: &OsStr,
        value: &[u8],
        flags: i32,
        _position: u32,
        reply: ReplyEmpty,
    ) {
        let flags = rustix::fs::XattrFlags::from_bits_retain(flags.cast_unsigned());
        let mode = if flags.contains(rustix::fs::XattrFlags::CREATE) {
            XattrMode::Create
        } else if flags.contains(rustix::fs::XattrFlags::REPLACE) {
            XattrMode::Replace
        } else {
            XattrMode::Any
        };
        let (fs, name, value) = (self.fs.clone(), name.to_owned(), value.to_vec());
        self.finish_empty(reply, async move {
            fs.set_xattr(ino.0, name.as_bytes(), &value, mode).await
        });
    }

    fn getxattr(&self, _req: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        match self.fs.xattr(ino.0, name.as_bytes()) {
            Ok(value) => sized(reply, size, &value),
            Err(error) => reply.error(errno(&error)),
        }
    }

    fn listxattr(&self, _req: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        match self.fs.xattr_names(ino.0) {
            Ok(names) => {
                let list: String = names
                    .iter()
                    .flat_map(|name| [name.as_str(), "\0"])
                    .collect();
                sized(reply, size, list.as_bytes());
            }
            Err(error) => reply.error(errno(&error)),
        }
    }

    fn removexattr(&self, _req: &Request, ino: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let (fs, name) = (self.fs.clone(), name.to_owned());
        self.finish_empty(reply, async move {
            fs.remove_xattr(ino.0, name.as_bytes()).await
        });
    }

    fn fallocate(
        &self,
        _req: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        let fs = self.fs.clone();
        self.finish_empty(reply, async move {
            fs.allocate(fh.0, offset, length, mode.cast_unsigned())
                .await
        });
    }

    fn ioctl(
        &self,
        _req: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        _flags: IoctlFlags,
        _cmd: u32,
        _in_data: &[u8],
        _out_size: u32,
        reply: ReplyIoctl,
    ) {
        reply.error(Errno::ENOTTY);
    }
}

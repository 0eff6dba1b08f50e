//! Kernel requests in, calls of the file system out; the only file that imports fuser.
//!
//! Whatever is answered from memory is answered on the thread that read the request. Everything else
//! is a future: polled once right there, since most are ready at once, and otherwise finished on the
//! runtime, so that no request ever waits for another one's bytes.
//!
//! Notifications to the kernel are sent from a thread of their own, never from within a request: the
//! kernel takes the very locks for them that it holds while it waits for the request's answer.

use std::ffi::OsStr;
use std::future::Future;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem,
    FopenFlags, Generation, INodeNo, InitFlags, IoctlFlags, KernelConfig, LockOwner, MountOption,
    Notifier, OpenAccMode, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyIoctl, ReplyOpen, ReplyStatfs,
    ReplyWrite, ReplyXattr, Request, SessionACL, TimeOrNow, WriteFlags,
};
use parking_lot::RwLock;
use peerdrive_crdt_tree::node::Kind;
use rustix::fs::{OFlags, RawMode};
use tokio::runtime::Handle;

use crate::config::MountOptions;
use crate::errno::FsError;
use crate::fs::{
    Attributes, FileSystem, Found, OpenMode, RenameMode, SetAttributes, Stale, XattrMode,
};
use crate::volume::Volume;

/// Threads that read requests. Measured on two cores, a second one lets metadata go on while the first
/// copies pages; more only wait for each other.
const THREADS: usize = 2;

/// The most that one write request carries: what Linux allows by default, 256 pages.
const MAX_WRITE: u32 = 1 << 20;

/// Read-ahead requests that the kernel may have under way: reads may have to cross a network.
const MAX_BACKGROUND: u16 = 64;

/// A node's number never stands for another node while the kernel refers to it.
const GENERATION: Generation = Generation(0);

struct Fuse<V: Volume> {
    fs: Arc<FileSystem<V>>,
    runtime: Handle,
    answering: Arc<RwLock<()>>,
}

/// A mounted file system, served by threads of its own until unmounted.
pub(crate) struct Serving {
    session: BackgroundSession,
    pub(crate) kernel: Kernel,
}

/// The kernel's caches.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    notifier: Notifier,
    answering: Arc<RwLock<()>>,
}

impl std::fmt::Debug for Serving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serving").finish_non_exhaustive()
    }
}

/// Mounts `fs` at `at` and serves it.
pub(crate) fn serve<V: Volume>(
    fs: Arc<FileSystem<V>>,
    at: &Path,
    runtime: Handle,
) -> std::io::Result<Serving> {
    let answering = Arc::new(RwLock::new(()));
    let config = config(fs.options(), &fs.volume().name());
    let fuse = Fuse {
        fs,
        runtime,
        answering: answering.clone(),
    };
    let session = fuser::spawn_mount(fuse, at, &config)?;
    let notifier = session.notifier();
    Ok(Serving {
        session,
        kernel: Kernel {
            notifier,
            answering,
        },
    })
}

fn config(options: &MountOptions, name: &str) -> Config {
    let mut config = Config::default();
    // Commas separate mount options.
    let name = name.replace([',', '\\'], "_");
    config.mount_options = vec![
        MountOption::FSName(format!("peerdrive:{name}")),
        MountOption::Subtype("peerdrive".to_owned()),
        MountOption::DefaultPermissions,
        MountOption::NoAtime,
        MountOption::NoDev,
        MountOption::NoSuid,
    ];
    if options.read_only {
        config.mount_options.push(MountOption::RO);
    }
    if options.allow_other {
        config.acl = SessionACL::All;
    }
    config.n_threads = Some(THREADS);
    config
}

impl Serving {
    pub(crate) fn is_over(&self) -> bool {
        self.session.guard.is_finished()
    }

    /// Waits until the kernel has let go of it.
    pub(crate) fn join(self) -> std::io::Result<()> {
        self.session.join()
    }
}

impl Kernel {
    /// Makes the kernel forget. Blocks while the kernel works on what it concerns.
    pub(crate) fn forget(&self, stale: &[Stale]) {
        // Answers that were computed before the change have been sent once this is through.
        drop(self.answering.write());
        for stale in stale {
            let sent = match stale {
                Stale::Name { folder, name } => self
                    .notifier
                    .inval_entry(INodeNo(*folder), OsStr::new(name)),
                Stale::Attributes { ino } => self.notifier.inval_inode(INodeNo(*ino), -1, 0),
                Stale::Pages { ino } => self.notifier.inval_inode(INodeNo(*ino), 0, 0),
            };
            if let Err(error) = sent {
                tracing::debug!(%error, "the kernel did not take a notification");
            }
        }
    }
}

impl<V: Volume> Fuse<V> {
    /// Finishes a request whenever it is ready.
    fn finish(&self, answer: impl Future<Output = ()> + Send + 'static) {
        let mut answer = Box::pin(answer);
        let _runtime = self.runtime.enter();
        let mut once = Context::from_waker(Waker::noop());
        if answer.as_mut().poll(&mut once).is_pending() {
            self.runtime.spawn(answer);
        }
    }

    fn attr(&self, attributes: &Attributes) -> FileAttr {
        attr(self.fs.options(), attributes)
    }

    fn ttl(&self) -> Duration {
        self.fs.options().cache_for
    }

    /// Answers with a name that was made.
    fn finish_entry(
        &self,
        reply: ReplyEntry,
        making: impl Future<Output = Result<Found, FsError>> + Send + 'static,
    ) {
        let options = self.fs.options().clone();
        self.finish(async move {
            match making.await {
                Ok(found) => reply.entry(
                    &options.cache_for,
                    &attr(&options, &found.attributes),
                    GENERATION,
                ),
                Err(error) => reply.error(errno(&error)),
            }
        });
    }

    fn finish_empty(
        &self,
        reply: ReplyEmpty,
        doing: impl Future<Output = Result<(), FsError>> + Send + 'static,
    ) {
        self.finish(async move {
            match doing.await {
                Ok(()) => reply.ok(),
                Err(error) => reply.error(errno(&error)),
            }
        });
    }
}

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
            Ok(None) => reply.entry(&self.ttl(), &absent(), GENERATION),
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
        self.finish(async move {
            match fs.open(ino.0, mode).await {
                Ok(opened) => {
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

fn errno(error: &FsError) -> Errno {
    let errno = error.errno();
    match errno {
        rustix::io::Errno::NOENT | rustix::io::Errno::NODATA => {
            tracing::trace!(%error, "refused");
        }
        rustix::io::Errno::IO | rustix::io::Errno::NOSPC => tracing::warn!(%error, "failed"),
        _ => tracing::debug!(%error, "refused"),
    }
    Errno::from_i32(errno.raw_os_error())
}

fn sized(reply: ReplyXattr, size: u32, value: &[u8]) {
    match size as usize {
        0 => reply.size(value.len() as u32),
        room if room < value.len() => reply.error(Errno::ERANGE),
        _ => reply.data(value),
    }
}

fn open_mode(flags: OpenFlags) -> OpenMode {
    let all = OFlags::from_bits_retain(flags.0.cast_unsigned());
    OpenMode {
        write: flags.acc_mode() != OpenAccMode::O_RDONLY,
        truncate: all.contains(OFlags::TRUNC),
        exclusive: all.contains(OFlags::EXCL),
    }
}

fn open_flags(keep_cache: bool) -> FopenFlags {
    if keep_cache {
        FopenFlags::FOPEN_KEEP_CACHE
    } else {
        FopenFlags::empty()
    }
}

fn attr(options: &MountOptions, attributes: &Attributes) -> FileAttr {
    let (uid, gid) = options.owner;
    FileAttr {
        ino: INodeNo(attributes.ino),
        size: attributes.size,
        blocks: attributes.size.div_ceil(512),
        atime: time(attributes.mtime_ns),
        mtime: time(attributes.mtime_ns),
        ctime: time(attributes.ctime_ns),
        crtime: time(attributes.ctime_ns),
        kind: file_type(attributes.kind),
        perm: (attributes.mode & 0o777) as u16,
        nlink: attributes.nlink,
        uid,
        gid,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

/// No inode: the kernel remembers that the name is not there.
fn absent() -> FileAttr {
    bare(0, Kind::File)
}

fn bare(ino: u64, kind: Kind) -> FileAttr {
    FileAttr {
        ino: INodeNo(ino),
        size: 0,
        blocks: 0,
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind: file_type(kind),
        perm: 0,
        nlink: 0,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 0,
        flags: 0,
    }
}

fn file_type(kind: Kind) -> FileType {
    match kind {
        Kind::File => FileType::RegularFile,
        Kind::Folder => FileType::Directory,
        Kind::Symlink => FileType::Symlink,
    }
}

fn time(ns: i64) -> SystemTime {
    let distance = Duration::from_nanos(ns.unsigned_abs());
    let time = if ns < 0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    };
    time.unwrap_or(UNIX_EPOCH)
}

fn nanoseconds(time: TimeOrNow) -> i64 {
    let time = match time {
        TimeOrNow::SpecificTime(time) => time,
        TimeOrNow::Now => SystemTime::now(),
    };
    let clamp = |nanos: u128| i64::try_from(nanos).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => clamp(since.as_nanos()),
        Err(before) => -clamp(before.duration().as_nanos()),
    }
}

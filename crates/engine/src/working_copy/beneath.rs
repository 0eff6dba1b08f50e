//! The folder on disk, reached only beneath one open directory: no path from a drive, whatever a
//! peer named it and whatever the disk does meanwhile, leads outside. Knows nothing of drives.
//!
//! Every call resolves its parent folder anew with `openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)`
//! and then acts on one component relative to that descriptor (reference: openat2(2); security P5).
//! Kernels without `openat2` get the same by opening one component at a time with `O_NOFOLLOW`.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{
    self, AtFlags, CWD, Dir, Mode, OFlags, RenameFlags, ResolveFlags, Statx, StatxFlags, Timespec,
    Timestamps,
};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// What kind of thing a directory entry is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum EntryKind {
    File,
    Folder,
    Symlink,
    /// Socket, device or FIFO: never part of a drive.
    Special,
}

/// What `statx` says of an entry, not following symlinks. Times in nanoseconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Stat {
    pub(super) kind: EntryKind,
    /// Device, 0 when it is the root's own: device numbers may change with every boot.
    pub(super) dev: u64,
    pub(super) ino: u64,
    pub(super) size: u64,
    pub(super) mtime_ns: i64,
    pub(super) ctime_ns: i64,
    /// Time of birth, 0 where the file system does not know it.
    pub(super) btime_ns: i64,
    /// Permission bits, at most `0o777`.
    pub(super) mode: u32,
}

impl Stat {
    /// Whether both are surely the same object of the file system, wherever it is now: an inode
    /// number alone may be reused the moment its file is gone.
    pub(super) fn same_object(&self, other: &Stat) -> bool {
        self.kind == other.kind
            && self.dev == other.dev
            && self.ino == other.ino
            && if self.btime_ns != 0 && other.btime_ns != 0 {
                self.btime_ns == other.btime_ns
            } else {
                self.kind == EntryKind::Folder
                    || (self.size == other.size && self.mtime_ns == other.mtime_ns)
            }
    }

    /// Whether nothing that a write changes has changed. The change time is left out when the caller
    /// itself renamed the file in between.
    pub(super) fn same_bytes(&self, other: &Stat, with_ctime: bool) -> bool {
        self.same_object(other)
            && self.size == other.size
            && self.mtime_ns == other.mtime_ns
            && (!with_ctime || self.ctime_ns == other.ctime_ns)
    }
}

/// An open root folder, or one that is not there now.
#[derive(Debug)]
pub(super) struct Root {
    /// `None` if it is not there: then every call fails, and never with words that could be taken for an
    /// entry that is gone.
    fd: Option<OwnedFd>,
    path: PathBuf,
    dev: u64,
    ino: u64,
    no_openat2: AtomicBool,
}

const FOLDER: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOFOLLOW);
const RESOLVE: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS);

impl Root {
    /// Opens `path`, which must be a folder (a symlink to one is followed: it is the user's own).
    pub(super) fn open(path: &Path) -> io::Result<Root> {
        let fd = fs::openat(
            CWD,
            path,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let stat = fs::statx(&fd, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?;
        Ok(Root {
            fd: Some(fd),
            path: path.to_owned(),
            dev: device(&stat),
            ino: stat.stx_ino,
            no_openat2: AtomicBool::new(false),
        })
    }

    /// A root that is not there now.
    pub(super) fn absent(path: &Path) -> Root {
        Root {
            fd: None,
            path: path.to_owned(),
            dev: 0,
            ino: 0,
            no_openat2: AtomicBool::new(false),
        }
    }

    fn fd(&self) -> io::Result<&OwnedFd> {
        self.fd.as_ref().ok_or_else(|| Errno::STALE.into())
    }

    /// Where it was when it was opened.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether `path()` still leads to this very folder: false after an unmount, a rename, or a removal.
    pub(super) fn still_there(&self) -> bool {
        self.fd.is_some()
            && fs::statx(CWD, &self.path, AtFlags::empty(), StatxFlags::BASIC_STATS)
                .is_ok_and(|stat| device(&stat) == self.dev && stat.stx_ino == self.ino)
    }

    /// The folder at `rel` (`""` is the root), for use as the base of a call on one of its entries.
    fn folder(&self, rel: &str) -> io::Result<OwnedFd> {
        self.open_beneath(rel, FOLDER)
    }

    fn open_beneath(&self, rel: &str, flags: OFlags) -> io::Result<OwnedFd> {
        let rel = if rel.is_empty() { "." } else { rel };
        let root = self.fd()?;
        if !self.no_openat2.load(Ordering::Relaxed) {
            for _ in 0..8 {
                match fs::openat2(root, rel, flags, Mode::empty(), RESOLVE) {
                    Ok(fd) => return Ok(fd),
                    // The kernel could not rule out an escape because something was renamed meanwhile.
                    Err(Errno::AGAIN) => {}
                    Err(Errno::NOSYS | Errno::PERM) => {
                        self.no_openat2.store(true, Ordering::Relaxed);
                        break;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        self.open_stepwise(rel, flags)
    }

    /// `open_beneath` for kernels without `openat2`: no component is ever followed.
    fn open_stepwise(&self, rel: &str, flags: OFlags) -> io::Result<OwnedFd> {
        let mut at = fs::openat(self.fd()?, ".", FOLDER, Mode::empty())?;
        let mut parts = rel
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".")
            .peekable();
        if parts.peek().is_none() {
            return Ok(fs::openat(self.fd()?, ".", flags, Mode::empty())?);
        }
        while let Some(part) = parts.next() {
            if part == ".." {
                return Err(io::Error::from(Errno::XDEV));
            }
            let last = parts.peek().is_none();
            at = fs::openat(
                &at,
                part,
                if last {
                    flags | OFlags::NOFOLLOW
                } else {
                    FOLDER
                },
                Mode::empty(),
            )?;
        }
        Ok(at)
    }

    /// The entry at `rel`. `Ok(None)` only when the disk says that there is none; every other
    /// failure is an error, so that nobody takes it for a deletion.
    pub(super) fn stat(&self, rel: &str) -> io::Result<Option<Stat>> {
        let (parent, name) = entry(rel)?;
        let found = self.folder(parent).and_then(|dir| self.stat_in(&dir, name));
        match found {
            Ok(stat) => Ok(Some(stat)),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn stat_in<P: rustix::path::Arg>(&self, dir: &OwnedFd, name: P) -> io::Result<Stat> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT | AtFlags::EMPTY_PATH;
        let stat = fs::statx(
            dir,
            name,
            flags,
            StatxFlags::BASIC_STATS | StatxFlags::BTIME,
        )?;
        Ok(self.convert(&stat))
    }

    fn convert(&self, stat: &Statx) -> Stat {
        let kind = match fs::FileType::from_raw_mode(u32::from(stat.stx_mode)) {
            fs::FileType::RegularFile => EntryKind::File,
            fs::FileType::Directory => EntryKind::Folder,
            fs::FileType::Symlink => EntryKind::Symlink,
            _ => EntryKind::Special,
        };
        let ns = |at: fs::StatxTimestamp| {
            at.tv_sec
                .saturating_mul(1_000_000_000)
                .saturating_add(i64::from(at.tv_nsec))
        };
        let dev = device(stat);
        Stat {
            kind,
            dev: if dev == self.dev { 0 } else { dev },
            ino: stat.stx_ino,
            size: stat.stx_size,
            mtime_ns: ns(stat.stx_mtime),
            ctime_ns: ns(stat.stx_ctime),
            btime_ns: if stat.stx_mask & StatxFlags::BTIME.bits() != 0 {
                ns(stat.stx_btime)
            } else {
                0
            },
            mode: u32::from(stat.stx_mode) & 0o777,
        }
    }

    /// What an open file is now.
    pub(super) fn stat_file(&self, file: &File) -> io::Result<Stat> {
        let stat = fs::statx(
            file,
            "",
            AtFlags::EMPTY_PATH,
            StatxFlags::BASIC_STATS | StatxFlags::BTIME,
        )?;
        Ok(self.convert(&stat))
    }

    /// All entries of a folder but `.` and `..`, in no order. An entry that vanishes meanwhile is left out.
    pub(super) fn list(&self, rel: &str) -> io::Result<Vec<(OsString, Stat)>> {
        let dir = self.open_folder(rel)?;
        let mut entries = Vec::new();
        for entry in Dir::read_from(&dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            match self.stat_in(&dir, name) {
                Ok(stat) => entries.push((OsString::from_vec(name.to_bytes().to_vec()), stat)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(entries)
    }

    /// Opens a regular file for reading; never blocks on a FIFO put in its place.
    pub(super) fn open_file(&self, rel: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(self.open_beneath(rel, flags)?);
        match self.stat_file(&file)?.kind {
            EntryKind::File => Ok(file),
            _ => Err(io::Error::other("it is no longer a regular file")),
        }
    }

    /// Makes a file that must not exist yet, for reading and writing, seen by its owner only.
    pub(super) fn create_file(&self, rel: &str) -> io::Result<File> {
        let (parent, name) = entry(rel)?;
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(fs::openat(
            &self.folder(parent)?,
            name,
            flags,
            Mode::RUSR | Mode::WUSR,
        )?))
    }

    /// The target of a symlink, as bytes.
    pub(super) fn read_link(&self, rel: &str) -> io::Result<Vec<u8>> {
        let (parent, name) = entry(rel)?;
        Ok(fs::readlinkat(&self.folder(parent)?, name, Vec::new())?.into_bytes())
    }

    /// Makes a symlink that must not exist yet.
    pub(super) fn symlink(&self, target: &str, rel: &str) -> io::Result<()> {
        let (parent, name) = entry(rel)?;
        Ok(fs::symlinkat(target, &self.folder(parent)?, name)?)
    }

    /// Makes a folder that must not exist yet.
    pub(super) fn make_folder(&self, rel: &str) -> io::Result<()> {
        let (parent, name) = entry(rel)?;
        Ok(fs::mkdirat(&self.folder(parent)?, name, Mode::RWXU)?)
    }

    /// Renames without ever replacing anything: `AlreadyExists` if something is at `to`.
    pub(super) fn rename_new(&self, from: &str, to: &str) -> io::Result<()> {
        match self.rename_with(from, to, RenameFlags::NOREPLACE) {
            // The file system does not know the flag. The window between look and rename is the best it offers.
            Err(error) if unsupported(&error) => match self.stat(to)? {
                Some(_) => Err(io::ErrorKind::AlreadyExists.into()),
                None => self.rename_with(from, to, RenameFlags::empty()),
            },
            done => done,
        }
    }

    /// Swaps two entries in one step; `Ok(false)` where the file system cannot.
    pub(super) fn exchange(&self, one: &str, other: &str) -> io::Result<bool> {
        match self.rename_with(one, other, RenameFlags::EXCHANGE) {
            Ok(()) => Ok(true),
            Err(error) if unsupported(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Renames over whatever is there. Only for file systems that cannot exchange.
    pub(super) fn rename_over(&self, from: &str, to: &str) -> io::Result<()> {
        self.rename_with(from, to, RenameFlags::empty())
    }

    fn rename_with(&self, from: &str, to: &str, flags: RenameFlags) -> io::Result<()> {
        let ((from_parent, from_name), (to_parent, to_name)) = (entry(from)?, entry(to)?);
        let (from_dir, to_dir) = (self.folder(from_parent)?, self.folder(to_parent)?);
        if flags.is_empty() {
            fs::renameat(&from_dir, from_name, &to_dir, to_name)?;
        } else {
            fs::renameat_with(&from_dir, from_name, &to_dir, to_name, flags)?;
        }
        Ok(())
    }

    /// Removes a file or symlink.
    pub(super) fn unlink(&self, rel: &str) -> io::Result<()> {
        let (parent, name) = entry(rel)?;
        Ok(fs::unlinkat(&self.folder(parent)?, name, AtFlags::empty())?)
    }

    /// Removes an empty folder.
    pub(super) fn remove_folder(&self, rel: &str) -> io::Result<()> {
        let (parent, name) = entry(rel)?;
        Ok(fs::unlinkat(
            &self.folder(parent)?,
            name,
            AtFlags::REMOVEDIR,
        )?)
    }

    /// Sets permission bits; anything above `0o777` (set-user-id and the like) is stripped.
    pub(super) fn chmod(&self, rel: &str, mode: u32) -> io::Result<()> {
        let mode = Mode::from_raw_mode(mode & 0o777);
        match self.open_beneath(
            rel,
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC,
        ) {
            Ok(fd) => Ok(fs::fchmod(fd, mode)?),
            // An owner may change the bits of what it cannot read: by way of the descriptor's own name.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                use std::os::fd::AsRawFd;
                let fd =
                    self.open_beneath(rel, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC)?;
                if matches!(
                    self.stat_in(&fd, "")?.kind,
                    EntryKind::Symlink | EntryKind::Special
                ) {
                    return Err(io::ErrorKind::InvalidInput.into());
                }
                Ok(fs::chmodat(
                    CWD,
                    format!("/proc/self/fd/{}", fd.as_raw_fd()),
                    mode,
                    AtFlags::empty(),
                )?)
            }
            Err(error) => Err(error),
        }
    }

    /// Sets the modification time of a file, folder or symlink itself.
    pub(super) fn set_mtime(&self, rel: &str, mtime_ns: i64) -> io::Result<()> {
        let (parent, name) = entry(rel)?;
        Ok(fs::utimensat(
            &self.folder(parent)?,
            name,
            &times(mtime_ns),
            AtFlags::SYMLINK_NOFOLLOW,
        )?)
    }

    /// Opens a folder for listing or flushing it.
    pub(super) fn open_folder(&self, rel: &str) -> io::Result<OwnedFd> {
        self.open_beneath(
            rel,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW,
        )
    }

    /// Makes the entries of one folder durable.
    pub(super) fn sync_folder(&self, rel: &str) -> io::Result<()> {
        Ok(fs::fsync(self.open_folder(rel)?)?)
    }

    /// A second descriptor of the same folder, for a thread that only makes things durable.
    pub(super) fn descriptor(&self) -> io::Result<OwnedFd> {
        self.fd()?.as_fd().try_clone_to_owned()
    }
}

/// Sets bits and modification time of an open file that nobody else can see yet.
pub(super) fn dress(file: &File, mode: u32, mtime_ns: i64) -> io::Result<()> {
    fs::fchmod(file, Mode::from_raw_mode(mode & 0o777))?;
    Ok(fs::futimens(file, &times(mtime_ns))?)
}

fn times(mtime_ns: i64) -> Timestamps {
    let at = Timespec {
        tv_sec: mtime_ns.div_euclid(1_000_000_000),
        tv_nsec: mtime_ns.rem_euclid(1_000_000_000),
    };
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: fs::UTIME_OMIT,
        },
        last_modification: at,
    }
}

fn device(stat: &Statx) -> u64 {
    u64::from(stat.stx_dev_major) << 32 | u64::from(stat.stx_dev_minor)
}

fn unsupported(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP)
    )
}

/// Parent and last component of a path to act on. The parent is resolved beneath the root; of the last
/// component the kernel would make whatever it says, so it must be a name (`""` is the root itself).
fn entry(rel: &str) -> io::Result<(&str, &str)> {
    match split(rel) {
        (_, "." | "..") => Err(Errno::XDEV.into()),
        ("", "") if !rel.is_empty() => Err(Errno::XDEV.into()),
        parts => Ok(parts),
    }
}

/// Parent and last component of a relative path.
pub(super) fn split(rel: &str) -> (&str, &str) {
    rel.rsplit_once('/').unwrap_or(("", rel))
}

/// `parent/name`, where the root is the empty path.
pub(super) fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() {
        name.to_owned()
    } else {
        format!("{parent}/{name}")
    }
}

/// The last component of a relative path.
pub(super) fn name_of(rel: &str) -> &str {
    split(rel).1
}

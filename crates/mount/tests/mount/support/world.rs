//! One set of operations for three worlds: a local disk, a mounted drive, and the file system called
//! directly. Whatever a local disk does is right; the other two are compared with it.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

use peerdrive_crdt_tree::node::Kind;
use peerdrive_mount::errno::FsError;
use peerdrive_mount::fs::{
    Attributes, FileSystem, OpenMode, ROOT, RenameMode, SetAttributes, XattrMode,
};
use rustix::fs::{FallocateFlags, RenameFlags, XattrFlags};
use rustix::io::Errno;
use tokio::runtime::Runtime;

use super::MemoryVolume;

/// One operation. Paths are relative to the root; slots hold open files.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Opens into a slot; an open slot is closed first.
    Open {
        slot: usize,
        path: String,
        create: bool,
        exclusive: bool,
        truncate: bool,
        write: bool,
    },
    Close {
        slot: usize,
    },
    WriteAt {
        slot: usize,
        offset: u64,
        byte: u8,
        len: usize,
    },
    SetLen {
        slot: usize,
        len: u64,
    },
    Sync {
        slot: usize,
    },
    Punch {
        slot: usize,
        offset: u64,
        len: u64,
    },
    /// Opens, cuts, writes and closes.
    Save {
        path: String,
        byte: u8,
        len: usize,
    },
    Truncate {
        path: String,
        len: u64,
    },
    MakeFolder {
        path: String,
    },
    RemoveFolder {
        path: String,
    },
    Unlink {
        path: String,
    },
    Symlink {
        path: String,
        target: String,
    },
    Rename {
        from: String,
        to: String,
        mode: RenameMode,
    },
    SetMode {
        path: String,
        mode: u32,
    },
    SetTime {
        path: String,
        seconds: i64,
    },
    SetXattr {
        path: String,
        key: String,
        value: Vec<u8>,
        mode: XattrMode,
    },
    RemoveXattr {
        path: String,
        key: String,
    },
}

/// Slots that hold open files.
pub(crate) const SLOTS: usize = 3;

/// Everything that can be seen of one node. Times only where they were set by hand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Seen {
    kind: &'static str,
    mode: u32,
    nlink: u64,
    content: Vec<u8>,
    xattrs: BTreeMap<String, Vec<u8>>,
    set_time: Option<i64>,
}

/// Times set by hand are before this; those that a clock gave are after.
const CLOCK_BEGINS: i64 = 1_000_000_000;

/// Everything that can be seen: by path, and of every open slot.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct View {
    pub(crate) tree: BTreeMap<String, Seen>,
    pub(crate) slots: Vec<Option<(u64, bool, Vec<u8>)>>,
}

pub(crate) trait World {
    fn apply(&mut self, op: &Op) -> Result<(), Errno>;
    fn view(&self) -> Result<View, Errno>;
}

fn bytes(byte: u8, len: usize) -> Vec<u8> {
    (0..len).map(|at| byte.wrapping_add(at as u8)).collect()
}

fn set_time(seconds: i64) -> Option<i64> {
    Some(seconds).filter(|seconds| *seconds < CLOCK_BEGINS)
}

/// A folder of this machine: of a local disk, or a mount.
pub(crate) struct PathWorld {
    root: PathBuf,
    slots: Vec<Option<File>>,
}

impl PathWorld {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self {
            root,
            slots: (0..SLOTS).map(|_| None).collect(),
        }
    }

    fn slot(&self, slot: usize) -> Result<&File, Errno> {
        self.slots[slot].as_ref().ok_or(Errno::BADF)
    }

    fn walk(&self, folder: &str, view: &mut View) -> Result<(), Errno> {
        for entry in std::fs::read_dir(self.root.join(folder)).map_err(of_io)? {
            let name = entry
                .map_err(of_io)?
                .file_name()
                .into_string()
                .map_err(|_| Errno::ILSEQ)?;
            let path = if folder.is_empty() {
                name
            } else {
                format!("{folder}/{name}")
            };
            let full = self.root.join(&path);
            let stat = full.symlink_metadata().map_err(of_io)?;
            let mut xattrs = BTreeMap::new();
            let (kind, content) = if stat.is_symlink() {
                let target = std::fs::read_link(&full).map_err(of_io)?;
                ("symlink", target.into_os_string().into_encoded_bytes())
            } else {
                let mut list = vec![0; 65_536];
                let len = rustix::fs::llistxattr(&full, &mut list[..])?;
                for key in list[..len]
                    .split(|byte| *byte == 0)
                    .filter(|key| !key.is_empty())
                {
                    let mut value = vec![0; 65_536];
                    let len = rustix::fs::lgetxattr(&full, key, &mut value[..])?;
                    value.truncate(len);
                    xattrs.insert(String::from_utf8_lossy(key).into_owned(), value);
                }
                match stat.is_dir() {
                    true => ("folder", Vec::new()),
                    false => ("file", std::fs::read(&full).map_err(of_io)?),
                }
            };
            if kind == "file" && stat.len() != content.len() as u64 {
                return Err(Errno::IO);
            }
            // Some disks do not count subfolders: then neither is compared.
            let nlink = if kind == "folder" { 0 } else { stat.nlink() };
            let seen = Seen {
                kind,
                mode: stat.permissions().mode() & 0o7777,
                nlink,
                content,
                xattrs,
                set_time: (kind == "file").then(|| set_time(stat.mtime())).flatten(),
            };
            view.tree.insert(path.clone(), seen);
            if kind == "folder" {
                self.walk(&path, view)?;
            }
        }
        Ok(())
    }
}

fn of_io(error: std::io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

impl World for PathWorld {
    fn apply(&mut self, op: &Op) -> Result<(), Errno> {
        let at = |path: &str| self.root.join(path);
        let nofollow = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
        match op {
            Op::Open {
                slot,
                path,
                create,
                exclusive,
                truncate,
                write,
            } => {
                self.slots[*slot] = None;
                let mut options = std::fs::OpenOptions::new();
                options.read(true).write(*write).custom_flags(nofollow);
                if *write {
                    options
                        .create(*create)
                        .truncate(*truncate)
                        .create_new(*create && *exclusive);
                }
                let file = options.open(self.root.join(path)).map_err(of_io)?;
                if file.metadata().map_err(of_io)?.is_dir() {
                    return Err(Errno::ISDIR);
                }
                self.slots[*slot] = Some(file);
            }
            Op::Close { slot } => {
                let file = self.slots[*slot].take().ok_or(Errno::BADF)?;
                drop(file);
            }
            Op::WriteAt {
                slot,
                offset,
                byte,
                len,
            } => {
                let data = bytes(*byte, *len);
                self.slot(*slot)?
                    .write_all_at(&data, *offset)
                    .map_err(of_io)?;
            }
            Op::SetLen { slot, len } => self.slot(*slot)?.set_len(*len).map_err(of_io)?,
            Op::Sync { slot } => self.slot(*slot)?.sync_all().map_err(of_io)?,
            Op::Punch { slot, offset, len } => {
                let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                rustix::fs::fallocate(self.slot(*slot)?, flags, *offset, *len)?;
            }
            Op::Save { path, byte, len } => {
                let mut options = std::fs::OpenOptions::new();
                options
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .custom_flags(nofollow);
                let file = options.open(at(path)).map_err(of_io)?;
                file.write_all_at(&bytes(*byte, *len), 0).map_err(of_io)?;
            }
            Op::Truncate { path, len } => {
                let file = std::fs::OpenOptions::new()
                    .write(true)
                    .custom_flags(nofollow)
                    .open(at(path))
                    .map_err(of_io)?;
                file.set_len(*len).map_err(of_io)?;
            }
            Op::MakeFolder { path } => std::fs::create_dir(at(path)).map_err(of_io)?,
            Op::RemoveFolder { path } => std::fs::remove_dir(at(path)).map_err(of_io)?,
            Op::Unlink { path } => std::fs::remove_file(at(path)).map_err(of_io)?,
            Op::Symlink { path, target } => {
                std::os::unix::fs::symlink(target, at(path)).map_err(of_io)?;
            }
            Op::Rename { from, to, mode } => {
                let flags = match mode {
                    RenameMode::Replace => RenameFlags::empty(),
                    RenameMode::NoReplace => RenameFlags::NOREPLACE,
                    RenameMode::Exchange => RenameFlags::EXCHANGE,
                };
                let cwd = rustix::fs::CWD;
                rustix::fs::renameat_with(cwd, at(from), cwd, at(to), flags)?;
            }
            Op::SetMode { path, mode } => {
                let mode = std::fs::Permissions::from_mode(*mode);
                std::fs::set_permissions(at(path), mode).map_err(of_io)?;
            }
            Op::SetTime { path, seconds } => {
                let file = std::fs::OpenOptions::new()
                    .read(true)
                    .custom_flags(nofollow)
                    .open(at(path))
                    .map_err(of_io)?;
                let time =
                    std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds.unsigned_abs());
                file.set_modified(time).map_err(of_io)?;
            }
            Op::SetXattr {
                path,
                key,
                value,
                mode,
            } => {
                let flags = match mode {
                    XattrMode::Any => XattrFlags::empty(),
                    XattrMode::Create => XattrFlags::CREATE,
                    XattrMode::Replace => XattrFlags::REPLACE,
                };
                rustix::fs::setxattr(at(path), key.as_str(), value, flags)?;
            }
            Op::RemoveXattr { path, key } => {
                rustix::fs::removexattr(at(path), key.as_str())?;
            }
        }
        Ok(())
    }

    fn view(&self) -> Result<View, Errno> {
        let mut view = View::default();
        self.walk("", &mut view)?;
        for slot in &self.slots {
            view.slots.push(match slot {
                None => None,
                Some(file) => {
                    let stat = file.metadata().map_err(of_io)?;
                    let mut content = vec![0; stat.len() as usize + 10];
                    let len = file.read_at(&mut content, 0).map_err(of_io)?;
                    content.truncate(len);
                    Some((stat.len(), stat.nlink() > 0, content))
                }
            });
        }
        Ok(view)
    }
}

/// The file system called directly, as the kernel would.
pub(crate) struct DirectWorld {
    pub(crate) fs: FileSystem<MemoryVolume>,
    runtime: Runtime,
    slots: Vec<Option<(u64, u64)>>,
}

impl DirectWorld {
    pub(crate) fn new(fs: FileSystem<MemoryVolume>) -> std::io::Result<Self> {
        Ok(Self {
            fs,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            slots: vec![None; SLOTS],
        })
    }

    fn run<T>(&self, doing: impl Future<Output = Result<T, FsError>>) -> Result<T, Errno> {
        self.runtime.block_on(doing).map_err(|error| error.errno())
    }

    /// The inode at a path, referred to until `forget`.
    fn resolve(&self, path: &str) -> Result<Attributes, Errno> {
        let mut here = self.fs.attributes(ROOT).map_err(|error| error.errno())?;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let next = match here.kind {
                // As they dangle.
                Kind::Symlink => Err(Errno::NOENT),
                Kind::File => Err(Errno::NOTDIR),
                Kind::Folder => self
                    .fs
                    .lookup(here.ino, name.as_bytes())
                    .map_err(|error| error.errno())
                    .and_then(|found| found.ok_or(Errno::NOENT)),
            };
            self.forget(here.ino);
            here = next?.attributes;
        }
        Ok(here)
    }

    fn forget(&self, ino: u64) {
        if ino != ROOT {
            self.fs.forget(ino, 1);
        }
    }

    /// Does something with the inode at a path.
    fn with<T>(
        &self,
        path: &str,
        doing: impl FnOnce(Attributes) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let here = self.resolve(path)?;
        let done = doing(here);
        self.forget(here.ino);
        done
    }

    /// Does something with the folder of a path, and the name in it.
    fn with_name<T>(
        &self,
        path: &str,
        doing: impl FnOnce(u64, &[u8]) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.with(folder, |folder| match folder.kind {
            Kind::Folder => doing(folder.ino, name.as_bytes()),
            Kind::File => Err(Errno::NOTDIR),
            Kind::Symlink => Err(Errno::NOENT),
        })
    }

    fn open(&self, path: &str, create: bool, mode: OpenMode) -> Result<(u64, u64), Errno> {
        if create {
            return self.with_name(path, |folder, name| {
                let (found, opened) = self.run(self.fs.create(folder, name, 0o644, mode))?;
                Ok((found.attributes.ino, opened.handle))
            });
        }
        let here = self.resolve(path)?;
        match self.run(self.fs.open(here.ino, mode)) {
            Ok(opened) => Ok((here.ino, opened.handle)),
            Err(errno) => {
                self.forget(here.ino);
                Err(errno)
            }
        }
    }

    fn close(&self, (ino, handle): (u64, u64)) -> Result<(), Errno> {
        let flushed = self.run(self.fs.flush(handle));
        let released = self.run(self.fs.release(handle));
        self.forget(ino);
        flushed.and(released)
    }

    fn slot(&self, slot: usize) -> Result<(u64, u64), Errno> {
        self.slots[slot].ok_or(Errno::BADF)
    }

    fn set(&self, path: &str, set: SetAttributes) -> Result<(), Errno> {
        self.with(path, |here| match here.kind {
            Kind::Symlink => Err(Errno::NOENT),
            Kind::File | Kind::Folder => self.run(self.fs.set_attributes(here.ino, set)),
        })
    }

    fn content(&self, handle: u64) -> Result<Vec<u8>, Errno> {
        let mut content = Vec::new();
        loop {
            // Odd and small, so that offsets matter.
            let read = self.run(self.fs.read(handle, content.len() as u64, 1_237))?;
            if read.is_empty() {
                return Ok(content);
            }
            content.extend_from_slice(&read);
        }
    }

    fn walk(&self, folder: u64, path: &str, view: &mut View) -> Result<(), Errno> {
        let fs = |error: FsError| error.errno();
        let handle = self.fs.open_folder(folder).map_err(fs)?;
        let mut names = Vec::new();
        let mut cookie = 0;
        loop {
            let mut room = 2;
            let before = cookie;
            self.fs
                .list(handle, cookie, false, |entry| {
                    if room == 0 {
                        return false;
                    }
                    room -= 1;
                    cookie = entry.cookie;
                    names.push(entry.name.to_owned());
                    true
                })
                .map_err(fs)?;
            if cookie == before {
                break;
            }
        }
        self.fs.release_folder(handle);
        for name in names.into_iter().filter(|name| name != "." && name != "..") {
            let found = self.fs.lookup(folder, name.as_bytes()).map_err(fs)?;
            let here = found.ok_or(Errno::NOENT)?.attributes;
            let path = if path.is_empty() {
                name
            } else {
                format!("{path}/{name}")
            };
            let mut xattrs = BTreeMap::new();
            for key in self.fs.xattr_names(here.ino).map_err(fs)? {
                let value = self.fs.xattr(here.ino, key.as_bytes()).map_err(fs)?;
                xattrs.insert(key, value);
            }
            let (kind, content) = match here.kind {
                Kind::Folder => ("folder", Vec::new()),
                Kind::Symlink => (
                    "symlink",
                    self.fs.read_link(here.ino).map_err(fs)?.into_bytes(),
                ),
                Kind::File => {
                    let opened = self.run(self.fs.open(here.ino, OpenMode::default()))?;
                    let content = self.content(opened.handle)?;
                    self.run(self.fs.release(opened.handle))?;
                    ("file", content)
                }
            };
            if kind == "file" && here.size != content.len() as u64 {
                return Err(Errno::IO);
            }
            let seconds = here.mtime_ns.div_euclid(1_000_000_000);
            let seen = Seen {
                kind,
                mode: here.mode,
                nlink: if kind == "folder" {
                    0
                } else {
                    u64::from(here.nlink)
                },
                content,
                xattrs,
                set_time: (kind == "file").then(|| set_time(seconds)).flatten(),
            };
            view.tree.insert(path.clone(), seen);
            if kind == "folder" {
                self.walk(here.ino, &path, view)?;
            }
            self.forget(here.ino);
        }
        Ok(())
    }
}

impl World for DirectWorld {
    fn apply(&mut self, op: &Op) -> Result<(), Errno> {
        match op {
            Op::Open {
                slot,
                path,
                create,
                exclusive,
                truncate,
                write,
            } => {
                if let Some(open) = self.slots[*slot].take() {
                    self.close(open)?;
                }
                let mode = OpenMode {
                    write: *write,
                    truncate: *truncate && *write && !(*create && *exclusive),
                    exclusive: *exclusive,
                };
                self.slots[*slot] = Some(self.open(path, *create && *write, mode)?);
                Ok(())
            }
            Op::Close { slot } => {
                let open = self.slots[*slot].take().ok_or(Errno::BADF)?;
                self.close(open)
            }
            Op::WriteAt {
                slot,
                offset,
                byte,
                len,
            } => {
                let (_, handle) = self.slot(*slot)?;
                let data = bytes(*byte, *len);
                if data.is_empty() {
                    return Ok(());
                }
                match self.fs.try_write(handle, *offset, &data) {
                    Some(written) => written.map_err(|error| error.errno()),
                    None => self.run(self.fs.write(handle, *offset, &data)),
                }
            }
            Op::SetLen { slot, len } => {
                let (ino, handle) = self.slot(*slot)?;
                let set = SetAttributes {
                    size: Some(*len),
                    handle: Some(handle),
                    ..SetAttributes::default()
                };
                self.run(self.fs.set_attributes(ino, set))
            }
            Op::Sync { slot } => self.run(self.fs.flush(self.slot(*slot)?.1)),
            Op::Punch { slot, offset, len } => {
                let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                let handle = self.slot(*slot)?.1;
                self.run(self.fs.allocate(handle, *offset, *len, flags.bits()))
            }
            Op::Save { path, byte, len } => {
                let mode = OpenMode {
                    write: true,
                    truncate: true,
                    exclusive: false,
                };
                let open = self.open(path, true, mode)?;
                let written = self.run(self.fs.write(open.1, 0, &bytes(*byte, *len)));
                self.close(open).and(written)
            }
            Op::Truncate { path, len } => {
                let size = Some(*len);
                self.set(
                    path,
                    SetAttributes {
                        size,
                        ..SetAttributes::default()
                    },
                )
            }
            Op::MakeFolder { path } => self.with_name(path, |folder, name| {
                let found = self.run(self.fs.make_folder(folder, name, 0o755))?;
                self.forget(found.attributes.ino);
                Ok(())
            }),
            Op::RemoveFolder { path } => self.with_name(path, |folder, name| {
                self.run(self.fs.remove_folder(folder, name))
            }),
            Op::Unlink { path } => {
                self.with_name(path, |folder, name| self.run(self.fs.unlink(folder, name)))
            }
            Op::Symlink { path, target } => self.with_name(path, |folder, name| {
                let made = self.fs.make_symlink(folder, name, target.as_bytes());
                let found = self.run(made)?;
                self.forget(found.attributes.ino);
                Ok(())
            }),
            Op::Rename { from, to, mode } => self.with_name(from, |from, name| {
                self.with_name(to, |to, to_name| {
                    self.run(self.fs.rename((from, name), (to, to_name), *mode))
                })
            }),
            Op::SetMode { path, mode } => {
                let mode = Some(*mode);
                self.set(
                    path,
                    SetAttributes {
                        mode,
                        ..SetAttributes::default()
                    },
                )
            }
            Op::SetTime { path, seconds } => {
                let mtime_ns = Some(*seconds * 1_000_000_000);
                self.set(
                    path,
                    SetAttributes {
                        mtime_ns,
                        ..SetAttributes::default()
                    },
                )
            }
            Op::SetXattr {
                path,
                key,
                value,
                mode,
            } => self.with(path, |here| match here.kind {
                Kind::Symlink => Err(Errno::NOENT),
                Kind::File | Kind::Folder => {
                    self.run(self.fs.set_xattr(here.ino, key.as_bytes(), value, *mode))
                }
            }),
            Op::RemoveXattr { path, key } => self.with(path, |here| match here.kind {
                Kind::Symlink => Err(Errno::NOENT),
                Kind::File | Kind::Folder => {
                    self.run(self.fs.remove_xattr(here.ino, key.as_bytes()))
                }
            }),
        }
    }

    fn view(&self) -> Result<View, Errno> {
        let mut view = View::default();
        self.walk(ROOT, "", &mut view)?;
        for slot in &self.slots {
            view.slots.push(match slot {
                None => None,
                Some((ino, handle)) => {
                    let stat = self.fs.attributes(*ino).map_err(|error| error.errno())?;
                    Some((stat.size, stat.nlink > 0, self.content(*handle)?))
                }
            });
        }
        Ok(view)
    }
}

//! Our types as the kernel's, and back; knows no request.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    Errno, FileAttr, FileType, FopenFlags, INodeNo, OpenAccMode, OpenFlags, ReplyXattr, TimeOrNow,
};
use peerdrive_crdt_tree::node::Kind;
use rustix::fs::OFlags;

use crate::config::MountOptions;
use crate::errno::FsError;
use crate::fs::{Attributes, OpenMode};

pub(super) fn errno(error: &FsError) -> Errno {
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

pub(super) fn sized(reply: ReplyXattr, size: u32, value: &[u8]) {
    match size as usize {
        0 => reply.size(value.len() as u32),
        room if room < value.len() => reply.error(Errno::ERANGE),
        _ => reply.data(value),
    }
}

pub(super) fn open_mode(flags: OpenFlags) -> OpenMode {
    let all = OFlags::from_bits_retain(flags.0.cast_unsigned());
    OpenMode {
        write: flags.acc_mode() != OpenAccMode::O_RDONLY,
        truncate: all.contains(OFlags::TRUNC),
        exclusive: all.contains(OFlags::EXCL),
    }
}

pub(super) fn open_flags(keep_cache: bool) -> FopenFlags {
    if keep_cache {
        FopenFlags::FOPEN_KEEP_CACHE
    } else {
        FopenFlags::empty()
    }
}

pub(super) fn attr(options: &MountOptions, attributes: &Attributes) -> FileAttr {
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
pub(super) fn absent() -> FileAttr {
    bare(0, Kind::File)
}

pub(super) fn bare(ino: u64, kind: Kind) -> FileAttr {
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

pub(super) fn file_type(kind: Kind) -> FileType {
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

pub(super) fn nanoseconds(time: TimeOrNow) -> i64 {
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

//! Why an operation failed, and the one table that says it in errno; knows nothing of operations.

use rustix::io::Errno;

use crate::volume::VolumeError;

/// Why a file-system operation failed.
#[derive(Debug, thiserror::Error)]
pub enum FsError {
    /// No such name, or the inode's node is gone.
    #[error("no such file or folder")]
    NotFound,
    /// The name is taken.
    #[error("the name is taken")]
    Exists,
    /// A folder with something in it.
    #[error("the folder is not empty")]
    NotEmpty,
    /// A folder was needed.
    #[error("not a folder")]
    NotAFolder,
    /// A folder where a file was needed.
    #[error("a folder")]
    IsAFolder,
    /// The member, or this mount, may only read.
    #[error("the drive is read-only here")]
    ReadOnly,
    /// A name of more than 255 bytes.
    #[error("the name is longer than 255 bytes")]
    NameTooLong,
    /// A name or symlink target that is not UTF-8.
    #[error("names are UTF-8 in a drive")]
    NotUtf8,
    /// Something a drive does not have: hard links, devices, other owners, setuid bits.
    #[error("a drive has no {0}")]
    NotPermitted(&'static str),
    /// An operation or attribute namespace that this file system does not know.
    #[error("not supported")]
    NotSupported,
    /// An argument that makes no sense.
    #[error("invalid argument")]
    Invalid,
    /// A handle that is not open, or not in this way.
    #[error("bad file handle")]
    BadHandle,
    /// No extended attribute of that name.
    #[error("no such attribute")]
    NoAttribute,
    /// The buffer is too small, or the value is longer than a drive holds.
    #[error("out of range")]
    OutOfRange,
    /// Past the largest size a file can have.
    #[error("the file would be too large")]
    FileTooLarge,
    /// No device answered in time.
    #[error("no device sent the contents in time")]
    TimedOut,
    /// The staging file failed.
    #[error("the staging file failed: {0}")]
    Staging(#[source] std::io::Error),
    /// The drive failed or refused.
    #[error(transparent)]
    Volume(#[from] VolumeError),
}

impl FsError {
    /// The errno that POSIX or Linux names for it.
    pub fn errno(&self) -> Errno {
        match self {
            FsError::NotFound => Errno::NOENT,
            FsError::Exists => Errno::EXIST,
            FsError::NotEmpty => Errno::NOTEMPTY,
            FsError::NotAFolder => Errno::NOTDIR,
            FsError::IsAFolder => Errno::ISDIR,
            FsError::ReadOnly => Errno::ROFS,
            FsError::NameTooLong => Errno::NAMETOOLONG,
            // What ZFS and ext4 with strict encoding answer; POSIX names it for open() too.
            FsError::NotUtf8 => Errno::ILSEQ,
            // link(2), mknod(2), chown(2): "the file system does not support ..." is EPERM.
            FsError::NotPermitted(_) => Errno::PERM,
            FsError::NotSupported => Errno::OPNOTSUPP,
            FsError::Invalid => Errno::INVAL,
            FsError::BadHandle => Errno::BADF,
            FsError::NoAttribute => Errno::NODATA,
            FsError::OutOfRange => Errno::RANGE,
            FsError::FileTooLarge => Errno::FBIG,
            // ETIMEDOUT is not an errno of read(2); programs know EIO.
            FsError::TimedOut => Errno::IO,
            FsError::Staging(error) => of_io(error),
            FsError::Volume(error) => of_volume(error),
        }
    }
}

fn of_volume(error: &VolumeError) -> Errno {
    match error {
        VolumeError::NotFound => Errno::NOENT,
        VolumeError::Exists => Errno::EXIST,
        VolumeError::NotAFolder => Errno::NOTDIR,
        VolumeError::IsAFolder => Errno::ISDIR,
        VolumeError::IntoItself | VolumeError::Name(_) => Errno::INVAL,
        VolumeError::Root => Errno::PERM,
        // A path that deep would be longer than PATH_MAX for any but one-letter names.
        VolumeError::TooDeep => Errno::NAMETOOLONG,
        VolumeError::TooLarge => Errno::RANGE,
        VolumeError::FileTooLarge => Errno::FBIG,
        VolumeError::ReadOnly => Errno::ROFS,
        VolumeError::Unreachable | VolumeError::Damaged(_) => Errno::IO,
        VolumeError::NoSpace => Errno::NOSPC,
        // The drive goes away while mounted: what the kernel itself says of a dead connection.
        VolumeError::Closed => Errno::NOTCONN,
        VolumeError::Io(error) => of_io(error),
        VolumeError::Refused(_) => Errno::IO,
    }
}

/// Full disks keep their errno, so that programs can tell; all else that a disk does is EIO.
fn of_io(error: &std::io::Error) -> Errno {
    match Errno::from_io_error(error) {
        Some(errno @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG | Errno::OPNOTSUPP)) => errno,
        _ => Errno::IO,
    }
}

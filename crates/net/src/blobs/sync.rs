//! The blob store's files as the file system sees them: where they are, made durable, and counted. Of their
//! format it knows that one with the bytes of a blob holds them and nothing else.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// The folder in the store's where blobs have files of their own.
const DATA: &str = "data";

/// Where the store in `dir` keeps the bytes of a blob that has a file of its own, by its hash in hex.
pub(super) fn file_of(dir: &Path, hash: &str) -> PathBuf {
    dir.join(DATA).join(format!("{hash}.data"))
}

/// The bytes of a file, in the room of a buffer.
pub(super) fn read_into(mut buffer: Vec<u8>, path: &Path) -> io::Result<Vec<u8>> {
    buffer.clear();
    let mut file = fs::File::open(path)?;
    let len = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    // A file that has more than it should is not read to its end.
    buffer.reserve_exact(len.min(LONGEST_READ));
    io::Read::take(&mut file, LONGEST_READ as u64).read_to_end(&mut buffer)?;
    Ok(buffer)
}

/// Bytes that are read at once at most: longer blobs are not made here.
const LONGEST_READ: usize = 64 << 20;

/// Makes all files below `dir` durable. The store itself writes large blobs without flushing them.
#[cfg(target_os = "linux")]
pub(super) fn flush_files(dir: &Path) -> io::Result<()> {
    // One flush of the file system costs a commit or two of its journal; a flush per file costs a
    // commit each, seconds for a large file's worth of chunks.
    Ok(rustix::fs::syncfs(fs::File::open(dir)?)?)
}

/// Makes all files below `dir` durable. The store itself writes large blobs without flushing them.
#[cfg(not(target_os = "linux"))]
pub(super) fn flush_files(dir: &Path) -> io::Result<()> {
    visit(dir, &mut |path, _| {
        fs::OpenOptions::new().write(true).open(path)?.sync_all()
    })
}

/// Makes the files of a few blobs durable, and their names. A blob removed meanwhile has none.
pub(super) fn flush_blobs(dir: &Path, names: &[String]) -> io::Result<()> {
    let data = dir.join(DATA);
    for name in names {
        for kind in ["data", "obao4"] {
            match fs::File::open(data.join(format!("{name}.{kind}"))) {
                Ok(file) => file.sync_all()?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    fs::File::open(data)?.sync_all()
}

/// The sum of the lengths of all files below `dir`.
pub(super) fn disk_usage(dir: &Path) -> io::Result<u64> {
    let mut total = 0u64;
    visit(dir, &mut |_, meta| {
        total = total.saturating_add(meta.len());
        Ok(())
    })?;
    Ok(total)
}

/// Calls `each` for every file below `dir`; files that vanish meanwhile are passed over.
fn visit(
    dir: &Path,
    each: &mut dyn FnMut(&Path, &fs::Metadata) -> io::Result<()>,
) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let visited = entry.metadata().and_then(|meta| {
            if meta.is_dir() {
                visit(&entry.path(), each)
            } else {
                each(&entry.path(), &meta)
            }
        });
        match visited {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    Ok(())
}

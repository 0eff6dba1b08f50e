//! The blob store's files as the file system sees them: made durable, and counted. Does not know
//! their format.

use std::{fs, io, path::Path};

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
pub(super) fn flush_blobs(data: &Path, names: &[String]) -> io::Result<()> {
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

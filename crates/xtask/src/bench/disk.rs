//! What lies on a disk, in the blocks that the file system gave it. Knows nothing of why.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Result;

/// The kernel counts blocks of so many bytes, whatever those of the file system are.
const BLOCK: u64 = 512;

/// What one device takes for one shared folder.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// The shared folder.
    pub(crate) folder: PathBuf,
    /// Where everything else is that the device has.
    pub(crate) own: PathBuf,
    /// The part of that which is a cache, and what it may take, where there is one.
    pub(crate) cache: Option<(PathBuf, u64)>,
}

/// Bytes of a [`Kept`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// By the folder.
    pub(crate) folder: u64,
    /// By the rest without the cache.
    pub(crate) own: u64,
    /// By the cache.
    pub(crate) cache: u64,
    /// What the cache may take.
    pub(crate) cap: u64,
}

impl Kept {
    /// What it takes now.
    pub(crate) fn taken(&self) -> Result<Taken> {
        let (cache, cap) = match &self.cache {
            Some((path, cap)) => (allocated(path)?, *cap),
            None => (0, 0),
        };
        Ok(Taken {
            folder: allocated(&self.folder)?,
            own: allocated(&self.own)?.saturating_sub(cache),
            cache,
            cap,
        })
    }
}

impl Taken {
    /// How much more that is than `plain`, in hundredths of it: all but the cache, and of the cache
    /// what is above its cap.
    pub(crate) fn above(&self, plain: u64) -> f64 {
        let counted = self.folder + self.own + self.cache.saturating_sub(self.cap);
        (counted as f64 / plain as f64 - 1.0) * 100.0
    }

    /// All of it, in words.
    pub(crate) fn words(&self) -> String {
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let mut words = format!(
            "{} MiB the folder, {} MiB the rest",
            mib(self.folder),
            mib(self.own)
        );
        if self.cap > 0 {
            words += &format!(
                ", {} MiB the cache, which may take {} MiB",
                mib(self.cache),
                mib(self.cap)
            );
        }
        words
    }
}

/// Bytes that a folder takes on disk, itself and everything below. What vanishes meanwhile counts
/// nothing.
pub(crate) fn allocated(root: &Path) -> Result<u64> {
    let mut sum = fs::symlink_metadata(root)?.blocks() * BLOCK;
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(listing) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in listing {
            let Ok((entry, about)) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)))
            else {
                continue;
            };
            sum += about.blocks() * BLOCK;
            if about.is_dir() {
                folders.push(entry);
            }
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_above_the_cap_of_a_cache_counts() {
        let taken = |cache: u64| Taken {
            folder: 100,
            own: 5,
            cache,
            cap: 50,
        };
        assert!((taken(50).above(100) - 5.0).abs() < 1e-9);
        assert!((taken(60).above(100) - 15.0).abs() < 1e-9);
    }

    #[test]
    fn a_hole_takes_nothing_and_bytes_take_blocks() -> Result<()> {
        let root = tempfile::tempdir()?;
        let empty = allocated(root.path())?;
        fs::File::create(root.path().join("hole"))?.set_len(1 << 30)?;
        assert!(allocated(root.path())? < empty + (1 << 20));
        fs::create_dir(root.path().join("sub"))?;
        fs::write(root.path().join("sub/bytes"), vec![1; 1 << 20])?;
        rustix::fs::syncfs(fs::File::open(root.path())?)?;
        assert!(allocated(root.path())? >= empty + (1 << 20));
        Ok(())
    }
}

//! How large everything is that the contestants are given. Knows numbers and names, and no contestant.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use peerdrive_tests::Random;

use super::Place;
use crate::machine;

/// How large everything is.
#[derive(Clone, Debug)]
pub(crate) struct Size {
    /// B1, and what there is for B5 and B6.
    pub(crate) many: Many,
    /// Bytes of the file of B3.
    pub(crate) large: u64,
    /// At most so many files in the tree of B2 and B17.
    pub(crate) tree_files: usize,
    /// At most so many bytes in it, up to the end of a crate.
    pub(crate) tree_bytes: u64,
    /// Bytes of the file of B4.
    pub(crate) inserted_into: u64,
    /// What both know before they part, in B12.
    pub(crate) apart: Many,
    /// How many of these each edits then: the first so many, and the last.
    pub(crate) edits: usize,
    /// The folder of B14.
    pub(crate) existing: Many,
}

impl Size {
    /// For a look, not for a figure.
    pub(crate) const QUICK: Self = Self {
        many: Many::of(20, 50),
        large: 256 << 20,
        tree_files: 1_500,
        tree_bytes: 30_000_000,
        inserted_into: 64 << 20,
        apart: Many::of(19, 50),
        edits: 500,
        existing: Many::of(20, 150),
    };

    /// The sizes of the table; in memory, the large file is as large as leaves room for the five
    /// copies that some keep of it.
    pub(crate) fn full(place: &Place) -> Self {
        let full = 4 << 30;
        let large = if place.name == "memory" {
            full.min(machine::available_memory() / 6)
        } else {
            full
        };
        Self {
            many: Many::of(100, 100),
            large: large & !0xf_ffff,
            tree_files: 80_000,
            tree_bytes: 1_300_000_000,
            inserted_into: 1 << 30,
            apart: Many::of(380, 50),
            edits: 10_000,
            existing: Many::of(400, 250),
        }
    }
}

/// Folders of equally many files of 4 KiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Many {
    folders: u32,
    per_folder: u32,
}

impl Many {
    /// Bytes of each file.
    pub(crate) const LEN: u64 = 4096;

    const fn of(folders: u32, per_folder: u32) -> Self {
        Self {
            folders,
            per_folder,
        }
    }

    /// How many files that are.
    pub(crate) fn count(self) -> usize {
        (self.folders * self.per_folder) as usize
    }

    /// Each file and its length, in a folder `below`.
    pub(crate) fn files(self, below: &str) -> Vec<(PathBuf, u64)> {
        let mut files = Vec::new();
        for folder in 0..self.folders {
            for file in 0..self.per_folder {
                let path = Path::new(below).join(format!("folder {folder:03}/file {file:03}.bin"));
                files.push((path, Self::LEN));
            }
        }
        files
    }

    /// Writes them, in a folder `below` in `root`: bytes that are nowhere twice, and the same each time.
    pub(crate) fn write(self, root: &Path, below: &str) -> Result<()> {
        let mut random = Random::new(1);
        for (path, len) in self.files(below) {
            let path = root.join(path);
            fs::create_dir_all(path.parent().context("in a folder")?)?;
            fs::write(path, random.bytes(len as usize))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_are_those_of_the_titles() {
        let place = Place {
            name: "disk",
            folder: PathBuf::new(),
        };
        let full = Size::full(&place);
        assert_eq!(
            (full.many.count(), full.existing.count()),
            (10_000, 100_000)
        );
        for size in [full, Size::QUICK] {
            // A tenth of what each edits is on the same files.
            assert_eq!(2 * size.edits - size.apart.count(), size.edits / 10);
        }
    }
}

//! What is in a folder, bytes and all, and where two differ. Knows nothing of drives but the name of
//! the folder that PeerDrive keeps for itself in a shared one.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// What PeerDrive keeps for itself in a shared folder: the marker and temporary files. Never part of
/// the drive.
pub const OWN_FOLDER: &str = ".peerdrive";

/// Everything in a folder, by path from its root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    entries: BTreeMap<String, Entry>,
}

/// One thing in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Bytes of a file, length of a symlink's target, 0 for a folder.
    pub size: u64,
    /// Whether its owner may execute it (files only).
    pub executable: bool,
    /// Hash of the bytes, or of the target.
    pub hash: Option<blake3::Hash>,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Symlink,
}

impl Tree {
    /// Reads all of `root`. Something that vanishes meanwhile is an error: for a folder at rest only.
    pub fn read(root: &Path) -> Result<Self> {
        let mut entries = BTreeMap::new();
        for path in walk(root)? {
            let entry =
                Entry::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            entries.insert(below(root, &path), entry);
        }
        Ok(Self { entries })
    }

    /// One entry.
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// All entries, in path order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries
            .iter()
            .map(|(path, entry)| (path.as_str(), entry))
    }

    /// How many files there are.
    pub fn files(&self) -> usize {
        self.entries
            .values()
            .filter(|entry| entry.kind == Kind::File)
            .count()
    }

    /// Whether some file has exactly these bytes, under whatever name.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        let wanted = blake3::hash(bytes);
        self.entries
            .values()
            .any(|entry| entry.kind == Kind::File && entry.hash == Some(wanted))
    }

    /// How many of `written` no file has exactly, under whatever name.
    pub fn lacks(&self, written: impl IntoIterator<Item = Vec<u8>>) -> usize {
        let here: HashSet<blake3::Hash> = self
            .entries
            .values()
            .filter(|entry| entry.kind == Kind::File)
            .filter_map(|entry| entry.hash)
            .collect();
        let gone = |bytes: &Vec<u8>| !here.contains(&blake3::hash(bytes));
        written.into_iter().filter(gone).count()
    }

    /// The first differences to another tree, in words; `None` if there are none.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let mut words = Vec::new();
        for (path, entry) in &self.entries {
            match other.entries.get(path) {
                None => words.push(format!("{path}: only in the first")),
                Some(there) if there != entry => {
                    words.push(format!(
                        "{path}: {entry:?} in the first, {there:?} in the second"
                    ));
                }
                Some(_) => {}
            }
        }
        for path in other
            .entries
            .keys()
            .filter(|path| !self.entries.contains_key(*path))
        {
            words.push(format!("{path}: only in the second"));
        }
        let count = words.len();
        words.truncate(8);
        (count > 0).then(|| format!("{count} differences, first: {}", words.join("; ")))
    }

    /// Fails with the differences if there are any.
    pub fn same_as(&self, other: &Self) -> Result<()> {
        match self.difference(other) {
            None => Ok(()),
            Some(words) => bail!("{words}"),
        }
    }
}

impl Entry {
    fn read(path: &Path) -> Result<Self> {
        let about = fs::symlink_metadata(path)?;
        if about.is_dir() {
            return Ok(Self {
                kind: Kind::Folder,
                size: 0,
                executable: false,
                hash: None,
            });
        }
        if about.is_symlink() {
            let target = fs::read_link(path)?;
            let bytes = target.as_os_str().as_encoded_bytes();
            let (size, hash) = (bytes.len() as u64, Some(blake3::hash(bytes)));
            return Ok(Self {
                kind: Kind::Symlink,
                size,
                executable: false,
                hash,
            });
        }
        let mut hasher = blake3::Hasher::new();
        let size = io::copy(&mut fs::File::open(path)?, &mut hasher)?;
        let executable = about.permissions().mode() & 0o100 != 0;
        Ok(Self {
            kind: Kind::File,
            size,
            executable,
            hash: Some(hasher.finalize()),
        })
    }
}

/// Every path below `root`, without PeerDrive's own folder. What vanishes meanwhile is left out.
pub(crate) fn walk(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let listing = match fs::read_dir(&folder) {
            Ok(listing) => listing,
            Err(error) if error.kind() == io::ErrorKind::NotFound && folder != root => continue,
            Err(error) => {
                return Err(error).with_context(|| format!("cannot list {}", folder.display()));
            }
        };
        for entry in listing {
            let entry = entry?;
            if folder == root && entry.file_name() == OWN_FOLDER {
                continue;
            }
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() {
                folders.push(entry.path());
            }
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn below(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

/// Writes a file as careful programs do: beside it, then renamed over it. Whoever reads sees the old
/// bytes or the new ones.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    let name = path
        .file_name()
        .context("a file has a name")?
        .to_string_lossy();
    // The form of names that editors use for this, and that never travel.
    let beside = folder.join(format!(".{name}.swp"));
    let mut file = fs::File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    Ok(())
}

/// Every file below a folder, whatever it is part of.
pub fn files_below(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => folders.push(entry.path()),
                false => found.push(entry.path()),
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_differ_by_bytes_names_kinds_and_permission_to_execute() -> Result<()> {
        let (one, two) = (tempfile::tempdir()?, tempfile::tempdir()?);
        for root in [one.path(), two.path()] {
            fs::create_dir(root.join("sub"))?;
            fs::create_dir(root.join(OWN_FOLDER))?;
            fs::write(root.join("sub/a"), "same")?;
        }
        fs::write(one.path().join(OWN_FOLDER).join("marker"), "one")?;
        Tree::read(one.path())?.same_as(&Tree::read(two.path())?)?;

        fs::write(two.path().join("sub/a"), "Same")?;
        let words = Tree::read(one.path())?
            .difference(&Tree::read(two.path())?)
            .unwrap_or_default();
        assert!(words.starts_with("1 differences, first: sub/a"), "{words}");

        fs::write(two.path().join("sub/a"), "same")?;
        fs::set_permissions(two.path().join("sub/a"), fs::Permissions::from_mode(0o755))?;
        assert!(
            Tree::read(one.path())?
                .same_as(&Tree::read(two.path())?)
                .is_err()
        );
        Ok(())
    }

    #[test]
    fn what_no_file_has_is_counted() -> Result<()> {
        let root = tempfile::tempdir()?;
        fs::write(root.path().join("a"), "one")?;
        std::os::unix::fs::symlink("two", root.path().join("b"))?;
        let written = ["one", "two", "three"].map(|text| text.as_bytes().to_vec());
        assert_eq!(Tree::read(root.path())?.lacks(written), 2);
        Ok(())
    }
}

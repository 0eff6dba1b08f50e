//! The marker by which a folder is known as the working copy of one drive. Knows only the drive's
//! id as text. Without it nothing in the folder, and nothing missing from it, means anything.

use std::io::{self, Read, Write};
use std::path::Path;

use super::beneath::{EntryKind, Root};
use super::linger;

/// The folder in the root (and wherever one is found) that is never part of a drive.
pub(super) const FOLDER: &str = ".peerdrive";
/// Where files are written before they are renamed into place.
pub(super) const TMP: &str = ".peerdrive/tmp";
const FILE: &str = ".peerdrive/drive";
const IGNORE: &str = ".peerdrive/.gitignore";

/// What a folder says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Marked {
    /// It is this drive's.
    Ours,
    /// It carries no marker.
    Missing,
    /// It belongs to another drive.
    Other,
}

/// Reads the marker.
pub(super) fn read(root: &Root, drive: &str) -> io::Result<Marked> {
    let file = match root.open_file(FILE) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Marked::Missing),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(1024).read_to_string(&mut text)?;
    Ok(match text.trim() {
        "" => Marked::Missing,
        text if text == drive => Marked::Ours,
        _ => Marked::Other,
    })
}

/// Writes the marker, durably.
pub(super) fn write(root: &Root, drive: &str) -> io::Result<()> {
    for folder in [FOLDER, TMP] {
        if root.stat(folder)?.is_none() {
            root.make_folder(folder)?;
        }
    }
    if root.stat(FILE)?.is_some() {
        root.unlink(FILE)?;
    }
    if root.stat(IGNORE)?.is_none() {
        // For people who keep a repository in a drive: git has no business in here.
        root.create_file(IGNORE)?.write_all(b"*\n")?;
    }
    let mut file = root.create_file(FILE)?;
    writeln!(file, "{drive}")?;
    file.sync_all()?;
    root.sync_folder(FOLDER)
}

/// Removes the marker and the folder that it is in, after what somebody wrote into temporary files was put
/// back in place. Does nothing to a folder that is not this drive's.
pub(super) fn remove(path: &Path, drive: &str) -> io::Result<()> {
    let root = match Root::open(path) {
        Ok(root) => root,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if read(&root, drive)? != Marked::Ours {
        return Ok(());
    }
    clean(&root)?;
    root.unlink(FILE)?;
    if root.stat(IGNORE)?.is_some() {
        root.unlink(IGNORE)?;
    }
    // Whoever put something of their own in there keeps it.
    for folder in [TMP, FOLDER] {
        match root.remove_folder(folder) {
            Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Makes the folder for temporary files and removes what a crash left in it, save what somebody wrote.
pub(super) fn clean(root: &Root) -> io::Result<()> {
    match root.stat(TMP)? {
        None => root.make_folder(TMP)?,
        Some(_) => {
            for (name, stat) in root.list(TMP)? {
                if let (Some(name), true) = (name.to_str(), stat.kind != EntryKind::Folder)
                    && !linger::rescue(root, TMP, name, &stat)?
                {
                    root.unlink(&format!("{TMP}/{name}"))?;
                }
            }
        }
    }
    Ok(())
}

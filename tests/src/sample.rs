//! Real files to share: sources of published crates, and a git repository of them. Knows nothing of
//! drives.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::command::run;
use crate::folder::walk;

/// Files above this stay behind: a sample is about many files, not about bytes.
const LARGEST: u64 = 512 * 1024;

/// Copies sources of crates from cargo's cache into `to` until there are at least `count` files; gives
/// how many there are. The order is that of the names, so two runs on one machine copy the same.
pub fn sources(to: &Path, count: usize) -> Result<usize> {
    let mut copied = 0;
    for (name, folder) in cached_crates()? {
        if copied >= count {
            break;
        }
        copied += copy_files(&folder, &to.join(name), LARGEST)?.len();
    }
    ensure!(
        copied >= count,
        "cargo's cache holds only {copied} sources, not {count}"
    );
    Ok(copied)
}

/// Copies whole crates from cargo's cache into `to`, large files and all, in the order of their names,
/// until there are `files` files or `bytes` bytes; where the cache has less, all of it. Gives each file
/// by its path below `to`, with its length, in the order of the paths.
pub fn source_tree(to: &Path, files: usize, bytes: u64) -> Result<Vec<(PathBuf, u64)>> {
    let (mut copied, mut total) = (Vec::new(), 0);
    for (name, folder) in cached_crates()? {
        if copied.len() >= files || total >= bytes {
            break;
        }
        for (path, len) in copy_files(&folder, &to.join(&name), u64::MAX)? {
            total += len;
            copied.push((Path::new(&name).join(path), len));
        }
    }
    copied.sort();
    Ok(copied)
}

/// As [`sources`], as a git repository with one commit.
pub fn repository(at: &Path, count: usize) -> Result<usize> {
    let copied = sources(at, count)?;
    git(at, &["init", "--quiet", "--initial-branch=main"])?;
    git(at, &["add", "--all"])?;
    git(at, &["commit", "--quiet", "--message=Everything"])?;
    Ok(copied)
}

/// Runs git in a folder, as nobody in particular and with nobody's settings; gives what it printed.
pub fn git(at: &Path, words: &[&str]) -> Result<String> {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(at)
        .args(["-c", "user.name=Ana", "-c", "user.email=ana@example.org"])
        // Housekeeping in the background would rewrite the repository behind a test's back.
        .args(["-c", "gc.auto=0", "-c", "maintenance.auto=false"])
        // A drive belongs to whoever mounted it.
        .args(["-c", "safe.directory=*"])
        .args(words)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1");
    Ok(run(&mut command, Duration::from_secs(300))?.ok()?.stdout)
}

/// The unpacked crates in cargo's cache, by name.
fn cached_crates() -> Result<Vec<(String, PathBuf)>> {
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")))
        .context("neither CARGO_HOME nor HOME is set")?;
    let cache = home.join("registry").join("src");
    let mut crates = Vec::new();
    for registry in
        fs::read_dir(&cache).with_context(|| format!("no sources in {}", cache.display()))?
    {
        for entry in fs::read_dir(registry?.path())? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                crates.push((
                    entry.file_name().to_string_lossy().into_owned(),
                    entry.path(),
                ));
            }
        }
    }
    crates.sort();
    Ok(crates)
}

/// Copies the files of at most `largest` bytes; gives their paths below `from`, and their lengths.
fn copy_files(from: &Path, to: &Path, largest: u64) -> Result<Vec<(PathBuf, u64)>> {
    let mut copied = Vec::new();
    for path in walk(from)? {
        let about = fs::symlink_metadata(&path)?;
        if !about.is_file() || about.len() > largest {
            continue;
        }
        let below = path.strip_prefix(from)?;
        let target = to.join(below);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(&path, &target)?;
        copied.push((below.to_owned(), about.len()));
    }
    Ok(copied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_as_many_real_files_as_asked_for() -> Result<()> {
        let root = tempfile::tempdir()?;
        let copied = sources(root.path(), 50)?;
        assert!((50..2000).contains(&copied), "{copied}");
        assert_eq!(crate::Tree::read(root.path())?.files(), copied);
        Ok(())
    }

    #[test]
    fn a_source_tree_is_whole_crates_the_same_each_time() -> Result<()> {
        let (one, two) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let first = source_tree(one.path(), 100, u64::MAX)?;
        assert!(first.len() >= 100 && first.len() < 5000, "{}", first.len());
        for (path, len) in &first {
            assert_eq!(fs::metadata(one.path().join(path))?.len(), *len);
        }
        assert_eq!(source_tree(two.path(), 100, u64::MAX)?, first);
        // One crate is the least that there is.
        let by_bytes = source_tree(&two.path().join("again"), usize::MAX, 1)?;
        assert!(!by_bytes.is_empty() && by_bytes.len() < first.len());
        Ok(())
    }
}

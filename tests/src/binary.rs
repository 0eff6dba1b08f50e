//! Which `peerdrive` the devices run: the one named by `PEERDRIVE_BIN`, else the workspace's own, and
//! that only if it is not older than its sources. Knows nothing of what the program does.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// A `peerdrive` program that may be run.
#[derive(Clone, Debug)]
pub struct Binary {
    path: PathBuf,
}

impl Binary {
    /// Finds the program. Never a stale one in silence: without `PEERDRIVE_BIN`, the program in the
    /// target directory of this test is taken only if every source cargo built it from is older.
    pub fn find() -> Result<Self> {
        if let Some(named) = env::var_os("PEERDRIVE_BIN") {
            let path = PathBuf::from(named);
            ensure!(
                path.is_file(),
                "PEERDRIVE_BIN names {}, which is no file",
                path.display()
            );
            return Ok(Self {
                path: path.canonicalize()?,
            });
        }
        let test = env::current_exe().context("where is this test's own program?")?;
        // target/<profile>/deps/<test>: the program lies two folders up.
        let profile = test
            .ancestors()
            .find(|folder| folder.join("deps").is_dir())
            .context("this program does not lie in a cargo target directory")?;
        let path = profile.join("peerdrive");
        ensure!(
            path.is_file(),
            "{} is not built: run `cargo build --package peerdrive-cli`, or name a program in PEERDRIVE_BIN",
            path.display()
        );
        let binary = Self { path };
        binary.check_fresh()?;
        Ok(binary)
    }

    /// A program that was just built, by whoever built it.
    pub fn at(path: &Path) -> Result<Self> {
        ensure!(path.is_file(), "{} is no file", path.display());
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Compares the program with the list of sources that cargo leaves beside it.
    fn check_fresh(&self) -> Result<()> {
        let built = fs::metadata(&self.path)?.modified()?;
        let list = self.path.with_extension("d");
        let text = fs::read_to_string(&list).with_context(|| {
            format!(
                "cannot read {}, which says what the program was built from",
                list.display()
            )
        })?;
        for source in sources_of(&text) {
            let newer = match fs::metadata(&source) {
                Ok(found) => found.modified()? > built,
                // The folder of the built app is listed also where the app was never built.
                Err(_) => source.extension().is_some(),
            };
            if newer {
                bail!(
                    "{} is older than {}: run `cargo build --package peerdrive-cli`, or name a program in PEERDRIVE_BIN",
                    self.path.display(),
                    source.display()
                );
            }
        }
        Ok(())
    }
}

/// The sources in cargo's make-style list: `target: a b c`, a space in a name written as `\ `.
fn sources_of(list: &str) -> Vec<PathBuf> {
    let Some((_, sources)) = list.split_once(": ") else {
        return Vec::new();
    };
    let mut found = vec![String::new()];
    let mut escaped = false;
    for letter in sources.chars() {
        match (escaped, letter) {
            (false, '\\') => escaped = true,
            (false, ' ' | '\n') => found.push(String::new()),
            _ => {
                escaped = false;
                if let Some(last) = found.last_mut() {
                    last.push(letter);
                }
            }
        }
    }
    found
        .into_iter()
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
        .collect()
}

/// The root of the workspace that is being worked on. What cargo says when it runs this comes first,
/// since a target directory may have been moved here from another checkout.
pub fn workspace() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    package
        .ancestors()
        .find(|folder| folder.join("Cargo.lock").is_file())
        .unwrap_or(&package)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_with_a_space_in_its_name_is_one_source() {
        let list = "/t/debug/peerdrive: /a/b.rs /with\\ space/c.rs\n";
        assert_eq!(
            sources_of(list),
            [PathBuf::from("/a/b.rs"), PathBuf::from("/with space/c.rs")]
        );
    }
}

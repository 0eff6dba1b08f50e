//! B12: both devices edit while they are apart, some of it the same files, and then they meet.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use peerdrive_tests::{Random, Tree};

use super::{Scene, put, settle, used};
use crate::bench::arrival;
use crate::bench::figure::Figure;
use crate::bench::pair::{Joined, Pair};
use crate::bench::size::Many;
use crate::bench::work::Work;

/// Far above what it takes.
const LIMIT: Duration = Duration::from_secs(300);

/// Between two listings of both folders: long against what one takes.
const LISTED: Duration = Duration::from_millis(100);

pub(super) fn run(scene: &mut Scene<'_>) -> Result<()> {
    let pair = Pair::start(scene.contestant, scene.place, Joined::ByLink)?;
    let files = scene.size.apart.files("tree");
    let aside = pair.aside()?;
    scene.size.apart.write(aside.path(), "tree")?;
    put(&aside.path().join("tree"), &pair.source.join("tree"))?;
    arrival::wait(&pair.target, &files, scene.interrupt)?;
    settle(&pair.target)?;
    pair.rest()?;

    let sides = sides(&files, scene.size.edits)?;
    pair.part()?;
    let before = pair.bytes()?;
    let roots = [&pair.source, &pair.target];
    for (side, root) in sides.iter().zip(roots) {
        for (path, bytes) in side.written() {
            fs::write(root.join(path), bytes)?;
        }
    }
    pair.take_in([0, 1].map(|side| before[side] + sides[side].more()))?;
    settle(&pair.target)?;

    let start = Instant::now();
    pair.meet()?;
    // Cheap to ask, and true late: only then both folders are listed again and again.
    for (side, root) in sides.iter().zip([&pair.target, &pair.source]) {
        arrival::wait(root, &side.alone, scene.interrupt)?;
    }
    loop {
        let found = all_is_there(&sides, roots);
        if matches!(found, Ok(true)) {
            break;
        }
        scene.interrupt.check()?;
        if start.elapsed() > LIMIT {
            ensure!(found?, "the folders differ");
        }
        thread::sleep(LISTED);
    }
    let took = start.elapsed().as_secs_f64();

    pair.rest()?;
    let tree = Tree::read(&pair.source)?;
    tree.same_as(&Tree::read(&pair.target)?)?;
    let edits = sides.iter().flat_map(Side::written);
    let lost = tree.lacks(edits.map(|(_, bytes)| bytes));
    ensure!(lost == 0, "{lost} edits are in no file");
    let both = sides[0].edited.len() - sides[0].alone.len();
    let notes = [
        format!("both versions of {both} files beside each other and nothing lost"),
        used(&pair.usage()?),
    ];
    scene.record(Work::Apart, Figure::Seconds(took), &notes);
    pair.leave(scene.place);
    Ok(())
}

/// What one device does while it is alone.
struct Side {
    seed: u64,
    /// The length that its edits give a file, by which they are known.
    len: u64,
    /// What it edits.
    edited: Vec<PathBuf>,
    /// What only it edits, and the length then.
    alone: Vec<(PathBuf, u64)>,
}

impl Side {
    /// Each of its edits: the path and the bytes.
    fn written(&self) -> impl Iterator<Item = (&Path, Vec<u8>)> {
        let mut random = Random::new(self.seed);
        let mut bytes = move || random.bytes(self.len as usize);
        self.edited
            .iter()
            .map(move |path| (path.as_path(), bytes()))
    }

    /// How many bytes more the folder has afterwards.
    fn more(&self) -> u64 {
        self.edited.len() as u64 * (self.len - Many::LEN)
    }
}

/// Who edits what: the first `edits` files and the last, which meet in the middle.
fn sides(files: &[(PathBuf, u64)], edits: usize) -> Result<[Side; 2]> {
    let from = files
        .len()
        .checked_sub(edits)
        .context("more edits than files")?;
    let side = |seed, len, edited: &[(PathBuf, u64)], alone: &[(PathBuf, u64)]| Side {
        seed,
        len,
        edited: edited.iter().map(|(path, _)| path.clone()).collect(),
        alone: alone.iter().map(|(path, _)| (path.clone(), len)).collect(),
    };
    let (middle, last) = (from.min(edits), edits.max(from));
    Ok([
        side(10, Many::LEN + 1, &files[..edits], &files[..middle]),
        side(11, Many::LEN + 2, &files[from..], &files[last..]),
    ])
}

/// Whether two folders have the same files by name and length, and among them one for each edit.
fn all_is_there(sides: &[Side; 2], roots: [&PathBuf; 2]) -> Result<bool> {
    let [here, there] = [listed(roots[0])?, listed(roots[1])?];
    let counts = |side: &Side| here.iter().filter(|(_, len)| *len == side.len).count();
    let all = sides.iter().all(|side| counts(side) == side.edited.len());
    if !all {
        let counts = sides.each_ref().map(counts);
        bail!("of the edits of each, {counts:?} are in the sender's folder");
    }
    Ok(here == there)
}

/// The files of the tree by path and length. What vanishes meanwhile is left out.
fn listed(root: &Path) -> Result<BTreeSet<(PathBuf, u64)>> {
    let mut files = BTreeSet::new();
    for folder in fs::read_dir(root.join("tree"))? {
        for entry in fs::read_dir(folder?.path())? {
            let entry = entry?;
            if let Ok(about) = entry.metadata()
                && about.is_file()
            {
                files.insert((entry.path().strip_prefix(root)?.to_owned(), about.len()));
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(count: usize) -> Vec<(PathBuf, u64)> {
        let path = |number| PathBuf::from(format!("tree/a/{number}"));
        (0..count).map(|number| (path(number), Many::LEN)).collect()
    }

    #[test]
    fn both_edit_the_files_in_the_middle() -> Result<()> {
        let [first, second] = sides(&paths(19), 10)?;
        assert_eq!((first.edited.len(), second.edited.len()), (10, 10));
        assert_eq!((first.alone.len(), second.alone.len()), (9, 9));
        assert_eq!(first.edited.last(), second.edited.first());
        assert_eq!((first.more(), second.more()), (10, 20));
        assert!(sides(&paths(5), 6).is_err());
        Ok(())
    }

    #[test]
    fn an_edit_is_the_same_each_time_and_like_no_other() -> Result<()> {
        let sides = sides(&paths(19), 10)?;
        let all = || sides.iter().flat_map(Side::written).map(|(_, bytes)| bytes);
        let distinct: BTreeSet<Vec<u8>> = all().collect();
        assert_eq!(distinct.len(), 20);
        assert!(all().all(|bytes| distinct.contains(&bytes)));
        Ok(())
    }

    #[test]
    fn all_is_there_when_both_folders_have_both_versions() -> Result<()> {
        let (one, two) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let sides = sides(&paths(3), 2)?;
        let roots = [one.path().to_owned(), two.path().to_owned()];
        for root in &roots {
            fs::create_dir_all(root.join("tree/a"))?;
            for (name, side) in [("0", 0), ("1", 0), ("1 other", 1), ("2", 1)] {
                let bytes = vec![0; sides[side].len as usize];
                fs::write(root.join("tree/a").join(name), bytes)?;
            }
        }
        let there = || all_is_there(&sides, [&roots[0], &roots[1]]);
        assert!(there()?);
        fs::rename(roots[1].join("tree/a/1 other"), roots[1].join("tree/a/x"))?;
        assert!(!there()?);
        fs::remove_file(roots[0].join("tree/a/1 other"))?;
        assert!(there().is_err());
        Ok(())
    }
}

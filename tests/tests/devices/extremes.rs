//! Names and depths at the edge of what a drive holds, through real folders: each arrives as it was, and what
//! a drive cannot hold is told and holds up nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use peerdrive_tests::{Device, Door, Lab, Role, Tree, within, within_ms};

use crate::{SOON, together};

/// Most folders and files above each other in a drive, and bytes in a name.
const MAX_DEPTH: usize = 256;
const MAX_NAME: usize = 255;

/// A folder `depth` folders below `root`, made. Short names: the path stays within what Linux takes.
fn deep(root: &Path, depth: usize) -> Result<PathBuf> {
    let path = (0..depth).fold(root.to_owned(), |path, at| {
        path.join(format!("{}", at % 10))
    });
    fs::create_dir_all(&path)?;
    Ok(path)
}

/// A name of the longest length, told apart by a number.
fn longest(letter: char, number: usize) -> String {
    let end = format!("{number}.bin");
    let room = MAX_NAME - end.len();
    let mut text: String = std::iter::repeat_n(letter, room / letter.len_utf8()).collect();
    text.extend(std::iter::repeat_n('_', room % letter.len_utf8()));
    text + &end
}

#[test]
fn a_path_of_256_parts_arrives_and_a_longer_one_is_told() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        let bottom = deep(&hers, MAX_DEPTH - 1)?;
        fs::write(bottom.join("f"), "at the bottom")?;
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        let there = his.join(bottom.strip_prefix(&hers)?);

        fs::write(there.join("f"), "and back up")?;
        within_ms(SOON, "an edit at the bottom is seen", || {
            fs::read(bottom.join("f")).is_ok_and(|bytes| bytes == b"and back up")
        })?;
        fs::rename(hers.join("0"), hers.join("top"))?;
        within_ms(SOON, "the top's new name is seen", || {
            his.join("top").exists()
        })?;
        lab.converge(&[&ana, &ben], &drive)?;
        Tree::read(&hers)?.same_as(&Tree::read(&his)?)?;

        // One part more than a drive takes: told, and everything else goes on.
        let too_deep = deep(&hers, MAX_DEPTH)?;
        fs::write(too_deep.join("f"), "deeper than a drive goes")?;
        fs::write(hers.join("beside.txt"), "goes on")?;
        within_ms(SOON, "what is beside it arrives", || {
            his.join("beside.txt").exists()
        })?;
        within(SOON, "the path that is too deep is told", || {
            let problems = ana.status(&drive)?.problems;
            let told = problems.iter().any(|told| told.to_string().contains("256"));
            Ok(told.then_some(()))
        })?;
        ensure!(too_deep.join("f").exists(), "what is told is left alone");
        Ok(())
    })
}

#[test]
fn names_of_255_bytes_arrive_and_divide_without_growing() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        let letters = ['x', '\u{e9}', '\u{5199}', '\u{1f9a5}'];
        for letter in letters {
            fs::create_dir(hers.join(longest(letter, 0)))?;
            fs::write(hers.join(longest(letter, 0)).join("in"), "in")?;
            fs::write(hers.join(longest(letter, 1)), b"one\0")?;
            fs::write(hers.join(longest(letter, 2)), b"two\0")?;
        }
        let drive = together(lab, &ana, &ben, &hers, &his)?;

        // Apart, both make a file of one name, and rename two files to one name.
        ana.stop()?;
        ben.stop()?;
        for letter in letters {
            let name = |number| longest(letter, number);
            fs::write(hers.join(name(3)), format!("of ana {letter}\0"))?;
            fs::write(his.join(name(3)), format!("of ben {letter}\0"))?;
            fs::rename(hers.join(name(1)), hers.join(name(4)))?;
            fs::rename(his.join(name(2)), his.join(name(4)))?;
        }
        ana.start()?;
        ben.start()?;
        within(SOON, "both have heard of each other", || {
            let (listed, _) = ana.tree(&drive)?;
            let files = listed.iter().filter(|entry| entry.kind == "file").count();
            Ok((files == 5 * letters.len()).then_some(()))
        })?;
        lab.converge(&[&ana, &ben], &drive)?;
        let tree = Tree::read(&hers)?;
        tree.same_as(&Tree::read(&his)?)?;
        for letter in letters {
            ensure!(tree.holds(format!("of ana {letter}\0").as_bytes()));
            ensure!(tree.holds(format!("of ben {letter}\0").as_bytes()));
        }
        ensure!(tree.files() == 5 * letters.len(), "{tree:?}");
        Ok(())
    })
}

#[test]
fn attack_p3_twins_by_case_are_two_files_and_twins_by_composition_one() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.folder("his")?);
        fs::write(hers.join("READ ME"), b"of ana\0")?;
        fs::write(his.join("Read me"), b"of ben\0")?;
        fs::write(hers.join("caf\u{e9}"), b"the same\0")?;
        fs::write(his.join("cafe\u{301}"), b"the same\0")?;
        fs::write(hers.join("\u{1f469}\u{200d}\u{1f466}"), "joined")?;
        fs::write(his.join("\u{1f469}\u{1f466}"), "not joined")?;
        let drive = ana.share(&hers)?.drive;
        let ticket = ana.invite(&drive, Role::Writer)?;
        ben.join(&ticket, Door::Folder(&his))?;
        let both: [&Device; 2] = [&ana, &ben];
        within(SOON, "both have what both had", || {
            let (listed, _) = ana.tree(&drive)?;
            Ok((listed.len() == 5).then_some(()))
        })?;
        lab.converge(&both, &drive)?;
        let (tree, there) = (Tree::read(&hers)?, Tree::read(&his)?);
        ensure!(tree.files() == 5, "{tree:?}");
        ensure!(tree.holds(b"of ana\0") && tree.holds(b"of ben\0"));
        tree.same_as(&there)?;

        // Both spellings in one folder: a disk can hold them, a drive cannot. The second gets another name.
        let second = if tree.get("caf\u{e9}").is_some() {
            "cafe\u{301}"
        } else {
            "caf\u{e9}"
        };
        fs::write(hers.join(second), b"the other\0")?;
        within(SOON, "the second arrives under a name of its own", || {
            let there = Tree::read(&his)?;
            Ok((there.files() == 6 && there.holds(b"the other\0")).then_some(()))
        })?;
        lab.converge(&both, &drive)?;
        let tree = Tree::read(&hers)?;
        tree.same_as(&Tree::read(&his)?)?;
        ensure!(tree.holds(b"the same\0") && tree.files() == 6, "{tree:?}");
        Ok(())
    })
}

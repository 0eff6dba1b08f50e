//! Rules of a working copy that only the whole program can show: a yes for mass deletion, holes in
//! files, a folder that is not there.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use peerdrive_tests::{Lab, Requirement, Tree, missing, within, within_ms};

use crate::{SOON, together};

#[test]
fn most_of_a_drive_is_deleted_for_the_others_only_after_a_yes() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        for number in 0..240 {
            let folder = hers.join(format!("{}", number % 4));
            fs::create_dir_all(&folder)?;
            fs::write(folder.join(format!("{number}")), format!("{number}"))?;
        }
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        let before = Tree::read(&his)?;
        let waiting = |word: Option<&str>| -> Result<u64> {
            let words: Vec<&str> = ["deletions", &drive].into_iter().chain(word).collect();
            let answer: serde_json::Value = ana.call(&words)?.ok()?.json()?;
            Ok(answer["waiting"].as_u64().unwrap_or(u64::MAX))
        };
        ensure!(waiting(None)? == 0, "a deletion waits that nobody made");

        let delete = || -> Result<()> {
            for folder in 0..3 {
                fs::remove_dir_all(hers.join(format!("{folder}")))?;
            }
            within(SOON, "it asks", || Ok((waiting(None)? == 3).then_some(())))?;
            Ok(())
        };
        delete()?;
        let problems = ana.status(&drive)?.problems;
        ensure!(
            problems
                .iter()
                .any(|problem| problem.to_string().contains("--confirm")),
            "status does not say what to do: {problems:?}"
        );
        // A restart asks again, and deletes nothing.
        ana.stop()?;
        ana.start()?;
        within(SOON, "it asks again", || {
            Ok((waiting(None)? == 3).then_some(()))
        })?;
        Tree::read(&his)?.same_as(&before)?;

        ensure!(waiting(Some("--undo"))? == 0, "it still waits");
        within_ms(SOON, "everything is back", || {
            Tree::read(&hers).is_ok_and(|tree| tree == before)
        })?;
        delete()?;
        ensure!(waiting(Some("--confirm"))? == 0, "it still waits");
        within_ms(SOON, "they are gone on the other device", || {
            Tree::read(&his).is_ok_and(|tree| tree.files() == 60)
        })?;
        lab.converge(&[&ana, &ben], &drive)?;
        Tree::read(&hers)?.same_as(&Tree::read(&his)?)
    })
}

#[test]
fn an_unmounted_disk_is_no_deletion() -> Result<()> {
    if missing("an_unmounted_disk_is_no_deletion", &[Requirement::Root]) {
        return Ok(());
    }
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        for number in 0..40 {
            fs::write(hers.join(format!("{number}")), format!("{number}"))?;
        }
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        let before = Tree::read(&his)?;
        // As if its disk were not there: an empty folder in its place.
        let aside = lab.path("aside");
        fs::rename(&hers, &aside)?;
        fs::create_dir(&hers)?;
        within(SOON, "it says so", || {
            let problems = ana.status(&drive)?.problems;
            let said = problems.iter().any(|problem| {
                problem.to_string().contains("marker")
                    || problem.to_string().contains("where it was")
            });
            Ok(said.then_some(()))
        })?;
        // What happens in the wrong folder is nobody's business; over a restart neither.
        fs::write(hers.join("stray"), "not of the drive")?;
        ana.stop()?;
        ana.start()?;
        thread::sleep(Duration::from_secs(2));
        fs::write(his.join("0"), "edited meanwhile")?;
        lab.converge(&[&ben], &drive)?;
        ensure!(
            Tree::read(&his)?.files() == before.files(),
            "files went or came"
        );
        ensure!(
            fs::read_dir(&hers)?.count() == 1,
            "the wrong folder was written to"
        );
        fs::remove_dir_all(&hers)?;
        fs::rename(&aside, &hers)?;
        within_ms(SOON, "it goes on", || {
            fs::read(hers.join("0")).is_ok_and(|found| found == b"edited meanwhile")
        })?;
        lab.converge(&[&ana, &ben], &drive)?;
        Tree::read(&hers)?.same_as(&Tree::read(&his)?)
    })
}

#[test]
fn a_file_of_holes_arrives_with_its_holes() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        let path = hers.join("machine.img");
        let file = File::create(&path)?;
        file.set_len(256 << 20)?;
        file.write_all_at(b"first", 0)?;
        file.write_all_at(b"middle", 100 << 20)?;
        drop(file);
        within_ms(SOON * 2, "it arrives", || {
            fs::metadata(his.join("machine.img")).is_ok_and(|about| about.len() == 256 << 20)
        })?;
        lab.converge(&[&ana, &ben], &drive)?;
        Tree::read(&hers)?.same_as(&Tree::read(&his)?)?;
        let taken = fs::metadata(his.join("machine.img"))?.blocks() * 512;
        ensure!(taken < 16 << 20, "{taken} bytes on the disk for two words");
        Ok(())
    })
}

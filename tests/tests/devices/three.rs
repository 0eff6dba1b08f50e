//! Three devices with one drive: two keep it as a folder, one mounts it. What one does, the others see.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use peerdrive_tests::{Device, Door, Lab, Requirement, Role, Tree, missing, within_ms};

use crate::SOON;

/// One drive on three devices: where each of them shows it.
pub(crate) struct Three {
    pub(crate) devices: [Device; 3],
    pub(crate) places: [PathBuf; 3],
    pub(crate) drive: String,
}

impl Three {
    /// `folder` shared by Ana, joined by Ben as a folder and by Cleo as a mount.
    pub(crate) fn on(lab: &Lab, folder: PathBuf) -> Result<Self> {
        let (ana, ben, cleo) = (lab.device("ana")?, lab.device("ben")?, lab.device("cleo")?);
        let drive = ana.share(&folder)?.drive;
        let ticket = ana.invite(&drive, Role::Writer)?;
        let (kept, mount) = (lab.path("kept by ben"), lab.path("mount of cleo"));
        ben.join(&ticket, Door::Folder(&kept))?;
        cleo.join(&ticket, Door::Mount(&mount))?;
        Ok(Self {
            devices: [ana, ben, cleo],
            places: [folder, kept, mount],
            drive,
        })
    }

    pub(crate) fn converge(&self, lab: &Lab) -> Result<Duration> {
        let [ana, ben, cleo] = &self.devices;
        lab.converge(&[ana, ben, cleo], &self.drive)
    }

    /// Every byte the same in all three places.
    pub(crate) fn same_everywhere(&self) -> Result<Tree> {
        let first = Tree::read(&self.places[0])?;
        for place in &self.places[1..] {
            first.same_as(&Tree::read(place)?)?;
        }
        Ok(first)
    }
}

/// Each device makes one change of every kind; gives the milliseconds until each of the others saw it.
fn round_of_changes(three: &Three, round: u32) -> Result<Vec<u128>> {
    let mut times = Vec::new();
    for author in 0..3 {
        let place = &three.places[author];
        let others: Vec<&Path> = (0..3)
            .filter(|other| *other != author)
            .map(|other| three.places[other].as_path())
            .collect();
        let mut see = |what: &str, seen: &dyn Fn(&Path) -> bool| -> Result<()> {
            let start = Instant::now();
            for other in &others {
                let wanted = format!("{what} by device {author} is seen in {}", other.display());
                within_ms(SOON, &wanted, || seen(other))?;
                times.push(start.elapsed().as_millis());
            }
            Ok(())
        };
        let has =
            |path: &Path, bytes: &str| fs::read(path).is_ok_and(|found| found == bytes.as_bytes());
        let (home, away) = (
            format!("home {author} {round}"),
            format!("away {author} {round}"),
        );

        fs::create_dir(place.join(&home))?;
        see("a new folder", &|at| at.join(&home).is_dir())?;
        fs::write(place.join(&home).join("note.txt"), "one")?;
        see("a new file", &|at| {
            has(&at.join(&home).join("note.txt"), "one")
        })?;
        fs::write(place.join(&home).join("note.txt"), "one and two")?;
        see("an edit", &|at| {
            has(&at.join(&home).join("note.txt"), "one and two")
        })?;
        fs::rename(
            place.join(&home).join("note.txt"),
            place.join(&home).join("kept.txt"),
        )?;
        see("a file's new name", &|at| {
            has(&at.join(&home).join("kept.txt"), "one and two")
                && !at.join(&home).join("note.txt").exists()
        })?;
        fs::rename(place.join(&home), place.join(&away))?;
        see("a folder's new name", &|at| {
            has(&at.join(&away).join("kept.txt"), "one and two") && !at.join(&home).exists()
        })?;
        fs::remove_file(place.join(&away).join("kept.txt"))?;
        see("a deletion", &|at| {
            at.join(&away).is_dir() && !at.join(&away).join("kept.txt").exists()
        })?;
    }
    Ok(times)
}

#[test]
fn what_any_of_three_devices_does_the_others_see_within_a_second() -> Result<()> {
    let test = "what_any_of_three_devices_does_the_others_see_within_a_second";
    if missing(test, &[Requirement::Fuse]) {
        return Ok(());
    }
    Lab::run(|lab| {
        let folder = lab.folder("shared by ana")?;
        fs::write(folder.join("first.txt"), "there before anyone joined")?;
        let three = Three::on(lab, folder)?;
        three.converge(lab)?;

        for round in 1.. {
            let mut times = round_of_changes(&three, round)?;
            three.converge(lab)?;
            three.same_everywhere()?;
            times.sort_unstable();
            println!("milliseconds until seen, {} times: {times:?}", times.len());
            let slowest = times.last().copied().unwrap_or_default();
            if slowest <= 1000 {
                break;
            }
            // A machine that is busy with something else for a moment is no finding; three in a row are.
            ensure!(round < 3, "a change took {slowest} ms to be seen");
        }
        Ok(())
    })
}

#[test]
fn folder_mount_and_command_line_show_the_same_drive() -> Result<()> {
    if missing(
        "folder_mount_and_command_line_show_the_same_drive",
        &[Requirement::Fuse],
    ) {
        return Ok(());
    }
    Lab::run(|lab| {
        let folder = lab.folder("shared by ana")?;
        fs::create_dir_all(folder.join("a folder/deeper"))?;
        fs::write(folder.join("a folder/deeper/ü.txt"), "letters beyond ASCII")?;
        fs::write(folder.join("empty"), "")?;
        std::os::unix::fs::symlink("empty", folder.join("link"))?;
        let three = Three::on(lab, folder)?;
        three.converge(lab)?;
        let tree = three.same_everywhere()?;
        let (listed, hash) = three.devices[0].tree(&three.drive)?;
        for device in &three.devices {
            ensure!(
                device.tree(&three.drive)? == (listed.clone(), hash.clone()),
                "{} differs",
                device.name()
            );
            ensure!(
                device.status(&three.drive)?.view_hash == hash,
                "`status` and `tree` disagree"
            );
        }
        let on_disk: Vec<&str> = tree.iter().map(|(path, _)| path).collect();
        let mut in_tree: Vec<&str> = listed.iter().map(|entry| entry.path.as_str()).collect();
        in_tree.sort_unstable();
        ensure!(on_disk == in_tree, "disk: {on_disk:?}, tree: {in_tree:?}");
        Ok(())
    })
}

//! Disks that fill up while something is read in, fetched, written out or collected: what has no room waits and
//! says so, everything else goes on, and all of it comes by itself when there is room.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use peerdrive_tests::{
    Device, Lab, Random, Requirement, SmallDisk, Tree, missing, within, within_ms,
};

use crate::{SOON, together};

const MIB: u64 = 1 << 20;

/// What a device's own disk has room for.
const DISK: u64 = 160;

/// The device says what waits, and that there is no room.
fn says_full(device: &Device, drive: &str, about: &str) -> Result<()> {
    let full = |problem: &serde_json::Value| {
        let text = problem.to_string();
        text.contains(about) && text.contains("space")
    };
    within(SOON, "`status` says what waits, and why", || {
        let problems = device.status(drive)?.problems;
        Ok(problems.iter().any(full).then_some(()))
    })?;
    Ok(())
}

fn shows(file: &Path, bytes: &[u8]) -> Result<()> {
    within_ms(SOON * 3, &format!("{}", file.display()), || {
        fs::read(file).is_ok_and(|found| found == bytes)
    })?;
    Ok(())
}

/// Both show the same, and nobody complains any more.
fn settled(lab: &Lab, devices: [&Device; 2], drive: &str, places: [&Path; 2]) -> Result<()> {
    lab.converge(&devices, drive)?;
    for device in devices {
        let problems = device.status(drive)?.problems;
        ensure!(problems.is_empty(), "{}: {problems:?}", device.name());
    }
    Tree::read(places[0])?.same_as(&Tree::read(places[1])?)
}

#[test]
fn a_folder_whose_disk_is_full_goes_without_what_does_not_fit_until_it_does() -> Result<()> {
    let test = "a_folder_whose_disk_is_full_goes_without_what_does_not_fit_until_it_does";
    if missing(test, &[Requirement::Root]) {
        return Ok(());
    }
    Lab::run(|lab| {
        let disk = SmallDisk::at(&lab.path("small"), 64)?;
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, disk.path().join("his"));
        fs::write(hers.join("kept"), "before")?;
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        disk.leave(12 * MIB)?;
        let large = Random::new(9).bytes(20 << 20);
        fs::write(hers.join("large.bin"), &large)?;
        says_full(&ben, &drive, "large.bin")?;
        // Everything else goes on, both ways, and nothing is deleted anywhere.
        fs::write(hers.join("small"), "passes")?;
        fs::write(his.join("kept"), "edited there")?;
        shows(&his.join("small"), b"passes")?;
        shows(&hers.join("kept"), b"edited there")?;
        ensure!(
            fs::read(hers.join("large.bin"))? == large,
            "the large file suffered"
        );
        ensure!(!his.join("large.bin").exists(), "half a file is there");
        disk.clear()?;
        shows(&his.join("large.bin"), &large)?;
        settled(lab, [&ana, &ben], &drive, [&hers, &his])
    })
}

/// A file for which one of two devices has no room arrives in Ben's folder when there is some, over a kill of
/// that device, and all else goes on meanwhile.
fn waits_for_room(small: &str) -> Result<()> {
    Lab::run(|lab| {
        let disk = SmallDisk::at(&lab.path(&format!("device {small}")), DISK)?;
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let cramped = if small == "ana" { &ana } else { &ben };
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        fs::write(hers.join("kept"), "before")?;
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        // Enough for records, not for the parts of this file.
        disk.leave(24 * MIB)?;
        let large = Random::new(10).bytes(40 << 20);
        fs::write(hers.join("large.bin"), &large)?;
        says_full(cramped, &drive, "large.bin")?;
        fs::write(hers.join("kept"), "edited")?;
        shows(&his.join("kept"), b"edited")?;
        fs::write(his.join("kept"), "edited there")?;
        shows(&hers.join("kept"), b"edited there")?;
        ensure!(!his.join("large.bin").exists(), "half a file is there");
        // Over a kill as well: a disk is full for days.
        cramped.kill()?;
        cramped.start()?;
        says_full(cramped, &drive, "large.bin")?;
        ensure!(
            fs::read(hers.join("large.bin"))? == large,
            "the large file suffered"
        );
        disk.clear()?;
        shows(&his.join("large.bin"), &large)?;
        settled(lab, [&ana, &ben], &drive, [&hers, &his])
    })
}

#[test]
fn a_device_without_room_fetches_the_rest_when_there_is_some() -> Result<()> {
    let test = "a_device_without_room_fetches_the_rest_when_there_is_some";
    if missing(test, &[Requirement::Root]) {
        return Ok(());
    }
    waits_for_room("ben")
}

#[test]
fn a_device_without_room_takes_in_what_was_saved_when_there_is_some() -> Result<()> {
    let test = "a_device_without_room_takes_in_what_was_saved_when_there_is_some";
    if missing(test, &[Requirement::Root]) {
        return Ok(());
    }
    waits_for_room("ana")
}

#[test]
fn a_device_on_a_disk_without_a_byte_left_loses_nothing_and_gets_up_again() -> Result<()> {
    let test = "a_device_on_a_disk_without_a_byte_left_loses_nothing_and_gets_up_again";
    if missing(test, &[Requirement::Root]) {
        return Ok(());
    }
    Lab::run(|lab| {
        let disk = SmallDisk::at(&lab.path("device ana"), DISK)?;
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        fs::write(hers.join("kept"), "before")?;
        fs::write(hers.join("replaced.bin"), Random::new(12).bytes(4 << 20))?;
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        // So that there is something to collect.
        ana.call(&["config", &drive, "--keep-days", "0", "--keep-versions", "0"])?
            .ok()?;
        for (round, restarts) in [(0, false), (1, true)] {
            let replacement = Random::new(13 + round).bytes(2 << 20);
            fs::write(hers.join("replaced.bin"), &replacement)?;
            shows(&his.join("replaced.bin"), &replacement)?;
            lab.converge(&[&ana, &ben], &drive)?;
            disk.leave(0)?;
            // Saved on both sides; hers can be written down nowhere, his arrives as a record nowhere.
            let saved = format!("saved {round}.txt");
            let edited = format!("edited there {round}");
            fs::write(hers.join(&saved), "on a full disk")?;
            fs::write(his.join("kept"), &edited)?;
            // It may work or be refused with the reason; it must not take anything along.
            let collected = ana.call(&["collect"])?;
            ensure!(
                collected.code == Some(0) || !collected.stderr.is_empty(),
                "it failed without a word"
            );
            within_ms(Duration::from_secs(10), "it can still be asked", || {
                ana.status(&drive).is_ok()
            })?;
            if restarts {
                // Whether a daemon can start without a byte of room or not, nothing is lost by trying.
                ana.kill()?;
                let started = ana.start();
                disk.clear()?;
                if started.is_err() {
                    ana.start().context("with room again")?;
                }
            } else {
                disk.clear()?;
            }
            shows(&his.join(&saved), b"on a full disk")?;
            shows(&hers.join("kept"), edited.as_bytes())?;
            settled(lab, [&ana, &ben], &drive, [&hers, &his])?;
            ana.call(&["collect"])?.ok()?;
            settled(lab, [&ana, &ben], &drive, [&hers, &his])?;
        }
        Ok(())
    })
}

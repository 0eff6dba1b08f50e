//! `kill -9` at each place where something is half done: reading, sending, fetching, writing out,
//! letting go and collecting. Afterwards everything is everywhere, and nothing was deleted anywhere.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use peerdrive_tests::{Device, Door, Lab, Random, Requirement, Role, Tree, missing, within_ms};

use crate::{SOON, long_form, together};

/// How long it may take until a place is passed.
const PASSED: Duration = Duration::from_secs(60);

fn add(folder: &Path, name: &str, random: &mut Random) -> Result<()> {
    let folder = folder.join(name);
    fs::create_dir_all(&folder)?;
    for number in 0..3 {
        fs::write(folder.join(format!("{number}.bin")), random.bytes(2 << 20))?;
        fs::write(folder.join(format!("{number}.txt")), random.bytes(900))?;
    }
    Ok(())
}

/// Both folders hold this many files, the same ones, and not one fewer.
fn all_there(
    lab: &Lab,
    devices: [&Device; 2],
    drive: &str,
    places: [&Path; 2],
    files: usize,
) -> Result<()> {
    within_ms(SOON, "all files are in both folders", || {
        places
            .iter()
            .all(|place| Tree::read(place).is_ok_and(|tree| tree.files() == files))
    })?;
    // What was written just now may not have been noticed by itself yet.
    for device in devices {
        device.wait(drive)?;
    }
    lab.converge(&devices, drive)?;
    let [one, two] = [Tree::read(places[0])?, Tree::read(places[1])?];
    ensure!(one.files() == files, "{} files, not {files}", one.files());
    one.same_as(&two)
}

#[test]
fn attack_d1_a_daemon_killed_at_any_half_way_place_loses_nothing_and_deletes_nothing() -> Result<()>
{
    let (mut random, seed) = Random::from_environment();
    println!("PEERDRIVE_SEED={seed}");
    let later: &[u32] = if long_form() { &[1, 2, 3] } else { &[2] };
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        add(&hers, "first", &mut random)?;
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        let (devices, places) = ([&ana, &ben], [hers.as_path(), his.as_path()]);
        let mut files = 6;
        // Ana is killed while she reads what is new, Ben while he fetches it and writes it out.
        for (place, victim, often) in [
            ("import.stored", &ana, true),
            ("import.flushed", &ana, false),
            ("record.staged", &ana, false),
            ("record.written", &ana, false),
            ("import.told", &ana, false),
            ("fetch.arrived", &ben, true),
            ("checkout.written", &ben, true),
            ("checkout.swapped", &ben, true),
        ] {
            for times in if often { later } else { &[1] } {
                let what = format!("{place}:{times}");
                victim.stop()?;
                add(&hers, &format!("at {place} {times}"), &mut random)?;
                files += 6;
                match victim.start_failing(&what) {
                    Ok(()) => victim.revive(PASSED).with_context(|| what.clone())?,
                    // It was killed before it could be asked anything.
                    Err(_) => victim.start()?,
                }
                all_there(lab, devices, &drive, places, files).with_context(|| what)?;
            }
        }
        // Letting go of what the folder has.
        for place in ["evict.noted", "evict.removed"] {
            ana.stop()?;
            ana.start_failing(place)?;
            ana.wait(&drive)?;
            ensure!(
                ana.call(&["evict", &drive])?.code != Some(0),
                "{place} was not passed"
            );
            ana.revive(PASSED).context(place)?;
            let cleo = lab.device(&format!("cleo at {place}"))?;
            let third = lab.path(&format!("third at {place}"));
            ben.stop()?;
            let ticket = ana.invite(&drive, Role::Reader)?;
            cleo.join(&ticket, Door::Folder(&third))?;
            lab.converge(&[&ana, &cleo], &drive)?;
            Tree::read(&hers)?
                .same_as(&Tree::read(&third)?)
                .context(place)?;
            cleo.stop()?;
            ben.start()?;
        }
        // A version that only this folder has is about to be replaced in it.
        let first = fs::read(hers.join("first/0.bin"))?;
        ana.call(&["evict", &drive])?.ok()?;
        ana.stop()?;
        fs::write(his.join("first/0.bin"), random.bytes(2 << 20))?;
        match ana.start_failing("preserve.made") {
            Ok(()) => ana.revive(PASSED).context("preserve.made")?,
            Err(_) => ana.start()?,
        }
        all_there(lab, devices, &drive, places, files).context("preserve.made")?;
        let versions = ana
            .call(&["history", &drive, "first/0.bin"])?
            .ok()?
            .lines()?;
        let old = versions.last().context("a version")?;
        ensure!(versions.len() == 2 && old["here"] == true, "{versions:?}");
        let version = old["version"].as_str().context("a name")?;
        ana.call(&["restore", &drive, "first/0.bin", "--version", version])?
            .ok()?;
        within_ms(SOON, "what was replaced is back", || {
            fs::read(hers.join("first/0.bin")).is_ok_and(|bytes| bytes == first)
        })?;
        all_there(lab, devices, &drive, places, files).context("restored")?;
        // Collecting what nothing needs.
        ana.call(&["config", &drive, "--keep-days", "0", "--keep-versions", "0"])?
            .ok()?;
        for place in ["collect.marked", "collect.swept"] {
            fs::write(hers.join("first/0.bin"), random.bytes(2 << 20))?;
            all_there(lab, devices, &drive, places, files)?;
            ana.stop()?;
            ana.start_failing(place)?;
            ana.wait(&drive)?;
            ensure!(
                ana.call(&["collect"])?.code != Some(0),
                "{place} was not passed"
            );
            ana.revive(PASSED).context(place)?;
            all_there(lab, devices, &drive, places, files).context(place)?;
        }
        ana.call(&["collect"])?.ok()?;
        all_there(lab, devices, &drive, places, files)
    })
}

#[test]
fn attack_d1_a_mount_whose_daemon_is_killed_while_it_fetches_or_lets_go_loses_nothing() -> Result<()>
{
    let test = "attack_d1_a_mount_whose_daemon_is_killed_while_it_fetches_or_lets_go_loses_nothing";
    if missing(test, &[Requirement::Fuse]) {
        return Ok(());
    }
    let (mut random, seed) = Random::from_environment();
    println!("PEERDRIVE_SEED={seed}");
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, mount) = (lab.folder("hers")?, lab.path("mount"));
        add(&hers, "first", &mut random)?;
        let drive = ana.share(&hers)?.drive;
        let ticket = ana.invite(&drive, Role::Writer)?;
        ben.join(&ticket, Door::Mount(&mount))?;
        lab.converge(&[&ana, &ben], &drive)?;
        let same = || {
            let theirs = Tree::read(&mount);
            theirs.is_ok_and(|tree| Tree::read(&hers).is_ok_and(|hers| hers.same_as(&tree).is_ok()))
        };
        // Somebody reads a file while its bytes come.
        ben.stop()?;
        ben.start_failing("fetch.arrived:2")?;
        within_ms(SOON, "the mount is there", || {
            mount.join("first/0.txt").exists()
        })?;
        let read = fs::read(mount.join("first/0.bin")).and(fs::read(mount.join("first/1.bin")));
        ensure!(read.is_err(), "the place was not passed");
        ben.revive(PASSED).context("fetch.arrived")?;
        within_ms(SOON, "all can be read again", same)?;
        // The other device has promised to keep them, and they are not gone yet.
        ben.stop()?;
        ben.start_failing("evict.promised")?;
        ben.wait(&drive)?;
        ensure!(
            ben.call(&["evict", &drive])?.code != Some(0),
            "the place was not passed"
        );
        ben.revive(PASSED).context("evict.promised")?;
        within_ms(SOON, "all can be read again", same)?;
        // What was promised is kept also by who could let go of it.
        ben.call(&["evict", &drive])?.ok()?;
        ana.call(&["evict", &drive])?.ok()?;
        within_ms(SOON, "all can be read again", same)?;
        Ok(())
    })
}

#[test]
fn who_joined_on_the_word_of_a_checkpoint_and_is_killed_while_it_is_judged_goes_on_with_that()
-> Result<()> {
    Lab::run(|lab| {
        let ana = lab.device("ana")?;
        let hers = lab.folder("hers")?;
        // A small drive is judged at once, and has no checkpoints.
        for number in 0..5_200 {
            let folder = hers.join(format!("folder {}", number / 250));
            if number % 250 == 0 {
                fs::create_dir(&folder)?;
            }
            fs::write(folder.join(format!("{number}")), [])?;
        }
        let drive = ana.share(&hers)?.drive;
        for place in ["audit.portion:1", "audit.portion:2", "audit.settled"] {
            let ben = lab.device_at_rest(&format!("ben at {place}"));
            let his = lab.path(&format!("his at {place}"));
            let ticket = ana.invite(&drive, Role::Writer)?;
            ben.start_failing(place)?;
            // Whether it could still answer is all the same.
            let joined = ben.join(&ticket, Door::Folder(&his));
            ben.revive(PASSED)
                .with_context(|| format!("{place}: {joined:?}"))?;
            within_ms(SOON, "all of the history is judged", || {
                let status = ben.status(&drive);
                status.is_ok_and(|status| status.verified.is_none() && status.problems.is_empty())
            })?;
            lab.converge(&[&ana, &ben], &drive).context(place)?;
            // What is written on what was judged counts for both.
            fs::write(his.join("edited.txt"), format!("after {place}"))?;
            ben.wait(&drive)?;
            lab.converge(&[&ana, &ben], &drive).context(place)?;
            let (one, two) = (Tree::read(&hers)?, Tree::read(&his)?);
            one.same_as(&two).context(place)?;
            ensure!(one.holds(format!("after {place}").as_bytes()), "{one:?}");
            ben.stop()?;
        }
        Ok(())
    })
}

//! What a device keeps: a cache with a cap beside a folder or under a mount, pins, eviction, and the
//! collection of what nothing needs. Bytes that only one device has stay there.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use peerdrive_tests::{Device, Door, Lab, Random, Requirement, Role, Tree, missing, within_ms};
use serde_json::Value;

use crate::{SOON, together};

/// A cap that makes a device let go of nearly everything that it may.
const SMALL: &str = "2M";
const MIB: u64 = 1 << 20;

/// What the sealed parts of files take on a device's disk. The store's own index is left out.
fn sealed(device: &Device) -> Result<u64> {
    let mut bytes = 0;
    let folder = device.data_dir().join("blobs/data");
    for entry in fs::read_dir(&folder).with_context(|| format!("in {}", folder.display()))? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}

/// What `status` says of one path.
fn at_path(device: &Device, drive: &str, path: &str) -> Result<Value> {
    let status: Value = device.call(&["status", drive, path])?.ok()?.json()?;
    let found = status.pointer("/drives/0/path").or(status.get("path"));
    Ok(found.with_context(|| format!("{status}"))?.clone())
}

fn said(device: &Device, words: &[&str]) -> Result<Value> {
    device.call(words)?.ok()?.json()
}

fn eight_files(folder: &Path, random: &mut Random) -> Result<()> {
    for number in 0..8 {
        fs::write(folder.join(format!("{number}.bin")), random.bytes(3 << 20))?;
    }
    Ok(())
}

#[test]
fn a_folder_is_not_kept_twice_and_what_was_let_go_is_made_again_when_a_peer_asks() -> Result<()> {
    let (mut random, seed) = Random::from_environment();
    println!("PEERDRIVE_SEED={seed}");
    Lab::run(|lab| {
        let (ana, ben, cleo) = (lab.device("ana")?, lab.device("ben")?, lab.device("cleo")?);
        let (hers, his, third) = (lab.folder("hers")?, lab.path("his"), lab.path("third"));
        eight_files(&hers, &mut random)?;
        let drive = ana.share(&hers)?.drive;
        ana.wait(&drive)?;
        ensure!(sealed(&ana)? > 20 * MIB, "nothing was sealed to begin with");
        let kept = said(&ana, &["config", &drive, "--cache", SMALL])?;
        ensure!(kept["cache"] == 2 * MIB, "{kept}");
        within_ms(SOON, "what the folder has is let go of", || {
            said(&ana, &["evict", &drive]).is_ok() && sealed(&ana).is_ok_and(|left| left < MIB)
        })?;

        let ticket = ana.invite(&drive, Role::Writer)?;
        ben.join(&ticket, Door::Folder(&his))?;
        lab.converge(&[&ana, &ben], &drive)?;
        Tree::read(&hers)?.same_as(&Tree::read(&his)?)?;
        let status = at_path(&ana, &drive, "3.bin")?;
        ensure!(
            status["files_here"] == 1 && status["peers"] == 1,
            "it is in both folders: {status}"
        );

        // Now nobody but the folders has them; one of the files is not what it was any more.
        for device in [&ana, &ben] {
            within_ms(SOON, "what the folder has is let go of", || {
                said(device, &["evict", &drive]).is_ok()
                    && sealed(device).is_ok_and(|left| left < MIB)
            })?;
        }
        ben.stop()?;
        fs::write(hers.join("0.bin"), random.bytes(3 << 20))?;
        fs::rename(hers.join("1.bin"), hers.join("renamed.bin"))?;
        ana.wait(&drive)?;
        let ticket = ana.invite(&drive, Role::Reader)?;
        cleo.join(&ticket, Door::Folder(&third))?;
        lab.converge(&[&ana, &cleo], &drive)?;
        Tree::read(&hers)?.same_as(&Tree::read(&third)?)?;

        // The version that was overwritten while its only sealed copy was gone is honestly not here.
        let versions = ana.call(&["history", &drive, "0.bin"])?.ok()?.lines()?;
        ensure!(
            versions.len() == 2 && versions[1]["here"] == false,
            "{versions:?}"
        );
        ana.call(&[
            "restore",
            &drive,
            "0.bin",
            "--version",
            versions[1]["version"].as_str().unwrap_or_default(),
        ])?
        .refusal(5)?;
        // Ben's folder still has it. When he hears of the new one, he does not let go of the old, and so
        // it comes back.
        ben.start()?;
        lab.converge(&[&ana, &ben], &drive)?;
        Tree::read(&hers)?.same_as(&Tree::read(&his)?)?;
        let versions = ana.call(&["history", &drive, "0.bin"])?.ok()?.lines()?;
        ensure!(versions[1]["peers"] == 1, "{versions:?}");
        ana.call(&[
            "restore",
            &drive,
            "0.bin",
            "--version",
            versions[1]["version"].as_str().unwrap_or_default(),
        ])?
        .ok()?;
        lab.converge(&[&ana, &ben, &cleo], &drive)?;
        Tree::read(&hers)?.same_as(&Tree::read(&his)?)
    })
}

#[test]
fn a_mount_lets_go_of_what_a_peer_keeps_and_of_nothing_that_is_only_here_or_pinned() -> Result<()> {
    let test = "a_mount_lets_go_of_what_a_peer_keeps_and_of_nothing_that_is_only_here_or_pinned";
    if missing(test, &[Requirement::Fuse]) {
        return Ok(());
    }
    let (mut random, seed) = Random::from_environment();
    println!("PEERDRIVE_SEED={seed}");
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, mount) = (lab.folder("hers")?, lab.path("mount"));
        fs::create_dir(hers.join("pinned"))?;
        eight_files(&hers, &mut random)?;
        fs::write(hers.join("pinned/kept.bin"), random.bytes(3 << 20))?;
        let drive = ana.share(&hers)?.drive;
        let ticket = ana.invite(&drive, Role::Writer)?;
        ben.join(&ticket, Door::Mount(&mount))?;
        lab.converge(&[&ana, &ben], &drive)?;
        ensure!(at_path(&ben, &drive, "")?["files_here"] == 0);
        let pinned = said(&ben, &["pin", &drive, "pinned"])?;
        ensure!(
            pinned["pinned"] == true && pinned["files_here"] == 1,
            "{pinned}"
        );
        Tree::read(&hers)?.same_as(&Tree::read(&mount)?)?;
        ensure!(sealed(&ben)? > 26 * MIB);

        let evicted = said(&ben, &["evict", &drive])?;
        ensure!(evicted["only_here"] == 0, "{evicted}");
        ensure!(sealed(&ben)? < 5 * MIB, "{} bytes are left", sealed(&ben)?);
        ensure!(at_path(&ben, &drive, "pinned/kept.bin")?["files_here"] == 1);
        ensure!(at_path(&ben, &drive, "5.bin")?["files_here"] == 0);
        // What was let go of comes back when it is read.
        ensure!(fs::read(mount.join("5.bin"))? == fs::read(hers.join("5.bin"))?);

        // Alone, Ben reads what is pinned, and keeps what he writes.
        ana.stop()?;
        let mine = random.bytes(3 << 20);
        fs::write(mount.join("mine.bin"), &mine)?;
        ensure!(fs::read(mount.join("pinned/kept.bin"))?.len() == 3 << 20);
        let evicted = said(&ben, &["evict", &drive])?;
        ensure!(
            evicted["bytes"] == 0 && evicted["only_here"].as_u64() > Some(3_000_000),
            "{evicted}"
        );
        said(&ben, &["config", &drive, "--cache", SMALL])?;
        ensure!(fs::read(mount.join("mine.bin"))? == mine);

        ana.start()?;
        lab.converge(&[&ana, &ben], &drive)?;
        within_ms(SOON, "Ana has Ben's file", || {
            fs::read(hers.join("mine.bin")).is_ok_and(|bytes| bytes == mine)
        })?;
        ensure!(at_path(&ben, &drive, "mine.bin")?["peers"] == 1);
        said(&ben, &["evict", &drive])?;
        ensure!(at_path(&ben, &drive, "mine.bin")?["files_here"] == 0);
        said(&ben, &["unpin", &drive, "pinned"])?;
        said(&ben, &["evict", &drive])?;
        ensure!(at_path(&ben, &drive, "")?["files_here"] == 0);
        Tree::read(&hers)?.same_as(&Tree::read(&mount)?)
    })
}

#[test]
fn what_is_pinned_is_here_also_when_others_change_it_or_nobody_was_there() -> Result<()> {
    let test = "what_is_pinned_is_here_also_when_others_change_it_or_nobody_was_there";
    if missing(test, &[Requirement::Fuse]) {
        return Ok(());
    }
    let (mut random, seed) = Random::from_environment();
    println!("PEERDRIVE_SEED={seed}");
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, mount) = (lab.folder("hers")?, lab.path("mount"));
        fs::create_dir_all(hers.join("other"))?;
        fs::create_dir_all(hers.join("pinned"))?;
        for path in ["pinned/old.bin", "other/moved.bin", "other/stays.bin"] {
            fs::write(hers.join(path), random.bytes(2 << 20))?;
        }
        let drive = ana.share(&hers)?.drive;
        let ticket = ana.invite(&drive, Role::Writer)?;
        ben.join(&ticket, Door::Mount(&mount))?;
        lab.converge(&[&ana, &ben], &drive)?;
        let all_here = |files: u64| {
            within_ms(SOON, &format!("{files} files are here"), || {
                at_path(&ben, &drive, "pinned")
                    .is_ok_and(|pinned| pinned["files"] == files && pinned["files_here"] == files)
            })
        };

        // Nobody who has it is there, and it is fetched when somebody is.
        ana.stop()?;
        ben.call(&["pin", &drive, "pinned"])?.refusal(5)?;
        ana.start()?;
        all_here(1)?;

        // Written anew, new, and moved there as a folder.
        fs::write(hers.join("pinned/old.bin"), random.bytes(2 << 20))?;
        fs::write(hers.join("pinned/new.bin"), random.bytes(2 << 20))?;
        fs::create_dir(hers.join("deep"))?;
        fs::rename(hers.join("other/moved.bin"), hers.join("deep/moved.bin"))?;
        fs::rename(hers.join("deep"), hers.join("pinned/deep"))?;
        lab.converge(&[&ana, &ben], &drive)?;
        all_here(3)?;
        ensure!(at_path(&ben, &drive, "other/stays.bin")?["files_here"] == 0);

        // Alone, Ben reads all of it.
        ana.stop()?;
        let tree = Tree::read(&hers.join("pinned"))?;
        tree.same_as(&Tree::read(&mount.join("pinned"))?)
    })
}

#[test]
fn what_nothing_needs_is_collected_and_everything_else_stays() -> Result<()> {
    let (mut random, seed) = Random::from_environment();
    println!("PEERDRIVE_SEED={seed}");
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        fs::write(hers.join("edited.bin"), random.bytes(3 << 20))?;
        fs::write(hers.join("deleted.bin"), random.bytes(3 << 20))?;
        fs::write(hers.join("stays.bin"), random.bytes(3 << 20))?;
        fs::write(hers.join("small.txt"), "small")?;
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        for round in 0..4 {
            fs::write(hers.join("edited.bin"), random.bytes(3 << 20))?;
            let now = fs::read(hers.join("edited.bin"))?;
            within_ms(SOON, "the edit is at Ben's", || {
                fs::read(his.join("edited.bin")).is_ok_and(|there| there == now)
            })
            .with_context(|| format!("round {round}"))?;
        }
        fs::remove_file(hers.join("deleted.bin"))?;
        within_ms(SOON, "it is deleted at Ben's", || {
            !his.join("deleted.bin").exists()
        })?;
        lab.converge(&[&ana, &ben], &drive)?;

        let restart = |device: &Device| -> Result<()> {
            // What was just written is left alone, in case somebody is about to name it.
            device.stop()?;
            device.start()?;
            device.wait(&drive)
        };
        restart(&ana)?;
        let before = sealed(&ana)?;
        said(&ana, &["collect"])?;
        ensure!(
            sealed(&ana)? == before,
            "what is kept for 30 days was collected"
        );

        said(
            &ana,
            &["config", &drive, "--keep-days", "0", "--keep-versions", "2"],
        )?;
        let collected = said(&ana, &["collect"])?;
        ensure!(collected["blobs"].as_u64() > Some(0), "{collected}");
        let after = sealed(&ana)?;
        // The file that stays, the edited one and its version before.
        ensure!(
            after < 12 * MIB && before > 20 * MIB,
            "{before} bytes, then {after}"
        );
        let versions = ana
            .call(&["history", &drive, "edited.bin"])?
            .ok()?
            .lines()?;
        let here: Vec<bool> = versions.iter().map(|v| v["here"] == true).collect();
        ensure!(here == [true, true, false, false, false], "{versions:?}");

        // Ben still keeps all of them, and so they come back.
        ensure!(versions[4]["peers"] == 1, "{versions:?}");
        let oldest = versions[4]["version"].as_str().unwrap_or_default();
        ana.call(&["restore", &drive, "edited.bin", "--version", oldest])?
            .ok()?;
        lab.converge(&[&ana, &ben], &drive)?;
        Tree::read(&hers)?.same_as(&Tree::read(&his)?)?;

        said(&ana, &["collect"])?;
        restart(&ana)?;
        said(&ana, &["collect"])?;
        let cleo = lab.device("cleo")?;
        let third = lab.path("third");
        ben.stop()?;
        let ticket = ana.invite(&drive, Role::Reader)?;
        cleo.join(&ticket, Door::Folder(&third))?;
        lab.converge(&[&ana, &cleo], &drive)?;
        Tree::read(&hers)?.same_as(&Tree::read(&third)?)
    })
}

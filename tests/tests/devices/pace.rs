//! How fast, and whether at all: limits and pauses; and how much memory any of it takes.

use std::fs::{self, File};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use peerdrive_tests::{Device, Door, Lab, Random, Role, Tree, within, within_ms};
use serde_json::Value;

use crate::{SOON, long_form, together};

fn said(device: &Device, words: &[&str]) -> Result<Value> {
    device.call(words)?.ok()?.json()
}

#[test]
fn contents_pass_no_faster_than_they_may_and_limits_outlive_a_restart() -> Result<()> {
    let (mut random, _) = Random::from_environment();
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        fs::write(hers.join("small.txt"), "small")?;
        together(lab, &ana, &ben, &hers, &his)?;
        // Six seconds' worth, once by the sender's limit and once by the receiver's.
        let set = said(&ana, &["limit", "--up", "1M"])?;
        ensure!(set["up"] == 1 << 20 && set["down"].is_null(), "{set}");
        ana.stop()?;
        ana.start()?;
        ensure!(said(&ana, &["limit"])?["up"] == 1 << 20);
        for (name, limited, word) in [("sent.bin", &ana, "--up"), ("received.bin", &ben, "--down")]
        {
            said(limited, &["limit", word, "1M"])?;
            let bytes = random.bytes(6 << 20);
            let begun = Instant::now();
            fs::write(hers.join(name), &bytes)?;
            within_ms(SOON * 2, "the file arrives", || {
                fs::read(his.join(name)).is_ok_and(|there| there == bytes)
            })?;
            let took = begun.elapsed();
            ensure!(took > Duration::from_secs(4), "{name} took only {took:?}");
            said(limited, &["limit", word, "off"])?;
        }
        ana.call(&["limit", "--up", "10"])?.refusal(2)?;
        ana.call(&["limit", "--up", "fast"])?.refusal(2)?;
        Ok(())
    })
}

#[test]
fn a_large_file_that_comes_slowly_holds_up_no_save_and_no_small_one() -> Result<()> {
    let (mut random, _) = Random::from_environment();
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        fs::write(hers.join("small.txt"), "small")?;
        together(lab, &ana, &ben, &hers, &his)?;
        said(&ben, &["limit", "--down", "1M"])?;
        // Half a minute's worth.
        let large = random.bytes(30 << 20);
        fs::write(hers.join("large.bin"), &large)?;
        within(SOON, "the large file is on its way", || {
            let status = said(&ben, &["status"])?;
            let bytes = &status["drives"][0]["work"]["progress"]["bytes"];
            Ok(bytes.as_u64().filter(|bytes| *bytes > 0))
        })?;
        fs::write(his.join("note.txt"), "saved meanwhile")?;
        fs::write(his.join("small.txt"), "edited meanwhile")?;
        fs::write(hers.join("hers.txt"), "from the other side")?;
        let reads = |path: std::path::PathBuf, text: &str| {
            fs::read_to_string(path).is_ok_and(|there| there == text)
        };
        within_ms(SOON / 2, "all small ones are on both sides", || {
            reads(hers.join("note.txt"), "saved meanwhile")
                && reads(hers.join("small.txt"), "edited meanwhile")
                && reads(his.join("hers.txt"), "from the other side")
        })?;
        ensure!(!his.join("large.bin").exists(), "it was not slow");
        said(&ben, &["limit", "--down", "off"])?;
        within_ms(SOON * 2, "the large file arrives", || {
            fs::read(his.join("large.bin")).is_ok_and(|there| there == large)
        })?;
        Ok(())
    })
}

#[test]
fn a_paused_drive_stands_still_until_it_is_resumed_also_across_a_restart() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        fs::write(hers.join("a.txt"), "a")?;
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        ensure!(said(&ben, &["pause", &drive])?["paused"] == true);
        fs::write(hers.join("hers.txt"), "hers")?;
        fs::write(his.join("his.txt"), "his")?;
        ana.wait(&drive)?;
        ben.stop()?;
        ben.start()?;
        std::thread::sleep(Duration::from_secs(2));
        ensure!(!his.join("hers.txt").exists() && !hers.join("his.txt").exists());
        let status = said(&ben, &["status", &drive])?;
        let status = status.pointer("/drives/0").unwrap_or(&status);
        ensure!(status["paused"] == true, "{status}");
        // In step with nobody is not in step.
        let refusal = ben.call(&["wait", &drive])?.refusal(5)?;
        ensure!(refusal.message.contains("paused"), "{refusal:?}");
        ensure!(said(&ben, &["resume", &drive])?["paused"] == false);
        within_ms(SOON, "both have both", || {
            his.join("hers.txt").exists() && hers.join("his.txt").exists()
        })?;
        lab.converge(&[&ana, &ben], &drive)?;
        Tree::read(&hers)?.same_as(&Tree::read(&his)?)
    })
}

#[test]
fn memory_stays_flat_for_a_huge_file_and_for_a_folder_of_very_many() -> Result<()> {
    let (huge, many) = match long_form() {
        true => (20 << 30, 100_000),
        false => (512 << 20, 5_000),
    };
    let most: u64 = 300 << 20;
    let (mut random, _) = Random::from_environment();
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        // Zeros to the end, with something here and there.
        let file = File::create(hers.join("huge.bin"))?;
        file.set_len(huge)?;
        drop(file);
        fs::create_dir(hers.join("many"))?;
        for number in 0..many {
            fs::write(hers.join(format!("many/{number}")), random.bytes(1024))?;
        }
        let drive = ana.share(&hers)?.drive;
        let ticket = ana.invite(&drive, Role::Reader)?;
        ben.join(&ticket, Door::Folder(&his))?;
        let limit = if long_form() { SOON * 40 } else { SOON * 4 };
        within(limit, "all of it is there too", || {
            let status = ben.status(&drive)?;
            Ok((status.files == many + 1 && status.pending_down == 0).then_some(()))
        })?;
        lab.converge(&[&ana, &ben], &drive)?;
        for device in [&ana, &ben] {
            let peak = device.usage()?.peak;
            println!("{}: {} MiB at most", device.name(), peak >> 20);
            ensure!(peak < most, "{} took {peak} bytes", device.name());
        }
        ensure!(fs::metadata(his.join("huge.bin"))?.len() == huge);
        ensure!(fs::read_dir(his.join("many"))?.count() == many as usize);
        Ok(())
    })
}

//! Earlier versions, the trash, and restoring: what was replaced or deleted comes back.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use peerdrive_tests::{Device, Lab, within_ms};
use serde_json::Value;

use crate::{SOON, together};

/// The versions of a file, the newest first.
fn history(device: &Device, drive: &str, path: &str) -> Result<Vec<Value>> {
    device.call(&["history", drive, path])?.ok()?.lines()
}

fn word<'a>(line: &'a Value, field: &str) -> Result<&'a str> {
    let found = line.get(field).and_then(Value::as_str);
    found.with_context(|| format!("no `{field}` in {line}"))
}

/// A moment as `restore --as-of` takes it.
fn ago(then: Instant) -> String {
    format!("{}ms", then.elapsed().as_millis())
}

#[test]
fn an_earlier_version_comes_back_on_every_device_and_history_says_who_wrote_it() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        fs::write(hers.join("plan.txt"), "first")?;
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        fs::write(his.join("plan.txt"), "second, by Ben")?;
        within_ms(SOON, "Ana has Ben's version", || {
            fs::read_to_string(hers.join("plan.txt")).is_ok_and(|text| text == "second, by Ben")
        })?;
        fs::write(hers.join("plan.txt"), "third")?;
        within_ms(SOON, "Ben has the third", || {
            fs::read_to_string(his.join("plan.txt")).is_ok_and(|text| text == "third")
        })?;

        let versions = history(&ana, &drive, "plan.txt")?;
        ensure!(versions.len() == 3, "{versions:?}");
        let sizes: Vec<u64> = versions.iter().filter_map(|v| v["size"].as_u64()).collect();
        ensure!(sizes == [5, 14, 5], "{versions:?}");
        ensure!(versions[0]["current"] == true && versions[1]["current"] == false);
        // Devices of one machine have one name; versions say which device wrote them all the same.
        let writer = |at: usize| -> Result<&str> {
            let (_, writer) = word(&versions[at], "version")?
                .split_once('-')
                .context("no writer in a version's name")?;
            Ok(writer)
        };
        ensure!(
            writer(0)? == writer(2)? && writer(0)? != writer(1)?,
            "{versions:?}"
        );
        ensure!(!word(&versions[0], "device")?.is_empty() && !word(&versions[1], "by")?.is_empty());
        ensure!(
            versions
                .iter()
                .all(|v| v["here"] == true && v["peers"] == 1)
        );

        let second = word(&versions[1], "version")?.to_owned();
        ana.call(&["restore", &drive, "plan.txt", "--version", &second])?
            .ok()?;
        for place in [&hers, &his] {
            within_ms(SOON, "the second version is back", || {
                fs::read_to_string(place.join("plan.txt")).is_ok_and(|t| t == "second, by Ben")
            })?;
        }
        ensure!(
            history(&ben, &drive, "plan.txt")?.len() == 4,
            "a restore is a forward edit"
        );

        let refused = ana.call(&["restore", &drive, "plan.txt", "--version", "7-00000000"])?;
        ensure!(refused.refusal(3)?.message.contains("7-00000000"));
        ana.call(&["history", &drive, "none.txt"])?.refusal(3)?;
        Ok(())
    })
}

#[test]
fn what_was_deleted_is_in_the_trash_and_comes_back_with_its_folder() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        fs::create_dir(hers.join("photos"))?;
        for number in 0..5 {
            fs::write(
                hers.join(format!("photos/{number}.jpg")),
                format!("photo {number}"),
            )?;
        }
        fs::write(hers.join("stays.txt"), "stays")?;
        fs::write(hers.join("stays too.txt"), "stays")?;
        for number in 0..10 {
            fs::write(hers.join(format!("other {number}")), "other")?;
        }
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        fs::remove_dir_all(his.join("photos"))?;
        within_ms(SOON, "the folder is gone at Ana's", || {
            !hers.join("photos").exists()
        })?;
        lab.converge(&[&ana, &ben], &drive)?;

        let trash = ana.call(&["trash", &drive])?.ok()?.lines()?;
        let paths: Vec<&str> = trash.iter().filter_map(|t| t["path"].as_str()).collect();
        ensure!(
            paths.contains(&"photos") && paths.contains(&"photos/3.jpg") && paths.len() == 6,
            "{trash:?}"
        );
        ensure!(
            trash.iter().all(|t| t["time"].as_u64() > Some(0)),
            "{trash:?}"
        );
        ensure!(trash.iter().all(|t| t["kept"] == true), "{trash:?}");
        ana.call(&["config", &drive, "--keep-days", "0"])?.ok()?;
        let old = ana.call(&["trash", &drive])?.ok()?.lines()?;
        ensure!(old.iter().all(|t| t["kept"] == false), "{old:?}");
        ana.call(&["config", &drive, "--keep-days", "30"])?.ok()?;
        let versions = history(&ana, &drive, "photos/3.jpg")?;
        ensure!(
            versions.len() == 1,
            "history of what is in the trash: {versions:?}"
        );

        ana.call(&["trash", "restore", &drive, "photos"])?.ok()?;
        for place in [&hers, &his] {
            within_ms(SOON, "the photos are back", || {
                fs::read_to_string(place.join("photos/3.jpg")).is_ok_and(|t| t == "photo 3")
            })?;
        }
        lab.converge(&[&ana, &ben], &drive)?;
        ensure!(ana.call(&["trash", &drive])?.ok()?.lines()?.is_empty());
        ana.call(&["trash", "restore", &drive, "photos"])?
            .refusal(3)?;
        Ok(())
    })
}

#[test]
fn a_folder_goes_back_to_how_it_was_and_nothing_newer_is_lost() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        fs::create_dir_all(hers.join("work/notes"))?;
        fs::write(hers.join("work/notes/a.md"), "a, as it was")?;
        fs::write(hers.join("work/notes/b.md"), "b, as it was")?;
        fs::write(hers.join("work/c.md"), "c, as it was")?;
        fs::write(hers.join("outside.md"), "outside")?;
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        thread::sleep(Duration::from_millis(1500));
        let then = Instant::now();
        thread::sleep(Duration::from_millis(1500));

        fs::write(his.join("work/notes/a.md"), "scrambled")?;
        fs::remove_file(his.join("work/notes/b.md"))?;
        fs::rename(his.join("work/c.md"), his.join("work/notes/renamed.md"))?;
        fs::write(his.join("work/new.md"), "written later")?;
        fs::write(his.join("outside.md"), "outside, later")?;
        within_ms(SOON, "Ana has all that", || {
            hers.join("work/new.md").exists()
                && hers.join("work/notes/renamed.md").exists()
                && !hers.join("work/notes/b.md").exists()
                && fs::read_to_string(hers.join("outside.md")).is_ok_and(|t| t.ends_with("later"))
        })?;
        lab.converge(&[&ana, &ben], &drive)?;

        let answer = ana
            .call(&["restore", &drive, "work", "--as-of", &ago(then)])?
            .ok()?;
        let reply: Value = answer.json()?;
        ensure!(
            reply["contents"] == 1 && reply["undeleted"] == 1 && reply["moved"] == 1,
            "{reply}"
        );
        ensure!(
            reply["problems"].as_array().is_some_and(Vec::is_empty),
            "{reply}"
        );
        for place in [&hers, &his] {
            within_ms(
                SOON,
                "work is as it was, and what came later is there",
                || {
                    let reads = |path: &str, text: &str| {
                        fs::read_to_string(place.join(path)).is_ok_and(|found| found == text)
                    };
                    reads("work/notes/a.md", "a, as it was")
                        && reads("work/notes/b.md", "b, as it was")
                        && reads("work/c.md", "c, as it was")
                        && !place.join("work/notes/renamed.md").exists()
                        && reads("work/new.md", "written later")
                        && reads("outside.md", "outside, later")
                },
            )?;
        }
        ana.call(&["restore", &drive, "work", "--as-of", &ago(then), "--exact"])?
            .ok()?;
        within_ms(SOON, "what came later is in the trash", || {
            !his.join("work/new.md").exists() && his.join("work/c.md").exists()
        })?;
        let trash = ben.call(&["trash", &drive])?.ok()?.lines()?;
        ensure!(
            trash.iter().any(|line| line["path"] == "work/new.md"),
            "{trash:?}"
        );
        ana.call(&["restore", &drive, "--as-of", "1999-01-01T00:00:00Z"])?
            .refusal(3)?;
        Ok(())
    })
}

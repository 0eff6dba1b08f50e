//! What a device chose for the folder of a drive: files of its own that stay here, and links of others that lead
//! out of it. Nobody else has a say in it, and a restart forgets nothing.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Result, ensure};
use peerdrive_tests::{Device, Lab, Random};
use serde_json::{Value, json};

use crate::together;

fn config(device: &Device, drive: &str, words: &[&str]) -> Result<Value> {
    let words = [&["config", drive], words].concat();
    device.call(&words)?.ok()?.json()
}

/// Entries of a drive that wait, with the reason.
fn waiting(device: &Device, drive: &str) -> Result<Vec<String>> {
    let problems = device.status(drive)?.problems;
    Ok(problems.iter().map(|one| format!("{one:?}")).collect())
}

/// Whether there is nothing at a path, not even a link that leads nowhere.
fn gone(path: &Path) -> bool {
    path.symlink_metadata().is_err()
}

#[test]
fn what_one_device_leaves_alone_stays_there_and_comes_to_no_other() -> Result<()> {
    let (mut random, seed) = Random::from_environment();
    println!("PEERDRIVE_SEED={seed}");
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        fs::write(hers.join("seen.log"), random.bytes(100))?;
        let drive = together(lab, &ana, &ben, &hers, &his)?;

        let kept = config(&ana, &drive, &["--ignore", "*.log", "--ignore", "/build/"])?;
        ensure!(kept["ignore"] == json!(["*.log", "/build/"]), "{kept}");
        fs::create_dir(hers.join("build"))?;
        fs::write(hers.join("build/out"), random.bytes(100))?;
        fs::write(hers.join("new.log"), random.bytes(100))?;
        fs::write(hers.join("note"), random.bytes(100))?;
        // What the drive has already goes on as before.
        fs::write(hers.join("seen.log"), random.bytes(200))?;
        // And nobody else's choice is made for them.
        fs::write(his.join("his.log"), random.bytes(100))?;
        lab.converge(&[&ana, &ben], &drive)?;
        let same = |name: &str| -> Result<bool> {
            Ok(fs::read(hers.join(name))? == fs::read(his.join(name))?)
        };
        ensure!(same("note")? && same("seen.log")?);
        for name in ["build", "new.log"] {
            ensure!(gone(&his.join(name)), "{name} came to ben");
        }
        ensure!(
            gone(&hers.join("his.log")),
            "it was written although she leaves it alone"
        );

        // A restart forgets nothing.
        ana.stop()?;
        ana.start()?;
        fs::write(hers.join("later.log"), random.bytes(100))?;
        lab.converge(&[&ana, &ben], &drive)?;
        ensure!(gone(&his.join("later.log")));

        // What is no longer left alone is like any other file, in both directions.
        let kept = config(&ana, &drive, &["--no-ignore", "*.log"])?;
        ensure!(kept["ignore"] == json!(["/build/"]), "{kept}");
        lab.converge(&[&ana, &ben], &drive)?;
        ensure!(same("new.log")? && same("later.log")? && same("his.log")?);
        ensure!(gone(&his.join("build")));

        let refused = ana.call(&["config", &drive, "--ignore", "[z-a]", "--keep-days", "3"])?;
        ensure!(refused.code != Some(0), "a pattern that is none was taken");
        let kept = config(&ana, &drive, &[])?;
        ensure!(
            kept["keep_days"] == 30 && kept["ignore"] == json!(["/build/"]),
            "{kept}"
        );
        Ok(())
    })
}

#[test]
fn links_of_others_that_lead_outside_are_made_where_that_is_allowed_and_ones_own_are_no_problem()
-> Result<()> {
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        symlink("/usr/bin/env", hers.join("env"))?;
        symlink("../beside", hers.join("up"))?;
        ana.wait(&drive)?;
        ben.wait(&drive)?;
        ensure!(
            waiting(&ana, &drive)?.is_empty(),
            "{:?}",
            waiting(&ana, &drive)?
        );
        ensure!(
            waiting(&ben, &drive)?.len() == 2,
            "{:?}",
            waiting(&ben, &drive)?
        );
        ensure!(gone(&his.join("env")) && gone(&his.join("up")));

        // What is gone is no problem any more.
        fs::remove_file(hers.join("up"))?;
        ana.wait(&drive)?;
        ben.wait(&drive)?;
        ensure!(
            waiting(&ben, &drive)?.len() == 1,
            "{:?}",
            waiting(&ben, &drive)?
        );

        let kept = config(&ben, &drive, &["--outside-links", "allow"])?;
        ensure!(kept["outside_links"] == true, "{kept}");
        lab.converge(&[&ana, &ben], &drive)?;
        ensure!(fs::read_link(his.join("env"))? == Path::new("/usr/bin/env"));

        // What is there stays; what comes is refused again.
        config(&ben, &drive, &["--outside-links", "refuse"])?;
        symlink("/usr/bin/awk", hers.join("awk"))?;
        ana.wait(&drive)?;
        ben.wait(&drive)?;
        ensure!(fs::read_link(his.join("env"))? == Path::new("/usr/bin/env"));
        ensure!(gone(&his.join("awk")));
        ensure!(
            waiting(&ben, &drive)?.len() == 1,
            "{:?}",
            waiting(&ben, &drive)?
        );
        Ok(())
    })
}

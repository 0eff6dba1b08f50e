//! Daemons come and go: everything resumes by itself, and nothing is done twice.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use peerdrive_tests::{Lab, Random, Requirement, Tree, alive, missing, within_ms};

use crate::three::Three;
use crate::{SOON, together};

#[test]
fn each_restarted_device_resumes_by_itself() -> Result<()> {
    if missing(
        "each_restarted_device_resumes_by_itself",
        &[Requirement::Fuse],
    ) {
        return Ok(());
    }
    Lab::run(|lab| {
        let folder = lab.folder("shared by ana")?;
        fs::write(folder.join("first.txt"), "first")?;
        let three = Three::on(lab, folder)?;
        three.converge(lab)?;
        for restarted in 0..3 {
            three.devices[restarted].stop()?;
            three.devices[restarted].start()?;
            for author in 0..3 {
                let name = format!("{author} after restart of {restarted}.txt");
                within_ms(SOON, "the place is there again", || {
                    fs::write(three.places[author].join(&name), &name).is_ok()
                })?;
                for place in &three.places {
                    let wanted = format!("{name} in {}", place.display());
                    within_ms(SOON, &wanted, || {
                        fs::read_to_string(place.join(&name)).is_ok_and(|text| text == name)
                    })?;
                }
            }
        }
        three.converge(lab)?;
        three.same_everywhere()?;
        Ok(())
    })
}

#[test]
fn a_stopped_daemon_leaves_no_mount_behind_and_a_killed_one_none_that_stays_stuck() -> Result<()> {
    let test = "a_stopped_daemon_leaves_no_mount_behind_and_a_killed_one_none_that_stays_stuck";
    if missing(test, &[Requirement::Fuse]) {
        return Ok(());
    }
    Lab::run(|lab| {
        let ana = lab.device("ana")?;
        let folder = lab.folder("shared")?;
        fs::write(folder.join("a.txt"), "a")?;
        let drive = ana.share(&folder)?.drive;
        let point = lab.folder("mount")?;
        ana.mount(&drive, &point)?;
        within_ms(SOON, "the mount shows the file", || {
            point.join("a.txt").exists()
        })?;
        ana.stop()?;
        ensure!(
            fs::read_dir(&point)?.next().is_none(),
            "something is still mounted"
        );
        ana.start()?;
        within_ms(SOON, "the mount is back", || point.join("a.txt").exists())?;
        ana.kill()?;
        ana.start()?;
        within_ms(SOON, "the mount is back after kill -9", || {
            fs::read(point.join("a.txt")).is_ok_and(|bytes| bytes == b"a")
        })?;
        ana.call(&["unmount", point.to_str().context("UTF-8")?])?
            .ok()?;
        ensure!(
            fs::read_dir(&point)?.next().is_none(),
            "`unmount` did not unmount"
        );
        Ok(())
    })
}

#[test]
fn a_command_starts_the_daemon_by_itself_and_stop_ends_it() -> Result<()> {
    Lab::run(|lab| {
        let ana = lab.device_at_rest("ana");
        let folder = lab.folder("shared")?;
        fs::write(folder.join("a.txt"), "a")?;
        let shared = ana.share(&folder)?;
        let status = ana.status(&shared.drive)?;
        ensure!(status.name == shared.name, "{status:?}");
        let pid = ana.daemon_pid().context("a daemon says where it is")?;
        ensure!(alive(pid), "no daemon runs");
        ana.call(&["stop"])?.ok()?;
        within_ms(Duration::from_secs(10), "the daemon is gone", || {
            !alive(pid)
        })?;
        // The drive is still there for the next command, and the next daemon.
        let again = ana.status(&shared.drive)?;
        ensure!(again.name == shared.name, "{again:?}");
        Ok(())
    })
}

#[test]
fn a_second_run_over_an_unchanged_folder_reads_none_of_it_again() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        let mut random = Random::new(3);
        for number in 0..100 {
            fs::write(hers.join(format!("{number}.bin")), random.bytes(1 << 20))?;
        }
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        // A file that is too young to trust by its times may be looked at once more.
        std::thread::sleep(Duration::from_secs(3));
        for device in [&ana, &ben] {
            device.stop()?;
            device.start()?;
        }
        lab.converge(&[&ana, &ben], &drive)?;
        std::thread::sleep(Duration::from_secs(2));
        for device in [&ana, &ben] {
            let read = bytes_read(device.pid()?)?;
            println!(
                "{} read {read} bytes over a folder of 100 MiB",
                device.name()
            );
            ensure!(read < 20 << 20, "{} read {read} bytes again", device.name());
        }
        Tree::read(&hers)?.same_as(&Tree::read(&his)?)
    })
}

/// Bytes a process has read, from wherever.
fn bytes_read(pid: u32) -> Result<u64> {
    let io = fs::read_to_string(format!("/proc/{pid}/io"))?;
    let line = io.lines().find_map(|line| line.strip_prefix("rchar: "));
    Ok(line.context("no rchar")?.trim().parse()?)
}

//! Mounts as the daemon keeps them: back after a restart, also after `kill -9`, and never stuck. Without
//! FUSE there is nothing to see, and the tests say so.

use rustix::process::{Pid, Signal, kill_process};

use crate::device::{Device, TestResult, no_fuse, text, until};

/// A drive with one file, and an empty folder to mount it on.
fn drive_and_point(it: &Device) -> TestResult<std::path::PathBuf> {
    let folder = it.path("Photos");
    std::fs::create_dir(&folder)?;
    std::fs::write(folder.join("a.txt"), "hello")?;
    it.json(&["share", text(&folder)?])?;
    let point = it.path("point");
    std::fs::create_dir(&point)?;
    Ok(point.canonicalize()?)
}

#[test]
fn a_mount_shows_the_drive_and_is_gone_after_unmount() -> TestResult {
    if no_fuse("a_mount_shows_the_drive_and_is_gone_after_unmount") {
        return Ok(());
    }
    let it = Device::new()?;
    let point = drive_and_point(&it)?;
    let mounted = it.json(&["mount", "Photos", text(&point)?])?;
    assert_eq!(
        (mounted["name"].as_str(), mounted["path"].as_str()),
        (Some("Photos"), point.to_str())
    );
    assert_eq!(std::fs::read_to_string(point.join("a.txt"))?, "hello");
    assert_eq!(
        it.json(&["status", "Photos"])?["drives"][0]["mounts"][0],
        text(&point)?
    );
    assert_eq!(
        it.refusal(&["mount", "Photos", text(&point)?], 4)?["code"],
        "mount_point_in_use"
    );

    assert_eq!(it.json(&["unmount", text(&point)?])?["path"], text(&point)?);
    assert_eq!(std::fs::read_dir(&point)?.count(), 0);
    assert_eq!(
        it.refusal(&["unmount", text(&point)?], 3)?["code"],
        "not_mounted"
    );
    it.json(&["stop"])?;
    it.json(&["status"])?;
    assert_eq!(
        std::fs::read_dir(&point)?.count(),
        0,
        "what was unmounted stays so"
    );
    Ok(())
}

#[test]
fn a_mount_comes_back_after_stop_and_after_kill_9() -> TestResult {
    if no_fuse("a_mount_comes_back_after_stop_and_after_kill_9") {
        return Ok(());
    }
    let it = Device::new()?;
    let point = drive_and_point(&it)?;
    it.json(&["mount", "Photos", text(&point)?])?;

    it.json(&["stop"])?;
    assert_eq!(
        std::fs::read_dir(&point)?.count(),
        0,
        "no stuck mount point"
    );
    it.json(&["status"])?;
    assert_eq!(std::fs::read_to_string(point.join("a.txt"))?, "hello");

    let pid = it.pid()?;
    kill_process(Pid::from_raw(pid).ok_or("no pid")?, Signal::KILL)?;
    until("the mount is dead", || std::fs::read_dir(&point).is_err())?;
    it.json(&["status"])?;
    assert_eq!(std::fs::read_to_string(point.join("a.txt"))?, "hello");
    it.json(&["unmount", text(&point)?])?;
    Ok(())
}

#[test]
fn a_mount_that_cannot_come_back_is_a_problem_in_status() -> TestResult {
    if no_fuse("a_mount_that_cannot_come_back_is_a_problem_in_status") {
        return Ok(());
    }
    let it = Device::new()?;
    let point = drive_and_point(&it)?;
    it.json(&["mount", "Photos", text(&point)?])?;
    it.json(&["stop"])?;
    std::fs::remove_dir(&point)?;
    let status = it.json(&["status", "Photos"])?;
    let one = &status["drives"][0];
    assert_eq!(one["mounts"].as_array().map(Vec::len), Some(0));
    assert!(
        one["problems"][0]["reason"]
            .as_str()
            .is_some_and(|r| r.contains("not mounted")),
        "{one}"
    );
    // Giving it up ends the problem.
    it.json(&["unmount", text(&point)?])?;
    assert_eq!(
        it.json(&["status", "Photos"])?["drives"][0]["problems"]
            .as_array()
            .map(Vec::len),
        Some(0)
    );
    Ok(())
}

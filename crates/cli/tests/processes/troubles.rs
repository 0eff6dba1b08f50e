//! What goes wrong half-way: crashes between two steps, folders that are not there, disks that are full,
//! files that cannot be had. Nothing is lost, nothing hangs, and whoever asked is told.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Child, Command};

use serde_json::Value;

use crate::device::{Device, TestResult, no_fuse, no_root, text, until};

/// A folder with a file in it, shared by a daemon that a command starts.
fn shared(it: &Device) -> TestResult<Value> {
    let folder = it.path("Photos");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("a.txt"), "hello")?;
    it.json(&["share", text(&folder)?])
}

fn ticket(it: &Device) -> TestResult<String> {
    let invite = it.json(&["invite", "Photos", "--role", "writer"])?;
    Ok(invite["ticket"].as_str().ok_or("no ticket")?.to_owned())
}

fn status(it: &Device) -> TestResult<Value> {
    let mut status = it.json(&["status"])?;
    assert!(status["broken"].is_null(), "{status}");
    let drives = status["drives"].as_array_mut().ok_or("no drives")?;
    assert_eq!(drives.len(), 1, "{drives:?}");
    Ok(drives.remove(0))
}

fn killed(mut daemon: Child) -> TestResult {
    assert!(!daemon.wait()?.success(), "the daemon ended in order");
    Ok(())
}

#[test]
fn a_share_that_is_killed_half_way_goes_on_with_its_folder() -> TestResult {
    let it = Device::new()?;
    let folder = it.path("Photos");
    fs::create_dir(&folder)?;
    fs::write(folder.join("a.txt"), "hello")?;
    let daemon = it.daemon_failing("share.founded")?;
    assert_ne!(it.run(&["share", text(&folder)?])?.code, Some(0));
    killed(daemon)?;

    let drive = status(&it)?;
    assert_eq!(drive["folder"], text(&folder.canonicalize()?)?);
    it.json(&["wait", "Photos", "--timeout", "60"])?;
    assert_eq!(status(&it)?["files"], 1);
    let again = it.refusal(&["share", text(&folder)?], 4)?;
    assert_eq!(again["code"], "already_shared");
    Ok(())
}

#[test]
fn a_join_that_is_killed_half_way_goes_on_with_its_folder() -> TestResult {
    let (ana, ben) = (Device::new()?, Device::new()?);
    shared(&ana)?;
    let ticket = ticket(&ana)?;
    // What is the same on both sides must not be there twice afterwards.
    let mine = ben.path("mine");
    fs::create_dir(&mine)?;
    fs::write(mine.join("a.txt"), "hello")?;
    let daemon = ben.daemon_failing("join.founded")?;
    assert_ne!(ben.run(&["join", &ticket, text(&mine)?])?.code, Some(0));
    killed(daemon)?;

    // The inviter is away: the folder is not united with a drive of which nothing is known.
    ana.json(&["stop"])?;
    let drive = status(&ben)?;
    assert_eq!(drive["folder"], text(&mine.canonicalize()?)?);
    assert!(drive["problems"][0]["reason"].is_string(), "{drive}");
    let lost = ben.refusal(&["wait", "Photos"], 5)?;
    assert_eq!(lost["code"], "no_peer", "{lost}");

    ana.json(&["status"])?;
    until("it is united with the drive", || {
        status(&ben).is_ok_and(|drive| drive["files"] == 1)
    })?;
    ben.json(&["wait", "Photos", "--timeout", "60"])?;
    let drive = status(&ben)?;
    assert_eq!(
        drive["problems"].as_array().map(Vec::len),
        Some(0),
        "{drive}"
    );
    assert_eq!(
        (drive["files"].as_u64(), fs::read_dir(&mine)?.count()),
        (Some(1), 2)
    );
    Ok(())
}

#[test]
fn a_join_whose_inviter_goes_before_it_tells_the_tree_says_so_and_goes_on_later() -> TestResult {
    let (ana, ben) = (Device::new()?, Device::new()?);
    shared(&ana)?;
    let ticket = ticket(&ana)?;
    ana.json(&["stop"])?;
    let daemon = ana.daemon_failing("join.welcomed")?;
    let mine = ben.path("mine");
    let late = ben.refusal(&["join", &ticket, text(&mine)?], 5)?;
    assert_eq!(late["code"], "no_peer", "{late}");
    killed(daemon)?;

    ana.json(&["status"])?;
    until("it comes by itself", || {
        fs::read(mine.join("a.txt")).is_ok_and(|bytes| bytes == b"hello")
    })
}

#[test]
fn a_mount_whose_join_was_killed_comes_with_the_next_start() -> TestResult {
    if no_fuse("a_mount_whose_join_was_killed_comes_with_the_next_start") {
        return Ok(());
    }
    let (ana, ben) = (Device::new()?, Device::new()?);
    shared(&ana)?;
    let point = ben.path("point");
    fs::create_dir(&point)?;
    let daemon = ben.daemon_failing("join.founded")?;
    let words = ["join", &ticket(&ana)?, "--mount", text(&point)?];
    assert_ne!(ben.run(&words)?.code, Some(0));
    killed(daemon)?;
    ben.json(&["status"])?;
    until("the mount shows the drive", || {
        fs::read(point.join("a.txt")).is_ok_and(|bytes| bytes == b"hello")
    })
}

#[test]
fn a_folder_of_another_devices_drive_is_refused_and_nothing_is_left_of_it() -> TestResult {
    let (ana, ben) = (Device::new()?, Device::new()?);
    let drive = shared(&ana)?;
    let hers = drive["path"].as_str().ok_or("no path")?;
    let other = ben.path("Other");
    fs::create_dir(&other)?;
    ben.json(&["share", text(&other)?])?;
    let his = text(&other)?.to_owned();

    let refused = ben.refusal(&["share", hers], 4)?;
    assert_eq!(refused["code"], "folder_in_use", "{refused}");
    let ticket = ticket(&ana)?;
    let refused = ben.refusal(&["join", &ticket, &his], 4)?;
    assert_eq!(refused["code"], "already_shared", "{refused}");
    // Paused, it is no less the drive's.
    ben.json(&["pause", "Other"])?;
    let refused = ben.refusal(&["join", &ticket, &his], 4)?;
    assert_eq!(refused["code"], "already_shared", "{refused}");

    for _ in 0..2 {
        assert_eq!(status(&ben)?["name"], "Other");
        ben.json(&["stop"])?;
    }
    // And the ticket is as good as new.
    ben.json(&["join", &ticket, text(&ben.path("mine"))?, "--wait"])?;
    Ok(())
}

#[test]
fn a_folder_that_is_away_when_the_daemon_starts_is_told_and_waited_for() -> TestResult {
    let it = Device::new()?;
    let drive = shared(&it)?;
    let folder = Path::new(drive["path"].as_str().ok_or("no path")?);
    it.json(&["stop"])?;
    let away = it.path("away");
    fs::rename(folder, &away)?;

    let drive = status(&it)?;
    assert_eq!(drive["folder"], text(folder)?);
    let reason = drive["problems"][0]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("not where it was"), "{drive}");
    let held_up = it.refusal(&["wait", "Photos", "--timeout", "60"], 1)?;
    assert_eq!(held_up["code"], "io", "{held_up}");
    // What others need is still collected, or kept, as ever.
    it.json(&["collect"])?;
    assert_eq!(status(&it)?["files"], 1, "what is away is not deleted");

    fs::write(away.join("b.txt"), "written meanwhile")?;
    fs::rename(&away, folder)?;
    until("it goes on by itself", || {
        status(&it).is_ok_and(|drive| drive["files"] == 2)
    })?;
    it.json(&["wait", "Photos", "--timeout", "60"])?;
    Ok(())
}

#[test]
fn what_cannot_be_taken_in_fails_the_share_and_holds_up_no_wait() -> TestResult {
    let it = Device::new()?;
    let folder = it.path("Photos");
    fs::create_dir(&folder)?;
    fs::write(folder.join("a.txt"), "hello")?;
    let bad = folder.join(OsStr::from_bytes(b"caf\xe9.txt"));
    fs::write(&bad, "x")?;
    std::os::unix::fs::symlink(OsStr::from_bytes(b"\xff"), folder.join("link"))?;
    let failed = it.refusal(&["share", text(&folder)?], 1)?;
    let message = failed["message"].as_str().unwrap_or_default();
    for word in [
        "is a drive now",
        "2 of its files",
        "link: ",
        "caf\u{fffd}.txt: ",
    ] {
        assert!(message.contains(word), "{word}: {message}");
    }
    let level = it.json(&["wait", "Photos", "--timeout", "60"])?;
    assert_eq!(level["problems"], 2, "{level}");
    it.json(&["collect"])?;
    fs::remove_file(folder.join("link"))?;
    fs::remove_file(bad)?;
    let level = it.json(&["wait", "Photos", "--timeout", "60"])?;
    assert_eq!(level["problems"], 0, "{level}");
    assert_eq!(status(&it)?["files"], 1);
    Ok(())
}

#[test]
fn a_full_data_disk_fails_the_share_that_goes_on_when_there_is_room() -> TestResult {
    if no_root("a_full_data_disk_fails_the_share_that_goes_on_when_there_is_room") {
        return Ok(());
    }
    let it = Device::new()?;
    let folder = it.path("Photos");
    fs::create_dir(&folder)?;
    let mut noise = 1_u64;
    for number in 0..8 {
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            noise = noise
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            noise.to_le_bytes()
        })
        .take(1 << 20)
        .flatten()
        .collect();
        fs::write(folder.join(format!("{number}.bin")), bytes)?;
    }
    fs::create_dir(it.data_dir())?;
    mount(&["-t", "tmpfs", "-o", "size=40m", "none"], &it.data_dir())?;
    let failed = it.refusal(&["share", text(&folder)?], 1)?;
    let message = failed["message"].as_str().unwrap_or_default();
    assert!(message.contains("is a drive now, but"), "{failed}");
    assert_eq!(
        fs::read_dir(&folder)?.count(),
        9,
        "its own folder stays whole"
    );

    mount(&["-o", "remount,size=400m"], &it.data_dir())?;
    until("all of it is taken in", || {
        status(&it).is_ok_and(|drive| drive["files"] == 8)
    })?;
    let level = it.json(&["wait", "Photos", "--timeout", "60"])?;
    assert_eq!(level["problems"], 0, "{level}");
    Ok(())
}

fn mount(words: &[&str], at: &Path) -> TestResult {
    let status = Command::new("mount").args(words).arg(at).status()?;
    assert!(status.success(), "mount {words:?}");
    Ok(())
}

#[test]
fn a_drive_is_left_and_its_folder_stays() -> TestResult {
    let (ana, ben) = (Device::new()?, Device::new()?);
    let drive = shared(&ana)?;
    let ticket = ana.json(&["invite", "Photos", "--uses", "2"])?;
    let ticket = ticket["ticket"].as_str().ok_or("no ticket")?;
    let mine = ben.path("mine");
    ben.json(&["join", ticket, text(&mine)?, "--wait"])?;
    ben.json(&["wait", "Photos", "--timeout", "60"])?;
    let left = ben.json(&["leave", "Photos"])?;
    assert_eq!(left["drive"], drive["drive"]);
    assert_eq!(left["folder"], text(&mine.canonicalize()?)?);
    assert_eq!(fs::read(mine.join("a.txt"))?, b"hello");
    assert!(!mine.join(".peerdrive").exists());
    let id = drive["drive"].as_str().ok_or("no id")?;
    assert!(!ben.data_dir().join("drives").join(id).exists());
    assert_eq!(
        ben.refusal(&["status", "Photos"], 3)?["code"],
        "drive_not_found"
    );
    ben.json(&["stop"])?;
    assert_eq!(
        ben.json(&["status"])?["drives"].as_array().map(Vec::len),
        Some(0)
    );
    // Nothing was deleted for the others, and the same device can come again.
    assert_eq!(fs::read(ana.path("Photos").join("a.txt"))?, b"hello");
    ben.json(&["join", ticket, text(&mine)?, "--wait"])?;
    assert_eq!(status(&ben)?["files"], 1);

    // Nobody else has this one: not by mistake.
    ben.json(&["stop"])?;
    assert_eq!(ana.refusal(&["leave", "Photos"], 4)?["code"], "only_here");
    ana.json(&["leave", "Photos", "--force"])?;
    assert_eq!(fs::read(ana.path("Photos").join("a.txt"))?, b"hello");
    Ok(())
}

#[test]
fn a_mount_goes_with_the_drive_that_is_left() -> TestResult {
    if no_fuse("a_mount_goes_with_the_drive_that_is_left") {
        return Ok(());
    }
    let it = Device::new()?;
    shared(&it)?;
    let point = it.path("point");
    fs::create_dir(&point)?;
    it.json(&["mount", "Photos", text(&point)?])?;
    it.json(&["leave", "Photos", "--force"])?;
    assert_eq!(fs::read_dir(&point)?.count(), 0, "it is still mounted");
    assert_eq!(fs::read(it.path("Photos").join("a.txt"))?, b"hello");
    Ok(())
}

#[test]
fn a_leave_that_is_killed_half_way_loses_nothing_and_can_be_ended() -> TestResult {
    let it = Device::new()?;
    for (place, left) in [("leave.unmarked", false), ("leave.disowned", true)] {
        let drive = shared(&it)?;
        let id = drive["drive"].as_str().ok_or("no id")?;
        it.json(&["stop"])?;
        let daemon = it.daemon_failing(place)?;
        assert_ne!(it.run(&["leave", "Photos", "--force"])?.code, Some(0));
        killed(daemon)?;
        let there = it.json(&["status"])?["drives"].as_array().map(Vec::len);
        assert_eq!(there, Some(usize::from(!left)), "{place}");
        if !left {
            it.json(&["leave", "Photos", "--force"])?;
        }
        assert!(!it.data_dir().join("drives").join(id).exists(), "{place}");
        assert_eq!(fs::read(it.path("Photos").join("a.txt"))?, b"hello");
    }
    Ok(())
}

#[test]
fn a_drive_that_cannot_be_opened_holds_up_collecting_until_it_is_left() -> TestResult {
    let it = Device::new()?;
    shared(&it)?;
    it.json(&["stop"])?;
    let damaged = it.data_dir().join("drives").join("damaged");
    fs::create_dir(&damaged)?;
    fs::write(damaged.join("log.redb"), "not a record")?;
    let status = it.json(&["status"])?;
    let broken = status["broken"][0]["id"].as_str().ok_or("none is broken")?;
    let refused = it.refusal(&["collect"], 1)?;
    assert!(
        refused["hint"]
            .as_str()
            .is_some_and(|hint| hint.contains("leave")),
        "{refused}"
    );
    it.json(&["leave", broken])?;
    assert!(!damaged.exists());
    it.json(&["collect"])?;
    assert!(it.json(&["status"])?["broken"].is_null());
    Ok(())
}

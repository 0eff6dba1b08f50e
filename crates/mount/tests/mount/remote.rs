//! Changes by others while the drive is mounted: the kernel's caches never hide them.

use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::{Duration, Instant};

use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::name::Name;

use crate::support::TestResult;
use crate::support::mounted::{TestMount, eventually};

fn names(folder: &std::path::Path) -> std::io::Result<Vec<String>> {
    let entries = std::fs::read_dir(folder)?;
    let mut names: Vec<String> = entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<std::io::Result<_>>()?;
    names.sort();
    Ok(names)
}

#[test]
fn a_name_that_was_missed_is_found_once_it_appears() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let path = drive.path("later.txt");
    // The kernel remembers that it is not there.
    assert!(!path.exists());
    assert!(names(&drive.path(""))?.is_empty());
    drive.volume.remote_write("later.txt", b"here");
    eventually("the name is found", || path.exists())?;
    assert_eq!(std::fs::read(&path)?, b"here");
    assert_eq!(names(&drive.path(""))?, ["later.txt"]);
    Ok(())
}

#[test]
fn a_file_that_changes_elsewhere_reads_anew() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let path = drive.path("notes.txt");
    std::fs::write(&path, b"first version")?;
    assert_eq!(std::fs::read(&path)?, b"first version");
    for round in 0..20 {
        let bytes = format!("version {round} {}", "x".repeat(round * 300));
        drive.volume.remote_write("notes.txt", bytes.as_bytes());
        let read = || std::fs::read(&path).is_ok_and(|read| read == bytes.as_bytes());
        eventually("the new version reads", read)?;
        assert_eq!(std::fs::metadata(&path)?.len(), bytes.len() as u64);
    }
    Ok(())
}

/// A version that is longer, or shorter, than the one before may be read before the kernel has heard of it.
#[test]
fn whoever_reads_while_versions_come_reads_one_of_them_whole() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let path = drive.path("changing");
    let version = |n: usize| vec![b'a' + (n % 26) as u8; 1_000 + n * 7_919 % 90_000];
    drive.volume.remote_write("changing", &version(0));
    eventually("it is there", || path.exists())?;
    let versions: Vec<_> = (0..3_000).map(version).collect();
    let over = std::sync::atomic::AtomicBool::new(false);
    let torn = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                match std::fs::read(&path) {
                    Ok(read) if !versions.contains(&read) => {
                        return Err(format!("{} bytes after {reads} reads", read.len()));
                    }
                    // A name may lead nowhere for a moment: that is no torn file.
                    _ => reads += 1,
                }
            }
            Ok(reads)
        });
        for bytes in &versions {
            drive.volume.remote_write("changing", bytes);
            std::thread::sleep(Duration::from_micros(300));
            if reader.is_finished() {
                break;
            }
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        reader.join()
    });
    let reads = torn.map_err(|_| "the reader panicked")??;
    assert!(reads > 100, "{reads} reads");
    Ok(())
}

#[test]
fn an_open_file_keeps_its_version_and_the_name_shows_the_new_one() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let path = drive.path("report.txt");
    let old = "old ".repeat(5_000);
    std::fs::write(&path, &old)?;
    let mut open = std::fs::File::open(&path)?;
    let mut first = [0; 4];
    open.read_exact(&mut first)?;
    drive.volume.remote_write("report.txt", b"new");
    eventually("the name shows the new version", || {
        std::fs::read(&path).is_ok_and(|read| read == b"new")
    })?;
    let mut whole = String::new();
    open.seek(SeekFrom::Start(0))?;
    open.read_to_string(&mut whole)?;
    assert_eq!(whole, old);
    assert_eq!(open.metadata()?.len(), old.len() as u64);
    assert_ne!(open.metadata()?.ino(), std::fs::metadata(&path)?.ino());
    Ok(())
}

#[test]
fn an_edit_from_elsewhere_and_one_under_way_here_are_both_kept() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let path = drive.path("plan.md");
    std::fs::write(&path, b"base")?;
    let mut open = std::fs::OpenOptions::new().write(true).open(&path)?;
    open.write_all(b"mine")?;
    drive.volume.remote_write("plan.md", b"theirs");
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(std::fs::read(&path)?, b"mine");
    drop(open);
    assert_eq!(drive.volume.bytes("plan.md").as_deref(), Some(&b"mine"[..]));
    eventually("the copy shows", || {
        names(&drive.path("")).is_ok_and(|names| names.len() == 2)
    })?;
    let copy = names(&drive.path(""))?.remove(0);
    assert!(
        copy.starts_with("plan (conflict ") && copy.ends_with(").md"),
        "{copy}"
    );
    assert_eq!(std::fs::read(drive.path(&copy))?, b"theirs");
    Ok(())
}

#[test]
fn an_edit_that_arrives_in_the_moment_of_closing_is_kept_too() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let path = drive.path("plan.md");
    std::fs::write(&path, b"base")?;
    drive.volume.interrupt("plan.md", b"theirs");
    std::fs::write(&path, b"mine")?;
    assert_eq!(drive.volume.bytes("plan.md").as_deref(), Some(&b"mine"[..]));
    eventually("the copy shows", || {
        names(&drive.path("")).is_ok_and(|names| names.len() == 2)
    })?;
    let copy = names(&drive.path(""))?.remove(0);
    assert_eq!(std::fs::read(drive.path(&copy))?, b"theirs");
    Ok(())
}

#[test]
fn a_handle_opened_before_an_edit_from_elsewhere_writes_beside_it() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let path = drive.path("log.txt");
    std::fs::write(&path, b"base")?;
    let open = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)?;
    drive.volume.remote_write("log.txt", b"theirs, longer");
    eventually("the new version shows", || {
        std::fs::read(&path).is_ok_and(|read| read == b"theirs, longer")
    })?;
    open.write_all_at(b"mine", 0)?;
    drop(open);
    eventually("what was written last shows", || {
        std::fs::read(&path).is_ok_and(|read| read == b"mine")
    })?;
    let copies: Vec<_> = names(&drive.path(""))?
        .into_iter()
        .filter(|name| name != "log.txt")
        .collect();
    assert_eq!(copies.len(), 1);
    assert_eq!(std::fs::read(drive.path(&copies[0]))?, b"theirs, longer");
    Ok(())
}

#[test]
fn a_file_deleted_elsewhere_goes_and_whoever_has_it_open_keeps_it() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let path = drive.path("gone.txt");
    std::fs::write(&path, b"still here")?;
    let mut open = std::fs::File::open(&path)?;
    let node = drive.volume.at("gone.txt").ok_or("no node")?.id;
    drive.volume.remote(&[Edit::Delete { node }]);
    eventually("the name is gone", || !path.exists())?;
    assert!(names(&drive.path(""))?.is_empty());
    let mut read = String::new();
    open.read_to_string(&mut read)?;
    assert_eq!(read, "still here");
    assert_eq!(open.metadata()?.nlink(), 0);
    Ok(())
}

#[test]
fn unsaved_writes_bring_a_file_back_that_was_deleted_elsewhere() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let path = drive.path("work.txt");
    std::fs::write(&path, b"before")?;
    let mut open = std::fs::OpenOptions::new().append(true).open(&path)?;
    open.write_all(b" and after")?;
    let node = drive.volume.at("work.txt").ok_or("no node")?.id;
    drive.volume.remote(&[Edit::Delete { node }]);
    eventually("the name is gone", || !path.exists())?;
    drop(open);
    eventually("it is back", || {
        std::fs::read(&path).is_ok_and(|read| read == b"before and after")
    })
}

#[test]
fn moves_and_renames_elsewhere_show_at_once() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    std::fs::create_dir_all(drive.path("a/deep"))?;
    std::fs::create_dir(drive.path("b"))?;
    std::fs::write(drive.path("a/deep/file"), b"moved")?;
    assert_eq!(names(&drive.path("b"))?, Vec::<String>::new());
    let (node, parent) = (
        drive.volume.at("a/deep").ok_or("no node")?.id,
        drive.volume.at("b").ok_or("no node")?.id,
    );
    drive.volume.remote(&[Edit::Move {
        node,
        parent,
        name: Name::new("deeper")?,
    }]);
    eventually("it shows at its new place", || {
        drive.path("b/deeper/file").exists()
    })?;
    eventually("it is gone from its old place", || {
        !drive.path("a/deep").exists()
    })?;
    eventually("the listings agree", || {
        names(&drive.path("b")).is_ok_and(|names| names == ["deeper"])
            && names(&drive.path("a")).is_ok_and(|names| names.is_empty())
    })
}

#[test]
fn modes_changed_elsewhere_show_at_once() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let path = drive.path("script");
    std::fs::write(&path, b"#!/bin/sh\n")?;
    assert_eq!(std::fs::metadata(&path)?.mode() & 0o777, 0o644);
    let node = drive.volume.at("script").ok_or("no node")?.id;
    drive.volume.remote(&[Edit::SetAttributes {
        node,
        mode: Some(0o755),
        mtime_ns: None,
    }]);
    eventually("the mode shows", || {
        std::fs::metadata(&path).is_ok_and(|stat| stat.mode() & 0o777 == 0o755)
    })
}

#[test]
fn more_changes_than_the_feed_holds_are_not_missed() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    std::fs::write(drive.path("old"), b"1")?;
    assert!(!drive.path("name-700").exists());
    assert_eq!(names(&drive.path(""))?, ["old"]);
    for number in 0..800 {
        drive.volume.remote_write(&format!("name-{number}"), b"x");
    }
    drive.volume.remote_write("old", b"2");
    eventually("all show", || {
        names(&drive.path("")).is_ok_and(|names| names.len() == 801)
            && drive.path("name-700").exists()
            && std::fs::read(drive.path("old")).is_ok_and(|read| read == b"2")
    })
}

#[test]
fn a_file_nobody_has_fails_at_once_and_holds_nobody_up() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    drive.volume.remote_write("far.bin", &[7; 100_000]);
    drive.volume.remote_write("near.txt", b"near");
    drive.volume.make_unreachable("far.bin");
    eventually("both show", || drive.path("far.bin").exists())?;
    let begun = Instant::now();
    let error = std::fs::read(drive.path("far.bin"))
        .err()
        .ok_or("read what nobody has")?;
    assert_eq!(
        error.raw_os_error(),
        Some(rustix::io::Errno::IO.raw_os_error())
    );
    assert!(begun.elapsed() < Duration::from_secs(2));
    // It is not spoiled by the try, and neither is writing all of it anew.
    std::fs::write(drive.path("far.bin"), b"mine")?;
    assert_eq!(std::fs::read(drive.path("far.bin"))?, b"mine");
    Ok(())
}

#[test]
fn a_slow_read_holds_nobody_up() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    drive.volume.remote_write("slow.bin", &[1; 10_000]);
    drive.volume.set_slowness(Duration::from_millis(400));
    let path = drive.path("slow.bin");
    eventually("it shows", || path.exists())?;
    let slow = std::thread::spawn(move || std::fs::read(path));
    std::thread::sleep(Duration::from_millis(20));
    let begun = Instant::now();
    for number in 0..20 {
        std::fs::write(drive.path(format!("quick-{number}")), b"x")?;
        std::fs::metadata(drive.path("slow.bin"))?;
    }
    assert!(
        begun.elapsed() < Duration::from_millis(300),
        "{:?}",
        begun.elapsed()
    );
    let read = slow.join().map_err(|_| "the reader panicked")??;
    assert_eq!(read.len(), 10_000);
    Ok(())
}

#[test]
fn own_writes_keep_the_pages_they_wrote() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let path = drive.path("warm.bin");
    // Whole pages: the kernel fetches the rest of one that was written in part.
    let bytes = vec![3; 64 * 4_096];
    std::fs::write(&path, &bytes)?;
    std::thread::sleep(Duration::from_millis(50));
    // If a page had to be fetched, this would fail.
    drive.volume.make_unreachable("warm.bin");
    assert_eq!(std::fs::read(&path)?, bytes);
    Ok(())
}

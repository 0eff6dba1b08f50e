//! What cannot be kept in step now: a folder that is not there, names that are no text, files that
//! cannot be read or had. All of it is told for as long as it is so, and nothing counts as work that
//! would never end.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use super::super::marker;
use super::super::status::WorkingCopyStatus;
use super::super::{WorkingCopyError, check};
use super::support::{Bench, Or, TestResult};

/// Looks every now and then until the status is as wanted.
async fn until(
    bench: &Bench,
    what: &str,
    holds: impl Fn(&WorkingCopyStatus) -> bool,
) -> Or<WorkingCopyStatus> {
    let begun = Instant::now();
    loop {
        let status = bench.copy.as_ref().ok_or("not started")?.status();
        if holds(&status) {
            return Ok(status);
        }
        if begun.elapsed() > Duration::from_secs(30) {
            return Err(format!("{what}: {status:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_folder_that_is_not_there_at_the_start_is_waited_for() -> TestResult {
    let mut bench = Bench::started()?;
    bench.put("a/b", "x")?;
    bench.settle().await?;
    bench.stop().await;
    let away = bench.dir.path().join("away");
    fs::rename(bench.root(), &away)?;
    bench.start()?;
    let status = bench.sync().await?;
    assert!(status.paused.is_some(), "{status:?}");
    bench.there.write("c", b"from there")?;
    bench.exchange()?;
    bench.sync().await?;
    assert!(!bench.root().exists(), "a folder was made in its place");
    assert_eq!(bench.here.shown().len(), 3);

    fs::rename(&away, bench.root())?;
    until(&bench, "it goes on by itself", |status| status.in_step()).await?;
    assert_eq!(bench.read("c")?, "from there");
    bench.settle().await?;
    bench.assert_in_step()
}

#[tokio::test]
async fn a_working_copy_that_breaks_down_says_so_and_its_files_are_taken_in_by_the_next()
-> TestResult {
    let mut bench = Bench::started()?;
    bench.settle().await?;
    *bench.here.0.hook.lock() = Some(Box::new(|| panic!("a fault, for this test")));
    bench.put("a/b", "x")?;
    let status = until(&bench, "it says so", |status| status.paused.is_some()).await?;
    assert!(!status.in_step() && !status.is_busy(), "{status:?}");
    assert!(
        status.paused.is_some_and(|why| why.contains("a fault")),
        "it is said why"
    );
    bench.stop().await;
    bench.start()?;
    bench.settle().await?;
    bench.assert_in_step()
}

#[tokio::test]
async fn a_folder_of_an_empty_drive_is_waited_for_as_well() -> TestResult {
    let mut bench = Bench::started()?;
    bench.settle().await?;
    bench.stop().await;
    fs::remove_dir_all(bench.root())?;
    bench.resume()?;
    let status = bench.sync().await?;
    assert!(status.paused.is_some(), "{status:?}");
    assert!(!bench.root().exists(), "a folder was made in its place");
    // A bare mount point is not it either.
    fs::create_dir(bench.root())?;
    let status = bench.sync().await?;
    assert!(status.paused.is_some(), "{status:?}");
    assert_eq!(fs::read_dir(bench.root())?.count(), 0);
    Ok(())
}

#[tokio::test]
async fn a_folder_chosen_earlier_is_taken_up_when_it_can_be() -> TestResult {
    let mut bench = Bench::new()?;
    bench.there.write("a", b"x")?;
    bench.exchange()?;
    // Somebody's file lies where the folder is to be made.
    fs::write(bench.root(), "in the way")?;
    assert!(matches!(bench.start(), Err(WorkingCopyError::Disk { .. })));
    bench.resume()?;
    let status = bench.sync().await?;
    assert!(status.paused.is_some(), "{status:?}");
    fs::remove_file(bench.root())?;
    until(&bench, "it is made", |status| status.in_step()).await?;
    assert_eq!(bench.read("a")?, "x");
    bench.assert_in_step()
}

#[tokio::test]
async fn a_folder_of_another_drive_is_refused_before_anything_hangs_on_it() -> TestResult {
    let mut bench = Bench::started()?;
    bench.put("kept", "x")?;
    bench.settle().await?;
    bench.stop().await;
    let root = bench.root();
    assert!(check(&root, "fake").is_ok());
    assert!(matches!(
        check(&root, "another"),
        Err(WorkingCopyError::OtherDrive(_))
    ));
    assert!(check(&root.join("to/be/made"), "another").is_ok());
    // Given up, it is anyone's again; what is in it stays.
    marker::remove(&root, "another")?;
    assert!(root.join(marker::FOLDER).exists());
    marker::remove(&root, "fake")?;
    assert!(!root.join(marker::FOLDER).exists());
    assert_eq!(bench.read("kept")?, "x");
    assert!(check(&root, "another").is_ok());
    Ok(())
}

#[tokio::test]
async fn a_name_that_is_no_text_is_told_of_for_as_long_as_it_is_there() -> TestResult {
    let bench = Bench::started()?;
    bench.put("folder/fine", "x")?;
    let bad = bench.path("folder").join(OsStr::from_bytes(b"caf\xe9.txt"));
    fs::write(&bad, "not left out without a word")?;
    let status = bench.settle().await?;
    assert_eq!(status.problems.len(), 1, "{status:?}");
    assert_eq!(status.problems[0].path, "folder/caf\u{fffd}.txt");
    // Longer than any retry of the early kind, and with other work in between.
    bench.put("folder/another", "y")?;
    tokio::time::sleep(Duration::from_millis(900)).await;
    let status = bench.settle().await?;
    assert_eq!(status.problems.len(), 1, "{status:?}");
    assert!(!status.is_busy(), "{status:?}");

    fs::rename(bench.path("folder"), bench.path("renamed"))?;
    let moved = |status: &WorkingCopyStatus| {
        status.problems.len() == 1 && status.problems[0].path.starts_with("renamed/")
    };
    until(&bench, "it is told of where it is", moved).await?;
    let bad = bench
        .path("renamed")
        .join(OsStr::from_bytes(b"caf\xe9.txt"));
    fs::rename(bad, bench.path("renamed/caf\u{e9}.txt"))?;
    until(&bench, "it is told of no more", |status| status.in_step()).await?;
    bench.settle().await?;
    bench.assert_in_step()
}

#[tokio::test]
async fn what_failed_is_told_apart_from_what_is_under_way() -> TestResult {
    let bench = Bench::started()?;
    symlink(OsStr::from_bytes(b"\xff"), bench.path("link"))?;
    bench.there.write("far", b"nobody has it")?;
    bench.there.take_away(b"nobody has it");
    bench.exchange()?;
    let status = bench.sync().await?;
    assert_eq!(status.problems.len(), 2, "{status:?}");
    assert!(status.pending_in > 0 && status.pending_out > 0);
    assert!(!status.is_busy(), "{status:?}");
    bench.here.bring_back();
    fs::remove_file(bench.path("link"))?;
    until(&bench, "all is well", |status| status.in_step()).await?;
    Ok(())
}

#[tokio::test]
async fn reading_ends_when_all_was_read_whatever_became_of_it() -> TestResult {
    let mut bench = Bench::new()?;
    for n in 0..20 {
        bench
            .there
            .write(&format!("{n}"), b"the same on both sides")?;
        bench.put(&format!("{n}"), "the same on both sides")?;
    }
    bench.exchange()?;
    bench.start()?;
    symlink(OsStr::from_bytes(b"\xff"), bench.path("link"))?;
    bench.settle().await?;
    bench.there.write("far", b"nobody has it")?;
    bench.there.take_away(b"nobody has it");
    for round in 0..3 {
        bench.put("new", format!("{round}"))?;
        bench.settle().await?;
    }
    let progress = bench.copy.as_ref().ok_or("not started")?.progress();
    assert_eq!(progress.files_in, progress.files_in_total, "{progress:?}");
    assert_eq!(progress.bytes_in, progress.bytes_in_total, "{progress:?}");
    assert_eq!(progress.files_out, progress.files_out_total, "{progress:?}");
    assert_eq!(progress.bytes_out, progress.bytes_out_total, "{progress:?}");
    Ok(())
}

#[tokio::test]
async fn a_file_of_the_future_is_read_once() -> TestResult {
    let bench = Bench::started()?;
    bench.put("a", "x")?;
    let file = fs::File::options().write(true).open(bench.path("a"))?;
    file.set_modified(SystemTime::now() + Duration::from_secs(86_400))?;
    drop(file);
    bench.settle().await?;
    bench.sync().await?;
    let read = || {
        let drive = &bench.here.0;
        drive.imports.load(Ordering::SeqCst) + drive.hashes.load(Ordering::SeqCst)
    };
    let before = read();
    for _ in 0..3 {
        bench.sync().await?;
    }
    assert_eq!(read(), before, "it was read again");
    Ok(())
}

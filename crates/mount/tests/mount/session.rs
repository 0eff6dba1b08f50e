//! Mounting and unmounting: what is refused, and that nothing is ever stuck.

use std::io::{BufRead, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use peerdrive_mount::{MountError, MountOptions, clear_stale, mount};

use crate::support::mounted::{TestMount, can_mount, eventually};
use crate::support::{MemoryVolume, TestResult};

/// Where the child process of a test is to mount.
const CHILD: &str = "PEERDRIVE_TEST_MOUNT_AT";

fn is_mount_point(path: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts
        .lines()
        .any(|line| line.split(' ').nth(1) == path.to_str())
}

fn refused(at: &Path) -> TestResult<MountError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let staging = tempfile::tempdir()?;
    let options = MountOptions::new(staging.path());
    match mount(MemoryVolume::new(), at, runtime.handle().clone(), options) {
        Ok(_) => Err("it was mounted".into()),
        Err(error) => Ok(error),
    }
}

#[test]
fn what_cannot_be_mounted_on_is_refused_with_a_reason() -> TestResult {
    let folder = tempfile::tempdir()?;
    let missing = folder.path().join("missing");
    assert!(matches!(refused(&missing)?, MountError::Missing(_)));
    let file = folder.path().join("file");
    std::fs::write(&file, b"")?;
    assert!(matches!(refused(&file)?, MountError::NotAFolder(_)));
    assert!(matches!(refused(folder.path())?, MountError::NotEmpty(_)));
    assert!(refused(&missing)?.to_string().contains("mkdir -p"));
    Ok(())
}

#[test]
fn a_second_mount_at_one_place_is_refused() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    assert!(matches!(
        refused(&drive.path(""))?,
        MountError::AlreadyMounted(_)
    ));
    Ok(())
}

#[test]
fn unmounting_leaves_an_empty_folder_and_mounting_again_shows_the_drive() -> TestResult {
    let Some(mut drive) = TestMount::new()? else {
        return Ok(());
    };
    std::fs::write(drive.path("kept"), b"kept")?;
    let ino = std::fs::metadata(drive.path("kept"))?.ino();
    assert!(drive.is_alive());
    drive.unmount()?;
    assert!(!is_mount_point(&drive.path("")));
    assert_eq!(std::fs::read_dir(drive.path(""))?.count(), 0);
    drive.remount()?;
    assert_eq!(std::fs::read(drive.path("kept"))?, b"kept");
    let again = std::fs::metadata(drive.path("kept"))?.ino();
    drive.remount()?;
    assert_eq!(std::fs::metadata(drive.path("kept"))?.ino(), again);
    assert_ne!(ino, 0);
    Ok(())
}

#[test]
fn unmounting_saves_what_is_open_and_frees_the_folder_though_it_is_in_use() -> TestResult {
    let Some(mut drive) = TestMount::new()? else {
        return Ok(());
    };
    let mut open = std::fs::File::create(drive.path("open.txt"))?;
    open.write_all(b"not closed yet")?;
    drive.unmount()?;
    assert!(!is_mount_point(&drive.path("")));
    assert_eq!(
        drive.volume.bytes("open.txt").as_deref(),
        Some(&b"not closed yet"[..])
    );
    // The handle lives on, and what it writes is not lost either.
    open.write_all(b", more")?;
    drop(open);
    eventually("the rest is saved", || {
        drive.volume.bytes("open.txt").as_deref() == Some(&b"not closed yet, more"[..])
    })
}

#[test]
fn a_dropped_mount_is_gone() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let at = drive.path("");
    std::fs::write(drive.path("file"), b"x")?;
    drop(drive);
    assert!(!is_mount_point(&at));
    Ok(())
}

#[test]
fn a_mount_that_someone_else_unmounted_is_not_alive() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    assert!(drive.is_alive());
    rustix::mount::unmount(drive.path(""), rustix::mount::UnmountFlags::empty())?;
    eventually("it knows", || !drive.is_alive())
}

/// Not a test by itself: the process that the next one kills.
#[test]
fn child_that_mounts_and_waits() -> TestResult {
    let Some(at) = std::env::var_os(CHILD) else {
        return Ok(());
    };
    let staging = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let options = MountOptions::new(staging.path());
    let volume = MemoryVolume::new();
    let _mounted = mount(volume, Path::new(&at), runtime.handle().clone(), options)?;
    std::fs::write(Path::new(&at).join("file"), b"x")?;
    let mut out = std::io::stdout();
    writeln!(out, "\nmounted")?;
    out.flush()?;
    std::thread::sleep(std::time::Duration::from_secs(60));
    Ok(())
}

#[test]
fn a_killed_process_leaves_no_stuck_mount() -> TestResult {
    if !can_mount() {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let at = folder.path().join("drive");
    std::fs::create_dir(&at)?;
    assert!(!clear_stale(&at)?);
    let mut child = Command::new(std::env::current_exe()?)
        .args([
            "--exact",
            "session::child_that_mounts_and_waits",
            "--nocapture",
        ])
        .env(CHILD, &at)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let out = child.stdout.take().ok_or("no output")?;
    let ready = std::io::BufReader::new(out)
        .lines()
        .any(|line| line.is_ok_and(|line| line == "mounted"));
    child.kill()?;
    child.wait()?;
    assert!(ready);
    let stuck = std::fs::metadata(&at).err();
    assert_eq!(
        stuck.and_then(|error| error.raw_os_error()),
        Some(rustix::io::Errno::NOTCONN.raw_os_error())
    );
    assert!(clear_stale(&at)?);
    assert!(!is_mount_point(&at));
    assert_eq!(std::fs::read_dir(&at)?.count(), 0);
    // And mounting clears by itself.
    assert!(!clear_stale(&at)?);
    Ok(())
}

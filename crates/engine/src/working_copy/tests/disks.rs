//! Disks that are mounted inside the folder, and go away. Needs the right to mount.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::{Bench, Or, TestResult};

/// Something mounted; not any more when dropped.
struct Mounted(PathBuf);

impl Mounted {
    /// `None`, and it is said, where nothing may be mounted.
    fn new(words: &[&str], at: &Path) -> Or<Option<Mounted>> {
        fs::create_dir_all(at)?;
        let done = Command::new("mount").args(words).arg(at).output()?;
        if !done.status.success() {
            let why = String::from_utf8_lossy(&done.stderr);
            skipped(&format!("nothing may be mounted here: {}", why.trim()));
            return Ok(None);
        }
        Ok(Some(Mounted(at.to_owned())))
    }
}

/// Says of the test that runs that it does not, also in the list that `PEERDRIVE_SKIPS` names.
fn skipped(reason: &str) {
    // A test runs on a thread of its name.
    let thread = std::thread::current();
    let line = format!("skipped {}: {reason}\n", thread.name().unwrap_or("a test"));
    std::io::stderr().write_all(line.as_bytes()).ok();
    if let Some(list) = std::env::var_os("PEERDRIVE_SKIPS") {
        let open = fs::OpenOptions::new().create(true).append(true).open(list);
        open.and_then(|mut file| file.write_all(line.as_bytes()))
            .ok();
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

#[tokio::test]
async fn a_disk_in_the_folder_that_is_unmounted_is_no_deletion() -> TestResult {
    let bench = Bench::started()?;
    let disk = bench.dir.path().join("disk");
    let Some(_disk) = Mounted::new(&["-t", "tmpfs", "tmpfs"], &disk)? else {
        return Ok(());
    };
    let bound = ["--bind", disk.to_str().ok_or("not UTF-8")?];
    let at = bench.path("photos/disk");
    let mounted = Mounted::new(&bound, &at)?.ok_or("tmpfs may be mounted, this not")?;
    bench.put("photos/disk/a", "a")?;
    bench.put("photos/disk/sub/b", "b")?;
    bench.put("photos/disk/sub/c", "c")?;
    bench.put("beside", "beside")?;
    bench.settle().await?;
    bench.assert_in_step()?;
    let before = bench.there.shown();

    drop(mounted);
    bench.put("beside", "edited")?;
    bench.settle().await?;
    let status = bench.settle().await?;
    assert_eq!(
        bench.there.shown().len(),
        before.len(),
        "something was deleted"
    );
    let said = status
        .problems
        .iter()
        .any(|problem| problem.path == "photos/disk" && problem.reason.contains("not mounted"));
    assert!(said, "{status:?}");
    // Nor is anything written where it does not belong, and nothing there is taken in.
    bench.there.write("photos/disk/a", b"edited there")?;
    bench.there.write("photos/disk/sub/new", b"new there")?;
    bench.there.delete("photos/disk/sub/b")?;
    bench.put("photos/disk/stray", "on the wrong disk")?;
    bench.settle().await?;
    assert_eq!(fs::read_dir(&at)?.count(), 1);
    assert!(bench.there.at("photos/disk/stray").is_err());
    assert_eq!(
        bench.there.shown().get("beside"),
        Some(&Some(b"edited".to_vec()))
    );
    fs::remove_file(at.join("stray"))?;

    let _mounted = Mounted::new(&bound, &at)?.ok_or("it could be mounted before")?;
    bench.settle().await?;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let status = bench.settle().await?;
    // What others did there waits and says so: temporary files are on the folder's own disk, and a rename
    // does not lead from one disk to another. Nothing of it is lost, and the rest goes on.
    for path in ["photos/disk/a", "photos/disk/sub/new"] {
        assert!(
            status.problems.iter().any(|problem| problem.path == path),
            "{status:?}"
        );
    }
    assert_eq!(bench.read("photos/disk/a")?, "a");
    let shown = bench.there.shown();
    assert_eq!(
        shown.get("photos/disk/a"),
        Some(&Some(b"edited there".to_vec()))
    );
    bench.put("photos/disk/sub/c", "edited here")?;
    bench.put("beside", "once more")?;
    bench.settle().await?;
    let shown = bench.there.shown();
    assert_eq!(
        shown.get("photos/disk/sub/c"),
        Some(&Some(b"edited here".to_vec()))
    );
    assert_eq!(shown.get("beside"), Some(&Some(b"once more".to_vec())));
    Ok(())
}

#[tokio::test]
async fn a_disk_mounted_over_a_folder_is_no_deletion_and_its_removal_is_one() -> TestResult {
    let mut bench = Bench::started()?;
    bench.put("d/a", "a")?;
    bench.put("d/e/b", "b")?;
    bench.settle().await?;
    let Some(over) = Mounted::new(&["-t", "tmpfs", "tmpfs"], &bench.path("d"))? else {
        return Ok(());
    };
    // Seen by an event, by a look at everything, and after a restart.
    bench.put("d/stray", "on the wrong disk")?;
    bench.settle().await?;
    bench.stop().await;
    bench.start()?;
    bench.settle().await?;
    assert_eq!(bench.there.shown().len(), 4, "{:?}", bench.there.shown());
    drop(over);
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let status = bench.settle().await?;
    assert!(status.in_step(), "{status:?}");
    bench.assert_in_step()?;
    fs::remove_dir_all(bench.path("d"))?;
    bench.settle().await?;
    bench.assert_in_step()?;
    assert!(bench.there.shown().is_empty());
    bench.assert_silent().await
}

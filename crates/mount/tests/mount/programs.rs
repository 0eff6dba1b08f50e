//! Programs that people use, on a real mount. Those that are not installed say so.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::support::TestResult;
use crate::support::mounted::{TestMount, skipped};

/// Runs a program in a folder; `None` if it is not installed.
fn run<S: AsRef<OsStr>>(
    at: &Path,
    program: &str,
    args: impl IntoIterator<Item = S>,
) -> TestResult<Option<String>> {
    let ran = Command::new(program)
        .args(args)
        .current_dir(at)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output();
    match ran {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            skipped(&format!("{program} is not installed"));
            Ok(None)
        }
        Err(error) => Err(error.into()),
        Ok(ran) if ran.status.success() => {
            Ok(Some(String::from_utf8_lossy(&ran.stdout).into_owned()))
        }
        Ok(ran) => Err(format!("{program}: {}", String::from_utf8_lossy(&ran.stderr)).into()),
    }
}

fn git(at: &Path, args: &str) -> TestResult<Option<String>> {
    let who = [
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@example.org",
        "-c",
        "safe.directory=*",
    ];
    run(at, "git", who.into_iter().chain(args.split(' ')))
}

#[test]
fn git_commits_clones_and_checks() -> TestResult {
    let Some(mut drive) = TestMount::new()? else {
        return Ok(());
    };
    let repository = drive.path("repository");
    std::fs::create_dir(&repository)?;
    if git(&repository, "init -q")?.is_none() {
        return Ok(());
    }
    for number in 0..50 {
        let folder = repository.join(format!("folder-{}", number % 5));
        std::fs::create_dir_all(&folder)?;
        std::fs::write(
            folder.join(format!("file-{number}")),
            format!("line {number}\n"),
        )?;
    }
    git(&repository, "add .")?;
    git(&repository, "commit -qm first")?;
    std::fs::write(repository.join("folder-0/file-0"), b"changed\n")?;
    assert_eq!(
        git(&repository, "status --short")?.as_deref(),
        Some(" M folder-0/file-0\n")
    );
    git(&repository, "commit -qam second")?;
    git(&repository, "branch other HEAD~1")?;
    git(&repository, "checkout -q other")?;
    assert_eq!(
        std::fs::read(repository.join("folder-0/file-0"))?,
        b"line 0\n"
    );
    git(&repository, "gc -q")?;
    git(&repository, "fsck --full --strict")?;
    git(&drive.path(""), "clone -q repository clone")?;
    git(&drive.path("clone"), "fsck --full")?;
    drive.remount()?;
    assert_eq!(git(&repository, "status --short")?.as_deref(), Some(""));
    git(&repository, "fsck --full --strict")?;
    Ok(())
}

#[test]
fn sqlite_writes_and_checks() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    for mode in ["delete", "wal", "truncate"] {
        let script = format!(
            "pragma journal_mode={mode}; create table t(a integer primary key, b text); \
             begin; with recursive n(i) as (select 1 union all select i+1 from n where i<5000) \
             insert into t select i, hex(randomblob(20)) from n; commit; \
             delete from t where a % 3 = 0; vacuum; pragma integrity_check;"
        );
        let name = format!("{mode}.db");
        let Some(said) = run(&drive.path(""), "sqlite3", [name.as_str(), script.as_str()])? else {
            return Ok(());
        };
        assert!(said.trim_end().ends_with("ok"), "{said}");
        let count = run(
            &drive.path(""),
            "sqlite3",
            [name.as_str(), "select count(*) from t"],
        )?;
        assert_eq!(count.as_deref(), Some("3334\n"));
        assert!(drive.volume.at(&name).is_some());
    }
    Ok(())
}

#[test]
fn tar_packs_and_unpacks() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let source = drive.path("source");
    std::fs::create_dir_all(source.join("deep/er"))?;
    for number in 0..100_u8 {
        std::fs::write(
            source.join(format!("deep/er/{number}")),
            vec![number; 3_000],
        )?;
    }
    std::os::unix::fs::symlink("deep/er/7", source.join("link"))?;
    let root = drive.path("");
    if run(&root, "tar", ["cf", "all.tar", "source"])?.is_none() {
        return Ok(());
    }
    std::fs::create_dir(drive.path("out"))?;
    run(&root, "tar", ["xpf", "all.tar", "-C", "out"])?;
    run(&root, "diff", ["-r", "source", "out/source"])?;
    run(&root, "tar", ["df", "all.tar"])?;
    run(&root, "rm", ["-r", "source", "out"])?;
    assert!(drive.volume.at("source").is_none());
    Ok(())
}

#[test]
fn dd_writes_through_and_cp_copies() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let root = drive.path("");
    let args = [
        "if=/dev/urandom",
        "of=blob",
        "bs=64k",
        "count=64",
        "conv=fsync",
    ];
    if run(&root, "dd", args)?.is_none() {
        return Ok(());
    }
    let bytes = drive.volume.bytes("blob").ok_or("not in the drive")?;
    assert_eq!(bytes.len(), 64 * 65_536);
    run(&root, "cp", ["-p", "blob", "copy"])?;
    run(&root, "cmp", ["blob", "copy"])?;
    assert_eq!(drive.volume.bytes("copy"), Some(bytes));
    // In place, in the middle.
    let args = [
        "if=/dev/zero",
        "of=copy",
        "bs=1k",
        "seek=100",
        "count=3",
        "conv=notrunc",
    ];
    run(&root, "dd", args)?;
    let copy = drive.volume.bytes("copy").ok_or("not in the drive")?;
    assert_eq!(copy.len(), 64 * 65_536);
    assert!(copy[100 * 1_024..103 * 1_024].iter().all(|byte| *byte == 0));
    run(
        &root,
        "dd",
        [
            "if=blob",
            "of=direct",
            "bs=64k",
            "oflag=direct",
            "iflag=direct",
        ],
    )?;
    run(&root, "cmp", ["blob", "direct"])?;
    Ok(())
}

/// As vim does with `backupcopy=no`: the old file becomes a backup, a new one is written, the backup goes.
#[test]
fn editors_that_save_by_renaming_make_versions_of_one_file() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let path = drive.path("notes.md");
    std::fs::write(&path, b"0")?;
    for version in 1..20 {
        let backup = drive.path("notes.md~");
        std::fs::rename(&path, &backup)?;
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        file.write_all(format!("version {version}").as_bytes())?;
        file.sync_all()?;
        drop(file);
        std::fs::remove_file(&backup)?;
        assert_eq!(
            std::fs::read(&path)?,
            format!("version {version}").as_bytes()
        );
    }
    let node = drive.volume.at("notes.md").ok_or("no node")?.id;
    for version in 20..40 {
        let swap = drive.path(".notes.md.swp");
        std::fs::write(&swap, format!("version {version}"))?;
        std::fs::rename(&swap, &path)?;
        assert_eq!(
            std::fs::read(&path)?,
            format!("version {version}").as_bytes()
        );
    }
    assert_eq!(drive.volume.at("notes.md").ok_or("no node")?.id, node);
    assert_eq!(std::fs::read_dir(drive.path(""))?.count(), 1);
    Ok(())
}

#[test]
fn a_storm_of_renames_from_many_threads_loses_nothing() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    for folder in 0..4 {
        std::fs::create_dir(drive.path(format!("{folder}")))?;
        std::fs::write(
            drive.path(format!("{folder}/file-{folder}")),
            format!("{folder}"),
        )?;
    }
    let root = drive.path("");
    let storm = |number: usize| {
        let root = root.clone();
        std::thread::spawn(move || {
            let at = |folder: usize| root.join(format!("{}/file-{number}", folder % 4));
            for round in 0..100 {
                std::fs::rename(at(number + round), at(number + round + 1))?;
                if std::fs::read(at(number + round + 1))? != number.to_string().as_bytes() {
                    return Err(std::io::Error::other("another file's bytes"));
                }
            }
            Ok(())
        })
    };
    let threads: Vec<_> = (0..4).map(storm).collect();
    for thread in threads {
        thread.join().map_err(|_| "a thread panicked")??;
    }
    for number in 0..4 {
        let bytes = drive
            .volume
            .bytes(&format!("{}/file-{number}", (number + 100) % 4));
        assert_eq!(bytes.as_deref(), Some(number.to_string().as_bytes()));
    }
    Ok(())
}

#[test]
fn ten_thousand_files_are_listed_and_removed() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    // The drive in memory searches its nodes one by one: filling it is not what this is about.
    for folder in 0..10 {
        std::fs::create_dir(drive.path(format!("{folder}")))?;
    }
    for number in 0..10_000 {
        drive
            .volume
            .remote_write(&format!("0/file-{number:05}"), b"");
    }
    let listed = || -> TestResult<usize> {
        let mut count = 0;
        for entry in std::fs::read_dir(drive.path("0"))? {
            entry?.metadata()?;
            count += 1;
        }
        Ok(count)
    };
    crate::support::mounted::eventually("all are listed", || {
        listed().is_ok_and(|count| count == 10_000)
    })?;
    assert_eq!(listed()?, 10_000);
    Ok(())
}

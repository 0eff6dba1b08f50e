//! What people and their programs do in the folder.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::time::{Duration, Instant};

use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::Kind;

use super::super::in_step::Held;
use super::super::plan::local::{self, Change};
use super::super::rest::Look;
use super::support::{Bench, TestResult};

#[tokio::test]
async fn files_folders_and_symlinks_are_taken_in() -> TestResult {
    let bench = Bench::started()?;
    bench.put("a.txt", "one")?;
    bench.put("deep/er/b.txt", "two")?;
    fs::create_dir(bench.path("empty"))?;
    symlink("a.txt", bench.path("link"))?;
    let status = bench.settle().await?;
    assert!(status.in_step(), "{status:?}");
    assert_eq!(bench.here.shown().len(), 6);
    bench.assert_in_step()?;
    bench.assert_silent().await
}

#[tokio::test]
async fn an_edit_a_rename_and_a_deletion_are_just_that() -> TestResult {
    let bench = Bench::started()?;
    for name in ["a", "b", "c"] {
        bench.put(name, name)?;
    }
    bench.settle().await?;
    let (a, b, c) = (
        bench.here.at("a")?,
        bench.here.at("b")?,
        bench.here.at("c")?,
    );
    bench.here.0.edits.lock().clear();
    bench.put("a", "changed")?;
    fs::rename(bench.path("b"), bench.path("moved"))?;
    fs::remove_file(bench.path("c"))?;
    bench.settle().await?;
    let edits = bench.here.0.edits.lock().clone();
    assert_eq!(edits.len(), 3, "{edits:?}");
    assert_eq!(bench.here.at("a")?, a);
    assert_eq!(bench.here.at("moved")?, b);
    assert!(edits.contains(&Edit::Delete { node: c }));
    bench.assert_in_step()?;
    bench.assert_silent().await
}

#[tokio::test]
async fn a_moved_folder_is_one_edit_and_no_bytes() -> TestResult {
    let bench = Bench::started()?;
    for n in 0..500 {
        bench.put(&format!("from/sub{}/{n}", n % 5), format!("{n}"))?;
    }
    bench.settle().await?;
    let imports = bench
        .here
        .0
        .imports
        .load(std::sync::atomic::Ordering::SeqCst);
    bench.here.0.edits.lock().clear();
    let folder = bench.here.at("from")?;
    fs::create_dir(bench.path("into"))?;
    fs::rename(bench.path("from"), bench.path("into/to"))?;
    bench.settle().await?;
    let edits = bench.here.0.edits.lock().clone();
    assert_eq!(edits.len(), 2, "{edits:?}");
    assert_eq!(bench.here.at("into/to")?, folder);
    assert_eq!(
        bench
            .here
            .0
            .imports
            .load(std::sync::atomic::Ordering::SeqCst),
        imports
    );
    bench.assert_in_step()
}

#[tokio::test]
async fn editors_saves_are_edits_of_the_same_file() -> TestResult {
    let bench = Bench::started()?;
    bench.put("doc.md", "v0")?;
    bench.settle().await?;
    let node = bench.here.at("doc.md")?;
    bench.here.0.edits.lock().clear();
    let doc = bench.path("doc.md");

    // GNOME, KDE, VS Code and most: write another, rename it over.
    fs::write(bench.path(".goutputstream-ABC123"), "v1")?;
    fs::rename(bench.path(".goutputstream-ABC123"), &doc)?;
    bench.settle().await?;
    // vim: a probe, a swap file, the old one renamed to a backup, a new one written, the backup removed.
    fs::write(bench.path("4913"), "")?;
    fs::remove_file(bench.path("4913"))?;
    fs::write(bench.path(".doc.md.swp"), "swap")?;
    fs::rename(&doc, bench.path("doc.md~"))?;
    tokio::time::sleep(Duration::from_millis(30)).await;
    fs::write(&doc, "v2")?;
    tokio::time::sleep(Duration::from_millis(30)).await;
    fs::remove_file(bench.path("doc.md~"))?;
    fs::remove_file(bench.path(".doc.md.swp"))?;
    bench.settle().await?;
    // Deleted and written anew, within a moment.
    fs::remove_file(&doc)?;
    tokio::time::sleep(Duration::from_millis(60)).await;
    fs::write(&doc, "v3")?;
    bench.settle().await?;
    // In place.
    fs::write(&doc, "v4")?;
    bench.settle().await?;

    let edits = bench.here.0.edits.lock().clone();
    assert!(
        edits
            .iter()
            .all(|edit| matches!(edit, Edit::SetContent { node: id, .. } if *id == node)),
        "{edits:?}"
    );
    assert_eq!(edits.len(), 4, "{edits:?}");
    bench.assert_in_step()
}

#[tokio::test]
async fn what_only_lives_between_two_looks_never_enters() -> TestResult {
    let bench = Bench::started()?;
    for n in 0..20 {
        let path = bench.path(&format!("t{n}.tmp"));
        fs::write(&path, "x")?;
        fs::remove_file(&path)?;
    }
    bench.put("~$report.docx", "lock")?;
    bench.put(".#notes", "lock")?;
    bench.put(".x.swp", "swap")?;
    bench.settle().await?;
    assert!(
        bench.here.shown().is_empty(),
        "{:?}",
        bench.here.shown().keys()
    );
    Ok(())
}

#[tokio::test]
async fn swapped_names_are_swapped_on_both_sides() -> TestResult {
    let bench = Bench::started()?;
    bench.put("a/x", "in a")?;
    bench.put("b/y", "in b")?;
    bench.put("f", "one")?;
    bench.put("g", "two")?;
    bench.settle().await?;
    let (a, b) = (bench.here.at("a")?, bench.here.at("b")?);
    for (one, other) in [("a", "b"), ("f", "g")] {
        fs::rename(bench.path(one), bench.path("t"))?;
        fs::rename(bench.path(other), bench.path(one))?;
        fs::rename(bench.path("t"), bench.path(other))?;
    }
    bench.settle().await?;
    assert_eq!((bench.here.at("a")?, bench.here.at("b")?), (b, a));
    bench.assert_in_step()?;
    // And back, from the other side.
    bench.there.rename("a", "t")?;
    bench.there.rename("b", "a")?;
    bench.there.rename("t", "b")?;
    bench.there.rename("f", "t")?;
    bench.there.rename("g", "f")?;
    bench.there.rename("t", "g")?;
    bench.settle().await?;
    assert_eq!(bench.read("a/x")?, "in a");
    assert_eq!(bench.read("f")?, "one");
    bench.assert_in_step()?;
    bench.assert_silent().await
}

#[tokio::test]
async fn a_folder_changes_place_with_the_one_it_was_in() -> TestResult {
    let bench = Bench::started()?;
    bench.put("a/b/inner", "inner")?;
    bench.put("a/outer", "outer")?;
    bench.settle().await?;
    fs::rename(bench.path("a/b"), bench.path("b"))?;
    fs::rename(bench.path("a"), bench.path("b/a"))?;
    bench.settle().await?;
    bench.assert_in_step()?;
    bench.there.rename("b/a", "a")?;
    bench.there.rename("b", "a/b")?;
    bench.settle().await?;
    assert_eq!(bench.read("a/b/inner")?, "inner");
    bench.assert_in_step()
}

#[tokio::test]
async fn bits_and_times_travel() -> TestResult {
    let bench = Bench::started()?;
    bench.put("run.sh", "#!/bin/sh")?;
    fs::set_permissions(bench.path("run.sh"), fs::Permissions::from_mode(0o4755))?;
    bench.settle().await?;
    let node = bench.here.at("run.sh")?;
    assert_eq!(bench.here.tree().get(node).ok_or("gone")?.mode, 0o755);
    bench.there.one(Edit::SetAttributes {
        node,
        mode: Some(0o700),
        mtime_ns: Some(1_500_000_000_000_000_000),
    })?;
    bench.settle().await?;
    let meta = fs::metadata(bench.path("run.sh"))?;
    assert_eq!((meta.mode() & 0o7777, meta.mtime()), (0o700, 1_500_000_000));
    fs::set_permissions(bench.path("run.sh"), fs::Permissions::from_mode(0o640))?;
    bench.settle().await?;
    assert_eq!(bench.there.tree().get(node).ok_or("gone")?.mode, 0o640);
    bench.assert_silent().await
}

#[tokio::test]
async fn ignored_files_stay_here() -> TestResult {
    let mut bench = Bench::new()?;
    bench.options.local_ignore = vec!["/mine".into()];
    bench.start()?;
    bench.put(".peerdriveignore", "*.o\ntarget/\n!keep.o\n")?;
    bench.put("nested/.peerdriveignore", "*.log\n")?;
    for path in [
        "a.o",
        "keep.o",
        "target/big",
        "nested/x.log",
        "x.log",
        "mine/secret",
        "sub/a.o",
        "sub/known",
    ] {
        bench.put(path, path)?;
    }
    bench.settle().await?;
    let shown: Vec<String> = bench.here.shown().into_keys().collect();
    let wanted = [
        ".peerdriveignore",
        "keep.o",
        "nested",
        "nested/.peerdriveignore",
        "sub",
        "sub/known",
        "x.log",
    ];
    assert_eq!(shown, wanted);
    // A folder that others delete stays for what is ignored in it, and is no news.
    bench.there.delete("sub")?;
    bench.settle().await?;
    assert_eq!(bench.read("sub/a.o")?, "sub/a.o");
    assert!(!bench.path("sub/known").exists());
    assert!(bench.here.at("sub").is_err());
    bench.assert_silent().await?;
    assert!(bench.here.at("sub").is_err());
    // Until something that travels is put into it.
    bench.put("sub/new.txt", "new")?;
    bench.settle().await?;
    assert!(bench.here.at("sub/new.txt").is_ok());
    Ok(())
}

#[tokio::test]
async fn nothing_special_travels_and_what_cannot_be_read_waits_alone() -> TestResult {
    let bench = Bench::started()?;
    rustix::fs::mkfifoat(rustix::fs::CWD, bench.path("pipe"), rustix::fs::Mode::RWXU)?;
    let _socket = std::os::unix::net::UnixListener::bind(bench.path("socket"))?;
    use std::os::unix::ffi::OsStrExt;
    fs::write(
        bench.path("").join(std::ffi::OsStr::from_bytes(b"bad\xff")),
        "x",
    )?;
    bench.put("good", "good")?;
    let status = bench.settle().await?;
    assert_eq!(bench.here.shown().into_keys().collect::<Vec<_>>(), ["good"]);
    assert_eq!(status.problems.len(), 1, "{status:?}");
    assert!(status.problems[0].reason.contains("UTF-8"));
    Ok(())
}

#[tokio::test]
async fn one_saved_edit_leaves_at_once() -> TestResult {
    let bench = Bench::started()?;
    bench.put("file", "0")?;
    bench.settle().await?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut times = Vec::new();
    for n in 1..=9 {
        let before = bench.here.0.edits.lock().len();
        bench.put("file", format!("{n}"))?;
        let start = Instant::now();
        while bench.here.0.edits.lock().len() == before {
            assert!(start.elapsed() < Duration::from_secs(5), "never left");
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        times.push(start.elapsed());
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    times.sort();
    assert!(times[4] < Duration::from_millis(60), "{times:?}");
    Ok(())
}

#[tokio::test]
async fn most_of_a_drive_is_not_deleted_without_a_yes() -> TestResult {
    let bench = Bench::started()?;
    for n in 0..150 {
        bench.put(&format!("d{}/{n}", n % 3), format!("{n}"))?;
    }
    bench.settle().await?;
    for folder in ["d0", "d1"] {
        fs::remove_dir_all(bench.path(folder))?;
    }
    let status = bench.settle().await?;
    assert_eq!(status.deletions_to_confirm, 2, "{status:?}");
    assert_eq!(bench.there.shown().len(), 153);
    let copy = bench.copy.as_ref().ok_or("not started")?;
    copy.undo_deletions();
    bench.settle().await?;
    bench.assert_in_step()?;
    assert_eq!(bench.there.shown().len(), 153);
    for folder in ["d0", "d1"] {
        fs::remove_dir_all(bench.path(folder))?;
    }
    bench.settle().await?;
    copy.confirm_deletions();
    let status = bench.settle().await?;
    assert!(status.in_step(), "{status:?}");
    assert_eq!(bench.there.shown().len(), 51);
    bench.assert_in_step()
}

#[tokio::test]
async fn an_empty_or_vanished_folder_is_no_deletion() -> TestResult {
    let mut bench = Bench::started()?;
    bench.put("a/b", "x")?;
    bench.settle().await?;
    let away = bench.dir.path().join("away");
    fs::rename(bench.root(), &away)?;
    let status = bench.sync().await?;
    assert!(status.paused.is_some(), "{status:?}");
    // An empty folder in its place: an unmounted disk.
    fs::create_dir(bench.root())?;
    let status = bench.sync().await?;
    assert!(status.paused.is_some(), "{status:?}");
    bench.stop().await;
    bench.start()?;
    let status = bench.sync().await?;
    assert!(status.paused.is_some(), "{status:?}");
    assert_eq!(bench.here.shown().len(), 2);
    fs::remove_dir(bench.root())?;
    fs::rename(&away, bench.root())?;
    fs::write(bench.path("a/c"), "back")?;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let status = bench.settle().await?;
    assert!(status.in_step(), "{status:?}");
    assert_eq!(bench.here.shown().len(), 3);
    bench.assert_in_step()
}

#[tokio::test]
async fn a_second_start_reads_nothing_and_says_nothing() -> TestResult {
    let mut bench = Bench::new()?;
    for n in 0..300 {
        bench.put(&format!("d{}/{n}", n % 7), format!("{n}"))?;
    }
    tokio::time::sleep(Duration::from_millis(60)).await;
    bench.start()?;
    bench.settle().await?;
    bench.there.folder("from there")?;
    for n in 0..50 {
        bench.there.write(&format!("from there/{n}"), b"x")?;
    }
    bench.settle().await?;
    bench.stop().await;
    let count = |bench: &Bench| {
        let drive = &bench.here.0;
        [&drive.imports, &drive.hashes, &drive.writes]
            .map(|count| count.load(std::sync::atomic::Ordering::SeqCst))
    };
    let (before, made) = (count(&bench), bench.here.0.made.lock().len());
    bench.start()?;
    let status = bench.settle().await?;
    assert!(status.in_step(), "{status:?}");
    assert_eq!(count(&bench), before);
    assert_eq!(bench.here.0.made.lock().len(), made);
    Ok(())
}

#[tokio::test]
async fn changes_made_while_stopped_are_found() -> TestResult {
    let mut bench = Bench::started()?;
    bench.put("keep", "keep")?;
    bench.put("edit", "old")?;
    bench.put("move/x", "x")?;
    bench.put("gone", "gone")?;
    bench.settle().await?;
    let folder = bench.here.at("move")?;
    bench.stop().await;
    bench.put("edit", "new")?;
    fs::rename(bench.path("move"), bench.path("moved"))?;
    fs::remove_file(bench.path("gone"))?;
    bench.there.write("keep", b"remote")?;
    bench.start()?;
    bench.settle().await?;
    assert_eq!(bench.here.at("moved")?, folder);
    assert!(bench.here.at("gone").is_err());
    assert_eq!(bench.read("keep")?, "remote");
    bench.assert_in_step()?;
    assert_eq!(
        bench.here.tree().get(folder).ok_or("gone")?.kind,
        Kind::Folder
    );
    Ok(())
}

#[tokio::test]
async fn a_file_renamed_over_another_makes_room_for_a_folder() -> TestResult {
    let bench = Bench::started()?;
    bench.put("a", "one")?;
    bench.put("d", "two")?;
    bench.settle().await?;
    fs::rename(bench.path("d"), bench.path("a"))?;
    bench.put("d/b/e", "three")?;
    let status = bench.settle().await?;
    assert!(
        status.in_step(),
        "{status:?} {:?}",
        bench.here.0.edits.lock()
    );
    bench.assert_in_step()
}

#[tokio::test]
async fn what_a_build_makes_and_removes_again_is_not_most_of_a_drive() -> TestResult {
    let bench = Bench::started()?;
    for n in 0..120 {
        bench.put(&format!("src/{n}"), format!("{n}"))?;
    }
    bench.settle().await?;
    for turn in 0..4 {
        for n in 0..60 {
            bench.put(&format!("out{turn}/{n}"), format!("{turn} {n}"))?;
        }
        bench.settle().await?;
        fs::remove_dir_all(bench.path(&format!("out{turn}")))?;
        let status = bench.settle().await?;
        assert!(status.in_step(), "{status:?}");
    }
    assert_eq!(bench.there.shown().len(), 121);
    Ok(())
}

#[tokio::test]
async fn of_two_records_that_name_one_folder_the_one_in_its_place_is_it() -> TestResult {
    // It was moved while it was looked at, and met in both places.
    let bench = Bench::new()?;
    let mut keeper = bench.keeper()?;
    fs::create_dir_all(bench.path("b/d"))?;
    let object = keeper.root.stat("b/d")?.ok_or("gone")?;
    let around = keeper.root.stat("b")?.ok_or("gone")?;
    let [b, here, left] = [1, 2, 3].map(|id| NodeId([id; 16]));
    for (id, parent, name, stat) in [
        (b, NodeId::ROOT, "b", around),
        (here, b, "d", object),
        (left, NodeId::ROOT, "was", object),
    ] {
        let record = keeper.record(parent, name, Held::Folder, stat, 0);
        keeper.in_step.put(id, record);
    }
    for path in ["b/d", ""] {
        let seen = keeper.scan(&[Look {
            path: path.into(),
            deep: true,
            whole: false,
        }]);
        let changes = local::changes(&keeper.in_step, &seen, &|_, _| false);
        let gone = Change::Missing {
            id: left,
            path: "was".into(),
        };
        let all = if path.is_empty() { vec![gone] } else { vec![] };
        assert_eq!(changes, all, "{path}");
    }
    Ok(())
}

//! Deletions here and there, and what was written meanwhile.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::support::{Bench, Or, TestResult};

/// Deletes `gone` here while `f`, at or in it, is written anew there, which is heard of right before the folder
/// looks at the drive for the `moment`-th time. Whether there was such a moment.
async fn deletes_while_it_is_written(gone: &str, f: &str, moment: usize) -> Or<bool> {
    let bench = Bench::started()?;
    bench.put(f, "one")?;
    bench.settle().await?;
    bench.there.write(f, b"two")?;
    let (here, there) = (bench.here.clone(), bench.there.clone());
    let heard = Arc::new(AtomicBool::new(false));
    let (mut left, told) = (moment, heard.clone());
    *bench.here.0.hook.lock() = Some(Box::new(move || {
        if left == 0 && !told.swap(true, Ordering::SeqCst) {
            assert!(here.fetch(&there).is_ok());
        }
        left = left.saturating_sub(1);
    }));
    match bench.path(gone).is_dir() {
        true => fs::remove_dir_all(bench.path(gone))?,
        false => fs::remove_file(bench.path(gone))?,
    }
    bench.sync().await?;
    *bench.here.0.hook.lock() = None;
    bench.settle().await?;
    let left = bench.read(f);
    let left = left.map_err(|error| format!("heard of at moment {moment}: {error}"))?;
    assert_eq!(left, "two", "heard of at moment {moment}");
    bench.assert_in_step()?;
    Ok(heard.load(Ordering::SeqCst))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_comes_at_any_moment_of_a_deletion_is_kept() -> TestResult {
    for (gone, f) in [("f", "f"), ("d", "d/e/f")] {
        for first in (0..).step_by(16) {
            let moments = first..first + 16;
            let all = moments.map(|moment| deletes_while_it_is_written(gone, f, moment));
            let heard: Result<Vec<bool>, _> = futures_util::future::join_all(all)
                .await
                .into_iter()
                .collect();
            if !heard?.contains(&true) {
                break;
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_edit_here_beats_a_deletion_there() -> TestResult {
    let mut bench = Bench::started()?;
    bench.put("d/f", "base")?;
    bench.put("d/g", "base")?;
    bench.settle().await?;
    bench.stop().await;
    bench.put("d/f", "edited")?;
    bench.there.delete("d")?;
    bench.exchange()?;
    bench.start()?;
    bench.settle().await?;
    bench.assert_in_step()?;
    assert_eq!(bench.read("d/f")?, "edited");
    assert!(bench.here.at("d/g").is_err());
    bench.assert_silent().await
}

/// Rule R5 renames nothing: a file that only shows under another name since is still what was deleted.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_here_holds_when_others_gave_the_name_to_something_else_or_took_it_back()
-> TestResult {
    let mut bench = Bench::started()?;
    bench.put("one", "1")?;
    bench.put("two", "2")?;
    bench.put("folder/in", "in")?;
    bench.settle().await?;
    fs::rename(bench.path("one"), bench.path("name"))?;
    bench.sync().await?;
    bench.there.rename("folder", "name")?;
    bench.stop().await;
    fs::remove_file(bench.path("name"))?;
    bench.exchange()?;
    bench.start()?;
    bench.settle().await?;
    let left: Vec<String> = bench.here.shown().into_keys().collect();
    assert_eq!(left, ["name", "name/in", "two"]);
    bench.assert_in_step()?;

    fs::rename(bench.path("two"), bench.path("again"))?;
    bench.sync().await?;
    bench.there.rename("name", "again")?;
    bench.settle().await?;
    let tagged = bench
        .here
        .shown()
        .into_keys()
        .find(|name| name.starts_with("again ("))
        .ok_or("no tag")?;
    bench.stop().await;
    fs::remove_file(bench.path(&tagged))?;
    bench.there.rename("again", "elsewhere")?;
    bench.exchange()?;
    bench.start()?;
    bench.settle().await?;
    let left: Vec<String> = bench.here.shown().into_keys().collect();
    assert_eq!(left, ["elsewhere", "elsewhere/in"]);
    bench.assert_in_step()
}

/// What is made where a file was first made is that file again, wherever it was when others deleted it.
#[tokio::test(flavor = "multi_thread")]
async fn what_others_deleted_goes_also_when_its_first_place_is_taken_again() -> TestResult {
    let mut bench = Bench::started()?;
    bench.put("a", "old")?;
    bench.put("f/in", "old, in a folder")?;
    bench.put("g/in", "old, in another")?;
    bench.sync().await?;
    for (from, to) in [("a", "b"), ("f", "f2"), ("g", "g2")] {
        fs::rename(bench.path(from), bench.path(to))?;
    }
    bench.settle().await?;
    bench.stop().await;
    for path in ["b", "f2", "g2"] {
        bench.there.delete(path)?;
    }
    bench.put("a", "new")?;
    bench.put("f/out", "new, in the folder")?;
    bench.put("g/out", "new, in the other")?;
    bench.put("g2/in", "edited here")?;
    // Files that were left alone for long enough are taken at the first look.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    bench.exchange()?;
    bench.start()?;
    bench.until_in_step().await?;
    bench.settle().await?;
    bench.assert_in_step()?;
    let left: Vec<String> = bench.here.shown().into_keys().collect();
    assert_eq!(left, ["a", "f", "f/out", "g", "g/out", "g2", "g2/in"]);
    assert_eq!(bench.read("g2/in")?, "edited here");
    assert_eq!(bench.read("a")?, "new");
    Ok(())
}

/// The drive may change in the very moment at which a deletion reaches it. What was refused is asked again,
/// also if the folder around it is one that others put something into.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_came_in_the_same_moment_as_a_change_is_asked_again() -> TestResult {
    for (deleted, left) in [("f/d/x", vec!["f", "f/new"]), ("f", vec![])] {
        let mut bench = Bench::started()?;
        for file in ["f/d/x", "f/d/z", "f/y"] {
            bench.put(file, file)?;
        }
        bench.settle().await?;
        bench.stop().await;
        fs::remove_dir_all(bench.path("f"))?;
        bench.there.write("f/new", b"new")?;
        bench.exchange()?;
        bench.there.delete(deleted)?;
        let (here, there) = (bench.here.clone(), bench.there.clone());
        *bench.here.0.before_edit.lock() = Some(Box::new(move || {
            let fetched = here.fetch(&there);
            assert!(fetched.is_ok(), "{fetched:?}");
        }));
        bench.start()?;
        while bench.here.0.before_edit.lock().is_some() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        bench.until_in_step().await?;
        assert_eq!(bench.here.shown().into_keys().collect::<Vec<_>>(), left);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_others_deleted_goes_only_when_all_that_left_it_is_accounted_for()
-> TestResult {
    let mut bench = Bench::started()?;
    bench.put("f/d/x", "x")?;
    bench.settle().await?;
    bench.stop().await;
    fs::remove_dir_all(bench.path("f/d"))?;
    bench.there.rename("f/d", "moved")?;
    bench.there.delete("f")?;
    bench.exchange()?;
    bench.start()?;
    bench.until_in_step().await?;
    let left: Vec<String> = bench.here.shown().into_keys().collect();
    assert_eq!(left, ["moved"]);
    Ok(())
}

#[tokio::test]
async fn a_deletion_here_spares_what_was_never_seen_here() -> TestResult {
    let mut bench = Bench::started()?;
    bench.put("d/old", "old")?;
    bench.put("d/edited", "base")?;
    bench.settle().await?;
    bench.stop().await;
    fs::remove_dir_all(bench.path("d"))?;
    bench.there.write("d/new", b"new")?;
    bench.there.write("d/edited", b"edited")?;
    bench.exchange()?;
    bench.start()?;
    bench.settle().await?;
    bench.assert_in_step()?;
    assert!(bench.here.at("d/old").is_err());
    assert_eq!(bench.read("d/new")?, "new");
    assert_eq!(bench.read("d/edited")?, "edited");
    bench.assert_silent().await
}

#[tokio::test]
async fn what_moved_out_of_a_folder_that_moved_too_lives_when_others_deleted_that() -> TestResult {
    let mut bench = Bench::started()?;
    bench.put("d/in/f", "first")?;
    bench.put("d/in/g", "second")?;
    bench.put("e/h", "third")?;
    bench.settle().await?;
    bench.stop().await;
    fs::rename(bench.path("d/in/f"), bench.path("e/z"))?;
    fs::rename(bench.path("d/in"), bench.path("e/a"))?;
    bench.there.delete("d/in")?;
    bench.exchange()?;
    bench.start()?;
    bench.settle().await?;
    assert!(bench.there.at("e/z").is_ok(), "{:?}", bench.there.shown());
    assert!(bench.there.at("e/a/g").is_ok(), "{:?}", bench.there.shown());
    bench.assert_in_step()?;
    bench.assert_silent().await
}

/// A file of which two versions show beside each other is in a folder that others delete, while one of the
/// versions is written over here, with the program off.
async fn written_over_in_a_deleted_folder(
    copy: bool,
    known_first: bool,
    beside: bool,
) -> TestResult {
    let mut bench = Bench::started()?;
    bench.put("d/f", "base")?;
    bench.put("d/other", "other")?;
    bench.settle().await?;
    bench.there.write("d/f", b"theirs")?;
    bench.put("d/f", "ours")?;
    bench.sync().await?;
    bench.settle().await?;
    let all = bench.on_disk()?;
    let versions: Vec<String> = all
        .keys()
        .filter(|path| path.starts_with("d/f"))
        .cloned()
        .collect();
    assert_eq!(versions.len(), 2, "{versions:?}");
    let path = versions
        .iter()
        .find(|path| path.contains("conflict") == copy)
        .ok_or("no such version")?;
    bench.stop().await;
    bench.put(path, "edited")?;
    if beside {
        bench.put("d/a", "new")?;
    }
    bench.there.delete("d")?;
    if known_first {
        bench.exchange()?;
    }
    bench.start()?;
    bench.sync().await?;
    for _ in 0..3 {
        bench.settle().await?;
    }
    let status = bench.sync().await?;
    bench
        .assert_in_step()
        .map_err(|error| format!("{error} {status:?} {:?}", bench.here.0.edits.lock()))?;
    let shown = bench.there.shown();
    let is_there = |bytes: &str| shown.values().flatten().any(|b| b == bytes.as_bytes());
    assert!(is_there("edited"), "{shown:?}");
    assert!(is_there("new") == beside, "{shown:?}");
    bench.assert_silent().await
}

#[tokio::test]
async fn a_version_beside_another_that_is_written_over_in_a_folder_that_others_deleted_lives()
-> TestResult {
    for n in 0..8 {
        let [copy, known_first, beside] = [1, 2, 4].map(|bit| n & bit != 0);
        written_over_in_a_deleted_folder(copy, known_first, beside)
            .await
            .map_err(|error| {
                format!("copy {copy}, known first {known_first}, beside {beside}: {error}")
            })?;
    }
    Ok(())
}

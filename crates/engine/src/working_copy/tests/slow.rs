//! Contents that come slowly, and large files that are read slowly: they hold nothing else up, and what happens to
//! their files meanwhile counts.

use std::fs;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::Content;

use super::support::{Bench, Or, TestResult};

const LARGE: &[u8] = b"a large file, which comes slowly";

/// A folder in which a file is on its way.
async fn waiting() -> Or<Bench> {
    let bench = Bench::started()?;
    bench.put("old.txt", "old")?;
    bench.settle().await?;
    bench.there.write("large.bin", LARGE)?;
    bench.there.slow_down(LARGE);
    bench.exchange()?;
    let begun = Instant::now();
    while bench
        .copy
        .as_ref()
        .ok_or("not started")?
        .progress()
        .files_out_total
        == 0
    {
        if begun.elapsed() > Duration::from_secs(20) {
            return Err("it is never begun".into());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(bench)
}

/// Until both sides know of each other what `done` asks for.
async fn until(bench: &Bench, what: &str, done: impl Fn(&Bench) -> bool) -> TestResult {
    let begun = Instant::now();
    loop {
        bench.exchange()?;
        if done(bench) {
            return Ok(());
        }
        if begun.elapsed() > Duration::from_secs(20) {
            return Err(format!("it never comes that {what}").into());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn there(bench: &Bench, name: &str, len: u64) -> bool {
    let view = bench.there.tree();
    view.child(NodeId::ROOT, name)
        .and_then(|id| view.get(id))
        .is_some_and(|node| match node.content {
            Some(Content::File(content)) => content.len == len,
            _ => false,
        })
}

/// What is saved here meanwhile goes out, and what is small comes in.
async fn nothing_small_waits(bench: &Bench) -> TestResult {
    bench.put("note.txt", "saved meanwhile")?;
    bench.put("old.txt", "edited")?;
    until(bench, "the saves are known", |bench| {
        there(bench, "note.txt", 15) && there(bench, "old.txt", 6)
    })
    .await?;
    bench.there.write("small.txt", b"small")?;
    until(bench, "the small one is here", |bench| {
        bench.read("small.txt").is_ok_and(|text| text == "small")
    })
    .await
}

#[tokio::test]
async fn what_is_saved_meanwhile_goes_out_and_what_is_small_comes_in() -> TestResult {
    let bench = waiting().await?;
    nothing_small_waits(&bench).await?;
    assert!(!bench.path("large.bin").exists(), "it cannot be here yet");
    bench.there.hurry();
    let status = bench.settle().await?;
    assert!(status.in_step(), "{status:?}");
    assert_eq!(fs::read(bench.path("large.bin"))?, LARGE);
    bench.assert_in_step()?;
    bench.assert_silent().await
}

#[tokio::test]
async fn what_is_deleted_meanwhile_never_appears_and_leaves_nothing() -> TestResult {
    let bench = waiting().await?;
    bench.there.delete("large.bin")?;
    bench.exchange()?;
    bench.there.hurry();
    let status = bench.settle().await?;
    assert!(status.in_step(), "{status:?}");
    assert!(!bench.path("large.bin").exists());
    assert_eq!(fs::read_dir(bench.path(".peerdrive/tmp"))?.count(), 0);
    bench.assert_in_step()?;
    bench.assert_silent().await
}

#[tokio::test]
async fn what_is_renamed_or_edited_meanwhile_comes_as_it_is_then() -> TestResult {
    let bench = waiting().await?;
    bench.there.folder("folder")?;
    bench.there.rename("large.bin", "folder/moved.bin")?;
    bench.exchange()?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    bench.there.hurry();
    bench.settle().await?;
    assert_eq!(fs::read(bench.path("folder/moved.bin"))?, LARGE);
    assert!(!bench.path("large.bin").exists());
    bench
        .there
        .write("another.bin", b"another large one, slow too")?;
    bench.there.slow_down(b"another large one, slow too");
    bench.exchange()?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    bench.there.write("another.bin", b"its next version")?;
    bench.exchange()?;
    bench.there.hurry();
    bench.settle().await?;
    assert_eq!(bench.read("another.bin")?, "its next version");
    assert_eq!(fs::read_dir(bench.path(".peerdrive/tmp"))?.count(), 0);
    bench.assert_in_step()?;
    bench.assert_silent().await
}

#[tokio::test]
async fn what_is_here_already_moves_while_its_next_version_comes_and_there_is_no_other()
-> TestResult {
    let bench = waiting().await?;
    bench.there.hurry();
    bench.settle().await?;
    let next = b"the next version, which is slow too";
    bench.there.write("large.bin", next)?;
    bench.there.slow_down(next);
    bench.exchange()?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    fs::rename(bench.path("large.bin"), bench.path("again.bin"))?;
    until(&bench, "the move is known", |bench| {
        there(bench, "again.bin", next.len() as u64)
    })
    .await?;
    bench.there.rename("again.bin", "moved.bin")?;
    bench.exchange()?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    bench.there.hurry();
    bench.settle().await?;
    let all: Vec<String> = bench.on_disk()?.into_keys().collect();
    assert_eq!(all, ["moved.bin", "old.txt"]);
    assert_eq!(fs::read(bench.path("moved.bin"))?, next);
    bench.assert_in_step()?;
    bench.assert_silent().await
}

#[tokio::test]
async fn a_file_of_the_same_name_that_is_made_here_meanwhile_is_kept() -> TestResult {
    let bench = waiting().await?;
    bench.put("large.bin", "made here")?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    bench.there.hurry();
    bench.settle().await?;
    let all: Vec<Vec<u8>> = bench.on_disk()?.into_values().flatten().collect();
    assert!(all.contains(&LARGE.to_vec()), "{all:?}");
    assert!(all.contains(&b"made here".to_vec()), "{all:?}");
    bench.assert_in_step()?;
    bench.assert_silent().await
}

#[tokio::test]
async fn it_ends_at_once_in_the_middle_and_begins_anew() -> TestResult {
    let mut bench = waiting().await?;
    bench.stop().await;
    assert_eq!(fs::read_dir(bench.path(".peerdrive/tmp"))?.count(), 0);
    bench.there.hurry();
    bench.start()?;
    let status = bench.settle().await?;
    assert!(status.in_step(), "{status:?}");
    assert_eq!(fs::read(bench.path("large.bin"))?, LARGE);
    bench.assert_in_step()?;
    bench.assert_silent().await
}

/// A file that is large enough to be read while other things go on.
const LEN: usize = 16 << 20;

/// A folder in which a large file that was made here is being read.
async fn reading() -> Or<Bench> {
    let bench = Bench::started()?;
    bench.put("old.txt", "old")?;
    bench.settle().await?;
    read_slowly(&bench, "d/large.bin", vec![1; LEN]).await?;
    Ok(bench)
}

/// Makes a file that is read slowly, and waits until it is being read.
async fn read_slowly(bench: &Bench, name: &str, bytes: Vec<u8>) -> TestResult {
    let before = bench.here.0.imports.load(Ordering::SeqCst);
    bench.here.slow_down(&bytes);
    // All at once: what is still short when it is looked at is read at once.
    let written = bench.dir.path().join("written");
    fs::write(&written, bytes)?;
    let path = bench.path(name);
    fs::create_dir_all(path.parent().ok_or("no folder")?)?;
    fs::rename(written, path)?;
    until(bench, "it is read", |bench| {
        bench.here.0.imports.load(Ordering::SeqCst) > before
    })
    .await
}

#[tokio::test]
async fn while_a_large_file_is_read_saves_go_out_and_others_come_in() -> TestResult {
    let bench = reading().await?;
    nothing_small_waits(&bench).await?;
    assert!(bench.there.at("d/large.bin").is_err(), "it cannot be there");
    let copy = bench.copy.as_ref().ok_or("not started")?;
    assert!(copy.status().is_reading(), "{:?}", copy.status());
    let still = tokio::time::timeout(Duration::from_millis(300), copy.sync_now()).await;
    assert!(still.is_err(), "it is not in step while a file is read");
    let before = bench.here.0.imports.load(Ordering::SeqCst);
    bench.there.hurry();
    let status = bench.settle().await?;
    assert!(status.in_step(), "{status:?}");
    assert!(bench.there.at("d/large.bin").is_ok());
    let after = bench.here.0.imports.load(Ordering::SeqCst);
    assert_eq!(after, before, "it was read twice");
    bench.assert_in_step()?;
    bench.assert_silent().await
}

#[tokio::test]
async fn a_large_file_that_goes_away_or_changes_while_it_is_read_is_as_it_is_then() -> TestResult {
    let bench = reading().await?;
    fs::rename(bench.path("d"), bench.path("e"))?;
    until(&bench, "the move is known", |bench| {
        bench.there.at("e").is_ok()
    })
    .await?;
    read_slowly(&bench, "gone.bin", vec![2; LEN]).await?;
    fs::remove_file(bench.path("gone.bin"))?;
    read_slowly(&bench, "changed.bin", vec![3; LEN]).await?;
    bench.put("changed.bin", "short now")?;
    read_slowly(&bench, "renamed.bin", vec![4; LEN]).await?;
    fs::rename(
        bench.path("renamed.bin"),
        bench.path("with another name.bin"),
    )?;
    bench.there.hurry();
    let status = bench.settle().await?;
    assert!(status.in_step(), "{status:?}");
    let all: Vec<String> = bench.on_disk()?.into_keys().collect();
    let wanted = [
        "changed.bin",
        "e",
        "e/large.bin",
        "old.txt",
        "with another name.bin",
    ];
    assert_eq!(all, wanted);
    assert_eq!(bench.read("changed.bin")?, "short now");
    bench.assert_in_step()?;
    bench.assert_silent().await
}

#[tokio::test]
async fn a_large_file_that_was_copied_and_removed_is_moved_though_reading_it_takes_long()
-> TestResult {
    let bench = reading().await?;
    bench.there.hurry();
    bench.settle().await?;
    let node = bench.there.at("d/large.bin")?;
    read_slowly(&bench, "copied.bin", vec![1; LEN]).await?;
    fs::remove_dir_all(bench.path("d"))?;
    tokio::time::sleep(Duration::from_millis(600)).await;
    bench.exchange()?;
    assert_eq!(bench.there.at("d/large.bin")?, node, "nobody knows yet");
    bench.there.hurry();
    let status = bench.settle().await?;
    assert!(status.in_step(), "{status:?}");
    assert_eq!(bench.there.at("copied.bin")?, node);
    assert!(bench.there.at("d").is_err());
    bench.assert_in_step()?;
    bench.assert_silent().await
}

#[tokio::test]
async fn others_write_to_a_large_file_while_its_next_version_is_read_and_both_are_kept()
-> TestResult {
    let bench = reading().await?;
    bench.there.hurry();
    bench.settle().await?;
    read_slowly(&bench, "d/large.bin", vec![5; LEN]).await?;
    bench.there.write("d/large.bin", b"written by others")?;
    bench.exchange()?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    bench.there.hurry();
    bench.settle().await?;
    let all: Vec<Vec<u8>> = bench.on_disk()?.into_values().flatten().collect();
    assert!(all.contains(&b"written by others".to_vec()));
    assert!(all.contains(&vec![5; LEN]));
    bench.assert_in_step()?;
    bench.assert_silent().await
}

#[tokio::test]
async fn a_large_file_that_is_read_holds_up_no_end_and_is_read_at_the_next_start() -> TestResult {
    let mut bench = reading().await?;
    bench.stop().await;
    bench.there.hurry();
    bench.start()?;
    let status = bench.settle().await?;
    assert!(status.in_step(), "{status:?}");
    assert!(bench.there.at("d/large.bin").is_ok());
    bench.assert_in_step()?;
    bench.assert_silent().await
}

//! Contents that come slowly: they hold nothing else up, and what happens to their files meanwhile counts.

use std::fs;
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
        if begun.elapsed() > Duration::from_secs(10) {
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
        if begun.elapsed() > Duration::from_secs(10) {
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

#[tokio::test]
async fn what_is_saved_meanwhile_goes_out_and_what_is_small_comes_in() -> TestResult {
    let bench = waiting().await?;
    bench.put("note.txt", "saved meanwhile")?;
    bench.put("old.txt", "edited")?;
    until(&bench, "the saves are known", |bench| {
        there(bench, "note.txt", 15) && there(bench, "old.txt", 6)
    })
    .await?;
    bench.there.write("small.txt", b"small")?;
    until(&bench, "the small one is here", |bench| {
        bench.read("small.txt").is_ok_and(|text| text == "small")
    })
    .await?;
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

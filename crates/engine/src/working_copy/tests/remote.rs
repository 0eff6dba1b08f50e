//! What others do, and what happens when both do something.

use std::fs;
use std::sync::atomic::Ordering;

use super::super::status::Problem;
use super::support::{Bench, TestResult};

#[tokio::test]
async fn what_others_make_change_move_and_delete_happens_here() -> TestResult {
    let bench = Bench::started()?;
    bench.there.folder("d")?;
    bench.there.write("d/a", b"one")?;
    bench.there.write("top", b"")?;
    bench.settle().await?;
    assert_eq!(bench.read("d/a")?, "one");
    bench.there.write("d/a", b"two")?;
    bench.there.rename("d", "e")?;
    bench.there.delete("top")?;
    bench.settle().await?;
    assert_eq!(bench.read("e/a")?, "two");
    bench.assert_in_step()?;
    bench.there.delete("e")?;
    bench.settle().await?;
    bench.assert_in_step()?;
    bench.assert_silent().await
}

#[tokio::test]
async fn a_save_over_a_version_never_seen_keeps_both() -> TestResult {
    let bench = Bench::started()?;
    bench.put("f.txt", "base")?;
    bench.settle().await?;
    bench.there.write("f.txt", b"theirs")?;
    bench.there.take_away(b"theirs");
    bench.exchange()?;
    bench.sync().await?;
    assert_eq!(bench.read("f.txt")?, "base");
    bench.put("f.txt", "ours")?;
    bench.settle().await?;
    bench.there.bring_back();
    bench.here.bring_back();
    bench.settle().await?;
    bench.assert_in_step()?;
    let all: Vec<String> = bench
        .on_disk()?
        .into_values()
        .flatten()
        .map(|b| String::from_utf8_lossy(&b).into_owned())
        .collect();
    assert!(
        all.contains(&"ours".into()) && all.contains(&"theirs".into()),
        "{all:?}"
    );
    assert_eq!(bench.read("f.txt")?, "theirs");
    bench.assert_silent().await
}

#[tokio::test]
async fn a_rename_here_and_a_move_there_both_hold() -> TestResult {
    let mut bench = Bench::started()?;
    bench.put("f", "x")?;
    bench.there.folder("d")?;
    bench.settle().await?;
    bench.stop().await;
    fs::rename(bench.path("f"), bench.path("g"))?;
    bench.there.rename("f", "d/f")?;
    bench.exchange()?;
    bench.start()?;
    bench.settle().await?;
    assert_eq!(bench.read("d/g")?, "x");
    bench.assert_in_step()
}

#[tokio::test]
async fn of_a_move_here_and_one_there_into_each_other_the_one_taken_in_last_is_taken_back()
-> TestResult {
    let mut bench = Bench::started()?;
    bench.put("a/in a", "a")?;
    bench.put("b/deep/in b", "b")?;
    bench.settle().await?;
    bench.stop().await;
    fs::rename(bench.path("b"), bench.path("a/b"))?;
    bench.there.rename("a", "b/deep/a")?;
    bench.exchange()?;
    bench.start()?;
    bench.settle().await?;
    assert_eq!(bench.read("b/deep/a/in a")?, "a");
    assert_eq!(bench.read("b/deep/in b")?, "b");
    bench.assert_in_step()?;
    bench.assert_silent().await
}

#[tokio::test]
async fn joining_a_folder_with_files_is_their_union() -> TestResult {
    let mut bench = Bench::new()?;
    bench.there.folder("d")?;
    bench.there.write("d/same", b"same")?;
    bench.there.write("d/differs", b"theirs")?;
    bench.there.write("d/only there", b"x")?;
    bench.exchange()?;
    bench.put("d/same", "same")?;
    bench.put("d/differs", "ours")?;
    bench.put("d/only here", "y")?;
    bench.put("d2/e", "z")?;
    bench.start()?;
    bench.settle().await?;
    bench.assert_in_step()?;
    assert_eq!(bench.read("d/differs")?, "theirs");
    assert_eq!(bench.on_disk()?.len(), 8);
    assert!(
        bench
            .on_disk()?
            .values()
            .flatten()
            .any(|bytes| bytes == b"ours")
    );
    bench.assert_silent().await
}

#[tokio::test]
async fn a_reader_sends_nothing_and_loses_nothing() -> TestResult {
    let bench = Bench::started()?;
    bench.there.write("f.txt", b"v1")?;
    bench.there.write("g", b"g1")?;
    bench.settle().await?;
    bench.here.read_only();
    bench.put("f.txt", "mine")?;
    bench.put("new", "mine too")?;
    fs::remove_file(bench.path("g"))?;
    let status = bench.settle().await?;
    assert_eq!(status.problems.len(), 3, "{status:?}");
    assert_eq!(bench.there.shown().len(), 2);
    bench.there.write("f.txt", b"v2")?;
    bench.there.write("g", b"g2")?;
    bench.settle().await?;
    assert_eq!(bench.read("f.txt")?, "v2");
    assert_eq!(bench.read("f (local).txt")?, "mine");
    assert_eq!(bench.read("g")?, "g2");
    assert_eq!(bench.read("new")?, "mine too");
    bench.there.delete("f.txt")?;
    bench.settle().await?;
    assert!(!bench.path("f.txt").exists());
    assert_eq!(bench.there.shown().len(), 1);
    assert!(bench.here.0.made.lock().is_empty());
    Ok(())
}

#[tokio::test]
async fn what_is_written_through_a_handle_to_a_replaced_file_comes_back() -> TestResult {
    use std::io::Write;
    let bench = Bench::started()?;
    bench.put("f.txt", "base")?;
    bench.put("g.txt", "base of g")?;
    bench.settle().await?;
    let mut f = fs::OpenOptions::new()
        .append(true)
        .open(bench.path("f.txt"))?;
    let mut g = fs::OpenOptions::new()
        .append(true)
        .open(bench.path("g.txt"))?;
    bench.there.write("f.txt", b"theirs")?;
    bench.there.delete("g.txt")?;
    bench.settle().await?;
    assert_eq!(bench.read("f.txt")?, "theirs");
    f.write_all(b" and ours")?;
    g.write_all(b" and ours")?;
    drop((f, g));
    tokio::time::sleep(std::time::Duration::from_millis(3200)).await;
    bench.settle().await?;
    assert_eq!(bench.read("f (saved late).txt")?, "base and ours");
    assert_eq!(bench.read("g (saved late).txt")?, "base of g and ours");
    bench.assert_in_step()
}

#[tokio::test]
async fn what_was_written_to_a_replaced_file_survives_a_crash_before_it_came_back() -> TestResult {
    use std::io::Write;
    let mut bench = Bench::started()?;
    bench.put("d/f.txt", "base")?;
    bench.settle().await?;
    let mut f = fs::OpenOptions::new()
        .append(true)
        .open(bench.path("d/f.txt"))?;
    bench.there.write("d/f.txt", b"theirs")?;
    bench.settle().await?;
    f.write_all(b" and ours")?;
    drop(f);
    // As a crash leaves it: nobody has looked at what was replaced, and more lies there besides.
    let tmp = bench.path(".peerdrive/tmp");
    let left: Vec<_> = fs::read_dir(&tmp)?.collect::<Result<_, _>>()?;
    assert_eq!(left.len(), 1, "{left:?}");
    let aside = bench.dir.path().join("aside");
    fs::rename(left[0].path(), &aside)?;
    bench.stop().await;
    fs::rename(&aside, left[0].path())?;
    fs::write(tmp.join("77"), "half a file")?;
    fs::write(tmp.join("78.1.2.3.name (saved late)"), "half of another")?;
    bench.start()?;
    bench.settle().await?;
    assert_eq!(bench.read("f (saved late).txt")?, "base and ours");
    assert_eq!(bench.read("d/f.txt")?, "theirs");
    assert_eq!(fs::read_dir(&tmp)?.count(), 0);
    bench.assert_in_step()
}

#[tokio::test]
async fn attack_p3_ten_thousand_twins_by_case_are_ten_thousand_files() -> TestResult {
    let bench = Bench::started()?;
    bench.there.folder("twins")?;
    for n in 0..10_000u32 {
        let name: String = (0..14)
            .map(|bit| if n >> bit & 1 == 1 { 'A' } else { 'a' })
            .collect();
        bench
            .there
            .write(&format!("twins/{name}"), &n.to_le_bytes())?;
    }
    let status = bench.settle().await?;
    assert!(status.in_step(), "{status:?}");
    assert_eq!(fs::read_dir(bench.path("twins"))?.count(), 10_000);
    assert_eq!(fs::read_dir(bench.dir.path())?.count(), 1);
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_kept_elsewhere_is_neither_replaced_nor_removed() -> TestResult {
    let bench = Bench::started()?;
    bench.put("edited.txt", "the last copy")?;
    bench.put("deleted.txt", "another last copy")?;
    bench.settle().await?;
    bench.here.0.holds_on.store(true, Ordering::SeqCst);
    bench.there.write("edited.txt", b"theirs")?;
    bench.there.delete("deleted.txt")?;
    bench.there.write("new.txt", b"goes on")?;
    let status = bench.settle().await?;
    assert_eq!(bench.read("edited.txt")?, "the last copy");
    assert_eq!(bench.read("deleted.txt")?, "another last copy");
    assert_eq!(bench.read("new.txt")?, "goes on");
    for path in ["edited.txt", "deleted.txt"] {
        let said = |problem: &Problem| problem.path == path && problem.reason.contains("no room");
        assert!(status.problems.iter().any(said), "{path}: {status:?}");
    }
    bench.here.0.holds_on.store(false, Ordering::SeqCst);
    bench.settle().await?;
    assert_eq!(bench.read("edited.txt")?, "theirs");
    let status = bench.sync().await?;
    assert!(status.in_step(), "{status:?}");
    bench.assert_in_step()?;
    bench.assert_silent().await
}

#[tokio::test]
async fn a_replaced_file_that_a_program_has_open_is_not_given_up() -> TestResult {
    use std::io::Write;
    let bench = Bench::started()?;
    bench.put("app.log", "base")?;
    bench.settle().await?;
    let mut log = fs::OpenOptions::new()
        .append(true)
        .open(bench.path("app.log"))?;
    bench.there.write("app.log", b"theirs")?;
    bench.settle().await?;
    tokio::time::sleep(std::time::Duration::from_millis(4500)).await;
    log.write_all(b" and ours")?;
    drop(log);
    tokio::time::sleep(std::time::Duration::from_millis(5500)).await;
    bench.settle().await?;
    assert_eq!(bench.read("app (saved late).log")?, "base and ours");
    assert_eq!(fs::read_dir(bench.path(".peerdrive/tmp"))?.count(), 0);
    bench.assert_in_step()
}

#[tokio::test]
async fn two_saves_in_the_moment_of_a_swap_are_both_kept() -> TestResult {
    let bench = Bench::new()?;
    let mut keeper = bench.keeper()?;
    // Ours was swapped in over a save that it did not know of, and another came before it was out.
    bench.put(".peerdrive/tmp/1", "the first save")?;
    bench.put("f.txt", "ours, from a peer")?;
    let written = keeper.root.stat("f.txt")?;
    fs::remove_file(bench.path("f.txt"))?;
    bench.put("f.txt", "the second save")?;
    keeper.put_back(".peerdrive/tmp/1", "f.txt", written)?;
    assert_eq!(bench.read("f.txt")?, "the second save");
    assert_eq!(bench.read("f (saved late).txt")?, "the first save");
    assert!(keeper.lingering.is_empty());

    // No other came, but somebody may have opened ours.
    bench.put(".peerdrive/tmp/2", "the only save")?;
    bench.put("g.txt", "ours, from a peer")?;
    let written = keeper.root.stat("g.txt")?;
    keeper.put_back(".peerdrive/tmp/2", "g.txt", written)?;
    assert_eq!(bench.read("g.txt")?, "the only save");
    assert_eq!(keeper.lingering.len(), 1);
    Ok(())
}

//! What others do, and what happens when both do something.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::status::{Problem, WorkingCopyOptions};
use super::support::{Bench, Or, TestResult};

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
async fn attack_p5_symlinks_that_lead_outside_are_stored_and_not_made() -> TestResult {
    let bench = Bench::started()?;
    bench.there.folder("d")?;
    for (n, target) in [
        "/etc/passwd",
        "..",
        "d/../../x",
        "../../x",
        "fine",
        "d/fine",
    ]
    .iter()
    .enumerate()
    {
        bench.there.link(&format!("l{n}"), target)?;
    }
    let status = bench.settle().await?;
    assert_eq!(status.problems.len(), 4, "{status:?}");
    let links: Vec<String> = bench.on_disk()?.into_keys().collect();
    assert_eq!(links, ["d", "l4", "l5"]);
    assert_eq!(bench.here.shown().len(), 7);
    Ok(())
}

#[tokio::test]
async fn attack_p5_a_link_that_is_here_is_no_problem_and_nobody_moves_one_to_where_it_leads_out()
-> TestResult {
    let bench = Bench::started()?;
    bench.put("d/a", "a")?;
    symlink("/etc/passwd", bench.path("absolute"))?;
    symlink("../x", bench.path("up"))?;
    symlink("../x", bench.path("d/inside"))?;
    let status = bench.settle().await?;
    assert!(status.in_step(), "{status:?}");
    bench.there.rename("d/inside", "inside")?;
    bench.there.rename("absolute", "d/absolute")?;
    let status = bench.settle().await?;
    assert_eq!(status.problems.len(), 1, "{status:?}");
    assert_eq!(status.problems[0].path, "inside");
    assert!(bench.path("inside").symlink_metadata().is_err());
    assert!(bench.path("d/inside").symlink_metadata()?.is_symlink());
    assert!(bench.path("d/absolute").symlink_metadata()?.is_symlink());
    // Where it does not lead out it is no problem any more.
    bench.there.rename("inside", "d/again")?;
    let status = bench.settle().await?;
    assert!(status.in_step(), "{status:?}");
    assert!(bench.path("d/again").symlink_metadata()?.is_symlink());
    bench.assert_silent().await
}

#[tokio::test]
async fn options_that_are_chosen_later_count_for_what_is_there() -> TestResult {
    let bench = Bench::started()?;
    let copy = bench.copy.as_ref().ok_or("not started")?;
    bench.there.link("out", "/etc/passwd")?;
    bench.put("a.o", "a")?;
    bench.settle().await?;
    let chosen = |patterns: &[&str], allow_outside_symlinks| WorkingCopyOptions {
        local_ignore: patterns.iter().map(|line| (*line).to_owned()).collect(),
        allow_outside_symlinks,
    };
    copy.choose(chosen(&["*.o", "theirs"], true));
    bench.put("b.o", "b")?;
    bench.there.write("theirs", b"t")?;
    let status = bench.settle().await?;
    assert!(status.problems.is_empty(), "{status:?}");
    assert!(bench.path("out").symlink_metadata()?.is_symlink());
    // What was taken in before goes on; what is named neither comes nor goes.
    assert!(bench.here.at("a.o").is_ok() && bench.here.at("b.o").is_err());
    assert!(!bench.path("theirs").exists());
    copy.choose(chosen(&[], false));
    let status = bench.settle().await?;
    assert!(status.in_step(), "{status:?}");
    assert!(bench.here.at("b.o").is_ok());
    assert_eq!(bench.read("theirs")?, "t");
    bench.assert_in_step()?;
    bench.assert_silent().await
}

#[tokio::test]
async fn attack_p5_a_symlink_in_the_place_of_a_folder_is_never_followed() -> TestResult {
    let bench = Bench::started()?;
    bench.put("d/a", "a")?;
    bench.settle().await?;
    let outside = bench.dir.path().join("outside");
    fs::create_dir(&outside)?;
    for round in 0..20 {
        fs::rename(bench.path("d"), bench.path("d.real"))?;
        symlink(&outside, bench.path("d"))?;
        bench.there.write(&format!("d/new{round}"), b"from there")?;
        bench.exchange()?;
        if round % 3 == 0 {
            bench.sync().await?;
        }
        fs::remove_file(bench.path("d"))?;
        fs::rename(bench.path("d.real"), bench.path("d"))?;
        bench.settle().await?;
        assert_eq!(fs::read_dir(&outside)?.count(), 0);
        if bench.there.at("d").is_err() {
            break;
        }
    }
    Ok(())
}

#[tokio::test]
async fn attack_p1_hostile_names_stay_inside() -> TestResult {
    let bench = Bench::started()?;
    let names = [
        ".peerdrive",
        "..\\x",
        "con",
        "a\u{202e}b",
        " ",
        "%2Epeerdrive",
        "-rf",
        "\n",
        "%252Epeerdrive",
        "x:y",
        "trailing.",
    ];
    for name in names {
        bench.there.write(name, name.as_bytes())?;
    }
    let status = bench.settle().await?;
    assert!(status.in_step(), "{status:?}");
    assert_eq!(
        fs::read_to_string(bench.path(".peerdrive/drive"))?.trim(),
        "fake"
    );
    let mut held: Vec<Vec<u8>> = bench.on_disk()?.into_values().flatten().collect();
    held.sort();
    let mut wanted: Vec<Vec<u8>> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
    wanted.sort();
    assert_eq!(held, wanted);
    bench.assert_silent().await?;
    // A rename of an escaped name is a rename of what it stands for.
    fs::rename(bench.path("%2Epeerdrive"), bench.path("plain"))?;
    bench.settle().await?;
    assert_eq!(
        bench.here.shown().get("plain").cloned().flatten(),
        Some(b".peerdrive".to_vec())
    );
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

#[test]
fn attack_p5_no_path_leads_out_of_the_root_whatever_it_says() -> TestResult {
    use super::super::beneath::Root;
    let dir = tempfile::tempdir()?;
    let (inside, outside) = (dir.path().join("inside"), dir.path().join("outside"));
    fs::create_dir_all(inside.join("d"))?;
    fs::create_dir(&outside)?;
    fs::write(outside.join("secret"), "secret")?;
    fs::write(inside.join("mine"), "mine")?;
    symlink(&outside, inside.join("out"))?;
    symlink("../../outside", inside.join("d/out"))?;
    let root = Root::open(&inside)?;
    let absolute = outside.join("secret");
    let absolute = absolute.to_str().ok_or("UTF-8")?;
    for hostile in [
        "../outside/secret",
        "..",
        ".",
        "d/..",
        "d/../../outside/secret",
        "../outside",
        absolute,
        "/",
        "out/secret",
        "d/out/secret",
        "out/new",
        "mine\0",
        "d/\0/x",
        "out/../secret",
    ] {
        assert!(root.open_file(hostile).is_err(), "{hostile:?} was read");
        assert!(root.create_file(hostile).is_err(), "{hostile:?} was made");
        assert!(root.make_folder(hostile).is_err(), "{hostile:?} was made");
        assert!(root.symlink("x", hostile).is_err(), "{hostile:?} was made");
        assert!(root.unlink(hostile).is_err(), "{hostile:?} was removed");
        assert!(root.remove_folder(hostile).is_err(), "{hostile:?} removed");
        assert!(root.rename_new("mine", hostile).is_err(), "{hostile:?}");
        assert!(root.rename_new(hostile, "taken").is_err(), "{hostile:?}");
        assert!(root.rename_over("mine", hostile).is_err(), "{hostile:?}");
        assert!(
            !matches!(root.exchange("mine", hostile), Ok(true)),
            "{hostile:?}"
        );
        assert!(root.set_mtime(hostile, 0).is_err(), "{hostile:?}");
        assert!(root.read_link(hostile).is_err(), "{hostile:?}");
        assert!(!matches!(root.stat(hostile), Ok(Some(_))), "{hostile:?}");
        if !matches!(hostile, "." | "/" | "d/..") {
            assert!(root.list(hostile).is_err(), "{hostile:?} was listed");
            assert!(root.chmod(hostile, 0o777).is_err(), "{hostile:?}");
        }
    }
    assert_eq!(fs::read_dir(&outside)?.count(), 1);
    assert_eq!(fs::read_to_string(outside.join("secret"))?, "secret");
    assert_eq!(fs::read_to_string(inside.join("mine"))?, "mine");
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

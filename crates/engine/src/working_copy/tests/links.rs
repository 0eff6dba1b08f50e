//! What leads out of the folder, or would, and what this device chose to leave alone.

use std::fs;
use std::os::unix::fs::symlink;

use super::super::status::WorkingCopyOptions;
use super::support::{Bench, TestResult};

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

//! Tools that touch a great many files at once, beside a person who works: all of it arrives, nothing
//! else does, and no file becomes another.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use peerdrive_tests::{
    Device, Lab, Onlooker, Random, Requirement, Tree, git, missing, run, within,
};

use crate::{SOON, together};

/// Until both folders are the same, by themselves.
fn until_same(lab: &Lab, devices: [&Device; 2], drive: &str, places: [&Path; 2]) -> Result<Tree> {
    let (tree, _) = within(SOON * 4, "both folders are the same", || {
        let tree = Tree::read(places[0])?;
        tree.same_as(&Tree::read(places[1])?)?;
        Ok(Some(tree))
    })?;
    lab.converge(&devices, drive)?;
    tree.same_as(&Tree::read(places[0])?)?;
    tree.same_as(&Tree::read(places[1])?)?;
    Ok(tree)
}

fn ids(device: &Device, drive: &str) -> Result<BTreeMap<String, String>> {
    let (listed, _) = device.tree(drive)?;
    Ok(listed
        .into_iter()
        .map(|line| (line.path, line.id))
        .collect())
}

fn nothing_was_caused(tree: &Tree) -> Result<()> {
    let odd: Vec<&str> = tree
        .iter()
        .map(|(path, _)| path)
        .filter(|path| {
            path.contains(" (conflict") || path.contains(" (local") || path.contains(" (saved late")
        })
        .collect();
    ensure!(odd.is_empty(), "copies that nobody caused: {odd:?}");
    Ok(())
}

#[test]
fn another_branch_is_checked_out_and_git_agrees_on_both_devices() -> Result<()> {
    let test = "another_branch_is_checked_out_and_git_agrees_on_both_devices";
    if missing(test, &[Requirement::Git]) {
        return Ok(());
    }
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        for number in 0..300 {
            let folder = hers.join(format!("src/part{}", number % 12));
            fs::create_dir_all(&folder)?;
            fs::write(
                folder.join(format!("{number}.rs")),
                format!("// main {number}\n"),
            )?;
        }
        git(&hers, &["init", "--quiet", "--initial-branch=main"])?;
        // The folder that PeerDrive keeps for itself brings an ignore file of its own.
        git(&hers, &["add", "--all"])?;
        git(&hers, &["commit", "--quiet", "--message=main"])?;
        git(&hers, &["checkout", "--quiet", "-b", "other"])?;
        for number in 0..300 {
            let path = hers.join(format!("src/part{}/{number}.rs", number % 12));
            match number % 3 {
                0 => fs::write(path, format!("// other {number}\n// longer\n"))?,
                1 if number % 2 == 0 => fs::remove_file(path)?,
                _ => {}
            }
        }
        fs::create_dir(hers.join("only here"))?;
        for number in 0..80 {
            fs::write(
                hers.join(format!("only here/{number}")),
                format!("{number}"),
            )?;
        }
        git(&hers, &["add", "--all"])?;
        git(&hers, &["commit", "--quiet", "--message=other"])?;
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        let before = ids(&ana, &drive)?;
        let onlooker = Onlooker::of(&[&his.join(".git"), &his.join(".git/refs/heads")])?;
        for (round, branch) in ["main", "other", "main", "other"].into_iter().enumerate() {
            // Both work in the repository, one after the other.
            let at = if round < 2 { &hers } else { &his };
            git(at, &["checkout", "--quiet", branch])?;
            let tree = until_same(lab, [&ana, &ben], &drive, [&hers, &his])?;
            nothing_was_caused(&tree)?;
            for place in [&hers, &his] {
                let branch_there = git(place, &["rev-parse", "--abbrev-ref", "HEAD"])?;
                ensure!(branch_there.trim() == branch, "{branch_there} in {place:?}");
                git(place, &["fsck", "--full", "--strict"])?;
                let changed = git(place, &["--no-optional-locks", "status", "--porcelain"])?;
                let changed: Vec<&str> = changed
                    .lines()
                    .filter(|line| !line.contains(".peerdrive"))
                    .collect();
                ensure!(
                    changed.is_empty(),
                    "git sees changes in {place:?}: {changed:?}"
                );
            }
            if round == 1 {
                let locks: Vec<String> = onlooker
                    .names()?
                    .into_iter()
                    .filter(|name| name.ends_with(".lock") || name.starts_with("tmp_"))
                    .collect();
                ensure!(locks.is_empty(), "git's own locks travelled: {locks:?}");
            }
        }
        let after = ids(&ben, &drive)?;
        for number in (0..300).filter(|number| number % 3 != 1) {
            let path = format!("src/part{}/{number}.rs", number % 12);
            ensure!(
                after.get(&path) == before.get(&path),
                "{path} became another file"
            );
        }
        Ok(())
    })
}

/// Packages as a package manager lays them out: unpacked beside, renamed into place, with links.
fn install(root: &Path, packages: u64, random: &mut Random) -> Result<usize> {
    let modules = root.join("node_modules");
    fs::create_dir_all(modules.join(".bin"))?;
    let mut files = 0;
    for number in 0..packages {
        let unpacked = modules.join(format!(".package{number}-Xa{:06x}", random.below(1 << 24)));
        for folder in ["lib", "dist/esm", "dist/cjs"] {
            fs::create_dir_all(unpacked.join(folder))?;
            for file in 0..8 {
                let len = random.below(3_000) as usize;
                fs::write(
                    unpacked.join(format!("{folder}/{file}.js")),
                    random.bytes(len),
                )?;
                files += 1;
            }
        }
        fs::write(
            unpacked.join("package.json"),
            format!("{{\"name\":\"package{number}\"}}"),
        )?;
        files += 1;
        fs::rename(&unpacked, modules.join(format!("package{number}")))?;
        std::os::unix::fs::symlink(
            format!("../package{number}/lib/0.js"),
            modules.join(format!(".bin/package{number}")),
        )?;
    }
    Ok(files)
}

#[test]
fn thousands_of_small_files_come_and_go() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        // So many others that the packages are less than half: else their deletion waits for a yes.
        let mut random = Random::new(11);
        for number in 0..2_400 {
            let folder = hers.join(format!("work/{}", number % 40));
            fs::create_dir_all(&folder)?;
            fs::write(folder.join(format!("{number}")), random.bytes(50))?;
        }
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        let before = ids(&ana, &drive)?;
        let files = install(&hers, 80, &mut random)?;
        // Somebody works meanwhile, on the other device.
        for number in 0..30 {
            fs::write(
                his.join(format!("work/{number}/{number}")),
                format!("edited {number}"),
            )?;
            thread::sleep(Duration::from_millis(30));
        }
        let tree = until_same(lab, [&ana, &ben], &drive, [&hers, &his])?;
        nothing_was_caused(&tree)?;
        ensure!(tree.files() == 2_400 + files, "{} files", tree.files());
        fs::remove_dir_all(hers.join("node_modules"))?;
        let (_, took) = within(SOON * 2, "the packages are gone", || {
            Ok((!his.join("node_modules").exists()).then_some(()))
        })?;
        let tree = until_same(lab, [&ana, &ben], &drive, [&hers, &his])?;
        nothing_was_caused(&tree)?;
        ensure!(tree.files() == 2_400, "{} files", tree.files());
        ensure!(ids(&ben, &drive)? == before, "files became others");
        for number in 0..30 {
            let found = fs::read_to_string(hers.join(format!("work/{number}/{number}")))?;
            ensure!(found == format!("edited {number}"), "{found}");
        }
        println!(
            "{files} files were gone {} ms after their removal",
            took.as_millis()
        );
        Ok(())
    })
}

#[test]
fn an_archive_is_unpacked_with_its_bits_and_times() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his, aside) = (lab.folder("hers")?, lab.path("his"), lab.folder("aside")?);
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        let mut random = Random::new(5);
        for number in 0..600 {
            let folder = aside.join(format!("archive/{}", number % 20));
            fs::create_dir_all(&folder)?;
            let path = folder.join(format!("{number}"));
            fs::write(&path, random.bytes(200))?;
            fs::set_permissions(
                &path,
                fs::Permissions::from_mode([0o644, 0o755, 0o600][number % 3]),
            )?;
            let then = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + number as u64);
            fs::File::options()
                .write(true)
                .open(&path)?
                .set_modified(then)?;
        }
        fs::create_dir(aside.join("archive/empty"))?;
        let archive = aside.join("a.tar");
        let mut tar = Command::new("tar");
        run(
            tar.arg("-C")
                .arg(&aside)
                .arg("-cf")
                .arg(&archive)
                .arg("archive"),
            SOON,
        )?
        .ok()?;
        let mut tar = Command::new("tar");
        run(tar.arg("-C").arg(&hers).arg("-xf").arg(&archive), SOON)?.ok()?;
        let tree = until_same(lab, [&ana, &ben], &drive, [&hers, &his])?;
        ensure!(
            tree.files() == 600 && tree.get("archive/empty").is_some(),
            "{} files",
            tree.files()
        );
        nothing_was_caused(&tree)?;
        for number in 0..600 {
            let name = format!("archive/{}/{number}", number % 20);
            let about = |root: &Path| -> Result<(u32, i64)> {
                let about = fs::metadata(root.join(&name)).context(name.clone())?;
                Ok((about.permissions().mode() & 0o777, about.mtime()))
            };
            ensure!(
                about(&hers)? == about(&his)?,
                "{name}: {:?}, {:?}",
                about(&hers)?,
                about(&his)?
            );
            ensure!(about(&his)?.1 == 1_000_000_000 + number as i64, "{name}");
        }
        Ok(())
    })
}

/// What a compiler does to its output folder: objects written, renamed, replaced, whole folders of them
/// renamed and removed, at every moment.
fn build(root: &Path, seed: u64) -> Result<()> {
    let mut random = Random::new(seed);
    let target = root.join("target");
    fs::create_dir_all(target.join("deps"))?;
    for turn in 0..12 {
        let working = target.join(format!("incremental/s-{turn}-working"));
        fs::create_dir_all(&working)?;
        for number in 0..25 {
            fs::write(working.join(format!("{number}.o")), random.bytes(400))?;
            let beside = target.join(format!("deps/rmeta{:06x}.tmp", random.below(1 << 24)));
            fs::write(&beside, random.bytes(300))?;
            fs::rename(&beside, target.join(format!("deps/lib{number}.rmeta")))?;
            if random.below(6) == 0 {
                let _ = fs::remove_file(target.join(format!("deps/lib{}.rmeta", random.below(25))));
            }
        }
        fs::rename(&working, target.join(format!("incremental/s-{turn}-done")))?;
        if turn > 0 {
            fs::remove_dir_all(target.join(format!("incremental/s-{}-done", turn - 1)))?;
        }
        fs::write(target.join("program"), random.bytes(100_000))?;
        fs::set_permissions(target.join("program"), fs::Permissions::from_mode(0o755))?;
        thread::sleep(Duration::from_millis(random.below(120)));
    }
    Ok(())
}

#[test]
fn builds_on_one_device_while_the_sources_are_edited_on_the_other() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        fs::create_dir(hers.join("src"))?;
        for number in 0..150 {
            fs::write(
                hers.join(format!("src/{number}.rs")),
                format!("// {number}\n"),
            )?;
        }
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        let before = ids(&ana, &drive)?;
        thread::scope(|scope| {
            let building = scope.spawn(|| build(&hers, 3));
            for turn in 0..60 {
                fs::write(
                    his.join(format!("src/{}.rs", turn % 20)),
                    format!("// edit {turn}\n"),
                )?;
                thread::sleep(Duration::from_millis(25));
            }
            building
                .join()
                .map_err(|_| anyhow::anyhow!("the build panicked"))?
        })?;
        let tree = until_same(lab, [&ana, &ben], &drive, [&hers, &his])?;
        nothing_was_caused(&tree)?;
        let folders: Vec<&str> = tree
            .iter()
            .map(|(path, _)| path)
            .filter(|path| {
                path.starts_with("target/incremental/") && path.matches('/').count() == 2
            })
            .collect();
        ensure!(folders == ["target/incremental/s-11-done"], "{folders:?}");
        for turn in 40..60 {
            let found = fs::read_to_string(hers.join(format!("src/{}.rs", turn % 20)))?;
            ensure!(found == format!("// edit {turn}\n"), "{found}");
        }
        let after = ids(&ben, &drive)?;
        for (path, id) in before.iter().filter(|(path, _)| path.starts_with("src/")) {
            ensure!(after.get(path) == Some(id), "{path} became another file");
        }
        Ok(())
    })
}

//! Devices that were apart while both were used: on meeting all show the same, and nothing that was
//! written is gone.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use peerdrive_tests::{Device, Lab, Network, Requirement, Tree, missing, within_ms};

use crate::{SOON, together};

/// What both know before they part.
fn before(root: &Path) -> Result<()> {
    for (path, bytes) in [
        ("album/summer/beach.txt", "sand"),
        ("album/summer/hills.txt", "stone"),
        ("notes/plan.md", "the plan\n"),
        ("notes/list.md", "the list\n"),
        ("draft.txt", "first draft"),
        ("old/kept.txt", "old but kept"),
        ("old/edited.txt", "old, to be edited"),
    ] {
        let path = root.join(path);
        fs::create_dir_all(path.parent().context("in a folder")?)?;
        fs::write(path, bytes)?;
    }
    Ok(())
}

fn ana_alone(root: &Path) -> Result<()> {
    fs::write(root.join("notes/plan.md"), "the plan\nby ana\n")?;
    fs::rename(root.join("album/summer"), root.join("album/Summer 2026"))?;
    fs::write(
        root.join("album/Summer 2026/new of ana.txt"),
        "written by ana in the renamed folder",
    )?;
    fs::remove_file(root.join("draft.txt"))?;
    fs::write(
        root.join("old/edited.txt"),
        "edited by ana while ben deleted the folder",
    )?;
    fs::write(root.join("both.bin"), [0, 1, 2, 3, 255])?;
    Ok(())
}

fn ben_alone(root: &Path) -> Result<()> {
    fs::write(root.join("notes/list.md"), "the list\nby ben\n")?;
    fs::rename(root.join("album/summer"), root.join("album/Holidays"))?;
    fs::write(
        root.join("album/Holidays/beach.txt"),
        "sand, and what ben wrote about it",
    )?;
    fs::write(root.join("draft.txt"), "second draft, by ben")?;
    fs::remove_dir_all(root.join("old"))?;
    fs::write(root.join("both.bin"), [9, 8, 7, 6, 254])?;
    Ok(())
}

/// What must be readable somewhere afterwards.
const WRITTEN: [&[u8]; 8] = [
    b"the plan\nby ana\n",
    b"the list\nby ben\n",
    b"written by ana in the renamed folder",
    b"sand, and what ben wrote about it",
    b"second draft, by ben",
    b"edited by ana while ben deleted the folder",
    &[0, 1, 2, 3, 255],
    &[9, 8, 7, 6, 254],
];

fn nothing_is_gone(roots: [&Path; 2]) -> Result<()> {
    let tree = Tree::read(roots[0])?;
    tree.same_as(&Tree::read(roots[1])?)?;
    for bytes in WRITTEN {
        ensure!(
            tree.holds(bytes),
            "gone: {:?}; left: {tree:?}",
            String::from_utf8_lossy(bytes)
        );
    }
    // One of the two new names holds, with everything in it; the old name does not come back.
    let names = ["album/Summer 2026", "album/Holidays"].map(|name| tree.get(name).is_some());
    ensure!(
        names[0] != names[1],
        "one folder renamed two ways is still one folder: {tree:?}"
    );
    ensure!(
        tree.get("album/summer").is_none(),
        "the old name came back: {tree:?}"
    );
    let folder = if names[0] {
        "album/Summer 2026"
    } else {
        "album/Holidays"
    };
    for file in ["beach.txt", "hills.txt", "new of ana.txt"] {
        ensure!(
            tree.get(&format!("{folder}/{file}")).is_some(),
            "{file} is not in {folder}: {tree:?}"
        );
    }
    // Ben deleted the folder, Ana edited one file in it: that file lives, the other stays deleted.
    ensure!(
        tree.get("old/edited.txt").is_some() && tree.get("old/kept.txt").is_none(),
        "{tree:?}"
    );
    Ok(())
}

#[test]
fn devices_that_were_stopped_while_their_folders_were_used_lose_nothing() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        before(&hers)?;
        let drive = together(lab, &ana, &ben, &hers, &his)?;

        ana.stop()?;
        ben.stop()?;
        ana_alone(&hers)?;
        ben_alone(&his)?;
        ana.start()?;
        ben.start()?;
        within_ms(SOON, "ana sees what ben wrote", || {
            fs::read(hers.join("notes/list.md")).is_ok_and(|bytes| bytes == WRITTEN[1])
        })?;
        lab.converge(&[&ana, &ben], &drive)?;
        nothing_is_gone([&hers, &his])
    })
}

#[test]
fn devices_on_a_cut_network_lose_nothing_when_it_heals() -> Result<()> {
    if missing(
        "devices_on_a_cut_network_lose_nothing_when_it_heals",
        &[Requirement::Namespaces],
    ) {
        return Ok(());
    }
    Lab::run(|lab| {
        let mut network = Network::new()?;
        let ana = lab.device_on("ana", network.host()?)?;
        let ben = lab.device_on("ben", network.host()?)?;
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        before(&hers)?;
        let drive = together(lab, &ana, &ben, &hers, &his)?;

        let link = ben.host().context("ben has a network")?;
        link.cut()?;
        ana_alone(&hers)?;
        ben_alone(&his)?;
        // Long enough for both to have taken it all in, each alone.
        let alone = |device: &Device| device.status(&drive).map(|status| status.view_hash);
        let (first_of_ana, first_of_ben) = (alone(&ana)?, alone(&ben)?);
        within_ms(SOON, "both took in what they wrote", || {
            alone(&ana).is_ok_and(|hash| hash != first_of_ana)
                || alone(&ben).is_ok_and(|hash| hash != first_of_ben)
        })?;
        std::thread::sleep(std::time::Duration::from_secs(2));
        ensure!(
            alone(&ana)? != alone(&ben)?,
            "a cut network carried something"
        );
        link.heal()?;
        within_ms(SOON * 2, "ana sees what ben wrote", || {
            fs::read(hers.join("notes/list.md")).is_ok_and(|bytes| bytes == WRITTEN[1])
        })?;
        lab.converge(&[&ana, &ben], &drive)?;
        nothing_is_gone([&hers, &his])
    })
}

#[test]
fn a_device_that_was_off_catches_up() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        before(&hers)?;
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        ben.stop()?;
        for number in 0..100 {
            fs::write(
                hers.join(format!("notes/{number}.txt")),
                format!("number {number}"),
            )?;
        }
        fs::remove_dir_all(hers.join("album"))?;
        ben.start()?;
        within_ms(SOON, "the last of the new files arrives", || {
            his.join("notes/99.txt").exists()
        })?;
        lab.converge(&[&ana, &ben], &drive)?;
        Tree::read(&hers)?.same_as(&Tree::read(&his)?)
    })
}

//! Renames are renames: no contents travel again.

use std::fs;

use anyhow::{Context, Result, ensure};
use peerdrive_tests::{Door, Lab, Network, Random, Requirement, Role, Tree, missing, within_ms};

use crate::{SOON, together};

#[test]
fn a_renamed_folder_sends_no_contents() -> Result<()> {
    if missing(
        "a_renamed_folder_sends_no_contents",
        &[Requirement::Namespaces],
    ) {
        return Ok(());
    }
    Lab::run(|lab| {
        let mut network = Network::new()?;
        let ana = lab.device_on("ana", network.host()?)?;
        let ben = lab.device_on("ben", network.host()?)?;
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        fs::create_dir(hers.join("before"))?;
        let mut random = Random::new(7);
        for number in 0..20 {
            fs::write(
                hers.join(format!("before/{number}.bin")),
                random.bytes(1 << 20),
            )?;
        }
        let drive = together(lab, &ana, &ben, &hers, &his)?;

        let link = ana.host().context("ana has a network")?;
        let (sent_before, received_before) = link.traffic()?;
        ensure!(
            sent_before > 20 << 20,
            "the contents crossed this link: {sent_before} bytes"
        );
        fs::rename(hers.join("before"), hers.join("after"))?;
        within_ms(SOON, "the new name arrives", || {
            his.join("after/19.bin").exists() && !his.join("before").exists()
        })?;
        lab.converge(&[&ana, &ben], &drive)?;
        Tree::read(&hers)?.same_as(&Tree::read(&his)?)?;
        let (sent, received) = link.traffic()?;
        let crossed = sent - sent_before + received - received_before;
        println!("renaming a folder of 20 MiB sent {crossed} bytes");
        ensure!(crossed < 512 << 10, "a rename sent {crossed} bytes");
        Ok(())
    })
}

#[test]
fn a_renamed_file_sends_no_contents_and_neither_does_a_rename_on_a_mount() -> Result<()> {
    let test = "a_renamed_file_sends_no_contents_and_neither_does_a_rename_on_a_mount";
    if missing(test, &[Requirement::Namespaces, Requirement::Fuse]) {
        return Ok(());
    }
    Lab::run(|lab| {
        let mut network = Network::new()?;
        let ana = lab.device_on("ana", network.host()?)?;
        let ben = lab.device_on("ben", network.host()?)?;
        let (hers, mount) = (lab.folder("hers")?, lab.path("mount"));
        fs::create_dir(hers.join("folder"))?;
        let mut random = Random::new(8);
        for name in ["film.bin", "folder/film.bin"] {
            fs::write(hers.join(name), random.bytes(8 << 20))?;
        }
        let drive = ana.share(&hers)?.drive;
        let ticket = ana.invite(&drive, Role::Writer)?;
        ben.join(&ticket, Door::Mount(&mount))?;
        lab.converge(&[&ana, &ben], &drive)?;
        // A mount fetches what is read: from here on it has all of it.
        Tree::read(&hers)?.same_as(&Tree::read(&mount)?)?;

        let link = ana.host().context("ana has a network")?;
        let (sent, received) = link.traffic()?;
        ensure!(sent > 16 << 20, "the contents crossed this link: {sent}");
        let mut before = sent + received;
        let renames = [
            (&hers, "film.bin", "renamed.bin", &mount),
            (&mount, "renamed.bin", "again.bin", &hers),
            (&mount, "folder", "moved", &hers),
        ];
        for (by, old, new, other) in renames {
            fs::rename(by.join(old), by.join(new))?;
            within_ms(SOON, "the new name arrives", || {
                other.join(new).exists() && !other.join(old).exists()
            })?;
            lab.converge(&[&ana, &ben], &drive)?;
            Tree::read(&hers)?.same_as(&Tree::read(&mount)?)?;
            let (sent, received) = link.traffic()?;
            let crossed = sent + received - before;
            println!("renaming {old} to {new} sent {crossed} bytes");
            ensure!(crossed < 512 << 10, "renaming {old} sent {crossed} bytes");
            before = sent + received;
        }
        Ok(())
    })
}

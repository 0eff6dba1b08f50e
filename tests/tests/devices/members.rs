//! Who is in a drive and what they may do, through the commands, on devices that enforce it against each
//! other.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use peerdrive_tests::{Device, Door, Lab, Role, Tree, within_ms};
use serde_json::Value;

use crate::SOON;

/// The lines of `members DRIVE`.
pub(crate) fn members(device: &Device, drive: &str) -> Result<Vec<Value>> {
    device.call(&["members", drive])?.ok()?.lines()
}

/// Waits until the device's own role in the drive is this; `removed` for none.
pub(crate) fn becomes(device: &Device, drive: &str, role: &str) -> Result<()> {
    let wanted = match role {
        "removed" => Value::Null,
        role => Value::from(role),
    };
    within_ms(SOON, &format!("{} is {role}", device.name()), || {
        role_of(device, drive).is_ok_and(|found| found == wanted)
    })?;
    Ok(())
}

fn role_of(device: &Device, drive: &str) -> Result<Value> {
    let status: Value = device.call(&["status", drive])?.ok()?.json()?;
    Ok(status["drives"][0]["role"].clone())
}

/// The member's id of a device that calls itself by its name in the harness.
pub(crate) fn own_id(device: &Device, drive: &str) -> Result<String> {
    let all = members(device, drive)?;
    let me = all.iter().find(|member| member["you"] == true);
    let id = me.and_then(|member| member["member"].as_str());
    Ok(id.context("not among the members")?.to_owned())
}

/// Ana shares, Ben and Cleo join in these roles; each has a folder.
pub(crate) struct Trio {
    pub(crate) drive: String,
    pub(crate) devices: Vec<Device>,
    pub(crate) folders: Vec<PathBuf>,
}

impl Trio {
    pub(crate) fn new(lab: &Lab, ben: Role, cleo: Role) -> Result<Self> {
        let names = ["ana", "ben", "cleo"];
        let mut devices = Vec::new();
        for name in names {
            devices.push(lab.device(name)?);
        }
        let folders = vec![lab.folder("hers")?, lab.path("his"), lab.path("cleos")];
        fs::write(folders[0].join("first.txt"), "first")?;
        let drive = devices[0].share(&folders[0])?.drive;
        for (at, role) in [(1, ben), (2, cleo)] {
            let ticket = devices[0].invite(&drive, role)?;
            devices[at].join(&ticket, Door::Folder(&folders[at]))?;
        }
        let trio = Self {
            drive,
            devices,
            folders,
        };
        trio.converge(lab)?;
        Ok(trio)
    }

    pub(crate) fn converge(&self, lab: &Lab) -> Result<()> {
        lab.converge(&self.devices.iter().collect::<Vec<_>>(), &self.drive)?;
        Ok(())
    }

    pub(crate) fn id(&self, at: usize) -> Result<String> {
        own_id(&self.devices[at], &self.drive)
    }
}

pub(crate) fn appears(path: &Path, text: &str) -> Result<()> {
    let wanted = format!("`{text}` in {}", path.display());
    within_ms(SOON, &wanted, || {
        fs::read_to_string(path).is_ok_and(|found| found == text)
    })?;
    Ok(())
}

#[test]
fn a_change_of_role_takes_effect_everywhere_and_back_again() -> Result<()> {
    Lab::run(|lab| {
        let trio = Trio::new(lab, Role::Reader, Role::Writer)?;
        let [ana, ben, cleo] = &trio.devices[..] else {
            anyhow::bail!("three devices");
        };
        let drive = &trio.drive;
        for device in [ana, ben, cleo] {
            let all = members(device, drive)?;
            ensure!(all.len() == 3, "{all:?}");
            let you = all.iter().filter(|member| member["you"] == true).count();
            ensure!(you == 1, "{all:?}");
            ensure!(all.iter().all(|m| m["devices"][0]["device"].is_string()));
        }
        // A reader may not change roles, nor an owner their own.
        let cleos = trio.id(2)?;
        ben.call(&["role", drive, &cleos, "reader"])?.refusal(4)?;
        ana.call(&["role", drive, &trio.id(0)?, "reader"])?
            .refusal(4)?;
        ana.call(&["role", drive, "nobody", "reader"])?.refusal(3)?;

        let bens = trio.id(1)?;
        let changed: Value = ana.call(&["role", drive, &bens, "writer"])?.ok()?.json()?;
        ensure!(changed["role"] == "writer", "{changed}");
        becomes(ben, drive, "writer")?;
        fs::write(trio.folders[1].join("by ben.txt"), "ben may write")?;
        appears(&trio.folders[0].join("by ben.txt"), "ben may write")?;
        appears(&trio.folders[2].join("by ben.txt"), "ben may write")?;

        ana.call(&["role", drive, &bens, "reader"])?.ok()?;
        becomes(ben, drive, "reader")?;
        fs::write(trio.folders[1].join("unheard.txt"), "only here")?;
        fs::write(trio.folders[0].join("after.txt"), "after")?;
        appears(&trio.folders[1].join("after.txt"), "after")?;
        appears(&trio.folders[2].join("after.txt"), "after")?;
        ensure!(!trio.folders[0].join("unheard.txt").exists());
        ensure!(!trio.folders[2].join("unheard.txt").exists());
        ensure!(trio.folders[1].join("unheard.txt").exists());
        ensure!(
            trio.folders[0].join("by ben.txt").exists(),
            "what ben wrote as a writer stays"
        );
        Ok(())
    })
}

#[test]
fn a_removed_member_is_let_go_and_keeps_the_folder() -> Result<()> {
    Lab::run(|lab| {
        let trio = Trio::new(lab, Role::Writer, Role::Writer)?;
        let [ana, ben, cleo] = &trio.devices[..] else {
            anyhow::bail!("three devices");
        };
        let drive = &trio.drive;
        let bens = trio.id(1)?;
        // A writer removes nobody.
        cleo.call(&["revoke", drive, &bens])?.refusal(4)?;
        ana.call(&["revoke", drive, &bens])?.ok()?;
        for device in [ana, cleo] {
            within_ms(SOON, "ben is out", || {
                members(device, drive).is_ok_and(|all| all.len() == 2)
            })?;
        }
        becomes(ben, drive, "removed")?;
        fs::write(trio.folders[0].join("secret.txt"), "after ben")?;
        appears(&trio.folders[2].join("secret.txt"), "after ben")?;
        fs::write(trio.folders[2].join("cleos.txt"), "writes with new keys")?;
        appears(&trio.folders[0].join("cleos.txt"), "writes with new keys")?;
        fs::write(trio.folders[1].join("bens.txt"), "not sent")?;
        std::thread::sleep(std::time::Duration::from_secs(3));
        ensure!(!trio.folders[1].join("secret.txt").exists());
        ensure!(!trio.folders[0].join("bens.txt").exists());
        ensure!(
            fs::read_to_string(trio.folders[1].join("first.txt"))? == "first",
            "his folder stays as it was"
        );
        lab.converge(&[ana, cleo], drive)?;
        Tree::read(&trio.folders[0])?.same_as(&Tree::read(&trio.folders[2])?)?;
        // He stays out after a restart, and learns nothing more.
        ben.stop()?;
        ben.start()?;
        becomes(ben, drive, "removed")?;
        ensure!(!trio.folders[1].join("secret.txt").exists());
        Ok(())
    })
}

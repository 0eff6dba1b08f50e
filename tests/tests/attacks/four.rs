//! Four devices as processes: a reader who patches the program, a writer who is removed while away, two
//! admins who act against each other at once.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use peerdrive_tests::{Device, Door, Lab, Role, Tree, files_below, within_ms};
use serde_json::Value;

use crate::evil::Evil;
use crate::scene::folder;

/// For a loaded machine; what is waited for takes well under a second.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Four people's devices with one drive, each with a folder.
struct Four {
    drive: String,
    devices: Vec<Device>,
    folders: Vec<PathBuf>,
}

impl Four {
    fn new(lab: &Lab, roles: [Role; 3]) -> Result<Self> {
        let names = ["ana", "ben", "cleo", "dan"];
        let folder = |name: &&str| lab.path(&format!("folder of {name}"));
        let folders: Vec<PathBuf> = names.iter().map(folder).collect();
        let mut devices = Vec::new();
        for name in names {
            devices.push(lab.device(name)?);
        }
        fs::create_dir(&folders[0])?;
        fs::write(folders[0].join("first.txt"), "first")?;
        let drive = devices[0].share(&folders[0])?.drive;
        for (at, role) in roles.into_iter().enumerate() {
            let ticket = devices[0].invite(&drive, role)?;
            devices[at + 1].join(&ticket, Door::Folder(&folders[at + 1]))?;
        }
        let four = Self {
            drive,
            devices,
            folders,
        };
        four.converge(lab, &[0, 1, 2, 3])?;
        Ok(four)
    }

    fn converge(&self, lab: &Lab, of: &[usize]) -> Result<()> {
        let devices: Vec<&Device> = of.iter().map(|at| &self.devices[*at]).collect();
        lab.converge(&devices, &self.drive)?;
        Ok(())
    }

    fn same(&self, of: &[usize]) -> Result<()> {
        let first = Tree::read(&self.folders[of[0]])?;
        for at in &of[1..] {
            first.same_as(&Tree::read(&self.folders[*at])?)?;
        }
        Ok(())
    }

    fn write(&self, at: usize, name: &str, text: &str) -> Result<()> {
        Ok(fs::write(self.folders[at].join(name), text)?)
    }

    fn appears(&self, at: usize, name: &str, text: &str) -> Result<()> {
        let path = self.folders[at].join(name);
        within_ms(SOON, &format!("`{text}` in {}", path.display()), || {
            fs::read_to_string(&path).is_ok_and(|found| found == text)
        })?;
        Ok(())
    }

    fn ask(&self, at: usize, words: &[&str]) -> Result<Vec<Value>> {
        self.devices[at].call(words)?.ok()?.lines()
    }

    fn id(&self, at: usize) -> Result<String> {
        own_id(&self.devices[at], &self.drive)
    }

    /// Who is in, as this device sees it: ids and roles.
    fn members(&self, at: usize) -> Result<Vec<String>> {
        let all = self.ask(at, &["members", &self.drive])?;
        let line = |member: &Value| format!("{} {}", member["member"], member["role"]);
        let mut lines: Vec<String> = all.iter().map(line).collect();
        lines.sort();
        Ok(lines)
    }
}

/// The member's id of a device.
pub(crate) fn own_id(device: &Device, drive: &str) -> Result<String> {
    let all = device.call(&["members", drive])?.ok()?.lines()?;
    let me = all.iter().find(|member| member["you"] == true);
    let id = me.and_then(|member| member["member"].as_str());
    Ok(id.context("not among the members")?.to_owned())
}

/// Waits until a device's own role is this; `None` once removed.
pub(crate) fn become_role(device: &Device, drive: &str, role: Option<&str>) -> Result<()> {
    let wanted = role.map_or(Value::Null, Value::from);
    within_ms(SOON, &format!("{} is {wanted}", device.name()), || {
        let asked = device
            .call(&["status", drive])
            .and_then(|answer| answer.ok());
        let status = asked.and_then(|answer| answer.json::<Value>());
        status.is_ok_and(|status| status["drives"][0]["role"] == wanted)
    })?;
    Ok(())
}

/// Where a device's daemon can be reached.
fn address(device: &Device) -> Result<Vec<u8>> {
    let answer: Value = device.call(&["devices", "address"])?.ok()?.json()?;
    let contact = answer["address"].as_str().context("no address")?;
    let (_, text) = contact.split_once('#').context("no address")?;
    Ok(data_encoding::BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes())?)
}

#[test]
fn attack_l1_a_readers_edits_reach_nobody_and_a_patched_reader_is_refused_by_all_daemons()
-> Result<()> {
    Lab::run(|lab| {
        let four = Four::new(lab, [Role::Writer, Role::Admin, Role::Reader])?;
        // With the program as it is: what a reader does in the folder stays there.
        four.write(3, "first.txt", "changed by a reader")?;
        four.write(3, "unheard.txt", "only here")?;
        four.write(0, "after.txt", "after")?;
        for at in [1, 2, 3] {
            four.appears(at, "after.txt", "after")?;
        }
        four.converge(lab, &[0, 1, 2])?;
        four.same(&[0, 1, 2])?;
        ensure!(fs::read_to_string(four.folders[0].join("first.txt"))? == "first");
        ensure!(!four.folders[0].join("unheard.txt").exists());

        // With a patched one, on the reader's own keys and endpoint.
        let dan = &four.devices[3];
        dan.stop()?;
        let mut reader = Evil::seize(dan.data_dir(), four.drive.parse()?)?;
        let entries = reader.write(&[folder("by a patched reader")?])?;
        let rekeyed = reader.rule(peerdrive_crypto::author::Draft::new().rekey())?;
        let addresses: Result<Vec<_>> = four.devices[..3].iter().map(address).collect();
        let before: Result<Vec<_>> = (0..3)
            .map(|at| four.devices[at].tree(&four.drive))
            .collect();
        let (before, addresses) = (before?, addresses?);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let air = reader.on_air(&addresses).await?;
            crate::scene::until("all three talk to it", || {
                Ok((0..3).all(|at| air.is_met(at)))
            })
            .await?;
            air.push(&[rekeyed]);
            air.push(&entries);
            let log = peerdrive_net::LogId(entries[0].log_id().0);
            // Asked for again by each: refused, not overlooked.
            crate::scene::until("it was judged", || Ok(air.shelf.asked(&log) >= 6)).await?;
            air.off().await;
            anyhow::Ok(())
        })?;
        for (at, before) in before.iter().enumerate().take(3) {
            let now = four.devices[at].tree(&four.drive)?;
            ensure!(now.1 == before.1, "{} shows it", four.devices[at].name());
            ensure!(!four.folders[at].join("by a patched reader").exists());
        }
        // Nobody is worse off.
        for at in [0, 1, 2] {
            four.write(at, &format!("by {at}.txt"), "as before")?;
        }
        four.converge(lab, &[0, 1, 2])?;
        four.same(&[0, 1, 2])?;
        ensure!(four.folders[0].join("by 2.txt").exists());
        Ok(())
    })
}

#[test]
fn attack_l5_a_writer_removed_while_away_comes_back_with_pending_edits_and_no_honest_one_is_lost()
-> Result<()> {
    Lab::run(|lab| {
        let four = Four::new(lab, [Role::Writer, Role::Writer, Role::Writer])?;
        let cleos = four.id(2)?;
        // Cleo and Dan are where nobody else is: she edits, he builds on it.
        four.devices[0].stop()?;
        four.devices[1].stop()?;
        fs::create_dir(four.folders[2].join("cleos"))?;
        four.write(2, "cleos/draft.txt", "by cleo, not known to be removed")?;
        four.write(2, "first.txt", "first, as cleo wants it")?;
        four.appears(3, "cleos/draft.txt", "by cleo, not known to be removed")?;
        four.appears(3, "first.txt", "first, as cleo wants it")?;
        four.write(3, "cleos/by dan.txt", "honest, in her folder")?;
        four.write(3, "cleos/draft.txt", "honest, over hers")?;
        four.write(3, "dans.txt", "honest, beside it")?;
        four.converge(lab, &[2, 3])?;
        four.devices[2].stop()?;
        four.devices[3].stop()?;
        // More of hers, which nobody has seen.
        four.write(2, "unseen.txt", "by cleo alone")?;
        four.devices[2].start()?;
        within_ms(SOON, "it is taken in", || {
            four.devices[2]
                .status(&four.drive)
                .is_ok_and(|status| status.files >= 5)
        })?;
        four.devices[2].stop()?;
        // Meanwhile she is removed.
        four.devices[0].start()?;
        four.devices[0]
            .call(&["revoke", &four.drive, &cleos])?
            .ok()?;
        four.devices[1].start()?;
        four.write(1, "bens.txt", "after the removal")?;
        four.appears(0, "bens.txt", "after the removal")?;
        // Everyone is back. Who was removed comes last: what nobody has seen by then, nobody takes from her.
        four.devices[3].start()?;
        four.appears(0, "dans.txt", "honest, beside it")?;
        four.converge(lab, &[0, 1, 3])?;
        four.devices[2].start()?;
        become_role(&four.devices[2], &four.drive, None)?;
        four.converge(lab, &[0, 1, 3])?;
        four.same(&[0, 1, 3])?;
        for name in ["by dan.txt", "draft.txt"] {
            let found = files_below(&four.folders[0])?;
            let found = found.iter().find(|path| path.ends_with(name));
            let text = fs::read_to_string(found.with_context(|| format!("{name} is lost"))?)?;
            ensure!(text.starts_with("honest"), "{name}: {text}");
        }
        ensure!(fs::read_to_string(four.folders[0].join("first.txt"))? == "first");
        ensure!(!four.folders[0].join("unseen.txt").exists());
        ensure!(!four.folders[3].join("unseen.txt").exists());
        // What she did is offered, and counts for everyone once somebody lets it.
        within_ms(SOON, "it is offered for review", || {
            four.ask(0, &["review", &four.drive])
                .is_ok_and(|all| !all.is_empty())
        })?;
        let offered = four.ask(0, &["review", &four.drive])?;
        let device = offered[0]["device"].as_str().context("no device")?;
        four.devices[0]
            .call(&["review", "accept", &four.drive, device])?
            .ok()?;
        four.appears(0, "first.txt", "first, as cleo wants it")?;
        four.converge(lab, &[0, 1, 3])?;
        four.same(&[0, 1, 3])?;
        ensure!(four.ask(0, &["review", &four.drive])?.is_empty());
        Ok(())
    })
}

#[test]
fn attack_l7_two_admins_who_act_against_each_other_at_once_end_up_the_same_everywhere() -> Result<()>
{
    Lab::run(|lab| {
        let four = Four::new(lab, [Role::Admin, Role::Admin, Role::Writer])?;
        let (bens, cleos, dans) = (four.id(1)?, four.id(2)?, four.id(3)?);
        let drive = &four.drive;
        // Apart from each other: one removes Dan, the other makes him an admin; both wish the other gone,
        // which no equal can do.
        for device in &four.devices {
            device.stop()?;
        }
        four.devices[1].start()?;
        four.devices[1]
            .call(&["revoke", drive, &cleos])?
            .refusal(4)?;
        four.devices[1].call(&["revoke", drive, &dans])?.ok()?;
        four.write(1, "bens.txt", "by ben")?;
        within_ms(SOON, "it is taken in", || {
            four.devices[1]
                .status(drive)
                .is_ok_and(|status| status.files == 2)
        })?;
        four.devices[1].stop()?;
        four.devices[2].start()?;
        four.devices[2]
            .call(&["revoke", drive, &bens])?
            .refusal(4)?;
        four.devices[2]
            .call(&["role", drive, &dans, "admin"])?
            .ok()?;
        four.write(2, "cleos.txt", "by cleo")?;
        within_ms(SOON, "it is taken in", || {
            four.devices[2]
                .status(drive)
                .is_ok_and(|status| status.files == 2)
        })?;
        // The same with the rules patched away: each signs the other's removal.
        four.devices[2].stop()?;
        for (at, other) in [(1, &cleos), (2, &bens)] {
            let mut admin = Evil::seize(four.devices[at].data_dir(), drive.parse()?)?;
            let revoke = peerdrive_crypto::body::Revoke {
                member: other.parse()?,
                cut: Vec::new(),
                reason: peerdrive_crypto::body::Reason::Compromised,
            };
            let entry = admin.rule(peerdrive_crypto::author::Draft::new().revoke(revoke))?;
            plant(&four.devices[at], drive, &entry)?;
        }
        for device in &four.devices {
            device.start()?;
        }
        within_ms(SOON, "all agree on who is in", || {
            let all: Result<Vec<_>> = (0..3).map(|at| four.members(at)).collect();
            all.is_ok_and(|all| all.windows(2).all(|pair| pair[0] == pair[1]) && all[0].len() == 4)
        })
        .with_context(|| {
            let all: Vec<_> = (0..4).map(|at| four.members(at)).collect();
            format!("{all:#?}")
        })?;
        let members = four.members(0)?;
        // Neither is above the other; and over an admin whom Cleo made, Ben has no say either.
        for id in [&bens, &cleos, &dans] {
            let line = format!("{} \"admin\"", Value::from(id.as_str()));
            ensure!(members.contains(&line), "{id} is no admin: {members:?}");
        }
        four.appears(0, "bens.txt", "by ben")?;
        four.appears(0, "cleos.txt", "by cleo")?;
        for at in [0, 1, 2, 3] {
            four.write(at, &format!("after, by {at}.txt"), "goes on")?;
        }
        four.appears(0, "after, by 3.txt", "goes on")?;
        four.converge(lab, &[0, 1, 2, 3])?;
        four.same(&[0, 1, 2, 3])?;
        // The owner is above both. One hears of it at once, the other when he is back.
        four.devices[3].stop()?;
        four.devices[0].call(&["revoke", drive, &bens])?.ok()?;
        four.devices[0].call(&["revoke", drive, &dans])?.ok()?;
        become_role(&four.devices[1], drive, None)?;
        four.devices[3].start()?;
        become_role(&four.devices[3], drive, None)?;
        Ok(())
    })
}

/// Puts an entry into the record of a stopped device, as a patched program would have.
fn plant(device: &Device, drive: &str, entry: &peerdrive_crypto::entry::Entry) -> Result<()> {
    let path = device
        .data_dir()
        .join("drives")
        .join(drive)
        .join("log.redb");
    let record = peerdrive_log::Record {
        log: entry.log_id().0,
        seq: entry.header.seq,
        id: entry.id().0,
        bytes: entry.to_bytes(),
    };
    peerdrive_log::DriveLog::open(&path)?.append(&peerdrive_log::Batch {
        records: vec![record],
        ..Default::default()
    })?;
    Ok(())
}

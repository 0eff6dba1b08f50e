//! Invites: what they let in, and the reason they give when they do not.

use std::process::{Child, Stdio};
use std::time::Duration;
use std::{fs, thread};

use anyhow::{Context, Result, ensure};
use peerdrive_tests::{Device, Door, Lab, within};
use serde_json::Value;

use crate::SOON;
use crate::members::members;

fn invite(device: &Device, drive: &str, options: &[&str]) -> Result<Value> {
    let words = [&["invite", drive], options].concat();
    device.call(&words)?.ok()?.json()
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value[key]
        .as_str()
        .with_context(|| format!("no {key} in {value}"))
}

fn state_of(device: &Device, drive: &str, id: &str) -> Result<String> {
    let all = device.call(&["invites", drive])?.ok()?.lines()?;
    let found = all.iter().find(|line| line["invite"] == id);
    let line = found.with_context(|| format!("no {id} in {all:?}"))?;
    Ok(text(line, "state")?.to_owned())
}

/// A join that goes on in the background while somebody decides.
fn joining(device: &Device, ticket: &str, folder: &str) -> Result<Child> {
    let mut command = device.command(&["join", ticket, folder]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(command.spawn()?)
}

fn requests(device: &Device, drive: &str) -> Result<Vec<Value>> {
    device.call(&["invite", "requests", drive])?.ok()?.lines()
}

#[test]
fn an_invite_that_cannot_be_used_says_why() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben, cleo) = (lab.device("ana")?, lab.device("ben")?, lab.device("cleo")?);
        let folder = lab.folder("shared")?;
        fs::write(folder.join("a.txt"), "a")?;
        let drive = ana.share(&folder)?.drive;
        let refused = |device: &Device, ticket: &str, why: &str| -> Result<()> {
            let place = lab.path(&format!("refused {why}"));
            let place = place.to_str().context("UTF-8")?;
            let refusal = device.call(&["join", ticket, place])?.refusal(4)?;
            ensure!(refusal.message.contains(why), "not {why}: {refusal:?}");
            ensure!(refusal.code == "invite_refused", "{refusal:?}");
            Ok(())
        };

        let once = invite(&ana, &drive, &["--role", "writer"])?;
        ensure!(state_of(&ana, &drive, text(&once, "invite")?)? == "open");
        ben.join(text(&once, "ticket")?, Door::Folder(&lab.path("his")))?;
        ensure!(state_of(&ana, &drive, text(&once, "invite")?)? == "used");
        refused(&cleo, text(&once, "ticket")?, "used up")?;

        let back = invite(&ana, &drive, &["--uses", "5"])?;
        let id = text(&back, "invite")?;
        ana.call(&["invite", "revoke", &drive, id])?.ok()?;
        ensure!(state_of(&ana, &drive, id)? == "revoked");
        refused(&cleo, text(&back, "ticket")?, "taken back")?;
        ana.call(&["invite", "revoke", &drive, "no such invite"])?
            .refusal(3)?;

        // Only the inviting device's clock counts, with five minutes of grace: past that it is refused.
        let short = invite(&ana, &drive, &["--expires", "1s"])?;
        thread::sleep(Duration::from_millis(1500));
        ensure!(state_of(&ana, &drive, text(&short, "invite")?)? == "expired");

        // Ben's device does not know who holds the ticket, and is not the one that lets in by it.
        let all = ben.call(&["invites", &drive])?.ok()?.lines()?;
        ensure!(all.iter().all(|line| line["here"] == false), "{all:?}");
        ensure!(members(&ana, &drive)?.len() == 2);
        Ok(())
    })
}

#[test]
fn words_are_compared_before_anyone_is_let_in() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben, cleo) = (lab.device("ana")?, lab.device("ben")?, lab.device("cleo")?);
        let folder = lab.folder("shared")?;
        fs::write(folder.join("a.txt"), "a")?;
        let drive = ana.share(&folder)?.drive;
        // An admin is never let in by a ticket alone, unless that was asked for.
        let admin = invite(&ana, &drive, &["--role", "admin", "--uses", "2"])?;
        ensure!(admin["approve"] == true, "{admin}");
        let silent = invite(&ana, &drive, &["--role", "admin", "--no-approve"])?;
        ensure!(silent["approve"] == false, "{silent}");

        for (device, admit) in [(&cleo, false), (&ben, true)] {
            let place = lab.path(device.name());
            let place = place.to_str().context("UTF-8")?;
            let child = joining(device, text(&admin, "ticket")?, place)?;
            let (asked, _) = within(SOON, "the request is listed", || {
                Ok(requests(&ana, &drive)?.pop())
            })?;
            ensure!(asked["role"] == "admin", "{asked}");
            ensure!(members(&ana, &drive)?.len() == 1, "let in without a word");
            let verb = if admit { "approve" } else { "deny" };
            ana.call(&["invite", verb, &drive, text(&asked, "request")?])?
                .ok()?;
            let done = child.wait_with_output()?;
            let said = String::from_utf8(done.stderr)?;
            let words: Value = serde_json::from_str(said.lines().next().unwrap_or_default())?;
            ensure!(words["words"] == asked["words"], "{said} against {asked}");
            let code = done.status.code();
            ensure!(code == Some(if admit { 0 } else { 4 }), "{code:?}: {said}");
            ensure!(admit || said.contains("did not confirm"), "{said}");
            ensure!(requests(&ana, &drive)?.is_empty());
        }
        ensure!(members(&ana, &drive)?.len() == 2);
        ana.call(&["invite", "approve", &drive, "nobody"])?
            .refusal(3)?;
        Ok(())
    })
}

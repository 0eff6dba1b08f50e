//! Wrong input: each mistake has a message that says what to do, and the exit code it was promised.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use peerdrive_tests::{Device, Lab, Requirement, Role, missing};

/// Exit codes of the command line.
const WRONG_USAGE: i32 = 2;
const NOT_FOUND: i32 = 3;
const REFUSED: i32 = 4;
const UNAVAILABLE: i32 = 5;

/// The command fails with this code, in words that name `about`, and tells what to do.
fn refuses(device: &Device, words: &[&str], code: i32, about: &str) -> Result<()> {
    let refusal = device.call(words)?.refusal(code)?;
    let shown = format!("{words:?}: {refusal:?}");
    ensure!(
        refusal.message.contains(about),
        "the message does not say {about}: {shown}"
    );
    ensure!(
        refusal.hint.as_ref().is_some_and(|hint| !hint.is_empty()),
        "nothing says what to do: {shown}"
    );
    ensure!(
        !refusal.code.is_empty() && !refusal.code.contains(' '),
        "the code is for programs: {shown}"
    );
    Ok(())
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("UTF-8")
}

#[test]
fn each_mistake_has_its_exit_code_and_a_message_that_helps() -> Result<()> {
    Lab::run(|lab| {
        let ana = lab.device("ana")?;
        let folder = lab.folder("shared")?;
        fs::write(folder.join("a.txt"), "a")?;
        let drive = ana.share(&folder)?.drive;
        let ticket = ana.invite(&drive, Role::Writer)?;
        let ben = lab.device("ben")?;
        let his = lab.path("his");

        let absent = lab.path("absent");
        let file = lab.path("file");
        fs::write(&file, "not a folder")?;
        refuses(&ana, &["share", text(&absent)?], NOT_FOUND, "absent")?;
        refuses(&ana, &["share", text(&file)?], WRONG_USAGE, "file")?;
        refuses(&ana, &["share", text(&folder)?], REFUSED, "shared")?;
        refuses(
            &ana,
            &["invite", "no such drive"],
            NOT_FOUND,
            "no such drive",
        )?;
        refuses(
            &ana,
            &["status", "no such drive"],
            NOT_FOUND,
            "no such drive",
        )?;
        refuses(
            &ana,
            &["tree", &drive, "no/such/path"],
            NOT_FOUND,
            "no/such/path",
        )?;
        refuses(
            &ana,
            &["invite", &drive, "--role", "king"],
            WRONG_USAGE,
            "king",
        )?;
        refuses(&ana, &["no-such-command"], WRONG_USAGE, "no-such-command")?;

        refuses(
            &ben,
            &["join", "not a ticket", text(&his)?],
            WRONG_USAGE,
            "ticket",
        )?;
        for damaged in damaged(&ticket) {
            // A ticket carries its own sum: no device has to be asked.
            refuses(
                &ben,
                &["join", &damaged, text(&his)?],
                WRONG_USAGE,
                "damaged or incomplete",
            )
            .with_context(|| damaged.clone())?;
        }
        ensure!(
            !his.exists() || fs::read_dir(&his)?.next().is_none(),
            "a refused join left something"
        );
        Ok(())
    })
}

/// A ticket cut short, with a letter more, and with one letter changed in several places.
fn damaged(ticket: &str) -> Vec<String> {
    let mut all = vec![ticket[..ticket.len() - 1].to_owned(), format!("{ticket}a")];
    for part in 1..6 {
        let at = ticket.len() * part / 6;
        let mut letters: Vec<char> = ticket.chars().collect();
        if let Some(letter) = letters.get_mut(at) {
            *letter = if *letter == 'b' { 'c' } else { 'b' };
        }
        all.push(letters.into_iter().collect());
    }
    all
}

#[test]
fn a_second_daemon_on_one_data_directory_says_that_there_is_one() -> Result<()> {
    Lab::run(|lab| {
        let ana = lab.device("ana")?;
        refuses(&ana, &["daemon"], UNAVAILABLE, "another")?;
        // The first one is none the worse.
        ana.call(&["status"])?.ok()?;
        Ok(())
    })
}

#[test]
fn a_mount_point_in_use_is_refused() -> Result<()> {
    if missing("a_mount_point_in_use_is_refused", &[Requirement::Fuse]) {
        return Ok(());
    }
    Lab::run(|lab| {
        let ana = lab.device("ana")?;
        let folder = lab.folder("shared")?;
        fs::write(folder.join("a.txt"), "a")?;
        let drive = ana.share(&folder)?.drive;
        let point = lab.folder("mount")?;
        ana.mount(&drive, &point)?;
        refuses(&ana, &["mount", &drive, text(&point)?], REFUSED, "mount")?;
        let full = lab.folder("full")?;
        fs::write(full.join("precious.txt"), "would be hidden")?;
        refuses(&ana, &["mount", &drive, text(&full)?], REFUSED, "full")?;
        refuses(
            &ana,
            &["mount", &drive, text(&lab.path("absent"))?],
            NOT_FOUND,
            "absent",
        )?;
        refuses(&ana, &["unmount", text(&full)?], NOT_FOUND, "full")?;
        Ok(())
    })
}

//! One person, several devices: taken in by a code, lost, and brought back by the recovery phrase.

use std::fs;

use anyhow::{Context, Result, ensure};
use peerdrive_tests::{Door, Lab, Role, Tree, within_ms};
use serde_json::Value;

use crate::SOON;

#[test]
fn a_second_device_of_one_person_is_taken_in_by_a_code_that_works_once() -> Result<()> {
    Lab::run(|lab| {
        let (laptop, phone, tablet) = (
            lab.device("laptop")?,
            lab.device("phone")?,
            lab.device("tablet")?,
        );
        let (one, two) = (lab.folder("one")?, lab.path("two"));
        fs::write(one.join("a.txt"), "a")?;
        let drive = laptop.share(&one)?.drive;
        let offered: Value = laptop.call(&["devices", "add", &drive])?.ok()?.json()?;
        let code = offered["code"].as_str().context("no code")?;
        let place = two.to_str().context("UTF-8")?;

        // Neither is taken for the other.
        let refused = phone.call_with(&["join", "-", place], code)?.refusal(2)?;
        ensure!(refused.code == "bad_ticket", "{refused:?}");
        let ticket = laptop.invite(&drive, Role::Writer)?;
        let words = ["devices", "accept", "-", place];
        phone.call_with(&words, &ticket)?.refusal(2)?;

        phone.call_with(&words, code)?.ok()?;
        lab.converge(&[&laptop, &phone], &drive)?;
        Tree::read(&one)?.same_as(&Tree::read(&two)?)?;
        fs::write(two.join("b.txt"), "written on the phone")?;
        within_ms(SOON, "the laptop sees it", || one.join("b.txt").exists())?;
        let peers: Value = laptop.call(&["status", &drive])?.ok()?.json()?;
        ensure!(peers["drives"][0]["role"] == "owner", "{peers}");
        let there: Value = phone.call(&["status", &drive])?.ok()?.json()?;
        ensure!(there["drives"][0]["role"] == "owner", "{there}");

        let third = lab.path("three");
        let words = ["devices", "accept", "-", third.to_str().context("UTF-8")?];
        let refused = tablet.call_with(&words, code)?.refusal(4)?;
        ensure!(refused.code == "invite_refused", "{refused:?}");
        Ok(())
    })
}

#[test]
fn who_lost_every_device_comes_back_by_the_phrase_and_ends_the_lost_ones() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        fs::write(hers.join("a.txt"), "before")?;
        let folder = hers.to_str().context("UTF-8")?;
        let shared: Value = ana
            .call(&["share", folder, "--show-phrase"])?
            .ok()?
            .json()?;
        let drive = shared["drive"].as_str().context("no drive")?.to_owned();
        let phrase = shared["phrase"].as_str().context("no phrase")?.to_owned();
        ensure!(phrase.split(' ').count() == 24, "not 24 words");
        // It is shown once.
        let gone = ana.call(&["phrase", &drive])?.refusal(3)?;
        ensure!(gone.code == "phrase_gone", "{gone:?}");
        let ticket = ana.invite(&drive, Role::Writer)?;
        ben.join(&ticket, Door::Folder(&his))?;
        lab.converge(&[&ana, &ben], &drive)?;

        // She has nothing left but the paper; the laptop is in other hands.
        ana.stop()?;
        let again = lab.device("ana again")?;
        let place = lab.path("hers again");
        let from: Value = ben.call(&["devices", "address"])?.ok()?.json()?;
        let from = from["address"].as_str().context("no address")?;
        let words = ["recover", "--from", from, place.to_str().context("UTF-8")?];
        let wrong = again.call_with(&words, "one two three")?.refusal(2)?;
        ensure!(wrong.code == "bad_ticket", "{wrong:?}");
        let back: Value = again.call_with(&words, &phrase)?.ok()?.json()?;
        ensure!(back["alone"] == true, "{back}");
        ensure!(
            back["ended"].as_array().is_some_and(|e| e.len() == 1),
            "{back}"
        );
        lab.converge(&[&again, &ben], &drive)?;
        Tree::read(&his)?.same_as(&Tree::read(&place)?)?;
        let status: Value = again.call(&["status", &drive])?.ok()?.json()?;
        ensure!(status["drives"][0]["role"] == "owner", "{status}");
        fs::write(place.join("b.txt"), "after")?;
        within_ms(SOON, "ben sees what she writes", || {
            his.join("b.txt").exists()
        })?;

        // Whoever has the laptop learns nothing more, and nothing of theirs counts.
        ana.start()?;
        fs::write(hers.join("thief.txt"), "of the thief")?;
        fs::write(his.join("c.txt"), "after too")?;
        within_ms(SOON, "she sees what ben writes", || {
            place.join("c.txt").exists()
        })?;
        std::thread::sleep(std::time::Duration::from_secs(2));
        ensure!(!hers.join("c.txt").exists(), "the lost device reads on");
        ensure!(!his.join("thief.txt").exists(), "the lost device writes on");
        ensure!(
            !place.join("thief.txt").exists(),
            "the lost device writes on"
        );
        Ok(())
    })
}

#[test]
fn a_phrase_brings_nobody_into_a_drive_that_it_did_not_found() -> Result<()> {
    Lab::run(|lab| {
        let (ana, eve) = (lab.device("ana")?, lab.device("eve")?);
        let (hers, other) = (lab.folder("hers")?, lab.folder("other")?);
        ana.share(&hers)?;
        let folder = other.to_str().context("UTF-8")?;
        let shared: Value = eve
            .call(&["share", folder, "--show-phrase"])?
            .ok()?
            .json()?;
        let phrase = shared["phrase"].as_str().context("no phrase")?;
        let from: Value = ana.call(&["devices", "address"])?.ok()?.json()?;
        let from = from["address"].as_str().context("no address")?;
        let place = lab.path("place");
        let words = ["recover", "--from", from, place.to_str().context("UTF-8")?];
        let refused = eve.call_with(&words, phrase)?.refusal(4)?;
        ensure!(refused.code == "invite_refused", "{refused:?}");
        ensure!(!place.exists(), "a folder was made all the same");
        Ok(())
    })
}

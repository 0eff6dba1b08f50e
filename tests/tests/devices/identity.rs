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

#[test]
fn a_member_with_three_devices_loses_one_and_the_others_go_on() -> Result<()> {
    Lab::run(|lab| {
        let ana = lab.device("ana")?;
        let (one, two, three) = (lab.device("one")?, lab.device("two")?, lab.device("three")?);
        let hers = lab.folder("hers")?;
        fs::write(hers.join("a.txt"), "a")?;
        let drive = ana.share(&hers)?.drive;
        let ticket = ana.invite(&drive, Role::Writer)?;
        let places = [lab.path("first"), lab.path("second"), lab.path("third")];
        one.join(&ticket, Door::Folder(&places[0]))?;
        for (device, place) in [(&two, &places[1]), (&three, &places[2])] {
            let offered: Value = one.call(&["devices", "add", &drive])?.ok()?.json()?;
            let code = offered["code"].as_str().context("no code")?;
            let place = place.to_str().context("UTF-8")?;
            let words = ["devices", "accept", "-", place];
            device.call_with(&words, code)?.ok()?;
        }
        fs::write(places[2].join("kept.txt"), "written before it was lost")?;
        lab.converge(&[&ana, &one, &two, &three], &drive)?;
        let listed = one.call(&["devices", &drive])?.ok()?.lines()?;
        ensure!(listed.len() == 3, "{listed:?}");
        let this = |device: &peerdrive_tests::Device| -> Result<String> {
            let listed = device.call(&["devices", &drive])?.ok()?.lines()?;
            let this = listed.iter().find(|line| line["you"] == true);
            let this = this.and_then(|line| line["device"].as_str());
            Ok(this.context("not listed")?.to_owned())
        };
        let lost = this(&three)?;
        three.stop()?;

        // The second was not the one that let it in.
        let words = ["devices", "remove", &drive, &lost];
        two.call(&words)?.refusal(4)?;
        one.call(&["devices", "remove", &drive, "nobody"])?
            .refusal(3)?;
        one.call(&words)?.ok()?;
        lab.converge(&[&ana, &one, &two], &drive)?;
        let listed = two.call(&["devices", &drive])?.ok()?.lines()?;
        ensure!(listed.len() == 2, "{listed:?}");
        fs::write(places[1].join("after.txt"), "after")?;
        for place in [&hers, &places[0]] {
            within_ms(SOON, "the others go on", || {
                place.join("after.txt").exists()
            })?;
            ensure!(place.join("kept.txt").exists(), "what it wrote is gone");
        }
        three.start()?;
        fs::write(places[2].join("thief.txt"), "of the thief")?;
        std::thread::sleep(std::time::Duration::from_secs(3));
        ensure!(!places[2].join("after.txt").exists(), "it reads on");
        for place in [&hers, &places[0], &places[1]] {
            ensure!(!place.join("thief.txt").exists(), "it writes on");
        }
        // The one that came first is out of reach of those it let in.
        let first = this(&one)?;
        two.call(&["devices", "remove", &drive, &first])?
            .refusal(4)?;
        Ok(())
    })
}

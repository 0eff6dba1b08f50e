//! `kill -9` of every daemon, at any moment of import, transfer and checkout.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use peerdrive_tests::{Lab, Random, Requirement, Tree, Witness, missing, within_ms, write_whole};

use crate::three::Three;
use crate::{SOON, long_form};

/// Small files of one round, besides one of [`LARGE`] bytes and the rewritten ones.
const FILES: u64 = 150;
const LARGE: usize = 12 << 20;
/// Files that every round writes anew, so that a torn mixture of old and new would show.
const REWRITTEN: u64 = 10;

#[test]
fn killed_daemons_recover_converge_and_never_show_a_torn_file() -> Result<()> {
    let test = "killed_daemons_recover_converge_and_never_show_a_torn_file";
    if missing(test, &[Requirement::Fuse]) {
        return Ok(());
    }
    let rounds = std::env::var("PEERDRIVE_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok());
    let rounds: u64 = rounds.unwrap_or(if long_form() { 20 } else { 3 });
    let (mut random, seed) = Random::from_environment();
    println!("{rounds} rounds, PEERDRIVE_SEED={seed}");
    Lab::run(|lab| {
        let folder = lab.folder("shared by ana")?;
        fs::create_dir(folder.join("rewritten"))?;
        let three = Three::on(lab, folder)?;
        three.converge(lab)?;
        let witnesses = [1, 2].map(|place: usize| Witness::of(&three.places[place], []));
        for round in 0..rounds {
            let told = one_round(lab, &three, &witnesses, &mut random, round)
                .with_context(|| format!("round {round} of PEERDRIVE_SEED={seed}"))?;
            println!("round {round}: {told}");
        }
        for witness in witnesses {
            let reads = witness.testify()?;
            ensure!(reads > 0, "the witness saw nothing");
        }
        Ok(())
    })
}

fn one_round(
    lab: &Lab,
    three: &Three,
    witnesses: &[Witness; 2],
    random: &mut Random,
    round: u64,
) -> Result<String> {
    let batch = three.places[0].join(format!("batch {round}"));
    fs::create_dir(&batch)?;
    let write = |path: &Path, len: usize, random: &mut Random| -> Result<()> {
        let bytes = random.bytes(len);
        witnesses.iter().for_each(|witness| witness.allow(&bytes));
        write_whole(path, &bytes)
    };
    write(&batch.join("large.bin"), LARGE, random)?;
    for number in 0..FILES {
        // Half of them tiny, some empty, a few of several chunks.
        let bits = 1 + random.below(20);
        let len = random.below(1 << bits) as usize;
        write(&batch.join(format!("{number}.bin")), len, random)?;
    }
    for number in 0..REWRITTEN {
        let len = 200_000 + random.below(200_000) as usize;
        write(
            &three.places[0].join(format!("rewritten/{number}.bin")),
            len,
            random,
        )?;
    }
    // From here on Ana imports, sends, and the others fetch and write out: each is killed once, in
    // some order, at some moment.
    let mut victims = [0, 1, 2];
    for last in (1..victims.len()).rev() {
        victims.swap(last, random.below(last as u64 + 1) as usize);
    }
    for victim in victims {
        let device = &three.devices[victim];
        let after = Duration::from_millis(random.below(700));
        thread::sleep(after);
        device.kill()?;
        device
            .start()
            .with_context(|| format!("after kill -9 of {} at {after:?}", device.name()))?;
    }
    within_ms(SOON * 2, "the last file is everywhere", || {
        let last = format!("batch {round}/{}.bin", FILES - 1);
        three.places.iter().all(|place| place.join(&last).exists())
    })?;
    let took = three.converge(lab)?;
    // A killed daemon comes back with its mount, a moment after it can be asked.
    within_ms(SOON, "every place can be listed", || {
        three.places.iter().all(|place| Tree::read(place).is_ok())
    })?;
    let tree = three.same_everywhere()?;
    let expected = (round + 1) * (FILES + 1) + REWRITTEN;
    ensure!(
        tree.files() as u64 == expected,
        "{} files, not {expected}: {tree:?}",
        tree.files()
    );
    Ok(format!(
        "killed {victims:?}, the same everywhere {} ms later",
        took.as_millis()
    ))
}

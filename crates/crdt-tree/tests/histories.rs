//! Random histories of three to seven devices: after every step, what a device shows is what the rules
//! say, and when all have met, all show the same and nothing is lost.
//!
//! `PEERDRIVE_CASES` sets how many histories are played (20,000 by default in all), `PEERDRIVE_SEED` replays
//! one.

use std::env;
use std::error::Error;

use peerdrive_crdt_tree::testing::{Case, run_cases};

/// Long enough for conflicts to meet conflicts, short enough that a failure can be read.
const SHORT: usize = 12;
const LONG: usize = 60;

/// The first seed of each run; the histories of a run have seeds from here on.
const SHORT_SEED: u64 = 1;
const LONG_SEED: u64 = 1 << 32;

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

fn play(seed: u64, count: u64, length: usize) -> Result<(), Box<dyn Error>> {
    if let Some(seed) = number("PEERDRIVE_SEED") {
        let length = if seed < LONG_SEED { SHORT } else { LONG };
        let case = Case::generate(seed, length);
        return case
            .outcome()
            .map_err(|what| format!("seed {seed}: {what}").into());
    }
    let count = number("PEERDRIVE_CASES").map_or(count, |cases| cases * count / 20_000);
    if let Err(what) = run_cases(seed, count, length) {
        panic!("{what}");
    }
    Ok(())
}

#[test]
fn attack_l22_short_histories_converge_as_the_rules_say() -> Result<(), Box<dyn Error>> {
    play(SHORT_SEED, 19_600, SHORT)
}

#[test]
fn attack_l22_long_histories_converge_as_the_rules_say() -> Result<(), Box<dyn Error>> {
    play(LONG_SEED, 400, LONG)
}

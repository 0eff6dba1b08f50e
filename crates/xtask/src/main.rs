//! Developer commands: `cargo xtask demo`, `test`, `bench`, `mutants`, `fuzz` and `setup`. Knows the command line of
//! PeerDrive and the tools around it, and nothing of what is inside.
#![expect(
    clippy::print_stdout,
    reason = "what these commands print is what they are for"
)]

mod app;
mod bench;
mod cargo;
mod check;
mod demo;
mod fuzz;
mod interrupt;
mod machine;
mod mutants;
mod setup;
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
cargo xtask demo [--once] [--quick]   three devices on this machine, live; Ctrl-C ends and cleans up
                                      --once: end by itself; --quick: a smaller sample
cargo xtask test                      everything that must pass: what CI runs
cargo xtask bench [--only B1,B5] [--rounds N] [--quick] [--no-write]
                  [--alone | --without-peerdrive]
                                      beside cp, rsync and Syncthing, into docs/BENCHMARKS.md; the works are
                                      B1 B2 B3 B4 B5 B6 B12 B14 B17, with no --only all; B4 and B12 need root
cargo xtask mutants [--shard K/N]     small faults put into the rules of the folder tree: do its tests notice?
cargo xtask fuzz [--minutes N] [--target T]
                                      random bytes for every decoder, 10 minutes each; installs cargo-fuzz
cargo xtask setup [test|demo|bench]   only install the Debian packages that these need
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match command(&words) {
        Ok(code) => code,
        Err(error) => {
            println!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn command(words: &[String]) -> Result<ExitCode> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["demo", options @ ..] => demo::run(&demo::Options::parse(options)?),
        ["test"] => check::run(),
        ["bench", options @ ..] => bench::run(&bench::Options::parse(options)?),
        ["mutants", options @ ..] => mutants::run(&mutants::Options::parse(options)?),
        ["fuzz", options @ ..] => fuzz::run(&fuzz::Options::parse(options)?),
        ["setup"] => {
            for purpose in [
                setup::Purpose::Test,
                setup::Purpose::Demo,
                setup::Purpose::Bench,
            ] {
                setup::run(purpose);
            }
            Ok(ExitCode::SUCCESS)
        }
        ["setup", purpose] => {
            let Some(purpose) = setup::Purpose::parse(purpose) else {
                bail!("there is no setup for {purpose}\n\n{USAGE}");
            };
            setup::run(purpose);
            Ok(ExitCode::SUCCESS)
        }
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            println!("not a command: {}\n\n{USAGE}", words.join(" "));
            Ok(ExitCode::from(2))
        }
    }
}

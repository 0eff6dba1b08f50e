//! `cargo xtask fuzz`: random bytes, led by coverage, for every decoder that sees bytes from outside. Knows
//! the targets of `fuzz/`, and nothing of what they decode. The short form of CI is `tests/tests/fuzz.rs`.

use std::fs;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use peerdrive_tests::workspace;

use crate::cargo::{self, cargo};

/// How long each target runs unless somebody said otherwise, in minutes.
const MINUTES: u64 = 10;

/// The greatest input, in bytes: an entry of the greatest size is of no more use than a small one.
const LONGEST: u64 = 64 * 1024;

/// What is run, and how long.
#[derive(Debug)]
pub(crate) struct Options {
    minutes: u64,
    target: Option<String>,
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self {
            minutes: MINUTES,
            target: None,
        };
        let mut rest = words;
        while let [option, value, after @ ..] = rest {
            match *option {
                "--minutes" => {
                    options.minutes = value.parse().context("--minutes takes a number")?
                }
                "--target" => options.target = Some((*value).to_owned()),
                other => bail!("not an option of fuzz: {other}"),
            }
            rest = after;
        }
        ensure!(rest.is_empty(), "not an option of fuzz: {}", rest.join(" "));
        Ok(options)
    }
}

/// Runs the targets one after the other; fails if any finds something, after all have run.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let all = targets()?;
    let chosen: Vec<&String> = match &options.target {
        Some(wanted) => all.iter().filter(|name| *name == wanted).collect(),
        None => all.iter().collect(),
    };
    ensure!(
        !chosen.is_empty(),
        "there is no such target: it is one of {}",
        all.join(", ")
    );
    if !cargo::has("fuzz") {
        println!(
            "cargo-fuzz is not installed: installing it (`cargo install cargo-fuzz --locked`)"
        );
        let status = cargo(&["install", "cargo-fuzz", "--locked"]).status()?;
        ensure!(status.success(), "cargo-fuzz cannot be installed");
    }
    let mut found = Vec::new();
    for name in chosen {
        println!("\n== {name}: {} minutes", options.minutes);
        let status = fuzz(name, options.minutes).status();
        if !status.context("cannot run cargo fuzz")?.success() {
            found.push(name.as_str());
        }
    }
    if found.is_empty() {
        println!("\nnothing was found");
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "\nsomething was found by {}: the inputs are in fuzz/artifacts",
        found.join(", ")
    );
    Ok(ExitCode::FAILURE)
}

/// What libFuzzer finds on the way stays in a folder of the build; the corpus in the repository is small.
fn fuzz(name: &str, minutes: u64) -> Command {
    let grown = format!("fuzz/target/corpus/{name}");
    // Without it libFuzzer only says that there is no such folder, and stops: that is told then.
    let _ = fs::create_dir_all(workspace().join(&grown));
    let mut command = cargo(&[
        "fuzz",
        "run",
        name,
        &grown,
        &format!("fuzz/corpus/{name}"),
        "--",
    ]);
    // The flags of sanitizers are for nightly compilers, or for whoever says that they know.
    command.env("RUSTC_BOOTSTRAP", "1");
    command.arg(format!("-max_total_time={}", minutes.saturating_mul(60)));
    command.arg(format!("-max_len={LONGEST}"));
    command.args(["-timeout=20", "-rss_limit_mb=2048"]);
    command
}

/// The names of all targets, in order.
fn targets() -> Result<Vec<String>> {
    let folder = workspace().join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for file in fs::read_dir(&folder).with_context(|| format!("no {}", folder.display()))? {
        let path = file?.path();
        if let Some(name) = path.file_stem() {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_anything_else_is_refused() -> Result<()> {
        let options = Options::parse(&["--target", "entry", "--minutes", "1"])?;
        assert_eq!(
            (options.target.as_deref(), options.minutes),
            (Some("entry"), 1)
        );
        assert_eq!(Options::parse(&[])?.minutes, MINUTES);
        for wrong in [&["--minutes"][..], &["--minutes", "x"], &["--all", "1"]] {
            assert!(Options::parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(targets()?.contains(&"entry".to_owned()));
        Ok(())
    }
}

//! `cargo xtask mutants`: small faults put into the rules and edits of the folder tree, one at a time, to
//! see that its tests notice each. Knows which files and which tests, and nothing of what they say.

use std::env;
use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};

use crate::cargo::{self, cargo};

/// Where the faults are put.
const FILES: [&str; 3] = [
    "crates/crdt-tree/src/resolve.rs",
    "crates/crdt-tree/src/tree.rs",
    "crates/crdt-tree/src/tree/*.rs",
];

/// The tests that should notice: those of rules and doors, and as many random histories as take seconds.
const TESTS: [&str; 11] = [
    "basics",
    "doors",
    "foreign",
    "future",
    "glance",
    "histories",
    "past",
    "questions",
    "remake",
    "restore",
    "rules",
];
const CASES: &str = "600";

/// How long a fault may keep the tests busy before it counts as noticed.
const SECONDS: &str = "240";

/// Which of the faults are tried: all, or every n-th from the k-th on.
#[derive(Debug, Default)]
pub(crate) struct Options {
    shard: Option<String>,
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        match words {
            [] => Ok(Self::default()),
            ["--shard", shard] => Ok(Self {
                shard: Some((*shard).to_owned()),
            }),
            other => bail!("not an option of mutants: {}", other.join(" ")),
        }
    }
}

/// Tries the faults; fails if more than one in ten goes unnoticed.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    ensure!(
        cargo::has("mutants"),
        "cargo-mutants is not installed: `cargo install cargo-mutants --locked`"
    );
    let output = cargo::target_directory()?.join("mutants");
    fs::create_dir_all(&output)?;
    let mut words = vec![
        "mutants".to_owned(),
        "--package=peerdrive-crdt-tree".to_owned(),
        "--no-shuffle".to_owned(),
        format!("--timeout={SECONDS}"),
        format!("--output={}", output.display()),
    ];
    words.extend(FILES.map(|file| format!("--file={file}")));
    words.extend(options.shard.iter().map(|shard| format!("--shard={shard}")));
    // For every build; so only these tests are built, and no benchmark.
    words.extend(TESTS.map(|test| format!("--cargo-arg=--test={test}")));
    // Built hundreds of times and run for seconds.
    words.push(
        "--cargo-arg=--config=profile.dev.package.peerdrive-crdt-tree.opt-level=1".to_owned(),
    );
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut command = cargo(&words);
    command.env(
        "PEERDRIVE_CASES",
        env::var("PEERDRIVE_CASES").unwrap_or_else(|_| CASES.into()),
    );
    // Its status says whether anything at all went unnoticed; the lists say how much.
    command.status().context("cannot run cargo mutants")?;
    let count = |list: &str| -> Result<usize> {
        let file = output.join("mutants.out").join(list);
        let text = fs::read_to_string(&file).with_context(|| format!("no {}", file.display()))?;
        Ok(text.lines().count())
    };
    let noticed = count("caught.txt")? + count("timeout.txt")?;
    let tried = noticed + count("missed.txt")?;
    ensure!(tried > 0, "nothing was tried");
    println!(
        "{noticed} of {tried} faults were noticed ({:.1} %)",
        noticed as f64 * 100.0 / tried as f64
    );
    Ok(if noticed * 10 >= tried * 9 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

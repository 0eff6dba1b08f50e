//! `cargo xtask test`: every check that CI runs, one after the other, with times and a closing line.
//! Knows which tools check what, and nothing of the code.

use std::fs;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use peerdrive_tests::workspace;

use crate::cargo::{self, Profile, cargo};
use crate::{app, setup, tidy};

/// How one step ended.
enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

struct Step {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

/// Runs everything; fails if anything did.
pub(crate) fn run() -> Result<ExitCode> {
    let start = Instant::now();
    setup::run(setup::Purpose::Test);
    let skips = tempfile::NamedTempFile::new()?;
    let mut steps = Vec::new();
    let mut step = |name: &'static str, what: &mut dyn FnMut() -> Result<Outcome>| -> bool {
        println!("\n== {name}");
        let start = Instant::now();
        let outcome = what().unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
        let took = start.elapsed();
        match &outcome {
            Outcome::Passed => println!("== {name}: passed in {}", seconds(took)),
            Outcome::Failed(why) => println!("== {name}: FAILED in {}: {why}", seconds(took)),
            Outcome::Skipped(why) => println!("== {name}: skipped: {why}"),
        }
        let passed = matches!(outcome, Outcome::Passed);
        steps.push(Step {
            name,
            outcome,
            took,
        });
        passed
    };

    step("format", &mut || {
        cargo_step(&["fmt", "--all", "--check"], &[])
    });
    step("tidy", &mut || {
        let wrong = tidy::check()?;
        wrong.iter().for_each(|line| println!("{line}"));
        ensure!(wrong.is_empty(), "{} faults", wrong.len());
        Ok(Outcome::Passed)
    });

    // The page comes first: the desktop window holds it.
    let no_node = app::missing();
    let app_step = |what: &dyn Fn() -> Result<()>| -> Result<Outcome> {
        if let Some(reason) = &no_node {
            return Ok(Outcome::Skipped(reason.clone()));
        }
        what().map(|()| Outcome::Passed)
    };
    let page = step("app: packages and build", &mut || app_step(&app::build));
    step("app: types", &mut || app_step(&|| app::script("types")));
    step("app: lint", &mut || app_step(&|| app::script("lint")));
    step("app: unit tests", &mut || app_step(&|| app::script("test")));

    // With WebKit and the page all is built at once, the window too: on its own it would have most of what
    // it stands on compiled a second time, with other features. Without, the default members are built.
    let no_window = match page {
        true => app::no_window(),
        false => Some("there is no page for it".into()),
    };
    let members: &[&str] = match no_window {
        None => &["--workspace"],
        Some(_) => &[],
    };
    step("clippy", &mut || {
        let words = ["clippy", "--all-targets", "--locked", "--quiet"];
        let mut clippy = cargo(&words);
        finish(clippy.args(members).args(["--", "-D", "warnings"]))
    });
    step("docs", &mut || {
        // Naming examples, though there are none, has the features of tests taken too: those that clippy
        // has just checked everything with. Else all is checked a second time, without them.
        let targets = ["--lib", "--bins", "--examples"];
        let mut doc = cargo(&["doc", "--no-deps", "--locked", "--quiet"]);
        doc.args(targets);
        finish(doc.args(members).env("RUSTDOCFLAGS", "-Dwarnings"))
    });
    step("licences and bans", &mut || {
        if !cargo::has("deny") {
            return Ok(Outcome::Skipped(
                "cargo-deny is not installed, and building it takes minutes (`cargo install --locked cargo-deny`)".into(),
            ));
        }
        let words = [
            "deny",
            "--workspace",
            "check",
            "bans",
            "licenses",
            "sources",
        ];
        cargo_step(&words, &[])
    });
    // One build for the tests and for the program that the tests with real devices run: the dev
    // profile optimises what is hot, so a third build of everything, for release, is not needed.
    let built = step("build", &mut || {
        let words = ["build", "--lib", "--bins", "--tests", "--locked", "--quiet"];
        cargo_step(&words, members)
    });
    let with_program = |words: &[&str]| -> Result<Outcome> {
        if !built {
            return Ok(Outcome::Skipped("the build failed".into()));
        }
        let program = cargo::built(Profile::Dev)?;
        let mut command = cargo(words);
        command
            .args(members)
            .env("PEERDRIVE_BIN", program.path())
            .env("PEERDRIVE_SKIPS", skips.path());
        finish(&mut command)
    };
    step("tests", &mut || {
        if cargo::has("nextest") {
            with_program(&["nextest", "run", "--locked", "--no-fail-fast"])
        } else {
            println!("cargo-nextest is not installed: `cargo test` instead");
            with_program(&[
                "test",
                "--lib",
                "--bins",
                "--tests",
                "--locked",
                "--no-fail-fast",
            ])
        }
    });
    step("examples in the documentation", &mut || {
        with_program(&["test", "--doc", "--locked", "--quiet"])
    });
    step("vectors, by the second implementation", &mut || {
        let python = run_quietly(Command::new("python3").arg("--version"));
        if !python {
            return Ok(Outcome::Skipped("python3 is not installed".into()));
        }
        let mut check = Command::new("python3");
        finish(check.arg("tests/vectors/check.py").current_dir(workspace()))
    });

    step("demo", &mut || {
        if !built {
            return Ok(Outcome::Skipped("the build failed".into()));
        }
        let program = cargo::built(Profile::Dev)?;
        // The one that was just built: this one's file may have been replaced by it.
        let mut demo = Command::new(program.path().with_file_name("peerdrive-xtask"));
        demo.args(["demo", "--once", "--quick"]);
        finish(demo.env("PEERDRIVE_BIN", program.path()))
    });

    // What is seen: in a browser, and in the window.
    let seen = |lacking: &[&Option<String>], script: &str| -> Result<Outcome> {
        if let Some(reason) = lacking.iter().find_map(|reason| reason.as_ref()) {
            return Ok(Outcome::Skipped(reason.clone()));
        }
        if !built {
            return Ok(Outcome::Skipped("the build failed".into()));
        }
        let program = cargo::built(Profile::Dev)?;
        app::script_with(script, program.path()).map(|()| Outcome::Passed)
    };
    let browser = [&no_node, &app::no_browser()];
    step("app: views in a browser", &mut || seen(&browser, "e2e"));
    step("app: frames", &mut || seen(&browser, "frames:short"));
    step("app: a browser before real devices", &mut || {
        seen(&browser, "e2e:daemons")
    });
    let window = [&no_node, &no_window, &app::no_display()];
    step("app: the desktop window", &mut || {
        seen(&window, "e2e:window")
    });

    let skipped_tests = fs::read_to_string(skips.path()).unwrap_or_default();
    Ok(close(&steps, &skipped_tests, start.elapsed()))
}

/// Whether a program is there and says so.
fn run_quietly(command: &mut Command) -> bool {
    let silent = command.stdout(Stdio::null()).stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}

fn cargo_step(words: &[&str], members: &[&str]) -> Result<Outcome> {
    finish(cargo(words).args(members))
}

fn finish(command: &mut Command) -> Result<Outcome> {
    let status = command.status().context("cannot run it")?;
    Ok(if status.success() {
        Outcome::Passed
    } else {
        Outcome::Failed(status.to_string())
    })
}

/// Says how it all ended, the last line for programs to read.
fn close(steps: &[Step], skipped_tests: &str, took: Duration) -> ExitCode {
    println!();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for step in steps {
        let (word, why) = match &step.outcome {
            Outcome::Passed => {
                passed += 1;
                ("passed", "")
            }
            Outcome::Failed(why) => {
                failed += 1;
                ("FAILED", why.as_str())
            }
            Outcome::Skipped(why) => {
                skipped += 1;
                ("skipped", why.as_str())
            }
        };
        println!("{:>8}  {word:<8} {} {why}", seconds(step.took), step.name);
    }
    for line in skipped_tests.lines() {
        skipped += 1;
        println!("          {line}");
    }
    println!("{:>8}  in all", seconds(took));
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

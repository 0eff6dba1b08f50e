//! Cargo, called from within a cargo command. Knows nothing of what is built.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use peerdrive_tests::{Binary, run, workspace};

/// Which profile a program is built with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Profile {
    /// Quick to build, with the inner loops optimised.
    Dev,
    /// What users get.
    Release,
}

/// `cargo` with these words, at the workspace's root, its output going to ours.
pub(crate) fn cargo(words: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(words).current_dir(workspace());
    // What cargo sets for the crate that asks (this one) is not meant for what it asks for.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
}

/// Whether `cargo <name>` is installed.
pub(crate) fn has(name: &str) -> bool {
    let mut command = cargo(&[name, "--version"]);
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Where cargo puts what it builds.
pub(crate) fn target_directory() -> Result<PathBuf> {
    let mut command = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let answer = run(&mut command, Duration::from_secs(120))?.ok()?;
    let metadata: serde_json::Value = serde_json::from_str(&answer.stdout)?;
    let path = metadata
        .get("target_directory")
        .and_then(|path| path.as_str());
    Ok(PathBuf::from(
        path.context("cargo does not say where it builds")?,
    ))
}

/// Builds `peerdrive`, or takes the program that `PEERDRIVE_BIN` names.
pub(crate) fn peerdrive(profile: Profile) -> Result<Binary> {
    if env::var_os("PEERDRIVE_BIN").is_some() {
        return Binary::find();
    }
    let mut words = vec!["build", "--quiet", "--locked", "--package", "peerdrive-cli"];
    if let Profile::Release = profile {
        words.push("--release");
    }
    let status = cargo(&words).status().context("cannot run cargo")?;
    ensure!(status.success(), "the build failed");
    built(profile)
}

/// The program that was just built.
pub(crate) fn built(profile: Profile) -> Result<Binary> {
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => "release",
    };
    Binary::at(&target_directory()?.join(folder).join("peerdrive"))
}

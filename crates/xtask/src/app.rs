//! The app of `app/`: its packages, its build, its checks. Knows npm and its scripts, and nothing of what
//! is in the app.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use peerdrive_tests::workspace;

use crate::setup;

/// The oldest Node that the tools of the app run on.
const NODE: u32 = 20;

/// Why the app can be neither built nor checked here, if so.
pub(crate) fn missing() -> Option<String> {
    if !setup::found("npm") {
        return Some("Node and npm are not installed".into());
    }
    let answer = Command::new("node").arg("--version").output().ok()?;
    let version = String::from_utf8_lossy(&answer.stdout).into_owned();
    let major = version.trim().trim_start_matches('v').split('.').next();
    match major.and_then(|major| major.parse::<u32>().ok()) {
        Some(major) if major >= NODE => None,
        _ => Some(format!("Node {NODE} or newer is needed, not {version}")),
    }
}

/// Why its views cannot be checked here, if so.
pub(crate) fn no_browser() -> Option<String> {
    let known = ["chromium", "chromium-browser", "google-chrome"];
    let given = std::env::var_os("PEERDRIVE_CHROMIUM").is_some();
    let found = given || known.iter().any(|name| setup::found(name));
    (!found).then(|| "there is no Chromium (`cargo xtask setup test` installs it)".into())
}

/// Why the desktop window cannot be built here, if so.
pub(crate) fn no_window() -> Option<String> {
    let mut asked = Command::new("pkg-config");
    asked.args(["--exists", "webkit2gtk-4.1"]);
    let there = asked.status().is_ok_and(|status| status.success());
    (!there).then(|| {
        "libwebkit2gtk-4.1-dev is not installed (`cargo xtask setup test` installs it)".into()
    })
}

/// Why the desktop window cannot be shown and driven here, if so.
pub(crate) fn no_display() -> Option<String> {
    let missing = ["Xvfb", "WebKitWebDriver"]
        .into_iter()
        .find(|name| !setup::found(name))?;
    Some(format!(
        "there is no {missing} (`cargo xtask setup test` installs it)"
    ))
}

/// Installs exactly the packages of the lock file, unless they are there.
pub(crate) fn packages() -> Result<()> {
    let there = folder().join("node_modules/.package-lock.json");
    let lock = folder().join("package-lock.json");
    let age = |path: &PathBuf| path.metadata().and_then(|meta| meta.modified()).ok();
    if age(&there).is_some_and(|there| age(&lock).is_some_and(|lock| there >= lock)) {
        return Ok(());
    }
    npm(&["ci", "--no-audit", "--no-fund"])
}

/// Builds it into `app/dist`.
pub(crate) fn build() -> Result<()> {
    packages()?;
    npm(&["run", "--silent", "build"])
}

/// One of its scripts.
pub(crate) fn script(name: &str) -> Result<()> {
    npm(&["run", "--silent", name])
}

/// One of its scripts that runs devices, with the program they are.
pub(crate) fn script_with(name: &str, program: &Path) -> Result<()> {
    let mut command = npm_command(&["run", "--silent", name]);
    command.env("PEERDRIVE_BIN", program);
    finish(command)
}

fn npm(words: &[&str]) -> Result<()> {
    finish(npm_command(words))
}

fn npm_command(words: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command.args(words).current_dir(folder());
    command
}

fn finish(mut command: Command) -> Result<()> {
    let status = command.status().context("cannot run npm")?;
    let words: Vec<_> = command
        .get_args()
        .map(|word| word.to_string_lossy())
        .collect();
    ensure!(status.success(), "npm {}: {status}", words.join(" "));
    Ok(())
}

fn folder() -> PathBuf {
    workspace().join("app")
}

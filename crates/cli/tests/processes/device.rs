//! One device: a data directory and the commands given to it. Its daemon ends with it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

pub(crate) type TestResult<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Far above anything that should happen, for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Device {
    root: tempfile::TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Device {
    pub(crate) fn new() -> TestResult<Self> {
        Ok(Self {
            root: tempfile::tempdir()?,
        })
    }

    /// A place of the test's own.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path("data")
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peerdrive"));
        command.args([
            "--no-discovery",
            "--bind",
            "127.0.0.1:0",
            "--json",
            "--data-dir",
        ]);
        command
            .arg(self.data_dir())
            .args(words)
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> TestResult<Answer> {
        Ok(self.command(words).output()?.into())
    }

    /// The one JSON object of a command that must succeed.
    pub(crate) fn json(&self, words: &[&str]) -> TestResult<Value> {
        let answer = self.run(words)?;
        assert_eq!(answer.code, Some(0), "{words:?}: {answer:?}");
        Ok(serde_json::from_str(&answer.out)?)
    }

    /// The error object of a command that must end with `code`.
    pub(crate) fn refusal(&self, words: &[&str], code: i32) -> TestResult<Value> {
        self.run(words)?.refusal(code)
    }

    pub(crate) fn daemon_json(&self) -> TestResult<Value> {
        Ok(serde_json::from_slice(&std::fs::read(
            self.data_dir().join("daemon.json"),
        )?)?)
    }

    pub(crate) fn pid(&self) -> TestResult<i32> {
        let pid = self.daemon_json()?["pid"].as_i64().ok_or("no pid")?;
        Ok(pid.try_into()?)
    }

    /// Starts a daemon in the foreground and waits until it says that it is ready.
    pub(crate) fn daemon(&self) -> TestResult<Child> {
        self.daemon_failing("")
    }

    /// As [`Device::daemon`]; it is killed when it passes the named place.
    pub(crate) fn daemon_failing(&self, place: &str) -> TestResult<Child> {
        let mut child = self
            .command(&["daemon"])
            .env("PEERDRIVE_FAIL", place)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        let out = child.stdout.as_mut().ok_or("no output")?;
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line)?;
        let ready: Value = serde_json::from_str(&line)?;
        assert_eq!(ready["ready"]["pid"], child.id());
        Ok(child)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // A test that failed half-way must leave neither a daemon nor a mount behind.
        self.command(&["stop"]).output().ok();
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        for point in mounts.lines().filter_map(|line| line.split(' ').nth(1)) {
            if Path::new(point).starts_with(self.root.path()) {
                Command::new("umount")
                    .arg("--lazy")
                    .arg(point)
                    .output()
                    .ok();
            }
        }
    }
}

impl Answer {
    pub(crate) fn refusal(&self, code: i32) -> TestResult<Value> {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.out, "", "an error leaves standard output empty");
        let value: Value = serde_json::from_str(&self.err).map_err(|e| format!("{e}: {self:?}"))?;
        let error = value["error"].as_object().ok_or("no error object")?;
        assert_eq!(
            error.keys().collect::<Vec<_>>(),
            ["code", "hint", "message"]
        );
        for key in ["code", "message", "hint"] {
            assert!(
                error[key].as_str().is_some_and(|text| !text.is_empty()),
                "{key}: {self:?}"
            );
        }
        Ok(value["error"].clone())
    }
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Whether a test goes without FUSE. Says so, also in the list that `PEERDRIVE_SKIPS` names.
pub(crate) fn no_fuse(test: &str) -> bool {
    let missing = !Path::new("/dev/fuse").exists();
    if missing {
        skipped(test, "this system has no /dev/fuse");
    }
    missing
}

/// Whether a test goes without root. Says so, likewise.
pub(crate) fn no_root(test: &str) -> bool {
    let missing = !rustix::process::geteuid().is_root();
    if missing {
        skipped(test, "it needs root");
    }
    missing
}

fn skipped(test: &str, reason: &str) {
    let line = format!("skipped {test}: {reason}\n");
    std::io::stderr().write_all(line.as_bytes()).ok();
    if let Some(list) = std::env::var_os("PEERDRIVE_SKIPS") {
        let open = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(list);
        open.and_then(|mut file| file.write_all(line.as_bytes()))
            .ok();
    }
}

/// Waits until something holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) -> TestResult {
    let begun = Instant::now();
    while !holds() {
        if begun.elapsed() > PATIENCE {
            return Err(format!("not in {PATIENCE:?}: {what}").into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Processes that have `word` among their arguments.
pub(crate) fn processes_with(word: &Path) -> Vec<(i32, Vec<u8>)> {
    let word = word.as_os_str().as_encoded_bytes();
    let Ok(all) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .map(|pid: i32| {
            (
                pid,
                std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default(),
            )
        })
        .filter(|(_, line)| line.split(|byte| *byte == 0).any(|part| part == word))
        .collect()
}

pub(crate) fn text(path: &Path) -> TestResult<&str> {
    path.to_str().ok_or_else(|| "not UTF-8".into())
}

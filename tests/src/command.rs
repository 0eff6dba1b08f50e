//! Running a program to its end with a limit, and reading what it said. Knows nothing of devices.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::reply::Refusal;
use crate::wait::within;

/// How a program ended.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was run, for messages.
    pub asked: String,
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Answer {
    /// This answer if the code was 0.
    pub fn ok(self) -> Result<Self> {
        ensure!(
            self.code == Some(0),
            "`{}` ended with {:?}\n{}{}",
            self.asked,
            self.code,
            self.stdout,
            self.stderr
        );
        Ok(self)
    }

    /// The one JSON value on standard output.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(self.stdout.trim()).with_context(|| {
            format!(
                "`{}` did not print the JSON it promises: {}",
                self.asked, self.stdout
            )
        })
    }

    /// The JSON lines on standard output.
    pub fn lines(&self) -> Result<Vec<serde_json::Value>> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).with_context(|| format!("not JSON: {line}")))
            .collect()
    }

    /// What it refused: `code` and a JSON error on standard error are both part of the promise.
    pub fn refusal(&self, code: i32) -> Result<Refusal> {
        #[derive(Deserialize)]
        struct Envelope {
            error: Refusal,
        }
        ensure!(
            self.code == Some(code),
            "`{}` ended with {:?}, not {code}\n{}{}",
            self.asked,
            self.code,
            self.stdout,
            self.stderr
        );
        let Some(line) = self.stderr.lines().rev().find(|line| line.starts_with('{')) else {
            bail!("`{}` printed no error object: {}", self.asked, self.stderr);
        };
        let envelope: Envelope =
            serde_json::from_str(line).with_context(|| format!("not an error object: {line}"))?;
        Ok(envelope.error)
    }
}

/// Runs `command` without input, at most for `limit`; past that it is killed and that is an error.
pub fn run(command: &mut Command, limit: Duration) -> Result<Answer> {
    run_from(command, Stdio::null(), limit)
}

/// As [`run`], with a text on standard input.
pub fn run_with(command: &mut Command, input: &str, limit: Duration) -> Result<Answer> {
    let mut file = tempfile::tempfile()?;
    file.write_all(input.as_bytes())?;
    file.rewind()?;
    run_from(command, file.into(), limit)
}

fn run_from(command: &mut Command, input: Stdio, limit: Duration) -> Result<Answer> {
    let asked = described(command);
    // Files rather than pipes: a daemon that the command leaves behind keeps them open.
    let mut out = tempfile::tempfile()?;
    let mut err = tempfile::tempfile()?;
    let mut child = command
        .stdin(input)
        .stdout(out.try_clone()?)
        .stderr(err.try_clone()?)
        .spawn()
        .with_context(|| format!("cannot run `{asked}`"))?;
    let ended = within(limit, &format!("`{asked}` ends"), || Ok(child.try_wait()?));
    if ended.is_err() {
        let _ = child.kill();
        let _ = child.wait();
    }
    let stdout = text(&mut out)?;
    let stderr = text(&mut err)?;
    let (status, _) = ended.with_context(|| format!("it had said:\n{stdout}{stderr}"))?;
    Ok(Answer {
        asked,
        code: status.code(),
        stdout,
        stderr,
    })
}

fn described(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    words.join(" ")
}

fn text(file: &mut File) -> Result<String> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_ended_and_named() {
        let ended = run(Command::new("sleep").arg("60"), Duration::from_millis(100));
        let message = ended.map_or_else(|error| format!("{error:#}"), |answer| answer.stdout);
        assert!(message.contains("sleep 60"), "{message}");
    }

    #[test]
    fn a_refusal_needs_its_code_and_its_object() -> Result<()> {
        let script =
            r#"echo '{"error":{"code":"not-found","message":"No.","hint":"Yes."}}' >&2; exit 3"#;
        let answer = run(
            Command::new("sh").args(["-c", script]),
            Duration::from_secs(5),
        )?;
        assert_eq!(answer.refusal(3)?.code, "not-found");
        assert!(answer.refusal(2).is_err());
        Ok(())
    }
}

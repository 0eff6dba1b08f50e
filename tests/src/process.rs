//! What the operating system says of a process, and signals to it. Knows nothing of what it runs.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Most bytes ever resident.
    pub peak: u64,
    /// Bytes resident now.
    pub resident: u64,
    /// Processor time, user and system.
    pub processor: Duration,
}

impl Usage {
    /// Reads it from `/proc`.
    pub fn of(pid: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))
            .with_context(|| format!("process {pid} is gone"))?;
        let bytes = |key: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(key))
                .and_then(|rest| rest.split_whitespace().next())
                .and_then(|number| number.parse::<u64>().ok())
                .map_or(0, |kib| kib * 1024)
        };
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The second field is the name in brackets and may hold spaces; utime and stime are the 14th
        // and 15th, in ticks of 10 ms on every Linux that Debian builds.
        let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks: u64 = after
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|number| number.parse::<u64>().ok())
            .sum();
        Ok(Self {
            peak: bytes("VmHWM:"),
            resident: bytes("VmRSS:"),
            processor: Duration::from_millis(ticks * 10),
        })
    }
}

/// Whether a process runs. One that has ended and that nobody has waited for does not.
pub fn alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Sends a signal to one process.
pub fn signal(pid: u32, signal: Signal) -> Result<()> {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .context("no such process id")?;
    kill_process(pid, signal).with_context(|| format!("cannot signal process {pid:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_memory() -> Result<()> {
        let usage = Usage::of(std::process::id())?;
        assert!(
            usage.resident > 100_000 && usage.peak >= usage.resident,
            "{usage:?}"
        );
        Ok(())
    }
}

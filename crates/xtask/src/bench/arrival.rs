//! When a set of files has arrived in a folder. Knows paths and sizes; whole contents are compared
//! afterwards, when no clock runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::interrupt::Interrupt;

/// Far above what anything measured takes.
const LIMIT: Duration = Duration::from_secs(900);

/// Waits until every path below `root` is a file of its size; gives when that was. Each file is looked
/// at once it is its turn and not again, so the looking costs the same however long it takes.
pub(crate) fn wait(
    root: &Path,
    files: &[(PathBuf, u64)],
    interrupt: &Interrupt,
) -> Result<Instant> {
    let start = Instant::now();
    let mut waiting = files.iter().rev();
    let mut next = waiting.next();
    while let Some((path, size)) = next {
        let here = fs::symlink_metadata(root.join(path)).is_ok_and(|about| about.len() == *size);
        if here {
            next = waiting.next();
            continue;
        }
        interrupt.check()?;
        if start.elapsed() > LIMIT {
            bail!(
                "{} did not arrive within {} s",
                path.display(),
                LIMIT.as_secs()
            );
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(Instant::now())
}

/// Waits until a file has exactly these bytes; gives when that was.
pub(crate) fn wait_for_bytes(path: &Path, bytes: &[u8], interrupt: &Interrupt) -> Result<Instant> {
    let start = Instant::now();
    loop {
        if fs::read(path).is_ok_and(|found| found == bytes) {
            return Ok(Instant::now());
        }
        interrupt.check()?;
        if start.elapsed() > LIMIT {
            bail!(
                "{} was not seen within {} s",
                path.display(),
                LIMIT.as_secs()
            );
        }
        thread::sleep(Duration::from_micros(200));
    }
}

//! Waiting for something to become so, with a limit. Knows nothing of what is waited for.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Asks `what` again and again until it gives a value, at most for `limit`, and says how long that
/// took. An error of `what` means "not yet"; the last one becomes the reason when time runs out.
pub fn within<T>(
    limit: Duration,
    wanted: &str,
    mut what: impl FnMut() -> Result<Option<T>>,
) -> Result<(T, Duration)> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        let answer = what();
        let took = start.elapsed();
        match answer {
            Ok(Some(value)) => return Ok((value, took)),
            Ok(None) if took > limit => anyhow::bail!("not within {limit:?}: {wanted}"),
            Err(error) if took > limit => {
                return Err(error).with_context(|| format!("not within {limit:?}: {wanted}"));
            }
            Ok(None) | Err(_) => thread::sleep(pause),
        }
        // Short waits stay exact to a few per cent, long ones leave the processor to the devices.
        pause = (took / 32).clamp(Duration::from_millis(1), Duration::from_millis(50));
    }
}

/// As [`within`], for a plain yes or no; gives the milliseconds it took.
pub fn within_ms(limit: Duration, wanted: &str, mut what: impl FnMut() -> bool) -> Result<u128> {
    let ((), took) = within(limit, wanted, || Ok(what().then_some(())))?;
    Ok(took.as_millis())
}

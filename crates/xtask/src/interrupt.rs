//! Ctrl-C (and its relatives) as a flag, so that whoever is interrupted cleans up. Knows nothing of
//! what is cleaned up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Set once the user wants to end.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt {
    flag: Arc<AtomicBool>,
}

impl Interrupt {
    /// From now on, Ctrl-C only sets the flag.
    pub(crate) fn install() -> Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
        }
        Ok(Self { flag })
    }

    /// Fails once the user wants to end.
    pub(crate) fn check(&self) -> Result<()> {
        if self.wanted() {
            bail!("interrupted");
        }
        Ok(())
    }

    /// Whether the user wants to end.
    pub(crate) fn wanted(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }

    /// Asks `what` until it says yes; fails when the time is over or the user wants to end.
    pub(crate) fn until(
        &self,
        limit: Duration,
        wanted: &str,
        mut what: impl FnMut() -> bool,
    ) -> Result<Duration> {
        let start = Instant::now();
        loop {
            if what() {
                return Ok(start.elapsed());
            }
            self.check()?;
            if start.elapsed() > limit {
                bail!("not within {} s: {wanted}", limit.as_secs());
            }
            thread::sleep(Duration::from_micros(500));
        }
    }

    /// Sleeps until the user wants to end.
    pub(crate) fn wait(&self) {
        while !self.wanted() {
            thread::sleep(Duration::from_millis(50));
        }
    }
}

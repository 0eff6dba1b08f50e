//! When to try again what failed, or what something else comes first for. Knows neither paths nor nodes.

use std::time::{Duration, Instant};

/// After the first failure; each further one doubles it.
const SOONEST: Duration = Duration::from_millis(500);

/// When something is tried again, and what became of it so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Retry {
    pub(super) at: Instant,
    /// How often it failed when its time had come.
    failures: u32,
    /// How often it was passed over since.
    passes: u32,
}

impl Retry {
    /// Waits until `at` for something that is told.
    pub(super) fn waiting(at: Instant) -> Self {
        Self {
            at,
            failures: 1,
            passes: 0,
        }
    }

    /// It failed: the wait doubles up to `most`. What fails before its time, because something around it was
    /// seen to, waits no longer for that.
    pub(super) fn failed(before: Option<Self>, now: Instant, most: Duration) -> Self {
        let failures = match before {
            Some(before) if before.failures > 0 && now < before.at => {
                return Self {
                    passes: 0,
                    ..before
                };
            }
            before => before.map_or(0, |before| before.failures) + 1,
        };
        let wait = SOONEST.saturating_mul(1 << (failures - 1).min(16));
        Self {
            at: now + wait.min(most),
            failures,
            passes: 0,
        }
    }

    /// Something else comes first: for milliseconds, and for seconds if that goes on. It is no failure, and
    /// makes none that follows wait longer.
    pub(super) fn passed_over(before: Option<Self>, now: Instant) -> Self {
        let passes = before.map_or(0, |before| before.passes) + 1;
        Self {
            at: now + Duration::from_millis(5 << passes.min(9)),
            failures: before.map_or(0, |before| before.failures),
            passes,
        }
    }

    /// What it failed for may be over: it is tried now, and soon again.
    pub(super) fn hasten(&mut self, now: Instant) {
        self.at = now;
        self.failures = self.failures.min(1);
    }

    /// There is a problem to show for it, so nobody need wait until it is solved.
    pub(super) fn is_reported(&self) -> bool {
        match self.passes {
            0 => self.failures > 0,
            passes => passes > 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_secs(60);

    fn wait(retry: Retry, now: Instant) -> Duration {
        retry.at.duration_since(now)
    }

    #[test]
    fn each_failure_in_its_time_doubles_the_wait() {
        let mut now = Instant::now();
        let mut retry = None;
        for millis in [
            500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000,
        ] {
            let failed = Retry::failed(retry, now, MOST);
            assert_eq!(wait(failed, now), Duration::from_millis(millis));
            assert!(failed.is_reported());
            (retry, now) = (Some(failed), failed.at);
        }
    }

    #[test]
    fn failing_before_its_time_makes_nothing_wait_longer() {
        let now = Instant::now();
        let first = Retry::failed(None, now, MOST);
        let mut retry = first;
        for millis in 1..400 {
            retry = Retry::failed(Some(retry), now + Duration::from_millis(millis), MOST);
        }
        assert_eq!(retry, first);
    }

    #[test]
    fn having_been_passed_over_makes_no_failure_wait_longer() {
        let mut now = Instant::now();
        let mut retry = None;
        for _ in 0..20 {
            let passed = Retry::passed_over(retry, now);
            (retry, now) = (Some(passed), passed.at);
        }
        assert!(retry.is_some_and(|retry| retry.is_reported()));
        let failed = Retry::failed(retry, now, MOST);
        assert_eq!(wait(failed, now), SOONEST);
    }

    #[test]
    fn what_is_passed_over_after_a_failure_is_work_again_and_its_failures_are_known() {
        let now = Instant::now();
        let failed = Retry::failed(None, now, MOST);
        let passed = Retry::passed_over(Some(failed), failed.at);
        assert!(!passed.is_reported());
        let again = Retry::failed(Some(passed), passed.at, MOST);
        assert_eq!(wait(again, passed.at), SOONEST * 2);
    }

    #[test]
    fn what_is_hastened_is_tried_now_and_stays_reported() {
        let now = Instant::now();
        let mut retry = Retry::failed(None, now, MOST);
        for _ in 0..5 {
            retry = Retry::failed(Some(retry), retry.at, MOST);
        }
        retry.hasten(now);
        assert!(retry.at == now && retry.is_reported());
        assert_eq!(
            wait(Retry::failed(Some(retry), now, MOST), now),
            SOONEST * 2
        );
    }
}

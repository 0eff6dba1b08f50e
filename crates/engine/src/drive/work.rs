//! How far the reading or writing of a folder is, and how fast it goes of late. Knows counters, not
//! files.

use std::time::{Duration, Instant};

use crate::working_copy::WorkingCopyProgress;

/// Looks closer together than this say nothing about the pace.
const LEAST: Duration = Duration::from_millis(500);

/// What a new look counts for in the pace, in hundredths: some ten seconds smooth it.
const WEIGHT: f64 = 0.3;

/// Work that is under way.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Work {
    /// Whether files are taken in; else they are written out.
    pub reading: bool,
    /// Files done.
    pub files: u64,
    /// Files known of.
    pub files_total: u64,
    /// Bytes done, those of files that are not finished included.
    pub bytes: u64,
    /// Bytes known of.
    pub bytes_total: u64,
    /// Bytes a second.
    pub rate: u64,
    /// How long the rest takes at that rate; `None` while nothing moves.
    pub left: Option<Duration>,
}

/// Keeps the pace between looks.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    at: Option<At>,
}

#[derive(Clone, Copy, Debug)]
struct At {
    reading: bool,
    /// Bytes that had passed when this piece of work began.
    base: u64,
    seen: Instant,
    bytes: u64,
    rate: f64,
}

impl Meter {
    /// Looks at the counters: those of whole files, and the bytes that ever passed in and out.
    pub(crate) fn look(
        &mut self,
        now: Instant,
        progress: &WorkingCopyProgress,
        passed_in: u64,
        passed_out: u64,
    ) -> Option<Work> {
        let (reading, files, files_total, whole, total, passed) =
            if progress.files_in < progress.files_in_total {
                let p = progress;
                (
                    true,
                    p.files_in,
                    p.files_in_total,
                    p.bytes_in,
                    p.bytes_in_total,
                    passed_in,
                )
            } else if progress.files_out < progress.files_out_total {
                let p = progress;
                let passed = passed_out;
                (
                    false,
                    p.files_out,
                    p.files_out_total,
                    p.bytes_out,
                    p.bytes_out_total,
                    passed,
                )
            } else {
                self.at = None;
                return None;
            };
        let begun = || At {
            reading,
            base: passed.saturating_sub(whole),
            seen: now,
            bytes: whole,
            rate: 0.0,
        };
        let at = self
            .at
            .filter(|at| at.reading == reading)
            .unwrap_or_else(begun);
        // What is in the middle of a file counts; what was read twice does not.
        let bytes = passed
            .saturating_sub(at.base)
            .clamp(whole, total.max(whole));
        let since = now.saturating_duration_since(at.seen);
        let mut next = At {
            base: at.base,
            ..at
        };
        if since >= LEAST {
            let pace = bytes.saturating_sub(at.bytes) as f64 / since.as_secs_f64();
            next.rate = match at.rate > 0.0 {
                true => at.rate + (pace - at.rate) * WEIGHT,
                false => pace,
            };
            next.seen = now;
            next.bytes = bytes;
        }
        self.at = Some(next);
        let left = (next.rate >= 1.0)
            .then(|| Duration::try_from_secs_f64((total.max(bytes) - bytes) as f64 / next.rate))
            .and_then(Result::ok);
        Some(Work {
            reading,
            files,
            files_total,
            bytes,
            bytes_total: total.max(bytes),
            rate: next.rate as u64,
            left,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_large_file_has_a_pace_and_a_time_left_before_it_is_finished() {
        let mut meter = Meter::default();
        let start = Instant::now();
        let progress = WorkingCopyProgress {
            files_out_total: 1,
            bytes_out_total: 1000,
            ..WorkingCopyProgress::default()
        };
        let first = meter.look(start, &progress, 7, 500);
        assert_eq!(first.map(|work| (work.bytes, work.left)), Some((0, None)));
        let then = meter.look(start + Duration::from_secs(2), &progress, 7, 700);
        let then = then.map(|work| (work.reading, work.bytes, work.rate, work.left));
        assert_eq!(then, Some((false, 200, 100, Some(Duration::from_secs(8)))));
        // More passed than there is: something was read again.
        let more = meter.look(start + Duration::from_secs(4), &progress, 7, 9000);
        assert_eq!(more.map(|work| work.bytes), Some(1000));
        let done = WorkingCopyProgress {
            files_out: 1,
            bytes_out: 1000,
            ..progress
        };
        assert_eq!(
            meter.look(start + Duration::from_secs(5), &done, 7, 9000),
            None
        );
    }
}

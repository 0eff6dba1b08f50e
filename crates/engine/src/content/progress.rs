//! How far a share, a join or a checkout has come: counters that only grow, and the pace between two
//! looks at them. Does not know what is being counted, nor the time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// Counters of one piece of work. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    files_total: AtomicU64,
    files_done: AtomicU64,
    bytes_total: AtomicU64,
    bytes_done: AtomicU64,
}

impl Progress {
    /// All at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// More work came to light.
    pub fn expect(&self, files: u64, bytes: u64) {
        self.0.files_total.fetch_add(files, Relaxed);
        self.0.bytes_total.fetch_add(bytes, Relaxed);
    }

    /// Some bytes are done.
    pub fn add_bytes(&self, bytes: u64) {
        self.0.bytes_done.fetch_add(bytes, Relaxed);
    }

    /// One file is done; its bytes were counted before.
    pub fn add_file(&self) {
        self.0.files_done.fetch_add(1, Relaxed);
    }

    /// The counters as they are, taken at `now`.
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let (files_done, bytes_done) = (
            self.0.files_done.load(Relaxed),
            self.0.bytes_done.load(Relaxed),
        );
        Snapshot {
            at: now,
            files_done,
            bytes_done,
            // A file that grew while it was read makes the work larger than was thought.
            files_total: self.0.files_total.load(Relaxed).max(files_done),
            bytes_total: self.0.bytes_total.load(Relaxed).max(bytes_done),
        }
    }
}

/// Counters at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// When they were read.
    pub at: Instant,
    /// Files finished.
    pub files_done: u64,
    /// Files known of, finished ones included.
    pub files_total: u64,
    /// Bytes finished.
    pub bytes_done: u64,
    /// Bytes known of, finished ones included.
    pub bytes_total: u64,
}

/// How fast it went between two snapshots.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Pace {
    /// Bytes a second.
    pub bytes_per_s: f64,
    /// Files a second.
    pub files_per_s: f64,
    /// How long the rest takes at this pace; `None` while nothing moves.
    pub left: Option<Duration>,
}

impl Snapshot {
    /// The pace since an earlier snapshot of the same counters.
    ///
    /// Many small files cost by the file and large ones by the byte; the time left is the longer
    /// of the two estimates.
    pub fn pace_since(&self, earlier: &Snapshot) -> Pace {
        let seconds = self.at.saturating_duration_since(earlier.at).as_secs_f64();
        let rate = |done: u64, before: u64| match done.saturating_sub(before) as f64 / seconds {
            rate if rate.is_finite() => rate,
            _ => 0.0,
        };
        let bytes_per_s = rate(self.bytes_done, earlier.bytes_done);
        let files_per_s = rate(self.files_done, earlier.files_done);
        let left = |total: u64, done: u64, rate: f64| match total.saturating_sub(done) {
            0 => Some(0.0),
            _ if rate <= 0.0 => None,
            rest => Some(rest as f64 / rate),
        };
        let left = match (
            left(self.bytes_total, self.bytes_done, bytes_per_s),
            left(self.files_total, self.files_done, files_per_s),
        ) {
            (Some(a), Some(b)) => Some(a.max(b)),
            // A single large file is not finished for a long while: its bytes tell.
            (Some(a), None) if bytes_per_s > 0.0 => Some(a),
            _ => None,
        };
        Pace {
            bytes_per_s,
            files_per_s,
            left: left.and_then(|s| Duration::try_from_secs_f64(s).ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_what_the_slower_of_files_and_bytes_needs() {
        let (progress, start) = (Progress::new(), Instant::now());
        progress.expect(100, 1000);
        let first = progress.snapshot(start);
        progress.add_bytes(500);
        (0..10).for_each(|_| progress.add_file());
        let then = progress.snapshot(start + Duration::from_secs(2));
        let pace = then.pace_since(&first);
        assert_eq!(pace.bytes_per_s, 250.0);
        assert_eq!(pace.files_per_s, 5.0);
        assert_eq!(pace.left, Some(Duration::from_secs(18)));
    }

    #[test]
    fn nothing_moved_means_no_estimate_and_all_done_means_none_left() {
        let (progress, start) = (Progress::new(), Instant::now());
        progress.expect(1, 10);
        let first = progress.snapshot(start);
        assert_eq!(first.pace_since(&first).left, None);
        progress.add_bytes(10);
        progress.add_file();
        let end = progress.snapshot(start + Duration::from_secs(1));
        assert_eq!(end.pace_since(&first).left, Some(Duration::ZERO));
    }

    #[test]
    fn one_large_file_has_an_estimate_before_it_is_finished() {
        let (progress, start) = (Progress::new(), Instant::now());
        progress.expect(1, 100);
        let first = progress.snapshot(start);
        progress.add_bytes(25);
        let then = progress.snapshot(start + Duration::from_secs(1));
        assert_eq!(then.pace_since(&first).left, Some(Duration::from_secs(3)));
    }

    #[test]
    fn work_that_grew_never_shows_more_done_than_there_is() {
        let progress = Progress::new();
        progress.expect(1, 10);
        progress.add_bytes(12);
        let now = progress.snapshot(Instant::now());
        assert_eq!((now.bytes_done, now.bytes_total), (12, 12));
    }
}

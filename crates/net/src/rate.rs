//! How fast contents may be sent and received, all connections together. Does not know what is sent.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

/// What may pass at once after a pause, as time at the full rate: small against what a person notices,
/// large against the pieces in which contents pass.
const BURST: Duration = Duration::from_millis(250);

/// A rate of so many bytes a second, or none.
#[derive(Debug)]
struct Bucket {
    /// 0 for no limit.
    rate: AtomicU64,
    /// When all that was let through so far has passed at that rate.
    free: Mutex<Instant>,
}

impl Bucket {
    fn new() -> Self {
        Self {
            rate: AtomicU64::new(0),
            free: Mutex::new(Instant::now()),
        }
    }

    fn set(&self, rate: Option<u64>) {
        self.rate.store(rate.unwrap_or(0), Ordering::Relaxed);
        // What somebody waits for under the old rate does not hold up the new one.
        *self.free.lock() = Instant::now();
    }

    /// How long to wait before so many bytes may pass.
    fn take(&self, bytes: u64, now: Instant) -> Duration {
        let rate = self.rate.load(Ordering::Relaxed);
        if rate == 0 {
            return Duration::ZERO;
        }
        let mut free = self.free.lock();
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let begun = (*free).max(earliest);
        *free = begun + Duration::from_secs_f64(bytes as f64 / rate as f64);
        free.saturating_duration_since(now)
    }
}

/// The limits of one device. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Limits(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    up: Bucket,
    down: Bucket,
    /// Whether sending is limited: who is being sent to has to connect anew when that changes.
    limited: watch::Sender<bool>,
}

impl Default for Limits {
    fn default() -> Self {
        Self(Arc::new(Inner {
            up: Bucket::new(),
            down: Bucket::new(),
            limited: watch::Sender::new(false),
        }))
    }
}

impl Limits {
    /// Sets both limits, in bytes a second.
    pub(crate) fn set(&self, up: Option<u64>, down: Option<u64>) {
        self.0.up.set(up);
        self.0.down.set(down);
        self.0
            .limited
            .send_if_modified(|limited| std::mem::replace(limited, up.is_some()) != up.is_some());
    }

    /// Whether sending is limited, and when that changes.
    pub(crate) fn sending(&self) -> watch::Receiver<bool> {
        self.0.limited.subscribe()
    }

    /// Waits until so many bytes may be sent.
    pub(crate) async fn send(&self, bytes: u64) {
        wait(self.0.up.take(bytes, Instant::now())).await;
    }

    /// Waits until so many bytes that have come may count as received.
    pub(crate) async fn receive(&self, bytes: u64) {
        wait(self.0.down.take(bytes, Instant::now())).await;
    }
}

async fn wait(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_pass_at_the_rate_and_a_pause_saves_up_a_little() {
        let bucket = Bucket::new();
        let now = Instant::now() + Duration::from_secs(100);
        assert_eq!(bucket.take(1 << 40, now), Duration::ZERO, "no limit");
        bucket.set(Some(1000));
        let mut waited = Duration::ZERO;
        for _ in 0..10 {
            waited = bucket.take(500, now);
        }
        // Five seconds' worth, of which a quarter second was saved up.
        assert_eq!(waited, Duration::from_millis(4750));
        let later = now + Duration::from_secs(60);
        assert_eq!(bucket.take(250, later), Duration::ZERO);
        assert_eq!(bucket.take(100, later), Duration::from_millis(100));
        bucket.set(None);
        assert_eq!(bucket.take(1 << 40, later), Duration::ZERO);
    }
}

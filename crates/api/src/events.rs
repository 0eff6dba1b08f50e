//! What happened, numbered, for whoever follows: a ring that the slow fall out of. Knows no drive and no
//! socket.
//!
//! Nobody has a queue of their own: a follower remembers the number that comes next and reads from the
//! ring. Whoever comes back with a number goes on without a gap as long as the ring still has what
//! follows it, and is told so; else everything that is shown must be asked for anew.

mod deeds;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;

pub(crate) use deeds::Deeds;

use crate::dto::{Event, Frame};

/// Events that are kept for those who come back: some minutes of a busy drive.
const KEPT: usize = 4096;

/// Bytes of them that are kept at most, a bound for memory: one event has at most some twenty thousand.
const KEPT_BYTES: usize = 8 << 20;

/// After so long without an event a follower is told that the stream lives.
pub const BEAT: Duration = Duration::from_secs(10);

/// Where a stream of events goes on: which run of the daemon, and the last event seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Which run, as `hello` told.
    pub stream: String,
    /// The number of the last event.
    pub seq: u64,
}

/// Where events are told and followed. Cheap to clone; clones share everything.
#[derive(Debug, Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    stream: String,
    ring: Mutex<Ring>,
    /// The number of the last event.
    last: watch::Sender<u64>,
}

impl fmt::Debug for Inner {
    // What happened is about names of files: it stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

struct Ring {
    last: u64,
    /// The newest events as they travel, the newest last.
    kept: VecDeque<Arc<str>>,
    bytes: usize,
    most: usize,
}

impl Ring {
    /// The number of the oldest event that is kept, or that of the next one if none is.
    fn oldest(&self) -> u64 {
        self.last + 1 - self.kept.len() as u64
    }
}

impl Default for Hub {
    fn default() -> Self {
        Self::with_room(KEPT)
    }
}

impl Hub {
    /// One that keeps at most so many events.
    pub(crate) fn with_room(most: usize) -> Self {
        Self(Arc::new(Inner {
            stream: stream_id(),
            ring: Mutex::new(Ring {
                last: 0,
                kept: VecDeque::new(),
                bytes: 0,
                most: most.max(1),
            }),
            last: watch::Sender::new(0),
        }))
    }

    /// Tells an event.
    pub fn tell(&self, event: Event) {
        let mut ring = self.0.ring.lock();
        let seq = ring.last + 1;
        let text = match serde_json::to_string(&Frame::Event { seq, event }) {
            Ok(text) => text,
            Err(error) => {
                tracing::error!(%error, "an event could not be written");
                return;
            }
        };
        ring.last = seq;
        ring.bytes += text.len();
        ring.kept.push_back(text.into());
        while ring.kept.len() > ring.most || (ring.bytes > KEPT_BYTES && ring.kept.len() > 1) {
            if let Some(old) = ring.kept.pop_front() {
                ring.bytes -= old.len();
            }
        }
        // Under the lock, so that the number never goes back.
        self.0.last.send_replace(seq);
    }

    /// Follows what happens from now on, or goes on after what was seen.
    pub fn follow(&self, after: Option<&Cursor>) -> Follower {
        let news = self.0.last.subscribe();
        let ring = self.0.ring.lock();
        let known = after.filter(|after| {
            after.stream == self.0.stream
                && after.seq <= ring.last
                && after.seq + 1 >= ring.oldest()
        });
        let seq = known.map_or(ring.last, |after| after.seq);
        let hello = Frame::Hello {
            stream: self.0.stream.clone(),
            seq,
            resumed: known.is_some(),
        };
        drop(ring);
        Follower {
            hub: self.clone(),
            news,
            next: seq + 1,
            hello: Some(hello),
            quiet_since: Instant::now(),
        }
    }

    /// Whether anybody follows: what has to be looked for need not be, as long as nobody does.
    pub fn is_followed(&self) -> bool {
        self.0.last.receiver_count() > 0
    }
}

/// One who follows.
#[derive(Debug)]
pub struct Follower {
    hub: Hub,
    news: watch::Receiver<u64>,
    /// The number of the event that comes next.
    next: u64,
    hello: Option<Frame>,
    quiet_since: Instant,
}

impl Follower {
    /// Waits for the next frame, as it travels. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Arc<str> {
        loop {
            self.news.mark_unchanged();
            if let Some(text) = self.ready() {
                self.quiet_since = Instant::now();
                return text;
            }
            let beat = self.quiet_since + BEAT;
            // The hub is held, so its end of the channel is too.
            let changed = tokio::time::timeout_at(beat, self.news.changed()).await;
            if changed.is_err() {
                self.quiet_since = Instant::now();
                return text(&Frame::Beat { seq: self.next - 1 });
            }
        }
    }

    fn ready(&mut self) -> Option<Arc<str>> {
        if let Some(hello) = self.hello.take() {
            return Some(text(&hello));
        }
        let ring = self.hub.0.ring.lock();
        if self.next > ring.last {
            return None;
        }
        let Some(at) = self.next.checked_sub(ring.oldest()) else {
            self.next = ring.last + 1;
            return Some(text(&Frame::Behind { seq: ring.last }));
        };
        let at = usize::try_from(at).ok()?;
        let found = ring.kept.get(at)?.clone();
        self.next += 1;
        Some(found)
    }
}

/// A frame as it travels. Frames without an event are numbers and a word: writing them does not fail.
fn text(frame: &Frame) -> Arc<str> {
    serde_json::to_string(frame).unwrap_or_default().into()
}

/// Tells runs of the daemon apart. No secret: where the system gives no random numbers, the time does.
fn stream_id() -> String {
    let mut bytes = [0; 8];
    if getrandom::fill(&mut bytes).is_err() {
        bytes = crate::clock::now_ms().to_be_bytes();
    }
    data_encoding::HEXLOWER.encode(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    fn tell(hub: &Hub, count: u64) {
        for _ in 0..count {
            hub.tell(Event::Drives);
        }
    }

    async fn next(follower: &mut Follower) -> Result<Frame, serde_json::Error> {
        serde_json::from_str(&follower.next().await)
    }

    fn hello(hub: &Hub, seq: u64, resumed: bool) -> Frame {
        let stream = hub.0.stream.clone();
        Frame::Hello {
            stream,
            seq,
            resumed,
        }
    }

    fn event(seq: u64) -> Frame {
        let event = Event::Drives;
        Frame::Event { seq, event }
    }

    fn after(hub: &Hub, seq: u64) -> Cursor {
        let stream = hub.0.stream.clone();
        Cursor { stream, seq }
    }

    #[tokio::test]
    async fn who_comes_back_in_time_misses_nothing() -> TestResult {
        let hub = Hub::with_room(4);
        tell(&hub, 6);
        // 3, 4, 5 and 6 are kept: whoever saw 2 goes on.
        for seen in 2..=6 {
            let mut back = hub.follow(Some(&after(&hub, seen)));
            assert_eq!(next(&mut back).await?, hello(&hub, seen, true));
            for seq in seen + 1..=6 {
                assert_eq!(next(&mut back).await?, event(seq));
            }
        }
        Ok(())
    }

    #[tokio::test]
    async fn who_is_too_late_or_of_another_run_begins_anew() -> TestResult {
        let hub = Hub::with_room(4);
        tell(&hub, 6);
        let other = Cursor {
            stream: "another".into(),
            seq: 5,
        };
        let strange = [after(&hub, 1), after(&hub, 7), after(&hub, u64::MAX), other];
        let mut back = Vec::new();
        for cursor in &strange {
            let mut follower = hub.follow(Some(cursor));
            assert_eq!(next(&mut follower).await?, hello(&hub, 6, false));
            back.push(follower);
        }
        tell(&hub, 1);
        for follower in &mut back {
            assert_eq!(next(follower).await?, event(7));
        }
        Ok(())
    }

    #[tokio::test]
    async fn the_slow_are_told_and_go_on_with_what_is_new() -> TestResult {
        let hub = Hub::with_room(4);
        let mut slow = hub.follow(None);
        assert_eq!(next(&mut slow).await?, hello(&hub, 0, false));
        tell(&hub, 3);
        assert_eq!(next(&mut slow).await?, event(1));
        tell(&hub, 5);
        assert_eq!(next(&mut slow).await?, Frame::Behind { seq: 8 });
        tell(&hub, 1);
        assert_eq!(next(&mut slow).await?, event(9));
        Ok(())
    }

    #[tokio::test]
    async fn large_events_do_not_fill_the_memory() {
        let hub = Hub::default();
        for _ in 0..200 {
            hub.tell(Event::Reloaded {
                drive: "d".repeat(100_000),
            });
        }
        let ring = hub.0.ring.lock();
        assert!(ring.bytes <= KEPT_BYTES, "{}", ring.bytes);
        assert_eq!(ring.bytes, ring.kept.iter().map(|t| t.len()).sum::<usize>());
        assert!(ring.kept.len() > 50, "{}", ring.kept.len());
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_told_every_ten_seconds() -> TestResult {
        let hub = Hub::default();
        let mut follower = hub.follow(None);
        assert!(hub.is_followed());
        next(&mut follower).await?;
        let begun = Instant::now();
        assert_eq!(next(&mut follower).await?, Frame::Beat { seq: 0 });
        assert_eq!(begun.elapsed(), BEAT);
        // A wait that was given up does not begin anew.
        tokio::time::timeout(BEAT / 2, follower.next()).await.ok();
        assert_eq!(next(&mut follower).await?, Frame::Beat { seq: 0 });
        assert_eq!(begun.elapsed(), BEAT * 2);
        drop(follower);
        assert!(!hub.is_followed());
        Ok(())
    }
}

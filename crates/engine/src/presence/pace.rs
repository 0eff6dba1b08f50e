//! How often presence is said and how long it holds, and when this device is to speak next. Pure: the
//! caller brings the time.

use std::time::{Duration, Instant};

use super::Focus;

/// Times of presence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Between two messages that say the same.
    pub(crate) beat: Duration,
    /// Between two messages at least.
    pub(crate) gap: Duration,
    /// How long what was said holds.
    pub(crate) expiry: Duration,
    /// How long it holds from the end of the session with its sender.
    pub(crate) grace: Duration,
    /// How far the clock of a sender may be off without a session with it, and how old a message may
    /// be that a device hears first.
    pub(crate) fresh: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            beat: Duration::from_secs(10),
            gap: Duration::from_millis(250),
            expiry: Duration::from_secs(30),
            grace: Duration::from_secs(3),
            fresh: Duration::from_secs(60),
        }
    }
}

/// Decides when to speak: at once when something changed, but not too often, and now and then in any case.
#[derive(Debug)]
pub(super) struct Turn {
    pace: Pace,
    /// When this device spoke last, and what it said.
    last: Option<(Instant, Focus)>,
    /// Somebody is there who has not heard it.
    asked: bool,
}

impl Turn {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            last: None,
            asked: false,
        }
    }

    /// Somebody is there who has not heard what was said last.
    pub(super) fn ask(&mut self) {
        self.asked = true;
    }

    /// When to say what is so now; `None` for at once.
    pub(super) fn due(&self, now: &Focus) -> Option<Instant> {
        let (at, said) = self.last.as_ref()?;
        let pause = match self.asked || said != now {
            true => self.pace.gap,
            false => self.pace.beat,
        };
        Some(*at + pause)
    }

    /// It was said.
    pub(super) fn said(&mut self, now: Instant, focus: Focus) {
        self.last = Some((now, focus));
        self.asked = false;
    }
}

#[cfg(test)]
mod tests {
    use peerdrive_crdt_tree::id::NodeId;

    use super::*;

    /// When this device speaks, in milliseconds, if it is as `state` says at each of them.
    fn spoken(until_ms: u64, state: impl Fn(u64) -> Focus, asked_at: Option<u64>) -> Vec<u64> {
        let start = Instant::now();
        let mut turn = Turn::new(Pace::default());
        let mut spoken = Vec::new();
        for ms in 0..until_ms {
            let now = start + Duration::from_millis(ms);
            let focus = state(ms);
            if asked_at == Some(ms) {
                turn.ask();
            }
            if turn.due(&focus).is_none_or(|at| at <= now) {
                turn.said(now, focus);
                spoken.push(ms);
            }
        }
        spoken
    }

    fn in_folder(number: u64) -> Focus {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_le_bytes());
        Focus {
            folder: Some(NodeId(id)),
            ..Focus::default()
        }
    }

    #[test]
    fn who_does_nothing_speaks_every_ten_seconds() {
        let spoken = spoken(25_000, |_| Focus::default(), None);
        assert_eq!(spoken, [0, 10_000, 20_000]);
    }

    #[test]
    fn who_is_busy_speaks_four_times_a_second_and_last_of_all_says_how_it_ended() {
        // Another folder every millisecond for a second, then none any more.
        let spoken = spoken(3000, |ms| in_folder(ms.min(999)), None);
        assert_eq!(spoken, [0, 250, 500, 750, 1000]);
        // What changes after a silence is said at once; what is the same again in time is not said.
        let spoken = self::spoken(9000, |ms| in_folder(u64::from(ms >= 4321)), None);
        assert_eq!(spoken, [0, 4321]);
        let there_and_back = |ms: u64| in_folder(u64::from((100..150).contains(&ms)));
        assert_eq!(self::spoken(9000, there_and_back, None), [0]);
    }

    #[test]
    fn who_is_asked_speaks_once_more_and_not_too_soon() {
        assert_eq!(spoken(9000, |_| Focus::default(), Some(4000)), [0, 4000]);
        assert_eq!(spoken(9000, |_| Focus::default(), Some(10)), [0, 250]);
    }
}

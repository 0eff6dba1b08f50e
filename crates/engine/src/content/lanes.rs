//! Two lanes for work of one kind: what somebody waits for goes at once, the rest when there is room.
//! Does not know what the work is.

use parking_lot::Mutex;
use tokio::sync::Notify;

/// In whose name something is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lane {
    /// A person or program waits for it: a read through a mount, a file being opened.
    Urgent,
    /// Checkout, prefetch, read-ahead, import.
    Background,
}

/// Admits work. Urgent work never waits here; background work waits for one of a few places, of which
/// all but one are closed while urgent work is under way, so that it slows down but never starves.
#[derive(Debug)]
pub(super) struct Lanes {
    running: Mutex<Running>,
    places: usize,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Running {
    urgent: usize,
    background: usize,
}

/// A place in a lane, given back on drop.
#[derive(Debug)]
pub(super) struct Place<'a> {
    lanes: &'a Lanes,
    lane: Lane,
}

impl Lanes {
    /// With so many places for background work, at least one.
    pub(super) fn new(places: usize) -> Self {
        Self {
            running: Mutex::default(),
            places: places.max(1),
            changed: Notify::new(),
        }
    }

    /// Waits for a place.
    pub(super) async fn enter(&self, lane: Lane) -> Place<'_> {
        loop {
            // Listens before it looks, so that a place given back in between is not missed.
            let changed = self.changed.notified();
            if self.try_enter(lane) {
                return Place { lanes: self, lane };
            }
            changed.await;
        }
    }

    fn try_enter(&self, lane: Lane) -> bool {
        let mut running = self.running.lock();
        match lane {
            Lane::Urgent => running.urgent += 1,
            Lane::Background if !self.has_room(&running) => return false,
            Lane::Background => {
                running.background += 1;
                // There may be room for more than the one that was woken.
                if self.has_room(&running) {
                    self.changed.notify_one();
                }
            }
        }
        true
    }

    fn has_room(&self, running: &Running) -> bool {
        running.background < if running.urgent > 0 { 1 } else { self.places }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut running = self.lanes.running.lock();
        match self.lane {
            Lane::Urgent => running.urgent -= 1,
            Lane::Background => running.background -= 1,
        }
        if self.lanes.has_room(&running) {
            self.lanes.changed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn background_work_waits_for_urgent_work_but_for_one_place() {
        let lanes = Lanes::new(3);
        let urgent = lanes.enter(Lane::Urgent).await;
        let one = lanes.enter(Lane::Background).await;
        assert!(lanes.enter(Lane::Background).now_or_never().is_none());
        assert!(lanes.enter(Lane::Urgent).now_or_never().is_some());
        drop(urgent);
        let two = lanes.enter(Lane::Background).await;
        let three = lanes.enter(Lane::Background).await;
        assert!(lanes.enter(Lane::Background).now_or_never().is_none());
        drop((one, two, three));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn everybody_gets_a_turn() -> Result<(), Box<dyn std::error::Error>> {
        let lanes = Arc::new(Lanes::new(2));
        let tasks: Vec<_> = (0..200)
            .map(|i| {
                let lanes = Arc::clone(&lanes);
                tokio::spawn(async move {
                    let lane = if i % 5 == 0 {
                        Lane::Urgent
                    } else {
                        Lane::Background
                    };
                    let _place = lanes.enter(lane).await;
                    tokio::task::yield_now().await;
                })
            })
            .collect();
        for task in tasks {
            tokio::time::timeout(Duration::from_secs(20), task).await??;
        }
        let running = lanes.running.lock();
        assert_eq!((running.urgent, running.background), (0, 0));
        Ok(())
    }
}

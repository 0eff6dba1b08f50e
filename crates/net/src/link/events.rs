//! Events on their way to the engine, which may be slower than the network. Does not grow without
//! bound: entries are bounded by the exchange, and other events are merged or dropped.

use std::collections::VecDeque;

use super::LinkEvent;

/// Events other than entries that may wait.
const WAITING: usize = 1024;

/// What waits for the engine, in order.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    events: VecDeque<LinkEvent>,
    others: usize,
}

impl Waiting {
    /// Adds an event, unless the same is said already or there are far too many.
    pub(super) fn push(&mut self, event: LinkEvent) {
        match &event {
            LinkEvent::Entries { .. } => {}
            LinkEvent::LevelChanged(peer) => {
                let same = |e: &LinkEvent| matches!(e, LinkEvent::LevelChanged(p) if p == peer);
                if self.events.iter().any(same) {
                    return;
                }
                self.others += 1;
            }
            LinkEvent::Audience => {
                if self.events.iter().any(|e| matches!(e, LinkEvent::Audience)) {
                    return;
                }
                self.others += 1;
            }
            // What matters of a connection that came and went unseen is that nothing is left of it.
            LinkEvent::Disconnected(peer) if matches!(self.events.back(), Some(LinkEvent::Connected(p)) if p == peer) =>
            {
                self.events.pop_back();
                self.others -= 1;
                return;
            }
            // These two must not be lost; the above bounds them by what happens in between.
            LinkEvent::Connected(_) | LinkEvent::Disconnected(_) => self.others += 1,
            LinkEvent::Addresses(_) | LinkEvent::Presence(_) | LinkEvent::Fork { .. } => {
                if self.others >= WAITING {
                    tracing::warn!(
                        "the engine does not keep up with the network; an event is lost"
                    );
                    return;
                }
                self.others += 1;
            }
        }
        self.events.push_back(event);
    }

    /// The next event.
    pub(super) fn pop(&mut self) -> Option<LinkEvent> {
        let event = self.events.pop_front()?;
        if !matches!(event, LinkEvent::Entries { .. }) {
            self.others -= 1;
        }
        Some(event)
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

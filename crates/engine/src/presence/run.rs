//! The task of one drive's presence: says what this device does, hears what others do, forgets what is over.
//! Keeps nothing on disk but the number of its run.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Instant;

use peerdrive_crypto::frame::Channel;
use peerdrive_net::PeerId;
use tokio::sync::{mpsc, watch};

use super::others::{Arrival, Heed, Others};
use super::pace::{Pace, Turn};
use super::said::{Mark, Said};
use super::{Focus, Own};
use crate::drive::handle::Shared;
use crate::local::{LocalError, LocalTable, Space};

/// Where the number of the last run is kept.
const RUN_KEY: &[u8] = b"presence";

/// Messages that are heard before others' state is shown again.
const AT_ONCE: usize = 64;

/// What the handles tell the task.
#[derive(Debug)]
pub(crate) struct Ears {
    pub(super) stirred: watch::Receiver<u64>,
    pub(super) frames: mpsc::Receiver<Vec<u8>>,
}

/// Runs as long as the drive does.
pub(crate) async fn run(shared: Weak<Shared>, pace: Pace, mut ears: Ears) {
    if begin(&shared).await.is_none() {
        return;
    }
    let mut task = Task {
        others: Others::new(pace),
        turn: Turn::new(pace),
        connected: HashSet::new(),
        paused: false,
    };
    let mut first = None;
    loop {
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let next = task.go_on(&shared, first.take(), &mut ears.frames);
        drop(shared);
        tokio::select! {
            frame = ears.frames.recv() => match frame {
                Some(frame) => first = Some(frame),
                None => return,
            },
            changed = ears.stirred.changed() => if changed.is_err() {
                return;
            },
            () = tokio::time::sleep_until(next.into()) => {}
        }
    }
}

/// Draws the number of this run: the time, but larger than that of every run before, or others would drop
/// what is said after the clock was set back.
async fn begin(shared: &Weak<Shared>) -> Option<()> {
    let local = shared.upgrade()?.local.clone();
    let drawn = tokio::task::spawn_blocking(move || next_run(&local)).await;
    let started_ms = match drawn {
        Ok(Ok(started_ms)) => started_ms,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the number of the last run could not be read or kept");
            crate::env::now_ms()
        }
        Err(_) => return None,
    };
    shared.upgrade()?.presence.own.lock().started_ms = Some(started_ms);
    Some(())
}

fn next_run(local: &LocalTable) -> Result<u64, LocalError> {
    let last = local.get(Space::Config, RUN_KEY)?;
    let last = last.and_then(|bytes| bytes.try_into().ok());
    let last = last.map_or(0, u64::from_le_bytes);
    let next = crate::env::now_ms().max(last.saturating_add(1));
    local.put(Space::Config, RUN_KEY, next.to_le_bytes().to_vec())?;
    Ok(next)
}

#[derive(Debug)]
struct Task {
    others: Others,
    turn: Turn,
    /// Who had a session when it was last looked.
    connected: HashSet<PeerId>,
    paused: bool,
}

impl Task {
    /// Hears what waits, looks around if something changed there, shows who is here, and speaks if it is
    /// time. Returns when to do so again, if nothing happens before.
    fn go_on(
        &mut self,
        shared: &Shared,
        first: Option<Vec<u8>>,
        frames: &mut mpsc::Receiver<Vec<u8>>,
    ) -> Instant {
        let more = std::iter::from_fn(|| frames.try_recv().ok());
        for frame in first.into_iter().chain(more).take(AT_ONCE) {
            self.hear(shared, &frame);
        }
        // After what was heard: a message that came before its sender's session ended must not outlive it.
        if shared.presence.take_around() {
            self.look_around(shared);
        }
        let now = Instant::now();
        self.others.expire(now);
        let you = shared.voices.with(|choir| {
            let own = choir.live.get(&choir.own);
            own.map(|voice| voice.member)
        });
        shared.presence.show(self.others.list(you));
        let ends = self.others.next_expiry();
        let next = self.speak(shared, now);
        ends.map_or(next, |ends| ends.min(next))
    }

    /// Looks at sessions and members, and whether the drive is paused.
    fn look_around(&mut self, shared: &Shared) {
        let now = Instant::now();
        shared.voices.with(|choir| self.others.keep(choir));
        let connected: HashSet<PeerId> = sessions(shared).collect();
        for gone in self.connected.difference(&connected) {
            self.others.disconnected(gone, now);
        }
        // Who came has heard nothing, and who went may hear it by way of others.
        let audience = shared.presence.take_audience();
        if audience || connected != self.connected {
            self.turn.ask();
        }
        self.connected = connected;
        let paused = shared.paused.load(std::sync::atomic::Ordering::Acquire);
        if paused && !self.paused {
            say(shared, &mut shared.presence.own.lock(), true);
            self.others.forget_all();
        }
        if self.paused && !paused {
            self.turn.ask();
        }
        self.paused = paused;
    }

    fn hear(&mut self, shared: &Shared, frame: &[u8]) {
        if self.paused {
            return;
        }
        let heard = match shared.voices.hear(Channel::Presence, frame) {
            Ok(heard) => heard,
            Err(reason) => return tracing::debug!(%reason, "a message of presence was dropped"),
        };
        let said = match Said::from_bytes(&heard.payload) {
            Ok(said) => said,
            Err(reason) => return tracing::debug!(%reason, "a message of presence was dropped"),
        };
        let now = Arrival {
            at: Instant::now(),
            at_ms: crate::env::now_ms(),
            own: shared.net.id(),
            connected: sessions(shared).any(|peer| peer == heard.voice.peer),
        };
        match self.others.hear(heard.bind, &heard.voice, said, now) {
            Heed::Told { newcomer: true } => self.turn.ask(),
            Heed::Told { newcomer: false } | Heed::Own => {}
            dropped @ (Heed::Replayed | Heed::Stale) => {
                tracing::debug!(?dropped, "a message of presence was dropped");
            }
        }
    }

    /// Speaks, if it is time. Returns when the next time is.
    fn speak(&mut self, shared: &Shared, now: Instant) -> Instant {
        let mut own = shared.presence.own.lock();
        let focus = own.merged();
        if let Some(due) = self.turn.due(&focus).filter(|due| *due > now) {
            return due;
        }
        if !self.paused && !own.left {
            say(shared, &mut own, false);
        }
        // Also where nothing could be said: it is tried again when something changes, or with the next beat.
        self.turn.said(now, focus.clone());
        self.turn.due(&focus).unwrap_or(now)
    }
}

fn sessions(shared: &Shared) -> impl Iterator<Item = PeerId> {
    let peers = shared.link.peers().into_iter();
    peers.filter(|peer| peer.connected).map(|peer| peer.peer)
}

/// Says what is so, or that this device leaves.
pub(super) fn say(shared: &Shared, own: &mut Own, left: bool) {
    let Some(started_ms) = own.started_ms else {
        return;
    };
    own.counter += 1;
    let said = Said {
        mark: Mark {
            started_ms,
            counter: own.counter,
        },
        at_ms: crate::env::now_ms(),
        left,
        focus: match left {
            true => Focus::default(),
            false => own.merged(),
        },
    };
    let sealed = shared.voices.say(Channel::Presence, &said.to_bytes());
    let sent = match sealed {
        Ok(sealed) => shared.link.send_presence(sealed),
        Err(reason) => return tracing::debug!(%reason, "presence was not said"),
    };
    if let Err(error) = sent {
        tracing::warn!(%error, "presence was not said");
    }
}

/// Says that this device leaves, and nothing after that.
pub(crate) fn leave(shared: &Arc<Shared>) {
    let mut own = shared.presence.own.lock();
    if !own.left && !shared.paused.load(std::sync::atomic::Ordering::Acquire) {
        say(shared, &mut own, true);
    }
    own.left = true;
}

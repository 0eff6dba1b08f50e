//! What other devices said of themselves, as long as it holds. Pure: the caller brings the time, and has
//! checked who spoke.
//!
//! A message counts once. Of each device the mark of the last one is kept for as long as it is live in the
//! drive, also after what it said is forgotten: nothing with a mark as low counts again, so what is
//! replayed is dropped. A device that has just started knows no marks. What it takes, and what is said in a new
//! run of the sender, must be fresh too: said within the last minute by the sender's clock, or by a device
//! that is connected at this moment. A clock that is wrong so hides no device that there is a session with,
//! and an old message of one that is here holds until its next one, which comes within ten seconds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use peerdrive_crypto::ids::{BindId, MemberId};
use peerdrive_net::PeerId;

use super::pace::Pace;
use super::said::{Mark, Said};
use super::{Focus, Here, MAX_HERE};
use crate::voices::{Choir, Voice};

/// The other devices.
#[derive(Debug)]
pub(super) struct Others {
    pace: Pace,
    heard: HashMap<BindId, Heard>,
}

#[derive(Debug)]
struct Heard {
    member: MemberId,
    peer: PeerId,
    mark: Mark,
    /// What it said, and until when that holds.
    holds: Option<(Focus, Instant)>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heed {
    /// It tells something; `newcomer` if its sender was not here before.
    Told { newcomer: bool },
    /// It was said before, or before something that was heard.
    Replayed,
    /// It was said too long ago, or by a clock that is wrong.
    Stale,
    /// It comes from this device itself.
    Own,
}

/// When a message arrives, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) at: Instant,
    /// This device's clock, milliseconds since 1970.
    pub(super) at_ms: u64,
    /// This device's endpoint.
    pub(super) own: PeerId,
    /// Whether there is a session with the sender's endpoint.
    pub(super) connected: bool,
}

impl Others {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            heard: HashMap::new(),
        }
    }

    /// Takes a message of a device that is live.
    pub(super) fn hear(&mut self, bind: BindId, voice: &Voice, said: Said, now: Arrival) -> Heed {
        // Two copies of a data directory are one device, and so are its former ids.
        if voice.peer == now.own {
            return Heed::Own;
        }
        let known = self.heard.get(&bind);
        if known.is_some_and(|known| said.mark <= known.mark) {
            return Heed::Replayed;
        }
        let age_ms = said.at_ms.abs_diff(now.at_ms);
        if age_ms > self.pace.fresh.as_millis() as u64 && !now.connected {
            return Heed::Stale;
        }
        let newcomer = known.is_none_or(|known| known.holds.is_none()) && !said.left;
        let holds = (!said.left).then_some((said.focus, now.at + self.pace.expiry));
        let heard = Heard {
            member: voice.member,
            peer: voice.peer,
            mark: said.mark,
            holds,
        };
        self.heard.insert(bind, heard);
        Heed::Told { newcomer }
    }

    /// Keeps the live devices alone, and nobody if this one is none.
    pub(super) fn keep(&mut self, choir: &Choir) {
        let takes_part = choir.live.contains_key(&choir.own);
        self.heard.retain(|bind, heard| {
            if !takes_part {
                heard.holds = None;
            }
            choir.live.contains_key(bind)
        });
    }

    /// The session with a device has ended. Should it be there still, it says so in a moment.
    pub(super) fn disconnected(&mut self, peer: &PeerId, now: Instant) {
        for heard in self.heard.values_mut().filter(|heard| heard.peer == *peer) {
            if let Some((_, until)) = &mut heard.holds {
                *until = (*until).min(now + self.pace.grace);
            }
        }
    }

    /// Forgets what everyone said, and nobody's mark.
    pub(super) fn forget_all(&mut self) {
        self.heard.values_mut().for_each(|heard| heard.holds = None);
    }

    /// Forgets what does not hold any more.
    pub(super) fn expire(&mut self, now: Instant) {
        for heard in self.heard.values_mut() {
            if heard.holds.as_ref().is_some_and(|(_, until)| *until <= now) {
                heard.holds = None;
            }
        }
    }

    /// When the next of them ends.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        let ends = self.heard.values().filter_map(|heard| heard.holds.as_ref());
        ends.map(|(_, until)| *until).min()
    }

    /// Everyone who is here, those first who do something. A device that is live twice, since its member's
    /// role changed, is here once, as it last said.
    pub(super) fn list(&self, you: Option<MemberId>) -> Arc<[Here]> {
        let mut here: HashMap<PeerId, (Mark, Here)> = HashMap::new();
        for (bind, heard) in &self.heard {
            let Some((focus, _)) = &heard.holds else {
                continue;
            };
            let one = Here {
                member: heard.member,
                device: heard.peer,
                bind: *bind,
                you: you == Some(heard.member),
                folder: focus.folder,
                viewing: focus.viewing,
                editing: focus.editing.clone(),
                idle: focus.idle,
            };
            let known = here.get(&heard.peer);
            if known.is_none_or(|(mark, _)| *mark < heard.mark) {
                here.insert(heard.peer, (heard.mark, one));
            }
        }
        let mut here: Vec<Here> = here.into_values().map(|(_, one)| one).collect();
        here.sort_unstable_by_key(|one| {
            let nowhere = one.folder.is_none() && one.viewing.is_none();
            (
                one.idle,
                nowhere && one.editing.is_empty(),
                one.member,
                one.device,
            )
        });
        here.truncate(MAX_HERE);
        here.into()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use peerdrive_crdt_tree::id::NodeId;

    use super::*;

    const HOUR_MS: u64 = 3_600_000;

    fn bind(number: u8) -> BindId {
        BindId([number; 32])
    }

    fn voice(number: u8) -> Voice {
        Voice {
            log_pk: [number; 32],
            member: MemberId([number; 16]),
            peer: PeerId([number; 32]),
        }
    }

    fn choir(own: u8, live: &[u8]) -> Choir {
        Choir {
            own: bind(own),
            live: live.iter().map(|n| (bind(*n), voice(*n))).collect(),
        }
    }

    /// Something said a minute after `started_ms` by a clock that goes right, naming its counter.
    fn said(started_ms: u64, counter: u64) -> Said {
        let mut folder = [0; 16];
        folder[..8].copy_from_slice(&counter.to_le_bytes());
        Said {
            mark: Mark {
                started_ms,
                counter,
            },
            at_ms: HOUR_MS,
            left: false,
            focus: Focus {
                folder: Some(NodeId(folder)),
                ..Focus::default()
            },
        }
    }

    /// Where device 0 hears at a time of this test, of senders that it has no session with.
    fn arrival(start: Instant, seconds: u64) -> Arrival {
        Arrival {
            at: start + Duration::from_secs(seconds),
            at_ms: HOUR_MS,
            own: PeerId([0; 32]),
            connected: false,
        }
    }

    const NEW: Heed = Heed::Told { newcomer: true };
    const TOLD: Heed = Heed::Told { newcomer: false };

    #[test]
    fn what_is_said_holds_for_thirty_seconds_and_counts_once_also_after_that() {
        let start = Instant::now();
        let mut others = Others::new(Pace::default());
        let hear = |others: &mut Others, said: &Said, seconds| {
            others.hear(bind(1), &voice(1), said.clone(), arrival(start, seconds))
        };
        let (first, second) = (said(7, 1), said(7, 2));
        assert_eq!(hear(&mut others, &first, 0), NEW);
        assert_eq!(hear(&mut others, &second, 10), TOLD);
        assert_eq!(hear(&mut others, &first, 11), Heed::Replayed);
        assert_eq!(hear(&mut others, &second, 11), Heed::Replayed);
        others.expire(start + Duration::from_secs(39));
        assert_eq!(others.list(None).len(), 1);
        assert_eq!(others.next_expiry(), Some(start + Duration::from_secs(40)));
        others.expire(start + Duration::from_secs(40));
        assert_eq!(others.list(None).len(), 0);
        assert_eq!(hear(&mut others, &second, 41), Heed::Replayed);
        // A run before, whatever its counter; and a later one.
        assert_eq!(hear(&mut others, &said(6, 99), 42), Heed::Replayed);
        assert_eq!(hear(&mut others, &said(8, 1), 43), NEW);
    }

    #[test]
    fn who_leaves_is_gone_at_once_and_comes_back_only_with_a_new_message() {
        let start = Instant::now();
        let mut others = Others::new(Pace::default());
        let left = Said {
            left: true,
            ..said(7, 2)
        };
        for (message, heed, here) in [
            (said(7, 1), NEW, 1),
            (left.clone(), TOLD, 0),
            (said(7, 1), Heed::Replayed, 0),
            (left, Heed::Replayed, 0),
            (said(7, 3), NEW, 1),
        ] {
            let heard = others.hear(bind(1), &voice(1), message, arrival(start, 1));
            assert_eq!((heard, others.list(None).len()), (heed, here));
        }
    }

    #[test]
    fn what_is_old_counts_only_from_who_is_connected() {
        let start = Instant::now();
        for (off_ms, connected, heed) in [
            (0, false, NEW),
            (60_000, false, NEW),
            (60_001, false, Heed::Stale),
            (60_001, true, NEW),
        ] {
            for at_ms in [HOUR_MS - off_ms, HOUR_MS + off_ms] {
                let mut others = Others::new(Pace::default());
                let message = Said {
                    at_ms,
                    ..said(7, 1)
                };
                let now = Arrival {
                    connected,
                    ..arrival(start, 0)
                };
                let heard = others.hear(bind(1), &voice(1), message, now);
                assert_eq!(heard, heed, "{off_ms} ms off, connected: {connected}");
                assert_eq!(others.list(None).len(), usize::from(heed == NEW));
            }
        }
    }

    #[test]
    fn who_is_removed_is_gone_and_a_removed_device_sees_nobody() {
        let start = Instant::now();
        let mut others = Others::new(Pace::default());
        for number in [1, 2] {
            others.hear(bind(number), &voice(number), said(7, 1), arrival(start, 0));
        }
        others.keep(&choir(0, &[0, 1, 2]));
        assert_eq!(others.list(None).len(), 2);
        others.keep(&choir(0, &[0, 2]));
        let left: Vec<BindId> = others.list(None).iter().map(|here| here.bind).collect();
        assert_eq!(left, [bind(2)]);
        others.keep(&choir(0, &[2]));
        assert_eq!(others.list(None).len(), 0);
    }

    #[test]
    fn the_end_of_a_session_leaves_a_moment_to_speak() {
        let start = Instant::now();
        let mut others = Others::new(Pace::default());
        for number in [1, 2] {
            others.hear(bind(number), &voice(number), said(7, 1), arrival(start, 0));
        }
        others.disconnected(&PeerId([1; 32]), start);
        others.disconnected(&PeerId([2; 32]), start);
        let again = others.hear(bind(2), &voice(2), said(7, 2), arrival(start, 1));
        assert_eq!(again, TOLD);
        others.expire(start + Duration::from_secs(3));
        let left: Vec<BindId> = others.list(None).iter().map(|here| here.bind).collect();
        assert_eq!(left, [bind(2)]);
    }

    #[test]
    fn ten_thousand_messages_of_a_device_are_one() {
        let start = Instant::now();
        let mut others = Others::new(Pace::default());
        for counter in 0..10_000 {
            others.hear(bind(1), &voice(1), said(7, counter), arrival(start, 0));
        }
        assert_eq!(others.heard.len(), 1);
        assert_eq!(others.list(None).len(), 1);
    }

    #[test]
    fn sixty_four_are_shown_those_who_do_something_first_and_nobody_twice() {
        let start = Instant::now();
        let mut others = Others::new(Pace::default());
        assert_eq!(
            others.hear(bind(1), &voice(0), said(7, 1), arrival(start, 0)),
            Heed::Own
        );
        for number in 1..=100 {
            let mut message = said(7, 1);
            message.focus.idle = number <= 90;
            others.hear(bind(number), &voice(number), message, arrival(start, 0));
        }
        // Device 100 under its former id, before its role changed.
        let mut former = said(6, 9);
        former.focus.folder = None;
        others.hear(bind(200), &voice(100), former, arrival(start, 0));
        let here = others.list(Some(MemberId([95; 16])));
        assert_eq!(here.len(), MAX_HERE);
        let first: Vec<u8> = here.iter().take(11).map(|one| one.member.0[0]).collect();
        assert_eq!(first, [91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 1]);
        let own: Vec<u8> = here
            .iter()
            .filter(|one| one.you)
            .map(|one| one.member.0[0])
            .collect();
        assert_eq!(own, [95]);
        let hundredth = here.iter().find(|one| one.device == PeerId([100; 32]));
        assert_eq!(hundredth.map(|one| one.bind), Some(bind(100)));
    }
}

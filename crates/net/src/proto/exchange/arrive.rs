//! What peers say they hold, and what arrives of it: taken in if it continues what is here, and
//! looked into if it does not fit. Does not know what is sent.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;

use super::{Delivery, Exchange, Incoming, MAX_LOGS, UNTAKEN_PER_PEER, Want};
use crate::{
    proto::{
        LogHead, Message, OutEvent,
        fork::{Fork, Found, Parting, Search},
        message::Run,
        pair::Stall,
    },
    types::{EntryId, LogId, PeerId},
};

impl Exchange {
    /// Notes a head that the peer has named.
    pub(super) fn heard(&mut self, peer: PeerId, head: LogHead) {
        let ours = self.local.get(&head.log).copied();
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        if session.pairs.len() >= MAX_LOGS && !session.pairs.contains_key(&head.log) {
            return self.misbehaved(peer, "too many logs");
        }
        session.pairs.entry(head.log).or_default().theirs = Some(head).filter(|head| head.len > 0);
        session.measure(&head.log, ours.as_ref());
        self.compare(peer, &head.log);
    }

    /// Looks at one log after either head has changed: is there more to get, or a fork?
    pub(super) fn compare(&mut self, peer: PeerId, log: &LogId) {
        let next = self.next(log);
        let source = Arc::clone(&self.source);
        let ours = self.local.get(log).copied();
        let Some(pair) = self
            .sessions
            .get_mut(&peer)
            .and_then(|s| s.pairs.get_mut(log))
        else {
            return;
        };
        let Some(theirs) = pair.theirs else { return };
        let known = match pair.fork {
            Fork::Known(parting) => Some(parting),
            _ => None,
        };
        if known.is_some_and(|p| source.entry_id_at(log, p.at) == Some(p.theirs)) {
            // The keeper has gone over to their side.
            pair.fork = Fork::None;
        }
        if let Some(ours) = ours.filter(|ours| ours.len >= theirs.len) {
            let same =
                ours == theirs || source.entry_id_at(log, theirs.len - 1) == Some(theirs.tip);
            if same {
                pair.fork = Fork::None;
                pair.stall = Default::default();
            } else if pair.fork == Fork::None {
                self.search(peer, *log, theirs.len);
            }
        } else if theirs.len > next {
            self.wanted.push_back(*log);
        }
    }

    /// Asks where the first `common` entries of a log part from the peer's.
    pub(super) fn search(&mut self, peer: PeerId, log: LogId, common: u64) {
        let search = Search::among(common);
        if let Some(pair) = self
            .sessions
            .get_mut(&peer)
            .and_then(|s| s.pairs.get_mut(&log))
        {
            pair.fork = Fork::Searching(search);
            self.send(
                peer,
                &Message::AskIds {
                    log,
                    seqs: search.probes(),
                },
            );
        }
    }

    pub(super) fn search_on(&mut self, peer: PeerId, log: LogId, ids: &[(u64, Option<EntryId>)]) {
        let source = Arc::clone(&self.source);
        let Some(pair) = self
            .sessions
            .get_mut(&peer)
            .and_then(|s| s.pairs.get_mut(&log))
        else {
            return;
        };
        let Fork::Searching(search) = &mut pair.fork else {
            return;
        };
        let found = search.answer(ids, |seq| source.entry_id_at(&log, seq));
        let seqs = search.probes();
        match found {
            Found::NotYet => self.send(peer, &Message::AskIds { log, seqs }),
            Found::Parted(parting) => {
                pair.fork = Fork::Fetching(parting);
                self.send(
                    peer,
                    &Message::Want {
                        log,
                        from: parting.at,
                    },
                );
            }
            Found::Same => {
                pair.fork = Fork::None;
                self.wanted.push_back(log);
            }
        }
    }

    /// Takes in the answer to a question, of which there are two kinds: for what comes next, and for
    /// the evidence of a fork.
    pub(super) fn answered(&mut self, peer: PeerId, run: Run, now: Instant) {
        let log = run.head.log;
        self.heard(peer, run.head);
        if let Some(pair) = self
            .sessions
            .get_mut(&peer)
            .and_then(|s| s.pairs.get_mut(&log))
            && let Fork::Fetching(Parting { at, ours, theirs }) = pair.fork
            && run.from == at
        {
            pair.fork = Fork::Known(Parting { at, ours, theirs });
            let entries = run.entries;
            self.out.push_back(OutEvent::Fork {
                from: peer,
                log,
                at,
                ours,
                theirs,
                entries,
            });
            return;
        }
        let answers = |want: &Want| want.peer == peer && want.from == run.from;
        if self
            .incoming
            .get(&log)
            .and_then(|i| i.want.as_ref())
            .is_some_and(answers)
        {
            self.close_want(&log);
            if run.entries.is_empty() && run.head.len > run.from {
                self.stall(peer, log, now);
            }
        }
        self.accept(peer, run);
        self.settle(&log);
        // Ahead of the other logs: windows of one log in a row are what the keeper can use best.
        self.wanted.push_front(log);
    }

    /// Hands on those entries of a run that continue what is here.
    pub(super) fn accept(&mut self, peer: PeerId, run: Run) {
        let log = run.head.log;
        let next = self.next(&log);
        let end = run.end();
        if run.from > next || end <= next {
            return;
        }
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        let parted = session
            .pairs
            .get(&log)
            .is_some_and(|pair| pair.fork != Fork::None);
        if parted || session.untaken >= 2 * UNTAKEN_PER_PEER {
            return;
        }
        let bytes = run.bytes();
        // Below the number of entries in the run, which fits.
        let known = usize::try_from(next - run.from).unwrap_or(usize::MAX);
        let entries: Vec<Bytes> = run.entries.into_iter().skip(known).collect();
        session.untaken += bytes;
        self.untaken += bytes;
        let incoming = self.incoming.entry(log).or_insert(Incoming::at(next));
        incoming.next = end;
        incoming.deliveries += 1;
        let id = self.next_delivery;
        self.next_delivery += 1;
        self.deliveries.insert(
            id,
            Delivery {
                peer,
                log,
                end,
                bytes,
            },
        );
        self.out.push_back(OutEvent::Deliver {
            id,
            from: peer,
            entries,
        });
    }

    pub(super) fn taken(&mut self, id: u64, now: Instant) {
        let Some(Delivery {
            peer,
            log,
            end,
            bytes,
        }) = self.deliveries.remove(&id)
        else {
            return;
        };
        self.untaken = self.untaken.saturating_sub(bytes);
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.untaken = session.untaken.saturating_sub(bytes);
        }
        let head = self.source.head(&log);
        self.local_grew(head.unwrap_or(LogHead::nothing_of(log)));
        let len = self.len(&log);
        if len >= end {
            // What could not be made sense of before may have waited for this.
            self.end_stalls(Stall::is_short);
            if let Some(pair) = self
                .sessions
                .get_mut(&peer)
                .and_then(|s| s.pairs.get_mut(&log))
            {
                pair.stall = Default::default();
            }
        }
        let Some(incoming) = self.incoming.get_mut(&log) else {
            return;
        };
        incoming.deliveries = incoming.deliveries.saturating_sub(1);
        if len < end {
            incoming.suspect.get_or_insert(peer);
        }
        if incoming.deliveries == 0 {
            incoming.next = len;
            if let Some(suspect) = incoming.suspect.take() {
                self.stall(suspect, log, now);
                self.suspect_fork(suspect, log, len);
            }
        }
        self.settle(&log);
        self.wanted.push_back(log);
    }

    /// Finds out whether entries were refused because they continue another log than ours.
    pub(super) fn suspect_fork(&mut self, peer: PeerId, log: LogId, len: u64) {
        let pair = self
            .sessions
            .get(&peer)
            .and_then(|session| session.pairs.get(&log));
        let Some(pair) = pair.filter(|pair| pair.fork == Fork::None) else {
            return;
        };
        let common = pair.theirs.map_or(0, |theirs| theirs.len.min(len));
        if common > 0 {
            self.search(peer, log, common);
        }
    }
}

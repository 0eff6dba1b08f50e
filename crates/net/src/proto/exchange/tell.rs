//! What is sent without or upon a question: new entries, heads, answers. Never more than the peer
//! reads. Does not know what is asked.

use bytes::Bytes;

use super::{Exchange, WINDOW};
use crate::{
    proto::{
        EntrySource, LogHead, MAX_FRAME, Message, OutEvent,
        fork::Fork,
        message::{MAX_ENTRIES, MAX_HEADS, Run},
    },
    types::{LogId, PeerId},
};

/// Bytes waiting to be written to a peer above which nothing but heads is added later.
const OUTBOX: usize = 1 << 20;

/// Bytes waiting to be written to a peer that asks without reading the answers.
const OUTBOX_LIMIT: usize = 4 << 20;

impl Exchange {
    pub(super) fn announced(&mut self, new: Vec<(LogHead, Vec<Bytes>)>) {
        for (head, entries) in merged(new) {
            self.local_grew(head);
            let Some(from) = head.len.checked_sub(entries.len() as u64) else {
                continue;
            };
            if entries.is_empty() || self.local.get(&head.log) != Some(&head) {
                continue;
            }
            let peers: Vec<PeerId> = self.sessions.keys().copied().collect();
            for peer in peers {
                self.push(peer, head, from, &entries);
            }
        }
    }

    /// Sends new entries to a peer that has all that comes before them.
    pub(super) fn push(&mut self, peer: PeerId, head: LogHead, from: u64, entries: &[Bytes]) {
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        let asked = session.asked.iter().any(|(log, _)| *log == head.log);
        if !session.named_all || session.unsent >= OUTBOX || asked {
            return;
        }
        let pair = session.pairs.entry(head.log).or_default();
        let has = pair.sent.max(pair.theirs.map_or(0, |theirs| theirs.len));
        if has < from || has >= head.len || pair.fork != Fork::None {
            return;
        }
        let missing = entries
            .iter()
            .skip(usize::try_from(has - from).unwrap_or(usize::MAX));
        let run = Run {
            head,
            from: has,
            entries: missing.cloned().collect(),
        };
        if run.bytes() > WINDOW || run.entries.len() > MAX_ENTRIES {
            return;
        }
        pair.sent = head.len;
        pair.told = Some(head);
        self.send(peer, &Message::Push(run));
    }

    /// Answers the peer's questions as long as it reads the answers.
    pub(super) fn serve(&mut self, peer: PeerId) {
        while let Some(session) = self.sessions.get_mut(&peer) {
            if session.unsent >= OUTBOX {
                return;
            }
            let Some((log, from)) = session.asked.pop_front() else {
                return;
            };
            let Some(run) = answer(&*self.source, &log, from, u64::MAX) else {
                continue;
            };
            if let Some(pair) = session.pairs.get_mut(&log) {
                pair.sent = pair.sent.max(run.end());
            }
            self.send(peer, &Message::Entries(run));
        }
    }

    /// Names to the peer the heads that have changed.
    pub(super) fn tell(&mut self, peer: PeerId) {
        loop {
            let Some(session) = self.sessions.get_mut(&peer) else {
                return;
            };
            if session.to_tell.is_empty() || session.unsent >= OUTBOX {
                return;
            }
            let mut heads = Vec::new();
            while heads.len() < MAX_HEADS
                && let Some(log) = session.to_tell.pop_first()
            {
                let pair = session.pairs.entry(log).or_default();
                let head = self.local.get(&log).copied();
                if pair.told != head {
                    pair.told = head;
                    heads.push(head.unwrap_or(LogHead::nothing_of(log)));
                }
            }
            if !heads.is_empty() {
                self.send(peer, &Message::Heads { heads, more: false });
            }
        }
    }

    pub(super) fn send(&mut self, peer: PeerId, message: &Message) {
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        let frame = message.encode();
        session.unsent += frame.len();
        if session.unsent > OUTBOX_LIMIT {
            return self.misbehaved(peer, "does not read");
        }
        self.out.push_back(OutEvent::Send(peer, frame));
    }
}

/// The answer to a question for entries of a log, of which no more than `limit` are shown; `None` if there is
/// no such log.
pub(crate) fn answer(source: &dyn EntrySource, log: &LogId, from: u64, limit: u64) -> Option<Run> {
    let mut entries = source.read(log, from, WINDOW);
    // The head after the entries: it covers them.
    let head = shown(source, log, limit)?;
    let mut room = MAX_FRAME - 1024;
    let fits = entries.iter().take(MAX_ENTRIES).take_while(|entry| {
        // Four bytes for the length of each.
        let fits = entry.len() + 4 <= room;
        room = room.saturating_sub(entry.len() + 4);
        fits
    });
    let most = usize::try_from(head.len.saturating_sub(from)).unwrap_or(usize::MAX);
    entries.truncate(fits.count().min(most));
    Some(Run {
        head,
        from: head.len.min(from),
        entries,
    })
}

/// The head of a log of which no more than `limit` entries are shown.
pub(crate) fn shown(source: &dyn EntrySource, log: &LogId, limit: u64) -> Option<LogHead> {
    let head = source.head(log)?;
    if head.len <= limit {
        return Some(head);
    }
    let tip = source.entry_id_at(log, limit.checked_sub(1)?)?;
    Some(LogHead {
        log: *log,
        len: limit,
        tip,
    })
}

/// Puts together announcements that continue each other, as they come when many entries are written
/// one by one, as long as they fit in one message.
fn merged(new: Vec<(LogHead, Vec<Bytes>)>) -> Vec<(LogHead, Vec<Bytes>)> {
    let mut merged: Vec<(LogHead, Vec<Bytes>)> = Vec::with_capacity(new.len());
    let mut bytes = 0;
    for (head, entries) in new {
        let more: usize = entries.iter().map(Bytes::len).sum();
        if let Some((last, run)) = merged.last_mut()
            && last.log == head.log
            && last.len.checked_add(entries.len() as u64) == Some(head.len)
            && !run.is_empty()
            && bytes + more <= WINDOW
            && run.len() + entries.len() <= MAX_ENTRIES
        {
            *last = head;
            run.extend(entries);
            bytes += more;
        } else {
            merged.push((head, entries));
            bytes = more;
        }
    }
    merged
}

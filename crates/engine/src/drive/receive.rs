//! Entries that come from peers: each is refused, held back until what it builds on is here, or kept in its
//! place. Knows no peer, and nothing of what an entry does to the document.

use bytes::Bytes;
use peerdrive_crdt_tree::id::Actor;
use peerdrive_crypto::entry::{Entry, Plane};
use peerdrive_crypto::ids::LogId;

use super::branches::Slot;
use super::control::{Admits, Taken};
use super::replica::Replica;

/// Most bytes of entries whose author is not known yet. They are only in memory: whoever sent them has
/// them still.
const STRANGERS_CAP: usize = 16 << 20;

impl Replica {
    /// Takes entries from a peer. What is refused is dropped with a reason in the log of the program;
    /// the rest goes on.
    pub(crate) fn receive(&mut self, entries: Vec<Bytes>) {
        let mut queue: Vec<Bytes> = entries;
        let known = self.control.control.len();
        loop {
            let mut news = false;
            for bytes in std::mem::take(&mut queue) {
                news |= self.receive_one(bytes);
            }
            // A new control entry may introduce the authors of entries that came before it.
            if !news || self.strangers.is_empty() {
                break;
            }
            self.strangers_bytes = 0;
            queue = std::mem::take(&mut self.strangers);
        }
        if self.control.control.len() != known || !self.forks.is_empty() {
            self.reconcile();
        }
        self.show_more();
        // Entries of this device that it did not have: it was set back, or copied.
        let met: Vec<LogId> = self.staged.others.iter().copied().collect();
        if met.iter().any(|log| self.writes_in(log)) {
            self.reincarnate();
        }
    }

    /// After control entries came in: this device may act under another id now.
    pub(super) fn settle(&mut self) {
        self.control.catch_up();
        self.staged.control_changed = true;
        let bind = self.control.settle_bind();
        if bind != self.own.bind {
            self.own.bind = bind;
            let log = self.own_position(Plane::Content).log_id();
            self.tree.write().set_actor(Actor(log.actor()));
        }
    }

    /// Returns whether something came in that entries held back may wait for.
    fn receive_one(&mut self, bytes: Bytes) -> bool {
        match Entry::decode(&bytes) {
            Ok(entry) if entry.header.plane == Plane::Control => self.receive_control(entry),
            Ok(entry) => self.receive_content(entry, bytes),
            Err(reason) => {
                tracing::warn!(%reason, "an entry was refused");
                false
            }
        }
    }

    fn receive_control(&mut self, entry: Entry) -> bool {
        let id = entry.id();
        let new = match self.control.insert(entry) {
            Taken::New(ids) => ids,
            // Known, but not in the record: what kept it out may be over.
            Taken::Nothing
                if self.control.control.entry(&id).is_some() && self.place(&id).is_none() =>
            {
                vec![id]
            }
            Taken::Nothing => return false,
            Taken::Refused(reason) => {
                tracing::warn!(%reason, "a control entry was refused");
                return false;
            }
        };
        self.settle();
        for id in new {
            let Some(entry) = self.control.control.entry(&id).cloned() else {
                continue;
            };
            match self.keep(&entry, entry.to_bytes()) {
                Ok(name) => self.staged.others.extend(name),
                Err(error) => tracing::error!(%error, "an entry could not be given a place"),
            }
        }
        true
    }

    fn receive_content(&mut self, entry: Entry, bytes: Bytes) -> bool {
        if self.is_stranger(&bytes) {
            return false;
        }
        match self.slot(&entry) {
            Slot::Known => return false,
            Slot::Early => {
                // Sent out of order, or of a branch whose beginning is not here: looked at again when
                // more has come.
                self.hold_stranger(bytes);
                return false;
            }
            Slot::Wrong => {
                tracing::warn!(entry = %entry.id(), "an entry does not continue its log");
                return false;
            }
            Slot::Next(..) | Slot::Parts(..) | Slot::Beside => {}
        }
        let before = entry.header.predecessor();
        let prev_ctrl = before
            .and_then(|before| self.place(&before))
            .and_then(|(log, seq)| self.entry_at(&log, seq))
            .map(|entry| entry.header.ctrl)
            .unwrap_or_default();
        match self.control.admits(&entry, &prev_ctrl) {
            Admits::No(reason) => {
                tracing::warn!(%reason, entry = %entry.id(), "an entry was refused");
                return false;
            }
            Admits::NotYet => {
                self.hold_stranger(bytes);
                return false;
            }
            Admits::Yes => {}
        }
        match self.keep(&entry, bytes.to_vec()) {
            Ok(Some(name)) => {
                self.staged.others.insert(name);
                self.note_checkpoint(&entry);
                self.advance(name, Some(entry));
                // A successor may have come first.
                !self.strangers.is_empty()
            }
            Ok(None) => false,
            Err(error) => {
                // It comes again from whoever has it.
                tracing::error!(%error, "an entry could not be given a place");
                false
            }
        }
    }

    fn is_stranger(&self, bytes: &Bytes) -> bool {
        self.strangers.iter().any(|held| held == bytes)
    }

    fn hold_stranger(&mut self, bytes: Bytes) {
        if self.strangers_bytes + bytes.len() <= STRANGERS_CAP {
            self.strangers_bytes += bytes.len();
            self.strangers.push(bytes);
        }
    }
}

//! Where an entry has its place: in its log, or in a branch of it where its author signed two entries with
//! one number. Each branch is kept, told to peers and read as a log of its own. Decides nothing about which
//! of them counts.
//!
//! The set of entries alone says which branches there are and what they are called, so that devices that
//! have the same entries name the same heads to each other, in whatever order the entries came.

use peerdrive_crypto::entry::{Entry, Plane};
use peerdrive_crypto::fork::{Place, branch_id};
use peerdrive_crypto::ids::{EntryId, LogId};
use peerdrive_log::{AppendError, Batch, DriveLog, ReadError, Record, Split};

use super::admission::{Progress, Stop};
use super::replica::{Replica, Staged};

/// Where an entry belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// It is here.
    Known,
    /// What it follows is not here.
    Early,
    /// It does not follow what it says it follows.
    Wrong,
    /// The next of this log or branch, with this number there.
    Next(LogId, u64),
    /// Another entry has this place already: the log or branch parts there.
    Parts(LogId, u64),
    /// Its log has parted there already.
    Beside,
}

/// A log or branch in the record, by its first entry.
pub(crate) struct Stored {
    pub(crate) name: LogId,
    pub(crate) first: Entry,
}

/// Every log and branch of the record.
pub(crate) fn stored(log: &DriveLog) -> Result<Vec<Stored>, ReadError> {
    let mut all = Vec::new();
    for tip in log.tips() {
        let first = log.read(&tip.log, 0, 1)?.pop();
        if let Some(first) = first.and_then(|first| Entry::decode(&first.bytes).ok()) {
            let name = LogId(tip.log);
            all.push(Stored { name, first });
        }
    }
    // Parents before their branches, and the same on every start.
    all.sort_unstable_by_key(|stored| (stored.first.header.seq, stored.name));
    Ok(all)
}

pub(super) fn place_of(entry: &Entry) -> Place {
    (entry.log_id(), entry.header.prev)
}

impl Progress {
    /// Of a log or branch of which nothing is applied yet, by its first entry.
    pub(super) fn begin(name: LogId, first: &Entry) -> Self {
        Self {
            bind: first.header.bind,
            log: first.log_id(),
            first: first.header.seq,
            before: first.header.predecessor(),
            applied: 0,
            tip: EntryId(name.0),
            stop: Stop::Level,
            loses: false,
            kind: first.header.kind,
        }
    }
}

impl Replica {
    /// Takes note of the logs and branches that the record has.
    pub(super) fn find_branches(&mut self, stored: &[Stored]) {
        for Stored { name, first } in stored {
            let parts = *name != first.log_id();
            if parts {
                self.parted.insert(place_of(first));
            }
            if first.header.plane == Plane::Content {
                if parts {
                    self.forks
                        .note(place_of(first), first.header.bind, first.id());
                }
                let progress = Progress::begin(*name, first);
                self.contents.insert(*name, progress);
            }
        }
    }

    /// Where an entry belongs now.
    pub(super) fn slot(&self, entry: &Entry) -> Slot {
        let header = &entry.header;
        let log = entry.log_id();
        let (len, tip) = self.tip(&log).unwrap_or((0, EntryId(log.0)));
        let parted = || self.parted.contains(&place_of(entry));
        if header.seq == len && header.prev == tip.0 && !parted() {
            return Slot::Next(log, len);
        }
        if self.place(&entry.id()).is_some() {
            return Slot::Known;
        }
        let (branch, at) = match header.predecessor() {
            None => (log, 0),
            Some(prev) => {
                let Some((branch, at)) = self.place(&prev) else {
                    return Slot::Early;
                };
                let follows = self.entry_at(&branch, at).is_some_and(|before| {
                    let next = before.header.seq.checked_add(1);
                    before.log_id() == log && next == Some(header.seq)
                });
                if !follows {
                    return Slot::Wrong;
                }
                (branch, at + 1)
            }
        };
        if parted() {
            return Slot::Beside;
        }
        match self.tip(&branch) {
            Some((len, _)) if at < len => Slot::Parts(branch, at),
            _ => Slot::Next(branch, at),
        }
    }

    /// Stages an entry in its place, and parts its log where that is taken. Returns the log or branch
    /// that it is in now; `None` if it has no place, or has it already.
    pub(super) fn keep(
        &mut self,
        entry: &Entry,
        bytes: Vec<u8>,
    ) -> Result<Option<LogId>, AppendError> {
        let (name, at) = match self.slot(entry) {
            Slot::Known | Slot::Early | Slot::Wrong => return Ok(None),
            Slot::Next(name, at) => (name, at),
            Slot::Parts(name, at) => {
                self.part(name, at)?;
                (self.begin_branch(entry), 0)
            }
            Slot::Beside => (self.begin_branch(entry), 0),
        };
        if entry.header.plane == Plane::Content {
            let progress = Progress::begin(name, entry);
            self.contents.entry(name).or_insert(progress);
        }
        self.stage(name, at, entry, bytes);
        Ok(Some(name))
    }

    /// What a log or branch has from number `at` on becomes a branch of its own.
    fn part(&mut self, name: LogId, at: u64) -> Result<(), AppendError> {
        let Some(first) = self.entry_at(&name, at) else {
            return Ok(());
        };
        let tail = branch_id(&first.log_id(), &first.id());
        tracing::warn!(log = %first.log_id(), seq = first.header.seq,
            "a device signed two entries with one number");
        // Before the log is shorter than what was signed in it.
        if self.writes_in(&first.log_id()) {
            self.reincarnate();
        }
        let stored = self.log.tip(&name.0).map_or(0, |tip| tip.len);
        if at < stored {
            // At once, so that all that is asked of the record speaks of the names that are valid. By
            // itself it changes nothing but names.
            let split = Split {
                log: name.0,
                at,
                branch: tail.0,
            };
            self.log.append(&Batch {
                splits: vec![split],
                notes: self.staged.notes(),
                ..Batch::default()
            })?;
        }
        self.staged.part(name, at, tail);
        self.parted.insert(place_of(&first));
        if first.header.plane == Plane::Content {
            self.part_progress(name, at, tail, &first);
            self.note_fork(&first);
        }
        Ok(())
    }

    fn part_progress(&mut self, name: LogId, at: u64, tail: LogId, first: &Entry) {
        let Some(whole) = self.contents.get_mut(&name) else {
            return;
        };
        let mut goes = Progress::begin(tail, first);
        if whole.applied < at {
            // What keeps the log keeps the branch too.
            if let Some(before) = goes.before {
                goes.stop = Stop::Waits(before);
                self.waiters.entry(before).or_default().push(tail);
            }
        } else {
            goes.applied = whole.applied - at;
            goes.stop = std::mem::replace(&mut whole.stop, Stop::Level);
            if goes.applied > 0 {
                goes.tip =
                    std::mem::replace(&mut whole.tip, goes.before.unwrap_or(EntryId(name.0)));
            }
            whole.applied = at;
            let waiting = self.waiters.values_mut().flatten();
            waiting
                .filter(|log| **log == name)
                .for_each(|log| *log = tail);
            if self.lacking.remove(&name) {
                self.lacking.insert(tail);
            }
        }
        self.contents.insert(tail, goes);
    }

    fn begin_branch(&mut self, entry: &Entry) -> LogId {
        let name = branch_id(&entry.log_id(), &entry.id());
        self.parted.insert(place_of(entry));
        if entry.header.plane == Plane::Content {
            let mut progress = Progress::begin(name, entry);
            // Until it is decided.
            progress.loses = true;
            self.contents.insert(name, progress);
            self.note_fork(entry);
        }
        name
    }

    /// The branch that goes on after the end of a log or branch, if it parted there and one counts.
    pub(super) fn goes_on(&self, name: &LogId) -> Option<LogId> {
        let (_, tip) = self.tip(name)?;
        let log = self.contents.get(name)?.log;
        let first = self.forks.winner(&(log, tip.0))?;
        Some(branch_id(&log, &first))
    }

    /// Whether a branch is `name` or one of those that it goes on from.
    pub(super) fn leads_to(&self, branch: &LogId, name: &LogId) -> bool {
        let mut at = Some(*name);
        while let Some(on) = at {
            if on == *branch {
                return true;
            }
            let before = self.contents.get(&on).and_then(|on| on.before);
            at = before
                .and_then(|before| self.place(&before))
                .map(|(log, _)| log);
        }
        false
    }
}

impl Staged {
    /// As [`Replica::part`], for what is about to be stored.
    fn part(&mut self, name: LogId, at: u64, tail: LogId) {
        for record in &mut self.batch.records {
            if record.log == name.0 && record.seq >= at {
                record.log = tail.0;
                record.seq -= at;
            }
        }
        self.others.extend([name, tail]);
        let records = std::mem::take(&mut self.batch.records);
        self.tips.clear();
        self.places.clear();
        self.index.clear();
        records.into_iter().for_each(|record| self.add(record));
    }

    /// Adds a record that is the next of its log.
    pub(super) fn add(&mut self, record: Record) {
        let (log, id) = (LogId(record.log), EntryId(record.id));
        let at = self.batch.records.len();
        self.index.insert((log, record.seq), at);
        self.places.insert(id, (log, record.seq));
        self.tips.insert(log, (record.seq + 1, id));
        self.batch.records.push(record);
    }
}

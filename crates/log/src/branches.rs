//! Which part of which stored log each log and branch is. Knows lengths and names, no table.
//!
//! A log whose author signed two entries with one number parts there. What came to this device first
//! lies in one row of numbers on disk and stays where it is; the names are given anew. So a stored log is
//! a row of one or more runs, each with a name, and only the last of them may grow.

use std::collections::{BTreeMap, HashMap};

use crate::record::{EntryId, LogId, Split, Tip};

/// Where a log is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The stored log.
    pub(crate) under: LogId,
    /// The number there of the first entry.
    pub(crate) first: u64,
    /// Number of entries.
    pub(crate) len: u64,
    /// Id of the last; zeros if there is none.
    pub(crate) tip: EntryId,
    /// It has parted: it ends here for good.
    pub(crate) closed: bool,
}

/// See the module.
#[derive(Clone, Default, Debug)]
pub(crate) struct Branches {
    logs: HashMap<LogId, Kept>,
    /// (stored log, number of the first entry) -> name, for those that are not empty.
    names: BTreeMap<(LogId, u64), LogId>,
}

impl Branches {
    pub(crate) fn kept(&self, log: &LogId) -> Option<Kept> {
        self.logs.get(log).copied()
    }

    /// Notes a log as it was found on disk.
    pub(crate) fn insert(&mut self, log: LogId, kept: Kept) {
        self.logs.insert(log, kept);
        if kept.len > 0 {
            self.names.insert((kept.under, kept.first), log);
        }
    }

    /// After all were noted: those that another follows in the same stored log have parted.
    pub(crate) fn close_parted(&mut self) {
        for kept in self.logs.values_mut() {
            let end = (kept.under, kept.first + kept.len);
            kept.closed = self.names.contains_key(&end);
        }
    }

    pub(crate) fn tips(&self) -> impl Iterator<Item = Tip> {
        let filled = self.logs.iter().filter(|(_, kept)| kept.len > 0);
        filled.map(|(log, kept)| tip_of(*log, kept))
    }

    pub(crate) fn tip(&self, log: &LogId) -> Option<Tip> {
        let kept = self.logs.get(log).filter(|kept| kept.len > 0)?;
        Some(tip_of(*log, kept))
    }

    /// Adds one entry. Gives back the length if it is not the next one, or there is no next one.
    pub(crate) fn append(&mut self, log: LogId, seq: u64, id: EntryId) -> Result<(), u64> {
        let kept = self.logs.entry(log).or_insert(Kept {
            under: log,
            first: 0,
            len: 0,
            tip: [0; 32],
            closed: false,
        });
        if kept.closed || kept.len != seq {
            return Err(kept.len);
        }
        kept.len += 1;
        kept.tip = id;
        self.names.insert((kept.under, kept.first), log);
        Ok(())
    }

    /// Parts a log. `before` is the id of the last entry that stays. `None` if it has no such place, or
    /// the name is taken.
    pub(crate) fn split(&mut self, split: &Split, before: Option<EntryId>) -> Option<()> {
        let whole = self.kept(&split.log)?;
        let fits = split.at < whole.len && (split.at == 0 || before.is_some());
        if !fits || self.logs.contains_key(&split.branch) {
            return None;
        }
        let stays = Kept {
            len: split.at,
            tip: before.unwrap_or([0; 32]),
            closed: true,
            ..whole
        };
        let goes = Kept {
            first: whole.first + split.at,
            len: whole.len - split.at,
            ..whole
        };
        self.insert(split.log, stays);
        self.insert(split.branch, goes);
        Some(())
    }

    /// What a stored place is called: log or branch, and number there.
    pub(crate) fn called(&self, under: &LogId, seq: u64) -> (LogId, u64) {
        let mut before = self.names.range((*under, 0)..=(*under, seq));
        match before.next_back() {
            Some(((_, first), log)) => (*log, seq - first),
            None => (*under, seq),
        }
    }
}

fn tip_of(log: LogId, kept: &Kept) -> Tip {
    Tip {
        log,
        len: kept.len,
        tip: kept.tip,
    }
}

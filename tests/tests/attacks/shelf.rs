//! A keeper of logs that can be made to lie: it swaps, cuts, hides and replays what it was given, and
//! counts how often it was asked. Checks nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use peerdrive_crypto::entry::{Entry, Plane};
use peerdrive_net::{EntryId, EntrySource, LogHead, LogId};

/// Logs as they are told to others, true or not.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<Inner>);

#[derive(Default, Clone)]
struct Inner {
    logs: BTreeMap<LogId, Vec<(EntryId, Bytes)>>,
    control: BTreeSet<LogId>,
    hidden: BTreeSet<LogId>,
    asked: BTreeMap<LogId, u64>,
}

/// The name under which bytes are told: their id if they are an entry, or any other.
fn name_of(bytes: &[u8]) -> EntryId {
    match Entry::decode(bytes) {
        Ok(entry) => EntryId(entry.id().0),
        Err(_) => EntryId(*blake3::hash(bytes).as_bytes()),
    }
}

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same logs, to be altered apart from these.
    pub(crate) fn copy(&self) -> Self {
        let mut inner = self.lock().clone();
        inner.asked.clear();
        Self(Mutex::new(inner))
    }

    /// Puts an entry where it belongs, if it is the next of its log. Whether it was.
    pub(crate) fn put(&self, bytes: &[u8]) -> bool {
        let Ok(entry) = Entry::decode(bytes) else {
            return false;
        };
        let log = LogId(entry.log_id().0);
        let mut inner = self.lock();
        if entry.header.plane == Plane::Control {
            inner.control.insert(log);
        }
        let entries = inner.logs.entry(log).or_default();
        let next = entries.len() as u64 == entry.header.seq;
        if next {
            entries.push((name_of(bytes), Bytes::copy_from_slice(bytes)));
        }
        next
    }

    /// Every log with its entries.
    pub(crate) fn logs(&self) -> BTreeMap<LogId, Vec<Bytes>> {
        let bytes = |entries: &Vec<(EntryId, Bytes)>| entries.iter().map(|e| e.1.clone()).collect();
        let inner = self.lock();
        inner.logs.iter().map(|(k, v)| (*k, bytes(v))).collect()
    }

    /// Every entry that is one, control entries first.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let logs = self.logs();
        let all = logs.values().flatten();
        let mut entries: Vec<Entry> = all.filter_map(|bytes| Entry::decode(bytes).ok()).collect();
        entries.sort_by_key(|entry| entry.header.plane != Plane::Control);
        entries
    }

    /// The content logs that were written under other ids than this one.
    pub(crate) fn contents_of_others(&self, own: &[u8; 32]) -> Vec<LogId> {
        let entries = self.entries().into_iter();
        let logs = entries
            .filter(|e| e.header.plane == Plane::Content && e.header.bind.0 != *own)
            .map(|e| LogId(e.log_id().0));
        logs.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Tells something else in place of a log.
    pub(crate) fn lie(&self, log: LogId, entries: Vec<Bytes>) {
        let named = entries.into_iter().map(|bytes| (name_of(&bytes), bytes));
        let named = named.collect();
        self.lock().logs.insert(log, named);
    }

    /// Says nothing of a log any more, or speaks of it again.
    pub(crate) fn hide(&self, log: LogId, hidden: bool) {
        let mut inner = self.lock();
        match hidden {
            true => inner.hidden.insert(log),
            false => inner.hidden.remove(&log),
        };
    }

    /// How often entries of a log were asked for.
    pub(crate) fn asked(&self, log: &LogId) -> u64 {
        self.lock().asked.get(log).copied().unwrap_or(0)
    }

    /// The head of a log.
    pub(crate) fn head_of(&self, log: &LogId) -> Option<LogHead> {
        let inner = self.lock();
        let entries = inner
            .logs
            .get(log)
            .filter(|_| !inner.hidden.contains(log))?;
        Some(LogHead {
            log: *log,
            len: entries.len() as u64,
            tip: entries.last()?.0,
        })
    }
}

impl EntrySource for Shelf {
    fn summary(&self) -> Vec<LogHead> {
        let (mut logs, control) = {
            let inner = self.lock();
            let logs: Vec<LogId> = inner.logs.keys().copied().collect();
            (logs, inner.control.clone())
        };
        logs.sort_by_key(|log| !control.contains(log));
        logs.iter().filter_map(|log| self.head_of(log)).collect()
    }

    fn read(&self, log: &LogId, from: u64, max_bytes: usize) -> Vec<Bytes> {
        let mut inner = self.lock();
        *inner.asked.entry(*log).or_default() += 1;
        if inner.hidden.contains(log) {
            return Vec::new();
        }
        let entries = inner.logs.get(log).map_or(&[][..], |entries| entries);
        let mut room = max_bytes;
        let mut read = Vec::new();
        for (_, entry) in entries.iter().skip(from as usize) {
            if entry.len() > room && !read.is_empty() {
                break;
            }
            room = room.saturating_sub(entry.len());
            read.push(entry.clone());
        }
        read
    }

    fn entry_id_at(&self, log: &LogId, seq: u64) -> Option<EntryId> {
        let inner = self.lock();
        if inner.hidden.contains(log) {
            return None;
        }
        Some(inner.logs.get(log)?.get(seq as usize)?.0)
    }

    fn head(&self, log: &LogId) -> Option<LogHead> {
        self.head_of(log)
    }
}

//! For tests: a keeper of logs in memory, which checks that entries are linked and nothing else, and a seal
//! that knows members by a password.

use std::collections::BTreeMap;

use bytes::Bytes;
use iroh_blobs::Hash;
use parking_lot::Mutex;

use crate::{
    link::TopicSeal,
    proto::{EntrySource, LogHead},
    types::{EntryId, LogId},
};

pub(crate) type TestResult<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Marks hints with a hash over a password: whoever has another one is not heard.
#[derive(Debug)]
pub(crate) struct Password(pub(crate) u8);

impl Password {
    fn mark(&self, hint: &[u8]) -> [u8; 32] {
        *Hash::new([&[self.0], hint].concat()).as_bytes()
    }
}

impl TopicSeal for Password {
    fn seal_hint(&self, hint: &[u8]) -> Option<Vec<u8>> {
        Some([&self.mark(hint), hint].concat())
    }

    fn open_hint(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (mark, hint) = sealed.split_first_chunk::<32>()?;
        (*mark == self.mark(hint)).then(|| hint.to_vec())
    }
}

/// Logs in memory.
#[derive(Default)]
pub(crate) struct Keeper {
    logs: Mutex<BTreeMap<LogId, Vec<(EntryId, Bytes)>>>,
    /// If set, entries of a log are refused until the log named here holds at least one: as if it
    /// vouched for the author.
    voucher: Option<LogId>,
}

/// An entry: the log, its number, the id of the entry before, and something.
fn entry(log: &LogId, seq: u64, before: &EntryId, payload: &[u8]) -> Bytes {
    [&log.0[..], &seq.to_le_bytes(), &before.0, payload]
        .concat()
        .into()
}

pub(crate) fn id_of(entry: &[u8]) -> EntryId {
    EntryId(*Hash::new(entry).as_bytes())
}

fn tip(entries: &[(EntryId, Bytes)]) -> EntryId {
    entries.last().map_or(EntryId([0; 32]), |(id, _)| *id)
}

impl Keeper {
    /// A keeper that refuses all logs until `voucher`, if any, has an entry.
    pub(crate) fn with_voucher(voucher: Option<LogId>) -> Self {
        Self {
            voucher,
            ..Self::default()
        }
    }

    /// Writes an entry of one's own; what to announce.
    pub(crate) fn write(&self, log: LogId, payload: &[u8]) -> (LogHead, Vec<Bytes>) {
        let mut logs = self.logs.lock();
        let entries = logs.entry(log).or_default();
        let new = entry(&log, entries.len() as u64, &tip(entries), payload);
        entries.push((id_of(&new), new.clone()));
        (
            LogHead {
                log,
                len: entries.len() as u64,
                tip: tip(entries),
            },
            vec![new],
        )
    }

    /// Takes entries that continue a log; the others are passed over. Returns how many were taken.
    pub(crate) fn take(&self, new: &[Bytes]) -> usize {
        let mut logs = self.logs.lock();
        let mut taken = 0;
        for bytes in new {
            let Some((log, rest)) = bytes.split_first_chunk::<32>() else {
                continue;
            };
            let Some((seq, rest)) = rest.split_first_chunk::<8>() else {
                continue;
            };
            let log = LogId(*log);
            let vouched = self.voucher.is_none_or(|voucher| {
                voucher == log || logs.get(&voucher).is_some_and(|l| !l.is_empty())
            });
            let entries = logs.entry(log).or_default();
            let fits = u64::from_le_bytes(*seq) == entries.len() as u64
                && rest.starts_with(&tip(entries).0);
            if vouched && fits {
                entries.push((id_of(bytes), bytes.clone()));
                taken += 1;
            }
        }
        logs.retain(|_, entries| !entries.is_empty());
        taken
    }

    /// All logs.
    pub(crate) fn all(&self) -> BTreeMap<LogId, Vec<Bytes>> {
        let bytes =
            |entries: &Vec<(EntryId, Bytes)>| entries.iter().map(|(_, e)| e.clone()).collect();
        self.logs
            .lock()
            .iter()
            .map(|(log, entries)| (*log, bytes(entries)))
            .collect()
    }

    pub(crate) fn len(&self, log: &LogId) -> u64 {
        self.logs
            .lock()
            .get(log)
            .map_or(0, |entries| entries.len() as u64)
    }
}

impl EntrySource for Keeper {
    fn summary(&self) -> Vec<LogHead> {
        let logs = self.logs.lock();
        let head = |(log, entries): (&LogId, &Vec<(EntryId, Bytes)>)| LogHead {
            log: *log,
            len: entries.len() as u64,
            tip: tip(entries),
        };
        logs.iter().map(head).collect()
    }

    fn read(&self, log: &LogId, from: u64, max_bytes: usize) -> Vec<Bytes> {
        let logs = self.logs.lock();
        let entries = logs.get(log).map_or(&[][..], |entries| entries);
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
        self.logs
            .lock()
            .get(log)?
            .get(seq as usize)
            .map(|(id, _)| *id)
    }

    fn head(&self, log: &LogId) -> Option<LogHead> {
        let logs = self.logs.lock();
        let entries = logs.get(log)?;
        Some(LogHead {
            log: *log,
            len: entries.len() as u64,
            tip: tip(entries),
        })
    }
}

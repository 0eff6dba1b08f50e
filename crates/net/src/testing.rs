//! For tests: a keeper of logs in memory, which checks that entries are linked and nothing else, and a seal
//! that knows members by a password.

use std::collections::{BTreeMap, BTreeSet};

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

type Logs = BTreeMap<LogId, Vec<(EntryId, Bytes)>>;

/// The bytes of an entry that say where it belongs: the log, its number, the id of the entry before.
const LINK: usize = 72;

/// Logs in memory.
#[derive(Default)]
pub(crate) struct Keeper {
    logs: Mutex<Logs>,
    /// If set, entries of a log are refused until the log named here holds at least one: as if it
    /// vouched for the author.
    voucher: Option<LogId>,
    /// If set, what does not continue a log but its past makes the log part there. Holds where logs have
    /// parted: how the entries there begin.
    parted: Option<Mutex<BTreeSet<Vec<u8>>>>,
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

    /// A keeper whose logs part where two entries follow one.
    pub(crate) fn parting() -> Self {
        Self {
            parted: Some(Mutex::default()),
            ..Self::default()
        }
    }

    pub(crate) fn parts(&self) -> bool {
        self.parted.is_some()
    }

    /// Finds a place for an entry that is not the next of its log.
    fn part(&self, logs: &mut Logs, log: LogId, bytes: &Bytes) -> bool {
        let (Some(parted), Some(link)) = (&self.parted, bytes.get(..LINK)) else {
            return false;
        };
        let mut parted = parted.lock();
        let place = |id: &[u8]| {
            logs.iter().find_map(|(name, entries)| {
                let at = entries.iter().position(|(known, _)| known.0 == id)?;
                Some((*name, at))
            })
        };
        let id = id_of(bytes);
        let first = link[32..40] == [0; 8];
        let (name, at) = match place(&bytes[40..LINK]) {
            _ if place(&id.0).is_some() => return false,
            _ if first => (log, 0),
            Some((name, before)) => (name, before + 1),
            None => return false,
        };
        let branch = |id: &EntryId| LogId(*Hash::new([log.0, id.0].concat()).as_bytes());
        let run = logs.entry(name).or_default();
        if at < run.len() {
            parted.insert(link.to_vec());
            let tail = run.split_off(at);
            logs.insert(branch(&tail[0].0), tail);
        }
        let new = (id, bytes.clone());
        if parted.contains(link) {
            logs.insert(branch(&id), vec![new]);
        } else if let Some(run) = logs.get_mut(&name) {
            run.push(new);
        }
        true
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
            let parted = self.parted.as_ref().is_some_and(|parted| {
                let parted = parted.lock();
                bytes.get(..LINK).is_some_and(|link| parted.contains(link))
            });
            let fits = u64::from_le_bytes(*seq) == entries.len() as u64
                && rest.starts_with(&tip(entries).0)
                && !parted;
            if vouched && fits {
                entries.push((id_of(bytes), bytes.clone()));
                taken += 1;
            } else if vouched {
                taken += usize::from(self.part(&mut logs, log, bytes));
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

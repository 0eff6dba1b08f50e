//! The record on disk: one redb file a drive. Knows tables and transactions, not what entries mean.

use std::path::{Path, PathBuf};

use parking_lot::{Mutex, RwLock};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use crate::branches::{Branches, Kept};
use crate::error::{AppendError, OpenError, ReadError};
use crate::record::{
    Arrival, Batch, EntryId, KeyAndValue, LogId, Note, Record, Snapshot, Space, Split, Tip,
};

/// The format this program writes. A file with a greater number is not touched; one with a smaller
/// number has tables less, which are made.
const FORMAT: u64 = 2;

/// Pages kept in memory: entries are read once at start and then mostly appended, so the default of
/// 1 GiB would only take memory from the file cache.
const CACHE_BYTES: usize = 16 << 20;

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// (log, seq) as it is kept -> id, then the entry's bytes.
const ENTRIES: TableDefinition<'_, (&[u8; 32], u64), &[u8]> = TableDefinition::new("entries");
/// branch -> (the log that it is kept under, the number there of its first entry). Only those that a
/// split made; every other log is kept under itself from 0 on.
const BRANCHES: TableDefinition<'_, &[u8; 32], (&[u8; 32], u64)> = TableDefinition::new("branches");
/// arrival -> (log, seq) as it is kept.
const ARRIVALS: TableDefinition<'_, u64, (&[u8; 32], u64)> = TableDefinition::new("arrivals");
/// id -> (log, seq) as it is kept.
const IDS: TableDefinition<'_, &[u8; 32], (&[u8; 32], u64)> = TableDefinition::new("ids");
/// log -> (length, id of the last).
const TIPS: TableDefinition<'_, &[u8; 32], (u64, &[u8; 32])> = TableDefinition::new("tips");
/// Always key 0: (arrival, sealed bytes).
/// The newest snapshot, in parts. The database makes several copies of each value while it writes it.
const SNAPSHOT_PART: usize = 1 << 20;
const SNAPSHOTS: TableDefinition<'_, u64, (u64, &[u8])> = TableDefinition::new("snapshots");
/// (space, key) -> sealed value.
const NOTES: TableDefinition<'_, (u8, &[u8]), &[u8]> = TableDefinition::new("notes");

/// The record of one drive. Readers do not wait for the writer.
#[derive(Debug)]
pub struct DriveLog {
    path: PathBuf,
    /// `None` only if the file could not be opened again after an error of the disk.
    db: RwLock<Option<Database>>,
    tips: RwLock<Tips>,
    /// Held for the whole of an append: what is known of the logs must not change between the look
    /// that gives an entry its place and the write.
    appending: Mutex<()>,
}

#[derive(Debug, Default, Clone)]
struct Tips {
    logs: Branches,
    arrivals: Arrival,
}

impl DriveLog {
    /// Opens the record, or makes an empty one. After a crash it holds exactly what was appended.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let db = open_database(path)?;
        let tips = prepare(&db).map_err(|error| OpenError::from_store(path, error))?;
        let (format, tips) = tips;
        if format > FORMAT {
            return Err(OpenError::Newer {
                path: path.to_owned(),
                found: format,
                known: FORMAT,
            });
        }
        Ok(Self {
            path: path.to_owned(),
            db: RwLock::new(Some(db)),
            tips: RwLock::new(tips),
            appending: Mutex::new(()),
        })
    }

    /// Writes the batch in one transaction; when it returns, a power cut cannot undo it.
    pub fn append(&self, batch: &Batch) -> Result<(), AppendError> {
        let _alone = self.appending.lock();
        let mut tips = self.tips.read().clone();
        for split in &batch.splits {
            self.split(&mut tips.logs, split)?;
        }
        for record in &batch.records {
            if let Err(len) = tips.logs.append(record.log, record.seq, record.id) {
                return Err(AppendError::Gap {
                    log: record.log,
                    len,
                    found: record.seq,
                });
            }
            tips.arrivals += 1;
        }
        let first_arrival = self.tips.read().arrivals;
        self.write(|txn| write_batch(txn, batch, first_arrival, &tips))?;
        *self.tips.write() = tips;
        Ok(())
    }

    fn split(&self, logs: &mut Branches, split: &Split) -> Result<(), AppendError> {
        let refused = |len| AppendError::Split {
            log: split.log,
            len,
            at: split.at,
        };
        let kept = logs.kept(&split.log).ok_or(refused(0))?;
        let before = match split.at.checked_sub(1) {
            Some(before) if before < kept.len => self
                .id_kept(&kept.under, kept.first + before)
                .map_err(|error| AppendError::Store(error.0))?,
            _ => None,
        };
        logs.split(split, before).ok_or(refused(kept.len))
    }

    /// Every log that is not empty, and every branch, with its length and last id, in no order.
    pub fn tips(&self) -> Vec<Tip> {
        self.tips.read().logs.tips().collect()
    }

    /// One log's length and last id; `None` if it is empty.
    pub fn tip(&self, log: &LogId) -> Option<Tip> {
        self.tips.read().logs.tip(log)
    }

    /// Whether a log has parted: nothing is ever added to it.
    pub fn is_parted(&self, log: &LogId) -> bool {
        self.tips
            .read()
            .logs
            .kept(log)
            .is_some_and(|kept| kept.closed)
    }

    /// Number of entries of all logs.
    pub fn arrivals(&self) -> Arrival {
        self.tips.read().arrivals
    }

    /// Entries of one log from `from` on, as many as fit `max_bytes` but at least one if there is one.
    pub fn read(&self, log: &LogId, from: u64, max_bytes: usize) -> Result<Vec<Record>, ReadError> {
        let Some(kept) = self.tips.read().logs.kept(log) else {
            return Ok(Vec::new());
        };
        let (first, end) = (kept.first.saturating_add(from), kept.first + kept.len);
        if first >= end {
            return Ok(Vec::new());
        }
        self.reading(|txn| {
            let entries = txn.open_table(ENTRIES)?;
            let mut found = Vec::new();
            let mut bytes = 0;
            for row in entries.range((&kept.under, first)..(&kept.under, end))? {
                let (key, value) = row?;
                let record = record_of(*log, key.value().1 - kept.first, value.value());
                bytes += record.bytes.len();
                if bytes > max_bytes && !found.is_empty() {
                    break;
                }
                found.push(record);
            }
            Ok(found)
        })
    }

    /// The id at a position of a log.
    pub fn id_at(&self, log: &LogId, seq: u64) -> Result<Option<EntryId>, ReadError> {
        let kept = self.tips.read().logs.kept(log);
        match kept {
            Some(kept) if seq < kept.len => self.id_kept(&kept.under, kept.first + seq),
            _ => Ok(None),
        }
    }

    fn id_kept(&self, under: &LogId, seq: u64) -> Result<Option<EntryId>, ReadError> {
        self.reading(|txn| {
            let entries = txn.open_table(ENTRIES)?;
            Ok(entries
                .get((under, seq))?
                .map(|value| record_of(*under, seq, value.value()).id))
        })
    }

    /// What a place in the file is called now.
    fn called(&self, under: &LogId, seq: u64) -> (LogId, u64) {
        self.tips.read().logs.called(under, seq)
    }

    /// An entry by id.
    pub fn get(&self, id: &EntryId) -> Result<Option<Record>, ReadError> {
        self.reading(|txn| {
            let ids = txn.open_table(IDS)?;
            let Some(place) = ids.get(id)? else {
                return Ok(None);
            };
            let (under, kept) = place.value();
            let entries = txn.open_table(ENTRIES)?;
            let (log, seq) = self.called(under, kept);
            Ok(entries
                .get((under, kept))?
                .map(|value| record_of(log, seq, value.value())))
        })
    }

    /// Where an entry is: its log and number.
    pub fn place(&self, id: &EntryId) -> Result<Option<(LogId, u64)>, ReadError> {
        self.reading(|txn| {
            let ids = txn.open_table(IDS)?;
            Ok(ids.get(id)?.map(|place| {
                let (under, seq) = place.value();
                self.called(under, seq)
            }))
        })
    }

    /// Whether an entry is in the record.
    pub fn contains(&self, id: &EntryId) -> Result<bool, ReadError> {
        self.reading(|txn| Ok(txn.open_table(IDS)?.get(id)?.is_some()))
    }

    /// Hands every entry from the given arrival on to `visit`, oldest first, without holding them all
    /// in memory.
    pub fn replay(
        &self,
        from: Arrival,
        mut visit: impl FnMut(Arrival, Record),
    ) -> Result<(), ReadError> {
        self.reading(|txn| {
            let arrivals = txn.open_table(ARRIVALS)?;
            let entries = txn.open_table(ENTRIES)?;
            for row in arrivals.range(from..)? {
                let (arrival, place) = row?;
                let (under, kept) = place.value();
                if let Some(value) = entries.get((under, kept))? {
                    let (log, seq) = self.called(under, kept);
                    visit(arrival.value(), record_of(log, seq, value.value()));
                }
            }
            Ok(())
        })
    }

    /// The newest snapshot.
    pub fn snapshot(&self) -> Result<Option<Snapshot>, ReadError> {
        self.reading(|txn| {
            let mut whole: Option<Snapshot> = None;
            for row in txn.open_table(SNAPSHOTS)?.iter()? {
                let row = row?.1;
                let (arrival, bytes) = row.value();
                let snapshot = whole.get_or_insert(Snapshot {
                    arrival,
                    bytes: Vec::new(),
                });
                snapshot.bytes.extend_from_slice(bytes);
            }
            Ok(whole)
        })
    }

    /// One note.
    pub fn note(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        self.reading(|txn| {
            let notes = txn.open_table(NOTES)?;
            Ok(notes
                .get((space as u8, key))?
                .map(|value| value.value().to_vec()))
        })
    }

    /// Every note of a room, in key order.
    pub fn notes(&self, space: Space) -> Result<Vec<KeyAndValue>, ReadError> {
        self.reading(|txn| {
            let notes = txn.open_table(NOTES)?;
            let room = space as u8;
            let mut found = Vec::new();
            for row in notes.range((room, [].as_slice())..(room + 1, [].as_slice()))? {
                let (key, value) = row?;
                found.push((key.value().1.to_vec(), value.value().to_vec()));
            }
            Ok(found)
        })
    }

    fn reading<T>(
        &self,
        read: impl FnOnce(&redb::ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, ReadError> {
        let db = self.db.read();
        let db = db
            .as_ref()
            .ok_or_else(|| ReadError::from_store(redb::Error::PreviousIo))?;
        let txn = db.begin_read().map_err(ReadError::from_store)?;
        read(&txn).map_err(ReadError::from_store)
    }

    /// Runs a durable write. After an error of the disk redb refuses everything until the file is
    /// opened anew, so that is done here: the next write finds a working store, or says why not.
    fn write(
        &self,
        change: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), AppendError> {
        if self.db.read().is_none() {
            self.reopen()?;
        }
        let result = {
            let db = self.db.read();
            let db = db
                .as_ref()
                .ok_or_else(|| AppendError::from_store(redb::Error::PreviousIo))?;
            db.begin_write()
                .map_err(redb::Error::from)
                .and_then(|mut txn| {
                    // Without it, the first opening after a kill walks the whole file.
                    txn.set_quick_repair(true);
                    change(&txn)?;
                    Ok(txn.commit()?)
                })
        };
        result.map_err(|error| {
            let error = AppendError::from_store(error);
            // The caller is told of the first error; whether opening worked shows at the next write.
            let _ = self.reopen();
            error
        })
    }

    fn reopen(&self) -> Result<(), AppendError> {
        let mut db = self.db.write();
        *db = None;
        match open_database(&self.path) {
            Ok(opened) => {
                *db = Some(opened);
                Ok(())
            }
            Err(OpenError::Io { source, .. }) => Err(AppendError::from_store(source)),
            Err(OpenError::Damaged { source, .. }) => Err(AppendError::from_store(*source)),
            Err(OpenError::InUse { .. } | OpenError::Newer { .. }) => {
                Err(AppendError::from_store(redb::Error::DatabaseAlreadyOpen))
            }
        }
    }
}

fn open_database(path: &Path) -> Result<Database, OpenError> {
    Database::builder()
        .set_cache_size(CACHE_BYTES)
        .create(path)
        .map_err(|error| OpenError::from_store(path, error))
}

/// Makes the tables on the first opening; returns the format and what is there.
fn prepare(db: &Database) -> Result<(u64, Tips), redb::Error> {
    let txn = db.begin_write()?;
    let format = {
        let mut meta = txn.open_table(META)?;
        let found = meta.get("format")?.map(|value| value.value());
        if found.is_none_or(|found| found < FORMAT) {
            meta.insert("format", FORMAT)?;
        }
        txn.open_table(ENTRIES)?;
        txn.open_table(BRANCHES)?;
        txn.open_table(ARRIVALS)?;
        txn.open_table(IDS)?;
        txn.open_table(TIPS)?;
        txn.open_table(SNAPSHOTS)?;
        txn.open_table(NOTES)?;
        found.unwrap_or(FORMAT)
    };
    if format > FORMAT {
        txn.abort()?;
        return Ok((format, Tips::default()));
    }
    txn.commit()?;
    let txn = db.begin_read()?;
    let mut tips = Tips::default();
    let branches = txn.open_table(BRANCHES)?;
    for row in txn.open_table(TIPS)?.iter()? {
        let (log, tip) = row?;
        let log = log.value();
        let (len, id) = tip.value();
        let place = branches.get(log)?;
        let (under, first) = place.map_or((*log, 0), |place| {
            let (under, first) = place.value();
            (*under, first)
        });
        let kept = Kept {
            under,
            first,
            len,
            tip: *id,
            closed: false,
        };
        tips.logs.insert(*log, kept);
    }
    tips.logs.close_parted();
    tips.arrivals = txn
        .open_table(ARRIVALS)?
        .last()?
        .map_or(0, |(arrival, _)| arrival.value() + 1);
    Ok((format, tips))
}

fn write_batch(
    txn: &WriteTransaction,
    batch: &Batch,
    first_arrival: Arrival,
    tips: &Tips,
) -> Result<(), redb::Error> {
    if !batch.splits.is_empty() {
        let mut branches = txn.open_table(BRANCHES)?;
        let mut heads = txn.open_table(TIPS)?;
        for log in batch.splits.iter().flat_map(|s| [s.log, s.branch]) {
            let Some(kept) = tips.logs.kept(&log) else {
                continue;
            };
            if (kept.under, kept.first) != (log, 0) {
                branches.insert(&log, (&kept.under, kept.first))?;
            }
            heads.insert(&log, (kept.len, &kept.tip))?;
        }
    }
    if !batch.records.is_empty() {
        let mut entries = txn.open_table(ENTRIES)?;
        let mut arrivals = txn.open_table(ARRIVALS)?;
        let mut ids = txn.open_table(IDS)?;
        let mut heads = txn.open_table(TIPS)?;
        let mut value = Vec::new();
        for (arrival, record) in (first_arrival..).zip(&batch.records) {
            value.clear();
            value.extend_from_slice(&record.id);
            value.extend_from_slice(&record.bytes);
            let Some(kept) = tips.logs.kept(&record.log) else {
                continue;
            };
            let place = (&kept.under, kept.first + record.seq);
            entries.insert(place, value.as_slice())?;
            arrivals.insert(arrival, place)?;
            ids.insert(&record.id, place)?;
            heads.insert(&record.log, (kept.len, &kept.tip))?;
        }
    }
    if !batch.notes.is_empty() {
        let mut notes = txn.open_table(NOTES)?;
        for Note { space, key, value } in &batch.notes {
            match value {
                Some(value) => notes.insert((*space as u8, key.as_slice()), value.as_slice())?,
                None => notes.remove((*space as u8, key.as_slice()))?,
            };
        }
    }
    if let Some(snapshot) = &batch.snapshot {
        let mut snapshots = txn.open_table(SNAPSHOTS)?;
        let parts = snapshot.bytes.chunks(SNAPSHOT_PART);
        let count = parts.len().max(1) as u64;
        snapshots.retain_in(count.., |_, _| false)?;
        // An empty one is one as well.
        let parts = parts.chain(snapshot.bytes.is_empty().then_some(&[][..]));
        for (at, part) in (0..).zip(parts) {
            snapshots.insert(at, (snapshot.arrival, part))?;
        }
    }
    Ok(())
}

/// A row's value is the id followed by the entry; a shorter one cannot be written here, and reads as
/// an entry with an id that matches nothing.
fn record_of(log: LogId, seq: u64, value: &[u8]) -> Record {
    match value.split_first_chunk::<32>() {
        Some((id, bytes)) => Record {
            log,
            seq,
            id: *id,
            bytes: bytes.to_vec(),
        },
        None => Record {
            log,
            seq,
            id: [0; 32],
            bytes: Vec::new(),
        },
    }
}

#[cfg(test)]
mod tests;

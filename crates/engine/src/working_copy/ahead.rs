//! Large local files that are read while the worker goes on, and taken in once they have been: a save or a file from
//! elsewhere waits for none of them. Tells the drive nothing.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::{AbortHandle, AbortRegistration, Abortable};
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::{FileContent, Kind};

use super::aside::{Done, OnItsWay};
use super::beneath::{EntryKind, Stat};
use super::in_step::Record;
use super::keeper::Keeper;
use super::plan::local::Change;
use super::port::Drive;
use super::read::{self, Taken};
use super::rest::REST;

/// A file that has this many bytes, or more, is read by itself.
const LARGE: u64 = 16 << 20;
/// Files read at once, so that one is cut while another is made durable.
const READERS: usize = 3;

/// An object of the file system: device and inode number.
type Object = (u64, u64);

fn object(stat: &Stat) -> Object {
    (stat.dev, stat.ino)
}

/// What was read of large files, for the look that takes them in.
#[derive(Default)]
pub(super) struct Fresh(HashMap<Object, (Stat, Taken)>);

impl Fresh {
    /// What was read of a file that is as it was then.
    pub(super) fn of(&self, stat: &Stat) -> Option<&Taken> {
        let (read, taken) = self.0.get(&object(stat))?;
        read.same_bytes(stat, true).then_some(taken)
    }
}

/// A large file that is being read, or waits for that.
struct Reading {
    stat: Stat,
    /// Where it was seen.
    paths: BTreeSet<String>,
    /// Ends it, if it has begun.
    handle: Option<AbortHandle>,
}

/// What it takes to read a file.
struct ToRead {
    path: String,
    stat: Stat,
    record: Option<Record>,
    namesake: Option<FileContent>,
}

/// Large files that are read, wait for that, or were read just now.
#[derive(Default)]
pub(super) struct Ahead {
    reading: HashMap<Object, Reading>,
    queue: VecDeque<ToRead>,
    fresh: Fresh,
}

impl Ahead {
    /// How many are not taken in yet.
    pub(super) fn len(&self) -> usize {
        self.reading.len() + self.fresh.0.len()
    }

    /// How many are not read yet, and how many bytes they have.
    pub(super) fn left(&self) -> (u64, u64) {
        let bytes = self.reading.values().map(|reading| reading.stat.size).sum();
        (self.reading.len() as u64, bytes)
    }

    /// Whether a file of this length is being read: it may turn out to be one that seems to have vanished.
    pub(super) fn has_one_of(&self, len: u64) -> bool {
        len >= LARGE
            && self
                .reading
                .values()
                .any(|reading| reading.stat.size == len)
    }

    /// What has been read. It is for the next look: later it may not be stored any more.
    pub(super) fn take_fresh(&mut self) -> Fresh {
        std::mem::take(&mut self.fresh)
    }

    /// Whether this file is being read as it is now. If not, it will be, and what was read of it as it was is in vain.
    fn is_read(&mut self, path: String, stat: Stat) -> bool {
        let key = object(&stat);
        if let Some(reading) = self.reading.get_mut(&key) {
            if reading.stat.same_bytes(&stat, true) {
                reading.paths.insert(path);
                return true;
            }
            if let Some(handle) = &reading.handle {
                handle.abort();
            }
            self.queue.retain(|file| object(&file.stat) != key);
        }
        let reading = Reading {
            stat,
            paths: BTreeSet::from([path]),
            handle: None,
        };
        self.reading.insert(key, reading);
        false
    }

    /// The next that there is room for.
    fn next(&mut self) -> Option<(ToRead, AbortRegistration)> {
        let begun = self.reading.values().filter(|it| it.handle.is_some());
        if begun.count() >= READERS {
            return None;
        }
        let file = self.queue.pop_front()?;
        let (handle, registration) = AbortHandle::new_pair();
        let reading = self.reading.get_mut(&object(&file.stat))?;
        reading.handle = Some(handle);
        Some((file, registration))
    }
}

/// A large file that was read, or given up.
pub(super) struct Read {
    stat: Stat,
    /// `None` if it was given up.
    taken: Option<Taken>,
}

impl<D: Drive> Keeper<D> {
    /// Parts changed files into those of which is known what was read of them, and those that are to be read now. The
    /// others are large, and will be read.
    pub(super) fn read_ahead(
        &mut self,
        leaves: Vec<Change>,
        fresh: &Fresh,
    ) -> (Vec<(Change, Taken)>, Vec<Change>) {
        let (mut known, mut now, mut later) = (Vec::new(), Vec::new(), Vec::new());
        for change in leaves {
            let large = self.to_read(&change).filter(|(_, stat, _)| is_large(stat));
            let Some((path, stat)) = large.map(|(path, stat, _)| (path.to_owned(), *stat)) else {
                now.push(change);
                continue;
            };
            match fresh.of(&stat).cloned() {
                Some(taken) => known.push((change, taken)),
                None if self.ahead.is_read(path, stat) => {}
                None => later.push(change),
            }
        }
        self.expect_in(&later);
        for (change, namesake) in later.iter().zip(self.namesakes(&later)) {
            if let Some((path, stat, record)) = self.to_read(change) {
                let file = ToRead {
                    path: path.to_owned(),
                    stat: *stat,
                    record: record.cloned(),
                    namesake,
                };
                self.ahead.queue.push_back(file);
            }
        }
        (known, now)
    }

    /// Begins with what there is room for.
    pub(super) fn begin_reading(&mut self) -> Vec<OnItsWay> {
        let mut begun = Vec::new();
        while let Some((file, registration)) = self.ahead.next() {
            let (drive, root) = (Arc::clone(&self.drive), Arc::clone(&self.root));
            let stat = file.stat;
            let reading = async move {
                let ToRead {
                    path,
                    stat,
                    record,
                    namesake,
                } = file;
                read::read_file(&*drive, &root, &path, &stat, record.as_ref(), namesake).await
            };
            begun.push(Box::pin(async move {
                let taken = Abortable::new(reading, registration).await.ok();
                Done::Read(Read { stat, taken })
            }) as OnItsWay);
        }
        begun
    }

    /// A large file was read: its path is looked at again, to take it in.
    pub(super) fn was_read(&mut self, read: Read, now: Instant) {
        let key = object(&read.stat);
        let known = self.ahead.reading.get(&key);
        let (Some(taken), true) = (
            read.taken,
            known.is_some_and(|reading| reading.stat.same_bytes(&read.stat, true)),
        ) else {
            // It is being read anew, as it was afterwards.
            return;
        };
        let paths = self.ahead.reading.remove(&key).map(|reading| reading.paths);
        self.count_in(read.stat.size);
        let at = match taken {
            Taken::Restless => now + REST,
            taken => {
                self.ahead.fresh.0.insert(key, (read.stat, taken));
                now
            }
        };
        for path in paths.into_iter().flatten() {
            self.rest.look(&path, at, false);
        }
    }

    /// Whether this node, or something in it, could be what is being read in another place.
    pub(super) fn may_be_read(&self, id: NodeId) -> bool {
        if self.ahead.reading.is_empty() {
            return false;
        }
        let nodes = self.in_step.subtree(id);
        let mut records = nodes.iter().filter_map(|id| self.in_step.get(*id));
        records.any(|record| {
            record.held.kind() == Kind::File && self.ahead.has_one_of(record.stat.size)
        })
    }
}

fn is_large(stat: &Stat) -> bool {
    stat.kind == EntryKind::File && stat.size >= LARGE
}

//! The account of the nothing-lost check: which writes were acknowledged, what their authors saw, and
//! which of them may therefore be gone. Knows no device and no disk.

use std::collections::{BTreeMap, BTreeSet};

/// One write, by the number that stands in its bytes.
pub(crate) type Write = u64;

/// What is known of one write.
#[derive(Clone, Debug)]
struct Written {
    side: usize,
    path: String,
    /// What it was written over.
    over: Option<Write>,
    /// Who had seen it wrote over it, or deleted it, since.
    ended: Option<&'static str>,
}

/// Everything that was written, and what became of it by its authors' own doing.
#[derive(Debug, Default)]
pub(crate) struct Account {
    writes: BTreeMap<Write, Written>,
    /// Deleted in this round, and by which side.
    deleted: BTreeMap<Write, usize>,
    /// What each side had to do with in this round: such a deletion is raced.
    touched: [BTreeSet<Write>; 2],
    /// Where each side wrote in this round.
    written_at: [BTreeSet<String>; 2],
    /// Sides that were killed in this round.
    killed: BTreeSet<usize>,
    /// Writes before this round.
    before: Write,
}

impl Account {
    /// Takes the next number; the write is about to happen.
    pub(crate) fn begin(&mut self, side: usize, path: &str) -> Write {
        let number = self.writes.len() as Write + 1;
        self.written_at[side].insert(path.to_owned());
        let written = Written {
            side,
            path: path.to_owned(),
            over: None,
            ended: None,
        };
        self.writes.insert(number, written);
        self.touched[side].insert(number);
        number
    }

    /// It did not happen after all.
    pub(crate) fn withdraw(&mut self, write: Write) {
        self.end(write, "never happened");
    }

    /// The write took the place of another, which its author on `side` had seen.
    pub(crate) fn overwritten(&mut self, side: usize, write: Write, replaced: Write) {
        self.end(replaced, "overwritten by who saw it");
        self.touched[side].insert(replaced);
        if let Some(written) = self.writes.get_mut(&write) {
            written.over = Some(replaced);
        }
    }

    /// Somebody on `side` deleted what held this write.
    pub(crate) fn deleted(&mut self, side: usize, write: Write) {
        self.end(write, "deleted by who saw it");
        self.deleted.insert(write, side);
    }

    /// Somebody on `side` moved it, or had to do with the folder it is in.
    pub(crate) fn touched(&mut self, side: usize, write: Write) {
        self.touched[side].insert(write);
    }

    /// The daemon of `side` was killed. What it took in within the last moments before is not yet noted as
    /// having been in the folder: if it was deleted before the daemon was back, it comes back too, as
    /// ARCHITECTURE.md says.
    pub(crate) fn killed(&mut self, side: usize) {
        self.killed.insert(side);
    }

    fn end(&mut self, write: Write, how: &'static str) {
        if let Some(written) = self.writes.get_mut(&write) {
            written.ended = Some(how);
        }
    }

    /// How many writes there were.
    pub(crate) fn writes(&self) -> usize {
        self.writes.len()
    }

    /// Writes that nobody who saw them ended, and that are not among `visible`.
    pub(crate) fn lost(&self, visible: &BTreeSet<Write>) -> Vec<String> {
        let gone = |(number, written): &(&Write, &Written)| {
            written.ended.is_none() && !visible.contains(number)
        };
        self.writes
            .iter()
            .filter(gone)
            .map(|(number, written)| {
                format!(
                    "write {number} of device {} at {}",
                    written.side, written.path
                )
            })
            .collect()
    }

    /// Writes that were deleted in this round, that the other side had nothing to do with, and that are
    /// visible.
    pub(crate) fn resurrected(&self, visible: &BTreeSet<Write>) -> Vec<String> {
        self.deleted
            .iter()
            .filter(|(write, side)| visible.contains(*write) && !self.raced(**write, 1 - **side))
            .filter(|(write, side)| !(self.killed.contains(side) && **write > self.before))
            .map(|(write, side)| {
                format!(
                    "write {write}, deleted by device {side}: {:?}",
                    self.writes.get(write)
                )
            })
            .collect()
    }

    /// Whether the other side had to do in this round with what a write stands in for: with it, with a
    /// version it grew from, with its place, or with what stands beside it there since edits met: whoever
    /// edits one of these makes a file of each (rule R6).
    fn raced(&self, write: Write, other: usize) -> bool {
        let places: BTreeSet<&str> = self.touched[other]
            .iter()
            .filter_map(|touched| Some(place(&self.writes.get(touched)?.path)))
            .chain(self.written_at[other].iter().map(|path| place(path)))
            .collect();
        let mut at = Some(write);
        while let Some(number) = at {
            if self.touched[other].contains(&number) {
                return true;
            }
            let Some(written) = self.writes.get(&number) else {
                return false;
            };
            if places.contains(place(&written.path)) {
                return true;
            }
            at = written.over;
        }
        false
    }

    /// The devices have met and are the same: what comes now is another round.
    pub(crate) fn next_round(&mut self) {
        self.deleted.clear();
        self.touched = Default::default();
        self.written_at = Default::default();
        self.killed.clear();
        self.before = self.writes.len() as Write;
    }
}

/// The path of the file that a conflict copy stands beside; of any other file its own.
fn place(path: &str) -> &str {
    path.split_once(" (conflict ")
        .map_or(path, |(file, _)| file)
}

#[test]
fn the_account_finds_what_is_lost_and_what_came_back() {
    let mut account = Account::default();
    let (one, two) = (account.begin(0, "a"), account.begin(0, "b"));
    account.next_round();
    let three = account.begin(1, "c");
    account.overwritten(1, three, one);
    account.deleted(0, two);
    assert_eq!(account.lost(&BTreeSet::from([three])), Vec::<String>::new());
    assert_eq!(account.lost(&BTreeSet::new()).len(), 1);
    assert_eq!(account.resurrected(&BTreeSet::from([two])).len(), 1);
    // What a kill may bring back is what was written in the same round, and nothing older.
    account.killed(0);
    assert_eq!(account.resurrected(&BTreeSet::from([two])).len(), 1);
    let fresh = account.begin(0, "d");
    account.deleted(0, fresh);
    assert!(account.resurrected(&BTreeSet::from([fresh])).is_empty());
    let copy = account.begin(0, "e (conflict 86e5 VIjr)");
    account.next_round();
    account.deleted(0, copy);
    assert_eq!(account.resurrected(&BTreeSet::from([copy])).len(), 1);
    account.begin(1, "e");
    assert!(account.resurrected(&BTreeSet::from([copy])).is_empty());
    account.next_round();
    account.deleted(0, two);
    // Somebody renamed it at the same time: then it may live.
    account.touched(1, two);
    assert!(account.resurrected(&BTreeSet::from([two])).is_empty());
}

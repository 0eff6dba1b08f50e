//! The account of the nothing-lost check: which writes were acknowledged, what their authors saw, and
//! which of them may therefore be gone. Knows no device and no disk.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

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
    /// Deleted in this round, by each side.
    deleted: [BTreeSet<Write>; 2],
    /// What each side had to do with in this round: such a deletion is raced.
    touched: [BTreeSet<Write>; 2],
    /// Where each side wrote in this round.
    written_at: [BTreeSet<String>; 2],
    /// Where writes were when this round began.
    placed: Placed,
    /// Writes before this round.
    before: Write,
    /// What happened in this round, for whoever has to find out why something is lost or back.
    story: Vec<(Instant, String)>,
}

/// The places at which writes are visible.
pub(crate) type Placed = BTreeMap<Write, BTreeSet<String>>;

impl Account {
    /// Takes the next number; the write is about to happen.
    pub(crate) fn begin(&mut self, side: usize, path: &str) -> Write {
        let number = self.writes.len() as Write + 1;
        self.tell(format!("device {side} writes {number} at {path}"));
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
        self.tell(format!("{write} was not written after all"));
        self.end(write, "never happened");
    }

    /// The write took the place of another, which its author on `side` had seen.
    pub(crate) fn overwritten(&mut self, side: usize, write: Write, replaced: Write) {
        self.tell(format!("{write} is in the place of {replaced}"));
        self.end(replaced, "overwritten by who saw it");
        self.touched[side].insert(replaced);
        if let Some(written) = self.writes.get_mut(&write) {
            written.over = Some(replaced);
        }
    }

    /// Somebody on `side` deleted what held this write.
    pub(crate) fn deleted(&mut self, side: usize, write: Write) {
        self.tell(format!("device {side} deleted {write}"));
        self.end(write, "deleted by who saw it");
        self.deleted[side].insert(write);
    }

    /// Somebody on `side` moved it, or had to do with the folder it is in.
    pub(crate) fn touched(&mut self, side: usize, write: Write) {
        self.tell(format!("device {side} is about to move {write}"));
        self.touched[side].insert(write);
    }

    /// Notes what else happened.
    pub(crate) fn tell(&mut self, what: String) {
        self.story.push((Instant::now(), what));
    }

    /// All that happened in this round, by the time since its beginning.
    pub(crate) fn story(&self) -> String {
        let Some((begun, _)) = self.story.first() else {
            return String::new();
        };
        let lines = self
            .story
            .iter()
            .map(|(at, what)| format!("{:5} ms {what}", at.duration_since(*begun).as_millis()));
        lines.collect::<Vec<_>>().join("\n")
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
    pub(crate) fn lost(&self, visible: &Placed) -> Vec<String> {
        let gone = |(number, written): &(&Write, &Written)| {
            written.ended.is_none() && !visible.contains_key(number)
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
    /// visible, at the places that are given.
    pub(crate) fn resurrected(&self, visible: &Placed) -> Vec<String> {
        let deleted = |side: usize| self.deleted[side].iter().map(move |write| (*write, side));
        deleted(0)
            .chain(deleted(1))
            .filter(|(write, _)| visible.contains_key(write))
            .filter(|(write, side)| {
                !self.raced(*write, 1 - side) && !self.stands_beside(*write, 1 - side, visible)
            })
            .map(|(write, side)| {
                format!(
                    "write {write}, deleted by device {side}: {:?}, now at {:?}",
                    self.writes.get(&write),
                    visible.get(&write)
                )
            })
            .collect()
    }

    /// Whether the other side had to do in this round with what a write stands in for: with it, with a
    /// version it grew from, with its place, or with what stands beside it there since edits met: whoever
    /// edits or deletes one of these makes a file of each (rule R6).
    fn raced(&self, write: Write, other: usize) -> bool {
        let touched = self.touched[other].iter();
        let deleted = self.deleted[other].iter();
        let others: BTreeSet<&str> = touched
            .chain(deleted.filter(|deleted| **deleted != write))
            .flat_map(|touched| self.places(*touched))
            .chain(self.written_at[other].iter().map(|path| place(path)))
            .collect();
        let mut at = Some(write);
        while let Some(number) = at {
            if self.touched[other].contains(&number)
                || self.places(number).any(|place| others.contains(place))
            {
                return true;
            }
            at = self.writes.get(&number).and_then(|written| written.over);
        }
        false
    }

    /// Whether a write is now another version of what the other side wrote in this round: both made the
    /// same file while apart, in a folder that one had moved, or where it was once before. The deletion
    /// does not hold against what it had not seen (rule R3), and then all versions show (rule R6).
    fn stands_beside(&self, write: Write, other: usize, visible: &Placed) -> bool {
        let of = |write: &Write| visible.get(write).into_iter().flatten();
        let here: BTreeSet<&str> = of(&write).map(|path| place(path)).collect();
        let fresh = |number: &Write| {
            let written = self.writes.get(number);
            *number > self.before && written.is_some_and(|written| written.side == other)
        };
        visible
            .keys()
            .filter(|number| fresh(number))
            .any(|number| of(number).any(|path| here.contains(place(path))))
    }

    /// Where a write was when the round began, or where it was written in this round.
    fn places(&self, write: Write) -> impl Iterator<Item = &str> {
        let fresh = write > self.before;
        let made = self.writes.get(&write).filter(move |_| fresh);
        let made = made.map(|written| written.path.as_str());
        let were = self.placed.get(&write).into_iter().flatten();
        were.map(String::as_str).chain(made).map(place)
    }

    /// The devices have met and are the same, with these writes at these places: what comes now is
    /// another round.
    pub(crate) fn next_round(&mut self, placed: Placed) {
        self.deleted = Default::default();
        self.touched = Default::default();
        self.written_at = Default::default();
        self.story.clear();
        self.placed = placed;
        self.before = self.writes.len() as Write;
    }
}

/// The path of the file that a conflict copy stands beside; of any other file its own.
fn place(path: &str) -> &str {
    path.split_once(" (conflict ")
        .map_or(path, |(file, _)| file)
}

#[cfg(test)]
fn seen(writes: &[(Write, &str)]) -> Placed {
    let one = |(write, path): &(Write, &str)| (*write, BTreeSet::from([(*path).to_owned()]));
    writes.iter().map(one).collect()
}

#[test]
fn the_account_finds_what_is_lost_and_what_came_back() {
    let mut account = Account::default();
    let (one, two) = (account.begin(0, "a"), account.begin(0, "b"));
    account.next_round(Placed::default());
    let three = account.begin(1, "c");
    account.overwritten(1, three, one);
    account.deleted(0, two);
    assert_eq!(account.lost(&seen(&[(three, "c")])), Vec::<String>::new());
    assert_eq!(account.lost(&Placed::default()).len(), 1);
    assert_eq!(account.resurrected(&seen(&[(two, "b")])).len(), 1);
    account.next_round(Placed::default());
    account.deleted(0, two);
    account.deleted(1, two);
    assert_eq!(account.resurrected(&seen(&[(two, "b")])).len(), 2);
    account.next_round(Placed::default());
    account.deleted(0, two);
    // Somebody renamed it at the same time: then it may live.
    account.touched(1, two);
    assert!(account.resurrected(&seen(&[(two, "b")])).is_empty());
}

#[test]
fn the_account_knows_what_races_by_where_it_is_and_not_by_where_it_was_written() {
    let mut account = Account::default();
    let (main, copy) = (account.begin(0, "folder/e"), account.begin(1, "folder/e"));
    let placed = seen(&[(main, "e"), (copy, "e (conflict 86e5 VIjr)")]);
    let back = seen(&[(copy, "e")]);
    account.next_round(placed.clone());
    account.deleted(0, copy);
    account.begin(1, "folder/e");
    assert_eq!(account.resurrected(&back).len(), 1);
    account.begin(1, "e");
    assert!(account.resurrected(&back).is_empty());
    // Who deletes one version makes a file of the other.
    account.next_round(placed);
    account.deleted(0, copy);
    assert_eq!(account.resurrected(&back).len(), 1);
    account.deleted(1, main);
    assert!(account.resurrected(&back).is_empty());
}

#[test]
fn the_account_lets_both_versions_of_what_was_made_twice_stand() {
    let mut account = Account::default();
    let before = account.begin(0, "new/m");
    account.next_round(Placed::default());
    let made = account.begin(1, "new/n");
    account.deleted(1, made);
    let other = account.begin(0, "old/n");
    let both = seen(&[(made, "new/n"), (other, "new/n (conflict 86e5 VIjr)")]);
    assert!(account.resurrected(&both).is_empty());
    let alone = seen(&[(made, "new/n"), (other, "old/n"), (before, "new/n")]);
    assert_eq!(account.resurrected(&alone).len(), 1);
}

//! Forks of content logs: one author, one number, two entries. Names the branches, and decides which one
//! counts, the same on every replica that holds the same entries, in whatever order they came
//! (security.md §2.6). Knows headers and who wrote them; what stands by itself is for the caller to say.
//!
//! Of the branches that begin at one place, the choice is narrowed step by step:
//!
//! 1. to those that an admin's word makes final. That is a checkpoint, once there are any; the cut of a
//!    removal is such a word already, as what it does not let stand is no candidate;
//! 2. to those that a member other than the author *vouches* for: some entry of theirs, standing with all
//!    that it builds on, has this one in its past and none of the others;
//! 3. to the one whose first entry has the smallest id.
//!
//! Whether an entry *stands* is asked without regard to forks, so that the question does not refer to
//! itself; and without regard to what is inside, which would take a document for each branch to say: who
//! can have something meaningless vouch can have something meaningful vouch just as well.
//!
//! F2 of §2.6 would have nobody build on a forked log any more. Here what shows is what the winner makes
//! of the document, and what is written on top of it builds on it and vouches for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::{
    domain::context,
    entry::EntryHeader,
    ids::{BindId, EntryId, LogId, MemberId},
    kdf::derive_fields,
};

/// The name of a branch of a log that parts: the log, and the branch's first entry.
pub fn branch_id(log: &LogId, first: &EntryId) -> LogId {
    LogId(derive_fields(context::BRANCH_ID, &[&log.0, &first.0]))
}

/// A place where a log parts: the log, and the entry before (for its first number, the log's own id).
pub type Place = (LogId, [u8; 32]);

/// See the module.
#[derive(Debug, Default)]
pub struct Forks {
    places: BTreeMap<Place, Parted>,
    /// The first entries of all branches.
    firsts: HashMap<EntryId, Place>,
    /// Entries that stand, with the first entries that are in their past or are themselves.
    standing: HashMap<EntryId, Arc<BTreeSet<EntryId>>>,
    /// First entries that somebody vouches for.
    vouched: BTreeSet<EntryId>,
    none: Arc<BTreeSet<EntryId>>,
}

#[derive(Debug)]
struct Parted {
    author: BindId,
    firsts: BTreeSet<EntryId>,
}

impl Forks {
    /// Whether no log parts.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The devices that forked a log.
    pub fn authors(&self) -> BTreeSet<BindId> {
        let parted = self.places.values().filter(|all| all.firsts.len() > 1);
        parted.map(|parted| parted.author).collect()
    }

    /// The places where logs part, each with the first entries of its branches.
    pub fn places(&self) -> impl Iterator<Item = (&Place, &BTreeSet<EntryId>)> {
        self.places
            .iter()
            .map(|(place, parted)| (place, &parted.firsts))
    }

    /// Notes the first entry of a branch. What was weighed so far did not ask about it, and is to be
    /// weighed again.
    pub fn note(&mut self, place: Place, author: BindId, first: EntryId) {
        let parted = self.places.entry(place).or_insert_with(|| Parted {
            author,
            firsts: BTreeSet::new(),
        });
        parted.firsts.insert(first);
        self.firsts.insert(first, place);
        self.forget();
    }

    /// Forgets what was weighed: after a change of who stands, or a new branch.
    pub fn forget(&mut self) {
        self.standing.clear();
        self.vouched.clear();
    }

    /// Whether an entry was weighed, so that what builds on it can be.
    fn stands(&self, id: &EntryId) -> bool {
        self.standing.contains_key(id)
    }

    /// Weighs an entry that by itself stands. Everything that it builds on must have been weighed; returns
    /// the first that was not. `member` says whose a device is.
    ///
    /// # Errors
    /// The entry to be weighed before.
    pub fn weigh(
        &mut self,
        header: &EntryHeader,
        member: impl Fn(&BindId) -> Option<MemberId>,
    ) -> Result<(), EntryId> {
        let id = header.id();
        let mut past = self.none.clone();
        for link in header.predecessor().iter().chain(&header.deps) {
            let below = self.standing.get(link).ok_or(*link)?;
            if past.is_empty() {
                past = below.clone();
            } else if !below.is_subset(&past) {
                Arc::make_mut(&mut past).extend(below.iter().copied());
            }
        }
        if self.firsts.contains_key(&id) {
            Arc::make_mut(&mut past).insert(id);
        }
        let by = member(&header.bind);
        for first in past.iter() {
            let Some(parted) = self.firsts.get(first).and_then(|at| self.places.get(at)) else {
                continue;
            };
            let others = parted.firsts.iter().filter(|other| *other != first);
            let alone = !others.into_iter().any(|other| past.contains(other));
            if alone && by.is_some() && by != member(&parted.author) {
                self.vouched.insert(*first);
            }
        }
        self.standing.insert(id, past);
        Ok(())
    }

    /// The first entry of the branch that counts at a place, by all that was weighed.
    pub fn winner(&self, place: &Place) -> Option<EntryId> {
        let firsts = &self.places.get(place)?.firsts;
        let of = |keep: &dyn Fn(&EntryId) -> bool| firsts.iter().find(|first| keep(first)).copied();
        // In the order of their ids, so that the first that is found is the smallest.
        of(&|first| self.vouched.contains(first))
            .or_else(|| of(&|first| self.stands(first)))
            .or_else(|| firsts.first().copied())
    }

    /// Whether an entry begins a branch that another one at its place wins over.
    pub fn loses(&self, first: &EntryId) -> bool {
        self.firsts
            .get(first)
            .is_some_and(|place| self.winner(place) != Some(*first))
    }
}

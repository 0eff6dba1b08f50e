//! The search for the place where two copies of one log part. Does not know what to do about it.
//!
//! Both copies begin alike and, once they differ, differ for good, since an entry's id covers its
//! predecessor's. So the place is found by asking for ids, [`MAX_PROBES`] at a time. Each answer
//! shrinks the range whatever it says, so a peer that answers at random ends the search too.

use super::message::MAX_PROBES;
use crate::types::EntryId;

/// What is known about two copies of a log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Fork {
    /// Nothing speaks for a fork.
    #[default]
    None,
    /// Ids were asked for.
    Searching(Search),
    /// The place is found, and the other side's entry there has been asked for.
    Fetching(Parting),
    /// Reported. The peer is not asked for this log any more.
    Known(Parting),
}

/// Where two logs part: the first number at which they hold different entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parting {
    pub(super) at: u64,
    pub(super) ours: EntryId,
    pub(super) theirs: EntryId,
}

/// A search under way: entries below `equal_below` are the same; all that is known to differ is at
/// `differs.at`, and everything from `unknown_below` on has not been, or need not be, looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Search {
    equal_below: u64,
    unknown_below: u64,
    differs: Option<Parting>,
}

/// How a search stands after an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Ask on, with [`Search::probes`].
    NotYet,
    /// The copies part here.
    Parted(Parting),
    /// The copies are the same as far as both reach.
    Same,
}

impl Search {
    /// Begins a search among the first `common` entries, which both copies have.
    pub(super) fn among(common: u64) -> Self {
        Self {
            equal_below: 0,
            unknown_below: common,
            differs: None,
        }
    }

    /// The numbers to ask for: evenly spread, the last of the range always among them.
    pub(super) fn probes(&self) -> Vec<u64> {
        let span = self.unknown_below.saturating_sub(self.equal_below);
        let count = span.min(MAX_PROBES as u64);
        (1..=count)
            .map(|i| {
                // Below 2^48 * 32 by the limits on lengths: no overflow.
                self.equal_below + span * i / count - 1
            })
            .collect()
    }

    /// Takes in one answer. `ours` looks up our own ids.
    pub(super) fn answer(
        &mut self,
        ids: &[(u64, Option<EntryId>)],
        ours: impl Fn(u64) -> Option<EntryId>,
    ) -> Found {
        let asked = self.probes();
        for &(seq, theirs) in ids.iter().filter(|(seq, _)| asked.contains(seq)) {
            match (ours(seq), theirs) {
                (Some(ours), Some(theirs)) if ours == theirs => {
                    self.equal_below = self.equal_below.max(seq + 1);
                }
                (Some(ours), Some(theirs)) if seq < self.unknown_below => {
                    self.unknown_below = seq;
                    self.differs = Some(Parting {
                        at: seq,
                        ours,
                        theirs,
                    });
                }
                // They said that they have it, and do not, or the answers contradict each other.
                _ => self.unknown_below = self.unknown_below.min(seq),
            }
        }
        // The probes that were left out count as not there.
        if !asked
            .iter()
            .any(|seq| ids.iter().any(|(answered, _)| answered == seq))
        {
            return Found::Same;
        }
        if self.equal_below < self.unknown_below {
            return Found::NotYet;
        }
        match self.differs {
            Some(parting) if parting.at == self.equal_below => Found::Parted(parting),
            _ => Found::Same,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(branch: u8, seq: u64) -> EntryId {
        let mut bytes = [branch; 32];
        bytes[..8].copy_from_slice(&seq.to_le_bytes());
        EntryId(bytes)
    }

    fn search(
        ours: impl Fn(u64) -> EntryId,
        theirs: impl Fn(u64) -> EntryId,
        common: u64,
    ) -> (Found, u32) {
        let mut search = Search::among(common);
        for round in 1..100 {
            let answer: Vec<_> = search
                .probes()
                .into_iter()
                .map(|s| (s, Some(theirs(s))))
                .collect();
            match search.answer(&answer, |s| Some(ours(s))) {
                Found::NotYet => {}
                found => return (found, round),
            }
        }
        (Found::NotYet, 100)
    }

    #[test]
    fn the_first_difference_is_found_in_few_rounds() {
        for common in [1u64, 2, 31, 32, 33, 1000, 1 << 30] {
            for at in [0, 1, 30, 31, 32, 999, common / 2, common - 1] {
                if at >= common {
                    continue;
                }
                let branch = |s| if s < at { id(0, s) } else { id(1, s) };
                let (found, rounds) = search(|s| id(0, s), branch, common);
                let parting = Parting {
                    at,
                    ours: id(0, at),
                    theirs: id(1, at),
                };
                assert_eq!(found, Found::Parted(parting), "common {common}, at {at}");
                assert!(rounds <= 7, "{rounds} rounds");
            }
            let (found, rounds) = search(|s| id(0, s), |s| id(0, s), common);
            assert_eq!((found, rounds), (Found::Same, 1));
        }
    }

    #[test]
    fn a_peer_that_answers_nonsense_ends_the_search() {
        let mut search = Search::among(1 << 40);
        for round in 0..100 {
            let answer: Vec<_> = search
                .probes()
                .into_iter()
                .map(|s| {
                    (
                        s,
                        if s % 3 == round % 3 {
                            Some(id(0, s))
                        } else {
                            None
                        },
                    )
                })
                .collect();
            if search.answer(&answer, |s| Some(id(0, s))) != Found::NotYet {
                return;
            }
        }
        panic!("the search went on");
    }

    #[test]
    fn an_empty_answer_ends_the_search() {
        let mut search = Search::among(100);
        assert_eq!(search.answer(&[], |s| Some(id(0, s))), Found::Same);
        assert_eq!(
            search.answer(&[(7777, None)], |s| Some(id(0, s))),
            Found::Same
        );
    }
}

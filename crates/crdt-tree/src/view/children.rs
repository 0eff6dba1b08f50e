//! The entries of one folder in order of their names, small: the names are kept by the slots, and asked
//! of whoever holds those. Knows nothing of names itself.

use std::cmp::Ordering;

use super::SlotId;

/// Most entries of one run: long enough that a folder of a million has few runs, short enough that an
/// entry put in the middle moves little memory (2 KiB).
const MAX_RUN: usize = 512;

/// Slots in order, in runs. No run is empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Children {
    runs: Vec<Vec<SlotId>>,
}

/// A place among the children: run, and place in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Spot {
    run: usize,
    at: usize,
}

impl Children {
    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Where the child is that `order` calls equal, or where it would be. `order` tells how a child
    /// compares with what is sought, and must follow the order of the children.
    pub(super) fn seek(&self, order: impl Fn(SlotId) -> Ordering) -> Result<Spot, Spot> {
        let begins_after = |run: &Vec<SlotId>| run.first().is_some_and(|at| order(*at).is_gt());
        let after = self.runs.partition_point(|run| !begins_after(run));
        let Some(run) = after.checked_sub(1) else {
            return Err(Spot { run: 0, at: 0 });
        };
        match self.runs[run].binary_search_by(|at| order(*at)) {
            Ok(at) => Ok(Spot { run, at }),
            Err(at) => Err(Spot { run, at }),
        }
    }

    pub(super) fn get(&self, spot: Spot) -> Option<SlotId> {
        self.runs.get(spot.run)?.get(spot.at).copied()
    }

    /// Puts a child where `seek` found none.
    pub(super) fn insert(&mut self, spot: Spot, child: SlotId) {
        if self.runs.is_empty() {
            self.runs.push(Vec::new());
        }
        let run = &mut self.runs[spot.run];
        run.insert(spot.at, child);
        if run.len() > MAX_RUN {
            let rest = run.split_off(MAX_RUN / 2);
            run.shrink_to_fit();
            self.runs.insert(spot.run + 1, rest);
        }
    }

    /// Puts a child in the place of another.
    pub(super) fn replace(&mut self, spot: Spot, child: SlotId) {
        if let Some(at) = self
            .runs
            .get_mut(spot.run)
            .and_then(|run| run.get_mut(spot.at))
        {
            *at = child;
        }
    }

    pub(super) fn remove(&mut self, spot: Spot) {
        let Some(run) = self.runs.get_mut(spot.run) else {
            return;
        };
        run.remove(spot.at);
        if run.is_empty() {
            self.runs.remove(spot.run);
        }
    }

    /// All from the spot on.
    pub(super) fn from(&self, spot: Spot) -> impl Iterator<Item = SlotId> {
        let rest = self.runs.get(spot.run).and_then(|run| run.get(spot.at..));
        let later = self.runs.get(spot.run + 1..).unwrap_or_default();
        rest.into_iter()
            .chain(later.iter().map(Vec::as_slice))
            .flatten()
            .copied()
    }

    /// All.
    pub(super) fn iter(&self) -> impl Iterator<Item = SlotId> {
        self.runs.iter().flatten().copied()
    }
}

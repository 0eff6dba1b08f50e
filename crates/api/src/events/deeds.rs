//! Who did what since the daemon started: the latest of each drive. Knows no drive but by its id.

use std::collections::{BTreeMap, VecDeque};

use parking_lot::Mutex;

use crate::dto::{Activity, Change, Who};

/// Kept of each drive; the oldest make way.
const KEPT: usize = 1000;

/// Most in one answer.
const PAGE: usize = 200;

/// What was done in each drive.
#[derive(Debug, Default)]
pub(crate) struct Deeds(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The last number that was given.
    number: u64,
    drives: BTreeMap<String, VecDeque<Activity>>,
}

impl Deeds {
    /// Takes in what one member did at one time. `at` is in milliseconds since 1970.
    pub(crate) fn add(&self, drive: &str, at: u64, who: Who, changes: Vec<Change>, count: u32) {
        let mut inner = self.0.lock();
        inner.number += 1;
        let number = inner.number;
        let items = inner.drives.entry(drive.to_owned()).or_default();
        if items.len() >= KEPT {
            items.pop_front();
        }
        items.push_back(Activity {
            number,
            at,
            who,
            changes,
            count,
        });
    }

    /// The newest `limit` of them before a number, the newest first, and whether there are more.
    pub(crate) fn page(
        &self,
        drive: &str,
        before: Option<u64>,
        limit: u32,
    ) -> (Vec<Activity>, bool) {
        let inner = self.0.lock();
        let Some(items) = inner.drives.get(drive) else {
            return (Vec::new(), false);
        };
        let end = match before {
            Some(before) => items.partition_point(|item| item.number < before),
            None => items.len(),
        };
        let wanted = usize::try_from(limit).map_or(PAGE, |limit| limit.min(PAGE));
        let page = items.range(..end).rev().take(wanted).cloned().collect();
        (page, end > wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deed(deeds: &Deeds, drive: &str) {
        let who = Who {
            member: None,
            name: String::new(),
            you: true,
        };
        deeds.add(drive, 7, who, Vec::new(), 1);
    }

    fn numbers(page: &[Activity]) -> Vec<u64> {
        page.iter().map(|item| item.number).collect()
    }

    #[test]
    fn pages_follow_each_other_without_a_gap() {
        let deeds = Deeds::default();
        for _ in 0..5 {
            deed(&deeds, "a");
            deed(&deeds, "b");
        }
        let (page, more) = deeds.page("a", None, 2);
        assert_eq!((numbers(&page), more), (vec![9, 7], true));
        let (page, more) = deeds.page("a", Some(7), 2);
        assert_eq!((numbers(&page), more), (vec![5, 3], true));
        let (page, more) = deeds.page("a", Some(3), 2);
        assert_eq!((numbers(&page), more), (vec![1], false));
        assert_eq!(deeds.page("a", Some(1), 2), (Vec::new(), false));
        assert_eq!(deeds.page("c", None, 2), (Vec::new(), false));
    }

    #[test]
    fn the_oldest_make_way_and_no_answer_is_endless() {
        let deeds = Deeds::default();
        for _ in 0..KEPT + 10 {
            deed(&deeds, "a");
        }
        let (page, more) = deeds.page("a", None, u32::MAX);
        assert_eq!((page.len(), more), (PAGE, true));
        let (page, more) = deeds.page("a", Some(11), u32::MAX);
        assert_eq!((page.len(), more), (0, false));
    }
}

//! When to look at a path: events are gathered, postponed while a file is being written, and handed
//! out when due. Knows no files; time is passed in.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A file that is not closed is taken when nothing happened to it for this long.
pub(super) const REST: Duration = Duration::from_millis(100);
/// A new file waits this long: programs that save by "write another, rename it over" need less.
pub(super) const NEWCOMER: Duration = Duration::from_millis(40);
/// A new file whose name programs use in passing waits this long.
pub(super) const PASSING: Duration = Duration::from_secs(2);
/// An entry that vanished is a deletion after this long: until then it may show up elsewhere (a move
/// whose halves came apart) or again in its place (a save by delete and create).
pub(super) const VANISHED: Duration = Duration::from_millis(250);

/// A path to look at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Look {
    pub(super) path: String,
    /// With everything below it.
    pub(super) deep: bool,
    /// The file there was closed or renamed into place: it is whole as it is.
    pub(super) whole: bool,
}

#[derive(Clone, Copy, Debug)]
struct Due {
    at: Instant,
    deep: bool,
    whole: bool,
}

/// Paths to look at, by when.
#[derive(Debug, Default)]
pub(super) struct Rest {
    paths: BTreeMap<String, Due>,
}

impl Rest {
    /// Something happened at a path; look at it at `at` at the latest.
    pub(super) fn look(&mut self, path: &str, at: Instant, deep: bool) {
        let due = self.paths.entry(path.to_owned()).or_insert(Due {
            at,
            deep,
            whole: false,
        });
        due.at = due.at.min(at);
        due.deep |= deep;
    }

    /// The file at a path was closed or renamed into place.
    pub(super) fn whole(&mut self, path: &str, now: Instant) {
        let due = self.paths.entry(path.to_owned()).or_insert(Due {
            at: now,
            deep: false,
            whole: true,
        });
        due.at = now;
        due.whole = true;
    }

    /// The file at a path is being written to: not before it rests.
    pub(super) fn writing(&mut self, path: &str, now: Instant) {
        let due = self.paths.entry(path.to_owned()).or_insert(Due {
            at: now + REST,
            deep: false,
            whole: false,
        });
        due.at = now + REST;
        due.whole = false;
    }

    /// Hands out what is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Look> {
        let due: Vec<String> = self
            .paths
            .iter()
            .filter(|(_, due)| due.at <= now)
            .map(|(path, _)| path.clone())
            .collect();
        due.into_iter()
            .filter_map(|path| self.paths.remove_entry(&path))
            .map(|(path, due)| Look {
                path,
                deep: due.deep,
                whole: due.whole,
            })
            .collect()
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.paths.values().map(|due| due.at).min()
    }

    pub(super) fn len(&self) -> usize {
        self.paths.len()
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.keys().map(String::as_str)
    }
}

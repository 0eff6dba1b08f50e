//! Events of the operating system, reduced to paths. Believes none of them: they say where to look.
//!
//! Folders are watched one by one, each just before it is listed, so that nothing falls between the
//! list and the watch (a recursive watch misses what is created in a new folder before it is added).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RemoveKind, RenameMode};
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// What happened at a path, as far as it matters when to look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Hint {
    /// Look at it.
    Look,
    /// A folder came to be: look at all of it.
    Deep,
    /// It is being written to.
    Writing,
    /// It was closed after writing, or renamed into place.
    Whole,
}

#[derive(Debug, Default)]
struct Gathered {
    paths: HashMap<PathBuf, Hint>,
    /// Events were lost: everything has to be looked at.
    lost: bool,
    /// The system watches no more folders.
    limited: bool,
}

/// What the watcher's thread gathered, and a bell.
#[derive(Debug, Default)]
pub(super) struct Gatherer {
    gathered: Mutex<Gathered>,
    pub(super) bell: Notify,
}

/// Beyond this many paths at once, looking at everything is cheaper.
const MOST_PATHS: usize = 100_000;

/// A watcher; without one (`limited`) the folder is looked at every so often.
#[derive(Debug)]
pub(super) struct Watch {
    watcher: Option<RecommendedWatcher>,
    gatherer: Arc<Gatherer>,
    limited: bool,
}

impl Watch {
    /// Starts watching nothing yet.
    pub(super) fn start() -> Watch {
        let gatherer = Arc::new(Gatherer::default());
        let sink = gatherer.clone();
        match notify::recommended_watcher(move |event| sink.take(event)) {
            Ok(watcher) => Watch {
                watcher: Some(watcher),
                gatherer,
                limited: false,
            },
            Err(error) => {
                tracing::warn!(%error, "the folder cannot be watched, it is looked at from time to time instead");
                Watch {
                    watcher: None,
                    gatherer,
                    limited: true,
                }
            }
        }
    }

    pub(super) fn gatherer(&self) -> Arc<Gatherer> {
        self.gatherer.clone()
    }

    /// Watches one folder.
    pub(super) fn add(&mut self, root: &Path, rel: &str) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        match watcher.watch(&root.join(rel), RecursiveMode::NonRecursive) {
            Ok(()) => {}
            Err(error) if matches!(error.kind, ErrorKind::PathNotFound) => {}
            Err(error) => {
                if !self.limited {
                    tracing::warn!(%error, "not every folder can be watched, all are looked at from time to time instead");
                }
                self.limited = true;
            }
        }
    }

    /// Whether some folder is not watched.
    pub(super) fn is_limited(&self) -> bool {
        self.limited
    }

    /// Takes what was gathered: paths relative to `root`, and whether everything has to be looked at.
    pub(super) fn drain(&mut self, root: &Path) -> (Vec<(String, Hint)>, bool) {
        let gathered = std::mem::take(&mut *self.gatherer.gathered.lock());
        self.limited |= gathered.limited;
        let mut paths: Vec<(String, Hint)> = gathered
            .paths
            .into_iter()
            .filter_map(|(path, hint)| {
                let path = path.strip_prefix(root).ok()?;
                // Of a name that is no text only its folder can be looked at.
                Some(match path.to_str() {
                    Some(path) => (path.to_owned(), hint),
                    None => (
                        path.ancestors().find_map(Path::to_str)?.to_owned(),
                        Hint::Deep,
                    ),
                })
            })
            .collect();
        paths.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        (paths, gathered.lost)
    }
}

impl Gatherer {
    fn take(&self, event: notify::Result<Event>) {
        let mut gathered = self.gathered.lock();
        match event {
            Ok(event) => {
                gathered.lost |= event.need_rescan();
                let Some(hint) = hint(&event.kind) else {
                    if event.need_rescan() {
                        self.bell.notify_one();
                    }
                    return;
                };
                for path in event.paths {
                    gathered.add(path, hint);
                }
            }
            Err(error) => {
                gathered.lost = true;
                gathered.limited |= matches!(error.kind, ErrorKind::MaxFilesWatch);
            }
        }
        drop(gathered);
        self.bell.notify_one();
    }
}

impl Gathered {
    fn add(&mut self, path: PathBuf, hint: Hint) {
        if self.paths.len() >= MOST_PATHS {
            self.paths.clear();
            self.lost = true;
        }
        if !self.lost {
            let known = self.paths.entry(path).or_insert(hint);
            // A folder that came to be stays one to look at in full, whatever happens to it next.
            if *known != Hint::Deep && !(*known == Hint::Whole && hint == Hint::Look) {
                *known = hint;
            }
        }
    }
}

fn hint(kind: &EventKind) -> Option<Hint> {
    Some(match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Hint::Whole,
        EventKind::Access(_) => return None,
        EventKind::Create(CreateKind::Folder) => Hint::Deep,
        // The watcher knows folders by path and forgets whatever it has under this one, also what came to
        // stand there since: that is watched again as it is listed.
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) => Hint::Deep,
        EventKind::Remove(RemoveKind::Folder | RemoveKind::Any | RemoveKind::Other) => Hint::Deep,
        EventKind::Modify(ModifyKind::Data(_)) => Hint::Writing,
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Hint::Whole,
        // Both halves were told one by one already.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => return None,
        EventKind::Other => return None,
        _ => Hint::Look,
    })
}

#[cfg(test)]
mod tests {
    use notify::event::Flag;

    use super::*;

    #[test]
    fn an_overflow_without_a_path_means_that_everything_is_looked_at() {
        let mut watch = Watch::start();
        let gatherer = watch.gatherer();
        let root = Path::new("/drive");
        gatherer.take(Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan)));
        assert_eq!(watch.drain(root), (Vec::new(), true));
        assert_eq!(watch.drain(root), (Vec::new(), false));
    }

    #[test]
    fn where_a_folder_was_everything_is_watched_anew() {
        let gone = [
            EventKind::Remove(RemoveKind::Folder),
            EventKind::Modify(ModifyKind::Name(RenameMode::From)),
        ];
        assert_eq!(gone.map(|kind| hint(&kind)), [Some(Hint::Deep); 2]);
        assert_eq!(hint(&EventKind::Remove(RemoveKind::File)), Some(Hint::Look));
    }

    #[test]
    fn more_paths_than_are_worth_naming_mean_the_same() {
        let mut watch = Watch::start();
        let gatherer = watch.gatherer();
        let root = Path::new("/drive");
        for n in 0..=MOST_PATHS {
            let event = Event::new(EventKind::Create(CreateKind::File));
            gatherer.take(Ok(event.add_path(root.join(n.to_string()))));
        }
        let (paths, lost) = watch.drain(root);
        assert!(lost && paths.len() <= 1, "{} paths", paths.len());
    }

    #[test]
    fn a_limit_of_the_system_is_remembered_and_its_events_count_as_lost() {
        let mut watch = Watch::start();
        let gatherer = watch.gatherer();
        gatherer.take(Err(notify::Error::new(ErrorKind::MaxFilesWatch)));
        assert!(watch.drain(Path::new("/drive")).1);
        assert!(watch.is_limited());
    }
}

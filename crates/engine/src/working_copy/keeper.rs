//! What a working copy is while it runs: the open root, the in-step tree, and what is to be done.
//! `take_in` and `checkout` work on it, `worker` drives it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use peerdrive_crdt_tree::id::NodeId;

use super::ahead::Ahead;
use super::aside::Aside;
use super::beneath::{Root, Stat};
use super::ignored::Ignored;
use super::in_step::{Held, InStep, Record};
use super::linger::{Lingering, Stub};
use super::marker::{self, Marked};
use super::names::DiskRules;
use super::port::Drive;
use super::rest::{Look, Rest};
use super::retry::Retry;
use super::scan::{Observed, Scan, Seen};
use super::status::{Problem, Problems, Shared, WorkingCopyOptions, hint_for};
use super::watch::Watch;

/// By then the watcher has heard of a move, on a busy machine too.
const HEARD: Duration = Duration::from_secs(1);

/// What is on this disk and failed is looked at this often at least: most of it is only in use for a moment,
/// and nobody tells when a disk has room again.
const LONGEST_IN: Duration = Duration::from_secs(8);

/// The same for what comes from the drive.
const LONGEST_OUT: Duration = Duration::from_secs(60);

/// Paths to show, by the folder that they are in.
pub(super) type Unnamed = BTreeMap<String, Vec<String>>;

pub(super) struct Keeper<D: Drive> {
    pub(super) drive: Arc<D>,
    pub(super) options: WorkingCopyOptions,
    pub(super) root: Arc<Root>,
    pub(super) rules: DiskRules,
    pub(super) in_step: InStep,
    pub(super) ignored: Ignored,
    pub(super) watch: Watch,
    /// Local paths to look at.
    pub(super) rest: Rest,
    /// Moved folders to look at once more, and when.
    pub(super) again: BTreeMap<String, Instant>,
    /// Folders were moved since somebody asked.
    pub(super) stirred: bool,
    /// Nodes whose view may differ from what is on disk.
    pub(super) dirty: BTreeSet<NodeId>,
    /// Files that are written out of the way.
    pub(super) aside: Aside,
    /// Large files that are read out of the way.
    pub(super) ahead: Ahead,
    /// Dirty nodes that are not tried before their time.
    pub(super) later: HashMap<NodeId, Retry>,
    /// Paths that failed and wait for their next turn.
    pub(super) failed_paths: HashMap<String, Retry>,
    /// Those whose turn it is, as they stood before it.
    pub(super) tried_paths: HashMap<String, Retry>,
    /// Entries that vanished, and when that is a deletion.
    pub(super) vanished: BTreeMap<NodeId, Instant>,
    /// When the last entry was found to have vanished.
    pub(super) last_vanished: Instant,
    pub(super) deletions: DeletionGuard,
    /// A reader's local changes, by path, as they were when they were reported.
    pub(super) local_only: BTreeMap<String, Option<Stat>>,
    pub(super) problems: Problems,
    /// Entries whose names are no text, by the folder they are in, as it was listed last.
    pub(super) unnamed: Unnamed,
    pub(super) shared: Arc<Shared>,
    /// Names temporary files.
    pub(super) next_temp: u64,
    /// Replaced and removed files, for a moment.
    pub(super) lingering: VecDeque<Lingering>,
}

/// Counts deletions, so that half a drive does not go without a yes.
#[derive(Debug, Default)]
pub(super) struct DeletionGuard {
    since: Option<Instant>,
    files_then: usize,
    deleted: usize,
    /// Files that were made here since: what a build makes and removes again and again is not most of a
    /// drive. What was there when the deletions began always counts.
    made: BTreeSet<NodeId>,
    /// Nodes that wait for a yes.
    pub(super) asked: BTreeSet<NodeId>,
    /// The yes was given for these.
    pub(super) allowed: BTreeSet<NodeId>,
}

impl DeletionGuard {
    /// A drive of at most this many files is deleted without a question.
    const SMALL: usize = 100;
    /// A tool that deletes file by file is one deletion if it pauses for less than this.
    const ONE_STROKE: Duration = Duration::from_secs(60);

    /// More than this many are not remembered, and count as if they had been there before.
    const MOST_MADE: usize = 20_000;

    /// A file was made here.
    pub(super) fn made(&mut self, id: NodeId, now: Instant) {
        if self.goes_on(now) && self.made.len() < Self::MOST_MADE {
            self.made.insert(id);
        }
    }

    /// Whether a file was made here since the deletions began.
    pub(super) fn is_fresh(&self, id: NodeId, now: Instant) -> bool {
        self.goes_on(now) && self.made.contains(&id)
    }

    /// A file is gone.
    pub(super) fn gone(&mut self, id: NodeId) {
        self.made.remove(&id);
    }

    fn goes_on(&self, now: Instant) -> bool {
        self.since
            .is_some_and(|since| now.duration_since(since) <= Self::ONE_STROKE)
    }

    /// Whether `more` files may be deleted now from a drive that has `files` left.
    pub(super) fn admit(&mut self, more: usize, files: usize, now: Instant) -> bool {
        if !self.goes_on(now) {
            self.made.clear();
            (self.since, self.files_then, self.deleted) = (Some(now), files, 0);
        }
        let old = files.saturating_sub(self.made.len());
        self.files_then = self.files_then.max(old);
        let ok = self.files_then <= Self::SMALL || (self.deleted + more) * 2 <= self.files_then;
        if ok {
            self.deleted += more;
        }
        ok
    }
}

/// Why the folder cannot be touched at the moment.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Pause {
    /// Unmounted, renamed or removed.
    #[error(
        "the folder is not where it was; mount its disk or put it back, nothing is changed until then"
    )]
    RootGone,
    /// There, but not marked as this drive's.
    #[error(
        "the folder does not carry this drive's marker (.peerdrive/drive); put the right folder back, nothing is changed until then"
    )]
    NotOurs,
    /// The system does not let it be used.
    #[error("the folder cannot be used: {0}; nothing is changed until it can be")]
    Unusable(String),
    /// The drive takes no changes.
    #[error("{0}")]
    Drive(String),
}

impl<D: Drive> Keeper<D> {
    /// With nothing to do yet.
    pub(super) fn new(
        drive: Arc<D>,
        root: Root,
        rules: DiskRules,
        in_step: InStep,
        options: WorkingCopyOptions,
        shared: Arc<Shared>,
    ) -> Self {
        Keeper {
            drive,
            ignored: Ignored::new(&options.local_ignore),
            options,
            root: Arc::new(root),
            rules,
            in_step,
            watch: Watch::start(),
            rest: Rest::default(),
            again: BTreeMap::new(),
            stirred: false,
            dirty: BTreeSet::new(),
            aside: Aside::default(),
            ahead: Ahead::default(),
            later: HashMap::new(),
            failed_paths: HashMap::new(),
            tried_paths: HashMap::new(),
            vanished: BTreeMap::new(),
            last_vanished: Instant::now(),
            deletions: DeletionGuard::default(),
            local_only: BTreeMap::new(),
            problems: Problems::default(),
            unnamed: Unnamed::default(),
            shared,
            next_temp: 0,
            lingering: VecDeque::new(),
        }
    }

    /// Whether the folder is there and is this drive's: asked before anything is believed to be missing.
    pub(super) fn check_root(&self) -> Result<(), Pause> {
        if !self.root.still_there() {
            return Err(Pause::RootGone);
        }
        match marker::read(&self.root, &self.drive.id()) {
            Ok(Marked::Ours) => Ok(()),
            Ok(Marked::Missing | Marked::Other) => Err(Pause::NotOurs),
            Err(error) => Err(Pause::Unusable(error.to_string())),
        }
    }

    /// Goes by other options from now on. What they name is to be looked at anew on both sides.
    pub(super) fn choose(&mut self, options: WorkingCopyOptions) {
        self.ignored = Ignored::new(&options.local_ignore);
        self.options = options;
    }

    /// Looks at the disk.
    pub(super) fn scan(&mut self, looks: &[Look]) -> Observed {
        let Keeper {
            root,
            in_step,
            ignored,
            watch,
            ..
        } = self;
        let base = root.path().to_owned();
        let mut add = |rel: &str| watch.add(&base, rel);
        let mut scan = Scan::new(root, in_step, ignored, &mut add);
        if self.drive.can_write() {
            scan = scan.moves_first();
        }
        for look in looks {
            scan.look(&look.path, look.deep || look.whole);
        }
        scan.finish()
    }

    /// A folder came to another place. The watcher knows folders by path: if it hears of the move only after
    /// the new place was watched, it ends that watch and tells nobody. So it is looked at once more when
    /// that must have happened, and everything some time later.
    pub(super) fn watched_again(&mut self, path: &str, now: Instant) {
        self.again.insert(path.to_owned(), now + HEARD);
        self.stirred = true;
    }

    /// What is to be looked at once more.
    pub(super) fn take_again(&mut self, now: Instant) {
        let due: Vec<String> = self
            .again
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(path, _)| path.clone())
            .collect();
        for path in due {
            self.again.remove(&path);
            self.rest.look(&path, now, true);
        }
    }

    /// Notes that a local path could not be dealt with, and when to look again.
    pub(super) fn path_failed(
        &mut self,
        path: &str,
        reason: impl Into<String>,
        hint: &str,
        now: Instant,
    ) {
        let before = self.failed_paths.get(path);
        let before = before.or_else(|| self.tried_paths.get(path)).copied();
        let retry = Retry::failed(before, now, LONGEST_IN);
        self.problems.set(path, reason, hint);
        self.path_waits(path, retry);
    }

    /// A local path is looked at again when it is due, and nobody who waits for quiet waits for it.
    pub(super) fn path_waits(&mut self, path: &str, retry: Retry) {
        self.failed_paths.insert(path.to_owned(), retry);
        self.rest.look(path, retry.at, true);
    }

    /// These paths are looked at now: whether they fail is seen anew.
    pub(super) fn paths_tried(&mut self, looks: &[Look]) {
        self.tried_paths.clear();
        for look in looks {
            self.problems.clear(&look.path);
            self.tried_paths
                .extend(self.failed_paths.remove_entry(&look.path));
        }
    }

    pub(super) fn path_failed_io(&mut self, path: &str, error: &io::Error, now: Instant) {
        self.path_failed(path, error.to_string(), hint_for(error), now);
    }

    /// Takes note of what a look found to have no name that can be written down.
    pub(super) fn note_unnamed(&mut self, seen: &Observed, whole: bool) {
        if whole {
            self.unnamed.clear();
        }
        for (folder, names) in &seen.unnamed {
            self.unnamed.retain(|known, _| known != folder);
            if !names.is_empty() {
                self.unnamed.insert(folder.clone(), names.clone());
            }
        }
        // What was in a folder that is gone, or has another name now, is told of where it is found next.
        let gone = |path: &str| matches!(seen.at.get(path), Some(Seen::Absent));
        self.unnamed.retain(|folder, _| !above(folder).any(gone));
    }

    /// What there is to tell of entries without a name that can be written down.
    pub(super) fn unnamed_problems(&self) -> impl Iterator<Item = Problem> {
        self.unnamed.values().flatten().map(|path| Problem {
            path: path.clone(),
            reason: "its name is not UTF-8, so other devices cannot have it".into(),
            hint: "Rename it; it is taken in by itself then.".into(),
        })
    }

    /// A local path is dealt with.
    pub(super) fn path_done(&mut self, path: &str) {
        self.problems.clear(path);
        self.failed_paths.remove(path);
    }

    /// Notes that a node could not be written out, and when to try again.
    pub(super) fn node_failed(
        &mut self,
        id: NodeId,
        path: &str,
        reason: impl Into<String>,
        hint: &str,
        now: Instant,
    ) {
        let before = self.later.get(&id).copied();
        self.later
            .insert(id, Retry::failed(before, now, LONGEST_OUT));
        self.dirty.insert(id);
        self.problems.set_of(id, path, reason, hint);
    }

    /// A node has to be planned for again in a moment: something else comes first.
    pub(super) fn node_again(&mut self, id: NodeId, now: Instant) {
        let before = self.later.get(&id).copied();
        self.later.insert(id, Retry::passed_over(before, now));
        self.dirty.insert(id);
    }

    /// Local paths that failed and wait for their next turn.
    pub(super) fn failing_in(&self) -> usize {
        let failed = |path: &&str| self.failed_paths.contains_key(*path);
        self.rest.paths().filter(failed).count()
    }

    /// Nodes that failed and wait for their next turn.
    pub(super) fn failing_out(&self) -> usize {
        let reported = |id: &&NodeId| self.later.get(id).is_some_and(Retry::is_reported);
        self.dirty.iter().filter(reported).count()
    }

    /// Whether nothing is left that will be done by itself soon.
    pub(super) fn is_quiet(&self) -> bool {
        // What failed before may be tried once more just now.
        self.aside.len() + self.ahead.len() == 0
            && self.failing_in() == self.rest.len()
            && self.failing_out() == self.dirty.len()
    }

    /// A node is as the drive shows it.
    pub(super) fn node_done(&mut self, id: NodeId) {
        self.dirty.remove(&id);
        self.later.remove(&id);
        self.problems.clear_of(id);
    }

    /// Where the drive shows a node, as a path on this disk; only for messages.
    pub(super) fn drive_path(&self, id: NodeId) -> Option<String> {
        self.drive.view(|view| {
            let mut names = Vec::new();
            let mut at = id;
            while at != NodeId::ROOT && names.len() < 4096 {
                let node = view.get(at)?;
                names.push(node.name);
                at = node.parent;
            }
            names.reverse();
            Some(names.join("/"))
        })
    }

    /// A record of an entry that was looked at, and then read, at `seen_ns`.
    pub(super) fn record(
        &self,
        parent: NodeId,
        name: &str,
        held: Held,
        stat: Stat,
        seen_ns: i64,
    ) -> Record {
        Record {
            parent,
            name: name.to_owned(),
            held,
            stat,
            mode: stat.mode,
            mtime_ns: stat.mtime_ns,
            racy: too_young(&stat, seen_ns),
            left_behind: false,
        }
    }

    /// Jots down what changed in the records: from here on a crash of the program does not undo it.
    pub(super) fn jot(&mut self) {
        let rows = self.in_step.take_fresh();
        if !rows.is_empty() {
            self.drive.jot(rows);
        }
    }

    /// Forgets records whose place another took without their having found one: their entries are met
    /// as if for the first time, which loses nothing.
    pub(super) fn forget_displaced(&mut self) {
        for id in self.in_step.take_displaced() {
            for id in self.in_step.subtree(id).into_iter().rev() {
                self.in_step.remove(id);
                self.dirty.insert(id);
            }
        }
    }

    /// A path for a temporary file that will take the place of the entry of a node, or hold it: if
    /// there is one, its name says which it is, for the start after a crash.
    pub(super) fn temp_path(&mut self, id: NodeId) -> String {
        self.next_temp += 1;
        let stub = match self.in_step.get(id) {
            Some(record) => Stub::of(&record.stat, &record.name).write(self.next_temp),
            None => self.next_temp.to_string(),
        };
        format!("{}/{stub}", marker::TMP)
    }
}

/// A folder's path, and those of the folders above it.
fn above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| {
        path.rsplit_once('/').map(|(parent, _)| parent)
    })
}

/// Whether a file's times, read at `now_ns`, cannot prove that it will not have changed in that same
/// tick of the file system's clock. Ticks are at most 10 ms. A write sets both times: it shows if either
/// was not of this tick, so that a file of the future, which nobody wrote then, is not read for ever.
pub(super) fn too_young(stat: &Stat, now_ns: i64) -> bool {
    stat.mtime_ns.min(stat.ctime_ns) > now_ns - 20_000_000
}

/// Now, as file systems count: nanoseconds since 1970. Only ever compared with times of files here.
pub(super) fn wall_ns() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
        })
}

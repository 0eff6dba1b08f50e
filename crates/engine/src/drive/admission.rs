//! Which stored content counts, and the document made of exactly that (security.md §2.4): the verdict on
//! a log is how many of its first entries count, so it can change in both directions, and does when
//! control entries arrive. Knows no peer and no door.

use std::collections::HashSet;

use peerdrive_crdt_tree::event::TreeEvent;
use peerdrive_crdt_tree::id::Actor;
use peerdrive_crdt_tree::lint::Author;
use peerdrive_crdt_tree::tree::{ApplyError, DriveTree};
use peerdrive_crypto::body::ContentBody;
use peerdrive_crypto::entry::{Entry, Plane, kind};
use peerdrive_crypto::ids::{BindId, EntryId, LogId};
use peerdrive_crypto::membership::Stands;

use super::error::DriveError;
use super::replica::{Happened, Replica};

/// Most entries that one entry says it stands for.
const MOST_SUPERSEDED: usize = ContentBody::MAX_CHANGES;

/// How far one content log, or a branch of one, has been applied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    /// Whose log.
    pub(crate) bind: BindId,
    /// The log; its own name unless this is a branch.
    pub(crate) log: LogId,
    /// The number in the log of the first entry.
    pub(crate) first: u64,
    /// The entry before that, which is in another branch.
    pub(crate) before: Option<EntryId>,
    /// Another branch at its place counts.
    pub(crate) loses: bool,
    /// How many of its first entries are in the document.
    pub(crate) applied: u64,
    /// The last of those.
    pub(crate) tip: EntryId,
    /// What keeps the next one out.
    pub(crate) stop: Stop,
    /// The kind of all its entries, by its first: a log of checkpoints holds nothing else.
    pub(crate) kind: u8,
}

/// What keeps the next entry of a log out of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// There is none.
    Level,
    /// It builds on this one, which does not count or is not here.
    Waits(EntryId),
    /// Its author signed another entry with its number, and that one counts.
    Lost,
    /// Its change builds on one that is not in the document, though not by what its entry says.
    Lacks,
    /// Its author was removed, and it is after what was let stand.
    Barred,
    /// This device has not been given its keys.
    Keys,
    /// It is nothing that this program writes.
    Void,
}

/// Why a stored entry has no effect.
#[derive(Debug, thiserror::Error)]
pub(super) enum VoidReason {
    #[error("its epoch's keys are not here")]
    NoKeys,
    #[error("its body does not open")]
    Sealed,
    #[error("its body is not one this version knows")]
    Body,
    #[error(transparent)]
    Change(#[from] ApplyError),
}

impl Replica {
    /// How many of the first entries of a log or branch count, going by its author.
    pub(super) fn limit(&self, name: &LogId) -> u64 {
        let Some(own) = self.contents.get(name) else {
            return 0;
        };
        let cut = match self.control.control.stands(&own.bind, &own.log) {
            Stands::All => return u64::MAX,
            Stands::Nothing => return 0,
            Stands::UpTo(cut) => cut,
        };
        let ends = self.place(&cut.entry).filter(|(on, _)| {
            let on = self.contents.get(on);
            on.is_some_and(|on| on.log == own.log)
        });
        match ends {
            Some((on, at)) if on == *name => at + 1,
            Some((on, _)) if self.leads_to(name, &on) => u64::MAX,
            Some(_) => 0,
            // What was let stand is not here, so it is none of these.
            None => cut.seq.saturating_sub(own.first),
        }
    }

    /// Whether an entry is in the document.
    pub(crate) fn is_applied(&self, id: &EntryId) -> bool {
        self.place(id)
            .and_then(|(log, seq)| Some(seq < self.contents.get(&log)?.applied))
            .unwrap_or(false)
    }

    /// Applies what counts of a log or branch from where it is, and what waited for that.
    pub(crate) fn advance(&mut self, log: LogId, next: Option<Entry>) {
        let mut ready = vec![log];
        let mut next = next;
        loop {
            let some = self.advance_all(ready, next.take());
            if !some || self.lacking.is_empty() {
                return;
            }
            // What they lack may have come. Whoever writes so does it on purpose, so it may cost.
            ready = std::mem::take(&mut self.lacking).into_iter().collect();
        }
    }

    /// Returns whether anything was applied.
    fn advance_all(&mut self, mut ready: Vec<LogId>, next: Option<Entry>) -> bool {
        let mut next = next;
        let mut some = false;
        while let Some(log) = ready.pop() {
            while let Some(progress) = self.contents.get(&log).copied() {
                let given = next
                    .take()
                    .filter(|entry| entry.header.seq == progress.first + progress.applied);
                let stop = match given.or_else(|| self.entry_at(&log, progress.applied)) {
                    None => Stop::Level,
                    Some(_) if progress.loses => Stop::Lost,
                    Some(_) if progress.applied >= self.limit(&log) => Stop::Barred,
                    Some(entry) => match self.missing(&entry, progress.applied == 0) {
                        Some(missing) => {
                            self.waiters.entry(missing).or_default().push(log);
                            Stop::Waits(missing)
                        }
                        None => match self.apply(&entry, progress.kind) {
                            Ok(()) => {
                                let id = self.count(log, &entry);
                                some = true;
                                ready.extend(self.waiters.remove(&id).unwrap_or_default());
                                continue;
                            }
                            Err(VoidReason::NoKeys) => Stop::Keys,
                            Err(VoidReason::Change(ApplyError::MissingDependency(_))) => {
                                self.lacking.insert(log);
                                Stop::Lacks
                            }
                            Err(reason) => {
                                tracing::warn!(%reason, entry = %entry.id(), "an entry is void");
                                Stop::Void
                            }
                        },
                    },
                };
                if let Some(progress) = self.contents.get_mut(&log) {
                    progress.stop = stop;
                }
                break;
            }
        }
        some
    }

    /// Notes that an entry is in the document now.
    pub(crate) fn count(&mut self, log: LogId, entry: &Entry) -> EntryId {
        let id = entry.id();
        let begun = Progress::begin(log, entry);
        let progress = self.contents.entry(log).or_insert(begun);
        progress.applied = entry.header.seq.saturating_sub(progress.first) + 1;
        progress.tip = id;
        if progress.kind == kind::CHECKPOINT {
            // Nothing builds on one: whether it is true decides about nothing but itself.
            return id;
        }
        for dep in &entry.header.deps {
            self.heads.remove(dep);
        }
        if let Some(before) = entry.header.predecessor() {
            self.heads.remove(&before);
        }
        self.heads.insert(id);
        id
    }

    /// The first dependency that is not applied. The predecessor always is where it is in the same log or
    /// branch, which is applied in order.
    fn missing(&self, entry: &Entry, first: bool) -> Option<EntryId> {
        let before = entry.header.predecessor().filter(|_| first);
        let mut links = before.into_iter().chain(entry.header.deps.iter().copied());
        links.find(|id| !self.is_applied(id))
    }

    /// Opens the body and lets the document take the change.
    fn apply(&mut self, entry: &Entry, of_log: u8) -> Result<(), VoidReason> {
        if entry.header.kind != of_log {
            return Err(VoidReason::Body);
        }
        if of_log == kind::CHECKPOINT {
            return Ok(());
        }
        let body = self.body_of(entry)?;
        // One change an entry, so that an entry is applied whole or not at all.
        let [change] = body.changes.as_slice() else {
            return Err(VoidReason::Body);
        };
        let author = author_of(entry);
        let events = self.on_tree(|tree| tree.apply(change, &author))?;
        if self.is_own(&entry.header.bind) {
            self.superseded.extend(body.supersedes);
        }
        self.note_applied(entry, events);
        Ok(())
    }

    fn note_applied(&mut self, entry: &Entry, events: Vec<TreeEvent>) {
        self.since_snapshot += entry.body.len();
        let by = self.control.member_of(&entry.header.bind);
        if self.building.is_none() {
            self.staged.events.push(Happened { by, events });
        }
    }

    pub(super) fn body_of(&self, entry: &Entry) -> Result<ContentBody, VoidReason> {
        if entry.header.kind != kind::EDIT {
            return Err(VoidReason::Body);
        }
        ContentBody::decode(&self.plain_of(entry)?).map_err(|_| VoidReason::Body)
    }

    pub(super) fn plain_of(&self, entry: &Entry) -> Result<Vec<u8>, VoidReason> {
        let keys = self
            .control
            .epoch(&entry.header.epoch)
            .ok_or(VoidReason::NoKeys)?;
        entry.open_body(&keys).map_err(|_| VoidReason::Sealed)
    }

    /// The document that is being built, or else the one that shows.
    fn on_tree<T>(&mut self, work: impl FnOnce(&mut DriveTree) -> T) -> T {
        match &mut self.building {
            Some(tree) => work(tree),
            None => work(&mut self.tree.write()),
        }
    }

    /// Whether a device is this one, under whatever grant.
    pub(super) fn is_own(&self, bind: &BindId) -> bool {
        self.control.control.log_key(bind) == Some(self.own.keys.log_pk())
    }

    /// After control entries came in: makes the document of what counts now, and does this device's own
    /// work again where its ground fell away.
    pub(crate) fn reconcile(&mut self) {
        self.decide();
        let fell = self.contents.iter().any(|(name, progress)| {
            progress.applied > 0 && (progress.loses || progress.applied > self.limit(name))
        });
        if fell {
            self.rebuild();
            return;
        }
        let mut stopped: Vec<LogId> = self
            .contents
            .iter()
            .filter(|(_, progress)| {
                let lost = progress.stop == Stop::Lost && !progress.loses;
                lost || matches!(progress.stop, Stop::Barred | Stop::Keys)
            })
            .map(|(log, _)| *log)
            .collect();
        stopped.sort_unstable();
        for log in stopped {
            self.advance(log, None);
        }
        self.remake();
    }

    /// Makes the document from nothing out of the stored entries that count. What shows changes in one
    /// step, at the end.
    fn rebuild(&mut self) {
        tracing::info!(drive = %self.drive, "content no longer counts: building the tree anew");
        let actor = Actor(self.own_position(Plane::Content).log_id().actor());
        self.building = Some(DriveTree::new(actor));
        self.heads.clear();
        self.waiters.clear();
        self.lacking.clear();
        self.superseded.clear();
        for (log, progress) in &mut self.contents {
            progress.applied = 0;
            progress.tip = EntryId(log.0);
            progress.stop = Stop::Level;
        }
        let mut logs: Vec<LogId> = self.contents.keys().copied().collect();
        logs.sort_unstable();
        for log in logs {
            self.advance(log, None);
        }
        if self.ground.is_some() {
            // It goes on being built out of sight, and is shown when all of it is here.
            self.snapshot_wanted = true;
            return;
        }
        self.remake();
        if let Some(built) = self.building.take() {
            *self.tree.write() = built;
        }
        // Doors compare anew: what they were told of this turn may be gone again.
        self.staged.events.clear();
        self.staged.reloaded = true;
        self.snapshot_wanted = true;
    }

    /// Makes this device's own entries that no longer count, because of what they were built on or
    /// because it acts under another grant now, again on clean ground.
    pub(crate) fn remake(&mut self) {
        let may = self.control.may_write() && self.control.current_epoch().is_some();
        // Own work that stands on a checkpoint waits for what that covers.
        if !may || self.ground.is_some() {
            return;
        }
        let orphans = self.own_orphans();
        if orphans.is_empty() {
            return;
        }
        // All that is stored fits in one document, unless there are branches.
        let grounds = match self.forks.is_empty() {
            true => {
                let whole = self.whole_tree().map(|whole| (whole, orphans));
                whole.into_iter().collect()
            }
            false => self.grounds(orphans),
        };
        for (whole, orphans) in grounds {
            self.make_again(&whole, &orphans);
        }
    }

    pub(super) fn make_again(&mut self, whole: &DriveTree, orphans: &[Entry]) {
        let supersedes: Vec<EntryId> = orphans.iter().map(Entry::id).collect();
        let bodies = orphans.iter().filter_map(|entry| self.body_of(entry).ok());
        let changes: Vec<Vec<u8>> = bodies
            .flat_map(|body| body.changes.into_iter().map(|change| change.0))
            .collect();
        // Nothing is ever built on an entry that does not count, and no number is used twice.
        self.fresh_content_log();
        let edited = self.on_tree(|tree| tree.remake(whole, &changes));
        tracing::info!(
            entries = orphans.len(),
            changes = edited.changes.len(),
            "own work was made again on clean ground"
        );
        let staged = self.stage_changes(edited.changes, &supersedes);
        if let Err(error) = staged {
            tracing::error!(%error, "own work could not be made again now");
        }
        self.superseded.extend(supersedes);
        self.staged.events.push(Happened {
            by: None,
            events: edited.events,
        });
    }

    /// Own entries that do not count and will not by waiting, oldest first.
    fn own_orphans(&self) -> Vec<Entry> {
        let mut orphans: Vec<(u64, Entry)> = Vec::new();
        for (log, progress) in &self.contents {
            let mine = progress.kind == kind::EDIT && self.is_own(&progress.bind);
            if !mine || !self.is_dead_from(progress, &mut HashSet::new()) {
                continue;
            }
            let mut seq = progress.applied;
            while let Some(entry) = self.entry_at(log, seq) {
                seq += 1;
                if !self.superseded.contains(&entry.id()) {
                    let at = self.body_of(&entry).map_or(0, |body| body.time_ms);
                    orphans.push((at, entry));
                }
            }
        }
        // By this device's own clock where it wrote in several logs; within one, the order is kept.
        orphans.sort_by_key(|(at, entry)| (*at, entry.log_id(), entry.header.seq));
        orphans.into_iter().map(|(_, entry)| entry).collect()
    }

    /// Whether what keeps a log's next entry out is a verdict, and not something still to come.
    pub(crate) fn is_dead_from(&self, progress: &Progress, seen: &mut HashSet<EntryId>) -> bool {
        match progress.stop {
            Stop::Barred | Stop::Void | Stop::Lost | Stop::Lacks => true,
            Stop::Level | Stop::Keys => false,
            // The entries form no circle, but a log may be met again further up.
            Stop::Waits(on) => {
                seen.insert(on)
                    && self
                        .place(&on)
                        .and_then(|(log, _)| self.contents.get(&log).copied())
                        .is_some_and(|further| self.is_dead_from(&further, seen))
            }
        }
    }

    /// The document with everything in it that is stored, whether it counts or not.
    fn whole_tree(&mut self) -> Option<DriveTree> {
        self.tree_with_more(|_| true)
    }

    /// The document with everything in it that a device wrote, whether it counts or not.
    pub(super) fn tree_with(&mut self, device: BindId) -> Option<DriveTree> {
        self.tree_with_more(|bind| *bind == device)
    }

    fn tree_with_more(&mut self, whose: impl Fn(&BindId) -> bool) -> Option<DriveTree> {
        let saved = self.on_tree(DriveTree::save);
        // Nobody writes under it.
        let nobody = Actor([0xff; 16]);
        let mut whole = DriveTree::load(&saved, nobody).ok()?;
        let mut left: Vec<Entry> = Vec::new();
        for (log, progress) in &self.contents {
            if !whose(&progress.bind) {
                continue;
            }
            let mut seq = progress.applied;
            while let Some(entry) = self.entry_at(log, seq) {
                left.push(entry);
                seq += 1;
            }
        }
        loop {
            let before = left.len();
            left.retain(|entry| {
                let Ok(body) = self.body_of(entry) else {
                    return false;
                };
                let [change] = body.changes.as_slice() else {
                    return false;
                };
                matches!(
                    whole.apply(change, &author_of(entry)),
                    Err(ApplyError::MissingDependency(_))
                )
            });
            if left.is_empty() || left.len() == before {
                return Some(whole);
            }
        }
    }

    /// Goes on in a new content log, if the present one ends in what does not count.
    pub(crate) fn clean_log(&mut self) {
        let log = self.own_position(Plane::Content).log_id();
        let len = self.tip(&log).map_or(0, |(len, _)| len);
        let applied = self.contents.get(&log).map_or(0, |own| own.applied);
        if applied < len {
            self.fresh_content_log();
        }
    }

    fn fresh_content_log(&mut self) {
        self.own.content_inc = crate::env::random();
        let log = self.own_position(Plane::Content).log_id();
        self.on_tree(|tree| tree.set_actor(Actor(log.actor())));
        if self.ground.is_some() {
            self.tree.write().set_actor(Actor(log.actor()));
        }
        self.keep_incarnations();
    }

    /// Makes entries of changes that the document has taken already, and stages them.
    pub(crate) fn stage_changes(
        &mut self,
        changes: Vec<Vec<u8>>,
        supersedes: &[EntryId],
    ) -> Result<(), DriveError> {
        let mut supersedes = supersedes.chunks(MOST_SUPERSEDED);
        for change in changes {
            let body = ContentBody {
                v: 1,
                time_ms: crate::env::now_ms(),
                changes: vec![peerdrive_crypto::wire::Bytes(change)],
                supersedes: supersedes.next().unwrap_or_default().to_vec(),
            };
            let sealed = self.seal_content(&body)?;
            let log = sealed.log_id();
            self.keep(&sealed, sealed.to_bytes())?;
            match &mut self.ground {
                None => {
                    self.count(log, &sealed);
                }
                Some(ground) => {
                    ground.show(&sealed);
                    self.advance(log, None);
                }
            }
            self.staged.own.push(sealed);
        }
        Ok(())
    }
}

pub(super) fn author_of(entry: &Entry) -> Author {
    Author {
        actor: Actor(entry.log_id().actor()),
        seq: entry.header.seq + 1,
    }
}

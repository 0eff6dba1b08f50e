//! The loop that drives a working copy: gathers events, news and commands, takes in before it writes
//! out, and sleeps when there is nothing to do.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use peerdrive_crdt_tree::id::NodeId;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::WorkingCopyError;
use super::aside::{Beside, Done};
use super::beneath::Root;
use super::durable::Before;
use super::in_step::{InStep, Row};
use super::keeper::{Keeper, Pause};
use super::marker::{self, Marked};
use super::names::DiskRules;
use super::port::{Drive, News, NewsFeed};
use super::status::{Problems, Shared, WorkingCopyOptions, WorkingCopyStatus};
use super::watch::Hint;

/// Everything is looked at this often, in case an event was lost without a word.
const FULL_LOOK: Duration = Duration::from_secs(600);
/// The same, when some folders cannot be watched.
const FULL_LOOK_UNWATCHED: Duration = Duration::from_secs(30);
/// And once this long after folders were moved.
const FULL_LOOK_STIRRED: Duration = Duration::from_secs(20);
/// A paused folder is tried this often.
const PAUSED_LOOK: Duration = Duration::from_secs(1);
/// Records are made durable this long after they changed. Until then they are only jotted down, which a
/// crash of the program leaves and a loss of power does not.
const RECORDS_AFTER: Duration = Duration::from_millis(300);
/// More changed records than this are made durable at once.
const RECORDS_AT_ONCE: usize = 20_000;

/// What a handle asks of the worker.
pub(super) enum Command {
    Sync(oneshot::Sender<WorkingCopyStatus>),
    /// The folder is kept in another way from now on.
    Choose(WorkingCopyOptions),
    /// Deletions were confirmed or declined: see the shared flags.
    Answered,
    Stop(oneshot::Sender<()>),
}

/// Rows on their way to disk, handed back if they do not get there.
type Writing = JoinHandle<(Vec<Row>, Result<(), String>)>;

pub(super) struct Worker<D: Drive> {
    keeper: Keeper<D>,
    commands: mpsc::UnboundedReceiver<Command>,
    feed: D::Feed,
    waiting: Vec<oneshot::Sender<WorkingCopyStatus>>,
    /// Who waits for the end.
    stopping: Option<oneshot::Sender<()>>,
    paused: Option<Pause>,
    /// The folder was never marked as this drive's: it may be made, and marked.
    fresh: bool,
    next_full_look: Instant,
    /// Since when records wait to be made durable.
    changed_since: Option<Instant>,
    writing: Option<Writing>,
}

impl<D: Drive> Worker<D> {
    /// Opens folder, marker and records. Touches no file of the user. What is wrong with a folder that
    /// was never kept in step is an error if it is `asked` for now; in every other case the working copy is
    /// paused until it is right.
    pub(super) fn open(
        drive: Arc<D>,
        path: &Path,
        options: WorkingCopyOptions,
        asked: bool,
        shared: Arc<Shared>,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Result<Self, WorkingCopyError> {
        let feed = drive.news();
        let rows = drive.load().map_err(WorkingCopyError::Records)?;
        let in_step = InStep::load(rows, drive.jotted());
        let fresh = in_step.is_empty() && !drive.has_begun();
        let (root, rules, paused) = match take_up(path, &drive.id(), fresh) {
            Ok((root, rules)) => (root, rules, None),
            Err(unfit) if fresh && asked => return Err(unfit.told(path)),
            Err(unfit) => (Root::absent(path), DiskRules::POSIX, Some(unfit.pause())),
        };
        if let Some(pause) = &paused {
            tracing::warn!(%pause, "working copy paused");
        }
        let keeper = Keeper::new(drive, root, rules, in_step, options, shared);
        let mut worker = Worker {
            keeper,
            commands,
            feed,
            waiting: Vec::new(),
            stopping: None,
            paused,
            fresh,
            next_full_look: Instant::now(),
            changed_since: None,
            writing: None,
        };
        if worker.paused.is_none() {
            worker.taken_up();
        }
        // Nobody may take it for in step before it has looked.
        worker.publish();
        worker.keeper.shared.status.lock().scanning = true;
        Ok(worker)
    }

    /// The folder is there, marked and open.
    fn taken_up(&mut self) {
        if self.keeper.drive.has_begun() {
            return;
        }
        match self.keeper.drive.begun() {
            Ok(()) => self.fresh = false,
            // Until it is, an empty folder that goes away is made anew: nothing is lost by that.
            Err(error) => tracing::warn!(error, "that the folder is marked could not be noted"),
        }
    }

    /// Runs until it is told to stop, all handles are gone, or the drive closes.
    pub(super) async fn run(mut self) {
        self.everything_may_differ();
        self.keeper.shared.status.lock().scanning = true;
        let mut beside = Beside::new();
        let mut done = Vec::new();
        loop {
            let now = Instant::now();
            self.take_over(std::mem::take(&mut done), now).await;
            match self.gather(now) {
                Next::Go => {}
                Next::Stop(reply) => {
                    self.close().await;
                    if let Some(reply) = reply {
                        // Whoever asked may have gone away meanwhile.
                        reply.send(()).ok();
                    }
                    return;
                }
            }
            let busy = with(&mut beside, &mut done, self.round(now)).await;
            if self.paused.is_none() {
                beside.extend(self.keeper.begin_writing(now));
                beside.extend(self.keeper.begin_reading());
            }
            self.write_records(now).await;
            self.publish();
            if !busy && done.is_empty() {
                self.answer();
                if !self.sleep(&mut beside, &mut done, now).await {
                    self.close().await;
                    // Only now: whoever asked may begin on the same folder again.
                    if let Some(reply) = self.stopping.take() {
                        reply.send(()).ok();
                    }
                    return;
                }
            }
        }
    }

    /// Puts what was written aside into its place, if nothing is wrong with the folder, and sees to it that what was
    /// read is taken in.
    async fn take_over(&mut self, done: Vec<Done>, now: Instant) {
        for done in done {
            let written = match done {
                Done::Written(written) => written,
                Done::Read(read) => {
                    self.keeper.was_read(read, now);
                    continue;
                }
            };
            if self.paused.is_some() || self.keeper.check_root().is_err() {
                self.keeper.give_back(written);
                continue;
            }
            self.keeper.swap_all_in(written, now).await;
        }
    }

    /// Takes events, news and commands as they are now.
    fn gather(&mut self, now: Instant) -> Next {
        loop {
            match self.commands.try_recv() {
                Ok(Command::Sync(reply)) => self.asked(reply, now),
                Ok(Command::Answered) => {}
                Ok(Command::Choose(options)) => self.choose(options, now),
                Ok(Command::Stop(done)) => return Next::Stop(Some(done)),
                Err(mpsc::error::TryRecvError::Disconnected) => return Next::Stop(None),
                Err(mpsc::error::TryRecvError::Empty) => break,
            }
        }
        while let Some(news) = self.feed.try_next() {
            self.news(news, now);
        }
        let root = self.keeper.root.path().to_owned();
        let (paths, lost) = self.keeper.watch.drain(&root);
        for (path, hint) in paths {
            match hint {
                Hint::Look => self.keeper.rest.look(&path, now, false),
                Hint::Deep => self.keeper.rest.look(&path, now, true),
                Hint::Writing => self.keeper.rest.writing(&path, now),
                Hint::Whole => self.keeper.rest.whole(&path, now),
            }
        }
        self.keeper.take_again(now);
        if std::mem::take(&mut self.keeper.stirred) {
            self.next_full_look = self.next_full_look.min(now + FULL_LOOK_STIRRED);
        }
        if lost || now >= self.next_full_look {
            let every = if self.keeper.watch.is_limited() {
                FULL_LOOK_UNWATCHED
            } else {
                FULL_LOOK
            };
            self.next_full_look = now + every;
            self.keeper.rest.look("", now, true);
        }
        Next::Go
    }

    fn news(&mut self, news: News, now: Instant) {
        match news {
            News::Nodes(ids) => {
                for id in &ids {
                    self.keeper.later.remove(id);
                }
                self.keeper.dirty.extend(ids);
            }
            News::Lost => self.everything_may_differ(),
            News::Peers => self
                .keeper
                .later
                .values_mut()
                .for_each(|retry| retry.hasten(now)),
            News::Role => {
                self.keeper.local_only.clear();
                self.keeper.problems = Problems::default();
                self.next_full_look = now;
            }
        }
    }

    fn everything_may_differ(&mut self) {
        let keeper = &mut self.keeper;
        let mut all: BTreeSet<NodeId> = keeper.in_step.ids().collect();
        keeper.drive.view(|view| {
            let mut folders = vec![NodeId::ROOT];
            while let Some(folder) = folders.pop() {
                for id in view.children(folder) {
                    all.insert(id);
                    folders.push(id);
                }
            }
        });
        keeper.dirty.append(&mut all);
    }

    /// One round of work. Returns whether there may be more to do at once.
    async fn round(&mut self, now: Instant) -> bool {
        if self.paused.is_some() && !self.resume() {
            return false;
        }
        let result = self.work(now).await;
        match result {
            Ok(busy) => busy,
            Err(pause) => {
                tracing::warn!(%pause, "working copy paused");
                self.paused = Some(pause);
                false
            }
        }
    }

    async fn work(&mut self, now: Instant) -> Result<bool, Pause> {
        self.answers(now).await?;
        self.keeper.bury(now, false);
        let looks = self.keeper.rest.take_due(now);
        let mut busy = !looks.is_empty();
        if looks.iter().any(|look| look.path.is_empty()) {
            self.keeper.check_root()?;
            self.keeper.shared.status.lock().scanning = true;
        }
        if !looks.is_empty() {
            if let Err(pause) = self.keeper.take_in(&looks, now).await {
                for look in looks {
                    self.keeper.rest.look(&look.path, now, true);
                }
                return Err(pause);
            }
            self.keeper.forget_displaced();
            self.keeper.jot();
            self.keeper.came_back();
            // What was found to be done is told before it is done.
            self.publish();
        }
        // What was just found here goes first; a portion at a time, so that saves are not held up.
        if !self.keeper.dirty.is_empty() {
            self.keeper.check_root()?;
            busy |= self.keeper.write_out(now).await;
            self.keeper.forget_displaced();
            self.keeper.jot();
        }
        Ok(busy)
    }

    async fn answers(&mut self, now: Instant) -> Result<(), Pause> {
        let shared = self.keeper.shared.clone();
        if Shared::take(&shared.confirmed) {
            self.keeper.deletions_confirmed(now).await?;
        }
        if Shared::take(&shared.declined) {
            self.keeper.deletions_declined();
        }
        Ok(())
    }

    /// Tries to go on after a pause.
    fn resume(&mut self) -> bool {
        let path = self.keeper.root.path().to_owned();
        match take_up(&path, &self.keeper.drive.id(), self.fresh) {
            Ok((root, rules)) => {
                // The open one stays while it leads to the same folder: its descriptors are in use.
                if !self.keeper.root.still_there() {
                    self.keeper.root = Arc::new(root);
                }
                self.keeper.rules = rules;
            }
            Err(unfit) => {
                self.paused = Some(unfit.pause());
                return false;
            }
        }
        self.taken_up();
        self.paused = None;
        // Whatever seemed to vanish while the folder was not there starts anew.
        self.keeper.vanished.clear();
        self.keeper.ignored.reread();
        self.keeper.rest.look("", Instant::now(), true);
        // Whoever asks while it reads is to know that it does.
        self.publish();
        true
    }

    /// Makes changed records durable in the background: first everything that they speak of, then
    /// they themselves. A record must never name what a power cut could still take back.
    async fn write_records(&mut self, now: Instant) {
        if self
            .writing
            .as_ref()
            .is_some_and(|writing| !writing.is_finished())
        {
            return;
        }
        self.written().await;
        if !self.keeper.in_step.has_changes() {
            return;
        }
        let since = *self.changed_since.get_or_insert(now);
        if now.duration_since(since) < RECORDS_AFTER
            && self.keeper.in_step.changes() < RECORDS_AT_ONCE
        {
            return;
        }
        self.changed_since = None;
        // Nothing older than what becomes durable may lie over it after a crash.
        self.keeper.jot();
        let before = Before::of(&self.keeper.root, &self.keeper.in_step);
        let rows = self.keeper.in_step.take_changes();
        let drive = self.keeper.drive.clone();
        self.writing = Some(tokio::task::spawn_blocking(move || {
            let done = before
                .and_then(Before::flush)
                .map_err(|error| error.to_string())
                .and_then(|()| drive.store(&rows));
            (rows, done)
        }));
    }

    async fn written(&mut self) {
        if let Some(writing) = self.writing.take() {
            match writing.await {
                // What changed meanwhile is still to be written.
                Ok((_, Ok(()))) => {
                    self.keeper.drive.jot_anew(self.keeper.in_step.waiting());
                }
                Ok((rows, Err(error))) => {
                    tracing::warn!(error, "records of the working copy could not be kept");
                    self.keeper.in_step.return_changes(&rows);
                }
                Err(error) => {
                    tracing::error!(%error, "records of the working copy could not be kept")
                }
            }
        }
    }

    async fn close(&mut self) {
        for temp in self.keeper.aside.give_up() {
            self.keeper.drop_temp(&temp);
        }
        if self.paused.is_none() {
            self.keeper.bury(Instant::now(), true);
        }
        self.written().await;
        self.changed_since = Some(Instant::now() - RECORDS_AFTER);
        self.write_records(Instant::now()).await;
        self.written().await;
    }

    fn publish(&mut self) {
        let keeper = &self.keeper;
        let noting = keeper.in_step.has_changes() || self.writing.is_some();
        keeper.shared.noting.store(noting, Ordering::Release);
        let pending_bytes = {
            let progress = keeper.shared.progress.lock();
            progress.bytes_out_total.saturating_sub(progress.bytes_out)
        };
        let mut problems = keeper.problems.list();
        problems.extend(keeper.unnamed_problems());
        problems.sort_by(|one, other| one.path.cmp(&other.path));
        if !keeper.deletions.asked.is_empty() {
            problems.insert(0, super::deletions_problem(keeper.deletions.asked.len()));
        }
        let status = WorkingCopyStatus {
            pending_in: keeper.rest.len() + keeper.ahead.len(),
            pending_out: keeper.dirty.len() + keeper.aside.len(),
            failing_in: keeper.failing_in(),
            failing_out: keeper.failing_out(),
            pending_bytes,
            problems,
            paused: self.paused.as_ref().map(ToString::to_string),
            scanning: keeper.rest.paths().any(str::is_empty),
            deletions_to_confirm: keeper.deletions.asked.len(),
            watching: !keeper.watch.is_limited(),
        };
        let before = std::mem::replace(&mut *keeper.shared.status.lock(), status.clone());
        // How many bytes are left is progress, which is asked for while there is any.
        let same = WorkingCopyStatus {
            pending_bytes: before.pending_bytes,
            ..status
        };
        if before != same {
            keeper.drive.restated();
        }
    }

    /// Answers those who wait for quiet, if it is.
    fn answer(&mut self) {
        if self.waiting.is_empty() || !(self.paused.is_some() || self.keeper.is_quiet()) {
            return;
        }
        let status = self.keeper.shared.status.lock().clone();
        for reply in self.waiting.drain(..) {
            // Whoever asked may have gone away meanwhile.
            reply.send(status.clone()).ok();
        }
    }

    /// Sleeps until there is something to do. False when the drive closed or all handles are gone.
    async fn sleep(&mut self, beside: &mut Beside, done: &mut Vec<Done>, now: Instant) -> bool {
        let keeper = &self.keeper;
        let mut until = self.next_full_look;
        if self.paused.is_some() {
            until = now + PAUSED_LOOK;
        } else {
            until = keeper.rest.next().map_or(until, |at| until.min(at));
            until = keeper.next_burial().map_or(until, |at| until.min(at));
            until = keeper
                .again
                .values()
                .fold(until, |until, at| until.min(*at));
            let later = keeper
                .dirty
                .iter()
                .filter(|id| keeper.aside.has_room() && !keeper.aside.has(**id))
                .map(|id| keeper.later.get(id).map_or(now, |retry| retry.at))
                .min();
            until = later.map_or(until, |at| until.min(at));
        }
        if keeper.in_step.has_changes() || self.writing.is_some() {
            until = until.min(self.changed_since.map_or(now, |since| since) + RECORDS_AFTER);
        }
        let gatherer = keeper.watch.gatherer();
        let Worker { feed, commands, .. } = self;
        tokio::select! {
            () = gatherer.bell.notified() => true,
            Some(one) = beside.next(), if !beside.is_empty() => {
                done.push(one);
                true
            }
            news = feed.next() => match news {
                Some(news) => {
                    self.news(news, Instant::now());
                    true
                }
                None => false,
            },
            command = commands.recv() => match command {
                Some(command) => {
                    self.command(command)
                }
                None => false,
            },
            () = tokio::time::sleep_until(until.into()) => true,
        }
    }

    /// Somebody wants everything looked at and tried now, and waits for the outcome.
    fn asked(&mut self, reply: oneshot::Sender<WorkingCopyStatus>, now: Instant) {
        self.next_full_look = now;
        self.keeper
            .later
            .values_mut()
            .for_each(|retry| retry.hasten(now));
        self.waiting.push(reply);
    }

    fn choose(&mut self, options: WorkingCopyOptions, now: Instant) {
        self.keeper.choose(options);
        self.everything_may_differ();
        self.next_full_look = now;
    }

    fn command(&mut self, command: Command) -> bool {
        match command {
            Command::Sync(reply) => {
                self.asked(reply, Instant::now());
                true
            }
            Command::Choose(options) => {
                self.choose(options, Instant::now());
                true
            }
            Command::Answered => true,
            Command::Stop(done) => {
                self.stopping = Some(done);
                false
            }
        }
    }
}

/// Goes on with what is done beside while there is `work`.
async fn with<T>(beside: &mut Beside, done: &mut Vec<Done>, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            worked = &mut work => return worked,
            Some(one) = beside.next(), if !beside.is_empty() => done.push(one),
        }
    }
}

enum Next {
    Go,
    Stop(Option<oneshot::Sender<()>>),
}

/// Why a folder cannot be kept in step as it is.
enum Unfit {
    /// Nothing there.
    Gone(io::Error),
    /// Not marked as this drive's, and not to be marked.
    NotOurs,
    /// The system refused.
    Disk(io::Error),
}

impl Unfit {
    fn pause(self) -> Pause {
        match self {
            Unfit::Gone(_) => Pause::RootGone,
            Unfit::NotOurs => Pause::NotOurs,
            Unfit::Disk(error) => Pause::Unusable(error.to_string()),
        }
    }

    fn told(self, path: &Path) -> WorkingCopyError {
        let path = path.to_owned();
        match self {
            Unfit::NotOurs => WorkingCopyError::OtherDrive(path),
            Unfit::Gone(error) | Unfit::Disk(error) => WorkingCopyError::Disk { path, error },
        }
    }
}

impl From<io::Error> for Unfit {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Unfit::Gone(error),
            _ => Unfit::Disk(error),
        }
    }
}

/// Opens the folder and looks whether it is this drive's; makes and marks it if it is `fresh`. Clears
/// what a crash left behind in it, and learns what its disk can hold.
fn take_up(path: &Path, drive: &str, fresh: bool) -> Result<(Root, DiskRules), Unfit> {
    if fresh {
        std::fs::create_dir_all(path)?;
    }
    let root = Root::open(&path.canonicalize()?)?;
    match marker::read(&root, drive)? {
        Marked::Ours => {}
        Marked::Missing if fresh => marker::write(&root, drive)?,
        Marked::Missing | Marked::Other => return Err(Unfit::NotOurs),
    }
    marker::clean(&root)?;
    let rules = DiskRules::probe(&root, marker::TMP)?;
    Ok((root, rules))
}

//! A drive kept as a plain folder, in step in both directions. Knows a drive only as far as `port`
//! says, and nothing of documents, logs or peers.
//!
//! Three trees are compared: what the drive shows, what the disk holds, and what was last in step
//! between them (`in_step`, per node, durable). Disk against in-step is a local change and is taken in
//! (`take_in`); view against in-step is a remote one and is written out (`checkout`); what to do in
//! which order is decided by pure functions (`plan`). Rules that hold everywhere:
//!
//! - Nothing missing is a deletion before the disk itself, asked again a moment later with the marker
//!   in place, says that it is not there.
//! - Nothing is overwritten or removed that is not, at that very moment, what the records say it is.
//! - A local change never supersedes a version that this disk did not show: both are kept, the local one
//!   as `name (conflict <tag>).ext`, tagged by its content.
//! - What a reader changes stays here and is reported; when the drive has something new of that name,
//!   the local one makes way as `name (local).ext`.
//! - No path is followed through a symlink or out of the folder.
//!
//! One thread owns a working copy (`worker`); handles talk to it by messages.

mod ahead;
mod arrive;
mod aside;
mod away;
mod batch;
mod beneath;
mod checkout;
mod durable;
mod gone;
mod handle;
mod ignored;
mod in_step;
mod keeper;
mod leaves;
mod linger;
mod marker;
mod names;
mod plan;
mod port;
mod read;
pub(crate) mod reproduce;
mod rest;
mod retry;
mod scan;
mod status;
mod take_in;
mod watch;
mod worker;
mod write;

#[cfg(test)]
mod tests;

use std::io;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::fs::Access;
use tokio::sync::{mpsc, oneshot};

use crate::drive::handle::DriveHandle;
use beneath::Root;
pub(crate) use ignored::not_a_pattern;
use marker::Marked;
use port::Drive;
use status::Shared;
pub use status::{Problem, WorkingCopyOptions, WorkingCopyProgress, WorkingCopyStatus};
use worker::{Command, Worker};

/// Why a working copy could not be started or asked.
#[derive(Debug, thiserror::Error)]
pub enum WorkingCopyError {
    /// The folder could not be opened, made or marked.
    #[error("{path}: {error}; check that the disk is there and that you may write to it")]
    Disk {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The folder is the working copy of another drive.
    #[error(
        "{0} is the folder of another drive; choose another folder, or remove its .peerdrive folder first"
    )]
    OtherDrive(PathBuf),
    /// The records of what was in step could not be read.
    #[error("the records of the working copy cannot be read: {0}")]
    Records(String),
    /// No thread could be started for it.
    #[error("no thread could be started for the working copy: {0}")]
    Thread(io::Error),
    /// It has been stopped, or its drive has.
    #[error("the working copy has been stopped")]
    Stopped,
}

/// How long is waited for the records of a folder that goes on changing.
const NOTED: Duration = Duration::from_secs(2);

/// A drive kept as a plain folder. Cheap to clone; when the last handle is dropped it stops by itself,
/// losing nothing.
#[derive(Clone, Debug)]
pub struct WorkingCopy {
    root: Arc<Path>,
    shared: Arc<Shared>,
    commands: mpsc::UnboundedSender<Command>,
}

impl WorkingCopy {
    /// Starts keeping `root` in step with a drive, as somebody asks for now. On the first run the two are
    /// united: what is the same on both sides is in step, what differs is kept twice, and nothing is
    /// deleted. Needs a tokio runtime around it.
    ///
    /// # Errors
    /// The folder cannot be used, belongs to another drive, or the records cannot be read. A folder that
    /// is not there now but was before is no error: the working copy is paused until it is back.
    pub fn start(
        drive: DriveHandle,
        root: PathBuf,
        options: WorkingCopyOptions,
    ) -> Result<WorkingCopy, WorkingCopyError> {
        Self::start_on(drive, &root, options, true)
    }

    /// As [`WorkingCopy::start`], for a folder that was chosen earlier: whatever is wrong with it, the
    /// working copy is there, says so, and goes on by itself when it is right.
    ///
    /// # Errors
    /// The records cannot be read, or no thread can be started.
    pub(crate) fn resume(
        drive: DriveHandle,
        root: PathBuf,
        options: WorkingCopyOptions,
    ) -> Result<WorkingCopy, WorkingCopyError> {
        Self::start_on(drive, &root, options, false)
    }

    fn start_on<D: Drive>(
        drive: D,
        root: &Path,
        options: WorkingCopyOptions,
        asked: bool,
    ) -> Result<WorkingCopy, WorkingCopyError> {
        let shared = Arc::new(Shared::default());
        let (commands, inbox) = mpsc::unbounded_channel();
        let worker = Worker::open(Arc::new(drive), root, options, asked, shared.clone(), inbox)?;
        let runtime = tokio::runtime::Handle::current();
        let told = shared.clone();
        std::thread::Builder::new()
            .name("working copy".into())
            .spawn(move || {
                // Nothing of the worker is used after a panic: what is durable is what counts at the next start.
                let ran = AssertUnwindSafe(|| runtime.block_on(worker.run()));
                if std::panic::catch_unwind(ran).is_err() {
                    told.broke_down();
                }
            })
            .map_err(WorkingCopyError::Thread)?;
        Ok(WorkingCopy {
            root: root.into(),
            shared,
            commands,
        })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Looks at the whole folder now, takes in and writes out until nothing is left that can be done,
    /// and says what still waits and why.
    ///
    /// # Errors
    /// [`WorkingCopyError::Stopped`] only; everything else is in the status.
    pub async fn sync_now(&self) -> Result<WorkingCopyStatus, WorkingCopyError> {
        let (reply, answer) = oneshot::channel();
        self.commands
            .send(Command::Sync(reply))
            .map_err(|_| WorkingCopyError::Stopped)?;
        answer.await.map_err(|_| WorkingCopyError::Stopped)
    }

    /// How things stand.
    pub fn status(&self) -> WorkingCopyStatus {
        self.shared.status.lock().clone()
    }

    /// How far an import or a checkout is.
    pub fn progress(&self) -> WorkingCopyProgress {
        *self.shared.progress.lock()
    }

    /// Waits until what the folder holds is noted durably, but not for long if it goes on changing.
    pub(crate) async fn noted(&self) {
        let begun = Instant::now();
        while self.shared.noting.load(Ordering::Acquire) && begun.elapsed() < NOTED {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Keeps the folder in another way from now on, and looks at all of it again.
    pub(crate) fn choose(&self, options: WorkingCopyOptions) {
        if self.commands.send(Command::Choose(options)).is_err() {
            tracing::debug!("options were chosen after the working copy had stopped");
        }
    }

    /// Yes: delete in the drive what was deleted here, although it is more than half of it.
    pub fn confirm_deletions(&self) {
        self.shared.confirmed.store(true, Ordering::Release);
        self.answered();
    }

    /// No: write out again what was deleted here.
    pub fn undo_deletions(&self) {
        self.shared.declined.store(true, Ordering::Release);
        self.answered();
    }

    fn answered(&self) {
        if self.commands.send(Command::Answered).is_err() {
            tracing::debug!("an answer came after the working copy had stopped");
        }
    }

    /// Takes away the marker of a drive that is given up, after everything that somebody wrote late was put
    /// back in place. What else is in the folder stays. A folder of another drive is left as it is.
    pub(crate) fn unmark(root: &Path, drive: &str) -> io::Result<()> {
        marker::remove(root, drive)
    }

    /// Stops, and returns when everything is durable.
    pub async fn stop(self) {
        let (done, stopped) = oneshot::channel();
        if self.commands.send(Command::Stop(done)).is_ok() && stopped.await.is_err() {
            tracing::debug!("the working copy had stopped already");
        }
    }
}

/// Looks whether a folder, or one that will be made, can be kept in step with a drive, before anything
/// hangs on it. Changes nothing.
///
/// # Errors
/// It carries the marker of another drive than `drive`, or may not be written to.
pub(crate) fn check(path: &Path, drive: &str) -> Result<(), WorkingCopyError> {
    let disk = |error| WorkingCopyError::Disk {
        path: path.to_owned(),
        error,
    };
    if let Ok(root) = Root::open(path)
        && marker::read(&root, drive).map_err(disk)? == Marked::Other
    {
        return Err(WorkingCopyError::OtherDrive(path.to_owned()));
    }
    let there = path.ancestors().find(|above| above.exists());
    rustix::fs::access(there.unwrap_or(path), Access::WRITE_OK).map_err(|errno| disk(errno.into()))
}

/// What a person reads while deletions wait for a yes.
fn deletions_problem(count: usize) -> Problem {
    Problem {
        path: String::new(),
        reason: format!(
            "more than half of the drive was deleted here ({count} files and folders at the top); nothing is deleted for the others yet"
        ),
        hint: "Confirm it (`peerdrive deletions DRIVE --confirm`), or undo it (`--undo`) to have everything written out again.".into(),
    }
}

//! Writes files: each aside, verified and durable, then swapped in, and what it replaced looked at once
//! more. Plans nothing.

use std::fs::File;
use std::io;
use std::time::Instant;

use futures_util::StreamExt;
use futures_util::stream;
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::{Content, FileContent, Node};

use super::beneath::{self, Stat};
use super::checkout::{Outcome, disk_mode};
use super::durable::Before;
use super::in_step::Held;
use super::keeper::Keeper;
use super::port::{BytesError, Drive};
use super::status::hint_for;

/// Files written before they are made durable and swapped in together.
pub(super) const FILES_AT_ONCE: usize = 512;
/// Their bytes, about: a batch should not keep finished files waiting for long.
pub(super) const BYTES_AT_ONCE: u64 = 64 << 20;
/// Contents fetched and written at the same time.
const WRITERS: usize = 16;
/// Up to this many files are made durable one by one; more by one call for the whole disk.
const SYNCED_ALONE: usize = 8;

/// A file to be written: its node, and the folder and name that it goes to.
pub(super) type ToWrite = (NodeId, NodeId, String);

/// A file that is about to be written.
pub(super) struct Job {
    id: NodeId,
    parent: NodeId,
    name: String,
    path: String,
    node: Node,
    content: Option<FileContent>,
    temp: String,
}

impl<D: Drive> Keeper<D> {
    /// Writes a portion of files: all aside, then durable, then each swapped in. What is not here is fetched.
    pub(super) async fn write_files(&mut self, files: Vec<ToWrite>, now: Instant) {
        let mut jobs = Vec::new();
        for (id, parent, name) in files {
            let (Some(path), Some(node)) = (
                self.target(id, parent, &name),
                self.drive.view(|view| view.get(id)),
            ) else {
                continue;
            };
            let content = match &node.content {
                Some(Content::File(content)) => Some(*content),
                _ => None,
            };
            if let Some(outcome) = self.blocked(id, &path) {
                self.noted(id, outcome, now);
                continue;
            }
            let temp = self.temp_path(id);
            jobs.push(Job {
                id,
                parent,
                name,
                path,
                node,
                content,
                temp,
            });
        }
        self.expect_out(&jobs);
        let written: Vec<(Job, Result<File, BytesError>)> = {
            let this = &*self;
            stream::iter(jobs)
                .map(|job| async move {
                    let file = this.write_temp(&job).await;
                    (job, file)
                })
                .buffer_unordered(WRITERS)
                .collect()
                .await
        };
        let alone = written.len() <= SYNCED_ALONE;
        let all_durable = alone || self.sync_all().await.is_ok();
        for (job, file) in written {
            let done = match file {
                Ok(file) if alone || !all_durable => file.sync_all().map_err(BytesError::Disk),
                other => other.map(drop),
            };
            let outcome = match done {
                Ok(()) => {
                    crate::failpoint::pass("checkout.written");
                    match self.about_to_go(job.id).await {
                        Ok(_parting) => self.swap_in_job(&job),
                        Err(outcome) => {
                            self.drop_temp(&job.temp);
                            outcome
                        }
                    }
                }
                Err(error) => {
                    self.drop_temp(&job.temp);
                    self.not_out(&job);
                    waits_for_bytes(&job.path, &error)
                }
            };
            self.noted(job.id, outcome, now);
        }
    }

    /// Makes everything on the folder's file system durable, on a thread that may wait for it.
    async fn sync_all(&self) -> io::Result<()> {
        let everything = Before::Everything(self.root.descriptor()?);
        tokio::task::spawn_blocking(|| everything.flush()).await?
    }

    /// Whether what is at the target says that writing is in vain.
    pub(super) fn blocked(&mut self, id: NodeId, path: &str) -> Option<Outcome> {
        match (self.root.stat(path), self.in_step.get(id)) {
            (Ok(None), _) => None,
            (Ok(Some(stat)), Some(record)) if record.stat.same_bytes(&stat, true) => None,
            (Ok(Some(_)), _) => Some(self.occupied(path, &io::ErrorKind::AlreadyExists.into())),
            (Err(error), _) => Some(Outcome::io(path, &error)),
        }
    }

    pub(super) async fn write_temp(&self, job: &Job) -> Result<File, BytesError> {
        let file = self.root.create_file(&job.temp).map_err(BytesError::Disk)?;
        let copy = file.try_clone().map_err(BytesError::Disk)?;
        if let Some(content) = job.content.filter(|content| content.len > 0) {
            self.drive.write_to(content, copy).await?;
        }
        beneath::dress(&file, disk_mode(&job.node), job.node.mtime_ns).map_err(BytesError::Disk)?;
        Ok(file)
    }

    pub(super) fn swap_in_job(&mut self, job: &Job) -> Outcome {
        match self.swap_in(job.id, &job.temp, &job.path) {
            Ok(written) => {
                crate::failpoint::pass("checkout.swapped");
                let len = job.content.map_or(0, |content| content.len);
                {
                    let mut progress = self.shared.progress.lock();
                    progress.files_out += 1;
                    progress.bytes_out += len;
                }
                let held = Held::of(&job.node);
                self.note(
                    job.id, job.parent, &job.name, held, &job.node, &job.path, written,
                )
            }
            Err(outcome) => {
                self.not_out(job);
                outcome
            }
        }
    }

    /// This one is not written now. It is counted again with its next turn.
    fn not_out(&self, job: &Job) {
        let len = job.content.map_or(0, |content| content.len);
        let mut progress = self.shared.progress.lock();
        progress.files_out_total = progress.files_out_total.saturating_sub(1);
        progress.bytes_out_total = progress.bytes_out_total.saturating_sub(len);
    }

    pub(super) fn expect_out(&self, jobs: &[Job]) {
        let mut progress = self.shared.progress.lock();
        if progress.files_out == progress.files_out_total {
            (
                progress.files_out,
                progress.files_out_total,
                progress.bytes_out,
                progress.bytes_out_total,
            ) = (0, 0, 0, 0);
        }
        progress.files_out_total += jobs.len() as u64;
        progress.bytes_out_total += jobs
            .iter()
            .filter_map(|job| job.content)
            .map(|content| content.len)
            .sum::<u64>();
    }

    /// Puts a finished temporary file in its place, and takes away what it replaces if that still is
    /// what the record says. In every other case the disk is left as it was.
    pub(super) fn swap_in(
        &mut self,
        id: NodeId,
        temp: &str,
        path: &str,
    ) -> Result<Option<Stat>, Outcome> {
        let written = self.root.stat(temp).ok().flatten();
        match self.try_swap_in(id, temp, path, written) {
            Ok(true) => Ok(written),
            // What lies at the temporary file now is seen to.
            Ok(false) => Err(Outcome::Changed(path.to_owned())),
            Err(error) => {
                let outcome = self.occupied(path, &error);
                self.drop_written(temp, path, written);
                Err(outcome)
            }
        }
    }

    /// Removes a temporary file that did not get to its place. After a failure half way something else
    /// may lie there, and that is somebody's.
    fn drop_written(&mut self, temp: &str, path: &str, written: Option<Stat>) {
        match (self.root.stat(temp), written) {
            (Ok(Some(there)), Some(written)) if !written.same_bytes(&there, false) => {
                self.bring_back(temp, path, Instant::now());
            }
            (Err(error), _) => {
                tracing::warn!(%error, "a temporary file stays until the next start");
            }
            _ => self.drop_temp(temp),
        }
    }

    pub(super) fn try_swap_in(
        &mut self,
        id: NodeId,
        temp: &str,
        path: &str,
        written: Option<Stat>,
    ) -> io::Result<bool> {
        let Some(there) = self.root.stat(path)? else {
            return self.root.rename_new(temp, path).map(|()| true);
        };
        let Some(record) = self.in_step.get(id) else {
            return Err(io::ErrorKind::AlreadyExists.into());
        };
        if !record.stat.same_bytes(&there, true) {
            self.drop_written(temp, path, written);
            return Ok(false);
        }
        if !self.root.exchange(temp, path)? {
            // This file system cannot swap. The moment since the look above is all that is left open.
            return self.root.rename_over(temp, path).map(|()| true);
        }
        let Some(replaced) = self.root.stat(temp)? else {
            return Ok(true);
        };
        if record.stat.same_bytes(&replaced, false) {
            self.linger(temp, path, replaced);
            return Ok(true);
        }
        // Somebody saved in that very moment: theirs goes back, and comes first.
        self.put_back(temp, path, written).map(|()| false)
    }

    /// Takes a file that was just swapped in out of its place again, for the save that lies at `temp`.
    /// If somebody saved over it as well, that is the newest, and stays; both are kept then.
    pub(super) fn put_back(
        &mut self,
        temp: &str,
        path: &str,
        written: Option<Stat>,
    ) -> io::Result<()> {
        self.root.exchange(temp, path)?;
        let ours = |stat: &Stat| written.is_some_and(|written| written.same_bytes(stat, false));
        match self.root.stat(temp)? {
            None => Ok(()),
            // Somebody may have opened it while it could be seen.
            Some(out) if ours(&out) => {
                self.linger(temp, path, out);
                Ok(())
            }
            Some(_) => {
                self.root.exchange(temp, path)?;
                self.bring_back(temp, path, Instant::now());
                Ok(())
            }
        }
    }

    pub(super) fn drop_temp(&self, temp: &str) {
        match self.root.unlink(temp) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(%error, "a temporary file stays until the next start"),
        }
    }
}

pub(super) fn waits_for_bytes(path: &str, error: &BytesError) -> Outcome {
    let hint = match error {
        BytesError::NobodyHasThem => "It arrives when a device that has it is online.",
        BytesError::Disk(error) => hint_for(error),
        BytesError::Other(_) => "It is tried again by itself.",
    };
    Outcome::Waits {
        path: path.to_owned(),
        reason: error.to_string(),
        hint,
    }
}

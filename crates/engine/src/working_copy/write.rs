//! Swaps in files that were written aside, and looks once more at what they replaced. Plans nothing.

use std::io;
use std::time::Instant;

use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::{Content, FileContent, Node};

use super::aside::{ToWrite, Written};
use super::beneath::Stat;
use super::checkout::Outcome;
use super::in_step::Held;
use super::keeper::Keeper;
use super::port::{BytesError, Drive};
use super::status::hint_for;

/// A file that is about to be written.
pub(super) struct Job {
    id: NodeId,
    parent: NodeId,
    name: String,
    path: String,
    pub(super) node: Node,
    pub(super) content: Option<FileContent>,
    pub(super) temp: String,
    /// What the temporary file's name says that it will replace.
    replaces: Option<Stat>,
}

impl<D: Drive> Keeper<D> {
    /// What there is to write for these files.
    pub(super) fn jobs(&mut self, files: Vec<ToWrite>, now: Instant) -> Vec<Job> {
        let mut jobs = Vec::new();
        for (id, parent, name) in files {
            let (parent, name) = self.place_of(id).unwrap_or((parent, name));
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
            let (temp, replaces) = (self.temp_path(id), self.stat_of(id));
            jobs.push(Job {
                id,
                parent,
                name,
                path,
                node,
                content,
                temp,
                replaces,
            });
        }
        jobs
    }

    /// Where the entry of a node is. Steps that came after the one to write it may have moved it.
    fn place_of(&self, id: NodeId) -> Option<(NodeId, String)> {
        let record = self.in_step.get(id)?;
        Some((record.parent, record.name.clone()))
    }

    fn stat_of(&self, id: NodeId) -> Option<Stat> {
        self.in_step.get(id).map(|record| record.stat)
    }

    /// Swaps in what was written aside, as far as the drive shows it still.
    pub(super) async fn swap_all_in(&mut self, written: Written, now: Instant) {
        self.ended(&written);
        for (job, outcome) in written.files {
            let id = job.id;
            let outcome = match outcome {
                Ok(()) => {
                    crate::failpoint::pass("checkout.written");
                    match self.still_wanted(job) {
                        Some(job) => self.swap_job_in(&job).await,
                        None => Outcome::Done,
                    }
                }
                Err(error) => {
                    self.drop_temp(&job.temp);
                    self.not_out(&job);
                    waits_for_bytes(&job.path, &error)
                }
            };
            self.noted(id, outcome, now);
        }
        self.forget_displaced();
    }

    /// All of a portion is planned for once more, and most of it found to be as it should.
    fn ended(&mut self, written: &Written) {
        self.aside.ended(written);
        self.dirty.extend(&written.nodes);
    }

    /// What was written has no place now: it is written anew.
    pub(super) fn give_back(&mut self, written: Written) {
        self.ended(&written);
        for (job, _) in written.files {
            self.drop_temp(&job.temp);
            self.not_out(&job);
        }
    }

    /// What was written, brought up to date with what happened meanwhile; `None`, and it is gone, if the drive shows
    /// something else by now: that is planned for anew.
    fn still_wanted(&mut self, mut job: Job) -> Option<Job> {
        let shown = self.drive.view(|view| view.get(job.id));
        let same = shown.is_some_and(|node| node.content == job.node.content);
        if let Some(place) = self.place_of(job.id) {
            (job.parent, job.name) = place;
        }
        let path = self.target(job.id, job.parent, &job.name).filter(|_| same);
        let Some(path) = path else {
            self.drop_temp(&job.temp);
            self.not_out(&job);
            return None;
        };
        job.path = path;
        if self.stat_of(job.id) != job.replaces {
            let temp = self.temp_path(job.id);
            match self.root.rename_new(&job.temp, &temp) {
                Ok(()) => job.temp = temp,
                Err(error) => tracing::debug!(%error, "a temporary file keeps its name"),
            }
        }
        Some(job)
    }

    async fn swap_job_in(&mut self, job: &Job) -> Outcome {
        match self.about_to_go(job.id).await {
            Ok(_parting) => self.swap_in_job(job),
            Err(outcome) => {
                self.drop_temp(&job.temp);
                self.not_out(job);
                outcome
            }
        }
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

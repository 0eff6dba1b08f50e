//! Files that are written aside while the worker goes on: fetched, verified, durable, and then handed back to be
//! swapped in. Whatever a slow peer makes wait here holds up no save and no smaller file. Plans nothing, and touches
//! nothing that a person sees.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt;
use futures_util::stream::{self, FuturesUnordered};
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::{Content, FileContent};

use super::ahead::Read;
use super::beneath::{self, Root};
use super::checkout::disk_mode;
use super::durable::Before;
use super::keeper::Keeper;
use super::port::{BytesError, Drive, View};
use super::write::Job;

/// Files written before they are made durable and swapped in together.
const FILES: usize = 512;
/// Their bytes, about: finished ones should not wait for long. A file that has more is written by itself.
const BYTES: u64 = 16 << 20;
/// What somebody has just saved is this much at most.
const FEW: usize = 8;
const FEW_BYTES: u64 = 1 << 20;
/// Contents fetched and written at the same time.
const WRITERS: usize = 16;
/// Nodes that wait for their turn at most, about: the others are planned for later.
const QUEUED: usize = 100_000;

/// A file to be written: its node, and the folder and name that it goes to.
pub(super) type ToWrite = (NodeId, NodeId, String);

/// Files that are written in one go.
pub(super) struct Portion {
    files: Vec<ToWrite>,
    bytes: u64,
}

/// What takes alike long: each kind has places of its own, so that none waits for one that takes longer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A few small files.
    Few,
    /// Many of them, as when a drive is joined.
    Many,
    /// One large file.
    Large,
}

impl Kind {
    /// How many portions are written at once: of the larger kinds, one is fetched while another is written.
    fn places(self) -> usize {
        match self {
            Kind::Few => 4,
            Kind::Many | Kind::Large => 2,
        }
    }
}

impl Portion {
    fn kind(&self) -> Kind {
        match (self.files.len(), self.bytes) {
            (_, BYTES..) => Kind::Large,
            (..=FEW, ..=FEW_BYTES) => Kind::Few,
            _ => Kind::Many,
        }
    }
}

/// Puts files together that follow each other.
pub(super) fn portions(files: Vec<ToWrite>, view: &dyn View) -> Vec<Portion> {
    let mut portions: Vec<Portion> = Vec::new();
    for file in files {
        let node = view.get(file.0);
        let len = node.map_or(0, |node| match node.content {
            Some(Content::File(content)) => content.len,
            _ => 0,
        });
        match portions.last_mut() {
            Some(last) if last.files.len() < FILES && last.bytes + len < BYTES => {
                last.files.push(file);
                last.bytes += len;
            }
            _ => portions.push(Portion {
                files: vec![file],
                bytes: len,
            }),
        }
    }
    portions
}

/// What is written aside, and what waits for that.
#[derive(Default)]
pub(super) struct Aside {
    /// Not dirty meanwhile, unless they are told of anew, and in any case afterwards.
    nodes: BTreeSet<NodeId>,
    queue: VecDeque<Portion>,
    running: Vec<Kind>,
    /// Temporary files that are being written.
    temps: BTreeSet<String>,
}

impl Aside {
    /// Whether a node is seen to here.
    pub(super) fn has(&self, id: NodeId) -> bool {
        self.nodes.contains(&id)
    }

    /// How many nodes are seen to here.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether more may be planned for.
    pub(super) fn has_room(&self) -> bool {
        self.nodes.len() < QUEUED
    }

    /// Takes portions up. What was just saved somewhere goes before what comes by the thousand.
    pub(super) fn add(&mut self, portions: Vec<Portion>) {
        for portion in portions {
            self.nodes.extend(portion.files.iter().map(|file| file.0));
            let few = |portion: &Portion| portion.kind() == Kind::Few;
            let after_few = self.queue.iter().position(|other| !few(other));
            match after_few.filter(|_| few(&portion)) {
                Some(at) => self.queue.insert(at, portion),
                None => self.queue.push_back(portion),
            }
        }
    }

    /// The next portion that there is a place for.
    fn next(&mut self) -> Option<Portion> {
        let busy = |kind: Kind| self.running.iter().filter(|it| **it == kind).count();
        let free = |portion: &Portion| busy(portion.kind()) < portion.kind().places();
        let at = self.queue.iter().position(free)?;
        let portion = self.queue.remove(at)?;
        self.running.push(portion.kind());
        Some(portion)
    }

    /// A portion was written, or given up.
    pub(super) fn ended(&mut self, written: &Written) {
        if let Some(at) = self.running.iter().position(|kind| *kind == written.kind) {
            self.running.swap_remove(at);
        }
        for id in &written.nodes {
            self.nodes.remove(id);
        }
        for (job, _) in &written.files {
            self.temps.remove(&job.temp);
        }
    }

    /// Nothing is written any more. The temporary files that there were.
    pub(super) fn give_up(&mut self) -> BTreeSet<String> {
        std::mem::take(self).temps
    }
}

/// What is done beside the worker's loop; dropped, it ends.
pub(super) type OnItsWay = Pin<Box<dyn Future<Output = Done>>>;

/// All of that.
pub(super) type Beside = FuturesUnordered<OnItsWay>;

/// What came of it.
pub(super) enum Done {
    /// Files of the drive were written aside.
    Written(Written),
    /// A large local file was read.
    Read(Read),
}

/// A portion that was written aside.
pub(super) struct Written {
    kind: Kind,
    /// Nodes of the portion, those for which there was nothing to write among them.
    pub(super) nodes: Vec<NodeId>,
    pub(super) files: Vec<(Job, Result<(), BytesError>)>,
}

impl<D: Drive> Keeper<D> {
    /// Begins with what there are places for.
    pub(super) fn begin_writing(&mut self, now: Instant) -> Vec<OnItsWay> {
        let mut begun = Vec::new();
        while let Some(portion) = self.aside.next() {
            let kind = portion.kind();
            let nodes = portion.files.iter().map(|file| file.0).collect();
            let jobs = self.jobs(portion.files, now);
            self.expect_out(&jobs);
            let temps = jobs.iter().map(|job| job.temp.clone());
            self.aside.temps.extend(temps);
            let (drive, root) = (Arc::clone(&self.drive), Arc::clone(&self.root));
            begun.push(Box::pin(async move {
                let files = write(&*drive, &root, jobs).await;
                Done::Written(Written { kind, nodes, files })
            }) as OnItsWay);
        }
        begun
    }
}

/// Writes files aside and makes them durable.
async fn write<D: Drive>(
    drive: &D,
    root: &Root,
    jobs: Vec<Job>,
) -> Vec<(Job, Result<(), BytesError>)> {
    let alone = jobs.len() <= FEW;
    // A few are asked for one by one, which waits for nobody else's request.
    if !alone {
        let contents: Vec<FileContent> = jobs.iter().filter_map(|job| job.content).collect();
        drive.prefetch(contents).await;
    }
    let mut written: Vec<_> = stream::iter(jobs)
        .map(|job| async move {
            let written = write_temp(drive, root, &job, alone).await;
            (job, written)
        })
        .buffer_unordered(WRITERS)
        .collect()
        .await;
    // A few are made durable one by one; more by one call for the whole disk.
    if !alone && let Err(error) = sync_all(root).await {
        tracing::debug!(%error, "the disk could not be flushed as a whole");
        for (job, outcome) in &mut written {
            if outcome.is_ok() {
                let synced = root.open_file(&job.temp).and_then(|file| file.sync_all());
                *outcome = synced.map_err(BytesError::Disk);
            }
        }
    }
    written
}

async fn write_temp<D: Drive>(
    drive: &D,
    root: &Root,
    job: &Job,
    sync: bool,
) -> Result<(), BytesError> {
    let file = root.create_file(&job.temp).map_err(BytesError::Disk)?;
    if let Some(content) = job.content.filter(|content| content.len > 0) {
        let copy = file.try_clone().map_err(BytesError::Disk)?;
        drive.write_to(content, copy).await?;
    }
    beneath::dress(&file, disk_mode(&job.node), job.node.mtime_ns).map_err(BytesError::Disk)?;
    if sync {
        let synced = tokio::task::spawn_blocking(move || file.sync_all()).await;
        synced
            .map_err(io::Error::from)
            .flatten()
            .map_err(BytesError::Disk)?;
    }
    Ok(())
}

/// Makes everything on the folder's file system durable, on a thread that may wait for it.
async fn sync_all(root: &Root) -> io::Result<()> {
    let everything = Before::Everything(root.descriptor()?);
    tokio::task::spawn_blocking(|| everything.flush()).await?
}

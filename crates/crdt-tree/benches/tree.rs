//! What an edit, a remote change, a listing, a lookup and a load cost, at several sizes of drive.
//!
//! `cargo bench -p peerdrive-crdt-tree` measures with Criterion at 10,000 and 100,000 nodes.
//! `PEERDRIVE_BENCH_NODES=1000000 cargo bench -p peerdrive-crdt-tree` prints one line of medians for a drive
//! of that size instead, memory included: at a million nodes every sample counts.

use std::env;
use std::hint::black_box;
use std::time::{Duration, Instant};

use automerge::Automerge;
use criterion::{BatchSize, Criterion};
use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::id::{Actor, NodeId};
use peerdrive_crdt_tree::lint::Author;
use peerdrive_crdt_tree::name::Name;
use peerdrive_crdt_tree::node::{Content, ContentHash, FileContent, Kind, ManifestRef};
use peerdrive_crdt_tree::testing::Rng;
use peerdrive_crdt_tree::tree::DriveTree;

const HERE: Actor = Actor([1; 16]);
const THERE: Actor = Actor([2; 16]);
/// Files in each folder of the measured drive.
const PER_FOLDER: usize = 100;
/// How many times each single operation is measured by hand.
const SAMPLES: usize = 200;
/// Files of a batch.
const BATCH: usize = 2_000;
/// Devices that edit without hearing of each other, and edits of each.
const APART: u8 = 3;
const EDITS_APART: usize = 70;

fn content(rng: &mut Rng) -> Option<Content> {
    let mut hash = [0; 32];
    for chunk in hash.chunks_mut(8) {
        chunk.copy_from_slice(&rng.draw().to_le_bytes());
    }
    let mut blob = hash;
    blob.reverse();
    let len = rng.draw() % 10_000_000;
    let mtime_ns = 1_700_000_000_000_000_000 + (rng.draw() % 1_000_000_000_000) as i64;
    let manifest = Some(ManifestRef {
        blob,
        epoch: [7; 8],
    });
    Some(Content::File(FileContent {
        hash: ContentHash(hash),
        len,
        mtime_ns,
        manifest,
    }))
}

fn name(text: String) -> Name {
    Name::new(text).unwrap_or_else(|error| unreachable!("{error}"))
}

/// A drive of about `nodes` nodes: folders of a hundred files, ten folders to a folder above.
fn drive(nodes: usize) -> (DriveTree, Vec<NodeId>, Vec<NodeId>) {
    let mut tree = DriveTree::new(HERE);
    let mut rng = Rng::new(1);
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    while folders.len() + files.len() < nodes {
        let parent = if folders.is_empty() {
            NodeId::ROOT
        } else {
            folders[(folders.len() - 1) / 10]
        };
        let mut edits = vec![Edit::Create {
            parent: Place::In(parent),
            name: name(format!("folder {}", folders.len())),
            kind: Kind::Folder,
            content: None,
            mode: None,
        }];
        edits.extend((0..PER_FOLDER).map(|number| Edit::Create {
            parent: Place::InCreated(0),
            name: name(format!("document number {number}.txt")),
            kind: Kind::File,
            content: content(&mut rng),
            mode: None,
        }));
        let made = tree.edit(&edits).results;
        let mut made = made.into_iter().flatten();
        folders.extend(made.next());
        files.extend(made);
    }
    (tree, folders, files)
}

/// Every `step`-th edit of a kind, made anew each time it is asked.
struct Edits {
    rng: Rng,
    count: usize,
    folders: Vec<NodeId>,
    files: Vec<NodeId>,
}

impl Edits {
    fn create(&mut self) -> Edit {
        self.count += 1;
        let parent = *self.rng.pick(&self.folders).unwrap_or(&NodeId::ROOT);
        Edit::Create {
            parent: Place::In(parent),
            name: name(format!("new {}", self.count)),
            kind: Kind::File,
            content: content(&mut self.rng),
            mode: None,
        }
    }

    fn rename(&mut self, tree: &DriveTree) -> Edit {
        self.count += 1;
        let node = *self.rng.pick(&self.files).unwrap_or(&NodeId::ROOT);
        let parent = tree.get(node).map_or(NodeId::ROOT, |node| node.parent);
        Edit::Move {
            node,
            parent,
            name: name(format!("renamed {}", self.count)),
        }
    }

    /// A folder of that many files, as one action.
    fn batch(&mut self, count: usize) -> Vec<Edit> {
        self.count += 1;
        let mut edits = vec![Edit::Create {
            parent: Place::In(NodeId::ROOT),
            name: name(format!("batch {}", self.count)),
            kind: Kind::Folder,
            content: None,
            mode: None,
        }];
        edits.extend((0..count).map(|number| Edit::Create {
            parent: Place::InCreated(0),
            name: name(format!("document number {number}.txt")),
            kind: Kind::File,
            content: content(&mut self.rng),
            mode: None,
        }));
        edits
    }

    fn write(&mut self) -> Edit {
        let node = *self.rng.pick(&self.files).unwrap_or(&NodeId::ROOT);
        let content = content(&mut self.rng).unwrap_or(Content::Symlink("x".into()));
        Edit::SetContent { node, content }
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn timed<T>(times: &mut Vec<Duration>, act: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = black_box(act());
    times.push(start.elapsed());
    result
}

/// Processor time that this thread has had. Long runs are measured by it, as the machine has others.
fn busy() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|n| n.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

/// Runs something long once.
fn busy_for<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let start = busy();
    let result = black_box(act());
    (result, busy() - start)
}

/// Resident memory of this process in MB: now (`VmRSS`) or at most (`VmHWM`).
fn memory(which: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find(|line| line.starts_with(which))
        .unwrap_or_default();
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    digits.parse::<f64>().unwrap_or_default() / 1024.0
}

/// What a process of its own takes that does nothing but load a snapshot from a file.
fn memory_of_load(snapshot: &[u8], what: &str) -> String {
    let file = env::temp_dir().join(format!("peerdrive-bench-{}", std::process::id()));
    let said = std::fs::write(&file, snapshot).and_then(|()| {
        let mut child = std::process::Command::new(env::current_exe()?);
        child
            .env_remove("PEERDRIVE_BENCH_NODES")
            .env("PEERDRIVE_BENCH_LOAD", what)
            .env("PEERDRIVE_BENCH_FILE", &file)
            .output()
    });
    let _ = std::fs::remove_file(&file);
    said.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned())
        .unwrap_or_default()
}

/// The other end of [`memory_of_load`].
#[expect(clippy::print_stdout, reason = "read by the process that asked")]
fn load_and_tell(what: &str) {
    let file = env::var_os("PEERDRIVE_BENCH_FILE").unwrap_or_default();
    let Ok(snapshot) = std::fs::read(file) else {
        return;
    };
    let bare = (what == "bare").then(|| Automerge::load(&snapshot));
    let tree = (what == "tree").then(|| DriveTree::load(&snapshot, HERE));
    drop(snapshot);
    println!("{:.0} MB ({:.0} at most)", memory("VmRSS"), memory("VmHWM"));
    drop((bare, tree));
}

/// Renames by devices that do not hear of each other, in turn.
fn apart(snapshot: &[u8], edits: &mut Edits) -> Vec<(Vec<u8>, Author)> {
    let mut all = Vec::new();
    for number in 0..APART {
        let actor = Actor([10 + number; 16]);
        let Ok(mut tree) = DriveTree::load(snapshot, actor) else {
            continue;
        };
        for seq in 1..=EDITS_APART as u64 {
            let edit = edits.rename(&tree);
            let changes = tree.edit(&[edit]).changes;
            all.extend(changes.into_iter().map(|c| (c, Author { actor, seq })));
        }
    }
    all.sort_by_key(|(_, author)| author.seq);
    all
}

/// One line of a table, measured by hand.
#[expect(clippy::print_stdout, reason = "the table is what this is for")]
fn one_line(nodes: usize) {
    let ((mut tree, folders, files), built) = busy_for(|| drive(nodes));
    let resident_built = memory("VmRSS");
    let mut edits = Edits {
        rng: Rng::new(2),
        count: 0,
        folders,
        files,
    };
    let (mut creates, mut renames, mut writes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        let edit = [edits.create()];
        let _ = timed(&mut creates, || tree.edit(&edit));
        let edit = [edits.rename(&tree)];
        let _ = timed(&mut renames, || tree.edit(&edit));
        let edit = [edits.write()];
        let _ = timed(&mut writes, || tree.edit(&edit));
    }
    let (snapshot, saved) = busy_for(|| tree.save());
    drop(tree);
    let [bare_memory, tree_memory] = ["bare", "tree"].map(|what| memory_of_load(&snapshot, what));
    let (bare, alone) = busy_for(|| Automerge::load(&snapshot));
    drop(bare);
    let (bare, unchecked) = busy_for(|| Automerge::load_unverified_heads(&snapshot));
    drop(bare);
    let (loaded, load) = busy_for(|| DriveTree::load(&snapshot, THERE));
    let Ok(mut there) = loaded else { return };
    let mut sent = Vec::new();
    for _ in 0..SAMPLES {
        for edit in [edits.create(), edits.rename(&there)] {
            sent.extend(there.edit(&[edit]).changes);
        }
    }
    let single = sent.len();
    let batch = edits.batch(BATCH);
    let (made, batch_here) = busy_for(|| there.edit(&batch));
    sent.extend(made.changes);
    drop(there);
    let apart = apart(&snapshot, &mut edits);
    let Ok(mut here) = DriveTree::load(&snapshot, HERE) else {
        return;
    };
    let (mut remote_creates, mut remote_renames) = (Vec::new(), Vec::new());
    for (change, seq) in sent[..single].iter().zip(1..) {
        let author = Author { actor: THERE, seq };
        let times = if seq % 2 == 1 {
            &mut remote_creates
        } else {
            &mut remote_renames
        };
        let _ = timed(times, || here.apply(change, &author));
    }
    let ((), batch_there) = busy_for(|| {
        for (change, seq) in sent.iter().zip(1..).skip(single) {
            let _ = here.apply(change, &Author { actor: THERE, seq });
        }
    });
    let mut remote_apart = Vec::new();
    for (change, author) in &apart {
        let heard = timed(&mut remote_apart, || here.apply(change, author));
        assert!(heard.is_ok(), "{heard:?}");
    }
    let mut lookups = Vec::new();
    let mut lists = Vec::new();
    let mut gets = Vec::new();
    for _ in 0..SAMPLES {
        let file = edits
            .rng
            .pick(&edits.files)
            .copied()
            .unwrap_or(NodeId::ROOT);
        let folder = edits
            .rng
            .pick(&edits.folders)
            .copied()
            .unwrap_or(NodeId::ROOT);
        let path = here.path(file).unwrap_or_default();
        timed(&mut lookups, || here.lookup(&path));
        timed(&mut lists, || here.children(folder).count());
        timed(&mut gets, || here.get(file));
    }
    println!(
        "{nodes} nodes | build {built:.1?} | local create {:.1?} rename {:.1?} write {:.1?} | \
         remote create {:.1?} rename {:.1?} apart {:.1?} | \
         batch of {BATCH} here {batch_here:.1?} there {batch_there:.1?} | load {:.2?} (Automerge alone {:.2?}, without its check {:.2?}) | save {:.2?}, {:.0} B/node | \
         resident {resident_built:.0} MB built; loaded {tree_memory}, Automerge alone {bare_memory} | \
         lookup {:.1?} ls {:.1?} get {:.1?}",
        median(creates),
        median(renames),
        median(writes),
        median(remote_creates),
        median(remote_renames),
        median(remote_apart),
        load,
        alone,
        unchecked,
        saved,
        snapshot.len() as f64 / nodes as f64,
        median(lookups),
        median(lists),
        median(gets),
    );
}

fn criterion(nodes: usize, criterion: &mut Criterion) {
    let (mut tree, folders, files) = drive(nodes);
    let snapshot = tree.save();
    let mut edits = Edits {
        rng: Rng::new(2),
        count: 0,
        folders,
        files,
    };
    let mut group = criterion.benchmark_group(format!("{nodes} nodes"));
    group.sample_size(20);
    group.bench_function("local create", |b| {
        b.iter_batched(
            || [edits.create()],
            |edit| tree.edit(&edit),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("local rename", |b| {
        b.iter(|| {
            let edit = edits.rename(&tree);
            tree.edit(&[edit])
        });
    });
    let folder = edits.folders[edits.folders.len() / 2];
    group.bench_function("ls of 100", |b| b.iter(|| tree.children(folder).count()));
    let path = tree.path(edits.files[0]).unwrap_or_default();
    group.bench_function("lookup", |b| b.iter(|| tree.lookup(&path)));
    group.bench_function("load", |b| b.iter(|| DriveTree::load(&snapshot, HERE)));
    group.finish();
}

fn main() {
    if let Ok(what) = env::var("PEERDRIVE_BENCH_LOAD") {
        load_and_tell(&what);
        return;
    }
    if let Some(nodes) = env::var("PEERDRIVE_BENCH_NODES")
        .ok()
        .and_then(|n| n.parse().ok())
    {
        one_line(nodes);
        return;
    }
    let mut with = Criterion::default().configure_from_args();
    for nodes in [10_000, 100_000] {
        criterion(nodes, &mut with);
    }
    with.final_summary();
}

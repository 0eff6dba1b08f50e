//! What the layout of the document costs: how many buckets, and how the registers of a node are packed into
//! values. Automerge alone, with keys and values as long as the real ones; knows nothing of the view.
//!
//! `PEERDRIVE_BENCH_NODES=100000 cargo bench -p peerdrive-crdt-tree --bench layout` prints one line for each
//! layout; `PEERDRIVE_BENCH_ONLY=1024/birth` only that one. Without a number it does nothing, so that the
//! other benchmark can be run alone.

use std::env;
use std::hint::black_box;
use std::time::{Duration, Instant};

use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, AutomergeError, Change, ObjId, ObjType, ROOT};
use peerdrive_crdt_tree::testing::Rng;

const PER_FOLDER: usize = 100;
const SAMPLES: usize = 300;
const BUCKETS: [usize; 4] = [64, 256, 1024, 4096];

/// How the registers of a new node become values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    /// Kind, place, name and content: a value each.
    Separate,
    /// Kind, place and name are one value until a move or a rename; content is another. What is shipped.
    Birth,
    /// All that a new node has is one value, until an edit writes one of it anew.
    Whole,
}

impl Packing {
    const ALL: [Self; 3] = [Packing::Separate, Packing::Birth, Packing::Whole];

    fn name(self) -> &'static str {
        match self {
            Packing::Separate => "separate",
            Packing::Birth => "birth",
            Packing::Whole => "whole",
        }
    }

    /// Letters and values of a new node.
    fn values(self, rng: &mut Rng, file: bool, number: usize) -> Vec<(char, Vec<u8>)> {
        let kind = vec![u8::from(file), 0, 0];
        let parent = random(rng, 16);
        let name = format!("document number {number}.txt").into_bytes();
        let content = if file { random(rng, 86) } else { Vec::new() };
        let mut values = match self {
            Packing::Separate => vec![('k', kind), ('p', parent), ('n', name)],
            Packing::Birth => vec![('k', [kind, parent, name].concat())],
            Packing::Whole => {
                return vec![('k', [kind, parent, name, content].concat())];
            }
        };
        if file {
            values.push(('c', content));
        }
        values
    }
}

fn random(rng: &mut Rng, len: usize) -> Vec<u8> {
    let bytes = std::iter::repeat_with(|| rng.draw().to_le_bytes()).flatten();
    bytes.take(len).collect()
}

#[derive(Clone)]
struct Layout {
    packing: Packing,
    buckets: Vec<ObjId>,
}

impl Layout {
    fn put<T: Transactable>(
        &self,
        to: &mut T,
        id: &[u8],
        letter: char,
        value: Vec<u8>,
    ) -> Result<(), AutomergeError> {
        let first = usize::from(u16::from_be_bytes([id[0], id[1]]));
        let bucket = (first * self.buckets.len()) >> 16;
        let key = data_encoding::BASE64URL_NOPAD.encode(id) + letter.encode_utf8(&mut [0; 4]);
        to.put(
            &self.buckets[bucket],
            key,
            automerge::ScalarValue::Bytes(value),
        )
    }

    fn create<T: Transactable>(
        &self,
        to: &mut T,
        rng: &mut Rng,
        file: bool,
        number: usize,
    ) -> Result<Vec<u8>, AutomergeError> {
        let id = random(rng, 16);
        for (letter, value) in self.packing.values(rng, file, number) {
            self.put(to, &id, letter, value)?;
        }
        Ok(id)
    }
}

/// A document of about `nodes` nodes, the ids of its files, and where the buckets are.
fn document(
    nodes: usize,
    buckets: usize,
    packing: Packing,
) -> Result<(Automerge, Vec<Vec<u8>>, Layout), AutomergeError> {
    let mut document = Automerge::new().with_actor(ActorId::from([0; 16]));
    let mut transaction = document.transaction();
    let buckets = (0..buckets)
        .map(|index| transaction.put_object(ROOT, format!("{index:x}"), ObjType::Map))
        .collect::<Result<_, _>>()?;
    transaction.commit();
    document.set_actor(ActorId::from([1; 16]));
    let layout = Layout { packing, buckets };
    let mut rng = Rng::new(1);
    let mut files = Vec::new();
    while files.len() < nodes {
        let mut transaction = document.transaction();
        layout.create(&mut transaction, &mut rng, false, 0)?;
        for number in 0..PER_FOLDER {
            files.push(layout.create(&mut transaction, &mut rng, true, number)?);
        }
        transaction.commit();
    }
    Ok((document, files, layout))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Processor time that this thread has had.
fn busy() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|n| n.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let digits: String = line
        .unwrap_or_default()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    digits.parse::<f64>().unwrap_or_default() / 1024.0
}

/// Changes of another device, one after the other: a creation and a rename in turn.
fn edits(
    document: &mut Automerge,
    layout: &Layout,
    files: &[Vec<u8>],
    times: &mut Vec<Duration>,
) -> Result<Vec<Change>, AutomergeError> {
    let mut rng = Rng::new(2);
    let mut changes = Vec::new();
    for number in 0..SAMPLES {
        let start = Instant::now();
        let mut transaction = document.transaction();
        if number % 2 == 0 {
            layout.create(&mut transaction, &mut rng, true, number)?;
        } else if let Some(id) = rng.pick(files) {
            let name = format!("renamed {number}").into_bytes();
            layout.put(&mut transaction, id, 'n', name)?;
        }
        transaction.commit();
        let change = document.get_last_local_change();
        times.push(start.elapsed());
        changes.extend(change);
    }
    Ok(changes)
}

#[expect(clippy::print_stdout, reason = "the table is what this is for")]
fn one_line(nodes: usize, buckets: usize, packing: Packing) -> Result<(), AutomergeError> {
    let (document, files, layout) = document(nodes, buckets, packing)?;
    let snapshot = document.save_nocompress();
    drop(document);
    let mut loads = Vec::new();
    let mut sizes = Vec::new();
    let rounds = if nodes > 200_000 { 2 } else { 5 };
    for _ in 0..rounds {
        let (before, start) = (resident(), busy());
        let loaded = black_box(Automerge::load(&snapshot)?);
        loads.push(busy() - start);
        sizes.push(resident() - before);
        drop(loaded);
    }
    // The first load is the one that finds no memory to use again.
    let memory = sizes.first().copied().unwrap_or_default() * 1048576.0 / nodes as f64;
    let mut there = Automerge::load(&snapshot)?.with_actor(ActorId::from([2; 16]));
    let mut local = Vec::new();
    let changes = edits(&mut there, &layout, &files, &mut local)?;
    drop(there);
    let mut here = Automerge::load(&snapshot)?;
    let mut remote = [Vec::new(), Vec::new()];
    for (number, change) in changes.iter().enumerate() {
        let bytes = change.raw_bytes().to_vec();
        let start = Instant::now();
        here.apply_changes([Change::from_bytes(bytes)?])?;
        remote[number % 2].push(start.elapsed());
    }
    assert_eq!(here.get_heads().len(), 1);
    let [creates, renames] = remote.map(median);
    println!(
        "{nodes} nodes, {buckets:4} buckets, {:8} | local {:.1?} | remote create {creates:.1?} rename {renames:.1?} | \
         load {:.0?} | {memory:.0} B/node | snapshot {:.0} B/node",
        packing.name(),
        median(local),
        median(loads),
        snapshot.len() as f64 / nodes as f64,
    );
    Ok(())
}

/// Each layout in a process of its own, so that none finds memory that another one left.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(nodes) = env::var("PEERDRIVE_BENCH_NODES").ok() else {
        return Ok(());
    };
    let only = env::var("PEERDRIVE_BENCH_ONLY").ok();
    for buckets in BUCKETS {
        for packing in Packing::ALL {
            let layout = format!("{buckets}/{}", packing.name());
            match &only {
                Some(only) if *only == layout => one_line(nodes.parse()?, buckets, packing)?,
                Some(_) => {}
                // The shipped packing with every number of buckets, the shipped number with every packing.
                None if buckets == 1024 || packing == Packing::Birth => {
                    let mut child = std::process::Command::new(env::current_exe()?);
                    child.env("PEERDRIVE_BENCH_ONLY", layout).status()?;
                }
                None => {}
            }
        }
    }
    Ok(())
}

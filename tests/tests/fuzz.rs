//! The short form of the fuzzer: each harness function of the crates driven by seeded mutations of the
//! published inputs. What coverage would find takes `cargo xtask fuzz`; this finds what is plainly broken.

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use peerdrive_tests::{Random, workspace};

type Harness = fn(&[u8]);

/// Every target of `fuzz/fuzz_targets`, and how many mutations it gets: what takes about a second.
const TARGETS: [(&str, Harness, u64); 18] = [
    ("entry", peerdrive_crypto::harness::entry, 2000),
    ("control", peerdrive_crypto::harness::control, 150),
    ("content", peerdrive_crypto::harness::content, 20_000),
    ("ticket", peerdrive_crypto::harness::ticket, 20_000),
    ("join", peerdrive_crypto::harness::join_message, 2000),
    ("gossip", peerdrive_crypto::harness::gossip_frame, 5000),
    ("text", peerdrive_crypto::harness::text, 20_000),
    ("change", peerdrive_crdt_tree::harness::change, 200),
    ("document", peerdrive_crdt_tree::harness::document, 400),
    ("spelling", peerdrive_crdt_tree::harness::spelling, 20_000),
    ("frame", peerdrive_net::harness::wire_message, 20_000),
    ("address", peerdrive_net::harness::address, 20_000),
    ("question", peerdrive_net::harness::question, 20_000),
    ("manifest", peerdrive_engine::harness::manifest, 20_000),
    ("history", peerdrive_engine::harness::history, 500),
    ("contact", peerdrive_engine::harness::contact, 20_000),
    ("connection", peerdrive_api::harness::connection, 300),
    ("command", peerdrive_api::harness::command, 1000),
];

/// A slow machine does less, rather than failing.
const AT_MOST: Duration = Duration::from_secs(10);

/// The longest input that mutations make.
const LONGEST: usize = 64 * 1024;

fn fuzz_folder(name: &str) -> PathBuf {
    workspace().join("fuzz").join(name)
}

/// The files of one target's corpus, by name.
fn corpus(target: &str) -> Result<Vec<Vec<u8>>> {
    let folder = fuzz_folder("corpus").join(target);
    let listed = fs::read_dir(&folder).with_context(|| format!("no corpus for {target}"))?;
    let mut paths: Vec<PathBuf> = listed.map(|file| Ok(file?.path())).collect::<Result<_>>()?;
    paths.sort();
    let read: Vec<Vec<u8>> = paths.iter().map(fs::read).collect::<Result<_, _>>()?;
    ensure!(!read.is_empty(), "the corpus of {target} is empty");
    Ok(read)
}

/// Bytes that decoders stumble over: ends of varints, greatest and least numbers, great lengths.
const ODD: [&[u8]; 8] = [
    &[0],
    &[0xff],
    &[0x7f],
    &[0x80],
    &[0x80, 0],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0, 0, 0, 0, 0, 0, 0, 0x80],
];

/// One small change.
fn mutate(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = random.below(bytes.len() as u64 + 1) as usize;
    let end = at + random.below((bytes.len() - at) as u64 + 1) as usize;
    match random.below(9) {
        0 | 1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        2 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random.number() as u8;
            }
        }
        3 => bytes.truncate(at),
        4 => drop(bytes.drain(at..end.min(at + 8))),
        5 => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        6 => {
            let odd = ODD[random.below(ODD.len() as u64) as usize];
            let over = random.below(2) as usize * odd.len();
            bytes.splice(at..(at + over).min(bytes.len()), odd.iter().copied());
        }
        7 => {
            let from = random.below(other.len() as u64 + 1) as usize;
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        _ => {
            let some = random.below(16) as usize;
            let noise = random.bytes(some);
            bytes.splice(at..at, noise);
        }
    }
    bytes.truncate(LONGEST);
}

/// Runs one input; tells which it was if the harness does not like it.
fn run(target: &str, harness: Harness, bytes: &[u8]) -> Result<()> {
    let told = || {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{target} does not stand this input: {hex}")
    };
    catch_unwind(|| harness(bytes)).map_err(|_| anyhow::anyhow!(told()))
}

#[test]
fn mutations_of_the_published_inputs_break_no_decoder() -> Result<()> {
    let (mut random, seed) = Random::from_environment();
    println!("seed {seed} (PEERDRIVE_SEED={seed} repeats it)");
    for (target, harness, count) in TARGETS {
        let start = Instant::now();
        let inputs = corpus(target)?;
        for input in &inputs {
            run(target, harness, input)?;
        }
        let mut done = 0;
        while done < count && start.elapsed() < AT_MOST {
            let pick = |random: &mut Random| random.below(inputs.len() as u64) as usize;
            let mut bytes = inputs[pick(&mut random)].clone();
            let other = &inputs[pick(&mut random)];
            for _ in 0..=random.below(6) {
                mutate(&mut random, &mut bytes, other);
            }
            run(target, harness, &bytes)?;
            done += 1;
        }
        println!(
            "{target}: {done} mutations in {:.1} s",
            start.elapsed().as_secs_f64()
        );
    }
    Ok(())
}

#[test]
fn every_target_of_the_fuzzer_is_in_the_short_form_and_has_a_corpus() -> Result<()> {
    let mut targets = BTreeSet::new();
    for file in fs::read_dir(fuzz_folder("fuzz_targets"))? {
        let path = file?.path();
        let stem = path.file_stem().context("a name")?;
        targets.insert(stem.to_string_lossy().into_owned());
    }
    let here: BTreeSet<String> = TARGETS
        .iter()
        .map(|(name, ..)| (*name).to_owned())
        .collect();
    assert_eq!(targets, here);
    for target in &here {
        corpus(target)?;
    }
    Ok(())
}

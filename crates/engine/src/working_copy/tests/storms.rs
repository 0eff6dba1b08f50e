//! Random work on both sides, also in the middle of every step: nothing is lost, nothing is made up,
//! both sides show the same in the end, and then there is silence.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::support::{Bench, Fake, Or, TestResult};

/// Small, fast, and the same everywhere (splitmix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// What both people did, and which versions somebody who saw them replaced or deleted.
struct Story {
    dice: Dice,
    root: PathBuf,
    here: Fake,
    there: Fake,
    next: u64,
    written: BTreeSet<Vec<u8>>,
    replaced: BTreeSet<Vec<u8>>,
    told: Vec<String>,
}

const NAMES: [&str; 5] = ["a", "b", "c.txt", "d", "e"];

impl Story {
    fn path(&mut self) -> String {
        let depth = 1 + self.dice.roll(3);
        (0..depth)
            .map(|_| NAMES[self.dice.roll(5) as usize])
            .collect::<Vec<_>>()
            .join("/")
    }

    fn token(&mut self) -> Vec<u8> {
        self.next += 1;
        let token = format!("token {}", self.next).into_bytes();
        self.written.insert(token.clone());
        token
    }

    fn step(&mut self) {
        match self.dice.roll(8) {
            0..=3 => self.local(),
            4..=6 => self.remote(),
            _ => self.meet(),
        }
    }

    fn meet(&mut self) {
        self.told.push("meet".into());
        let met = self
            .here
            .fetch(&self.there)
            .and_then(|()| self.there.fetch(&self.here));
        assert!(met.is_ok(), "{met:?}");
    }

    fn local(&mut self) {
        let (rel, other) = (self.path(), self.path());
        let (path, to) = (self.root.join(&rel), self.root.join(&other));
        let is_file = path.is_file();
        match self.dice.roll(9) {
            0..=2 => {
                let token = self.token();
                let seen = fs::read(&path).ok();
                if write(&path, &token).is_ok() {
                    self.replaced.extend(seen);
                    self.told
                        .push(format!("write {rel}: {}", String::from_utf8_lossy(&token)));
                } else {
                    self.written.remove(&token);
                }
            }
            3 if is_file => {
                // An editor's save: written beside, renamed over.
                let token = self.token();
                let temp = path.with_file_name(".goutputstream-X");
                let seen = fs::read(&path).ok();
                if fs::write(&temp, &token)
                    .and_then(|()| fs::rename(&temp, &path))
                    .is_ok()
                {
                    self.replaced.extend(seen);
                    self.told
                        .push(format!("save {rel}: {}", String::from_utf8_lossy(&token)));
                }
            }
            4 if is_file => {
                self.replaced.extend(fs::read(&path).ok());
                self.told.push(format!("rm {rel}"));
                assert!(fs::remove_file(&path).is_ok());
            }
            5 if path.is_dir() => {
                // In one stroke, so that what was seen is what was removed.
                let away = self.root.with_file_name("away");
                if fs::rename(&path, &away).is_ok() {
                    self.replace_tree(&away);
                    self.told.push(format!("rm -r {rel}"));
                    assert!(fs::remove_dir_all(&away).is_ok());
                }
            }
            6 => {
                if fs::create_dir_all(&path).is_ok() {
                    self.told.push(format!("mkdir {rel}"));
                }
            }
            _ => {
                let over = if to.is_file() && is_file && path != to {
                    fs::read(&to).ok()
                } else {
                    None
                };
                if (over.is_some() || !to.exists()) && fs::rename(&path, &to).is_ok() {
                    self.replaced.extend(over);
                    self.told.push(format!("mv {rel} {other}"));
                }
            }
        }
    }

    fn replace_tree(&mut self, path: &Path) {
        let Ok(entries) = fs::read_dir(path) else {
            return;
        };
        for entry in entries.flatten() {
            if entry.path().is_dir() {
                self.replace_tree(&entry.path());
            } else {
                self.replaced.extend(fs::read(entry.path()).ok());
            }
        }
    }

    fn remote(&mut self) {
        let (path, other) = (self.path(), self.path());
        let shown = self.there.shown();
        match self.dice.roll(6) {
            0..=2 => {
                let token = self.token();
                if self.there.write(&path, &token).is_ok() {
                    self.replaced.extend(shown.get(&path).cloned().flatten());
                    self.told.push(format!(
                        "there: write {path}: {}",
                        String::from_utf8_lossy(&token)
                    ));
                } else {
                    self.written.remove(&token);
                }
            }
            3 => {
                if self.there.delete(&path).is_ok() {
                    let below = format!("{path}/");
                    let gone = shown
                        .into_iter()
                        .filter(|(at, _)| *at == path || at.starts_with(&below));
                    self.replaced.extend(gone.filter_map(|(_, bytes)| bytes));
                    self.told.push(format!("there: rm {path}"));
                }
            }
            4 => {
                if self.there.folder(&path).is_ok() {
                    self.told.push(format!("there: mkdir {path}"));
                }
            }
            _ => {
                if self.there.rename(&path, &other).is_ok() {
                    self.told.push(format!("there: mv {path} {other}"));
                }
            }
        }
    }
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, bytes)
}

async fn storm(seed: u64, in_between: bool) -> TestResult {
    run(seed, in_between)
        .await
        .map_err(|error| format!("seed {seed}, in between {in_between}: {error}").into())
}

async fn run(seed: u64, in_between: bool) -> TestResult {
    let mut bench = Bench::started()?;
    let story = Arc::new(Mutex::new(Story {
        dice: Dice(seed),
        root: bench.root(),
        here: bench.here.clone(),
        there: bench.there.clone(),
        next: 0,
        written: BTreeSet::new(),
        replaced: BTreeSet::new(),
        told: Vec::new(),
    }));
    for _ in 0..4 {
        for _ in 0..6 {
            story.lock().step();
        }
        if in_between {
            let teller = story.clone();
            let mut left = 10;
            let hook = move || {
                let story = teller.try_lock();
                if let Some(mut story) = story.filter(|_| left > 0)
                    && story.dice.roll(4) == 0
                {
                    left -= 1;
                    story.told.push("in between".into());
                    story.step();
                }
            };
            *bench.here.0.hook.lock() = Some(Box::new(hook));
        }
        bench.sync().await?;
        *bench.here.0.hook.lock() = None;
        // What was done last is taken in undisturbed: whoever looks before writing must see what is there.
        bench.sync().await?;
        let roll = story.lock().dice.roll(4);
        match roll {
            0 => {
                bench.stop().await;
                for _ in 0..3 {
                    story.lock().step();
                }
                bench.start()?;
            }
            _ => story.lock().meet(),
        }
    }
    bench
        .copy
        .as_ref()
        .ok_or("not started")?
        .confirm_deletions();
    for _ in 0..3 {
        bench.settle().await?;
    }
    let told = story.lock().told.join("\n");
    let check = check(&bench, &story.lock());
    check.map_err(|error| {
        format!(
            "{error}\n{told}\n{:?}",
            bench.copy.as_ref().map(|copy| copy.status())
        ) + &format!(
            "{:#?}",
            bench
                .here
                .0
                .edits
                .lock()
                .iter()
                .rev()
                .take(6)
                .collect::<Vec<_>>()
        )
    })?;
    let before = bench.here.0.made.lock().len();
    bench.sync().await?;
    if bench.here.0.made.lock().len() != before {
        return Err(format!("not silent\n{told}").into());
    }
    bench.stop().await;
    Ok(())
}

fn check(bench: &Bench, story: &Story) -> Or<()> {
    bench.assert_in_step()?;
    let visible: BTreeSet<Vec<u8>> = bench.on_disk()?.into_values().flatten().collect();
    for token in story.written.difference(&story.replaced) {
        if !visible.contains(token) {
            let shown = super::support::text(&bench.on_disk()?)
                .into_iter()
                .map(|(a, b)| format!("{a}={b}"))
                .collect::<Vec<_>>();
            return Err(format!("lost {} {shown:?}", String::from_utf8_lossy(token)).into());
        }
    }
    if let Some(phantom) = visible.iter().find(|bytes| !story.written.contains(*bytes)) {
        return Err(format!("nobody wrote {:?}", String::from_utf8_lossy(phantom)).into());
    }
    Ok(())
}

async fn storms(in_between: bool) -> TestResult {
    let seeds: Vec<u64> = match std::env::var("STORM_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
    {
        Some(seed) => vec![seed],
        None => {
            let count = std::env::var("STORMS")
                .ok()
                .and_then(|n| n.parse().ok())
                .unwrap_or(6);
            let first = std::env::var("STORM_FIRST")
                .ok()
                .and_then(|n| n.parse().ok())
                .unwrap_or(0);
            (first..first + count).collect()
        }
    };
    let mut failed = Vec::new();
    for chunk in seeds.chunks(16) {
        let runs = chunk.iter().map(|seed| storm(*seed, in_between));
        for result in futures_util::future::join_all(runs).await {
            failed.extend(result.err().map(|error| error.to_string()));
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("{} failed, the first:\n{}", failed.len(), failed[0]).into())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_work_on_both_sides_converges_and_loses_nothing() -> TestResult {
    storms(false).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_work_in_the_middle_of_every_step_loses_nothing() -> TestResult {
    storms(true).await
}

//! Random work on both sides, also in the middle of every step: nothing is lost, nothing is made up,
//! both sides show the same in the end, and then there is silence.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::fs::{CWD, RenameFlags, renameat_with};

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

/// Longer than replaced files are kept out of sight.
const COMES_BACK: Duration = Duration::from_secs(10);

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
                if let Ok(seen) = write(&path, &token) {
                    self.replaced.insert(seen);
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
                if fs::write(&temp, &token)
                    .and_then(|()| exchange(&temp, &path))
                    .is_ok()
                {
                    self.replaced.extend(fs::read(&temp).ok());
                    self.told
                        .push(format!("save {rel}: {}", String::from_utf8_lossy(&token)));
                } else {
                    self.written.remove(&token);
                }
                // It may not even be there: the folder around it is gone.
                fs::remove_file(&temp).ok();
            }
            4 if is_file => self.remove(&path, &rel),
            5 if path.is_dir() => self.remove(&path, &rel),
            6 => {
                if fs::create_dir_all(&path).is_ok() {
                    self.told.push(format!("mkdir {rel}"));
                }
            }
            _ if to.is_file() && is_file && path != to => {
                if exchange(&path, &to).is_ok() {
                    self.told.push(format!("swap {rel} {other}"));
                    self.remove(&path, &rel);
                }
            }
            _ => {
                if rename_to_nothing(&path, &to).is_ok() {
                    self.told.push(format!("mv {rel} {other}"));
                }
            }
        }
    }

    /// In one stroke, so that what was seen is what was removed, whatever comes meanwhile.
    fn remove(&mut self, path: &Path, rel: &str) {
        let away = self.root.with_file_name("away");
        if fs::rename(path, &away).is_err() {
            return;
        }
        self.told.push(format!("rm {rel}"));
        if away.is_dir() {
            self.replace_tree(&away);
            assert!(fs::remove_dir_all(&away).is_ok());
        } else {
            self.replaced.extend(fs::read(&away).ok());
            assert!(fs::remove_file(&away).is_ok());
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

/// Writes a file in place, as a program does that has it open, and gives the very bytes that it wrote over: if others
/// replace the file meanwhile, it is not their version.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(path)?;
    let mut seen = Vec::new();
    file.read_to_end(&mut seen)?;
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(bytes)?;
    Ok(seen)
}

/// Two entries take each other's place at once.
fn exchange(one: &Path, other: &Path) -> std::io::Result<()> {
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

fn rename_to_nothing(from: &Path, to: &Path) -> std::io::Result<()> {
    Ok(renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?)
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
    let played = play(&mut bench, &story, in_between).await;
    played.map_err(|error| {
        let told = story.lock().told.join("\n");
        format!(
            "{error}\n{told}\non disk {:?}\nin the drive {:?}",
            super::support::text(&bench.on_disk().unwrap_or_default()),
            super::support::text(&bench.here.shown()),
        )
    })?;
    let told = story.lock().told.join("\n");
    let mut checked = check(&bench, &story.lock());
    // What was written through a handle to a file that was just replaced comes back when nobody can be
    // writing to that any more.
    let begun = Instant::now();
    while checked.is_err() && begun.elapsed() < COMES_BACK {
        tokio::time::sleep(Duration::from_millis(500)).await;
        bench.settle().await?;
        checked = check(&bench, &story.lock());
    }
    checked.map_err(|error| {
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

/// Everything that happens, and what it takes until all of it is everywhere.
async fn play(bench: &mut Bench, story: &Arc<Mutex<Story>>, in_between: bool) -> TestResult {
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
    // A file is empty for a moment before something is in it.
    let known = |bytes: &Vec<u8>| bytes.is_empty() || story.written.contains(bytes);
    if let Some(phantom) = visible.iter().find(|bytes| !known(bytes)) {
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
                .unwrap_or(24);
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

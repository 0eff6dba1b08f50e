//! What the contestants are given to do, and when the clock runs. Knows two folders and that
//! somebody brings one's contents to the other.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use peerdrive_tests::{Random, run};

use super::Place;
use super::arrival;
use super::contestant::{Contestant, Pair};
use super::report::{Cell, Figure};
use crate::interrupt::Interrupt;
use crate::machine;

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// 10,000 files of 4 KiB in 100 folders.
    ManyFiles,
    /// One file of 4 GiB.
    OneFile,
    /// A folder of 10,000 files gets another name.
    Rename,
    /// One saved edit.
    Edit,
}

impl Work {
    /// All, in the order of the table.
    pub(crate) const ALL: [Self; 4] = [Self::ManyFiles, Self::OneFile, Self::Rename, Self::Edit];

    /// Its number.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::ManyFiles => "B1",
            Self::OneFile => "B3",
            Self::Rename => "B5",
            Self::Edit => "B6",
        }
    }

    /// From its number.
    pub(crate) fn parse(id: &str) -> Result<Self> {
        let found = Self::ALL
            .into_iter()
            .find(|work| work.id().eq_ignore_ascii_case(id));
        match found {
            Some(work) => Ok(work),
            None => bail!("there is no work {id}; there are B1, B3, B5, B6"),
        }
    }

    /// Whether it is done there: bytes are limited by the disk or by the processor, names and single
    /// edits are the same work in both places.
    pub(crate) fn at(self, place: &str) -> bool {
        place == "disk" || matches!(self, Self::ManyFiles | Self::OneFile)
    }
}

/// How large everything is.
#[derive(Clone, Debug)]
pub(crate) struct Size {
    folders: u32,
    per_folder: u32,
    small: usize,
    large: u64,
}

impl Size {
    /// For a look, not for a figure.
    pub(crate) const QUICK: Self = Self {
        folders: 20,
        per_folder: 50,
        small: 4096,
        large: 256 << 20,
    };

    /// The sizes of the table; in memory, the large file is as large as leaves room for the five
    /// copies that some keep of it.
    pub(crate) fn for_memory(place: &Place) -> Self {
        let full = 4 << 30;
        let large = if place.name == "memory" {
            full.min(machine::available_memory() / 6)
        } else {
            full
        };
        Self {
            folders: 100,
            per_folder: 100,
            small: 4096,
            large: large & !0xf_ffff,
        }
    }

    /// The large file, in words.
    fn large_words(&self) -> String {
        format!("{} MiB", self.large >> 20)
    }

    fn files(&self, below: &str) -> Vec<(PathBuf, u64)> {
        let mut files = Vec::new();
        for folder in 0..self.folders {
            for file in 0..self.per_folder {
                let path = Path::new(below).join(format!("folder {folder:03}/file {file:03}.bin"));
                files.push((path, self.small as u64));
            }
        }
        files
    }
}

/// Does all of `works` with one contestant, on one pair of fresh folders.
pub(crate) fn measure(
    contestant: &Contestant,
    works: &[Work],
    size: &Size,
    place: &Place,
    interrupt: &Interrupt,
) -> Result<Vec<Cell>> {
    let pair = Pair::start(contestant, place)?;
    let mut cells = Vec::new();
    let mut cell = |work: Work, figure: Figure, note: String| {
        let cell = Cell::measured(contestant.name(), work, place.name, figure, note);
        println!("    {cell}");
        cells.push(cell);
    };
    // Edits and renames happen in a drive with many files in it, so these come first, wanted or not.
    if works != [Work::OneFile] {
        let took = many_files(&pair, size, interrupt)?;
        if works.contains(&Work::ManyFiles) {
            cell(
                Work::ManyFiles,
                Figure::Seconds(took.as_secs_f64()),
                used(&pair)?,
            );
        }
    }
    if works.contains(&Work::Edit) {
        let times = edits(&pair, contestant, interrupt)?;
        cell(Work::Edit, Figure::times(times), String::new());
    }
    if works.contains(&Work::Rename) {
        let took = rename(&pair, size, interrupt)?;
        cell(
            Work::Rename,
            Figure::Seconds(took.as_secs_f64()),
            String::new(),
        );
    }
    if works.contains(&Work::OneFile) {
        let took = one_file(&pair, size, interrupt)?;
        let rate = size.large as f64 / 1e6 / took.as_secs_f64();
        let mut note = vec![size.large_words(), format!("{rate:.0} MB/s"), used(&pair)?];
        note.retain(|words| !words.is_empty());
        cell(
            Work::OneFile,
            Figure::Seconds(took.as_secs_f64()),
            note.join(", "),
        );
    }
    Ok(cells)
}

fn many_files(pair: &Pair, size: &Size, interrupt: &Interrupt) -> Result<Duration> {
    let aside = pair.aside()?;
    let files = size.files("tree");
    let mut random = Random::new(1);
    for (path, len) in &files {
        let path = aside.path().join(path);
        fs::create_dir_all(path.parent().context("in a folder")?)?;
        fs::write(path, random.bytes(*len as usize))?;
    }
    settle(aside.path())?;
    let start = Instant::now();
    put(&aside.path().join("tree"), &pair.source.join("tree"))?;
    pair.carry_now()?;
    arrival::wait(&pair.target, &files, interrupt)?;
    settle(&pair.target)?;
    let took = start.elapsed();
    for (path, _) in files.iter().step_by(7) {
        same(&pair.source.join(path), &pair.target.join(path))?;
    }
    Ok(took)
}

fn one_file(pair: &Pair, size: &Size, interrupt: &Interrupt) -> Result<Duration> {
    let aside = pair.aside()?;
    let prepared = aside.path().join("large.bin");
    Random::new(2).write(size.large, &mut BufWriter::new(File::create(&prepared)?))?;
    settle(aside.path())?;
    let start = Instant::now();
    put(&prepared, &pair.source.join("large.bin"))?;
    pair.carry_now()?;
    arrival::wait(&pair.target, &[("large.bin".into(), size.large)], interrupt)?;
    settle(&pair.target)?;
    let took = start.elapsed();
    same(
        &pair.source.join("large.bin"),
        &pair.target.join("large.bin"),
    )?;
    Ok(took)
}

fn rename(pair: &Pair, size: &Size, interrupt: &Interrupt) -> Result<Duration> {
    let start = Instant::now();
    fs::rename(pair.source.join("tree"), pair.source.join("renamed"))?;
    pair.carry_now()?;
    arrival::wait(&pair.target, &size.files("renamed"), interrupt)?;
    let limit = Duration::from_secs(300);
    interrupt.until(limit, "the old name is gone", || {
        !pair.target.join("tree").exists()
    })?;
    Ok(start.elapsed())
}

fn edits(pair: &Pair, contestant: &Contestant, interrupt: &Interrupt) -> Result<Vec<f64>> {
    // As many as make a percentile where they are quick, as few as can be waited for where not.
    let count = match contestant {
        Contestant::Syncthing { tuned: false } => 3,
        Contestant::Syncthing { tuned: true } | Contestant::Copy | Contestant::Rsync => 10,
        Contestant::PeerDrive { .. } => 100,
    };
    let (here, there) = (pair.source.join("note.md"), pair.target.join("note.md"));
    fs::write(&here, "# Note\n")?;
    pair.carry_now()?;
    arrival::wait_for_bytes(&there, b"# Note\n", interrupt)?;
    let mut random = Random::new(3);
    let mut times = Vec::new();
    for number in 0..count {
        // A person pauses between two saves, and never for a round number.
        thread::sleep(Duration::from_millis(150 + random.below(250)));
        let text = format!(
            "# Note\n\nSaved {number} times, {} words.\n",
            random.below(1000)
        );
        let start = Instant::now();
        fs::write(&here, &text)?;
        pair.carry_now()?;
        let seen = arrival::wait_for_bytes(&there, text.as_bytes(), interrupt)?;
        times.push((seen - start).as_secs_f64());
    }
    Ok(times)
}

/// Moves something prepared aside into a shared folder: a rename where that is one file system, which
/// it is not for a mount.
fn put(prepared: &Path, at: &Path) -> Result<()> {
    if fs::rename(prepared, at).is_ok() {
        return Ok(());
    }
    let mut copy = std::process::Command::new("cp");
    run(
        copy.arg("-a").arg(prepared).arg(at),
        Duration::from_secs(900),
    )?
    .ok()?;
    Ok(())
}

/// Everything written so far to the file system below `path` is durable.
fn settle(path: &Path) -> Result<()> {
    Ok(rustix::fs::syncfs(File::open(path)?)?)
}

fn same(one: &Path, two: &Path) -> Result<()> {
    let mut compare = std::process::Command::new("cmp");
    let answer = run(compare.arg(one).arg(two), Duration::from_secs(300))?;
    ensure!(
        answer.code == Some(0),
        "what arrived is not what was sent: {}",
        answer.stdout
    );
    Ok(())
}

/// Memory and processor time of the devices so far, in words.
fn used(pair: &Pair) -> Result<String> {
    if !pair.is_live() {
        return Ok(String::new());
    }
    let words = pair.usage()?.into_iter().map(|usage| {
        format!(
            "{} MiB and {:.1} s of processor",
            usage.peak >> 20,
            usage.processor.as_secs_f64()
        )
    });
    Ok(words.collect::<Vec<_>>().join(" / "))
}

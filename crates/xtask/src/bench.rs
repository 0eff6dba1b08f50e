//! `cargo xtask bench`: PeerDrive beside what one would use instead, interleaved in one run, into a
//! table in `docs/BENCHMARKS.md`. Knows how to time a folder's way from one place to another, and
//! nothing of how it gets there.

mod arrival;
mod contestant;
mod disk;
mod figure;
mod http;
mod lone;
mod measure;
mod pair;
mod report;
mod size;
mod syncthing;
mod wire;
mod work;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use peerdrive_tests::{Binary, run as run_to_its_end, workspace};

use crate::cargo::{self, Profile};
use crate::interrupt::Interrupt;
use crate::{machine, setup};
use contestant::Contestant;
use report::{Cell, Report};
use size::Size;
use work::Work;

/// What to measure, and how often.
#[derive(Debug)]
pub(crate) struct Options {
    works: Vec<Work>,
    rounds: usize,
    quick: bool,
    write: bool,
    peerdrive: bool,
    peers: bool,
}

impl Options {
    /// From the words after `bench`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self {
            works: Work::ALL.to_vec(),
            rounds: 3,
            quick: false,
            write: true,
            peerdrive: true,
            peers: true,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--rounds" => {
                    let rounds = words.next().context("--rounds wants a number")?;
                    options.rounds = rounds.parse().context("--rounds wants a number")?;
                }
                "--only" => {
                    let names = words.next().context("--only wants names such as B1,B5")?;
                    options.works = names.split(',').map(Work::parse).collect::<Result<_>>()?;
                }
                "--quick" => options.quick = true,
                "--no-write" => options.write = false,
                "--without-peerdrive" => options.peerdrive = false,
                "--alone" => options.peers = false,
                _ => bail!("bench does not know {word}"),
            }
        }
        Ok(options)
    }
}

/// Where a round takes place.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// `disk` or `memory`.
    name: &'static str,
    folder: PathBuf,
}

/// What a contestant left behind, until the end.
const LEFT: &str = "left";
/// Bytes that stay free on the disk.
const ENOUGH: u64 = 24 << 30;

impl Place {
    /// Keeps what a contestant wrote until all have been measured. A file system that passes over what was freed
    /// lately (ext4 without a journal looks at each such inode for minutes) would have the next contestant pay
    /// for it. In memory, or when the disk gets full, it is left to be removed at once.
    fn keep(&self, folder: &Path) {
        let free = machine::free(&self.folder).unwrap_or(0);
        if self.name != "disk" || free < ENOUGH {
            return;
        }
        let left = self.folder.join(LEFT);
        let name = folder.file_name().unwrap_or_default();
        let kept =
            std::fs::create_dir_all(&left).and_then(|()| std::fs::rename(folder, left.join(name)));
        if let Err(error) = kept {
            println!("    {} is removed at once: {error}", folder.display());
        }
    }

    /// Removes what was kept.
    fn clear(&self) -> Result<()> {
        match std::fs::remove_dir_all(self.folder.join(LEFT)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// Measures, prints and writes.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let start = Instant::now();
    setup::run(setup::Purpose::Bench);
    let interrupt = Interrupt::install()?;
    let contestants = contestants(options)?;
    let places = places()?;
    let cells = rounds(options, &contestants, &places, &interrupt);
    for place in &places {
        place.clear()?;
    }
    let cells = cells?;
    let report = Report {
        taken: taken()?,
        machine: machine::described(),
        places: places
            .iter()
            .map(|place| (place.name, machine::file_system(&place.folder)))
            .collect(),
        rounds: options.rounds,
        quick: options.quick,
        took: start.elapsed(),
        cells,
    };
    println!("\n{}", report.markdown());
    if options.write {
        report::write(&report)?;
        println!("written to {}", report::FILE);
    }
    Ok(ExitCode::SUCCESS)
}

fn rounds(
    options: &Options,
    contestants: &[Contestant],
    places: &[Place],
    interrupt: &Interrupt,
) -> Result<Vec<Cell>> {
    let mut cells: Vec<Cell> = Vec::new();
    for round in 0..options.rounds {
        // There and back again, so that nobody always comes first.
        let mut order = contestants.to_vec();
        if round % 2 == 1 {
            order.reverse();
        }
        for place in places {
            for contestant in &order {
                interrupt.check()?;
                let works: Vec<Work> = options
                    .works
                    .iter()
                    .copied()
                    .filter(|work| work.at(place.name) && contestant.does(*work))
                    .collect();
                if works.is_empty() {
                    continue;
                }
                println!(
                    "round {} of {}, {}, {}",
                    round + 1,
                    options.rounds,
                    place.name,
                    contestant.name()
                );
                let size = if options.quick {
                    Size::QUICK
                } else {
                    Size::full(place)
                };
                cells.extend(measure::all(contestant, &works, &size, place, interrupt)?);
            }
        }
    }
    Ok(cells)
}

fn contestants(options: &Options) -> Result<Vec<Contestant>> {
    let mut all = Vec::new();
    if options.peers {
        all.push(Contestant::Copy);
    }
    if options.peers && setup::found("rsync") {
        all.push(Contestant::Rsync);
    }
    if options.peers && setup::found("syncthing") {
        all.push(Contestant::Syncthing { tuned: false });
        all.push(Contestant::Syncthing { tuned: true });
    }
    if options.peerdrive {
        println!("building peerdrive for release");
        let binary: Binary = cargo::peerdrive(Profile::Release)?;
        all.push(Contestant::PeerDrive {
            binary: binary.clone(),
            mounted: false,
        });
        all.push(Contestant::PeerDrive {
            binary,
            mounted: true,
        });
    }
    Ok(all)
}

fn places() -> Result<Vec<Place>> {
    let disk = cargo::target_directory()?.join("bench");
    std::fs::create_dir_all(&disk)?;
    let mut places = vec![Place {
        name: "disk",
        folder: disk,
    }];
    let memory = Path::new("/dev/shm");
    if machine::file_system(memory) == "tmpfs" {
        places.push(Place {
            name: "memory",
            folder: memory.to_owned(),
        });
    } else {
        println!("/dev/shm is no tmpfs: on disk only");
    }
    Ok(places)
}

/// Today, and what is measured.
fn taken() -> Result<String> {
    let today = said("date", &["+%Y-%m-%d"])?;
    let commit = said("git", &["rev-parse", "--short", "HEAD"])?;
    Ok(match std::env::var_os("PEERDRIVE_BIN") {
        // Whatever that was built from.
        Some(_) => format!("{today} with the program that PEERDRIVE_BIN named, at commit {commit}"),
        None => format!("{today} at commit {commit}"),
    })
}

fn said(program: &str, words: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    command.args(words).current_dir(workspace());
    let answer = run_to_its_end(&mut command, Duration::from_secs(10))?.ok()?;
    Ok(answer.stdout.trim().to_owned())
}

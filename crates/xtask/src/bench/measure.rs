//! One contestant at its works: which follow each other in one setting, and what becomes of a failure.
//! Knows no work from within.

mod alone;
mod apart;
mod files;
mod large;
mod tree;

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use peerdrive_tests::{Usage, run};

use super::Place;
use super::contestant::Contestant;
use super::figure::Figure;
use super::report::Cell;
use super::size::Size;
use super::work::{Setting, Work};
use crate::interrupt::Interrupt;

/// One contestant in one setting, and what was measured of it so far.
struct Scene<'a> {
    contestant: &'a Contestant,
    place: &'a Place,
    size: &'a Size,
    interrupt: &'a Interrupt,
    works: Vec<Work>,
    cells: Vec<Cell>,
}

impl Scene<'_> {
    /// Whether a work is asked for.
    fn wants(&self, work: Work) -> bool {
        self.works.contains(&work)
    }

    /// Keeps and prints what came out, if it was asked for.
    fn record(&mut self, work: Work, figure: Figure, notes: &[String]) {
        if !self.wants(work) {
            return;
        }
        let notes: Vec<&str> = notes
            .iter()
            .map(String::as_str)
            .filter(|note| !note.is_empty())
            .collect();
        let cell = Cell {
            contestant: self.contestant.name(),
            work,
            place: self.place.name,
            figure,
            note: notes.join(", "),
        };
        println!("    {cell}");
        self.cells.push(cell);
    }

    /// What was asked for and did not come out, did not work out.
    fn fail(&mut self, why: &str) {
        let open = |work: &Work| self.cells.iter().all(|cell| cell.work != *work);
        let open: Vec<Work> = self.works.iter().copied().filter(open).collect();
        for work in open {
            self.record(work, Figure::Failed(why.to_owned()), &[]);
        }
    }
}

/// Does all of `works` with one contestant, each setting in fresh folders. What fails is a cell like any
/// other; only the user's wish to end is an error.
pub(crate) fn all(
    contestant: &Contestant,
    works: &[Work],
    size: &Size,
    place: &Place,
    interrupt: &Interrupt,
) -> Result<Vec<Cell>> {
    let mut cells = Vec::new();
    for (setting, run) in SETTINGS {
        let works: Vec<Work> = works
            .iter()
            .copied()
            .filter(|work| work.setting() == setting)
            .collect();
        if works.is_empty() {
            continue;
        }
        let mut scene = Scene {
            contestant,
            place,
            size,
            interrupt,
            works,
            cells: Vec::new(),
        };
        let done = run(&mut scene);
        interrupt.check()?;
        if let Err(error) = done {
            scene.fail(&format!("{error:#}"));
        }
        cells.append(&mut scene.cells);
    }
    Ok(cells)
}

type Run = fn(&mut Scene<'_>) -> Result<()>;

/// Each setting, and who does the works in it.
const SETTINGS: [(Setting, Run); 5] = [
    (Setting::Files, files::run),
    (Setting::Tree, tree::run),
    (Setting::Large, large::run),
    (Setting::Apart, apart::run),
    (Setting::Alone, alone::run),
];

/// Moves something prepared aside into a shared folder: a rename where that is one file system, which
/// it is not for a mount.
fn put(prepared: &Path, at: &Path) -> Result<()> {
    if fs::rename(prepared, at).is_ok() {
        return Ok(());
    }
    let mut copy = Command::new("cp");
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
    let mut compare = Command::new("cmp");
    let answer = run(compare.arg(one).arg(two), Duration::from_secs(300))?;
    ensure!(
        answer.code == Some(0),
        "what arrived is not what was sent: {}",
        answer.stdout
    );
    Ok(())
}

/// Memory and processor time of devices so far, in words.
fn used(devices: &[Usage]) -> String {
    let words = devices.iter().map(|usage| {
        format!(
            "{} MiB and {:.1} s of processor",
            usage.peak >> 20,
            usage.processor.as_secs_f64()
        )
    });
    words.collect::<Vec<_>>().join(" / ")
}

//! The table: medians and ranges of what was measured, beside what is to be reached. Knows figures and
//! names, and not how they came about.

use std::fmt;
use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use peerdrive_tests::{run, workspace};

use super::work::Work;

/// Where the table is kept, from the workspace's root.
pub(crate) const FILE: &str = "docs/BENCHMARKS.md";
const BEGIN: &str = "<!-- cargo xtask bench: begin -->";
const END: &str = "<!-- cargo xtask bench: end -->";

/// One result.
#[derive(Clone, Debug)]
pub(crate) enum Figure {
    /// One time, in seconds.
    Seconds(f64),
    /// Many times of the same small thing: median, 99th percentile (the worst, if there are fewer than
    /// a hundred), and how many.
    Times { p50: f64, p99: f64, count: usize },
    /// It did not work out.
    Failed(String),
}

impl Figure {
    /// From many times.
    pub(crate) fn times(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        let at = |part: usize| {
            times.get(((times.len() * part) / 100).min(times.len().saturating_sub(1)))
        };
        Self::Times {
            p50: at(50).copied().unwrap_or(f64::NAN),
            p99: at(99).copied().unwrap_or(f64::NAN),
            count: times.len(),
        }
    }

    /// The time that stands for it.
    fn main(&self) -> Option<f64> {
        match self {
            Self::Seconds(seconds) => Some(*seconds),
            Self::Times { p50, .. } => Some(*p50),
            Self::Failed(_) => None,
        }
    }
}

/// One contestant, one work, one place, one round.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    contestant: &'static str,
    work: Work,
    place: &'static str,
    figure: Figure,
    note: String,
}

impl Cell {
    /// What was measured, with a note for the print-out.
    pub(crate) fn measured(
        contestant: &'static str,
        work: Work,
        place: &'static str,
        figure: Figure,
        note: String,
    ) -> Self {
        Self {
            contestant,
            work,
            place,
            figure,
            note,
        }
    }

    /// What could not be measured.
    pub(crate) fn failed(
        contestant: &'static str,
        work: Work,
        place: &'static str,
        why: &str,
    ) -> Self {
        Self {
            contestant,
            work,
            place,
            figure: Figure::Failed(why.to_owned()),
            note: String::new(),
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.work.id())?;
        match &self.figure {
            Figure::Seconds(seconds) => write!(f, "{}", time(*seconds))?,
            Figure::Times { p50, p99, count } => {
                write!(f, "p50 {}, p99 {} of {count}", time(*p50), time(*p99))?;
            }
            Figure::Failed(why) => write!(f, "failed: {why}")?,
        }
        if !self.note.is_empty() {
            write!(f, " ({})", self.note)?;
        }
        Ok(())
    }
}

/// Everything of one run.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) machine: String,
    /// Names of the places and their file systems.
    pub(crate) places: Vec<(&'static str, String)>,
    pub(crate) rounds: usize,
    pub(crate) quick: bool,
    pub(crate) took: Duration,
    pub(crate) cells: Vec<Cell>,
}

const COLUMNS: [&str; 6] = [
    "`cp -a`",
    "`rsync -a`",
    "Syncthing",
    "Syncthing, tuned",
    "PeerDrive",
    "PeerDrive, mounts",
];

impl Report {
    /// The page's part that a run writes.
    pub(crate) fn markdown(&self) -> Result<String> {
        let mut text = format!(
            "{BEGIN}\nMeasured on {} at commit {}: {}. Places: {}. {} rounds, interleaved (each round in the \
             opposite order of the one before), {} minutes in all. Median, and in brackets least and most.{}\n\n",
            today()?,
            commit()?,
            self.machine,
            self.places
                .iter()
                .map(|(name, kind)| format!("{name} is {kind}"))
                .collect::<Vec<_>>()
                .join(", "),
            self.rounds,
            self.took.as_secs() / 60,
            if self.quick {
                " **A quick run with small sizes: a look, not a figure.**"
            } else {
                ""
            },
        );
        text += &format!("| work | where | {} |\n", COLUMNS.join(" | "));
        text += &format!("|---|---|{}\n", "---|".repeat(COLUMNS.len()));
        for work in Work::ALL {
            for (place, _) in &self.places {
                let row: Vec<String> = COLUMNS
                    .iter()
                    .map(|contestant| self.cell(contestant, work, place))
                    .collect();
                if row.iter().any(|cell| !cell.is_empty()) {
                    text += &format!("| {} | {place} | {} |\n", title(work), row.join(" | "));
                }
            }
        }
        text += "\n";
        for line in self.verdicts() {
            text += &format!("- {line}\n");
        }
        text += &self.notes();
        text += END;
        text += "\n";
        Ok(text)
    }

    fn figures(&self, contestant: &str, work: Work, place: &str) -> Vec<&Cell> {
        let ours = |cell: &&Cell| {
            cell.contestant == contestant && cell.work == work && cell.place == place
        };
        self.cells.iter().filter(ours).collect()
    }

    fn cell(&self, contestant: &str, work: Work, place: &str) -> String {
        let cells = self.figures(contestant, work, place);
        let mut times: Vec<f64> = cells.iter().filter_map(|cell| cell.figure.main()).collect();
        if times.is_empty() {
            return if cells.is_empty() {
                String::new()
            } else {
                "failed".to_owned()
            };
        }
        times.sort_by(f64::total_cmp);
        let tails: Vec<f64> = cells
            .iter()
            .filter_map(|cell| {
                if let Figure::Times { p99, .. } = cell.figure {
                    Some(p99)
                } else {
                    None
                }
            })
            .collect();
        let tail = median(tails).map_or(String::new(), |p99| format!(", p99 {}", time(p99)));
        let (least, most) = (times[0], times[times.len() - 1]);
        let middle = median(times).unwrap_or(f64::NAN);
        format!("{}{tail} ({} – {})", time(middle), time(least), time(most))
    }

    fn median(&self, contestant: &str, work: Work, place: &str) -> Option<f64> {
        let cells = self.figures(contestant, work, place);
        median(cells.iter().filter_map(|cell| cell.figure.main()).collect())
    }

    /// What is to be reached, and whether it is.
    fn verdicts(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut ratio =
            |work, place, of: &str, to: &str, wanted: f64, at_least: bool| {
                let (Some(of_time), Some(to_time)) =
                    (self.median(of, work, place), self.median(to, work, place))
                else {
                    return;
                };
                let measured = of_time / to_time;
                let reached = if at_least {
                    measured >= wanted
                } else {
                    measured <= wanted
                };
                lines.push(format!(
                "{}, {place}: {of} takes {measured:.2} times as long as {to}; to reach: {} {}: {}.",
                work.id(),
                if at_least { "at least" } else { "at most" },
                (wanted * 100.0).round() / 100.0,
                if reached { "reached" } else { "**not reached**" },
            ));
            };
        ratio(Work::ManyFiles, "disk", "Syncthing", "PeerDrive", 7.0, true);
        ratio(
            Work::ManyFiles,
            "disk",
            "Syncthing, tuned",
            "PeerDrive",
            1.0,
            true,
        );
        ratio(
            Work::ManyFiles,
            "disk",
            "PeerDrive",
            "`rsync -a`",
            3.5,
            false,
        );
        ratio(
            Work::OneFile,
            "memory",
            "Syncthing, tuned",
            "PeerDrive",
            1.5,
            true,
        );
        ratio(
            Work::OneFile,
            "disk",
            "PeerDrive",
            "`cp -a`",
            1.0 / 0.75,
            false,
        );
        let mut below = |contestant: &str, work, wanted: f64| {
            if let Some(measured) = self.median(contestant, work, "disk") {
                lines.push(format!(
                    "{}: {contestant} {}; to reach: {}: {}.",
                    work.id(),
                    time(measured),
                    time(wanted),
                    if measured <= wanted {
                        "reached"
                    } else {
                        "**not reached**"
                    },
                ));
            }
        };
        below("PeerDrive", Work::Rename, 0.060);
        below("PeerDrive", Work::Edit, 0.035);
        below("PeerDrive, mounts", Work::Edit, 0.010);
        lines
    }

    /// Notes of the last round, one line each: memory, processor, rates.
    fn notes(&self) -> String {
        let mut text = String::new();
        for contestant in COLUMNS {
            for work in Work::ALL {
                for (place, _) in &self.places {
                    let cells = self.figures(contestant, work, place);
                    if let Some(cell) = cells.last().filter(|cell| !cell.note.is_empty()) {
                        let note = &cell.note;
                        text += &format!(
                            "- {contestant}, {}, {place}, last round: {note}.\n",
                            work.id()
                        );
                    }
                    if let Some(Figure::Failed(why)) = cells.last().map(|cell| &cell.figure) {
                        let why = why.lines().next().unwrap_or_default();
                        text +=
                            &format!("- {contestant}, {}, {place}: failed: {why}.\n", work.id());
                    }
                }
            }
        }
        if text.is_empty() {
            text
        } else {
            format!(
                "\nSender / receiver, most memory resident and processor time until then:\n\n{text}"
            )
        }
    }
}

fn title(work: Work) -> &'static str {
    match work {
        Work::ManyFiles => "**B1** 10,000 files of 4 KiB in 100 folders",
        Work::OneFile => "**B3** one large file",
        Work::Rename => "**B5** rename a folder of 10,000 files",
        Work::Edit => "**B6** one saved edit among 10,000 files, readable there",
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        len if len % 2 == 1 => values.get(middle).copied(),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 0.0995 => format!("{:.1} ms", s * 1e3),
        s if s < 0.995 => format!("{:.0} ms", s * 1e3),
        s if s < 99.95 => format!("{s:.2} s"),
        s => format!("{s:.0} s"),
    }
}

/// Replaces what the last run wrote in the page, and nothing else of it.
pub(crate) fn write(text: &str) -> Result<()> {
    let path = workspace().join(FILE);
    let page =
        fs::read_to_string(&path).unwrap_or_else(|_| format!("# Benchmarks\n\n{BEGIN}\n{END}\n"));
    let (before, rest) = page
        .split_once(BEGIN)
        .with_context(|| format!("{FILE} has no line {BEGIN}"))?;
    let (_, after) = rest
        .split_once(END)
        .with_context(|| format!("{FILE} has no line {END}"))?;
    fs::write(&path, format!("{before}{}{after}", text.trim_end()))?;
    Ok(())
}

fn today() -> Result<String> {
    said("date", &["+%Y-%m-%d"])
}

fn commit() -> Result<String> {
    said("git", &["rev-parse", "--short", "HEAD"])
}

fn said(program: &str, words: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    command.args(words).current_dir(workspace());
    Ok(run(&mut command, Duration::from_secs(10))?
        .ok()?
        .stdout
        .trim()
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(contestant: &'static str, seconds: f64) -> Cell {
        Cell::measured(
            contestant,
            Work::ManyFiles,
            "disk",
            Figure::Seconds(seconds),
            String::new(),
        )
    }

    #[test]
    fn the_table_shows_medians_ranges_and_whether_the_aim_is_reached() -> Result<()> {
        let report = Report {
            machine: "a machine".into(),
            places: vec![("disk", "ext4".into())],
            rounds: 3,
            quick: false,
            took: Duration::from_secs(600),
            cells: vec![
                cell("Syncthing", 10.0),
                cell("PeerDrive", 1.0),
                cell("PeerDrive", 3.0),
                cell("PeerDrive", 2.0),
            ],
        };
        let text = report.markdown()?;
        assert!(
            text.contains("| 10.00 s (10.00 s – 10.00 s) |  | 2.00 s (1.00 s – 3.00 s) |"),
            "{text}"
        );
        assert!(
            text.contains("5.00 times as long as PeerDrive; to reach: at least 7: **not reached**"),
            "{text}"
        );
        Ok(())
    }

    #[test]
    fn a_tail_of_few_times_is_the_worst_of_them() {
        let figure = Figure::times(vec![3.0, 1.0, 2.0]);
        assert!(
            matches!(
                figure,
                Figure::Times {
                    p50: 2.0,
                    p99: 3.0,
                    count: 3
                }
            ),
            "{figure:?}"
        );
    }
}

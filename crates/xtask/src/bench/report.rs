//! The table: medians and ranges of what was measured, beside what is to be reached. Knows figures and
//! names, and not how they came about.

mod aims;
mod page;

use std::fmt;
use std::time::Duration;

use super::contestant::Contestant;
use super::figure::{Figure, Part, median_words, spread};
use super::work::Work;

pub(crate) use page::{FILE, write};

/// What stands above the notes of a run.
const NOTES: &str = "Notes of the last round; memory and processor time are the most that was resident and all that was used until \
                     then, sender / receiver:";

/// One contestant, one work, one place, one round.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) contestant: &'static str,
    pub(crate) work: Work,
    /// The place's name.
    pub(crate) place: &'static str,
    pub(crate) figure: Figure,
    /// For the print-out and below the table.
    pub(crate) note: String,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.work.id(), self.figure)?;
        if !self.note.is_empty() {
            write!(f, " ({})", self.note)?;
        }
        Ok(())
    }
}

/// Everything of one run.
#[derive(Debug)]
pub(crate) struct Report {
    /// When, and of what: a day and a commit.
    pub(crate) taken: String,
    pub(crate) machine: String,
    /// Names of the places and their file systems.
    pub(crate) places: Vec<(&'static str, String)>,
    pub(crate) rounds: usize,
    pub(crate) quick: bool,
    pub(crate) took: Duration,
    pub(crate) cells: Vec<Cell>,
}

impl Report {
    /// What was measured, or tried.
    pub(crate) fn works(&self) -> Vec<Work> {
        let measured = |work: &Work| self.cells.iter().any(|cell| cell.work == *work);
        Work::ALL.into_iter().filter(measured).collect()
    }

    /// The part of the page that this run is.
    pub(crate) fn markdown(&self) -> String {
        let columns: Vec<&str> = Contestant::NAMES
            .into_iter()
            .filter(|name| self.cells.iter().any(|cell| cell.contestant == *name))
            .collect();
        let mut text = format!(
            "{} {}: {}. Places: {}. {}, {} min in all. Median, and in brackets least and most.{}\n\n",
            page::MEASURED,
            self.taken,
            self.machine,
            self.places
                .iter()
                .map(|(name, kind)| format!("{name} is {kind}"))
                .collect::<Vec<_>>()
                .join(", "),
            match self.rounds {
                1 => "1 round".to_owned(),
                many => format!(
                    "{many} rounds, interleaved (each round in the opposite order of the one before)"
                ),
            },
            self.took.as_secs() / 60,
            if self.quick {
                " **A quick run with small sizes: a look, not a figure.**"
            } else {
                ""
            },
        );
        text += &format!("| work | where | {} |\n", columns.join(" | "));
        text += &format!("|---|---|{}\n", "---|".repeat(columns.len()));
        for work in Work::ALL {
            for (place, _) in &self.places {
                let row: Vec<String> = columns
                    .iter()
                    .map(|contestant| self.cell(contestant, work, place))
                    .collect();
                if row.iter().any(|cell| !cell.is_empty()) {
                    let title = format!("**{}** {}", work.id(), work.title());
                    text += &format!("| {title} | {place} | {} |\n", row.join(" | "));
                }
            }
        }
        let verdicts = aims::verdicts(self);
        if !verdicts.is_empty() {
            text += "\n";
        }
        for line in verdicts {
            text += &format!("- {line}\n");
        }
        text + &self.notes(&columns)
    }

    /// What one contestant did, round by round.
    fn figures(&self, contestant: &str, work: Work, place: &str) -> Vec<&Figure> {
        let cells = self.cells_of(contestant, work, place);
        cells.into_iter().map(|cell| &cell.figure).collect()
    }

    fn cells_of(&self, contestant: &str, work: Work, place: &str) -> Vec<&Cell> {
        let ours = |cell: &&Cell| {
            cell.contestant == contestant && cell.work == work && cell.place == place
        };
        self.cells.iter().filter(ours).collect()
    }

    fn cell(&self, contestant: &str, work: Work, place: &str) -> String {
        let figures = self.figures(contestant, work, place);
        let Some([least, _, most]) = spread(&figures, Part::Main) else {
            let tried = !figures.is_empty();
            return if tried { "failed" } else { "" }.to_owned();
        };
        let words: Vec<String> = [Part::Main, Part::Beside]
            .into_iter()
            .filter_map(|part| median_words(&figures, part))
            .collect();
        format!("{} ({least} – {most})", words.join(", "))
    }

    /// Notes of the last round, one line each: memory, processor, rates.
    fn notes(&self, columns: &[&str]) -> String {
        let mut text = String::new();
        for contestant in columns {
            for work in Work::ALL {
                for (place, _) in &self.places {
                    let cells = self.cells_of(contestant, work, place);
                    let id = work.id();
                    if let Some(cell) = cells.last().filter(|cell| !cell.note.is_empty()) {
                        let note = &cell.note;
                        text += &format!("- {contestant}, {id}, {place}, last round: {note}.\n");
                    }
                    let failed: Vec<&str> = cells
                        .iter()
                        .filter_map(|cell| match &cell.figure {
                            Figure::Failed(why) => why.lines().next(),
                            _ => None,
                        })
                        .collect();
                    if let Some(why) = failed.last() {
                        text += &format!(
                            "- {contestant}, {id}, {place}: {} of {} failed: {why}.\n",
                            failed.len(),
                            cells.len()
                        );
                    }
                }
            }
        }
        if text.is_empty() {
            text
        } else {
            format!("\n{NOTES}\n\n{text}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(contestant: &'static str, work: Work, figure: Figure) -> Cell {
        Cell {
            contestant,
            work,
            place: "disk",
            figure,
            note: String::new(),
        }
    }

    fn report(cells: Vec<Cell>) -> Report {
        Report {
            taken: "2026-11-29 at commit 0".into(),
            machine: "a machine".into(),
            places: vec![("disk", "ext4".into())],
            rounds: 3,
            quick: false,
            took: Duration::from_secs(600),
            cells,
        }
    }

    #[test]
    fn the_table_shows_medians_ranges_and_whether_the_aim_is_reached() {
        let cell =
            |contestant, seconds| cell(contestant, Work::ManyFiles, Figure::Seconds(seconds));
        let text = report(vec![
            cell("Syncthing", 10.0),
            cell("PeerDrive", 1.0),
            cell("PeerDrive", 3.0),
            cell("PeerDrive", 2.0),
        ])
        .markdown();
        assert!(
            text.contains("| 10.00 s (10.00 s – 10.00 s) | 2.00 s (1.00 s – 3.00 s) |"),
            "{text}"
        );
        assert!(
            text.contains("5.00 times as long as PeerDrive; to reach: at least 7: **not reached**"),
            "{text}"
        );
        assert!(!text.contains("rsync"), "nobody who took no part: {text}");
    }

    #[test]
    fn bytes_and_shares_are_judged_as_what_they_are() {
        let carried = |wire| Figure::Carried { seconds: 1.0, wire };
        let disk = Figure::Disk {
            sharer: 3.0,
            keeper: 16.0,
        };
        let text = report(vec![
            cell("PeerDrive", Work::Insertion, carried(3 << 20)),
            cell("PeerDrive", Work::Disk, disk),
        ])
        .markdown();
        for line in [
            "| 1.00 s, 3.0 MiB on the wire (1.00 s – 1.00 s) |",
            "B4: PeerDrive: 3.0 MiB on the wire; to reach: at most 8.0 MiB: reached",
            "B17: PeerDrive: +3.0 % at the sharer; to reach: at most +15.0 %: reached",
            "B17: PeerDrive: +16.0 % at the keeper; to reach: at most +15.0 %: **not reached**",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }

    #[test]
    fn what_failed_says_why_and_hides_nothing_that_did_not() {
        let failed = || Figure::Failed("no disk\nand more".into());
        let text = report(vec![
            cell("PeerDrive", Work::Apart, Figure::Seconds(2.0)),
            cell("PeerDrive", Work::Apart, failed()),
            cell("Syncthing, tuned", Work::Apart, failed()),
        ])
        .markdown();
        for line in [
            "| failed | 2.00 s (2.00 s – 2.00 s) |",
            "- PeerDrive, B12, disk: 1 of 2 failed: no disk.",
            "- Syncthing, tuned, B12, disk: 1 of 1 failed: no disk.",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }
}

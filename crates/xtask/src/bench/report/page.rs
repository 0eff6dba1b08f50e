//! The page that keeps the tables: each run has its own, with its day and commit, and takes the place of
//! what earlier runs said of the same works. Knows lines and the numbers of works in them.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};
use peerdrive_tests::workspace;

use super::Report;
use crate::bench::work::Work;

/// Where the tables are kept, from the workspace's root.
pub(crate) const FILE: &str = "docs/BENCHMARKS.md";
const BEGIN: &str = "<!-- cargo xtask bench: begin -->";
const END: &str = "<!-- cargo xtask bench: end -->";

/// How the first line of a run begins.
pub(super) const MEASURED: &str = "Measured on";

/// Writes a run into the page; nothing else of the page is changed, and of earlier runs only what this
/// one measured anew is gone.
pub(crate) fn write(report: &Report) -> Result<()> {
    let path = workspace().join(FILE);
    let page =
        fs::read_to_string(&path).unwrap_or_else(|_| format!("# Benchmarks\n\n{BEGIN}\n{END}\n"));
    let works: Vec<&str> = report.works().into_iter().map(Work::id).collect();
    fs::write(&path, with_run(&page, &report.markdown(), &works)?)?;
    Ok(())
}

fn with_run(page: &str, run: &str, works: &[&str]) -> Result<String> {
    let (before, rest) = page
        .split_once(BEGIN)
        .with_context(|| format!("{FILE} has no line {BEGIN}"))?;
    let (inside, after) = rest
        .split_once(END)
        .with_context(|| format!("{FILE} has no line {END}"))?;
    let mut runs: Vec<String> = apart(inside)
        .iter()
        .filter_map(|run| without(run, works))
        .collect();
    runs.push(run.trim().to_owned());
    runs.sort_by_key(|run| first_work(run));
    let runs = runs.join("\n\n");
    Ok(format!("{before}{BEGIN}\n{runs}\n{END}{after}"))
}

/// The runs in a text, each from its first line on.
fn apart(text: &str) -> Vec<String> {
    let mut runs: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with(MEASURED) {
            runs.push(String::new());
        }
        if let Some(run) = runs.last_mut() {
            *run += line;
            *run += "\n";
        }
    }
    runs
}

/// A run without what it says of some works; nothing if that was all.
fn without(run: &str, works: &[&str]) -> Option<String> {
    let mut kept: Vec<&str> = Vec::new();
    for line in run.trim().lines() {
        let gone = work_of(line).is_some_and(|work| works.contains(&work));
        let doubled = line.is_empty() && kept.last().is_none_or(|last| last.is_empty());
        if !gone && !doubled {
            kept.push(line);
        }
    }
    // Words that introduced notes, if all of these are gone.
    while kept
        .last()
        .is_some_and(|last| last.is_empty() || last.ends_with(':'))
    {
        kept.pop();
    }
    let kept = kept.join("\n");
    first_work(&kept).map(|_| kept)
}

/// Which work a line of a run is about: a row of the table, a verdict or a note.
fn work_of(line: &str) -> Option<&str> {
    let about = line.strip_prefix("| **").or(line.strip_prefix("- "))?;
    about
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .find(|word| Work::ALL.iter().any(|work| work.id() == *word))
}

/// The place of a run on the page: that of the first work in its table.
fn first_work(run: &str) -> Option<usize> {
    let rows = run.lines().filter(|line| line.starts_with("| **"));
    let works: BTreeSet<&str> = rows.filter_map(work_of).collect();
    Work::ALL.iter().position(|work| works.contains(work.id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Page\n\nwords\n\n<!-- cargo xtask bench: begin -->\nMeasured on a day: all.\n\n\
        | work | PeerDrive |\n|---|---|\n| **B1** many | 1 s |\n| **B12** apart | 12 s |\n\n\
        - B1, disk: so much.\n- B12: so little.\n\nNotes, and more:\n\n- PeerDrive, B1, disk: some.\n\
        <!-- cargo xtask bench: end -->\n\nmore words\n";

    fn run(id: &str) -> String {
        format!(
            "Measured on another day: {id}.\n\n| work | PeerDrive |\n|---|---|\n| **{id}** anew | 2 s |\n"
        )
    }

    #[test]
    fn a_run_of_one_work_takes_its_place_and_leaves_the_others() -> Result<()> {
        let page = with_run(PAGE, &run("B1"), &["B1"])?;
        assert!(page.starts_with("# Page\n\nwords\n") && page.ends_with("\n\nmore words\n"));
        let (new, old) = (
            page.find("Measured on another day"),
            page.find("Measured on a day"),
        );
        assert!(new.is_some() && new < old, "{page}");
        for gone in ["many", "so much", "some", "Notes, and more"] {
            assert!(!page.contains(gone), "{gone} is still in {page}");
        }
        for kept in [
            "| **B12** apart | 12 s |",
            "- B12: so little.",
            "| **B1** anew | 2 s |",
        ] {
            assert!(page.contains(kept), "{kept} is not in {page}");
        }
        Ok(())
    }

    #[test]
    fn runs_stand_in_the_order_of_the_works_and_end_when_nothing_is_left() -> Result<()> {
        let mut page = PAGE.to_owned();
        for id in ["B14", "B12", "B2", "B1", "B2"] {
            page = with_run(&page, &run(id), &[id])?;
        }
        assert!(!page.contains("Measured on a day"), "{page}");
        let order: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with("| **"))
            .filter_map(work_of)
            .collect();
        assert_eq!(order, ["B1", "B2", "B12", "B14"]);
        assert_eq!(page.matches("<!--").count(), 2);
        Ok(())
    }

    #[test]
    fn a_line_is_about_the_work_that_it_names() {
        assert_eq!(
            work_of("| **B17** disk taken by the tree of B2 | disk |"),
            Some("B17")
        );
        assert_eq!(work_of("- B6: PeerDrive, mounts: 18.4 ms"), Some("B6"));
        assert_eq!(
            work_of("- `cp -a`, B3, disk, last round: 4096 MiB."),
            Some("B3")
        );
        assert_eq!(work_of("Measured on a day at commit B1"), None);
    }
}

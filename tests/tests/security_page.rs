//! `docs/SECURITY.md` against the sources: each test of the attack suite stands in the row that it is named
//! after, each test that the page names is there, and no row says nothing. Knows nothing of what the tests
//! show.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use peerdrive_tests::workspace;

/// What every test of the attack suite is called, and nothing else.
const PREFIX: &str = "attack_";

/// Folders that hold tests.
const SOURCES: [&str; 2] = ["crates", "tests"];

/// The words of a text that begin like the name of a test.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.len() > PREFIX.len() && word.starts_with(PREFIX))
}

/// The row that a test is named after, as the page writes it.
fn row_of(test: &str) -> Option<String> {
    let row = test.strip_prefix(PREFIX)?.split('_').next()?;
    Some(row.to_ascii_uppercase())
}

/// Every test below a folder that is marked as one and has such a name.
fn tests_below(folder: &Path, found: &mut BTreeSet<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                tests_below(&path, found)?;
            }
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.extend(tests_in(&fs::read_to_string(&path)?)?);
        }
    }
    Ok(())
}

/// The names of the attack tests in a source file. One that no attribute makes a test is an error: it
/// would be listed and never run.
fn tests_in(source: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut before = "";
    for line in source.lines().map(str::trim) {
        let code = line.strip_prefix("async ").unwrap_or(line);
        if let Some(name) = code
            .strip_prefix("fn ")
            .and_then(|code| names(code).next().filter(|name| code.starts_with(name)))
        {
            ensure!(
                before == "#[test]" || before.starts_with("#[tokio::test"),
                "{name} is not marked as a test: `{before}`"
            );
            found.push(name.to_owned());
        }
        before = line;
    }
    Ok(found)
}

/// Rows by their ids, with the names of tests in each.
type Tested = BTreeMap<String, BTreeSet<String>>;
/// Rows by their ids, with the reason why no test has that name.
type Untested = BTreeMap<String, String>;

/// The rows of the page's tables.
fn rows(page: &str) -> Result<(Tested, Untested)> {
    let (mut with, mut without) = (Tested::new(), Untested::new());
    for line in page.lines() {
        let Some(cells) = line.strip_prefix("| ") else {
            continue;
        };
        let cells: Vec<&str> = cells.split(" | ").map(|cell| cell.trim()).collect();
        let id = cells.first().copied().unwrap_or_default();
        let (letter, number) = id.split_at(id.len().min(1));
        let is_row = letter.chars().all(|c| c.is_ascii_uppercase()) && number.parse::<u8>().is_ok();
        if !is_row {
            continue;
        }
        let named: BTreeSet<String> = names(line).map(str::to_owned).collect();
        let last = cells.last().context("an empty row")?;
        ensure!(last.len() > 10, "row {id} says nothing");
        let twice = if named.is_empty() {
            without.insert(id.to_owned(), (*last).to_owned()).is_some()
        } else {
            with.insert(id.to_owned(), named).is_some()
        };
        ensure!(!twice, "row {id} is there twice");
    }
    Ok((with, without))
}

#[test]
fn the_page_names_the_tests_that_there_are_and_no_others() -> Result<()> {
    let mut there = BTreeSet::new();
    for folder in SOURCES {
        tests_below(&workspace().join(folder), &mut there)?;
    }
    ensure!(there.len() > 100, "only {} tests were found", there.len());
    let page = fs::read_to_string(workspace().join("docs/SECURITY.md"))?;
    let named: BTreeSet<String> = names(&page).map(str::to_owned).collect();
    let missing: Vec<_> = there.difference(&named).collect();
    ensure!(missing.is_empty(), "not in docs/SECURITY.md: {missing:#?}");
    let gone: Vec<_> = named.difference(&there).collect();
    ensure!(gone.is_empty(), "there is no such test: {gone:#?}");
    Ok(())
}

#[test]
fn each_test_stands_in_the_row_that_it_is_named_after() -> Result<()> {
    let page = fs::read_to_string(workspace().join("docs/SECURITY.md"))?;
    let (with, without) = rows(&page)?;
    ensure!(with.len() > 50, "only {} rows were found", with.len());
    ensure!(!without.is_empty(), "no row is without a test");
    for (row, tests) in &with {
        ensure!(
            !without.contains_key(row),
            "row {row} has tests and has none"
        );
        for test in tests {
            let wanted = row_of(test).context("no row")?;
            ensure!(*row == wanted, "{test} stands in row {row}");
        }
    }
    Ok(())
}

#[test]
fn what_is_no_test_is_not_taken_for_one() -> Result<()> {
    let test =
        "#[test]\nfn attack_x1_one() {}\n#[tokio::test(flavor = \"a\")]\nasync fn attack_x2_two()";
    ensure!(tests_in(test)? == ["attack_x1_one", "attack_x2_two"]);
    ensure!(tests_in("#[ignore]\nfn attack_x1_one() {}").is_err());
    ensure!(tests_in("fn other() { attack_x1_one() }")?.is_empty());
    ensure!(row_of("attack_l13_a_log").as_deref() == Some("L13"));
    let page =
        "| row | tests |\n|---|---|\n| X1 | words | `attack_x1_one` |\n| P6 | as P5 is tested |\n";
    let (with, without) = rows(page)?;
    ensure!(with.keys().eq(["X1"]) && without.keys().eq(["P6"]));
    ensure!(rows("| X1 | a | b |").is_err());
    Ok(())
}

//! House rules that no compiler checks: the length of files, a first sentence for each module, no path
//! of somebody's machine. Knows nothing of what the code does.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use peerdrive_tests::{run, workspace};

/// Lines a file may have. Far fewer are wanted: at about 400 a file is a question whether it is one
/// room or two.
const LONGEST: usize = 1000;

/// What is wrong, one line each; nothing if all is well.
pub(crate) fn check() -> Result<Vec<String>> {
    let mut command = Command::new("git");
    command
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(workspace());
    let listed = run(&mut command, Duration::from_secs(30))?.ok()?.stdout;
    let machine = machine_paths();
    let mut wrong = Vec::new();
    for name in listed.lines().filter(|name| !name.ends_with(".lock")) {
        // What is not text, or was deleted and not yet committed, has no lines.
        if let Ok(text) = fs::read_to_string(workspace().join(name)) {
            wrong.extend(faults(name, &text, &machine));
        }
    }
    Ok(wrong)
}

/// Paths that mean something on this machine only: where this workspace is, and the home of whoever
/// runs this.
fn machine_paths() -> Vec<String> {
    let home = std::env::var("HOME").unwrap_or_default();
    let paths = [workspace().to_string_lossy().into_owned(), home];
    // The root of everything and the likes of `/tmp` are the same everywhere.
    paths
        .into_iter()
        .filter(|path| path.len() > 4)
        .map(|path| format!("{path}/"))
        .collect()
}

fn faults(name: &str, text: &str, machine: &[String]) -> Vec<String> {
    let mut wrong = Vec::new();
    let lines = text.lines().count();
    let code = Path::new(name)
        .extension()
        .is_some_and(|kind| ["rs", "ts", "tsx"].iter().any(|k| kind == *k));
    // What a program writes is read by programs.
    if code && lines > LONGEST && !name.contains("/bindings/") {
        wrong.push(format!(
            "{name}: {lines} lines, at most {LONGEST}: make two rooms of it"
        ));
    }
    let tests = name.ends_with("/tests.rs") || name.contains("/tests/") && name.contains("/src/");
    if name.ends_with(".rs") && !tests && !text.starts_with("//!") {
        wrong.push(format!(
            "{name}: begins without a `//!` sentence that says what it is"
        ));
    }
    for (at, line) in text.lines().enumerate() {
        if let Some(path) = machine.iter().find(|path| path_in(line, path)) {
            wrong.push(format!("{name}:{}: a path of one machine ({path})", at + 1));
        }
    }
    wrong
}

/// Whether a line holds a path that begins so: not as the middle of a longer one, and not as part of a
/// web address.
fn path_in(line: &str, start: &str) -> bool {
    line.match_indices(start).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|letter| !letter.is_alphanumeric() && !".-_/~}$>*".contains(letter))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_found_and_nothing_else() {
        let machine = ["/somebody/".to_owned()];
        let faults = |name: &str, text: &str| faults(name, text, &machine).len();
        assert_eq!(faults("a.rs", "//! A.\nlet x = \"data/somebody/x\";\n"), 0);
        assert_eq!(faults("a.rs", "//! A.\nlet x = \"/somebody/x\";\n"), 1);
        assert_eq!(faults("a.rs", "fn main() {}\n"), 1);
        assert_eq!(faults("a/src/b/tests.rs", "use super::*;\n"), 0);
        assert_eq!(faults("tests/tests/a.rs", "use super::*;\n"), 1);
        assert_eq!(faults("a.md", "words\n"), 0);
        let long = format!("//! A.\n{}", "\n".repeat(LONGEST));
        assert_eq!((faults("a.rs", &long), faults("a.md", &long)), (1, 0));
        assert_eq!(faults("a/bindings/a.ts", &long), 0);
    }
}

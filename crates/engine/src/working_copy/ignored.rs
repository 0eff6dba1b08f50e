//! What never travels: our own folder, what `.peerdriveignore` and the local list name, and the
//! temporary files of known editors. Knows names only; what the drive already holds is not asked here.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::beneath::{Root, join, split};
use super::marker;
use super::names::PARKED;

/// The file with the rules of a folder and what is below it, in gitignore syntax; part of the drive.
pub(super) const RULES_FILE: &str = ".peerdriveignore";
/// More than any honest rules file; a longer one is read this far.
const MOST_RULES: u64 = 1 << 20;

/// The rules in force, read as they are needed.
#[derive(Debug)]
pub(super) struct Ignored {
    local: Gitignore,
    folders: HashMap<String, Option<Gitignore>>,
}

impl Ignored {
    /// Rules of which only the local list is known yet. Lines that are no pattern are skipped.
    pub(super) fn new(local: &[String]) -> Ignored {
        Ignored {
            local: build(local.iter().map(String::as_str)).unwrap_or_else(Gitignore::empty),
            folders: HashMap::new(),
        }
    }

    /// Forgets what was read: some rules file changed.
    pub(super) fn reread(&mut self) {
        self.folders.clear();
    }

    /// Whether an entry is left alone. Asks of this entry only: folders above it were asked before.
    pub(super) fn covers(&mut self, root: &Root, rel: &str, folder: bool) -> bool {
        let name = split(rel).1;
        if name == marker::FOLDER
            || name.starts_with(PARKED)
            || (!folder && (never_travels(name) || passes_in_git(rel)))
        {
            return true;
        }
        if self.local_covers(rel, folder) {
            return true;
        }
        let mut base = split(rel).0;
        loop {
            if let Some(rules) = self.rules_of(root, base) {
                let below = if base.is_empty() {
                    rel
                } else {
                    &rel[base.len() + 1..]
                };
                match rules.matched(Path::new(below), folder) {
                    Match::Ignore(_) => return true,
                    Match::Whitelist(_) => return false,
                    Match::None => {}
                }
            }
            if base.is_empty() {
                return false;
            }
            base = split(base).0;
        }
    }

    /// Whether the local list names an entry, so that it is not checked out either.
    pub(super) fn local_covers(&self, rel: &str, folder: bool) -> bool {
        !self.local.is_empty() && self.local.matched(Path::new(rel), folder).is_ignore()
    }

    fn rules_of(&mut self, root: &Root, folder: &str) -> Option<&Gitignore> {
        if !self.folders.contains_key(folder) {
            let rules = root
                .open_file(&join(folder, RULES_FILE))
                .ok()
                .and_then(|file| {
                    let mut bytes = Vec::new();
                    file.take(MOST_RULES).read_to_end(&mut bytes).ok()?;
                    build(String::from_utf8_lossy(&bytes).lines())
                });
            self.folders.insert(folder.to_owned(), rules);
        }
        self.folders.get(folder)?.as_ref()
    }
}

/// Why a line is no pattern that names something; `None` if it is one.
pub(crate) fn not_a_pattern(line: &str) -> Option<String> {
    if line.contains(['\n', '\r', '\0']) {
        return Some("it is more than one line".into());
    }
    let mut builder = GitignoreBuilder::new("");
    if let Err(error) = builder.add_line(None, line) {
        return Some(error.to_string());
    }
    match builder.build() {
        Ok(rules) if rules.is_empty() => Some("it is empty, or a comment".into()),
        Ok(_) => None,
        Err(error) => Some(error.to_string()),
    }
}

fn build<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Gitignore> {
    let mut builder = GitignoreBuilder::new("");
    for line in lines {
        if let Err(error) = builder.add_line(None, line) {
            tracing::debug!(%error, "a line of ignore rules is not a pattern");
        }
    }
    builder.build().ok().filter(|rules| !rules.is_empty())
}

/// Files that programs keep beside a document while they have it open: they mean something on this
/// machine, for this moment, only.
fn never_travels(name: &str) -> bool {
    let swap_of_vim = |end: &str| {
        end == "px" || (end.len() == 1 && end.bytes().all(|byte| byte.is_ascii_lowercase()))
    };
    let swap = name.starts_with('.')
        && (name.ends_with(".kate-swp")
            || name
                .rsplit_once(".sw")
                .is_some_and(|(_, end)| swap_of_vim(end)));
    swap || [
        ".goutputstream-",
        "~$",
        ".#",
        ".~lock.",
        ".nfs0",
        ".fuse_hidden",
    ]
    .iter()
    .any(|start| name.starts_with(start))
        || (name.starts_with('#') && name.ends_with('#') && name.len() > 2)
}

/// Files of a git repository that say "I am at work here", and objects that are not finished: on
/// another machine the first would lock the repository, and the second are rubbish. No branch can have
/// such a name (git-check-ref-format(1)).
fn passes_in_git(rel: &str) -> bool {
    let (folder, name) = split(rel);
    folder.split('/').any(|part| part == ".git")
        && (name.ends_with(".lock")
            || [
                "tmp_obj_",
                "tmp_pack_",
                "tmp_idx_",
                "tmp_rev_",
                "tmp_bitmap_",
            ]
            .iter()
            .any(|start| name.starts_with(start)))
}

/// Names that programs use for a moment on the way to a finished save, and that people use too: such
/// a file travels once it has been left alone for a while.
pub(super) fn may_be_passing(name: &str) -> bool {
    let backup = name.ends_with('~')
        || [
            ".tmp",
            ".temp",
            ".vsctmp",
            ".bak",
            ".part",
            ".partial",
            ".crdownload",
            ".swp",
            ".new",
        ]
        .iter()
        .any(|end| name.ends_with(end));
    let number = matches!(name.len(), 4 | 5) && name.bytes().all(|b| b.is_ascii_digit());
    let suffixed = |rest: &str| rest.len() == 6 && rest.bytes().all(|b| b.is_ascii_alphanumeric());
    backup
        || number
        || name.contains(".tmp.")
        || name.strip_prefix("sed").is_some_and(suffixed)
        || name.strip_prefix(".tmp").is_some_and(suffixed)
        || (name.starts_with('.')
            && name
                .rsplit_once('.')
                .is_some_and(|(stem, end)| !stem.is_empty() && suffixed(end)))
}

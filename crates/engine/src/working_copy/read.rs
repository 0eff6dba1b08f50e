//! Reads what a changed entry holds, never torn: a file that was not the same before and after counts
//! as not read. Decides nothing.

use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::{Content, FileContent};

use super::beneath::{EntryKind, Root, Stat};
use super::in_step::{Held, Record};
use super::keeper::Keeper;
use super::plan::local::Change;
use super::port::{BytesError, Drive};
use super::status::hint_for;

/// What reading a changed file or symlink gave.
#[derive(Clone)]
pub(super) enum Taken {
    /// Its content, stored in the drive if it was a file.
    Content(Content),
    /// It has the bytes of its record still.
    Same,
    /// It changed while it was read, or went away.
    Restless,
    Failed(String, &'static str),
}

impl<D: Drive> Keeper<D> {
    /// Reads what a changed entry holds now. `namesake` is what [`Keeper::namesakes`] said of it.
    pub(super) async fn read(&self, change: &Change, namesake: Option<FileContent>) -> Taken {
        let Some((path, stat, record)) = self.to_read(change) else {
            return Taken::Same;
        };
        match stat.kind {
            EntryKind::Folder => Taken::Same,
            EntryKind::Symlink => match self.root.read_link(path).map(String::from_utf8) {
                Ok(Ok(target))
                    if record.is_some_and(|r| r.held == Held::Symlink(target.clone())) =>
                {
                    Taken::Same
                }
                Ok(Ok(target)) => Taken::Content(Content::Symlink(target)),
                Ok(Err(_)) => Taken::Failed(
                    "the symlink's target is not UTF-8".into(),
                    "Point it elsewhere.",
                ),
                Err(error) => gone_or_failed(&error),
            },
            _ => read_file(&*self.drive, &self.root, path, stat, record, namesake).await,
        }
    }

    pub(super) fn to_read<'a>(
        &'a self,
        change: &'a Change,
    ) -> Option<(&'a str, &'a Stat, Option<&'a Record>)> {
        match change {
            Change::New { path, stat } => Some((path, stat, None)),
            Change::Touched { id, path, stat } => Some((path, stat, self.in_step.get(*id))),
            _ => None,
        }
    }

    /// The files of the same names that the drive has, of those that were never in step here: what is there
    /// already is compared before it is stored. All at once, since the tree cannot be looked at while an
    /// edit is written into it, and reading goes on meanwhile.
    pub(super) fn namesakes(&self, changes: &[Change]) -> Vec<Option<FileContent>> {
        self.drive.view(|view| {
            let namesake = |path: &str| {
                let mut at = NodeId::ROOT;
                for part in path.split('/') {
                    at = view.child(at, &self.rules.unescape(part))?;
                }
                match view.get(at)?.content? {
                    Content::File(content) => Some(content),
                    Content::Symlink(_) => None,
                }
            };
            let of = |change| match self.to_read(change)? {
                (path, _, None) => namesake(path),
                _ => None,
            };
            changes.iter().map(of).collect()
        })
    }
}

/// Reads a file, and stores what it holds unless the drive has it.
pub(super) async fn read_file<D: Drive>(
    drive: &D,
    root: &Root,
    path: &str,
    stat: &Stat,
    record: Option<&Record>,
    namesake: Option<FileContent>,
) -> Taken {
    // Same size and modification time: most likely only moved about, replaced by itself, or too
    // young at the last look. Then comparing is enough.
    let compare = match record {
        Some(record) => record.stat.size == stat.size && record.stat.mtime_ns == stat.mtime_ns,
        None => namesake.is_some_and(|content| content.len == stat.size),
    };
    if compare {
        match with_file(root, path, stat, |file| drive.hash(file)).await {
            Ok(Some((hash, len))) => {
                let held = Held::File { hash, len };
                if record.is_some_and(|record| record.held.same(&held)) {
                    return Taken::Same;
                }
                let same = |content: &FileContent| {
                    let (hash, len) = (content.hash, content.len);
                    Held::File { hash, len }.same(&held)
                };
                if let Some(content) = namesake.filter(same) {
                    return Taken::Content(Content::File(content));
                }
            }
            Ok(None) => return Taken::Restless,
            Err(failed) => return failed,
        }
    }
    match with_file(root, path, stat, |file| drive.import(file, stat.mtime_ns)).await {
        Ok(Some(content)) => Taken::Content(Content::File(content)),
        Ok(None) => Taken::Restless,
        Err(failed) => failed,
    }
}

/// Runs `work` on an open file, and says `None` if the file was not the same before and after.
async fn with_file<T, F>(
    root: &Root,
    path: &str,
    stat: &Stat,
    work: impl FnOnce(std::fs::File) -> F,
) -> Result<Option<T>, Taken>
where
    F: Future<Output = Result<T, BytesError>>,
{
    let file = root
        .open_file(path)
        .map_err(|error| gone_or_failed(&error))?;
    let same = |file: &std::fs::File| {
        root.stat_file(file)
            .is_ok_and(|now| now.same_bytes(stat, true))
    };
    if !same(&file) {
        return Ok(None);
    }
    let again = file
        .try_clone()
        .map_err(|error| Taken::Failed(error.to_string(), hint_for(&error)))?;
    let done = work(file).await.map_err(|error| match error {
        BytesError::Disk(error) => Taken::Failed(error.to_string(), hint_for(&error)),
        other => Taken::Failed(other.to_string(), "It is tried again by itself."),
    })?;
    Ok(same(&again).then_some(done))
}

fn gone_or_failed(error: &std::io::Error) -> Taken {
    match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Taken::Restless,
        _ => Taken::Failed(error.to_string(), hint_for(error)),
    }
}

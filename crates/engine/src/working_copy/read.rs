//! Reads what a changed entry holds, never torn: a file that was not the same before and after counts
//! as not read. Decides nothing.

use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::{Content, FileContent};

use super::beneath::{EntryKind, Stat};
use super::in_step::{Held, Record};
use super::keeper::Keeper;
use super::plan::local::Change;
use super::port::{BytesError, Drive};
use super::status::hint_for;

/// What reading a changed file or symlink gave.
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
    /// Reads what a changed entry holds now.
    pub(super) async fn read(&self, change: &Change) -> Taken {
        let (path, stat, record) = match change {
            Change::New { path, stat } => (path, stat, None),
            Change::Touched { id, path, stat } => (path, stat, self.in_step.get(*id)),
            _ => return Taken::Same,
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
            _ => self.read_file(path, stat, record).await,
        }
    }

    pub(super) async fn read_file(
        &self,
        path: &str,
        stat: &Stat,
        record: Option<&Record>,
    ) -> Taken {
        // Same size and modification time: most likely only moved about, replaced by itself, or too
        // young at the last look. Then comparing is enough.
        let compare = match record {
            Some(record) => record.stat.size == stat.size && record.stat.mtime_ns == stat.mtime_ns,
            None => self.drive_has_namesake(path, stat.size),
        };
        if compare {
            match self
                .with_file(path, stat, |file| self.drive.hash(file))
                .await
            {
                Ok(Some((hash, len))) => {
                    let held = Held::File { hash, len };
                    if record.is_some_and(|record| record.held.same(&held)) {
                        return Taken::Same;
                    }
                    if let Some(content) = self.namesake_content(path, &held) {
                        return Taken::Content(Content::File(content));
                    }
                }
                Ok(None) => return Taken::Restless,
                Err(failed) => return failed,
            }
        }
        match self
            .with_file(path, stat, |file| self.drive.import(file, stat.mtime_ns))
            .await
        {
            Ok(Some(content)) => Taken::Content(Content::File(content)),
            Ok(None) => Taken::Restless,
            Err(failed) => failed,
        }
    }

    /// Runs `work` on an open file, and says `None` if the file was not the same before and after.
    pub(super) async fn with_file<T, F>(
        &self,
        path: &str,
        stat: &Stat,
        work: impl FnOnce(std::fs::File) -> F,
    ) -> Result<Option<T>, Taken>
    where
        F: Future<Output = Result<T, BytesError>>,
    {
        let file = self
            .root
            .open_file(path)
            .map_err(|error| gone_or_failed(&error))?;
        let same = |file: &std::fs::File| {
            self.root
                .stat_file(file)
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

    /// Whether the drive has an unseen file of this name and size: then they are compared first.
    pub(super) fn drive_has_namesake(&self, path: &str, size: u64) -> bool {
        self.namesake(path)
            .is_some_and(|content| content.len == size)
    }

    pub(super) fn namesake_content(&self, path: &str, held: &Held) -> Option<FileContent> {
        self.namesake(path).filter(|content| {
            Held::File {
                hash: content.hash,
                len: content.len,
            }
            .same(held)
        })
    }

    pub(super) fn namesake(&self, path: &str) -> Option<FileContent> {
        self.drive.view(|view| {
            let mut at = NodeId::ROOT;
            for part in path.split('/') {
                at = view.child(at, &self.rules.unescape(part))?;
            }
            match view.get(at)?.content? {
                Content::File(content) => Some(content),
                Content::Symlink(_) => None,
            }
        })
    }
}

fn gone_or_failed(error: &std::io::Error) -> Taken {
    match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Taken::Restless,
        _ => Taken::Failed(error.to_string(), hint_for(error)),
    }
}

//! Files that were replaced or removed here, kept out of sight for a moment: a program that had one
//! open may still write to it, and what it writes is somebody's work. Knows nothing of drives.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use super::beneath::{Root, Stat, join, split};
use super::keeper::Keeper;
use super::marker;
use super::names;
use super::port::Drive;

/// Longer than a program takes from opening a file to closing it when it saves.
const LINGER: Duration = Duration::from_secs(2);

/// A file that a program has open for writing (a log, a database) is asked about again after this.
const OPEN_LINGER: Duration = Duration::from_secs(5);

/// Those that come within this time are seen to together: finding out who has files open takes a while.
const TOGETHER: Duration = Duration::from_secs(1);

/// What the name of a temporary file says of the entry that may come to lie there: after a crash it is
/// recognised by it, and so is whether somebody wrote to it since.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Stub {
    ino: u64,
    size: u64,
    mtime_ns: i64,
    name: String,
}

impl Stub {
    /// Of an entry as it was when it was in its place.
    pub(super) fn of(stat: &Stat, name: &str) -> Stub {
        Stub {
            ino: stat.ino,
            size: stat.size,
            mtime_ns: stat.mtime_ns,
            name: names::tagged(name, "saved late"),
        }
    }

    /// As a name that no other temporary file has.
    pub(super) fn write(&self, number: u64) -> String {
        let head = format!("{number}.{}.{}.{}.", self.ino, self.size, self.mtime_ns);
        let mut start = (head.len() + self.name.len()).saturating_sub(255);
        while !self.name.is_char_boundary(start) {
            start += 1;
        }
        // The end of a name says what kind of file it is.
        format!("{head}{}", &self.name[start..])
    }

    /// Reads such a name.
    pub(super) fn read(temp: &str) -> Option<Stub> {
        let mut parts = temp.splitn(5, '.').skip(1);
        let (ino, size, mtime_ns) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Stub {
            ino: ino.parse().ok()?,
            size: size.parse().ok()?,
            mtime_ns: mtime_ns.parse().ok()?,
            name: parts.next().filter(|name| !name.is_empty())?.to_owned(),
        })
    }

    /// The name for what lies at the temporary file, if it is that entry and was written to.
    fn rescued(&self, stat: &Stat) -> Option<&str> {
        let written = stat.size != self.size || stat.mtime_ns != self.mtime_ns;
        (stat.ino == self.ino && written).then_some(&self.name)
    }
}

/// Brings back what was written to a replaced file before a crash: to the top of the folder, where it
/// is found. False if there was nothing of the kind.
pub(super) fn rescue(root: &Root, folder: &str, temp: &str, stat: &Stat) -> io::Result<bool> {
    let stub = Stub::read(temp);
    let Some(name) = stub.as_ref().and_then(|stub| stub.rescued(stat)) else {
        return Ok(false);
    };
    let from = join(folder, temp);
    for n in 1..1000 {
        let to = if n == 1 {
            name.to_owned()
        } else {
            names::tagged(name, &n.to_string())
        };
        match root.rename_new(&from, &to) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            done => return done.map(|()| true),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Which of these temporary files some program has open for writing, as far as this user may know it.
/// Nothing is known where there is no `/proc`. Costs some 10 ms on a busy machine.
fn open_for_writing(temps: &BTreeSet<String>) -> BTreeSet<String> {
    let mut open = BTreeSet::new();
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return open;
    };
    for process in processes.flatten() {
        if !process
            .file_name()
            .as_encoded_bytes()
            .iter()
            .all(u8::is_ascii_digit)
        {
            continue;
        }
        // Programs of other users, and those that end meanwhile, cannot be asked.
        for folder in ["fd", "map_files"] {
            let Ok(handles) = std::fs::read_dir(process.path().join(folder)) else {
                continue;
            };
            for handle in handles.flatten() {
                // Where the file is now. The file itself is not asked: its disk may hang.
                let Ok(at) = std::fs::read_link(handle.path()) else {
                    continue;
                };
                let at = at.to_string_lossy();
                let Some(start) = at.rfind(marker::TMP) else {
                    continue;
                };
                // The link's own bits say how it is open.
                let writes = std::fs::symlink_metadata(handle.path())
                    .is_ok_and(|link| link.mode() & 0o200 != 0);
                if writes && temps.contains(&at[start..]) {
                    open.insert(at[start..].to_owned());
                }
            }
        }
    }
    open
}

/// A file out of sight.
#[derive(Debug)]
pub(super) struct Lingering {
    temp: String,
    /// Where it was.
    path: String,
    stat: Stat,
    until: Instant,
}

impl<D: Drive> Keeper<D> {
    /// Keeps a file that was moved out of sight, as it is now, until nobody can be writing to it.
    pub(super) fn linger(&mut self, temp: &str, path: &str, stat: Stat) {
        let (temp, path) = (temp.to_owned(), path.to_owned());
        let soonest = Instant::now() + LINGER;
        let with_last = self.lingering.back().map(|last| last.until);
        let until = with_last
            .filter(|until| *until >= soonest)
            .unwrap_or(soonest + TOGETHER);
        self.lingering.push_back(Lingering {
            temp,
            path,
            stat,
            until,
        });
    }

    /// When the next of them is looked at.
    pub(super) fn next_burial(&self) -> Option<Instant> {
        self.lingering.iter().map(|file| file.until).min()
    }

    /// Removes those whose time has come; one that was written to comes back beside its successor, and
    /// one that a program can still write to stays. At the end (`all`) the latter are left for the next
    /// start, which finds out whether anybody did.
    pub(super) fn bury(&mut self, now: Instant, all: bool) {
        let (due, rest) = std::mem::take(&mut self.lingering)
            .into_iter()
            .partition::<VecDeque<_>, _>(|file| all || file.until <= now);
        self.lingering = rest;
        if due.is_empty() {
            return;
        }
        let open = open_for_writing(&due.iter().map(|file| file.temp.clone()).collect());
        for mut file in due {
            match self.root.stat(&file.temp) {
                Ok(Some(stat)) if !stat.same_bytes(&file.stat, false) => {
                    self.bring_back(&file.temp, &file.path, now);
                }
                Ok(Some(_)) if open.contains(&file.temp) => {
                    if !all {
                        file.until = now + OPEN_LINGER;
                        self.lingering.push_back(file);
                    }
                }
                Ok(Some(_)) => self.drop_temp(&file.temp),
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "a replaced file stays until the next start"),
            }
        }
    }

    /// Puts what lies at a temporary file, and is somebody's work, beside where it would have been.
    pub(super) fn bring_back(&mut self, temp: &str, path: &str, now: Instant) {
        let (parent, name) = split(path);
        // If its folder is gone too, the top is where it is found.
        for folder in [parent, ""] {
            for n in 1..100 {
                let tag = if n == 1 {
                    "saved late".to_owned()
                } else {
                    format!("saved late {n}")
                };
                let path = join(folder, &names::tagged(name, &tag));
                match self.root.rename_new(temp, &path) {
                    Ok(()) => return self.rest.look(&path, now, false),
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(_) => break,
                }
            }
        }
        tracing::warn!(
            "a file that was written to while it was replaced could not be brought back"
        );
    }
}

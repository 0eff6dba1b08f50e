//! Files that were replaced or removed here, kept out of sight for a moment: a program that had one
//! open may still write to it, and what it writes is somebody's work. Knows nothing of drives.

use std::io;
use std::time::{Duration, Instant};

use super::beneath::{Root, Stat, join, split};
use super::keeper::Keeper;
use super::names;
use super::port::Drive;

/// Longer than a program takes from opening a file to closing it when it saves.
const LINGER: Duration = Duration::from_secs(2);

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
        self.lingering.push_back(Lingering {
            temp,
            path,
            stat,
            until: Instant::now() + LINGER,
        });
    }

    /// When the next of them is looked at.
    pub(super) fn next_burial(&self) -> Option<Instant> {
        self.lingering.front().map(|first| first.until)
    }

    /// Removes those whose time has come; one that was written to comes back beside its successor.
    pub(super) fn bury(&mut self, now: Instant, all: bool) {
        while self
            .lingering
            .front()
            .is_some_and(|first| all || first.until <= now)
        {
            let Some(file) = self.lingering.pop_front() else {
                return;
            };
            match self.root.stat(&file.temp) {
                Ok(Some(stat)) if stat.same_bytes(&file.stat, false) => self.drop_temp(&file.temp),
                Ok(Some(_)) => self.bring_back(&file, now),
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "a replaced file stays until the next start"),
            }
        }
    }

    fn bring_back(&mut self, file: &Lingering, now: Instant) {
        let (parent, name) = split(&file.path);
        // If its folder is gone too, the top is where it is found.
        for folder in [parent, ""] {
            for n in 1..100 {
                let tag = if n == 1 {
                    "saved late".to_owned()
                } else {
                    format!("saved late {n}")
                };
                let path = join(folder, &names::tagged(name, &tag));
                match self.root.rename_new(&file.temp, &path) {
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

//! Files that were replaced or removed here, kept out of sight for a moment: a program that had one
//! open may still write to it, and what it writes is somebody's work. Knows nothing of drives.

use std::io;
use std::time::{Duration, Instant};

use super::beneath::{Stat, join, split};
use super::keeper::Keeper;
use super::names;
use super::port::Drive;

/// Longer than a program takes from opening a file to closing it when it saves.
const LINGER: Duration = Duration::from_secs(2);

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

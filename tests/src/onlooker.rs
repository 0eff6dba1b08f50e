//! Remembers every name that ever appeared in some folders, however briefly: the kernel tells, nobody has
//! to look in time. Knows nothing of who made them.

use std::collections::BTreeSet;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::{Context, Result};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

/// Watches folders, not what is in their subfolders.
#[derive(Debug)]
pub struct Onlooker {
    queue: OwnedFd,
}

impl Onlooker {
    /// Starts watching.
    pub fn of(folders: &[&Path]) -> Result<Self> {
        let queue = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        for folder in folders {
            let came = WatchFlags::CREATE | WatchFlags::MOVED_TO;
            inotify::add_watch(&queue, *folder, came)
                .with_context(|| format!("cannot watch {}", folder.display()))?;
        }
        Ok(Self { queue })
    }

    /// The names that came since it was asked last. Fails if they were too many for the kernel.
    pub fn names(&self) -> Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        let mut buffer = [MaybeUninit::uninit(); 64 * 1024];
        let mut reader = inotify::Reader::new(&self.queue, &mut buffer);
        loop {
            match reader.next() {
                Ok(event) => {
                    anyhow::ensure!(
                        !event.events().contains(ReadFlags::QUEUE_OVERFLOW),
                        "the kernel lost count"
                    );
                    if let Some(name) = event.file_name() {
                        names.insert(name.to_string_lossy().into_owned());
                    }
                }
                Err(rustix::io::Errno::AGAIN) => return Ok(names),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_lived_for_an_instant_is_remembered() -> Result<()> {
        let root = tempfile::tempdir()?;
        let onlooker = Onlooker::of(&[root.path()])?;
        let path = root.path().join("brief");
        std::fs::write(&path, "")?;
        std::fs::remove_file(&path)?;
        assert_eq!(onlooker.names()?, BTreeSet::from(["brief".to_owned()]));
        assert!(onlooker.names()?.is_empty());
        Ok(())
    }
}

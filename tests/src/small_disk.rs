//! A small file system in memory, to be filled to the brim. Knows nothing of who writes to it.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::command::run;

const MOUNTING: Duration = Duration::from_secs(30);

/// What takes the room away.
const BALLAST: &str = ".ballast";

/// A mounted tmpfs, gone when dropped. Mounting one takes [`crate::Requirement::Root`].
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// A disk of so many MiB at a path where nothing is yet, or an empty folder.
    pub fn at(path: &Path, mebibytes: u64) -> Result<Self> {
        fs::create_dir_all(path)?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"]);
        run(mount.arg(path), MOUNTING)?.ok()?;
        Ok(Self(path.to_owned()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Fills it until so many bytes are left, about.
    pub fn leave(&self, bytes: u64) -> Result<()> {
        let about = rustix::fs::statvfs(&self.0)?;
        let ballast = File::options()
            .create(true)
            .append(true)
            .open(self.0.join(BALLAST))?;
        let surplus = (about.f_bavail * about.f_frsize).saturating_sub(bytes);
        let mut left = surplus;
        let zeros = vec![0; 1 << 20];
        while left > 0 {
            let some = usize::try_from(left)
                .unwrap_or(zeros.len())
                .min(zeros.len());
            match (&ballast).write(&zeros[..some]) {
                Ok(written) => left -= written as u64,
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Makes room again.
    pub fn clear(&self) -> Result<()> {
        match fs::remove_file(self.0.join(BALLAST)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = run(Command::new("umount").arg("--lazy").arg(&self.0), MOUNTING);
    }
}

//! A drive in memory, really mounted, and gone with the test whatever happens in it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use peerdrive_mount::{MountOptions, Mounted, mount};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{MemoryVolume, TestResult};

/// A mounted drive. Fields are dropped in this order: first the mount, then what it lies on.
pub(crate) struct TestMount {
    mounted: Option<Mounted>,
    pub(crate) volume: MemoryVolume,
    runtime: Runtime,
    at: PathBuf,
    staging: PathBuf,
    _folder: TempDir,
}

/// Whether this system can mount; else says of the test that runs why not.
pub(crate) fn can_mount() -> bool {
    let device = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/fuse");
    let root = rustix::process::geteuid().is_root();
    let helper = Path::new("/usr/bin/fusermount3").exists();
    let reason = match device {
        Err(error) => format!("/dev/fuse cannot be opened ({error})"),
        Ok(_) if !root && !helper => "mounting needs root or fusermount3".to_owned(),
        Ok(_) => return true,
    };
    skipped(&reason);
    false
}

/// Says of the test that runs that it does not, or not all of it, and why; also in the list that
/// `PEERDRIVE_SKIPS` names.
pub(crate) fn skipped(reason: &str) {
    // A test runs on a thread of its name.
    let thread = std::thread::current();
    let line = format!("skipped {}: {reason}\n", thread.name().unwrap_or("a test"));
    std::io::stderr().write_all(line.as_bytes()).ok();
    if let Some(list) = std::env::var_os("PEERDRIVE_SKIPS") {
        let open = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(list);
        open.and_then(|mut file| file.write_all(line.as_bytes()))
            .ok();
    }
}

impl TestMount {
    /// Mounts a new drive; `None` where that is not possible.
    pub(crate) fn new() -> TestResult<Option<Self>> {
        Self::of(MemoryVolume::new(), |_| {})
    }

    /// Mounts a drive with options.
    pub(crate) fn of(
        volume: MemoryVolume,
        adjust: impl FnOnce(&mut MountOptions),
    ) -> TestResult<Option<Self>> {
        if !can_mount() {
            return Ok(None);
        }
        let folder = tempfile::Builder::new()
            .prefix("peerdrive-mount-test")
            .tempdir()?;
        let (at, staging) = (folder.path().join("drive"), folder.path().join("staging"));
        std::fs::create_dir(&at)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let mut options = MountOptions::new(&staging);
        adjust(&mut options);
        let mounted = mount(volume.clone(), &at, runtime.handle().clone(), options)?;
        Ok(Some(Self {
            mounted: Some(mounted),
            volume,
            runtime,
            at,
            staging,
            _folder: folder,
        }))
    }

    /// A path in the drive.
    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.at.join(path)
    }

    /// Unmounts, as the command does.
    pub(crate) fn unmount(&mut self) -> TestResult {
        if let Some(mounted) = self.mounted.take() {
            self.runtime.block_on(mounted.unmount())?;
        }
        Ok(())
    }

    /// Unmounts, and mounts again at the same place.
    pub(crate) fn remount(&mut self) -> TestResult {
        self.unmount()?;
        let options = MountOptions::new(&self.staging);
        let runtime = self.runtime.handle().clone();
        self.mounted = Some(mount(self.volume.clone(), &self.at, runtime, options)?);
        Ok(())
    }

    /// Whether the drive is mounted.
    pub(crate) fn is_alive(&self) -> bool {
        self.mounted.as_ref().is_some_and(Mounted::is_alive)
    }
}

/// Waits until something holds, at most 5 seconds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) -> TestResult {
    let begun = Instant::now();
    while !holds() {
        if begun.elapsed() > Duration::from_secs(5) {
            return Err(format!("after 5 s still not: {what}").into());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

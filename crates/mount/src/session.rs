//! Mounting and unmounting; knows nothing of what is mounted.
//!
//! A mount point must never be stuck. Unmounting waits for what is being written and, where programs
//! still use the mount, takes it out of the tree and lets it end with them. A dropped [`Mounted`] does
//! the same without waiting. What a killed process leaves behind ("Transport endpoint is not
//! connected") is detached by [`clear_stale`].

use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::mount::UnmountFlags;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::config::MountOptions;
use crate::errno::FsError;
use crate::fs::FileSystem;
use crate::fuse::{Kernel, Serving, serve};
use crate::volume::{Feed, Volume};

const DEVICE: &str = "/dev/fuse";

/// How long unmounting waits for the kernel to say its goodbyes; the mount point is free before.
const LET_GO: Duration = Duration::from_secs(2);

/// Why a drive could not be mounted or unmounted.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// Nothing at the mount point.
    #[error("there is no folder {0}; make it first: mkdir -p {0}")]
    Missing(PathBuf),
    /// Not a folder.
    #[error("{0} is not a folder; a drive is mounted on an empty folder")]
    NotAFolder(PathBuf),
    /// A folder with something in it, which the mount would hide.
    #[error("{0} is not empty; what is in it would be hidden, so mount on an empty folder")]
    NotEmpty(PathBuf),
    /// Something is mounted there.
    #[error("something is mounted at {0} already; unmount it first or choose another folder")]
    AlreadyMounted(PathBuf),
    /// The kernel has no FUSE.
    #[error(
        "this system has no {DEVICE}; load it with `modprobe fuse`, install the package `fuse3`, or \
         in a container pass `--device /dev/fuse`"
    )]
    NoFuse,
    /// Mounting needs root, or the set-uid program that mounts for users.
    #[error(
        "you may not mount at {path}: install the package `fuse3`, which has fusermount3, or run as \
         root ({source})"
    )]
    NotPermitted {
        /// The mount point.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The staging folder cannot be used.
    #[error("cannot use {path} for files being written: {source}")]
    Staging {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It was unmounted, but something that a program still has open could not be saved. It is tried
    /// again when the program closes it.
    #[error("{path} was unmounted, but a file that is still open could not be saved: {source}")]
    Unsaved {
        /// The mount point.
        path: PathBuf,
        /// The first failure.
        source: FsError,
    },
    /// Anything else the system refused.
    #[error("mounting or unmounting {path} failed: {source}")]
    System {
        /// The mount point.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A mounted drive.
pub struct Mounted {
    path: PathBuf,
    serving: Option<Serving>,
    files: Arc<dyn Save>,
    stop: watch::Sender<bool>,
}

impl std::fmt::Debug for Mounted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mounted")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Saves what is open, whatever the volume.
trait Save: Send + Sync {
    fn save(self: Arc<Self>) -> Saving;
}

type Saving = std::pin::Pin<Box<dyn Future<Output = Result<(), FsError>> + Send>>;

impl<V: Volume> Save for FileSystem<V> {
    fn save(self: Arc<Self>) -> Saving {
        Box::pin(async move { self.commit_all().await })
    }
}

/// Mounts `volume` at the empty folder `at`. What a killed process left mounted there is cleared first.
pub fn mount<V: Volume>(
    volume: V,
    at: &Path,
    runtime: Handle,
    options: MountOptions,
) -> Result<Mounted, MountError> {
    clear_stale(at)?;
    let path = check(at)?;
    prepare_staging(&options.staging_dir)?;
    let feed = volume.feed();
    let fs = Arc::new(FileSystem::new(volume, options));
    let serving =
        serve(fs.clone(), &path, runtime.clone()).map_err(|source| of_mount(&path, source))?;
    let (stop, stopped) = watch::channel(false);
    let mounted = Mounted {
        path: path.clone(),
        serving: Some(serving),
        files: fs.clone(),
        stop,
    };
    if let Some(serving) = &mounted.serving {
        let kernel = serving.kernel.clone();
        std::thread::Builder::new()
            .name("peerdrive-inval".to_owned())
            .spawn(move || runtime.block_on(follow(&*fs, feed, &kernel, stopped)))
            .map_err(|source| MountError::System { path, source })?;
    }
    Ok(mounted)
}

/// Tells the kernel what changes, until the mount or the drive ends.
async fn follow<V: Volume>(
    fs: &FileSystem<V>,
    mut feed: V::Feed,
    kernel: &Kernel,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        let change = tokio::select! {
            change = feed.next() => change,
            _ = stopped.changed() => None,
        };
        let Some(change) = change else {
            return;
        };
        let stale = fs.absorb(change).await;
        kernel.forget(&stale);
    }
}

impl Mounted {
    /// Where.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is still mounted; someone may have unmounted it from outside.
    pub fn is_alive(&self) -> bool {
        self.serving
            .as_ref()
            .is_some_and(|serving| !serving.is_over())
    }

    /// Saves what was written, then unmounts. Programs that still use the mount keep what they have
    /// open, but the folder is free when this returns.
    pub async fn unmount(mut self) -> Result<(), MountError> {
        let saved = match self.is_alive() {
            true => self.files.clone().save().await,
            false => Ok(()),
        };
        let Some(serving) = self.serving.take() else {
            return Ok(());
        };
        let path = self.path.clone();
        let ended = tokio::task::spawn_blocking(move || end(&path, serving)).await;
        match ended {
            Ok(ended) => ended.and(saved.map_err(|source| MountError::Unsaved {
                path: self.path.clone(),
                source,
            })),
            Err(panic) => Err(MountError::System {
                path: self.path.clone(),
                source: io::Error::other(panic),
            }),
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        let Some(serving) = self.serving.take() else {
            return;
        };
        if !serving.is_over()
            && let Err(error) = detach(&self.path, true)
        {
            tracing::warn!(%error, "the mount could not be detached");
        }
        // Its threads end when the kernel has let go; nobody waits for them here.
        drop(serving);
    }
}

fn end(path: &Path, serving: Serving) -> Result<(), MountError> {
    let system = |source| MountError::System {
        path: path.to_owned(),
        source,
    };
    if serving.is_over() {
        return Ok(());
    }
    let busy = |error: &io::Error| Errno::from_io_error(error) == Some(Errno::BUSY);
    match detach(path, false) {
        // Its threads go on until the last program closes what it has open.
        Err(error) if busy(&error) => return detach(path, true).map_err(system),
        detached => detached.map_err(system)?,
    }
    let waited = std::time::Instant::now();
    while !serving.is_over() {
        if waited.elapsed() > LET_GO {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    serving.join().map_err(system)
}

/// Detaches what a killed process left mounted at `at`, where every access says "Transport endpoint is
/// not connected". True if there was something.
pub fn clear_stale(at: &Path) -> Result<bool, MountError> {
    let mut cleared = false;
    while is_stale(at) {
        detach(at, true).map_err(|source| MountError::System {
            path: at.to_owned(),
            source,
        })?;
        cleared = true;
    }
    Ok(cleared)
}

/// Whether whoever served `at` is gone. Attributes may still be answered out of the kernel's cache, so
/// the question is one that the kernel never answers by itself.
fn is_stale(at: &Path) -> bool {
    let not_connected = |error: io::Error| Errno::from_io_error(&error) == Some(Errno::NOTCONN);
    match std::fs::symlink_metadata(at) {
        Err(error) => not_connected(error),
        Ok(_) => rustix::fs::statfs(at)
            .is_err_and(|errno| matches!(errno, Errno::NOTCONN | Errno::CONNABORTED)),
    }
}

/// Takes a mount out of the tree: at once if `lazily`, else only if nothing uses it.
fn detach(path: &Path, lazily: bool) -> io::Result<()> {
    let flags = if lazily {
        UnmountFlags::DETACH | UnmountFlags::NOFOLLOW
    } else {
        UnmountFlags::NOFOLLOW
    };
    match rustix::mount::unmount(path, flags) {
        Ok(()) => Ok(()),
        // Not a mount point any more: somebody else was faster.
        Err(Errno::INVAL) => Ok(()),
        Err(Errno::PERM) => detach_as_user(path, lazily),
        Err(errno) => Err(errno.into()),
    }
}

/// Only root may unmount; users have a set-uid program that does it for them.
fn detach_as_user(path: &Path, lazily: bool) -> io::Result<()> {
    let how = if lazily { "-uz" } else { "-u" };
    let output = Command::new("fusermount3")
        .args([how, "--"])
        .arg(path)
        .stdin(Stdio::null())
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("busy") {
        return Err(Errno::BUSY.into());
    }
    Err(io::Error::other(said.trim().to_owned()))
}

fn check(at: &Path) -> Result<PathBuf, MountError> {
    let path = || at.to_owned();
    let system = |source| MountError::System {
        path: path(),
        source,
    };
    let here = match std::fs::metadata(at) {
        Ok(here) => here,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(MountError::Missing(path()));
        }
        Err(error) => return Err(system(error)),
    };
    if !here.is_dir() {
        return Err(MountError::NotAFolder(path()));
    }
    let canonical = at.canonicalize().map_err(system)?;
    let above = match canonical.parent() {
        Some(parent) => std::fs::metadata(parent).map_err(system)?,
        None => return Err(MountError::AlreadyMounted(canonical)),
    };
    if above.dev() != here.dev() {
        return Err(MountError::AlreadyMounted(canonical));
    }
    if std::fs::read_dir(at).map_err(system)?.next().is_some() {
        return Err(MountError::NotEmpty(canonical));
    }
    if !Path::new(DEVICE).exists() {
        return Err(MountError::NoFuse);
    }
    Ok(canonical)
}

fn prepare_staging(path: &Path) -> Result<(), MountError> {
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path);
    made.map_err(|source| MountError::Staging {
        path: path.to_owned(),
        source,
    })
}

fn of_mount(path: &Path, source: io::Error) -> MountError {
    let path = path.to_owned();
    match source.kind() {
        // fusermount3 is not there, or /dev/fuse went away meanwhile.
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => {
            MountError::NotPermitted { path, source }
        }
        // The module is not loaded: the device is there but nobody behind it.
        _ if Errno::from_io_error(&source)
            .is_some_and(|errno| matches!(errno, Errno::NODEV | Errno::NXIO)) =>
        {
            MountError::NoFuse
        }
        _ => MountError::System { path, source },
    }
}

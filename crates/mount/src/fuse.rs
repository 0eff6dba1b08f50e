//! Kernel requests in, calls of the file system out; the only file that imports fuser.
//!
//! Whatever is answered from memory is answered on the thread that read the request. Everything else
//! is a future: polled once right there, since most are ready at once, and otherwise finished on the
//! runtime, so that no request ever waits for another one's bytes.
//!
//! Notifications to the kernel are sent from a thread of their own, never from within a request: the
//! kernel takes the very locks for them that it holds while it waits for the request's answer.

mod requests;
mod shapes;

use std::ffi::OsStr;
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Waker};
use std::time::Duration;

use fuser::{
    BackgroundSession, Config, FileAttr, Generation, INodeNo, MountOption, Notifier, ReplyEmpty,
    ReplyEntry, SessionACL,
};
use parking_lot::RwLock;
use tokio::runtime::Handle;

use self::shapes::{attr, errno};
use crate::config::MountOptions;
use crate::errno::FsError;
use crate::fs::{Attributes, FileSystem, Found, Stale};
use crate::volume::Volume;

/// Threads that read requests: metadata goes on while one of them copies pages.
const THREADS: usize = 2;

/// The most that one write request carries: what Linux allows by default, 256 pages.
const MAX_WRITE: u32 = 1 << 20;

/// Read-ahead requests that the kernel may have under way: reads may have to cross a network.
const MAX_BACKGROUND: u16 = 64;

/// A node's number never stands for another node while the kernel refers to it.
const GENERATION: Generation = Generation(0);

struct Fuse<V: Volume> {
    fs: Arc<FileSystem<V>>,
    runtime: Handle,
    answering: Arc<RwLock<()>>,
    /// There once it is mounted.
    notifier: Arc<OnceLock<Notifier>>,
}

/// A mounted file system, served by threads of its own until unmounted.
pub(crate) struct Serving {
    session: BackgroundSession,
    pub(crate) kernel: Kernel,
}

/// The kernel's caches.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    notifier: Notifier,
    answering: Arc<RwLock<()>>,
}

impl std::fmt::Debug for Serving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serving").finish_non_exhaustive()
    }
}

/// Mounts `fs` at `at` and serves it.
pub(crate) fn serve<V: Volume>(
    fs: Arc<FileSystem<V>>,
    at: &Path,
    runtime: Handle,
) -> std::io::Result<Serving> {
    let answering = Arc::new(RwLock::new(()));
    let known: Arc<OnceLock<Notifier>> = Arc::default();
    let config = config(fs.options(), &fs.volume().name());
    let fuse = Fuse {
        fs,
        runtime,
        answering: answering.clone(),
        notifier: known.clone(),
    };
    let session = fuser::spawn_mount(fuse, at, &config)?;
    let notifier = session.notifier();
    // Until here nothing was opened that the kernel could remember anything of.
    known.get_or_init(|| notifier.clone());
    Ok(Serving {
        session,
        kernel: Kernel {
            notifier,
            answering,
        },
    })
}

fn config(options: &MountOptions, name: &str) -> Config {
    let mut config = Config::default();
    // Commas separate mount options.
    let name = name.replace([',', '\\'], "_");
    config.mount_options = vec![
        MountOption::FSName(format!("peerdrive:{name}")),
        MountOption::Subtype("peerdrive".to_owned()),
        MountOption::DefaultPermissions,
        MountOption::NoAtime,
        MountOption::NoDev,
        MountOption::NoSuid,
    ];
    if options.read_only {
        config.mount_options.push(MountOption::RO);
    }
    if options.allow_other {
        config.acl = SessionACL::All;
    }
    config.n_threads = Some(THREADS);
    config
}

impl Serving {
    pub(crate) fn is_over(&self) -> bool {
        self.session.guard.is_finished()
    }

    /// Waits until the kernel has let go of it.
    pub(crate) fn join(self) -> std::io::Result<()> {
        self.session.join()
    }
}

impl Kernel {
    /// Makes the kernel forget. Blocks while the kernel works on what it concerns.
    pub(crate) fn forget(&self, stale: &[Stale]) {
        // Answers that were computed before the change have been sent once this is through.
        drop(self.answering.write());
        stale.iter().for_each(|stale| send(&self.notifier, stale));
    }
}

fn send(notifier: &Notifier, stale: &Stale) {
    let sent = match stale {
        Stale::Name { folder, name } => notifier.inval_entry(INodeNo(*folder), OsStr::new(name)),
        Stale::Attributes { ino } => notifier.inval_inode(INodeNo(*ino), -1, 0),
        Stale::Pages { ino } => notifier.inval_inode(INodeNo(*ino), 0, 0),
    };
    if let Err(error) = sent {
        tracing::debug!(%error, "the kernel did not take a notification");
    }
}

impl<V: Volume> Fuse<V> {
    /// Finishes a request whenever it is ready.
    fn finish(&self, answer: impl Future<Output = ()> + Send + 'static) {
        let mut answer = Box::pin(answer);
        let _runtime = self.runtime.enter();
        let mut once = Context::from_waker(Waker::noop());
        if answer.as_mut().poll(&mut once).is_pending() {
            self.runtime.spawn(answer);
        }
    }

    /// Makes the kernel ask for the attributes of a file. It does not wait for any request.
    fn forget_attributes(notifier: &OnceLock<Notifier>, ino: INodeNo) {
        if let Some(notifier) = notifier.get() {
            send(notifier, &Stale::Attributes { ino: ino.0 });
        }
    }

    fn attr(&self, attributes: &Attributes) -> FileAttr {
        attr(self.fs.options(), attributes)
    }

    fn ttl(&self) -> Duration {
        self.fs.options().cache_for
    }

    /// Answers with a name that was made.
    fn finish_entry(
        &self,
        reply: ReplyEntry,
        making: impl Future<Output = Result<Found, FsError>> + Send + 'static,
    ) {
        let options = self.fs.options().clone();
        self.finish(async move {
            match making.await {
                Ok(found) => reply.entry(
                    &options.cache_for,
                    &attr(&options, &found.attributes),
                    GENERATION,
                ),
                Err(error) => reply.error(errno(&error)),
            }
        });
    }

    fn finish_empty(
        &self,
        reply: ReplyEmpty,
        doing: impl Future<Output = Result<(), FsError>> + Send + 'static,
    ) {
        self.finish(async move {
            match doing.await {
                Ok(()) => reply.ok(),
                Err(error) => reply.error(errno(&error)),
            }
        });
    }
}

//! One window for each data directory: a second start hands its link to the first and ends. Knows
//! nothing of what the window shows.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

use peerdrive_api::rendezvous;
use tauri::{AppHandle, Manager as _};

use crate::bridge::Daemon;
use crate::desk;
use crate::links::Links;

const LOCK: &str = "window.lock";
const SOCKET: &str = "window";

/// Longest link that is taken: real ones have some hundred bytes.
const MAX_LINK: u64 = 16 * 1024;

/// How long the first window may take from its lock to its socket.
const PATIENCE: Duration = Duration::from_secs(5);

/// This process has the window of a data directory, as long as this lives.
#[derive(Debug)]
pub(crate) struct Instance {
    listener: UnixListener,
    lock: File,
}

impl Instance {
    /// Becomes the one window. `None` if there is one: it was told to come forward, and of the link.
    pub(crate) fn claim(data_dir: &Path, link: Option<&str>) -> io::Result<Option<Self>> {
        rendezvous::prepare(data_dir)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(data_dir.join(LOCK))?;
        let socket = data_dir.join(SOCKET);
        match lock.try_lock() {
            Ok(()) => {
                // Whoever left it is gone: its lock is free.
                match fs::remove_file(&socket) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
                let listener = UnixListener::bind(&socket)?;
                Ok(Some(Self { listener, lock }))
            }
            Err(TryLockError::WouldBlock) => tell(&socket, link.unwrap_or_default()).map(|()| None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Takes links from later starts until the process ends, on a thread of its own.
    pub(crate) fn serve(self, app: AppHandle) {
        std::thread::spawn(move || {
            self.take(|link| {
                if !link.is_empty() {
                    app.state::<Links>().opened(link);
                }
                app.state::<Daemon>().opened();
                desk::come_forward(&app);
            });
        });
    }

    fn take(self, mut each: impl FnMut(String)) {
        let Self { listener, lock } = self;
        for stream in listener.incoming().map_while(Result::ok) {
            stream.set_read_timeout(Some(PATIENCE)).ok();
            let mut line = String::new();
            let read = BufReader::new(stream.take(MAX_LINK)).read_line(&mut line);
            if read.is_ok() {
                each(line.trim().to_owned());
            }
        }
        drop(lock);
    }
}

fn tell(socket: &Path, link: &str) -> io::Result<()> {
    let begun = Instant::now();
    loop {
        match UnixStream::connect(socket) {
            Ok(mut stream) => return writeln!(stream, "{link}"),
            Err(error) if begun.elapsed() > PATIENCE => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_second_window_hands_its_link_to_the_first() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let first = Instance::claim(dir.path(), None)?.ok_or(io::ErrorKind::AlreadyExists)?;
        let (links, taken) = mpsc::channel();
        std::thread::spawn(move || first.take(|link| drop(links.send(link))));
        let link = "peerdrive://join#pd1abc";
        assert!(Instance::claim(dir.path(), Some(link))?.is_none());
        assert!(Instance::claim(dir.path(), None)?.is_none());
        assert_eq!(taken.recv_timeout(PATIENCE).as_deref(), Ok(link));
        assert_eq!(taken.recv_timeout(PATIENCE).as_deref(), Ok(""));
        Ok(())
    }

    #[test]
    fn what_a_killed_window_left_keeps_nobody_out() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        drop(Instance::claim(dir.path(), None)?);
        assert!(dir.path().join(SOCKET).exists());
        assert!(Instance::claim(dir.path(), None)?.is_some());
        Ok(())
    }
}

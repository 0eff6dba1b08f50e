//! What the desktop window takes of the command line: the same options, and the same way to the daemon,
//! which is the window's own program started once more. Knows nothing of windows.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use peerdrive_api::client::Client;
use peerdrive_api::error::ApiError;

use crate::args::Options;
use crate::context::{Asked, Context};
use crate::daemon::start;
use crate::failure::Failure;
use crate::unlock::Unlock;

/// PeerDrive in a window
#[derive(Debug, Parser)]
#[command(name = "peerdrive-app", version)]
struct Words {
    #[command(flatten)]
    options: Options,
    /// An invite link to open: peerdrive://join#…
    link: Option<String>,
}

/// How a window was opened.
#[derive(Debug)]
pub struct Opening {
    data_dir: PathBuf,
    asked: Asked,
    unlock: Unlock,
    link: Option<String>,
}

/// Whether these words start the daemon of a window rather than a window: [`run`](crate::run) takes them.
pub fn is_daemon(words: &[OsString]) -> bool {
    let tail: Vec<&OsStr> = words.iter().map(OsString::as_os_str).collect();
    tail.windows(2).any(|pair| pair == ["daemon", "--detached"])
}

impl Opening {
    /// Reads how a window is opened. What cannot be read is said, with the exit code of that.
    pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Self, ExitCode> {
        let opened = Words::try_parse_from(words).map_err(Failure::Usage);
        let opened = opened.and_then(|Words { options, link }| {
            let Context {
                data_dir,
                asked,
                unlock,
                ..
            } = Context::new(options)?;
            Ok(Self {
                data_dir,
                asked,
                unlock,
                link,
            })
        });
        opened.map_err(|failure| failure.report(false))
    }

    /// The data directory, absolute.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The link that is to be opened.
    pub fn link(&self) -> Option<&str> {
        self.link.as_deref()
    }

    /// A way to the daemon, which is started if there is none. Takes as long as that takes, at most two
    /// minutes.
    pub async fn daemon(&self) -> Result<Client, ApiError> {
        start::attach(&self.data_dir, &self.asked, &self.unlock).await
    }

    /// The same once it was found: one that died is started again, one that was told to end is not.
    pub async fn daemon_again(&self) -> Result<Client, ApiError> {
        start::attach_again(&self.data_dir, &self.asked, &self.unlock).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_daemon_that_was_told_to_end_is_not_started_by_a_window_that_is_open()
    -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let place = dir.path().to_str().ok_or("a path")?;
        let opening = Opening::parse(words(&["w", "--data-dir", place])).map_err(|_| "refused")?;
        drop(peerdrive_api::rendezvous::DaemonLock::acquire(dir.path())?);
        let refused = opening.daemon_again().await.err().ok_or("started")?;
        assert_eq!(refused.code, peerdrive_api::error::Code::DaemonUnavailable);
        assert!(refused.message.contains("told to stop"), "{refused:?}");
        Ok(())
    }

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn a_window_is_told_from_its_daemon() {
        let daemon = ["w", "--data-dir", "/d", "daemon", "--detached"];
        assert!(is_daemon(&words(&daemon)));
        assert!(is_daemon(&words(
            &[&daemon[..], &["--passphrase-stdin"]].concat()
        )));
        assert!(!is_daemon(&words(&["w", "--data-dir", "daemon"])));
        assert!(!is_daemon(&words(&["w", "peerdrive://join#--detached"])));
    }

    #[test]
    fn a_window_takes_options_and_a_link() -> Result<(), Box<dyn std::error::Error>> {
        let all = words(&[
            "w",
            "--data-dir",
            "/d",
            "--no-discovery",
            "peerdrive://join#a",
        ]);
        let opening = Opening::parse(all).map_err(|_| "refused")?;
        assert_eq!(opening.data_dir(), Path::new("/d"));
        assert_eq!(opening.link(), Some("peerdrive://join#a"));
        assert!(opening.asked.no_discovery);
        assert!(Opening::parse(words(&["w", "a", "b"])).is_err());
        Ok(())
    }
}

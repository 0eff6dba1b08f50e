//! What every command works with: where this device lives, how it reaches the network, and where
//! answers go. Knows no command.

use std::future::Future;
use std::path::{Path, PathBuf};

use peerdrive_api::client::{Answer, Client, Update};
use peerdrive_api::dto::Settings;
use peerdrive_api::error::{ApiError, Code};
use peerdrive_api::schema::Call;

use crate::args::Options;
use crate::daemon::start;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Bar;
use crate::unlock::Unlock;

/// One run of the program.
#[derive(Debug)]
pub(crate) struct Context {
    /// Absolute.
    pub(crate) data_dir: PathBuf,
    /// How the passphrase of this device's key can be had.
    pub(crate) unlock: Unlock,
    /// What was asked of the daemon's network on this command line.
    pub(crate) asked: Asked,
    /// Where answers go.
    pub(crate) out: Output,
}

/// Settings as far as they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) no_discovery: bool,
    pub(crate) relay: Option<String>,
    pub(crate) bind: Option<std::net::SocketAddr>,
}

impl Asked {
    /// With the defaults for the rest.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            bind: self.bind,
            relay: self.relay.clone(),
            discovery: !self.no_discovery,
        }
    }

    /// The first option that a daemon with these settings does not follow.
    pub(crate) fn contradicts(&self, running: &Settings) -> Option<&'static str> {
        if self.no_discovery && running.discovery {
            Some("--no-discovery")
        } else if self.relay.is_some() && self.relay != running.relay {
            Some("--relay")
        } else if self.bind.is_some() && self.bind != running.bind {
            Some("--bind")
        } else {
            None
        }
    }
}

impl Context {
    pub(crate) fn new(options: Options) -> Result<Self, Failure> {
        let data_dir = match &options.data_dir {
            Some(dir) => absolute(dir)?,
            None => default_data_dir()?,
        };
        let Options {
            json,
            no_discovery,
            relay,
            bind,
            passphrase_file,
            ..
        } = options;
        let file = passphrase_file.map(|file| absolute(&file)).transpose()?;
        Ok(Self {
            data_dir,
            unlock: Unlock { file },
            asked: Asked {
                no_discovery,
                relay,
                bind,
            },
            out: Output::new(json),
        })
    }

    /// Gives a command to the daemon, which is started if there is none, and waits for the answer.
    /// Progress is shown when a person watches.
    pub(crate) fn call<C: Call>(&self, request: &C::Request) -> Result<C::Reply, Failure> {
        self.stream::<C>(request, |item| {
            drop(item);
            Ok(())
        })
    }

    /// The same for a command that streams.
    pub(crate) fn stream<C: Call>(
        &self,
        request: &C::Request,
        mut each: impl FnMut(C::Item) -> Result<(), Failure>,
    ) -> Result<C::Reply, Failure> {
        block_on(async {
            let mut bar = Bar::new(&self.out);
            let mut answer = self.begin::<C>(request).await?;
            loop {
                match answer.next().await? {
                    Update::Progress(progress) => bar.show(&progress),
                    Update::Item(item) => each(item)?,
                    Update::Done(reply) => return Ok(reply),
                }
            }
        })?
    }

    async fn begin<C: Call>(&self, request: &C::Request) -> Result<Answer<C>, Failure> {
        let client: Client = start::attach(&self.data_dir, &self.asked, &self.unlock).await?;
        Ok(client.start::<C>(request).await?)
    }
}

/// Runs a future on this thread. Waits for nothing but it: what is left behind (a thread that reads
/// from a child) ends with the process.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| ApiError::new(Code::Io, format!("this system lets no task run: {e}")))?;
    let output = runtime.block_on(future);
    runtime.shutdown_background();
    Ok(output)
}

/// Makes a path absolute against this process's directory: the daemon has another one. It must be
/// UTF-8, since it travels as JSON.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    let shown = path.display();
    if path.to_str().is_none() {
        let error = ApiError::new(Code::BadRequest, format!("the path {shown} is not UTF-8"));
        return Err(error
            .hint("rename the folder, or go into it and give the path as `.`")
            .into());
    }
    std::path::absolute(path).map_err(|e| {
        let error = ApiError::new(Code::BadRequest, format!("`{shown}` is not a path: {e}"));
        error.hint("give the path of a folder").into()
    })
}

/// `$XDG_DATA_HOME/peerdrive`, as the XDG base directory specification has it.
fn default_data_dir() -> Result<PathBuf, Failure> {
    let set = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    set("XDG_DATA_HOME")
        .or_else(|| Some(set("HOME")?.join(".local/share")))
        .map(|base| base.join("peerdrive"))
        .ok_or_else(|| {
            ApiError::new(
                Code::BadRequest,
                "there is no home directory to keep this device's data in",
            )
            .hint("name one: --data-dir DIR")
            .into()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_can_contradict_a_running_daemon() {
        let relay = Some("https://relay.example".to_owned());
        let running = Settings {
            bind: "127.0.0.1:0".parse().ok(),
            relay: relay.clone(),
            discovery: false,
        };
        let ask = |no_discovery, relay: &Option<String>, bind: Option<&str>| Asked {
            no_discovery,
            relay: relay.clone(),
            bind: bind.and_then(|b| b.parse().ok()),
        };
        assert_eq!(ask(false, &None, None).contradicts(&running), None);
        assert_eq!(
            ask(true, &relay, Some("127.0.0.1:0")).contradicts(&running),
            None
        );
        assert_eq!(
            ask(true, &relay, Some("127.0.0.1:9")).contradicts(&running),
            Some("--bind")
        );
        assert_eq!(
            ask(true, &Some("https://b.example".into()), None).contradicts(&running),
            Some("--relay")
        );
        let open = Settings {
            discovery: true,
            ..running
        };
        assert_eq!(
            ask(true, &None, None).contradicts(&open),
            Some("--no-discovery")
        );
    }
}

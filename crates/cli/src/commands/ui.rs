//! `peerdrive ui`.

use std::process::{Command, Stdio};

use clap::Args;
use serde_json::json;

use crate::context::{Context, block_on};
use crate::daemon::start;
use crate::failure::Failure;

/// Open the app in a browser
///
/// The address is good for one browser and two minutes.
#[derive(Debug, Args)]
pub(crate) struct Ui {
    /// Only print the address
    #[arg(long)]
    no_open: bool,
}

impl Ui {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let url = block_on(async {
            let client = start::attach(&context.data_dir, &context.asked, &context.unlock).await?;
            Ok::<_, Failure>(client.browser_address().await?)
        })??;
        if !self.no_open && !context.out.json() {
            open(&url);
        }
        context
            .out
            .answer(&json!({ "url": url }), |_| format!("{url}\n"))?;
        context
            .out
            .say("The address is good for one browser and two minutes.");
        Ok(())
    }
}

/// Asks the desktop to open it. Where there is none, the printed address does.
fn open(url: &str) {
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let mut command = Command::new(opener);
    command
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().ok();
}

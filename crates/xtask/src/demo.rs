//! `cargo xtask demo`: three devices as processes on this machine, sharing one real folder, and what
//! each of them sees. Knows the command line and the folders, and nothing of what is between them.

mod story;
mod telling;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use peerdrive_tests::{Binary, Lab, Requirement};

use crate::cargo::{self, Profile};
use crate::interrupt::Interrupt;
use crate::{app, setup};
use story::Story;
use telling::seconds;

/// How the demo is run.
#[derive(Debug)]
pub(crate) struct Options {
    once: bool,
    quick: bool,
}

impl Options {
    /// From the words after `demo`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self {
            once: false,
            quick: false,
        };
        for word in words {
            match *word {
                "--once" => options.once = true,
                "--quick" => options.quick = true,
                _ => bail!("demo does not know {word}"),
            }
        }
        Ok(options)
    }

    /// Real files in the sample.
    fn files(&self) -> usize {
        if self.quick { 200 } else { 1_000 }
    }
}

/// Shows everything, then stays until Ctrl-C. Whatever happens, daemons, mounts and files are gone
/// afterwards.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    setup::run(setup::Purpose::Demo);
    let (binary, no_page) = build()?;
    // From here on, Ctrl-C is a wish, and everything below is cleaned up by leaving this function.
    let interrupt = Interrupt::install()?;
    let fuse = Requirement::Fuse.reason();
    println!(
        "\nThree devices on this machine, talking over 127.0.0.1: no server, no relay, no discovery."
    );
    if let Some(reason) = fuse {
        println!(
            "Nothing can be mounted here ({reason}), so the third device keeps a folder as well."
        );
    }
    let lab = Lab::with(binary)?;
    let told = Story::tell(&lab, options.files(), fuse.is_none(), &interrupt);
    if interrupt.wanted() {
        println!("\nInterrupted: cleaning up.");
        drop(told);
        return Ok(ExitCode::SUCCESS);
    }
    let story = match told {
        Ok(story) => story,
        Err(error) => {
            lab.show_logs();
            return Err(error);
        }
    };
    if !options.once {
        story.invite_to_play();
    }
    match &no_page {
        None => story.addresses()?,
        Some(reason) => println!("\nThere is nothing to open in a browser: {reason}."),
    }
    if !options.once {
        println!("\nCtrl-C ends it all and removes everything.");
        interrupt.wait();
    }
    println!("\nStopping the devices, unmounting, removing their files.");
    drop(story);
    drop(lab);
    println!("Nothing is left behind.");
    Ok(ExitCode::SUCCESS)
}

/// The program, and why it holds no page for a browser, if so.
fn build() -> Result<(Binary, Option<String>)> {
    let mut no_page = None;
    if let Some(program) = std::env::var_os("PEERDRIVE_BIN") {
        println!("Taking {} as PEERDRIVE_BIN says.", program.display());
    } else {
        no_page = app::missing();
        if no_page.is_none() {
            println!("Building the app for the browser.");
            no_page = app::build().err().map(|error| format!("{error:#}"));
        }
        if let Some(reason) = &no_page {
            println!("The app for the browser is not built: {reason}.");
        }
        println!(
            "Building peerdrive for release (some minutes the first time, nothing after that)."
        );
    }
    let start = Instant::now();
    let binary = cargo::peerdrive(Profile::Release)?;
    if start.elapsed() > Duration::from_secs(5) {
        println!("Built in {}.", seconds(start.elapsed()));
    }
    Ok((binary, no_page))
}

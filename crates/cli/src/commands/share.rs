//! `peerdrive share`.

use std::path::PathBuf;

use clap::Args;
use peerdrive_api::dto::{DriveRef, ShareRequest, TicketText};
use peerdrive_api::schema;
use serde::Serialize;

use super::phrase;

use crate::context::{Context, absolute};
use crate::failure::Failure;
use crate::words::plain;

/// Make a folder a drive, so that others can join it
#[derive(Debug, Args)]
pub(crate) struct Share {
    /// The folder
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    dir: PathBuf,
    /// What the drive is called, for everyone [default: the folder's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// With --json, tell the recovery phrase too, and forget it; else `peerdrive phrase` shows it later
    #[arg(long)]
    show_phrase: bool,
    /// Return at once; the daemon takes the files in meanwhile
    #[arg(long)]
    no_wait: bool,
}

/// The drive, and its phrase where that is told.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    drive: DriveRef,
    #[serde(skip_serializing_if = "Option::is_none")]
    phrase: Option<TicketText>,
}

impl Share {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let request = ShareRequest {
            path: absolute(&self.dir)?,
            name: self.name,
            wait: !self.no_wait,
        };
        let drive = context.call::<schema::Share>(&request)?;
        let line = |drive: &DriveRef| format!("{}  {}\n", plain(&drive.name), drive.drive);
        if context.out.json() && !self.show_phrase {
            context.out.answer(&drive, line)?;
            return Ok(());
        }
        let phrase = phrase::tell(&context, &drive.drive)?.phrase;
        let told = Told { drive, phrase };
        context.out.answer(&told, |told| {
            let phrase = told.phrase.as_ref().map(phrase::text);
            let words = phrase.map(|p| format!("\nRecovery phrase:\n{}\n", phrase::rows(p)));
            line(&told.drive) + &words.unwrap_or_default()
        })?;
        let drive = told.drive;
        context.out.say(phrase::PURPOSE);
        phrase::forget(&context, &drive.drive)?;
        context.out.say(&format!(
            "The folder is a drive now. To let someone in:\n  peerdrive invite {} --role writer",
            quoted(&drive.name, &drive.drive)
        ));
        Ok(())
    }
}

/// A drive's name as it can be typed; its id where quoting would be needed beyond blanks.
pub(super) fn quoted(name: &str, id: &str) -> String {
    let harmless = |c: char| c.is_alphanumeric() || "-_.,+@".contains(c);
    if !name.is_empty() && !name.starts_with('-') && name.chars().all(harmless) {
        name.to_owned()
    } else if !name.starts_with('-') && name.chars().all(|c| harmless(c) || c == ' ') {
        format!("'{name}'")
    } else {
        id.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_suggested_can_be_typed() {
        assert_eq!(quoted("Photos", "id"), "Photos");
        assert_eq!(quoted("Our Photos", "id"), "'Our Photos'");
        assert_eq!(quoted("it's; rm -rf", "id"), "id");
        assert_eq!(quoted("--help", "id"), "id");
        assert_eq!(quoted("a\u{1b}b", "id"), "id");
    }
}

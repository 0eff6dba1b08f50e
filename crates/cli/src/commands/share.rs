//! `peerdrive share`.

use std::path::PathBuf;

use clap::Args;
use peerdrive_api::dto::ShareRequest;
use peerdrive_api::schema;

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
    /// Return at once; the daemon takes the files in meanwhile
    #[arg(long)]
    no_wait: bool,
}

impl Share {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let request = ShareRequest {
            path: absolute(&self.dir)?,
            name: self.name,
            wait: !self.no_wait,
        };
        let drive = context.call::<schema::Share>(&request)?;
        context.out.answer(&drive, |drive| {
            format!("{}  {}\n", plain(&drive.name), drive.drive)
        })?;
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

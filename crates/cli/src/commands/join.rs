//! `peerdrive join`.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use peerdrive_api::dto::{JoinRequest, Place, TicketText};
use peerdrive_api::error::{ApiError, Code};
use peerdrive_api::schema;

use crate::context::{Context, absolute};
use crate::failure::Failure;
use crate::words::plain;

/// Longest input that is read for a ticket.
const MAX_TICKET: u64 = 32 * 1024;

/// Join a drive by the ticket that someone gave you
///
/// Without a folder, the drive is kept in a new folder of its name, here. A folder with files in it is
/// united with the drive; nothing is deleted.
#[derive(Debug, Args)]
pub(crate) struct Join {
    /// The ticket, or `-` to read it from standard input, where other users do not see it
    #[arg(value_name = "TICKET")]
    ticket: String,
    /// Keep the drive as this folder
    #[arg(value_name = "DIR", conflicts_with = "mount", value_hint = clap::ValueHint::DirPath)]
    dir: Option<PathBuf>,
    /// Mount the drive on this empty folder instead; contents come on demand
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    mount: Option<PathBuf>,
    /// Return when the contents are here too, not only the names
    #[arg(long)]
    wait: bool,
}

impl Join {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let place = match (&self.dir, &self.mount) {
            (Some(dir), _) => Place::Folder(absolute(dir)?),
            (None, Some(dir)) => Place::Mount(absolute(dir)?),
            (None, None) => Place::Inside(absolute(Path::new("."))?),
        };
        let mounted = matches!(place, Place::Mount(_));
        let request = JoinRequest {
            ticket: ticket(self.ticket)?,
            own_device: false,
            place,
            wait: self.wait,
        };
        let out = &context.out;
        let drive = context.stream::<schema::Join>(&request, |told| {
            out.aside(&told, |told| {
                format!(
                    "Compare these words with whoever invited you, by a way you trust, and wait:\n  {}",
                    told.words
                )
            });
            Ok(())
        })?;
        context.out.answer(&drive, |d| {
            format!("{}  {}  {}\n", plain(&d.name), d.drive, d.path.display())
        })?;
        context.out.say(match (mounted, self.wait) {
            (true, _) => "The drive is mounted. Files are fetched when they are opened.",
            (false, true) => "Everything is here, and stays in step.",
            (false, false) => {
                "Contents follow in the background: `peerdrive status` tells how far they are."
            }
        });
        Ok(())
    }
}

pub(super) fn ticket(word: String) -> Result<TicketText, Failure> {
    if word != "-" {
        return Ok(TicketText(word.trim().to_owned()));
    }
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(MAX_TICKET)
        .read_to_string(&mut text)
        .map_err(|e| {
            ApiError::new(
                Code::BadTicket,
                format!("no ticket could be read from standard input: {e}"),
            )
            .hint("pipe the ticket into the command, or give it as its first argument")
        })?;
    Ok(TicketText(text.trim().to_owned()))
}

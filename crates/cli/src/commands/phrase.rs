//! `peerdrive phrase`.

use clap::Args;
use peerdrive_api::dto::{PhraseReply, PhraseRequest, TicketText};
use peerdrive_api::error::{ApiError, Code};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;

/// Words in a line of a phrase.
const IN_A_LINE: usize = 6;

/// Show the recovery phrase of a drive that you made, once
///
/// Only the device that made the drive has it, and only until it was shown. Whoever has the phrase is an
/// owner of the drive, for ever: write it on paper. With it you come back when every device is lost
/// (`peerdrive recover`). Nothing else can be done with it, and nobody can give you another.
#[derive(Debug, Args)]
pub(crate) struct Phrase {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
}

impl Phrase {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let reply = tell(&context, &self.drive)?;
        let Some(phrase) = &reply.phrase else {
            return Err(ApiError::new(
                Code::PhraseGone,
                "this device has no recovery phrase of that drive: another device made the drive, or the phrase was shown before",
            )
            .hint("it is on the paper that it was written on")
            .into());
        };
        context.out.answer(&reply, |_| rows(&phrase.0))?;
        context.out.say(PURPOSE);
        forget(&context, &self.drive)
    }
}

/// What the words are for.
pub(super) const PURPOSE: &str = "These words bring you back as an owner when every device is lost (`peerdrive recover`). Whoever has\n\
     them owns the drive: write them on paper. They are not shown again.";

/// Asks this device for the phrase.
pub(super) fn tell(context: &Context, drive: &str) -> Result<PhraseReply, Failure> {
    context.call::<schema::Phrase>(&PhraseRequest {
        drive: drive.to_owned(),
        forget: false,
    })
}

/// Has this device forget the phrase: after it was shown, so that it is never lost in between.
pub(super) fn forget(context: &Context, drive: &str) -> Result<(), Failure> {
    context
        .call::<schema::Phrase>(&PhraseRequest {
            drive: drive.to_owned(),
            forget: true,
        })
        .map(drop)
}

/// The phrase as it is written down.
pub(super) fn rows(phrase: &str) -> String {
    let words: Vec<&str> = phrase.split_whitespace().collect();
    words
        .chunks(IN_A_LINE)
        .map(|row| format!("  {}\n", row.join(" ")))
        .collect()
}

/// The text inside, to be put into an answer of another command.
pub(super) fn text(phrase: &TicketText) -> &str {
    &phrase.0
}

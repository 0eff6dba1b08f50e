//! `peerdrive passphrase`.

use clap::Args;
use peerdrive_api::dto::{PassphraseReply, PassphraseRequest, TicketText};
use peerdrive_api::error::{ApiError, Code};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::secret;

/// Seal this device's key under a passphrase, or change or remove that
///
/// The passphrase is asked for, or read from standard input. From then on every start of the daemon needs
/// it: at a terminal, from --passphrase-file, or from the file descriptor that PEERDRIVE_PASSPHRASE_FD
/// names. It protects what lies on this disk while the daemon does not run, and a copy of it. Nobody can
/// tell you a forgotten one: keep a backup, or the recovery phrases of your drives.
#[derive(Debug, Args)]
pub(crate) struct Passphrase {
    /// Leave the key in the clear, readable by you alone
    #[arg(long)]
    remove: bool,
}

impl Passphrase {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let passphrase = if self.remove {
            None
        } else {
            Some(TicketText(chosen("A new passphrase for this device:")?))
        };
        let reply = context.call::<schema::Passphrase>(&PassphraseRequest { passphrase })?;
        context.out.answer(&reply, |reply| said(reply).to_owned())?;
        Ok(())
    }
}

fn said(reply: &PassphraseReply) -> &'static str {
    if reply.sealed {
        "The key of this device is sealed. Every start of the daemon needs the passphrase.\n"
    } else {
        "The key of this device lies in the clear, readable by you alone.\n"
    }
}

/// A passphrase that is new: typed twice, where it is typed.
pub(super) fn chosen(question: &str) -> Result<String, Failure> {
    let first = secret::ask(question)?;
    if secret::is_typed() && secret::ask("Again:")? != first {
        let error = ApiError::new(Code::BadRequest, "the two are not the same");
        return Err(error.hint("nothing was changed; try again").into());
    }
    Ok(first)
}

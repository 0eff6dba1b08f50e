//! `peerdrive revoke`.

use clap::Args;
use peerdrive_api::dto::{RevokeReply, RevokeRequest};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::words::plain;

/// Take a member or one device out of a drive
///
/// From then on no device gives them anything or takes anything from them, and all that is written is
/// sealed with new keys. What they have already on their disk stays there, and nobody can take it back;
/// what they wrote before stays in the drive. A removal cannot be undone, only a new invite brings them
/// back, as somebody new.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
    /// The member or device: name, id, or the beginning of an id
    #[arg(value_name = "MEMBER|DEVICE")]
    who: String,
    /// It is in the wrong hands (for the drive's history; the effect is the same)
    #[arg(long)]
    compromised: bool,
}

impl Revoke {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let reply = context.call::<schema::Revoke>(&RevokeRequest {
            drive: self.drive,
            who: self.who,
            compromised: self.compromised,
        })?;
        context.out.answer(&reply, text)?;
        context.out.say(
            "Everyone's devices let go of it as soon as they hear of this, and new keys are in use from now on.\n\
             What it has already stays on its disk: nobody can take that back. To let it in again, make a new invite.\n\
             Changes it made that nobody had received yet are kept aside: peerdrive review DRIVE",
        );
        Ok(())
    }
}

fn text(reply: &RevokeReply) -> String {
    let what = match &reply.device {
        Some(_) => "the device",
        None => "the member",
    };
    let id = reply.device.as_ref().unwrap_or(&reply.member);
    let name = reply.name.as_deref().unwrap_or(id);
    format!("{what} {} is out\n", plain(name))
}

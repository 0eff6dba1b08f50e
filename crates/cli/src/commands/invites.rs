//! `peerdrive invites`.

use clap::Args;
use peerdrive_api::dto::{InviteLine, InvitesRequest};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::words::{moment, table};

/// List the invites of a drive: what they grant, and whether they can still be used
#[derive(Debug, Args)]
pub(crate) struct Invites {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
}

impl Invites {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let out = &context.out;
        let mut rows = Vec::new();
        context.stream::<schema::Invites>(&InvitesRequest { drive: self.drive }, |invite| {
            if out.json() {
                out.object(&invite)?;
            } else {
                rows.push(row(&invite));
            }
            Ok(())
        })?;
        if rows.is_empty() {
            out.say("No invites. To make one: peerdrive invite DRIVE");
        } else {
            let heads = ["ROLE", "STATE", "USED", "UNTIL", "WORDS", "INVITE"];
            out.bytes(table(&heads, &rows).as_bytes())?;
        }
        Ok(out.flush()?)
    }
}

fn row(invite: &InviteLine) -> Vec<String> {
    vec![
        invite.role.as_str().to_owned(),
        invite.state.as_str().to_owned(),
        format!("{} of {}", invite.used, invite.uses),
        moment(invite.expires),
        if invite.approve { "compared" } else { "" }.to_owned(),
        invite.invite.clone(),
    ]
}

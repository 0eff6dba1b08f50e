//! `peerdrive invite`.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use peerdrive_api::dto::{
    DecideJoinRequest, InviteReply, InviteRequest, JoinRequestLine, JoinRequestsRequest,
    RevokeInviteRequest, Role,
};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::words::{count, moment, plain, table};

/// Make a ticket that lets someone join a drive, or see to invites
///
/// The ticket is a secret: whoever has it can join, so pass it on by a private way. Where words are
/// compared, a ticket alone lets nobody in: whoever joins sees six words, and so do you; let them in only
/// if the words are the same. (A drive that is named like one of the commands below goes by its id.)
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Invite {
    /// The drive's name or id
    #[arg(value_name = "DRIVE", required = true)]
    drive: Option<String>,
    /// What the one who joins may do
    #[arg(long, value_enum, default_value_t = Grant::Reader)]
    role: Grant,
    /// How long the ticket is good for: 30m, 12h, 7d
    #[arg(long, value_name = "DURATION", default_value = "3d", value_parser = expiry)]
    expires: Duration,
    /// How many devices may join by it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    uses: u32,
    /// Compare words with whoever joins, before they are let in; always so for admins
    #[arg(long, conflicts_with = "no_approve")]
    approve: bool,
    /// Let an admin in without comparing words: whoever gets hold of the ticket is an admin
    #[arg(long)]
    no_approve: bool,
    #[command(subcommand)]
    other: Option<Other>,
}

/// What else can be done about invites.
#[derive(Debug, Subcommand)]
enum Other {
    /// Take an invite back: nobody can join by it any more; who has joined by it stays
    Revoke {
        /// The drive's name or id
        #[arg(value_name = "DRIVE")]
        drive: String,
        /// The invite's id, or the beginning of it (`peerdrive invites DRIVE`)
        #[arg(value_name = "INVITE")]
        invite: String,
    },
    /// List who waits to be let in, with the words to compare
    Requests {
        /// The drive's name or id
        #[arg(value_name = "DRIVE")]
        drive: String,
    },
    /// Let somebody in whose words are the same as those shown here
    Approve {
        /// The drive's name or id
        #[arg(value_name = "DRIVE")]
        drive: String,
        /// The request, or the name of who asks (`peerdrive invite requests DRIVE`)
        #[arg(value_name = "REQUEST")]
        request: String,
    },
    /// Turn somebody away who waits to be let in; the ticket can be used again
    Deny {
        /// The drive's name or id
        #[arg(value_name = "DRIVE")]
        drive: String,
        /// The request, or the name of who asks (`peerdrive invite requests DRIVE`)
        #[arg(value_name = "REQUEST")]
        request: String,
    },
}

/// Roles that an invite can grant.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Grant {
    /// Sees everything, changes nothing
    Reader,
    /// Changes files
    Writer,
    /// Also invites and removes members
    Admin,
}

/// The longest that makes sense: an invite is not a membership.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

fn expiry(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        // A ticket says its end in whole seconds.
        Ok(duration) if duration < Duration::from_secs(1) => {
            Err("a ticket that has ended already helps nobody".into())
        }
        Ok(duration) if duration > LONGEST => Err("ten years are the longest".into()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!("{error}; write 30m, 12h or 7d")),
    }
}

impl Invite {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        match self.other {
            None => {}
            Some(Other::Revoke { drive, invite }) => return revoke(&context, drive, invite),
            Some(Other::Requests { drive }) => return requests(&context, drive),
            Some(Other::Approve { drive, request }) => {
                return decide(&context, drive, request, true);
            }
            Some(Other::Deny { drive, request }) => {
                return decide(&context, drive, request, false);
            }
        }
        let request = InviteRequest {
            drive: self.drive.unwrap_or_default(),
            role: match self.role {
                Grant::Reader => Role::Reader,
                Grant::Writer => Role::Writer,
                Grant::Admin => Role::Admin,
            },
            expires_in: u64::try_from(self.expires.as_millis()).ok(),
            uses: self.uses,
            approve: match (self.approve, self.no_approve) {
                (true, _) => Some(true),
                (false, true) => Some(false),
                (false, false) => None,
            },
        };
        let invite = context.call::<schema::Invite>(&request)?;
        context
            .out
            .answer(&invite, |invite| format!("{}\n", invite.ticket.0))?;
        context.out.say(&next(&invite));
        Ok(())
    }
}

fn revoke(context: &Context, drive: String, invite: String) -> Result<(), Failure> {
    let reply = context.call::<schema::RevokeInvite>(&RevokeInviteRequest { drive, invite })?;
    context
        .out
        .answer(&reply, |reply| format!("{} is taken back\n", reply.invite))?;
    context.out.say(&match reply.used {
        0 => "Nobody has joined by it, and nobody can any more. This cannot be undone; make a new one instead.".to_owned(),
        used => format!(
            "Nobody can join by it any more. {} joined by it before and stay: peerdrive revoke takes them out.",
            count(used.into(), "device", "devices"),
        ),
    });
    Ok(())
}

fn requests(context: &Context, drive: String) -> Result<(), Failure> {
    let out = &context.out;
    let mut rows = Vec::new();
    context.stream::<schema::JoinRequests>(&JoinRequestsRequest { drive }, |request| {
        if out.json() {
            out.object(&request)?;
        } else {
            rows.push(waiting(&request));
        }
        Ok(())
    })?;
    if rows.is_empty() {
        out.say("Nobody waits to be let in.");
    } else {
        let heads = ["REQUEST", "NAME", "DEVICE", "ROLE", "WORDS"];
        out.bytes(table(&heads, &rows).as_bytes())?;
        out.say(
            "Let them in only if they see the same words: peerdrive invite approve DRIVE REQUEST\n\
             If their words differ, somebody is in between: peerdrive invite deny DRIVE REQUEST",
        );
    }
    Ok(out.flush()?)
}

fn waiting(request: &JoinRequestLine) -> Vec<String> {
    vec![
        request.request.clone(),
        plain(&request.name),
        plain(&request.device),
        request.role.as_str().to_owned(),
        request.words.clone(),
    ]
}

fn decide(context: &Context, drive: String, request: String, admit: bool) -> Result<(), Failure> {
    let reply = context.call::<schema::DecideJoin>(&DecideJoinRequest {
        drive,
        request,
        admit,
    })?;
    context.out.answer(&reply, |reply| {
        let verb = if reply.admitted {
            "let in"
        } else {
            "turned away"
        };
        format!("{} is {verb}\n", plain(&reply.name))
    })?;
    context.out.say(if admit {
        "`peerdrive revoke` takes them out again; what they have received by then stays with them."
    } else {
        "The ticket can be used again until it expires; `peerdrive invite revoke` takes it back."
    });
    Ok(())
}

fn next(invite: &InviteReply) -> String {
    format!(
        "The ticket makes {} a {} until {}. Pass it on by a private way; they run one of:\n  \
         peerdrive join TICKET DIR\n  peerdrive join TICKET --mount DIR\n\
         Leave this device on: it lets them in.{}",
        count(invite.uses.into(), "device", "devices"),
        invite.role.as_str(),
        moment(invite.expires),
        if invite.approve {
            "\nThey will see six words; compare them: peerdrive invite requests DRIVE"
        } else {
            ""
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let after = |secs| Ok(Duration::from_secs(secs));
        assert_eq!(expiry("3d"), after(3 * 86_400));
        assert_eq!(expiry("1h 30m"), after(5_400));
        for wrong in [
            "",
            "0s",
            "500ms",
            "soon",
            "-1d",
            "3",
            "999999999999y",
            "1000y",
        ] {
            assert!(expiry(wrong).is_err(), "{wrong}");
        }
    }
}

//! `peerdrive invite`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use peerdrive_api::dto::{InviteReply, InviteRequest, Role};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::words::{count, moment};

/// Make a ticket that lets someone join a drive
///
/// The ticket is a secret: whoever has it can join, so pass it on by a private way.
#[derive(Debug, Args)]
pub(crate) struct Invite {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
    /// What the one who joins may do
    #[arg(long, value_enum, default_value_t = Grant::Reader)]
    role: Grant,
    /// How long the ticket is good for: 30m, 12h, 7d
    #[arg(long, value_name = "DURATION", default_value = "3d", value_parser = expiry)]
    expires: Duration,
    /// How many devices may join by it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    uses: u32,
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
        Ok(Duration::ZERO) => Err("a ticket that has ended already helps nobody".into()),
        Ok(duration) if duration > LONGEST => Err("ten years are the longest".into()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!("{error}; write 30m, 12h or 7d")),
    }
}

impl Invite {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let request = InviteRequest {
            drive: self.drive,
            role: match self.role {
                Grant::Reader => Role::Reader,
                Grant::Writer => Role::Writer,
                Grant::Admin => Role::Admin,
            },
            expires_in: u64::try_from(self.expires.as_millis()).ok(),
            uses: self.uses,
        };
        let invite = context.call::<schema::Invite>(&request)?;
        context
            .out
            .answer(&invite, |invite| format!("{}\n", invite.ticket.0))?;
        context.out.say(&next(&invite));
        Ok(())
    }
}

fn next(invite: &InviteReply) -> String {
    format!(
        "The ticket makes {} a {} until {}. Pass it on by a private way; they run one of:\n  \
         peerdrive join TICKET DIR\n  peerdrive join TICKET --mount DIR\n\
         Leave this device on: it lets them in.",
        count(invite.uses.into(), "device", "devices"),
        invite.role.as_str(),
        moment(invite.expires),
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
        for wrong in ["", "0s", "soon", "-1d", "3", "999999999999y", "1000y"] {
            assert!(expiry(wrong).is_err(), "{wrong}");
        }
    }
}

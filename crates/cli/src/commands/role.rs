//! `peerdrive role`.

use clap::{Args, ValueEnum};
use peerdrive_api::dto::{Role as RoleName, RoleReply, RoleRequest};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::words::plain;

/// Give a member of a drive another role
///
/// Everyone's devices enforce it as soon as they hear of it. It can be changed back at any time. What a
/// demoted member wrote before stays; what reaches others only after the change, written before it, is
/// kept for review (`peerdrive review`).
#[derive(Debug, Args)]
pub(crate) struct Role {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
    /// The member: name, id, or the beginning of an id
    #[arg(value_name = "MEMBER")]
    member: String,
    /// What they may do from now on
    #[arg(value_name = "ROLE", value_enum)]
    role: To,
}

/// Roles that a member can be given.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum To {
    /// Sees everything, changes nothing
    Reader,
    /// Changes files
    Writer,
    /// Also invites and removes members
    Admin,
    /// Also appoints and removes admins and owners
    Owner,
}

impl Role {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let request = RoleRequest {
            drive: self.drive,
            member: self.member,
            role: match self.role {
                To::Reader => RoleName::Reader,
                To::Writer => RoleName::Writer,
                To::Admin => RoleName::Admin,
                To::Owner => RoleName::Owner,
            },
        };
        let reply = context.call::<schema::Role>(&request)?;
        context.out.answer(&reply, text)?;
        context.out.say(
            "Everyone's devices enforce it as soon as they hear of it; new keys are in use from now on.\n\
             It can be changed back at any time.",
        );
        Ok(())
    }
}

fn text(reply: &RoleReply) -> String {
    let name = reply.name.as_deref().unwrap_or(&reply.member);
    format!("{} is now {}\n", plain(name), reply.role.as_str())
}

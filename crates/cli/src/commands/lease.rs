//! `peerdrive lease`.

use std::time::Duration;

use clap::{Args, Subcommand};
use peerdrive_api::dto::{EndLeaseRequest, LeaseLine, LeaseRequest};
use peerdrive_api::schema;

use crate::commands::join::ticket;
use crate::context::Context;
use crate::failure::Failure;
use crate::progress::bytes;
use crate::words::{amount, moment};

/// Let a storage peer keep a drive's sealed bytes, or end that
///
/// A storage peer (`peerdrive replica`) holds what it cannot read, and hands it to the drive's members while
/// nobody else is on line. It sees how many devices take part, when they write, how much, and which of them
/// connect; no name, no content, no folder. (A drive that is named `end` goes by its id.)
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Lease {
    /// The drive's name or id
    #[arg(value_name = "DRIVE", required = true)]
    drive: Option<String>,
    /// The storage peer's code, or `-` to read it from standard input, where other users do not see it
    #[arg(value_name = "CODE", required = true)]
    code: Option<String>,
    /// How much it may keep of this drive: 500M, 20G, 2T
    #[arg(long, value_name = "SIZE", default_value = "100G", value_parser = amount)]
    quota: u64,
    /// How long the lease lasts: 30d, 1year
    #[arg(long, value_name = "DURATION", default_value = "365d", value_parser = humantime::parse_duration)]
    expires: Duration,
    #[command(subcommand)]
    other: Option<Other>,
}

/// What else can be done about leases.
#[derive(Debug, Subcommand)]
enum Other {
    /// End a lease: the storage peer gets nothing more, serves nobody, and removes what it has
    End {
        /// The drive's name or id
        #[arg(value_name = "DRIVE")]
        drive: String,
        /// The lease's id, or the beginning of it (`peerdrive leases DRIVE`)
        #[arg(value_name = "LEASE")]
        lease: String,
    },
}

impl Lease {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        if let Some(Other::End { drive, lease }) = self.other {
            return end(&context, drive, lease);
        }
        let lease = context.call::<schema::Lease>(&LeaseRequest {
            drive: self.drive.unwrap_or_default(),
            code: ticket(self.code.unwrap_or_default())?,
            quota: self.quota,
            expires_in: u64::try_from(self.expires.as_millis()).unwrap_or(u64::MAX),
        })?;
        context
            .out
            .answer(&lease, |lease| format!("{}\n", lease.lease))?;
        context.out.say(&next(&lease));
        Ok(())
    }
}

fn next(lease: &LeaseLine) -> String {
    format!(
        "The storage peer keeps up to {} of this drive until {}, and cannot read any of it.\n\
         `peerdrive leases DRIVE` tells when all of it is there.",
        bytes(lease.quota),
        moment(lease.expires),
    )
}

fn end(context: &Context, drive: String, lease: String) -> Result<(), Failure> {
    let reply = context.call::<schema::EndLease>(&EndLeaseRequest { drive, lease })?;
    context
        .out
        .answer(&reply, |reply| format!("{} has ended\n", reply.lease))?;
    context.out.say(
        "The storage peer gets nothing more and serves nobody. That it removes what it has is up to its \
         operator; what it has stays sealed.",
    );
    Ok(())
}

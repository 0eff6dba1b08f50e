//! `peerdrive leases`.

use clap::Args;
use peerdrive_api::dto::{LeaseLine, LeasesRequest};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::progress::bytes;
use crate::words::{moment, short, table};

/// List the leases of a drive's storage peers, and whether all of it is there
#[derive(Debug, Args)]
pub(crate) struct Leases {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
}

impl Leases {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let out = &context.out;
        let mut rows = Vec::new();
        context.stream::<schema::Leases>(&LeasesRequest { drive: self.drive }, |lease| {
            if out.json() {
                out.object(&lease)?;
            } else {
                rows.push(row(&lease));
            }
            Ok(())
        })?;
        if rows.is_empty() {
            out.say("No storage peer keeps this drive. To let one: peerdrive lease DRIVE CODE");
        } else {
            let heads = ["PEER", "STATE", ">LACKS", ">QUOTA", "UNTIL", "LEASE"];
            out.bytes(table(&heads, &rows).as_bytes())?;
        }
        Ok(out.flush()?)
    }
}

fn row(lease: &LeaseLine) -> Vec<String> {
    vec![
        short(&lease.peer).to_owned(),
        lease.state.as_str().to_owned(),
        lease
            .lacking
            .map(|blobs| blobs.to_string())
            .unwrap_or_default(),
        bytes(lease.quota),
        moment(lease.expires),
        lease.lease.clone(),
    ]
}

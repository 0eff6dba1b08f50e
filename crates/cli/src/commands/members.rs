//! `peerdrive members`.

use clap::Args;
use peerdrive_api::dto::{Member, MembersRequest};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::words::{plain, table};

/// List who is in a drive, what they may do, and their devices
#[derive(Debug, Args)]
pub(crate) struct Members {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
}

impl Members {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let out = &context.out;
        let mut rows = Vec::new();
        context.stream::<schema::Members>(&MembersRequest { drive: self.drive }, |member| {
            if out.json() {
                out.object(&member)?;
            } else {
                rows.extend(lines(&member));
            }
            Ok(())
        })?;
        if !rows.is_empty() {
            let heads = ["NAME", "ROLE", "DEVICE", "STATE", "MEMBER ID", "DEVICE ID"];
            out.bytes(table(&heads, &rows).as_bytes())?;
        }
        Ok(out.flush()?)
    }
}

/// One line a device; a member without one has a line too.
fn lines(member: &Member) -> Vec<Vec<String>> {
    let name = member.name.as_deref().map(plain).unwrap_or_default();
    let name = if member.you {
        format!("{name} (you)")
    } else {
        name
    };
    let first = |device: String, state: &str, id: String| {
        vec![
            name.clone(),
            member.role.as_str().to_owned(),
            device,
            state.to_owned(),
            member.member.clone(),
            id,
        ]
    };
    if member.devices.is_empty() {
        return vec![first(String::new(), "no device", String::new())];
    }
    let devices = member.devices.iter();
    devices
        .map(|device| {
            let state = match (device.you, device.connected) {
                (true, _) => "this device",
                (false, true) => "connected",
                (false, false) => "away",
            };
            let name = device.name.as_deref().map(plain).unwrap_or_default();
            first(name, state, device.device.clone())
        })
        .collect()
}

//! `peerdrive devices`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use peerdrive_api::dto::{
    AddressRequest, DeviceCodeRequest, JoinRequest, MemberDevice, MembersRequest, Place,
    RevokeRequest,
};
use peerdrive_api::error::{ApiError, Code};
use peerdrive_api::schema;

use super::join::ticket;
use crate::context::{Context, absolute};
use crate::failure::Failure;
use crate::words::{moment, plain, table};

/// Fewest characters of an id that stand for it.
const SHORTEST: usize = 8;

/// List your devices in a drive, take it to further ones, or let go of one
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(crate) struct Devices {
    /// List your own devices in this drive, given by name or id
    #[arg(value_name = "DRIVE", required = true)]
    drive: Option<String>,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show a code by which one more device of yours is taken in
    ///
    /// Whoever has the code becomes you in this drive: carry it to your own device only. To let somebody
    /// else in, use `peerdrive invite`.
    Add(Add),
    /// Take a drive to this device, by the code that another device of yours shows
    Accept(Accept),
    /// Take one of your devices out of a drive: lost, stolen, or no longer used
    ///
    /// It gets nothing that is written from then on. What it has on its disk stays there, and nobody can
    /// take that back. A device can take out those that came in by its codes, and an admin any of a writer
    /// or reader. The one that came first is taken out by an admin, or by `peerdrive recover`.
    Remove(Remove),
    /// Print where this device can be reached; it lets nobody in
    Address(Where),
}

#[derive(Debug, Args)]
struct Add {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
}

#[derive(Debug, Args)]
struct Accept {
    /// The code, or `-` to read it from standard input, where other users do not see it
    #[arg(value_name = "CODE")]
    code: String,
    /// Keep the drive as this folder [default: a new folder of its name, here]
    #[arg(value_name = "DIR", conflicts_with = "mount", value_hint = clap::ValueHint::DirPath)]
    dir: Option<PathBuf>,
    /// Mount the drive on this empty folder instead; contents come on demand
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    mount: Option<PathBuf>,
    /// Return when the contents are here too, not only the names
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, Args)]
struct Remove {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
    /// The device: its id, the beginning of that, or its name
    #[arg(value_name = "DEVICE")]
    device: String,
    /// It is in the wrong hands (for the drive's history; the effect is the same)
    #[arg(long)]
    compromised: bool,
}

#[derive(Debug, Args)]
struct Where {}

impl Devices {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let Some(action) = self.action else {
            return list(&context, self.drive.unwrap_or_default());
        };
        match action {
            Action::Add(add) => add.run(&context),
            Action::Accept(accept) => accept.run(&context),
            Action::Remove(remove) => remove.run(&context),
            Action::Address(Where {}) => {
                let reply = context.call::<schema::Address>(&AddressRequest {})?;
                let text = |reply: &_| format!("{}\n", address_of(reply));
                Ok(context.out.answer(&reply, text)?)
            }
        }
    }
}

/// The devices of one's own member.
fn own(context: &Context, drive: String) -> Result<Vec<MemberDevice>, Failure> {
    let mut own = Vec::new();
    context.stream::<schema::Members>(&MembersRequest { drive }, |member| {
        if member.you {
            own.extend(member.devices);
        }
        Ok(())
    })?;
    Ok(own)
}

fn list(context: &Context, drive: String) -> Result<(), Failure> {
    let devices = own(context, drive)?;
    if context.out.json() {
        for device in &devices {
            context.out.object(device)?;
        }
    } else {
        let rows: Vec<_> = devices.iter().map(row).collect();
        context
            .out
            .bytes(table(&["DEVICE", "NAME", ""], &rows).as_bytes())?;
    }
    Ok(context.out.flush()?)
}

fn row(device: &MemberDevice) -> Vec<String> {
    let state = match (device.you, device.connected) {
        (true, _) => "this device",
        (false, true) => "connected",
        (false, false) => "away",
    };
    vec![
        device.device.chars().take(14).collect(),
        device.name.as_deref().map(plain).unwrap_or_default(),
        state.to_owned(),
    ]
}

/// The one device that a person means, by its id.
fn pick(devices: &[MemberDevice], wanted: &str) -> Result<String, ApiError> {
    let named = |device: &&MemberDevice| {
        device.device == wanted
            || device.name.as_deref() == Some(wanted)
            || (wanted.len() >= SHORTEST && device.device.starts_with(wanted))
    };
    let found: Vec<&MemberDevice> = devices.iter().filter(named).collect();
    match found.as_slice() {
        [one] => Ok(one.device.clone()),
        [] => Err(ApiError::new(
            Code::MemberNotFound,
            format!("you have no device `{wanted}` in this drive"),
        )
        .hint("`peerdrive devices DRIVE` lists your devices, `peerdrive members DRIVE` all")),
        several => {
            let ids: Vec<&str> = several.iter().map(|d| d.device.as_str()).collect();
            Err(ApiError::new(
                Code::AmbiguousMember,
                format!("several of your devices go by `{wanted}`"),
            )
            .hint(format!("use one of their ids: {}", ids.join(", "))))
        }
    }
}

impl Remove {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let who = pick(&own(context, self.drive.clone())?, &self.device)?;
        let reply = context.call::<schema::Revoke>(&RevokeRequest {
            drive: self.drive,
            who,
            compromised: self.compromised,
        })?;
        context.out.answer(&reply, |reply| {
            let id = reply.device.as_ref().unwrap_or(&reply.member);
            format!("{} is out\n", plain(reply.name.as_deref().unwrap_or(id)))
        })?;
        context.out.say(
            "Your other devices and everyone else let go of it as soon as they hear of this. What it has on\n\
             its disk stays there, and nobody can take that back.",
        );
        Ok(())
    }
}

fn address_of(reply: &peerdrive_api::dto::AddressReply) -> &str {
    &reply.address
}

impl Add {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let reply = context.call::<schema::DeviceCode>(&DeviceCodeRequest { drive: self.drive })?;
        context
            .out
            .answer(&reply, |reply| format!("{}\n", reply.code.0))?;
        context.out.say(&format!(
            "Good for one device, until {}. On the new device:\n  peerdrive devices accept CODE DIR\n\
             Whoever has the code becomes you: it is not an invite. Leave this device on.",
            moment(reply.expires)
        ));
        Ok(())
    }
}

impl Accept {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let place = match (&self.dir, &self.mount) {
            (Some(dir), _) => Place::Folder(absolute(dir)?),
            (None, Some(dir)) => Place::Mount(absolute(dir)?),
            (None, None) => Place::Inside(absolute(Path::new("."))?),
        };
        let request = JoinRequest {
            ticket: ticket(self.code)?,
            own_device: true,
            place,
            wait: self.wait,
        };
        let drive = context.call::<schema::Join>(&request)?;
        context.out.answer(&drive, |d| {
            format!("{}  {}  {}\n", plain(&d.name), d.drive, d.path.display())
        })?;
        context
            .out
            .say("This device is yours in the drive, beside the one that showed the code.");
        Ok(())
    }
}

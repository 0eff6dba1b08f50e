//! `peerdrive devices`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use peerdrive_api::dto::{AddressRequest, DeviceCodeRequest, JoinRequest, Place};
use peerdrive_api::schema;

use super::join::ticket;
use crate::context::{Context, absolute};
use crate::failure::Failure;
use crate::words::{moment, plain};

/// Take a drive to further devices of your own
#[derive(Debug, Args)]
pub(crate) struct Devices {
    #[command(subcommand)]
    action: Action,
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
struct Where {}

impl Devices {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        match self.action {
            Action::Add(add) => add.run(&context),
            Action::Accept(accept) => accept.run(&context),
            Action::Address(Where {}) => {
                let reply = context.call::<schema::Address>(&AddressRequest {})?;
                let text = |reply: &_| format!("{}\n", address_of(reply));
                Ok(context.out.answer(&reply, text)?)
            }
        }
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

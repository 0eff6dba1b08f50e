//! `peerdrive config`.

use clap::{Args, ValueEnum};
use peerdrive_api::dto::{ConfigReply, ConfigRequest};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::progress::bytes;
use crate::words::{amount, count};

/// Show or set what this device keeps of a drive, and for how long
#[derive(Debug, Args)]
pub(crate) struct Config {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
    /// What the cache may take: 500M, 20G, or `auto` for the larger of 1 GiB and 5 % of the drive
    #[arg(long, value_name = "SIZE", value_parser = cache)]
    cache: Option<u64>,
    /// For how many days replaced versions and deleted files are kept
    #[arg(long, value_name = "DAYS")]
    keep_days: Option<u32>,
    /// How many versions of each file are kept however old they are
    #[arg(long, value_name = "N")]
    keep_versions: Option<u32>,
    /// Leave files of this pattern alone in the folder here: neither take them in nor write them. As in a .gitignore; may be
    /// given several times
    #[arg(long, value_name = "PATTERN")]
    ignore: Vec<String>,
    /// No longer leave files of this pattern alone
    #[arg(long, value_name = "PATTERN")]
    no_ignore: Vec<String>,
    /// Whether symlinks of others that lead out of the folder are made in it
    #[arg(long, value_name = "WHETHER", value_enum)]
    outside_links: Option<Whether>,
}

/// Whether something may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Whether {
    Allow,
    Refuse,
}

fn cache(text: &str) -> Result<u64, String> {
    match text {
        "auto" => Ok(0),
        text => amount(text).map(|bytes| bytes.max(1)),
    }
}

impl Config {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let reply = context.call::<schema::Config>(&ConfigRequest {
            drive: self.drive,
            cache: self.cache,
            keep_days: self.keep_days,
            keep_versions: self.keep_versions,
            ignore: Some(self.ignore),
            no_ignore: Some(self.no_ignore),
            outside_links: self.outside_links.map(|whether| whether == Whether::Allow),
        })?;
        context.out.answer(&reply, text)?;
        Ok(())
    }
}

fn text(reply: &ConfigReply) -> String {
    let by_size = if reply.cache_by_size {
        ", by the size of the drive"
    } else {
        ""
    };
    let ignored = match reply.ignore.is_empty() {
        true => "nothing but what `.peerdriveignore` says".to_owned(),
        false => reply.ignore.join(", "),
    };
    let links = match reply.outside_links {
        true => "made",
        false => "not made",
    };
    format!(
        "Cache: at most {}{by_size}\nKept after being replaced or deleted: {}, and at least {} of each file\n\
         Left alone in the folder here: {ignored}\nSymlinks of others that lead out of it: {links}\n",
        bytes(reply.cache),
        count(u64::from(reply.keep_days), "day", "days"),
        count(u64::from(reply.keep_versions), "version", "versions"),
    )
}

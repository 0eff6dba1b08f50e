//! `peerdrive limit`.

use clap::Args;
use peerdrive_api::dto::{LimitReply, LimitRequest};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::progress::bytes;
use crate::words::amount;

/// Show or set how fast this device sends and receives files
#[derive(Debug, Args)]
pub(crate) struct Limit {
    /// What is sent a second at most: 500K, 2M, or `off`
    #[arg(long, value_name = "RATE", value_parser = rate)]
    up: Option<u64>,
    /// What is received a second at most: 500K, 2M, or `off`
    #[arg(long, value_name = "RATE", value_parser = rate)]
    down: Option<u64>,
}

fn rate(text: &str) -> Result<u64, String> {
    match text {
        "off" => Ok(0),
        text => match amount(text.trim_end_matches("/s")) {
            Ok(0) => Err("to have no limit, write off".to_owned()),
            other => other,
        },
    }
}

impl Limit {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let reply = context.call::<schema::Limit>(&LimitRequest {
            up: self.up,
            down: self.down,
        })?;
        context.out.answer(&reply, text)?;
        Ok(())
    }
}

fn text(reply: &LimitReply) -> String {
    let told =
        |rate: Option<u64>| rate.map_or("no limit".to_owned(), |r| format!("{}/s", bytes(r)));
    format!(
        "Sending: {}\nReceiving: {}\n",
        told(reply.up),
        told(reply.down)
    )
}

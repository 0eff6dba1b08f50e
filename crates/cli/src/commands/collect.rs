//! `peerdrive collect`.

use clap::Args;
use peerdrive_api::dto::{CollectReply, CollectRequest};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::progress::bytes;

/// Free the space of what no drive needs any more
///
/// This happens by itself every few hours.
#[derive(Debug, Args)]
pub(crate) struct Collect {}

impl Collect {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let reply = context.call::<schema::Collect>(&CollectRequest {})?;
        context.out.answer(&reply, text)?;
        Ok(())
    }
}

fn text(reply: &CollectReply) -> String {
    format!("{} freed.\n", bytes(reply.bytes))
}

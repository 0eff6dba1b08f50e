//! `peerdrive restore`.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::{ArgGroup, Args};
use peerdrive_api::dto::{RestoreReply, RestoreRequest};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::words::{count, plain};

/// Bring back an earlier version of a file, or a folder or drive as it was at a time
///
/// What is there now stays in the history, so this can be undone in the same way.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true))]
pub(crate) struct Restore {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
    /// The file or folder in the drive [default: the whole drive]
    #[arg(value_name = "PATH", required_unless_present = "as_of")]
    path: Option<String>,
    /// One of the versions that `peerdrive history` lists
    #[arg(long, value_name = "VERSION", group = "what")]
    version: Option<String>,
    /// How it was then: 2h (that long ago), or 2026-11-30T18:00:00Z
    #[arg(long, value_name = "TIME", group = "what", value_parser = moment)]
    as_of: Option<u64>,
    /// With --as-of: move what was not there then to the trash
    #[arg(long, requires = "as_of")]
    exact: bool,
}

/// Milliseconds since 1970.
fn moment(text: &str) -> Result<u64, String> {
    let time = match humantime::parse_duration(text) {
        Ok(ago) => SystemTime::now().checked_sub(ago),
        Err(_) => Some(humantime::parse_rfc3339_weak(text).map_err(|_| {
            "write how long ago (90m, 2h, 3d) or a time in UTC (2026-11-30T18:00:00Z)".to_owned()
        })?),
    };
    let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since
        .and_then(|since| u64::try_from(since.as_millis()).ok())
        .ok_or_else(|| "that is before any drive was".to_owned())
}

impl Restore {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let reply = context.call::<schema::Restore>(&RestoreRequest {
            drive: self.drive,
            path: self.path,
            version: self.version,
            as_of: self.as_of,
            exact: self.exact,
        })?;
        context.out.answer(&reply, text)?;
        Ok(())
    }
}

fn text(reply: &RestoreReply) -> String {
    let mut done = Vec::new();
    for (number, one, many) in [
        (reply.contents, "file restored", "files restored"),
        (
            reply.undeleted,
            "thing out of the trash",
            "things out of the trash",
        ),
        (reply.moved, "thing moved back", "things moved back"),
        (
            reply.deleted,
            "thing moved to the trash",
            "things moved to the trash",
        ),
    ] {
        if number > 0 {
            done.push(count(number, one, many));
        }
    }
    let mut text = match done.is_empty() {
        true => "Nothing had to be restored.\n".to_owned(),
        false => format!("{}.\n", done.join(", ")),
    };
    for problem in &reply.problems {
        let path = problem.path.as_deref().unwrap_or_default();
        text += &format!(
            "Not restored: {}: {}\n",
            plain(path),
            plain(&problem.reason)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_as_so_long_ago_or_as_a_moment() -> Result<(), String> {
        assert_eq!(moment("1970-01-02T00:00:00Z")?, 86_400_000);
        assert_eq!(moment("1970-01-02 00:00:01")?, 86_401_000);
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_err(|error| error.to_string())?;
        let hour_ago = now.as_millis() as u64 - 3_600_000;
        assert!(moment("1h")?.abs_diff(hour_ago) < 60_000);
        assert!(moment("yesterday").is_err());
        Ok(())
    }
}

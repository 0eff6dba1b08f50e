//! `peerdrive activity`.

use std::time::SystemTime;

use clap::Args;
use peerdrive_api::dto::{Activity as Deed, ActivityRequest, Change, ChangeKind, Who};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::words::{ago, plain, table};

/// Tell who did what in a drive lately, the newest first
///
/// Known since the daemon started. `peerdrive history` and `peerdrive audit` go further back.
#[derive(Debug, Args)]
pub(crate) struct Activity {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
    /// How many actions to tell of, at most 200
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
}

impl Activity {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let reply = context.call::<schema::Activity>(&ActivityRequest {
            drive: self.drive,
            before: None,
            limit: self.limit,
        })?;
        context
            .out
            .answer(&reply, |reply| deeds(&reply.items, SystemTime::now()))?;
        if reply.items.is_empty() {
            context
                .out
                .say("Nothing has happened in this drive since the daemon started.");
        }
        Ok(())
    }
}

fn deeds(deeds: &[Deed], now: SystemTime) -> String {
    let rows: Vec<_> = deeds.iter().flat_map(|deed| rows(deed, now)).collect();
    match rows.is_empty() {
        true => String::new(),
        false => table(&["WHEN", "WHO", "WHAT"], &rows),
    }
}

/// A line for each change; those that were not told one by one are counted in a last one.
fn rows(deed: &Deed, now: SystemTime) -> Vec<Vec<String>> {
    let untold = usize::try_from(deed.count)
        .unwrap_or(usize::MAX)
        .saturating_sub(deed.changes.len());
    let mut whats: Vec<String> = deed.changes.iter().map(what).collect();
    if untold > 0 {
        whats.push(format!("and {untold} more"));
    }
    let cells = |what| vec![ago(deed.at, now), name(&deed.who), what];
    whats.into_iter().map(cells).collect()
}

fn name(who: &Who) -> String {
    match (who.you, who.name.as_str()) {
        (true, _) => "you".to_owned(),
        (false, "") => "a member".to_owned(),
        (false, name) => plain(name),
    }
}

fn what(change: &Change) -> String {
    let path = plain(&change.path);
    let from = change.from.as_deref().map(plain);
    let moved = |word: &str| match &from {
        Some(from) => format!("{word} {from} to {path}"),
        None => format!("{word} {path}"),
    };
    match change.what {
        ChangeKind::Created => format!("made {path}"),
        ChangeKind::Edited => format!("edited {path}"),
        ChangeKind::Renamed => moved("renamed"),
        ChangeKind::Moved => moved("moved"),
        ChangeKind::Attributes => format!("changed time or permissions of {path}"),
        ChangeKind::Deleted => format!("deleted {path}"),
        ChangeKind::Conflict => format!("edited {path} while others did"),
        ChangeKind::Settled => format!("settled the conflict on {path}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_deed_reads_as_a_line_for_each_change() {
        let change = |what, path: &str, from: Option<&str>| Change {
            what,
            node: "n".into(),
            folder: "f".into(),
            path: path.into(),
            from: from.map(str::to_owned),
        };
        let who = |name: &str, you| Who {
            member: None,
            name: name.into(),
            you,
        };
        let all = [
            Deed {
                number: 2,
                at: 0,
                who: who("Ben\n", false),
                changes: vec![
                    change(ChangeKind::Created, "b", None),
                    change(ChangeKind::Moved, "c/d", Some("d")),
                ],
                count: 7,
            },
            Deed {
                number: 1,
                at: 0,
                who: who("Ana", true),
                changes: vec![change(ChangeKind::Deleted, "x", None)],
                count: 1,
            },
        ];
        let expected = "\
WHEN         WHO    WHAT
2 hours ago  Ben\\n  made b
2 hours ago  Ben\\n  moved d to c/d
2 hours ago  Ben\\n  and 5 more
2 hours ago  you    deleted x
";
        let now = UNIX_EPOCH + Duration::from_secs(7200);
        assert_eq!(deeds(&all, now), expected);
        assert_eq!(deeds(&[], now), "");
    }
}

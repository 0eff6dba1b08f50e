//! `peerdrive who`.

use clap::Args;
use peerdrive_api::dto::{Presence, PresenceRequest};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::words::{count, plain, short, table};

/// Tell who is on line in a drive now, and what they are at
#[derive(Debug, Args)]
pub(crate) struct Who {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
}

impl Who {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let request = PresenceRequest { drive: self.drive };
        let reply = context.call::<schema::Presence>(&request)?;
        context.out.answer(&reply, |reply| here(&reply.here))?;
        if reply.here.is_empty() {
            context.out.say("Nobody else is on line in this drive.");
        }
        Ok(())
    }
}

fn here(here: &[Presence]) -> String {
    if here.is_empty() {
        return String::new();
    }
    let rows: Vec<_> = here.iter().map(row).collect();
    table(&["NAME", "STATE", "DEVICE ID"], &rows)
}

fn row(one: &Presence) -> Vec<String> {
    let name = plain(&one.name);
    let state = match (one.editing.len() as u64, &one.viewing, one.idle) {
        (0, _, true) => "idle".to_owned(),
        (0, Some(_), false) => "looks at a file".to_owned(),
        (0, None, false) => "here".to_owned(),
        (files, ..) => format!("edits {}", count(files, "file", "files")),
    };
    vec![
        match one.you {
            true => format!("{name} (you)"),
            false => name,
        },
        state,
        short(&one.device).to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_here_reads_as_one_line() {
        let one = |name: &str, editing: usize, viewing: bool, idle| Presence {
            member: "m".into(),
            name: name.into(),
            device: "0123456789abcdef".into(),
            you: name == "Ana",
            folder: None,
            viewing: viewing.then(|| "n".into()),
            editing: vec!["n".into(); editing],
            idle,
        };
        let all = [
            one("Ana", 0, false, true),
            one("Ben", 2, true, false),
            one("Chen", 0, true, false),
            one("Dee", 0, false, false),
        ];
        let expected = "\
NAME       STATE            DEVICE ID
Ana (you)  idle             0123456789
Ben        edits 2 files    0123456789
Chen       looks at a file  0123456789
Dee        here             0123456789
";
        assert_eq!(here(&all), expected);
        assert_eq!(here(&[]), "");
    }
}

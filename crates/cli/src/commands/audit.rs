//! `peerdrive audit`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use peerdrive_api::dto::AuditRequest;
use peerdrive_api::error::{ApiError, Code};
use peerdrive_api::handlers::audit;
use peerdrive_api::schema;
use serde::Serialize;

use crate::context::{Context, absolute};
use crate::failure::Failure;
use crate::words::{count, table};

/// Write a drive's signed history, or check one
#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Write who signed what, as JSON lines with signatures
    ///
    /// It holds no name, no content and no key: which device wrote how much and in what order can be seen
    /// from it, and who was let in and removed when.
    Export(Export),
    /// Check a history: needs neither drive, daemon, network nor secret
    Verify(Verify),
}

#[derive(Debug, Args)]
struct Export {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
    /// Write to this new file instead of standard output
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Verify {
    /// The history
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// The id of the drive that it should be of; without it, compare the printed one with what you know
    #[arg(long, value_name = "ID")]
    drive: Option<String>,
}

impl Audit {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        match self.action {
            Action::Export(export) => export.run(&context),
            Action::Verify(verify) => verify.run(&context),
        }
    }
}

impl Export {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let request = AuditRequest { drive: self.drive };
        let Some(out) = &self.out else {
            context.stream::<schema::Audit>(&request, |line| {
                Ok(context.out.line(format_args!("{}", line.0))?)
            })?;
            return Ok(context.out.flush()?);
        };
        let out = absolute(out)?;
        if out.symlink_metadata().is_ok() {
            let error = ApiError::new(
                Code::FolderInUse,
                format!("{} is there already", out.display()),
            );
            return Err(error.hint("name a new file").into());
        }
        // Beside it, so that a half-written history never has its name.
        let beside = beside(&out);
        let written = write_to(context, &request, &beside)
            .and_then(|entries| Ok(fs::rename(&beside, &out).map(|()| entries)?));
        if written.is_err() {
            fs::remove_file(&beside).ok();
        }
        let entries = written?;
        context.out.say(&format!(
            "{} in {}. Whoever gets it checks it with:\n  peerdrive audit verify FILE --drive ID",
            count(entries, "signed entry", "signed entries"),
            out.display()
        ));
        Ok(())
    }
}

fn beside(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    out.with_file_name(name)
}

fn write_to(context: &Context, request: &AuditRequest, path: &Path) -> Result<u64, Failure> {
    let fail = |e: io::Error| {
        let error = ApiError::new(Code::Io, format!("cannot write {}: {e}", path.display()));
        Failure::from(error.hint("check that its folder is there and that you may write to it"))
    };
    let file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(fail)?;
    let mut file = BufWriter::new(file);
    let reply = context
        .stream::<schema::Audit>(request, |line| writeln!(file, "{}", line.0).map_err(fail))?;
    let file = file.into_inner().map_err(|e| fail(e.into_error()))?;
    file.sync_all().map_err(fail)?;
    Ok(reply.entries)
}

/// What a check found.
#[derive(Serialize)]
struct Checked {
    drive: String,
    exported_by: String,
    control: u64,
    content: u64,
    void: u64,
    refused: u64,
    forks: u64,
    devices: Vec<Author>,
}

/// A device in a history.
#[derive(Serialize)]
struct Author {
    device: String,
    member: String,
    control: u64,
    content: u64,
    live: bool,
}

impl Verify {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let file = File::open(&self.file).map_err(|e| {
            let shown = self.file.display();
            let code = match e.kind() {
                io::ErrorKind::NotFound => Code::FolderNotFound,
                _ => Code::Io,
            };
            ApiError::new(code, format!("cannot read {shown}: {e}"))
                .hint("check the file's name, and that you may read it")
        })?;
        let audited = audit::verify(BufReader::new(file), self.drive.as_deref())?;
        let found = audited.findings;
        let devices = found.devices.iter().map(|(device, wrote)| Author {
            device: device.to_string(),
            member: wrote.member.to_string(),
            control: wrote.control,
            content: wrote.content,
            live: wrote.live,
        });
        let checked = Checked {
            drive: audited.drive.to_string(),
            exported_by: audited.by.to_string(),
            control: found.control,
            content: found.content,
            void: found.void,
            refused: found.refused,
            forks: found.forks,
            devices: devices.collect(),
        };
        context.out.answer(&checked, text)?;
        if self.drive.is_none() {
            context.out.say(
                "Every signature is right and nothing is missing, if this is the drive that you mean: compare\n\
                 its id with what you know, or give it with --drive.",
            );
        }
        Ok(())
    }
}

fn text(checked: &Checked) -> String {
    let rows: Vec<Vec<String>> = checked
        .devices
        .iter()
        .map(|device| {
            vec![
                device.device.chars().take(14).collect(),
                device.member.chars().take(14).collect(),
                device.control.to_string(),
                device.content.to_string(),
                if device.live { "" } else { "removed" }.to_owned(),
            ]
        })
        .collect();
    let forks = match checked.forks {
        0 => String::new(),
        some => format!(
            "{} where a device signed two different entries under one number.\n",
            count(some, "place", "places")
        ),
    };
    format!(
        "The history of {} holds: {}, {} to who may do what.\n{} without effect, {} not counted.\n{forks}\n{}",
        checked.drive,
        count(checked.content, "change", "changes"),
        checked.control,
        count(checked.void, "operation", "operations"),
        count(checked.refused, "change", "changes"),
        table(
            &["DEVICE", "MEMBER", ">ADMINISTERED", ">CHANGED", ""],
            &rows
        )
    )
}

//! A drive's history as text that anyone can check: one JSON line an entry, with its signature, and a
//! last line signed by the device that wrote it. Knows the form; what it proves is judged by `crypto`.
//!
//! The form, line by line, each exactly as it is written here, without blanks:
//!
//! - `{"history":1,"drive":"drive-…"}`
//! - for each entry of the control plane, each after what it builds on:
//!   `{"entry":"entry-…","plane":"control","device":"dev-…","number":0,"what":["grant"],"header":"…","signature":"…","body":"…"}`
//! - for each entry of the content plane, each after the one before it in its log: the same with
//!   `"plane":"content"`, and without the body, which is sealed and bound by its hash in the header
//! - `{"end":"dev-…","digest":"…","signature":"…"}`
//!
//! Bytes are in lower case base 16 (the digest and signatures) or base 64 (headers and bodies). What a
//! line says beside the header is what the header says, made readable; it is checked to be that.

use std::io::BufRead;
use std::sync::Arc;

use data_encoding::{BASE64, HEXLOWER};
use peerdrive_crypto::audit::{Auditor, Fault, Findings, sign_export};
use peerdrive_crypto::body::ControlBody;
use peerdrive_crypto::domain::context;
use peerdrive_crypto::entry::{Entry, EntryHeader, Plane, kind};
use peerdrive_crypto::identity::DriveKeys;
use peerdrive_crypto::ids::{BindId, DriveId};
use peerdrive_crypto::wire::{Bytes, Fixed, Signature};
use peerdrive_log::{DriveLog, ReadError, Record};
use serde::{Deserialize, Serialize};

use crate::drive::branches::stored;
use crate::drive::error::DriveError;
use crate::drive::handle::DriveHandle;
use crate::drive::identity::Ask;
use crate::drive::request::Request;

/// The version of the form.
const VERSION: u8 = 1;

/// The longest line that is read: an entry of the greatest size, in base 64, and a little.
const MAX_LINE: u64 = 2 << 20;

/// How many entries of one log are read at a time.
const AT_ONCE: usize = 4 << 20;

/// What a history that was written holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Of which drive.
    pub drive: DriveId,
    /// How many entries.
    pub entries: u64,
}

/// What a history that was checked shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audited {
    /// Of which drive.
    pub drive: DriveId,
    /// Which device exported it.
    pub by: BindId,
    /// What is in it.
    pub findings: Findings,
}

/// A history does not hold.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// It could not be read.
    #[error("the history cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// A line has another form.
    #[error("line {line} is not a line of a history: {why}")]
    Form {
        /// Which, from 1.
        line: u64,
        /// In what way.
        why: &'static str,
    },
    /// Of a newer program.
    #[error("the history was written by a newer version ({0}); update this program")]
    Version(u8),
    /// Of another drive.
    #[error("this is the history of {found}, not of {wanted}")]
    OtherDrive {
        /// What was asked for.
        wanted: DriveId,
        /// What it is.
        found: DriveId,
    },
    /// A line proves that something was changed.
    #[error("line {line} does not hold: {fault}")]
    Fault {
        /// Which, from 1.
        line: u64,
        /// In what way.
        fault: Fault,
    },
    /// The lines hold, their whole does not.
    #[error("the history does not hold: {0}")]
    Whole(Fault),
    /// It stops before its last line.
    #[error("the history has no end: it was cut off")]
    NoEnd,
}

/// What is needed to write a history, as one moment has it.
pub(crate) struct Source {
    pub(crate) control: Vec<Entry>,
    pub(crate) log: Arc<DriveLog>,
    pub(crate) bind: BindId,
    pub(crate) keys: Arc<DriveKeys>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Line {
    Begin(Begin),
    Entry(Box<EntryLine>),
    End(End),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    history: u8,
    drive: DriveId,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryLine {
    entry: String,
    plane: String,
    device: String,
    number: u64,
    what: Vec<String>,
    header: String,
    signature: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    end: BindId,
    digest: String,
    signature: String,
}

impl EntryLine {
    fn of(header: &EntryHeader, sig: &Signature, body: Option<&Bytes>) -> Self {
        let what = match (header.plane, body) {
            (Plane::Control, Some(body)) => ControlBody::decode(body)
                .map(|body| body.ops.iter().map(|op| op.name().to_owned()).collect())
                .unwrap_or_default(),
            (Plane::Content, _) if header.kind == kind::EDIT => vec!["edit".to_owned()],
            (Plane::Content, _) if header.kind == kind::CHECKPOINT => {
                vec!["checkpoint".to_owned()]
            }
            _ => Vec::new(),
        };
        let device = match header.bind {
            BindId::ZERO => "root".to_owned(),
            bind => bind.to_string(),
        };
        EntryLine {
            entry: header.id().to_string(),
            plane: plane_word(header.plane).to_owned(),
            device,
            number: header.seq,
            what,
            header: BASE64.encode(&header.to_bytes()),
            signature: HEXLOWER.encode(&sig.0),
            body: body.map(|body| BASE64.encode(body)),
        }
    }
}

fn plane_word(plane: Plane) -> &'static str {
    match plane {
        Plane::Control => "control",
        Plane::Content => "content",
    }
}

/// Lines, and the digest over all of them.
struct Writer<'a> {
    digest: blake3::Hasher,
    each: &'a mut dyn FnMut(String) -> bool,
    entries: u64,
}

impl Writer<'_> {
    /// Returns whether to go on.
    fn line(&mut self, line: &Line) -> bool {
        // Made of texts and numbers: always JSON.
        let text = serde_json::to_string(line).unwrap_or_default();
        take_in(&mut self.digest, &text);
        self.entries += u64::from(matches!(line, Line::Entry(_)));
        (self.each)(text)
    }
}

fn take_in(digest: &mut blake3::Hasher, line: &str) {
    digest.update(line.as_bytes());
    digest.update(b"\n");
}

impl DriveHandle {
    /// What a history of this drive is written from.
    pub(crate) async fn history_source(&self) -> Result<Source, DriveError> {
        self.ask(|reply| Request::Identity(Ask::History { reply }))
            .await
    }

    /// Writes the drive's history line by line, without line ends, until `each` wants no more. Reads
    /// the whole record: to be called where that may block nothing.
    pub async fn export_history(
        &self,
        mut each: impl FnMut(String) -> bool + Send + 'static,
    ) -> Result<Exported, DriveError> {
        let source = self.history_source().await?;
        let drive = self.id();
        let written = tokio::task::spawn_blocking(move || write(drive, &source, &mut each));
        Ok(written.await.map_err(|_| DriveError::Closed)??)
    }
}

fn write(
    drive: DriveId,
    source: &Source,
    each: &mut dyn FnMut(String) -> bool,
) -> Result<Exported, ReadError> {
    let mut to = Writer {
        digest: blake3::Hasher::new_derive_key(context::AUDIT),
        each,
        entries: 0,
    };
    let begin = Begin {
        history: VERSION,
        drive,
    };
    let mut wanted = to.line(&Line::Begin(begin));
    for entry in &source.control {
        let line = EntryLine::of(&entry.header, &entry.sig, Some(&entry.body));
        wanted = wanted && to.line(&Line::Entry(Box::new(line)));
    }
    // Of a log that parted, what the branches have in common comes first.
    for stored in stored(&source.log)? {
        let Some(tip) = source.log.tip(&stored.name.0) else {
            continue;
        };
        let mut from = 0;
        while wanted && from < tip.len {
            let records = source.log.read(&tip.log, from, AT_ONCE)?;
            if records.is_empty() {
                break;
            }
            for record in records.iter().take_while(|record| record.seq < tip.len) {
                from = record.seq + 1;
                wanted = wanted && content_line(record).is_none_or(|line| to.line(&line));
            }
        }
    }
    let digest = *to.digest.finalize().as_bytes();
    let end = End {
        end: source.bind,
        digest: HEXLOWER.encode(&digest),
        signature: HEXLOWER.encode(&sign_export(&source.keys, &digest).0),
    };
    let entries = to.entries;
    if wanted {
        to.line(&Line::End(end));
    }
    Ok(Exported { drive, entries })
}

fn content_line(record: &Record) -> Option<Line> {
    let entry = Entry::decode(&record.bytes).ok()?;
    let content = entry.header.plane == Plane::Content;
    content.then(|| Line::Entry(Box::new(EntryLine::of(&entry.header, &entry.sig, None))))
}

/// Checks a history: every line, and that nothing is missing. With `drive`, that it is of that drive;
/// without, the caller compares [`Audited::drive`] with the id that it knows.
///
/// # Errors
/// [`AuditError`]: the first thing that does not hold.
pub fn verify(mut from: impl BufRead, drive: Option<DriveId>) -> Result<Audited, AuditError> {
    let mut number = 0;
    let form = |line, why| AuditError::Form { line, why };
    let mut text = String::new();
    let mut next = |text: &mut String| -> Result<u64, AuditError> {
        text.clear();
        let read = std::io::Read::take(&mut from, MAX_LINE).read_line(text);
        number += 1;
        match read {
            Ok(0) => Err(AuditError::NoEnd),
            Ok(_) if text.ends_with('\n') => {
                text.pop();
                Ok(number)
            }
            Ok(_) => Err(form(number, "it is too long, or has no end")),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                Err(form(number, "it is not text"))
            }
            Err(error) => Err(error.into()),
        }
    };
    let line = next(&mut text)?;
    let Ok(Line::Begin(begin)) = serde_json::from_str(&text) else {
        return Err(form(
            line,
            "a history begins with its version and its drive",
        ));
    };
    if begin.history != VERSION {
        return Err(AuditError::Version(begin.history));
    }
    let found = begin.drive;
    if let Some(wanted) = drive.filter(|wanted| *wanted != found) {
        return Err(AuditError::OtherDrive { wanted, found });
    }
    exact(line, &text, &Line::Begin(begin))?;
    let mut digest = blake3::Hasher::new_derive_key(context::AUDIT);
    let mut auditor = Auditor::new(found);
    loop {
        take_in(&mut digest, &text);
        let line = next(&mut text)?;
        let parsed: Line =
            serde_json::from_str(&text).map_err(|_| form(line, "it has another form"))?;
        match &parsed {
            Line::Begin(_) => return Err(form(line, "a history begins only once")),
            Line::Entry(entry) => audit_line(line, &text, entry, &mut auditor)?,
            Line::End(end) => {
                exact(line, &text, &parsed)?;
                let whole = *digest.finalize().as_bytes();
                if end.digest != HEXLOWER.encode(&whole) {
                    return Err(AuditError::Whole(Fault::Export));
                }
                let sig =
                    signature(&end.signature).ok_or(form(line, "its signature is not one"))?;
                let by = end.end;
                auditor
                    .exported_by(&by, &whole, &sig)
                    .map_err(AuditError::Whole)?;
                if !matches!(next(&mut text), Err(AuditError::NoEnd)) {
                    return Err(form(line + 1, "something follows the end"));
                }
                let findings = auditor.finish().map_err(AuditError::Whole)?;
                return Ok(Audited {
                    drive: found,
                    by,
                    findings,
                });
            }
        }
    }
}

fn audit_line(
    line: u64,
    text: &str,
    said: &EntryLine,
    auditor: &mut Auditor,
) -> Result<(), AuditError> {
    let form = |why| AuditError::Form { line, why };
    let fault = |fault: Fault| AuditError::Fault { line, fault };
    let bytes = |text: &str| BASE64.decode(text.as_bytes()).ok();
    let header = bytes(&said.header).ok_or(form("its header is not base 64"))?;
    let header = EntryHeader::decode(&header).map_err(|error| fault(error.into()))?;
    let sig = signature(&said.signature).ok_or(form("its signature is not one"))?;
    let body = match &said.body {
        Some(body) => Some(Bytes(bytes(body).ok_or(form("its body is not base 64"))?)),
        None => None,
    };
    // What it says in words must be what its header says, and written as this program writes it.
    let again = Line::Entry(Box::new(EntryLine::of(&header, &sig, body.as_ref())));
    exact(line, text, &again)?;
    match (header.plane, body) {
        (Plane::Control, Some(body)) => {
            let bytes = Entry { header, sig, body }.to_bytes();
            // Read as from the wire: that checks the body against the header.
            let entry = Entry::decode(&bytes).map_err(|error| fault(error.into()))?;
            auditor.control(entry).map_err(fault)
        }
        (Plane::Content, None) => auditor.content(header, &sig).map_err(fault),
        _ => Err(form(
            "control entries come with their body, content entries without",
        )),
    }
}

fn exact(line: u64, text: &str, parsed: &Line) -> Result<(), AuditError> {
    let again = serde_json::to_string(parsed).unwrap_or_default();
    if again == text {
        Ok(())
    } else {
        Err(AuditError::Form {
            line,
            why: "what it says is not what was signed",
        })
    }
}

fn signature(text: &str) -> Option<Signature> {
    let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
    Some(Fixed(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use peerdrive_log::Batch;

    use super::*;

    type TestResult<T = ()> = Result<T, Box<dyn std::error::Error>>;

    /// The drive of the published vectors of `crypto`, with its one content entry.
    fn source(folder: &std::path::Path) -> TestResult<(DriveId, Source)> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../crypto/vectors/v1.json");
        let vectors: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
        let bytes = |at: &str| -> TestResult<Vec<u8>> {
            let text = vectors.pointer(at).and_then(|text| text.as_str());
            Ok(HEXLOWER.decode(text.ok_or("no such vector")?.as_bytes())?)
        };
        let id = |at: &str| -> TestResult<[u8; 32]> {
            bytes(at)?.try_into().map_err(|_| "not 32 bytes".into())
        };
        let genesis = Entry::decode(&bytes("/entries/genesis/bytes")?)?;
        let content = bytes("/entries/content/bytes")?;
        let entry = Entry::decode(&content)?;
        let log = DriveLog::open(&folder.join("log.redb"))?;
        log.append(&Batch {
            records: vec![Record {
                log: entry.log_id().0,
                seq: entry.header.seq,
                id: entry.id().0,
                bytes: content,
            }],
            ..Batch::default()
        })?;
        let source = Source {
            control: vec![genesis],
            log: Arc::new(log),
            bind: BindId(id("/entries/bind")?),
            keys: Arc::new(DriveKeys::from_bytes(&[14; 64])),
        };
        Ok((DriveId(id("/entries/drive")?), source))
    }

    #[test]
    fn the_published_history_is_what_is_written_and_it_holds() -> TestResult {
        let folder = tempfile::tempdir()?;
        let (drive, source) = source(folder.path())?;
        let mut made = String::new();
        write(drive, &source, &mut |line| {
            made.push_str(&line);
            made.push('\n');
            true
        })?;
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/history.jsonl");
        if std::env::var_os("PEERDRIVE_WRITE_VECTORS").is_some() {
            std::fs::write(path, &made)?;
        }
        assert_eq!(std::fs::read_to_string(path)?, made);
        let audited = verify(made.as_bytes(), Some(drive))?;
        assert_eq!((audited.findings.control, audited.findings.content), (1, 1));
        assert_eq!((audited.findings.void, audited.findings.refused), (0, 0));
        Ok(())
    }
}

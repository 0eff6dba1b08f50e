//! Telling a drive's signed history. Checking one needs no daemon: see [`verify`].

use std::io::BufRead;

use peerdrive_engine::DriveHandle;
use peerdrive_engine::audit::{AuditError, Audited};
use tokio::sync::mpsc;

use super::errors;
use crate::dto::{AuditLine, AuditReply};
use crate::error::{ApiError, Code};
use crate::reply::Replies;

/// Lines that may wait for a slow reader.
const WAITING: usize = 256;

pub(super) async fn export(
    drive: &DriveHandle,
    replies: &mut Replies<AuditLine>,
) -> Result<AuditReply, ApiError> {
    let (lines, mut told) = mpsc::channel(WAITING);
    let exporting = drive.export_history(move |line| lines.blocking_send(line).is_ok());
    let telling = async {
        while let Some(line) = told.recv().await {
            replies.item(&AuditLine(line)).await?;
        }
        Ok::<_, ApiError>(())
    };
    let (exported, told) = tokio::join!(exporting, telling);
    told?;
    let exported = exported.map_err(|e| errors::drive(&e))?;
    Ok(AuditReply {
        drive: exported.drive.to_string(),
        entries: exported.entries,
    })
}

/// Checks a history without drive, network or secret; `drive` is the id that it should be of.
pub fn verify(from: impl BufRead, drive: Option<&str>) -> Result<Audited, ApiError> {
    let drive = match drive {
        Some(text) => Some(text.parse().map_err(|_| {
            ApiError::new(Code::BadRequest, format!("`{text}` is not a drive's id"))
                .hint("a drive's id begins with `drive-`; `peerdrive status --json` tells it")
        })?),
        None => None,
    };
    peerdrive_engine::audit::verify(from, drive).map_err(|error| {
        let hint = match &error {
            AuditError::Read(_) => "check the file's name, and that you may read it",
            AuditError::Version(_) => "update PeerDrive on this device",
            AuditError::OtherDrive { .. } => "name the drive that it is of, if you know it",
            AuditError::Form { .. }
            | AuditError::Fault { .. }
            | AuditError::Whole(_)
            | AuditError::NoEnd => "it proves nothing as it is; ask for another copy",
        };
        let code = match &error {
            AuditError::Read(_) => Code::Io,
            AuditError::Version(_) => Code::NewerFormat,
            _ => Code::Damaged,
        };
        ApiError::new(code, error.to_string()).hint(hint)
    })
}

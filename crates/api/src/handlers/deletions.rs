//! Deletions that wait for a yes.

use peerdrive_engine::DriveHandle;

use super::errors;
use crate::dto::{DeletionsAnswer, DeletionsReply};
use crate::error::ApiError;

pub(super) async fn answer(
    drive: &DriveHandle,
    answer: Option<DeletionsAnswer>,
) -> Result<DeletionsReply, ApiError> {
    let folder = drive
        .working_copy()
        .ok_or_else(|| errors::no_folder(drive.name()))?;
    let status = match answer {
        None => folder.status(),
        Some(answer) => {
            match answer {
                DeletionsAnswer::Confirm => folder.confirm_deletions(),
                DeletionsAnswer::Undo => folder.undo_deletions(),
            }
            folder
                .sync_now()
                .await
                .map_err(|e| errors::working_copy(&e))?
        }
    };
    Ok(DeletionsReply {
        drive: drive.id().to_string(),
        waiting: status.deletions_to_confirm as u64,
    })
}

//! Giving a drive up on this device: its mounts first, then the rest, and not by mistake what nobody
//! else has.

use peerdrive_engine::DriveHandle;

use super::{Host, errors};
use crate::dto::{LeaveReply, LeaveRequest};
use crate::error::{ApiError, Code};
use crate::mount_door::MountDoor;

pub(super) async fn leave<M: MountDoor>(
    host: &Host<M>,
    request: &LeaveRequest,
) -> Result<LeaveReply, ApiError> {
    let given_up = host.engine.leave_broken(&request.drive);
    if given_up.map_err(|e| errors::leave(&e))? {
        host.drives_changed();
        return Ok(LeaveReply {
            drive: request.drive.clone(),
            name: String::new(),
            folder: None,
        });
    }
    let drive = host.drive(&request.drive)?;
    if !request.force && is_only_here(&drive).await? {
        let message = format!(
            "no device that is connected now has all of `{}`; what only this one has would be lost",
            drive.name()
        );
        return Err(ApiError::new(Code::OnlyHere, message).hint(
            "try again when one is; with --force it is left all the same, and its folder keeps the files",
        ));
    }
    for mount in drive.mounts().map_err(|e| errors::local(&e))? {
        match host.unmount_and_forget(&mount).await {
            Err(error) if !request.force && error.code != Code::NotMounted => return Err(error),
            _ => {}
        }
    }
    let folder = host.engine.leave(&drive).await;
    let folder = host.may_have_changed_drives(folder);
    Ok(LeaveReply {
        drive: drive.id().to_string(),
        name: drive.name().to_owned(),
        folder: folder.map_err(|e| errors::leave(&e))?,
    })
}

/// Whether no connected device of a member is known to have every entry and every byte of what the drive shows.
async fn is_only_here(drive: &DriveHandle) -> Result<bool, ApiError> {
    if !drive.has_arrived() {
        return Ok(false);
    }
    let peers = drive.status().peers;
    let level = peers.iter().any(|p| p.connected && p.level && !p.store);
    let found = drive.whereabouts_with_members("").await;
    Ok(!level || found.map_err(|e| errors::holding(&e))?.peers == 0)
}

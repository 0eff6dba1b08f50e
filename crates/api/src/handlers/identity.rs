//! Further devices of one member, the recovery phrase, and the way back with it.

use std::path::Path;

use peerdrive_engine::backup::{BackupError, Restored};
use peerdrive_engine::passphrase::{Passphrase, PassphraseError};
use peerdrive_engine::{DriveHandle, Engine};

use super::{Host, errors, sharing};
use crate::dto::{
    AddressReply, BackupReply, BackupRequest, DeviceCodeReply, DriveRef, PassphraseReply,
    PassphraseRequest, PhraseReply, PhraseRequest, RecoverReply, RecoverRequest, TicketText,
};
use crate::error::{ApiError, Code};
use crate::mount_door::MountDoor;

pub(super) fn device_code(
    engine: &Engine,
    drive: &DriveHandle,
) -> Result<DeviceCodeReply, ApiError> {
    let offered = engine.offer_device(drive).map_err(|e| errors::drive(&e))?;
    Ok(DeviceCodeReply {
        code: TicketText(offered.code.text().to_owned()),
        expires: offered.expires_ms,
    })
}

pub(super) fn address(engine: &Engine) -> AddressReply {
    AddressReply {
        address: engine.contact(),
    }
}

pub(super) fn phrase(
    drive: &DriveHandle,
    request: &PhraseRequest,
) -> Result<PhraseReply, ApiError> {
    let phrase = if request.forget {
        drive
            .forget_recovery_phrase()
            .map_err(|e| errors::local(&e))?;
        None
    } else {
        drive.recovery_phrase().map_err(|e| errors::local(&e))?
    };
    Ok(PhraseReply {
        drive: drive.id().to_string(),
        phrase: phrase.map(|phrase| TicketText(phrase.to_string())),
    })
}

pub(super) async fn passphrase(
    engine: &Engine,
    request: &PassphraseRequest,
) -> Result<PassphraseReply, ApiError> {
    let passphrase = request.passphrase.as_ref().map(|p| Passphrase::new(&p.0));
    if passphrase.as_ref().is_some_and(|p| !p.is_long_enough()) {
        return Err(errors::passphrase(PassphraseError::Short));
    }
    let sealed = passphrase.is_some();
    engine
        .set_passphrase(passphrase)
        .await
        .map_err(|e| errors::data_dir(&e))?;
    Ok(PassphraseReply { sealed })
}

pub(super) async fn backup(
    engine: &Engine,
    request: &BackupRequest,
) -> Result<BackupReply, ApiError> {
    let passphrase = Passphrase::new(&request.passphrase.0);
    let drives = engine
        .back_up(passphrase, &request.out)
        .await
        .map_err(|e| backup_failed(&e))?;
    Ok(BackupReply {
        path: request.out.clone(),
        drives: drives as u64,
    })
}

/// Makes an empty data directory the device of a backup. Needs no daemon: there is none before it.
pub fn restore(data_dir: &Path, file: &Path, passphrase: &str) -> Result<Vec<Restored>, ApiError> {
    let passphrase = Passphrase::new(passphrase);
    peerdrive_engine::backup::restore(data_dir, file, &passphrase).map_err(|e| backup_failed(&e))
}

pub(super) fn keep(
    engine: &Engine,
    drive: &DriveHandle,
    path: &Path,
) -> Result<DriveRef, ApiError> {
    engine.keep(drive, path).map_err(|e| errors::keep(&e))?;
    let copy = drive.working_copy();
    Ok(DriveRef {
        drive: drive.id().to_string(),
        name: drive.name().to_owned(),
        path: copy.map_or_else(|| path.to_owned(), |copy| copy.root().to_owned()),
    })
}

fn backup_failed(error: &BackupError) -> ApiError {
    let said = |code, hint: &str| ApiError::new(code, error.to_string()).hint(hint);
    match error {
        BackupError::Passphrase(error) => errors::passphrase(*error),
        BackupError::Io {
            doing,
            path,
            source,
        } => errors::io(format!("cannot {doing} {}", path.display()), source),
        BackupError::Exists(path) => ApiError::new(
            Code::FolderInUse,
            format!("{} is there already", path.display()),
        )
        .hint("name a new file"),
        BackupError::NotEmpty(path) => ApiError::new(
            Code::FolderInUse,
            format!(
                "{} is a device already, which a backup does not replace",
                path.display()
            ),
        )
        .hint("name an empty --data-dir, or move this one away"),
        BackupError::Form => said(Code::NewerFormat, "update PeerDrive on this device"),
        BackupError::Data(error) => errors::data_dir(error),
        BackupError::Open(_) | BackupError::Append(_) => {
            said(Code::Failed, "check that the disk is there and has room")
        }
        BackupError::Local(error) => errors::local(error),
        BackupError::Drive(error) => errors::drive(error),
    }
}

pub(super) async fn recover<M: MountDoor>(
    host: &Host<M>,
    request: RecoverRequest,
) -> Result<RecoverReply, ApiError> {
    let folder = sharing::folder_before(&request.place)?;
    let recovered = host
        .engine
        .recover(
            &request.phrase.0,
            &request.contact.0,
            folder,
            request.keep_devices,
        )
        .await
        .map_err(|e| errors::recover(&e))?;
    let drive = recovered.drive;
    host.drives_changed();
    let shown = sharing::show(host, &drive, &request.place).await;
    let DriveRef { drive, name, path } = host.may_have_changed_drives(shown)?;
    Ok(RecoverReply {
        drive,
        name,
        path,
        ended: recovered.ended,
        alone: recovered.alone,
    })
}

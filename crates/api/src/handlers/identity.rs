//! Further devices of one member, the recovery phrase, and the way back with it.

use peerdrive_engine::{DriveHandle, Engine};

use super::{Host, errors, sharing};
use crate::dto::{
    AddressReply, DeviceCodeReply, DriveRef, PhraseReply, PhraseRequest, RecoverReply,
    RecoverRequest, TicketText,
};
use crate::error::ApiError;
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
    let DriveRef { drive, name, path } = sharing::show(host, &drive, &request.place).await?;
    Ok(RecoverReply {
        drive,
        name,
        path,
        ended: recovered.ended,
        alone: recovered.alone,
    })
}

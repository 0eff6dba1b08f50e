//! Who one is in a drive: further devices of one member, the recovery phrase and the way back with it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Place, TicketText};

/// Makes a code by which one more device of this member is taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DeviceCodeRequest {
    /// Id or unique name of the drive.
    pub drive: String,
}

/// A code for one more device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DeviceCodeReply {
    /// To be carried to the new device. A secret: whoever has it becomes this member.
    pub code: TicketText,
    /// When it ends.
    pub expires: u64,
}

/// Asks where this device can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AddressRequest {}

/// Where this device can be reached now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AddressReply {
    /// As a text to hand on. It grants nothing.
    pub address: String,
}

/// Asks for a drive's recovery phrase, or that this device forget it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PhraseRequest {
    /// Id or unique name of the drive.
    pub drive: String,
    /// Whether to forget it instead of telling it.
    pub forget: bool,
}

/// A drive's recovery phrase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PhraseReply {
    /// The drive's id.
    pub drive: String,
    /// 24 words, a secret above all others of the drive; absent once it was forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phrase: Option<TicketText>,
}

/// Comes back into a drive with its recovery phrase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RecoverRequest {
    /// The 24 words.
    pub phrase: TicketText,
    /// What leads to a device of the drive: an invite, or an address.
    pub contact: TicketText,
    /// Where the drive is to show.
    pub place: Place,
    /// Whether the owner's other devices stay.
    pub keep_devices: bool,
}

/// The drive is this device's again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RecoverReply {
    /// The drive's id.
    pub drive: String,
    /// Its name.
    pub name: String,
    /// Where it shows.
    pub path: PathBuf,
    /// The devices that were ended, by name.
    pub ended: Vec<String>,
    /// Whether every other device of the owner is ended.
    pub alone: bool,
}

/// Seals this device's key under a passphrase, or leaves it in the clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PassphraseRequest {
    /// What every later start needs; `None` to need none.
    pub passphrase: Option<TicketText>,
}

/// How the device's key lies on the disk now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PassphraseReply {
    /// Whether it is sealed.
    pub sealed: bool,
}

/// Writes a backup of who this device is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct BackupRequest {
    /// What the backup is sealed under.
    pub passphrase: TicketText,
    /// The file to make.
    pub out: PathBuf,
}

/// The backup is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct BackupReply {
    /// The file.
    pub path: PathBuf,
    /// How many drives it brings back.
    pub drives: u64,
}

/// Keeps a drive of this device as a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct KeepRequest {
    /// Id or unique name of the drive.
    pub drive: String,
    /// The folder; made if it is missing.
    pub path: PathBuf,
}

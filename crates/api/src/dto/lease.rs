//! What is asked and told about leases of storage peers.

use serde::{Deserialize, Serialize};

use super::TicketText;

/// Lets a storage peer keep a drive's sealed bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LeaseRequest {
    /// Id or unique name.
    pub drive: String,
    /// The storage peer's code.
    pub code: TicketText,
    /// How many bytes it may keep.
    pub quota: u64,
    /// How long, in milliseconds from now.
    pub expires_in: u64,
}

/// Asks which leases there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LeasesRequest {
    /// Id or unique name.
    pub drive: String,
}

/// How a storage peer stands to a drive, as this device sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum LeaseState {
    /// It has everything that this device needs of the drive.
    Stored,
    /// Something is on its way there.
    Storing,
    /// It has no room for all.
    Full,
    /// It does not take what this device sends.
    Refused,
    /// It is not connected.
    Away,
    /// The lease has run out.
    Expired,
}

impl LeaseState {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            LeaseState::Stored => "stored",
            LeaseState::Storing => "storing",
            LeaseState::Full => "full",
            LeaseState::Refused => "refused",
            LeaseState::Away => "away",
            LeaseState::Expired => "expired",
        }
    }
}

/// A lease of a storage peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LeaseLine {
    /// Its id.
    pub lease: String,
    /// The storage peer's id.
    pub peer: String,
    /// How many bytes it may keep.
    pub quota: u64,
    /// Until when.
    pub expires: u64,
    /// How it stands.
    pub state: LeaseState,
    /// How many blobs it lacks of those that this device needs, as far as that is known.
    pub lacking: Option<u64>,
}

/// The leases were listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LeasesReply {
    /// The drive's id.
    pub drive: String,
}

/// Ends a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct EndLeaseRequest {
    /// Id or unique name.
    pub drive: String,
    /// The lease: id or unique beginning of one.
    pub lease: String,
}

/// The lease has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct EndLeaseReply {
    /// Its id.
    pub lease: String,
}

//! Who is in a drive, what they may do, and which invites there are.

use serde::{Deserialize, Serialize};

use super::Role;

/// Asks who is in a drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct MembersRequest {
    /// Id or unique name.
    pub drive: String,
}

/// A person in a drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Member {
    /// Their id.
    pub member: String,
    /// What they were called when they came.
    pub name: Option<String>,
    /// What they may do.
    pub role: Role,
    /// Their devices.
    pub devices: Vec<MemberDevice>,
    /// Whether it is you.
    pub you: bool,
}

/// A device of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct MemberDevice {
    /// Its id in this drive; another one after the member's role has changed.
    pub device: String,
    /// What it was called when it came.
    pub name: Option<String>,
    /// Whether it is this device.
    pub you: bool,
    /// Whether there is a connection to it now; this device counts as connected.
    pub connected: bool,
}

/// The members were listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct MembersReply {
    /// The drive's id.
    pub drive: String,
}

/// Gives a member another role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RoleRequest {
    /// Id or unique name.
    pub drive: String,
    /// The member: id, unique beginning of an id, or unique name.
    pub member: String,
    /// The new role.
    pub role: Role,
}

/// The role was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RoleReply {
    /// The member's id.
    pub member: String,
    /// Their name.
    pub name: Option<String>,
    /// The new role.
    pub role: Role,
}

/// Takes a member, or one device, out of a drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RevokeRequest {
    /// Id or unique name.
    pub drive: String,
    /// The member or device: id, unique beginning of an id, or unique name.
    pub who: String,
    /// Whether it is in the wrong hands, and not only no longer needed. For the drive's history.
    pub compromised: bool,
}

/// Somebody was taken out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RevokeReply {
    /// The member's id.
    pub member: String,
    /// The device's id, if only that was taken out.
    pub device: Option<String>,
    /// Its name, or else the member's.
    pub name: Option<String>,
}

/// Asks which invites there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct InvitesRequest {
    /// Id or unique name.
    pub drive: String,
}

/// An invite of a drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct InviteLine {
    /// Its id.
    pub invite: String,
    /// What it grants.
    pub role: Role,
    /// Until when.
    pub expires: u64,
    /// How many may join by it.
    pub uses: u32,
    /// How many have.
    pub used: u32,
    /// Whether it can still be used.
    pub state: InviteState,
    /// Whether somebody compares words before anyone is let in.
    pub approve: bool,
    /// Whether this device is the one that lets in by it.
    pub here: bool,
}

/// Whether an invite can still be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum InviteState {
    /// It can.
    Open,
    /// Its time is over.
    Expired,
    /// As many have joined as may.
    Used,
    /// It was taken back.
    Revoked,
}

impl InviteState {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            InviteState::Open => "open",
            InviteState::Expired => "expired",
            InviteState::Used => "used",
            InviteState::Revoked => "revoked",
        }
    }
}

/// The invites were listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct InvitesReply {
    /// The drive's id.
    pub drive: String,
}

/// Takes an invite back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RevokeInviteRequest {
    /// Id or unique name.
    pub drive: String,
    /// The invite: id or unique beginning of one.
    pub invite: String,
}

/// The invite was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RevokeInviteReply {
    /// Its id.
    pub invite: String,
    /// How many had joined by it before; they stay.
    pub used: u32,
}

/// Asks who waits on this device to be let into a drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct JoinRequestsRequest {
    /// Id or unique name.
    pub drive: String,
}

/// Somebody who waits to be let in, until words have been compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct JoinRequestLine {
    /// Names the request on this device.
    pub request: String,
    /// By which invite.
    pub invite: String,
    /// What they would be.
    pub role: Role,
    /// What they call themselves.
    pub name: String,
    /// What they call their device.
    pub device: String,
    /// Six words that they must see too.
    pub words: String,
    /// Since when.
    pub since: u64,
}

/// Those who wait were listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct JoinRequestsReply {
    /// The drive's id.
    pub drive: String,
}

/// Lets somebody in who waits, or turns them away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DecideJoinRequest {
    /// Id or unique name.
    pub drive: String,
    /// The request: its id or a unique name.
    pub request: String,
    /// Whether they are let in.
    pub admit: bool,
}

/// It was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DecideJoinReply {
    /// The request.
    pub request: String,
    /// What they call themselves.
    pub name: String,
    /// Whether they were let in.
    pub admitted: bool,
}

/// Told to a joiner while the inviter's person compares words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct JoinWords {
    /// Six words that the inviter must see too.
    pub words: String,
}

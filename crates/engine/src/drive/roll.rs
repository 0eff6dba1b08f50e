//! Who is in a drive, with which devices, and which invites there are: the rules' state in the words
//! that doors show. Decides nothing.

use data_encoding::HEXLOWER;
use peerdrive_crypto::body::{Lease, Reason, Role};
use peerdrive_crypto::ids::{BindId, InviteId, MemberId};
use peerdrive_crypto::membership::{Bind, InviteState, State};
use peerdrive_net::PeerId;

/// A person in a drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberInfo {
    /// Their id.
    pub id: MemberId,
    /// What they were called when they came. Untrusted text.
    pub name: Option<String>,
    /// What they may do.
    pub role: Role,
    /// Whether it is this device's own member.
    pub you: bool,
    /// Their live devices, in the order of their ids.
    pub devices: Vec<DeviceInfo>,
}

/// A live device of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Its id in this drive; another one after its member's role has changed.
    pub id: BindId,
    /// What it was called when it came. Untrusted text.
    pub name: Option<String>,
    /// Its endpoint.
    pub peer: PeerId,
    /// Whether it is this device.
    pub you: bool,
}

/// An invite that was written into a drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteInfo {
    /// Its id.
    pub id: InviteId,
    /// What it grants.
    pub role: Role,
    /// Until when, milliseconds since 1970.
    pub expires_ms: u64,
    /// How many may join by it.
    pub uses: u32,
    /// How many have.
    pub used: u32,
    /// Whether somebody must compare words before anyone is let in.
    pub approve: bool,
    /// Whether it was taken back.
    pub revoked: bool,
    /// Whether this device is the one that lets in by it.
    pub here: bool,
}

/// How an invite stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InviteStanding {
    /// Somebody may still join by it.
    Open,
    /// Its time is over.
    Expired,
    /// As many have joined as may.
    Used,
    /// It was taken back.
    Revoked,
}

impl InviteInfo {
    /// How it stands at `now_ms`, milliseconds since 1970.
    pub fn standing(&self, now_ms: u64) -> InviteStanding {
        if self.revoked {
            InviteStanding::Revoked
        } else if self.used >= self.uses {
            InviteStanding::Used
        } else if now_ms > self.expires_ms {
            InviteStanding::Expired
        } else {
            InviteStanding::Open
        }
    }

    pub(crate) fn of(state: &InviteState, own: &BindId) -> Self {
        let invite = &state.invite;
        Self {
            id: invite.id,
            role: invite.role,
            expires_ms: invite.not_after.saturating_mul(1000),
            uses: invite.max_uses,
            used: state.uses,
            approve: state.asks_words(),
            revoked: state.revoked,
            here: invite.gatekeeper == *own,
        }
    }
}

/// The last second of the year 9999: later ends are shown as that.
const LATEST: u64 = 253_402_300_799;

/// A lease of a storage peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseInfo {
    /// Its id.
    pub id: [u8; 16],
    /// The storage peer.
    pub peer: PeerId,
    /// How many bytes it may keep.
    pub quota: u64,
    /// Until when, milliseconds since 1970.
    pub expires_ms: u64,
}

impl LeaseInfo {
    /// The id as people see it.
    pub fn id_text(&self) -> String {
        format!("lease-{}", HEXLOWER.encode(&self.id))
    }

    /// Whether its time is over at `now_ms`, milliseconds since 1970.
    pub fn is_over(&self, now_ms: u64) -> bool {
        now_ms > self.expires_ms
    }

    pub(crate) fn of(lease: &Lease) -> Self {
        Self {
            id: lease.id,
            peer: PeerId(lease.endpoint.0),
            quota: lease.quota,
            expires_ms: lease.not_after.min(LATEST).saturating_mul(1000),
        }
    }
}

/// The members that are live, by id.
pub(crate) fn members(state: &State, own: &BindId) -> Vec<MemberInfo> {
    let you = state.bind(own).map(|bind| bind.member);
    let live = state.members.iter();
    live.filter_map(|(id, member)| {
        Some(MemberInfo {
            id: *id,
            name: member.label.clone(),
            role: member.role?,
            you: you == Some(*id),
            devices: devices(state, id, own),
        })
    })
    .collect()
}

fn devices(state: &State, member: &MemberId, own: &BindId) -> Vec<DeviceInfo> {
    let live = state
        .live_binds()
        .filter(|(_, bind)| bind.member == *member);
    live.map(|(id, bind)| DeviceInfo {
        id: *id,
        name: device_name(state, bind),
        peer: PeerId(bind.cert.endpoint.0),
        you: id == own,
    })
    .collect()
}

/// A change of role brings the same device in anew, under another id and without a name: it goes by
/// the one that it had.
pub(crate) fn device_name(state: &State, bind: &Bind) -> Option<String> {
    bind.label.clone().or_else(|| {
        let mut same = state.binds.values();
        same.find(|other| other.cert.log_pk == bind.cert.log_pk && other.label.is_some())
            .and_then(|other| other.label.clone())
    })
}

/// Why somebody is removed: shown in the drive's history, never judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemovalReason {
    /// No longer in use, or no longer taking part.
    Retired,
    /// In the wrong hands.
    Compromised,
}

impl From<RemovalReason> for Reason {
    fn from(reason: RemovalReason) -> Self {
        match reason {
            RemovalReason::Retired => Reason::Retired,
            RemovalReason::Compromised => Reason::Compromised,
        }
    }
}

//! What bodies of entries say: the operations of the control plane, their private companion, and the
//! changes of the content plane; knows their shape, not whether anyone may say so (security.md §2.2).
//!
//! Everything that decides who may do what is in the clear part, so that validity never depends on who
//! can open what: a hostile author could otherwise seal a revocation under a key that only some have.
//! Names of people, devices and drives, and the drive's secret, are in the sealed part.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{
    aead::OpenFailed,
    domain::context,
    entry::{Entry, MAX_BODY, open_sealed},
    epoch::{Epoch, EpochKeys, MAX_PARENTS, MAX_WRAPS, SealedTo},
    identity::DeviceCert,
    ids::{BindId, DriveId, EndpointKey, EntryId, EpochId, GrantId, InviteId, LogId, MemberId},
    kdf::{derive, derive_fields},
    secret::{DriveSecret, SnapshotKey},
    wire::{self, Bytes, WireError, ascends},
};

/// The most operations of one entry.
pub const MAX_OPS: usize = 64;
/// The most devices that one grant may bring, and that one member may have at a time.
pub const MAX_DEVICES: usize = 16;
/// The most logs of one cut.
pub const MAX_CUTS: usize = 8192;
/// The most bytes of a name or label.
pub const MAX_LABEL: usize = 256;

/// What a member may do; each role may do all that a lower one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads.
    Reader,
    /// Reads and changes the tree.
    Writer,
    /// Also invites and removes people.
    Admin,
    /// Also appoints and removes admins and owners below.
    Owner,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Role::Reader => "reader",
            Role::Writer => "writer",
            Role::Admin => "admin",
            Role::Owner => "owner",
        })
    }
}

impl std::str::FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Role, UnknownRole> {
        [Role::Reader, Role::Writer, Role::Admin, Role::Owner]
            .into_iter()
            .find(|r| r.to_string() == text)
            .ok_or(UnknownRole)
    }
}

/// A text names no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such role: it is reader, writer, admin or owner")]
pub struct UnknownRole;

/// The last entry of a content log that a revocation lets stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cut {
    /// Which log.
    pub log: LogId,
    /// The number of that entry.
    pub seq: u64,
    /// The entry.
    pub entry: EntryId,
}

/// Why somebody was removed: shown, never judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// No longer in use, or no longer taking part.
    Retired,
    /// In the wrong hands.
    Compromised,
}

/// What an invite asks of the inviter's person before the joiner is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Approve {
    /// Nothing: holding the ticket is enough.
    Auto,
    /// To compare six words with the joiner.
    Words,
}

/// The first operation of a drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Genesis {
    /// The drive's suite, for ever unless upgraded.
    pub suite: u8,
    /// Verifies the genesis and recoveries.
    pub root_pk: [u8; 32],
    /// Every epoch is sealed to it too.
    pub root_kem_pk: [u8; 32],
    /// Random: two drives of one root key are two drives.
    pub nonce: [u8; 32],
}

impl Genesis {
    /// What stands in the drive field inside the genesis, whose own hash is the drive's id.
    pub fn founding_tag(&self) -> DriveId {
        DriveId(derive_fields(
            context::FOUNDING,
            &[&[self.suite], &self.root_pk, &self.root_kem_pk, &self.nonce],
        ))
    }
}

/// The drive's id out of its genesis header.
pub fn drive_id(genesis: &crate::entry::EntryHeader) -> DriveId {
    DriveId(derive(context::DRIVE_ID, &genesis.to_bytes()))
}

/// Makes somebody a member, or gives a member another role; a role never changes within a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Who: random for a new person.
    pub member: MemberId,
    /// What they may do.
    pub role: Role,
    /// Their devices, at least one: these, and those that they enrol, act under this grant only. The
    /// first is the enrolment parent of the others.
    pub devices: Vec<DeviceCert>,
    /// The invite that led here.
    pub invite: Option<InviteId>,
}

/// Ends every grant of a member that the author has authority over and that does not follow this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoke {
    /// Whose.
    pub member: MemberId,
    /// Up to where their content stands, strictly ascending by log; a log not listed does not stand at all.
    pub cut: Vec<Cut>,
    /// Why.
    pub reason: Reason,
}

/// Lets more of a revoked device's content stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendCut {
    /// The entry of the revocation.
    pub entry: EntryId,
    /// Its place in that entry.
    pub index: u32,
    /// As in [`Revoke`]; the greater number counts.
    pub cut: Vec<Cut>,
}

/// Ends one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeDevice {
    /// Which.
    pub bind: BindId,
    /// As in [`Revoke`].
    pub cut: Vec<Cut>,
    /// Why.
    pub reason: Reason,
}

/// Seals an existing epoch's secret to one more reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrap {
    /// Which epoch.
    pub epoch: EpochId,
    /// To whom.
    pub sealed: SealedTo,
}

/// Says that a ticket exists and what it grants. Holds only its public key (attack X7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// Its id.
    pub id: InviteId,
    /// Verifies that a joiner holds the ticket.
    pub invite_pk: [u8; 32],
    /// What it grants; at most admin.
    pub role: Role,
    /// How many may join by it.
    pub max_uses: u32,
    /// Until when, in seconds since 1970, by the gatekeeper's clock.
    pub not_after: u64,
    /// The one device that admits by it, so that its log counts the uses exactly.
    pub gatekeeper: BindId,
    /// What it asks first.
    pub approve: Approve,
}

/// Lets a storage peer keep the drive's sealed bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Its id: random.
    pub id: [u8; 16],
    /// The storage peer.
    pub endpoint: EndpointKey,
    /// How many bytes it may keep.
    pub quota: u64,
    /// Until when, in seconds since 1970, by the storage peer's clock.
    pub not_after: u64,
}

/// One operation of the control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each variant's payload is documented at its own type"
)]
pub enum Op {
    Genesis(Genesis),
    Grant(Grant),
    Revoke(Revoke),
    ExtendCut(ExtendCut),
    /// A device of the author's own grant enrols another.
    AddDevice(DeviceCert),
    RevokeDevice(RevokeDevice),
    Epoch(Epoch),
    Wrap(Wrap),
    Invite(Invite),
    /// Ends an invite.
    RevokeInvite(InviteId),
    Lease(Lease),
    /// Ends a lease.
    RevokeLease([u8; 16]),
    /// Reserved: the owner moves the drive to a newer suite.
    Upgrade(u8),
    /// Of a tag that this version does not know, or that does not decode: void, and kept as it came.
    Unknown {
        tag: u8,
        body: Bytes,
    },
}

macro_rules! op_tags {
    ($($tag:literal => $variant:ident($payload:ty)),* $(,)?) => {
        impl Op {
            fn encode(&self) -> Result<RawOp, WireError> {
                Ok(match self {
                    $(Op::$variant(payload) => RawOp { tag: $tag, body: Bytes(wire::encode(payload)?) },)*
                    Op::Unknown { tag, body } => RawOp { tag: *tag, body: body.clone() },
                })
            }

            fn decode(raw: RawOp) -> Op {
                let known = match raw.tag {
                    $($tag => wire::decode::<$payload>(&raw.body, MAX_BODY).ok().map(Op::$variant),)*
                    _ => None,
                };
                match known {
                    Some(op) if op.well_formed() => op,
                    _ => Op::Unknown { tag: raw.tag, body: raw.body },
                }
            }
        }
    };
}

op_tags! {
    0 => Genesis(Genesis),
    1 => Grant(Grant),
    2 => Revoke(Revoke),
    3 => ExtendCut(ExtendCut),
    4 => AddDevice(DeviceCert),
    5 => RevokeDevice(RevokeDevice),
    6 => Epoch(Epoch),
    7 => Wrap(Wrap),
    8 => Invite(Invite),
    9 => RevokeInvite(InviteId),
    10 => Lease(Lease),
    11 => RevokeLease([u8; 16]),
    12 => Upgrade(u8),
}

impl Op {
    fn well_formed(&self) -> bool {
        let cuts =
            |cut: &[Cut]| cut.len() <= MAX_CUTS && cut.windows(2).all(|w| w[0].log < w[1].log);
        match self {
            Op::Grant(g) => !g.devices.is_empty() && g.devices.len() <= MAX_DEVICES,
            Op::Revoke(r) => cuts(&r.cut),
            Op::ExtendCut(x) => cuts(&x.cut),
            Op::RevokeDevice(d) => cuts(&d.cut),
            Op::Epoch(e) => {
                ascends(&e.parents, MAX_PARENTS)
                    && e.wraps.len() <= MAX_WRAPS
                    && e.wraps.windows(2).all(|w| w[0].kem_id < w[1].kem_id)
                    && e.prev_ct.len() <= MAX_PARENTS * 64 + 64
            }
            Op::Invite(i) => i.max_uses > 0,
            _ => true,
        }
    }

    /// A word for logs and audits.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Genesis(_) => "genesis",
            Op::Grant(_) => "grant",
            Op::Revoke(_) => "revoke",
            Op::ExtendCut(_) => "extend-cut",
            Op::AddDevice(_) => "add-device",
            Op::RevokeDevice(_) => "revoke-device",
            Op::Epoch(_) => "epoch",
            Op::Wrap(_) => "wrap",
            Op::Invite(_) => "invite",
            Op::RevokeInvite(_) => "revoke-invite",
            Op::Lease(_) => "lease",
            Op::RevokeLease(_) => "revoke-lease",
            Op::Upgrade(_) => "upgrade",
            Op::Unknown { .. } => "unknown",
        }
    }
}

#[derive(Serialize, Deserialize)]
struct RawOp {
    tag: u8,
    body: Bytes,
}

#[derive(Serialize, Deserialize)]
struct RawClear {
    ops: Vec<RawOp>,
}

#[derive(Serialize, Deserialize)]
struct RawControl {
    clear: Bytes,
    private: Bytes,
}

/// The body of a control entry: the clear part and the still sealed part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlBody {
    /// What is done, in order: an operation has the earlier ones in its past.
    pub ops: Vec<Op>,
    /// Sealed under the header's epoch; may be empty.
    pub sealed: Bytes,
    bound: [u8; 32],
}

/// The clear part of a control body.
pub(crate) fn clear_bytes(ops: &[Op]) -> Result<Vec<u8>, WireError> {
    let ops = ops.iter().map(Op::encode).collect::<Result<_, _>>()?;
    wire::encode(&RawClear { ops })
}

/// What the sealed part is bound to.
pub(crate) fn clear_hash(clear: &[u8]) -> [u8; 32] {
    derive(context::CLEAR, clear)
}

/// Joins clear bytes and sealed part to a body.
pub(crate) fn join(clear: Vec<u8>, sealed: Vec<u8>) -> Result<Vec<u8>, WireError> {
    wire::encode(&RawControl {
        clear: Bytes(clear),
        private: Bytes(sealed),
    })
}

impl ControlBody {
    /// Reads a control body. Operations that this version does not know are kept as
    /// [`Op::Unknown`]: void, without making the entry or the drive unreadable.
    ///
    /// # Errors
    /// [`WireError`] if the list itself is damaged or too long.
    pub fn decode(body: &[u8]) -> Result<ControlBody, WireError> {
        let raw: RawControl = wire::decode(body, MAX_BODY)?;
        let clear: RawClear = wire::decode(&raw.clear, MAX_BODY)?;
        if clear.ops.len() > MAX_OPS {
            return Err(WireError::TooLong {
                len: clear.ops.len(),
                most: MAX_OPS,
            });
        }
        let bound = clear_hash(&raw.clear);
        let ops = clear.ops.into_iter().map(Op::decode).collect();
        Ok(ControlBody {
            ops,
            sealed: raw.private,
            bound,
        })
    }

    /// Opens the sealed part. An empty one holds nothing.
    ///
    /// # Errors
    /// [`OpenFailed`] if the keys are of another epoch, or what is inside is no private part.
    pub fn open_private(&self, entry: &Entry, keys: &EpochKeys) -> Result<PrivatePart, OpenFailed> {
        if self.sealed.is_empty() {
            return Ok(PrivatePart::default());
        }
        let mut plain = open_sealed(&entry.header, keys, &self.bound, &self.sealed)?;
        let part = PrivatePart::decode(&plain);
        plain.zeroize();
        part.map_err(|_| OpenFailed)
    }
}

/// 32 secret bytes inside a sealed part.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct SealedSecret([u8; 32]);

impl std::fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealedSecret")
    }
}

impl From<&DriveSecret> for SealedSecret {
    fn from(secret: &DriveSecret) -> Self {
        SealedSecret(*secret.expose_for_sealing())
    }
}

impl From<&SealedSecret> for DriveSecret {
    fn from(secret: &SealedSecret) -> Self {
        DriveSecret::from_bytes(secret.0)
    }
}

impl From<&SnapshotKey> for SealedSecret {
    fn from(key: &SnapshotKey) -> Self {
        SealedSecret(*key.expose_for_sealing())
    }
}

impl From<&SealedSecret> for SnapshotKey {
    fn from(secret: &SealedSecret) -> Self {
        SnapshotKey::from_bytes(secret.0)
    }
}

/// The sealed part of a control entry: what only members may know.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PrivatePart {
    /// In a genesis: the drive's name.
    pub drive_name: Option<String>,
    /// In a genesis: the drive's lifetime secret.
    pub drive_secret: Option<SealedSecret>,
    /// Names of members that this entry grants to.
    pub members: Vec<(MemberId, String)>,
    /// Names of devices, by log key, that this entry brings in.
    pub devices: Vec<([u8; 32], String)>,
    /// Anything the author wants to say about it.
    pub note: String,
}

impl PrivatePart {
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, WireError> {
        let texts = self
            .drive_name
            .iter()
            .chain(self.members.iter().map(|(_, s)| s))
            .chain(self.devices.iter().map(|(_, s)| s))
            .chain([&self.note]);
        for text in texts {
            if text.len() > MAX_LABEL {
                return Err(WireError::TooLong {
                    len: text.len(),
                    most: MAX_LABEL,
                });
            }
        }
        wire::encode(self)
    }

    fn decode(bytes: &[u8]) -> Result<PrivatePart, WireError> {
        let part: PrivatePart = wire::decode(bytes, 64 << 10)?;
        // The same caps as on writing: a label is shown, and must not fill a screen.
        part.to_bytes()?;
        Ok(part)
    }
}

/// The body of a content entry of kind [`crate::entry::kind::EDIT`], before sealing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentBody {
    /// 1.
    pub v: u8,
    /// The author's clock in milliseconds since 1970: advisory, shown and never judged by.
    pub time_ms: u64,
    /// Changes of the document, each as its encoder wrote it.
    pub changes: Vec<Bytes>,
    /// Entries of the author's own whose intents this one makes again.
    pub supersedes: Vec<EntryId>,
}

impl ContentBody {
    /// The most changes of one entry.
    pub const MAX_CHANGES: usize = 4096;

    /// Its canonical bytes.
    ///
    /// # Errors
    /// [`WireError::TooLong`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, WireError> {
        for (len, most) in [
            (self.changes.len(), Self::MAX_CHANGES),
            (self.supersedes.len(), Self::MAX_CHANGES),
        ] {
            if len > most {
                return Err(WireError::TooLong { len, most });
            }
        }
        wire::encode(self)
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn decode(bytes: &[u8]) -> Result<ContentBody, WireError> {
        let body: ContentBody = wire::decode(bytes, MAX_BODY)?;
        if body.v != 1 {
            return Err(WireError::Malformed);
        }
        body.to_bytes()?;
        Ok(body)
    }
}

/// The id of a grant: the entry that holds it and its place there.
pub fn grant_id(entry: &EntryId, index: u32) -> GrantId {
    GrantId(derive_fields(
        context::GRANT_ID,
        &[&entry.0, &index.to_le_bytes()],
    ))
}

/// The id of a device: the entry that introduced it, its operation's place and its own place there.
pub fn bind_id(entry: &EntryId, index: u32, device: u32) -> BindId {
    BindId(derive_fields(
        context::BIND_ID,
        &[&entry.0, &index.to_le_bytes(), &device.to_le_bytes()],
    ))
}

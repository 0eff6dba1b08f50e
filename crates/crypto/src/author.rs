//! Making control entries: the founding of a drive, and every operation after it, with the new epoch that
//! it calls for; knows what to write, and leaves judging to [`crate::membership`].

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    aead::OpenFailed,
    body::{
        Cut, ExtendCut, Genesis, Grant, Invite, Lease, MAX_CUTS, Op, PrivatePart, Reason, Revoke,
        RevokeDevice, Role, SealedSecret, Wrap, bind_id, clear_bytes, clear_hash, drive_id, join,
    },
    domain::{SUITE, sign},
    entry::{Entry, EntryError, Links, LogPosition, Plane, draft, finish, kind, seal_for},
    epoch::{EpochKeys, Parent, new_epoch, wrap_for},
    identity::{DeviceCert, DriveKeys, RootKey},
    ids::{BindId, DriveId, EntryId, EpochId, InviteId, MemberId},
    keyring::Keyring,
    membership::{Control, ControlError},
    secret::{DriveSecret, EndpointSecret, EpochSecret},
    wire::{Signature, WireError},
};

/// Why a control entry could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorError {
    /// A name is too long, or there is too much for one entry.
    #[error("this is too much for one entry: {0}")]
    TooMuch(#[from] WireError),
    /// The entry would not be well formed.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// This device holds no epoch to seal names under; another device must seal one to it first.
    #[error(
        "this device has not been given the drive's current keys yet: another device must be on line"
    )]
    NoEpoch,
    /// A reader's key is one to which nothing can be sealed.
    #[error("a device's key is not a proper key, nothing can be sealed to it")]
    WeakKey,
    /// The entry would not be accepted, by this very device.
    #[error("this change would not be accepted: {0}")]
    Refused(#[from] ControlError),
}

impl From<OpenFailed> for AuthorError {
    fn from(_: OpenFailed) -> Self {
        AuthorError::WeakKey
    }
}

/// Who signs a control entry.
#[derive(Debug, Clone, Copy)]
pub enum Signer<'a> {
    /// A device, by its log key.
    Device(&'a DriveKeys),
    /// The recovery phrase: only to bring an owner back.
    Root(&'a RootKey),
}

impl Signer<'_> {
    fn sign(&self, hash: &[u8; 32]) -> Signature {
        match self {
            Signer::Device(keys) => keys.sign(sign::ENTRY, hash),
            Signer::Root(root) => root.sign(hash),
        }
    }
}

/// What one control entry is to say.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    ops: Vec<Op>,
    wraps: Vec<[u8; 32]>,
    /// Of epochs that need not be the current one.
    handed: Vec<(EpochId, [u8; 32])>,
    private: PrivatePart,
    rekey: bool,
}

impl Draft {
    /// Nothing yet; say more by the other methods, in the order in which it is to count.
    pub fn new() -> Self {
        Draft::default()
    }

    /// Makes a member, and seals the current epoch to the devices.
    pub fn grant(mut self, grant: Grant, label: &str) -> Self {
        if !label.is_empty() {
            self.private.members.push((grant.member, label.to_owned()));
        }
        self.wraps.extend(grant.devices.iter().map(|d| d.kem_pk));
        self.ops.push(Op::Grant(grant));
        self
    }

    /// Names a device that this entry brings in.
    pub fn device_label(mut self, cert: &DeviceCert, label: &str) -> Self {
        self.private.devices.push((cert.log_pk, label.to_owned()));
        self
    }

    /// Removes a member and begins a new epoch.
    pub fn revoke(mut self, mut revoke: Revoke) -> Self {
        revoke.cut.sort_unstable();
        revoke.cut.truncate(MAX_CUTS);
        self.ops.push(Op::Revoke(revoke));
        self.rekey = true;
        self
    }

    /// Removes a member under one role and grants another in the same breath: a new epoch, new device
    /// ids, new logs.
    pub fn change_role(self, revoke: Revoke, role: Role, devices: Vec<DeviceCert>) -> Self {
        let grant = Grant {
            member: revoke.member,
            role,
            devices,
            invite: None,
        };
        self.revoke(revoke).grant(grant, "")
    }

    /// Removes one device and begins a new epoch.
    pub fn revoke_device(mut self, mut revoke: RevokeDevice) -> Self {
        revoke.cut.sort_unstable();
        self.ops.push(Op::RevokeDevice(revoke));
        self.rekey = true;
        self
    }

    /// Enrols another device of the author's own, and seals the current epoch to it.
    pub fn add_device(mut self, cert: DeviceCert, label: &str) -> Self {
        self.wraps.push(cert.kem_pk);
        self = self.device_label(&cert, label);
        self.ops.push(Op::AddDevice(cert));
        self
    }

    /// Begins a new epoch for the readers that there are.
    pub fn rekey(mut self) -> Self {
        self.rekey = true;
        self
    }

    /// Seals the current epoch to a reader who cannot reach it.
    pub fn wrap(mut self, kem_pk: [u8; 32]) -> Self {
        self.wraps.push(kem_pk);
        self
    }

    /// Seals an epoch that the author holds, the current one or another, to a reader. Passed over if the
    /// author does not hold it, or begins a new epoch.
    pub fn hand(mut self, epoch: EpochId, kem_pk: [u8; 32]) -> Self {
        self.handed.push((epoch, kem_pk));
        self
    }

    /// Says that this device cannot open an epoch, for some writer to seal it again.
    pub fn complain(mut self, epoch: EpochId) -> Self {
        self.ops.push(Op::Complaint(epoch));
        self
    }

    /// Lets more of a removed device's content stand.
    pub fn extend_cut(mut self, mut extend: ExtendCut) -> Self {
        extend.cut.sort_unstable();
        self.ops.push(Op::ExtendCut(extend));
        self
    }

    /// Publishes an invite.
    pub fn invite(mut self, invite: Invite) -> Self {
        self.ops.push(Op::Invite(invite));
        self
    }

    /// Ends an invite.
    pub fn revoke_invite(mut self, id: InviteId) -> Self {
        self.ops.push(Op::RevokeInvite(id));
        self
    }

    /// Gives a storage peer a lease.
    pub fn lease(mut self, lease: Lease) -> Self {
        self.ops.push(Op::Lease(lease));
        self
    }

    /// Ends a lease.
    pub fn revoke_lease(mut self, id: [u8; 16]) -> Self {
        self.ops.push(Op::RevokeLease(id));
        self
    }

    /// Any operation at all, for tests with hostile authors.
    #[cfg(any(test, feature = "testing"))]
    pub fn raw(mut self, op: Op) -> Self {
        self.ops.push(op);
        self
    }

    /// Says something about it, for members only.
    pub fn note(mut self, text: &str) -> Self {
        text.clone_into(&mut self.private.note);
        self
    }
}

/// A control entry, and the secret of the epoch that it begins, if it does.
#[derive(Debug)]
pub struct Authored {
    /// To be stored durably, then inserted and sent.
    pub entry: Entry,
    /// To be kept: the keyring learns it with [`Keyring::insert`] after the entry is inserted.
    pub epoch: Option<(EpochId, EpochSecret)>,
}

/// Makes a control entry at the end of the author's control log, building on all heads.
///
/// # Errors
/// [`AuthorError`]. Whether the operations will be *valid* is not checked: ask [`Control::verdicts`] of
/// a clone that has it.
pub fn control_entry(
    control: &Control,
    at: &LogPosition,
    signer: Signer<'_>,
    keyring: &Keyring,
    mut wanted: Draft,
    rng: &mut impl CryptoRng,
) -> Result<Authored, AuthorError> {
    let links = Links {
        deps: control.links_for(at),
        ctrl: Vec::new(),
    };
    let current = control.state().current_epoch();
    // With no epoch to write with, names are sealed under the newest one held: they are of the past.
    let newest = || {
        control
            .epoch_tips()
            .iter()
            .rev()
            .find_map(|(id, _)| keyring.get(id))
    };
    let held = current.and_then(|id| keyring.get(&id)).or_else(newest);
    let mut epoch = None;
    if wanted.rekey {
        let readers = readers_after(control, at, &links, signer, &wanted.ops, rng)?;
        let tips = control.epoch_tips();
        let secrets: Vec<_> = tips
            .iter()
            .map(|(id, generation)| (*id, *generation, keyring.get(id)))
            .collect();
        let parents: Vec<Parent<'_>> = secrets
            .iter()
            .map(|(id, generation, keys)| Parent {
                id: *id,
                generation: *generation,
                secret: keys.as_ref().map(|k| k.secret()),
            })
            .collect();
        let (op, secret) = new_epoch(&at.drive, &parents, &readers, rng)?;
        let id = op.id(&at.drive);
        wanted.ops.push(Op::Epoch(op));
        epoch = Some((id, secret));
    } else {
        let current = wanted.wraps.iter().map(|kem_pk| (held.clone(), *kem_pk));
        let other = wanted.handed.iter();
        let other = other.map(|(epoch, kem_pk)| (keyring.get(epoch), *kem_pk));
        for (keys, kem_pk) in current.chain(other).collect::<Vec<_>>() {
            let Some(keys) = keys else { continue };
            let sealed = wrap_for(&at.drive, &keys.id(), keys.secret(), &kem_pk, rng)?;
            wanted.ops.push(Op::Wrap(Wrap {
                epoch: keys.id(),
                sealed,
            }));
        }
    }
    let fresh = epoch
        .as_ref()
        .map(|(id, secret)| EpochKeys::derive(at.drive, *id, secret.duplicate()));
    let keys = fresh.as_ref().or(held.as_deref());
    let entry = seal(at, kind::CONTROL, links, &wanted, keys, signer, rng)?;
    Ok(Authored { entry, epoch })
}

/// The readers that there will be after these operations: tried out on a copy.
fn readers_after(
    control: &Control,
    at: &LogPosition,
    links: &Links,
    signer: Signer<'_>,
    ops: &[Op],
    rng: &mut impl CryptoRng,
) -> Result<Vec<[u8; 32]>, AuthorError> {
    let trial = Draft {
        ops: ops.to_vec(),
        ..Draft::default()
    };
    let entry = seal(at, kind::CONTROL, links.clone(), &trial, None, signer, rng)?;
    let id = entry.id();
    let mut copy = control.clone();
    copy.insert(entry)?;
    Ok(copy.readers_after(&id))
}

fn seal(
    at: &LogPosition,
    kind: u8,
    links: Links,
    wanted: &Draft,
    keys: Option<&EpochKeys>,
    signer: Signer<'_>,
    rng: &mut impl CryptoRng,
) -> Result<Entry, AuthorError> {
    let clear = clear_bytes(&wanted.ops)?;
    let epoch = keys.map(EpochKeys::id).unwrap_or(EpochId::ZERO);
    let header = draft(at, kind, links, epoch, rng);
    let private = if wanted.private == PrivatePart::default() {
        Vec::new()
    } else {
        let keys = keys.ok_or(AuthorError::NoEpoch)?;
        let plain = Zeroizing::new(wanted.private.to_bytes()?);
        seal_for(&header, keys, &clear_hash(&clear), &plain)
    };
    Ok(finish(header, join(clear, private)?, |hash| {
        signer.sign(hash)
    })?)
}

/// Who founds a drive, and what it is called.
#[derive(Debug)]
pub struct Founding<'a> {
    /// Of the drive: for members only.
    pub drive_name: &'a str,
    /// Of the person.
    pub member_label: &'a str,
    /// Of the device.
    pub device_label: &'a str,
    /// The device's keys in the drive.
    pub keys: &'a DriveKeys,
    /// The device's endpoint.
    pub endpoint: &'a EndpointSecret,
    /// Seconds since 1970: shown only.
    pub now: u64,
}

/// A new drive.
#[derive(Debug)]
pub struct Founded {
    /// Its id.
    pub drive: DriveId,
    /// Its first entry.
    pub genesis: Entry,
    /// Its root key: show [`RootKey::phrase`] once, then drop it.
    pub root: RootKey,
    /// Its lifetime secret.
    pub drive_secret: DriveSecret,
    /// Its first epoch.
    pub epoch: EpochId,
    /// That epoch's secret.
    pub epoch_secret: EpochSecret,
    /// The founder, an owner.
    pub member: MemberId,
    /// The founder's device.
    pub bind: BindId,
}

/// Founds a drive: one entry with the root keys, the first owner and the first epoch.
///
/// # Errors
/// [`AuthorError::TooMuch`] if a name is too long.
pub fn genesis(founding: &Founding<'_>, rng: &mut impl CryptoRng) -> Result<Founded, AuthorError> {
    let root = RootKey::generate(rng);
    let (mut nonce, mut member, mut inc) = ([0; 32], [0; 16], [0; 16]);
    rng.fill_bytes(&mut nonce);
    rng.fill_bytes(&mut member);
    rng.fill_bytes(&mut inc);
    let member = MemberId(member);
    let first = Genesis {
        suite: SUITE,
        root_pk: root.root_pk(),
        root_kem_pk: root.kem_pk(),
        nonce,
    };
    let tag = first.founding_tag();
    let cert = DeviceCert::issue(&tag, founding.keys, founding.endpoint, founding.now);
    let (epoch_op, epoch_secret) = new_epoch(&tag, &[], &[cert.kem_pk, root.kem_pk()], rng)?;
    let epoch = epoch_op.id(&tag);
    let drive_secret = DriveSecret::generate(rng);
    let grant = Grant {
        member,
        role: Role::Owner,
        devices: vec![cert.clone()],
        invite: None,
    };
    let wanted = Draft {
        ops: vec![Op::Genesis(first), Op::Grant(grant), Op::Epoch(epoch_op)],
        private: PrivatePart {
            drive_name: Some(founding.drive_name.to_owned()),
            drive_secret: Some(SealedSecret::from(&drive_secret)),
            members: vec![(member, founding.member_label.to_owned())],
            devices: vec![(cert.log_pk, founding.device_label.to_owned())],
            note: String::new(),
        },
        ..Draft::default()
    };
    let at = LogPosition {
        drive: tag,
        plane: Plane::Control,
        bind: BindId::ZERO,
        inc,
        seq: 0,
        prev: [0; 32],
    };
    let keys = EpochKeys::derive(tag, epoch, epoch_secret.duplicate());
    let signer = Signer::Root(&root);
    let entry = seal(
        &at,
        kind::GENESIS,
        Links::default(),
        &wanted,
        Some(&keys),
        signer,
        rng,
    )?;
    let drive = drive_id(&entry.header);
    let bind = bind_id(&entry.id(), 1, 0);
    Ok(Founded {
        drive,
        genesis: entry,
        root,
        drive_secret,
        epoch,
        epoch_secret,
        member,
        bind,
    })
}

/// Takes a member out of the drive by their own wish; `cut` is where their own logs end.
pub fn leaving(member: MemberId, cut: Vec<Cut>) -> Draft {
    let revoke = Revoke {
        member,
        cut,
        reason: Reason::Retired,
    };
    let mut draft = Draft::new().revoke(revoke);
    // Who has left cannot begin an epoch; another writer does.
    draft.rekey = false;
    draft
}

/// Where a recovery by the root key goes: a log of its own.
pub fn recovery_position(drive: DriveId, rng: &mut impl CryptoRng) -> LogPosition {
    LogPosition::open(drive, Plane::Control, BindId::ZERO, rng)
}

/// The ids of the devices that an entry brings in, in order.
pub fn brought_in(entry: &Entry) -> Vec<BindId> {
    let id: EntryId = entry.id();
    let Ok(body) = crate::body::ControlBody::decode(&entry.body) else {
        return Vec::new();
    };
    let each = |(index, op): (usize, &Op)| {
        let count = match op {
            Op::Grant(grant) => grant.devices.len() as u32,
            Op::AddDevice(_) => 1,
            _ => 0,
        };
        (0..count)
            .map(move |device| bind_id(&id, index as u32, device))
            .collect::<Vec<_>>()
    };
    body.ops.iter().enumerate().flat_map(each).collect()
}

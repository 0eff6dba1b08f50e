//! Coming back into a drive with the recovery phrase, from a device that nobody knows: what is said to
//! any device of the drive, and what is made of its answer. Knows no connection and no disk.
//!
//! Whoever comes back proves to hold the root key, bound to the transport session; hears the whole
//! control log; judges it by itself; and hands in one entry, signed by the root key, that makes its new
//! device an owner's. The other side gives nothing away by this but the control log, which holds no
//! name, and takes nothing on trust: the entry counts by the rules of membership or not at all.

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::{
    author::{AuthorError, Draft, Signer, brought_in, control_entry, recovery_position},
    body::{ControlBody, Genesis, Grant, Op, Role, drive_id},
    domain::{SUITE, context, sign},
    entry::Entry,
    identity::{DeviceCert, RootKey, verify_hash},
    ids::{BindId, DriveId, MemberId},
    kdf::derive_fields,
    keyring::{Keyring, Opener},
    membership::Control,
    secret::DriveSecret,
    wire::{self, Bytes, Signature, WireError},
};

/// What the first message begins with, so that it is never read as one of a join.
const MAGIC: &[u8] = b"reentry\x01";

/// The most bytes of one message: a frame of the join protocol.
const MAX_MESSAGE: usize = 1 << 20;

/// How many bytes of control entries go into one message.
const PART: usize = 512 << 10;

/// The most bytes of a control log that are taken in from one peer.
const MAX_LOG: usize = 64 << 20;

/// Why somebody does not come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReentryError {
    /// A message is damaged, or not the one that comes now.
    #[error("the other side does not follow the protocol")]
    Protocol,
    /// A message of another version or suite.
    #[error("the other side speaks another version of the protocol ({0})")]
    Version(u8),
    /// The other side has no drive that this key could open, or does not take the entry.
    #[error("the device that was asked has no drive of this recovery phrase")]
    Refused,
    /// What the other side sent is not the whole log of the drive that the phrase founded.
    #[error("what the other device sent is not this drive's own history: do not trust that device")]
    FalseLog,
    /// The phrase opens none of the drive's epochs.
    #[error("the recovery phrase opens no key of this drive")]
    NoKeys,
    /// The entry could not be made.
    #[error(transparent)]
    Author(#[from] AuthorError),
}

impl From<WireError> for ReentryError {
    fn from(_: WireError) -> Self {
        ReentryError::Protocol
    }
}

#[derive(Serialize, Deserialize)]
struct Hello {
    suite: u8,
    root_pk: [u8; 32],
    nonce: [u8; 32],
    proof: Signature,
}

#[derive(Serialize, Deserialize)]
enum Message {
    /// A part of the control log; the last says so.
    Log {
        entries: Vec<Bytes>,
        last: bool,
    },
    /// The entry of whoever comes back.
    Entry(Bytes),
    /// It counts now; other devices to ask, as the network writes addresses.
    Welcome {
        peers: Vec<Bytes>,
    },
    Refused,
}

fn session_hash(root_pk: &[u8; 32], nonce: &[u8; 32], exporter: &[u8; 32]) -> [u8; 32] {
    derive_fields(context::REENTRY, &[&[SUITE], root_pk, nonce, exporter])
}

/// The first message. `exporter` is the connection's exported keying material.
///
/// # Errors
/// None in practice: the message is small.
pub fn knock(
    root: &RootKey,
    exporter: &[u8; 32],
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, ReentryError> {
    let mut nonce = [0; 32];
    rng.fill_bytes(&mut nonce);
    let root_pk = root.root_pk();
    let hello = Hello {
        suite: SUITE,
        root_pk,
        nonce,
        proof: root.prove_reentry(&session_hash(&root_pk, &nonce, exporter)),
    };
    Ok([MAGIC, &wire::encode(&hello)?].concat())
}

/// Whether a first message is of somebody who comes back, and not of a joiner.
pub fn is_knock(message: &[u8]) -> bool {
    message.starts_with(MAGIC)
}

/// The root key that whoever knocks has proved to hold, over this very connection.
///
/// # Errors
/// [`ReentryError::Protocol`], `Version`, or `Refused` if the proof is not right.
pub fn who_knocks(message: &[u8], exporter: &[u8; 32]) -> Result<[u8; 32], ReentryError> {
    let rest = message.strip_prefix(MAGIC).ok_or(ReentryError::Protocol)?;
    let hello: Hello = wire::decode(rest, MAX_MESSAGE)?;
    if hello.suite != SUITE {
        return Err(ReentryError::Version(hello.suite));
    }
    let hash = session_hash(&hello.root_pk, &hello.nonce, exporter);
    if verify_hash(&hello.root_pk, sign::REENTRY, &hash, &hello.proof) {
        Ok(hello.root_pk)
    } else {
        Err(ReentryError::Refused)
    }
}

fn genesis_of(entry: &Entry) -> Option<(Genesis, Grant)> {
    let body = ControlBody::decode(&entry.body).ok()?;
    match body.ops.as_slice() {
        [Op::Genesis(genesis), Op::Grant(grant), ..] if entry.header.is_genesis() => {
            Some((genesis.clone(), grant.clone()))
        }
        _ => None,
    }
}

/// Whether a drive was founded with this root key.
pub fn is_founded_by(control: &Control, root_pk: &[u8; 32]) -> bool {
    let first = control.entries().next();
    first
        .and_then(|(_, entry)| genesis_of(entry))
        .is_some_and(|(genesis, _)| genesis.root_pk == *root_pk)
}

/// The control log as messages, each entry after what it builds on.
pub fn log_messages(control: &Control) -> Vec<Vec<u8>> {
    let mut parts: Vec<Vec<Bytes>> = vec![Vec::new()];
    let mut room = PART;
    for (_, entry) in control.entries() {
        let bytes = entry.to_bytes();
        if bytes.len() > room && parts.last().is_some_and(|part| !part.is_empty()) {
            parts.push(Vec::new());
            room = PART;
        }
        room = room.saturating_sub(bytes.len());
        if let Some(part) = parts.last_mut() {
            part.push(Bytes(bytes));
        }
    }
    let count = parts.len();
    let message = |(at, entries)| Message::Log {
        entries,
        last: at + 1 == count,
    };
    let messages = parts.into_iter().enumerate().map(message);
    // Lists of byte strings always encode.
    messages
        .map(|m| wire::encode(&m).unwrap_or_default())
        .collect()
}

/// The message that turns somebody away: the same whatever the reason.
pub fn refuse() -> Vec<u8> {
    wire::encode(&Message::Refused).unwrap_or_default()
}

/// The message that says that the entry counts.
pub fn welcome(peers: &[Vec<u8>]) -> Vec<u8> {
    let peers = peers.iter().cloned().map(Bytes).collect();
    wire::encode(&Message::Welcome { peers }).unwrap_or_default()
}

/// The entry that was handed in, as it came.
///
/// # Errors
/// [`ReentryError::Protocol`].
pub fn read_entry(message: &[u8]) -> Result<Vec<u8>, ReentryError> {
    match wire::decode(message, MAX_MESSAGE)? {
        Message::Entry(bytes) => Ok(bytes.0),
        _ => Err(ReentryError::Protocol),
    }
}

/// Other devices to ask, out of the last message.
///
/// # Errors
/// [`ReentryError::Refused`] or `Protocol`.
pub fn read_welcome(message: &[u8]) -> Result<Vec<Vec<u8>>, ReentryError> {
    match wire::decode(message, MAX_MESSAGE)? {
        Message::Welcome { peers } => Ok(peers.into_iter().map(|p| p.0).collect()),
        Message::Refused => Err(ReentryError::Refused),
        _ => Err(ReentryError::Protocol),
    }
}

/// Takes in the control log as it arrives.
#[derive(Debug, Default)]
pub struct LogReader {
    entries: Vec<Bytes>,
    bytes: usize,
}

impl LogReader {
    /// Takes one message; returns whether it was the last.
    ///
    /// # Errors
    /// [`ReentryError::Refused`], `Protocol`, or `FalseLog` if there is more than any drive has.
    pub fn take(&mut self, message: &[u8]) -> Result<bool, ReentryError> {
        match wire::decode(message, MAX_MESSAGE)? {
            Message::Log { entries, last } => {
                self.bytes += message.len();
                if self.bytes > MAX_LOG || (entries.is_empty() && !last) {
                    return Err(ReentryError::FalseLog);
                }
                self.entries.extend(entries);
                Ok(last)
            }
            Message::Refused => Err(ReentryError::Refused),
            _ => Err(ReentryError::Protocol),
        }
    }

    /// Judges the log: it must be the whole log of the one drive that this root key founded.
    ///
    /// # Errors
    /// [`ReentryError::FalseLog`] or `NoKeys`.
    pub fn judge(self, root: &RootKey) -> Result<Returning, ReentryError> {
        let mut entries = Vec::with_capacity(self.entries.len());
        for bytes in &self.entries {
            entries.push(Entry::decode(bytes).map_err(|_| ReentryError::FalseLog)?);
        }
        let first = entries.first().ok_or(ReentryError::FalseLog)?;
        let (genesis, founder) = genesis_of(first).ok_or(ReentryError::FalseLog)?;
        if genesis.root_pk != root.root_pk() {
            return Err(ReentryError::FalseLog);
        }
        let drive = drive_id(&first.header);
        let mut control = Control::new(drive);
        for entry in entries {
            control.insert(entry).map_err(|_| ReentryError::FalseLog)?;
        }
        if !control.missing().is_empty() {
            return Err(ReentryError::FalseLog);
        }
        let mut keyring = Keyring::new(drive);
        keyring.catch_up(&control, Opener::Root(root));
        control.open_names(&keyring);
        let part = control.genesis_part().ok_or(ReentryError::NoKeys)?;
        let secret = part.drive_secret.as_ref().ok_or(ReentryError::NoKeys)?;
        Ok(Returning {
            drive,
            name: part.drive_name.clone().unwrap_or_default(),
            drive_secret: DriveSecret::from(secret),
            member: founder.member,
            control,
            keyring,
        })
    }
}

/// A drive as the holder of its recovery phrase finds it.
#[derive(Debug)]
pub struct Returning {
    /// Which drive.
    pub drive: DriveId,
    /// What it is called.
    pub name: String,
    /// Its lifetime secret.
    pub drive_secret: DriveSecret,
    /// The founder: whoever comes back is this member again.
    pub member: MemberId,
    /// Its control plane.
    pub control: Control,
    /// The secrets that the phrase opens.
    pub keyring: Keyring,
}

impl Returning {
    /// Makes a new device the founder's, as an owner: the entry is inserted here already. Returns the
    /// device's id and the message that hands the entry in.
    ///
    /// # Errors
    /// [`ReentryError::Author`].
    pub fn enter(
        &mut self,
        root: &RootKey,
        cert: DeviceCert,
        device_label: &str,
        rng: &mut impl CryptoRng,
    ) -> Result<(BindId, Vec<u8>), ReentryError> {
        let grant = Grant {
            member: self.member,
            role: Role::Owner,
            devices: vec![cert.clone()],
            invite: None,
        };
        let draft = Draft::new()
            .grant(grant, "")
            .device_label(&cert, device_label);
        let at = recovery_position(self.drive, rng);
        let signer = Signer::Root(root);
        let authored = control_entry(&self.control, &at, signer, &self.keyring, draft, rng)?;
        let bind = brought_in(&authored.entry);
        let bind = bind.first().copied().ok_or(ReentryError::Protocol)?;
        let message = wire::encode(&Message::Entry(Bytes(authored.entry.to_bytes())))?;
        self.control
            .insert(authored.entry)
            .map_err(AuthorError::from)?;
        if self.control.state().role_of_bind(&bind) == Some(Role::Owner) {
            Ok((bind, message))
        } else {
            Err(ReentryError::FalseLog)
        }
    }
}

#[cfg(test)]
mod tests;

//! An entry of a log: its header, its id, its signature and its sealed body; knows the shape of
//! entries, not who may write them nor what the bodies say (security.md §2.1).

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::{
    aead::{self, NONCE, OpenFailed, fresh_nonce},
    domain::{SUITE, aad, context, sign},
    epoch::EpochKeys,
    identity::{DriveKeys, verify_hash},
    ids::{BindId, DriveId, EntryId, EpochId, LogId},
    kdf::derive,
    wire::{self, Bytes, Signature, WireError, ascends},
};

/// The version of the entry format.
pub const VERSION: u8 = 1;
/// The most bytes of one encoded entry: a frame of the wire.
pub const MAX_ENTRY: usize = 1 << 20;
/// The most bytes of one encoded header.
pub const MAX_HEADER: usize = 8 << 10;
/// The most bytes of one sealed body, so that header, signature and body fit one frame.
pub const MAX_BODY: usize = MAX_ENTRY - MAX_HEADER - 128;
/// The most other logs' heads that one entry may name, in each of its two lists.
pub const MAX_LINKS: usize = 64;

/// Kinds of entries.
pub mod kind {
    /// A list of control operations.
    pub const CONTROL: u8 = 0;
    /// The first entry of a drive, signed by its root key.
    pub const GENESIS: u8 = 1;
    /// Changes to the tree or to text documents.
    pub const EDIT: u8 = 0;
    /// A checkpoint of the document.
    pub const CHECKPOINT: u8 = 1;
    /// Another device's verdict on a checkpoint.
    pub const ACK: u8 = 2;
}

/// Which of a device's two logs an entry belongs to. Control refers to control only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Plane {
    /// Membership, epochs, invites.
    Control,
    /// Tree and text.
    Content,
}

impl From<Plane> for u8 {
    fn from(plane: Plane) -> u8 {
        match plane {
            Plane::Control => 0,
            Plane::Content => 1,
        }
    }
}

impl TryFrom<u8> for Plane {
    type Error = &'static str;

    fn try_from(byte: u8) -> Result<Self, Self::Error> {
        match byte {
            0 => Ok(Plane::Control),
            1 => Ok(Plane::Content),
            _ => Err("there are two planes"),
        }
    }
}

/// Why bytes are not an entry, or an entry could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Not the canonical encoding of an entry.
    #[error("not an entry: {0}")]
    Wire(#[from] WireError),
    /// Of a version or suite that this program does not know; there is no falling back.
    #[error("the entry is of version {version}, suite {suite}: this program knows only 1 and 1")]
    Unknown {
        /// The header's version.
        version: u8,
        /// The header's suite.
        suite: u8,
    },
    /// A list of links is too long, unsorted, holds one twice, or is in the wrong plane.
    #[error("the entry's links are not a short ascending list")]
    Links,
    /// The first entry of a log does not name the log, or the genesis names something.
    #[error("the entry's predecessor does not fit its number")]
    Predecessor,
    /// The body is not the one that the header speaks of.
    #[error("the entry's body is not the one it was signed with")]
    Body,
    /// The signature does not verify.
    #[error("the entry's signature is not right")]
    Signature,
}

/// What an entry says about itself, in the clear, under its author's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryHeader {
    /// [`VERSION`].
    pub v: u8,
    /// [`SUITE`].
    pub suite: u8,
    /// The drive; in a genesis, the founding tag.
    pub drive: DriveId,
    /// Which log.
    pub plane: Plane,
    /// See [`kind`].
    pub kind: u8,
    /// The author; zero where the root key signs.
    pub bind: BindId,
    /// The incarnation of the log: random, chosen when it was opened.
    pub inc: [u8; 16],
    /// The number in the log, from 0.
    pub seq: u64,
    /// The entry before it; at number 0 the log's id; in a genesis zero.
    pub prev: [u8; 32],
    /// Heads of *other* logs of the same plane that the author had, strictly ascending, none an
    /// ancestor of another.
    pub deps: Vec<EntryId>,
    /// Content plane: the control heads that the author had, strictly ascending.
    pub ctrl: Vec<EntryId>,
    /// The epoch whose key seals the body (control plane: its private part).
    pub epoch: EpochId,
    /// Of the seal.
    pub nonce: [u8; NONCE],
    /// Bytes of the sealed body.
    pub body_len: u32,
    /// Hash of the sealed body.
    pub body_hash: [u8; 32],
}

/// The id of a log: recomputed from what its entries carry.
pub fn log_id(drive: &DriveId, bind: &BindId, plane: Plane, inc: &[u8; 16]) -> LogId {
    let mut message = Vec::with_capacity(81);
    message.extend_from_slice(&drive.0);
    message.extend_from_slice(&bind.0);
    message.push(plane.into());
    message.extend_from_slice(inc);
    LogId(derive(context::LOG_ID, &message))
}

impl EntryHeader {
    /// The log it belongs to.
    pub fn log_id(&self) -> LogId {
        log_id(&self.drive, &self.bind, self.plane, &self.inc)
    }

    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.prefix();
        bytes.extend_from_slice(&self.nonce);
        // A header is made of integers, arrays and lists, which postcard always encodes.
        bytes.extend(wire::encode(&self.body_len).unwrap_or_default());
        bytes.extend_from_slice(&self.body_hash);
        bytes
    }

    /// The bytes up to and including `epoch`: what the body's seal is bound to.
    fn prefix(&self) -> Vec<u8> {
        wire::encode(&(
            (self.v, self.suite, &self.drive, self.plane, self.kind),
            (&self.bind, &self.inc, self.seq, &self.prev),
            (&self.deps, &self.ctrl, &self.epoch),
        ))
        .unwrap_or_default()
    }

    /// Its id: the hash of its bytes, without the signature, so that another valid signature over the
    /// same header is the same entry.
    pub fn id(&self) -> EntryId {
        EntryId(derive(context::ENTRY_ID, &self.to_bytes()))
    }

    /// Reads a header by itself (as in a proof of a fork).
    ///
    /// # Errors
    /// As [`Entry::decode`].
    pub fn decode(bytes: &[u8]) -> Result<EntryHeader, EntryError> {
        let header: EntryHeader = wire::decode(bytes, MAX_HEADER)?;
        header.check_shape()?;
        Ok(header)
    }

    fn check_shape(&self) -> Result<(), EntryError> {
        if self.v != VERSION || self.suite != SUITE {
            return Err(EntryError::Unknown {
                version: self.v,
                suite: self.suite,
            });
        }
        let genesis = self.is_genesis();
        if !ascends(&self.deps, MAX_LINKS)
            || !ascends(&self.ctrl, MAX_LINKS)
            || (self.plane == Plane::Control && !self.ctrl.is_empty())
            || (self.plane == Plane::Content && self.ctrl.is_empty())
            || (genesis && !self.deps.is_empty())
        {
            return Err(EntryError::Links);
        }
        let fits = match (genesis, self.seq) {
            (true, seq) => seq == 0 && self.prev == [0; 32] && self.bind == BindId::ZERO,
            (false, 0) => self.prev == self.log_id().0,
            (false, _) => true,
        };
        if !fits || (self.plane == Plane::Content && self.bind == BindId::ZERO) {
            return Err(EntryError::Predecessor);
        }
        Ok(())
    }

    /// Whether this is the first entry of a drive.
    pub fn is_genesis(&self) -> bool {
        self.plane == Plane::Control && self.kind == kind::GENESIS
    }

    /// The entry before this one in its log, if it is not the first.
    pub fn predecessor(&self) -> Option<EntryId> {
        (self.seq > 0).then_some(EntryId(self.prev))
    }

    fn body_aad(&self, bound: &[u8; 32]) -> Vec<u8> {
        aead::aad(aad::ENTRY_BODY, &[&self.prefix(), bound])
    }
}

/// A header, its author's signature and the sealed body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it says about itself.
    pub header: EntryHeader,
    /// Of the author's log key over the id.
    pub sig: Signature,
    /// Sealed.
    pub body: Bytes,
}

impl Entry {
    /// Reads an entry and checks everything that needs no other entry and no key: canonical form,
    /// version, links, predecessor, length and hash of the body. Not the signature.
    ///
    /// # Errors
    /// [`EntryError`], except `Signature`.
    pub fn decode(bytes: &[u8]) -> Result<Entry, EntryError> {
        let entry: Entry = wire::decode(bytes, MAX_ENTRY)?;
        entry.check()?;
        Ok(entry)
    }

    /// Checks what needs no other entry and no key.
    pub(crate) fn check(&self) -> Result<(), EntryError> {
        self.header.check_shape()?;
        if self.header.to_bytes().len() > MAX_HEADER {
            return Err(EntryError::Links);
        }
        if self.body.len() > MAX_BODY
            || u64::from(self.header.body_len) != self.body.len() as u64
            || self.header.body_hash != derive(context::BODY, &self.body)
        {
            return Err(EntryError::Body);
        }
        Ok(())
    }

    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        // As in `EntryHeader::to_bytes`: made of what postcard always encodes.
        wire::encode(self).unwrap_or_default()
    }

    /// Its id.
    pub fn id(&self) -> EntryId {
        self.header.id()
    }

    /// The log it belongs to.
    pub fn log_id(&self) -> LogId {
        self.header.log_id()
    }

    /// Checks the author's signature.
    ///
    /// # Errors
    /// [`EntryError::Signature`].
    pub fn verify(&self, log_pk: &[u8; 32]) -> Result<(), EntryError> {
        verify_header(&self.header, &self.sig, log_pk)
    }

    /// Checks the root key's signature, of a genesis or a recovery.
    pub(crate) fn verify_root(&self, root_pk: &[u8; 32]) -> Result<(), EntryError> {
        if verify_hash(root_pk, sign::GENESIS, &self.id().0, &self.sig) {
            Ok(())
        } else {
            Err(EntryError::Signature)
        }
    }

    /// Opens the body of a content entry.
    ///
    /// # Errors
    /// [`OpenFailed`] if `keys` are of another epoch, or the body was not sealed for this header.
    pub fn open_body(&self, keys: &EpochKeys) -> Result<Vec<u8>, OpenFailed> {
        open_sealed(&self.header, keys, &[0; 32], &self.body)
    }
}

/// Checks the signature of a header alone.
///
/// # Errors
/// [`EntryError::Signature`].
pub fn verify_header(
    header: &EntryHeader,
    sig: &Signature,
    log_pk: &[u8; 32],
) -> Result<(), EntryError> {
    if verify_hash(log_pk, sign::ENTRY, &header.id().0, sig) {
        Ok(())
    } else {
        Err(EntryError::Signature)
    }
}

pub(crate) fn open_sealed(
    header: &EntryHeader,
    keys: &EpochKeys,
    bound: &[u8; 32],
    sealed: &[u8],
) -> Result<Vec<u8>, OpenFailed> {
    if keys.id() != header.epoch {
        return Err(OpenFailed);
    }
    aead::open(
        &keys.body_key(&header.log_id()),
        &header.nonce,
        &header.body_aad(bound),
        sealed,
    )
}

/// Where the next entry of one of our logs goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPosition {
    /// The drive; for a genesis, the founding tag.
    pub drive: DriveId,
    /// Which log.
    pub plane: Plane,
    /// The author.
    pub bind: BindId,
    /// The incarnation.
    pub inc: [u8; 16],
    /// The number that the entry gets.
    pub seq: u64,
    /// See [`EntryHeader::prev`].
    pub prev: [u8; 32],
}

impl LogPosition {
    /// The first place of a new incarnation.
    pub fn open(drive: DriveId, plane: Plane, bind: BindId, rng: &mut impl CryptoRng) -> Self {
        let mut inc = [0; 16];
        rng.fill_bytes(&mut inc);
        let prev = log_id(&drive, &bind, plane, &inc).0;
        LogPosition {
            drive,
            plane,
            bind,
            inc,
            seq: 0,
            prev,
        }
    }

    /// The place after an entry of the same log.
    pub fn after(header: &EntryHeader) -> Self {
        LogPosition {
            drive: header.drive,
            plane: header.plane,
            bind: header.bind,
            inc: header.inc,
            // Nobody writes 2^64 entries; a hostile header at the top stays at the top and is refused.
            seq: header.seq.saturating_add(1),
            prev: header.id().0,
        }
    }

    /// The log.
    pub fn log_id(&self) -> LogId {
        log_id(&self.drive, &self.bind, self.plane, &self.inc)
    }
}

/// The heads that an entry builds on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Links {
    /// Heads of other logs of the same plane; sorted when sealed.
    pub deps: Vec<EntryId>,
    /// Content plane: control heads; sorted when sealed.
    pub ctrl: Vec<EntryId>,
}

/// A header whose body is not sealed yet.
pub(crate) fn draft(
    at: &LogPosition,
    kind: u8,
    mut links: Links,
    epoch: EpochId,
    rng: &mut impl CryptoRng,
) -> EntryHeader {
    links.deps.sort_unstable();
    links.ctrl.sort_unstable();
    EntryHeader {
        v: VERSION,
        suite: SUITE,
        drive: at.drive,
        plane: at.plane,
        kind,
        bind: at.bind,
        inc: at.inc,
        seq: at.seq,
        prev: at.prev,
        deps: links.deps,
        ctrl: links.ctrl,
        epoch,
        nonce: fresh_nonce(rng),
        body_len: 0,
        body_hash: [0; 32],
    }
}

/// Seals bytes for a drafted header.
pub(crate) fn seal_for(
    header: &EntryHeader,
    keys: &EpochKeys,
    bound: &[u8; 32],
    plaintext: &[u8],
) -> Vec<u8> {
    let key = keys.body_key(&header.log_id());
    aead::seal(&key, &header.nonce, &header.body_aad(bound), plaintext)
}

/// Puts the body into a drafted header, checks the shape, and signs.
pub(crate) fn finish(
    mut header: EntryHeader,
    body: Vec<u8>,
    sign: impl FnOnce(&[u8; 32]) -> Signature,
) -> Result<Entry, EntryError> {
    header.body_len = u32::try_from(body.len()).map_err(|_| EntryError::Body)?;
    header.body_hash = derive(context::BODY, &body);
    header.check_shape()?;
    if body.len() > MAX_BODY {
        return Err(EntryError::Body);
    }
    let sig = sign(&header.id().0);
    Ok(Entry {
        header,
        sig,
        body: Bytes(body),
    })
}

/// Makes a content entry: seals `plaintext` (see [`crate::body::ContentBody`] for kind
/// [`kind::EDIT`]) under the epoch's key and signs.
///
/// # Errors
/// [`EntryError::Links`] if there are too many or duplicate links, or no control head;
/// [`EntryError::Body`] if the plaintext is longer than [`MAX_BODY`] allows.
pub fn content_entry(
    at: &LogPosition,
    kind: u8,
    links: Links,
    epoch: &EpochKeys,
    plaintext: &[u8],
    keys: &DriveKeys,
    rng: &mut impl CryptoRng,
) -> Result<Entry, EntryError> {
    if at.plane != Plane::Content {
        return Err(EntryError::Predecessor);
    }
    let header = draft(at, kind, links, epoch.id(), rng);
    let body = seal_for(&header, epoch, &[0; 32], plaintext);
    finish(header, body, |hash| keys.sign(sign::ENTRY, hash))
}

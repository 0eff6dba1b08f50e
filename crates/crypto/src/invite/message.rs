//! The messages of a join, their transcript and their errors; knows no order of sending.

use serde::{Deserialize, Serialize};

use crate::{
    aead,
    domain::{SUITE, aad, context},
    identity::{CertError, DeviceCert},
    ids::{BindId, DriveId, EpochId, InviteId, MemberId},
    kdf::derive_fields,
    wire::{self, Bytes, Signature, WireError},
    words,
};

/// The most bytes of one message.
pub const MAX_MESSAGE: usize = 1 << 20;
/// The version of the handshake.
pub(super) const VERSION: u8 = 1;

/// Why a gatekeeper does not let somebody in: all that it says on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refused {
    /// Said to anybody who has not proved to hold the ticket.
    #[error("this device does not know the invite")]
    NotAdmitted,
    /// It was valid until a time that has passed.
    #[error("the invite has expired: ask for a new one")]
    Expired,
    /// As many have joined by it as may.
    #[error("the invite has been used already: if that was not you, tell whoever invited you")]
    UsedUp,
    /// The inviter took it back.
    #[error("the invite was taken back: ask for a new one")]
    Revoked,
    /// The inviter looked, and said no.
    #[error("whoever invited you did not confirm")]
    Declined,
}

/// Why a join failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// A message is damaged, or not the one that comes now.
    #[error("the other side does not follow the protocol")]
    Protocol,
    /// A message of another version or suite: there is no falling back.
    #[error("the other side speaks another version of the protocol ({0})")]
    Version(u8),
    /// The gatekeeper is not of the drive that the ticket names, or not the device it claims to be.
    #[error("whoever answered is not a device of the drive in the invite: nothing was sent to it")]
    WrongDrive,
    /// The joiner does not hold the ticket, or speaks for another connection.
    #[error("the joiner did not prove that it holds the invite")]
    BadProof,
    /// The joiner's certificate is not right.
    #[error(transparent)]
    Cert(#[from] CertError),
    /// The gatekeeper said no.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The welcome does not open, or what it says does not hold in the drive's own log.
    #[error("the welcome does not hold in the drive's own history: do not trust this drive")]
    FalseWelcome,
}

impl From<WireError> for JoinError {
    fn from(_: WireError) -> Self {
        JoinError::Protocol
    }
}

/// Everything that is sent in a join.
#[derive(Serialize, Deserialize)]
pub(super) enum Message {
    Hello(HelloBody),
    Challenge(Challenge),
    Request(Box<Request>),
    Waiting,
    Welcome { enc: [u8; 32], sealed: Bytes },
    Refused(Refused),
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct HelloBody {
    pub(super) v: u8,
    pub(super) suite: u8,
    pub(super) invite: InviteId,
    pub(super) nonce: [u8; 32],
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Challenge {
    pub(super) nonce: [u8; 32],
    pub(super) bind: BindId,
    pub(super) path: Vec<Bytes>,
    pub(super) proof: Signature,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) cert: DeviceCert,
    pub(super) label: String,
    pub(super) device_label: String,
    pub(super) by_invite: Signature,
    pub(super) by_device: Signature,
}

/// What is sealed in a welcome.
#[derive(Serialize, Deserialize)]
pub(super) struct WelcomeBody {
    pub(super) member: MemberId,
    pub(super) bind: BindId,
    pub(super) epoch: EpochId,
    pub(super) epoch_secret: [u8; 32],
    pub(super) drive_secret: [u8; 32],
    pub(super) drive_name: String,
    pub(super) control: Vec<Bytes>,
    pub(super) peers: Vec<Bytes>,
}

impl Drop for WelcomeBody {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.epoch_secret);
        zeroize::Zeroize::zeroize(&mut self.drive_secret);
    }
}

impl Message {
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, JoinError> {
        let bytes = wire::encode(self)?;
        if bytes.len() > MAX_MESSAGE {
            Err(JoinError::Protocol)
        } else {
            Ok(bytes)
        }
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Message, JoinError> {
        Ok(wire::decode(bytes, MAX_MESSAGE)?)
    }
}

/// What both sides have said, bound to the drive and to the connection.
#[derive(Clone, Copy)]
pub(super) struct Transcript(pub(super) [u8; 32]);

impl Transcript {
    /// What the gatekeeper signs.
    pub(super) fn offer(
        hello: &HelloBody,
        challenge: &Challenge,
        drive: &DriveId,
        exporter: &[u8; 32],
    ) -> Result<[u8; 32], JoinError> {
        let (hello, path) = (wire::encode(hello)?, wire::encode(&challenge.path)?);
        let fields: [&[u8]; 6] = [
            &hello,
            &challenge.nonce,
            &challenge.bind.0,
            &path,
            &drive.0,
            exporter,
        ];
        Ok(derive_fields(context::JOIN_HELLO, &fields))
    }

    pub(super) fn new(offer: &[u8; 32], proof: &Signature) -> Transcript {
        Transcript(derive_fields(context::JOIN_TRANSCRIPT, &[offer, &proof.0]))
    }

    /// What the joiner signs.
    pub(super) fn request(&self, cert: &DeviceCert, label: &str, device: &str) -> [u8; 32] {
        let fields: [&[u8]; 4] = [&self.0, &cert.hash(), label.as_bytes(), device.as_bytes()];
        derive_fields(context::JOIN_REQUEST, &fields)
    }

    /// Six words that both people see: the same only if nobody is between them.
    pub(super) fn words(&self, cert: &DeviceCert) -> String {
        let hash = derive_fields(context::JOIN_WORDS, &[&self.0, &cert.hash()]);
        words::encode(&hash[..9]).join(" ")
    }
}

pub(super) fn welcome_info(drive: &DriveId) -> Vec<u8> {
    aead::aad(aad::WELCOME, &[&drive.0, &[SUITE]])
}

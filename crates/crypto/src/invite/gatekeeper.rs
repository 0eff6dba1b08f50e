//! The inviting device's side of a join, message by message; knows no clock and no storage: whether the
//! invite is still open is asked again at the moment of admission.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::message::{
    Challenge, HelloBody, JoinError, Message, Refused, Transcript, VERSION, WelcomeBody,
    welcome_info,
};
use crate::{
    author::Draft,
    body::{Grant, MAX_LABEL, Role},
    domain::{SUITE, sign},
    hpke_wrap,
    identity::{DeviceCert, DriveKeys, verify_hash},
    ids::{BindId, DriveId, EndpointKey, InviteId, MemberId},
    keyring::Keyring,
    membership::{Control, InviteState},
    secret::DriveSecret,
    wire::{self, Bytes, Fixed},
};

/// How many seconds after its end an invite is still taken: clocks differ.
const GRACE: u64 = 300;
/// How many bytes of control entries go into a welcome at most; the rest comes by sync.
const MAX_WELCOME_CONTROL: usize = 768 << 10;

/// A joiner's first message.
pub struct Hello(HelloBody);

impl std::fmt::Debug for Hello {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hello({})", self.0.invite)
    }
}

impl Hello {
    /// By which invite it wants in: tells the drive.
    pub fn invite(&self) -> InviteId {
        self.0.invite
    }
}

/// Reads a joiner's first message.
///
/// # Errors
/// [`JoinError::Protocol`] or [`JoinError::Version`].
pub fn read_hello(bytes: &[u8]) -> Result<Hello, JoinError> {
    match Message::read(bytes)? {
        Message::Hello(hello) if hello.v != VERSION => Err(JoinError::Version(hello.v)),
        Message::Hello(hello) if hello.suite != SUITE => Err(JoinError::Version(hello.suite)),
        Message::Hello(hello) => Ok(Hello(hello)),
        _ => Err(JoinError::Protocol),
    }
}

/// The message that turns somebody away.
pub fn refuse(reason: Refused) -> Vec<u8> {
    // Two bytes of integers: always encodes.
    Message::Refused(reason).to_bytes().unwrap_or_default()
}

/// The message that asks for patience, while a person compares the words.
pub fn waiting() -> Vec<u8> {
    Message::Waiting.to_bytes().unwrap_or_default()
}

/// The inviting device.
#[derive(Debug, Clone, Copy)]
pub struct Admitting<'a> {
    /// The drive's control plane.
    pub control: &'a Control,
    /// This device.
    pub bind: BindId,
    /// Its keys.
    pub keys: &'a DriveKeys,
}

impl Admitting<'_> {
    /// Answers a hello with proof of being a device of the drive. `exporter` is the connection's exported
    /// keying material. Allocates nothing that the joiner chose.
    ///
    /// # Errors
    /// [`JoinError::Protocol`] if the proof would not fit a message.
    pub fn challenge(
        &self,
        hello: Hello,
        exporter: &[u8; 32],
        rng: &mut impl CryptoRng,
    ) -> Result<(Challenged, Vec<u8>), JoinError> {
        let mut nonce = [0; 32];
        rng.fill_bytes(&mut nonce);
        let path = self.control.path_to(&self.bind);
        let mut challenge = Challenge {
            nonce,
            bind: self.bind,
            path: path.iter().map(|e| Bytes(e.to_bytes())).collect(),
            proof: Fixed([0; 64]),
        };
        let drive = self.control.drive();
        let offer = Transcript::offer(&hello.0, &challenge, &drive, exporter)?;
        challenge.proof = self.keys.sign(sign::JOIN_GATEKEEPER, &offer);
        let transcript = Transcript::new(&offer, &challenge.proof);
        let reply = Message::Challenge(challenge).to_bytes()?;
        Ok((
            Challenged {
                drive,
                invite: hello.0.invite,
                transcript,
            },
            reply,
        ))
    }
}

/// A join whose challenge was sent.
pub struct Challenged {
    drive: DriveId,
    invite: InviteId,
    transcript: Transcript,
}

impl std::fmt::Debug for Challenged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Challenged({})", self.invite)
    }
}

impl Challenged {
    /// Checks the joiner's request. `remote` is the endpoint at the other end of the connection, `now` is
    /// in seconds since 1970. The reason for a refusal is given only to who holds the ticket.
    ///
    /// # Errors
    /// [`JoinError`]; send [`refuse`] with [`JoinError::Refused`]'s reason, or [`Refused::NotAdmitted`].
    pub fn request(
        self,
        bytes: &[u8],
        invite: &InviteState,
        remote: &EndpointKey,
        now: u64,
    ) -> Result<Applicant, JoinError> {
        let Message::Request(request) = Message::read(bytes)? else {
            return Err(JoinError::Protocol);
        };
        if invite.invite.id != self.invite {
            return Err(JoinError::Protocol);
        }
        if request.label.len() > MAX_LABEL || request.device_label.len() > MAX_LABEL {
            return Err(JoinError::Protocol);
        }
        let cert = request.cert;
        let hash = self
            .transcript
            .request(&cert, &request.label, &request.device_label);
        let invite_pk = &invite.invite.invite_pk;
        if !verify_hash(invite_pk, sign::JOIN_INVITE, &hash, &request.by_invite)
            || !verify_hash(&cert.log_pk, sign::JOIN_DEVICE, &hash, &request.by_device)
            || cert.endpoint != *remote
        {
            return Err(JoinError::BadProof);
        }
        cert.verify(&self.drive)?;
        let applicant = Applicant {
            words: self.transcript.words(&cert),
            cert,
            label: request.label,
            device_label: request.device_label,
            role: invite.invite.role,
            asks_words: invite.asks_words(),
            invite: self.invite,
            transcript: self.transcript,
        };
        applicant.still_open(invite, now)?;
        Ok(applicant)
    }
}

/// What a welcome says besides the log.
#[derive(Debug)]
pub struct Newcomer<'a> {
    /// Who the joiner became.
    pub member: MemberId,
    /// The joiner's device.
    pub bind: BindId,
    /// The drive's lifetime secret.
    pub drive_secret: &'a DriveSecret,
    /// What the drive is called.
    pub drive_name: &'a str,
    /// Other devices to ask, as the network writes addresses.
    pub peers: &'a [Vec<u8>],
}

/// Somebody who holds the ticket and may be let in.
pub struct Applicant {
    /// Their device.
    pub cert: DeviceCert,
    /// What they call themselves. Untrusted text.
    pub label: String,
    /// What they call their device. Untrusted text.
    pub device_label: String,
    /// What the invite grants.
    pub role: Role,
    /// By which invite.
    pub invite: InviteId,
    /// Whether a person must compare [`Applicant::words`] first.
    pub asks_words: bool,
    words: String,
    transcript: Transcript,
}

impl std::fmt::Debug for Applicant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Applicant({}, {})", self.invite, self.role)
    }
}

impl Applicant {
    /// Six words that the joiner sees too, if nobody is in between.
    pub fn words(&self) -> &str {
        &self.words
    }

    /// Whether the invite can be used at this moment: to be asked in the same turn in which the grant is
    /// written, so that one use is one use.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn still_open(&self, invite: &InviteState, now: u64) -> Result<(), Refused> {
        if invite.revoked {
            Err(Refused::Revoked)
        } else if now > invite.invite.not_after.saturating_add(GRACE) {
            Err(Refused::Expired)
        } else if invite.uses >= invite.invite.max_uses {
            Err(Refused::UsedUp)
        } else {
            Ok(())
        }
    }

    /// The control entry that lets them in.
    pub fn admission(&self, rng: &mut impl CryptoRng) -> (MemberId, Draft) {
        let mut member = MemberId::ZERO;
        rng.fill_bytes(&mut member.0);
        let grant = Grant {
            member,
            role: self.role,
            devices: vec![self.cert.clone()],
            invite: Some(self.invite),
        };
        let draft = Draft::new().grant(grant, &self.label);
        (member, draft.device_label(&self.cert, &self.device_label))
    }

    /// The welcome, sealed to the joiner and to this conversation: after the grant that brought them in
    /// is part of `control`.
    ///
    /// # Errors
    /// [`JoinError::Protocol`] if this device has no current epoch to give, or it is too much.
    pub fn welcome(
        &self,
        control: &Control,
        keyring: &Keyring,
        newcomer: &Newcomer<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, JoinError> {
        let current = control
            .state()
            .current_epoch()
            .and_then(|id| keyring.get(&id));
        let keys = current.ok_or(JoinError::Protocol)?;
        let mut room = MAX_WELCOME_CONTROL;
        let entries = control.entries().map(|(_, entry)| Bytes(entry.to_bytes()));
        // In order, so that what is sent can be evaluated as far as it goes.
        let fitting = entries.take_while(|bytes| {
            let fits = bytes.len() <= room;
            room = room.saturating_sub(bytes.len());
            fits
        });
        let body = WelcomeBody {
            member: newcomer.member,
            bind: newcomer.bind,
            epoch: keys.id(),
            epoch_secret: *keys.secret().expose_for_sealing(),
            drive_secret: *newcomer.drive_secret.expose_for_sealing(),
            drive_name: newcomer.drive_name.to_owned(),
            control: fitting.collect(),
            peers: newcomer.peers.iter().cloned().map(Bytes).collect(),
        };
        let plain = Zeroizing::new(wire::encode(&body)?);
        let info = welcome_info(&control.drive());
        let (enc, sealed) =
            hpke_wrap::seal_to(&self.cert.kem_pk, &info, &self.transcript.0, &plain, rng)
                .map_err(|_| JoinError::Protocol)?;
        Message::Welcome {
            enc,
            sealed: Bytes(sealed),
        }
        .to_bytes()
    }
}

//! The joiner's side of a join, message by message: trusts nothing but the ticket, and checks that whoever
//! answers is of the drive that the ticket names.

use std::collections::BTreeMap;

use rand_core::CryptoRng;

use super::{
    message::{
        Challenge, HelloBody, JoinError, Message, Request, Transcript, VERSION, WelcomeBody,
        welcome_info,
    },
    ticket::Ticket,
};
use crate::{
    author::brought_in,
    body::{ControlBody, MAX_LABEL, Op, drive_id},
    domain::{SUITE, sign},
    entry::Entry,
    identity::{DeviceCert, DriveKeys, sign_hash, verify_hash},
    ids::{BindId, DriveId, EndpointKey, MemberId},
    keyring::{Keyring, Opener},
    membership::Control,
    secret::{DriveSecret, EndpointSecret, EpochSecret},
    wire,
};

/// The longest path of entries from the genesis to the gatekeeper.
const MAX_PATH: usize = 64;

/// Who wants to join.
#[derive(Debug)]
pub struct JoinerIdentity<'a> {
    /// Fresh keys for this drive.
    pub keys: &'a DriveKeys,
    /// The device's endpoint.
    pub endpoint: &'a EndpointSecret,
    /// What the person calls themselves.
    pub label: &'a str,
    /// What the person calls the device.
    pub device_label: &'a str,
    /// Seconds since 1970: shown only.
    pub now: u64,
}

/// What to do next.
#[derive(Debug)]
pub enum Step {
    /// Send this and await the answer.
    Send(Vec<u8>),
    /// Nothing: the inviter's person compares these words with the joiner's. Await the answer.
    Wait {
        /// Six words to show.
        words: String,
    },
    /// Done.
    Joined(Box<Joined>),
}

/// What a joiner has in the end.
#[derive(Debug)]
pub struct Joined {
    /// Which drive.
    pub drive: DriveId,
    /// What it is called. Untrusted text.
    pub name: String,
    /// Who the joiner is in it.
    pub member: MemberId,
    /// The joiner's device in it.
    pub bind: BindId,
    /// The control plane, as far as it came along.
    pub control: Control,
    /// The secrets, each checked against the log as far as that came along.
    pub keyring: Keyring,
    /// The secret of the epoch to write with, to be inserted once the log is complete, if it was not.
    pub epoch: (crate::ids::EpochId, EpochSecret),
    /// The drive's lifetime secret.
    pub drive_secret: DriveSecret,
    /// Other devices to ask, as the network writes addresses.
    pub peers: Vec<Vec<u8>>,
    /// The whole log came along, and in it the joiner's grant is valid. Otherwise fetch the rest and ask
    /// [`Joined::holds`] before anything is shown or trusted.
    pub verified: bool,
}

impl Joined {
    /// Whether, in the drive's own log, this device is live with this certificate, and the secrets are
    /// the ones that the log commits to.
    pub fn holds(&self, control: &Control, cert: &DeviceCert) -> bool {
        let mut keyring = Keyring::new(self.drive);
        let live = control.state().bind(&self.bind).is_some_and(|b| {
            b.live && b.cert.log_pk == cert.log_pk && b.cert.kem_pk == cert.kem_pk
        });
        live && keyring.insert(control, &self.epoch.0, self.epoch.1.duplicate())
    }
}

enum State {
    AwaitChallenge {
        hello: HelloBody,
    },
    AwaitWelcome {
        transcript: Transcript,
        cert: Box<DeviceCert>,
    },
    Over,
}

/// See the module.
pub struct Joiner {
    ticket: Ticket,
    exporter: [u8; 32],
    remote: EndpointKey,
    state: State,
}

impl std::fmt::Debug for Joiner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Joiner({})", self.ticket.invite)
    }
}

impl Joiner {
    /// Begins: the message to send first. `exporter` is the connection's exported keying material,
    /// `remote` the endpoint at its other end.
    ///
    /// # Errors
    /// None in practice: the message is small.
    pub fn start(
        ticket: Ticket,
        exporter: [u8; 32],
        remote: EndpointKey,
        rng: &mut impl CryptoRng,
    ) -> Result<(Joiner, Vec<u8>), JoinError> {
        let mut nonce = [0; 32];
        rng.fill_bytes(&mut nonce);
        let hello = HelloBody {
            v: VERSION,
            suite: SUITE,
            invite: ticket.invite,
            nonce,
        };
        let bytes = Message::Hello(hello.clone()).to_bytes()?;
        Ok((
            Joiner {
                ticket,
                exporter,
                remote,
                state: State::AwaitChallenge { hello },
            },
            bytes,
        ))
    }

    /// Takes the next message of the gatekeeper.
    ///
    /// # Errors
    /// [`JoinError`]; the conversation is over then.
    pub fn receive(&mut self, bytes: &[u8], me: &JoinerIdentity<'_>) -> Result<Step, JoinError> {
        let state = std::mem::replace(&mut self.state, State::Over);
        match (state, Message::read(bytes)?) {
            (_, Message::Refused(reason)) => Err(reason.into()),
            (State::AwaitChallenge { hello }, Message::Challenge(challenge)) => {
                self.answer(&hello, &challenge, me)
            }
            (State::AwaitWelcome { transcript, cert }, Message::Waiting) => {
                let words = transcript.words(&cert);
                self.state = State::AwaitWelcome { transcript, cert };
                Ok(Step::Wait { words })
            }
            (State::AwaitWelcome { transcript, cert }, Message::Welcome { enc, sealed }) => {
                let info = welcome_info(&self.ticket.drive);
                let plain = me
                    .keys
                    .open(&enc, &info, &transcript.0, &sealed)
                    .map_err(|_| JoinError::FalseWelcome)?;
                let body: WelcomeBody = wire::decode(&plain, super::MAX_MESSAGE)?;
                self.enter(&body, &cert, me)
                    .map(|joined| Step::Joined(Box::new(joined)))
            }
            _ => Err(JoinError::Protocol),
        }
    }

    fn answer(
        &mut self,
        hello: &HelloBody,
        challenge: &Challenge,
        me: &JoinerIdentity<'_>,
    ) -> Result<Step, JoinError> {
        let drive = self.ticket.drive;
        if me.label.len() > MAX_LABEL || me.device_label.len() > MAX_LABEL {
            return Err(JoinError::Protocol);
        }
        let gatekeeper = check_path(&drive, challenge)?;
        let offer = Transcript::offer(hello, challenge, &drive, &self.exporter)?;
        let proof = &challenge.proof;
        if gatekeeper.endpoint != self.remote
            || !verify_hash(&gatekeeper.log_pk, sign::JOIN_GATEKEEPER, &offer, proof)
        {
            return Err(JoinError::WrongDrive);
        }
        let transcript = Transcript::new(&offer, proof);
        let cert = DeviceCert::issue(&drive, me.keys, me.endpoint, me.now);
        let hash = transcript.request(&cert, me.label, me.device_label);
        let request = Request {
            cert: cert.clone(),
            label: me.label.to_owned(),
            device_label: me.device_label.to_owned(),
            by_invite: sign_hash(&self.ticket.signing_key(), sign::JOIN_INVITE, &hash),
            by_device: me.keys.sign(sign::JOIN_DEVICE, &hash),
        };
        let cert = Box::new(cert);
        self.state = State::AwaitWelcome { transcript, cert };
        Ok(Step::Send(Message::Request(Box::new(request)).to_bytes()?))
    }

    fn enter(
        &self,
        body: &WelcomeBody,
        cert: &DeviceCert,
        me: &JoinerIdentity<'_>,
    ) -> Result<Joined, JoinError> {
        let drive = self.ticket.drive;
        let mut control = Control::new(drive);
        for bytes in &body.control {
            control
                .insert_bytes(bytes)
                .map_err(|_| JoinError::FalseWelcome)?;
        }
        let mut keyring = Keyring::new(drive);
        let secret = EpochSecret::from_bytes(body.epoch_secret);
        keyring.insert(&control, &body.epoch, secret.duplicate());
        keyring.catch_up(&control, Opener::Device(me.keys));
        control.open_names(&keyring);
        let in_log = control.genesis_part().and_then(|p| p.drive_secret.as_ref());
        let drive_secret = DriveSecret::from_bytes(body.drive_secret);
        if in_log.is_some_and(|sealed| DriveSecret::from(sealed) != drive_secret) {
            return Err(JoinError::FalseWelcome);
        }
        let complete = control.missing().is_empty() && control.state().bind(&body.bind).is_some();
        let mut joined = Joined {
            drive,
            name: body.drive_name.clone(),
            member: body.member,
            bind: body.bind,
            control: Control::new(drive),
            keyring,
            epoch: (body.epoch, secret),
            drive_secret,
            peers: body.peers.iter().map(|p| p.0.clone()).collect(),
            verified: false,
        };
        joined.verified = joined.holds(&control, cert);
        joined.control = control;
        // A log that came along whole and does not hold is a lie; one cut for length is not.
        if complete && !joined.verified {
            Err(JoinError::FalseWelcome)
        } else {
            Ok(joined)
        }
    }
}

/// Checks the entries that lead from the drive's genesis to the gatekeeper: each is signed by a device
/// that an earlier one brought in. That nobody was removed meanwhile is judged later, with the whole log.
fn check_path(drive: &DriveId, challenge: &Challenge) -> Result<DeviceCert, JoinError> {
    let wrong = JoinError::WrongDrive;
    if challenge.path.len() > MAX_PATH {
        return Err(wrong);
    }
    let mut known: BTreeMap<BindId, DeviceCert> = BTreeMap::new();
    let mut root: Option<[u8; 32]> = None;
    for bytes in &challenge.path {
        let entry = Entry::decode(bytes).map_err(|_| wrong)?;
        let body = ControlBody::decode(&entry.body).map_err(|_| wrong)?;
        match (root, body.ops.first()) {
            (None, Some(Op::Genesis(genesis)))
                if entry.header.is_genesis()
                    && drive_id(&entry.header) == *drive
                    && genesis.founding_tag() == entry.header.drive =>
            {
                entry.verify_root(&genesis.root_pk).map_err(|_| wrong)?;
                root = Some(genesis.root_pk);
            }
            (Some(root), _) if entry.header.drive == *drive => {
                match known.get(&entry.header.bind) {
                    Some(cert) => entry.verify(&cert.log_pk).map_err(|_| wrong)?,
                    None if entry.header.bind == BindId::ZERO => {
                        entry.verify_root(&root).map_err(|_| wrong)?;
                    }
                    None => return Err(wrong),
                }
            }
            _ => return Err(wrong),
        }
        let certs = body.ops.iter().flat_map(|op| match op {
            Op::Grant(grant) => grant.devices.clone(),
            Op::AddDevice(cert) => vec![cert.clone()],
            _ => Vec::new(),
        });
        for (bind, cert) in brought_in(&entry).into_iter().zip(certs) {
            cert.verify(&entry.header.drive).map_err(|_| wrong)?;
            known.insert(bind, cert);
        }
    }
    known.remove(&challenge.bind).ok_or(wrong)
}

//! The text that a person sends to another to invite them; knows nothing of what addresses look like.

use ed25519_dalek::SigningKey;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    body::{Approve, Invite, MAX_LABEL, Role},
    domain::{context, label},
    ids::{BindId, DriveId, InviteId},
    kdf::kdf,
    secret::TicketSecret,
    text::{TextError, from_text, to_text},
    wire::{self, Bytes},
};

/// What every ticket begins with. What follows the `#` is never sent to a server by anything that treats
/// the ticket as a link (attack E4).
const PREFIX: &str = "peerdrive:join#";
/// The version of the format.
const VERSION: u8 = 1;
/// The most addresses of gatekeepers.
pub const MAX_GATEKEEPERS: usize = 4;
/// The most bytes of one address.
pub const MAX_ADDRESS: usize = 512;
/// The most characters of a ticket's text.
const MAX_TEXT: usize = 8192;

/// Why a text is not a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// It does not begin as one.
    #[error("this is not an invite: it should begin with \"peerdrive:join#\"")]
    NotATicket,
    /// A character is wrong, missing or too many.
    #[error("the invite is damaged or incomplete: copy it again in full")]
    Damaged,
    /// Of a newer program.
    #[error("the invite was made by a newer version ({0}): update this program")]
    Version(u8),
    /// A list or a name is longer than a ticket may carry.
    #[error("the invite holds more than an invite may")]
    TooMuch,
}

/// An invite as its holder has it.
#[derive(Debug)]
pub struct Ticket {
    /// Which drive: the joiner checks that it is led to this one.
    pub drive: DriveId,
    /// What the inviter calls the drive. Untrusted text.
    pub name: String,
    /// Which invite.
    pub invite: InviteId,
    /// Proves that one holds the ticket.
    pub secret: TicketSecret,
    /// Where the inviting device may be reached, as the network writes addresses.
    pub gatekeepers: Vec<Vec<u8>>,
    /// What it says it grants; what counts is the invite in the drive.
    pub role: Role,
    /// Until when, in seconds since 1970.
    pub not_after: u64,
}

#[derive(Serialize, Deserialize)]
struct Raw {
    v: u8,
    drive: DriveId,
    name: String,
    invite: InviteId,
    secret: [u8; 32],
    gatekeepers: Vec<Bytes>,
    role: Role,
    not_after: u64,
}

impl Drop for Raw {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
    }
}

impl Ticket {
    /// The text: to be shown and sent, never logged or put into a command line.
    ///
    /// # Errors
    /// [`TicketError::TooMuch`].
    pub fn to_text(&self) -> Result<Zeroizing<String>, TicketError> {
        if self.gatekeepers.len() > MAX_GATEKEEPERS
            || self.gatekeepers.iter().any(|a| a.len() > MAX_ADDRESS)
            || self.name.len() > MAX_LABEL
        {
            return Err(TicketError::TooMuch);
        }
        let raw = Raw {
            v: VERSION,
            drive: self.drive,
            name: self.name.clone(),
            invite: self.invite,
            secret: *self.secret.expose_for_sealing(),
            gatekeepers: self.gatekeepers.iter().map(|a| Bytes(a.clone())).collect(),
            role: self.role,
            not_after: self.not_after,
        };
        let bytes = Zeroizing::new(wire::encode(&raw).map_err(|_| TicketError::TooMuch)?);
        Ok(to_text(PREFIX, context::TICKET_SUM, &bytes))
    }

    /// Reads a text; white space around it and line breaks in it do not matter.
    ///
    /// # Errors
    /// [`TicketError`].
    pub fn parse(text: &str) -> Result<Ticket, TicketError> {
        let payload = from_text(PREFIX, context::TICKET_SUM, MAX_TEXT, text);
        let payload = payload.map_err(|error| match error {
            TextError::Other => TicketError::NotATicket,
            TextError::Damaged => TicketError::Damaged,
        })?;
        // The sum is right, so this is how it was made: a version tells, before the rest is read.
        match payload.first() {
            Some(&VERSION) => {}
            Some(other) => return Err(TicketError::Version(*other)),
            None => return Err(TicketError::Damaged),
        }
        let raw: Raw = wire::decode(&payload, MAX_TEXT).map_err(|_| TicketError::Damaged)?;
        if raw.gatekeepers.len() > MAX_GATEKEEPERS
            || raw.gatekeepers.iter().any(|a| a.len() > MAX_ADDRESS)
            || raw.name.len() > MAX_LABEL
        {
            return Err(TicketError::TooMuch);
        }
        Ok(Ticket {
            drive: raw.drive,
            name: raw.name.clone(),
            invite: raw.invite,
            secret: TicketSecret::from_bytes(raw.secret),
            gatekeepers: raw.gatekeepers.iter().map(|a| a.0.clone()).collect(),
            role: raw.role,
            not_after: raw.not_after,
        })
    }

    pub(super) fn signing_key(&self) -> SigningKey {
        signing_key(&self.drive, &self.invite, &self.secret)
    }
}

fn signing_key(drive: &DriveId, invite: &InviteId, secret: &TicketSecret) -> SigningKey {
    let seed = kdf(
        secret.expose_for_sealing(),
        label::INVITE_SIGN,
        drive,
        &[&invite.0],
    );
    SigningKey::from_bytes(&Zeroizing::new(seed))
}

/// What an invite is to offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The drive's name, to put into the ticket.
    pub name: String,
    /// At most admin.
    pub role: Role,
    /// At least 1.
    pub max_uses: u32,
    /// Until when, in seconds since 1970.
    pub not_after: u64,
    /// The device that will admit.
    pub gatekeeper: BindId,
    /// Where it may be reached.
    pub addresses: Vec<Vec<u8>>,
    /// What it asks first.
    pub approve: Approve,
}

/// Makes an invite: the operation to publish, and the ticket to hand over. The operation holds only the
/// public half, so no other admin can use it (attack X7).
pub fn new_invite(drive: &DriveId, offer: Offer, rng: &mut impl CryptoRng) -> (Invite, Ticket) {
    let mut id = InviteId::ZERO;
    rng.fill_bytes(&mut id.0);
    let secret = TicketSecret::generate(rng);
    let invite = Invite {
        id,
        invite_pk: signing_key(drive, &id, &secret).verifying_key().to_bytes(),
        role: offer.role,
        max_uses: offer.max_uses,
        not_after: offer.not_after,
        gatekeeper: offer.gatekeeper,
        approve: offer.approve,
    };
    let ticket = Ticket {
        drive: *drive,
        name: offer.name,
        invite: id,
        secret,
        gatekeepers: offer.addresses,
        role: offer.role,
        not_after: offer.not_after,
    };
    (invite, ticket)
}

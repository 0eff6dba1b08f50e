//! Inviting and admitting, as control entries of this device. Knows the rules' side of a join, not the
//! connection it runs over.

use peerdrive_crypto::author::{Draft, brought_in};
use peerdrive_crypto::body::{Approve, Role};
use peerdrive_crypto::ids::{EndpointKey, InviteId};
use peerdrive_crypto::invite::{
    Admitting, Applicant, Challenged, Hello, JoinError, Newcomer, Offer, Refused, new_invite,
};
use peerdrive_crypto::membership::InviteState;
use peerdrive_crypto::secret::DriveSecret;

use super::error::DriveError;
use super::replica::Replica;

/// What an invite is to grant.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) role: Role,
    /// Seconds since 1970.
    pub(crate) not_after: u64,
    pub(crate) uses: u32,
    /// Whether a person compares words before anyone is let in.
    pub(crate) approve: bool,
    /// The drive's name, for the ticket.
    pub(crate) name: String,
    /// Where this device may be reached.
    pub(crate) addresses: Vec<Vec<u8>>,
}

/// A joiner's request, with what the connection says of who sent it.
#[derive(Debug)]
pub(crate) struct Applying {
    pub(crate) challenged: Challenged,
    pub(crate) invite: InviteId,
    pub(crate) request: Vec<u8>,
    pub(crate) remote: EndpointKey,
}

impl Replica {
    /// Publishes an invite and returns its ticket, which is a secret.
    pub(crate) fn invite(&mut self, terms: Terms) -> Result<(InviteId, Ticket), DriveError> {
        if self.control.role() < Some(Role::Admin) {
            return Err(DriveError::NotAllowed);
        }
        if terms.role > Role::Admin {
            return Err(DriveError::Refused("nobody is invited as an owner".into()));
        }
        let offer = Offer {
            name: terms.name,
            role: terms.role,
            max_uses: terms.uses,
            not_after: terms.not_after,
            gatekeeper: self.own.bind,
            addresses: terms.addresses,
            approve: if terms.approve {
                Approve::Words
            } else {
                Approve::Auto
            },
        };
        let (invite, ticket) = new_invite(&self.drive, offer, &mut crate::env::rng());
        let id = invite.id;
        self.author(Draft::new().invite(invite))?;
        let text = ticket.to_text().map_err(|_| DriveError::TooLarge)?;
        Ok((id, Ticket(text)))
    }

    /// Whether this device is the one to admit by this invite.
    pub(crate) fn is_gatekeeper_of(&self, invite: &InviteId) -> bool {
        self.invite_state(invite)
            .is_some_and(|state| state.invite.gatekeeper == self.own.bind)
    }

    /// Answers a joiner's hello with proof of being the drive's device.
    pub(crate) fn challenge(
        &self,
        hello: Hello,
        exporter: &[u8; 32],
    ) -> Result<(Challenged, Vec<u8>), JoinError> {
        let admitting = Admitting {
            control: &self.control.control,
            bind: self.own.bind,
            keys: &self.own.keys,
        };
        admitting.challenge(hello, exporter, &mut crate::env::rng())
    }

    /// Checks a joiner's request; nothing is written yet.
    pub(crate) fn consider(&self, applying: Applying) -> Result<Applicant, AdmitError> {
        let state = self
            .invite_state(&applying.invite)
            .ok_or(Refused::NotAdmitted)?;
        if state.invite.gatekeeper != self.own.bind {
            return Err(Refused::NotAdmitted.into());
        }
        let now = crate::env::now_ms() / 1000;
        Ok(applying
            .challenged
            .request(&applying.request, state, &applying.remote, now)?)
    }

    /// Stages the grant of somebody who may be let in; returns the welcome, to be sent once that is
    /// durable. In the same turn as the look at the invite's uses, so that one use is one use.
    pub(crate) fn admit(
        &mut self,
        applicant: &Applicant,
        peers: &[Vec<u8>],
    ) -> Result<Vec<u8>, AdmitError> {
        let state = self
            .invite_state(&applicant.invite)
            .ok_or(Refused::NotAdmitted)?;
        applicant.still_open(state, crate::env::now_ms() / 1000)?;
        let (member, draft) = applicant.admission(&mut crate::env::rng());
        let entry = self.author(draft)?;
        let bind = brought_in(&entry)
            .first()
            .copied()
            .ok_or(JoinError::Protocol)?;
        let part = self
            .control
            .control
            .genesis_part()
            .ok_or(JoinError::Protocol)?;
        let secret = part
            .drive_secret
            .as_ref()
            .map(DriveSecret::from)
            .ok_or(JoinError::Protocol)?;
        let name = part.drive_name.clone().unwrap_or_default();
        let newcomer = Newcomer {
            member,
            bind,
            drive_secret: &secret,
            drive_name: &name,
            peers,
        };
        Ok(applicant.welcome(
            &self.control.control,
            &self.control.keyring,
            &newcomer,
            &mut crate::env::rng(),
        )?)
    }

    fn invite_state(&self, invite: &InviteId) -> Option<&InviteState> {
        self.control.control.state().invites.get(invite)
    }
}

/// A ticket's text: a secret, so it is wiped after use and never printed by accident.
pub struct Ticket(zeroize::Zeroizing<String>);

impl Ticket {
    pub(crate) fn new(text: zeroize::Zeroizing<String>) -> Self {
        Self(text)
    }

    /// The text to hand over.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ticket(secret)")
    }
}

/// Somebody was not admitted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdmitError {
    /// By the rules of joining.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// The grant could not be written.
    #[error(transparent)]
    Drive(#[from] DriveError),
}

impl From<Refused> for AdmitError {
    fn from(refused: Refused) -> Self {
        Self::Join(refused.into())
    }
}

//! Further devices of one member: codes that one device shows and another accepts. Knows the order of
//! messages; the proofs are `crypto`'s.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use peerdrive_crypto::body::Approve;
use peerdrive_crypto::ids::{BindId, DriveId, EndpointKey, InviteId};
use peerdrive_crypto::invite::{Hello, Offer, Refused, Ticket as Invitation, new_invite};
use peerdrive_crypto::membership::InviteState;
use peerdrive_net::JoinStream;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::drive::error::DriveError;
use crate::drive::handle::DriveHandle;
use crate::drive::identity::{Ask, Enrolling};
use crate::drive::invite::Ticket;
use crate::drive::request::Request;
use crate::engine::Engine;
use crate::join::{AdmitFailed, JoinError, TICKET_ADDRESSES, receive, turn_away};
use crate::place::Place;

/// What a code for a new device begins with. The rest is a ticket's: the two differ for people, so that
/// nobody hands their own identity to somebody they meant to invite.
const CODE: &str = "peerdrive:device#";
const TICKET: &str = "peerdrive:join#";

/// What a device's address begins with when people hand it on. It is no secret.
const CONTACT: &str = "peerdrive:peer#";

/// The longest text that is read for an address.
const MAX_CONTACT: usize = 4096;

/// How long a code is good for. Both devices are in one person's hands.
const CODE_LASTS: Duration = Duration::from_secs(15 * 60);

/// A code that was shown, and what it takes to know who holds it.
#[derive(Debug)]
pub(crate) struct DeviceOffer {
    pub(crate) drive: DriveId,
    pub(crate) state: InviteState,
    pub(crate) used: AtomicBool,
}

/// A code for a new device.
#[derive(Debug)]
pub struct DeviceCode {
    /// To be carried to the new device: who has it becomes this member.
    pub code: Ticket,
    /// Until when, milliseconds since 1970.
    pub expires_ms: u64,
}

/// Whether a text looks like a code for a new device.
pub(crate) fn is_code(text: &str) -> bool {
    let text = text.trim_start();
    text.get(..CODE.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(CODE))
}

pub(crate) fn as_ticket(code: &str) -> Option<Zeroizing<String>> {
    let code = code.trim();
    is_code(code).then(|| Zeroizing::new(format!("{TICKET}{}", &code[CODE.len()..])))
}

/// The addresses in a text that leads to a device of a drive: an invite, a device's code, or an address
/// as [`Engine::contact`] gives it. `None` if it is none of these.
pub(crate) fn addresses_in(text: &str) -> Option<Vec<Vec<u8>>> {
    let text = text.trim();
    let ticket = as_ticket(text).unwrap_or_else(|| Zeroizing::new(text.to_owned()));
    if let Ok(ticket) = Invitation::parse(&ticket) {
        return Some(
            ticket
                .gatekeepers
                .into_iter()
                .take(TICKET_ADDRESSES)
                .collect(),
        );
    }
    let encoded = text.strip_prefix(CONTACT)?;
    if encoded.len() > MAX_CONTACT {
        return None;
    }
    let address = BASE32_NOPAD.decode(encoded.to_ascii_uppercase().as_bytes());
    Some(vec![address.ok()?])
}

impl Engine {
    /// Makes a code by which one more device of this device's member is taken in. Good for one device
    /// and a quarter of an hour, while this process lives.
    pub fn offer_device(&self, drive: &DriveHandle) -> Result<DeviceCode, DriveError> {
        let role = drive.role().ok_or(DriveError::NotAllowed)?;
        let now = crate::env::now_ms() / 1000;
        let not_after = now.saturating_add(CODE_LASTS.as_secs());
        let offer = Offer {
            name: drive.name().to_owned(),
            role,
            max_uses: 1,
            not_after,
            // Never published, so nobody looks for a gatekeeper in it.
            gatekeeper: BindId::ZERO,
            addresses: vec![self.inner.device.net.address()],
            approve: Approve::Auto,
        };
        let (invite, ticket) = new_invite(&drive.id(), offer, &mut crate::env::rng());
        let text = ticket.to_text().map_err(|_| DriveError::TooLarge)?;
        let code = Zeroizing::new(format!("{CODE}{}", &text[TICKET.len()..]));
        let mut offers = self.inner.offers.lock();
        offers.retain(|offer| offer.state.open(now));
        offers.push(Arc::new(DeviceOffer {
            drive: drive.id(),
            state: InviteState {
                invite,
                revoked: false,
                uses: 0,
            },
            used: AtomicBool::new(false),
        }));
        Ok(DeviceCode {
            code: Ticket::new(code),
            expires_ms: not_after.saturating_mul(1000),
        })
    }

    /// Becomes one more device of the member who shows this code; otherwise as [`Engine::join`].
    pub async fn accept_device(
        &self,
        code: &str,
        place: Place<'_>,
    ) -> Result<DriveHandle, JoinError> {
        let ticket = as_ticket(code).ok_or(JoinError::NoDeviceCode)?;
        self.join_by(&ticket, place, |_| {}).await
    }

    /// Where this device can be reached, as a text to hand on. It grants nothing.
    pub fn contact(&self) -> String {
        let address = BASE32_NOPAD.encode(&self.inner.device.net.address());
        format!("{CONTACT}{}", address.to_ascii_lowercase())
    }

    pub(crate) fn device_offer(&self, id: &InviteId) -> Option<Arc<DeviceOffer>> {
        let offers = self.inner.offers.lock();
        offers
            .iter()
            .find(|offer| offer.state.invite.id == *id)
            .cloned()
    }

    /// The side of the device that showed the code.
    pub(crate) async fn enrol(
        &self,
        mut stream: JoinStream,
        hello: Hello,
        offer: Arc<DeviceOffer>,
    ) -> Result<(), AdmitFailed> {
        let drive = self.drives().into_iter().find(|d| d.id() == offer.drive);
        let Some(drive) = drive else {
            return turn_away(stream, Refused::NotAdmitted.into()).await;
        };
        let exporter = stream.exporter();
        let (reply, answer) = oneshot::channel();
        let asked = Request::Challenge {
            hello,
            exporter,
            reply,
        };
        drive.give(asked).await?;
        let (challenged, challenge) = match answer.await.map_err(|_| DriveError::Closed)? {
            Ok(challenge) => challenge,
            Err(error) => return turn_away(stream, error.into()).await,
        };
        stream.send(&challenge).await?;
        let request = receive(&mut stream).await?;
        let enrolling = Box::new(Enrolling {
            challenged,
            request,
            remote: EndpointKey(stream.peer().0),
            offer,
            peers: drive.known_addresses(),
        });
        crate::checkpoints::expect_joiner(&drive.shared).await;
        let (reply, answer) = oneshot::channel();
        drive
            .give(Request::Identity(Ask::Enrol { enrolling, reply }))
            .await?;
        match answer.await.map_err(|_| DriveError::Closed)? {
            Ok(welcome) => {
                stream.send(&welcome).await?;
                stream.finish().await;
                Ok(())
            }
            Err(error) => turn_away(stream, error).await,
        }
    }
}

impl DriveHandle {
    /// Gives the actor a request whose answer comes by another way.
    pub(crate) async fn give(&self, request: Request) -> Result<(), DriveError> {
        let sent = self.shared.requests.send(request).await;
        sent.map_err(|_| DriveError::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_no_ticket_and_a_ticket_is_no_code() {
        assert!(is_code(" peerdrive:device#abc"));
        assert!(is_code("PEERDRIVE:DEVICE#ABC"));
        assert!(!is_code("peerdrive:join#abc"));
        assert_eq!(
            as_ticket("peerdrive:device#abc\n")
                .as_deref()
                .map(String::as_str),
            Some("peerdrive:join#abc")
        );
        assert!(as_ticket("peerdrive:join#abc").is_none());
        assert!(as_ticket("ü").is_none());
    }

    #[test]
    fn what_leads_to_no_device_has_no_address() {
        for text in ["", "peerdrive:peer#!", "peerdrive:join#abc", "nonsense"] {
            assert!(addresses_in(text).is_none(), "{text}");
        }
        let contact = format!("{CONTACT}{}", BASE32_NOPAD.encode(b"somewhere"));
        assert_eq!(addresses_in(&contact), Some(vec![b"somewhere".to_vec()]));
    }
}

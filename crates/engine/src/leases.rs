//! Leases of storage peers: given by an admin to one whose code they have, listed, and ended. Knows nothing of
//! what is stored, nor how.

use peerdrive_crypto::body::{Lease, Role};
use peerdrive_crypto::ids::EndpointKey;
use peerdrive_crypto::store_code::{StoreCode, StoreCodeError};
use peerdrive_net::{AddressError, AskError, PeerId, StoreRefusal, StoreReply, StoreRequest};

use crate::drive::error::DriveError;
use crate::drive::govern::Act;
use crate::drive::handle::DriveHandle;
use crate::drive::roll::LeaseInfo;
use crate::holding::Storing;
use crate::members::{GovernError, pick};
use crate::open::remember_address;

/// No lease was given.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The text is no storage peer's code.
    #[error(transparent)]
    Code(#[from] StoreCodeError),
    /// The address in it is of no use.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The storage peer does not answer.
    #[error("the storage peer does not answer: {0}")]
    Ask(#[from] AskError),
    /// It does not take the drive.
    #[error(transparent)]
    Refused(#[from] StoreRefusal),
    /// This device may not give one, or could not write it down.
    #[error(transparent)]
    Drive(#[from] DriveError),
}

/// A lease, and how its storage peer stands to this device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseStatus {
    /// The lease.
    pub lease: LeaseInfo,
    /// Whether there is a session with the storage peer.
    pub connected: bool,
    /// Whether it has every entry that this device has.
    pub level: bool,
    /// What it lacks of what this device needs; `None` if that is not known.
    pub storing: Option<Storing>,
}

impl DriveHandle {
    /// Lets the storage peer whose code this is keep the drive's sealed bytes: so many, and until then
    /// (seconds since 1970).
    ///
    /// # Errors
    /// [`LeaseError`]; without an answer of the storage peer nothing is written.
    pub async fn lease(
        &self,
        code: &str,
        quota: u64,
        not_after: u64,
    ) -> Result<LeaseInfo, LeaseError> {
        let code = StoreCode::parse(code)?;
        if self.role() < Some(Role::Admin) {
            return Err(DriveError::NotAllowed.into());
        }
        let shared = &self.shared;
        let peer = shared.net.learn(&code.address)?;
        let offer = StoreRequest::Offer {
            secret: *code.secret.expose_for_sealing(),
            drive: shared.tag(),
            id: shared.id.0,
        };
        match shared.net.ask_store(peer, &offer).await? {
            StoreReply::Done => {}
            StoreReply::Refused(why) => return Err(why.into()),
            StoreReply::Kept { .. } => return Err(AskError::NoAnswer.into()),
        }
        remember_address(&shared.local, &peer, &code.address).map_err(DriveError::from)?;
        let lease = Lease {
            id: crate::env::random(),
            endpoint: EndpointKey(peer.0),
            quota,
            not_after,
        };
        let info = LeaseInfo::of(&lease);
        self.govern(Act::Lease(lease)).await?;
        Ok(info)
    }

    /// The leases that were given and not ended, also those that have run out.
    pub fn leases(&self) -> Vec<LeaseStatus> {
        let peers = self.shared.link.peers();
        let leases = self.shared.members.read().leases.clone();
        let published = self.shared.published();
        let storing = |peer: &PeerId| {
            let mut storing = self.shared.storing(peer)?;
            // What happened since may be something to name.
            storing.named &= storing.heard >= published;
            Some(storing)
        };
        let status = |lease: LeaseInfo| {
            let state = peers.iter().find(|state| state.peer == lease.peer);
            let connected = state.is_some_and(|state| state.connected);
            LeaseStatus {
                connected,
                level: connected && state.is_some_and(|state| state.behind == 0),
                storing: storing(&lease.peer).filter(|_| connected),
                lease,
            }
        };
        leases.into_iter().map(status).collect()
    }

    /// Ends a lease: the storage peer gets nothing more, serves nobody, and removes what it has.
    ///
    /// # Errors
    /// [`GovernError`].
    pub async fn end_lease(&self, wanted: &str) -> Result<LeaseInfo, GovernError> {
        let listed = ("lease", "`peerdrive leases DRIVE`");
        let leases: Vec<LeaseInfo> = self.shared.members.read().leases.clone();
        let lease = pick(wanted, listed, &leases, |lease| (lease.id_text(), None))?;
        self.govern(Act::EndLease(lease.id)).await?;
        Ok(lease)
    }

    /// Whether a device of the drive is a storage peer.
    pub fn is_store(&self, peer: &PeerId) -> bool {
        self.shared.members.read().is_store(peer)
    }
}

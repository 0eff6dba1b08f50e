//! Joiners who hold a ticket and wait until a person has compared words with them. Knows who waits and
//! how they are told, not how anybody is let in.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use peerdrive_crypto::body::Role;
use peerdrive_crypto::ids::InviteId;
use peerdrive_crypto::invite::Applicant;
use tokio::sync::oneshot;

/// Most joiners that may wait for one drive. Each holds a ticket, so this bounds a mistake, not an
/// attack.
const MOST: usize = 64;

/// Somebody who asks to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRequest {
    /// Names the request on this device.
    pub id: String,
    /// By which invite.
    pub invite: InviteId,
    /// What the invite grants.
    pub role: Role,
    /// What they call themselves. Untrusted text.
    pub name: String,
    /// What they call their device. Untrusted text.
    pub device: String,
    /// Six words that they must see too. If theirs differ, somebody is in between.
    pub words: String,
    /// Since when, milliseconds since 1970.
    pub since_ms: u64,
}

/// Who waits for one drive on this device.
#[derive(Debug, Default)]
pub(crate) struct Approvals {
    waiting: Mutex<BTreeMap<String, Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    request: JoinRequest,
    decide: oneshot::Sender<bool>,
}

impl Approvals {
    /// Files a request; the receiver yields the decision. `None` if too many wait already.
    pub(crate) fn ask(&self, applicant: &Applicant) -> Option<(String, oneshot::Receiver<bool>)> {
        let mut waiting = self.waiting.lock();
        if waiting.len() >= MOST {
            return None;
        }
        let random: [u8; 4] = crate::env::random();
        let id: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let (decide, decided) = oneshot::channel();
        let request = JoinRequest {
            id: id.clone(),
            invite: applicant.invite,
            role: applicant.role,
            name: applicant.label.clone(),
            device: applicant.device_label.clone(),
            words: applicant.words().to_owned(),
            since_ms: crate::env::now_ms(),
        };
        waiting.insert(id.clone(), Waiting { request, decide });
        Some((id, decided))
    }

    /// Takes a request out: it was decided, or whoever asked went away.
    pub(crate) fn forget(&self, id: &str) {
        self.waiting.lock().remove(id);
    }

    /// All that wait, in no order that means anything.
    pub(crate) fn all(&self) -> Vec<JoinRequest> {
        let waiting = self.waiting.lock();
        waiting.values().map(|held| held.request.clone()).collect()
    }

    /// Decides. Returns whether there was such a request, still waiting.
    pub(crate) fn decide(&self, id: &str, yes: bool) -> bool {
        let held = self.waiting.lock().remove(id);
        held.is_some_and(|held| held.decide.send(yes).is_ok())
    }
}

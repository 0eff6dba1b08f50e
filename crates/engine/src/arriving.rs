//! The time between being let into a drive and knowing what is in it. A folder is not united with a
//! drive before that: its files would all be new. Durable, so that whoever is killed in between, or is
//! left by the device that let it in, waits on.

use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::drive::event::DriveEvent;
use crate::drive::handle::{DriveHandle, Shared};
use crate::local::{LocalError, LocalTable, Space};
use crate::place;

const AWAITED_KEY: &[u8] = b"awaited";

/// A missed event is made up for by looking again after this.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Notes that the drive's tree has still to arrive.
pub(crate) fn note(local: &LocalTable) -> Result<(), LocalError> {
    local.put(Space::Config, AWAITED_KEY, vec![1])
}

/// Whether it has.
pub(crate) fn is_awaited(local: &LocalTable) -> Result<bool, LocalError> {
    let awaited = local.get(Space::Config, AWAITED_KEY)?.is_some();
    Ok(awaited && !place::has_begun(local)?)
}

impl Shared {
    pub(crate) fn is_awaited(&self) -> bool {
        self.awaited.load(Ordering::Acquire)
    }

    /// Whether some connected device and this one hold the same entries, all of them applied.
    fn is_level_with_somebody(&self) -> bool {
        // A storage peer may be full, and have the beginning only.
        let members = self.members.read();
        let peers = self.link.peers();
        let mut peers = peers.iter().filter(|peer| !members.is_store(&peer.peer));
        peers.any(|peer| peer.connected && peer.level) && self.waiting() == 0
    }
}

impl DriveHandle {
    /// Whether it is known what is in the drive: else it was joined, and nobody could tell since.
    pub fn has_arrived(&self) -> bool {
        !self.shared.is_awaited()
    }

    /// Waits until the tree has arrived and the folder is being kept in step, but no longer than `limit`.
    pub(crate) async fn until_arrived(&self, limit: Duration) -> bool {
        let mut events = self.subscribe();
        let wait = async {
            while self.shared.is_awaited() {
                let _ = tokio::time::timeout(LOOK_AGAIN, events.recv()).await;
            }
        };
        let arrived = tokio::time::timeout(limit, wait).await.is_ok();
        if !arrived {
            tracing::warn!(drive = %self.id(), "the tree is still arriving");
        }
        arrived
    }
}

/// Runs until the drive's tree is here, or the drive ends.
pub(crate) async fn follow(shared: Weak<Shared>) {
    let Some(mut events) = shared.upgrade().map(|shared| shared.follow_events()) else {
        return;
    };
    loop {
        let Some(shared) = shared.upgrade() else {
            return;
        };
        // On an admin's word, until it is judged.
        if shared.is_level_with_somebody() || shared.verified().is_some() {
            arrived(DriveHandle { shared });
            return;
        }
        drop(shared);
        let _ = tokio::time::timeout(LOOK_AGAIN, events.recv()).await;
    }
}

fn arrived(drive: DriveHandle) {
    let strike = (AWAITED_KEY.to_vec(), None);
    if let Err(error) = drive.shared.local.write(Space::Config, &[strike]) {
        tracing::warn!(%error, "that the tree has arrived could not be noted");
    }
    drive.start_folder_of_arrived();
    drive.shared.awaited.store(false, Ordering::Release);
    drive.shared.publish(DriveEvent::Peers);
}

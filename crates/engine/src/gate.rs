//! Who may connect, sync and read blobs: the engine's answer to the network's questions, taken from
//! each drive's members. When in doubt, no.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use parking_lot::RwLock;
use peerdrive_net::{BlobId, DriveTag, Gate, LogId, PeerId};

use crate::drive::handle::Shared;

/// The drives that are open here, by the name they have on the wire. Holds them weakly: a drive that
/// is closed admits nobody.
#[derive(Debug, Default)]
pub(crate) struct MemberGate {
    drives: RwLock<HashMap<DriveTag, Weak<Shared>>>,
}

impl MemberGate {
    pub(crate) fn open(&self, tag: DriveTag, drive: &Arc<Shared>) {
        self.drives.write().insert(tag, Arc::downgrade(drive));
    }

    pub(crate) fn close(&self, tag: &DriveTag) {
        self.drives.write().remove(tag);
    }
}

/// The drive, if it is open and not paused.
fn running(drive: &Weak<Shared>) -> Option<Arc<Shared>> {
    drive
        .upgrade()
        .filter(|drive| !drive.paused.load(Ordering::Acquire))
}

fn is_member(drive: &Weak<Shared>, peer: &PeerId) -> bool {
    running(drive).is_some_and(|drive| drive.members.read().admits(peer))
}

impl MemberGate {
    /// The drives that are open.
    pub(crate) fn drives(&self) -> Vec<Arc<Shared>> {
        let drives = self.drives.read();
        drives.values().filter_map(Weak::upgrade).collect()
    }
}

impl MemberGate {
    /// The drives that are open and of which a peer is a member's device.
    pub(crate) fn drives_of(&self, peer: &PeerId) -> Vec<Arc<Shared>> {
        let drives = self.drives.read();
        let open = drives.values().filter_map(running);
        open.filter(|drive| drive.members.read().endpoints.contains_key(peer))
            .collect()
    }
}

impl Gate for MemberGate {
    fn admits(&self, peer: &PeerId) -> bool {
        self.drives
            .read()
            .values()
            .any(|drive| is_member(drive, peer))
    }

    fn admits_to(&self, peer: &PeerId, drive: &DriveTag) -> bool {
        self.drives
            .read()
            .get(drive)
            .is_some_and(|drive| is_member(drive, peer))
    }

    /// A blob is named by the hash of its ciphertext, which only members of its drive can know or
    /// open, so membership of any drive here is what is asked.
    fn may_read_blob(&self, peer: &PeerId, _blob: &BlobId) -> bool {
        self.admits(peer)
    }

    fn was_removed(&self, peer: &PeerId) -> bool {
        let drives = self.drives.read();
        let mut open = drives.values().filter_map(running);
        open.any(|drive| drive.members.read().removals.contains_key(peer))
    }

    fn removal(&self, peer: &PeerId, drive: &DriveTag) -> Option<Vec<(LogId, u64)>> {
        let drive = self.drives.read().get(drive).and_then(running)?;
        let members = drive.members.read();
        members.removals.get(peer).cloned()
    }
}

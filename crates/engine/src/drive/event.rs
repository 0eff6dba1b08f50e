//! What a drive tells its doors; knows nothing of what they do with it.

use peerdrive_crdt_tree::event::TreeEvent;
use peerdrive_crypto::ids::MemberId;

/// Something happened to a drive. Everything it speaks of is durable here.
#[derive(Clone, Debug)]
pub enum DriveEvent {
    /// The view changed.
    Tree {
        /// Who did it; `None` is this device.
        by: Option<MemberId>,
        /// What, in order.
        events: Vec<TreeEvent>,
    },
    /// The view went back to what is on disk (a full disk, say): compare anew.
    Reloaded,
    /// Members, roles or invites changed.
    Members,
    /// A peer came, went, or became level.
    Peers,
}

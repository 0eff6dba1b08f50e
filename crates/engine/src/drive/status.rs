//! How a drive is doing, in numbers and words for people and scripts; changes nothing.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use peerdrive_crypto::body::Role;
use peerdrive_crypto::ids::DriveId;
use peerdrive_net::{PeerId, PeerState};

use super::handle::DriveHandle;
use super::work::Work;
use crate::working_copy::Problem;

/// How often waiting looks again. Small against a person's patience, large against the cost of a look.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How long waiting gives peers that are known but not connected, before it calls this device alone.
const ALONE_AFTER: Duration = Duration::from_secs(2);

/// How long it gives the device that let this one in, before what is in the drive counts as lost for now.
const LOST_AFTER: Duration = Duration::from_secs(10);

/// How long nothing may come of what a storage peer says that it has.
const STORE_DELIVERS: Duration = Duration::from_secs(5);

/// How waiting ended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Waited {
    /// What could not be done, and why.
    pub problems: Vec<Problem>,
    /// Why the folder is not being kept in step, if it is not.
    pub held_up: Option<String>,
    /// What is in the drive never arrived, and no device that has it can be reached.
    pub lost: bool,
}

/// A drive's state at one moment.
#[derive(Clone, Debug)]
pub struct DriveStatus {
    /// The drive.
    pub id: DriveId,
    /// Its name.
    pub name: String,
    /// This device's role; `None` once removed.
    pub role: Option<Role>,
    /// The folder kept in step, if any.
    pub folder: Option<PathBuf>,
    /// Number of files shown.
    pub files: u64,
    /// Number of folders shown, the root not counted.
    pub folders: u64,
    /// Sum of the files' lengths.
    pub bytes: u64,
    /// See [`crate::listing::view_hash`].
    pub view_hash: [u8; 32],
    /// Local changes not yet taken in, and entries that some connected peer has not acknowledged.
    pub pending_up: u64,
    /// Entries that a connected peer has and this device has not applied, and files not yet written out.
    pub pending_down: u64,
    /// How much of the history of what shows was judged, in hundredths: a drive that was just joined shows
    /// what an admin signed, while every entry of it is checked. `None` once all is.
    pub verified: Option<u8>,
    /// What waits, and why; and what is wrong with the drive itself, without a path.
    pub problems: Vec<Problem>,
    /// The reading or writing of the folder that is under way.
    pub work: Option<Work>,
    /// Why the folder is not being kept in step, if it is not.
    pub paused: Option<String>,
    /// The other devices.
    pub peers: Vec<PeerStatus>,
}

/// What this device and the connected others have not told each other yet, or not finished with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// See [`DriveStatus::pending_up`].
    pub up: u64,
    /// See [`DriveStatus::pending_down`].
    pub down: u64,
}

/// Another device of a drive.
#[derive(Clone, Debug)]
pub struct PeerStatus {
    /// Its endpoint.
    pub id: PeerId,
    /// The name its member goes by, if one was given.
    pub member: Option<String>,
    /// Whether it is a storage peer, and nobody's device.
    pub store: bool,
    /// Whether there is a session with it.
    pub connected: bool,
    /// Whether both hold the same entries, and both know.
    pub level: bool,
    /// How long ago it was last heard of.
    pub last_seen: Option<Duration>,
}

impl DriveHandle {
    /// The other devices, and how they stand to this one. Looks at nothing but what is in memory.
    pub fn peers(&self) -> Vec<PeerStatus> {
        self.named(self.shared.link.peers())
    }

    /// What is pending. Cheap as well.
    pub fn pending(&self) -> Backlog {
        self.pending_with(&self.heard())
    }

    /// The drive's state now. Goes through the whole view: not for asking again and again.
    pub fn status(&self) -> DriveStatus {
        let (counts, view_hash) = {
            let tree = self.view();
            (tree.counts(), crate::listing::view_hash(&tree))
        };
        let peers = self.shared.link.peers();
        let pending = self.pending();
        let copy = self.working_copy();
        let copy_status = copy.as_ref().map(|copy| copy.status());
        DriveStatus {
            id: self.id(),
            name: self.name().to_owned(),
            role: self.role(),
            folder: copy
                .map(|copy| copy.root().to_owned())
                .or_else(|| self.folder().ok().flatten()),
            files: counts.files,
            folders: counts.folders,
            bytes: counts.bytes,
            view_hash,
            pending_up: pending.up,
            pending_down: pending.down,
            paused: match self.is_paused() {
                true => Some("paused on this device; `peerdrive resume` goes on".to_owned()),
                false => self.held_up(),
            },
            work: self.shared.work(),
            verified: self.shared.verified(),
            problems: {
                let mut problems = self.notices();
                problems.extend(copy_status.into_iter().flat_map(|copy| copy.problems));
                problems
            },
            peers: self.named(peers),
        }
    }

    /// What people should know about the drive beside its files, as problems without a path.
    pub fn notices(&self) -> Vec<Problem> {
        self.shared.notices()
    }

    /// Why the drive's folder is not being kept in step, other than by somebody's wish.
    pub fn held_up(&self) -> Option<String> {
        if let Some(copy) = self.working_copy() {
            return copy.status().paused;
        }
        let awaited = || {
            self.shared
                .is_awaited()
                .then(|| "what is in the drive has not arrived yet; it comes when a device that has it is on line".to_owned())
        };
        self.shared.no_folder.lock().clone().or_else(awaited)
    }

    /// Returns when this device is level with every connected peer, its folder is in step, and
    /// nothing is pending. What cannot be done is tried once more then, and told, not waited for.
    pub async fn wait_level(&self) -> Waited {
        self.bring_in_step().await;
        let mut alone_since = None;
        let mut tried_again = false;
        let mut arriving = (self.shared.log.arrivals(), Instant::now());
        loop {
            let mut peers = self.heard();
            let arrivals = self.shared.log.arrivals();
            if arriving.0 != arrivals {
                arriving = (arrivals, Instant::now());
            } else if arriving.1.elapsed() > STORE_DELIVERS {
                // What it says that it has, it may not have, or not be able to place.
                self.only_members(&mut peers);
            }
            if peers.iter().any(|peer| peer.connected) {
                alone_since = None;
            } else {
                alone_since.get_or_insert_with(Instant::now);
            }
            let alone = alone_since.map(|since| since.elapsed());
            let awaited = self.shared.is_awaited();
            let patience = if awaited { LOST_AFTER } else { ALONE_AFTER };
            let level = peers.iter().all(|peer| !peer.connected || peer.level);
            if !peers.is_empty() && alone.is_some_and(|alone| alone < patience) {
                self.shared.link.nudge();
            } else if awaited {
                if alone.is_some() {
                    return Waited {
                        lost: true,
                        ..Waited::default()
                    };
                }
            } else if level && self.on_the_way(&peers) == (0, 0) {
                let status = self.working_copy().map(|copy| copy.status());
                let status = status.unwrap_or_default();
                if self.is_paused() {
                    return Waited::default();
                }
                if let Some(held_up) = self.held_up() {
                    return Waited {
                        held_up: Some(held_up),
                        ..Waited::default()
                    };
                }
                let quiet = !status.is_busy() && !self.has_unfollowed_folder();
                if quiet && (tried_again || status.problems.is_empty()) {
                    return Waited {
                        problems: status.problems,
                        ..Waited::default()
                    };
                }
                if quiet {
                    // All who can be heard are: what failed may have failed for want of them.
                    tried_again = true;
                    self.bring_in_step().await;
                }
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// The other devices, as far as anybody waits for them: a storage peer may have no room, and what it lacks
    /// is shown with its lease.
    fn heard(&self) -> Vec<PeerState> {
        let mut peers = self.shared.link.peers();
        let members = self.shared.members.read();
        for peer in peers.iter_mut().filter(|peer| members.is_store(&peer.peer)) {
            peer.level |= peer.connected && peer.ahead == 0;
            peer.behind = 0;
        }
        peers
    }

    /// Takes a storage peer's word for having more no longer.
    fn only_members(&self, peers: &mut [PeerState]) {
        let members = self.shared.members.read();
        for peer in peers.iter_mut().filter(|peer| members.is_store(&peer.peer)) {
            peer.level = peer.connected;
            peer.ahead = 0;
        }
    }

    fn named(&self, peers: Vec<PeerState>) -> Vec<PeerStatus> {
        let members = self.shared.members.read();
        let name = |peer: &PeerId| {
            let member = members.endpoints.get(peer)?;
            members.names.get(member).cloned()
        };
        peers
            .into_iter()
            .map(|peer| PeerStatus {
                id: peer.peer,
                member: name(&peer.peer),
                store: members.is_store(&peer.peer),
                connected: peer.connected,
                level: peer.level,
                last_seen: peer.last_seen.and_then(|at| at.elapsed().ok()),
            })
            .collect()
    }

    /// Has the whole folder looked at, and what failed tried again: not to be done often.
    async fn bring_in_step(&self) {
        if let Some(copy) = self.working_copy()
            && let Err(error) = copy.sync_now().await
        {
            tracing::debug!(%error, "the folder cannot be brought in step now");
        }
    }

    fn has_unfollowed_folder(&self) -> bool {
        self.working_copy().is_some() && self.has_unfollowed()
    }

    /// Entries that connected peers have not acknowledged, and that they have and this device has not
    /// applied.
    fn on_the_way(&self, peers: &[PeerState]) -> (u64, u64) {
        let connected = || peers.iter().filter(|peer| peer.connected);
        let up = connected().map(|peer| peer.behind).max().unwrap_or(0);
        let down = connected().map(|peer| peer.ahead).max().unwrap_or(0);
        (up, down.max(self.shared.waiting() as u64))
    }

    fn pending_with(&self, peers: &[PeerState]) -> Backlog {
        let (mut up, mut down) = self.on_the_way(peers);
        if let Some(copy) = self.working_copy() {
            let status = copy.status();
            up += status.pending_in as u64;
            down += status.pending_out as u64;
            // What has not been looked at yet counts as one: it is not nothing.
            up += u64::from(status.scanning && up == 0);
            down += u64::from((status.scanning || self.has_unfollowed()) && down == 0);
        }
        Backlog { up, down }
    }
}

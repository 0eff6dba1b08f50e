//! Who is on line in a drive, on which device, in which folder, looking at or editing what. Said for the
//! moment and forgotten by itself: nothing here is kept, counted on, or decided by.
//!
//! A device says what it does (`own`, `said`) when that changes, when somebody came who has not heard it, and
//! every ten seconds (`pace`); what others say holds for thirty (`others`). Messages go by gossip, sealed and
//! signed (`crate::voices`); `run` is the task that does all this for one drive.

mod others;
mod own;
mod pace;
mod run;
mod said;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crypto::ids::{BindId, MemberId};
use peerdrive_net::PeerId;
use tokio::sync::{mpsc, watch};

use crate::drive::handle::DriveHandle;
use own::Own;
pub(crate) use pace::Pace;
pub(crate) use run::{Ears, leave, run};

/// Most files that one device can be seen editing at once.
pub const MAX_EDITING: usize = 16;

/// Most devices that are shown at once.
pub const MAX_HERE: usize = 64;

/// What this device's windows show of a drive, all of them together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Focus {
    /// The folder that is open.
    pub folder: Option<NodeId>,
    /// The file that is looked at.
    pub viewing: Option<NodeId>,
    /// Files that are edited in a window. The first [`MAX_EDITING`] count.
    pub editing: Vec<NodeId>,
    /// Whether nobody has touched any of the windows for a while.
    pub idle: bool,
}

/// Another device that is on line, and where in the drive its person is. All of it is what that device
/// says; only whose device it is was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Here {
    /// Whose device it is.
    pub member: MemberId,
    /// Its endpoint, as in [`crate::PeerStatus`].
    pub device: PeerId,
    /// Its id in this drive, as in [`crate::drive::roll::DeviceInfo`].
    pub bind: BindId,
    /// Whether it is another device of this device's own member.
    pub you: bool,
    /// The folder that is open there. Like all nodes named here, it need not be in the view.
    pub folder: Option<NodeId>,
    /// The file that is looked at.
    pub viewing: Option<NodeId>,
    /// Files that are edited, or open for writing on a mount: at most [`MAX_EDITING`].
    pub editing: Vec<NodeId>,
    /// Whether nobody is at it: its windows were not touched for a while, or there is none.
    pub idle: bool,
}

/// What handles and the task of one drive's presence share.
#[derive(Debug)]
pub(crate) struct Presence {
    own: Mutex<Own>,
    here: watch::Sender<Arc<[Here]>>,
    /// Grows when there is something to do, beside messages.
    stirred: watch::Sender<u64>,
    /// Sessions or members may have changed since the task looked.
    around: AtomicBool,
    frames: mpsc::Sender<Vec<u8>>,
    /// Somebody has not heard what was said last.
    audience: AtomicBool,
}

/// Messages that may wait for the task. More are dropped: the next one says it better.
const FRAMES_WAITING: usize = 256;

impl Presence {
    /// With what its task listens to.
    pub(crate) fn new() -> (Self, Ears) {
        let (frames, heard) = mpsc::channel(FRAMES_WAITING);
        let (stirred, follows) = watch::channel(0);
        let presence = Self {
            own: Mutex::default(),
            here: watch::Sender::new(Arc::from([])),
            stirred,
            around: AtomicBool::new(true),
            frames,
            audience: AtomicBool::new(false),
        };
        let ears = Ears {
            stirred: follows,
            frames: heard,
        };
        (presence, ears)
    }

    /// Sessions, members, or whether the drive is paused may have changed.
    pub(crate) fn stir(&self) {
        self.around.store(true, Ordering::Release);
        self.wake();
    }

    fn wake(&self) {
        self.stirred
            .send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    /// Somebody is there who has not heard what was said last.
    pub(crate) fn greet(&self) {
        self.audience.store(true, Ordering::Release);
        self.stir();
    }

    /// A message came. Whose, and whether it counts, is for the task to see.
    pub(crate) fn heard(&self, frame: Vec<u8>) {
        if self.frames.try_send(frame).is_err() {
            tracing::debug!("too many messages of presence; one is dropped");
        }
    }

    fn take_around(&self) -> bool {
        self.around.swap(false, Ordering::AcqRel)
    }

    fn take_audience(&self) -> bool {
        self.audience.swap(false, Ordering::AcqRel)
    }

    fn show(&self, here: Arc<[Here]>) {
        self.here.send_if_modified(|shown| {
            let differs = **shown != *here;
            if differs {
                *shown = here;
            }
            differs
        });
    }
}

impl DriveHandle {
    /// Sets what this device's windows show of the drive; `None` when there is no window. It stays so
    /// until it is set again.
    pub fn focus(&self, focus: Option<Focus>) {
        self.shared.presence.own.lock().focus = focus;
        self.shared.presence.wake();
    }

    /// A handle that was opened for writing on a file begins (`true`) or ends (`false`). Several of one
    /// file are counted.
    pub fn writing(&self, node: NodeId, begins: bool) {
        self.shared.presence.own.lock().writing(node, begins);
        self.shared.presence.wake();
    }

    /// The other devices that are on line now, and what they show: at most [`MAX_HERE`], those that do
    /// something first. Changes with what they do; a device that falls silent is gone from it after 30 s,
    /// one that ends in order at once.
    pub fn presence(&self) -> watch::Receiver<Arc<[Here]>> {
        self.shared.presence.here.subscribe()
    }
}

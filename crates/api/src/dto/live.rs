//! What happens while somebody watches: the frames of the event stream, and presence.

use serde::{Deserialize, Serialize};

use super::{Problem, Role, Transfer};

/// One frame of the event stream, a JSON text message from the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "frame", rename_all = "lowercase")]
pub enum Frame {
    /// Always the first one.
    Hello {
        /// Which run of the daemon this is: sequence numbers of another run mean nothing in this one.
        stream: String,
        /// The number of the last event before this connection's.
        seq: u64,
        /// Whether the events after the number that was asked for follow without a gap. If not,
        /// everything that is shown must be asked for anew.
        resumed: bool,
    },
    /// Something happened.
    Event {
        /// Its number, one more than that of the event before.
        seq: u64,
        /// What.
        event: Event,
    },
    /// This connection was too slow and lost events: everything that is shown must be asked for anew.
    /// The next event has the number after `seq`.
    Behind {
        /// The number of the last event that is over.
        seq: u64,
    },
    /// Nothing happened for ten seconds. Without any frame for thirty, the connection is dead.
    Beat {
        /// The number of the last event.
        seq: u64,
    },
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Event {
    /// Files or folders changed.
    Tree {
        /// The drive's id.
        drive: String,
        /// Who did it.
        who: Who,
        /// Folders whose rows differ now, by id: at most 64.
        folders: Vec<String>,
        /// More folders than those changed, or it is not known which: all count as changed.
        all: bool,
        /// What happened, at most 32 of them.
        changes: Vec<Change>,
        /// How many changes there were.
        count: u32,
    },
    /// The drive went back to what is on disk: everything about it counts as changed.
    Reloaded {
        /// The drive's id.
        drive: String,
    },
    /// Members, roles, devices or invites changed.
    Members {
        /// The drive's id.
        drive: String,
        /// What this device's member may do now; absent once it was removed.
        role: Option<Role>,
    },
    /// Other devices came, went or became level.
    Peers {
        /// The drive's id.
        drive: String,
        /// Devices that are connected.
        connected: u32,
        /// Changes not yet sent.
        pending_up: u64,
        /// Changes not yet here.
        pending_down: u64,
    },
    /// Who is here, and where: the whole list, at most 64.
    Presence {
        /// The drive's id.
        drive: String,
        /// Everyone, this device's own windows not included.
        here: Vec<Presence>,
    },
    /// What is under way: the whole list of this drive. Sent once a second while something is, and once
    /// when nothing is any more.
    Transfers {
        /// The drive's id.
        drive: String,
        /// What is under way.
        transfers: Vec<Transfer>,
    },
    /// What waits: the whole list of this drive, at most 100.
    Problems {
        /// The drive's id.
        drive: String,
        /// What waits, and why.
        problems: Vec<Problem>,
    },
    /// There is a drive more or less, or one shows elsewhere.
    Drives,
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Who {
    /// The member's id; absent for this device before its own is known.
    pub member: Option<String>,
    /// The name it goes by; empty if it has none.
    pub name: String,
    /// Whether it is this device's own member.
    pub you: bool,
}

/// One change of what a drive shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Change {
    /// What was done.
    pub what: ChangeKind,
    /// To which node.
    pub node: String,
    /// The folder it is in, or was in before it was deleted.
    pub folder: String,
    /// Its path now, or before it was deleted.
    pub path: String,
    /// The path it had before it was moved or renamed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(test, ts(optional))]
    pub from: Option<String>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It is new, or out of the trash.
    Created,
    /// It holds something else.
    Edited,
    /// It has another name in the same folder.
    Renamed,
    /// It is in another folder.
    Moved,
    /// Its time, permissions or attributes are others.
    Attributes,
    /// It is gone from the drive.
    Deleted,
    /// Edits met on it.
    Conflict,
    /// A conflict on it is settled.
    Settled,
}

/// Tells what the person before this window looks at. Told again at least every ten seconds while the
/// window is open; a window that is silent for thirty seconds is forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct FocusRequest {
    /// A random name of the window, 1 to 64 characters, so that several do not overwrite each other.
    pub window: String,
    /// The drive that is open, by id; absent when none is, or the window closes.
    #[serde(default)]
    #[cfg_attr(test, ts(optional = nullable))]
    pub drive: Option<String>,
    /// The folder that is open.
    #[serde(default)]
    #[cfg_attr(test, ts(optional = nullable))]
    pub folder: Option<String>,
    /// The file that is selected or previewed.
    #[serde(default)]
    #[cfg_attr(test, ts(optional = nullable))]
    pub node: Option<String>,
    /// Whether that file is being edited.
    #[serde(default)]
    #[cfg_attr(test, ts(optional, as = "Option<_>"))]
    pub editing: bool,
    /// Whether the person has not touched the window for a while.
    #[serde(default)]
    #[cfg_attr(test, ts(optional, as = "Option<_>"))]
    pub idle: bool,
}

/// It is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct FocusReply {}

/// Asks who is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PresenceRequest {
    /// The drive's id or unique name.
    pub drive: String,
}

/// Who is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PresenceReply {
    /// The drive's id.
    pub drive: String,
    /// Everyone, this device's own windows not included.
    pub here: Vec<Presence>,
}

/// One device that is here, and where in the drive its person is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Presence {
    /// The member's id.
    pub member: String,
    /// The name it goes by; empty if it has none.
    pub name: String,
    /// The device's id.
    pub device: String,
    /// Whether it is another device of this device's own member.
    pub you: bool,
    /// The folder that is open there, if one is.
    pub folder: Option<String>,
    /// The file that is looked at.
    pub viewing: Option<String>,
    /// Files that are being edited or are open for writing: at most 16.
    pub editing: Vec<String>,
    /// Whether nobody has touched it for a while.
    pub idle: bool,
}

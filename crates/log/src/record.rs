//! What the log holds, as plain bytes; knows nothing of how they are stored.

/// Identity of an author's log, `derive(drive, bind, plane, incarnation)`, or of a branch of one: see
/// [`Split`].
pub type LogId = [u8; 32];

/// Identity of an entry: BLAKE3 over its header.
pub type EntryId = [u8; 32];

/// One entry, ready to be stored or as it was stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The log it belongs to.
    pub log: LogId,
    /// Its position there, from 0 without gaps.
    pub seq: u64,
    /// Its identity.
    pub id: EntryId,
    /// Header, signature and sealed body, as they travel.
    pub bytes: Vec<u8>,
}

/// The order in which entries came to this device, from 0 without gaps. An entry never arrives before
/// its predecessor in the same log.
pub type Arrival = u64;

/// How far one author's log is known here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tip {
    /// Which log.
    pub log: LogId,
    /// Number of entries, so the next `seq`.
    pub len: u64,
    /// Id of the last entry.
    pub tip: EntryId,
}

/// A log is found to part: what it has from number `at` on is a branch from now on, a log of its own that
/// begins at 0. The log itself ends there for good, and can be empty. What else follows in its place is
/// another branch, kept like any log.
///
/// Nothing is moved on disk: a branch remembers where it is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Split {
    /// The log, or branch, that parts.
    pub log: LogId,
    /// The number of the first entry that is no longer of it.
    pub at: u64,
    /// What the rest is called now.
    pub branch: LogId,
}

/// The sealed state of the document after the first `arrival` entries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// Number of entries, in arrival order, that it covers.
    pub arrival: Arrival,
    /// Sealed bytes.
    pub bytes: Vec<u8>,
}

/// A room for this device's own notes; a key is unique within its room.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Space {
    /// What disk and drive last agreed on, by node.
    InStep = 1,
    /// Blobs this drive refers to.
    Blobs = 2,
    /// How to reach other devices.
    Peers = 3,
    /// Names, paths and other settings of the drive on this device.
    Config = 4,
    /// What this device meant by its own entries, to make them anew if they become inadmissible.
    Intents = 5,
}

/// A change of this device's notes: `value` `None` forgets the key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// Room.
    pub space: Space,
    /// Key within the room, at most 1 KiB.
    pub key: Vec<u8>,
    /// Sealed value.
    pub value: Option<Vec<u8>>,
}

/// What one durable transaction writes: all of it or nothing.
#[derive(Clone, Default, Debug)]
pub struct Batch {
    /// Logs that part, in order, before the entries are added.
    pub splits: Vec<Split>,
    /// Entries, each the next of its log.
    pub records: Vec<Record>,
    /// Notes, later ones win.
    pub notes: Vec<Note>,
    /// Replaces the snapshot.
    pub snapshot: Option<Snapshot>,
}

/// A note's key and sealed value.
pub type KeyAndValue = (Vec<u8>, Vec<u8>);

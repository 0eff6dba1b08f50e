//! What the command line answers with `--json`, as types. Knows nothing of how it came to be.

use serde::Deserialize;

/// `share DIR`.
#[derive(Clone, Debug, Deserialize)]
pub struct Shared {
    /// The drive's id.
    pub drive: String,
    /// Its name.
    pub name: String,
    /// The folder that became the drive.
    pub path: String,
}

/// `invite DRIVE`.
#[derive(Clone, Debug, Deserialize)]
pub struct Invited {
    /// The ticket to hand over.
    pub ticket: String,
    /// The role it gives.
    pub role: String,
}

/// `join TICKET [DIR | --mount DIR]`.
#[derive(Clone, Debug, Deserialize)]
pub struct Joined {
    /// The drive's id.
    pub drive: String,
    /// Its name.
    pub name: String,
    /// The folder or the mount point.
    pub path: Option<String>,
}

/// One drive in `status`.
#[derive(Clone, Debug, Deserialize)]
pub struct DriveStatus {
    /// The drive's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Live files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The hash over the whole listing.
    pub view_hash: String,
    /// What waits to be handed to others.
    pub pending_up: u64,
    /// What waits to arrive.
    pub pending_down: u64,
    /// How much of what shows on the word of a checkpoint was judged, in hundredths, while some is not.
    #[serde(default)]
    pub verified: Option<u8>,
    /// What cannot go on, with reasons.
    pub problems: Vec<serde_json::Value>,
    /// The other devices.
    pub peers: Vec<serde_json::Value>,
}

/// One line of `tree DRIVE`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Listed {
    /// Path from the drive's root, components joined by `/`.
    pub path: String,
    /// What stays the same through renames and edits.
    pub id: String,
    /// `file`, `folder` or `symlink`.
    pub kind: String,
    /// Bytes.
    pub size: u64,
    /// Permission bits, if the door shows them.
    pub mode: Option<u32>,
    /// The content's hash, for files.
    pub hash: Option<String>,
}

/// What a command that failed says on standard error.
#[derive(Clone, Debug, Deserialize)]
pub struct Refusal {
    /// A word for programs.
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

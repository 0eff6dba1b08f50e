//! Making drives, inviting to them, joining and mounting them.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Makes a folder a drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ShareRequest {
    /// The folder.
    pub path: PathBuf,
    /// The drive's name; the folder's unless given.
    pub name: Option<String>,
    /// Whether to answer only when every file has been taken in.
    pub wait: bool,
}

/// What a member may do, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees everything, changes nothing.
    Reader,
    /// Changes files.
    Writer,
    /// Also invites and removes members.
    Admin,
    /// Also appoints admins. Exactly the one who shared the drive, and never by invite.
    Owner,
}

impl Role {
    /// The word for it, as on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Reader => "reader",
            Role::Writer => "writer",
            Role::Admin => "admin",
            Role::Owner => "owner",
        }
    }
}

/// Makes a ticket that lets someone join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct InviteRequest {
    /// Id or unique name.
    pub drive: String,
    /// What the one who joins may do.
    pub role: Role,
    /// Milliseconds until the ticket is no longer accepted; the engine's default unless given.
    pub expires_in: Option<u64>,
    /// How many devices may join by it.
    pub uses: u32,
    /// Whether somebody here compares words before anyone is let in; exactly for admins unless given.
    #[serde(default)]
    pub approve: Option<bool>,
}

/// A ticket and what it grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct InviteReply {
    /// The invite's id, by which it can be taken back.
    pub invite: String,
    /// To be passed on by a private way: whoever has it can join.
    pub ticket: TicketText,
    /// The same as a link, for where links can be clicked; `join` takes either.
    pub link: TicketText,
    /// What it grants.
    pub role: Role,
    /// When it ends.
    pub expires: u64,
    /// How many devices may join by it.
    pub uses: u32,
    /// Whether somebody here compares words before anyone is let in.
    pub approve: bool,
}

/// A ticket as text. It is a secret, so neither `Debug` nor any error shows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(transparent)]
pub struct TicketText(pub String);

impl fmt::Debug for TicketText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketText(..)")
    }
}

/// Where a joined drive shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// Kept as this folder.
    Folder(PathBuf),
    /// Kept as a folder named after the drive in this one.
    Inside(PathBuf),
    /// Mounted on this folder, contents on demand.
    Mount(PathBuf),
}

/// Joins a drive by a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct JoinRequest {
    /// What the inviter passed on.
    pub ticket: TicketText,
    /// Whether the ticket is a code of another device of the same person.
    #[serde(default)]
    pub own_device: bool,
    /// Where the drive is to show.
    pub place: Place,
    /// Whether to answer only when the contents are here too.
    pub wait: bool,
}

/// Shows a drive as a file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct MountRequest {
    /// Id or unique name.
    pub drive: String,
    /// An empty folder.
    pub path: PathBuf,
}

/// Takes a mount away, for good: it does not come back when the daemon starts again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct UnmountRequest {
    /// The folder it was mounted on.
    pub path: PathBuf,
}

/// The mount is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct UnmountReply {
    /// The folder it was mounted on.
    pub path: PathBuf,
}

/// Gives a drive up on this device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LeaveRequest {
    /// Id or unique name; the id of one that cannot be opened.
    pub drive: String,
    /// Whether to leave also if no connected device has everything that this one has.
    #[serde(default)]
    pub force: bool,
}

/// The drive is no longer on this device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LeaveReply {
    /// The drive's id.
    pub drive: String,
    /// Its name; empty if it could not be opened.
    pub name: String,
    /// The folder that it was kept as. What is in it stays.
    pub folder: Option<PathBuf>,
}

//! The one shape in which a command fails, and what each failure means to a program and a script. It
//! does not know how an engine error becomes one of these: that table is `handlers/errors.rs`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a failed command tells a person and a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ApiError {
    /// What kind of failure, for programs.
    pub code: Code,
    /// What happened, and to what. One sentence or two, no secrets.
    pub message: String,
    /// What to do next, when something can be done.
    pub hint: Option<String>,
    /// Whether the same command may succeed later without anything being changed.
    pub retryable: bool,
}

impl std::error::Error for ApiError {}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl ApiError {
    /// An error of this kind; whether it is retryable follows from the code.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            retryable: code.retryable(),
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Groups of failures that scripts tell apart by exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 1: it was tried and did not work.
    Failed,
    /// 2: the request itself makes no sense.
    Usage,
    /// 3: what it names does not exist.
    NotFound,
    /// 4: it is not allowed, or would break something that exists.
    Refused,
    /// 5: somebody or something needed is not there now.
    Unavailable,
}

impl Exit {
    /// The process exit code.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::NotFound => 3,
            Exit::Refused => 4,
            Exit::Unavailable => 5,
        }
    }
}

/// Declares the codes: variant, its name on the wire, its exit group, whether trying again can help.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $exit:ident, $retry:literal;)+) => {
        /// Kinds of failure. The names on the wire are for programs and never change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(test, derive(ts_rs::TS))]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $text)] $variant,)+
        }

        impl Code {
            /// All of them, in the order of the table.
            pub const ALL: &[Code] = &[$(Code::$variant),+];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $text),+ }
            }

            /// The group that decides the exit code.
            pub const fn exit(self) -> Exit {
                match self { $(Code::$variant => Exit::$exit),+ }
            }

            /// Whether trying the same again later can help.
            pub const fn retryable(self) -> bool {
                match self { $(Code::$variant => $retry),+ }
            }
        }
    };
}

codes! {
    /// The options or arguments cannot be understood.
    BadRequest = "bad_request", Usage, false;
    /// No file or folder can have that name.
    BadName = "bad_name", Usage, false;
    /// The ticket is not one, or was cut or changed on its way.
    BadTicket = "bad_ticket", Usage, false;
    /// Several drives have this name.
    AmbiguousDrive = "ambiguous_drive", Usage, false;
    /// Several members, devices or invites go by this.
    AmbiguousMember = "ambiguous_member", Usage, false;
    /// The daemon does not know this command: it is of another version.
    UnknownCommand = "unknown_command", Usage, false;
    /// No drive of this id or name on this device.
    DriveNotFound = "drive_not_found", NotFound, false;
    /// No such folder or file on this disk.
    FolderNotFound = "folder_not_found", NotFound, false;
    /// No such path in the drive.
    PathNotFound = "path_not_found", NotFound, false;
    /// This device has no recovery phrase of the drive, or has it no more.
    PhraseGone = "phrase_gone", NotFound, false;
    /// No member, device, invite or request goes by this in the drive.
    MemberNotFound = "member_not_found", NotFound, false;
    /// Nothing of that id shows in the drive.
    NodeNotFound = "node_not_found", NotFound, false;
    /// No drive is mounted there.
    NotMounted = "not_mounted", NotFound, false;
    /// The folder is, holds or lies in a folder that is a drive already.
    AlreadyShared = "already_shared", Refused, false;
    /// This device has the drive already.
    AlreadyJoined = "already_joined", Refused, false;
    /// The folder cannot be used for this: it is a file, or not empty, or belongs to something else.
    FolderInUse = "folder_in_use", Refused, false;
    /// Something is mounted there, or it is not an empty folder.
    MountPointInUse = "mount_point_in_use", Refused, false;
    /// The folder has something of that name.
    NameTaken = "name_taken", Refused, false;
    /// No other device that can be reached has what would be lost.
    OnlyHere = "only_here", Refused, false;
    /// This member's role does not allow it, or the file system does not.
    NotAllowed = "not_allowed", Refused, false;
    /// The invite has expired, is used up or was revoked, or the inviter said no.
    InviteRefused = "invite_refused", Refused, false;
    /// This device's key, or a backup, is sealed, and the passphrase is missing or not the right one.
    Locked = "locked", Refused, false;
    /// The running daemon was started with other settings than this command asks for.
    SettingsDiffer = "settings_differ", Refused, false;
    /// The request did not carry this daemon's token.
    BadToken = "bad_token", Refused, false;
    /// The request came from another web page.
    ForeignOrigin = "foreign_origin", Refused, false;
    /// The request was addressed to another host.
    WrongHost = "wrong_host", Refused, false;
    /// Another daemon has this data directory.
    DaemonRunning = "daemon_running", Unavailable, true;
    /// The daemon did not start, or went away during the command.
    DaemonUnavailable = "daemon_unavailable", Unavailable, true;
    /// No device that has what is needed can be reached now.
    NoPeer = "no_peer", Unavailable, true;
    /// It took longer than allowed.
    TimedOut = "timed_out", Unavailable, true;
    /// This system cannot mount: no FUSE.
    MountUnavailable = "mount_unavailable", Unavailable, true;
    /// The disk is full.
    DiskFull = "disk_full", Failed, true;
    /// The data directory was written by a newer PeerDrive.
    NewerFormat = "newer_format", Failed, false;
    /// Something that was stored here is damaged.
    Damaged = "damaged", Failed, false;
    /// The file system said no.
    Io = "io", Failed, false;
    /// It did not work for a reason that no other code names.
    Failed = "failed", Failed, false;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scripts depend on these lines: a change here is a change of the contract.
    const TABLE: &str = include_str!("error/codes.txt");

    #[test]
    fn the_table_of_codes_is_the_published_one() {
        let lines: String = Code::ALL
            .iter()
            .map(|c| {
                format!(
                    "{} {}{}\n",
                    c.exit().code(),
                    c.as_str(),
                    if c.retryable() { " retryable" } else { "" }
                )
            })
            .collect();
        assert_eq!(lines, TABLE);
    }

    #[test]
    fn a_code_travels_as_its_name() -> Result<(), serde_json::Error> {
        for code in Code::ALL {
            let text = serde_json::to_string(code)?;
            assert_eq!(text, format!("\"{}\"", code.as_str()));
            assert_eq!(serde_json::from_str::<Code>(&text)?, *code);
        }
        Ok(())
    }
}

//! The one table from what the engine says went wrong to what a command answers. Exhaustive on purpose:
//! a new kind of failure does not compile until somebody decides what scripts and people are told.
//!
//! Where the engine's own words already say what happened and what to do (`what; what to do`), they are
//! split into message and hint. No text here or there repeats a ticket or a key.

use std::error::Error;
use std::io::{self, ErrorKind};

use peerdrive_engine::choices::ChoiceError;
use peerdrive_engine::content::ContentError;
use peerdrive_engine::device::DataDirError;
use peerdrive_engine::drive::error::{DriveError, LoadError};
use peerdrive_engine::engine::{FindError, FolderError, KeepError, OpenError};
use peerdrive_engine::errors::{
    AppendError, BlobError, ConnectionError, PassphraseError, ProtocolError, RecordError,
    ReentryError, Refused, StartError, TicketError,
};
use peerdrive_engine::history::HistoryError;
use peerdrive_engine::holding::HoldError;
use peerdrive_engine::join::JoinError;
use peerdrive_engine::leases::LeaseError;
use peerdrive_engine::leave::LeaveError;
use peerdrive_engine::local::LocalError;
use peerdrive_engine::members::{GovernError, WhoError};
use peerdrive_engine::recover::RecoverError;
use peerdrive_engine::share::ShareError;
use peerdrive_engine::tree::tree::EditError;
use peerdrive_engine::working_copy::WorkingCopyError;

use crate::error::{ApiError, Code};

const FREE_SPACE: &str = "free some space on this disk, then try again";
const SEE_LOG: &str = "daemon.log of the data directory may say more";
const ASK_AGAIN: &str = "ask whoever invited you for a new ticket";

/// An error whose text has the form `what happened; what to do`, or only what happened.
fn told(code: Code, error: &dyn Error, otherwise: &str) -> ApiError {
    let text = error.to_string();
    match text.rsplit_once("; ") {
        Some((message, hint)) => ApiError::new(code, message).hint(hint),
        None => ApiError::new(code, text).hint(otherwise),
    }
}

/// What a refusal of the operating system means.
fn of_io(error: &io::Error) -> (Code, &'static str) {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => (Code::DiskFull, FREE_SPACE),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => (
            Code::NotAllowed,
            "check that it is yours and can be written",
        ),
        _ => (
            Code::Io,
            "check that the disk is there and that you may write to it",
        ),
    }
}

pub(super) fn io(what: String, error: &io::Error) -> ApiError {
    let (code, hint) = of_io(error);
    ApiError::new(code, format!("{what}: {error}")).hint(hint)
}

/// The code for an error that may have the operating system's word somewhere among its causes.
fn by_cause(error: &(dyn Error + 'static)) -> Code {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return of_io(error).0;
        }
        cause = error.source();
    }
    Code::Failed
}

/// A task of the daemon broke off.
pub(super) fn broke_off() -> ApiError {
    ApiError::new(Code::Failed, "the command broke off in the daemon").hint(SEE_LOG)
}

/// Nothing at that path of the drive.
pub(super) fn no_path(path: &str) -> ApiError {
    ApiError::new(
        Code::PathNotFound,
        format!("there is nothing at `{path}` in the drive"),
    )
    .hint("`peerdrive tree DRIVE` lists everything; paths do not begin with `/`")
}

/// The drive is not kept as a folder here.
pub(super) fn no_folder(drive: &str) -> ApiError {
    ApiError::new(
        Code::FolderNotFound,
        format!("`{drive}` is not kept as a folder on this device"),
    )
    .hint("`peerdrive status` tells where a drive is kept or mounted")
}

/// What is in a drive never came here, and nobody can be asked.
pub(super) fn not_arrived(drive: &str) -> ApiError {
    ApiError::new(
        Code::NoPeer,
        format!("what is in `{drive}` has not arrived, and no device that has it can be reached"),
    )
    .hint("it comes by itself when one is on line; `peerdrive peers` lists those that are known")
}

pub(super) fn paused(drive: &str) -> ApiError {
    ApiError::new(
        Code::NoPeer,
        format!("`{drive}` is paused on this device, so it hears of no other"),
    )
    .hint("`peerdrive resume` goes on")
}

pub(super) fn find(error: &FindError) -> ApiError {
    match error {
        FindError::NotFound { wanted } => ApiError::new(
            Code::DriveNotFound,
            format!("there is no drive `{wanted}` on this device"),
        )
        .hint("`peerdrive status` lists the drives"),
        FindError::Ambiguous { wanted, ids } => ApiError::new(
            Code::AmbiguousDrive,
            format!("several drives are named `{wanted}`"),
        )
        .hint(format!("use one of their ids: {}", ids.join(", "))),
    }
}

/// The engine did not start.
pub fn open(error: &OpenError) -> ApiError {
    match error {
        OpenError::Data(error) => data_dir(error),
        OpenError::Net(error) => match error {
            StartError::Blobs(error) => blobs(error),
            StartError::Relay(_) => told(Code::BadRequest, error, "give the relay's URL"),
            StartError::Bind { .. } => told(Code::Io, error, "choose another address or port"),
            StartError::Setup(_) => told(Code::Io, error, "check that this machine has a network"),
        },
    }
}

pub(super) fn passphrase(error: PassphraseError) -> ApiError {
    let hint = match error {
        PassphraseError::Wrong => "try again; capital letters and blanks inside count",
        PassphraseError::NotSealed | PassphraseError::TooCostly => "check which file it is",
        PassphraseError::Short => "several words that nobody would put together are best",
        PassphraseError::Memory => "end other programs, then try again",
    };
    let code = match error {
        PassphraseError::Wrong => Code::Locked,
        PassphraseError::NotSealed | PassphraseError::TooCostly => Code::Damaged,
        PassphraseError::Short => Code::BadRequest,
        PassphraseError::Memory => Code::Failed,
    };
    told(code, &error, hint)
}

pub(super) fn data_dir(error: &DataDirError) -> ApiError {
    match error {
        DataDirError::InUse { .. } => told(Code::DaemonRunning, error, "stop the other process"),
        DataDirError::Io {
            doing,
            path,
            source,
        } => io(format!("cannot {doing} {}", path.display()), source),
        DataDirError::BadKey { .. } => told(Code::Damaged, error, "restore it from a backup"),
        DataDirError::Locked { .. } => told(Code::Locked, error, "give the passphrase"),
        DataDirError::Passphrase { why, .. } => passphrase(*why),
        DataDirError::OpenKey { .. } => {
            told(Code::NotAllowed, error, "make it readable by you alone")
        }
    }
}

pub(super) fn share(error: &ShareError) -> ApiError {
    match error {
        ShareError::Keep(error) => keep(error),
        ShareError::Name => told(Code::BadRequest, error, "choose a name with --name"),
        ShareError::Found(_) => told(Code::Failed, error, "choose a shorter name with --name"),
        ShareError::Append(error) => append(error),
        ShareError::Load(error) => load(error),
    }
}

pub(super) fn keep(error: &KeepError) -> ApiError {
    match error {
        KeepError::Folder(error) => folder(error),
        KeepError::Notes(error) => local(error),
        KeepError::Choice(error) => choice(error),
        KeepError::Copy(error) => working_copy(error),
        KeepError::Elsewhere { .. } => told(
            Code::AlreadyShared,
            error,
            "`peerdrive status` says where; put that folder back, or `peerdrive leave` the drive",
        ),
    }
}

fn folder(error: &FolderError) -> ApiError {
    match error {
        FolderError::NotFound { path } => ApiError::new(
            Code::FolderNotFound,
            format!("there is no folder {}", path.display()),
        )
        .hint("make the folder first, or check how it is written"),
        // The path exists, it is only not what the command is for.
        FolderError::NotAFolder { path } => ApiError::new(
            Code::BadRequest,
            format!("{} is not a folder", path.display()),
        )
        .hint("name a folder"),
        FolderError::Taken {
            path,
            relation,
            drive,
        } => ApiError::new(
            Code::AlreadyShared,
            format!(
                "{} cannot be shared: it {relation} the folder of the drive `{drive}`",
                path.display()
            ),
        )
        .hint("a file cannot be in two drives; choose a folder outside that one"),
        FolderError::OwnData { path, data } => ApiError::new(
            Code::FolderInUse,
            format!(
                "{} overlaps PeerDrive's own data in {}",
                path.display(),
                data.display()
            ),
        )
        .hint("choose another folder, or keep the data elsewhere by --data-dir"),
        FolderError::Io { path, source } => {
            io(format!("{} cannot be used", path.display()), source)
        }
    }
}

pub(super) fn working_copy(error: &WorkingCopyError) -> ApiError {
    match error {
        WorkingCopyError::Disk { error: source, .. } => {
            told(of_io(source).0, error, of_io(source).1)
        }
        WorkingCopyError::OtherDrive(_) => told(Code::FolderInUse, error, "choose another folder"),
        WorkingCopyError::Records(_) => told(Code::Damaged, error, SEE_LOG),
        WorkingCopyError::Thread(_) => told(Code::Failed, error, "check the limits of this user"),
        WorkingCopyError::Stopped => told(Code::DaemonUnavailable, error, "give the command again"),
    }
}

pub(super) fn leave(error: &LeaveError) -> ApiError {
    match error {
        LeaveError::Notes(error) => local(error),
        LeaveError::Marker { path, source } => io(
            format!("{} is still marked as the drive's", path.display()),
            source,
        ),
        LeaveError::Record { path, source } => {
            io(format!("{} cannot be removed", path.display()), source)
        }
    }
}

pub(super) fn join(error: &JoinError) -> ApiError {
    match error {
        JoinError::Ticket(error) => ticket(*error),
        JoinError::AlreadyJoined { name } => {
            ApiError::new(Code::AlreadyJoined, format!("this device is in the drive `{name}` already"))
                .hint("`peerdrive status` says where it is; `peerdrive mount` shows it elsewhere")
        }
        JoinError::DeviceCode | JoinError::NoDeviceCode => {
            told(Code::BadTicket, error, "copy all of it again, in quotes")
        }
        JoinError::Keep(error) => keep(error),
        JoinError::Unreachable(_) => ApiError::new(Code::NoPeer, "the device that made the invite cannot be reached")
            .hint("it has to be on, with PeerDrive running and a network between the two; then join again"),
        JoinError::Connection(error) => connection(error),
        JoinError::Protocol(error) => protocol(error),
        JoinError::Append(error) => append(error),
        JoinError::Load(error) => load(error),
    }
}

pub(super) fn recover(error: &RecoverError) -> ApiError {
    match error {
        RecoverError::Phrase(_) => told(
            Code::BadTicket,
            error,
            "write all 24 words in their order, as they were shown",
        ),
        RecoverError::Contact => told(Code::BadTicket, error, "copy all of it again"),
        RecoverError::Unreachable(_) => told(Code::NoPeer, error, "try again when one is"),
        RecoverError::Reentry(ReentryError::Refused) => told(
            Code::InviteRefused,
            error,
            "check which drive the phrase belongs to, and ask a device that has that drive",
        ),
        RecoverError::Reentry(ReentryError::FalseLog | ReentryError::NoKeys) => told(
            Code::InviteRefused,
            error,
            "ask another device that has the drive",
        ),
        RecoverError::Reentry(_) => told(Code::Failed, error, "update PeerDrive on both devices"),
        RecoverError::Join(error) => join(error),
        RecoverError::Drive(error) => drive(error),
    }
}

fn ticket(error: TicketError) -> ApiError {
    let message = match error {
        TicketError::NotATicket => "this is not a ticket: one begins with `peerdrive:join#`",
        TicketError::Damaged => "the ticket is damaged or incomplete",
        TicketError::Version(_) => "the ticket was made by a newer PeerDrive",
        TicketError::TooMuch => "the ticket holds more than one may",
    };
    let hint = match error {
        TicketError::NotATicket | TicketError::Damaged => "copy all of it again, in quotes",
        TicketError::Version(_) => "update PeerDrive on this device",
        TicketError::TooMuch => ASK_AGAIN,
    };
    ApiError::new(Code::BadTicket, message).hint(hint)
}

fn connection(error: &ConnectionError) -> ApiError {
    match error {
        ConnectionError::Address(_) => told(Code::BadTicket, error, ASK_AGAIN),
        ConnectionError::Unreachable(_) => told(Code::NoPeer, error, "join again when it is on"),
        ConnectionError::Closed => told(Code::InviteRefused, error, ASK_AGAIN),
        ConnectionError::TooLong(_) => {
            told(Code::Failed, error, "update PeerDrive on both devices")
        }
        ConnectionError::TooSlow | ConnectionError::Lost(_) => {
            told(Code::NoPeer, error, "try again")
        }
    }
}

fn protocol(error: &ProtocolError) -> ApiError {
    let (code, hint) = match error {
        ProtocolError::Protocol | ProtocolError::Version(_) => {
            (Code::Failed, "update PeerDrive on both devices")
        }
        // The address in the ticket led to somebody else: damaged, or tampered with.
        ProtocolError::WrongDrive | ProtocolError::FalseWelcome => (
            Code::InviteRefused,
            "ask for a new ticket, by a way you trust",
        ),
        ProtocolError::BadProof | ProtocolError::Cert(_) => (Code::InviteRefused, ASK_AGAIN),
        ProtocolError::Refused(refused) => {
            let hint = match refused {
                Refused::NotAdmitted => "check that the ticket is whole, or ask for a new one",
                Refused::Expired | Refused::UsedUp | Refused::Revoked | Refused::Declined => {
                    ASK_AGAIN
                }
            };
            let message = match refused {
                Refused::NotAdmitted => {
                    "the invite was refused: the inviting device does not know it"
                }
                Refused::Expired => "the invite has expired",
                Refused::UsedUp => {
                    "the invite has been used up; if that was not you, tell whoever invited you"
                }
                Refused::Revoked => "the invite was taken back",
                Refused::Declined => "whoever invited you did not confirm",
            };
            return ApiError::new(Code::InviteRefused, message).hint(hint);
        }
    };
    ApiError::new(code, error.to_string()).hint(hint)
}

pub(super) fn drive(error: &DriveError) -> ApiError {
    match error {
        DriveError::ReadOnly => told(Code::NotAllowed, error, "ask an admin"),
        DriveError::NotAllowed => told(Code::NotAllowed, error, "ask an admin"),
        DriveError::NotAbove => told(Code::NotAllowed, error, "ask an owner"),
        DriveError::NoKeys => told(
            Code::NoPeer,
            error,
            "try again when another member is on line",
        ),
        DriveError::TooLarge => told(Code::Failed, error, "do it in parts"),
        DriveError::Refused(_) => told(Code::NotAllowed, error, "an admin may be able to"),
        DriveError::Invite(_) => told(Code::InviteRefused, error, ASK_AGAIN),
        DriveError::Entry(_) => told(Code::Failed, error, SEE_LOG),
        DriveError::Append(error) => append(error),
        DriveError::Read(_) => told(Code::Damaged, error, SEE_LOG),
        DriveError::Local(error) => local(error),
        DriveError::Closed => told(Code::DaemonUnavailable, error, "give the command again"),
    }
}

pub(super) fn govern(error: &GovernError) -> ApiError {
    match error {
        GovernError::Who(error) => who(error),
        GovernError::Drive(error) => drive(error),
    }
}

pub(super) fn lease(error: &LeaseError) -> ApiError {
    match error {
        LeaseError::Code(_) => told(
            Code::BadTicket,
            error,
            "copy all of it again, in quotes, as `peerdrive replica` shows it",
        ),
        LeaseError::Address(_) => told(Code::BadTicket, error, "ask its operator for a new code"),
        LeaseError::Ask(_) => told(Code::NoPeer, error, "check that it runs, and try again"),
        LeaseError::Refused(_) => told(Code::NotAllowed, error, "ask its operator"),
        LeaseError::Drive(error) => drive(error),
    }
}

pub(super) fn who(error: &WhoError) -> ApiError {
    match error {
        WhoError::NotFound { .. } => told(Code::MemberNotFound, error, "check how it is written"),
        WhoError::Ambiguous { .. } => told(Code::AmbiguousMember, error, "use an id"),
    }
}

fn load(error: &LoadError) -> ApiError {
    match error {
        LoadError::Open(error) => match error {
            RecordError::InUse { .. } => told(Code::DaemonRunning, error, "stop the other process"),
            RecordError::Newer { .. } => {
                told(Code::NewerFormat, error, "update PeerDrive on this device")
            }
            RecordError::Damaged { .. } => told(Code::Damaged, error, SEE_LOG),
            RecordError::Io { path, source } => {
                io(format!("cannot open {}", path.display()), source)
            }
        },
        LoadError::Read(_) => told(Code::Damaged, error, SEE_LOG),
        LoadError::Local(error) => local(error),
        LoadError::Tree(_) | LoadError::Control | LoadError::Keys => told(
            Code::Damaged,
            error,
            "move the drive's folder in the data directory away and join again",
        ),
        LoadError::Snapshot => told(Code::NewerFormat, error, "update PeerDrive on this device"),
    }
}

fn append(error: &AppendError) -> ApiError {
    match error {
        AppendError::Full => {
            ApiError::new(Code::DiskFull, "the disk with PeerDrive's data is full").hint(FREE_SPACE)
        }
        AppendError::Gap { .. } | AppendError::Split { .. } => told(Code::Failed, error, SEE_LOG),
        AppendError::Store(_) => told(by_cause(error), error, SEE_LOG),
    }
}

pub(super) fn local(error: &LocalError) -> ApiError {
    match error {
        LocalError::Read(_) => told(Code::Damaged, error, SEE_LOG),
        LocalError::Write(error) => append(error),
        LocalError::Sealed => told(Code::Damaged, error, SEE_LOG),
    }
}

pub(super) fn choice(error: &ChoiceError) -> ApiError {
    match error {
        ChoiceError::Pattern { .. } => told(
            Code::BadRequest,
            error,
            "it is as in a .gitignore: `*.o`, `/build/`, `node_modules/`",
        ),
        ChoiceError::TooMany => told(
            Code::BadRequest,
            error,
            "name folders instead of the files in them",
        ),
        ChoiceError::Unreadable => told(
            Code::Damaged,
            error,
            "update PeerDrive, or leave the drive and join it again",
        ),
        ChoiceError::Notes(error) => local(error),
    }
}

pub(super) fn holding(error: &HoldError) -> ApiError {
    match error {
        HoldError::NoPath(path) => no_path(path),
        HoldError::Content(error) => content(error),
        HoldError::Store(error) => blobs(error),
        HoldError::Local(error) => local(error),
        HoldError::Read(_) => told(Code::Damaged, error, SEE_LOG),
        HoldError::Broken(_) => told(Code::Damaged, error, SEE_LOG),
        HoldError::Busy(_) => told(
            Code::DaemonUnavailable,
            error,
            "`peerdrive wait` waits for it",
        ),
        HoldError::Untold(_) => told(
            Code::DaemonUnavailable,
            error,
            "it is tried again every few hours by itself",
        ),
        HoldError::Stopped => told(Code::DaemonUnavailable, error, "give the command again"),
    }
}

pub(super) fn history(error: &HistoryError) -> ApiError {
    match error {
        HistoryError::NoPath(_) => told(
            Code::PathNotFound,
            error,
            "`peerdrive tree` lists what is there, `peerdrive trash` what was",
        ),
        HistoryError::NoVersion { .. } => told(
            Code::PathNotFound,
            error,
            "`peerdrive history` lists the versions",
        ),
        HistoryError::Folder(_) => told(Code::BadRequest, error, "restore it --as-of a time"),
        HistoryError::TooEarly => told(Code::PathNotFound, error, "give a later time"),
        HistoryError::Content(error) => content(error),
        HistoryError::Drive(error) => drive(error),
        HistoryError::Refused(_) => told(
            Code::NotAllowed,
            error,
            "free the name that it had, or restore the folder that held it first",
        ),
        HistoryError::Read(_) => told(Code::Damaged, error, SEE_LOG),
        HistoryError::Local(error) => local(error),
    }
}

pub(super) fn content(error: &ContentError) -> ApiError {
    match error {
        ContentError::Unavailable { .. } => told(
            Code::NoPeer,
            error,
            "try again when another member is on line",
        ),
        ContentError::Forged { .. } => told(Code::Damaged, error, "restore another version"),
        ContentError::NoKey { .. } => told(
            Code::NoPeer,
            error,
            "try again when another member is on line",
        ),
        ContentError::NoEpoch => told(Code::NotAllowed, error, "ask an admin to let you in again"),
        ContentError::TooLarge { .. } => told(Code::Failed, error, "split the file"),
        ContentError::Store(error) => blobs(error),
        ContentError::File(source) => told(of_io(source).0, error, of_io(source).1),
        ContentError::Stopped => told(Code::DaemonUnavailable, error, "give the command again"),
    }
}

fn blobs(error: &BlobError) -> ApiError {
    let code = match error {
        BlobError::Open { .. } => Code::Io,
        BlobError::Full(_) => Code::DiskFull,
        BlobError::Damaged(_) | BlobError::Longer(_) => Code::Damaged,
        BlobError::Io(source) => of_io(source).0,
        BlobError::Stalled | BlobError::Closed => Code::DaemonUnavailable,
    };
    told(code, error, SEE_LOG)
}

#[cfg(test)]
mod tests;

/// Nothing of that id shows.
pub(super) fn no_node() -> ApiError {
    ApiError::new(Code::NodeNotFound, "this file or folder is no longer there")
        .hint("it may have been deleted meanwhile; look into the trash")
}

/// One edit was refused.
pub(super) fn edit(error: &EditError) -> ApiError {
    let (code, hint) = match error {
        EditError::NotFound(_) | EditError::NotDeleted(_) => (
            Code::NodeNotFound,
            "it may have been deleted or moved meanwhile",
        ),
        EditError::NameTaken { .. } => (Code::NameTaken, "choose another name"),
        EditError::NotAFolder(_)
        | EditError::WrongKind(_)
        | EditError::IntoItself(_)
        | EditError::Root
        | EditError::TooDeep
        | EditError::NoSuchEdit(_)
        | EditError::BadMode(_)
        | EditError::BadXattr
        | EditError::BadTarget
        | EditError::NotInConflict(_) => (Code::BadRequest, "nothing was changed"),
        EditError::ReadOnly => (Code::NotAllowed, "update PeerDrive"),
        EditError::Automerge(_) => (Code::Failed, SEE_LOG),
    };
    ApiError::new(code, error.to_string()).hint(hint)
}

//! What people and scripts are told: a snapshot of the table. A change here is a change of the contract.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use super::*;

const TABLE: &str = include_str!("table.txt");

fn full() -> io::Error {
    io::Error::from(ErrorKind::StorageFull)
}

fn denied() -> io::Error {
    io::Error::from(ErrorKind::PermissionDenied)
}

fn here() -> PathBuf {
    "/home/ana/Photos".into()
}

fn all() -> Vec<ApiError> {
    let taken = |relation| {
        share(
            &FolderError::Taken {
                path: here(),
                relation,
                drive: "Photos".into(),
            }
            .into(),
        )
    };
    let mut all = vec![
        find(&FindError::NotFound {
            wanted: "Fotos".into(),
        }),
        find(&FindError::Ambiguous {
            wanted: "Photos".into(),
            ids: vec!["d1".into(), "d2".into()],
        }),
        no_path("2024/none"),
        broke_off(),
        share(&FolderError::NotFound { path: here() }.into()),
        share(&FolderError::NotAFolder { path: here() }.into()),
        taken("is"),
        taken("is inside"),
        taken("contains"),
        share(
            &FolderError::OwnData {
                path: here(),
                data: "/home/ana".into(),
            }
            .into(),
        ),
        share(
            &FolderError::Io {
                path: here(),
                source: denied(),
            }
            .into(),
        ),
        share(&ShareError::Name),
        share(&AppendError::Full.into()),
        open(&DataDirError::InUse { path: here() }.into()),
        open(
            &DataDirError::Io {
                doing: "create",
                path: here(),
                source: full(),
            }
            .into(),
        ),
        open(&DataDirError::BadKey { path: here() }.into()),
        open(&DataDirError::OpenKey { path: here() }.into()),
        open(&StartError::Relay("nonsense".into()).into()),
        open(
            &StartError::Bind {
                address: "127.0.0.1:1".into(),
                reason: "in use".into(),
            }
            .into(),
        ),
        open(&StartError::Setup("no network".into()).into()),
        join(&JoinError::AlreadyJoined {
            name: "Photos".into(),
        }),
        join(&JoinError::Unreachable("timed out".into())),
        join(&ConnectionError::Closed.into()),
        join(&ConnectionError::TooSlow.into()),
        join(&ProtocolError::Protocol.into()),
        join(&ProtocolError::Version(9).into()),
        join(&ProtocolError::WrongDrive.into()),
        join(&ProtocolError::BadProof.into()),
        join(&ProtocolError::FalseWelcome.into()),
        join(
            &RecordError::Newer {
                path: here(),
                found: 9,
                known: 1,
            }
            .pipe(LoadError::from)
            .into(),
        ),
        drive(&DriveError::ReadOnly),
        drive(&DriveError::NotAllowed),
        drive(&DriveError::NoKeys),
        drive(&DriveError::TooLarge),
        drive(&DriveError::Closed),
        drive(&AppendError::Full.into()),
        not_arrived("Photos"),
        keep(&KeepError::Elsewhere {
            drive: "Photos".into(),
            folder: here(),
        }),
        leave(&LeaveError::Marker {
            path: here(),
            source: denied(),
        }),
        leave(&LeaveError::Record {
            path: "/data/drives/d1".into(),
            source: denied(),
        }),
        working_copy(&WorkingCopyError::OtherDrive(here())),
        working_copy(&WorkingCopyError::Stopped),
        holding(&HoldError::NoPath("2024/none".into())),
        holding(&HoldError::Broken("d1".into())),
        holding(&HoldError::Busy("Photos".into())),
        holding(&HoldError::Untold("Photos".into())),
        holding(&HoldError::Stopped),
        history(&HistoryError::NoPath("2024/none".into())),
        history(&HistoryError::NoVersion {
            path: "a.txt".into(),
            version: "9-00".into(),
        }),
        history(&HistoryError::Folder("2024".into())),
        history(&HistoryError::TooEarly),
        history(&HistoryError::Refused("the name is taken".into())),
        content(&ContentError::Unavailable { missing: 3 }),
        content(&ContentError::NoKey { epoch: [0; 8] }),
        content(&ContentError::NoEpoch),
        content(&ContentError::TooLarge { len: 7 }),
        content(&ContentError::File(Arc::new(full()))),
        content(&ContentError::Store(Arc::new(BlobError::Full(full())))),
        content(&ContentError::Stopped),
        local(&LocalError::Sealed),
    ];
    let tickets = [
        TicketError::NotATicket,
        TicketError::Damaged,
        TicketError::Version(9),
        TicketError::TooMuch,
    ];
    all.extend(tickets.map(|e| join(&e.into())));
    let refusals = [
        Refused::NotAdmitted,
        Refused::Expired,
        Refused::UsedUp,
        Refused::Revoked,
        Refused::Declined,
    ];
    all.extend(refusals.map(|e| join(&ProtocolError::from(e).into())));
    all
}

/// Reads from left to right where several conversions follow each other.
trait Pipe: Sized {
    fn pipe<T>(self, into: impl FnOnce(Self) -> T) -> T {
        into(self)
    }
}
impl<T> Pipe for T {}

#[test]
fn what_people_and_scripts_are_told_is_what_was_published() {
    let mut table = String::new();
    for error in all() {
        let (exit, code) = (error.code.exit().code(), error.code.as_str());
        let hint = error.hint.as_deref().unwrap_or("-");
        writeln!(table, "{exit} {code}\n    {}\n    {hint}", error.message).ok();
    }
    assert_eq!(table, TABLE, "the table is now:\n{table}");
}

#[test]
fn every_refusal_says_what_to_do() {
    for error in all() {
        assert!(
            error.hint.as_ref().is_some_and(|hint| !hint.is_empty()),
            "{error:?}"
        );
        assert!(!error.message.is_empty());
    }
}

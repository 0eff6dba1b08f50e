//! Making drives, inviting to them, joining them.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use peerdrive_engine::join::{InviteOptions, drive_in};
use peerdrive_engine::place::Place as Showing;
use peerdrive_engine::working_copy::{Problem, WorkingCopy};
use peerdrive_engine::{DriveHandle, Engine, Work};

use serde::Serialize;

use super::{Host, errors};
use crate::dto::{
    DriveRef, InviteReply, InviteRequest, JoinRequest, JoinWords, Place, Progress, ShareRequest,
    TicketText,
};
use crate::error::{ApiError, Code};
use crate::mount_door::MountDoor;
use crate::reply::Replies;
use crate::schema::NoItem;

/// How often progress is told: smooth to the eye, nothing to the machine.
const TELL: Duration = Duration::from_millis(150);

/// How a ticket begins, and how it does as a link: chats and mail make only those clickable that have
/// the two slashes.
const TICKET: &str = "peerdrive:";
const LINK: &str = "peerdrive://";

pub(super) async fn share<M: MountDoor>(
    host: &Host<M>,
    request: ShareRequest,
    replies: &mut Replies<NoItem>,
) -> Result<DriveRef, ApiError> {
    let shared = host.engine.share(&request.path, request.name);
    let drive = shared.map_err(|e| errors::share(&e))?;
    host.drives_changed();
    let copy = drive.working_copy();
    if let (true, Some(copy)) = (request.wait, &copy) {
        let taken_in = async {
            let status = copy.sync_now().await;
            let status = status.map_err(|e| errors::working_copy(&e))?;
            all_done(&drive, Doing::Reading, status.paused, &status.problems)
        };
        telling(taken_in, replies, || taking_in(&drive, copy)).await?;
    }
    let path = copy.map_or(request.path, |copy| copy.root().to_owned());
    Ok(DriveRef {
        drive: drive.id().to_string(),
        name: drive.name().to_owned(),
        path,
    })
}

pub(super) async fn invite(
    engine: &Engine,
    drive: &DriveHandle,
    request: &InviteRequest,
) -> Result<InviteReply, ApiError> {
    let options = InviteOptions {
        role: request.role.into(),
        expires: request.expires_in.map(Duration::from_millis),
        uses: request.uses,
        approve: request.approve,
    };
    let invite = engine
        .invite(drive, options)
        .await
        .map_err(|e| errors::drive(&e))?;
    Ok(InviteReply {
        invite: invite.id.to_string(),
        approve: invite.approve,
        ticket: TicketText(invite.ticket.text().to_owned()),
        link: link(invite.ticket.text()),
        role: invite.role.into(),
        expires: invite.expires_ms,
        uses: invite.uses,
    })
}

pub(super) async fn join<M: MountDoor>(
    host: &Host<M>,
    request: JoinRequest,
    replies: &mut Replies<JoinWords>,
) -> Result<DriveRef, ApiError> {
    let ticket = ticket(&request.ticket.0);
    let folder = match &request.place {
        Place::Inside(parent) => inside(parent, &ticket)?,
        place => folder_before(place)?.map(Path::to_owned),
    };
    let mount = match &request.place {
        Place::Mount(at) => Some(super::mounts::lexical(at)),
        _ => None,
    };
    let place = match (&folder, &mount) {
        (Some(folder), _) => Showing::Folder(folder),
        (None, Some(at)) => Showing::Mount(at),
        (None, None) => Showing::Later,
    };
    let drive = if request.own_device {
        let accepted = host.engine.accept_device(&ticket, place).await;
        accepted.map_err(|e| errors::join(&e))?
    } else {
        let_in(&host.engine, &ticket, place, replies).await?
    };
    let shown = folder.map_or(request.place, Place::Folder);
    host.drives_changed();
    let shown = show(host, &drive, &shown).await;
    let joined = host.may_have_changed_drives(shown)?;
    let copy = drive.working_copy();
    let paused = copy.as_ref().and_then(|copy| copy.status().paused);
    if paused.is_some() {
        all_done(&drive, Doing::Joining, paused, &[])?;
    }
    if !drive.has_arrived() && !request.wait {
        return Err(joined_for_now(&joined, errors::not_arrived(drive.name())));
    }
    if request.wait {
        let level = async {
            let waited = drive.wait_level().await;
            if waited.lost {
                return Err(joined_for_now(&joined, errors::not_arrived(drive.name())));
            }
            all_done(&drive, Doing::Joining, waited.held_up, &waited.problems)
        };
        telling(level, replies, || writing_out(&drive)).await?;
    }
    Ok(joined)
}

/// A ticket as a link.
fn link(ticket: &str) -> TicketText {
    TicketText(match ticket.strip_prefix(TICKET) {
        Some(rest) => format!("{LINK}{rest}"),
        None => ticket.to_owned(),
    })
}

/// The ticket of a link, as what opened it hands it on: in any case, some with a slash before the `#`.
/// Anything else is left as it is.
fn ticket(text: &str) -> String {
    let clean = text.trim();
    let (Some(head), Some(rest)) = (clean.get(..LINK.len()), clean.get(LINK.len()..)) else {
        return text.to_owned();
    };
    match rest.split_once('#') {
        Some((what, secret)) if head.eq_ignore_ascii_case(LINK) => {
            format!("{TICKET}{}#{secret}", what.trim_end_matches('/'))
        }
        _ => text.to_owned(),
    }
}

/// The folder in `parent` that a drive will be kept in, so that it is known before the drive is here;
/// made only then. `None` if the text is no ticket, which the engine says better.
fn inside(parent: &Path, ticket: &str) -> Result<Option<PathBuf>, ApiError> {
    let Some((drive, name)) = drive_in(ticket) else {
        return Ok(None);
    };
    free_folder(parent, &name, &drive.to_string()).map(Some)
}

/// What a command was to bring to an end.
#[derive(Clone, Copy, Debug)]
enum Doing {
    Reading,
    Joining,
}

/// Most paths that are told in one message. `status` has all of them.
const TOLD: usize = 10;

/// The failure of a command that was to deal with everything in a folder and could not.
fn all_done(
    drive: &DriveHandle,
    doing: Doing,
    held_up: Option<String>,
    problems: &[Problem],
) -> Result<(), ApiError> {
    let (name, id) = (drive.name(), drive.id());
    let begun = match doing {
        Doing::Reading => format!("`{name}` ({id}) is a drive now, but"),
        Doing::Joining => format!("joined `{name}` ({id}), but"),
    };
    let what = match doing {
        Doing::Reading => "could not be taken in",
        Doing::Joining => "could not be brought in step",
    };
    let told = if let Some(why) = held_up {
        format!("{begun} its folder is not kept in step: {why}")
    } else if problems.is_empty() {
        return Ok(());
    } else {
        let some = problems.iter().take(TOLD);
        let mut some: Vec<String> = some.map(|p| format!("{}: {}", p.path, p.reason)).collect();
        if problems.len() > TOLD {
            some.push(format!("and {} more", problems.len() - TOLD));
        }
        let count = problems.len();
        format!(
            "{begun} {count} of its files and folders {what}: {}",
            some.join("; ")
        )
    };
    let mut hint =
        format!("it goes on by itself when it can; `peerdrive status {id}` says what waits");
    if let Doing::Reading = doing {
        // Else nobody would see it: it is shown when all went well.
        hint += &format!(", `peerdrive phrase {id}` shows its recovery phrase");
    }
    Err(ApiError::new(Code::Io, told).hint(hint))
}

/// The folder that the engine is to keep the drive in from the start; looks at a mount point before a
/// ticket is spent on it.
pub(super) fn folder_before(place: &Place) -> Result<Option<&Path>, ApiError> {
    match place {
        Place::Folder(folder) => Ok(Some(folder)),
        Place::Inside(_) => Ok(None),
        Place::Mount(at) => mountable(at).map(|()| None),
    }
}

/// Shows a drive that has just come to this device where it was asked for.
pub(super) async fn show<M: MountDoor>(
    host: &Host<M>,
    drive: &DriveHandle,
    place: &Place,
) -> Result<DriveRef, ApiError> {
    let joined = DriveRef {
        drive: drive.id().to_string(),
        name: drive.name().to_owned(),
        path: PathBuf::new(),
    };
    let path = match place {
        Place::Mount(at) => match host.mount_and_remember(drive, at).await {
            Ok(mounted) => mounted.path,
            Err(error) => {
                host.forget_mount(drive, at)?;
                return Err(joined_but(&joined, error));
            }
        },
        Place::Folder(folder) => folder.clone(),
        Place::Inside(parent) => {
            let folder = free_folder(parent, &joined.name, &joined.drive);
            let folder = folder.map_err(|e| joined_but(&joined, e))?;
            host.engine
                .keep(drive, &folder)
                .map_err(|e| joined_but(&joined, errors::keep(&e)))?;
            folder
        }
    };
    let copy = drive.working_copy();
    let path = copy.map_or(path, |copy| copy.root().to_owned());
    Ok(DriveRef { path, ..joined })
}

/// Joins, and hands on the words that are to be compared meanwhile, if any are.
async fn let_in(
    engine: &Engine,
    ticket: &str,
    place: Showing<'_>,
    replies: &mut Replies<JoinWords>,
) -> Result<DriveHandle, ApiError> {
    let (tell, mut told) = tokio::sync::watch::channel(None::<String>);
    let compare = move |words: &str| {
        // Told again and again; only news is handed on.
        tell.send_if_modified(|known| {
            let news = known.as_deref() != Some(words);
            if news {
                *known = Some(words.to_owned());
            }
            news
        });
    };
    let joining = engine.join_comparing(ticket, place, compare);
    tokio::pin!(joining);
    let mut asking = true;
    loop {
        tokio::select! {
            biased;
            joined = &mut joining => return joined.map_err(|e| errors::join(&e)),
            news = told.changed(), if asking => {
                asking = news.is_ok();
                let words = told.borrow_and_update().clone();
                if let Some(words) = words {
                    // Once begun, a join goes on also if nobody listens any more.
                    replies.item(&JoinWords { words }).await.ok();
                    replies.now().await.ok();
                }
            }
        }
    }
}

/// Waits for `work` and tells meanwhile how far it is. What was begun goes on when nobody listens any
/// more; only the waiting ends.
async fn telling<Item: Serialize>(
    work: impl Future<Output = Result<(), ApiError>>,
    replies: &mut Replies<Item>,
    progress: impl Fn() -> Progress,
) -> Result<(), ApiError> {
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            gone = replies.closed() => return Err(gone),
            () = tokio::time::sleep(TELL) => {}
        }
        replies.progress(&progress());
    }
}

fn taking_in(drive: &DriveHandle, copy: &WorkingCopy) -> Progress {
    let progress = copy.progress();
    let whole = Progress {
        stage: "reading".into(),
        files: progress.files_in,
        files_total: Some(progress.files_in_total),
        bytes: progress.bytes_in,
        bytes_total: Some(progress.bytes_in_total),
    };
    within(whole, drive.work().filter(|work| work.reading))
}

fn writing_out(drive: &DriveHandle) -> Progress {
    let copy = drive.working_copy();
    let progress = copy.map(|copy| copy.progress()).unwrap_or_default();
    let whole = Progress {
        stage: "receiving".into(),
        files: progress.files_out,
        files_total: Some(progress.files_out_total),
        bytes: progress.bytes_out,
        bytes_total: Some(progress.bytes_out_total),
    };
    within(whole, drive.work().filter(|work| !work.reading))
}

/// The bytes of whole files, and of those that are in the middle: one large file is not all or nothing.
fn within(whole: Progress, work: Option<Work>) -> Progress {
    match work {
        Some(work) => Progress {
            bytes: work.bytes,
            bytes_total: Some(work.bytes_total),
            ..whole
        },
        None => whole,
    }
}

/// Whether a drive can be mounted there, as far as the folder itself tells.
fn mountable(at: &Path) -> Result<(), ApiError> {
    let shown = at.display();
    match std::fs::read_dir(at).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(
            ApiError::new(Code::MountPointInUse, format!("{shown} is not empty"))
                .hint("what is in it would be hidden; choose an empty folder"),
        ),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(ApiError::new(
            Code::FolderNotFound,
            format!("there is no folder {shown} to mount on"),
        )
        .hint("make the folder first")),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => Err(ApiError::new(
            Code::BadRequest,
            format!("{shown} is not a folder"),
        )
        .hint("name an empty folder")),
        // A mount that a killed daemon left answers with an error; mounting clears it.
        Err(_) => Ok(()),
    }
}

/// A folder named after the drive, or after `otherwise` where that cannot be a name, that is not there yet.
/// One that is there already belongs to something else: uniting the two is never a guess, so a number
/// is added.
fn free_folder(parent: &Path, name: &str, otherwise: &str) -> Result<PathBuf, ApiError> {
    let base = folder_name(name).unwrap_or(otherwise);
    if let Err(error) = parent.metadata() {
        let what = format!("no folder can be made in {}", parent.display());
        return Err(errors::io(what, &error));
    }
    (1..=1000)
        .map(|number| match number {
            1 => parent.join(base),
            _ => parent.join(format!("{base} {number}")),
        })
        .find(|folder| folder.symlink_metadata().is_err())
        .ok_or_else(|| {
            ApiError::new(
                Code::FolderInUse,
                format!("there is no free folder name in {}", parent.display()),
            )
            .hint("name a folder")
        })
}

/// The drive's name where it can be a folder's: names come from others.
fn folder_name(name: &str) -> Option<&str> {
    let fits = !name.is_empty()
        && name.len() <= 200
        && !name.starts_with(['.', '-', ' '])
        && !name.contains(['/', '\\', ':'])
        && !name.chars().any(char::is_control);
    fits.then_some(name)
}

/// The ticket is spent and the drive joined, but it does not show yet where it should.
fn joined_but(drive: &DriveRef, error: ApiError) -> ApiError {
    let hint = format!(
        "the drive is joined all the same; show it with `peerdrive mount {} DIR`",
        drive.drive
    );
    joined_for_now(drive, error).hint(hint)
}

/// The same when it will show there by itself.
fn joined_for_now(drive: &DriveRef, error: ApiError) -> ApiError {
    ApiError {
        message: format!("joined `{}`, but: {}", drive.name, error.message),
        ..error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drives_name_cannot_lead_out_of_the_folder() {
        assert_eq!(folder_name("Photos 2024"), Some("Photos 2024"));
        for name in [
            "", ".", "..", "../etc", "/etc", "a/b", ".ssh", "-rf", "a\nb", "C:", "a\\b",
        ] {
            assert_eq!(folder_name(name), None, "{name}");
        }
    }

    #[test]
    fn a_folder_that_is_there_is_left_alone() -> Result<(), Box<dyn std::error::Error>> {
        let here = tempfile::tempdir()?;
        let free = |name: &str| free_folder(here.path(), name, "d1");
        std::fs::create_dir(here.path().join("Photos"))?;
        assert_eq!(free("Photos")?, here.path().join("Photos 2"));
        std::fs::write(here.path().join("Photos 2"), "a file")?;
        assert_eq!(free("Photos")?, here.path().join("Photos 3"));
        assert_eq!(free("../x")?, here.path().join("d1"));
        let absent = free_folder(&here.path().join("absent"), "Photos", "d1");
        assert_eq!(absent.err().ok_or("free")?.code, Code::Io);
        Ok(())
    }

    #[test]
    fn a_link_is_a_ticket_and_back() {
        assert_eq!(link("peerdrive:join#abc").0, "peerdrive://join#abc");
        for text in [
            "peerdrive:join#abc",
            "peerdrive://join#abc",
            "peerdrive://join/#abc",
            " PeerDrive://join#abc\n",
        ] {
            assert_eq!(ticket(text).trim(), "peerdrive:join#abc", "{text}");
        }
        assert_eq!(ticket("peerdrive://device#x"), "peerdrive:device#x");
        for text in [
            "",
            "é",
            "peerdrive://",
            "peerdrive://join",
            "https://join#abc",
            "ééééééé",
        ] {
            assert_eq!(ticket(text), text);
        }
    }

    #[test]
    fn progress_moves_within_one_large_file() {
        let whole = Progress {
            files_total: Some(1),
            bytes_total: Some(4 << 30),
            ..Progress::default()
        };
        let work = Work {
            reading: true,
            files: 0,
            files_total: 1,
            bytes: 1 << 30,
            bytes_total: 4 << 30,
            rate: 1,
            left: None,
        };
        assert_eq!(within(whole.clone(), Some(work)).bytes, 1 << 30);
        assert_eq!(within(whole, None).bytes, 0);
    }

    #[test]
    fn a_mount_point_is_looked_at_before_the_ticket_is_spent()
    -> Result<(), Box<dyn std::error::Error>> {
        let here = tempfile::tempdir()?;
        let code = |path: &Path| mountable(path).err().map(|e| e.code);
        assert_eq!(code(here.path()), None);
        let file = here.path().join("file");
        std::fs::write(&file, "x")?;
        assert_eq!(code(here.path()), Some(Code::MountPointInUse));
        assert_eq!(code(&file), Some(Code::BadRequest));
        assert_eq!(
            code(&here.path().join("absent")),
            Some(Code::FolderNotFound)
        );
        Ok(())
    }
}

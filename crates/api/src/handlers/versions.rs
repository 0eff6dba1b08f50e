//! Earlier versions, the trash, and bringing either back.

use peerdrive_engine::DriveHandle;
use peerdrive_engine::history::{Back, HistoryError, Restored};
use peerdrive_engine::tree::node::{Content, FileContent, Kind};

use super::{errors, hex, kind_word, off_thread};
use crate::dto::{
    HistoryReply, Problem, RestoreReply, RestoreRequest, TrashLine, TrashReply, UndeleteReply,
    Version,
};
use crate::error::{ApiError, Code};
use crate::reply::Replies;

pub(super) async fn history(
    drive: DriveHandle,
    path: String,
    replies: &mut Replies<Version>,
) -> Result<HistoryReply, ApiError> {
    let versions = {
        let (drive, path) = (drive.clone(), path.clone());
        off_thread(move || {
            let folder = {
                let tree = drive.view();
                let found = tree.lookup(path.trim_matches('/'));
                found
                    .and_then(|id| tree.get(id))
                    .is_some_and(|node| node.kind == Kind::Folder)
            };
            if folder {
                return Err(HistoryError::Folder(path));
            }
            drive.history(&path)
        })
        .await?
        .map_err(|error| errors::history(&error))?
    };
    let files: Vec<FileContent> = versions.iter().filter_map(|v| v.file().copied()).collect();
    let mut holders = drive.holders_of(&files).await.into_iter();
    for version in &versions {
        let (here, peers) = match version.file() {
            Some(file) => (
                drive.content().is_local(file).await.unwrap_or(false),
                holders.next().map_or(0, |peers| peers.len() as u64),
            ),
            None => (true, 0),
        };
        let line = Version {
            version: version.name(),
            time: version.time_ms,
            by: version.by.member.clone(),
            device: version.by.device.clone(),
            size: size(version.content.as_ref()),
            current: version.current,
            here,
            peers,
            hash: version.file().map(|file| hex(&file.hash.0)),
        };
        replies.item(&line).await?;
    }
    Ok(HistoryReply {
        versions: versions.len() as u64,
    })
}

fn size(content: Option<&Content>) -> u64 {
    match content {
        Some(Content::File(file)) => file.len,
        Some(Content::Symlink(target)) => target.len() as u64,
        None => 0,
    }
}

pub(super) async fn restore(
    drive: DriveHandle,
    request: RestoreRequest,
) -> Result<RestoreReply, ApiError> {
    let path = request.path.unwrap_or_default();
    let restored = match (request.version, request.as_of) {
        (Some(version), None) if !path.is_empty() && !request.exact => {
            drive
                .restore_version(&path, &version)
                .await
                .map_err(|error| errors::history(&error))?;
            Restored {
                contents: 1,
                ..Restored::default()
            }
        }
        (None, Some(time_ms)) => {
            let back = Back {
                time_ms,
                path,
                exact: request.exact,
            };
            let restored = drive.restore_as_of(back).await;
            restored.map_err(|error| errors::history(&error))?
        }
        _ => {
            let what = "a version needs a path, and either a version or a time is to be given";
            return Err(ApiError::new(Code::BadRequest, what)
                .hint("`peerdrive history DRIVE PATH` lists the versions of a file"));
        }
    };
    let problems = restored.not.into_iter().map(|not| Problem {
        path: Some(not.path),
        reason: not.reason,
        hint: "Restore it again later, or restore another version.".into(),
    });
    Ok(RestoreReply {
        contents: restored.contents,
        undeleted: restored.undeleted,
        moved: restored.moved,
        deleted: restored.deleted,
        problems: problems.collect(),
    })
}

pub(super) async fn trash(
    drive: DriveHandle,
    replies: &mut Replies<TrashLine>,
) -> Result<TrashReply, ApiError> {
    let items = off_thread(move || drive.trash())
        .await?
        .map_err(|error| errors::history(&error))?;
    for item in &items {
        let line = TrashLine {
            path: item.path.clone(),
            kind: kind_word(item.kind),
            size: size(item.content.as_ref()),
            id: item.id.to_string(),
            time: (item.time_ms > 0).then_some(item.time_ms),
            by: item.by.as_ref().and_then(|by| by.member.clone()),
            device: item.by.as_ref().map(|by| by.device.clone()),
            kept: item.kept,
        };
        replies.item(&line).await?;
    }
    Ok(TrashReply {
        entries: items.len() as u64,
    })
}

pub(super) async fn undelete(drive: DriveHandle, path: &str) -> Result<UndeleteReply, ApiError> {
    let path = drive
        .restore_trashed(path)
        .await
        .map_err(|error| errors::history(&error))?;
    Ok(UndeleteReply { path })
}

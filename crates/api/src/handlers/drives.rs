//! How drives do: status, peers, conflicts, waiting.

use std::future::pending;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use peerdrive_engine::tree::conflict::Conflict as TreeConflict;
use peerdrive_engine::{DriveHandle, DriveStatus as EngineStatus, PeerStatus};

use super::{Host, errors, hex, off_thread};
use crate::dto::{
    Conflict, ConflictsReply, DriveStatus, PathStatus, Peer, Problem, StatusReply, StatusRequest,
    WaitReply,
};
use crate::error::{ApiError, Code};
use crate::mount_door::MountDoor;
use crate::reply::Replies;
use crate::schema::NoItem;

impl<M: MountDoor> Host<M> {
    pub(super) async fn status_of(&self, request: StatusRequest) -> Result<StatusReply, ApiError> {
        let Some(wanted) = request.drive else {
            let mut drives = Vec::new();
            for drive in self.engine.drives() {
                drives.push(self.one(drive, None).await?);
            }
            drives.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
            let broken = self.broken();
            return Ok(StatusReply { drives, broken });
        };
        let one = self.one(self.drive(&wanted)?, request.path).await?;
        Ok(StatusReply {
            drives: vec![one],
            broken: Vec::new(),
        })
    }

    async fn one(&self, drive: DriveHandle, path: Option<String>) -> Result<DriveStatus, ApiError> {
        let path = match path {
            Some(path) => Some(super::holding::path_status(&drive, &path).await?),
            None => None,
        };
        let mounts = self.mounted(&drive).await?;
        let problems = self.problems_of(&drive).await;
        let paused = drive.is_paused();
        let status = off_thread(move || drive.status()).await?;
        Ok(translate(status, paused, mounts, problems, path))
    }
}

fn translate(
    status: EngineStatus,
    paused: bool,
    mounts: Vec<PathBuf>,
    problems: Vec<Problem>,
    path: Option<PathStatus>,
) -> DriveStatus {
    DriveStatus {
        id: status.id.to_string(),
        name: status.name,
        role: status.role.map(Into::into),
        folder: status.folder,
        mounts,
        files: status.files,
        folders: status.folders,
        bytes: status.bytes,
        view_hash: hex(&status.view_hash),
        pending_up: status.pending_up,
        pending_down: status.pending_down,
        paused,
        work: status.work.as_ref().map(super::limits::work),
        verified: status.verified,
        problems,
        peers: peers(status.peers),
        path,
    }
}

pub(super) fn peers(peers: Vec<PeerStatus>) -> Vec<Peer> {
    let now = SystemTime::now();
    let mut peers: Vec<Peer> = peers
        .into_iter()
        .map(|peer| Peer {
            id: peer.id.to_string(),
            member: peer.member,
            store: peer.store,
            connected: peer.connected,
            level: peer.level,
            last_seen: peer.last_seen.and_then(|ago| millis(now.checked_sub(ago)?)),
        })
        .collect();
    peers.sort_by(|a, b| a.id.cmp(&b.id));
    peers
}

fn millis(time: SystemTime) -> Option<u64> {
    u64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

pub(super) fn conflicts(drive: &DriveHandle) -> ConflictsReply {
    let found = drive.view().conflicts();
    let mut conflicts: Vec<Conflict> = found.iter().map(conflict).collect();
    conflicts.sort_by(|a, b| (&a.path, &a.kind).cmp(&(&b.path, &b.kind)));
    ConflictsReply {
        drive: drive.id().to_string(),
        conflicts,
    }
}

fn conflict(found: &TreeConflict) -> Conflict {
    let (kind, path, copies) = match found {
        TreeConflict::Cycle { path, .. } => ("cycle", path, Vec::new()),
        TreeConflict::MovedApart { path, .. } => ("moved_apart", path, Vec::new()),
        TreeConflict::RenamedApart { path, .. } => ("renamed_apart", path, Vec::new()),
        TreeConflict::SameName { path, .. } => ("same_name", path, Vec::new()),
        TreeConflict::Content { path, copies, .. } => (
            "content",
            path,
            copies.iter().map(|copy| copy.path.clone()).collect(),
        ),
        TreeConflict::DeletedAndEdited { path, .. } => ("deleted_and_edited", path, Vec::new()),
        TreeConflict::DeletedAround { path, .. } => ("deleted_around", path, Vec::new()),
    };
    Conflict {
        path: path.clone(),
        kind: kind.to_owned(),
        copies,
        reason: found.to_string(),
    }
}

pub(super) async fn wait(
    drive: &DriveHandle,
    timeout: Option<u64>,
    replies: &mut Replies<NoItem>,
) -> Result<WaitReply, ApiError> {
    let limit = async {
        match timeout {
            Some(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
            None => pending().await,
        }
    };
    let waited = tokio::select! {
        biased;
        waited = drive.wait_level() => waited,
        gone = replies.closed() => return Err(gone),
        () = limit => return Err(not_level(drive)),
    };
    if drive.is_paused() {
        return Err(errors::paused(drive.name()));
    }
    if waited.lost {
        return Err(errors::not_arrived(drive.name()));
    }
    if let Some(why) = waited.held_up {
        let message = format!(
            "the folder of `{}` is not kept in step: {why}",
            drive.name()
        );
        return Err(ApiError::new(Code::Io, message)
            .hint("it goes on by itself when it can; `peerdrive status` says so"));
    }
    let hashed = drive.clone();
    let view_hash = off_thread(move || hex(&hashed.view_hash())).await?;
    Ok(WaitReply {
        drive: drive.id().to_string(),
        name: drive.name().to_owned(),
        view_hash,
        problems: waited.problems.len() as u64,
    })
}

fn not_level(drive: &DriveHandle) -> ApiError {
    let (peers, pending) = (drive.peers(), drive.pending());
    let behind = peers
        .iter()
        .filter(|peer| peer.connected && !peer.level)
        .count();
    ApiError::new(
        Code::TimedOut,
        format!(
            "`{}` is not level yet: {} to send, {} to receive, {behind} connected peers catching up",
            drive.name(),
            pending.up,
            pending.down
        ),
    )
    .hint("`peerdrive status` says what waits and why")
}

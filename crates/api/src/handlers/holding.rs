//! What this device keeps of a drive, and for how long.

use peerdrive_engine::holding::Keeping;
use peerdrive_engine::working_copy::WorkingCopyOptions;
use peerdrive_engine::{DriveHandle, Engine};

use super::errors;
use crate::dto::{
    CollectReply, ConfigReply, ConfigRequest, EvictReply, PathStatus, PinReply, PinRequest,
};
use crate::error::ApiError;

pub(super) async fn pin(drive: &DriveHandle, request: PinRequest) -> Result<PinReply, ApiError> {
    let pinned = drive.pin(&request.path).await;
    pinned.map_err(|error| errors::holding(&error))?;
    reply(drive, request.path).await
}

pub(super) async fn unpin(drive: &DriveHandle, request: PinRequest) -> Result<PinReply, ApiError> {
    let unpinned = drive.unpin(&request.path);
    unpinned.map_err(|error| errors::holding(&error))?;
    reply(drive, request.path).await
}

async fn reply(drive: &DriveHandle, path: String) -> Result<PinReply, ApiError> {
    let status = drive.whereabouts(&path).await;
    let status = status.map_err(|error| errors::holding(&error))?;
    Ok(PinReply {
        path,
        pinned: status.pinned,
        files: status.files,
        files_here: status.files_here,
    })
}

pub(super) async fn evict(drive: &DriveHandle, path: &str) -> Result<EvictReply, ApiError> {
    let evicted = drive.evict(path).await;
    let evicted = evicted.map_err(|error| errors::holding(&error))?;
    Ok(EvictReply {
        blobs: evicted.blobs,
        bytes: evicted.bytes,
        only_here: evicted.only_here,
    })
}

pub(super) async fn config(
    drive: &DriveHandle,
    request: ConfigRequest,
) -> Result<ConfigReply, ApiError> {
    let options = folder_options(drive, &request)?;
    let before = drive.keeping().map_err(|error| errors::holding(&error))?;
    let keeping = Keeping {
        cache: match request.cache {
            Some(0) => None,
            Some(bytes) => Some(bytes),
            None => before.cache,
        },
        days: request.keep_days.unwrap_or(before.days),
        versions: request.keep_versions.unwrap_or(before.versions),
    };
    if keeping != before {
        let kept = drive.keep(keeping).await;
        kept.map_err(|error| errors::holding(&error))?;
    }
    Ok(ConfigReply {
        cache: keeping.cap(drive.view().counts().bytes),
        cache_by_size: keeping.cache.is_none(),
        keep_days: keeping.days,
        keep_versions: keeping.versions,
        ignore: options.local_ignore,
        outside_links: options.allow_outside_symlinks,
    })
}

/// How the folder is kept, after what is asked for was chosen.
fn folder_options(
    drive: &DriveHandle,
    request: &ConfigRequest,
) -> Result<WorkingCopyOptions, ApiError> {
    let before = drive.folder_options();
    let before = before.map_err(|error| errors::choice(&error))?;
    let mut options = before.clone();
    let struck = request.no_ignore.as_deref().unwrap_or_default();
    options.local_ignore.retain(|known| !struck.contains(known));
    for pattern in request.ignore.iter().flatten() {
        if !options.local_ignore.contains(pattern) {
            options.local_ignore.push(pattern.clone());
        }
    }
    let links = request.outside_links;
    options.allow_outside_symlinks = links.unwrap_or(options.allow_outside_symlinks);
    if options != before {
        let chosen = drive.choose_folder_options(options.clone());
        chosen.map_err(|error| errors::choice(&error))?;
    }
    Ok(options)
}

pub(super) async fn collect(engine: &Engine) -> Result<CollectReply, ApiError> {
    let collected = engine.collect().await;
    let collected = collected.map_err(|error| errors::holding(&error))?;
    Ok(CollectReply {
        blobs: collected.blobs,
        bytes: collected.bytes,
        left: collected.left,
    })
}

/// How a path does: what is there, and where its bytes are.
pub(super) async fn path_status(drive: &DriveHandle, path: &str) -> Result<PathStatus, ApiError> {
    let path = path.trim_matches('/');
    let kind = {
        let tree = drive.view();
        let found = tree.lookup(path).and_then(|id| tree.get(id));
        found.map(|node| node.kind)
    };
    let kind = kind.ok_or_else(|| errors::no_path(path))?;
    let found = drive.whereabouts(path).await;
    let found = found.map_err(|error| errors::holding(&error))?;
    Ok(PathStatus {
        path: path.to_owned(),
        kind: super::kind_word(kind),
        files: found.files,
        files_here: found.files_here,
        bytes: found.bytes,
        bytes_here: found.bytes_here,
        peers: found.peers,
        pinned: found.pinned,
    })
}

//! What a drive holds: listings and bytes.

use peerdrive_engine::DriveHandle;
use peerdrive_engine::listing::{Listed, ViewHasher};
use peerdrive_engine::tree::node::{Content, Kind, Node};

use super::{errors, hex, kind_word, off_thread};
use crate::dto::{CatReply, Chunk, LsEntry, LsReply, TreeLine, TreeReply};
use crate::error::{ApiError, Code};
use crate::reply::Replies;

/// Bytes of a file that travel as one item: four thirds of it in base64.
const CHUNK_BYTES: usize = 192 * 1024;

const NS_PER_MS: i64 = 1_000_000;

pub(super) async fn tree(
    drive: DriveHandle,
    path: Option<String>,
    replies: &mut Replies<TreeLine>,
) -> Result<TreeReply, ApiError> {
    let below = path.clone();
    let listed = off_thread(move || drive.listing(below.as_deref())).await?;
    let listed = listed.ok_or_else(|| errors::no_path(path.as_deref().unwrap_or_default()))?;
    let mut hasher = ViewHasher::default();
    for line in listed {
        hasher.add(&line);
        replies.item(&tree_line(line)).await?;
    }
    Ok(TreeReply {
        view_hash: hex(&hasher.finish()),
    })
}

fn tree_line(line: Listed) -> TreeLine {
    TreeLine {
        path: line.path,
        id: line.id.to_string(),
        kind: kind_word(line.kind),
        size: line.size,
        mode: line.mode,
        hash: line.hash.map(|hash| hex(&hash)),
    }
}

pub(super) async fn ls(
    drive: &DriveHandle,
    path: Option<&str>,
    replies: &mut Replies<LsEntry>,
) -> Result<LsReply, ApiError> {
    let nodes = entries(drive, path.unwrap_or_default())?;
    for node in &nodes {
        replies.item(&ls_entry(node)).await?;
    }
    Ok(LsReply {
        entries: nodes.len() as u64,
    })
}

/// The nodes of a folder in the order of their names, or the one node that is no folder.
fn entries(drive: &DriveHandle, path: &str) -> Result<Vec<Node>, ApiError> {
    let tree = drive.view();
    let node = tree
        .lookup(path.trim_matches('/'))
        .and_then(|id| tree.get(id));
    let node = node.ok_or_else(|| errors::no_path(path))?;
    match node.kind {
        Kind::Folder => Ok(tree
            .children(node.id)
            .filter_map(|(_, id)| tree.get(id))
            .collect()),
        Kind::File | Kind::Symlink => Ok(vec![node]),
    }
}

fn ls_entry(node: &Node) -> LsEntry {
    let (size, target) = match &node.content {
        Some(Content::File(file)) => (file.len, None),
        Some(Content::Symlink(target)) => (target.len() as u64, Some(target.clone())),
        None => (0, None),
    };
    let mtime = node.mtime_ns / NS_PER_MS;
    LsEntry {
        name: node.name.clone(),
        kind: kind_word(node.kind),
        size,
        mode: node.mode,
        mtime,
        target,
    }
}

pub(super) async fn cat(
    drive: &DriveHandle,
    path: &str,
    replies: &mut Replies<Chunk>,
) -> Result<CatReply, ApiError> {
    let found = {
        let tree = drive.view();
        tree.lookup(path.trim_matches('/'))
            .and_then(|id| tree.get(id))
    };
    let content = match found.ok_or_else(|| errors::no_path(path))? {
        Node {
            content: Some(Content::File(content)),
            ..
        } => content,
        Node {
            kind: Kind::File, ..
        } => return Ok(CatReply { size: 0 }),
        Node {
            kind: Kind::Folder, ..
        } => {
            let error = ApiError::new(Code::BadRequest, format!("`{path}` is a folder"));
            return Err(error.hint("`peerdrive ls` lists folders"));
        }
        Node { content, .. } => {
            let to = match content {
                Some(Content::Symlink(target)) => format!(" to `{target}`"),
                Some(Content::File(_)) | None => String::new(),
            };
            let error = ApiError::new(Code::BadRequest, format!("`{path}` is a symbolic link{to}"));
            return Err(error.hint("give the path that it points to"));
        }
    };
    let reader = drive
        .content()
        .open(&content)
        .await
        .map_err(|e| errors::content(&e))?;
    let mut offset = 0;
    while offset < reader.len() {
        let bytes = reader
            .read_at(offset, CHUNK_BYTES)
            .await
            .map_err(|e| errors::content(&e))?;
        if bytes.is_empty() {
            break;
        }
        offset += bytes.len() as u64;
        replies
            .item(&Chunk {
                data: data_encoding::BASE64.encode(&bytes),
            })
            .await?;
    }
    Ok(CatReply { size: offset })
}

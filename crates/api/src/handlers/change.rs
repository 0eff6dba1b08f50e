//! What a browser of folders does to a drive. Whether it may is the engine's to say.

use peerdrive_engine::DriveHandle;
use peerdrive_engine::tree::edit::{Edit, Place};
use peerdrive_engine::tree::id::NodeId;
use peerdrive_engine::tree::name::Name;
use peerdrive_engine::tree::node::{Content, Kind};

use super::browse::node;
use super::errors;
use crate::clock;
use crate::dto::{
    ChangeReply, CreateFileRequest, DeleteRequest, MAX_NODES, Made, MakeFolderRequest, MoveRequest,
    Refused, RenameRequest,
};
use crate::error::{ApiError, Code};

/// Largest text of a file that is made without an upload.
const MAX_TEXT: usize = 32 * 1024;

pub(super) fn name(text: &str) -> Result<Name, ApiError> {
    Name::new(text).map_err(|error| {
        ApiError::new(
            Code::BadName,
            format!("no file or folder can be named so: {error}"),
        )
        .hint("names have 1 to 255 bytes, no `/`, and are not `.` or `..`")
    })
}

/// A node that is named and is not the root.
fn named(text: &str) -> Result<NodeId, ApiError> {
    let id = node(Some(text))?;
    if id == NodeId::ROOT {
        return Err(errors::edit(&peerdrive_engine::tree::tree::EditError::Root));
    }
    Ok(id)
}

async fn one(drive: &DriveHandle, edit: Edit) -> Result<NodeId, ApiError> {
    let results = drive
        .edit(vec![edit])
        .await
        .map_err(|e| errors::drive(&e))?;
    match results.into_iter().next() {
        Some(result) => result.map_err(|e| errors::edit(&e)),
        None => Err(errors::broke_off()),
    }
}

async fn make(
    drive: &DriveHandle,
    folder: NodeId,
    wanted: &str,
    kind: Kind,
    content: Option<Content>,
) -> Result<Made, ApiError> {
    let edit = Edit::Create {
        parent: Place::In(folder),
        name: name(wanted)?,
        kind,
        content,
        mode: None,
    };
    let made = one(drive, edit).await?;
    Ok(Made {
        node: made.to_string(),
        folder: folder.to_string(),
        name: wanted.to_owned(),
    })
}

pub(super) async fn make_folder(
    drive: &DriveHandle,
    request: &MakeFolderRequest,
) -> Result<Made, ApiError> {
    let folder = node(request.folder.as_deref())?;
    make(drive, folder, &request.name, Kind::Folder, None).await
}

pub(super) async fn create_file(
    drive: &DriveHandle,
    request: CreateFileRequest,
) -> Result<Made, ApiError> {
    let folder = node(request.folder.as_deref())?;
    name(&request.name)?;
    if request.text.len() > MAX_TEXT {
        let error = ApiError::new(Code::BadRequest, "this text is too long for one request");
        return Err(error.hint("upload it as a file"));
    }
    if !drive.can_write() {
        return Err(errors::drive(&peerdrive_engine::DriveError::ReadOnly));
    }
    let store = drive.content();
    let content = store.import_bytes(request.text.into_bytes(), clock::now_ns());
    let content = content.await.map_err(|e| errors::content(&e))?;
    store.flush().await.map_err(|e| errors::content(&e))?;
    let content = Some(Content::File(content));
    make(drive, folder, &request.name, Kind::File, content).await
}

pub(super) async fn rename(drive: &DriveHandle, request: &RenameRequest) -> Result<Made, ApiError> {
    let node = named(&request.node)?;
    let name = name(&request.name)?;
    let parent = drive.view().parent(node).ok_or_else(errors::no_node)?;
    let edit = Edit::Move { node, parent, name };
    let node = one(drive, edit).await?;
    Ok(Made {
        node: node.to_string(),
        folder: parent.to_string(),
        name: request.name.clone(),
    })
}

pub(super) async fn move_nodes(
    drive: &DriveHandle,
    request: &MoveRequest,
) -> Result<ChangeReply, ApiError> {
    let folder = node(request.folder.as_deref())?;
    let mut edits = Vec::new();
    let mut refused = Vec::new();
    for text in some(&request.nodes)? {
        let node = named(text)?;
        let shown = drive
            .view()
            .glance(node)
            .map(|glance| glance.name.to_owned());
        let edit = match shown {
            Some(shown) => name(&shown).map(|name| Edit::Move {
                node,
                parent: folder,
                name,
            }),
            None => Err(errors::no_node()),
        };
        match edit {
            Ok(edit) => edits.push((text, edit)),
            Err(error) => refused.push(Refused {
                node: text.clone(),
                error,
            }),
        }
    }
    all(drive, edits, refused).await
}

pub(super) async fn delete_nodes(
    drive: &DriveHandle,
    request: &DeleteRequest,
) -> Result<ChangeReply, ApiError> {
    let mut edits = Vec::new();
    for text in some(&request.nodes)? {
        edits.push((text, Edit::Delete { node: named(text)? }));
    }
    all(drive, edits, Vec::new()).await
}

fn some(nodes: &[String]) -> Result<&[String], ApiError> {
    if nodes.is_empty() || nodes.len() > MAX_NODES {
        return Err(ApiError::new(
            Code::BadRequest,
            "name 1 to 2000 files and folders at a time",
        ));
    }
    Ok(nodes)
}

async fn all(
    drive: &DriveHandle,
    edits: Vec<(&String, Edit)>,
    mut refused: Vec<Refused>,
) -> Result<ChangeReply, ApiError> {
    let (texts, edits): (Vec<_>, Vec<_>) = edits.into_iter().unzip();
    let results = drive.edit(edits).await.map_err(|e| errors::drive(&e))?;
    let mut done = 0;
    for (text, result) in texts.into_iter().zip(results) {
        match result {
            Ok(_) => done += 1,
            Err(error) => refused.push(Refused {
                node: text.clone(),
                error: errors::edit(&error),
            }),
        }
    }
    Ok(ChangeReply { done, refused })
}

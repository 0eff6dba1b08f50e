//! Files that come in as raw bytes. Whether they may is the engine's to say.

use peerdrive_engine::tree::edit::{Edit, Place};
use peerdrive_engine::tree::id::NodeId;
use peerdrive_engine::tree::name::Name;
use peerdrive_engine::tree::node::{Content, FileContent, Kind};
use peerdrive_engine::tree::tree::EditError;
use peerdrive_engine::{DriveError, DriveHandle};

use super::browse::node;
use super::change::name;
use super::{Host, errors};
use crate::clock;
use crate::dto::Made;
use crate::error::{ApiError, Code};
use crate::mount_door::MountDoor;
use crate::upload::{Pieces, UploadRequest, Uploads};

/// Somebody else may make a file of that name, or delete it, right before the edit: then it is looked
/// for again.
const TRIES: u32 = 3;

impl<M: MountDoor> Uploads for Host<M> {
    async fn upload(&self, request: UploadRequest, pieces: Pieces) -> Result<Made, ApiError> {
        let drive = self.drive(&request.drive)?;
        let folder = node(request.folder.as_deref())?;
        let wanted = name(&request.name)?;
        if !drive.can_write() {
            return Err(errors::drive(&DriveError::ReadOnly));
        }
        holder(&drive, folder, &request.name)?;
        let store = drive.content();
        let content = store.import_stream(pieces, clock::now_ns()).await;
        let content = content.map_err(|e| errors::content(&e))?;
        store.flush().await.map_err(|e| errors::content(&e))?;
        let made = put(&drive, folder, &wanted, content).await?;
        Ok(Made {
            node: made.to_string(),
            folder: folder.to_string(),
            name: request.name,
        })
    }
}

/// The file of that name in the folder, if there is one: it gets a new version.
fn holder(drive: &DriveHandle, folder: NodeId, name: &str) -> Result<Option<NodeId>, ApiError> {
    let view = drive.view();
    let top = view.glance(folder).ok_or_else(errors::no_node)?;
    if top.kind != Kind::Folder {
        return Err(ApiError::new(Code::BadRequest, "this is not a folder"));
    }
    let found = view.child(folder, name).and_then(|id| view.glance(id));
    match found {
        Some(found) if found.kind != Kind::File => Err(errors::edit(&EditError::NameTaken {
            name: name.to_owned(),
            holder: found.id,
        })),
        found => Ok(found.map(|found| found.id)),
    }
}

async fn put(
    drive: &DriveHandle,
    folder: NodeId,
    name: &Name,
    content: FileContent,
) -> Result<NodeId, ApiError> {
    for attempt in 1.. {
        let content = Content::File(content);
        let edit = match holder(drive, folder, name.as_str())? {
            Some(node) => Edit::SetContent { node, content },
            None => Edit::Create {
                parent: Place::In(folder),
                name: name.clone(),
                kind: Kind::File,
                content: Some(content),
                mode: None,
            },
        };
        let results = drive.edit(vec![edit]).await;
        let result = results.map_err(|e| errors::drive(&e))?.into_iter().next();
        match result {
            Some(Ok(node)) => return Ok(node),
            Some(Err(EditError::NameTaken { .. } | EditError::NotFound(_))) if attempt < TRIES => {}
            Some(Err(error)) => return Err(errors::edit(&error)),
            None => break,
        }
    }
    Err(errors::broke_off())
}

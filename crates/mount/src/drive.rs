//! A drive of the engine as a volume; knows nothing of file systems.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::name::Name;
use peerdrive_crdt_tree::node::{FileContent, Kind, Node};
use peerdrive_crdt_tree::tree::{DriveTree, EditError};
use peerdrive_engine::content::{ContentReader, Progress};
use peerdrive_engine::drive::request::Check;
use peerdrive_engine::errors::{AppendError, BlobError, ContentError, LocalError};
use peerdrive_engine::{DriveError, DriveEvent, DriveHandle};
use tokio::sync::broadcast;

use crate::volume::{Attr, Change, Entry, Feed, Reader, Usage, Volume, VolumeError};

/// Files up to this length are taken in from memory: what they cost is the trip through a second
/// thread, not the copy.
const SMALL: u64 = 256 * 1024;

impl Volume for DriveHandle {
    type Reader = ContentReader;
    type Feed = DriveFeed;

    fn name(&self) -> String {
        DriveHandle::name(self).to_owned()
    }

    fn can_write(&self) -> bool {
        DriveHandle::can_write(self) && !self.view().read_only()
    }

    fn get(&self, id: NodeId) -> Option<Attr> {
        self.view().get(id).map(attr)
    }

    fn lookup(&self, parent: NodeId, name: &str) -> Option<Attr> {
        let tree = self.view();
        tree.get(tree.child(parent, name)?).map(attr)
    }

    fn children(&self, parent: NodeId) -> Vec<Entry> {
        let entry = |(name, id): (&str, NodeId)| Entry {
            name: name.to_owned(),
            id,
        };
        self.view().children(parent).map(entry).collect()
    }

    fn is_empty(&self, folder: NodeId) -> bool {
        self.view().is_empty(folder)
    }

    fn subfolders(&self, parent: NodeId) -> u32 {
        let tree = self.view();
        let is_folder = |id| tree.get(id).is_some_and(|node| node.kind == Kind::Folder);
        let count = tree
            .children(parent)
            .filter(|(_, id)| is_folder(*id))
            .count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    fn expected_id(&self, parent: NodeId, name: &Name) -> Option<NodeId> {
        let (tree, name) = (self.view(), name.nfc());
        let ids = (0..).map(|number| NodeId::created(parent, Kind::File, &name, number));
        ids.take(16).find(|id| is_free(&tree, *id))
    }

    fn xattrs(&self, id: NodeId) -> BTreeMap<String, Vec<u8>> {
        self.view().xattrs(id)
    }

    fn usage(&self) -> Usage {
        let counts = self.view().counts();
        Usage {
            nodes: counts.files + counts.folders + counts.symlinks,
            bytes: counts.bytes,
        }
    }

    fn writing(&self, node: NodeId, begins: bool) {
        DriveHandle::writing(self, node, begins);
    }

    async fn edit(
        &self,
        edits: Vec<Edit>,
    ) -> Result<Vec<Result<NodeId, VolumeError>>, VolumeError> {
        let results = DriveHandle::edit(self, edits).await.map_err(of_drive)?;
        Ok(results
            .into_iter()
            .map(|result| result.map_err(of_edit))
            .collect())
    }

    async fn edit_if_still(
        &self,
        node: NodeId,
        seen: Option<Attr>,
        edits: Vec<Edit>,
    ) -> Result<Option<Vec<Result<NodeId, VolumeError>>>, VolumeError> {
        let seen = seen.map(|attr| attr.content);
        // The drive looks before it does any of them: all are done, or none.
        let check = move |tree: &DriveTree| tree.get(node).map(|node| node.content) == seen;
        let checked = |edit| -> (Edit, Check) { (edit, Some(Box::new(check.clone()))) };
        let results = self.edit_if(edits.into_iter().map(checked).collect()).await;
        let results = results.map_err(of_drive)?;
        let done: Option<Vec<_>> = results.into_iter().collect();
        Ok(done.map(|done| {
            done.into_iter()
                .map(|result| result.map_err(of_edit))
                .collect()
        }))
    }

    async fn import(
        &self,
        file: File,
        len: u64,
        mtime_ns: i64,
    ) -> Result<FileContent, VolumeError> {
        let content = self.content();
        let imported = if len <= SMALL {
            let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
            file.read_exact_at(&mut bytes, 0)?;
            content.import_bytes(bytes, mtime_ns).await
        } else {
            content.import_file(file, mtime_ns, &Progress::new()).await
        };
        let imported = imported.map_err(of_content)?;
        content.flush().await.map_err(of_content)?;
        Ok(imported)
    }

    async fn open(&self, content: FileContent) -> Result<ContentReader, VolumeError> {
        self.content().open(&content).await.map_err(of_content)
    }

    async fn write_to(&self, content: FileContent, file: File) -> Result<(), VolumeError> {
        let progress = Progress::new();
        let written = self.content().write_to(&content, file, &progress).await;
        written.map_err(of_content)
    }

    fn feed(&self) -> DriveFeed {
        DriveFeed(self.subscribe())
    }
}

impl Reader for ContentReader {
    async fn read_at(&self, offset: u64, len: usize) -> Result<Bytes, VolumeError> {
        ContentReader::read_at(self, offset, len)
            .await
            .map_err(of_content)
    }
}

/// The changes of a drive.
#[derive(Debug)]
pub struct DriveFeed(broadcast::Receiver<Arc<DriveEvent>>);

impl Feed for DriveFeed {
    async fn next(&mut self) -> Option<Change> {
        loop {
            let event = match self.0.recv().await {
                Ok(event) => event,
                Err(broadcast::error::RecvError::Lagged(_)) => return Some(Change::Missed),
                Err(broadcast::error::RecvError::Closed) => return None,
            };
            match &*event {
                DriveEvent::Tree { events, .. } => return Some(Change::Tree(events.clone())),
                DriveEvent::Reloaded => return Some(Change::Missed),
                DriveEvent::Members | DriveEvent::Peers => {}
            }
        }
    }
}

fn attr(node: Node) -> Attr {
    Attr {
        id: node.id,
        parent: node.parent,
        name: node.name,
        kind: node.kind,
        mode: node.mode,
        mtime_ns: node.mtime_ns,
        content: node.content,
    }
}

fn is_free(tree: &DriveTree, id: NodeId) -> bool {
    tree.get(id).is_none()
}

fn of_edit(error: EditError) -> VolumeError {
    match error {
        EditError::NotFound(_) => VolumeError::NotFound,
        EditError::NotAFolder(_) => VolumeError::NotAFolder,
        EditError::NameTaken { .. } => VolumeError::Exists,
        EditError::IntoItself(_) => VolumeError::IntoItself,
        EditError::Root => VolumeError::Root,
        EditError::TooDeep => VolumeError::TooDeep,
        EditError::BadXattr | EditError::BadTarget => VolumeError::TooLarge,
        EditError::ReadOnly => VolumeError::ReadOnly,
        EditError::WrongKind(_)
        | EditError::NoSuchEdit(_)
        | EditError::BadMode(_)
        | EditError::NotDeleted(_)
        | EditError::NotInConflict(_)
        | EditError::Automerge(_) => VolumeError::Refused(error.to_string()),
    }
}

fn of_drive(error: DriveError) -> VolumeError {
    match error {
        DriveError::ReadOnly | DriveError::NotAllowed | DriveError::NotAbove => {
            VolumeError::ReadOnly
        }
        DriveError::Closed => VolumeError::Closed,
        DriveError::Append(error) => of_append(&error),
        DriveError::Local(LocalError::Write(error)) => of_append(&error),
        DriveError::Local(LocalError::Read(_) | LocalError::Sealed)
        | DriveError::NoKeys
        | DriveError::TooLarge
        | DriveError::Refused(_)
        | DriveError::Invite(_)
        | DriveError::Entry(_)
        | DriveError::Read(_) => VolumeError::Refused(error.to_string()),
    }
}

fn of_append(error: &AppendError) -> VolumeError {
    match error {
        AppendError::Full => VolumeError::NoSpace,
        AppendError::Gap { .. } | AppendError::Split { .. } | AppendError::Store(_) => {
            VolumeError::Refused(error.to_string())
        }
    }
}

fn of_content(error: ContentError) -> VolumeError {
    match error {
        ContentError::Unavailable { .. } | ContentError::NoKey { .. } => VolumeError::Unreachable,
        ContentError::Forged { .. } => VolumeError::Damaged(error.to_string()),
        ContentError::NoEpoch => VolumeError::ReadOnly,
        ContentError::TooLarge { .. } => VolumeError::FileTooLarge,
        ContentError::Store(store) => of_blob(&store),
        // The original is shared with other readers: its kind is what the caller goes by.
        ContentError::File(error) => match error.kind() {
            std::io::ErrorKind::StorageFull => VolumeError::NoSpace,
            kind => VolumeError::Io(std::io::Error::new(kind, error.to_string())),
        },
        ContentError::Stopped => VolumeError::Closed,
    }
}

fn of_blob(error: &BlobError) -> VolumeError {
    match error {
        BlobError::Full(_) => VolumeError::NoSpace,
        BlobError::Closed => VolumeError::Closed,
        BlobError::Damaged(_) | BlobError::Longer(_) => VolumeError::Damaged(error.to_string()),
        BlobError::Open { .. } | BlobError::Io(_) | BlobError::Stalled => {
            VolumeError::Refused(error.to_string())
        }
    }
}

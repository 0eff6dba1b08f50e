//! The engine's drive behind the working copy's `port`: the only file of this folder that knows it.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::event::TreeEvent;
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::{ContentHash, FileContent, Node};
use peerdrive_crdt_tree::tree::{DriveTree, EditError};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{OwnedRwLockReadGuard, broadcast};

use super::in_step::Row;
use super::port::{
    BytesError, Check, Drive, DriveRefused, Holds, Jot, News, NewsFeed, StoredRow, View,
};
use crate::content::ContentError;
use crate::drive::event::DriveEvent;
use crate::drive::handle::{DriveHandle, Followed};
use crate::drive::request;
use crate::local::Space;

impl View for DriveTree {
    fn get(&self, id: NodeId) -> Option<Node> {
        DriveTree::get(self, id)
    }

    fn child(&self, parent: NodeId, name: &str) -> Option<NodeId> {
        DriveTree::child(self, parent, name)
    }

    fn is_called(&self, id: NodeId, name: &str) -> bool {
        DriveTree::is_called(self, id, name)
    }

    fn children(&self, parent: NodeId) -> Vec<NodeId> {
        DriveTree::children(self, parent)
            .map(|(_, id)| id)
            .collect()
    }

    fn is_trashed(&self, id: NodeId) -> bool {
        DriveTree::is_trashed(self, id)
    }
}

/// The drive's events, as far as they concern a folder.
#[derive(Debug)]
pub(super) struct Feed {
    events: broadcast::Receiver<Arc<DriveEvent>>,
    pulled: u64,
    followed: Arc<Followed>,
}

impl NewsFeed for Feed {
    async fn next(&mut self) -> Option<News> {
        // Who waits for more has counted what came before among what is pending.
        self.followed.up_to(self.pulled);
        match self.events.recv().await {
            Ok(event) => {
                self.pulled += 1;
                Some(news(&event))
            }
            Err(RecvError::Lagged(missed)) => {
                self.pulled += missed;
                Some(News::Lost)
            }
            Err(RecvError::Closed) => None,
        }
    }

    fn try_next(&mut self) -> Option<News> {
        match self.events.try_recv() {
            Ok(event) => {
                self.pulled += 1;
                Some(news(&event))
            }
            Err(TryRecvError::Lagged(missed)) => {
                self.pulled += missed;
                Some(News::Lost)
            }
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }
}

fn news(event: &DriveEvent) -> News {
    match event {
        DriveEvent::Tree { events, .. } => News::Nodes(events.iter().map(node_of).collect()),
        DriveEvent::Reloaded => News::Lost,
        DriveEvent::Members => News::Role,
        DriveEvent::Peers => News::Peers,
    }
}

fn node_of(event: &TreeEvent) -> NodeId {
    match event {
        TreeEvent::NodeCreated { id }
        | TreeEvent::NodeMoved { id, .. }
        | TreeEvent::ContentChanged { id }
        | TreeEvent::AttributesChanged { id }
        | TreeEvent::NodeDeleted { id, .. }
        | TreeEvent::ConflictAppeared { id }
        | TreeEvent::ConflictEnded { id } => *id,
    }
}

impl From<ContentError> for BytesError {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::Unavailable { .. } => BytesError::NobodyHasThem,
            ContentError::File(error) => BytesError::Disk(std::io::Error::new(error.kind(), error)),
            other => BytesError::Other(other.to_string()),
        }
    }
}

fn on_tree(check: Box<Holds>) -> Box<dyn Fn(&DriveTree) -> bool + Send> {
    Box::new(move |tree| check(tree))
}

impl Drive for DriveHandle {
    type Feed = Feed;

    fn news(&self) -> Feed {
        let (events, pulled) = self.follow();
        Feed {
            events,
            pulled,
            followed: self.followed(),
        }
    }

    fn id(&self) -> String {
        DriveHandle::id(self).to_string()
    }

    fn can_write(&self) -> bool {
        DriveHandle::can_write(self)
    }

    fn view<R>(&self, read: impl FnOnce(&dyn View) -> R) -> R {
        read(&*DriveHandle::view(self))
    }

    async fn edit(
        &self,
        edits: Vec<(Edit, Check)>,
        jot: Option<Jot>,
    ) -> Result<Vec<Result<NodeId, String>>, DriveRefused> {
        let edits = edits
            .into_iter()
            .map(|(edit, check)| (edit, check.map(on_tree)))
            .collect();
        let jot = jot.map(|jot| -> request::Jot {
            Box::new(move |results| {
                let ids = results
                    .iter()
                    .map(|result| result.as_ref()?.as_ref().ok().copied());
                jot(&ids.collect::<Vec<_>>())
            })
        });
        let results = DriveHandle::edit_jotting(self, edits, jot)
            .await
            .map_err(|error| DriveRefused(error.to_string()))?;
        let said = |result: Option<Result<NodeId, EditError>>| match result {
            Some(result) => result.map_err(|error| error.to_string()),
            None => Err("the drive changed in the same moment".to_owned()),
        };
        Ok(results.into_iter().map(said).collect())
    }

    async fn import(&self, file: File, mtime_ns: i64) -> Result<FileContent, BytesError> {
        Ok(self
            .content()
            .import_file(file, mtime_ns, &self.shared.taken_in)
            .await?)
    }

    async fn hash(&self, file: File) -> Result<(ContentHash, u64), BytesError> {
        Ok(self.content().hash_file(file).await?)
    }

    async fn flush(&self) -> Result<(), BytesError> {
        Ok(self.content().flush().await?)
    }

    async fn prefetch(&self, contents: Vec<FileContent>) {
        // Whoever writes the file out later hears of the same failure and says which file it was.
        if let Err(error) = self.content().prefetch(&contents).await {
            tracing::debug!(%error, "not everything could be fetched ahead");
        }
    }

    async fn write_to(&self, content: FileContent, file: File) -> Result<(), BytesError> {
        Ok(self
            .content()
            .write_to(&content, file, &self.shared.written_out)
            .await?)
    }

    type Parting = OwnedRwLockReadGuard<()>;

    async fn about_to_go(
        &self,
        node: NodeId,
        root: &Path,
        path: &str,
    ) -> Result<Self::Parting, BytesError> {
        let parting = self.shared.parting.clone().read_owned().await;
        crate::holding::preserve(&self.shared, node, root, path)
            .await
            .map_err(|error| {
                BytesError::Other(format!(
                    "the version that is here cannot be kept for history and for others: {error}"
                ))
            })?;
        Ok(parting)
    }

    fn restated(&self) {
        self.shared.standing_changed();
    }

    fn has_begun(&self) -> bool {
        // Unreadable notes fail at every other place too; a folder is not made on their account.
        DriveHandle::has_begun(self).unwrap_or(true)
    }

    fn begun(&self) -> Result<(), String> {
        self.set_begun().map_err(|error| error.to_string())
    }

    fn load(&self) -> Result<Vec<StoredRow>, String> {
        self.local()
            .all(Space::InStep)
            .map_err(|error| error.to_string())
    }

    fn store(&self, rows: &[Row]) -> Result<(), String> {
        self.local()
            .write(Space::InStep, rows)
            .map_err(|error| error.to_string())
    }

    fn jot(&self, rows: Vec<Row>) {
        self.shared.jotter.add(rows);
    }

    fn jot_anew(&self, rows: Vec<Row>) {
        self.shared.jotter.begin_anew(rows);
    }

    fn jotted(&self) -> Vec<Row> {
        self.shared.jotter.read()
    }
}

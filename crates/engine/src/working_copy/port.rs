//! What a working copy needs of a drive, as traits of its own: the engine's handle implements them
//! in one place, and the tests put a drive of a few lines behind them.

use std::fs::File;
use std::future::Future;
use std::path::Path;

use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::{ContentHash, FileContent, Node};

use super::in_step::Row;

/// The drive's tree as it is at this moment.
pub(super) trait View {
    /// A live node or conflict copy; the root too.
    fn get(&self, id: NodeId) -> Option<Node>;
    /// A child by the name that it shows under; names are compared after NFC.
    fn child(&self, parent: NodeId, name: &str) -> Option<NodeId>;
    /// Whether a node has this name, or shows as it, or would while others have its name too.
    fn is_called(&self, id: NodeId, name: &str) -> bool {
        self.get(id).is_some_and(|node| node.name == name)
    }
    /// All children.
    fn children(&self, parent: NodeId) -> Vec<NodeId>;
    /// Whether a node was deleted and can be restored. A conflict copy that went with its file is no node.
    fn is_trashed(&self, id: NodeId) -> bool;
}

/// Why bytes could not be stored or fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum BytesError {
    /// No reachable peer has them now.
    #[error("no peer that is reachable now has its content")]
    NobodyHasThem,
    /// The disk refused.
    #[error("{0}")]
    Disk(std::io::Error),
    /// Anything else, in the words of who said it.
    #[error("{0}")]
    Other(String),
}

/// The drive could not take a batch of edits at all (it is closing, or its disk is full).
#[derive(Debug, thiserror::Error)]
#[error("the drive cannot take changes now: {0}")]
pub(super) struct DriveRefused(pub(super) String);

/// What changed in the drive, whoever did it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum News {
    /// These nodes may look different now.
    Nodes(Vec<NodeId>),
    /// Some news were lost: any node may look different.
    Lost,
    /// Peers came: what nobody had may be had now.
    Peers,
    /// This device may now send changes, or no longer.
    Role,
}

/// Where news come from; `next` may be dropped and called again without losing any.
pub(super) trait NewsFeed: Send {
    /// Waits for news; `None` when the drive closes.
    fn next(&mut self) -> impl Future<Output = Option<News>> + Send;
    /// News that are there already.
    fn try_next(&mut self) -> Option<News>;
}

/// What must still hold in the view for an edit to mean what it did when it was decided on.
pub(super) type Check = Option<Box<Holds>>;
/// Says whether something holds in a view.
pub(super) type Holds = dyn Fn(&dyn View) -> bool + Send;

/// Makes rows of which node each edit made or changed, `None` if it was refused.
pub(super) type Jot = Box<dyn FnOnce(&[Option<NodeId>]) -> Vec<Row> + Send>;

/// A row of the durable table: key and value.
pub(super) type StoredRow = (Vec<u8>, Vec<u8>);

/// A drive.
pub(super) trait Drive: Send + Sync + 'static {
    /// Its news.
    type Feed: NewsFeed + 'static;
    /// News from now on.
    fn news(&self) -> Self::Feed;
    /// The text by which the marker in the folder names this drive.
    fn id(&self) -> String;
    /// Whether this device may send changes.
    fn can_write(&self) -> bool;
    /// Runs `read` on the view. Short: the drive waits for it.
    fn view<R>(&self, read: impl FnOnce(&dyn View) -> R) -> R;
    /// Applies a batch as one action, durable when it returns; each edit answers for itself. An edit
    /// whose check fails at the moment of applying is refused: the drive moved on since it was decided.
    /// The rows that `jot` makes are jotted down such that they hold if, and only if, the edits do.
    fn edit(
        &self,
        edits: Vec<(Edit, Check)>,
        jot: Option<Jot>,
    ) -> impl Future<Output = Result<Vec<Result<NodeId, String>>, DriveRefused>>;
    /// Stores the bytes of a file.
    fn import(
        &self,
        file: File,
        mtime_ns: i64,
    ) -> impl Future<Output = Result<FileContent, BytesError>>;
    /// Hash and length of a file, storing nothing.
    fn hash(&self, file: File) -> impl Future<Output = Result<(ContentHash, u64), BytesError>>;
    /// Makes all imports durable.
    fn flush(&self) -> impl Future<Output = Result<(), BytesError>>;
    /// Asks for several contents at once, so that they arrive together.
    fn prefetch(&self, contents: Vec<FileContent>) -> impl Future<Output = ()>;
    /// Writes a content into an empty file, verified to the last byte.
    fn write_to(
        &self,
        content: FileContent,
        file: File,
    ) -> impl Future<Output = Result<(), BytesError>>;
    /// Held while the bytes of a file leave the folder: nobody lets go of another copy of them in
    /// the belief that they are there.
    type Parting: Send;
    /// The bytes of this node's file, at `path` below `root`, are about to leave the folder, for
    /// another version or for the trash: the last moment at which they can be copied from there. If
    /// that fails, the file must stay as it is.
    fn about_to_go(
        &self,
        node: NodeId,
        root: &Path,
        path: &str,
    ) -> impl Future<Output = Result<Self::Parting, BytesError>> + Send;
    /// What the working copy says of itself is something else now.
    fn restated(&self) {}
    /// Whether the folder was marked as this drive's at some time: from then on one that is missing, or is
    /// there without its marker, is waited for and not made anew.
    fn has_begun(&self) -> bool;
    /// Notes that it is marked now, durably.
    fn begun(&self) -> Result<(), String>;
    /// All rows of the durable in-step table.
    fn load(&self) -> Result<Vec<StoredRow>, String>;
    /// Writes rows of it in one transaction. Called from a thread that may block.
    fn store(&self, rows: &[Row]) -> Result<(), String>;
    /// Jots down rows that are not durable yet, without waiting for the disk: a crash of the program
    /// leaves them, a loss of power, which may take back what they say, does not.
    fn jot(&self, rows: Vec<Row>);
    /// Forgets what was jotted down, save these rows.
    fn jot_anew(&self, rows: Vec<Row>);
    /// What was jotted down, in order.
    fn jotted(&self) -> Vec<Row>;
}

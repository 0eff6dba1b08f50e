//! Everything a drive's actor can be asked, each with its way back; knows nothing of who asks.

use bytes::Bytes;
use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::tree::{DriveTree, EditError};
use tokio::sync::oneshot;

use peerdrive_crypto::checkpoint::CheckpointBody;
use peerdrive_crypto::entry::Entry;
use peerdrive_crypto::ids::{EntryId, InviteId};
use peerdrive_crypto::invite::{Applicant, Challenged, Hello, JoinError};

use super::checkpoint::{Known, Prepared};
use super::error::DriveError;
use super::govern::Act;
use super::ground::Loaded;
use super::identity::Ask;
use super::invite::{AdmitError, Applying, Terms, Ticket};
use super::review::Pending;
use crate::local::Change;

/// What became of each edit of a batch: the node it made or changed, or why it was refused.
pub type EditResults = Vec<Result<NodeId, EditError>>;

/// As [`EditResults`]; `None` where the condition did not hold.
pub type EditIfResults = Vec<Option<Result<NodeId, EditError>>>;

/// Says whether the view still is what the author of an edit saw. Asked by the actor, with nothing in
/// between the look and the edit.
pub type Check = Option<Box<dyn Fn(&DriveTree) -> bool + Send>>;

/// Makes rows of the in-step table of what became of a batch of edits.
pub(crate) type Jot = Box<dyn FnOnce(&EditIfResults) -> Vec<Change> + Send>;

/// One request to the actor. The variants are the table of contents of what a drive does.
pub(crate) enum Request {
    /// One user action.
    Edit {
        edits: Vec<Edit>,
        reply: oneshot::Sender<Result<EditResults, DriveError>>,
    },
    /// One user action, each edit of which stands only if the view still is what its author saw.
    EditIf {
        edits: Vec<(Edit, Check)>,
        jot: Option<Jot>,
        reply: oneshot::Sender<Result<EditIfResults, DriveError>>,
    },
    /// Entries from a peer; `done` is answered when they are durable, refused or waiting.
    Receive {
        entries: Vec<Bytes>,
        done: oneshot::Sender<()>,
    },
    /// Writes an invite.
    Invite {
        terms: Terms,
        reply: oneshot::Sender<Result<(InviteId, Ticket), DriveError>>,
    },
    /// Changes who may do what.
    Govern {
        act: Act,
        reply: oneshot::Sender<Result<(), DriveError>>,
    },
    /// Whether this device admits by an invite.
    IsGatekeeper {
        invite: InviteId,
        reply: oneshot::Sender<bool>,
    },
    /// Sees to keys; whether anything was to do.
    Tend {
        reply: oneshot::Sender<Result<bool, DriveError>>,
    },
    /// What removed devices wrote too late to count.
    Pending {
        reply: oneshot::Sender<Result<Vec<Pending>, DriveError>>,
    },
    /// Answers a joiner's first message.
    Challenge {
        hello: Hello,
        exporter: [u8; 32],
        reply: oneshot::Sender<Result<(Challenged, Vec<u8>), JoinError>>,
    },
    /// Checks a joiner's proof, and that a use is left.
    Consider {
        applying: Box<Applying>,
        reply: oneshot::Sender<Result<Applicant, AdmitError>>,
    },
    /// Lets a joiner in, if a use is left; answers with the welcome.
    Admit {
        applicant: Box<Applicant>,
        /// Addresses of devices that the joiner may ask too.
        peers: Vec<Vec<u8>>,
        reply: oneshot::Sender<Result<Vec<u8>, AdmitError>>,
    },
    /// About checkpoints.
    Checkpoints(OnCheckpoints),
    /// About devices of this member, and whoever comes back with the recovery phrase.
    Identity(Ask),
    /// Writes a snapshot if anything happened since the last, and ends the actor.
    Stop { reply: oneshot::Sender<()> },
}

/// What a drive's actor is asked about checkpoints.
pub(crate) enum OnCheckpoints {
    /// What one would say now; `None` if there is no need of one, or it is not this device's to make.
    Prepare {
        reply: oneshot::Sender<Result<Option<Box<Prepared>>, DriveError>>,
    },
    /// Signs one whose snapshot is stored.
    Publish {
        body: Box<CheckpointBody>,
        /// The content entries that it builds on.
        deps: Vec<EntryId>,
        reply: oneshot::Sender<Result<(), DriveError>>,
    },
    /// Keeps the document of one, which is being looked at.
    Keep { entry: Box<Entry>, document: Bytes },
    /// Shows the document of one, while entries are judged.
    StandOn {
        known: Box<Known>,
        loaded: Box<Loaded>,
    },
    /// The one that was offered cannot be had.
    GoOn,
    /// What it covers is nowhere to be found.
    GiveUp,
}

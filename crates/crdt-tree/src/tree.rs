//! The document and its view as one thing: edits and changes in, events and answers out; knows nothing
//! of entries, peers or disks.

mod error;
mod foreign;
mod glance;
mod past;
mod plan;
mod questions;
mod remake;
mod whole;
mod write;

use automerge::iter::MapRangeItem;
use automerge::{ActorId, Automerge, AutomergeError, ChangeHash, ObjId, ReadDoc};

use crate::edit::Edit;
use crate::event::TreeEvent;
use crate::id::{Actor, NodeId, OpId};
use crate::lint::{self, Author, LintError, Linted};
use crate::register::{self, Registers, Source};
use crate::schema;
use crate::view::{Journal, View};

pub use error::{ApplyError, EditError, LoadError};
pub use foreign::Changes;
pub use glance::Glance;
pub use past::Past;
pub use questions::{Stored, Trashed};

/// The tree of one drive on one device.
///
/// See the crate's page for the model. All methods are synchronous and do no IO.
#[derive(Debug)]
pub struct DriveTree {
    document: Automerge,
    buckets: Vec<ObjId>,
    view: View,
    newer_schema: bool,
    /// The view is not kept: nobody looks.
    hidden: bool,
}

/// What came of a batch of edits.
#[derive(Debug, Default)]
#[must_use = "the changes must be made durable before anyone is told of them"]
pub struct Edited {
    /// The action as Automerge changes, in order, usually one; empty if every edit was refused or
    /// asked for what was so already.
    pub changes: Vec<Vec<u8>>,
    /// For each edit in order: the node that it made or acted on, or why it was refused.
    pub results: Vec<Result<NodeId, EditError>>,
    /// What the view shows differently.
    pub events: Vec<TreeEvent>,
}

impl DriveTree {
    /// The tree of a new drive. Every device begins with the same first change.
    pub fn new(actor: Actor) -> Self {
        Self::over(schema::genesis(), actor, schema::SCHEMA_VERSION, |_, _| {
            View::new()
        })
    }

    /// A tree as [`DriveTree::save`] wrote it. Snapshots come from this device's own store or from
    /// someone whose heads were vouched for: Automerge checks hashes and heads, and everything is
    /// checked that the view relies on, but it is not linted change by change.
    ///
    /// # Errors
    /// [`LoadError`]: the bytes are no document, or not one of a drive.
    pub fn load(snapshot: &[u8], actor: Actor) -> Result<Self, LoadError> {
        let document = Automerge::load(snapshot).map_err(LoadError::automerge)?;
        // A later version may keep its nodes elsewhere: what can be read of it is shown.
        let version = schema::version(&document).ok_or(LoadError::NotADrive)?;
        if version <= schema::SCHEMA_VERSION && !schema::has_buckets(&document) {
            return Err(LoadError::NotADrive);
        }
        Ok(Self::over(document, actor, version, build))
    }

    fn over(
        document: Automerge,
        actor: Actor,
        version: u64,
        view: impl FnOnce(&Automerge, &[ObjId]) -> View,
    ) -> Self {
        let buckets = schema::bucket_handles();
        let view = view(&document, &buckets);
        let newer_schema = version > schema::SCHEMA_VERSION;
        let mut tree = DriveTree {
            document,
            buckets,
            view,
            newer_schema,
            hidden: false,
        };
        tree.set_actor(actor);
        tree
    }

    /// The whole document, uncompressed (the caller's store compresses better than Automerge's columns).
    pub fn save(&mut self) -> Vec<u8> {
        self.document.save_nocompress()
    }

    /// Writes under another actor from now on: a new incarnation of this device's log.
    pub fn set_actor(&mut self, actor: Actor) {
        self.document.set_actor(ActorId::from(actor.0));
    }

    /// The actor that this device writes under.
    pub fn actor(&self) -> Option<Actor> {
        self.document
            .get_actor()
            .to_bytes()
            .try_into()
            .ok()
            .map(Actor)
    }

    /// Hashes of the changes on which no other change builds yet, sorted.
    pub fn heads(&self) -> Vec<[u8; 32]> {
        self.document
            .get_heads()
            .into_iter()
            .map(|hash| hash.0)
            .collect()
    }

    /// Whether a change is in the document.
    pub fn has_change(&self, hash: &[u8; 32]) -> bool {
        self.document
            .get_change_meta_by_hash(&ChangeHash(*hash))
            .is_some()
    }

    /// Whether the document was written by a newer program, in a schema that this one can show in part
    /// but must not write.
    pub fn read_only(&self) -> bool {
        self.newer_schema
    }

    /// Applies the batch as one action. Each edit stands alone: refused ones leave no trace, later ones
    /// go on and see what earlier ones did.
    pub fn edit(&mut self, edits: &[Edit]) -> Edited {
        if self.newer_schema {
            let results = edits.iter().map(|_| Err(EditError::ReadOnly)).collect();
            return Edited {
                results,
                ..Edited::default()
            };
        }
        write::edit(&mut self.document, &self.buckets, &mut self.view, edits)
    }

    /// Lints, then applies, one change from outside. A change already applied yields no events.
    ///
    /// # Errors
    /// [`ApplyError`]; the tree is as it was.
    pub fn apply(&mut self, change: &[u8], author: &Author) -> Result<Vec<TreeEvent>, ApplyError> {
        if self.newer_schema {
            return Err(ApplyError::ReadOnly);
        }
        let source = Source::new(&self.document, &self.buckets);
        let linted = lint::lint(change, author, &self.document, &source)?;
        let Some(Linted {
            change,
            touched,
            mut begun,
        }) = linted
        else {
            return Ok(Vec::new());
        };
        // Two who began the same node apart wrote it both.
        begun.retain(|id, _| !self.hidden && self.view.any(*id).is_none());
        self.document
            .apply_changes([change])
            .map_err(|error| match error {
                AutomergeError::DuplicateSeqNumber(..) => ApplyError::Lint(LintError::Fork),
                error => ApplyError::Automerge(error.to_string()),
            })?;
        if self.hidden {
            return Ok(Vec::new());
        }
        let mut journal = Journal::default();
        let source = Source::new(&self.document, &self.buckets);
        self.view
            .refresh(&source, &touched, &mut begun, &mut journal);
        Ok(journal.events(&self.view))
    }

    /// Keeps no view until [`DriveTree::reveal`], as of a document that only takes changes in: the view is
    /// more than half of what a tree takes in memory. Nothing but [`DriveTree::apply`], and what tells of changes
    /// and heads, means anything meanwhile.
    pub fn hide(&mut self) {
        self.hidden = true;
        self.view = View::new();
    }

    /// Makes the view of what came in meanwhile, if it is hidden.
    pub fn reveal(&mut self) {
        if std::mem::take(&mut self.hidden) {
            self.rebuild();
        }
    }

    /// Makes the view anew from the document. Ends equal to what it was, unless memory was damaged; the
    /// tests of the incremental view rest on it.
    pub fn rebuild(&mut self) {
        self.view = build(&self.document, &self.buckets);
    }

    /// The registers of every node in the buckets of `ids`.
    #[cfg(feature = "test-utils")]
    pub(crate) fn scan(
        &self,
        ids: &std::collections::BTreeSet<NodeId>,
    ) -> Vec<(NodeId, Registers)> {
        let used: std::collections::BTreeSet<usize> =
            ids.iter().map(|id| schema::bucket_of(*id)).collect();
        used.into_iter()
            .flat_map(|at| nodes_of(&self.document, &self.buckets[at], None))
            .collect()
    }

    /// What `look` finds with a view made from these registers, in place of the one that was kept; that
    /// one stays.
    #[cfg(feature = "test-utils")]
    pub(crate) fn shown_anew<T>(
        &mut self,
        nodes: Vec<(NodeId, Registers)>,
        look: impl FnOnce(&DriveTree) -> T,
    ) -> T {
        let anew = View::build(&self.source(), nodes);
        let kept = std::mem::replace(&mut self.view, anew);
        let found = look(self);
        self.view = kept;
        found
    }

    fn source(&self) -> Source<'_, Automerge> {
        Source::new(&self.document, &self.buckets)
    }
}

/// Reads every node of a document in one pass over its buckets.
fn build(document: &Automerge, buckets: &[ObjId]) -> View {
    let source = Source::new(document, buckets);
    let nodes = buckets
        .iter()
        .flat_map(|bucket| nodes_of(document, bucket, None));
    View::build(&source, nodes)
}

/// The nodes of one bucket, as they are or as they were when these changes were the last.
fn nodes_of(
    document: &Automerge,
    bucket: &ObjId,
    heads: Option<&[ChangeHash]>,
) -> Vec<(NodeId, Registers)> {
    let mut nodes: Vec<(NodeId, Registers)> = Vec::new();
    let items = match heads {
        Some(heads) => document.map_range_at(bucket, .., heads),
        None => document.map_range(bucket, ..),
    };
    // Keys come sorted, so the registers of a node come together.
    for item in items {
        let Some((id, register)) = schema::parse_key(&item.key) else {
            continue;
        };
        if nodes.last().is_none_or(|(last, _)| *last != id) {
            nodes.push((id, Registers::default()));
        }
        let Some((_, registers)) = nodes.last_mut() else {
            continue;
        };
        each_value(document, bucket, &item, heads, |op, value| {
            registers.add(register, op, value);
        });
    }
    nodes.retain(|(_, registers)| !registers.birth.is_empty());
    nodes
}

/// Visits the values of a key that was met in a pass over a bucket, in the order of their ops.
fn each_value(
    document: &Automerge,
    bucket: &ObjId,
    item: &MapRangeItem<'_>,
    heads: Option<&[ChangeHash]>,
    mut visit: impl FnMut(OpId, &[u8]),
) {
    if !item.conflict {
        if let Some(op) = register::op_id(&item.id()) {
            visit(op, register::bytes_of(&item.value).unwrap_or_default());
        }
        return;
    }
    let values = match heads {
        Some(heads) => document.get_all_at(bucket, &*item.key, heads),
        None => document.get_all(bucket, &*item.key),
    };
    for (value, op) in values.unwrap_or_default() {
        if let Some(op) = register::op_id(&op) {
            visit(op, value.as_bytes().unwrap_or_default());
        }
    }
}

//! Bringing back one version, or a subtree as it was at a time, by edits as anyone could make them.

use std::collections::{BTreeSet, HashMap};

use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::name::Name;
use peerdrive_crdt_tree::node::{Content, FileContent, Kind, Node};
use peerdrive_crdt_tree::tree::{DriveTree, EditError, Past};
use peerdrive_crdt_tree::written;
use peerdrive_crypto::ids::LogId;

use super::{HistoryError, Version, replay};
use crate::content::ContentError;
use crate::drive::error::DriveError;
use crate::drive::handle::DriveHandle;

/// Edits of one action: a restored folder of any size is made of some of these.
const TOGETHER: usize = 800;

/// What to bring back of a time.
#[derive(Clone, Debug)]
pub struct Back {
    /// Milliseconds since 1970.
    pub time_ms: u64,
    /// The subtree, by the path that it has now or had then; the whole drive if empty.
    pub path: String,
    /// Whether what was not there then goes to the trash.
    pub exact: bool,
}

/// What a restoration did.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// Files that hold an earlier version again.
    pub contents: u64,
    /// Files and folders that are back from the trash.
    pub undeleted: u64,
    /// Files and folders that are back under their earlier name or in their earlier folder.
    pub moved: u64,
    /// Files and folders that were not there then and are in the trash now.
    pub deleted: u64,
    /// What could not be restored.
    pub not: Vec<Unrestored>,
}

/// Something that could not be restored.
#[derive(Clone, Debug)]
pub struct Unrestored {
    /// The path that it had then.
    pub path: String,
    /// Why.
    pub reason: String,
}

impl DriveHandle {
    /// Makes an earlier version of a file its content again, taking the file out of the trash if it is
    /// there. Its bytes are brought here first: a version that nobody who can be reached has is not
    /// restored.
    pub async fn restore_version(&self, path: &str, wanted: &str) -> Result<Version, HistoryError> {
        let version = {
            let (drive, path, wanted) = (self.clone(), path.to_owned(), wanted.to_owned());
            off_thread(move || drive.find_version(&path, &wanted)).await?
        };
        let node = {
            let (drive, path) = (self.clone(), path.to_owned());
            off_thread(move || drive.node_at(&path)).await?
        };
        let Some(content) = version.content.clone() else {
            return Err(HistoryError::Refused("that version has no content".into()));
        };
        if let Content::File(file) = &content {
            self.content().prefetch(std::slice::from_ref(file)).await?;
        }
        let mut edits = Vec::new();
        if self.view().is_trashed(node) {
            edits.push(Edit::Restore { node });
        }
        edits.push(Edit::SetContent { node, content });
        for result in self.edit(edits).await? {
            result.map_err(|reason| HistoryError::Refused(reason.to_string()))?;
        }
        Ok(version)
    }

    fn find_version(&self, path: &str, wanted: &str) -> Result<Version, HistoryError> {
        let node = self.node_at(path)?;
        if self
            .view()
            .get(node)
            .is_some_and(|node| node.kind == Kind::Folder)
        {
            return Err(HistoryError::Folder(path.to_owned()));
        }
        let versions = self.versions(node)?;
        let mut matching = versions.into_iter().filter(|v| v.name() == wanted);
        match (matching.next(), matching.next()) {
            (Some(version), None) => Ok(version),
            _ => Err(HistoryError::NoVersion {
                path: path.to_owned(),
                version: wanted.to_owned(),
            }),
        }
    }

    /// Makes a subtree what it was at a time: names, folders, contents. What came later stays, unless
    /// `exact`. What cannot be restored is told and the rest goes on.
    pub async fn restore_as_of(&self, back: Back) -> Result<Restored, HistoryError> {
        let plan = {
            let drive = self.clone();
            off_thread(move || drive.plan_back(&back)).await?
        };
        let mut restored = Restored::default();
        let absent = self.absent(&plan).await?;
        for batch in plan.chunks(TOGETHER) {
            let mut edits = Vec::new();
            let mut meant = Vec::new();
            for step in batch {
                if let Some(reason) = absent.get(&step.node).filter(|_| step.is_content()) {
                    restored.not.push(step.failed(reason));
                    continue;
                }
                edits.push(step.edit.clone());
                meant.push(step);
            }
            for (result, step) in self.edit(edits).await?.into_iter().zip(meant) {
                match result {
                    Ok(_) => step.count(&mut restored),
                    // It came back with the folder that it was deleted with.
                    Err(EditError::NotDeleted(_)) => {}
                    Err(reason) => restored.not.push(step.failed(&reason.to_string())),
                }
            }
        }
        Ok(restored)
    }

    /// Brings here what the plan's contents need; says which nodes' bytes cannot be had, and why.
    async fn absent(&self, plan: &[Step]) -> Result<HashMap<NodeId, String>, HistoryError> {
        let files: Vec<(NodeId, FileContent)> = plan
            .iter()
            .filter_map(|step| Some((step.node, step.file()?)))
            .collect();
        let contents: Vec<FileContent> = files.iter().map(|(_, file)| *file).collect();
        let mut absent = HashMap::new();
        if self.content().prefetch(&contents).await.is_ok() {
            return Ok(absent);
        }
        for (node, file) in files {
            match self.content().is_local(&file).await {
                Ok(true) => {}
                Ok(false) => {
                    let error = ContentError::Unavailable { missing: 1 };
                    absent.insert(node, error.to_string());
                }
                Err(error) => {
                    absent.insert(node, error.to_string());
                }
            }
        }
        Ok(absent)
    }

    /// The edits that lead from now to then.
    fn plan_back(&self, back: &Back) -> Result<Vec<Step>, HistoryError> {
        let heads = self.heads_at(back.time_ms)?;
        let tree = self.view();
        let past = tree.past(&heads);
        if past.nodes().is_empty() {
            return Err(HistoryError::TooEarly);
        }
        let path = back.path.trim_matches('/');
        let now = tree.lookup(path);
        let top = now
            .filter(|id| *id == NodeId::ROOT || past.get(*id).is_some())
            .or_else(|| past.lookup(path))
            .ok_or_else(|| HistoryError::NoPath(path.to_owned()))?;
        let trashed = tree.trash().into_iter();
        let hidden = trashed.map(|node| (node.id, (node.parent, node.name)));
        let hidden: HashMap<_, _> = hidden.collect();
        let mut steps = Vec::new();
        for node in past.nodes() {
            if past.is_below(node.id, top) && node.copy_of.is_none() {
                let path = past.path(node.id).unwrap_or_default();
                self.steps_to(&tree, &hidden, &past, node, &path, &mut steps);
            }
        }
        if back.exact {
            let then: BTreeSet<NodeId> = past.nodes().iter().map(|node| node.id).collect();
            let mut later = Vec::new();
            let mut open = vec![top];
            while let Some(folder) = open.pop() {
                for (_, id) in tree.children(folder) {
                    if then.contains(&id) {
                        open.push(id);
                    } else {
                        let path = tree.path(id).unwrap_or_default();
                        later.push(Step::new(id, path, Edit::Delete { node: id }));
                    }
                }
            }
            // First, so that names are free.
            later.extend(steps);
            steps = later;
        }
        Ok(steps)
    }

    fn steps_to(
        &self,
        tree: &DriveTree,
        hidden: &HashMap<NodeId, (NodeId, String)>,
        past: &Past,
        node: &Node,
        path: &str,
        steps: &mut Vec<Step>,
    ) {
        let id = node.id;
        let step = |edit| Step::new(id, path.to_owned(), edit);
        let trashed = tree.is_trashed(id);
        if trashed {
            steps.push(step(Edit::Restore { node: id }));
        }
        let now = tree.get(id);
        let place = now.map(|now| (now.parent, now.name));
        let place = place.or_else(|| hidden.get(&id).cloned());
        let elsewhere =
            place.is_some_and(|(parent, name)| parent != node.parent || name != node.name);
        let parent_shows = node.parent == NodeId::ROOT || past.get(node.parent).is_some();
        if elsewhere
            && parent_shows
            && let Ok(name) = Name::new(&node.name)
        {
            let parent = node.parent;
            steps.push(step(Edit::Move {
                node: id,
                parent,
                name,
            }));
        }
        let Some(content) = &node.content else { return };
        let same = tree.contents(id).iter().any(|stored| {
            stored
                .content
                .as_ref()
                .is_some_and(|stored| stored.same_as(content))
        });
        let alone = tree.contents(id).len() == 1;
        if !(same && alone) {
            steps.push(step(Edit::SetContent {
                node: id,
                content: content.clone(),
            }));
        }
    }

    /// The last change of each log that its author made by that time. What such a change builds on
    /// counts as well, whatever its author's clock said.
    fn heads_at(&self, time_ms: u64) -> Result<Vec<[u8; 32]>, HistoryError> {
        let mut last: HashMap<LogId, Option<Vec<u8>>> = HashMap::new();
        let mut ended: BTreeSet<LogId> = BTreeSet::new();
        replay(&self.shared, |told| {
            if told.time_ms > time_ms {
                ended.insert(told.log);
            } else if !ended.contains(&told.log) {
                last.insert(told.log, Some(told.change));
            }
        })?;
        let changes = last.into_values().flatten();
        Ok(changes
            .filter_map(|change| written::hash(&change))
            .collect())
    }
}

/// One edit of a restoration, and what it is about.
#[derive(Clone, Debug)]
struct Step {
    node: NodeId,
    path: String,
    edit: Edit,
}

impl Step {
    fn new(node: NodeId, path: String, edit: Edit) -> Self {
        Self { node, path, edit }
    }

    fn is_content(&self) -> bool {
        matches!(self.edit, Edit::SetContent { .. })
    }

    fn file(&self) -> Option<FileContent> {
        match &self.edit {
            Edit::SetContent {
                content: Content::File(file),
                ..
            } => Some(*file),
            _ => None,
        }
    }

    fn failed(&self, reason: &str) -> Unrestored {
        Unrestored {
            path: self.path.clone(),
            reason: reason.to_owned(),
        }
    }

    fn count(&self, restored: &mut Restored) {
        match self.edit {
            Edit::SetContent { .. } => restored.contents += 1,
            Edit::Restore { .. } => restored.undeleted += 1,
            Edit::Move { .. } => restored.moved += 1,
            Edit::Delete { .. } => restored.deleted += 1,
            _ => {}
        }
    }
}

/// Runs what reads the record or the whole view on a thread that may block.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HistoryError> + Send + 'static,
) -> Result<T, HistoryError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| HistoryError::Drive(DriveError::Closed))?
}

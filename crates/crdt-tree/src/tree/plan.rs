//! What each edit writes, judged against the view; knows nothing of transactions.
//!
//! An edit is checked in full before anything of it is written. Whoever edits a node in conflict, or a
//! conflict copy, first makes every copy a node of its own (rule R6): that is [`Plan::First`], after
//! which the same edit is planned again and finds plain nodes.

use std::collections::{BTreeSet, HashMap};

use automerge::ReadDoc;

use super::EditError;
use super::write::Write;
use crate::edit::{Edit, Place};
use crate::id::{NodeId, OpId};
use crate::name::Name;
use crate::node::{Content, Kind};
use crate::register::{Registers, Source};
use crate::resolve;
use crate::schema::{self, Attributes, Birth, Moved, Origin, Register};
use crate::view::{SlotId, View};

/// Most folders above a node, the root included (rule R8).
pub(super) const MAX_DEPTH: usize = 256;

/// What is to be done for an edit.
#[derive(Debug)]
pub(super) enum Plan {
    /// Write this, then plan the edit again.
    First(Vec<Write>),
    /// Write this, and the edit is done; it acted on this node.
    Then(NodeId, Vec<Write>),
    /// As [`Plan::Then`], of a node of which nothing was ever written.
    Begin(NodeId, Vec<Write>),
}

/// What an edit is planned against.
struct Planner<'a, R> {
    view: &'a View,
    source: &'a Source<'a, R>,
    earlier: &'a [Result<NodeId, EditError>],
}

/// Plans one edit; `earlier` are the results of those before it in the batch.
pub(super) fn plan<R: ReadDoc>(
    view: &View,
    source: &Source<'_, R>,
    edit: &Edit,
    earlier: &[Result<NodeId, EditError>],
) -> Result<Plan, EditError> {
    let planner = Planner {
        view,
        source,
        earlier,
    };
    match edit {
        Edit::Create {
            parent,
            name,
            kind,
            content,
            mode,
        } => planner.create(*parent, name, *kind, content.as_ref(), *mode),
        Edit::Move { node, parent, name } => planner.move_node(*node, *parent, name),
        Edit::Replace { source, target } => planner.replace(*source, *target),
        Edit::SetContent { node, content } => planner.set_content(*node, content),
        Edit::SetAttributes {
            node,
            mode,
            mtime_ns,
        } => planner.set_attributes(*node, *mode, *mtime_ns),
        Edit::SetXattr { node, key, value } => planner.set_xattr(*node, key, value.as_deref()),
        Edit::Delete { node } => planner.delete(*node),
        Edit::Restore { node } => planner.restore(*node),
        Edit::Resolve { node, keep } => planner.resolve(*node, *keep),
    }
}

impl<R: ReadDoc> Planner<'_, R> {
    fn create(
        &self,
        parent: Place,
        name: &Name,
        kind: Kind,
        content: Option<&Content>,
        mode: Option<u32>,
    ) -> Result<Plan, EditError> {
        let parent = match parent {
            Place::In(parent) => parent,
            Place::InCreated(index) => match self.earlier.get(index) {
                Some(Ok(parent)) => *parent,
                _ => return Err(EditError::NoSuchEdit(index)),
            },
        };
        let folder = self.folder(parent)?;
        self.check_free(folder, name, None)?;
        self.check_depth(folder)?;
        let mode = check_mode(mode)?.unwrap_or(kind.default_mode() as u16);
        let nfc = name.nfc();
        let mut generation = 0;
        loop {
            let id = NodeId::created(parent, kind, &nfc, generation);
            check_content(id, kind, content)?;
            match self.view.any(id) {
                None => {
                    let origin = Origin::Created { generation };
                    let birth = Birth {
                        kind,
                        origin,
                        parent,
                        name: name.clone(),
                    };
                    return Ok(Plan::Begin(id, self.begin(id, &birth, content, mode)));
                }
                Some(at) if !self.view.entry(at).attached => {
                    return Ok(Plan::Then(
                        id,
                        self.revive(id, parent, name, kind, content, mode),
                    ));
                }
                // Alive somewhere else: it was moved or renamed away from here.
                Some(_) => generation += 1,
            }
        }
    }

    fn begin(&self, id: NodeId, birth: &Birth, content: Option<&Content>, mode: u16) -> Vec<Write> {
        let mut writes = vec![Write::put(id, Register::Birth, birth.encode())];
        if content.is_some() {
            writes.push(Write::put(
                id,
                Register::Content,
                schema::encode_content(content),
            ));
        }
        if u32::from(mode) != birth.kind.default_mode() {
            let attributes = Attributes {
                mode,
                touched: None,
            };
            writes.push(Write::put(id, Register::Attributes, attributes.encode()));
        }
        writes
    }

    /// A deleted node lives again at the place where it was created, as if it were new, with its history.
    fn revive(
        &self,
        id: NodeId,
        parent: NodeId,
        name: &Name,
        kind: Kind,
        content: Option<&Content>,
        mode: u16,
    ) -> Vec<Write> {
        let registers = self.source.registers(id).unwrap_or_default();
        let mut writes = Vec::new();
        if !registers.deletion.is_empty() {
            writes.push(Write::remove(id, Register::Deletion));
        }
        let moved = Moved {
            parent,
            former: Vec::new(),
        };
        writes.push(Write::put_anew(id, Register::Place, moved.encode()));
        if resolve::name(&registers) != Some(name) || registers.name.len() > 1 {
            writes.push(Write::put(
                id,
                Register::Name,
                name.as_str().as_bytes().to_vec(),
            ));
        }
        if content.is_some() || !registers.content.is_empty() {
            writes.push(Write::put(
                id,
                Register::Content,
                schema::encode_content(content),
            ));
        }
        let attributes = Attributes {
            mode,
            touched: None,
        };
        let plain = u32::from(mode) == kind.default_mode() && registers.attributes.is_empty();
        if !plain {
            writes.push(Write::put(id, Register::Attributes, attributes.encode()));
        }
        for (key, _) in self.source.xattrs(id) {
            writes.push(Write::remove(id, Register::Xattr(&key)));
        }
        writes
    }

    fn move_node(&self, node: NodeId, parent: NodeId, name: &Name) -> Result<Plan, EditError> {
        let at = self.not_root(node)?;
        let folder = self.folder(parent)?;
        let entry = self.view.entry(at);
        if folder == at || self.view.above(folder).any(|above| above == at) {
            return Err(EditError::IntoItself(node));
        }
        self.check_free(folder, name, Some(at))?;
        if folder != entry.parent {
            self.check_depth(folder)?;
            self.check_height(folder, at)?;
        }
        if let Some(first) = self.settle(at) {
            return Ok(first);
        }
        let registers = self.registers(node)?;
        let mut writes = self.unmark(at);
        let place = resolve::place(&registers).map(|(_, parent, _)| parent);
        let moves = place != Some(parent) || folder != entry.parent;
        let renames = resolve::name(&registers) != Some(name);
        // Asked for what shows already: that settles what concurrent moves and renames left open. A
        // rename leaves the place alone and a move the name, so that others' edits of these hold.
        let settles = !moves && !renames;
        if moves || (settles && registers.place.len() > 1) {
            let moved = Moved {
                parent,
                former: self.former(at),
            };
            writes.push(Write::put_anew(node, Register::Place, moved.encode()));
        }
        if renames || (settles && registers.name.len() > 1) {
            writes.push(Write::put_anew(
                node,
                Register::Name,
                name.as_str().as_bytes().to_vec(),
            ));
        }
        Ok(Plan::Then(node, writes))
    }

    fn replace(&self, source: NodeId, target: NodeId) -> Result<Plan, EditError> {
        let (from, to) = (self.not_root(source)?, self.not_root(target)?);
        let (kind, target_kind) = (self.view.entry(from).kind, self.view.entry(to).kind);
        if from == to || kind == Kind::Folder || kind != target_kind {
            return Err(EditError::WrongKind(target));
        }
        if let Some(first) = self.settle(from).or_else(|| self.settle(to)) {
            return Ok(first);
        }
        let registers = self.registers(source)?;
        let content = resolve::versions(kind, &registers.content)
            .into_iter()
            .next();
        let content = content.and_then(|version| version.content);
        let mut writes = self.unmark(to);
        writes.push(Write::put(
            target,
            Register::Content,
            schema::encode_content(content.as_ref()),
        ));
        let (mode, target_mode) = (self.view.entry(from).mode, self.view.entry(to).mode);
        if mode != target_mode {
            let attributes = Attributes {
                mode,
                touched: None,
            };
            writes.push(Write::put(
                target,
                Register::Attributes,
                attributes.encode(),
            ));
        }
        writes.push(deletion(source, &registers));
        Ok(Plan::Then(target, writes))
    }

    fn set_content(&self, node: NodeId, content: &Content) -> Result<Plan, EditError> {
        let at = self.not_root(node)?;
        check_content(node, self.view.entry(at).kind, Some(content))?;
        if let Some(first) = self.settle(at) {
            return Ok(first);
        }
        let mut writes = self.unmark(at);
        let encoded = schema::encode_content(Some(content));
        writes.push(Write::put(node, Register::Content, encoded));
        Ok(Plan::Then(node, writes))
    }

    fn set_attributes(
        &self,
        node: NodeId,
        mode: Option<u32>,
        mtime_ns: Option<i64>,
    ) -> Result<Plan, EditError> {
        let at = self.not_root(node)?;
        let mode = check_mode(mode)?;
        if self.view.entry(at).copy_of().is_some()
            && let Some(first) = self.settle(at)
        {
            return Ok(first);
        }
        let registers = self.registers(node)?;
        let kind = self.view.entry(at).kind;
        let had = registers
            .attributes
            .last()
            .map(|(_, attributes)| *attributes);
        let version = resolve::versions(kind, &registers.content)
            .first()
            .map(|v| v.op);
        let touched = match mtime_ns {
            Some(mtime_ns) => Some((mtime_ns, version)),
            None => had.and_then(|had| had.touched),
        };
        let mode = mode.unwrap_or(self.view.entry(at).mode);
        let attributes = Attributes { mode, touched };
        let plain = Attributes {
            mode: kind.default_mode() as u16,
            touched: None,
        };
        if attributes == had.unwrap_or(plain) {
            return Ok(Plan::Then(node, Vec::new()));
        }
        let write = Write::put(node, Register::Attributes, attributes.encode());
        Ok(Plan::Then(node, vec![write]))
    }

    fn set_xattr(&self, node: NodeId, key: &str, value: Option<&[u8]>) -> Result<Plan, EditError> {
        let at = self.not_root(node)?;
        let long = value.is_some_and(|value| value.len() > schema::MAX_XATTR_BYTES);
        if long || !schema::is_xattr_name(key) {
            return Err(EditError::BadXattr);
        }
        if self.view.entry(at).copy_of().is_some()
            && let Some(first) = self.settle(at)
        {
            return Ok(first);
        }
        let has = || self.source.xattrs(node).iter().any(|(name, _)| name == key);
        let writes = match value {
            Some(value) => vec![Write::put(node, Register::Xattr(key), value.to_vec())],
            None if has() => vec![Write::remove(node, Register::Xattr(key))],
            None => Vec::new(),
        };
        Ok(Plan::Then(node, writes))
    }

    fn delete(&self, node: NodeId) -> Result<Plan, EditError> {
        let at = self.not_root(node)?;
        if let Some(first) = self.settle(at) {
            return Ok(first);
        }
        // The folder first, so that its mark begins the run of marks by which a restore knows what
        // was deleted with it.
        let mut writes = Vec::new();
        let mut work = vec![at];
        while let Some(at) = work.pop() {
            let entry = self.view.entry(at);
            if !entry.dead && entry.copy_of().is_none() {
                writes.push(deletion(entry.id, &self.registers(entry.id)?));
            }
            work.extend(self.view.children_after(at, None));
        }
        Ok(Plan::Then(node, writes))
    }

    fn restore(&self, node: NodeId) -> Result<Plan, EditError> {
        let at = self.view.any(node).ok_or(EditError::NotFound(node))?;
        if !self.view.entry(at).dead {
            return Err(EditError::NotDeleted(node));
        }
        if self.view.above(at).count() > MAX_DEPTH {
            return Err(EditError::TooDeep);
        }
        let mut writes = vec![Write::remove(node, Register::Deletion)];
        for above in self.view.above(at) {
            let entry = self.view.entry(above);
            if entry.dead {
                writes.push(Write::remove(entry.id, Register::Deletion));
            }
        }
        for with in self.deleted_with(at) {
            writes.push(Write::remove(with, Register::Deletion));
        }
        Ok(Plan::Then(node, writes))
    }

    /// What lies below a deleted folder and went in the same action: its marks follow the folder's own
    /// without a gap. Where several deleted the folder apart, what went with any of them: each saw
    /// other things in it.
    fn deleted_with(&self, at: SlotId) -> Vec<NodeId> {
        let marks = |at: SlotId| -> Vec<OpId> {
            let registers = self.source.registers(self.view.entry(at).id);
            let marks = registers.unwrap_or_default().deletion;
            marks.into_iter().map(|(op, _)| op).collect()
        };
        let entry = self.view.entry(at);
        if entry.kind != Kind::Folder {
            return Vec::new();
        }
        let below = |hidden: &SlotId| self.view.above(*hidden).any(|above| above == at);
        let hidden = self.view.hidden().filter(below);
        let by_mark: HashMap<OpId, NodeId> = hidden
            .flat_map(|hidden| marks(hidden).into_iter().map(move |op| (op, hidden)))
            .map(|(op, hidden)| (op, self.view.entry(hidden).id))
            .collect();
        let next = |mark: &OpId| {
            Some(OpId {
                counter: mark.counter.checked_add(1)?,
                ..*mark
            })
        };
        let runs = marks(at).into_iter().flat_map(|first| {
            std::iter::successors(next(&first), next).map_while(|mark| by_mark.get(&mark).copied())
        });
        let mut found = BTreeSet::new();
        runs.filter(|id| found.insert(*id)).collect()
    }

    fn resolve(&self, node: NodeId, keep: NodeId) -> Result<Plan, EditError> {
        let at = self.not_root(node)?;
        let kind = self.view.entry(at).kind;
        let versions = resolve::versions(kind, &self.source.contents(node));
        let kept = match versions.first() {
            Some(won) if keep == node && versions.len() > 1 => Some(won),
            _ => versions
                .get(1..)
                .unwrap_or_default()
                .iter()
                .find(|version| NodeId::copied(node, kind, version.op) == keep),
        };
        let kept = kept.ok_or(EditError::NotInConflict(node))?;
        let encoded = schema::encode_content(kept.content.as_ref());
        let mut writes = self.unmark(at);
        // A choice is an edit: whoever deleted the node meanwhile had not seen it.
        writes.push(Write::put_anew(node, Register::Content, encoded));
        Ok(Plan::Then(node, writes))
    }

    /// The writes that end the content conflict that `at` is part of, with nothing lost: every copy
    /// becomes a node as it shows, and the version that won becomes the only one. `None` if there is
    /// no conflict.
    fn settle(&self, at: SlotId) -> Option<Plan> {
        let node = self.view.entry(at).copy_of().map_or(at, |(node, _)| node);
        let copies = self.view.copies_of(node);
        if copies.is_empty() {
            return None;
        }
        let entry = self.view.entry(node);
        let versions = resolve::versions(entry.kind, &self.source.contents(entry.id));
        let mut writes = Vec::new();
        let xattrs = self.source.xattrs(entry.id);
        for (copy, version) in copies {
            let Some(name) = Name::new(self.view.shown_name(copy)).ok() else {
                continue;
            };
            let content = versions.iter().find(|v| v.op == version)?.content.as_ref();
            let origin = Origin::Copied {
                node: entry.id,
                version,
            };
            let parent = self.view.parent_id(node);
            let birth = Birth {
                kind: entry.kind,
                origin,
                parent,
                name,
            };
            let id = self.view.entry(copy).id;
            writes.extend(self.begin(id, &birth, content, entry.mode));
            for (key, value) in &xattrs {
                writes.push(Write::put(id, Register::Xattr(key), value.clone()));
            }
        }
        let won = versions.first()?.content.as_ref();
        let encoded = schema::encode_content(won);
        writes.push(Write::put(entry.id, Register::Content, encoded));
        Some(Plan::First(writes))
    }

    /// Takes off a deletion mark that no longer holds, or that a folder outlived.
    fn unmark(&self, at: SlotId) -> Vec<Write> {
        let entry = self.view.entry(at);
        let outlived = entry.rare.as_deref().is_some_and(|rare| rare.outlived);
        if outlived || entry.dead {
            vec![Write::remove(entry.id, Register::Deletion)]
        } else {
            Vec::new()
        }
    }

    fn former(&self, at: SlotId) -> Vec<NodeId> {
        if self.view.entry(at).kind != Kind::Folder {
            return Vec::new();
        }
        let ids = self.view.above(at).map(|above| self.view.entry(above).id);
        ids.filter(|id| *id != NodeId::ROOT)
            .take(schema::MAX_FORMER)
            .collect()
    }

    fn registers(&self, id: NodeId) -> Result<Registers, EditError> {
        self.source.registers(id).ok_or(EditError::NotFound(id))
    }

    fn not_root(&self, id: NodeId) -> Result<SlotId, EditError> {
        if id == NodeId::ROOT {
            return Err(EditError::Root);
        }
        self.view.shown(id).ok_or(EditError::NotFound(id))
    }

    fn folder(&self, id: NodeId) -> Result<SlotId, EditError> {
        let at = self.view.shown(id).ok_or(EditError::NotFound(id))?;
        if self.view.entry(at).kind != Kind::Folder {
            return Err(EditError::NotAFolder(id));
        }
        Ok(at)
    }

    fn check_free(&self, at: SlotId, name: &Name, own: Option<SlotId>) -> Result<(), EditError> {
        match self.view.child(at, name.as_str()) {
            Some(holder) if Some(holder) != own => Err(EditError::NameTaken {
                name: name.as_str().to_owned(),
                holder: self.view.entry(holder).id,
            }),
            _ => Ok(()),
        }
    }

    fn check_depth(&self, folder: SlotId) -> Result<(), EditError> {
        // One below `folder`: everything above it, and itself.
        let depth = self.view.above(folder).count() + 1;
        if depth > MAX_DEPTH {
            Err(EditError::TooDeep)
        } else {
            Ok(())
        }
    }

    /// Whether what is in a folder fits below its new place, if that is deeper.
    fn check_height(&self, folder: SlotId, at: SlotId) -> Result<(), EditError> {
        let new = self.view.above(folder).count() + 1;
        let old = self.view.above(at).count();
        if new <= old || self.view.entry(at).kind != Kind::Folder {
            return Ok(());
        }
        let mut work = vec![(at, new)];
        while let Some((at, depth)) = work.pop() {
            if depth > MAX_DEPTH {
                return Err(EditError::TooDeep);
            }
            work.extend(
                self.view
                    .children_after(at, None)
                    .map(|child| (child, depth + 1)),
            );
        }
        Ok(())
    }
}

/// The mark that deletes a node as this device sees it (rule R3).
pub(super) fn deletion(id: NodeId, registers: &Registers) -> Write {
    let seen = schema::encode_deletion(&resolve::substance(registers));
    Write::put(id, Register::Deletion, seen)
}

fn check_mode(mode: Option<u32>) -> Result<Option<u16>, EditError> {
    match mode {
        None => Ok(None),
        Some(mode) if mode <= 0o777 => Ok(Some(mode as u16)),
        Some(mode) => Err(EditError::BadMode(mode)),
    }
}

fn check_content(id: NodeId, kind: Kind, content: Option<&Content>) -> Result<(), EditError> {
    match content {
        None => Ok(()),
        Some(content) if content.kind() != kind => Err(EditError::WrongKind(id)),
        Some(Content::Symlink(target)) if !schema::is_target(target) => Err(EditError::BadTarget),
        Some(_) => Ok(()),
    }
}

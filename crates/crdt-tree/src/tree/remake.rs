//! Doing changes again that were made on ground that fell away: the same writes, on what is left of what
//! their author saw. Knows nothing of why the ground fell away.
//!
//! Ids of nodes follow from how they began, so writing a beginning twice makes one node: what is done
//! again keeps its identity, and is harmless where the first writing comes back later.

use std::collections::{BTreeSet, VecDeque};

use automerge::transaction::CommitOptions;
use automerge::{Automerge, Change, ChangeHash, ObjId, ReadDoc};

use super::write::{Room, Write};
use super::{DriveTree, Edited, plan};
use crate::id::NodeId;
use crate::lint;
use crate::register::{Registers, Source};
use crate::schema::{self, Attributes, Moved, Register};
use crate::view::{Journal, Touched};

impl DriveTree {
    /// Makes `changes` (of this device, in order) again as new ones. `whole` is the document with them
    /// and all they were built on; `self` lacks them, and what else no longer counts. They are written on
    /// exactly that of what they had seen which this document still has, so that what others did meanwhile
    /// stays as it is. The actor must not have written before.
    pub fn remake(&mut self, whole: &DriveTree, changes: &[Vec<u8>]) -> Edited {
        let mut edited = Edited::default();
        let mut wanted = VecDeque::new();
        let mut heads = BTreeSet::new();
        for change in changes {
            let Ok(chunk) = lint::read(change) else {
                continue;
            };
            self.ground(&whole.document, &chunk.deps, &mut heads);
            for op in &chunk.ops {
                wanted.push_back((op.key.to_owned(), op.value.map(<[u8]>::to_vec)));
            }
        }
        let heads: Vec<ChangeHash> = heads.into_iter().collect();
        let Ok(mut base) = self.document.fork_at(&heads) else {
            return edited;
        };
        base.set_actor(self.document.get_actor().clone());
        let mut made = Vec::new();
        let mut touched = Touched::new();
        while !wanted.is_empty() {
            let before = wanted.len();
            let change = again(&mut base, whole, &self.buckets, &mut wanted, &mut touched);
            made.extend(change);
            if wanted.len() == before {
                break;
            }
        }
        for change in made {
            let bytes = change.raw_bytes().to_vec();
            if self.document.apply_changes([change]).is_ok() {
                edited.changes.push(bytes);
            }
        }
        let mut journal = Journal::default();
        let source = Source::new(&self.document, &self.buckets);
        self.view.refresh(&source, &touched, &mut journal);
        edited.events = journal.events(&self.view);
        edited
    }

    /// Adds the newest changes of this document among `from` and all that they build on in `whole`.
    fn ground(&self, whole: &Automerge, from: &[ChangeHash], heads: &mut BTreeSet<ChangeHash>) {
        let mut open = from.to_vec();
        let mut seen = BTreeSet::new();
        while let Some(hash) = open.pop() {
            if !seen.insert(hash) {
                continue;
            }
            if self.document.get_change_meta_by_hash(&hash).is_some() {
                heads.insert(hash);
            } else if let Some(change) = whole.get_change_by_hash(&hash) {
                open.extend(change.deps());
            }
        }
    }
}

/// One change with as many of the wanted writes as have room. `None` if all of them are so already.
fn again(
    base: &mut Automerge,
    whole: &DriveTree,
    buckets: &[ObjId],
    wanted: &mut VecDeque<(String, Option<Vec<u8>>)>,
    touched: &mut Touched,
) -> Option<Change> {
    let mut room = Room::of_a_change(base.get_heads().len());
    let mut transaction = base.transaction();
    let mut written = 0;
    while let Some((key, value)) = wanted.front() {
        let writes = {
            let source = Source::new(&transaction, buckets);
            writes(&source, whole, key, value.as_deref())
        };
        if !writes.iter().all(|write| room.take(write)) && written > 0 {
            break;
        }
        wanted.pop_front();
        for write in writes {
            if write.carry_out(&mut transaction, buckets).is_ok() {
                *touched.entry(write.node()).or_default() |= write.is_xattr();
                written += 1;
            }
        }
    }
    if written == 0 {
        transaction.rollback();
        return None;
    }
    let (hash, _) = transaction.commit_with(CommitOptions::default().with_time(0));
    hash?;
    base.get_last_local_change()
}

/// What one write of before comes to now.
fn writes<R: ReadDoc>(
    source: &Source<'_, R>,
    whole: &DriveTree,
    key: &str,
    value: Option<&[u8]>,
) -> Vec<Write> {
    let Some((node, register)) = schema::parse_key(key) else {
        return Vec::new();
    };
    let mut writes = Vec::new();
    let mut begun = BTreeSet::new();
    begin(source, whole, node, &mut begun, &mut writes);
    let registers = source.registers(node).unwrap_or_default();
    match (register, value) {
        (Register::Birth, _) => {}
        (Register::Deletion, Some(_)) if !registers.birth.is_empty() => {
            writes.push(plan::deletion(node, &registers));
        }
        // Begun anew only to be deleted.
        (Register::Deletion, Some(_)) => writes.clear(),
        (_, None) => {
            if has(source, node, key) {
                writes.push(Write::remove(node, register));
            }
        }
        (Register::Place, Some(value)) => {
            if let Some(moved) = Moved::decode(value) {
                begin(source, whole, moved.parent, &mut begun, &mut writes);
                writes.push(Write::put_anew(node, register, value.to_vec()));
            }
        }
        (Register::Attributes, Some(value)) => {
            if let Some(had) = Attributes::decode(value) {
                writes.push(Write::put(node, register, on_now(had, &registers).encode()));
            }
        }
        (_, Some(value)) => writes.push(Write::put(node, register, value.to_vec())),
    }
    writes
}

/// A time that was set on a content is set on the one that is there now.
fn on_now(mut attributes: Attributes, registers: &Registers) -> Attributes {
    if let Some((_, version)) = &mut attributes.touched {
        *version = registers.content.last().map(|(op, _)| *op);
    }
    attributes
}

/// Begins a node and what it is in, as they began, where they do not exist.
fn begin<R: ReadDoc>(
    source: &Source<'_, R>,
    whole: &DriveTree,
    node: NodeId,
    begun: &mut BTreeSet<NodeId>,
    writes: &mut Vec<Write>,
) {
    let mut at = node;
    while at != NodeId::ROOT && begun.insert(at) && source.place(at).birth.is_empty() {
        let known = whole.source().place(at);
        let Some((_, birth)) = known.birth.last() else {
            return;
        };
        writes.push(Write::put(at, Register::Birth, birth.encode()));
        at = birth.parent;
    }
}

fn has<R: ReadDoc>(source: &Source<'_, R>, node: NodeId, key: &str) -> bool {
    !source
        .writers(schema::bucket_of(node), key, None)
        .is_empty()
}

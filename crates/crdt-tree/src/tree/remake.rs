//! Doing changes again that were made on ground that fell away: the same writes, on what is left of what
//! their author saw. Knows nothing of why the ground fell away.
//!
//! Ids of nodes follow from how they began, so writing a beginning twice makes one node: what is done
//! again keeps its identity, and is harmless where the first writing comes back later.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use automerge::transaction::CommitOptions;
use automerge::{Automerge, Change, ChangeHash, ObjId, ReadDoc};

use super::write::{Room, Write};
use super::{DriveTree, Edited, plan};
use crate::id::{NodeId, OpId};
use crate::lint::{self, Removal};
use crate::register::{Registers, Source};
use crate::schema::{self, Attributes, Moved, Origin, Register};
use crate::view::{Begun, Journal, Touched};

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
            wanted.extend(intents(whole, &chunk));
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
        self.view
            .refresh(&source, &touched, &mut Begun::new(), &mut journal);
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

/// What one op of a change was meant to do.
#[derive(Debug)]
struct Intent {
    key: String,
    wish: Wish,
}

#[derive(Debug)]
enum Wish {
    /// This value, whatever was there.
    Put(Vec<u8>),
    /// Nothing.
    Clear,
    /// Of the values that were there this one, which had won already.
    Keep(Vec<u8>),
}

/// What the ops of a change meant, given what its author saw.
fn intents(whole: &DriveTree, chunk: &lint::Chunk<'_>) -> Vec<Intent> {
    let source = whole.source();
    let mut seen: BTreeMap<&str, Vec<(OpId, Vec<u8>)>> = BTreeMap::new();
    let mut intents = Vec::new();
    for op in &chunk.ops {
        let current = seen
            .entry(op.key)
            .or_insert_with(|| source.values(op.bucket, op.key, Some(&chunk.deps)));
        let wish = match op.value {
            Some(value) => {
                *current = vec![(op.id, value.to_vec())];
                Wish::Put(value.to_vec())
            }
            None => {
                let ops: Vec<OpId> = current.iter().map(|(op, _)| *op).collect();
                let kept = match lint::removal(&ops, &op.preds) {
                    Removal::AllBut(_) => current.pop(),
                    Removal::All | Removal::Unfit => None,
                };
                current.clear();
                current.extend(kept.clone());
                kept.map_or(Wish::Clear, |(_, value)| Wish::Keep(value))
            }
        };
        intents.push(Intent {
            key: op.key.to_owned(),
            wish,
        });
    }
    intents
}

/// One change with as many of the wanted writes as have room. `None` if all of them are so already.
fn again(
    base: &mut Automerge,
    whole: &DriveTree,
    buckets: &[ObjId],
    wanted: &mut VecDeque<Intent>,
    touched: &mut Touched,
) -> Option<Change> {
    let mut room = Room::of_a_change(base.get_heads().len());
    let mut transaction = base.transaction();
    let mut written = 0;
    while let Some(intent) = wanted.front() {
        let writes = {
            let source = Source::new(&transaction, buckets);
            writes(&source, whole, intent)
        };
        let fits = |write: &Write| room.take(write, write.preds(&transaction, buckets));
        if !writes.iter().all(fits) && written > 0 {
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
    Intent { key, wish }: &Intent,
) -> Vec<Write> {
    let Some((node, register)) = schema::parse_key(key) else {
        return Vec::new();
    };
    let mut writes = Vec::new();
    let mut begun = BTreeSet::new();
    begin(source, whole, node, &mut begun, &mut writes);
    let registers = source.registers(node).unwrap_or_default();
    match (register, wish) {
        (Register::Birth, _) => {}
        (Register::Deletion, Wish::Put(_)) if !registers.birth.is_empty() => {
            writes.push(plan::deletion(node, &registers));
        }
        // Begun anew only to be deleted.
        (Register::Deletion, Wish::Put(_)) => writes.clear(),
        (_, Wish::Clear) => {
            if !values(source, node, key).is_empty() {
                writes.push(Write::remove(node, register));
            }
        }
        // A value that fell away is not brought back by having won: what else there was stays.
        (_, Wish::Keep(value)) => {
            if values(source, node, key)
                .iter()
                .any(|(_, now)| now == value)
            {
                writes.push(Write::put(node, register, value.clone()));
            }
        }
        (Register::Place, Wish::Put(value)) => {
            if let Some(moved) = Moved::decode(value) {
                begin(source, whole, moved.parent, &mut begun, &mut writes);
                writes.push(Write::put_anew(node, register, value.clone()));
            }
        }
        (Register::Attributes, Wish::Put(value)) => {
            if let Some(had) = Attributes::decode(value) {
                writes.push(Write::put(node, register, on_now(had, &registers).encode()));
            }
        }
        (_, Wish::Put(value)) => writes.push(Write::put(node, register, value.clone())),
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

/// Begins a node and what it is in, as they began, where they do not exist. What began as a conflict copy
/// begins with the version it was a copy of, where that still stands.
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
        if let Origin::Copied { node, version } = birth.origin {
            let key = schema::key(node, Register::Content);
            let versions = values(source, node, &key);
            let stands = versions.into_iter().find(|(op, _)| *op == version);
            if let Some((_, value)) = stands {
                writes.push(Write::put(at, Register::Content, value));
            }
        }
        at = birth.parent;
    }
}

fn values<R: ReadDoc>(source: &Source<'_, R>, node: NodeId, key: &str) -> Vec<(OpId, Vec<u8>)> {
    source.values(schema::bucket_of(node), key, None)
}

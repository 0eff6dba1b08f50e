//! Carries out a batch of edits: plans each against the view, writes it, and brings the view in step;
//! knows nothing of what an edit means (that is `plan`).

use std::collections::VecDeque;

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{Automerge, ObjId, ReadDoc};

use super::plan::{self, Plan};
use super::{EditError, Edited};
use crate::edit::Edit;
use crate::id::{NodeId, OpId};
use crate::lint::{MAX_CHANGE_BYTES, MAX_OPS, MAX_PREDS};
use crate::register::{self, Registers, Source};
use crate::schema::{self, Register};
use crate::view::{Begun, Journal, Touched, View};

/// One write to one register.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Write {
    node: NodeId,
    key: String,
    xattr: bool,
    /// `None` removes the register.
    value: Option<Vec<u8>>,
    /// Writes a new value even if it says what the register says already.
    anew: bool,
}

impl Write {
    pub(super) fn put(node: NodeId, register: Register<'_>, value: Vec<u8>) -> Self {
        let xattr = matches!(register, Register::Xattr(_));
        Write {
            node,
            key: schema::key(node, register),
            xattr,
            value: Some(value),
            anew: false,
        }
    }

    /// A value that stands as a write of its own: Automerge drops a `put` of what is there already,
    /// and a deletion made elsewhere would then not see that somebody cared.
    pub(super) fn put_anew(node: NodeId, register: Register<'_>, value: Vec<u8>) -> Self {
        Write {
            anew: true,
            ..Write::put(node, register, value)
        }
    }

    pub(super) fn remove(node: NodeId, register: Register<'_>) -> Self {
        Write {
            value: None,
            ..Write::put(node, register, Vec::new())
        }
    }

    pub(super) fn node(&self) -> NodeId {
        self.node
    }

    pub(super) fn is_xattr(&self) -> bool {
        self.xattr
    }

    /// About how much of a change it takes, on the high side.
    fn size(&self, preds: usize) -> usize {
        2 * (self.key.len() + 48) + self.value.as_ref().map_or(0, Vec::len) + 12 * preds
    }

    /// How many values it replaces.
    pub(super) fn preds<R: ReadDoc>(&self, document: &R, buckets: &[ObjId]) -> usize {
        let bucket = buckets.get(schema::bucket_of(self.node));
        let values = bucket.and_then(|bucket| document.get_all(bucket, &*self.key).ok());
        values.map_or(0, |values| values.len())
    }

    /// Files it, as the op that it became, under its register.
    fn note(&self, op: OpId, registers: &mut Registers) {
        if let (Some((_, register)), Some(value)) = (schema::parse_key(&self.key), &self.value) {
            registers.add(register, op, value);
        }
    }

    pub(super) fn carry_out<T: Transactable>(
        &self,
        transaction: &mut T,
        buckets: &[ObjId],
    ) -> Result<(), EditError> {
        let failed = |error: automerge::AutomergeError| EditError::Automerge(error.to_string());
        let Some(bucket) = buckets.get(schema::bucket_of(self.node)) else {
            return Ok(());
        };
        let Some(value) = &self.value else {
            return transaction
                .delete(bucket, self.key.as_str())
                .map_err(failed);
        };
        if self.anew {
            let current = transaction
                .get_all(bucket, self.key.as_str())
                .map_err(failed)?;
            let same = current
                .last()
                .is_some_and(|(now, _)| now.as_bytes() == Some(value));
            if same {
                transaction
                    .delete(bucket, self.key.as_str())
                    .map_err(failed)?;
            }
        }
        let value = automerge::ScalarValue::Bytes(value.clone());
        transaction
            .put(bucket, self.key.as_str(), value)
            .map_err(failed)
    }
}

/// Room left in one change, kept well inside what the linter admits.
pub(super) struct Room {
    ops: usize,
    preds: usize,
    bytes: usize,
}

impl Room {
    pub(super) fn of_a_change(heads: usize) -> Self {
        // The header names every head; two ops of slack for a write that removes first.
        Room {
            ops: MAX_OPS - 2,
            preds: MAX_PREDS - 2,
            bytes: (MAX_CHANGE_BYTES - 1024).saturating_sub(heads * 33),
        }
    }

    /// Takes what a write needs that replaces so many values; `false` if there is not that much.
    pub(super) fn take(&mut self, write: &Write, preds: usize) -> bool {
        let ops = 1 + usize::from(write.anew);
        let size = write.size(preds);
        if self.ops < ops || self.preds < preds || self.bytes < size {
            return false;
        }
        self.ops -= ops;
        self.preds -= preds;
        self.bytes -= size;
        true
    }
}

/// Tells which op a write became: Automerge counts them on, and says only of a value that is read who wrote it.
#[derive(Default)]
struct Ops {
    /// One that was read, and how many there were with it.
    known: Option<(OpId, usize)>,
}

impl Ops {
    /// The op of the last write of a transaction.
    fn last<T: Transactable>(
        &mut self,
        transaction: &T,
        buckets: &[ObjId],
        write: &Write,
    ) -> Option<OpId> {
        let bucket = buckets.get(schema::bucket_of(write.node))?;
        let pending = transaction.pending_ops();
        if let Some((known, then)) = self.known {
            let since = u32::try_from(pending.checked_sub(then)?).ok()?;
            let counter = known.counter.checked_add(since)?;
            return Some(OpId { counter, ..known });
        }
        let (_, op) = transaction.get(bucket, write.key.as_str()).ok()??;
        let op = register::op_id(&op)?;
        self.known = Some((op, pending));
        Some(op)
    }
}

pub(super) fn edit(
    document: &mut Automerge,
    buckets: &[ObjId],
    view: &mut View,
    edits: &[Edit],
) -> Edited {
    let mut edited = Edited::default();
    let mut journal = Journal::default();
    let mut writes: VecDeque<Write> = VecDeque::new();
    let mut begun = Begun::new();
    let mut settling = false;
    while edited.results.len() < edits.len() || !writes.is_empty() {
        let mut room = Room::of_a_change(document.get_heads().len());
        let mut transaction = document.transaction();
        let mut touched = Touched::new();
        let mut ops = Ops::default();
        let mut written = 0usize;
        loop {
            if let Some(write) = writes.front() {
                let preds = match begun.contains_key(&write.node) {
                    true => 0,
                    false => write.preds(&transaction, buckets),
                };
                if !room.take(write, preds) && written > 0 {
                    // It is read again when the rest of it is written.
                    begun.clear();
                    break;
                }
                if let Err(error) = write.carry_out(&mut transaction, buckets) {
                    writes.clear();
                    begun.clear();
                    if !settling {
                        edited.results.pop();
                    }
                    settling = false;
                    edited.results.push(Err(error));
                    continue;
                }
                if let Some(registers) = begun.get_mut(&write.node) {
                    match ops.last(&transaction, buckets, write) {
                        Some(op) => write.note(op, registers),
                        None => begun.clear(),
                    }
                }
                written += 1;
                *touched.entry(write.node).or_default() |= write.xattr;
                writes.pop_front();
                continue;
            }
            let source = Source::new(&transaction, buckets);
            let now = std::mem::take(&mut touched);
            view.refresh(&source, &now, &mut begun, &mut journal);
            begun.clear();
            let Some(next) = edits.get(edited.results.len()) else {
                break;
            };
            let plan = plan::plan(view, &source, next, &edited.results);
            settling = matches!(plan, Ok(Plan::First(_)));
            match plan {
                Ok(Plan::First(first)) => writes.extend(first),
                Ok(Plan::Begin(node, then)) => {
                    begun.insert(node, Registers::default());
                    writes.extend(then);
                    edited.results.push(Ok(node));
                }
                Ok(Plan::Then(node, then)) => {
                    writes.extend(then);
                    edited.results.push(Ok(node));
                }
                Err(error) => edited.results.push(Err(error)),
            }
        }
        let source = Source::new(&transaction, buckets);
        view.refresh(&source, &touched, &mut begun, &mut journal);
        if written == 0 {
            transaction.rollback();
            continue;
        }
        let (hash, _) = transaction.commit_with(CommitOptions::default().with_time(0));
        if hash.is_some()
            && let Some(change) = document.get_last_local_change()
        {
            edited.changes.push(change.raw_bytes().to_vec());
        }
    }
    edited.events = journal.events(view);
    edited
}

#[cfg(test)]
mod tests;

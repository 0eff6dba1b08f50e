//! Decides what from outside may reach Automerge: exactly what this program could itself have written
//! at that point of the history, and nothing else. Knows nothing of signatures or roles.
//!
//! Automerge trusts its input: one change with a huge counter panics every peer, a few bytes claim
//! billions of ops, a predecessor that does not exist makes the outcome depend on the order of arrival
//! (security.md §0.4, reproduced in `tests/hazards.rs`). So a change is parsed here first, within
//! bounds, by rules that depend on the change and on what it builds on alone: every device comes to the
//! same verdict, whatever else it holds.

mod chunk;
mod columns;
mod document;
mod greatest;
mod order;

use std::collections::{BTreeMap, BTreeSet};

use automerge::{Automerge, Change, ChangeHash};

use crate::id::{Actor, NodeId, OpId};
use crate::register::{Registers, Source};
use crate::schema::{self, Attributes, Birth, Moved, Register};
use crate::tree::ApplyError;
use crate::view::{Begun, Touched};
pub(crate) use chunk::{Chunk, Op};
pub(crate) use document::check as check_document;

/// Most ops in one change (security.md §2.5).
pub const MAX_OPS: usize = 4096;

/// Most bytes of one change.
pub const MAX_CHANGE_BYTES: usize = 256 * 1024;

/// Most changes that one change builds on: as many as a drive has logs, for after a long time apart each
/// of them can be a head.
pub const MAX_DEPS: usize = 1024;

/// Most writes that one change replaces.
pub const MAX_PREDS: usize = 4 * MAX_OPS;

/// Counters stay below this: Automerge keeps them in 32 bits and panics beyond (`OpId::new`).
pub const MAX_COUNTER: u64 = 1 << 31;

/// What the entry that a change came in says the change must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Author {
    /// The actor of the entry's log.
    pub actor: Actor,
    /// The place of the change among that actor's changes, from 1.
    pub seq: u64,
}

/// Why a change is not admitted. Every variant is final: no later change makes it admissible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LintError {
    /// More than 256 KiB.
    #[error("{0} bytes are more than a change may have")]
    TooLong(usize),
    /// Not a plain change chunk, cut off, or followed by something.
    #[error("not an uncompressed Automerge change: {0}")]
    NotAChange(&'static str),
    /// A number or column is not in its one canonical encoding.
    #[error("not canonically encoded: {0}")]
    NotCanonical(&'static str),
    /// The checksum does not fit the contents.
    #[error("the checksum does not fit")]
    Checksum,
    /// Written under another actor than the log's.
    #[error("written under the name of another device")]
    WrongActor,
    /// Not the next change of its actor, or another one took its place.
    #[error("not the next change of its device: it is number {found}, expected {expected}")]
    WrongSeq {
        /// The number it bears.
        found: u64,
        /// The number its entry gives it.
        expected: u64,
    },
    /// The actor already has a different change of this number.
    #[error("the device has made another change of this number")]
    Fork,
    /// It builds on nothing, not even on the change that every drive begins with.
    #[error("it builds on nothing")]
    NoPast,
    /// A deletion mark that does not list exactly what its author saw of the node.
    #[error("a deletion that does not list what its author saw")]
    WrongMark,
    /// It does not build on its actor's previous change.
    #[error("it does not build on the previous change of its device")]
    SkipsOwn,
    /// Its first op is not the one after everything it builds on.
    #[error("its ops begin at {found}, not at {expected}")]
    WrongStart {
        /// Where they begin.
        found: u64,
        /// One more than the greatest op it builds on.
        expected: u64,
    },
    /// A count is above its limit.
    #[error("too many {0}")]
    TooMany(&'static str),
    /// Automerge's time, message or extra bytes are used; they must be empty.
    #[error("a field that must be empty is not: {0}")]
    NotEmpty(&'static str),
    /// An op that no tree needs: an object, a counter, text, a list element.
    #[error("an op that is not a plain write: {0}")]
    ForeignOp(&'static str),
    /// A write outside the buckets, or in the wrong one.
    #[error("a write where no node is kept")]
    WrongBucket,
    /// A key that is no register of a node.
    #[error("a key that is no register")]
    WrongKey,
    /// A value that its register cannot hold.
    #[error("a value that register `{0}` cannot hold")]
    WrongValue(char),
    /// A node whose id is not derived from how it began.
    #[error("a node whose id does not follow from its beginning")]
    WrongId,
    /// A write to a node that did not exist for its author.
    #[error("a write to a node that does not exist")]
    NoSuchNode,
    /// An op does not replace exactly what its author saw under the key.
    #[error("a write that does not replace what it builds on")]
    WrongPreds,
}

/// A change that may be applied.
pub(crate) struct Linted {
    pub(crate) change: Change,
    /// The nodes whose registers it writes.
    pub(crate) touched: Touched,
    /// Those of them that it begins, and writes no register of twice.
    pub(crate) begun: Begun,
}

/// Judges a change from outside against the document that it is to be applied to; `None` is one that is there
/// already.
pub(crate) fn lint(
    bytes: &[u8],
    author: &Author,
    document: &Automerge,
    source: &Source<'_, Automerge>,
) -> Result<Option<Linted>, ApplyError> {
    let chunk = chunk::parse(bytes)?;
    if chunk.actor != author.actor || chunk.actor == Actor::GENESIS {
        return Err(LintError::WrongActor.into());
    }
    if chunk.seq != author.seq {
        let (found, expected) = (chunk.seq, author.seq);
        return Err(LintError::WrongSeq { found, expected }.into());
    }
    let touched = check_ops(&chunk)?;
    let change = Change::from_bytes(bytes.to_vec())
        .map_err(|_| LintError::NotAChange("Automerge does not take it"))?;
    let hash = change.hash();
    if bytes.get(4..8) != Some(&hash.0[..4]) {
        return Err(LintError::Checksum.into());
    }
    if document.get_change_meta_by_hash(&hash).is_some() {
        return Ok(None);
    }
    check_past(&chunk, document)?;
    check_preds(&chunk, document, source)?;
    Ok(Some(Linted {
        begun: begun(&chunk),
        change,
        touched,
    }))
}

/// The registers of each node that a change begins, unless it changes its mind about one.
fn begun(chunk: &Chunk<'_>) -> Begun {
    let mut begun = Begun::new();
    for op in &chunk.ops {
        let Some((id, register)) = schema::parse_key(op.key) else {
            continue;
        };
        if register == Register::Birth {
            begun.insert(id, Registers::default());
        }
        match (op.value, begun.get_mut(&id)) {
            (Some(value), Some(registers)) if op.preds.is_empty() => {
                registers.add(register, op.id, value);
            }
            _ => {
                begun.remove(&id);
            }
        }
    }
    begun
}

/// Hands each op of a change on: its id, its key, and the value that it writes or `None`.
pub(crate) fn each_op(
    bytes: &[u8],
    mut visit: impl FnMut(OpId, &str, Option<&[u8]>),
) -> Result<(), LintError> {
    for op in &chunk::parse(bytes)?.ops {
        visit(op.id, op.key, op.value);
    }
    Ok(())
}

/// A change of this program as plain writes.
pub(crate) fn read(bytes: &[u8]) -> Result<Chunk<'_>, LintError> {
    chunk::parse(bytes)
}

/// What an op without a value does to the values its author saw (`current`, in order).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Removal {
    /// It takes all of them away.
    All,
    /// It takes all but this one away: Automerge writes a choice of the value that wins already as a
    /// removal of the others.
    AllBut(OpId),
    /// It fits nothing that its author can have seen.
    Unfit,
}

/// Tells what an op without a value was meant to do.
pub(crate) fn removal(current: &[OpId], preds: &[OpId]) -> Removal {
    match current.split_last() {
        Some(_) if current == preds => Removal::All,
        Some((won, others)) if others == preds && !others.is_empty() => Removal::AllBut(*won),
        _ => Removal::Unfit,
    }
}

/// The nodes that a change writes to, if it is one.
#[cfg(feature = "test-utils")]
pub(crate) fn nodes_written(bytes: &[u8]) -> Vec<NodeId> {
    let ops = chunk::parse(bytes)
        .map(|chunk| chunk.ops)
        .unwrap_or_default();
    ops.iter()
        .filter_map(|op| schema::parse_key(op.key))
        .map(|(id, _)| id)
        .collect()
}

/// What can be said of the ops without the document.
fn check_ops(chunk: &Chunk<'_>) -> Result<Touched, LintError> {
    let mut touched = Touched::new();
    for op in &chunk.ops {
        let (id, register) = schema::parse_key(op.key).ok_or(LintError::WrongKey)?;
        if id == NodeId::ROOT {
            return Err(LintError::WrongKey);
        }
        if schema::bucket_of(id) != op.bucket {
            return Err(LintError::WrongBucket);
        }
        match op.value {
            Some(value) => check_value(id, register, value)?,
            None if register == Register::Birth => return Err(LintError::WrongValue('k')),
            None => {}
        }
        if register == Register::Birth && !op.preds.is_empty() {
            // A node begins once.
            return Err(LintError::WrongPreds);
        }
        *touched.entry(id).or_default() |= matches!(register, Register::Xattr(_));
    }
    Ok(touched)
}

fn check_value(id: NodeId, register: Register<'_>, value: &[u8]) -> Result<(), LintError> {
    let (fits, letter) = match register {
        Register::Birth => {
            let birth = Birth::decode(value).filter(|birth| birth.encode() == value);
            if birth.as_ref().is_some_and(|birth| birth.id() != id) {
                return Err(LintError::WrongId);
            }
            (birth.is_some(), 'k')
        }
        Register::Place => (Moved::decode(value).is_some(), 'p'),
        Register::Name => (schema::decode_name(value).is_some(), 'n'),
        Register::Content => (schema::decode_content(value).is_some(), 'c'),
        Register::Attributes => (Attributes::decode(value).is_some(), 'a'),
        Register::Deletion => (schema::decode_deletion(value).is_some(), 'd'),
        Register::Xattr(_) => (value.len() <= schema::MAX_XATTR_BYTES, 'x'),
        Register::Unknown => (value.len() <= schema::MAX_VALUE_BYTES, '?'),
    };
    let fits = fits && value.len() <= schema::MAX_VALUE_BYTES.max(letter_limit(letter));
    if fits {
        Ok(())
    } else {
        Err(LintError::WrongValue(letter))
    }
}

/// A deletion lists every write its author saw, and a node may be in conflict many times over.
fn letter_limit(letter: char) -> usize {
    if letter == 'd' { MAX_CHANGE_BYTES } else { 0 }
}

/// Sequence, start and dependencies against the document.
///
/// The start is exact: one more than the greatest counter among the changes it names as dependencies.
/// That is the greatest counter of its whole past, since every admitted change counts on from its own
/// past; and as its actor's previous change is among the dependencies, no two ops share an id.
fn check_past(chunk: &Chunk<'_>, document: &Automerge) -> Result<(), ApplyError> {
    if chunk.deps.is_empty() {
        // Its births would claim names before everyone who ever was here (R5).
        return Err(LintError::NoPast.into());
    }
    let mut greatest = 0;
    let mut builds_on_own = chunk.seq == 1;
    for dep in &chunk.deps {
        let Some(change) = document.get_change_meta_by_hash(dep) else {
            return Err(ApplyError::MissingDependency(dep.0));
        };
        greatest = greatest.max(change.max_op);
        let own = change.actor.to_bytes() == chunk.actor.0;
        builds_on_own |= own && change.seq + 1 == chunk.seq;
    }
    if !builds_on_own {
        return Err(LintError::SkipsOwn.into());
    }
    let (found, expected) = (chunk.start_op, greatest + 1);
    if found != expected {
        return Err(LintError::WrongStart { found, expected }.into());
    }
    Ok(())
}

/// Whether every op replaces exactly the values that its author saw. Predecessors are what makes one
/// value stand for another, so this is where a forger could make devices differ: an op that names an op
/// its author did not know works or not by order of arrival.
fn check_preds(
    chunk: &Chunk<'_>,
    document: &Automerge,
    source: &Source<'_, Automerge>,
) -> Result<(), LintError> {
    let deps: &[ChangeHash] = &chunk.deps;
    // Reading the past costs more than reading the present; mostly they are one.
    let heads = (document.get_heads() != deps).then_some(deps);
    let mut seen: BTreeMap<&str, Vec<OpId>> = BTreeMap::new();
    let mut exist: BTreeSet<NodeId> = BTreeSet::new();
    // Nothing was written of them before: whoever writes to a node has its beginning in the past.
    let mut begun: BTreeSet<NodeId> = BTreeSet::new();
    for op in &chunk.ops {
        let Op {
            bucket, key, preds, ..
        } = op;
        let (id, register) = schema::parse_key(key).ok_or(LintError::WrongKey)?;
        if register == Register::Birth {
            exist.insert(id);
            begun.insert(id);
        } else if !exist.contains(&id) {
            let birth = schema::key(id, Register::Birth);
            if source.writers(*bucket, &birth, heads).is_empty() {
                return Err(LintError::NoSuchNode);
            }
            exist.insert(id);
        }
        if let (Register::Deletion, Some(mark)) = (register, op.value) {
            let mut saw = BTreeSet::new();
            for of in Register::SUBSTANCE {
                let key = schema::key(id, of);
                match seen.get(key.as_str()) {
                    Some(current) => saw.extend(current),
                    None => saw.extend(source.writers(*bucket, &key, heads)),
                }
            }
            let marked = schema::decode_deletion(mark).unwrap_or_default();
            if marked.len() != saw.len() || !marked.iter().all(|op| saw.contains(op)) {
                return Err(LintError::WrongMark);
            }
        }
        let current = seen.entry(key).or_insert_with(|| {
            match register != Register::Birth && begun.contains(&id) {
                true => Vec::new(),
                false => source.writers(*bucket, key, heads),
            }
        });
        *current = match op.value {
            Some(_) if current == preds => vec![op.id],
            Some(_) => return Err(LintError::WrongPreds),
            None => match removal(current, preds) {
                Removal::All => Vec::new(),
                Removal::AllBut(won) => vec![won],
                Removal::Unfit => return Err(LintError::WrongPreds),
            },
        };
    }
    Ok(())
}

//! One Automerge change as bytes (automerge.org/automerge-binary-format-spec, change chunk), read into
//! plain ops; knows nothing of the tree, beyond that all its ops write or remove byte strings in maps.

use automerge::ChangeHash;

use super::columns::{self, Reader};
use super::{LintError, MAX_CHANGE_BYTES, MAX_COUNTER, MAX_DEPS, MAX_OPS, MAX_PREDS};
use crate::id::{Actor, OpId};
use crate::schema;

/// How every chunk begins.
pub(super) const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];

/// Type of an uncompressed change chunk; documents, deflated changes and bundles are other types.
const CHANGE: u8 = 1;

/// Column ids with their types in the low four bits; bit 3 would mean deflate, so it is never set here.
mod column {
    pub(super) const OBJECT_ACTOR: u64 = 0x01;
    pub(super) const OBJECT_COUNTER: u64 = 0x02;
    pub(super) const KEY: u64 = 0x15;
    pub(super) const INSERT: u64 = 0x34;
    pub(super) const ACTION: u64 = 0x42;
    pub(super) const VALUE_META: u64 = 0x56;
    pub(super) const VALUE: u64 = 0x57;
    pub(super) const PRED_COUNT: u64 = 0x70;
    pub(super) const PRED_ACTOR: u64 = 0x71;
    pub(super) const PRED_COUNTER: u64 = 0x73;

    pub(super) const ALL: [u64; 10] = [
        OBJECT_ACTOR,
        OBJECT_COUNTER,
        KEY,
        INSERT,
        ACTION,
        VALUE_META,
        VALUE,
        PRED_COUNT,
        PRED_ACTOR,
        PRED_COUNTER,
    ];
}

const ACTION_SET: u64 = 1;
const ACTION_DELETE: u64 = 3;
/// Type of a byte string in the low four bits of a value's meta; its length is above.
const TYPE_BYTES: u64 = 7;

/// A change, read.
#[derive(Debug)]
pub(crate) struct Chunk<'a> {
    pub(crate) deps: Vec<ChangeHash>,
    pub(super) actor: Actor,
    pub(super) seq: u64,
    pub(super) start_op: u64,
    pub(crate) ops: Vec<Op<'a>>,
}

/// One write or removal of one key of one bucket.
#[derive(Debug)]
pub(crate) struct Op<'a> {
    pub(crate) id: OpId,
    pub(crate) bucket: usize,
    pub(crate) key: &'a str,
    /// `None` removes the key.
    pub(crate) value: Option<&'a [u8]>,
    /// The ops whose values it replaces, in order.
    pub(crate) preds: Vec<OpId>,
}

/// Reads a change, and refuses all that no change of ours is.
pub(super) fn parse(bytes: &[u8]) -> Result<Chunk<'_>, LintError> {
    if bytes.len() > MAX_CHANGE_BYTES {
        return Err(LintError::TooLong(bytes.len()));
    }
    let mut input = Reader(bytes);
    if input.array()? != MAGIC {
        return Err(LintError::NotAChange("it does not begin like one"));
    }
    let _checksum: [u8; 4] = input.array()?;
    let [chunk_type] = input.array()?;
    if chunk_type != CHANGE {
        return Err(LintError::NotAChange("it is of another chunk type"));
    }
    let length = input.uint()?;
    if length != input.0.len() as u64 {
        return Err(LintError::NotAChange("its length does not fit"));
    }
    let deps = deps(&mut input)?;
    let actor = actor(&mut input)?;
    let seq = input.uint()?;
    let start_op = input.uint()?;
    if input.int()? != 0 {
        return Err(LintError::NotEmpty("time"));
    }
    if input.uint()? != 0 {
        return Err(LintError::NotEmpty("message"));
    }
    let actors = actors(&mut input, actor)?;
    let columns = Columns::parse(&mut input)?;
    if !input.is_empty() {
        return Err(LintError::NotEmpty("extra bytes"));
    }
    let ops = columns.ops(&actors, start_op)?;
    Ok(Chunk {
        deps,
        actor,
        seq,
        start_op,
        ops,
    })
}

fn deps(input: &mut Reader<'_>) -> Result<Vec<ChangeHash>, LintError> {
    let count = input.count(MAX_DEPS, "dependencies")?;
    let mut deps: Vec<ChangeHash> = Vec::with_capacity(count);
    for _ in 0..count {
        let dep = ChangeHash(input.array()?);
        if deps.last().is_some_and(|last| *last >= dep) {
            return Err(LintError::NotCanonical("dependencies"));
        }
        deps.push(dep);
    }
    Ok(deps)
}

fn actor(input: &mut Reader<'_>) -> Result<Actor, LintError> {
    if input.uint()? != 16 {
        return Err(LintError::WrongActor);
    }
    Ok(Actor(input.array()?))
}

/// The table that ops refer to: the author, then everyone else that an op mentions, in order.
fn actors(input: &mut Reader<'_>, author: Actor) -> Result<Vec<Actor>, LintError> {
    let count = input.count(MAX_DEPS, "actors")?;
    let mut actors = vec![author];
    for index in 0..count {
        let other = actor(input)?;
        let sorted = index == 0 || actors.last().is_some_and(|last| *last < other);
        if !sorted || other == author {
            return Err(LintError::NotCanonical("actors"));
        }
        actors.push(other);
    }
    Ok(actors)
}

/// The bytes of each column, by its place in [`column::ALL`].
struct Columns<'a>([&'a [u8]; column::ALL.len()]);

impl<'a> Columns<'a> {
    fn parse(input: &mut Reader<'a>) -> Result<Self, LintError> {
        let count = input.count(column::ALL.len(), "columns")?;
        let mut lengths = Vec::with_capacity(count);
        let mut next = 0;
        for _ in 0..count {
            let spec = input.uint()?;
            let length = usize::try_from(input.uint()?).unwrap_or(usize::MAX);
            let ahead = column::ALL
                .iter()
                .skip(next)
                .position(|known| *known == spec);
            let index = next + ahead.ok_or(LintError::ForeignOp("an unknown column"))?;
            if length == 0 {
                return Err(LintError::NotCanonical("an empty column"));
            }
            lengths.push((index, length));
            next = index + 1;
        }
        let mut columns = Columns([&[]; column::ALL.len()]);
        for (index, length) in lengths {
            columns.0[index] = input.take(length)?;
        }
        Ok(columns)
    }

    fn get(&self, spec: u64) -> &'a [u8] {
        let index = column::ALL.iter().position(|known| *known == spec);
        index
            .and_then(|index| self.0.get(index))
            .copied()
            .unwrap_or_default()
    }

    fn ops(&self, actors: &[Actor], start_op: u64) -> Result<Vec<Op<'a>>, LintError> {
        let actions = columns::runs::<u64>(self.get(column::ACTION), MAX_OPS, "ops")?;
        let count = actions.len();
        if count == 0 {
            return Err(LintError::ForeignOp("nothing"));
        }
        if start_op == 0 || start_op.saturating_add(count as u64) >= MAX_COUNTER {
            return Err(LintError::TooMany("ops in the document"));
        }
        // No op inserts into a list: one run of `false`.
        let mut insert = Reader(self.get(column::INSERT));
        if insert.uint()? != count as u64 || !insert.is_empty() {
            return Err(LintError::ForeignOp("an insertion"));
        }
        let keys = exactly(
            columns::runs::<&str>(self.get(column::KEY), count, "keys")?,
            count,
        )?;
        let buckets = self.buckets(actors, count)?;
        let values = self.values(&actions)?;
        let mut preds = self.preds(actors, count)?;
        let used = preds
            .iter()
            .flatten()
            .map(|op| op.actor)
            .chain([actors[0], Actor::GENESIS]);
        let used: std::collections::BTreeSet<Actor> = used.collect();
        if actors.iter().any(|actor| !used.contains(actor)) {
            return Err(LintError::NotCanonical("actors"));
        }
        let ops = (0..count).map(|index| Op {
            id: OpId {
                counter: (start_op as u32) + index as u32,
                actor: actors[0],
            },
            bucket: buckets[index],
            key: keys[index],
            value: values[index],
            preds: std::mem::take(&mut preds[index]),
        });
        Ok(ops.collect())
    }

    /// The bucket of each op: an object made by the first change of every drive.
    fn buckets(&self, actors: &[Actor], count: usize) -> Result<Vec<usize>, LintError> {
        let by = columns::runs::<u64>(self.get(column::OBJECT_ACTOR), count, "objects")?;
        let at = columns::runs::<u64>(self.get(column::OBJECT_COUNTER), count, "objects")?;
        let (by, at) = (exactly(by, count)?, exactly(at, count)?);
        let bucket = |(by, at): (u64, u64)| {
            let actor = usize::try_from(by).ok().and_then(|by| actors.get(by));
            if actor != Some(&Actor::GENESIS) {
                return Err(LintError::WrongBucket);
            }
            schema::bucket_at(at).ok_or(LintError::WrongBucket)
        };
        by.into_iter().zip(at).map(bucket).collect()
    }

    fn values(&self, actions: &[u64]) -> Result<Vec<Option<&'a [u8]>>, LintError> {
        let count = actions.len();
        let metas = columns::runs::<u64>(self.get(column::VALUE_META), count, "values")?;
        let metas = exactly(metas, count)?;
        let mut raw = Reader(self.get(column::VALUE));
        let mut values = Vec::with_capacity(count);
        for (action, meta) in actions.iter().zip(metas) {
            values.push(match (*action, meta) {
                (ACTION_SET, meta) if meta & 0xf == TYPE_BYTES => {
                    Some(raw.take(usize::try_from(meta >> 4).unwrap_or(usize::MAX))?)
                }
                (ACTION_DELETE, 0) => None,
                (ACTION_SET, _) => return Err(LintError::ForeignOp("a value that is no bytes")),
                _ => return Err(LintError::ForeignOp("an object, counter or mark")),
            });
        }
        if !raw.is_empty() {
            return Err(LintError::NotCanonical("values"));
        }
        Ok(values)
    }

    fn preds(&self, actors: &[Actor], count: usize) -> Result<Vec<Vec<OpId>>, LintError> {
        const NAME: &str = "predecessors";
        let counts = columns::runs::<u64>(self.get(column::PRED_COUNT), count, NAME)?;
        let counts = exactly(counts, count)?;
        let total = counts.iter().try_fold(0u64, |sum, n| sum.checked_add(*n));
        let total = total.and_then(|total| usize::try_from(total).ok());
        let total = total
            .filter(|total| *total <= MAX_PREDS)
            .ok_or(LintError::TooMany(NAME))?;
        let by = exactly(
            columns::runs::<u64>(self.get(column::PRED_ACTOR), total, NAME)?,
            total,
        )?;
        let at = exactly(
            columns::deltas(self.get(column::PRED_COUNTER), total, NAME)?,
            total,
        )?;
        let mut all = by.into_iter().zip(at);
        let mut preds = Vec::with_capacity(count);
        for count in counts {
            let mut own: Vec<OpId> = Vec::new();
            for (by, at) in all.by_ref().take(count as usize) {
                let actor = usize::try_from(by).ok().and_then(|by| actors.get(by));
                let actor = *actor.ok_or(LintError::NotCanonical(NAME))?;
                let counter = u32::try_from(at).map_err(|_| LintError::NotCanonical(NAME))?;
                let op = OpId { counter, actor };
                if own.last().is_some_and(|last| *last >= op) {
                    return Err(LintError::NotCanonical(NAME));
                }
                own.push(op);
            }
            preds.push(own);
        }
        Ok(preds)
    }
}

fn exactly<T>(values: Vec<T>, count: usize) -> Result<Vec<T>, LintError> {
    if values.len() == count {
        Ok(values)
    } else {
        Err(LintError::NotCanonical("columns of different lengths"))
    }
}

//! Whether the ops of a saved document are in the one order that Automerge keeps them in. Automerge takes them as
//! they come when it loads a document, finds what a key shows by their order, and ends when it meets others;
//! the hashes of changes say nothing of it. Tells which ops there are. Knows nothing of what ops do.

use super::LintError;
use super::columns::Runs;
use super::greatest::Greatest;

/// The columns of a document by which its ops are ordered.
mod column {
    pub(super) const OBJECT_ACTOR: u64 = 0x01;
    pub(super) const OBJECT_COUNTER: u64 = 0x02;
    pub(super) const KEY: u64 = 0x15;
    pub(super) const ACTOR: u64 = 0x21;
    pub(super) const COUNTER: u64 = 0x23;
    pub(super) const SUCCESSORS: u64 = 0x80;
    pub(super) const SUCCESSOR_ACTOR: u64 = 0x81;
    pub(super) const SUCCESSOR_COUNTER: u64 = 0x83;
}

/// Looks at so many ops: by object, then by key, then by who wrote them, and none of them twice; what replaced
/// each, of which there are `most` at most, in order too. Only maps have an order that can be looked at so.
/// `column` is the bytes of a column, nothing if there is none. All ops that there are, also those of which only
/// what they replaced tells, are told to `greatest`.
pub(super) fn check<'a>(
    ops: u64,
    most: u64,
    column: impl Fn(u64) -> &'a [u8],
    greatest: &mut Greatest,
) -> Result<(), LintError> {
    let mut object_actors = Runs::<u64>::of(column(column::OBJECT_ACTOR));
    let mut object_counters = Runs::<u64>::of(column(column::OBJECT_COUNTER));
    let mut keys = Runs::<&str>::of(column(column::KEY));
    let mut ids = Ids::of(column(column::ACTOR), column(column::COUNTER));
    let mut successors = Runs::<u64>::of(column(column::SUCCESSORS));
    let mut successor_ids = Ids::of(
        column(column::SUCCESSOR_ACTOR),
        column(column::SUCCESSOR_COUNTER),
    );
    let mut replaced = 0u64;
    let mut before = None;
    for _ in 0..ops {
        let object = match (object_counters.next()?, object_actors.next()?) {
            (Some(counter), Some(actor)) => Some((counter, actor)),
            (None, None) => None,
            _ => return Err(LintError::NotAChange("an object is named by half")),
        };
        let key = keys.next()?;
        let key = key.ok_or(LintError::NotAChange("an op is of no key"))?;
        let id = ids.next()?;
        greatest.there_is(id);
        let op = Some((object, key, id));
        if before >= op {
            return Err(LintError::NotCanonical("order of ops"));
        }
        before = op;
        let count = successors.next()?.unwrap_or(0);
        replaced = replaced.saturating_add(count);
        if replaced > most {
            return Err(LintError::TooMany("replaced values"));
        }
        let mut before = None;
        for _ in 0..count {
            let successor = successor_ids.next()?;
            greatest.there_is(successor);
            if before >= Some(successor) {
                return Err(LintError::NotCanonical("order of what replaces a value"));
            }
            before = Some(successor);
        }
    }
    Ok(())
}

/// By which ops are ordered: counter, then author by its place in the document's table.
pub(super) type Id = (i64, u64);

/// Ids of ops, one after the other.
pub(super) struct Ids<'a> {
    actors: Runs<'a, u64>,
    deltas: Runs<'a, i64>,
    counter: i64,
}

impl<'a> Ids<'a> {
    /// Of the columns of authors and of differences of counters.
    pub(super) fn of(actors: &'a [u8], counters: &'a [u8]) -> Self {
        Self {
            actors: Runs::of(actors),
            deltas: Runs::of(counters),
            counter: 0,
        }
    }

    pub(super) fn next(&mut self) -> Result<Id, LintError> {
        const HALF: LintError = LintError::NotAChange("an op is named by half");
        let delta = self.deltas.next()?.ok_or(HALF)?;
        let sum = self.counter.checked_add(delta);
        self.counter = sum.ok_or(LintError::NotAChange("a counter above 63 bits"))?;
        Ok((self.counter, self.actors.next()?.ok_or(HALF)?))
    }
}

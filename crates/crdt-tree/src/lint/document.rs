//! A whole saved document as bytes, looked at before Automerge reads it: one uncompressed document chunk that
//! claims no more changes and ops than it can hold, has its ops in order, and tells of none that is not there. Knows nothing of what they say.

use super::LintError;
use super::chunk::MAGIC;
use super::columns::{Reader, Runs};
use super::greatest::Greatest;
use super::order;

/// Type of a document chunk; what follows one in a file would be loaded too.
const DOCUMENT: u8 = 0;

/// The bit of a column's number that says that it is deflated.
const DEFLATED: u64 = 0x08;

/// The columns of changes that a document of this program has: authors, numbers, greatest ops, times, dependencies, and
/// [`EXTRA`].
const OF_CHANGES: [u64; 7] = [AUTHORS, 0x03, 0x13, 0x23, 0x40, 0x43, EXTRA];

/// Those of ops: objects, keys, ids, insertions, what they do, values, and what replaced them. Others would be loaded, and
/// no hash covers what only they say.
const OF_OPS: [u64; 12] = [
    0x01, 0x02, 0x15, 0x21, 0x23, 0x34, ACTIONS, LENGTHS, VALUES, 0x80, 0x81, 0x83,
];

/// The column of the changes' authors, and that of what ops do. Each has a value for every change, or op.
const AUTHORS: u64 = 0x01;
const ACTIONS: u64 = 0x42;

/// The column of how long the extra bytes of each change are and of what type, which no hash covers, and what it says
/// of none: no bytes, as bytes.
const EXTRA: u64 = 0x56;
const NO_BYTES: u64 = 7;

/// The columns of how long the values of ops are, above four bits that tell their types, and of the values.
const LENGTHS: u64 = 0x56;
const VALUES: u64 = 0x57;

/// Most columns of changes, or of ops: Automerge knows fewer than twenty.
const MAX_COLUMNS: usize = 64;

/// Ops that a document has beyond one for each of its bytes: those of the first change, which are short.
const FIRST_OPS: u64 = 2048;

/// Looks at a document that should hold so many changes.
pub(crate) fn check(bytes: &[u8], changes: u64) -> Result<(), LintError> {
    let mut input = Reader(bytes);
    if input.array()? != MAGIC {
        return Err(LintError::NotAChange("it does not begin like one"));
    }
    let _checksum: [u8; 4] = input.array()?;
    let [chunk_type] = input.array()?;
    if chunk_type != DOCUMENT {
        return Err(LintError::NotAChange("it is of another chunk type"));
    }
    if input.uint()? != input.0.len() as u64 {
        return Err(LintError::NotAChange("its length does not fit"));
    }
    let actors = input.count(bytes.len(), "actors")?;
    let mut before = None;
    for _ in 0..actors {
        let len = input.count(bytes.len(), "actors")?;
        let actor = Some(input.take(len)?);
        if before >= actor {
            return Err(LintError::NotCanonical("actors"));
        }
        before = actor;
    }
    let heads = input.count(bytes.len(), "heads")?;
    for _ in 0..heads {
        let _head: [u8; 32] = input.array()?;
    }
    let of_changes = columns(&mut input, &OF_CHANGES)?;
    let of_ops = columns(&mut input, &OF_OPS)?;
    let of_changes = contents(&mut input, &of_changes)?;
    let of_ops = contents(&mut input, &of_ops)?;
    let most = (bytes.len() as u64).saturating_add(FIRST_OPS);
    // Each has an op that is there, or has replaced one.
    if changes > most.saturating_mul(2) {
        return Err(LintError::TooMany("changes"));
    }
    let found = values(column(&of_changes, AUTHORS), changes, "changes")?;
    if found != changes {
        return Err(LintError::NotAChange("it does not hold as many as said"));
    }
    let mut extra = Runs::<u64>::of(column(&of_changes, EXTRA));
    for _ in 0..changes {
        if extra.next()? != Some(NO_BYTES) {
            return Err(LintError::NotEmpty("extra bytes"));
        }
    }
    let ops = values(column(&of_ops, ACTIONS), most, "ops")?;
    let mut lengths = Runs::<u64>::of(column(&of_ops, LENGTHS));
    let mut values = 0u64;
    for _ in 0..ops {
        values = values.saturating_add(lengths.next()?.unwrap_or(0) >> 4);
    }
    if values != column(&of_ops, VALUES).len() as u64 {
        return Err(LintError::NotAChange("values are left over or missing"));
    }
    let mut greatest = Greatest::of(changes, |number| column(&of_changes, number))?;
    order::check(ops, most, |number| column(&of_ops, number), &mut greatest)?;
    greatest.check()
}

/// Numbers and lengths of columns, each of which is among the `known` ones.
fn columns(input: &mut Reader<'_>, known: &[u64]) -> Result<Vec<(u64, usize)>, LintError> {
    let count = input.count(MAX_COLUMNS, "columns")?;
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        let number = input.uint()?;
        if number & DEFLATED != 0 {
            return Err(LintError::NotAChange("it is compressed"));
        }
        if columns.last().is_some_and(|(last, _)| *last >= number) {
            return Err(LintError::NotCanonical("columns"));
        }
        if !known.contains(&number) {
            return Err(LintError::ForeignOp("an unknown column"));
        }
        columns.push((number, input.count(usize::MAX, "bytes of a column")?));
    }
    Ok(columns)
}

/// Numbers and bytes of these columns.
fn contents<'a>(
    input: &mut Reader<'a>,
    columns: &[(u64, usize)],
) -> Result<Vec<(u64, &'a [u8])>, LintError> {
    let columns = columns.iter();
    columns
        .map(|(number, len)| Ok((*number, input.take(*len)?)))
        .collect()
}

/// The bytes of one of these columns; nothing where it is left out, as Automerge does with empty ones.
fn column<'a>(columns: &[(u64, &'a [u8])], wanted: u64) -> &'a [u8] {
    let mut columns = columns.iter();
    let found = columns.find(|(number, _)| *number == wanted);
    found.map_or(&[], |(_, bytes)| bytes)
}

/// How many values a run-length encoded column of numbers has.
fn values(column: &[u8], most: u64, name: &'static str) -> Result<u64, LintError> {
    let mut column = Reader(column);
    let mut sum = 0u64;
    while !column.is_empty() {
        let run = match column.int()? {
            0 => column.uint()?,
            run if run > 0 => {
                column.uint()?;
                run.unsigned_abs()
            }
            run => {
                for _ in 0..run.unsigned_abs() {
                    column.uint()?;
                }
                run.unsigned_abs()
            }
        };
        sum = sum.saturating_add(run);
        if sum > most {
            return Err(LintError::TooMany(name));
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Actor;
    use crate::tree::DriveTree;

    /// A document chunk with one column of ops.
    fn document(number: u8, column: &[u8]) -> Vec<u8> {
        let mut contents = vec![0, 0, 0, 1, number, column.len() as u8];
        contents.extend(column);
        let mut bytes = MAGIC.to_vec();
        bytes.extend([0; 4]);
        bytes.extend([DOCUMENT, contents.len() as u8]);
        bytes.extend(contents);
        bytes
    }

    #[test]
    fn what_automerge_saves_passes_and_no_other_number_of_changes_does() {
        let saved = DriveTree::new(Actor([1; 16])).save();
        assert_eq!(check(&saved, 1), Ok(()));
        assert!(check(&saved, 0).is_err());
        assert!(check(&saved, 2).is_err());
        assert!(check(&[saved.as_slice(), &saved].concat(), 1).is_err());
        for cut in 0..saved.len() {
            assert!(check(&saved[..cut], 1).is_err());
        }
    }

    #[test]
    fn attack_b2_a_snapshot_that_claims_a_billion_changes_in_a_few_bytes_is_refused() {
        // Runs of 2^30: of the first author, and of no extra bytes.
        let run = |value: u8| [0x80, 0x80, 0x80, 0x80, 0x04, value];
        let mut contents = vec![0, 0, 2, AUTHORS as u8, 6, EXTRA as u8, 6, 0];
        contents.extend([run(0), run(NO_BYTES as u8)].concat());
        let mut bytes = MAGIC.to_vec();
        bytes.extend([0, 0, 0, 0, DOCUMENT, contents.len() as u8]);
        bytes.extend(contents);
        assert_eq!(check(&bytes, 1 << 30), Err(LintError::TooMany("changes")));
    }

    #[test]
    fn no_change_has_extra_bytes_nor_a_type_of_them() {
        let saved = DriveTree::new(Actor([1; 16])).save();
        // One run of one change: the only column that has this is that of the extra bytes.
        let told = [0x7f, NO_BYTES as u8];
        let at: Vec<usize> = (0..saved.len())
            .filter(|at| saved[*at..].starts_with(&told))
            .collect();
        assert_eq!(at.len(), 1);
        for other in [4, 0x17] {
            let mut forged = saved.clone();
            forged[at[0] + 1] = other;
            assert_eq!(check(&forged, 1), Err(LintError::NotEmpty("extra bytes")));
        }
    }

    #[test]
    fn attack_b1_a_deflated_column_of_a_snapshot_is_refused_before_it_is_inflated() {
        let plain = check(&document(0x42, &[]), 0);
        assert_eq!(plain, Ok(()));
        let deflated = check(&document(0x4a, &[]), 0);
        assert_eq!(deflated, Err(LintError::NotAChange("it is compressed")));
    }

    #[test]
    fn a_column_that_no_document_of_ours_has_and_values_of_no_op_are_refused() {
        for unknown in [0x11, 0x13, 0x54, 0x70] {
            let refused = check(&document(unknown, &[]), 0);
            assert_eq!(refused, Err(LintError::ForeignOp("an unknown column")));
        }
        let refused = check(&document(VALUES as u8, &[1]), 0);
        assert_eq!(
            refused,
            Err(LintError::NotAChange("values are left over or missing"))
        );
    }

    #[test]
    fn attack_b2_a_snapshot_that_claims_a_million_ops_in_a_few_bytes_is_refused() {
        // A run of 2^20 ones, and one of as many nothings.
        for run in [
            [0x80, 0x80, 0xc0, 0x00, 1].as_slice(),
            &[0, 0x80, 0x80, 0x40],
        ] {
            let refused = check(&document(0x42, run), 0);
            assert_eq!(refused, Err(LintError::TooMany("ops")));
        }
    }
}

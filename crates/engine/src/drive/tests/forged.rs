//! Saved documents that tell something else than their changes do: the same changes, with the same hashes, in
//! another order, or with other numbers. Knows the bytes of a document, and nothing of drives.

use sha2::{Digest, Sha256};

use super::Or;

/// Column of changes in a document: the greatest op of each, as differences.
const GREATEST: u64 = 0x13;

/// Columns of ops in a document: who wrote each, how long each value is, and the values.
const WRITERS: u64 = 0x21;
const LENGTHS: u64 = 0x56;
const VALUES: u64 = 0x57;

/// Magic, checksum and type of a chunk.
const HEADER: usize = 4 + 4 + 1;

/// The document with these two values, written at once to the same place by two, each told in place of the other.
/// They must be of one length, and each occur once.
pub(super) fn exchange(document: &[u8], one: &str, other: &str) -> Or<Vec<u8>> {
    let mut parts = Parts::of(document)?;
    let raw = parts.ops.get(VALUES)?;
    let find =
        |raw: &[u8], text: &str| raw.windows(text.len()).position(|at| at == text.as_bytes());
    let (first, second) = (
        find(raw, one).ok_or("not there")?,
        find(raw, other).ok_or("not there")?,
    );
    raw[first..first + one.len()].copy_from_slice(other.as_bytes());
    raw[second..second + other.len()].copy_from_slice(one.as_bytes());

    let mut at = 0;
    let starts = unpack(parts.ops.get(LENGTHS)?, Input::uint)?;
    let starts = starts.into_iter().map(|meta| {
        at += (meta >> 4) as usize;
        at
    });
    // The op whose value ends behind where the text begins is the one that holds it.
    let ends: Vec<usize> = starts.collect();
    let holder = |start: usize| ends.partition_point(|end| *end <= start);
    let writers = parts.ops.get(WRITERS)?;
    let mut authors = unpack(writers, Input::uint)?;
    authors.swap(holder(first), holder(second));
    *writers = pack(&authors, put_uint);
    Ok(parts.document())
}

/// The document, of whose last change it is told that its ops go on for so many more.
pub(super) fn claim_more_ops(document: &[u8], more: i64) -> Or<Vec<u8>> {
    let mut parts = Parts::of(document)?;
    let greatest = parts.changes.get(GREATEST)?;
    let mut differences = unpack(greatest, Input::int)?;
    *differences.last_mut().ok_or("no changes")? += more;
    *greatest = pack(&differences, put_int);
    Ok(parts.document())
}

/// A document chunk taken apart.
struct Parts {
    kind: u8,
    /// Actors and heads.
    front: Vec<u8>,
    changes: Columns,
    ops: Columns,
    rest: Vec<u8>,
}

/// Numbers and contents of columns.
struct Columns(Vec<(u64, Vec<u8>)>);

impl Columns {
    fn get(&mut self, wanted: u64) -> Or<&mut Vec<u8>> {
        let found = self.0.iter_mut().find(|(number, _)| *number == wanted);
        Ok(&mut found.ok_or("a column is missing")?.1)
    }

    fn put(&self, to: &mut Vec<u8>) {
        put_uint(to, self.0.len() as u64);
        for (number, bytes) in &self.0 {
            put_uint(to, *number);
            put_uint(to, bytes.len() as u64);
        }
    }

    fn contents(&self) -> impl Iterator<Item = u8> {
        self.0.iter().flat_map(|(_, bytes)| bytes).copied()
    }
}

impl Parts {
    fn of(document: &[u8]) -> Or<Parts> {
        let mut input = Input(document.get(HEADER..).ok_or("no document")?);
        input.uint()?;
        let body = input.0;
        for _ in 0..input.uint()? {
            let len = input.uint()?;
            input.take(len)?;
        }
        let heads = input.uint()?;
        input.take(heads * 32)?;
        let front = body[..body.len() - input.0.len()].to_vec();
        let (of_changes, of_ops) = (input.columns()?, input.columns()?);
        Ok(Parts {
            kind: document[HEADER - 1],
            front,
            changes: input.contents(of_changes)?,
            ops: input.contents(of_ops)?,
            rest: input.0.to_vec(),
        })
    }

    fn document(&self) -> Vec<u8> {
        let mut body = self.front.clone();
        self.changes.put(&mut body);
        self.ops.put(&mut body);
        body.extend(self.changes.contents());
        body.extend(self.ops.contents());
        body.extend(&self.rest);
        chunk(self.kind, &body)
    }
}

/// A chunk of this type, with the checksum that it should have.
fn chunk(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut summed = vec![kind];
    put_uint(&mut summed, body.len() as u64);
    summed.extend(body);
    let mut bytes = vec![0x85, 0x6f, 0x4a, 0x83];
    bytes.extend(&Sha256::digest(&summed)[..4]);
    bytes.extend(summed);
    bytes
}

/// The numbers of a run-length encoded column.
fn unpack<'a, T: Clone>(column: &'a [u8], read: impl Fn(&mut Input<'a>) -> Or<T>) -> Or<Vec<T>> {
    let mut input = Input(column);
    let mut numbers = Vec::new();
    while !input.0.is_empty() {
        let run = input.int()?;
        match u64::try_from(run) {
            Ok(0) => return Err("a value is missing".into()),
            Ok(run) => {
                let value = read(&mut input)?;
                numbers.extend((0..run).map(|_| value.clone()));
            }
            Err(_) => {
                for _ in 0..run.unsigned_abs() {
                    numbers.push(read(&mut input)?);
                }
            }
        }
    }
    Ok(numbers)
}

/// The same, as Automerge would encode it: runs of equal ones, and runs of those that have no equal beside them.
fn pack<T: Copy + PartialEq>(numbers: &[T], put: fn(&mut Vec<u8>, T)) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut alone: Vec<T> = Vec::new();
    let tell = |alone: &mut Vec<T>, packed: &mut Vec<u8>| {
        if !alone.is_empty() {
            put_int(packed, -(alone.len() as i64));
            alone.drain(..).for_each(|value| put(packed, value));
        }
    };
    for run in numbers.chunk_by(|one, next| one == next) {
        if run.len() == 1 {
            alone.push(run[0]);
            continue;
        }
        tell(&mut alone, &mut packed);
        put_int(&mut packed, run.len() as i64);
        put(&mut packed, run[0]);
    }
    tell(&mut alone, &mut packed);
    packed
}

fn put_uint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn put_int(to: &mut Vec<u8>, mut value: i64) {
    while !(-0x40..0x40).contains(&value) {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8 & 0x7f);
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, len: u64) -> Or<&'a [u8]> {
        let split = self.0.split_at_checked(usize::try_from(len)?);
        let (taken, rest) = split.ok_or("it ends too soon")?;
        self.0 = rest;
        Ok(taken)
    }

    /// The bits of a LEB128 number, and how many there are.
    fn bits(&mut self) -> Or<(u64, u32)> {
        let (mut value, mut len) = (0, 0);
        loop {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << len;
            len += 7;
            if byte & 0x80 == 0 {
                return Ok((value, len));
            }
        }
    }

    fn uint(&mut self) -> Or<u64> {
        Ok(self.bits()?.0)
    }

    fn int(&mut self) -> Or<i64> {
        let (value, len) = self.bits()?;
        let unused = 64 - len.min(64);
        Ok((value << unused) as i64 >> unused)
    }

    /// Numbers and lengths of columns.
    fn columns(&mut self) -> Or<Vec<(u64, u64)>> {
        (0..self.uint()?)
            .map(|_| Ok((self.uint()?, self.uint()?)))
            .collect()
    }

    fn contents(&mut self, columns: Vec<(u64, u64)>) -> Or<Columns> {
        let columns = columns.into_iter();
        let contents = columns.map(|(number, len)| Ok((number, self.take(len)?.to_vec())));
        Ok(Columns(contents.collect::<Or<_>>()?))
    }
}

//! Saved documents whose ops are told in another order than they should be: the same changes, with the same
//! hashes, of which something else shows. Knows the bytes of a document, and nothing of drives.

use sha2::{Digest, Sha256};

use super::Or;

/// Columns of ops in a document: who wrote each, how long each value is, and the values.
const WRITERS: u64 = 0x21;
const LENGTHS: u64 = 0x56;
const VALUES: u64 = 0x57;

/// Magic, checksum and type of a chunk.
const HEADER: usize = 4 + 4 + 1;

/// The document with these two values, written at once to the same place by two, each told in place of the other.
/// They must be of one length, and each occur once.
pub(super) fn exchange(document: &[u8], one: &str, other: &str) -> Or<Vec<u8>> {
    let mut input = Input(document.get(HEADER..).ok_or("no document")?);
    input.uint()?;
    let body = input.0;
    for _ in 0..input.uint()? {
        let len = input.uint()?;
        input.take(len)?;
    }
    let heads = input.uint()?;
    input.take(heads * 32)?;
    let before_columns = body.len() - input.0.len();
    let of_changes = input.columns()?;
    let before_ops = body.len() - input.0.len();
    let mut of_ops = input.columns()?;
    let lens: u64 = of_changes.iter().map(|(_, len)| len).sum();
    let changes = input.take(lens)?;
    let mut ops = Vec::new();
    for (number, len) in &of_ops {
        ops.push((*number, input.take(*len)?.to_vec()));
    }
    let rest = input.0;

    let column = |wanted: u64| ops.iter().position(|(number, _)| *number == wanted);
    let column = |wanted: u64| column(wanted).ok_or("a column is missing");
    let (writers, lengths, values) = (column(WRITERS)?, column(LENGTHS)?, column(VALUES)?);
    let raw = &mut ops[values].1;
    let find =
        |raw: &[u8], text: &str| raw.windows(text.len()).position(|at| at == text.as_bytes());
    let (first, second) = (
        find(raw, one).ok_or("not there")?,
        find(raw, other).ok_or("not there")?,
    );
    raw[first..first + one.len()].copy_from_slice(other.as_bytes());
    raw[second..second + other.len()].copy_from_slice(one.as_bytes());

    let mut at = 0;
    let starts = unpack(&ops[lengths].1)?.into_iter().map(|meta| {
        at += (meta >> 4) as usize;
        at
    });
    // The op whose value ends behind where the text begins is the one that holds it.
    let ends: Vec<usize> = starts.collect();
    let holder = |start: usize| ends.partition_point(|end| *end <= start);
    let mut authors = unpack(&ops[writers].1)?;
    authors.swap(holder(first), holder(second));
    ops[writers].1 = pack(&authors);

    for ((_, len), (_, bytes)) in of_ops.iter_mut().zip(&ops) {
        *len = bytes.len() as u64;
    }
    let mut forged = body[..before_columns].to_vec();
    forged.extend(&body[before_columns..before_ops]);
    put_uint(&mut forged, of_ops.len() as u64);
    for (number, len) in of_ops {
        put_uint(&mut forged, number);
        put_uint(&mut forged, len);
    }
    forged.extend(changes);
    forged.extend(ops.into_iter().flat_map(|(_, bytes)| bytes));
    forged.extend(rest);
    Ok(chunk(&document[HEADER - 1..HEADER], &forged))
}

/// A chunk of this type, with the checksum that it should have.
fn chunk(kind: &[u8], body: &[u8]) -> Vec<u8> {
    let mut summed = kind.to_vec();
    put_uint(&mut summed, body.len() as u64);
    summed.extend(body);
    let mut bytes = vec![0x85, 0x6f, 0x4a, 0x83];
    bytes.extend(&Sha256::digest(&summed)[..4]);
    bytes.extend(summed);
    bytes
}

/// The numbers of a run-length encoded column.
fn unpack(column: &[u8]) -> Or<Vec<u64>> {
    let mut input = Input(column);
    let mut numbers = Vec::new();
    while !input.0.is_empty() {
        let run = input.int()?;
        match u64::try_from(run) {
            Ok(0) => return Err("a value is missing".into()),
            Ok(run) => {
                let value = input.uint()?;
                numbers.extend((0..run).map(|_| value));
            }
            Err(_) => {
                for _ in 0..run.unsigned_abs() {
                    numbers.push(input.uint()?);
                }
            }
        }
    }
    Ok(numbers)
}

/// The same, as Automerge would encode it: runs of equal ones, and runs of those that have no equal beside them.
fn pack(numbers: &[u64]) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut alone: Vec<u64> = Vec::new();
    let tell = |alone: &mut Vec<u64>, packed: &mut Vec<u8>| {
        if !alone.is_empty() {
            put_int(packed, -(alone.len() as i64));
            alone.drain(..).for_each(|value| put_uint(packed, value));
        }
    };
    for run in numbers.chunk_by(|one, next| one == next) {
        if run.len() == 1 {
            alone.push(run[0]);
            continue;
        }
        tell(&mut alone, &mut packed);
        put_int(&mut packed, run.len() as i64);
        put_uint(&mut packed, run[0]);
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
}

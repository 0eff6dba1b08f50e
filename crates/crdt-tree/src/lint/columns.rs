//! Automerge's column encodings, read within a bound and only in the one form that Automerge writes;
//! knows nothing of what a column means.
//!
//! Why only that form: Automerge stores ops, not bytes, and encodes a change again when it saves. A
//! change in any other encoding would come back under another hash, and the saved document would not
//! load.

use super::LintError;

/// What is left of the bytes being read.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], LintError> {
        let (first, rest) = self.0.split_at_checked(len).ok_or(CUT_OFF)?;
        self.0 = rest;
        Ok(first)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], LintError> {
        let (first, rest) = self.0.split_first_chunk::<N>().ok_or(CUT_OFF)?;
        self.0 = rest;
        Ok(*first)
    }

    /// An unsigned LEB128 number in its shortest form.
    pub(super) fn uint(&mut self) -> Result<u64, LintError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(LintError::NotCanonical("a number above 64 bits"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(LintError::NotCanonical("a number with padding"));
                }
                return Ok(value);
            }
        }
        Err(LintError::NotCanonical("a number above 64 bits"))
    }

    /// A signed LEB128 number in its shortest form.
    pub(super) fn int(&mut self) -> Result<i64, LintError> {
        let mut value = 0i64;
        let mut last = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let bits = i64::from(byte & 0x7f);
            value |= bits << shift;
            if byte & 0x80 == 0 {
                let sign = byte & 0x40 != 0;
                let padding = shift > 0
                    && ((byte == 0 && last & 0x40 == 0) || (byte == 0x7f && last & 0x40 != 0));
                let too_wide = shift == 63 && byte != 0 && byte != 0x7f;
                if padding || too_wide {
                    return Err(LintError::NotCanonical("a signed number"));
                }
                return Ok(if sign && shift + 7 < 64 {
                    value | (-1 << (shift + 7))
                } else {
                    value
                });
            }
            last = byte;
        }
        Err(LintError::NotCanonical("a number above 64 bits"))
    }

    /// A number that must be a small count.
    pub(super) fn count(&mut self, max: usize, of: &'static str) -> Result<usize, LintError> {
        let count = usize::try_from(self.uint()?).unwrap_or(usize::MAX);
        if count > max {
            Err(LintError::TooMany(of))
        } else {
            Ok(count)
        }
    }
}

const CUT_OFF: LintError = LintError::NotAChange("it is cut off");

/// A kind of value that a run-length encoded column holds.
pub(super) trait Cell<'a>: Copy + PartialEq {
    fn read(from: &mut Reader<'a>) -> Result<Self, LintError>;
}

impl Cell<'_> for u64 {
    fn read(from: &mut Reader<'_>) -> Result<Self, LintError> {
        from.uint()
    }
}

impl Cell<'_> for i64 {
    fn read(from: &mut Reader<'_>) -> Result<Self, LintError> {
        from.int()
    }
}

impl<'a> Cell<'a> for &'a str {
    fn read(from: &mut Reader<'a>) -> Result<Self, LintError> {
        let len = usize::try_from(from.uint()?).unwrap_or(usize::MAX);
        std::str::from_utf8(from.take(len)?).map_err(|_| LintError::NotAChange("text is not UTF-8"))
    }
}

/// Reads a run-length encoded column without gaps of at most `max` values. The lengths of all runs are
/// added up before anything is allocated for them.
pub(super) fn runs<'a, T: Cell<'a>>(
    column: &'a [u8],
    max: usize,
    name: &'static str,
) -> Result<Vec<T>, LintError> {
    #[derive(PartialEq)]
    enum Before {
        Nothing,
        Run,
        Literal,
    }
    let mut input = Reader(column);
    let mut values: Vec<T> = Vec::new();
    let mut before = Before::Nothing;
    while !input.is_empty() {
        let length = input.int()?;
        let count = usize::try_from(length.unsigned_abs()).unwrap_or(usize::MAX);
        if count > max - values.len() {
            return Err(LintError::TooMany(name));
        }
        let fresh = |values: &[T], value: T| {
            if values.last() == Some(&value) {
                Err(LintError::NotCanonical(name))
            } else {
                Ok(value)
            }
        };
        if length >= 2 {
            let value = fresh(&values, T::read(&mut input)?)?;
            values.resize(values.len() + count, value);
            before = Before::Run;
        } else if length < 0 && before != Before::Literal {
            for _ in 0..count {
                let value = fresh(&values, T::read(&mut input)?)?;
                values.push(value);
            }
            before = Before::Literal;
        } else {
            // A run of one, a literal after a literal, or a gap, which no column of ours has.
            return Err(LintError::NotCanonical(name));
        }
    }
    Ok(values)
}

/// Reads a column of differences into running sums.
pub(super) fn deltas(column: &[u8], max: usize, name: &'static str) -> Result<Vec<u64>, LintError> {
    let mut sum = 0i64;
    let mut values = Vec::new();
    for delta in runs::<i64>(column, max, name)? {
        sum = sum
            .checked_add(delta)
            .ok_or(LintError::NotCanonical(name))?;
        values.push(u64::try_from(sum).map_err(|_| LintError::NotCanonical(name))?);
    }
    Ok(values)
}

/// The values of a run-length encoded column one after the other, however many it claims to have, in whatever form.
pub(super) struct Runs<'a, T> {
    input: Reader<'a>,
    left: u64,
    /// The value that is left so often, or nothing; if neither, as many follow.
    value: Option<Option<T>>,
}

impl<'a, T: Cell<'a>> Runs<'a, T> {
    pub(super) fn of(column: &'a [u8]) -> Self {
        Self {
            input: Reader(column),
            left: 0,
            value: None,
        }
    }

    /// The next value; `None` for a gap, as which everything behind the end counts.
    pub(super) fn next(&mut self) -> Result<Option<T>, LintError> {
        while self.left == 0 {
            if self.input.is_empty() {
                return Ok(None);
            }
            let run = self.input.int()?;
            self.value = match run {
                0 => Some(None),
                1.. => Some(Some(T::read(&mut self.input)?)),
                _ => None,
            };
            self.left = match run {
                0 => self.input.uint()?,
                run => run.unsigned_abs(),
            };
        }
        self.left -= 1;
        match self.value {
            Some(value) => Ok(value),
            None => T::read(&mut self.input).map(Some),
        }
    }
}

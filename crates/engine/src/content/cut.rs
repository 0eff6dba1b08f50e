//! Cuts a stream of bytes where its content says so (FastCDC, Xia et al. 2020), with flat memory. Does
//! not know what the pieces are for.

use std::io::{self, Read};

use fastcdc::v2020::{Normalization, cut_gear, get_gear_with_seed, select_masks};

use super::shape::Shape;

/// Where cuts fall in one drive: the same bytes are cut alike, wherever in a file they are.
#[derive(Clone)]
pub(super) struct CutRule {
    shape: Shape,
    masks: (u64, u64),
    gear: Box<[u64]>,
    gear_shifted: Box<[u64]>,
}

impl CutRule {
    /// `seed` differs per drive, so that lengths of chunks of a known file are not the same in all of
    /// them. That is a hint against fingerprinting, not a boundary: padding is the defence.
    pub(super) fn new(shape: Shape, seed: u64) -> Self {
        let (gear, gear_shifted) = get_gear_with_seed(seed);
        Self {
            shape,
            masks: select_masks(shape.avg, Normalization::Level1),
            gear: gear.into(),
            gear_shifted: gear_shifted.into(),
        }
    }

    /// Length of the first piece of `window`, which must reach to the end of the stream or hold at
    /// least a longest piece.
    pub(super) fn first(&self, window: &[u8]) -> usize {
        let (strict, relaxed) = self.masks;
        let (_, len) = cut_gear(
            window,
            self.shape.min,
            self.shape.avg,
            self.shape.max,
            strict,
            relaxed,
            strict << 1,
            relaxed << 1,
            &self.gear,
            &self.gear_shifted,
        );
        len
    }
}

/// Reads a stream and yields its pieces. Holds two longest pieces at most.
pub(super) struct Cutter<'a, R> {
    rule: &'a CutRule,
    source: R,
    buffer: Vec<u8>,
    /// `buffer[start..end]` was read and not yet handed out.
    start: usize,
    end: usize,
    ended: bool,
}

impl<'a, R: Read> Cutter<'a, R> {
    pub(super) fn new(rule: &'a CutRule, source: R) -> Self {
        Self {
            rule,
            source,
            // Twice the longest piece: then the rest is moved to the front once per piece of that
            // length, not once per piece.
            buffer: vec![0; rule.shape.max * 2],
            start: 0,
            end: 0,
            ended: false,
        }
    }

    /// The next piece, never empty; `None` at the end.
    pub(super) fn next_piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        if !self.ended && self.end - self.start < self.rule.shape.max {
            self.fill()?;
        }
        let window = self.buffer.get(self.start..self.end).unwrap_or_default();
        if window.is_empty() {
            return Ok(None);
        }
        let len = self.rule.first(window).clamp(1, window.len());
        let piece = window.get(..len).unwrap_or(window).to_vec();
        self.start += len;
        Ok(Some(piece))
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while let Some(room) = self.buffer.get_mut(self.end..).filter(|r| !r.is_empty()) {
            match self.source.read(room) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(n) => self.end += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

//! Random choices that a printed seed repeats. Knows nothing of what is chosen.

use std::io::{self, Write};

/// A small seeded generator (SplitMix64: Steele, Lea, Flood, 2014). Not for secrets.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The generator of one seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Seeded from `PEERDRIVE_SEED`, else from the clock; gives the seed to print.
    pub fn from_environment() -> (Self, u64) {
        let named = std::env::var("PEERDRIVE_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let seed = named.unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.map_or(1, |since| since.as_micros() as u64)
        });
        (Self::new(seed), seed)
    }

    /// The next 64 bits.
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit` (0 if `limit` is 0).
    pub fn below(&mut self, limit: u64) -> u64 {
        self.number().checked_rem(limit).unwrap_or(0)
    }

    /// Bytes that no compression or deduplication shortens.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len + 8);
        while bytes.len() < len {
            bytes.extend_from_slice(&self.number().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }

    /// Writes `len` such bytes, without holding them all.
    pub fn write(&mut self, len: u64, out: &mut impl Write) -> io::Result<()> {
        let mut left = len;
        while left > 0 {
            let piece = left.min(1 << 20);
            out.write_all(&self.bytes(piece as usize))?;
            left -= piece;
        }
        out.flush()
    }
}

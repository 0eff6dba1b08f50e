//! What tests of this crate and of the crates above it need: a seeded generator; never in a release.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

/// A generator that gives the same bytes for the same seed.
pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

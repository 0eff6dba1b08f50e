//! Where clock and randomness enter: the only module of the engine that asks the system for either.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970 by this device's clock. Advisory: shown to people, never decides anything.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}

/// Random bytes of the operating system. A system that cannot give any is not one to make keys on:
/// there is no way to go on.
#[expect(
    clippy::expect_used,
    reason = "no randomness, no keys: failing loudly is the safe answer"
)]
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gave no random bytes");
    bytes
}

/// The operating system's generator, for keys and nonces.
pub(crate) fn rng() -> impl rand_core::CryptoRng {
    rand_core::UnwrapErr(getrandom::SysRng)
}

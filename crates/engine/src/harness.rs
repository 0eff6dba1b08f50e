//! What a fuzzer may throw at this crate: the decoders that see bytes from outside, with the properties that
//! must hold for any input. Does not generate input.

use crate::{audit, content, devices};

/// Reads a manifest and a page of one; the first eight bytes are the length that the file should have.
/// Panics if one is accepted that would be written differently.
pub fn manifest(bytes: &[u8]) {
    if let Some((len, rest)) = bytes.split_first_chunk::<8>() {
        content::harness(rest, u64::from_le_bytes(*len));
    }
}

/// Checks an exported history.
pub fn history(bytes: &[u8]) {
    let _ = audit::verify(bytes, None);
}

/// Looks for addresses in what a person typed.
pub fn contact(bytes: &[u8]) {
    let _ = devices::addresses_in(&String::from_utf8_lossy(bytes));
}

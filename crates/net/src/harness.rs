//! What a fuzzer may throw at this crate: every decoder that sees bytes from outside, with the
//! properties that must hold for any input. Does not generate input.

use crate::{address, holding, proto::Message, store};

/// Decodes a message of the sync protocol. Panics if one is accepted that would be written
/// differently.
pub fn wire_message(bytes: &[u8]) {
    if let Ok(message) = Message::decode(bytes) {
        assert_eq!(message.encode(), bytes, "not canonical");
    }
}

/// Decodes an address. Panics if one is accepted that would be written differently.
pub fn address(bytes: &[u8]) {
    if let Ok(addr) = address::decode(bytes) {
        assert_eq!(address::encode(&addr), bytes, "not canonical");
    }
}

/// Decodes a question about blobs, and a request to a storage peer. Panics if one is accepted that would be written
/// differently.
pub fn question(bytes: &[u8]) {
    if let Some(request) = store::parse(bytes) {
        assert_eq!(store::encode(&request), bytes, "not canonical");
    }
    if let Some((promise, ids)) = holding::parse(bytes) {
        assert_eq!(holding::encode(promise, &ids), bytes, "not canonical");
    }
}

//! Identity, drive keys, membership rules, sealed and signed envelopes: bytes in, bytes out.
//!
//! Knows no clock, no file, no network and no generator of its own: time and randomness are arguments.

pub mod aead;
pub mod author;
pub mod body;
pub mod content;
pub mod domain;
pub mod entry;
pub mod epoch;
pub mod frame;
mod hpke_wrap;
pub mod identity;
pub mod ids;
pub mod invite;
pub mod kdf;
pub mod keyring;
pub mod local;
pub mod membership;
pub mod secret;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod wire;
mod words;

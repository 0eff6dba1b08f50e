//! Fuzzes sealed gossip frames.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| peerdrive_crypto::harness::gossip_frame(bytes));

//! Fuzzes ids and recovery phrases as text.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| peerdrive_crypto::harness::text(bytes));

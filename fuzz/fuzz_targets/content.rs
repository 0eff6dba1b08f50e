//! Fuzzes what is sealed in content entries.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| peerdrive_crypto::harness::content(bytes));

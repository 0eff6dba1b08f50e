//! Fuzzes tickets as text.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| peerdrive_crypto::harness::ticket(bytes));

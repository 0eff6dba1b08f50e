//! Fuzzes control and content entries, and the drive of a genesis.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| peerdrive_crypto::harness::entry(bytes));

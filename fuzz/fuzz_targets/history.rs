//! Fuzzes exported histories.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| peerdrive_engine::harness::history(bytes));

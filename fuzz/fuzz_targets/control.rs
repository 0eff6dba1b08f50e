//! Fuzzes bodies of control entries, told to a drive by its owner.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| peerdrive_crypto::harness::control(bytes));

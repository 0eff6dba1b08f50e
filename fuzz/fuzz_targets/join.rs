//! Fuzzes messages of joining and of coming back.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| peerdrive_crypto::harness::join_message(bytes));

//! Fuzzes requests of commands in JSON.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| peerdrive_api::harness::command(bytes));

//! Fuzzes questions about who holds what.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| peerdrive_net::harness::question(bytes));

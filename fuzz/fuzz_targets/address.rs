//! Fuzzes addresses of endpoints.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| peerdrive_net::harness::address(bytes));

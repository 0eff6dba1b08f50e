//! Fuzzes messages of the sync protocol.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| peerdrive_net::harness::wire_message(bytes));

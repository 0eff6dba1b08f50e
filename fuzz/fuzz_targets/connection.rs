//! Fuzzes a whole connection to the loopback port.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| peerdrive_api::harness::connection(bytes));

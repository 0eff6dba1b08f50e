//! Fuzzes texts that lead to a device.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| peerdrive_engine::harness::contact(bytes));

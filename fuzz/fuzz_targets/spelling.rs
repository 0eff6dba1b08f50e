//! Fuzzes names, keys and values of registers.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| peerdrive_crdt_tree::harness::spelling(bytes));

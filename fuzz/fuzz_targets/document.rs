//! Fuzzes saved documents of others, as those who join load them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| peerdrive_crdt_tree::harness::document(bytes));

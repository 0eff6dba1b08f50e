//! Fuzzes changes of the tree, through the linter into the document.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| peerdrive_crdt_tree::harness::change(bytes));

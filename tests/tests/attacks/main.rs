//! The attack suite: devices of people who patched their program, stores that lie, and captured bytes,
//! against real devices over loopback. Each test is named after its row of the table in `docs/SECURITY.md`.
//! Attacks that bytes alone can show are in `crates/crypto/tests/attacks`, those on one part in that part's
//! crate.

mod capture;
mod edges;
mod evil;
mod four;
mod invites;
mod removed;
mod scene;
mod shelf;
mod stores;
mod writers;

//! Real folders with real watchers, behind a drive of a few lines and, in `devices`, behind
//! the engine's own over loopback.

mod crashes;
mod deletions;
mod devices;
mod disks;
mod folder;
mod links;
mod plans;
mod remote;
mod scans;
mod slow;
mod storms;
mod support;
mod troubles;

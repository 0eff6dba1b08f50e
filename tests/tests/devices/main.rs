//! Real devices against each other, as processes on one machine: what a user is promised, seen from
//! outside. One module a topic; the harness is this package's library.

mod apart;
mod audit;
mod choices;
mod crash;
mod doors;
mod editors;
mod extremes;
mod failpoints;
mod full_disk;
mod holding;
mod identity;
mod invites;
mod keys;
mod large_file;
mod lost;
mod lost_account;
mod members;
mod nasty;
mod pace;
mod relay;
mod rename;
mod repository;
mod restart;
mod secrecy;
mod storage;
mod storms;
mod three;
mod versions;
mod wrong_input;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use peerdrive_tests::{Device, Door, Lab, Role, Tree};

/// How long something may take that takes well under a second: a limit for a loaded machine, and not a
/// figure. Figures are the benchmark's.
const SOON: Duration = Duration::from_secs(30);

/// Whether the long forms are wanted: the sizes and rounds that are for a night and not for every run.
fn long_form() -> bool {
    std::env::var_os("PEERDRIVE_LONG").is_some()
}

/// Ana shares a folder, Ben joins and keeps it as his, both have the same; gives the drive.
fn together(lab: &Lab, ana: &Device, ben: &Device, hers: &Path, his: &Path) -> Result<String> {
    let drive = ana.share(hers)?.drive;
    let ticket = ana.invite(&drive, Role::Writer)?;
    ben.join(&ticket, Door::Folder(his))?;
    lab.converge(&[ana, ben], &drive)?;
    Tree::read(hers)?.same_as(&Tree::read(his)?)?;
    Ok(drive)
}

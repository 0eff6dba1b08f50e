//! Sees to it that what is pinned is on this device while the drive changes: what somebody writes, moves
//! or restores below a pin is fetched, and tried again when it could not be had. Knows when, not how.

use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::FileContent;
use tokio::sync::broadcast::error::RecvError;

use super::due::Due;
use super::{HoldError, needed, pins};
use crate::drive::handle::{DriveHandle, Shared};

/// Changes come in bursts.
const REST: Duration = Duration::from_millis(300);

/// What could not be had is tried again after this long, and when a peer comes.
const AGAIN: Duration = Duration::from_secs(60);

/// Runs as long as the drive does.
pub(crate) async fn follow(shared: Weak<Shared>) {
    let Some(mut events) = shared.upgrade().map(|shared| shared.follow_events()) else {
        return;
    };
    let mut due = Due::everything();
    loop {
        if due.is_something() && !due.failed {
            tokio::time::sleep(REST).await;
            if !due.hear_all(&mut events) {
                return;
            }
            let Some(shared) = shared.upgrade() else {
                return;
            };
            match fetch(&DriveHandle { shared }, &due).await {
                Ok(()) => due = Due::default(),
                Err(error) => {
                    tracing::info!(%error, "what is pinned is not all here");
                    due.failed = true;
                }
            }
            continue;
        }
        let heard = match due.is_something() {
            true => tokio::time::timeout(AGAIN, events.recv()).await,
            false => Ok(events.recv().await),
        };
        match heard {
            Ok(Ok(event)) => due.hear(&event),
            Ok(Err(RecvError::Lagged(missed))) => due.miss(missed),
            Ok(Err(RecvError::Closed)) => return,
            Err(_) => due.failed = false,
        }
        let missed = |shared: &Shared| shared.pins_missed.swap(false, Ordering::AcqRel);
        match shared.upgrade() {
            Some(shared) => due.all |= missed(&shared),
            None => return,
        }
    }
}

async fn fetch(drive: &DriveHandle, due: &Due) -> Result<(), HoldError> {
    // All bytes of a folder come anyway. A paused drive asks for nothing, and says when it is resumed.
    if drive.working_copy().is_some() || drive.is_paused() {
        return Ok(());
    }
    let pins = pins::pins(&drive.shared)?;
    let tops: Vec<NodeId> = match due.all {
        true => pins.into_iter().collect(),
        false => {
            let tree = drive.view();
            let above = |id: &NodeId| {
                std::iter::successors(Some(*id), |id| {
                    tree.parent(*id).filter(|_| *id != NodeId::ROOT)
                })
            };
            let is_pinned = |id: &&NodeId| above(id).any(|id| pins.contains(&id));
            due.nodes.iter().filter(is_pinned).copied().collect()
        }
    };
    let mut wanted: Vec<FileContent> = Vec::new();
    for top in tops {
        needed::shown(&drive.shared, top, &mut |needed| {
            wanted.push(needed.content);
        });
    }
    Ok(drive.content().prefetch(&wanted).await?)
}

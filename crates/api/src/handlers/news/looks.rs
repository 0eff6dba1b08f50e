//! What says nothing by itself is looked at once a second while somebody follows, and told when it is
//! another: peers, what waits, what is under way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use peerdrive_engine::{Backlog, DriveHandle};
use tokio::time::MissedTickBehavior;

use super::super::Host;
use super::super::overview::{MOST_PROBLEMS, count, transfer};
use crate::dto::{Event, Problem};
use crate::mount_door::MountDoor;

/// How often.
const LOOK: Duration = Duration::from_secs(1);

/// What was told of a drive last.
#[derive(Debug, Default)]
struct Told {
    peers: Option<(u32, u64, u64)>,
    problems: Option<Vec<Problem>>,
    /// Something was under way.
    moving: bool,
}

pub(super) async fn run<M: MountDoor>(host: Arc<Host<M>>) {
    let mut told: BTreeMap<String, Told> = BTreeMap::new();
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = host.closing.cancelled() => return,
            _ = tick.tick() => {}
        }
        host.forget_silent_windows();
        // Nobody is told anything: the next who comes hears what differs from what was told last.
        if host.news.hub.is_followed() {
            for drive in host.engine.drives() {
                let id = drive.id().to_string();
                host.look_at(&drive, told.entry(id).or_default()).await;
            }
        }
    }
}

impl<M: MountDoor> Host<M> {
    async fn look_at(&self, drive: &DriveHandle, told: &mut Told) {
        let hub = &self.news.hub;
        let id = drive.id().to_string();
        let peers = drive.peers();
        let connected = count(peers.iter().filter(|peer| peer.connected).count());
        let Backlog { up, down } = drive.pending();
        let now = (connected, up, down);
        if told.peers.replace(now) != Some(now) {
            hub.tell(Event::Peers {
                drive: id.clone(),
                connected,
                pending_up: up,
                pending_down: down,
            });
        }
        let work = drive.work();
        let moving = work.is_some();
        if moving || told.moving {
            hub.tell(Event::Transfers {
                drive: id.clone(),
                transfers: work.iter().map(|work| transfer(&id, work)).collect(),
            });
        }
        told.moving = moving;
        let mut problems = self.problems_of(drive).await;
        problems.truncate(MOST_PROBLEMS);
        if told.problems.as_ref() != Some(&problems) {
            hub.tell(Event::Problems {
                drive: id,
                problems: problems.clone(),
            });
            told.problems = Some(problems);
        }
    }
}

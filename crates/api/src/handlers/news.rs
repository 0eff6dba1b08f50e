//! What happens in the drives, told as it does: one follower for each drive, and a look once a second at
//! what says nothing by itself. Nothing here costs by the size of a drive.

mod looks;
mod tree;
mod who;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use peerdrive_engine::{DriveEvent, DriveHandle};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::{Host, off_thread, presence};
use crate::clock;
use crate::dto::Event;
use crate::events::{Deeds, Hub};
use crate::mount_door::MountDoor;
pub(super) use who::Names;

/// Where everything that happens is told.
#[derive(Debug)]
pub(super) struct News {
    pub(super) hub: Hub,
    /// Who did what since the start.
    pub(super) deeds: Deeds,
    /// The drives that have a follower, by id, and what ends it.
    followed: Mutex<BTreeMap<String, CancellationToken>>,
    closing: CancellationToken,
}

impl News {
    pub(super) fn new(closing: CancellationToken) -> Self {
        Self {
            hub: Hub::default(),
            deeds: Deeds::default(),
            followed: Mutex::default(),
            closing,
        }
    }

    /// Follows these drives from now on, until the end, and no others any more.
    fn follow(self: &Arc<Self>, drives: Vec<DriveHandle>) {
        let mut followed = self.followed.lock();
        let ids: BTreeSet<String> = drives.iter().map(|drive| drive.id().to_string()).collect();
        followed.retain(|id, ended| {
            let stays = ids.contains(id);
            if !stays {
                ended.cancel();
            }
            stays
        });
        for drive in drives {
            let Entry::Vacant(place) = followed.entry(drive.id().to_string()) else {
                continue;
            };
            // Before anybody is told that the drive is there.
            let events = drive.subscribe();
            let follower = Follower {
                news: self.clone(),
                names: Names::of(&drive),
                id: place.key().clone(),
                drive,
                ended: place.insert(self.closing.child_token()).clone(),
            };
            tokio::spawn(follower.run(events));
        }
    }
}

impl<M: MountDoor> Host<M> {
    /// What happens from now on.
    pub fn events(&self) -> Hub {
        self.news.hub.clone()
    }

    /// Begins to tell what happens in the drives, until the end.
    pub fn watch(self: &Arc<Self>) {
        self.news.follow(self.engine.drives());
        tokio::spawn(looks::run(self.clone()));
    }

    /// Tells that there is a drive more or less, or that one shows elsewhere.
    pub(super) fn drives_changed(&self) {
        self.news.follow(self.engine.drives());
        self.news.hub.tell(Event::Drives);
    }

    /// The same if something was done, or may have been done in part.
    pub(super) fn may_have_changed_drives<T>(&self, answer: T) -> T {
        self.drives_changed();
        answer
    }
}

/// Follows one drive.
struct Follower {
    news: Arc<News>,
    drive: DriveHandle,
    id: String,
    names: Names,
    /// The daemon ends, or the drive was left.
    ended: CancellationToken,
}

impl Follower {
    async fn run(mut self, mut events: Receiver<Arc<DriveEvent>>) {
        let ended = self.ended.clone();
        let mut here = self.drive.presence();
        loop {
            let event = tokio::select! {
                biased;
                () = ended.cancelled() => return,
                Ok(()) = here.changed() => {
                    let now = here.borrow_and_update().clone();
                    self.news.hub.tell(Event::Presence {
                        drive: self.id.clone(),
                        here: presence::told(&self.names, &now),
                    });
                    continue;
                }
                event = events.recv() => event,
            };
            match event {
                Ok(event) => self.take(event).await,
                Err(RecvError::Lagged(_)) => self.reloaded(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    async fn take(&mut self, event: Arc<DriveEvent>) {
        match &*event {
            DriveEvent::Tree { by, .. } => {
                let who = self.names.who(by.as_ref().map(ToString::to_string));
                let drive = self.drive.clone();
                // A change of very many files takes a moment, and so may the lock.
                let told = off_thread(move || match &*event {
                    DriveEvent::Tree { events, .. } => Some(tree::told(&drive.view(), events)),
                    _ => None,
                });
                match told.await {
                    Ok(Some(told)) if told.is_anything() => self.tell(who, told),
                    Ok(_) => {}
                    Err(_) => self.reloaded(),
                }
            }
            DriveEvent::Reloaded => self.reloaded(),
            DriveEvent::Members => {
                self.names.learn(&self.drive);
                self.news.hub.tell(Event::Members {
                    drive: self.id.clone(),
                    role: self.drive.role().map(Into::into),
                });
            }
            // Looked at once a second: they come and go more often than anybody can read.
            DriveEvent::Peers => {}
        }
    }

    fn tell(&self, who: crate::dto::Who, told: tree::Told) {
        let tree::Told {
            folders,
            all,
            changes,
            count,
        } = told;
        if count > 0 {
            let deeds = &self.news.deeds;
            deeds.add(
                &self.id,
                clock::now_ms(),
                who.clone(),
                changes.clone(),
                count,
            );
        }
        self.news.hub.tell(Event::Tree {
            drive: self.id.clone(),
            who,
            folders,
            all,
            changes,
            count,
        });
    }

    fn reloaded(&self) {
        let drive = self.id.clone();
        self.news.hub.tell(Event::Reloaded { drive });
    }
}

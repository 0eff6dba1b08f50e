//! What the kernel must forget when the drive changes; knows nothing of how it is told.
//!
//! The kernel keeps names, attributes and pages for as long as nobody tells it otherwise, which is what
//! makes a warm mount as fast as a local disk. [`FileSystem::absorb`] turns every change of the drive
//! into the least that has to be forgotten. What the kernel did itself, through this mount, it knows;
//! [`Own`] tells that apart. Forgetting too much costs a question, forgetting too little is a bug.
//!
//! A file that is open keeps the version it was opened with. So when another version arrives from
//! elsewhere, the open inode lets go of its node, exactly as if another program had renamed a new file
//! over it: those who have it open go on reading what they opened, whole, and whoever opens the name
//! from now on gets another inode with the new version.

use std::collections::HashSet;

use peerdrive_crdt_tree::event::TreeEvent;
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::Kind;

use super::{FileSystem, Own, State};
use crate::inode::{Gone, Version};
use crate::volume::{Attr, Change, Volume};

/// Something the kernel must forget.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Stale {
    /// That a folder has, or has not, a name.
    Name {
        /// The folder's inode.
        folder: u64,
        /// The name.
        name: String,
    },
    /// The attributes of an inode.
    Attributes {
        /// The inode.
        ino: u64,
    },
    /// The attributes and pages of an inode; for a folder, its cached listing.
    Pages {
        /// The inode.
        ino: u64,
    },
}

/// Collects what is stale, each thing once.
#[derive(Default)]
struct Forget {
    order: Vec<Stale>,
    seen: HashSet<Stale>,
}

impl Forget {
    fn add(&mut self, stale: Stale) {
        if self.seen.insert(stale.clone()) {
            self.order.push(stale);
        }
    }
}

impl<V: Volume> FileSystem<V> {
    /// What the kernel must forget after a change of the drive.
    pub async fn absorb(&self, change: Change) -> Vec<Stale> {
        // Own edits under way are let to say what they did; none that begins after this is in `change`.
        drop(self.edits.write().await);
        let mut forget = Forget::default();
        for stale in std::mem::take(&mut self.state.lock().owed) {
            forget.add(stale);
        }
        match change {
            Change::Tree(events) => {
                for event in events {
                    self.absorb_event(event, &mut forget);
                }
            }
            Change::Missed => self.compare_all(&mut forget),
        }
        // Listings before names: whoever finds a new name then also finds it listed.
        forget
            .order
            .sort_by_key(|stale| matches!(stale, Stale::Name { .. }));
        forget.order
    }

    fn absorb_event(&self, event: TreeEvent, forget: &mut Forget) {
        match event {
            TreeEvent::NodeCreated { id } => {
                if let Some(attr) = self.volume.get(id)
                    && !self.is_own(&attr, |own| &mut own.created)
                {
                    self.appeared(&attr, forget);
                    self.content_changed(id, forget);
                }
            }
            TreeEvent::NodeMoved { id, from, old_name } => {
                if let Some(attr) = self.volume.get(id)
                    && !self.is_own(&attr, |own| &mut own.moved)
                {
                    self.disappeared(id, from, &old_name, forget);
                    self.appeared(&attr, forget);
                }
            }
            TreeEvent::ContentChanged { id } => self.content_changed(id, forget),
            TreeEvent::AttributesChanged { id } => self.attributes_changed(id, forget),
            TreeEvent::NodeDeleted { id, from, old_name } => {
                let own = self.state.lock().own.deleted.remove(&id);
                if !own && self.volume.get(id).is_none() {
                    self.disappeared(id, from, &old_name, forget);
                    self.orphan(id);
                }
            }
            // Copies that come and go are events of their own.
            TreeEvent::ConflictAppeared { .. } | TreeEvent::ConflictEnded { .. } => {}
        }
    }

    /// Whether a node shows where it does by this mount's own doing, which the kernel knows of.
    fn is_own(&self, attr: &Attr, set: impl FnOnce(&mut Own) -> &mut HashSet<NodeId>) -> bool {
        let mut state = self.state.lock();
        if !set(&mut state.own).remove(&attr.id) {
            return false;
        }
        let ino = state.inodes.of_node(attr.id);
        let told = ino.and_then(|ino| state.inodes.get(ino)?.told.as_ref());
        told.is_some_and(|told| told.shows_at(attr))
    }

    /// A node shows at a place where the kernel may not know it.
    fn appeared(&self, attr: &Attr, forget: &mut Forget) {
        let mut state = self.state.lock();
        if attr.kind == Kind::Folder {
            state.subfolders.forget(attr.parent);
        }
        state.forget_name(attr.parent, &attr.name, forget);
        if let Some(ino) = state.inodes.of_node(attr.id) {
            state.tell(ino, attr);
        }
    }

    /// A node does not show any more where the kernel may remember it.
    fn disappeared(&self, id: NodeId, from: NodeId, old_name: &str, forget: &mut Forget) {
        let mut state = self.state.lock();
        let ino = state.inodes.of_node(id);
        let told = ino.and_then(|ino| state.inodes.get(ino)?.told.clone());
        if told.as_ref().is_none_or(|told| told.kind == Kind::Folder) {
            state.subfolders.forget(from);
        }
        state.forget_name(from, old_name, forget);
        // Where the kernel saw it last, if that was yet another place.
        if let Some(told) = told {
            state.forget_name(told.parent, &told.name, forget);
        }
    }

    /// A node left the drive by someone else's hand: those who have it open keep it, and what they have
    /// not saved yet brings it back when they do.
    fn orphan(&self, id: NodeId) {
        let mut state = self.state.lock();
        let Some(ino) = state.inodes.of_node(id) else {
            return;
        };
        let gone = state.last_seen(ino, id);
        state.inodes.let_go(id, gone);
    }

    fn content_changed(&self, id: NodeId, forget: &mut Forget) {
        let Some(attr) = self.volume.get(id) else {
            return;
        };
        let mut state = self.state.lock();
        let Some(ino) = state.inodes.of_node(id) else {
            return;
        };
        let version = Version::of(attr.content.as_ref());
        let cached = state.inodes.get(ino).and_then(|inode| inode.cached);
        if cached == Some(version) {
            // Written here, or opened since: the pages are right, but the kernel may know the length of
            // another version.
            forget.add(Stale::Attributes { ino });
            return;
        }
        let open = state.inodes.get(ino).is_some_and(|inode| inode.is_open());
        let clean = state.files.get(&ino).is_none_or(|file| file.is_clean());
        match (open, clean) {
            // Being written to: what the writer sees is their own, until they close.
            (true, false) => {}
            (true, true) => {
                let gone = state.last_seen(ino, id);
                state.inodes.let_go(id, gone);
                if let Some(folder) = state.inodes.of_node(attr.parent) {
                    forget.add(Stale::Name {
                        folder,
                        name: attr.name,
                    });
                }
            }
            (false, _) => {
                if let Some(inode) = state.inodes.get_mut(ino) {
                    inode.cached = None;
                }
                state.tell_attributes(ino, &attr);
                forget.add(Stale::Pages { ino });
            }
        }
    }

    fn attributes_changed(&self, id: NodeId, forget: &mut Forget) {
        let Some(attr) = self.volume.get(id) else {
            return;
        };
        let mut state = self.state.lock();
        let Some(ino) = state.inodes.of_node(id) else {
            return;
        };
        let file = state.files.get(&ino).cloned();
        let told = state.inodes.get(ino).and_then(|inode| inode.told.as_ref());
        let known =
            told.is_some_and(|told| told.mode == attr.mode && told.mtime_ns == attr.mtime_ns);
        if known && file.is_none() {
            return;
        }
        if let Some(file) = file.filter(|file| file.is_clean()) {
            file.show_mtime(attr.mtime_ns);
        }
        state.tell_attributes(ino, &attr);
        forget.add(Stale::Attributes { ino });
    }

    /// Compares everything the kernel may know with the view.
    fn compare_all(&self, forget: &mut Forget) {
        let (nodes, absent) = {
            let mut state = self.state.lock();
            state.own = Own::default();
            state.subfolders.forget_all();
            (state.inodes.nodes(), std::mem::take(&mut state.absent))
        };
        for (folder, name) in absent {
            forget.add(Stale::Name {
                folder,
                name: name.into_string(),
            });
        }
        for (id, ino) in nodes {
            let told = {
                let state = self.state.lock();
                state.inodes.get(ino).and_then(|inode| inode.told.clone())
            };
            let Some(attr) = self.volume.get(id) else {
                if let Some(told) = told {
                    self.disappeared(id, told.parent, &told.name, forget);
                }
                self.orphan(id);
                continue;
            };
            if let Some(told) = told
                && !told.shows_at(&attr)
            {
                self.disappeared(id, told.parent, &told.name, forget);
                self.appeared(&attr, forget);
            }
            match attr.kind {
                // Names may have come and gone that no inode remembers.
                Kind::Folder => forget.add(Stale::Pages { ino }),
                Kind::File | Kind::Symlink => {
                    self.content_changed(id, forget);
                }
            }
            self.attributes_changed(id, forget);
        }
    }
}

impl<R> State<R> {
    /// Whether a folder has a name is no more as the kernel may know it.
    fn forget_name(&mut self, folder: NodeId, name: &str, forget: &mut Forget) {
        self.touched.insert(folder, crate::handle::now_ns());
        if let Some(folder) = self.inodes.of_node(folder) {
            self.absent.remove(&(folder, name.into()));
            forget.add(Stale::Name {
                folder,
                name: name.to_owned(),
            });
            forget.add(Stale::Pages { ino: folder });
        }
    }

    /// What an inode that loses its node goes on showing.
    pub(super) fn last_seen(&self, ino: u64, id: NodeId) -> Gone {
        let told = self.inodes.get(ino).and_then(|inode| inode.told.as_ref());
        Gone {
            origin: Some(id),
            kind: told.map_or(Kind::File, |told| told.kind),
            mode: told.map_or(0o644, |told| told.mode),
            mtime_ns: told.map_or(0, |told| told.mtime_ns),
            content: None,
        }
    }
}

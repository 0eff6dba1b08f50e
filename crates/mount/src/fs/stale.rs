//! What the kernel must forget when the drive changes; knows nothing of how it is told.
//!
//! The kernel keeps names, attributes and pages for as long as nobody tells it otherwise, which is what
//! makes a warm mount as fast as a local disk. [`FileSystem::absorb`] turns every change of the drive
//! into the least that has to be forgotten. The caller's own changes, which the kernel made itself, are
//! told apart by what the inode table says it knows ([`Told`](crate::inode::Told)).
//!
//! A file that is open keeps the version it was opened with. So when another version arrives from
//! elsewhere, the open inode lets go of its node, exactly as if another program had renamed a new file
//! over it: those who have it open go on reading what they opened, whole, and whoever opens the name
//! from now on gets another inode with the new version.

use std::collections::HashSet;

use peerdrive_crdt_tree::event::TreeEvent;
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::Kind;

use super::{FileSystem, State};
use crate::inode::{Gone, Told, Version};
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
                if let Some(attr) = self.volume.get(id) {
                    self.appeared(&attr, forget);
                }
            }
            TreeEvent::NodeMoved { id, from, old_name } => {
                if let Some(attr) = self.volume.get(id) {
                    self.disappeared(id, from, &old_name, forget);
                    self.appeared(&attr, forget);
                }
            }
            TreeEvent::ContentChanged { id } => self.content_changed(id, forget),
            TreeEvent::AttributesChanged { id } => self.attributes_changed(id, forget),
            TreeEvent::NodeDeleted { id, from, old_name } => {
                let own = self.state.lock().deleted.remove(&id);
                if !own && self.volume.get(id).is_none() {
                    self.disappeared(id, from, &old_name, forget);
                    self.orphan(id);
                }
            }
            // Copies that come and go are events of their own.
            TreeEvent::ConflictAppeared { .. } | TreeEvent::ConflictEnded { .. } => {}
        }
    }

    /// A node shows at a place where the kernel may not know it.
    fn appeared(&self, attr: &Attr, forget: &mut Forget) {
        let mut state = self.state.lock();
        if attr.kind == Kind::Folder {
            state.subfolders.forget(attr.parent);
        }
        let folder = state.inodes.of_node(attr.parent);
        let ino = state.inodes.of_node(attr.id);
        let known = ino.and_then(|ino| state.inodes.get(ino)?.told.clone());
        if known.is_some_and(|told| told.shows_at(attr)) {
            return;
        }
        if let Some(folder) = folder {
            state.absent.remove(&(folder, attr.name.as_str().into()));
            forget.add(Stale::Name {
                folder,
                name: attr.name.clone(),
            });
            forget.add(Stale::Pages { ino: folder });
        }
        if let Some(ino) = ino {
            state.tell(ino, attr);
        }
        state.touched.insert(attr.parent, crate::handle::now_ns());
    }

    /// A node does not show any more where the kernel may remember it.
    fn disappeared(&self, id: NodeId, from: NodeId, old_name: &str, forget: &mut Forget) {
        let mut state = self.state.lock();
        let ino = state.inodes.of_node(id);
        let told = ino.and_then(|ino| state.inodes.get(ino)?.told.as_ref());
        let file = told.is_some_and(|told| told.kind != Kind::Folder);
        let moved_here = told.is_some_and(|told| told.parent != from || *told.name != *old_name);
        if !file {
            state.subfolders.forget(from);
        }
        if moved_here {
            return;
        }
        if let Some(folder) = state.inodes.of_node(from) {
            forget.add(Stale::Name {
                folder,
                name: old_name.to_owned(),
            });
            forget.add(Stale::Pages { ino: folder });
        }
        state.touched.insert(from, crate::handle::now_ns());
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
        let told = state.inodes.get(ino).and_then(|inode| inode.told.clone());
        if told.as_ref().is_some_and(|told| told.version == version) {
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
                state.tell(ino, &attr);
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
        let now = Told::of(&attr);
        let inode = state.inodes.get(ino);
        if inode
            .and_then(|inode| inode.told.as_ref())
            .is_some_and(|told| told.mode == now.mode && told.mtime_ns == now.mtime_ns)
        {
            return;
        }
        if let Some(told) = state
            .inodes
            .get_mut(ino)
            .and_then(|inode| inode.told.as_mut())
        {
            told.mode = now.mode;
            told.mtime_ns = now.mtime_ns;
        }
        if let Some(file) = state.files.get(&ino)
            && file.is_clean()
        {
            file.show_mtime(attr.mtime_ns);
        }
        forget.add(Stale::Attributes { ino });
    }

    /// Compares everything the kernel may know with the view.
    fn compare_all(&self, forget: &mut Forget) {
        let (nodes, absent) = {
            let mut state = self.state.lock();
            state.deleted.clear();
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

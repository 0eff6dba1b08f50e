//! A few devices that edit apart and meet, in as few words as a sentence needs.
#![allow(dead_code, reason = "every test file uses a part of it")]
#![allow(clippy::expect_used, reason = "names that tests write down")]

use peerdrive_crdt_tree::conflict::Conflict;
use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::event::TreeEvent;
use peerdrive_crdt_tree::id::{Actor, NodeId};
use peerdrive_crdt_tree::lint::Author;
use peerdrive_crdt_tree::name::Name;
use peerdrive_crdt_tree::node::{Content, ContentHash, FileContent, Kind};
use peerdrive_crdt_tree::testing::picture;
use peerdrive_crdt_tree::tree::{ApplyError, DriveTree, EditError, Edited};

pub(crate) type TestResult = Result<(), Box<dyn std::error::Error>>;

/// A device with everything it wrote.
pub(crate) struct Device {
    pub(crate) tree: DriveTree,
    pub(crate) actor: Actor,
    pub(crate) sent: Vec<Vec<u8>>,
}

impl Device {
    pub(crate) fn new(number: u8) -> Self {
        let actor = Actor([number; 16]);
        Device {
            tree: DriveTree::new(actor),
            actor,
            sent: Vec::new(),
        }
    }

    pub(crate) fn edit(&mut self, edits: &[Edit]) -> Edited {
        let edited = self.tree.edit(edits);
        self.sent.extend(edited.changes.clone());
        edited
    }

    pub(crate) fn one(&mut self, edit: Edit) -> Result<NodeId, EditError> {
        self.edit(&[edit]).results.remove(0)
    }

    pub(crate) fn folder(&mut self, path: &str) -> Result<NodeId, EditError> {
        let (parent, name) = self.split(path);
        self.one(Edit::Create {
            parent: Place::In(parent),
            name,
            kind: Kind::Folder,
            content: None,
            mode: None,
        })
    }

    pub(crate) fn file(&mut self, path: &str, of: u8) -> Result<NodeId, EditError> {
        let (parent, name) = self.split(path);
        let content = Some(bytes(of));
        self.one(Edit::Create {
            parent: Place::In(parent),
            name,
            kind: Kind::File,
            content,
            mode: None,
        })
    }

    pub(crate) fn mv(&mut self, from: &str, to: &str) -> Result<NodeId, EditError> {
        let node = self.at(from);
        let (parent, name) = self.split(to);
        self.one(Edit::Move { node, parent, name })
    }

    pub(crate) fn write(&mut self, path: &str, of: u8) -> Result<NodeId, EditError> {
        let node = self.at(path);
        self.one(Edit::SetContent {
            node,
            content: bytes(of),
        })
    }

    pub(crate) fn rm(&mut self, path: &str) -> Result<NodeId, EditError> {
        let node = self.at(path);
        self.one(Edit::Delete { node })
    }

    /// The node at a path, or an id that nothing has.
    pub(crate) fn at(&self, path: &str) -> NodeId {
        self.tree.lookup(path).unwrap_or(NodeId([0xee; 16]))
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.tree
            .walk()
            .filter_map(|id| self.tree.path(id))
            .collect()
    }

    pub(crate) fn content(&self, path: &str) -> Option<u8> {
        match self.tree.get(self.at(path))?.content? {
            Content::File(file) => Some(file.hash.0[0]),
            Content::Symlink(_) => None,
        }
    }

    /// The path of the only entry that is a conflict copy.
    pub(crate) fn copy(&self) -> Option<String> {
        let mut copies = self.tree.walk().filter(|id| {
            self.tree
                .get(*id)
                .is_some_and(|node| node.copy_of.is_some())
        });
        self.tree
            .path(copies.next()?)
            .filter(|_| copies.next().is_none())
    }

    pub(crate) fn conflicts(&self) -> Vec<Conflict> {
        self.tree.conflicts()
    }

    fn split(&self, path: &str) -> (NodeId, Name) {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        (self.at(parent), Name::new(name).expect("a name"))
    }
}

/// A content that is known by one byte.
pub(crate) fn bytes(of: u8) -> Content {
    Content::File(FileContent {
        hash: ContentHash([of; 32]),
        len: u64::from(of),
        mtime_ns: i64::from(of),
        manifest: None,
    })
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

/// Tells one device all that the others wrote; returns what that did.
pub(crate) fn hear(device: &mut Device, others: &[&Device]) -> Result<Vec<TreeEvent>, ApplyError> {
    let mut events = Vec::new();
    let mut left: Vec<(Actor, u64, Vec<u8>)> = others
        .iter()
        .flat_map(|other| {
            let numbered = other.sent.iter().zip(1u64..);
            numbered.map(|(change, seq)| (other.actor, seq, change.clone()))
        })
        .collect();
    while !left.is_empty() {
        let before = left.len();
        let mut waiting = Vec::new();
        for (actor, seq, change) in left {
            match device.tree.apply(&change, &Author { actor, seq }) {
                Ok(more) => events.extend(more),
                Err(ApplyError::MissingDependency(_)) => waiting.push((actor, seq, change)),
                Err(error) => return Err(error),
            }
        }
        if waiting.len() == before {
            return Err(ApplyError::MissingDependency([0; 32]));
        }
        left = waiting;
    }
    Ok(events)
}

/// Everyone hears everyone, and all show the same.
pub(crate) fn meet(devices: &mut [Device]) -> TestResult {
    for at in 0..devices.len() {
        let (before, rest) = devices.split_at_mut(at);
        let Some((device, after)) = rest.split_first_mut() else {
            continue;
        };
        let others: Vec<&Device> = before.iter().chain(after.iter()).collect();
        hear(device, &others)?;
    }
    let first = picture(&devices[0].tree)?;
    for device in &devices[1..] {
        assert_eq!(devices[0].tree.view_hash(), device.tree.view_hash());
        assert_eq!(first, picture(&device.tree)?);
    }
    Ok(())
}

/// `count` devices that all have what `start` made on the first.
pub(crate) fn devices(
    count: u8,
    start: impl FnOnce(&mut Device) -> TestResult,
) -> Result<Vec<Device>, Box<dyn std::error::Error>> {
    let mut devices: Vec<Device> = (1..=count).map(Device::new).collect();
    start(&mut devices[0])?;
    meet(&mut devices)?;
    Ok(devices)
}

//! What a device of a random history does next, given what it sees: mostly what makes rules meet.

use crate::edit::{Edit, Place};
use crate::id::NodeId;
use crate::name::Name;
use crate::node::{Content, ContentHash, FileContent, Kind, ManifestRef};
use crate::testing::Rng;
use crate::tree::DriveTree;

/// The seed of the edits that every history begins with.
pub(super) const START: u64 = u64::MAX;

/// Few names, so that they clash; NFC and NFD twins, case twins, and lengths that tags must cut.
const NAMES: [&str; 8] = [
    "a",
    "b",
    "c.txt",
    "d.tar.gz",
    "\u{e9}.md",
    "e\u{301}.md",
    "A",
    ".x",
];

/// A batch of edits.
pub(super) fn choose(tree: &DriveTree, seed: u64, names: &[String]) -> Vec<Edit> {
    if seed == START {
        return start();
    }
    let mut rng = Rng::new(seed);
    let seen = Seen::of(tree);
    let count = [1, 1, 1, 1, 2, 3][rng.below(6)];
    (0..count)
        .filter_map(|index| seen.edit(&mut rng, names, index))
        .collect()
}

/// Three folders, one of them in another, and three files.
fn start() -> Vec<Edit> {
    let create = |parent, name: &str, kind, content| -> Option<Edit> {
        Some(Edit::Create {
            parent,
            name: Name::new(name).ok()?,
            kind,
            content,
            mode: None,
        })
    };
    let root = Place::In(NodeId::ROOT);
    let all = [
        create(root, "a", Kind::Folder, None),
        create(root, "b", Kind::Folder, None),
        create(Place::InCreated(1), "a", Kind::Folder, None),
        create(root, "c.txt", Kind::File, Some(fresh(1))),
        create(Place::InCreated(0), "c.txt", Kind::File, Some(fresh(2))),
        create(Place::InCreated(2), "b", Kind::File, Some(fresh(3))),
    ];
    all.into_iter().flatten().collect()
}

/// A content that nobody else writes, or with a seed of few values one that several write.
fn fresh(seed: u64) -> Content {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&seed.to_le_bytes());
    hash[8] = 1;
    let manifest = (!seed.is_multiple_of(4)).then_some(ManifestRef {
        blob: [9; 32],
        epoch: [7; 8],
    });
    let mtime_ns = (seed % 1000) as i64 - 500;
    Content::File(FileContent {
        hash: ContentHash(hash),
        len: seed % 10_000,
        mtime_ns,
        manifest,
    })
}

/// What there is to act on, by what is worth acting on.
struct Seen<'a> {
    tree: &'a DriveTree,
    all: Vec<NodeId>,
    folders: Vec<NodeId>,
    files: Vec<NodeId>,
    /// Conflict copies and their nodes.
    contested: Vec<NodeId>,
    trash: Vec<NodeId>,
}

impl<'a> Seen<'a> {
    fn of(tree: &'a DriveTree) -> Self {
        let mut seen = Seen {
            tree,
            all: Vec::new(),
            folders: vec![],
            files: Vec::new(),
            contested: Vec::new(),
            trash: tree.trash().into_iter().map(|trashed| trashed.id).collect(),
        };
        for id in tree.walk() {
            let Some(node) = tree.get(id) else { continue };
            seen.all.push(id);
            match node.kind {
                Kind::Folder => seen.folders.push(id),
                Kind::File => seen.files.push(id),
                Kind::Symlink => {}
            }
            if let Some(of) = node.copy_of {
                seen.contested.push(id);
                seen.contested.push(of);
            }
        }
        seen
    }

    fn edit(&self, rng: &mut Rng, names: &[String], index: usize) -> Option<Edit> {
        let edit = match rng.below(100) {
            0..20 => self.create(rng, index)?,
            20..40 => {
                // Folders into folders: this is where cycles come from.
                let node = *rng.pick(&self.folders)?;
                let name = self.name_of(node)?;
                Edit::Move {
                    node,
                    parent: self.folder(rng),
                    name,
                }
            }
            40..48 => {
                let node = *rng.pick(&self.all)?;
                Edit::Move {
                    node,
                    parent: self.folder(rng),
                    name: name(rng, names)?,
                }
            }
            48..58 => {
                let node = self.any(rng)?;
                let parent = self.tree.get(node)?.parent;
                Edit::Move {
                    node,
                    parent,
                    name: name(rng, names)?,
                }
            }
            58..72 => Edit::SetContent {
                node: self.file(rng)?,
                content: fresh(content_seed(rng)),
            },
            72..82 => Edit::Delete {
                node: self.any(rng)?,
            },
            82..86 => Edit::Restore {
                node: *rng.pick(&self.trash)?,
            },
            86..90 => {
                let (source, target) = (self.file(rng)?, self.file(rng)?);
                Edit::Replace { source, target }
            }
            90..94 => {
                let (node, keep) = (*rng.pick(&self.contested)?, *rng.pick(&self.contested)?);
                Edit::Resolve { node, keep }
            }
            94..98 => Edit::SetAttributes {
                node: self.any(rng)?,
                mode: rng.pick(&[None, Some(0o600), Some(0o755)]).copied()?,
                mtime_ns: rng.pick(&[None, Some(5), Some(6)]).copied()?,
            },
            _ => Edit::SetXattr {
                node: self.any(rng)?,
                key: "user.tag".to_owned(),
                value: rng.pick(&[None, Some(vec![1]), Some(vec![2])]).cloned()?,
            },
        };
        Some(edit)
    }

    fn create(&self, rng: &mut Rng, index: usize) -> Option<Edit> {
        let (kind, content) = match rng.below(10) {
            0..4 => (Kind::Folder, None),
            4..8 => (Kind::File, Some(fresh(content_seed(rng)))),
            8 => (Kind::File, None),
            _ => (
                Kind::Symlink,
                Some(Content::Symlink(format!("to/{}", rng.below(3)))),
            ),
        };
        let parent = if index > 0 && rng.below(4) == 0 {
            Place::InCreated(rng.below(index))
        } else {
            Place::In(self.folder(rng))
        };
        let mode = (rng.below(5) == 0).then_some(0o700);
        Some(Edit::Create {
            parent,
            name: name(rng, &[])?,
            kind,
            content,
            mode,
        })
    }

    fn folder(&self, rng: &mut Rng) -> NodeId {
        if rng.below(4) == 0 {
            return NodeId::ROOT;
        }
        rng.pick(&self.folders).copied().unwrap_or(NodeId::ROOT)
    }

    fn any(&self, rng: &mut Rng) -> Option<NodeId> {
        match rng.below(3) {
            0 if !self.contested.is_empty() => rng.pick(&self.contested).copied(),
            _ => rng.pick(&self.all).copied(),
        }
    }

    fn file(&self, rng: &mut Rng) -> Option<NodeId> {
        match rng.below(2) {
            0 if !self.contested.is_empty() => rng.pick(&self.contested).copied(),
            _ => rng.pick(&self.files).copied(),
        }
    }

    fn name_of(&self, node: NodeId) -> Option<Name> {
        Name::new(self.tree.get(node)?.name).ok()
    }
}

fn content_seed(rng: &mut Rng) -> u64 {
    // Now and then two people write the same bytes.
    if rng.below(5) == 0 {
        10 + rng.below(3) as u64
    } else {
        rng.draw()
    }
}

fn name(rng: &mut Rng, names: &[String]) -> Option<Name> {
    let chosen = match rng.below(12) {
        0..2 => rng.pick(names).cloned(),
        2 => Some("\u{1f980}".repeat(63)),
        _ => None,
    };
    let plain = *rng.pick(&NAMES)?;
    Name::new(chosen.unwrap_or_else(|| plain.to_owned())).ok()
}

/// A content that a node holds.
pub(super) struct Held {
    node: NodeId,
    pub(super) hash: [u8; 32],
    /// It shows under the node's name, or would if the node were not in the trash.
    first: bool,
}

impl Held {
    /// What `node` shows.
    pub(super) fn shown(node: NodeId, hash: [u8; 32]) -> Self {
        Held {
            node,
            hash,
            first: true,
        }
    }
}

/// Every content that there is: shown, beside that, or in the trash.
pub(super) fn held(tree: &DriveTree) -> Vec<Held> {
    let trash = tree.trash().into_iter().map(|trashed| trashed.id);
    let mut held = Vec::new();
    for node in tree.walk().chain(trash) {
        let copy = tree.get(node).filter(|node| node.copy_of.is_some());
        let shown = copy.and_then(|node| node.content);
        let stored = tree.contents(node).into_iter().filter_map(|s| s.content);
        let all = shown.into_iter().chain(stored).enumerate();
        held.extend(all.filter_map(|(at, content)| {
            let hash = hash_of(Some(&content))?;
            let first = at == 0;
            Some(Held { node, hash, first })
        }));
    }
    held
}

/// Whether this edit, which acted on `node`, writes over that content, knowing it.
pub(super) fn overwrites(edit: &Edit, node: NodeId, held: &Held) -> bool {
    match edit {
        // It may have revived what was in the trash, with all that held.
        Edit::Create { .. } | Edit::Resolve { .. } => held.node == node,
        Edit::SetContent { .. } => held.node == node && held.first,
        // What a batch replaces and then writes again is the source's content.
        Edit::Replace { source, target } => {
            (held.node == *source || held.node == *target) && held.first
        }
        _ => false,
    }
}

/// The hash of the content that an edit writes.
pub(super) fn writes(edit: &Edit) -> Option<[u8; 32]> {
    match edit {
        Edit::Create { content, .. } => hash_of(content.as_ref()),
        Edit::SetContent { content, .. } => hash_of(Some(content)),
        _ => None,
    }
}

/// The hash of a file's content.
pub(super) fn hash_of(content: Option<&Content>) -> Option<[u8; 32]> {
    match content {
        Some(Content::File(file)) => Some(file.hash.0),
        _ => None,
    }
}

//! The folder tree of one drive as an Automerge document: edits in, changes out, one view for
//! everyone. Pure: no IO, no clock, no global randomness, and no idea what a peer is.
//!
//! # The problem
//!
//! Several people hold the same folder. Each edits their own copy, on line or off, and there is no
//! server to ask who came first. When their devices meet, all must show the same tree, and nobody's
//! work may be gone. Copying files cannot do that: if Ann renames `plan.md` while Bob edits it, a
//! program that knows only paths sees a deletion and two files.
//!
//! # The idea
//!
//! Write down *what people did*, and agree on how to read it.
//!
//! - **A node is not its path.** Every file and folder has a permanent [id](id::NodeId). Its name, its
//!   folder, its content and its deletion are separate *registers*: little slots that hold a value each.
//!   A rename writes the name slot, a move the place slot, an edit the content slot. Made apart, they do
//!   not touch, and so all three hold.
//! - **Who makes the same path makes the same node.** The id follows from where a node is made, under what name
//!   and as what. So two people who each make `notes/` while apart have one folder when they meet, not two.
//! - **A change carries what it has seen.** Each batch of edits becomes one *change*: bytes that name the
//!   changes they build on. A device applies a change once it has those, in whatever order they came. Whoever
//!   writes does so under a name of their own, the *actor*, and numbers their changes 1, 2, 3, …
//! - **Two values in one slot are both kept.** If two people write the same slot without having seen each
//!   other, the document holds both values until somebody writes again. Which one *wins* is fixed by the
//!   ids of the two writes (a counter that grows with what was seen, then the author), which are the same
//!   on every device. No clock is asked.
//! - **The tree is a reading of the slots.** What a drive shows is a function of the current values and of
//!   nothing else: not of order, time or device. So equal sets of changes give equal trees; that is all
//!   that "CRDT" means here. In particular no device ever *writes* because of what it received.
//!
//! The registers live in one [Automerge](https://automerge.org) document per drive, which keeps the values,
//! their history and who saw what.
//!
//! # The reading, in eight rules
//!
//! 1. *Place:* a node is in the folder that the winning move says; in the root if there is no such folder.
//! 2. *Cycles:* of folders moved into each other, the one moved last goes back to where it was.
//! 3. *Deletion* is a mark that lists the writes its author saw. Any other current write (an edit, rename or
//!    move that the deleter did not know) keeps the node. What is deleted is in the [trash](tree::Trashed).
//! 4. A deleted *folder* still shows while something in it lives, with only that.
//! 5. *Same name:* the node created first keeps it; others show as `name (tag).ext`.
//! 6. *Content:* versions written apart show beside each other, the others as
//!    `name (conflict who tag).ext`, until somebody edits, renames or deletes one of them or
//!    [picks one](edit::Edit::Resolve).
//! 7. A *rename over a file* (how editors save) is an edit of that file.
//! 8. *Limits:* names of 255 bytes without `/` and NUL; 256 folders deep.
//!
//! Each case in which edits met is a [conflict](conflict::Conflict) that can be told in plain words, on every
//! device the same.
//!
//! # Two devices
//!
//! ```
//! use peerdrive_crdt_tree::edit::{Edit, Place};
//! use peerdrive_crdt_tree::id::{Actor, NodeId};
//! use peerdrive_crdt_tree::lint::Author;
//! use peerdrive_crdt_tree::name::Name;
//! use peerdrive_crdt_tree::node::Kind;
//! use peerdrive_crdt_tree::tree::DriveTree;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (ann, bob) = (Actor([1; 16]), Actor([2; 16]));
//! let (mut at_anns, mut at_bobs) = (DriveTree::new(ann), DriveTree::new(bob));
//!
//! // Ann makes `notes/plan.md`, as one action, and Bob hears of it.
//! let made = at_anns.edit(&[
//!     Edit::Create {
//!         parent: Place::In(NodeId::ROOT),
//!         name: Name::new("notes")?,
//!         kind: Kind::Folder,
//!         content: None,
//!         mode: None,
//!     },
//!     Edit::Create {
//!         parent: Place::InCreated(0),
//!         name: Name::new("plan.md")?,
//!         kind: Kind::File,
//!         content: None,
//!         mode: None,
//!     },
//! ]);
//! at_bobs.apply(&made.changes[0], &Author { actor: ann, seq: 1 })?;
//! let plan = at_bobs.lookup("notes/plan.md").ok_or("not there")?;
//!
//! // Apart, Ann renames the folder and Bob the file in it.
//! let notes = at_anns.lookup("notes").ok_or("not there")?;
//! let root = NodeId::ROOT;
//! let renamed = at_anns.edit(&[Edit::Move { node: notes, parent: root, name: Name::new("ideas")? }]);
//! let edited = at_bobs.edit(&[Edit::Move { node: plan, parent: notes, name: Name::new("big plan.md")? }]);
//!
//! // They meet, in any order, and both hold.
//! at_bobs.apply(&renamed.changes[0], &Author { actor: ann, seq: 2 })?;
//! at_anns.apply(&edited.changes[0], &Author { actor: bob, seq: 1 })?;
//! assert_eq!(at_anns.path(plan).as_deref(), Some("ideas/big plan.md"));
//! assert_eq!(at_bobs.path(plan).as_deref(), Some("ideas/big plan.md"));
//! assert!(at_anns.conflicts().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! Nobody was asked anything, and nothing was sent but the two changes. (In the product a change travels
//! inside a signed entry; that is where the [`Author`](lint::Author) comes from who stands beside it here.)
//!
//! # When not everything can hold
//!
//! Ann moves the folder `a` into `b`; Bob, who has not heard of that, moves `b` into `a`. A program that
//! carried out both would have two folders that hold each other, and that no path leads to.
//!
//! ```
//! # use peerdrive_crdt_tree::edit::{Edit, Place};
//! # use peerdrive_crdt_tree::id::{Actor, NodeId};
//! # use peerdrive_crdt_tree::lint::Author;
//! # use peerdrive_crdt_tree::name::Name;
//! # use peerdrive_crdt_tree::node::Kind;
//! # use peerdrive_crdt_tree::tree::DriveTree;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (ann, bob) = (Actor([1; 16]), Actor([2; 16]));
//! # let (mut at_anns, mut at_bobs) = (DriveTree::new(ann), DriveTree::new(bob));
//! # let folder = |name: &str| -> Result<Edit, Box<dyn std::error::Error>> {
//! #     let (parent, name) = (Place::In(NodeId::ROOT), Name::new(name)?);
//! #     Ok(Edit::Create { parent, name, kind: Kind::Folder, content: None, mode: None })
//! # };
//! # let made = at_anns.edit(&[folder("a")?, folder("b")?]);
//! # at_bobs.apply(&made.changes[0], &Author { actor: ann, seq: 1 })?;
//! # let a = at_anns.lookup("a").ok_or("not there")?;
//! # let b = at_anns.lookup("b").ok_or("not there")?;
//! let into_b = at_anns.edit(&[Edit::Move { node: a, parent: b, name: Name::new("a")? }]);
//! let into_a = at_bobs.edit(&[Edit::Move { node: b, parent: a, name: Name::new("b")? }]);
//! at_bobs.apply(&into_b.changes[0], &Author { actor: ann, seq: 2 })?;
//! at_anns.apply(&into_a.changes[0], &Author { actor: bob, seq: 1 })?;
//!
//! // Both moves are in both documents. Rule 2 reads them: the later one does not count.
//! for tree in [&at_anns, &at_bobs] {
//!     let shown: Vec<String> = tree.walk().filter_map(|id| tree.path(id)).collect();
//!     assert_eq!(shown, ["b", "b/a"]);
//!     let told = tree.conflicts()[0].to_string();
//!     assert!(told.starts_with("The folder `b` was moved into the folder that is now `b/a`, while"));
//! }
//! assert_eq!(at_anns.view_hash(), at_bobs.view_hash());
//!
//! // Bob settles it. What he does now he does having seen both, so it holds for everyone.
//! let settled = at_bobs.edit(&[Edit::Move { node: a, parent: NodeId::ROOT, name: Name::new("a")? }]);
//! at_anns.apply(&settled.changes[0], &Author { actor: bob, seq: 2 })?;
//! assert_eq!(at_anns.path(b).as_deref(), Some("a/b"));
//! assert!(at_anns.conflicts().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! Note what the last step shows: Bob's first move was never lost. It lay in the document, read as "not now",
//! and counted again as soon as nothing stood against it.
//!
//! # When both wrote the same file
//!
//! Here nothing can be put together without looking into the file, which this crate never does. So both
//! versions show, and a person decides.
//!
//! ```
//! # use peerdrive_crdt_tree::edit::{Edit, Place};
//! # use peerdrive_crdt_tree::id::{Actor, NodeId};
//! # use peerdrive_crdt_tree::lint::Author;
//! # use peerdrive_crdt_tree::name::Name;
//! # use peerdrive_crdt_tree::node::{Content, ContentHash, FileContent, Kind};
//! # use peerdrive_crdt_tree::tree::DriveTree;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (ann, bob) = (Actor([1; 16]), Actor([2; 16]));
//! # let (mut at_anns, mut at_bobs) = (DriveTree::new(ann), DriveTree::new(bob));
//! # let (parent, name) = (Place::In(NodeId::ROOT), Name::new("plan.md")?);
//! # let made = at_anns.edit(&[Edit::Create { parent, name, kind: Kind::File, content: None, mode: None }]);
//! # at_bobs.apply(&made.changes[0], &Author { actor: ann, seq: 1 })?;
//! # let plan = at_anns.lookup("plan.md").ok_or("not there")?;
//! // A content is the hash of the bytes, which lie elsewhere.
//! let version = |hash: u8| -> Content {
//!     Content::File(FileContent { hash: ContentHash([hash; 32]), len: 4, mtime_ns: 0, manifest: None })
//! };
//! let of_ann = at_anns.edit(&[Edit::SetContent { node: plan, content: version(1) }]);
//! let of_bob = at_bobs.edit(&[Edit::SetContent { node: plan, content: version(2) }]);
//! at_bobs.apply(&of_ann.changes[0], &Author { actor: ann, seq: 2 })?;
//! at_anns.apply(&of_bob.changes[0], &Author { actor: bob, seq: 1 })?;
//!
//! // Bob's version won: neither had seen more than the other, and of two equal counters the greater
//! // author wins. Ann's shows beside it, under the same name on both devices.
//! let shown: Vec<String> = at_anns.walk().filter_map(|id| at_anns.path(id)).collect();
//! assert!(shown[0].starts_with("plan (conflict ") && shown[0].ends_with(").md"));
//! assert_eq!(shown[1], "plan.md");
//! assert_eq!(at_bobs.get(plan).and_then(|node| node.content), Some(version(2)));
//! assert_eq!(at_anns.view_hash(), at_bobs.view_hash());
//!
//! // Ann looks at both and keeps her own: one more write to the slot, which has seen both values.
//! let keep = at_anns.lookup(&shown[0]).ok_or("not there")?;
//! let kept = at_anns.edit(&[Edit::Resolve { node: plan, keep }]);
//! at_bobs.apply(&kept.changes[0], &Author { actor: ann, seq: 3 })?;
//! assert_eq!(at_bobs.get(plan).and_then(|node| node.content), Some(version(1)));
//! assert!(at_bobs.conflicts().is_empty() && at_bobs.counts().files == 1);
//! # Ok(())
//! # }
//! ```
//!
//! # When messages come late, twice or in the wrong order
//!
//! A change that builds on one that is not there yet is refused and can be offered again later; one that is
//! there already does nothing. That is all that whoever carries changes between devices has to know.
//!
//! ```
//! # use peerdrive_crdt_tree::edit::{Edit, Place};
//! # use peerdrive_crdt_tree::id::{Actor, NodeId};
//! # use peerdrive_crdt_tree::lint::Author;
//! # use peerdrive_crdt_tree::name::Name;
//! # use peerdrive_crdt_tree::node::Kind;
//! # use peerdrive_crdt_tree::tree::{ApplyError, DriveTree};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (ann, bob) = (Actor([1; 16]), Actor([2; 16]));
//! # let (mut at_anns, mut at_bobs) = (DriveTree::new(ann), DriveTree::new(bob));
//! # let folder = |name: &str| -> Result<Edit, Box<dyn std::error::Error>> {
//! #     let (parent, name) = (Place::In(NodeId::ROOT), Name::new(name)?);
//! #     Ok(Edit::Create { parent, name, kind: Kind::Folder, content: None, mode: None })
//! # };
//! let (first, second) = (at_anns.edit(&[folder("a")?]), at_anns.edit(&[folder("b")?]));
//! let [one, two] = [1, 2].map(|seq| Author { actor: ann, seq });
//!
//! let early = at_bobs.apply(&second.changes[0], &two);
//! assert!(matches!(early, Err(ApplyError::MissingDependency(_))));
//! at_bobs.apply(&first.changes[0], &one)?;
//! at_bobs.apply(&second.changes[0], &two)?;
//! assert!(at_bobs.apply(&first.changes[0], &one)?.is_empty(), "no events: nothing happened");
//! assert_eq!(at_bobs.view_hash(), at_anns.view_hash());
//!
//! // What was saved is the whole of it: the tree, its history, and who saw what.
//! let again = DriveTree::load(&at_bobs.save(), bob)?;
//! assert_eq!(again.view_hash(), at_anns.view_hash());
//! # Ok(())
//! # }
//! ```
//!
//! # Words
//!
//! | word | here it means |
//! |---|---|
//! | node | a file, folder or symlink, known by its id for as long as the drive lasts, deleted or not |
//! | register | a slot of a node: how it began, place, name, content, attributes, deletion |
//! | op | one write to one register; its id is a counter and its author |
//! | change | the ops of one action, with the changes that they build on; what travels |
//! | actor, author | under whom a device writes |
//! | heads | the changes on which nothing builds yet: they name a whole state of the document |
//! | view | the tree as it shows, read off the registers |
//! | conflict copy | a version that shows beside its file, and becomes a node when somebody touches it |
//!
//! # The rooms
//!
//! - [`tree`]: [`DriveTree`](tree::DriveTree), the document with its view; everything below serves it.
//! - [`edit`], [`event`], [`conflict`], [`node`], [`name`], [`id`]: the words in which doors talk to it.
//! - `resolve`: the rules, as pure functions; to be read in one sitting.
//! - `view`: the reading, kept up to date in time proportional to each change. Its tests compare it after
//!   every step of random histories with `testing::reference`, which computes everything anew.
//! - [`written`], [`Past`](tree::Past): what one change wrote, and what the tree showed earlier.
//! - `schema`, `register`: where values lie in the document and how they are packed.
//! - [`lint`]: the gate. Automerge trusts its input, so every change from outside is first checked to be one
//!   that this program could itself have written at that point.
//!
//! # What is not here
//!
//! Signatures, roles, entries and epochs (`peerdrive-crypto`); bytes of files: a content is a hash, a length
//! and a reference; disks, and what names a disk can hold; when anything happened.

pub mod conflict;
pub mod edit;
pub mod event;
#[cfg(feature = "test-utils")]
#[doc(hidden)]
pub mod harness;
pub mod id;
pub mod lint;
pub mod name;
pub mod node;
mod register;
mod resolve;
mod schema;
#[cfg(feature = "test-utils")]
pub mod testing;
pub mod tree;
mod view;
pub mod written;

pub use view::Counts;

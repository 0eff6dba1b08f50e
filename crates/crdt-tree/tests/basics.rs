//! One device, and two that exchange every change: the doors' daily bread.

use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::event::TreeEvent;
use peerdrive_crdt_tree::id::{Actor, NodeId};
use peerdrive_crdt_tree::lint::Author;
use peerdrive_crdt_tree::name::Name;
use peerdrive_crdt_tree::node::{Content, ContentHash, FileContent, Kind};
use peerdrive_crdt_tree::tree::{DriveTree, EditError};

#[expect(clippy::expect_used, reason = "names that tests write down")]
fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

type TestResult = Result<(), Box<dyn std::error::Error>>;

fn bytes(of: u8) -> Content {
    Content::File(FileContent {
        hash: ContentHash([of; 32]),
        len: u64::from(of),
        mtime_ns: i64::from(of),
        manifest: None,
    })
}

fn create(parent: NodeId, name: &str, kind: Kind, content: Option<Content>) -> Edit {
    let name = self::name(name);
    Edit::Create {
        parent: Place::In(parent),
        name,
        kind,
        content,
        mode: None,
    }
}

fn do_one(tree: &mut DriveTree, edit: Edit) -> Result<NodeId, EditError> {
    tree.edit(&[edit]).results.remove(0)
}

#[test]
fn a_file_created_here_shows_there_under_the_same_id() -> TestResult {
    let (a, b) = (Actor([1; 16]), Actor([2; 16]));
    let mut here = DriveTree::new(a);
    let mut there = DriveTree::new(b);
    let mut edited = here.edit(&[
        create(NodeId::ROOT, "notes", Kind::Folder, None),
        Edit::Create {
            parent: Place::InCreated(0),
            name: Name::new("plan.md")?,
            kind: Kind::File,
            content: Some(bytes(7)),
            mode: Some(0o600),
        },
    ]);
    let file = edited.results.remove(1)?;
    assert_eq!(edited.changes.len(), 1);
    assert_eq!(here.lookup("notes/plan.md"), Some(file));
    let events = there.apply(&edited.changes[0], &Author { actor: a, seq: 1 })?;
    assert_eq!(events, edited.events);
    assert_eq!(events[1], TreeEvent::NodeCreated { id: file });
    assert_eq!(there.lookup("notes/plan.md"), Some(file));
    assert_eq!(there.get(file), here.get(file));
    assert_eq!(there.view_hash(), here.view_hash());
    assert_ne!(there.view_hash(), DriveTree::new(a).view_hash());
    assert_eq!(there.get(file).map(|node| node.mode), Some(0o600));
    assert_eq!(
        there.apply(&edited.changes[0], &Author { actor: a, seq: 1 })?,
        []
    );
    Ok(())
}

#[test]
fn a_folder_deleted_takes_everything_with_it_and_brings_it_back() -> TestResult {
    let mut tree = DriveTree::new(Actor([1; 16]));
    let folder = do_one(&mut tree, create(NodeId::ROOT, "a", Kind::Folder, None))?;
    let file = do_one(&mut tree, create(folder, "f", Kind::File, Some(bytes(1))))?;
    do_one(&mut tree, Edit::Delete { node: folder })?;
    assert_eq!(tree.lookup("a/f"), None);
    assert_eq!(tree.trash().len(), 2);
    do_one(&mut tree, Edit::Restore { node: folder })?;
    assert_eq!(tree.lookup("a/f"), Some(file));
    assert_eq!(tree.counts().bytes, 1);
    let copy = DriveTree::load(&tree.save(), Actor([9; 16]))?;
    assert_eq!(copy.lookup("a/f"), Some(file));
    Ok(())
}

#[test]
fn a_refused_edit_leaves_no_trace_and_the_next_one_goes_on() -> TestResult {
    let mut tree = DriveTree::new(Actor([1; 16]));
    let edits = [
        create(NodeId([7; 16]), "lost", Kind::Folder, None),
        create(NodeId::ROOT, "kept", Kind::Folder, None),
        create(NodeId::ROOT, "kept", Kind::File, None),
    ];
    let edited = tree.edit(&edits);
    assert_eq!(edited.results[0], Err(EditError::NotFound(NodeId([7; 16]))));
    assert!(matches!(
        edited.results[2],
        Err(EditError::NameTaken { .. })
    ));
    assert_eq!(
        tree.children(NodeId::ROOT)
            .map(|(name, _)| name)
            .collect::<Vec<_>>(),
        ["kept"]
    );
    assert_eq!(edited.changes.len(), 1);
    Ok(())
}

#[test]
fn versions_written_apart_show_beside_each_other_until_one_is_edited() -> TestResult {
    let (a, b) = (Actor([1; 16]), Actor([2; 16]));
    let (mut here, mut there) = (DriveTree::new(a), DriveTree::new(b));
    let x = here.edit(&[create(NodeId::ROOT, "f.txt", Kind::File, Some(bytes(1)))]);
    let y = there.edit(&[create(NodeId::ROOT, "f.txt", Kind::File, Some(bytes(2)))]);
    let events = here.apply(&y.changes[0], &Author { actor: b, seq: 1 })?;
    there.apply(&x.changes[0], &Author { actor: a, seq: 1 })?;
    assert_eq!(
        here.children(NodeId::ROOT).collect::<Vec<_>>(),
        there.children(NodeId::ROOT).collect::<Vec<_>>()
    );
    assert_eq!(here.counts().files, 2);
    let node = here.lookup("f.txt").ok_or("gone")?;
    assert!(events.contains(&TreeEvent::ConflictAppeared { id: node }));
    let copy = here
        .children(NodeId::ROOT)
        .find(|(_, id)| *id != node)
        .ok_or("no copy")?
        .1;
    assert_eq!(here.get(copy).and_then(|copy| copy.content), Some(bytes(1)));
    let edited = here.edit(&[Edit::SetContent {
        node: copy,
        content: bytes(3),
    }]);
    assert!(
        edited
            .events
            .contains(&TreeEvent::ConflictEnded { id: node }),
        "{:?}",
        edited.events
    );
    assert_eq!(here.conflicts(), []);
    assert_eq!(here.get(copy).and_then(|copy| copy.content), Some(bytes(3)));
    assert_eq!(here.get(node).and_then(|copy| copy.content), Some(bytes(2)));
    there.apply(&edited.changes[0], &Author { actor: a, seq: 2 })?;
    assert_eq!(there.get(copy), here.get(copy));
    assert_eq!(there.conflicts(), []);
    Ok(())
}

#[test]
fn folders_moved_into_each_other_both_stay_reachable() -> TestResult {
    let (a, b) = (Actor([1; 16]), Actor([2; 16]));
    let (mut here, mut there) = (DriveTree::new(a), DriveTree::new(b));
    let made = here.edit(&[
        create(NodeId::ROOT, "x", Kind::Folder, None),
        create(NodeId::ROOT, "y", Kind::Folder, None),
    ]);
    there.apply(&made.changes[0], &Author { actor: a, seq: 1 })?;
    let (x, y) = (made.results[0].clone()?, made.results[1].clone()?);
    let one = here.edit(&[Edit::Move {
        node: x,
        parent: y,
        name: Name::new("x")?,
    }]);
    let two = there.edit(&[Edit::Move {
        node: y,
        parent: x,
        name: Name::new("y")?,
    }]);
    here.apply(&two.changes[0], &Author { actor: b, seq: 1 })?;
    there.apply(&one.changes[0], &Author { actor: a, seq: 2 })?;
    for tree in [&here, &there] {
        assert_eq!(
            tree.walk()
                .filter_map(|id| tree.path(id))
                .collect::<Vec<_>>(),
            ["y", "y/x"]
        );
        assert_eq!(tree.conflicts().len(), 1);
    }
    Ok(())
}

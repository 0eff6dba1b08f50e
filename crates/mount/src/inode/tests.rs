use super::{Bound, Gone, Inodes, NewFile, ROOT_INO};
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::name::{Name, NameError};
use peerdrive_crdt_tree::node::Kind;

const NODE: NodeId = NodeId([7; 16]);

fn gone() -> Gone {
    Gone {
        origin: None,
        kind: Kind::File,
        mode: 0o644,
        mtime_ns: 0,
        content: None,
    }
}

#[test]
fn a_number_stays_with_its_node_until_forgotten_as_often_as_given() {
    let mut inodes = Inodes::new();
    let ino = inodes.look_up(NODE);
    assert_eq!(inodes.look_up(NODE), ino);
    inodes.forget(ino, 1);
    assert_eq!(inodes.of_node(NODE), Some(ino));
    inodes.forget(ino, 1);
    assert_eq!(inodes.of_node(NODE), None);
    assert_eq!(inodes.len(), 1);
    assert_eq!(inodes.look_up(NODE), ino);
}

#[test]
fn an_open_number_outlives_being_forgotten() {
    let mut inodes = Inodes::new();
    let ino = inodes.look_up(NODE);
    inodes.opened(ino);
    inodes.forget(ino, 1);
    assert_eq!(inodes.of_node(NODE), Some(ino));
    inodes.closed(ino);
    assert_eq!(inodes.of_node(NODE), None);
}

#[test]
fn the_root_is_never_forgotten() {
    let mut inodes = Inodes::new();
    inodes.forget(ROOT_INO, u64::MAX);
    assert_eq!(inodes.of_node(NodeId::ROOT), Some(ROOT_INO));
}

#[test]
fn a_node_that_lives_again_gets_another_number_than_who_still_holds_the_old_one() {
    let mut inodes = Inodes::new();
    let old = inodes.look_up(NODE);
    assert_eq!(inodes.let_go(NODE, gone()), Some(old));
    let new = inodes.look_up(NODE);
    assert_ne!(new, old);
    inodes.forget(old, 1);
    assert_eq!(inodes.of_node(NODE), Some(new));
    assert_eq!(inodes.look_up(NODE), new);
}

#[test]
fn nodes_whose_ids_begin_alike_have_different_numbers() {
    let mut twin = NODE;
    twin.0[15] = 8;
    let mut inodes = Inodes::new();
    assert_ne!(inodes.look_up(NODE), inodes.look_up(twin));
}

#[test]
fn a_new_file_is_found_by_either_spelling_and_keeps_its_number_as_a_node() -> Result<(), NameError>
{
    let mut inodes = Inodes::new();
    let file = NewFile {
        parent: NodeId::ROOT,
        name: Name::new("\u{e9}")?,
        mode: 0o644,
    };
    let ino = inodes.look_up_new(file, None);
    assert_eq!(
        inodes.find_new(NodeId::ROOT, &Name::new("e\u{301}")?),
        Some(ino)
    );
    inodes.bind(ino, Bound::Node(NODE));
    assert_eq!(inodes.find_new(NodeId::ROOT, &Name::new("\u{e9}")?), None);
    assert_eq!(inodes.of_node(NODE), Some(ino));
    assert!(inodes.all_new(NodeId::ROOT).is_empty());
    Ok(())
}

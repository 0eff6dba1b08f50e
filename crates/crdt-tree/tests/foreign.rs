//! Documents that others saved: what they say of themselves, and what is refused of them.

mod support;

use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, ROOT};
use peerdrive_crdt_tree::id::Actor;
use peerdrive_crdt_tree::lint::Author;
use peerdrive_crdt_tree::tree::DriveTree;
use support::{Device, TestResult, devices, meet};

const NOBODY: Actor = Actor([0xff; 16]);

#[test]
fn a_foreign_document_says_which_changes_of_whom_it_holds_in_order() -> TestResult {
    let mut both = devices(2, |device| {
        device.file("a", 1)?;
        device.file("b", 2)?;
        Ok(())
    })?;
    both[1].file("c", 3)?;
    meet(&mut both)?;
    let saved = both[0].tree.save();
    let foreign = DriveTree::load_foreign(&saved, 3, NOBODY)?;
    let changes = foreign.changes();
    let count = |device: &Device| changes.get(&device.actor).map(Vec::len);
    assert_eq!(
        (changes.len(), count(&both[0]), count(&both[1])),
        (2, Some(2), Some(1)),
        "two authors, and not the beginning that all drives share"
    );
    assert!(
        changes
            .values()
            .flatten()
            .all(|hash| foreign.has_change(hash))
    );
    // The numbers of an author are in order: only his first can be in a document without his second.
    let (first, author) = (&both[0].sent[0], both[0].actor);
    let mut third = Device::new(3);
    third.tree.apply(
        first,
        &Author {
            actor: author,
            seq: 1,
        },
    )?;
    let early = third.tree.changes();
    let of_both = changes.get(&author).ok_or("nothing of them")?;
    assert_eq!(early.get(&author).map(Vec::as_slice), of_both.get(..1));
    assert_eq!(foreign.view_hash(), both[1].tree.view_hash());
    Ok(())
}

#[test]
fn a_foreign_document_with_fewer_or_more_changes_than_it_should_have_is_refused() -> TestResult {
    let mut device = Device::new(1);
    device.file("a", 1)?;
    device.file("b", 2)?;
    let saved = device.tree.save();
    assert!(DriveTree::load_foreign(&saved, 2, NOBODY).is_ok());
    assert!(DriveTree::load_foreign(&saved, 1, NOBODY).is_err());
    Ok(())
}

#[test]
fn a_foreign_document_that_begins_otherwise_is_no_drive() -> TestResult {
    let mut other = Automerge::new().with_actor(ActorId::from([5; 16]));
    let mut transaction = other.transaction();
    transaction.put(ROOT, "v", 1u64)?;
    transaction.commit();
    assert!(DriveTree::load_foreign(&other.save_nocompress(), 1, NOBODY).is_err());
    Ok(())
}

//! Documents that others saved: what they say of themselves, and what is refused of them.

mod support;

use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, Change, ROOT};
use peerdrive_crdt_tree::id::Actor;
use peerdrive_crdt_tree::lint::{Author, MAX_COUNTER};
use peerdrive_crdt_tree::tree::{DriveTree, LoadError};
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
fn a_tree_that_nobody_looks_at_takes_changes_in_and_shows_them_once_it_is_looked_at() -> TestResult
{
    let mut both = devices(2, |device| {
        device.file("a", 1)?;
        Ok(())
    })?;
    let mut hidden = DriveTree::load(&both[1].tree.save(), NOBODY)?;
    hidden.hide();
    both[0].file("b", 2)?;
    both[0].folder("c")?;
    let author = both[0].actor;
    let sent = both[0].sent.clone();
    for (at, change) in sent.iter().enumerate() {
        let seq = at as u64 + 1;
        let author = Author { actor: author, seq };
        assert!(hidden.apply(change, &author)?.is_empty());
    }
    assert_eq!(hidden.counts().files, 0, "there is no view");
    assert_eq!(hidden.heads(), both[0].tree.heads());
    assert_eq!(hidden.changes(), both[0].tree.changes());
    hidden.reveal();
    assert_eq!(hidden.view_hash(), both[0].tree.view_hash());
    assert_eq!(hidden.counts(), both[0].tree.counts());
    meet(&mut both)?;
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

/// A document of these changes, as Automerge takes them, with whatever the linter would refuse.
fn unlinted(changes: &[Change]) -> Result<Vec<u8>, automerge::AutomergeError> {
    let mut document = Automerge::new();
    document.apply_changes(changes.to_vec())?;
    Ok(document.save_nocompress())
}

/// The change that every drive begins with, and the first of this device.
fn first_two(device: &mut Device) -> Result<[Change; 2], Box<dyn std::error::Error>> {
    device.file("a", 1)?;
    let document = Automerge::load(&device.tree.save())?;
    let all = document.get_changes(&[]);
    <[Change; 2]>::try_from(all).map_err(|all| format!("{} changes", all.len()).into())
}

#[test]
fn a_foreign_document_with_a_beginning_of_its_own_is_no_drive() -> TestResult {
    let [genesis, _] = first_two(&mut Device::new(1))?;
    assert!(DriveTree::load_foreign(&unlinted(std::slice::from_ref(&genesis))?, 0, NOBODY).is_ok());
    // The same buckets, by the same author, but another change: nothing of a drive builds on it.
    let mut own = genesis.decode();
    own.time = 1;
    let refused = DriveTree::load_foreign(&unlinted(&[own.into()])?, 0, NOBODY);
    assert!(matches!(refused, Err(LoadError::NotADrive)));
    Ok(())
}

#[test]
fn a_foreign_document_whose_counters_leave_no_room_is_refused() -> TestResult {
    let [genesis, first] = first_two(&mut Device::new(1))?;
    let ops = first.len() as u64;
    for (last, fits) in [(MAX_COUNTER - 1, true), (MAX_COUNTER, false)] {
        let mut late = first.decode();
        let start = last + 1 - ops;
        // What it makes goes by its counter, and what is done to that too.
        let by = start - late.start_op.get();
        late.start_op = start.try_into()?;
        let actor = late.actor_id.clone();
        for op in &mut late.operations {
            if let automerge::legacy::ObjectId::Id(id) = &op.obj
                && *id.actor() == actor
            {
                let id = automerge::legacy::OpId::new(id.counter() + by, &actor);
                op.obj = automerge::legacy::ObjectId::Id(id);
            }
        }
        let saved = unlinted(&[genesis.clone(), late.into()])?;
        let loaded = DriveTree::load_foreign(&saved, 1, NOBODY);
        assert_eq!(loaded.is_ok(), fits, "{last}: {:?}", loaded.err());
    }
    Ok(())
}

//! Documents of other versions, other programs and odd shapes; and drives that are large in one way.

mod support;

use std::collections::BTreeSet;

use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, ObjId, ROOT, ReadDoc, ScalarValue};
use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::id::{Actor, NodeId};
use peerdrive_crdt_tree::lint::{Author, LintError, MAX_CHANGE_BYTES};
use peerdrive_crdt_tree::node::Kind;
use peerdrive_crdt_tree::testing::{nodes_written, picture, reference};
use peerdrive_crdt_tree::tree::{ApplyError, DriveTree, EditError, LoadError};
use support::{Device, TestResult, bytes, devices, hear, meet, name};

fn send_and_sync<T: Send + Sync>() {}

#[test]
fn a_tree_can_be_shared_between_threads() {
    send_and_sync::<DriveTree>();
}

/// The document of a device as another program would open it.
fn open(device: &mut Device, actor: u8) -> Result<Automerge, automerge::AutomergeError> {
    Ok(Automerge::load(&device.tree.save())?.with_actor(ActorId::from([actor; 16])))
}

#[test]
fn a_tree_says_who_writes_it_what_is_in_it_and_that_it_can_be_written() -> TestResult {
    let mut device = Device::new(1);
    assert_eq!(device.tree.actor(), Some(device.actor));
    device.tree.set_actor(Actor([8; 16]));
    assert_eq!(device.tree.actor(), Some(Actor([8; 16])));
    assert!(!device.tree.read_only());
    device.file("f", 1)?;
    let heads = device.tree.heads();
    assert!(heads.iter().all(|head| device.tree.has_change(head)));
    assert!(!device.tree.has_change(&[0; 32]));
    Ok(())
}

#[test]
fn a_document_of_a_newer_schema_opens_read_only() -> TestResult {
    let mut device = Device::new(1);
    let file = device.file("f", 1)?;
    let mut newer = open(&mut device, 5)?;
    let mut transaction = newer.transaction();
    transaction.put(ROOT, "v", 2u64)?;
    transaction.commit();
    let mut tree = DriveTree::load(&newer.save(), Actor([1; 16]))?;
    assert!(tree.read_only());
    assert_eq!(tree.lookup("f"), Some(file));
    let edited = tree.edit(&[Edit::Delete { node: file }]);
    assert_eq!(edited.results, [Err(EditError::ReadOnly)]);
    assert!(edited.changes.is_empty());
    let author = Author {
        actor: Actor([1; 16]),
        seq: 1,
    };
    assert_eq!(
        tree.apply(&device.sent[0], &author),
        Err(ApplyError::ReadOnly)
    );
    // From a writer, the same change is refused: a schema is changed by an update, not by a peer.
    let change = newer.get_last_local_change().ok_or("no change")?;
    let author = Author {
        actor: Actor([5; 16]),
        seq: 1,
    };
    let refused = device.tree.apply(change.raw_bytes(), &author);
    assert!(matches!(refused, Err(ApplyError::Lint(_))), "{refused:?}");
    Ok(())
}

#[test]
fn a_newer_schema_with_its_nodes_elsewhere_opens_read_only_and_shows_nothing_false() -> TestResult {
    let mut newer = Automerge::new().with_actor(ActorId::from([0; 16]));
    let mut transaction = newer.transaction();
    transaction.put(ROOT, "v", 2u64)?;
    transaction.put_object(ROOT, "elsewhere", automerge::ObjType::Map)?;
    transaction.commit();
    let mut tree = DriveTree::load(&newer.save(), Actor([1; 16]))?;
    assert!(tree.read_only());
    assert_eq!(tree.walk().count(), 0);
    let edited = tree.edit(&[Edit::Delete {
        node: NodeId([1; 16]),
    }]);
    assert_eq!(edited.results, [Err(EditError::ReadOnly)]);
    Ok(())
}

#[test]
fn registers_that_this_version_does_not_know_are_kept() -> TestResult {
    let mut device = Device::new(1);
    let file = device.file("f", 1)?;
    let mut newer = open(&mut device, 5)?;
    let key = format!("{file}q");
    let bucket = bucket(&newer, &format!("{file}k")).ok_or("no bucket")?;
    let mut transaction = newer.transaction();
    transaction.put(&bucket, key.as_str(), ScalarValue::Bytes(vec![1, 2, 3]))?;
    transaction.commit_with(automerge::transaction::CommitOptions::default().with_time(0));
    let change = newer.get_last_local_change().ok_or("no change")?;
    let author = Author {
        actor: Actor([5; 16]),
        seq: 1,
    };
    assert_eq!(device.tree.apply(change.raw_bytes(), &author)?, []);
    device.write("f", 2)?;
    let kept = Automerge::load(&device.tree.save())?;
    let value = kept.get(&bucket, key.as_str())?.ok_or("gone")?.0;
    assert_eq!(value.as_bytes(), Some(&[1u8, 2, 3][..]));
    Ok(())
}

fn bucket(document: &Automerge, key: &str) -> Option<ObjId> {
    let buckets: Vec<String> = document.keys(ROOT).filter(|name| name != "v").collect();
    buckets.into_iter().find_map(|name| {
        let (_, id) = document.get(ROOT, name).ok()??;
        document.get(&id, key).ok()?.map(|_| id)
    })
}

#[test]
fn what_is_no_drive_does_not_load() -> TestResult {
    let actor = Actor([1; 16]);
    assert!(matches!(
        DriveTree::load(b"nonsense", actor),
        Err(LoadError::Automerge(_))
    ));
    let mut other = Automerge::new();
    let mut transaction = other.transaction();
    transaction.put(ROOT, "v", 1u64)?;
    transaction.commit();
    assert_eq!(
        DriveTree::load(&other.save(), actor).err(),
        Some(LoadError::NotADrive)
    );
    let whole = Device::new(1).tree.save();
    for end in [0, 1, whole.len() / 2, whole.len() - 1] {
        assert!(
            DriveTree::load(&whole[..end], actor).is_err(),
            "{end} bytes"
        );
    }
    Ok(())
}

#[test]
fn a_node_whose_parent_never_existed_shows_in_the_root_until_it_does() -> TestResult {
    // No honest device writes this, but the linter cannot know that a folder will never be.
    let mut victim = Device::new(1);
    let mut forger = Device::new(2);
    let mut later = Device::new(3);
    let folder = later.folder("late")?;
    let file = forger.file("f", 1)?;
    let inner = forger.folder("g")?;
    let mut document = open(&mut forger, 2)?;
    for node in [file, inner] {
        let bucket = bucket(&document, &format!("{node}k")).ok_or("no bucket")?;
        let mut transaction = document.transaction();
        let to = ScalarValue::Bytes(folder.0.to_vec());
        transaction.put(&bucket, format!("{node}p"), to)?;
        transaction.commit_with(automerge::transaction::CommitOptions::default().with_time(0));
        let change = document.get_last_local_change().ok_or("no change")?;
        forger.sent.push(change.raw_bytes().to_vec());
    }
    hear(&mut victim, &[&forger])?;
    assert_eq!(victim.paths(), ["f", "g"]);
    hear(&mut victim, &[&later])?;
    assert_eq!(victim.paths(), ["late", "late/f", "late/g"]);
    let all = forger.sent.iter().chain(&later.sent);
    let ids: BTreeSet<NodeId> = all.flat_map(|change| nodes_written(change)).collect();
    assert_eq!(picture(&victim.tree)?, reference(&victim.tree, &ids));
    Ok(())
}

#[test]
fn a_folder_that_names_itself_as_its_parent_goes_to_the_root() -> TestResult {
    let mut victim = Device::new(1);
    let mut forger = Device::new(2);
    let folder = forger.folder("g")?;
    let mut document = open(&mut forger, 2)?;
    let bucket = bucket(&document, &format!("{folder}k")).ok_or("no bucket")?;
    let mut transaction = document.transaction();
    // Itself, and itself again as all that came before.
    let to = ScalarValue::Bytes([folder.0, folder.0, folder.0].concat());
    transaction.put(&bucket, format!("{folder}p"), to)?;
    transaction.commit_with(automerge::transaction::CommitOptions::default().with_time(0));
    let change = document.get_last_local_change().ok_or("no change")?;
    forger.sent.push(change.raw_bytes().to_vec());
    hear(&mut victim, &[&forger])?;
    assert_eq!(victim.paths(), ["g"]);
    assert_eq!(victim.conflicts().len(), 1);
    Ok(())
}

#[test]
fn a_batch_that_is_too_much_for_one_change_becomes_several() -> TestResult {
    let mut d = devices(2, |d| {
        let parent = Place::In(d.folder("many")?);
        let create = |number: usize| Edit::Create {
            parent,
            name: name(&format!("{number} {}", "n".repeat(200))),
            kind: Kind::File,
            content: Some(bytes((number % 200) as u8)),
            mode: None,
        };
        let edited = d.edit(&(0..3000).map(create).collect::<Vec<_>>());
        assert!(edited.changes.len() > 1);
        assert!(
            edited
                .changes
                .iter()
                .all(|change| change.len() <= MAX_CHANGE_BYTES)
        );
        Ok(())
    })?;
    assert_eq!(d[1].tree.counts().files, 3000);
    let node = d[1].at("many");
    let edited = d[1].edit(&[Edit::Delete { node }]);
    assert!(
        edited
            .changes
            .iter()
            .all(|change| change.len() <= MAX_CHANGE_BYTES)
    );
    assert_eq!(edited.events.len(), 3001);
    meet(&mut d)?;
    assert_eq!(d[0].tree.trash().len(), 3001);
    d[0].one(Edit::Restore { node })?;
    assert_eq!(d[0].tree.counts().files, 3000);
    Ok(())
}

#[test]
fn a_folder_of_twenty_thousand_is_paged_in_order() -> TestResult {
    let mut device = Device::new(1);
    for start in (0..20_000).step_by(2000) {
        let create = |number: usize| Edit::Create {
            parent: Place::In(NodeId::ROOT),
            name: name(&format!("{number:05}")),
            kind: Kind::File,
            content: None,
            mode: None,
        };
        let _ = device.edit(&(start..start + 2000).map(create).collect::<Vec<_>>());
    }
    let (mut last, mut seen) = (String::new(), 0);
    loop {
        let page: Vec<String> = device
            .tree
            .children_after(NodeId::ROOT, &last)
            .take(777)
            .map(|(name, _)| name.to_owned())
            .collect();
        let Some(end) = page.last() else { break };
        last = end.clone();
        seen += page.len();
    }
    assert_eq!((seen, last.as_str()), (20_000, "19999"));
    Ok(())
}

#[test]
fn names_of_every_kind_are_kept_as_they_were_typed() -> TestResult {
    let names = [
        "CON",
        "a:b",
        "dot.",
        " space ",
        "\u{1f980}\u{200d}",
        "e\u{301}",
        "A",
        "a",
        "\u{202e}txt.exe",
        "-rf",
        "\n",
        "\u{fffd}",
        ".hidden",
        "~",
        "a\\b",
    ];
    let long = "\u{e9}".repeat(127);
    let mut device = Device::new(1);
    for text in names.iter().copied().chain([long.as_str()]) {
        let node = device.file(text, 1)?;
        assert_eq!(
            device.tree.get(node).map(|node| node.name).as_deref(),
            Some(text)
        );
    }
    let mut other = Device::new(2);
    hear(&mut other, &[&device])?;
    assert_eq!(picture(&device.tree)?, picture(&other.tree)?);
    Ok(())
}

#[test]
fn the_first_change_of_a_drive_is_the_same_everywhere_and_for_ever() {
    let (a, b) = (
        DriveTree::new(Actor([1; 16])),
        DriveTree::new(Actor([2; 16])),
    );
    assert_eq!(a.heads(), b.heads());
    let head: String = a.heads()[0]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        head, GENESIS,
        "the format has changed: every drive there is becomes unreadable"
    );
}

/// Hash of the first change: buckets, their names and their order.
const GENESIS: &str = "86494f2c9ae7b0d24c64b2f7713a801b736a12b5beeeee11658554590a4c8242";

#[test]
fn a_change_that_writes_outside_the_buckets_is_refused() -> TestResult {
    let mut device = Device::new(1);
    let mut other = open(&mut device, 5)?;
    let mut transaction = other.transaction();
    transaction.put(ROOT, "w", ScalarValue::Bytes(vec![1]))?;
    transaction.commit_with(automerge::transaction::CommitOptions::default().with_time(0));
    let change = other.get_last_local_change().ok_or("no change")?;
    let author = Author {
        actor: Actor([5; 16]),
        seq: 1,
    };
    let refused = device.tree.apply(change.raw_bytes(), &author);
    assert!(
        matches!(
            refused,
            Err(ApplyError::Lint(
                LintError::WrongBucket | LintError::NotCanonical(_)
            ))
        ),
        "{refused:?}"
    );
    Ok(())
}

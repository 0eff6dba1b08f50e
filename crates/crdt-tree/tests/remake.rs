//! What a device did on ground that fell away, done again: as if it had been done without that ground.

mod support;

use std::collections::BTreeMap;

use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::id::{Actor, NodeId};
use peerdrive_crdt_tree::lint::Author;
use peerdrive_crdt_tree::node::{Kind, Node};
use peerdrive_crdt_tree::testing::{Rng, picture};
use peerdrive_crdt_tree::tree::{DriveTree, Edited};
use support::{Device, TestResult, bytes, devices, hear, name};

type Or<T> = Result<T, Box<dyn std::error::Error>>;

/// Who acts again, under a name not used before.
const ANEW: Actor = Actor([30; 16]);

fn shown(tree: &DriveTree) -> BTreeMap<NodeId, Node> {
    let nodes = tree.walk().filter_map(|id| tree.get(id));
    nodes.map(|node| (node.id, node)).collect()
}

/// The drive of one who heard of these devices only, and what `worker` did after `from` changes made
/// again on it.
fn again(heard: &[&Device], worker: &Device, from: usize) -> Or<(Device, Edited)> {
    let mut clean = Device {
        tree: DriveTree::new(ANEW),
        actor: ANEW,
        sent: Vec::new(),
    };
    hear(&mut clean, heard)?;
    let edited = clean.tree.remake(&worker.tree, &worker.sent[from..]);
    // What was made passes for any other device's work.
    let mut reader = Device::new(40);
    hear(&mut reader, heard)?;
    for (change, seq) in edited.changes.iter().zip(1..) {
        reader.tree.apply(change, &Author { actor: ANEW, seq })?;
    }
    assert_eq!(reader.tree.view_hash(), clean.tree.view_hash());
    Ok((clean, edited))
}

/// An owner, somebody whose late work falls away, and one who built on both.
fn three(start: impl FnOnce(&mut Device) -> TestResult) -> Or<[Device; 3]> {
    let all = devices(3, start)?;
    all.try_into().map_err(|_| "three devices".into())
}

fn random_edit(tree: &DriveTree, late: NodeId, rng: &mut Rng) -> Edit {
    let is_late = |id: &NodeId| *id == late || tree.parent(*id) == Some(late);
    let mut nodes: Vec<NodeId> = tree.walk().filter(|id| !is_late(id)).collect();
    nodes.push(NodeId::ROOT);
    let some = |rng: &mut Rng| rng.pick(&nodes).copied().unwrap_or(NodeId::ROOT);
    let called = |rng: &mut Rng| name(&format!("n{}", rng.below(6)));
    let node = some(rng);
    let parent = some(rng);
    let of = 1 + rng.below(200) as u8;
    match rng.below(9) {
        0 => Edit::Create {
            parent: Place::In(parent),
            name: called(rng),
            kind: Kind::Folder,
            content: None,
            mode: None,
        },
        1 | 2 => Edit::Create {
            parent: Place::In(parent),
            name: called(rng),
            kind: Kind::File,
            content: Some(bytes(of)),
            mode: Some(0o600),
        },
        3 | 4 => Edit::Move {
            node,
            parent,
            name: called(rng),
        },
        5 => Edit::SetContent {
            node,
            content: bytes(of),
        },
        6 => Edit::SetAttributes {
            node,
            mode: Some(0o640),
            mtime_ns: Some(i64::from(of)),
        },
        7 => Edit::SetXattr {
            node,
            key: "user.a".into(),
            value: (of < 150).then(|| vec![of]),
        },
        _ => Edit::Delete { node },
    }
}

#[test]
fn work_that_did_not_touch_what_fell_away_is_as_if_done_without_it() -> TestResult {
    let seed = std::env::var("PEERDRIVE_SEED").ok();
    let seeds = match seed.and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed..seed + 1,
        None => 1..61u64,
    };
    for seed in seeds {
        let mut rng = Rng::new(seed);
        let [owner, mut removed, mut worker] = three(|d| {
            for _ in 0..12 {
                let edit = random_edit(&d.tree, NodeId::ROOT, &mut rng);
                let _ = d.edit(&[edit]);
            }
            Ok(())
        })?;
        let late = removed.folder("late")?;
        removed.file("late/work", 1)?;
        hear(&mut worker, &[&removed])?;
        // The same, by one who never heard of it.
        let mut model = Device::new(50);
        hear(&mut model, &[&owner])?;
        for _ in 0..25 {
            let edit = random_edit(&worker.tree, late, &mut rng);
            let here = worker.edit(std::slice::from_ref(&edit)).results;
            assert_eq!(here, model.edit(&[edit]).results, "PEERDRIVE_SEED={seed}");
        }
        let (clean, _) = again(&[&owner], &worker, 0)?;
        assert_eq!(
            shown(&clean.tree),
            shown(&model.tree),
            "PEERDRIVE_SEED={seed}"
        );
        for id in clean.tree.walk() {
            let (found, wanted) = (clean.tree.xattrs(id), model.tree.xattrs(id));
            assert_eq!(found, wanted, "PEERDRIVE_SEED={seed}");
        }
    }
    Ok(())
}

#[test]
fn what_others_did_meanwhile_is_not_written_over() -> TestResult {
    let [mut owner, mut removed, mut worker] = three(|d| {
        d.file("f", 1)?;
        d.file("g", 2)?;
        Ok(())
    })?;
    removed.write("f", 3)?;
    hear(&mut worker, &[&removed])?;
    worker.write("f", 4)?;
    worker.rm("g")?;
    owner.write("f", 5)?;
    owner.write("g", 6)?;
    let (clean, _) = again(&[&owner], &worker, 0)?;
    let mut contents: Vec<_> = clean
        .paths()
        .iter()
        .filter(|path| *path != "g")
        .filter_map(|path| clean.content(path))
        .collect();
    contents.sort_unstable();
    assert_eq!(contents, [4, 5], "both versions are there");
    assert_eq!(clean.content("g"), Some(6), "an unseen edit keeps a file");
    Ok(())
}

#[test]
fn what_was_made_in_a_folder_that_fell_away_has_its_folder_again() -> TestResult {
    let [owner, mut removed, mut worker] = three(|_| Ok(()))?;
    removed.folder("theirs")?;
    removed.folder("theirs/deep")?;
    removed.file("theirs/deep/file", 1)?;
    hear(&mut worker, &[&removed])?;
    let file = worker.file("theirs/deep/mine", 2)?;
    let (clean, edited) = again(&[&owner], &worker, 0)?;
    assert_eq!(
        clean.paths(),
        ["theirs", "theirs/deep", "theirs/deep/mine"],
        "and nothing else of it"
    );
    assert_eq!(clean.at("theirs/deep/mine"), file);
    assert!(!edited.events.is_empty());
    Ok(())
}

#[test]
fn what_moved_or_marked_only_what_fell_away_comes_to_nothing_that_shows() -> TestResult {
    let [owner, mut removed, mut worker] = three(|_| Ok(()))?;
    let theirs = removed.file("theirs", 1)?;
    hear(&mut worker, &[&removed])?;
    worker.rm("theirs")?;
    let (clean, edited) = again(&[&owner], &worker, 0)?;
    assert!(clean.paths().is_empty());
    assert!(edited.changes.is_empty(), "nothing began, so nothing ends");
    assert!(!clean.tree.is_trashed(theirs));
    Ok(())
}

#[test]
fn moves_into_what_fell_away_and_writes_to_it_begin_it_again() -> TestResult {
    let [owner, mut removed, mut worker] = three(|d| {
        d.file("mine", 1)?;
        Ok(())
    })?;
    removed.folder("theirs")?;
    removed.file("note", 2)?;
    hear(&mut worker, &[&removed])?;
    worker.mv("mine", "theirs/mine")?;
    worker.write("note", 3)?;
    let (clean, _) = again(&[&owner], &worker, 0)?;
    assert_eq!(clean.paths(), ["note", "theirs", "theirs/mine"]);
    assert_eq!(clean.content("note"), Some(3));
    Ok(())
}

#[test]
fn what_is_made_again_is_told_as_if_it_were_done_now() -> TestResult {
    let [owner, mut removed, mut worker] = three(|d| {
        d.file("f", 1)?;
        d.file("g", 1)?;
        Ok(())
    })?;
    removed.file("theirs", 1)?;
    hear(&mut worker, &[&removed])?;
    let (f, g) = (worker.at("f"), worker.at("g"));
    let edits = [
        Edit::SetXattr {
            node: f,
            key: "user.a".into(),
            value: Some(vec![1]),
        },
        Edit::Move {
            node: g,
            parent: NodeId::ROOT,
            name: name("h"),
        },
    ];
    for edit in edits {
        let from = worker.sent.len();
        let told = worker.edit(&[edit]).events;
        assert_eq!(told.len(), 1, "{told:?}");
        let (_, edited) = again(&[&owner], &worker, from)?;
        assert_eq!(edited.events, told);
    }
    Ok(())
}

#[test]
fn only_the_changes_asked_for_are_made_again() -> TestResult {
    let [owner, _, mut worker] = three(|_| Ok(()))?;
    worker.file("kept", 1)?;
    worker.file("again", 2)?;
    let (clean, _) = again(&[&owner], &worker, 1)?;
    assert_eq!(clean.paths(), ["again"]);
    let (clean, edited) = again(&[&owner], &worker, 2)?;
    assert!(clean.paths().is_empty() && edited.changes.is_empty());
    Ok(())
}

#[test]
fn much_work_becomes_several_changes_that_everyone_accepts() -> TestResult {
    let [owner, mut removed, mut worker] = three(|_| Ok(()))?;
    removed.folder("theirs")?;
    hear(&mut worker, &[&removed])?;
    let parent = worker.at("theirs");
    let create = |n: usize| Edit::Create {
        parent: Place::In(parent),
        name: name(&format!("{n:04}")),
        kind: Kind::File,
        content: Some(bytes(1)),
        mode: None,
    };
    for batch in 0..5 {
        let edits: Vec<Edit> = (0..900).map(|n| create(batch * 900 + n)).collect();
        let made = worker.edit(&edits).results;
        assert!(made.iter().all(Result::is_ok));
    }
    let (clean, edited) = again(&[&owner], &worker, 0)?;
    assert_eq!(clean.paths().len(), 4501);
    // Two writes a file: three changes would do by their number.
    let made = edited.changes.len();
    assert!((3..=8).contains(&made), "{made}");
    Ok(())
}

/// A file that the owner and somebody whose work falls away wrote apart; who wins follows from the order
/// of their numbers. The worker hears both.
fn contested(owner_wins: bool) -> Or<[Device; 3]> {
    let [mut owner, mut removed, mut worker] = three(|d| {
        d.file("f", 1)?;
        Ok(())
    })?;
    let (first, second) = if owner_wins {
        (&mut removed, &mut owner)
    } else {
        (&mut owner, &mut removed)
    };
    first.write("f", 5)?;
    // More ops before it make the later write the greater one.
    second.folder("more")?;
    second.write("f", 6)?;
    hear(&mut worker, &[&owner, &removed])?;
    assert_eq!(worker.content("f"), Some(6));
    assert!(worker.copy().is_some());
    Ok([owner, removed, worker])
}

#[test]
fn a_choice_of_the_version_that_won_is_made_again_and_not_a_removal() -> TestResult {
    for owner_wins in [true, false] {
        let [owner, _, mut worker] = contested(owner_wins)?;
        let node = worker.at("f");
        worker.one(Edit::Resolve { node, keep: node })?;
        let (clean, _) = again(&[&owner], &worker, 0)?;
        assert_eq!(clean.content("f"), Some(6), "what the worker chose");
        assert_eq!(clean.copy(), None);
    }
    Ok(())
}

#[test]
fn a_file_keeps_its_content_where_a_copy_of_it_was_edited() -> TestResult {
    for owner_wins in [true, false] {
        let [owner, _, mut worker] = contested(owner_wins)?;
        let copy = worker.copy().ok_or("no copy")?;
        worker.write(&copy, 9)?;
        let (clean, _) = again(&[&owner], &worker, 0)?;
        let owners = if owner_wins { 6 } else { 5 };
        assert_eq!(clean.content("f"), Some(owners), "the owner's version");
        assert_eq!(clean.content(&copy), Some(9), "the worker's version");
    }
    Ok(())
}

#[test]
fn a_copy_that_somebody_else_settled_keeps_the_version_that_it_was_of() -> TestResult {
    // The removed member settles what two honest ones wrote; the worker then renames what was a copy.
    let [mut owner, mut removed, mut worker] = three(|d| {
        d.file("f", 1)?;
        Ok(())
    })?;
    let mut other = Device::new(9);
    hear(&mut other, &[&owner])?;
    owner.write("f", 5)?;
    other.write("f", 6)?;
    hear(&mut removed, &[&owner, &other])?;
    let copy = removed.copy().ok_or("no copy")?;
    let node = removed.at(&copy);
    removed.one(Edit::SetAttributes {
        node,
        mode: Some(0o600),
        mtime_ns: None,
    })?;
    hear(&mut worker, &[&owner, &other, &removed])?;
    worker.mv(&copy, "mine")?;
    let (mut clean, _) = again(&[&owner, &other], &worker, 0)?;
    let mut contents = vec![clean.content("f"), clean.content("mine")];
    contents.sort_unstable();
    assert_eq!(contents, [Some(5), Some(6)]);
    let kept = picture(&clean.tree)?;
    clean.tree.rebuild();
    assert_eq!(
        kept,
        picture(&clean.tree)?,
        "and the view says so by itself"
    );
    Ok(())
}

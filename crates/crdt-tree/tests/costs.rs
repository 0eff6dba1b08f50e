//! What edits and changes cost, counted instead of timed: reads of the document, ops written, entries put in
//! place. The same at every size of the drive, so that a cost that grows with it is found on any machine.

mod support;

use std::collections::BTreeMap;

use automerge::Change;
use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::lint::Author;
use peerdrive_crdt_tree::node::Kind;
use peerdrive_crdt_tree::testing::{reads, settled};
use support::{Device, TestResult, bytes, devices, hear, name};

type Costs = BTreeMap<&'static str, u64>;

/// A drive of `files` files in folders of a hundred, on two devices.
fn drive(files: usize) -> Result<[Device; 2], Box<dyn std::error::Error>> {
    let all = devices(2, |d| {
        for folder in 0..files / 100 {
            let mut edits = vec![Edit::Create {
                parent: Place::In(peerdrive_crdt_tree::id::NodeId::ROOT),
                name: name(&format!("d{folder}")),
                kind: Kind::Folder,
                content: None,
                mode: None,
            }];
            edits.extend((0..100).map(|n| Edit::Create {
                parent: Place::InCreated(0),
                name: name(&format!("f{n}")),
                kind: Kind::File,
                content: Some(bytes(1)),
                mode: None,
            }));
            let made = d.edit(&edits).results;
            assert!(made.iter().all(Result::is_ok));
        }
        Ok(())
    })?;
    all.try_into().map_err(|_| "two devices".into())
}

/// What each kind of work reads: here, and where it arrives.
fn costs(files: usize) -> Result<Costs, Box<dyn std::error::Error>> {
    let [mut here, mut there] = drive(files)?;
    let mut costs = Costs::new();
    let mut told = 0;
    let mut both = |what: [&'static str; 2],
                    here: &mut Device,
                    work: &dyn Fn(&mut Device) -> TestResult|
     -> TestResult {
        let before = reads();
        work(here)?;
        costs.insert(what[0], reads() - before);
        let before = reads();
        for change in &here.sent[told..] {
            told += 1;
            let author = Author {
                actor: here.actor,
                seq: told as u64,
            };
            there.tree.apply(change, &author)?;
        }
        costs.insert(what[1], reads() - before);
        Ok(())
    };
    // What was made at the start is there already.
    both(["nothing", "nothing, there"], &mut here, &|_| Ok(()))?;
    both(["create", "create, there"], &mut here, &|d| {
        d.file("d1/new", 2)?;
        Ok(())
    })?;
    both(["write", "write, there"], &mut here, &|d| {
        d.write("d1/f1", 2)?;
        Ok(())
    })?;
    both(["rename", "rename, there"], &mut here, &|d| {
        d.mv("d1/f1", "d1/g1")?;
        Ok(())
    })?;
    both(["move a folder", "move a folder, there"], &mut here, &|d| {
        d.mv("d2", "d3/d2")?;
        Ok(())
    })?;
    both(["delete", "delete, there"], &mut here, &|d| {
        d.rm("d1/f2")?;
        Ok(())
    })?;
    let before = reads();
    assert_eq!(here.tree.children(here.at("d1")).count(), 100);
    assert!(here.tree.lookup("d3/d2/f7").is_some());
    costs.insert("list and look up", reads() - before);
    Ok(costs)
}

#[test]
fn work_reads_as_much_of_a_large_drive_as_of_a_small_one() -> TestResult {
    let small = costs(500)?;
    assert_eq!(small, costs(2_000)?);
    assert_eq!(small, costs(20_000)?);
    assert_eq!(small["list and look up"], 0, "the view answers by itself");
    for (what, reads) in small {
        assert!(reads <= 40, "{what}: {reads} reads");
    }
    Ok(())
}

/// What an edit comes to: ops in its changes, and entries that the view puts in place, here and there.
#[derive(Debug, PartialEq, Eq)]
struct Came {
    ops: usize,
    here: u64,
    there: u64,
}

fn came(
    [here, there]: &mut [Device; 2],
    edits: &[Edit],
) -> Result<Came, Box<dyn std::error::Error>> {
    let sent = here.sent.len();
    let before = settled();
    let edited = here.edit(edits);
    let settled_here = settled() - before;
    assert!(edited.results.iter().all(Result::is_ok));
    let before = settled();
    let mut ops = 0;
    for (at, change) in here.sent.iter().enumerate().skip(sent) {
        ops += Change::from_bytes(change.clone())?.len();
        let author = Author {
            actor: here.actor,
            seq: at as u64 + 1,
        };
        there.tree.apply(change, &author)?;
    }
    Ok(Came {
        ops,
        here: settled_here,
        there: settled() - before,
    })
}

#[test]
fn an_edit_is_one_op_a_register_and_moves_nothing_but_what_it_names() -> TestResult {
    let mut both = drive(1_000)?;
    let create = |name: &str, kind, content| Edit::Create {
        parent: Place::In(both[0].at("d1")),
        name: support::name(name),
        kind,
        content,
        mode: None,
    };
    let file = create("new", Kind::File, Some(bytes(1)));
    let folder = create("sub", Kind::Folder, None);
    let [f1, f2, d1, d2, d3] = ["d1/f1", "d1/f2", "d1", "d2", "d3"].map(|path| both[0].at(path));
    let moved = |node, parent, to: &str| Edit::Move {
        node,
        parent,
        name: name(to),
    };
    let root = peerdrive_crdt_tree::id::NodeId::ROOT;
    let write = Edit::SetContent {
        node: f1,
        content: bytes(2),
    };
    let mode = Edit::SetAttributes {
        node: f1,
        mode: Some(0o600),
        mtime_ns: None,
    };
    let each = |ops, entries| Came {
        ops,
        here: entries,
        there: entries,
    };
    // Beginning and content: place and name of a new node are in its beginning.
    assert_eq!(came(&mut both, &[file])?, each(2, 1));
    assert_eq!(came(&mut both, &[folder])?, each(1, 1));
    assert_eq!(came(&mut both, &[write])?, each(1, 1));
    assert_eq!(came(&mut both, &[mode])?, each(1, 1));
    assert_eq!(came(&mut both, &[moved(f1, d1, "g1")])?, each(1, 1));
    assert_eq!(came(&mut both, &[moved(f2, d3, "g2")])?, each(2, 1));
    // What is in a folder comes along by itself.
    assert_eq!(came(&mut both, &[moved(d1, root, "e1")])?, each(1, 1));
    assert_eq!(came(&mut both, &[moved(d2, d3, "d2")])?, each(1, 1));
    // Deleting marks everything in it, restoring takes each mark off.
    let gone = came(&mut both, &[Edit::Delete { node: d2 }])?;
    assert_eq!(gone, each(101, 0));
    let back = came(&mut both, &[Edit::Restore { node: d2 }])?;
    assert_eq!(back, each(101, 101));
    Ok(())
}

#[test]
fn a_batch_costs_what_is_in_it() -> TestResult {
    // Once for each node, not once for each node and once more for each that is there already.
    let batch = |both: &mut [Device; 2], from: usize, count: usize| {
        let parent = both[0].at("d1");
        let edits: Vec<Edit> = (from..from + count)
            .map(|n| Edit::Create {
                parent: Place::In(parent),
                name: name(&format!("batch {n}")),
                kind: Kind::File,
                content: Some(bytes(1)),
                mode: None,
            })
            .collect();
        came(both, &edits)
    };
    let mut both = drive(1_000)?;
    for (from, count) in [(0, 1), (1, 1_000), (1_001, 3_000)] {
        let (before, sent) = (reads(), both[0].sent.len());
        let came = batch(&mut both, from, count)?;
        assert_eq!(came.ops, 2 * count);
        // A file whose beginning and content are in two changes is looked at with each.
        let entries = count as u64;
        let most = entries + (both[0].sent.len() - sent) as u64;
        assert!((entries..most).contains(&came.here), "{came:?} for {count}");
        assert!(
            (entries..most).contains(&came.there),
            "{came:?} for {count}"
        );
        let each = (reads() - before) / entries;
        assert!(
            each <= 80,
            "{each} reads for each of {count}, here and there"
        );
    }
    Ok(())
}

#[test]
fn conflicts_elsewhere_cost_a_change_nothing() -> TestResult {
    // The same edit, beside 120 conflicts and without them.
    let cost = |trouble: bool| -> Result<(u64, Came), Box<dyn std::error::Error>> {
        let mut both = drive(1_000)?;
        if trouble {
            for n in 0..40 {
                both[0].write(&format!("d2/f{n}"), 3)?;
                both[1].write(&format!("d2/f{n}"), 4)?;
                both[0].mv(&format!("d3/f{n}"), &format!("d4/same {n}"))?;
                both[1].mv(&format!("d6/f{n}"), &format!("d4/same {n}"))?;
                both[1].rm(&format!("d5/f{n}"))?;
                both[0].write(&format!("d5/f{n}"), 5)?;
                let [here, there] = &mut both;
                hear(here, &[there])?;
                hear(there, &[here])?;
            }
            // Two versions of one file, one name of two files, a deletion of what was written.
            assert_eq!(both[1].conflicts().len(), 3 * 40);
        }
        let node = both[0].at("d1/f1");
        let content = bytes(9);
        let before = reads();
        let came = came(&mut both, &[Edit::SetContent { node, content }])?;
        Ok((reads() - before, came))
    };
    assert_eq!(cost(true)?, cost(false)?);
    Ok(())
}

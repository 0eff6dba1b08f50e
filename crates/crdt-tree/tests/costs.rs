//! What edits and changes cost, counted in reads of the document instead of in time: the same at every size
//! of the drive, so that a cost that grows with it is found on any machine.

mod support;

use std::collections::BTreeMap;

use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::lint::Author;
use peerdrive_crdt_tree::node::Kind;
use peerdrive_crdt_tree::testing::reads;
use support::{Device, TestResult, bytes, devices, name};

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

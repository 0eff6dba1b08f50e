//! What a tree showed earlier, against what it did show then; and what changes say of themselves.

mod support;

use std::collections::BTreeMap;

use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::Node;
use peerdrive_crdt_tree::testing::Rng;
use peerdrive_crdt_tree::tree::DriveTree;
use peerdrive_crdt_tree::written::{self, What};
use support::{Device, TestResult, bytes, hear, name};

fn shown(tree: &DriveTree) -> BTreeMap<NodeId, Node> {
    let nodes = tree.walk().filter_map(|id| tree.get(id));
    nodes.map(|node| (node.id, node)).collect()
}

fn random_edit(device: &Device, rng: &mut Rng) -> Edit {
    let mut nodes: Vec<NodeId> = device.tree.walk().collect();
    nodes.push(NodeId::ROOT);
    let some = |rng: &mut Rng| rng.pick(&nodes).copied().unwrap_or(NodeId::ROOT);
    let called = |rng: &mut Rng| name(&format!("n{}", rng.below(6)));
    let node = some(rng);
    let parent = some(rng);
    match rng.below(7) {
        0 | 1 => Edit::Create {
            parent: peerdrive_crdt_tree::edit::Place::In(parent),
            name: called(rng),
            kind: peerdrive_crdt_tree::node::Kind::Folder,
            content: None,
            mode: None,
        },
        2 | 3 => Edit::Create {
            parent: peerdrive_crdt_tree::edit::Place::In(parent),
            name: called(rng),
            kind: peerdrive_crdt_tree::node::Kind::File,
            content: Some(bytes(1 + rng.below(200) as u8)),
            mode: None,
        },
        4 => Edit::Move {
            node,
            parent,
            name: called(rng),
        },
        5 => Edit::SetContent {
            node,
            content: bytes(1 + rng.below(200) as u8),
        },
        _ => Edit::Delete { node },
    }
}

#[test]
fn the_past_is_what_was_shown_then() -> TestResult {
    let seeds = match std::env::var("PEERDRIVE_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
    {
        Some(seed) => seed..seed + 1,
        None => 1..41u64,
    };
    for seed in seeds {
        let mut rng = Rng::new(seed);
        let (mut one, mut two) = (Device::new(1), Device::new(2));
        let mut moments = Vec::new();
        for step in 0..60 {
            let (device, other) = match rng.below(2) {
                0 => (&mut one, &two),
                _ => (&mut two, &one),
            };
            if rng.below(5) == 0 {
                hear(device, &[other])?;
            }
            let edit = random_edit(device, &mut rng);
            let _ = device.edit(&[edit]);
            if step % 7 == 0 {
                moments.push((device.tree.heads(), shown(&device.tree)));
            }
        }
        hear(&mut one, &[&two])?;
        for (heads, then) in moments {
            let past = one.tree.past(&heads);
            let nodes = past.nodes().iter();
            let now: BTreeMap<NodeId, Node> = nodes.map(|node| (node.id, node.clone())).collect();
            assert_eq!(now, then, "PEERDRIVE_SEED={seed}");
            for node in past.nodes() {
                let path = past.path(node.id).ok_or("no path")?;
                assert_eq!(past.lookup(&path), Some(node.id), "PEERDRIVE_SEED={seed}");
                assert!(past.is_below(node.id, node.parent));
                for top in past.nodes().iter().step_by(3) {
                    let top_path = past.path(top.id).ok_or("no path")?;
                    let below = path.starts_with(&format!("{top_path}/")) || path == top_path;
                    assert_eq!(past.is_below(node.id, top.id), below);
                }
            }
        }
        assert!(one.tree.past(&[]).nodes().is_empty());
    }
    Ok(())
}

#[test]
fn a_change_says_what_it_wrote() -> TestResult {
    let mut device = Device::new(1);
    device.folder("a")?;
    let file = device.file("a/f", 1)?;
    device.write("a/f", 2)?;
    device.mv("a/f", "g")?;
    device.rm("g")?;
    device.one(Edit::Restore { node: file })?;
    let mut told = Vec::new();
    for change in &device.sent {
        let hash = written::hash(change).ok_or("no change")?;
        assert!(device.tree.has_change(&hash));
        for write in written::writes(change)? {
            if write.node == file {
                told.push(match write.what {
                    What::Born { name, .. } => format!("born {name}"),
                    What::Moved { .. } => "moved".into(),
                    What::Renamed { name } => format!("renamed {name}"),
                    What::Content(content) => format!("content {:?}", content == Some(bytes(2))),
                    What::Deleted => "deleted".into(),
                    What::Undeleted => "undeleted".into(),
                });
            }
        }
    }
    assert_eq!(
        told,
        [
            "born f",
            "content false",
            "content true",
            "moved",
            "renamed g",
            "deleted",
            "undeleted"
        ]
    );
    assert!(written::writes(b"nonsense").is_err());
    Ok(())
}

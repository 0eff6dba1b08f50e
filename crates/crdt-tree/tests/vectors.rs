//! The published changes: what a device writes from fixed edits must be, byte for byte, what
//! `vectors/v1.json` says. Set `PEERDRIVE_WRITE_VECTORS=1` to write the file anew after a deliberate change.

mod support;

use std::fmt::Write as _;

use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::id::{Actor, NodeId};
use peerdrive_crdt_tree::lint::Author;
use peerdrive_crdt_tree::tree::DriveTree;
use support::{Device, TestResult};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Every register once: a birth of each kind, a move, a rename, content, attributes, a deletion.
fn edited() -> Result<Device, Box<dyn std::error::Error>> {
    let mut device = Device::new(1);
    device.folder("a")?;
    let file = device.file("a/f", 7)?;
    device.folder("b")?;
    device.mv("a", "b/ä")?;
    device.write("b/ä/f", 8)?;
    device.one(Edit::SetAttributes {
        node: file,
        mode: Some(0o600),
        mtime_ns: Some(-5),
    })?;
    device.one(Edit::SetXattr {
        node: file,
        key: "user.note".into(),
        value: Some(b"hello".to_vec()),
    })?;
    device.rm("b/ä")?;
    Ok(device)
}

#[test]
fn the_published_changes_are_what_is_written() -> TestResult {
    let device = edited()?;
    let first = DriveTree::new(Actor([1; 16])).heads();
    let [first] = first.as_slice() else {
        return Err("a new drive has one change".into());
    };
    // Another device takes them as they are.
    let mut other = DriveTree::new(Actor([2; 16]));
    let mut made = format!(
        "{{\n  \"first_change\": \"{}\",\n  \"changes\": [",
        hex(first)
    );
    for (change, seq) in device.sent.iter().zip(1..) {
        let actor = device.actor;
        other.apply(change, &Author { actor, seq })?;
        let comma = if seq == 1 { "" } else { "," };
        write!(made, "{comma}\n    \"{}\"", hex(change))?;
    }
    assert_eq!(other.view_hash(), device.tree.view_hash());
    write!(
        made,
        "\n  ],\n  \"head\": \"{}\",\n  \"trash\": [",
        hex(&device.tree.heads()[0])
    )?;
    let mut trashed: Vec<NodeId> = device.tree.trash().iter().map(|gone| gone.id).collect();
    trashed.sort_unstable();
    for (node, at) in trashed.iter().zip(0..) {
        let comma = if at == 0 { "" } else { "," };
        write!(made, "{comma}\n    \"{}\"", hex(&node.0))?;
    }
    made.push_str("\n  ]\n}\n");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/v1.json");
    if std::env::var_os("PEERDRIVE_WRITE_VECTORS").is_some() {
        std::fs::write(path, &made)?;
    }
    assert_eq!(std::fs::read_to_string(path)?, made);
    Ok(())
}

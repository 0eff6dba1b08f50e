//! The gist of many entries at once says what asking for each says, in trees where edits met.

mod support;

use std::collections::BTreeSet;

use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::{Content, Kind};
use peerdrive_crdt_tree::tree::{DriveTree, Glance};
use support::{Device, TestResult, devices, meet};

/// Three devices after conflicts of versions, a clash of names, a rescued folder and a changed mode.
fn a_busy_drive() -> Result<Device, Box<dyn std::error::Error>> {
    let mut all = devices(3, |d| {
        d.folder("docs")?;
        d.folder("docs/old")?;
        d.file("docs/plan", 1)?;
        d.file("docs/old/note", 2)?;
        d.file("gone", 3)?;
        d.file("a", 7)?;
        d.file("b", 8)?;
        Ok(())
    })?;
    all[0].write("docs/plan", 11)?;
    all[1].write("docs/plan", 12)?;
    all[0].file("same", 4)?;
    all[1].file("same", 5)?;
    all[0].mv("a", "clash")?;
    all[1].mv("b", "clash")?;
    all[2].rm("docs/old")?;
    all[0].write("docs/old/note", 6)?;
    let node = all[0].at("same");
    all[0].one(Edit::SetAttributes {
        node,
        mode: Some(0o755),
        mtime_ns: None,
    })?;
    all[1].rm("gone")?;
    all[2].folder("empty")?;
    meet(&mut all)?;
    Ok(all.swap_remove(0))
}

fn agrees(tree: &DriveTree, glance: &Glance<'_>) -> TestResult {
    let node = tree.get(glance.id).ok_or("shows in a glance only")?;
    let len = match node.content {
        Some(Content::File(file)) => file.len,
        Some(Content::Symlink(_)) | None => 0,
    };
    assert_eq!(glance.name, node.name);
    assert_eq!(glance.kind, node.kind);
    assert_eq!(glance.len, len, "{}", node.name);
    assert_eq!(glance.mode, node.mode);
    assert_eq!(glance.mtime_ns, node.mtime_ns);
    assert_eq!(glance.copy_of, node.copy_of);
    assert_eq!(tree.parent(glance.id), Some(node.parent));
    Ok(())
}

#[test]
fn every_glance_says_what_the_entry_says() -> TestResult {
    let d = a_busy_drive()?;
    let mut copies = 0;
    for id in d.tree.walk() {
        let glance = d.tree.glance(id).ok_or("no glance")?;
        assert_eq!(glance.id, id);
        agrees(&d.tree, &glance)?;
        copies += usize::from(glance.copy_of.is_some());
    }
    assert_eq!(
        copies, 2,
        "`docs/plan` and `same` were written on two devices"
    );
    assert_eq!(d.tree.glance(d.at("gone")), None);
    assert_eq!(d.tree.parent(d.at("gone")), None);
    Ok(())
}

#[test]
fn a_folder_at_a_glance_has_its_entries_in_their_order() -> TestResult {
    let d = a_busy_drive()?;
    let folders = d.tree.walk().filter(|id| {
        let node = d.tree.get(*id);
        node.is_some_and(|node| node.kind == Kind::Folder)
    });
    for folder in folders.chain([NodeId::ROOT]) {
        let wanted: Vec<_> = d.tree.children(folder).collect();
        let found: Vec<_> = d.tree.glances(folder).map(|g| (g.name, g.id)).collect();
        assert_eq!(found, wanted);
    }
    assert_eq!(d.tree.glances(d.at("gone")).count(), 0);
    Ok(())
}

#[test]
fn all_below_a_folder_is_glanced_once() -> TestResult {
    let d = a_busy_drive()?;
    let all: Vec<NodeId> = d.tree.glances_below(NodeId::ROOT).map(|g| g.id).collect();
    let once: BTreeSet<NodeId> = all.iter().copied().collect();
    assert_eq!(all.len(), once.len());
    assert_eq!(once, d.tree.walk().collect());
    let docs: BTreeSet<String> = d
        .tree
        .glances_below(d.at("docs"))
        .filter_map(|glance| d.tree.path(glance.id))
        .collect();
    let wanted = d
        .paths()
        .into_iter()
        .filter(|path| path.starts_with("docs/"));
    assert_eq!(docs, wanted.collect());
    assert_eq!(docs.len(), 4, "{docs:?}");
    assert_eq!(d.tree.glances_below(d.at("empty")).count(), 0);
    Ok(())
}

#[test]
fn trouble_is_where_conflicts_are_told() -> TestResult {
    let d = a_busy_drive()?;
    let mut troubled = 0;
    for id in d.tree.walk() {
        let told = !d.tree.conflicts_of(id).is_empty();
        assert_eq!(d.tree.is_troubled(id), told, "{:?}", d.tree.path(id));
        troubled += usize::from(told);
    }
    assert!(troubled >= 3, "{troubled}");
    assert!(!d.tree.is_troubled(d.at("empty")));
    Ok(())
}

//! What a tree answers at its edges: names that are shown for another, folders without entries, nodes
//! without a place, and points of the past that never were.

mod support;

use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::id::NodeId;
use support::{TestResult, bytes, devices, meet};

const NOWHERE: NodeId = NodeId([0xee; 16]);

#[test]
fn who_shows_under_a_tag_is_still_called_by_the_name_it_was_given() -> TestResult {
    let mut d = devices(2, |d| {
        d.file("one", 1)?;
        d.file("two", 2)?;
        Ok(())
    })?;
    let (one, two) = (d[0].at("one"), d[0].at("two"));
    assert!(d[0].tree.is_called(one, "one") && !d[0].tree.is_called(one, "two"));
    assert!(!d[0].tree.is_called(NOWHERE, "one"));
    d[0].mv("one", "same.txt")?;
    d[1].mv("two", "same.txt")?;
    meet(&mut d)?;
    // The one created first has the name.
    let tagged = d[0].tree.path(two).ok_or("not there")?;
    assert_eq!(d[0].tree.path(one).as_deref(), Some("same.txt"));
    assert_ne!(tagged, "same.txt");
    let tree = &d[0].tree;
    assert!(tree.is_called(two, "same.txt") && tree.is_called(two, &tagged));
    assert!(tree.is_called(one, "same.txt") && !tree.is_called(one, &tagged));
    assert!(!tree.is_called(two, "two") && !tree.is_called(two, "same (zzzz).txt"));

    // The clash goes away and with it the tag, by which it is known all the same.
    d[0].mv("same.txt", "other")?;
    assert_eq!(d[0].tree.path(two).as_deref(), Some("same.txt"));
    assert!(d[0].tree.is_called(two, "same.txt") && d[0].tree.is_called(two, &tagged));
    d[0].rm("same.txt")?;
    assert!(!d[0].tree.is_called(two, "same.txt"));
    Ok(())
}

#[test]
fn a_conflict_copy_is_called_what_it_shows_as_and_not_by_the_name_of_its_file() -> TestResult {
    let mut d = devices(2, |d| {
        d.file("f.txt", 1)?;
        Ok(())
    })?;
    d[0].write("f.txt", 2)?;
    d[1].write("f.txt", 3)?;
    meet(&mut d)?;
    let path = d[0].copy().ok_or("no copy")?;
    let (file, copy) = (d[0].at("f.txt"), d[0].at(&path));
    let tree = &d[0].tree;
    assert!(tree.is_called(copy, &path) && !tree.is_called(copy, "f.txt"));
    assert!(tree.is_called(file, "f.txt") && !tree.is_called(file, &path));

    // Every version is told, the one that shows first.
    let stored = tree.contents(file);
    let told: Vec<_> = stored.iter().map(|stored| stored.content.clone()).collect();
    assert_eq!(told, [Some(bytes(3)), Some(bytes(2))]);
    assert_ne!(stored[0].op, stored[1].op);
    assert_eq!(d[0].content("f.txt"), Some(3));
    assert!(tree.contents(NOWHERE).is_empty());
    assert_eq!(tree.conflicts_of(file), tree.conflicts());
    assert!(tree.conflicts_of(copy).is_empty() && tree.conflicts_of(NOWHERE).is_empty());
    Ok(())
}

#[test]
fn a_folder_is_empty_when_nothing_shows_in_it() -> TestResult {
    let mut d = devices(1, |_| Ok(()))?.remove(0);
    assert!(d.tree.is_empty(NodeId::ROOT));
    let (folder, file) = (d.folder("a")?, d.file("a/f", 1)?);
    assert!(!d.tree.is_empty(NodeId::ROOT) && !d.tree.is_empty(folder));
    assert!(d.tree.is_empty(file) && d.tree.is_empty(NOWHERE));
    d.rm("a/f")?;
    assert!(d.tree.is_empty(folder) && !d.tree.is_empty(NodeId::ROOT));
    // In the trash it still has its content, its place and its name.
    let trash = d.tree.trash();
    assert_eq!(trash.len(), 1);
    assert_eq!((trash[0].id, trash[0].parent), (file, folder));
    assert_eq!(
        (trash[0].name.as_str(), &trash[0].content),
        ("f", &Some(bytes(1)))
    );
    assert_eq!(d.tree.contents(file).len(), 1);
    assert!(d.tree.is_trashed(file) && !d.tree.is_trashed(folder) && !d.tree.is_trashed(NOWHERE));
    assert!(d.tree.get(file).is_none() && d.tree.path(file).is_none());
    Ok(())
}

#[test]
fn an_attribute_is_that_of_the_node_also_where_a_copy_is_asked() -> TestResult {
    let mut d = devices(2, |d| {
        let node = d.file("f", 1)?;
        d.one(Edit::SetXattr {
            node,
            key: "user.a".into(),
            value: Some(b"1".to_vec()),
        })?;
        Ok(())
    })?;
    d[0].write("f", 2)?;
    d[1].write("f", 3)?;
    meet(&mut d)?;
    let copy = d[0].copy().ok_or("no copy")?;
    let of = |path: &str| d[0].tree.xattrs(d[0].at(path));
    assert_eq!(of("f").get("user.a").map(Vec::as_slice), Some(&b"1"[..]));
    assert_eq!(of(&copy), of("f"));
    assert!(d[0].tree.xattrs(NOWHERE).is_empty());
    Ok(())
}

#[test]
fn the_past_knows_what_was_there_and_nothing_else() -> TestResult {
    let mut d = devices(1, |_| Ok(()))?.remove(0);
    let (folder, inner) = (d.folder("a")?, d.folder("a/b")?);
    let file = d.file("a/b/f", 1)?;
    let then = d.tree.heads();
    d.mv("a/b/f", "g")?;
    let later = d.file("later", 2)?;
    let past = d.tree.past(&then);
    assert_eq!(past.path(file).as_deref(), Some("a/b/f"));
    assert_eq!(past.path(NodeId::ROOT).as_deref(), Some(""));
    assert_eq!(past.lookup(""), Some(NodeId::ROOT));
    assert_eq!(past.lookup("a/b"), Some(inner));
    assert_eq!((past.lookup("g"), past.lookup("a/f")), (None, None));
    assert_eq!((past.path(later), past.get(later)), (None, None));
    assert_eq!(past.get(file).map(|node| node.parent), Some(inner));
    assert!(past.is_below(file, folder) && past.is_below(file, file));
    assert!(!past.is_below(folder, inner) && !past.is_below(later, folder));
    // A hash that nobody knows is passed over, not taken for nothing or for everything.
    let known = [then.clone(), vec![[9; 32]]].concat();
    assert_eq!(d.tree.past(&known).nodes(), past.nodes());
    assert!(d.tree.past(&[[9; 32]]).nodes().is_empty());
    assert!(d.tree.has_change(&then[0]) && !d.tree.has_change(&[9; 32]));
    Ok(())
}

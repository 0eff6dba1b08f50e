//! Sizes and names at the edge of what a drive holds: each is fine, here and on a device that hears of it.

mod support;

use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::id::{Actor, NodeId};
use peerdrive_crdt_tree::name::{MAX_NAME_BYTES, Name};
use peerdrive_crdt_tree::node::Kind;
use peerdrive_crdt_tree::testing::picture;
use peerdrive_crdt_tree::tree::{DriveTree, EditError};
use support::{Device, TestResult, bytes, devices, hear, meet, name};

/// How many children the large folder has: 100,000 in the long form (`PEERDRIVE_LONG=1`).
fn children() -> usize {
    match std::env::var_os("PEERDRIVE_LONG") {
        Some(_) => 100_000,
        None => 10_000,
    }
}

fn file(parent: NodeId, name: &str, of: u8) -> Edit {
    Edit::Create {
        parent: Place::In(parent),
        name: support::name(name),
        kind: Kind::File,
        content: Some(bytes(of)),
        mode: None,
    }
}

/// A name of exactly the longest length, made of `letter`s and told apart by `number`.
fn longest(letter: char, number: usize) -> String {
    let number = number.to_string();
    let room = MAX_NAME_BYTES - number.len();
    let mut text: String = std::iter::repeat_n(letter, room / letter.len_utf8()).collect();
    text.extend(std::iter::repeat_n('_', room % letter.len_utf8()));
    text + &number
}

#[test]
fn a_very_large_folder_is_one_folder_among_others() -> TestResult {
    let count = children();
    let (mut here, mut there) = (Device::new(1), Device::new(2));
    let folder = here.folder("all")?;
    // Twice through the names, so that half of them land among others and not at the end.
    for start in [0, 1] {
        let edits: Vec<Edit> = (start..count)
            .step_by(2)
            .map(|number| file(folder, &format!("{number:06}"), 1))
            .collect();
        assert!(here.edit(&edits).results.iter().all(Result::is_ok));
    }
    hear(&mut there, &[&here])?;
    for tree in [&here.tree, &there.tree] {
        assert_eq!(tree.counts().files, count as u64);
        let names = tree.children(folder).map(|(name, _)| name.to_owned());
        assert!(names.eq((0..count).map(|number| format!("{number:06}"))));
        let page: Vec<&str> = tree
            .children_after(folder, "0049985")
            .map(|(name, _)| name)
            .take(2)
            .collect();
        assert_eq!(page, ["004999", "005000"]);
    }
    assert_eq!(here.tree.view_hash(), there.tree.view_hash());

    // One of many is renamed on one side and written on the other, one is deleted, two become one name.
    let deleted = there.at("all/000002");
    there.write("all/005000", 2)?;
    there.rm("all/000002")?;
    there.mv("all/000003", "all/same")?;
    here.mv("all/005000", "all/renamed")?;
    here.mv("all/000004", "all/same")?;
    let mut both = [here, there];
    meet(&mut both)?;
    let [here, there] = &mut both;
    assert_eq!(here.content("all/renamed"), Some(2));
    assert!(there.tree.is_trashed(deleted));
    assert_eq!(here.tree.conflicts().len(), 1);
    assert_eq!(here.tree.counts().files, count as u64 - 1);

    let loaded = DriveTree::load(&here.tree.save(), Actor([3; 16]))?;
    assert_eq!(loaded.view_hash(), there.tree.view_hash());
    there.rm("all")?;
    assert_eq!(there.tree.trash().len(), count + 1);
    there.one(Edit::Restore { node: folder })?;
    assert_eq!(there.tree.counts().files, count as u64 - 1);
    Ok(())
}

#[test]
fn a_path_of_256_folders_with_the_longest_names_there_are() -> TestResult {
    let mut here = Device::new(1);
    let mut edits: Vec<Edit> = Vec::new();
    for depth in 0..256 {
        edits.push(Edit::Create {
            parent: match depth {
                0 => Place::In(NodeId::ROOT),
                _ => Place::InCreated(depth - 1),
            },
            name: name(&longest('\u{e9}', depth)),
            kind: Kind::Folder,
            content: None,
            mode: None,
        });
    }
    let made = here.edit(&edits).results;
    let made: Vec<NodeId> = made.into_iter().collect::<Result<_, _>>()?;
    assert_eq!(
        here.one(file(made[255], "f", 1)),
        Err(EditError::TooDeep),
        "a file counts as well"
    );
    here.one(file(made[254], "f", 1))?;
    let path = here.tree.path(made[255]).ok_or("no path")?;
    assert_eq!(path.len(), 256 * (MAX_NAME_BYTES + 1) - 1);
    assert_eq!(here.tree.lookup(&path), Some(made[255]));

    let mut both = [here, Device::new(2)];
    meet(&mut both)?;
    let [here, there] = &mut both;
    // The top of it goes into the trash on one side while the very bottom is edited on the other: the
    // whole path stays, with only that.
    here.one(Edit::Delete { node: made[0] })?;
    let bottom = there
        .tree
        .child(made[254], "f")
        .ok_or("there is no file at the bottom")?;
    there.one(Edit::SetContent {
        node: bottom,
        content: bytes(2),
    })?;
    meet(&mut both)?;
    assert_eq!(both[0].tree.counts().folders, 255);
    assert_eq!(both[0].tree.conflicts().len(), 256);
    assert!(both[0].tree.is_trashed(made[255]));
    Ok(())
}

#[test]
fn paths_of_two_devices_that_are_together_too_deep_still_show_and_can_be_made_shorter() -> TestResult
{
    // Each move is fine where it is made; only together they are deeper than anyone may make them.
    let chain = |device: &mut Device, name: &str| -> Result<NodeId, EditError> {
        let mut path = name.to_owned();
        let top = device.folder(&path)?;
        for _ in 1..200 {
            path.push_str("/d");
            device.folder(&path)?;
        }
        Ok(top)
    };
    let mut d = devices(2, |d| {
        chain(d, "a")?;
        chain(d, "b")?;
        d.folder("c")?;
        Ok(())
    })?;
    let bottom = |top: &str| format!("{top}{}", "/d".repeat(199));
    d[0].mv("c", &format!("{}/c", bottom("a")))?;
    d[1].mv("b", "c/b")?;
    meet(&mut d)?;
    let deep = format!("{}/c/{}", bottom("a"), bottom("b"));
    let node = d[0].tree.lookup(&deep).ok_or("the bottom is not there")?;
    let parent = NodeId::ROOT;
    let into = Edit::Create {
        parent: Place::In(node),
        name: name("more"),
        kind: Kind::Folder,
        content: None,
        mode: None,
    };
    assert_eq!(d[0].one(into), Err(EditError::TooDeep));
    let up = Edit::Move {
        node,
        parent,
        name: name("up"),
    };
    d[0].one(up)?;
    meet(&mut d)?;
    assert_eq!(d[1].tree.path(node).as_deref(), Some("up"));
    Ok(())
}

#[test]
fn the_longest_names_clash_and_diverge_without_growing_longer() -> TestResult {
    for letter in ['x', '\u{e9}', '\u{5199}', '\u{1f9a5}'] {
        let [one, two, both, new] = [1, 2, 3, 4].map(|number| longest(letter, number));
        let mut d = devices(2, |d| {
            d.file(&one, 1)?;
            d.file(&two, 2)?;
            Ok(())
        })?;
        d[0].mv(&one, &both)?;
        d[1].mv(&two, &both)?;
        d[0].file(&new, 3)?;
        d[1].file(&new, 4)?;
        meet(&mut d)?;
        let paths = d[0].paths();
        assert!(paths.len() >= 4, "{paths:?}");
        for path in &paths {
            Name::new(path)?;
        }
        let mut contents: Vec<u8> = paths.iter().filter_map(|path| d[0].content(path)).collect();
        contents.sort_unstable();
        assert_eq!(contents, [1, 2, 3, 4]);
    }
    Ok(())
}

#[test]
fn twins_by_case_are_two_and_twins_by_composition_are_one() -> TestResult {
    let mut d = devices(2, |_| Ok(()))?;
    d[0].file("READ ME", 1)?;
    d[0].file("caf\u{e9}", 2)?;
    d[0].file("\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f466}", 3)?;
    d[1].file("Read me", 4)?;
    d[1].file("cafe\u{301}", 2)?;
    d[1].file("\u{1f469}\u{1f469}\u{1f466}", 5)?;
    meet(&mut d)?;
    assert_eq!(d[0].paths().len(), 5);
    assert!(d[0].conflicts().is_empty());
    for spelling in ["caf\u{e9}", "cafe\u{301}"] {
        assert_eq!(d[0].content(spelling), Some(2));
        let again = d[0].file(spelling, 9);
        assert!(matches!(again, Err(EditError::NameTaken { .. })));
    }
    // A rename from one spelling to the other is a rename: the name is listed as it was typed last.
    d[1].mv("cafe\u{301}", "caf\u{e9}")?;
    d[1].mv("caf\u{e9}", "cafe\u{301}")?;
    meet(&mut d)?;
    assert!(d[0].paths().contains(&"cafe\u{301}".to_owned()));
    // Renamed apart to the two spellings, two files clash; renamed apart to the two cases, they do not.
    d[0].mv("READ ME", "\u{fc}")?;
    d[1].mv("Read me", "u\u{308}")?;
    meet(&mut d)?;
    assert_eq!(d[0].conflicts().len(), 1);
    assert_eq!(d[0].paths().len(), 5);
    assert_eq!(picture(&d[0].tree)?, picture(&d[1].tree)?);
    Ok(())
}

//! What an edit does and refuses at the door of one device, and how attributes and symlinks meet.

mod support;

use peerdrive_crdt_tree::conflict::Conflict;
use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::{Content, Kind};
use peerdrive_crdt_tree::tree::EditError;
use support::{Device, TestResult, bytes, devices, hear, meet, name};

#[test]
fn r8_depth_is_at_most_256() -> TestResult {
    let mut d = Device::new(1);
    let mut parent = NodeId::ROOT;
    let mut made = Vec::new();
    for _ in 0..256 {
        let kind = Kind::Folder;
        let place = Place::In(parent);
        let edit = Edit::Create {
            parent: place,
            name: name("d"),
            kind,
            content: None,
            mode: None,
        };
        parent = d.one(edit)?;
        made.push(parent);
    }
    let path = d.tree.path(parent).ok_or("no path")?;
    assert_eq!(d.tree.lookup(&path), Some(parent));
    let edit = Edit::Create {
        parent: Place::In(parent),
        name: name("d"),
        kind: Kind::Folder,
        content: None,
        mode: None,
    };
    assert_eq!(d.one(edit), Err(EditError::TooDeep));
    // A folder with something in it does not fit where the folder alone would.
    d.folder("e")?;
    d.folder("e/f")?;
    let node = d.at("e");
    let last = made[254];
    let edit = Edit::Move {
        node,
        parent: last,
        name: name("e"),
    };
    assert_eq!(d.one(edit), Err(EditError::TooDeep));
    let edit = Edit::Move {
        node,
        parent: made[253],
        name: name("e"),
    };
    assert_eq!(d.one(edit), Ok(node));
    Ok(())
}

#[test]
fn a_touched_time_holds_until_the_content_changes_also_when_that_came_from_elsewhere() -> TestResult
{
    let mut d = devices(2, |d| {
        d.file("f", 1)?;
        Ok(())
    })?;
    let node = d[0].at("f");
    d[0].one(Edit::SetAttributes {
        node,
        mode: None,
        mtime_ns: Some(99),
    })?;
    assert_eq!(d[0].tree.get(node).map(|node| node.mtime_ns), Some(99));
    d[1].write("f", 2)?;
    meet(&mut d)?;
    assert_eq!(d[0].tree.get(node).map(|node| node.mtime_ns), Some(2));
    Ok(())
}

#[test]
fn a_symlink_is_told_by_its_target() -> TestResult {
    let mut d = devices(2, |_| Ok(()))?;
    for (device, target) in d.iter_mut().zip(["x", "y"]) {
        let content = Some(Content::Symlink(target.into()));
        let parent = Place::In(NodeId::ROOT);
        let kind = Kind::Symlink;
        device.one(Edit::Create {
            parent,
            name: name("l"),
            kind,
            content,
            mode: None,
        })?;
    }
    meet(&mut d)?;
    assert_eq!(d[0].tree.counts().symlinks, 2);
    assert!(matches!(&d[0].conflicts()[..], [Conflict::Content { .. }]));
    let node = d[0].at("l");
    assert_eq!(d[0].write("l", 1), Err(EditError::WrongKind(node)));
    Ok(())
}

#[test]
fn what_a_door_refuses() -> TestResult {
    let mut d = Device::new(1);
    let folder = d.folder("a")?;
    d.folder("a/b")?;
    let file = d.file("f", 1)?;
    assert_eq!(d.mv("a", "a/b/a"), Err(EditError::IntoItself(folder)));
    assert_eq!(d.mv("f", "f/f"), Err(EditError::NotAFolder(file)));
    assert_eq!(
        d.one(Edit::Delete { node: NodeId::ROOT }),
        Err(EditError::Root)
    );
    let create = |content, mode| Edit::Create {
        parent: Place::In(NodeId::ROOT),
        name: name("n"),
        kind: Kind::Folder,
        content,
        mode,
    };
    assert!(matches!(
        d.one(create(Some(bytes(1)), None)),
        Err(EditError::WrongKind(_))
    ));
    assert_eq!(
        d.one(create(None, Some(0o1777))),
        Err(EditError::BadMode(0o1777))
    );
    let key = "security.capability".to_owned();
    let attribute = Edit::SetXattr {
        node: file,
        key,
        value: Some(vec![1]),
    };
    assert_eq!(d.one(attribute), Err(EditError::BadXattr));
    let attribute = Edit::SetXattr {
        node: file,
        key: "user.a".into(),
        value: Some(vec![0; 4097]),
    };
    assert_eq!(d.one(attribute), Err(EditError::BadXattr));
    let heads = d.tree.heads();
    assert_eq!(d.mv("f", "f"), Ok(file));
    assert_eq!(
        d.tree.heads(),
        heads,
        "a rename to the same name writes nothing"
    );
    Ok(())
}

#[test]
fn an_extended_attribute_is_as_long_as_allowed_and_taken_away_alone() -> TestResult {
    let mut d = Device::new(1);
    let file = d.file("f", 1)?;
    let set = |key: &str, value: Option<Vec<u8>>| Edit::SetXattr {
        node: file,
        key: key.into(),
        value,
    };
    d.one(set("user.a", Some(vec![7; 4096])))?;
    d.one(set("user.b", Some(vec![1])))?;
    let heads = d.tree.heads();
    d.one(set("user.c", None))?;
    assert_eq!(
        d.tree.heads(),
        heads,
        "to take away what is not there writes nothing"
    );
    assert_eq!(d.tree.xattrs(file).len(), 2);
    d.one(set("user.a", None))?;
    let left: Vec<_> = d.tree.xattrs(file).into_iter().collect();
    assert_eq!(left, [("user.b".to_owned(), vec![1])]);
    d.one(set("user.b", None))?;
    assert!(d.tree.xattrs(file).is_empty());
    Ok(())
}

#[test]
fn a_file_made_again_takes_nothing_of_its_former_life_but_its_history() -> TestResult {
    let mut d = devices(2, |d| {
        d.file("f", 1)?;
        Ok(())
    })?;
    let node = d[0].at("f");
    d[0].mv("f", "renamed")?;
    d[0].rm("renamed")?;
    let make = |content, mode| Edit::Create {
        parent: Place::In(NodeId::ROOT),
        name: name("f"),
        kind: Kind::File,
        content,
        mode,
    };
    assert_eq!(d[0].one(make(None, None))?, node);
    assert_eq!(d[0].paths(), ["f"]);
    assert_eq!(d[0].content("f"), None, "it was made without content");
    d[0].rm("f")?;
    assert_eq!(d[0].one(make(Some(bytes(2)), Some(0o755)))?, node);
    meet(&mut d)?;
    let again = d[1].tree.get(node).ok_or("gone")?;
    assert_eq!((again.name.as_str(), again.mode), ("f", 0o755));
    assert_eq!(d[1].content("f"), Some(2));
    assert!(!d[1].tree.is_trashed(node));
    Ok(())
}

#[test]
fn a_file_made_again_outlives_a_deletion_that_had_not_seen_that() -> TestResult {
    let make = || Edit::Create {
        parent: Place::In(NodeId::ROOT),
        name: name("f"),
        kind: Kind::File,
        content: None,
        mode: None,
    };
    let mut d = devices(2, |d| {
        d.one(make())?;
        d.rm("f")?;
        d.one(make())?;
        Ok(())
    })?;
    d[1].rm("f")?;
    // Made again a second time, with nothing about it that is new.
    d[0].rm("f")?;
    d[0].one(make())?;
    meet(&mut d)?;
    assert_eq!(d[1].paths(), ["f"]);
    Ok(())
}

#[test]
fn a_file_made_again_under_the_name_that_won_is_renamed_apart_no_longer() -> TestResult {
    let mut d = devices(2, |d| {
        d.file("f", 1)?;
        Ok(())
    })?;
    // Renamed away and back, so that this one is the later and wins.
    for (from, to) in [("f", "g"), ("g", "f"), ("f", "h"), ("h", "f")] {
        d[0].mv(from, to)?;
    }
    d[1].mv("f", "elsewhere")?;
    meet(&mut d)?;
    assert_eq!(d[1].paths(), ["f"]);
    assert_eq!(d[1].conflicts().len(), 1);
    d[1].rm("f")?;
    let node = d[1].file("f", 2)?;
    assert_eq!(
        (d[1].paths(), d[1].conflicts()),
        (vec!["f".to_owned()], vec![])
    );
    meet(&mut d)?;
    assert_eq!((d[0].at("f"), d[0].conflicts()), (node, vec![]));
    Ok(())
}

#[test]
fn a_file_made_again_with_usual_bits_after_others_were_set_has_the_usual() -> TestResult {
    let mut d = Device::new(1);
    let make = |mode| Edit::Create {
        parent: Place::In(NodeId::ROOT),
        name: name("f"),
        kind: Kind::File,
        content: Some(bytes(1)),
        mode,
    };
    let node = d.one(make(None))?;
    for mode in [Some(0o755), None, Some(0o600), Some(0o644)] {
        d.rm("f")?;
        d.one(make(mode))?;
        let shown = d.tree.get(node).map(|node| node.mode);
        assert_eq!(shown, Some(mode.unwrap_or(0o644)));
    }
    Ok(())
}

#[test]
fn asking_for_what_shows_settles_what_was_open_and_otherwise_writes_nothing() -> TestResult {
    let mut d = devices(2, |d| {
        d.folder("a")?;
        d.folder("b")?;
        d.file("f", 1)?;
        Ok(())
    })?;
    // Moved and renamed by one: nothing is open.
    d[0].mv("f", "a/g")?;
    let heads = d[0].tree.heads();
    d[0].mv("a/g", "a/g")?;
    assert_eq!(d[0].tree.heads(), heads);
    meet(&mut d)?;
    // Renamed by both: one name shows, and asking for it ends that.
    d[0].mv("a/g", "a/x")?;
    d[1].mv("a/g", "a/y")?;
    meet(&mut d)?;
    let node = d[0].at("a/x");
    let path = d[0].tree.path(node).or(d[0].tree.path(d[0].at("a/y")));
    let path = path.ok_or("neither name shows")?;
    let heads = d[0].tree.heads();
    d[0].mv(&path, &path)?;
    let settled = d[0].tree.heads();
    assert_ne!(settled, heads);
    d[0].mv(&path, &path)?;
    assert_eq!(d[0].tree.heads(), settled);
    meet(&mut d)?;
    // Moved by both.
    let file = path.rsplit('/').next().ok_or("a name")?.to_owned();
    d[0].mv(&path, &file)?;
    d[1].mv(&path, &format!("b/{file}"))?;
    meet(&mut d)?;
    let node = d[0].at(&format!("b/{file}"));
    let path = d[0].tree.path(node).unwrap_or(file);
    let heads = d[0].tree.heads();
    d[0].mv(&path, &path)?;
    let settled = d[0].tree.heads();
    assert_ne!(settled, heads);
    d[0].mv(&path, &path)?;
    assert_eq!(d[0].tree.heads(), settled);
    Ok(())
}

#[test]
fn only_files_replace_and_never_themselves() -> TestResult {
    let mut d = Device::new(1);
    let (a, b) = (d.folder("a")?, d.folder("b")?);
    let file = d.file("f", 1)?;
    for (source, target) in [(file, file), (a, b), (file, a)] {
        let replaced = d.one(Edit::Replace { source, target });
        assert_eq!(replaced, Err(EditError::WrongKind(target)));
    }
    Ok(())
}

#[test]
fn a_symlink_leads_somewhere() -> TestResult {
    let mut d = Device::new(1);
    for target in ["", "a\0b", &"x".repeat(4096)] {
        let made = d.one(Edit::Create {
            parent: Place::In(NodeId::ROOT),
            name: name("l"),
            kind: Kind::Symlink,
            content: Some(Content::Symlink(target.into())),
            mode: None,
        });
        assert_eq!(made, Err(EditError::BadTarget), "{target:?}");
    }
    Ok(())
}

#[test]
fn a_folder_restored_brings_back_what_went_with_it_and_nothing_beside_it() -> TestResult {
    let mut d = Device::new(1);
    let (a, b) = (d.folder("a")?, d.folder("b")?);
    d.file("a/1", 1)?;
    d.file("b/2", 2)?;
    assert!(!d.tree.is_trashed(a));
    assert!(!d.tree.is_empty(a) && d.tree.is_empty(d.at("a/1")));
    // One action, so the marks follow each other without a gap.
    let _ = d.edit(&[Edit::Delete { node: a }, Edit::Delete { node: b }]);
    assert!(d.tree.is_trashed(a) && d.tree.is_trashed(b));
    d.one(Edit::Restore { node: a })?;
    assert_eq!(d.paths(), ["a", "a/1"]);
    Ok(())
}

#[test]
fn the_version_that_shows_can_be_the_one_that_stays() -> TestResult {
    let mut d = devices(2, |d| {
        d.file("f", 1)?;
        Ok(())
    })?;
    d[0].write("f", 2)?;
    d[1].write("f", 3)?;
    meet(&mut d)?;
    let node = d[0].at("f");
    let shows = d[0].content("f");
    assert_eq!(d[0].paths().len(), 2);
    d[0].one(Edit::Resolve { node, keep: node })?;
    meet(&mut d)?;
    assert_eq!(d[1].paths(), ["f"]);
    assert_eq!(d[1].content("f"), shows);
    assert_eq!(
        d[0].one(Edit::Resolve { node, keep: node }),
        Err(EditError::NotInConflict(node))
    );
    Ok(())
}

/// One edit of this many writes, and on how many changes it went; another device admits each.
fn admitted(edits: &[Edit], start: &mut Device) -> Result<usize, Box<dyn std::error::Error>> {
    let edited = start.edit(edits);
    assert!(edited.results.iter().all(Result::is_ok));
    let mut other = Device::new(99);
    hear(&mut other, &[&*start])?;
    assert_eq!(other.tree.view_hash(), start.tree.view_hash());
    Ok(edited.changes.len())
}

#[test]
fn an_edit_of_long_values_becomes_changes_of_the_length_that_is_admitted() -> TestResult {
    let mut d = Device::new(1);
    let link = |n: usize| Edit::Create {
        parent: Place::In(NodeId::ROOT),
        name: name(&format!("{n}")),
        kind: Kind::Symlink,
        content: Some(Content::Symlink("t".repeat(4000))),
        mode: None,
    };
    let links: Vec<Edit> = (0..400).map(link).collect();
    // 1.6 MB in changes of at most 256 KiB.
    let made = admitted(&links, &mut d)?;
    assert!((7..=9).contains(&made), "{made}");
    Ok(())
}

#[test]
fn a_large_edit_becomes_few_changes_that_every_device_admits() -> TestResult {
    let mut d = Device::new(1);
    let folder = d.folder("folder")?;
    let create = |n: usize| Edit::Create {
        parent: Place::In(NodeId::ROOT),
        name: name(&format!("{n}")),
        kind: Kind::File,
        content: Some(bytes(1)),
        mode: None,
    };
    let creates: Vec<Edit> = (0..4090).map(create).collect();
    // Two writes each, and no longer than they are: three changes would do by their number.
    let made = admitted(&creates, &mut d)?;
    assert!((2..=6).contains(&made), "{made}");

    let files: Vec<NodeId> = (0..4090).map(|n| d.at(&n.to_string())).collect();
    let moves = files.iter().zip(0..).map(|(node, n)| Edit::Move {
        node: *node,
        parent: folder,
        name: name(&format!("{n}")),
    });
    let moves: Vec<Edit> = moves.collect();
    let made = admitted(&moves, &mut d)?;
    assert!((2..=4).contains(&made), "{made}");
    let back = files.iter().zip(0..).map(|(node, n)| Edit::Move {
        node: *node,
        parent: NodeId::ROOT,
        name: name(&format!("{n}")),
    });
    // Each takes the former place away and writes the new one.
    let back: Vec<Edit> = back.collect();
    let made = admitted(&back, &mut d)?;
    assert!((2..=4).contains(&made), "{made}");

    let bits = files.iter().map(|node| Edit::SetAttributes {
        node: *node,
        mode: Some(0o600),
        mtime_ns: None,
    });
    let bits: Vec<Edit> = bits.take(4085).collect();
    let made = admitted(&bits, &mut d)?;
    assert!(made <= 3, "{made}");

    let values = files.iter().map(|node| Edit::SetXattr {
        node: *node,
        key: "user.a".into(),
        value: Some(vec![7; 4096]),
    });
    let values: Vec<Edit> = values.take(300).collect();
    let made = admitted(&values, &mut d)?;
    assert!((5..=7).contains(&made), "{made}");
    Ok(())
}

#[test]
fn what_was_deleted_does_not_come_back_deeper_than_a_door_would_make_it() -> TestResult {
    let mut d = Device::new(1);
    d.folder("far")?;
    d.folder("far/in")?;
    let kept = d.folder("far/in/kept")?;
    d.rm("far/in/kept")?;
    let mut path = String::from("0");
    d.folder(&path)?;
    for n in 1..254 {
        path = format!("{path}/{n}");
        d.folder(&path)?;
    }
    d.mv("far", &format!("{path}/far"))?;
    assert_eq!(d.one(Edit::Restore { node: kept }), Err(EditError::TooDeep));
    d.mv(&format!("{path}/far"), "far")?;
    d.one(Edit::Restore { node: kept })?;
    assert_eq!(d.at("far/in/kept"), kept);
    Ok(())
}

#[test]
fn a_choice_among_versions_outlives_a_deletion_that_had_not_seen_it() -> TestResult {
    let mut all = devices(3, |d| {
        d.file("f", 1)?;
        Ok(())
    })?;
    all[0].write("f", 2)?;
    all[1].write("f", 3)?;
    meet(&mut all)?;
    let node = all[0].at("f");
    all[0].one(Edit::Resolve { node, keep: node })?;
    all[1].rm("f")?;
    meet(&mut all)?;
    assert!(all[2].content("f").is_some(), "somebody chose it meanwhile");
    Ok(())
}

#[test]
fn a_version_made_a_file_of_its_own_has_the_attributes_that_it_showed() -> TestResult {
    let mut all = devices(2, |d| {
        let node = d.file("f", 1)?;
        d.one(Edit::SetXattr {
            node,
            key: "user.a".into(),
            value: Some(vec![7]),
        })?;
        Ok(())
    })?;
    all[0].write("f", 2)?;
    all[1].write("f", 3)?;
    meet(&mut all)?;
    let copy = all[0].copy().ok_or("no copy")?;
    let before = all[0].tree.xattrs(all[0].at(&copy));
    all[0].write(&copy, 4)?;
    assert_eq!(all[0].tree.xattrs(all[0].at(&copy)), before);
    assert_eq!(before.len(), 1);
    Ok(())
}

#[test]
fn what_many_deleted_apart_is_restored_by_changes_that_everyone_admits() -> TestResult {
    // Each removed mark names all marks there are: a change runs out of these before it runs out of ops.
    const DEVICES: u8 = 10;
    const FILES: usize = 1900;
    let mut all = devices(DEVICES, |d| {
        d.folder("all")?;
        let parent = d.at("all");
        let edits: Vec<Edit> = (0..FILES)
            .map(|n| Edit::Create {
                parent: Place::In(parent),
                name: name(&format!("{n}")),
                kind: Kind::File,
                content: Some(bytes(1)),
                mode: None,
            })
            .collect();
        let made = d.edit(&edits).results;
        assert!(made.iter().all(Result::is_ok));
        Ok(())
    })?;
    let node = all[0].at("all");
    for device in &mut all {
        device.rm("all")?;
    }
    let (first, others) = all.split_at_mut(1);
    let others: Vec<&Device> = others.iter().collect();
    hear(&mut first[0], &others)?;
    first[0].one(Edit::Restore { node })?;
    assert_eq!(first[0].paths().len(), 1 + FILES);
    let mut reader = Device::new(90);
    let everyone: Vec<&Device> = all.iter().collect();
    hear(&mut reader, &everyone)?;
    assert_eq!(reader.paths().len(), 1 + FILES);
    Ok(())
}

//! The rules of tree.md, one by one, each as its sentence says it; what there is to tell a person is
//! part of what is expected.

mod support;

use peerdrive_crdt_tree::conflict::Conflict;
use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::event::TreeEvent;
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::name::MAX_NAME_BYTES;
use peerdrive_crdt_tree::node::Kind;
use peerdrive_crdt_tree::tree::EditError;
use support::{Device, TestResult, devices, meet};

/// A conflict without its paths: what it is, and where.
fn told(device: &Device) -> Vec<(&'static str, String)> {
    let mut told: Vec<(&'static str, String)> = device
        .conflicts()
        .iter()
        .map(|conflict| {
            let kind = match conflict {
                Conflict::Cycle { .. } => "cycle",
                Conflict::MovedApart { .. } => "moved apart",
                Conflict::RenamedApart { .. } => "renamed apart",
                Conflict::SameName { .. } => "same name",
                Conflict::Content { .. } => "content",
                Conflict::DeletedAndEdited { .. } => "deleted and edited",
                Conflict::DeletedAround { .. } => "deleted around",
            };
            (kind, device.tree.path(conflict.node()).unwrap_or_default())
        })
        .collect();
    told.sort();
    told
}

fn told_is(device: &Device, expected: &[(&'static str, &str)]) {
    let expected: Vec<(&str, String)> = expected
        .iter()
        .map(|(kind, path)| (*kind, (*path).to_owned()))
        .collect();
    assert_eq!(told(device), expected);
}

#[test]
fn layout_who_creates_the_same_folder_apart_created_one_folder() -> TestResult {
    let mut d = devices(2, |_| Ok(()))?;
    d[0].folder("notes")?;
    d[0].file("notes/a", 1)?;
    d[1].folder("notes")?;
    d[1].file("notes/b", 2)?;
    meet(&mut d)?;
    assert_eq!(d[0].paths(), ["notes", "notes/a", "notes/b"]);
    told_is(&d[0], &[]);
    Ok(())
}

#[test]
fn layout_nfc_and_nfd_spellings_of_a_name_are_one_node() -> TestResult {
    let mut d = devices(2, |_| Ok(()))?;
    let composed = d[0].folder("\u{e9}")?;
    let decomposed = d[1].folder("e\u{301}")?;
    assert_eq!(composed, decomposed);
    meet(&mut d)?;
    assert_eq!(d[0].paths().len(), 1);
    assert_eq!(d[0].at("\u{e9}"), d[0].at("e\u{301}"));
    told_is(&d[0], &[]);
    Ok(())
}

#[test]
fn layout_a_file_deleted_and_written_again_keeps_its_identity() -> TestResult {
    let mut d = devices(2, |d| {
        d.file("a", 1)?;
        Ok(())
    })?;
    let before = d[0].at("a");
    d[0].rm("a")?;
    assert_eq!(d[0].file("a", 2)?, before);
    meet(&mut d)?;
    assert_eq!(d[1].content("a"), Some(2));
    assert!(d[1].tree.trash().is_empty());
    told_is(&d[1], &[]);
    Ok(())
}

#[test]
fn layout_a_file_written_again_does_not_inherit_modes_times_or_attributes() -> TestResult {
    let mut d = Device::new(1);
    let node = d.file("a", 1)?;
    d.one(Edit::SetAttributes {
        node,
        mode: Some(0o600),
        mtime_ns: Some(77),
    })?;
    d.one(Edit::SetXattr {
        node,
        key: "user.a".into(),
        value: Some(vec![1]),
    })?;
    d.rm("a")?;
    d.file("a", 2)?;
    let again = d.tree.get(node).ok_or("gone")?;
    assert_eq!((again.mode, again.mtime_ns), (0o644, 2));
    assert!(d.tree.xattrs(node).is_empty());
    Ok(())
}

#[test]
fn layout_a_name_left_by_a_move_is_free_for_a_node_of_its_own() -> TestResult {
    let mut d = Device::new(1);
    let first = d.file("a", 1)?;
    d.mv("a", "b")?;
    let second = d.file("a", 2)?;
    assert_ne!(first, second);
    d.mv("a", "c")?;
    let third = d.file("a", 3)?;
    assert!(third != first && third != second);
    assert_eq!(d.paths(), ["a", "b", "c"]);
    Ok(())
}

#[test]
fn separate_registers_a_rename_a_move_and_an_edit_all_hold() -> TestResult {
    let mut d = devices(3, |d| {
        d.folder("in")?;
        d.file("f", 1)?;
        Ok(())
    })?;
    d[0].mv("f", "g")?;
    d[1].mv("f", "in/f")?;
    d[2].write("f", 2)?;
    meet(&mut d)?;
    assert_eq!(d[0].paths(), ["in", "in/g"]);
    assert_eq!(d[0].content("in/g"), Some(2));
    told_is(&d[0], &[]);
    Ok(())
}

#[test]
fn r1_of_two_moves_the_greater_op_wins_and_the_other_is_told() -> TestResult {
    let mut d = devices(2, |d| {
        d.folder("x")?;
        d.folder("y")?;
        d.file("f", 1)?;
        Ok(())
    })?;
    d[0].mv("f", "x/f")?;
    d[1].mv("f", "y/f")?;
    meet(&mut d)?;
    // Equal counters, so the greater actor wins.
    assert_eq!(d[0].paths(), ["x", "y", "y/f"]);
    let node = d[0].at("y/f");
    let also = vec!["x".to_owned()];
    assert_eq!(
        d[0].conflicts(),
        [Conflict::MovedApart {
            node,
            path: "y/f".into(),
            also
        }]
    );
    d[0].mv("y/f", "y/g")?;
    told_is(&d[0], &[("moved apart", "y/g")]);
    d[0].mv("y/g", "f")?;
    told_is(&d[0], &[]);
    Ok(())
}

#[test]
fn r1_of_two_renames_one_wins_and_the_other_is_told() -> TestResult {
    let mut d = devices(2, |d| {
        d.folder("f")?;
        Ok(())
    })?;
    d[0].mv("f", "one")?;
    d[1].mv("f", "two")?;
    meet(&mut d)?;
    assert_eq!(d[0].paths(), ["two"]);
    let (node, path) = (d[0].at("two"), "two".to_owned());
    let also = vec!["one".to_owned()];
    let conflict = Conflict::RenamedApart { node, path, also };
    assert_eq!(d[0].conflicts(), std::slice::from_ref(&conflict));
    Ok(())
}

#[test]
fn r2_of_two_folders_moved_into_each_other_the_later_move_loses() -> TestResult {
    let mut d = devices(2, |d| {
        d.folder("a")?;
        d.folder("b")?;
        Ok(())
    })?;
    d[0].mv("a", "b/a")?;
    d[1].mv("b", "a/b")?;
    meet(&mut d)?;
    assert_eq!(d[0].paths(), ["b", "b/a"]);
    let (node, wanted) = (d[0].at("b"), d[0].at("b/a"));
    let cycle = Conflict::Cycle {
        node,
        path: "b".into(),
        wanted,
        wanted_path: "b/a".into(),
    };
    assert_eq!(d[0].conflicts(), [cycle]);
    Ok(())
}

#[test]
fn r2_a_cycle_of_three_is_cut_once() -> TestResult {
    let mut d = devices(3, |d| {
        d.folder("a")?;
        d.folder("b")?;
        d.folder("c")?;
        Ok(())
    })?;
    d[0].mv("a", "b/a")?;
    d[1].mv("b", "c/b")?;
    d[2].mv("c", "a/c")?;
    meet(&mut d)?;
    assert_eq!(d[0].paths(), ["c", "c/b", "c/b/a"]);
    told_is(&d[0], &[("cycle", "c")]);
    Ok(())
}

#[test]
fn r2_a_folder_whose_move_lost_goes_back_to_where_it_came_from() -> TestResult {
    let mut d = devices(2, |d| {
        d.folder("home")?;
        d.folder("home/a")?;
        d.folder("home/b")?;
        Ok(())
    })?;
    d[0].mv("home/a", "home/b/a")?;
    d[1].mv("home/b", "home/a/b")?;
    meet(&mut d)?;
    assert_eq!(d[0].paths(), ["home", "home/b", "home/b/a"]);
    told_is(&d[0], &[("cycle", "home/b")]);
    Ok(())
}

#[test]
fn r2_a_cycle_ends_when_one_of_its_folders_is_moved_away() -> TestResult {
    let mut d = devices(2, |d| {
        d.folder("a")?;
        d.folder("b")?;
        Ok(())
    })?;
    d[0].mv("a", "b/a")?;
    d[1].mv("b", "a/b")?;
    meet(&mut d)?;
    // What lost is free to go where it wanted once the other has left.
    d[0].mv("b/a", "a")?;
    assert_eq!(d[0].paths(), ["a", "a/b"]);
    told_is(&d[0], &[]);
    Ok(())
}

#[test]
fn r2_moving_a_demoted_folder_to_where_it_shows_settles_it() -> TestResult {
    let mut d = devices(2, |d| {
        d.folder("a")?;
        d.folder("b")?;
        Ok(())
    })?;
    d[0].mv("a", "b/a")?;
    d[1].mv("b", "a/b")?;
    meet(&mut d)?;
    d[1].mv("b", "b")?;
    meet(&mut d)?;
    assert_eq!(d[0].paths(), ["b", "b/a"]);
    told_is(&d[0], &[]);
    Ok(())
}

#[test]
fn r3_an_edit_that_the_deleter_had_not_seen_keeps_the_file() -> TestResult {
    let mut d = devices(2, |d| {
        d.file("f", 1)?;
        Ok(())
    })?;
    d[0].rm("f")?;
    d[1].write("f", 2)?;
    meet(&mut d)?;
    assert_eq!(d[0].content("f"), Some(2));
    let (node, path, kind) = (d[0].at("f"), "f".to_owned(), Kind::File);
    assert_eq!(
        d[0].conflicts(),
        [Conflict::DeletedAndEdited { node, path, kind }]
    );
    // Deleting it again, now with the edit seen, holds; so does editing it.
    d[0].write("f", 3)?;
    told_is(&d[0], &[]);
    d[0].rm("f")?;
    assert!(d[0].paths().is_empty());
    Ok(())
}

#[test]
fn r3_a_rename_and_a_move_that_the_deleter_had_not_seen_keep_the_file() -> TestResult {
    for to in ["g", "in/f"] {
        let mut d = devices(2, |d| {
            d.folder("in")?;
            d.file("f", 1)?;
            Ok(())
        })?;
        d[0].rm("f")?;
        d[1].mv("f", to)?;
        meet(&mut d)?;
        assert_eq!(d[0].content(to), Some(1));
        told_is(&d[0], &[("deleted and edited", to)]);
    }
    Ok(())
}

#[test]
fn r3_an_attribute_does_not_keep_a_file() -> TestResult {
    let mut d = devices(2, |d| {
        d.file("f", 1)?;
        Ok(())
    })?;
    let node = d[0].at("f");
    d[0].rm("f")?;
    d[1].one(Edit::SetAttributes {
        node,
        mode: Some(0o600),
        mtime_ns: None,
    })?;
    meet(&mut d)?;
    assert!(d[0].paths().is_empty());
    assert_eq!(d[0].tree.trash().len(), 1);
    Ok(())
}

#[test]
fn r3_two_deletions_count_together() -> TestResult {
    let mut d = devices(3, |d| {
        d.file("f", 1)?;
        Ok(())
    })?;
    // One deleter saw one edit, the other the other one; together they saw all.
    d[0].write("f", 2)?;
    d[1].write("f", 3)?;
    d[0].rm("f")?;
    d[1].rm("f")?;
    meet(&mut d)?;
    assert!(d[2].paths().is_empty());
    told_is(&d[2], &[]);
    Ok(())
}

#[test]
fn r3_restore_takes_out_of_the_trash_with_the_folders_above() -> TestResult {
    let mut d = devices(2, |d| {
        d.folder("a")?;
        d.file("a/f", 1)?;
        d.file("a/g", 2)?;
        Ok(())
    })?;
    let node = d[0].at("a/f");
    d[0].rm("a")?;
    meet(&mut d)?;
    assert_eq!(d[1].tree.trash().len(), 3);
    d[1].one(Edit::Restore { node })?;
    meet(&mut d)?;
    assert_eq!(d[0].paths(), ["a", "a/f"]);
    told_is(&d[0], &[]);
    assert_eq!(
        d[0].one(Edit::Restore { node }),
        Err(EditError::NotDeleted(node))
    );
    Ok(())
}

#[test]
fn r3_restoring_a_folder_brings_back_what_went_with_it_and_nothing_else() -> TestResult {
    let mut d = Device::new(1);
    let folder = d.folder("a")?;
    d.file("a/old", 1)?;
    d.file("a/f", 1)?;
    d.folder("a/b")?;
    d.file("a/b/g", 2)?;
    d.rm("a/old")?;
    d.rm("a")?;
    d.one(Edit::Restore { node: folder })?;
    assert_eq!(d.paths(), ["a", "a/b", "a/b/g", "a/f"]);
    Ok(())
}

#[test]
fn r4_a_deleted_folder_shows_with_only_what_lives_in_it() -> TestResult {
    let mut d = devices(2, |d| {
        d.folder("a")?;
        d.folder("a/b")?;
        d.file("a/b/old", 1)?;
        d.file("a/other", 1)?;
        Ok(())
    })?;
    d[0].rm("a")?;
    d[1].file("a/b/new", 2)?;
    meet(&mut d)?;
    assert_eq!(d[0].paths(), ["a", "a/b", "a/b/new"]);
    told_is(&d[0], &[("deleted around", "a"), ("deleted around", "a/b")]);
    d[0].mv("a/b/new", "new")?;
    assert_eq!(d[0].paths(), ["new"]);
    told_is(&d[0], &[]);
    Ok(())
}

#[test]
fn r5_the_node_created_first_keeps_the_name_and_the_other_shows_with_a_tag() -> TestResult {
    let mut d = devices(2, |d| {
        d.file("one", 1)?;
        d.file("two", 2)?;
        Ok(())
    })?;
    let (one, two) = (d[0].at("one"), d[0].at("two"));
    d[0].mv("one", "same.txt")?;
    d[1].mv("two", "same.txt")?;
    meet(&mut d)?;
    assert_eq!(d[0].at("same.txt"), one);
    let tag = &two.to_string()[..4];
    let path = format!("same ({tag}).txt");
    assert_eq!(d[0].at(&path), two);
    let same_name = Conflict::SameName {
        node: two,
        path,
        name: "same.txt".into(),
        holder: one,
    };
    assert_eq!(d[0].conflicts(), [same_name]);
    // Nothing was renamed in the document: when the clash goes, so does the tag.
    d[0].rm("same.txt")?;
    assert_eq!(d[0].at("same.txt"), two);
    told_is(&d[0], &[]);
    Ok(())
}

#[test]
fn r5_who_created_together_with_others_claims_by_the_first_of_them() -> TestResult {
    let mut d = devices(3, |_| Ok(()))?;
    // Equal counters: the two who create `same` wrote before and after the one who creates `other`.
    let same = d[0].file("same", 1)?;
    let other = d[1].file("other", 2)?;
    d[2].file("same", 1)?;
    d[1].mv("other", "same")?;
    meet(&mut d)?;
    assert_eq!(d[0].at("same"), same);
    assert_eq!(
        d[0].at(&format!("same ({})", &other.to_string()[..4])),
        other
    );
    Ok(())
}

#[test]
fn r5_a_folder_keeps_its_name_before_a_file() -> TestResult {
    let mut d = devices(2, |_| Ok(()))?;
    d[0].file("x", 1)?;
    d[1].folder("x")?;
    meet(&mut d)?;
    let folder = d[0].tree.get(d[0].at("x")).ok_or("gone")?;
    assert_eq!(folder.kind, Kind::Folder);
    assert_eq!(told(&d[0])[0].0, "same name");
    Ok(())
}

#[test]
fn r5_a_tag_gives_way_to_a_name_that_somebody_typed() -> TestResult {
    let mut d = devices(2, |d| {
        d.file("one", 1)?;
        d.file("two", 2)?;
        Ok(())
    })?;
    let two = d[0].at("two");
    d[0].mv("one", "same")?;
    d[1].mv("two", "same")?;
    meet(&mut d)?;
    let short = format!("same ({})", &two.to_string()[..4]);
    let long = format!("same ({})", &two.to_string()[..5]);
    assert_eq!(d[0].at(&short), two);
    // The door refuses the name here, but somebody who does not see the clash may take it.
    assert!(matches!(
        d[0].file(&short, 3),
        Err(EditError::NameTaken { .. })
    ));
    let mut third = Device::new(9);
    let typed = third.file(&short, 3)?;
    d.push(third);
    meet(&mut d)?;
    assert_eq!(d[0].at(&short), typed);
    assert_eq!(d[0].at(&long), two);
    d[0].rm(&short)?;
    assert_eq!(d[0].at(&short), two);
    Ok(())
}

#[test]
fn r5_a_tagged_name_never_exceeds_the_limit() -> TestResult {
    let mut d = devices(2, |d| {
        d.file("one", 1)?;
        d.file("two", 2)?;
        Ok(())
    })?;
    let long = format!("{}.txt", "\u{1f980}".repeat(62));
    d[0].mv("one", &long)?;
    d[1].mv("two", &long)?;
    meet(&mut d)?;
    let tagged = d[0]
        .paths()
        .into_iter()
        .find(|path| path.contains('('))
        .ok_or("no tag")?;
    assert!(
        tagged.len() <= MAX_NAME_BYTES && tagged.ends_with(").txt"),
        "{tagged}"
    );
    Ok(())
}

#[test]
fn r6_equal_contents_written_apart_are_one_version() -> TestResult {
    let mut d = devices(2, |_| Ok(()))?;
    d[0].file("f", 1)?;
    d[1].file("f", 1)?;
    meet(&mut d)?;
    assert_eq!(d[0].paths(), ["f"]);
    told_is(&d[0], &[]);
    Ok(())
}

#[test]
fn r6_other_versions_show_beside_the_file_and_everyone_sees_the_same_ones() -> TestResult {
    let mut d = devices(3, |d| {
        d.file("f.txt", 1)?;
        Ok(())
    })?;
    d[0].write("f.txt", 2)?;
    d[1].write("f.txt", 3)?;
    meet(&mut d)?;
    let node = d[2].at("f.txt");
    assert_eq!(d[2].content("f.txt"), Some(3));
    let copy = d[2].copy().ok_or("no copy")?;
    let id = d[2].at(&copy);
    assert_eq!(
        copy,
        format!("f (conflict 0101 {}).txt", &id.to_string()[..4])
    );
    assert_eq!(d[2].content(&copy), Some(2));
    let shown = d[2].conflicts();
    let [Conflict::Content { copies, .. }] = &shown[..] else {
        return Err("told wrong".into());
    };
    assert_eq!((copies[0].id, copies[0].author), (id, d[0].actor));
    assert_eq!(d[2].tree.get(id).and_then(|copy| copy.copy_of), Some(node));
    Ok(())
}

#[test]
fn r6_an_edit_of_the_file_makes_the_copy_a_file_of_its_own() -> TestResult {
    let mut d = devices(2, |d| {
        d.file("f.txt", 1)?;
        Ok(())
    })?;
    d[0].write("f.txt", 2)?;
    d[1].write("f.txt", 3)?;
    meet(&mut d)?;
    let copy = d[0].copy().ok_or("no copy")?;
    let id = d[0].at(&copy);
    // Both at once, apart: done once.
    d[0].write("f.txt", 4)?;
    d[1].rm(&copy)?;
    d[1].write("f.txt", 5)?;
    meet(&mut d)?;
    assert!(d[0].tree.is_trashed(id) || d[0].tree.get(id).is_some());
    let all: Vec<Option<u8>> = d[0].paths().iter().map(|path| d[0].content(path)).collect();
    assert!(all.contains(&Some(4)) && all.contains(&Some(5)), "{all:?}");
    Ok(())
}

#[test]
fn r6_every_door_to_a_copy_settles_it_and_loses_nothing() -> TestResult {
    type Act = fn(&mut Device, NodeId, &str) -> Result<NodeId, EditError>;
    let acts: [(Act, &[u8]); 6] = [
        (|d, _, copy| d.write(copy, 9), &[3, 9]),
        (|d, _, copy| d.mv(copy, "elsewhere"), &[2, 3]),
        (|d, _, copy| d.rm(copy), &[3]),
        (|d, _, _| d.mv("f", "elsewhere"), &[2, 3]),
        (|d, _, _| d.rm("f"), &[2]),
        (
            |d, node, copy| {
                let keep = d.at(copy);
                d.one(Edit::Resolve { node, keep })
            },
            &[2],
        ),
    ];
    for (act, expected) in acts {
        let mut d = devices(2, |d| {
            d.file("f", 1)?;
            Ok(())
        })?;
        d[0].write("f", 2)?;
        d[1].write("f", 3)?;
        meet(&mut d)?;
        let (node, copy) = (d[0].at("f"), d[0].copy().ok_or("no copy")?);
        act(&mut d[0], node, &copy)?;
        meet(&mut d)?;
        let mut left: Vec<u8> = d[1]
            .paths()
            .iter()
            .filter_map(|path| d[1].content(path))
            .collect();
        left.sort_unstable();
        assert_eq!(left, expected);
        told_is(&d[1], &[]);
    }
    Ok(())
}

#[test]
fn r6_resolve_only_takes_versions_of_the_node() -> TestResult {
    let mut d = Device::new(1);
    let (f, g) = (d.file("f", 1)?, d.file("g", 2)?);
    assert_eq!(
        d.one(Edit::Resolve { node: f, keep: f }),
        Err(EditError::NotInConflict(f))
    );
    assert_eq!(
        d.one(Edit::Resolve { node: f, keep: g }),
        Err(EditError::NotInConflict(f))
    );
    Ok(())
}

#[test]
fn r7_a_rename_over_a_file_edits_the_target_and_deletes_the_source() -> TestResult {
    let mut d = devices(2, |d| {
        d.file("doc", 1)?;
        d.file(".doc.tmp", 2)?;
        Ok(())
    })?;
    let (source, target) = (d[0].at(".doc.tmp"), d[0].at("doc"));
    d[0].one(Edit::SetAttributes {
        node: source,
        mode: Some(0o600),
        mtime_ns: None,
    })?;
    let edited = d[0].edit(&[Edit::Replace { source, target }]);
    assert_eq!(edited.results, [Ok(target)]);
    assert!(
        edited
            .events
            .contains(&TreeEvent::ContentChanged { id: target })
    );
    meet(&mut d)?;
    assert_eq!(d[1].paths(), ["doc"]);
    assert_eq!((d[1].at("doc"), d[1].content("doc")), (target, Some(2)));
    assert_eq!(d[1].tree.get(target).map(|node| node.mode), Some(0o600));
    assert!(d[1].tree.is_trashed(source));
    let folder = d[0].folder("x")?;
    let wrong = d[0].one(Edit::Replace {
        source: folder,
        target,
    });
    assert_eq!(wrong, Err(EditError::WrongKind(target)));
    Ok(())
}

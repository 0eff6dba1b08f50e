//! What is told of edits of a real tree.

use peerdrive_engine::tree::edit::{Edit, Place};
use peerdrive_engine::tree::id::Actor;
use peerdrive_engine::tree::name::Name;
use peerdrive_engine::tree::node::Kind;

use super::*;

type TestResult<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn tree() -> DriveTree {
    DriveTree::new(Actor([1; 16]))
}

fn make(parent: Place, name: &str, kind: Kind) -> TestResult<Edit> {
    Ok(Edit::Create {
        parent,
        name: Name::new(name)?,
        kind,
        content: None,
        mode: None,
    })
}

/// Does it and tells it.
fn told_of(tree: &mut DriveTree, edits: &[Edit]) -> TestResult<(Vec<NodeId>, Told)> {
    let done = tree.edit(edits);
    let nodes = done.results.into_iter().collect::<Result<_, _>>()?;
    Ok((nodes, told(tree, &done.events)))
}

fn words(told: &Told) -> Vec<(ChangeKind, &str, Option<&str>)> {
    let changes = told.changes.iter();
    changes
        .map(|c| (c.what, c.path.as_str(), c.from.as_deref()))
        .collect()
}

fn ids(nodes: &[NodeId]) -> Vec<String> {
    let mut ids: Vec<_> = nodes.iter().map(ToString::to_string).collect();
    ids.sort();
    ids
}

#[test]
fn what_is_made_moved_renamed_and_deleted_is_told_in_a_persons_words() -> TestResult {
    let mut tree = tree();
    let root = NodeId::ROOT;
    let new = [
        make(Place::In(root), "a", Kind::Folder)?,
        make(Place::In(root), "b", Kind::Folder)?,
        make(Place::InCreated(0), "x.txt", Kind::File)?,
    ];
    let (made, told) = told_of(&mut tree, &new)?;
    let [a, b, x] = made[..] else {
        return Err("three".into());
    };
    let mut all = words(&told);
    all.sort_by_key(|word| word.1);
    let created = |path| (ChangeKind::Created, path, None);
    assert_eq!(all, [created("a"), created("a/x.txt"), created("b")]);
    assert_eq!((told.count, told.all), (3, false));
    assert_eq!(told.folders, ids(&[root, a]));

    let rename = Edit::Move {
        node: x,
        parent: a,
        name: Name::new("y.txt")?,
    };
    let (_, told) = told_of(&mut tree, &[rename])?;
    assert_eq!(
        words(&told),
        [(ChangeKind::Renamed, "a/y.txt", Some("a/x.txt"))]
    );
    assert_eq!(told.folders, ids(&[a]));

    let go = Edit::Move {
        node: x,
        parent: b,
        name: Name::new("y.txt")?,
    };
    let (_, told) = told_of(&mut tree, &[go])?;
    assert_eq!(
        words(&told),
        [(ChangeKind::Moved, "b/y.txt", Some("a/y.txt"))]
    );
    // The rows of `a` and `b` say how many entries they have.
    assert_eq!(told.folders, ids(&[root, a, b]));

    let touch = Edit::SetAttributes {
        node: x,
        mode: None,
        mtime_ns: Some(7),
    };
    let (_, told) = told_of(&mut tree, &[touch])?;
    assert_eq!(words(&told), [(ChangeKind::Attributes, "b/y.txt", None)]);

    let (_, told) = told_of(&mut tree, &[Edit::Delete { node: x }])?;
    assert_eq!(words(&told), [(ChangeKind::Deleted, "b/y.txt", None)]);
    assert_eq!(told.changes[0].folder, b.to_string());
    assert_eq!(told.folders, ids(&[root, b]));
    Ok(())
}

#[test]
fn a_folder_that_is_deleted_is_one_change_whatever_was_in_it() -> TestResult {
    let mut tree = tree();
    let mut new = vec![make(Place::In(NodeId::ROOT), "top", Kind::Folder)?];
    for number in 0..100 {
        new.push(make(
            Place::InCreated(0),
            &format!("sub {number}"),
            Kind::Folder,
        )?);
        new.push(make(Place::InCreated(new.len() - 1), "file", Kind::File)?);
    }
    let (made, told) = told_of(&mut tree, &new)?;
    assert_eq!(told.count, 201);
    assert_eq!((told.changes.len(), told.folders.len()), (CHANGES, FOLDERS));
    assert!(told.all, "more folders than are named");
    let top = *made.first().ok_or("nothing")?;
    let (_, told) = told_of(&mut tree, &[Edit::Delete { node: top }])?;
    assert_eq!(words(&told), [(ChangeKind::Deleted, "top", None)]);
    assert_eq!((told.count, told.all), (1, false));
    assert_eq!(told.folders, ids(&[NodeId::ROOT]));
    Ok(())
}

#[test]
fn what_is_gone_again_is_left_to_the_news_of_that() -> TestResult {
    let mut tree = tree();
    let new = tree.edit(&[make(Place::In(NodeId::ROOT), "a", Kind::File)?]);
    let node = *new
        .results
        .first()
        .ok_or("nothing")?
        .as_ref()
        .map_err(|e| e.to_string())?;
    let gone = tree.edit(&[Edit::Delete { node }]);
    assert!(!told(&tree, &new.events).is_anything());
    assert_eq!(told(&tree, &gone.events).count, 1);
    Ok(())
}

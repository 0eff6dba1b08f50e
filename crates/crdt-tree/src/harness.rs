//! What a fuzzer may throw at this crate: changes, and everything that a change or a door spells, with the
//! properties that must hold for any input. Does not generate input.

use std::collections::{BTreeMap, BTreeSet};
use std::panic;
use std::sync::OnceLock;

use automerge::Change;
use sha2::{Digest, Sha256};

use crate::edit::{Edit, Place};
use crate::id::{Actor, NodeId};
use crate::lint::Author;
use crate::name::Name;
use crate::node::{Content, ContentHash, FileContent, Kind};
use crate::schema::{self, Attributes, Birth, Moved};
use crate::testing::{nodes_written, picture, reference};
use crate::tree::DriveTree;
use crate::written;

/// Who writes the changes that are made up here, and who is to believe them.
const AUTHOR: Actor = Actor([1; 16]);
const VICTIM: Actor = Actor([2; 16]);

/// Changes of an honest author, each on the one before: what most of a made up change should be like.
pub fn changes() -> Vec<Vec<u8>> {
    let mut tree = DriveTree::new(AUTHOR);
    let file = |of: u8| {
        Content::File(FileContent {
            hash: ContentHash([of; 32]),
            len: u64::from(of),
            mtime_ns: -1,
            manifest: None,
        })
    };
    let create = |name: &str, kind, content| {
        Some(Edit::Create {
            parent: Place::In(NodeId::ROOT),
            name: Name::new(name).ok()?,
            kind,
            content,
            mode: Some(0o700),
        })
    };
    let mut sent = Vec::new();
    let mut write = |tree: &mut DriveTree, edit: Option<Edit>| {
        let made = tree.edit(edit.as_slice());
        sent.extend(made.changes);
    };
    write(&mut tree, create("a", Kind::Folder, None));
    write(&mut tree, create("f", Kind::File, Some(file(1))));
    let target = Content::Symlink("a/f".to_owned());
    write(&mut tree, create("l", Kind::Symlink, Some(target)));
    let (folder, node) = (tree.lookup("a"), tree.lookup("f"));
    let moved = folder.zip(node).and_then(|(parent, node)| {
        let name = Name::new("g").ok()?;
        Some(Edit::Move { node, parent, name })
    });
    write(&mut tree, moved);
    for edit in [
        node.map(|node| Edit::SetContent {
            node,
            content: file(2),
        }),
        node.map(|node| Edit::SetAttributes {
            node,
            mode: Some(0o600),
            mtime_ns: Some(7),
        }),
        node.map(|node| Edit::SetXattr {
            node,
            key: "user.x".to_owned(),
            value: Some(vec![1]),
        }),
        node.map(|node| Edit::Delete { node }),
        node.map(|node| Edit::Restore { node }),
    ] {
        write(&mut tree, edit);
    }
    sent
}

/// Offers a change to a device that has all but the last of [`changes`], as that author's next one, after
/// putting its checksum right. Panics if one is taken and the document then does not load again, or shows
/// something else than what the plain reference of the rules says.
pub fn change(bytes: &[u8]) {
    static HONEST: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let known = HONEST.get_or_init(changes);
    let Some((_, before)) = known.split_last() else {
        return;
    };
    let mut bytes = bytes.to_vec();
    if let Ok(read) = Change::from_bytes(bytes.clone())
        && let Some(checksum) = bytes.get_mut(4..8)
    {
        checksum.copy_from_slice(&read.hash().0[..4]);
    }
    let _ = written::writes(&bytes);
    let _ = written::hash(&bytes);
    let mut tree = DriveTree::new(VICTIM);
    // Any of them may be the one before it: the first that takes it is tried through.
    for (seq, honest) in (1..).zip(before) {
        if tree.apply(&bytes, &author(seq)).is_ok() {
            return taken(&mut tree, &bytes);
        }
        assert!(
            tree.apply(honest, &author(seq)).is_ok(),
            "an honest change is refused"
        );
    }
    if tree.apply(&bytes, &author(known.len() as u64)).is_ok() {
        taken(&mut tree, &bytes);
    }
}

/// A saved document, how many changes it holds, and what follows from them.
struct Honest {
    saved: Vec<u8>,
    changes: u64,
    heads: Vec<[u8; 32]>,
    shown: [u8; 32],
}

/// A document in which two have written at once.
fn honest_document() -> Honest {
    let mut one = DriveTree::new(AUTHOR);
    let mut other = DriveTree::new(VICTIM);
    let mut sent = 0;
    for change in changes() {
        sent += 1;
        for tree in [&mut one, &mut other] {
            let _ = tree.apply(&change, &author(sent));
        }
    }
    let rename = |tree: &mut DriveTree, name: &str| {
        let node = tree.lookup("a")?;
        let parent = NodeId::ROOT;
        let name = Name::new(name).ok()?;
        Some(tree.edit(&[Edit::Move { node, parent, name }]).changes)
    };
    let _ = rename(&mut other, "b");
    for change in rename(&mut one, "c").into_iter().flatten() {
        let _ = other.apply(&change, &author(sent + 1));
    }
    Honest {
        saved: other.save(),
        changes: sent + 2,
        heads: other.heads(),
        shown: other.view_hash(),
    }
}

/// Offers a saved document with some bits of it turned over, each three bytes of the input saying where (two, little
/// endian) and which, after putting its checksum right. Panics if it is taken for one with the same heads, and shows
/// anything else or is saved otherwise: what a document shows must follow from its heads.
pub fn document(bytes: &[u8]) {
    static HONEST: OnceLock<Honest> = OnceLock::new();
    let honest = HONEST.get_or_init(honest_document);
    let mut forged = honest.saved.clone();
    for turned in bytes.as_chunks::<3>().0 {
        let at = usize::from(u16::from_le_bytes([turned[0], turned[1]]));
        if let Some(byte) = forged.get_mut(at) {
            *byte ^= turned[2];
        }
    }
    if let Some((head, summed)) = forged.split_at_mut_checked(8) {
        head[4..].copy_from_slice(&Sha256::digest(summed)[..4]);
    }
    // A panic of Automerge is one way to say no. A fuzzer's hook would end the process at once.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let loaded = DriveTree::load_foreign(&forged, honest.changes, AUTHOR);
    panic::set_hook(hook);
    let Ok(mut tree) = loaded else {
        assert_ne!(forged, honest.saved, "an honest document is refused");
        return;
    };
    if tree.heads() == honest.heads {
        assert_eq!(
            tree.view_hash(),
            honest.shown,
            "the same heads, and it shows something else"
        );
        assert_eq!(
            tree.save(),
            honest.saved,
            "the same heads, and another document"
        );
    }
}

fn author(seq: u64) -> Author {
    Author { actor: AUTHOR, seq }
}

fn taken(tree: &mut DriveTree, last: &[u8]) {
    let all = changes();
    let written = all.iter().map(Vec::as_slice).chain([last]);
    let ids: BTreeSet<NodeId> = written.flat_map(nodes_written).collect();
    let shown = tree.view_hash();
    let told = picture(tree);
    assert!(told.is_ok(), "{told:?}");
    assert_eq!(
        told,
        Ok(reference(tree, &ids)),
        "shows something else than the rules say"
    );
    tree.rebuild();
    assert_eq!(
        tree.view_hash(),
        shown,
        "shows something else when built anew"
    );
    let changes = tree.changes().values().map(Vec::len).sum::<usize>();
    let loaded = DriveTree::load_foreign(&tree.save(), changes as u64, VICTIM);
    let again = loaded.map(|again| (again.heads(), again.view_hash()));
    assert_eq!(again.ok(), Some((tree.heads(), shown)), "another document");
    let name = Name::new("written after").ok();
    let edit = name.map(|name| Edit::Create {
        parent: Place::In(NodeId::ROOT),
        name,
        kind: Kind::Folder,
        content: None,
        mode: None,
    });
    let _ = tree.edit(edit.as_slice());
}

/// Reads names, keys and values of registers. Panics if one is read that is written differently.
pub fn spelling(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(name) = Name::new(text.as_ref()) {
        assert_eq!(name.as_str(), text);
        assert!(!name.nfc().is_empty());
    }
    if let Some((id, register)) = schema::parse_key(&text)
        && register != schema::Register::Unknown
    {
        assert_eq!(schema::key(id, register), text, "another key");
    }
    let mut read = BTreeMap::new();
    read.insert("birth", Birth::decode(bytes).map(|birth| birth.encode()));
    read.insert("place", Moved::decode(bytes).map(|moved| moved.encode()));
    let content = schema::decode_content(bytes);
    read.insert(
        "content",
        content.map(|it| schema::encode_content(it.as_ref())),
    );
    read.insert(
        "attributes",
        Attributes::decode(bytes).map(|it| it.encode()),
    );
    let deletion = schema::decode_deletion(bytes);
    read.insert(
        "deletion",
        deletion.map(|seen| schema::encode_deletion(&seen)),
    );
    // What is read of a birth may be written in fewer bytes: the linter compares.
    for (register, again) in read {
        assert!(
            register == "birth" || again.is_none_or(|again| again == bytes),
            "{register}"
        );
    }
}

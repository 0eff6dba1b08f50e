//! What people read.

use super::*;

const NODE: NodeId = NodeId([1; 16]);

fn beside(path: &str) -> Beside {
    Beside {
        id: NODE,
        path: path.into(),
        author: Actor([2; 16]),
    }
}

/// Every sentence in full: whoever changes one reads it here as its reader does.
#[test]
fn each_conflict_says_what_happened_how_it_shows_and_what_ends_it() {
    let path = "b".to_owned();
    let cycle = |wanted_path: &str| Conflict::Cycle {
        node: NODE,
        path: "b".into(),
        wanted: NODE,
        wanted_path: wanted_path.into(),
    };
    let moved = |also: &[&str]| Conflict::MovedApart {
        node: NODE,
        path: "x/f".into(),
        also: also.iter().map(ToString::to_string).collect(),
    };
    let deleted = |kind| Conflict::DeletedAndEdited {
        node: NODE,
        path: "b".into(),
        kind,
    };
    let told = [
        (
            cycle("b/a"),
            "The folder `b` was moved into the folder that is now `b/a`, while somebody else put that \
             folder inside this one. Both cannot be, so the later move, that of `b`, was taken back; \
             everything in it is there. Move it again to where it belongs.",
        ),
        (
            cycle(""),
            "The folder `b` was moved into a folder that is deleted by now, while somebody else put that \
             folder inside this one. Both cannot be, so the later move, that of `b`, was taken back; \
             everything in it is there. Move it again to where it belongs.",
        ),
        (
            moved(&["", "y", "z"]),
            "`x/f` was moved to different folders at the same time, also to the top folder, `y` and `z`. \
             It is here and nowhere else. Move it if it belongs elsewhere; this note goes with its next \
             move.",
        ),
        (
            moved(&[]),
            "`x/f` was moved to different folders at the same time, also to a folder that is deleted by \
             now. It is here and nowhere else. Move it if it belongs elsewhere; this note goes with its \
             next move.",
        ),
        (
            Conflict::RenamedApart {
                node: NODE,
                path: path.clone(),
                also: vec!["c".into()],
            },
            "`b` was given different names at the same time, also `c`. Rename it if another name is \
             better; this note goes with its next new name.",
        ),
        (
            Conflict::SameName {
                node: NODE,
                path: "b (6fQ2).md".into(),
                name: "b.md".into(),
                holder: NODE,
            },
            "`b (6fQ2).md` has the name `b.md`, as something else in the same folder has, and shows with a \
             tag to tell them apart. Both are complete. Rename or move one of them.",
        ),
        (
            Conflict::Content {
                node: NODE,
                path: "b".into(),
                copies: vec![beside("b (1)")],
            },
            "`b` was written by several people at the same time. One version has the name. The other \
             version is beside it, complete: `b (1)`. Take over what you need, then delete what you do \
             not; editing, renaming or deleting any of them settles it.",
        ),
        (
            Conflict::Content {
                node: NODE,
                path: "b".into(),
                copies: vec![beside("b (1)"), beside("b (2)")],
            },
            "`b` was written by several people at the same time. One version has the name. The other \
             versions are beside it, complete: `b (1)` and `b (2)`. Take over what you need, then delete \
             what you do not; editing, renaming or deleting any of them settles it.",
        ),
        (
            deleted(Kind::File),
            "`b` was deleted by one person while another edited, renamed or moved it, so it is kept. Delete \
             it again if nobody needs it; this note goes with its next edit, new name or move.",
        ),
        (
            deleted(Kind::Folder),
            "The folder `b` was deleted by one person while another renamed or moved it, so it is kept. \
             What nobody touched in it is in the trash. Restore that if it is needed, or delete the folder \
             again.",
        ),
        (
            Conflict::DeletedAround {
                node: NODE,
                path: path.clone(),
            },
            "The folder `b` was deleted by one person while another worked on something in it, so it is \
             kept with that. What nobody touched in it is in the trash. Move what you need to another \
             folder, or delete this one again.",
        ),
    ];
    for (conflict, words) in told {
        assert_eq!(conflict.to_string(), words);
    }
}

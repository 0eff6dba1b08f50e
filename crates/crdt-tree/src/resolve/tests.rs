//! The corners of the rules that no device gets to by editing: alone, value by value.

use super::*;
use crate::id::Actor;
use crate::node::{ContentHash, FileContent};

fn op(counter: u32) -> OpId {
    OpId {
        counter,
        actor: Actor([7; 16]),
    }
}

fn file(of: u8) -> Option<Content> {
    Some(Content::File(FileContent {
        hash: ContentHash([of; 32]),
        len: 1,
        mtime_ns: 0,
        manifest: None,
    }))
}

fn ops(kind: Kind, contents: &[(OpId, Option<Content>)]) -> Vec<u32> {
    let versions = versions(kind, contents);
    versions.iter().map(|version| version.op.counter).collect()
}

#[test]
fn r6_of_equal_versions_the_greatest_stands_for_all_and_no_content_is_one_version_too() {
    let written = [
        (op(1), None),
        (op(2), file(1)),
        (op(3), None),
        (op(4), file(1)),
        (op(5), file(2)),
    ];
    assert_eq!(ops(Kind::File, &written), [5, 4, 3]);
}

#[test]
fn r6_what_a_kind_cannot_hold_does_not_count() {
    let link = Some(Content::Symlink("x".into()));
    let written = [(op(1), file(1)), (op(2), link), (op(3), None)];
    assert_eq!(ops(Kind::File, &written), [3, 1]);
    assert_eq!(ops(Kind::Symlink, &written), [3, 2]);
    assert_eq!(ops(Kind::Folder, &written), []);
}

#[test]
fn r5_each_attempt_gives_another_name_and_they_never_run_out() {
    let id = NodeId([0xab; 16]);
    let text = id.to_string();
    let name = |attempt| tagged_name("plan.md", id, None, attempt);
    assert_eq!(name(0), format!("plan ({}).md", &text[..4]));
    assert_eq!(name(3), format!("plan ({}).md", &text[..7]));
    let last = text.len() - MIN_TAG;
    assert_eq!(name(last), format!("plan ({text}).md"));
    assert_eq!(name(last + 1), format!("plan ({text}-1).md"));
    assert_eq!(name(last + 12), format!("plan ({text}-12).md"));
    assert_eq!(
        tagged_name("plan.md", id, Some("0f1e"), 0),
        format!("plan (conflict 0f1e {}).md", &text[..4])
    );
}

#[test]
fn a_tagged_name_is_known_as_one_whatever_its_length() {
    let id = NodeId([0xab; 16]);
    for attempt in [0, 3, 18] {
        let name = tagged_name("plan.md", id, None, attempt);
        assert!(is_tagged(&name, "plan.md", id, None), "{name}");
        assert!(!is_tagged(&name, "plans.md", id, None));
        assert!(!is_tagged(&name, "plan.md", NodeId([1; 16]), None));
        assert!(!is_tagged(&name, "plan.md", id, Some("0f1e")));
    }
    let copy = tagged_name("plan.md", id, Some("0f1e"), 1);
    assert!(is_tagged(&copy, "plan.md", id, Some("0f1e")));
    assert!(!is_tagged("plan.md", "plan.md", id, None));
}

#[test]
fn r5_the_tag_goes_before_what_is_an_extension() {
    let id = NodeId([0; 16]);
    for (base, shown) in [
        ("a.b", "a (AAAA).b"),
        ("a.tar.gz", "a.tar (AAAA).gz"),
        ("README", "README (AAAA)"),
        (".bashrc", ".bashrc (AAAA)"),
        ("a.", "a. (AAAA)"),
        (".", ". (AAAA)"),
    ] {
        assert_eq!(tagged_name(base, id, None, 0), shown);
    }
    // What is longer than a name with a tag could be is no extension.
    let long = format!("a.{}", "x".repeat(253));
    let shown = tagged_name(&long, id, None, 0);
    assert_eq!(shown.len(), MAX_NAME_BYTES);
    assert!(shown.starts_with("a.x") && shown.ends_with("x (AAAA)"));
}

#[test]
fn a_name_is_cut_between_characters() {
    assert_eq!(cut("a\u{1f980}b", 0), "");
    assert_eq!(cut("a\u{1f980}b", 4), "a");
    assert_eq!(cut("a\u{1f980}b", 5), "a\u{1f980}");
    assert_eq!(cut("a\u{1f980}b", 99), "a\u{1f980}b");
}

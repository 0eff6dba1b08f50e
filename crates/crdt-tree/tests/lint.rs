//! Changes that nobody honest wrote: each is refused for its reason, and nothing of it stays.

mod support;

use automerge::{ActorId, Change, ChangeHash, ExpandedChange, legacy};
use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::id::{Actor, NodeId};
use peerdrive_crdt_tree::lint::{Author, LintError, MAX_CHANGE_BYTES};
use peerdrive_crdt_tree::node::Kind;
use peerdrive_crdt_tree::testing::{Rng, nodes_written, picture, reference};
use peerdrive_crdt_tree::tree::{ApplyError, DriveTree};
use sha2::{Digest, Sha256};
use support::{Device, TestResult, bytes, hear, name};

const FORGER: Actor = Actor([2; 16]);

/// What the forger's next change may legitimately be, with the device that is to receive it.
struct Scene {
    victim: Device,
    honest: Vec<u8>,
    seq: u64,
}

/// The forger renames a file that both know.
fn scene() -> Result<Scene, Box<dyn std::error::Error>> {
    let mut victim = Device::new(1);
    let mut forger = Device::new(2);
    victim.folder("a")?;
    victim.file("a/f", 1)?;
    hear(&mut forger, &[&victim])?;
    forger.write("a/f", 2)?;
    hear(&mut victim, &[&forger])?;
    forger.mv("a/f", "a/g")?;
    let honest = forger.sent[1].clone();
    Ok(Scene {
        victim,
        honest,
        seq: 2,
    })
}

impl Scene {
    fn receive(&mut self, change: &[u8]) -> Result<(), ApplyError> {
        let author = Author {
            actor: FORGER,
            seq: self.seq,
        };
        self.victim.tree.apply(change, &author).map(|_| ())
    }
}

/// Changes the honest change and expects that reason, no trace, and that the honest one still works.
fn refused(
    forge: impl FnOnce(&mut ExpandedChange),
    expected: impl FnOnce(&ApplyError) -> bool,
) -> TestResult {
    let mut scene = scene()?;
    let mut change = Change::from_bytes(scene.honest.clone())?.decode();
    forge(&mut change);
    let forged = Change::from(change).raw_bytes().to_vec();
    let before = (picture(&scene.victim.tree)?, scene.victim.tree.heads());
    let error = scene.receive(&forged).err().ok_or("accepted")?;
    assert!(expected(&error), "{error:?}");
    assert_eq!(
        before,
        (picture(&scene.victim.tree)?, scene.victim.tree.heads())
    );
    let honest = scene.honest.clone();
    scene.receive(&honest)?;
    assert_eq!(scene.victim.paths(), ["a", "a/g"]);
    scene.victim.write("a/g", 3)?;
    Ok(())
}

fn lint(expected: LintError) -> impl FnOnce(&ApplyError) -> bool {
    move |error| *error == ApplyError::Lint(expected)
}

#[test]
fn attack_l20_another_actor() -> TestResult {
    refused(
        |c| c.actor_id = ActorId::from([1; 16]),
        lint(LintError::WrongActor),
    )?;
    refused(
        |c| c.actor_id = ActorId::from(vec![2; 15]),
        lint(LintError::WrongActor),
    )
}

#[test]
fn attack_l21_counters_near_every_limit() -> TestResult {
    for start in [
        1,
        2,
        1 << 20,
        (1 << 31) - 2,
        1 << 31,
        u64::from(u32::MAX) - 3,
    ] {
        refused(
            |c| c.start_op = start.try_into().unwrap_or(c.start_op),
            |error| {
                matches!(
                    error,
                    ApplyError::Lint(LintError::WrongStart { .. } | LintError::TooMany(_))
                )
            },
        )?;
    }
    Ok(())
}

#[test]
fn attack_l21_a_time_a_message_and_extra_bytes() -> TestResult {
    for time in [1, -1, i64::MAX, i64::MIN] {
        refused(|c| c.time = time, lint(LintError::NotEmpty("time")))?;
    }
    refused(
        |c| c.message = Some("hi".into()),
        lint(LintError::NotEmpty("message")),
    )?;
    refused(
        |c| c.extra_bytes = vec![0],
        lint(LintError::NotEmpty("extra bytes")),
    )?;
    // Automerge keeps an author there, and panics over one in a second change (`hazards.rs`).
    let named = [&[1, 3], b"ann".as_slice()].concat();
    refused(
        |c| c.extra_bytes = named,
        lint(LintError::NotEmpty("extra bytes")),
    )
}

#[test]
fn a_number_out_of_turn() -> TestResult {
    for seq in [0, 1, 3, u64::MAX] {
        let expected = LintError::WrongSeq {
            found: seq,
            expected: 2,
        };
        refused(|c| c.seq = seq, lint(expected))?;
    }
    Ok(())
}

#[test]
fn a_second_change_of_one_number_is_a_fork() -> TestResult {
    let mut scene = scene()?;
    let honest = scene.honest.clone();
    let mut other = Change::from_bytes(honest.clone())?.decode();
    other.operations[0].action = legacy::OpType::Put(automerge::ScalarValue::Bytes(b"h".to_vec()));
    scene.receive(&honest)?;
    let fork = Change::from(other).raw_bytes().to_vec();
    assert_eq!(scene.receive(&fork), Err(LintError::Fork.into()));
    assert_eq!(scene.victim.paths(), ["a", "a/g"]);
    Ok(())
}

#[test]
fn dependencies_unknown_missing_or_its_own_skipped() -> TestResult {
    let unknown = ChangeHash([9; 32]);
    refused(
        |c| c.deps = vec![unknown],
        |e| *e == ApplyError::MissingDependency([9; 32]),
    )?;
    refused(|c| c.deps = Vec::new(), lint(LintError::NoPast))?;
    let genesis = Device::new(7).tree.heads();
    refused(
        |c| c.deps = genesis.iter().copied().map(ChangeHash).collect(),
        lint(LintError::SkipsOwn),
    )?;
    refused(
        |c| c.deps = (0..2000u32).map(|n| hash_of(&n.to_le_bytes())).collect(),
        lint(LintError::TooMany("dependencies")),
    )
}

fn hash_of(bytes: &[u8]) -> ChangeHash {
    ChangeHash(Sha256::digest(bytes).into())
}

fn with_op(change: &mut ExpandedChange, edit: impl FnOnce(&mut legacy::Op)) {
    edit(&mut change.operations[0]);
}

#[test]
fn keys_that_are_no_registers() -> TestResult {
    let id = "A".repeat(22);
    let keys = [
        String::new(),
        "short".into(),
        format!("{id}n"),
        format!("{id}nn"),
        format!("{id}xsecurity.evil"),
        format!("{id}xuser."),
        "\u{1f980}".repeat(8),
        "x".repeat(100_000),
    ];
    for key in keys {
        refused(
            |c| with_op(c, |op| op.key = legacy::Key::Map(key.as_str().into())),
            lint(LintError::WrongKey),
        )?;
    }
    Ok(())
}

#[test]
fn unknown_buckets_and_the_root_map() -> TestResult {
    use legacy::{ObjectId, OpId};
    let mut objects = vec![ObjectId::Root];
    for counter in [1, 4096 * 32, u64::from(u32::MAX)] {
        objects.push(ObjectId::Id(OpId(counter, ActorId::from([0; 16]))));
    }
    objects.push(ObjectId::Id(OpId(2, ActorId::from([2; 16]))));
    // A bucket, but not that of this node.
    objects.push(ObjectId::Id(OpId(2, ActorId::from([0; 16]))));
    objects.push(ObjectId::Id(OpId(3, ActorId::from([0; 16]))));
    let mut wrong = 0;
    for object in objects {
        let outcome = refused(
            |c| with_op(c, |op| op.obj = object),
            |e| {
                matches!(
                    e,
                    ApplyError::Lint(LintError::WrongBucket | LintError::NotCanonical(_))
                )
            },
        );
        wrong += usize::from(outcome.is_err());
    }
    assert_eq!(wrong, 0);
    Ok(())
}

#[test]
fn names_that_are_no_names() -> TestResult {
    let names = [
        "",
        ".",
        "..",
        "a/b",
        "a\0b",
        &"n".repeat(256),
        &"n".repeat(10 << 10),
    ];
    for name in names {
        let value = automerge::ScalarValue::Bytes(name.as_bytes().to_vec());
        refused(
            |c| with_op(c, |op| op.action = legacy::OpType::Put(value)),
            lint(LintError::WrongValue('n')),
        )?;
    }
    let value = automerge::ScalarValue::Bytes(vec![0xff, 0xfe]);
    refused(
        |c| with_op(c, |op| op.action = legacy::OpType::Put(value)),
        lint(LintError::WrongValue('n')),
    )
}

#[test]
fn anything_but_bytes() -> TestResult {
    use automerge::{ObjType, ScalarValue};
    let actions = [
        legacy::OpType::Put(ScalarValue::Str("g".into())),
        legacy::OpType::Put(ScalarValue::Int(1)),
        legacy::OpType::Put(ScalarValue::counter(1)),
        legacy::OpType::Put(ScalarValue::Null),
        legacy::OpType::Make(ObjType::Text),
        legacy::OpType::Make(ObjType::Map),
        legacy::OpType::Make(ObjType::List),
        legacy::OpType::Increment(1),
    ];
    for action in actions {
        refused(
            |c| with_op(c, |op| op.action = action),
            |error| matches!(error, ApplyError::Lint(LintError::ForeignOp(_))),
        )?;
    }
    refused(
        |c| with_op(c, |op| op.insert = true),
        lint(LintError::ForeignOp("an insertion")),
    )
}

#[test]
fn predecessors_that_are_not_what_it_builds_on() -> TestResult {
    let op = |counter| legacy::OpId(counter, ActorId::from([2; 16]));
    for pred in [vec![op(1)], vec![op(1 << 30)], vec![op(3), op(4)]] {
        refused(
            |c| with_op(c, |op| op.pred = pred.into()),
            lint(LintError::WrongPreds),
        )?;
    }
    // Removing what is not there.
    refused(
        |c| with_op(c, |op| op.action = legacy::OpType::Delete),
        lint(LintError::WrongPreds),
    )
}

#[test]
fn a_write_to_a_node_that_its_author_never_saw() -> TestResult {
    let mut victim = Device::new(1);
    let mut forger = Device::new(2);
    victim.file("f", 1)?;
    hear(&mut forger, &[&victim])?;
    forger.mv("f", "g")?;
    let mut change = Change::from_bytes(forger.sent[0].clone())?.decode();
    // The same write, but as if made before the file was.
    let genesis = Change::from_bytes(victim.sent[0].clone())?.decode();
    change.deps = genesis.deps;
    change.start_op = genesis.start_op;
    let forged = Change::from(change).raw_bytes().to_vec();
    let outcome = victim.tree.apply(
        &forged,
        &Author {
            actor: FORGER,
            seq: 1,
        },
    );
    assert_eq!(outcome, Err(LintError::NoSuchNode.into()));
    Ok(())
}

#[test]
fn a_node_whose_id_was_chosen() -> TestResult {
    let mut victim = Device::new(1);
    let mut forger = Device::new(2);
    forger.file("f", 1)?;
    let mut change = Change::from_bytes(forger.sent[0].clone())?.decode();
    for op in change.operations.iter_mut() {
        if let legacy::Key::Map(key) = &op.key {
            // The last digit of the id, within what the bucket and base64 leave open.
            let other = if key.as_bytes()[20] == b'A' { "B" } else { "A" };
            let key = format!("{}{other}{}", &key[..20], &key[21..]);
            op.key = legacy::Key::Map(key.into());
        }
    }
    let forged = Change::from(change).raw_bytes().to_vec();
    let outcome = victim.tree.apply(
        &forged,
        &Author {
            actor: FORGER,
            seq: 1,
        },
    );
    assert_eq!(outcome, Err(LintError::WrongId.into()));
    Ok(())
}

#[test]
fn attack_b1_compressed_and_other_chunks_than_changes() -> TestResult {
    let mut scene = scene()?;
    let document = scene.victim.tree.save();
    let refused = scene.receive(&document);
    assert!(
        matches!(refused, Err(ApplyError::Lint(LintError::NotAChange(_)))),
        "{refused:?}"
    );
    for chunk_type in (0..=255).filter(|t| *t != 1) {
        let mut other = scene.honest.clone();
        other[8] = chunk_type;
        let refused = scene.receive(&other);
        assert!(matches!(
            refused,
            Err(ApplyError::Lint(LintError::NotAChange(_)))
        ));
    }
    let long = vec![0; MAX_CHANGE_BYTES + 1];
    assert_eq!(
        scene.receive(&long),
        Err(LintError::TooLong(long.len()).into())
    );
    Ok(())
}

#[test]
fn attack_b2_a_run_of_a_million_ops_is_refused_before_it_is_unrolled() -> TestResult {
    let many = |change: &mut ExpandedChange| {
        let mut op = change.operations[0].clone();
        op.action = legacy::OpType::Put(automerge::ScalarValue::Bytes(Vec::new()));
        change.operations = vec![op; 1_000_000];
    };
    refused(many, lint(LintError::TooMany("ops")))
}

#[test]
fn cut_off_padded_or_flipped_anywhere() -> TestResult {
    let mut scene = scene()?;
    let honest = scene.honest.clone();
    for end in 0..honest.len() {
        assert!(scene.receive(&honest[..end]).is_err());
    }
    let mut padded = honest.clone();
    padded.push(0);
    assert!(scene.receive(&padded).is_err());
    for at in 0..honest.len() {
        for bit in 0..8 {
            let mut flipped = honest.clone();
            flipped[at] ^= 1 << bit;
            assert!(scene.receive(&flipped).is_err(), "byte {at}, bit {bit}");
        }
    }
    scene.receive(&honest)?;
    Ok(())
}

/// Puts the checksum right, and the length.
fn sealed(body: &[u8]) -> Vec<u8> {
    let mut header = vec![1];
    let mut length = body.len();
    while length >= 0x80 {
        header.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    header.push(length as u8);
    let hash = Sha256::new()
        .chain_update(&header)
        .chain_update(body)
        .finalize();
    [&[0x85, 0x6f, 0x4a, 0x83], &hash[..4], &header, body].concat()
}

#[test]
fn a_lying_checksum() -> TestResult {
    let mut scene = scene()?;
    let mut lying = scene.honest.clone();
    lying[4] ^= 1;
    assert_eq!(scene.receive(&lying), Err(LintError::Checksum.into()));
    assert_eq!(sealed(&scene.honest[11..]), scene.honest, "the forge works");
    Ok(())
}

/// Whatever the linter lets through leaves a sound tree: shown as the rules say, and one that loads.
#[test]
fn attack_b2_mutated_changes_with_a_right_checksum_never_do_harm() -> TestResult {
    let seed = std::env::var("PEERDRIVE_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(7);
    println!("PEERDRIVE_SEED={seed}");
    let mut rng = Rng::new(seed);
    let mut accepted = 0;
    for _ in 0..400 {
        let mut victim = Device::new(1);
        let mut forger = Device::new(2);
        victim.folder("a")?;
        victim.file("a/f", 1)?;
        hear(&mut forger, &[&victim])?;
        let _ = forger.edit(&[
            Edit::Create {
                parent: Place::In(NodeId::ROOT),
                name: name("n"),
                kind: Kind::File,
                content: Some(bytes(9)),
                mode: Some(0o600),
            },
            Edit::SetAttributes {
                node: forger.at("a/f"),
                mode: Some(0o700),
                mtime_ns: Some(3),
            },
            Edit::Delete {
                node: forger.at("a"),
            },
        ]);
        let honest = forger.sent[0].clone();
        // Magic, checksum, type and two bytes of length come first.
        let mut body = honest[11..].to_vec();
        for _ in 0..40 {
            let original = body.clone();
            for _ in 0..=rng.below(3) {
                let at = rng.below(body.len());
                match rng.below(4) {
                    0 => body[at] = rng.draw() as u8,
                    1 => body[at] ^= 1 << rng.below(8),
                    2 => drop(body.remove(at)),
                    _ => body.insert(at, rng.draw() as u8),
                }
            }
            let forged = sealed(&body);
            let author = Author {
                actor: FORGER,
                seq: 1,
            };
            if victim.tree.apply(&forged, &author).is_ok() {
                accepted += 1;
                let mut ids: std::collections::BTreeSet<NodeId> =
                    nodes_written(&forged).into_iter().collect();
                ids.extend(victim.sent.iter().flat_map(|change| nodes_written(change)));
                assert_eq!(picture(&victim.tree)?, reference(&victim.tree, &ids));
                victim.file("later", 5)?;
                let loaded = DriveTree::load(&victim.tree.save(), victim.actor)?;
                assert_eq!(picture(&victim.tree)?, picture(&loaded)?);
                break;
            }
            body = original;
        }
    }
    assert!(
        accepted > 0,
        "mutations of times and contents are harmless and pass"
    );
    Ok(())
}

#[test]
fn a_first_change_that_builds_on_nothing() -> TestResult {
    // Its birth would be older than any honest one, and take every name that it wants (R5).
    let mut forger = Device::new(2);
    forger.file("f", 1)?;
    let mut change = Change::from_bytes(forger.sent[0].clone())?.decode();
    change.deps = Vec::new();
    change.start_op = std::num::NonZeroU64::MIN;
    let forged = Change::from(change).raw_bytes().to_vec();
    let author = Author {
        actor: FORGER,
        seq: 1,
    };
    let mut victim = Device::new(1);
    assert_eq!(
        victim.tree.apply(&forged, &author),
        Err(LintError::NoPast.into())
    );
    Ok(())
}

/// A deletion by the forger of a file that both know, its mark rewritten before it is sent.
fn with_mark(
    forge: impl FnOnce(&mut Vec<u8>, &mut Device),
) -> Result<Option<ApplyError>, Box<dyn std::error::Error>> {
    let mut victim = Device::new(1);
    let mut forger = Device::new(2);
    victim.file("f", 1)?;
    hear(&mut forger, &[&victim])?;
    forger.rm("f")?;
    let mut change = Change::from_bytes(forger.sent[0].clone())?.decode();
    let mut mark = Vec::new();
    with_op(&mut change, |op| {
        if let legacy::OpType::Put(automerge::ScalarValue::Bytes(bytes)) = &op.action {
            mark = bytes.clone();
        }
    });
    forge(&mut mark, &mut victim);
    with_op(&mut change, |op| {
        op.action = legacy::OpType::Put(automerge::ScalarValue::Bytes(mark));
    });
    let forged = Change::from(change).raw_bytes().to_vec();
    let author = Author {
        actor: FORGER,
        seq: 1,
    };
    let shown = victim.paths();
    let error = victim.tree.apply(&forged, &author).err();
    if error.is_some() {
        assert_eq!(victim.paths(), shown);
    }
    Ok(error)
}

#[test]
fn a_deletion_lists_what_its_author_saw_and_nothing_that_is_yet_to_come() -> TestResult {
    assert_eq!(with_mark(|_, _| {})?, None, "the honest one is admitted");
    // One actor, then (index of the actor, counter) each: the counters of the victim's next edits.
    let more = with_mark(|mark, victim| {
        let [.., low, high] = mark[..] else { return };
        let counter = u16::from(low & 0x7f) | u16::from(high) << 7;
        for next in (1..4).map(|more| counter + more) {
            mark.extend([0, next as u8 | 0x80, (next >> 7) as u8]);
        }
        let _ = victim.write("f", 9);
    })?;
    assert_eq!(more, Some(LintError::WrongMark.into()));
    let fewer = with_mark(|mark, _| {
        let kept = mark.len() - 3;
        mark.truncate(kept);
    })?;
    assert!(
        matches!(
            fewer,
            Some(ApplyError::Lint(
                LintError::WrongMark | LintError::WrongValue('d')
            ))
        ),
        "{fewer:?}"
    );
    Ok(())
}

#[test]
fn hostile_changes_are_refused_in_little_time_and_memory() -> TestResult {
    // As long as a change may be, and made of what takes the most to read: many ops with long keys.
    let mut scene = scene()?;
    let mut change = Change::from_bytes(scene.honest.clone())?.decode();
    let op = change.operations[0].clone();
    change.operations = (0..4096u32)
        .map(|n| {
            let mut op = op.clone();
            op.key = legacy::Key::Map(format!("{}n{n}", "A".repeat(22)).into());
            op
        })
        .collect();
    let forged = Change::from(change).raw_bytes().to_vec();
    let start = std::time::Instant::now();
    for _ in 0..20 {
        assert!(scene.receive(&forged).is_err());
    }
    // Some milliseconds each; the bound is for busy machines.
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    Ok(())
}

//! What one change has room for, to the last op, value and byte.

use automerge::transaction::Transactable as _;

use super::*;

type TestResult = Result<(), Box<dyn std::error::Error>>;

const NODE: NodeId = NodeId([7; 16]);

/// A document whose one bucket is its root, where the name of a node was written by two at once.
fn renamed_apart() -> Result<(Automerge, Vec<ObjId>), Box<dyn std::error::Error>> {
    let key = schema::key(NODE, Register::Name);
    let mut document = Automerge::new();
    let mut other = document.fork();
    for (document, name) in [(&mut document, "a"), (&mut other, "b")] {
        let mut transaction = document.transaction();
        transaction.put(automerge::ROOT, &*key, name)?;
        transaction.commit();
    }
    document.merge(&mut other)?;
    Ok((document, vec![automerge::ROOT; schema::BUCKETS]))
}

#[test]
fn a_write_is_taken_if_there_is_just_enough_of_everything_and_not_if_one_of_anything_is_missing()
-> TestResult {
    let (document, buckets) = renamed_apart()?;
    let write = Write::put(NODE, Register::Name, b"settled".to_vec());
    let anew = Write {
        anew: true,
        ..write.clone()
    };
    for (write, ops) in [(write, 1), (anew, 2)] {
        let preds = 2;
        assert_eq!(write.preds(&document, &buckets), preds, "both values");
        let enough = || Room {
            ops,
            preds,
            bytes: write.size(preds),
        };
        let takes = |mut room: Room| {
            let took = room.take(&write, write.preds(&document, &buckets));
            (took, room.ops, room.preds, room.bytes)
        };
        assert_eq!(takes(enough()), (true, 0, 0, 0));
        // What is more than enough is left over.
        let mut more = enough();
        (more.ops, more.preds, more.bytes) = (ops + 5, preds + 6, more.bytes + 7);
        assert_eq!(takes(more), (true, 5, 6, 7));
        // Whatever is lacking, nothing is taken.
        let short = [
            Room {
                ops: ops - 1,
                ..enough()
            },
            Room {
                preds: preds - 1,
                ..enough()
            },
            Room {
                bytes: enough().bytes - 1,
                ..enough()
            },
        ];
        for room in short {
            let left = (room.ops, room.preds, room.bytes);
            assert_eq!(takes(room), (false, left.0, left.1, left.2));
        }
    }
    Ok(())
}

#[test]
fn a_change_has_room_for_a_little_less_than_the_linter_admits_and_for_its_heads() {
    for heads in [0, 1, 20] {
        let room = Room::of_a_change(heads);
        assert_eq!((MAX_OPS - room.ops, MAX_PREDS - room.preds), (2, 2));
        // A hash of 32 bytes a head, and its length.
        assert_eq!(MAX_CHANGE_BYTES - room.bytes, 1024 + heads * 33);
    }
    assert_eq!(Room::of_a_change(MAX_CHANGE_BYTES).bytes, 0);
}

//! What a writer can do to Automerge 0.12 itself, reproduced: the reasons why the linter stands in front
//! of it. When one of these tests fails, Automerge has got better and a rule may go.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::legacy::OpId;
use automerge::transaction::Transactable;
use automerge::{
    ActorId, Author, Automerge, AutomergeError, Change, ExpandedChange, ROOT, ReadDoc,
};

type TestResult = Result<(), Box<dyn std::error::Error>>;

fn document(actor: u8) -> Automerge {
    Automerge::new().with_actor(ActorId::from([actor; 16]))
}

fn change(document: &mut Automerge, value: i64) -> Result<Change, AutomergeError> {
    let mut transaction = document.transaction();
    transaction.put(ROOT, "key", value)?;
    transaction.commit();
    document.get_last_local_change().ok_or(AutomergeError::Fail)
}

#[test]
fn of_two_changes_of_one_actor_and_number_the_first_to_arrive_wins() -> TestResult {
    let (x, y) = (change(&mut document(1), 1)?, change(&mut document(1), 2)?);
    let (mut here, mut there) = (document(2), document(3));
    here.apply_changes([x.clone()])?;
    there.apply_changes([y.clone()])?;
    assert!(matches!(
        here.apply_changes([y]),
        Err(AutomergeError::DuplicateSeqNumber(..))
    ));
    assert!(matches!(
        there.apply_changes([x]),
        Err(AutomergeError::DuplicateSeqNumber(..))
    ));
    let value = |document: &Automerge| {
        document
            .get(ROOT, "key")
            .ok()
            .flatten()
            .map(|v| v.0.as_i64())
    };
    assert_ne!(value(&here), value(&there), "and so they differ for ever");
    Ok(())
}

#[test]
fn one_huge_counter_ends_every_later_edit() -> TestResult {
    let mut broken = 0;
    for below_max in 0..4u64 {
        let honest = change(&mut document(1), 1)?;
        let mut forged: ExpandedChange = honest.decode();
        forged.start_op = (u64::from(u32::MAX) - below_max).try_into()?;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut victim = document(2);
            victim.apply_changes([Change::from(forged)])?;
            for value in 0..8 {
                change(&mut victim, value)?;
            }
            Ok::<(), AutomergeError>(())
        }));
        broken += usize::from(!matches!(outcome, Ok(Ok(()))));
    }
    assert_eq!(broken, 4, "applied, or panicked over, every time");
    Ok(())
}

#[test]
fn a_small_compressed_change_becomes_a_large_one() -> TestResult {
    let mut document = document(1);
    let mut transaction = document.transaction();
    transaction.put(ROOT, "key", vec![0u8; 16 << 20])?;
    transaction.commit();
    let mut change = document.get_last_local_change().ok_or("no change")?;
    let bomb = change.bytes().into_owned();
    assert!(bomb.len() < 64 << 10, "{} bytes", bomb.len());
    assert!(Change::from_bytes(bomb)?.raw_bytes().len() > 16 << 20);
    Ok(())
}

#[test]
fn a_few_bytes_claim_any_number_of_ops() -> TestResult {
    let mut document = document(1);
    let mut transaction = document.transaction();
    transaction.put(ROOT, "k", automerge::ScalarValue::Null)?;
    transaction.commit();
    let mut change = document
        .get_last_local_change()
        .ok_or("no change")?
        .decode();
    // The same op a million times: every column is one run.
    let op = change.operations[0].clone();
    change.operations = vec![op; 1_000_000];
    let bytes = Change::from(change).raw_bytes().to_vec();
    assert!(bytes.len() < 200, "{} bytes", bytes.len());
    assert_eq!(Change::from_bytes(bytes)?.len(), 1_000_000);
    Ok(())
}

#[test]
fn a_predecessor_from_outside_its_past_works_or_not_by_order_of_arrival() -> TestResult {
    let victim = change(&mut document(1), 1)?;
    let mut forged = change(&mut document(2), 2)?.decode();
    // It has never seen the victim's op, and yet replaces it.
    let seen = OpId(1, ActorId::from([1; 16]));
    forged.operations[0].pred = vec![seen].into();
    let forged = Change::from(forged);
    let values = |order: [&Change; 2]| -> Result<BTreeSet<i64>, AutomergeError> {
        let mut document = document(3);
        for change in order {
            document.apply_changes([change.clone()])?;
        }
        let values = document.get_all(ROOT, "key")?;
        Ok(values
            .iter()
            .filter_map(|(value, _)| value.as_i64())
            .collect())
    };
    let outcome =
        |order: [&Change; 2]| catch_unwind(AssertUnwindSafe(|| values(order))).map_err(|_| "panic");
    let (one, other) = (outcome([&victim, &forged]), outcome([&forged, &victim]));
    assert_ne!(one.map(|r| r.ok()), other.map(|r| r.ok()));
    Ok(())
}

#[test]
fn one_bad_change_takes_the_whole_batch_with_it() -> TestResult {
    let (x, y) = (change(&mut document(1), 1)?, change(&mut document(1), 2)?);
    let honest = change(&mut document(4), 3)?;
    let mut here = document(2);
    here.apply_changes([x])?;
    assert!(here.apply_changes([honest.clone(), y]).is_err());
    assert!(
        here.get_change_meta_by_hash(&honest.hash()).is_none(),
        "an honest change that came with a bad one is not there"
    );
    Ok(())
}

#[test]
fn a_deflated_column_inflates_without_a_bound() -> TestResult {
    // A document's columns may be deflated one by one: a few bytes fill the memory of who loads them.
    let mut document = document(1);
    let mut transaction = document.transaction();
    transaction.put(ROOT, "key", vec![0u8; 16 << 20])?;
    transaction.commit();
    let bomb = document.save();
    assert!(bomb.len() < 64 << 10, "{} bytes", bomb.len());
    assert!(Automerge::load(&bomb)?.save_nocompress().len() > 16 << 20);
    Ok(())
}

/// The same change by somebody who calls themselves `name`: Automerge keeps that in the extra bytes.
fn by(change: &Change, name: &[u8]) -> Change {
    let mut change = change.decode();
    change.extra_bytes = [&[1, name.len() as u8], name].concat();
    Change::from(change)
}

/// Two changes of one actor, in order.
fn two_changes() -> Result<[Change; 2], AutomergeError> {
    let mut document = document(1);
    Ok([change(&mut document, 1)?, change(&mut document, 2)?])
}

#[test]
fn of_two_authors_of_one_actor_the_first_to_arrive_keeps_the_other_out_for_ever() -> TestResult {
    let [first, second] = two_changes()?;
    let first = by(&first, b"ann");
    assert_eq!(first.author(), Some(Author::from(b"ann".as_slice())));
    let mut second = second.decode();
    second.deps = vec![first.hash()];
    let second = by(&Change::from(second), b"bob");
    let (mut here, mut there) = (document(2), document(3));
    here.apply_changes([first.clone()])?;
    there.apply_changes([second.clone()])?;
    assert!(matches!(
        here.apply_changes([second]),
        Err(AutomergeError::DuplicateAuthor(..))
    ));
    assert!(matches!(
        there.apply_changes([first]),
        Err(AutomergeError::DuplicateAuthor(..))
    ));
    assert_ne!(
        here.get_heads(),
        there.get_heads(),
        "one has nothing at all"
    );
    Ok(())
}

#[test]
fn an_author_given_in_a_second_change_alone_ends_the_process() -> TestResult {
    let [first, second] = two_changes()?;
    let second = by(&second, b"ann");
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        document(2).apply_changes([first, second]).is_ok()
    }));
    assert!(outcome.is_err(), "{outcome:?}");
    Ok(())
}

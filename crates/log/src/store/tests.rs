//! The record against a plain model, over restarts and damaged files.

use super::*;

type TestResult = Result<(), Box<dyn std::error::Error>>;

fn record(log: u8, seq: u64) -> Record {
    let mut id = [log; 32];
    id[..8].copy_from_slice(&seq.to_le_bytes());
    Record {
        log: [log; 32],
        seq,
        id,
        bytes: vec![log; seq as usize % 50],
    }
}

fn entries(records: Vec<Record>) -> Batch {
    Batch {
        records,
        ..Batch::default()
    }
}

#[test]
fn what_was_appended_is_there_after_opening_again() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("log.redb");
    let log = DriveLog::open(&path)?;
    log.append(&entries(vec![record(1, 0), record(2, 0), record(1, 1)]))?;
    log.append(&entries(vec![record(1, 2)]))?;
    drop(log);
    let log = DriveLog::open(&path)?;
    assert_eq!(
        log.tip(&[1; 32]).map(|tip| (tip.len, tip.tip)),
        Some((3, record(1, 2).id))
    );
    assert_eq!(
        log.read(&[1; 32], 1, usize::MAX)?,
        vec![record(1, 1), record(1, 2)]
    );
    assert_eq!(log.get(&record(2, 0).id)?, Some(record(2, 0)));
    assert_eq!(log.id_at(&[1; 32], 2)?, Some(record(1, 2).id));
    let mut seen = Vec::new();
    log.replay(1, |arrival, record| seen.push((arrival, record)))?;
    assert_eq!(
        seen,
        vec![(1, record(2, 0)), (2, record(1, 1)), (3, record(1, 2))]
    );
    Ok(())
}

#[test]
fn an_entry_that_is_not_the_next_is_refused_and_so_is_its_whole_batch() -> TestResult {
    let folder = tempfile::tempdir()?;
    let log = DriveLog::open(&folder.path().join("log.redb"))?;
    log.append(&entries(vec![record(1, 0)]))?;
    for (batch, len, found) in [
        (vec![record(1, 0)], 1, 0),
        (vec![record(1, 1), record(1, 3)], 2, 3),
        (vec![record(2, 1)], 0, 1),
    ] {
        match log.append(&entries(batch)) {
            Err(AppendError::Gap {
                len: l, found: f, ..
            }) => assert_eq!((l, f), (len, found)),
            other => panic!("expected a gap, got {other:?}"),
        }
    }
    assert_eq!(log.arrivals(), 1);
    Ok(())
}

#[test]
fn a_read_is_bounded_but_never_empty_while_there_is_more() -> TestResult {
    let folder = tempfile::tempdir()?;
    let log = DriveLog::open(&folder.path().join("log.redb"))?;
    let big = |seq| Record {
        bytes: vec![9; 1000],
        ..record(1, seq)
    };
    log.append(&entries((0..10).map(big).collect()))?;
    assert_eq!(log.read(&[1; 32], 0, 2500)?.len(), 2);
    assert_eq!(log.read(&[1; 32], 9, 10)?.len(), 1);
    assert_eq!(log.read(&[1; 32], 10, 10)?.len(), 0);
    Ok(())
}

#[test]
fn notes_are_kept_by_room_and_forgotten_by_key() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("log.redb");
    let log = DriveLog::open(&path)?;
    let note = |space, key: &str, value: Option<&str>| Note {
        space,
        key: key.into(),
        value: value.map(Into::into),
    };
    let batch = Batch {
        notes: vec![
            note(Space::InStep, "a", Some("1")),
            note(Space::InStep, "b", Some("2")),
            note(Space::Peers, "a", Some("3")),
            note(Space::InStep, "a", None),
        ],
        ..Batch::default()
    };
    log.append(&batch)?;
    drop(log);
    let log = DriveLog::open(&path)?;
    assert_eq!(
        log.notes(Space::InStep)?,
        vec![(b"b".to_vec(), b"2".to_vec())]
    );
    assert_eq!(log.note(Space::Peers, b"a")?, Some(b"3".to_vec()));
    assert_eq!(log.note(Space::InStep, b"a")?, None);
    Ok(())
}

#[test]
fn a_snapshot_of_many_parts_is_whole_again_and_leaves_nothing_to_a_shorter_one() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("log.redb");
    let part = SNAPSHOT_PART;
    for (arrival, len) in [
        (1, 3 * part + 7),
        (2, 2 * part),
        (3, 10),
        (4, 0),
        (5, part + 1),
    ] {
        let bytes: Vec<u8> = (0..len).map(|at| (at / 1000 + len) as u8).collect();
        let snapshot = Snapshot { arrival, bytes };
        let log = DriveLog::open(&path)?;
        log.append(&Batch {
            snapshot: Some(snapshot.clone()),
            ..Batch::default()
        })?;
        drop(log);
        let found = DriveLog::open(&path)?.snapshot()?;
        assert!(found == Some(snapshot), "of {len} bytes");
    }
    Ok(())
}

#[test]
fn a_snapshot_replaces_the_one_before() -> TestResult {
    let folder = tempfile::tempdir()?;
    let log = DriveLog::open(&folder.path().join("log.redb"))?;
    assert_eq!(log.snapshot()?, None);
    for arrival in [3, 7] {
        let snapshot = Snapshot {
            arrival,
            bytes: vec![arrival as u8; 100_000],
        };
        log.append(&Batch {
            snapshot: Some(snapshot),
            ..Batch::default()
        })?;
    }
    assert_eq!(
        log.snapshot()?.map(|s| (s.arrival, s.bytes.len())),
        Some((7, 100_000))
    );
    Ok(())
}

#[test]
fn a_second_opening_and_a_newer_format_are_refused_in_words() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("log.redb");
    let log = DriveLog::open(&path)?;
    assert!(matches!(
        DriveLog::open(&path),
        Err(OpenError::InUse { .. })
    ));
    drop(log);
    let db = Database::create(&path)?;
    let txn = db.begin_write()?;
    txn.open_table(META)?.insert("format", FORMAT + 1)?;
    txn.commit()?;
    drop(db);
    assert!(matches!(
        DriveLog::open(&path),
        Err(OpenError::Newer {
            found: 3,
            known: 2,
            ..
        })
    ));
    Ok(())
}

#[test]
fn a_record_of_format_1_is_read_and_its_logs_can_part() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("log.redb");
    let log = DriveLog::open(&path)?;
    log.append(&entries((0..3).map(|seq| record(1, seq)).collect()))?;
    drop(log);
    // As the program before wrote it.
    let db = Database::create(&path)?;
    let txn = db.begin_write()?;
    txn.open_table(META)?.insert("format", 1u64)?;
    txn.delete_table(BRANCHES)?;
    txn.commit()?;
    drop(db);
    let log = DriveLog::open(&path)?;
    log.append(&Batch {
        splits: vec![Split {
            log: [1; 32],
            at: 1,
            branch: [2; 32],
        }],
        ..Batch::default()
    })?;
    drop(log);
    let log = DriveLog::open(&path)?;
    assert_eq!(log.read(&[1; 32], 0, usize::MAX)?, vec![record(1, 0)]);
    assert_eq!(log.tip(&[2; 32]).map(|tip| tip.len), Some(2));
    drop(log);
    let db = Database::create(&path)?;
    let found = db.begin_read()?.open_table(META)?.get("format")?;
    assert_eq!(found.map(|found| found.value()), Some(FORMAT));
    Ok(())
}

#[test]
fn a_file_that_is_no_record_is_refused_without_a_panic() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("log.redb");
    std::fs::write(&path, vec![0x5a; 10_000])?;
    assert!(DriveLog::open(&path).is_err());
    Ok(())
}

/// Notes are written by other threads than entries are.
#[test]
fn notes_written_at_the_same_time_never_make_a_log_forget_its_length() -> TestResult {
    let folder = tempfile::tempdir()?;
    let log = DriveLog::open(&folder.path().join("log.redb"))?;
    std::thread::scope(|scope| {
        let notes = scope.spawn(|| {
            for at in 0..100u32 {
                let note = Note {
                    space: Space::InStep,
                    key: at.to_le_bytes().to_vec(),
                    value: Some(vec![1]),
                };
                log.append(&Batch {
                    notes: vec![note],
                    ..Batch::default()
                })?;
            }
            Ok::<_, AppendError>(())
        });
        for seq in 0..100 {
            log.append(&entries(vec![record(1, seq)]))?;
            assert_eq!(log.tip(&[1; 32]).map(|tip| tip.len), Some(seq + 1));
        }
        notes
            .join()
            .map_err(|_| "the thread of the notes panicked")??;
        Ok::<_, Box<dyn std::error::Error>>(())
    })?;
    assert_eq!(log.arrivals(), 100);
    Ok(())
}

#[test]
fn a_log_that_parts_keeps_every_entry_under_its_new_name_over_restarts() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("log.redb");
    let log = DriveLog::open(&path)?;
    log.append(&entries((0..6).map(|seq| record(1, seq)).collect()))?;
    let other = |seq| Record {
        log: [8; 32],
        ..record(8, seq)
    };
    let split = |log: u8, at, branch: u8| Split {
        log: [log; 32],
        at,
        branch: [branch; 32],
    };
    // At 4, then the rest once more, and then at the very beginning: three names in one stored log.
    log.append(&Batch {
        splits: vec![split(1, 4, 2), split(2, 1, 3)],
        records: vec![other(0), other(1)],
        ..Batch::default()
    })?;
    log.append(&Batch {
        splits: vec![split(1, 0, 4)],
        ..Batch::default()
    })?;
    let named = |name: u8, from: u64, seqs: std::ops::Range<u64>| -> Vec<Record> {
        seqs.map(|seq| Record {
            log: [name; 32],
            seq: seq - from,
            ..record(1, seq)
        })
        .collect()
    };
    let grown = Record {
        log: [3; 32],
        seq: 1,
        ..record(1, 6)
    };
    for round in 0..2 {
        let log = if round == 0 {
            &log
        } else {
            &DriveLog::open(&folder.path().join("copy.redb"))?
        };
        assert_eq!(log.tip(&[1; 32]), None);
        assert_eq!(log.read(&[4; 32], 0, usize::MAX)?, named(4, 0, 0..4));
        assert_eq!(log.read(&[2; 32], 0, usize::MAX)?, named(2, 4, 4..5));
        assert_eq!(log.read(&[3; 32], 0, usize::MAX)?, named(3, 5, 5..6));
        assert_eq!(log.read(&[3; 32], 1, usize::MAX)?, vec![]);
        assert_eq!(log.place(&record(1, 5).id)?, Some(([3; 32], 0)));
        assert_eq!(log.id_at(&[2; 32], 0)?, Some(record(1, 4).id));
        assert_eq!(log.id_at(&[2; 32], 1)?, None);
        assert_eq!(log.get(&record(1, 2).id)?, named(4, 0, 2..3).pop());
        let mut names: Vec<u8> = log.tips().iter().map(|tip| tip.log[0]).collect();
        names.sort_unstable();
        assert_eq!(names, vec![2, 3, 4, 8]);
        assert_eq!(log.arrivals(), 8);
        let mut seen = 0;
        log.replay(0, |_, record| {
            seen += usize::from([2, 3, 4, 8].contains(&record.log[0]));
        })?;
        assert_eq!(seen, 8);
        // Only the last of them grows; the others ended where they part.
        assert!(log.is_parted(&[4; 32]) && log.is_parted(&[2; 32]) && !log.is_parted(&[3; 32]));
        for (log_id, seq) in [(1, 0), (4, 4), (2, 1)] {
            let more = Record {
                log: [log_id; 32],
                seq,
                ..record(9, seq)
            };
            assert!(matches!(
                log.append(&entries(vec![more])),
                Err(AppendError::Gap { .. })
            ));
        }
        assert!(matches!(
            log.append(&Batch {
                splits: vec![split(3, 1, 7)],
                ..Batch::default()
            }),
            Err(AppendError::Split { len: 1, at: 1, .. })
        ));
        if round == 0 {
            std::fs::copy(&path, folder.path().join("copy.redb"))?;
        }
    }
    log.append(&entries(vec![grown.clone()]))?;
    drop(log);
    let log = DriveLog::open(&path)?;
    assert_eq!(log.read(&[3; 32], 1, usize::MAX)?, vec![grown]);
    assert_eq!(log.place(&record(1, 6).id)?, Some(([3; 32], 1)));
    Ok(())
}

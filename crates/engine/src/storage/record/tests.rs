use peerdrive_crypto::author::Draft;
use peerdrive_crypto::body::Lease;
use peerdrive_crypto::testing::TestDevice;

use super::*;

type TestResult = Result<(), Box<dyn std::error::Error>>;

const PLENTY: Room = Room {
    left: 1 << 30,
    quota: 1 << 30,
};
const NONE: Room = Room { left: 0, quota: 0 };
const OWN: EndpointKey = EndpointKey([7; 32]);

fn bytes(entry: &Entry) -> Bytes {
    entry.to_bytes().into()
}

fn lease(id: u8, quota: u64) -> Lease {
    Lease {
        id: [id; 16],
        endpoint: OWN,
        quota,
        not_after: 1_000,
    }
}

/// How many entries of a log are stored.
fn stored(record: &Record, of: &Entry) -> u64 {
    record.log.tip(&of.log_id().0).map_or(0, |tip| tip.len)
}

#[test]
fn attack_k4_what_no_writer_of_the_drive_signed_is_not_stored() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("log.redb");
    let (mut ana, founded) = TestDevice::found("ana", 1)?;
    let mut ben = ana.admit_new("ben", Role::Writer, 2)?;
    let mut rita = ana.admit_new("rita", Role::Reader, 3)?;
    let mut record = Record::open(&path, founded.drive)?;

    // Of an author who is not known yet: held, and taken once the record says who that is.
    let first = ben.write(b"one")?;
    assert!(
        record
            .receive(vec![bytes(&first)], PLENTY)?
            .grown
            .is_empty()
    );
    let controls: Vec<Bytes> = ana.control.entries().map(|(_, e)| bytes(e)).collect();
    let taken = record.receive(controls.into_iter().rev().collect(), PLENTY)?;
    assert!(taken.control && taken.grown.contains(&first.log_id()));
    assert_eq!(stored(&record, &first), 1);

    // A reader's, a forged one, one of another drive, one that is no entry.
    let readers = rita.write(b"not mine to write")?;
    let mut forged = ben.write(b"two")?;
    let second = forged.clone();
    forged.sig.0[3] ^= 1;
    let (mut eve, _) = TestDevice::found("eve", 9)?;
    let elsewhere = eve.write(b"elsewhere")?;
    let evil = [
        bytes(&readers),
        bytes(&forged),
        bytes(&elsewhere),
        Bytes::from_static(b"no entry"),
    ];
    assert!(record.receive(evil.to_vec(), PLENTY)?.grown.is_empty());
    assert_eq!(
        (stored(&record, &readers), stored(&record, &elsewhere)),
        (0, 0)
    );
    assert_eq!(stored(&record, &first), 1);

    // In order only; and nothing beyond the room, but what changes who may do what.
    let third = ben.write(b"three")?;
    assert!(
        record
            .receive(vec![bytes(&third)], PLENTY)?
            .grown
            .is_empty()
    );
    let full = record.receive(vec![bytes(&second)], NONE)?;
    assert!(full.full && full.grown.is_empty());
    let removal = ana.revoke(ben.member)?;
    assert!(record.receive(vec![bytes(&removal)], NONE)?.control);
    let ben_peer = PeerId(ben.cert().endpoint.0);
    assert!(!record.live().contains_key(&ben_peer) && record.removals().contains_key(&ben_peer));

    // What he wrote before anybody told him is stored: whether it counts is for members to say.
    record.receive(vec![bytes(&second), bytes(&third)], PLENTY)?;
    assert_eq!(stored(&record, &first), 3);
    let (kept, live) = (record.bytes(), record.live());
    drop(record);
    let again = Record::open(&path, founded.drive)?;
    assert_eq!((again.bytes(), again.live()), (kept, live));
    assert_eq!(stored(&again, &first), 3);
    Ok(())
}

#[test]
fn a_lease_is_what_admins_granted_together_until_they_end_it() -> TestResult {
    let folder = tempfile::tempdir()?;
    let (mut ana, founded) = TestDevice::found("ana", 1)?;
    let mut record = Record::open(&folder.path().join("log.redb"), founded.drive)?;
    let hear = |record: &mut Record, ana: &TestDevice| {
        let all = ana.control.entries().map(|(_, e)| bytes(e)).collect();
        record.receive(all, PLENTY).map(drop)
    };
    hear(&mut record, &ana)?;
    assert_eq!(record.lease(&OWN), None);
    ana.act(Draft::new().lease(lease(1, 10)))?;
    ana.act(Draft::new().lease(lease(2, 30)))?;
    hear(&mut record, &ana)?;
    assert_eq!(record.lease(&OWN).map(|terms| terms.quota), Some(30));
    assert_eq!(record.lease(&EndpointKey([8; 32])), None);
    ana.act(Draft::new().revoke_lease([2; 16]))?;
    hear(&mut record, &ana)?;
    assert_eq!(record.lease(&OWN).map(|terms| terms.quota), Some(10));
    ana.act(Draft::new().revoke_lease([1; 16]))?;
    hear(&mut record, &ana)?;
    assert_eq!(record.lease(&OWN), None);
    Ok(())
}

#[test]
fn a_removal_on_either_branch_of_a_parted_log_holds_after_a_restart() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("log.redb");
    let (mut ana, founded) = TestDevice::found("ana", 1)?;
    let ben = ana.admit_new("ben", Role::Writer, 2)?;
    let rita = ana.admit_new("rita", Role::Reader, 3)?;
    let mut record = Record::open(&path, founded.drive)?;
    let all = ana.control.entries().map(|(_, e)| bytes(e)).collect();
    record.receive(all, PLENTY)?;
    // The same device signs two entries with one number: as after its disk was put back.
    let at = ana.at.clone();
    let one = ana.revoke(ben.member)?;
    ana.at = at;
    let other = ana.revoke(rita.member)?;
    assert_eq!(one.header.seq, other.header.seq);
    record.receive(vec![bytes(&one), bytes(&other)], PLENTY)?;
    let live = record.live();
    assert_eq!(live.len(), 1, "both are out");
    drop(record);
    let again = Record::open(&path, founded.drive)?;
    assert_eq!(again.live(), live);
    Ok(())
}

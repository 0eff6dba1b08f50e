use super::*;
use crate::{
    body::{Reason, RevokeDevice},
    identity::DriveKeys,
    membership::Inserted,
    secret::EndpointSecret,
    testing::{TestDevice, TestResult, rng},
};

const EXPORTER: [u8; 32] = [7; 32];

fn heard(control: &Control, root: &RootKey) -> TestResult<Returning> {
    let mut reader = LogReader::default();
    for message in log_messages(control) {
        reader.take(&message)?;
    }
    Ok(reader.judge(root)?)
}

#[test]
fn the_phrase_brings_an_owner_back_who_can_end_the_lost_devices() -> TestResult {
    let (lost, founded) = TestDevice::found("owner", 1)?;
    let mut random = rng(2);
    let root = RootKey::from_phrase(&founded.root.phrase())?;
    let first = knock(&root, &EXPORTER, &mut random)?;
    assert!(is_knock(&first));
    assert_eq!(who_knocks(&first, &EXPORTER)?, founded.root.root_pk());
    assert!(is_founded_by(&lost.control, &founded.root.root_pk()));
    assert!(!is_founded_by(&lost.control, &[1; 32]));

    let mut back = heard(&lost.control, &root)?;
    assert_eq!((back.drive, back.name.as_str()), (founded.drive, "Plans"));
    assert_eq!(back.drive_secret, founded.drive_secret);
    let keys = DriveKeys::generate(&mut random);
    let endpoint = EndpointSecret::generate(&mut random);
    let cert = DeviceCert::issue(&back.drive, &keys, &endpoint, 1);
    let (bind, message) = back.enter(&root, cert, "new laptop", &mut random)?;

    let mut peer = lost.control.clone();
    let entry = read_entry(&message)?;
    assert!(matches!(peer.insert_bytes(&entry)?, Inserted::New(_)));
    assert_eq!(peer.state().role_of_bind(&bind), Some(Role::Owner));
    let mut keyring = Keyring::new(back.drive);
    keyring.catch_up(&peer, Opener::Device(&keys));
    assert!(keyring.get(&founded.epoch).is_some());

    // The new owner does not outrank the lost device, which was an owner's too; the root key does.
    let end = RevokeDevice {
        bind: lost.bind,
        cut: Vec::new(),
        reason: Reason::Compromised,
    };
    let at = recovery_position(back.drive, &mut random);
    let draft = Draft::new().revoke_device(end);
    let ring = &back.keyring;
    let ended = control_entry(&peer, &at, Signer::Root(&root), ring, draft, &mut random)?;
    peer.insert(ended.entry)?;
    assert_eq!(peer.state().role_of_bind(&lost.bind), None);
    assert_eq!(peer.state().role_of_bind(&bind), Some(Role::Owner));
    let current = peer.state().current_epoch().ok_or("nobody may write")?;
    keyring.catch_up(&peer, Opener::Device(&keys));
    assert!(keyring.get(&current).is_some());
    let mut thief = Keyring::new(back.drive);
    thief.catch_up(&peer, Opener::Device(&lost.keys));
    assert!(thief.get(&current).is_none(), "a lost device reads on");
    Ok(())
}

#[test]
fn a_knock_counts_on_its_own_connection_and_for_its_own_drive_only() -> TestResult {
    let (owner, founded) = TestDevice::found("owner", 1)?;
    let (_, other) = TestDevice::found("other", 2)?;
    let first = knock(&founded.root, &EXPORTER, &mut rng(3))?;
    assert_eq!(
        who_knocks(&first, &[8; 32]),
        Err(ReentryError::Refused),
        "replayed"
    );
    for at in MAGIC.len()..first.len() {
        let mut bad = first.clone();
        bad[at] ^= 1;
        assert!(
            who_knocks(&bad, &EXPORTER).is_err(),
            "byte {at} does not matter"
        );
    }
    // A log of another drive, and one that was cut short or put out of order.
    assert!(matches!(
        heard(&owner.control, &other.root)
            .err()
            .and_then(|e| e.downcast_ref().copied()),
        Some(ReentryError::FalseLog)
    ));
    assert_eq!(
        LogReader::default().judge(&founded.root).err(),
        Some(ReentryError::FalseLog)
    );
    Ok(())
}

#[test]
fn a_log_with_a_hole_is_not_believed() -> TestResult {
    let (mut owner, founded) = TestDevice::found("owner", 1)?;
    owner.act(Draft::new().rekey())?;
    owner.act(Draft::new().rekey())?;
    let entries: Vec<Bytes> = owner
        .control
        .entries()
        .map(|(_, e)| Bytes(e.to_bytes()))
        .collect();
    let whole = LogReader {
        entries: entries.clone(),
        bytes: 0,
    };
    assert_eq!(whole.judge(&founded.root)?.drive, founded.drive);
    let mut holed = entries;
    holed.remove(1);
    let holed = LogReader {
        entries: holed,
        bytes: 0,
    };
    assert_eq!(
        holed.judge(&founded.root).err(),
        Some(ReentryError::FalseLog)
    );
    Ok(())
}

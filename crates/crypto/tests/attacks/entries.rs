//! Attacks on entries, epochs, keys and tickets.

use std::collections::HashSet;

use peerdrive_crypto::{
    aead::OpenFailed,
    author::Draft,
    body::{ControlBody, Op},
    domain::{aad, context, label, sign},
    entry::{Entry, EntryError, EntryHeader, LogPosition, Plane},
    epoch::{EpochKeys, new_epoch, wrap_for},
    identity::{CertError, DeviceCert, DriveKeys, RootKey},
    ids::{BindId, DriveId, EntryId, EpochId},
    keyring::{Complaint, Keyring, Opener},
    local::{local_key, open_local, seal_keyfile, seal_local},
    membership::{Control, ControlError, Inserted},
    secret::{DeviceSecret, EndpointSecret, EpochSecret, PassphraseKey},
    testing::{TestDevice, TestResult, rng},
    wire::{self, Bytes},
};

fn epoch_op(entry: &Entry) -> TestResult<peerdrive_crypto::epoch::Epoch> {
    let body = ControlBody::decode(&entry.body)?;
    let found = body.ops.into_iter().find_map(|op| match op {
        Op::Epoch(epoch) => Some(epoch),
        _ => None,
    });
    found.ok_or_else(|| "no epoch".into())
}

#[test]
fn attack_e1_a_replaced_epoch_wrap_or_certificate_is_refused_and_the_old_epoch_kept() -> TestResult
{
    let (mut owner, founded) = TestDevice::found("owner", 1)?;
    let mut victim = owner.admit_new("victim", peerdrive_crypto::body::Role::Writer, 2)?;
    let before = victim.control.state().current_epoch();
    // A store replaces the rekey by its own: self-consistent, but signed by a key that is no member's.
    let evil = TestDevice::new("evil", founded.drive, 3);
    let mut forged = owner.control.clone();
    let real = owner.act(Draft::new().rekey())?;
    let readers = forged.state().readers().to_vec();
    let (op, _) = new_epoch(&founded.drive, &[], &readers, &mut rng(4))?;
    let mut fake = real.clone();
    let body = wire::encode(&(
        Bytes(wire::encode(&vec![(6u8, Bytes(wire::encode(&op)?))])?),
        Bytes(vec![]),
    ))?;
    fake.body = Bytes(body);
    assert!(victim.hear(&fake).is_err());
    assert_eq!(
        forged.insert_bytes(&fake.to_bytes()),
        Err(EntryError::Body.into())
    );
    // Or it swaps a single wrap inside: the body is no longer the signed one.
    let mut swapped = real.clone();
    let last = swapped.body.0.len() - 40;
    swapped.body.0[last] ^= 1;
    assert_eq!(Entry::decode(&swapped.to_bytes()), Err(EntryError::Body));
    // Or a device certificate with its own KEM key.
    let mut cert = victim.cert();
    cert.kem_pk = evil.keys.kem_pk();
    assert_eq!(cert.verify(&founded.drive), Err(CertError::LogSignature));
    assert_eq!(victim.control.state().current_epoch(), before);
    // The real one is taken afterwards as if nothing had happened.
    victim.hear(&real)?;
    assert!(victim.control.state().current_epoch() > None);
    assert_ne!(victim.control.state().current_epoch(), before);
    Ok(())
}

#[test]
fn attack_e1_a_secret_that_is_not_the_committed_one_is_never_kept() -> TestResult {
    let (owner, founded) = TestDevice::found("owner", 1)?;
    let mut keyring = Keyring::new(founded.drive);
    assert!(!keyring.insert(
        &owner.control,
        &founded.epoch,
        EpochSecret::from_bytes([7; 32])
    ));
    assert!(keyring.get(&founded.epoch).is_none());
    assert!(keyring.insert(
        &owner.control,
        &founded.epoch,
        founded.epoch_secret.duplicate()
    ));
    Ok(())
}

#[test]
fn attack_e3_another_version_or_suite_is_a_hard_error_everywhere() -> TestResult {
    let (mut owner, founded) = TestDevice::found("owner", 1)?;
    let entry = owner.write(b"x")?;
    for (v, suite) in [(0, 1), (2, 1), (1, 0), (1, 2), (255, 255)] {
        let mut old = entry.clone();
        old.header.v = v;
        old.header.suite = suite;
        assert_eq!(
            Entry::decode(&old.to_bytes()),
            Err(EntryError::Unknown { version: v, suite })
        );
    }
    let mut cert = owner.cert();
    cert.suite = 0;
    assert_eq!(cert.verify(&founded.drive), Err(CertError::Suite(0)));
    Ok(())
}

#[test]
fn attack_e5_every_flipped_bit_of_an_entry_is_noticed() -> TestResult {
    let (mut owner, founded) = TestDevice::found("owner", 1)?;
    let entry = owner.write(b"some words that are secret")?;
    let keys = owner.keyring.get(&entry.header.epoch).ok_or("no keys")?;
    let bytes = entry.to_bytes();
    let log_pk = owner.keys.log_pk();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bad = bytes.clone();
            bad[at] ^= 1 << bit;
            let opened = Entry::decode(&bad)
                .ok()
                .filter(|e| e.verify(&log_pk).is_ok());
            assert!(opened.is_none(), "byte {at} bit {bit}");
        }
        assert!(Entry::decode(&bytes[..at]).is_err());
    }
    // Without the signature's help the seal notices by itself.
    for at in 0..entry.body.len() {
        let mut bad = entry.clone();
        bad.body.0[at] ^= 1;
        assert_eq!(bad.open_body(&keys), Err(OpenFailed));
    }
    let wrap = wrap_for(
        &founded.drive,
        &founded.epoch,
        keys.secret(),
        &owner.keys.kem_pk(),
        &mut rng(2),
    )?;
    let wrap_bytes = wire::encode(&wrap)?;
    assert!(
        !wrap_bytes
            .windows(32)
            .any(|w| w == keys.secret().expose_for_sealing())
    );
    Ok(())
}

#[test]
fn attack_e5_every_flipped_bit_of_a_wrap_or_key_file_is_noticed() -> TestResult {
    let mut rng = rng(1);
    let (owner, founded) = TestDevice::found("owner", 1)?;
    let epoch = epoch_op(&founded.genesis)?;
    let tag = founded.genesis.header.drive;
    assert!(epoch.open(&tag, &owner.keys).is_ok());
    let mine = peerdrive_crypto::identity::kem_id(&owner.keys.kem_pk());
    for at in 0..80 {
        let mut bad = epoch.clone();
        let wrap = bad
            .wraps
            .iter_mut()
            .find(|w| w.kem_id == mine)
            .ok_or("no wrap")?;
        match at {
            0..32 => wrap.enc[at] ^= 1,
            _ => wrap.ct.0[at - 32] ^= 1,
        }
        // The top bit of an X25519 key is ignored by definition; everything else must fail.
        assert!(bad.open(&tag, &owner.keys).is_err(), "byte {at}");
    }
    let pass = PassphraseKey::generate(&mut rng);
    let sealed = seal_keyfile(&pass, b"params", b"secret bytes", &mut rng);
    for at in 0..sealed.len() {
        let mut bad = sealed.clone();
        bad[at] ^= 0x80;
        assert!(peerdrive_crypto::local::open_keyfile(&pass, b"params", &bad).is_err());
    }
    Ok(())
}

#[test]
fn attack_m1_every_failure_to_open_looks_the_same() -> TestResult {
    let mut rng = rng(1);
    let key = local_key(&DeviceSecret::generate(&mut rng));
    let sealed = seal_local(&key, "place", b"value", &mut rng);
    let mut seen = HashSet::new();
    for at in 0..sealed.len() {
        let mut bad = sealed.clone();
        bad[at] ^= 1;
        seen.insert(open_local(&key, "place", &bad).map_err(|e| e.to_string()));
        seen.insert(open_local(&key, "place", &sealed[..at]).map_err(|e| e.to_string()));
    }
    // The same word for what peers send: wraps, bodies, chunks and manifests, whatever is wrong with them.
    let (mut owner, founded) = TestDevice::found("owner", 1)?;
    let entry = owner.write(b"content")?;
    let keys = owner.keyring.get(&entry.header.epoch).ok_or("no keys")?;
    let epoch = epoch_op(&founded.genesis)?;
    let mine = peerdrive_crypto::identity::kem_id(&owner.keys.kem_pk());
    for at in 0..80 {
        let mut bad = epoch.clone();
        let wrap = bad.wraps.iter_mut().find(|w| w.kem_id == mine);
        let wrap = wrap.ok_or("no wrap")?;
        match at {
            0..32 => wrap.enc[at] ^= 1,
            _ => wrap.ct.0[at - 32] ^= 1,
        }
        let opened = bad.open(&founded.genesis.header.drive, &owner.keys);
        seen.insert(opened.map(|_| vec![]).map_err(|e| e.to_string()));
    }
    for at in 0..entry.body.len() {
        let mut bad = entry.clone();
        bad.body.0[at] ^= 1;
        seen.insert(bad.open_body(&keys).map_err(|e| e.to_string()));
    }
    let chunk = peerdrive_crypto::content::seal_chunk(&keys, &[7; 64]);
    for at in 0..chunk.bytes.len() {
        let mut bad = chunk.bytes.clone();
        bad[at] ^= 1;
        let opened = peerdrive_crypto::content::open_chunk(&keys, &chunk.key, 64, &bad);
        seen.insert(opened.map_err(|e| e.to_string()));
    }
    assert_eq!(seen.len(), 1);
    Ok(())
}

#[test]
fn attack_l1_a_reader_with_the_epoch_key_writes_nothing() -> TestResult {
    use peerdrive_crypto::{
        body::Role,
        membership::{ContentRef, Refusal},
    };
    let (mut owner, _) = TestDevice::found("owner", 1)?;
    let mut reader = owner.admit_new("reader", Role::Reader, 2)?;
    let entry = reader.write(b"mischief")?;
    // It opens for everyone: the key says nothing about who may write.
    let keys = owner.keyring.get(&entry.header.epoch).ok_or("no keys")?;
    assert!(entry.open_body(&keys).is_ok());
    let content = ContentRef {
        header: &entry.header,
        prev_ctrl: &[],
        floor: None,
    };
    assert_eq!(
        owner.control.admits(&content, &mut |_| true),
        Err(Refusal::NotAuthorised)
    );
    Ok(())
}

#[test]
fn attack_l2_a_leaked_epoch_key_writes_nothing() -> TestResult {
    use peerdrive_crypto::membership::{ContentRef, Refusal};
    let (mut owner, founded) = TestDevice::found("owner", 1)?;
    let mut thief = TestDevice::new("thief", founded.drive, 2);
    thief.hear_all(&owner.control)?;
    thief.keyring.insert(
        &owner.control,
        &founded.epoch,
        founded.epoch_secret.duplicate(),
    );
    thief.sit(founded.drive, BindId([9; 32]));
    let invented = thief.write(b"mischief")?;
    let content = ContentRef {
        header: &invented.header,
        prev_ctrl: &[],
        floor: None,
    };
    assert_eq!(
        owner.control.admits(&content, &mut |_| true),
        Err(Refusal::UnknownDevice(BindId([9; 32])))
    );
    // Under the owner's name it lacks the owner's signature.
    thief.sit(founded.drive, owner.bind);
    let stolen = thief.write(b"mischief")?;
    let log_pk = owner
        .control
        .log_key(&stolen.header.bind)
        .ok_or("unknown")?;
    assert_eq!(stolen.verify(&log_pk), Err(EntryError::Signature));
    assert!(owner.write(b"fine")?.verify(&log_pk).is_ok());
    Ok(())
}

#[test]
fn attack_l11_nothing_of_one_drive_counts_in_another() -> TestResult {
    let (mut here, founded) = TestDevice::found("one", 1)?;
    let (mut there, other) = TestDevice::found("one", 2)?;
    assert_ne!(founded.drive, other.drive);
    let entry = here.act(Draft::new().note("hello"))?;
    assert_eq!(
        there.control.insert(entry.clone()),
        Ok(Inserted::Pending(entry.header.deps.clone()))
    );
    assert_eq!(
        there.control.insert(founded.genesis.clone()),
        Err(ControlError::Genesis)
    );
    // The same keys in both drives: a certificate names its drive.
    let cert = DeviceCert::issue(&founded.drive, &here.keys, &here.endpoint, 0);
    assert_eq!(cert.verify(&other.drive), Err(CertError::OtherDrive));
    // The same secret in both drives: the keys differ.
    let secret = || EpochSecret::from_bytes([5; 32]);
    let a = EpochKeys::derive(founded.drive, EpochId([1; 32]), secret());
    let b = EpochKeys::derive(other.drive, EpochId([1; 32]), secret());
    assert_ne!(a.gossip_topic(), b.gossip_topic());
    let content = here.write(b"x")?;
    let mut moved = content.clone();
    moved.header.drive = other.drive;
    assert_eq!(
        Entry::decode(&moved.to_bytes()),
        Err(EntryError::Predecessor)
    );
    there.write(b"y")?;
    Ok(())
}

#[test]
fn attack_l20_the_actor_of_a_log_cannot_be_chosen() -> TestResult {
    let (mut owner, _) = TestDevice::found("owner", 1)?;
    let entry = owner.write(b"x")?;
    // The actor is the log's id, and the log's id follows from the header: naming another log as
    // predecessor, or another incarnation, gives another id or no entry at all.
    assert_eq!(entry.log_id().actor(), owner.content_at.log_id().actor());
    let mut other = entry.clone();
    other.header.inc = [1; 16];
    assert_ne!(other.log_id().actor(), entry.log_id().actor());
    assert_eq!(
        Entry::decode(&other.to_bytes()),
        Err(EntryError::Predecessor)
    );
    Ok(())
}

#[test]
fn attack_n2_no_nonce_repeats_and_a_restored_device_opens_a_new_log() -> TestResult {
    let (mut owner, founded) = TestDevice::found("owner", 1)?;
    let mut seen = HashSet::new();
    for _ in 0..200 {
        let entry = owner.write(b"the same bytes")?;
        assert!(seen.insert(entry.header.nonce));
    }
    let mut os = rng(77);
    let again = LogPosition::open(founded.drive, Plane::Content, owner.bind, &mut os);
    assert_ne!(again.log_id(), owner.content_at.log_id());
    Ok(())
}

#[test]
fn attack_l16_a_rekeyer_that_seals_garbage_to_somebody_is_found_out() -> TestResult {
    let (mut owner, founded) = TestDevice::found("owner", 1)?;
    let mut victim = owner.admit_new("victim", peerdrive_crypto::body::Role::Writer, 2)?;
    let readers = owner.control.state().readers().to_vec();
    let current = owner.control.state().current_epoch().ok_or("no epoch")?;
    let parent = peerdrive_crypto::epoch::Parent {
        id: current,
        generation: 0,
        secret: None,
    };
    let (mut op, _) = new_epoch(&founded.drive, &[parent], &readers, &mut rng(3))?;
    let mine = peerdrive_crypto::identity::kem_id(&victim.keys.kem_pk());
    let id = op.id(&founded.drive);
    let wrap = op
        .wraps
        .iter_mut()
        .find(|w| w.kem_id == mine)
        .ok_or("no wrap")?;
    // Properly sealed, to the right device, but another secret than the committed one.
    let wrong = EpochSecret::from_bytes([1; 32]);
    *wrap = wrap_for(
        &founded.drive,
        &id,
        &wrong,
        &victim.keys.kem_pk(),
        &mut rng(4),
    )?;
    let entry = owner.act(Draft::new().raw(Op::Epoch(op)))?;
    victim.control.insert(entry)?;
    let complaints = victim
        .keyring
        .catch_up(&victim.control, Opener::Device(&victim.keys));
    assert_eq!(complaints, [Complaint { epoch: id }]);
    assert!(victim.keyring.get(&id).is_none());
    // The next epoch reaches it again.
    let rekey = owner.act(Draft::new().rekey())?;
    victim.hear(&rekey)?;
    let current = victim.control.state().current_epoch().ok_or("no epoch")?;
    assert!(victim.keyring.get(&current).is_some());
    Ok(())
}

#[test]
fn attack_x1_no_signed_or_sealed_thing_passes_for_another() -> TestResult {
    let (owner, founded) = TestDevice::found("owner", 1)?;
    // One hash signed for each purpose verifies for that purpose only; prefixes end in a zero byte and
    // none begins another, so this holds for every pair.
    let strings: Vec<Vec<u8>> = [context::ALL, label::ALL, aad::ALL, sign::ALL]
        .iter()
        .flat_map(|table| table.iter())
        .map(|text| [text.as_bytes(), &[0]].concat())
        .collect();
    for (i, a) in strings.iter().enumerate() {
        for b in strings.iter().skip(i + 1) {
            assert!(!a.starts_with(b) && !b.starts_with(a));
        }
    }
    // A session proof is no entry signature, an entry is no certificate, a body is no header.
    let exporter = [1; 32];
    let proof = owner
        .keys
        .prove_session(&founded.drive, &owner.bind, &exporter, true);
    let log_pk = owner.keys.log_pk();
    let verify = |bind, exporter: &[u8; 32], dialer| {
        peerdrive_crypto::identity::verify_session(
            &log_pk,
            &founded.drive,
            bind,
            exporter,
            dialer,
            &proof,
        )
    };
    assert!(verify(&owner.bind, &exporter, true));
    assert!(!verify(&owner.bind, &exporter, false));
    assert!(!verify(&owner.bind, &[2; 32], true));
    assert!(!verify(&BindId([3; 32]), &exporter, true));
    let mut entry = founded.genesis.clone();
    entry.sig = proof;
    let mut fresh = Control::new(founded.drive);
    assert_eq!(fresh.insert(entry), Err(EntryError::Signature.into()));
    let cert = wire::encode(&owner.cert())?;
    assert!(Entry::decode(&cert).is_err());
    assert!(EntryHeader::decode(&cert).is_err());
    assert!(Entry::decode(&founded.genesis.header.to_bytes()).is_err());
    assert!(ControlBody::decode(&founded.genesis.to_bytes()).is_err());
    Ok(())
}

#[test]
fn attack_x7_another_admin_cannot_use_an_invite_that_it_only_reads() -> TestResult {
    use peerdrive_crypto::{
        body::{Approve, Role},
        invite::{Offer, new_invite},
    };
    let (mut owner, founded) = TestDevice::found("owner", 1)?;
    let offer = Offer {
        name: "Plans".into(),
        role: Role::Writer,
        max_uses: 1,
        not_after: 1,
        gatekeeper: owner.bind,
        addresses: vec![],
        approve: Approve::Auto,
    };
    let (invite, ticket) = new_invite(&founded.drive, offer, &mut owner.rng);
    let entry = owner.act(Draft::new().invite(invite).note("for a friend"))?;
    // Neither in the entry nor in its opened private part is there anything of the ticket's secret.
    let secret = ticket.secret.expose_for_sealing();
    assert!(!entry.to_bytes().windows(16).any(|w| w == &secret[..16]));
    let keys = owner.keyring.get(&entry.header.epoch).ok_or("no keys")?;
    let private = ControlBody::decode(&entry.body)?.open_private(&entry, &keys)?;
    assert_eq!(private.note, "for a friend");
    assert_eq!(owner.control.state().invites.len(), 1);
    Ok(())
}

#[test]
fn attack_b3_claimed_lengths_and_padded_encodings_are_refused() -> TestResult {
    let (mut owner, _) = TestDevice::found("owner", 1)?;
    let bytes = owner.write(b"x")?.to_bytes();
    let longer = [bytes.as_slice(), &[0]].concat();
    assert!(matches!(Entry::decode(&longer), Err(EntryError::Wire(_))));
    assert!(Entry::decode(&vec![0xff; 2 << 20]).is_err());
    // Unsorted or repeated links.
    for deps in [
        vec![EntryId([2; 32]), EntryId([1; 32])],
        vec![EntryId([1; 32]); 2],
    ] {
        let mut entry = owner.write(b"x")?;
        entry.header.deps = deps;
        assert_eq!(Entry::decode(&entry.to_bytes()), Err(EntryError::Links));
    }
    let mut entry = owner.write(b"x")?;
    entry.header.deps = (0..65u8).map(|i| EntryId([i; 32])).collect();
    assert_eq!(Entry::decode(&entry.to_bytes()), Err(EntryError::Links));
    Ok(())
}

#[test]
fn attack_s2_no_secret_is_in_any_debug_text() -> TestResult {
    let mut rng = rng(1);
    let secret = EndpointSecret::from_bytes([0xc5; 32]);
    let keys = DriveKeys::from_bytes(&[0xc5; 64]);
    let root = RootKey::generate(&mut rng);
    let epoch = EpochKeys::derive(
        DriveId::ZERO,
        EpochId::ZERO,
        EpochSecret::from_bytes([0xc5; 32]),
    );
    let (owner, founded) = TestDevice::found("owner", 1)?;
    for text in [
        format!("{secret:?}"),
        format!("{keys:?}"),
        format!("{root:?}"),
        format!("{epoch:?}"),
        format!("{founded:?}"),
        format!("{:?}", owner.keyring),
    ] {
        assert!(
            !text.contains("197, 197, 197") && !text.contains("c5c5"),
            "{text}"
        );
        for hidden in [
            founded.epoch_secret.expose_for_sealing(),
            founded.drive_secret.expose_for_sealing(),
        ] {
            assert!(!text.contains(&format!("{hidden:?}")));
        }
    }
    Ok(())
}

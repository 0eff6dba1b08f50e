//! Attacks that put one thing in another's place: keys of one's own where a member's belong, another
//! version, another kind of object, a public key where the secret is asked for.

use peerdrive_crypto::{
    aead::OpenFailed,
    author::{Draft, Signer, control_entry},
    body::{Approve, ContentBody, ControlBody, Op, Role},
    content::{ManifestOf, open_chunk, open_manifest, seal_chunk, seal_manifest},
    entry::{Entry, EntryError, EntryHeader, LogPosition, Plane},
    epoch::{EpochKeys, wrap_for},
    identity::{DeviceCert, DriveKeys, decode_cert, encode_cert, endpoint_key},
    ids::{BindId, ContentHash, EpochId},
    invite::{
        Admitting, JoinError, Joiner, JoinerIdentity, Offer, Step, Ticket, TicketError, new_invite,
        read_hello,
    },
    local::{local_key, open_keyfile, open_local, seal_keyfile, seal_local},
    membership::Control,
    secret::{DeviceSecret, EndpointSecret, EpochSecret, PassphraseKey, TicketSecret},
    testing::{TestDevice, TestResult, rng},
    wire,
};

/// A control entry that somebody signs with their own keys, whoever's place it takes in.
fn signed_by(
    evil: &mut TestDevice,
    control: &Control,
    at: BindId,
    draft: Draft,
) -> TestResult<Entry> {
    let position = LogPosition::open(control.drive(), Plane::Control, at, &mut evil.rng);
    let signer = Signer::Device(&evil.keys);
    let keyring = peerdrive_crypto::keyring::Keyring::new(control.drive());
    let made = control_entry(control, &position, signer, &keyring, draft, &mut evil.rng)?;
    Ok(made.entry)
}

#[test]
fn attack_e1_a_consistent_epoch_wrap_or_device_under_evil_keys_is_refused() -> TestResult {
    let (mut owner, founded) = TestDevice::found("owner", 1)?;
    let mut victim = owner.admit_new("victim", Role::Writer, 2)?;
    let before = victim.control.state().clone();
    let mut evil = TestDevice::new("evil", founded.drive, 3);
    let cert = evil.cert();
    // Everything about them is right, down to the signature over it: it is only nobody's who may.
    let drafts = || {
        [
            Draft::new().rekey(),
            Draft::new().wrap(cert.kem_pk).note(""),
            Draft::new().add_device(cert.clone(), ""),
        ]
    };
    for draft in drafts() {
        let control = victim.control.clone();
        let mut under_owner = signed_by(&mut evil, &control, owner.bind, Draft::new())?;
        assert_eq!(
            victim.control.insert(under_owner.clone()),
            Err(EntryError::Signature.into())
        );
        // Signed once more by the same hand, with the number that comes next.
        let draft = signed_by(&mut evil, &control, victim.bind, draft);
        // Names cannot be sealed without a key, which is a refusal too.
        if let Ok(forged) = draft {
            assert_eq!(
                victim.control.insert(forged),
                Err(EntryError::Signature.into())
            );
        }
        under_owner.header.bind = BindId([7; 32]);
        assert!(victim.control.insert(under_owner).is_err());
    }
    assert_eq!(victim.control.state(), &before);
    // What is sealed afterwards is sealed with the old epoch, and the evil one opens nothing of it.
    let written = victim.write(b"afterwards")?;
    assert_eq!(Some(written.header.epoch), before.current_epoch());
    evil.hear_all(&victim.control)?;
    assert_eq!(evil.keyring.epochs().count(), 0);
    Ok(())
}

#[test]
fn attack_e2_a_certificate_with_another_key_is_no_silent_change_of_keys() -> TestResult {
    let (mut owner, founded) = TestDevice::found("owner", 1)?;
    let mut victim = owner.admit_new("victim", Role::Writer, 2)?;
    let readers = owner.control.state().readers().to_vec();
    // Its own certificate again, issued over the same log and endpoint keys with another key to seal to.
    let both = victim.keys.expose_for_sealing();
    let other = DriveKeys::generate(&mut rng(3)).expose_for_sealing();
    let mut mixed = [0; 64];
    mixed[..32].copy_from_slice(&both[..32]);
    mixed[32..].copy_from_slice(&other[32..]);
    let mixed = DriveKeys::from_bytes(&mixed);
    let cert = DeviceCert::issue(&founded.drive, &mixed, &victim.endpoint, 0);
    assert!(cert.verify(&founded.drive).is_ok());
    // Only a control entry brings a key in, and this one is a further device, for all to see.
    let added = victim.act(Draft::new().add_device(cert.clone(), "again"))?;
    owner.hear(&added)?;
    let state = owner.control.state();
    let seen = state
        .live_binds()
        .filter(|(_, bind)| bind.member == victim.member);
    assert_eq!(seen.count(), 2, "the change of keys is not seen");
    for kem in readers {
        assert!(state.readers().contains(&kem), "a key was replaced");
    }
    // And nobody else's hand can do it.
    let mut stolen = cert;
    stolen.kem_pk = TestDevice::new("evil", founded.drive, 4).keys.kem_pk();
    assert!(stolen.verify(&founded.drive).is_err());
    Ok(())
}

#[test]
fn attack_e3_another_version_is_refused_in_a_hello_and_in_a_ticket() -> TestResult {
    let (mut owner, founded) = TestDevice::found("owner", 1)?;
    let (_, ticket) = new_invite(&founded.drive, offer(&owner), &mut owner.rng);
    let text = ticket.to_text()?.to_string();
    let remote = endpoint_key(&owner.endpoint);
    let (_, hello) = Joiner::start(ticket, [7; 32], remote, &mut owner.rng)?;
    // The tag of the message, then its version, then its suite.
    assert!(read_hello(&hello).is_ok());
    for (at, was) in [(1, hello[1]), (2, hello[2])] {
        for other in [0, was.wrapping_add(1), 0x7f] {
            let mut old = hello.clone();
            old[at] = other;
            let refused = read_hello(&old).err();
            assert_eq!(refused, Some(JoinError::Version(other)), "byte {at}");
        }
    }
    // A ticket of another version, with a right sum: said to be newer, and read no further.
    let body = text
        .split_once('#')
        .ok_or("no ticket")?
        .1
        .to_ascii_uppercase();
    let mut bytes = data_encoding::BASE32_NOPAD.decode(body.as_bytes())?;
    bytes.truncate(bytes.len() - 4);
    bytes[0] += 1;
    let sum = peerdrive_crypto::kdf::derive(peerdrive_crypto::domain::context::TICKET_SUM, &bytes);
    bytes.extend_from_slice(&sum[..4]);
    let newer = format!(
        "peerdrive:join#{}",
        data_encoding::BASE32_NOPAD.encode(&bytes)
    );
    assert_eq!(Ticket::parse(&newer).err(), Some(TicketError::Version(2)));
    Ok(())
}

#[test]
fn attack_e3_one_cipher_one_hash_and_one_signature_are_compiled_in() -> TestResult {
    // No way back to anything weaker: there is nothing to fall back to.
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = std::fs::read_to_string(root.join("Cargo.toml"))?;
    let (_, dependencies) = manifest.split_once("\n[dependencies]").ok_or("no list")?;
    let (dependencies, _) = dependencies.split_once("\n[").ok_or("no end")?;
    let has = |name: &str| dependencies.lines().any(|line| line.starts_with(name));
    for one in ["chacha20poly1305", "blake3", "ed25519-dalek", "hpke"] {
        assert!(
            has(one),
            "{one} is not there: this test reads the wrong list"
        );
    }
    for other in [
        "aes", "sha", "md", "rsa", "p256", "k256", "des", "rc4", "salsa20", "ring", "openssl",
        "hmac",
    ] {
        assert!(!has(other), "{other} is a second construction");
    }
    Ok(())
}

fn offer(owner: &TestDevice) -> Offer {
    Offer {
        name: "Plans".into(),
        role: Role::Writer,
        max_uses: 1,
        not_after: 2_000_000_000,
        gatekeeper: owner.bind,
        addresses: vec![b"somewhere".to_vec()],
        approve: Approve::Auto,
    }
}

/// Reads bytes as one kind of thing; whether they pass for it.
type Reads<'a> = Box<dyn Fn(&[u8]) -> bool + 'a>;

#[test]
fn attack_x1_each_kind_of_object_is_refused_in_the_place_of_each_other() -> TestResult {
    let (mut owner, founded) = TestDevice::found("owner", 1)?;
    let (invite, ticket) = new_invite(&founded.drive, offer(&owner), &mut owner.rng);
    let control = owner.act(Draft::new().invite(invite))?;
    let content = owner.write(b"content")?;
    let keys = owner.keyring.get(&content.header.epoch).ok_or("no keys")?;
    let epoch = ControlBody::decode(&founded.genesis.body)?.ops;
    let epoch = epoch.into_iter().find_map(|op| match op {
        Op::Epoch(epoch) => Some(epoch),
        _ => None,
    });
    let body = ContentBody {
        v: 1,
        time_ms: 5,
        changes: vec![wire::Bytes(vec![1; 40])],
        supersedes: vec![],
    };
    let local = local_key(&DeviceSecret::generate(&mut rng(2)));
    let pass = PassphraseKey::generate(&mut rng(3));
    let chunk = seal_chunk(&keys, &[7; 64]);
    let of = ManifestOf {
        content: ContentHash([1; 32]),
        len: 64,
    };
    let remote = endpoint_key(&owner.endpoint);
    let text = ticket.to_text()?.to_string();
    let (_, hello) = Joiner::start(ticket, [7; 32], remote, &mut owner.rng)?;
    let wrap = wrap_for(
        &founded.drive,
        &keys.id(),
        keys.secret(),
        &owner.keys.kem_pk(),
        &mut rng(4),
    )?;
    let lens: Vec<u64> = (0..4096).collect();
    let things: Vec<(&str, Vec<u8>, Reads<'_>)> = vec![
        (
            "content entry",
            content.to_bytes(),
            Box::new(|b| Entry::decode(b).is_ok_and(|e| e.header.plane == Plane::Content)),
        ),
        (
            "control entry",
            control.to_bytes(),
            Box::new(|b| Entry::decode(b).is_ok_and(|e| e.header.plane == Plane::Control)),
        ),
        (
            "header",
            content.header.to_bytes(),
            Box::new(|b| EntryHeader::decode(b).is_ok()),
        ),
        (
            "certificate",
            encode_cert(&owner.cert())?,
            Box::new(|b| decode_cert(b).is_ok()),
        ),
        (
            "control body",
            control.body.0.clone(),
            Box::new(|b| ControlBody::decode(b).is_ok()),
        ),
        (
            "content body",
            body.to_bytes()?,
            Box::new(|b| ContentBody::decode(b).is_ok()),
        ),
        (
            "epoch",
            wire::encode(&epoch.ok_or("no epoch")?)?,
            Box::new(|b| wire::decode::<peerdrive_crypto::epoch::Epoch>(b, 1 << 20).is_ok()),
        ),
        (
            "wrap",
            wire::encode(&wrap)?,
            Box::new(|b| wire::decode::<peerdrive_crypto::epoch::SealedTo>(b, 1 << 20).is_ok()),
        ),
        ("hello", hello, Box::new(|b| read_hello(b).is_ok())),
        (
            "ticket",
            text.into_bytes(),
            Box::new(|b| std::str::from_utf8(b).is_ok_and(|text| Ticket::parse(text).is_ok())),
        ),
        (
            "note",
            seal_local(&local, "place", b"value", &mut rng(5)),
            Box::new(|b| open_local(&local, "place", b).is_ok()),
        ),
        (
            "key file",
            seal_keyfile(&pass, b"header", b"secret", &mut rng(6)),
            Box::new(|b| open_keyfile(&pass, b"header", b).is_ok()),
        ),
        (
            "chunk",
            chunk.bytes.clone(),
            Box::new(|b| {
                lens.iter()
                    .any(|len| open_chunk(&keys, &chunk.key, *len, b).is_ok())
            }),
        ),
        (
            "manifest",
            seal_manifest(&keys, &of, &[9; 24], b"chunks"),
            Box::new(|b| open_manifest(&keys, &of, b).is_ok()),
        ),
    ];
    let mut tried = 0;
    for (at, (what, bytes, reads)) in things.iter().enumerate() {
        assert!(
            reads(bytes),
            "a {what} is no {what}: this test tries nothing"
        );
        for (_, (kind, other, _)) in things.iter().enumerate().filter(|(i, _)| *i != at) {
            assert!(!reads(other), "a {kind} passes for a {what}");
            tried += 1;
        }
    }
    assert_eq!(tried, things.len() * (things.len() - 1));
    Ok(())
}

#[test]
fn attack_x7_an_admin_with_everything_in_the_log_cannot_redeem_an_invite() -> TestResult {
    let (mut owner, founded) = TestDevice::found("owner", 1)?;
    let (invite, real) = new_invite(&founded.drive, offer(&owner), &mut owner.rng);
    owner.act(Draft::new().invite(invite.clone()))?;
    let admin = owner.admit_new("admin", Role::Admin, 2)?;
    let state = admin
        .control
        .state()
        .invites
        .get(&invite.id)
        .ok_or("unknown")?;
    assert_eq!(state.invite, invite);
    // All that an admin has of it, in the place of the secret; and the secret itself, which works.
    let public = TicketSecret::from_bytes(invite.invite_pk);
    let tried = [
        (public, false),
        (TicketSecret::from_bytes([0; 32]), false),
        (
            TicketSecret::from_bytes(*founded.drive_secret.expose_for_sealing()),
            false,
        ),
        (
            TicketSecret::from_bytes(*founded.epoch_secret.expose_for_sealing()),
            false,
        ),
        (real.secret.duplicate(), true),
    ];
    for (secret, holds) in tried {
        let ticket = Ticket {
            secret,
            drive: founded.drive,
            name: "Plans".into(),
            invite: invite.id,
            gatekeepers: vec![],
            role: Role::Writer,
            not_after: invite.not_after,
        };
        let mut rng = rng(4);
        let keys = DriveKeys::generate(&mut rng);
        let endpoint = EndpointSecret::generate(&mut rng);
        let me = JoinerIdentity {
            keys: &keys,
            endpoint: &endpoint,
            label: "a friend",
            device_label: "of the admin",
            now: 1,
        };
        let remote = endpoint_key(&owner.endpoint);
        let (mut joiner, hello) = Joiner::start(ticket, [7; 32], remote, &mut rng)?;
        let gate = Admitting {
            control: &owner.control,
            bind: owner.bind,
            keys: &owner.keys,
        };
        let (challenged, reply) = gate.challenge(read_hello(&hello)?, &[7; 32], &mut rng)?;
        let Step::Send(request) = joiner.receive(&reply, &me)? else {
            return Err("no request".into());
        };
        let judged = challenged.request(&request, state, &endpoint_key(&endpoint), 1);
        match holds {
            true => assert!(judged.is_ok()),
            false => assert_eq!(judged.err(), Some(JoinError::BadProof)),
        }
    }
    Ok(())
}

#[test]
fn attack_x10_two_seals_of_one_secret_to_one_device_have_nothing_in_common() -> TestResult {
    // The seed's flaws: a static exchange labelled ephemeral, and nothing bound to what it is for.
    let (owner, founded) = TestDevice::found("owner", 1)?;
    let secret = EpochSecret::from_bytes([9; 32]);
    let to = owner.keys.kem_pk();
    let mut rng = rng(2);
    let one = wrap_for(&founded.drive, &founded.epoch, &secret, &to, &mut rng)?;
    let two = wrap_for(&founded.drive, &founded.epoch, &secret, &to, &mut rng)?;
    assert_ne!(one.enc, two.enc);
    assert_ne!(one.ct, two.ct);
    // The same file under two epochs: two keys, two ciphertexts, two names.
    let keys = |n: u8| {
        let secret = EpochSecret::from_bytes([n; 32]);
        EpochKeys::derive(founded.drive, EpochId([n; 32]), secret)
    };
    let (a, b) = (
        seal_chunk(&keys(1), b"a file"),
        seal_chunk(&keys(2), b"a file"),
    );
    assert_ne!(a.bytes, b.bytes);
    // Two files under one epoch: two keys.
    let other = seal_chunk(&keys(1), b"another");
    assert_eq!(
        open_chunk(&keys(1), &a.key, 7, &other.bytes),
        Err(OpenFailed)
    );
    Ok(())
}

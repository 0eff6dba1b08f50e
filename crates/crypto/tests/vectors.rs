//! The published test vectors: what this code produces from fixed inputs must be, byte for byte, what
//! `vectors/v1.json` says. Set `PEERDRIVE_WRITE_VECTORS=1` to write the file anew after a deliberate change.

use data_encoding::HEXLOWER;
use peerdrive_crypto::{
    author::{Draft, Founding, genesis},
    body::{Approve, ControlBody, Op, Role, bind_id, grant_id},
    content::{
        DriveLifetimeKeys, ManifestOf, SnapshotPart, blob_id, open_chunk, open_manifest, padme,
        seal_chunk, seal_manifest,
    },
    domain::{aad, context, label, sign},
    entry::{Entry, LogPosition, log_id},
    epoch::{EpochKeys, readers_hash},
    identity::{DeviceCert, DriveKeys, RootKey, kem_id},
    ids::{BindId, ContentHash, DriveId, EndpointKey, EntryId, EpochId, InviteId, MemberId},
    invite::{Admitting, Joiner, JoinerIdentity, Offer, Step, Ticket, new_invite, read_hello},
    kdf::{derive, kdf},
    local::{local_key, open_local, seal_local},
    secret::{
        DeviceSecret, DriveSecret, EndpointSecret, EpochSecret, RootSeed, SnapshotKey, TicketSecret,
    },
    testing::{TestDevice, TestResult, rng},
};
use serde_json::{Value, json};

fn hex(bytes: impl AsRef<[u8]>) -> String {
    HEXLOWER.encode(bytes.as_ref())
}

fn fixed(byte: u8) -> [u8; 32] {
    [byte; 32]
}

fn derivations() -> Value {
    let message = b"message";
    let contexts: Vec<Value> = context::ALL
        .iter()
        .map(|text| json!({"context": text, "message": hex(message), "out": hex(derive(text, message))}))
        .collect();
    let (secret, drive) = (fixed(1), DriveId(fixed(2)));
    let labels: Vec<Value> = label::ALL
        .iter()
        .map(|text| {
            json!({
                "label": text, "secret": hex(secret), "drive": hex(drive),
                "info": [hex(b"one"), hex(b"")],
                "out": hex(kdf(&secret, text, &drive, &[b"one", b""])),
            })
        })
        .collect();
    json!({"derive": contexts, "kdf": labels, "aad": aad::ALL, "sign": sign::ALL})
}

fn ids() -> Value {
    let (drive, bind, entry) = (DriveId(fixed(1)), BindId(fixed(2)), EntryId(fixed(3)));
    let log = log_id(
        &drive,
        &bind,
        peerdrive_crypto::entry::Plane::Content,
        &[4; 16],
    );
    json!({
        "log_id": {"drive": hex(drive), "bind": hex(bind), "plane": 1, "inc": hex([4; 16]), "out": hex(log), "actor": hex(log.actor())},
        "bind_id": {"entry": hex(entry), "op": 5, "device": 6, "out": hex(bind_id(&entry, 5, 6))},
        "grant_id": {"entry": hex(entry), "op": 5, "out": hex(grant_id(&entry, 5))},
        "kem_id": {"kem_pk": hex(fixed(7)), "out": hex(kem_id(&fixed(7)))},
        "readers_hash": {"kem_pks": [hex(fixed(9)), hex(fixed(8))], "out": hex(readers_hash(&[fixed(9), fixed(8)]))},
        "text": {
            "drive": drive.to_string(), "bind": bind.to_string(), "entry": entry.to_string(),
            "log": log.to_string(), "epoch": EpochId(fixed(1)).to_string(),
            "member": MemberId([1; 16]).to_string(), "invite": InviteId([1; 16]).to_string(),
            "endpoint": EndpointKey(fixed(1)).to_string(),
        },
    })
}

fn contents() -> TestResult<Value> {
    let (drive, epoch) = (DriveId(fixed(1)), EpochId(fixed(2)));
    let secret = fixed(3);
    let keys = EpochKeys::derive(drive, epoch, EpochSecret::from_bytes(secret));
    let plain: Vec<u8> = (0..100u8).collect();
    let chunk = seal_chunk(&keys, &plain);
    assert_eq!(open_chunk(&keys, &chunk.key, 100, &chunk.bytes)?, plain);
    let of = ManifestOf {
        content: ContentHash(fixed(4)),
        len: 100,
    };
    let manifest = seal_manifest(&keys, &of, &[5; 24], b"manifest bytes");
    assert_eq!(open_manifest(&keys, &of, &manifest)?, b"manifest bytes");
    let lifetime = DriveLifetimeKeys::derive(&drive, &DriveSecret::from_bytes(fixed(6)));
    let part = SnapshotPart {
        drive,
        heads: fixed(7),
        index: 1,
        count: 3,
    };
    let sealed = part.seal(&SnapshotKey::from_bytes(fixed(8)), b"part");
    let lengths = [
        0u64, 1, 2, 8, 9, 100, 1000, 12_345, 262_144, 1_000_000, 4_194_305,
    ];
    let padded: Vec<Value> = lengths.iter().map(|l| json!([l, padme(*l)])).collect();
    Ok(json!({
        "drive": hex(drive), "epoch": hex(epoch), "epoch_secret": hex(secret),
        "gossip_topic": hex(keys.gossip_topic()),
        "chunk": {
            "plaintext": hex(&plain), "key": hex(chunk.key.expose_for_sealing()),
            "sealed": hex(&chunk.bytes), "blob_id": hex(blob_id(&chunk.bytes)),
        },
        "manifest": {
            "content": hex(of.content), "len": of.len, "nonce": hex([5; 24]),
            "plaintext": hex(b"manifest bytes"), "sealed": hex(&manifest),
        },
        "snapshot_part": {
            "key": hex(fixed(8)), "heads": hex(fixed(7)), "index": 1, "count": 3,
            "plaintext": hex(b"part"), "sealed": hex(&sealed),
        },
        "lifetime": {
            "drive_secret": hex(fixed(6)), "content_hash_of_abc": hex(lifetime.content_hash(b"abc")),
            "cdc_seed": hex(lifetime.cdc_seed()), "blind_tag": hex(lifetime.blind_tag()),
        },
        "padme": padded,
    }))
}

fn identities() -> TestResult<Value> {
    let keys = DriveKeys::from_bytes(&[9; 64]);
    let endpoint = EndpointSecret::from_bytes(fixed(10));
    let cert = DeviceCert::issue(&DriveId(fixed(1)), &keys, &endpoint, 1_700_000_000);
    cert.verify(&DriveId(fixed(1)))?;
    let root = RootKey::from_seed(RootSeed::from_bytes(fixed(11)));
    let derived = DriveKeys::derive(&DeviceSecret::from_bytes(fixed(12)), &fixed(13));
    let key = local_key(&DeviceSecret::from_bytes(fixed(12)));
    let local = seal_local(&key, "table/key", b"value", &mut rng(1));
    assert_eq!(open_local(&key, "table/key", &local)?, b"value");
    Ok(json!({
        "cert": {
            "log_seed": hex(fixed(9)), "kem_sk": hex(fixed(9)), "endpoint_seed": hex(fixed(10)),
            "drive": hex(fixed(1)), "not_before": 1_700_000_000u64, "hash": hex(cert.hash()),
            "log_pk": hex(cert.log_pk), "kem_pk": hex(cert.kem_pk), "endpoint": hex(cert.endpoint),
            "sig_log": hex(cert.sig_log.0), "sig_endpoint": hex(cert.sig_endpoint.0),
            "bytes": hex(peerdrive_crypto::identity::encode_cert(&cert)?),
            "fingerprint": cert.fingerprint(),
        },
        "root": {
            "seed": hex(fixed(11)), "phrase": root.phrase().as_str(),
            "root_pk": hex(root.root_pk()), "kem_pk": hex(root.kem_pk()),
        },
        "drive_keys": {
            "device_secret": hex(fixed(12)), "place": hex(fixed(13)),
            "log_pk": hex(derived.log_pk()), "kem_pk": hex(derived.kem_pk()),
        },
        "local": {
            "device_secret": hex(fixed(12)), "place": "table/key", "plaintext": hex(b"value"),
            "sealed": hex(&local),
        },
    }))
}

fn entries() -> TestResult<Value> {
    let mut rng = rng(20);
    let keys = DriveKeys::from_bytes(&[14; 64]);
    let endpoint = EndpointSecret::from_bytes(fixed(15));
    let founding = Founding {
        drive_name: "Plans",
        member_label: "Ada",
        device_label: "laptop",
        keys: &keys,
        endpoint: &endpoint,
        now: 1_700_000_000,
    };
    let founded = genesis(&founding, &mut rng)?;
    let body = ControlBody::decode(&founded.genesis.body)?;
    let Some(Op::Epoch(epoch)) = body.ops.get(2) else {
        return Err("no epoch".into());
    };
    let tag = founded.genesis.header.drive;
    let own = EpochKeys::derive(tag, founded.epoch, founded.epoch_secret.duplicate());
    assert_eq!(
        body.open_private(&founded.genesis, &own)?
            .drive_name
            .as_deref(),
        Some("Plans")
    );
    let epoch_keys = EpochKeys::derive(
        founded.drive,
        founded.epoch,
        founded.epoch_secret.duplicate(),
    );
    let at = LogPosition::open(
        founded.drive,
        peerdrive_crypto::entry::Plane::Content,
        founded.bind,
        &mut rng,
    );
    let links = peerdrive_crypto::entry::Links {
        deps: vec![],
        ctrl: vec![founded.genesis.id()],
    };
    let content = peerdrive_crypto::entry::content_entry(
        &at,
        0,
        links,
        &epoch_keys,
        b"plain body",
        &keys,
        &mut rng,
    )?;
    assert_eq!(content.open_body(&epoch_keys)?, b"plain body");
    let describe = |entry: &Entry| {
        json!({
            "bytes": hex(entry.to_bytes()), "header": hex(entry.header.to_bytes()),
            "id": hex(entry.id()), "log_id": hex(entry.log_id()), "sig": hex(entry.sig.0),
            "body": hex(&*entry.body), "nonce": hex(entry.header.nonce),
            "epoch": hex(entry.header.epoch), "drive_field": hex(entry.header.drive),
        })
    };
    Ok(json!({
        "log_seed": hex(fixed(14)), "kem_sk": hex(fixed(14)), "endpoint_seed": hex(fixed(15)),
        "root_phrase": founded.root.phrase().as_str(), "drive": hex(founded.drive),
        "founding_tag": hex(tag), "epoch": hex(founded.epoch),
        "epoch_secret": hex(founded.epoch_secret.expose_for_sealing()),
        "drive_secret": hex(founded.drive_secret.expose_for_sealing()),
        "bind": hex(founded.bind), "member": hex(founded.member),
        "epoch_op": {
            "commit": hex(epoch.commit), "readers_hash": hex(epoch.readers_hash), "generation": epoch.generation,
            "wraps": epoch.wraps.iter().map(|w| json!({
                "kem_id": hex(w.kem_id), "enc": hex(w.enc), "ct": hex(w.ct.0),
            })).collect::<Vec<_>>(),
        },
        "genesis": describe(&founded.genesis),
        "content": describe(&content),
        "content_plaintext": hex(b"plain body"),
    }))
}

fn joins() -> TestResult<Value> {
    let ticket = Ticket {
        drive: DriveId(fixed(1)),
        name: "Plans".into(),
        invite: InviteId([2; 16]),
        secret: TicketSecret::from_bytes(fixed(3)),
        gatekeepers: vec![b"address".to_vec()],
        role: Role::Writer,
        not_after: 1_700_003_600,
    };
    let text = ticket.to_text()?;
    let (mut owner, founded) = TestDevice::found("owner", 30)?;
    let offer = Offer {
        name: "Plans".into(),
        role: Role::Writer,
        max_uses: 1,
        not_after: 1_700_003_600,
        gatekeeper: owner.bind,
        addresses: vec![],
        approve: Approve::Auto,
    };
    let (invite, ticket) = new_invite(&founded.drive, offer, &mut owner.rng);
    let (invite_id, invite_pk) = (invite.id, invite.invite_pk);
    owner.act(Draft::new().invite(invite))?;
    let secret = hex(ticket.secret.expose_for_sealing());
    let (keys, endpoint) = (
        DriveKeys::from_bytes(&[31; 64]),
        EndpointSecret::from_bytes(fixed(32)),
    );
    let me = JoinerIdentity {
        keys: &keys,
        endpoint: &endpoint,
        label: "Grace",
        device_label: "phone",
        now: 1_700_000_000,
    };
    let mut rng = rng(33);
    let exporter = fixed(34);
    let remote = peerdrive_crypto::identity::endpoint_key(&owner.endpoint);
    let (mut joiner, hello) = Joiner::start(ticket, exporter, remote, &mut rng)?;
    let gate = Admitting {
        control: &owner.control,
        bind: owner.bind,
        keys: &owner.keys,
    };
    let (_, challenge) = gate.challenge(read_hello(&hello)?, &exporter, &mut rng)?;
    let Step::Send(request) = joiner.receive(&challenge, &me)? else {
        return Err("no request".into());
    };
    Ok(json!({
        "ticket": {
            "text": text.as_str(), "drive": hex(fixed(1)), "name": "Plans", "invite": hex([2; 16]),
            "secret": hex(fixed(3)), "gatekeepers": [hex(b"address")], "role": 1,
            "not_after": 1_700_003_600u64,
        },
        "handshake": {
            "drive": hex(founded.drive), "exporter": hex(exporter), "invite": hex(invite_id),
            "invite_pk": hex(invite_pk), "ticket_secret": secret,
            "gatekeeper_log_pk": hex(owner.keys.log_pk()),
            "hello": hex(&hello), "challenge": hex(&challenge), "request": hex(&request),
        },
    }))
}

#[test]
fn the_published_vectors_are_what_the_code_produces() -> TestResult {
    let made = json!({
        "derivations": derivations(),
        "ids": ids(),
        "contents": contents()?,
        "identities": identities()?,
        "entries": entries()?,
        "joins": joins()?,
    });
    let text = format!("{}\n", serde_json::to_string_pretty(&made)?);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/v1.json");
    if std::env::var_os("PEERDRIVE_WRITE_VECTORS").is_some() {
        std::fs::write(path, &text)?;
    }
    let published: Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    for (section, value) in made.as_object().ok_or("no object")? {
        assert_eq!(published.get(section), Some(value), "section {section}");
    }
    assert_eq!(published, made);
    Ok(())
}

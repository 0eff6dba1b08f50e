//! The published test vectors: what this code produces from fixed inputs must be, byte for byte, what
//! `vectors/v1.json` says. Set `PEERDRIVE_WRITE_VECTORS=1` to write the file anew after a deliberate change.

mod histories;

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use histories::History;
use peerdrive_crypto::{
    audit::sign_export,
    author::{Draft, Founding, brought_in, genesis},
    body::{Approve, ControlBody, Op, Role, SealedSecret, bind_id, grant_id},
    checkpoint::{
        CheckpointBody, Reached, SnapshotAt, accumulate, checkpoint_inc, open_snapshot,
        seal_snapshot,
    },
    content::{
        DriveLifetimeKeys, ManifestOf, SnapshotPart, blob_id, open_chunk, open_manifest, padme,
        seal_chunk, seal_manifest,
    },
    domain::{aad, context, label, sign},
    entry::{Entry, LogPosition, log_id},
    epoch::{EpochKeys, readers_hash},
    fork::branch_id,
    frame::{Channel, open_frame, seal_frame},
    identity::{DeviceCert, DriveKeys, RootKey, kem_id, verify_session},
    ids::{BindId, ContentHash, DriveId, EndpointKey, EntryId, EpochId, InviteId, MemberId},
    invite::{
        Admitting, Joiner, JoinerIdentity, Newcomer, Offer, Refused, Step, Ticket, new_invite,
        read_hello, refuse, waiting,
    },
    kdf::{derive, kdf},
    local::{local_key, open_keyfile, open_local, seal_keyfile, seal_local},
    reentry,
    secret::{
        DeviceSecret, DriveSecret, EndpointSecret, EpochSecret, PassphraseKey, RootSeed,
        SnapshotKey, TicketSecret,
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
        "branch_id": {"log": hex(log), "first": hex(entry), "out": hex(branch_id(&log, &entry))},
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

fn checkpoints() -> TestResult<Value> {
    let (drive, key) = (DriveId(fixed(1)), SnapshotKey::from_bytes(fixed(8)));
    let heads = vec![fixed(3), fixed(4)];
    let document = b"a document, as Automerge saves it".to_vec();
    let parts = seal_snapshot(&drive, &heads, &key, document.clone());
    let reached = |bind: u8, seq| Reached {
        bind: BindId(fixed(bind)),
        inc: [5; 16],
        seq,
        entry: EntryId(fixed(6)),
    };
    let pairs = vec![(fixed(9), EntryId(fixed(1))), (fixed(7), EntryId(fixed(2)))];
    let accumulator = accumulate(pairs);
    let body = CheckpointBody {
        v: 1,
        time_ms: 1_700_000_000_000,
        frontier: vec![reached(1, 0), reached(2, 300)],
        heads: heads.clone(),
        changes: 302,
        accumulator,
        snapshot: SnapshotAt {
            blobs: parts.iter().map(|part| blob_id(part)).collect(),
            key: SealedSecret::from(&key),
            len: document.len() as u64,
        },
    };
    assert_eq!(open_snapshot(&drive, &body, &parts)?, document);
    Ok(json!({
        "drive": hex(drive), "key": hex(fixed(8)), "heads": [hex(heads[0]), hex(heads[1])],
        "pairs": [[hex(fixed(9)), hex(fixed(1))], [hex(fixed(7)), hex(fixed(2))]],
        "accumulator": hex(accumulator), "time_ms": 1_700_000_000_000u64,
        "frontier": [
            {"bind": hex(fixed(1)), "inc": hex([5; 16]), "seq": 0, "entry": hex(fixed(6))},
            {"bind": hex(fixed(2)), "inc": hex([5; 16]), "seq": 300, "entry": hex(fixed(6))},
        ],
        "document": hex(&document), "parts": [hex(&parts[0])], "body": hex(body.to_bytes()?),
        "content_inc": hex([5; 16]), "checkpoint_inc": hex(checkpoint_inc(&[5; 16])),
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
    let passphrase = PassphraseKey::from_bytes(fixed(16));
    let keyfile = seal_keyfile(&passphrase, b"header", b"secrets", &mut rng(2));
    assert_eq!(
        *open_keyfile(&passphrase, b"header", &keyfile)?,
        b"secrets".to_vec()
    );
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
        "keyfile": {
            "passphrase_key": hex(fixed(16)), "header": hex(b"header"), "plaintext": hex(b"secrets"),
            "sealed": hex(&keyfile),
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
    let (challenged, challenge) = gate.challenge(read_hello(&hello)?, &exporter, &mut rng)?;
    let Step::Send(request) = joiner.receive(&challenge, &me)? else {
        return Err("no request".into());
    };
    let known = owner.control.state().invites.get(&invite_id).cloned();
    let known = known.ok_or("no invite")?;
    let remote = peerdrive_crypto::identity::endpoint_key(&endpoint);
    let applicant = challenged.request(&request, &known, &remote, 1_700_000_000)?;
    let (member, draft) = applicant.admission(&mut owner.rng);
    let admission = owner.act(draft)?;
    owner.control.open_names(&owner.keyring);
    let newcomer = Newcomer {
        member,
        bind: *brought_in(&admission).first().ok_or("nobody came in")?,
        drive_secret: &founded.drive_secret,
        drive_name: "Plans",
        peers: &[b"peer".to_vec()],
    };
    let welcome = applicant.welcome(&owner.control, &owner.keyring, &newcomer, &mut rng)?;
    let Step::Joined(joined) = joiner.receive(&welcome, &me)? else {
        return Err("not joined".into());
    };
    assert!(joined.verified);
    let reasons = [
        Refused::NotAdmitted,
        Refused::Expired,
        Refused::UsedUp,
        Refused::Revoked,
        Refused::Declined,
    ];
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
            "waiting": hex(waiting()), "refused": reasons.map(|reason| hex(refuse(reason))),
            "words": applicant.words(), "welcome": hex(&welcome), "kem_sk": hex(fixed(31)),
            "member": hex(joined.member), "bind": hex(joined.bind), "epoch": hex(joined.epoch.0),
            "epoch_secret": hex(joined.epoch.1.expose_for_sealing()),
            "drive_secret": hex(joined.drive_secret.expose_for_sealing()), "drive_name": joined.name,
            "control": joined.control.entries().map(|(id, _)| hex(id)).collect::<Vec<_>>(),
            "peers": joined.peers.iter().map(hex).collect::<Vec<_>>(),
        },
    }))
}

fn gossip() -> TestResult<Value> {
    let (drive, epoch, bind) = (DriveId(fixed(1)), EpochId(fixed(2)), BindId(fixed(4)));
    let keys = EpochKeys::derive(drive, epoch, EpochSecret::from_bytes(fixed(3)));
    let device = DriveKeys::from_bytes(&[9; 64]);
    let mut rng = rng(50);
    let mut frame = |channel, number: u8| -> TestResult<Value> {
        let sealed = seal_frame(&keys, channel, &bind, &device, b"payload", &mut rng)?;
        let opened = open_frame(&keys, channel, &sealed)?;
        assert!(opened.verify(&device.log_pk()) && opened.bind == bind);
        Ok(json!({"channel": number, "payload": hex(b"payload"), "frame": hex(&sealed)}))
    };
    let frames = [frame(Channel::Announce, 0)?, frame(Channel::Presence, 1)?];
    let exporter = fixed(34);
    let proof = device.prove_session(&drive, &bind, &exporter, true);
    let log_pk = device.log_pk();
    assert!(verify_session(
        &log_pk, &drive, &bind, &exporter, true, &proof
    ));
    Ok(json!({
        "drive": hex(drive), "epoch": hex(epoch), "epoch_secret": hex(fixed(3)), "bind": hex(bind),
        "log_seed": hex(fixed(9)), "log_pk": hex(log_pk), "frames": frames,
        "session": {"exporter": hex(exporter), "dialer": 1, "sig": hex(proof.0)},
        "audit": {"digest": hex(fixed(35)), "sig": hex(sign_export(&device, &fixed(35)).0)},
    }))
}

fn coming_back() -> TestResult<Value> {
    let (owner, founded) = TestDevice::found("owner", 40)?;
    let (exporter, mut rng) = (fixed(34), rng(41));
    let knock = reentry::knock(&founded.root, &exporter, &mut rng)?;
    assert_eq!(
        reentry::who_knocks(&knock, &exporter)?,
        founded.root.root_pk()
    );
    let log = reentry::log_messages(&owner.control);
    let mut reader = reentry::LogReader::default();
    for message in &log {
        reader.take(message)?;
    }
    let mut back = reader.judge(&founded.root)?;
    let keys = DriveKeys::from_bytes(&[42; 64]);
    let endpoint = EndpointSecret::from_bytes(fixed(43));
    let cert = DeviceCert::issue(&founded.drive, &keys, &endpoint, 1_700_000_000);
    let (bind, entry) = back.enter(&founded.root, cert, "new laptop", &mut rng)?;
    Ok(json!({
        "phrase": founded.root.phrase().as_str(), "exporter": hex(exporter), "drive": hex(founded.drive),
        "knock": hex(&knock), "log": log.iter().map(hex).collect::<Vec<_>>(), "entry": hex(&entry),
        "bind": hex(bind), "welcome": hex(reentry::welcome(&[b"peer".to_vec()])),
        "refused": hex(reentry::refuse()),
    }))
}

/// One history with the state that it gives.
fn consequence(history: &History, entries: &mut BTreeMap<String, String>) -> TestResult<Value> {
    let mut control = history.base.clone();
    for entry in &history.entries {
        control.insert(entry.clone())?;
    }
    entries.extend(
        control
            .entries()
            .map(|(id, e)| (hex(id), hex(e.to_bytes()))),
    );
    let state = control.state();
    let mut roles = serde_json::Map::new();
    for (name, _) in &history.people {
        let role = history.role(state, name)?.map(|role| role.to_string());
        roles.insert((*name).to_owned(), json!(role));
    }
    let valid: BTreeMap<String, Vec<bool>> = control
        .entries()
        .map(|(id, _)| {
            let verdicts = control.verdicts(&id);
            (hex(id), verdicts.iter().map(|(_, valid)| *valid).collect())
        })
        .collect();
    let binds = |which: &dyn Fn(&peerdrive_crypto::membership::Bind) -> bool| {
        let those = state.binds.iter().filter(|(_, bind)| which(bind));
        those.map(|(id, _)| hex(id)).collect::<Vec<_>>()
    };
    let cuts: BTreeMap<String, Vec<Value>> = state
        .binds
        .iter()
        .filter_map(|(id, bind)| Some((hex(id), bind.cut.as_ref()?)))
        .map(|(id, cuts)| {
            let each = cuts.values();
            let each = each.map(|cut| json!([hex(cut.log), cut.seq, hex(cut.entry)]));
            (id, each.collect())
        })
        .collect();
    let usable = state.epochs.iter().filter(|(_, usable)| **usable);
    let people = history.people.iter();
    Ok(json!({
        "name": history.name, "drive": hex(control.drive()),
        "people": people.map(|(name, id)| ((*name).to_owned(), hex(id))).collect::<BTreeMap<_, _>>(),
        "base": history.base.entries().map(|(id, _)| hex(id)).collect::<Vec<_>>(),
        "then": history.entries.iter().map(|e| hex(e.id())).collect::<Vec<_>>(),
        "roles": roles, "valid": valid, "live": binds(&|bind| bind.live),
        "flagged": binds(&|bind| bind.flagged), "cuts": cuts, "disputes": state.disputes.len(),
        "usable": usable.map(|(id, _)| hex(id)).collect::<Vec<_>>(),
        "current": state.current_epoch().map(hex), "state": hex(state.ctrl_hash()),
    }))
}

fn consequences() -> TestResult<Value> {
    let mut entries = BTreeMap::new();
    let mut told = Vec::new();
    for history in histories::all()? {
        told.push(consequence(&history, &mut entries)?);
    }
    Ok(json!({"entries": entries, "histories": told}))
}

#[test]
fn the_published_vectors_are_what_the_code_produces() -> TestResult {
    let made = json!({
        "derivations": derivations(),
        "ids": ids(),
        "contents": contents()?,
        "checkpoints": checkpoints()?,
        "identities": identities()?,
        "entries": entries()?,
        "joins": joins()?,
        "gossip": gossip()?,
        "reentry": coming_back()?,
        "consequences": consequences()?,
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

#[test]
fn every_domain_string_is_in_the_written_protocol() -> TestResult {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/PROTOCOL.md");
    let protocol = std::fs::read_to_string(path)?;
    for text in [context::ALL, label::ALL, aad::ALL, sign::ALL].concat() {
        assert!(protocol.contains(&format!("`{text}`")), "{text}");
    }
    Ok(())
}

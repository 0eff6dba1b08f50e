//! What a fuzzer may throw at this crate: every decoder that sees bytes from outside, and the rules behind
//! them, with the properties that must hold for any input. Does not generate input.

use std::sync::OnceLock;

use crate::{
    author::{Draft, Signer, control_entry},
    body::{ContentBody, ControlBody, Op, Role, clear_bytes, join},
    checkpoint::CheckpointBody,
    entry::{Entry, EntryHeader, LogPosition, Plane},
    epoch::EpochKeys,
    frame::{Channel, open_frame},
    identity::{DriveKeys, RootKey, decode_cert, encode_cert},
    ids::{BindId, BlobId, DriveId, EndpointKey, EntryId, EpochId, InviteId, LogId, MemberId},
    invite::{Joiner, JoinerIdentity, Ticket, read_hello},
    keyring::{Keyring, Opener},
    membership::{Control, State},
    reentry,
    secret::{EndpointSecret, EpochSecret, RootSeed, TicketSecret},
    store_code::StoreCode,
    testing::{TestDevice, rng},
};

/// Reads an entry; if it is one, offers it to an empty drive. Panics if one is accepted that would be
/// written differently.
pub fn entry(bytes: &[u8]) {
    let Ok(entry) = Entry::decode(bytes) else {
        return;
    };
    assert_eq!(entry.to_bytes(), bytes, "not canonical");
    let header = EntryHeader::decode(&entry.header.to_bytes());
    assert_eq!(header.as_ref(), Ok(&entry.header), "another header");
    let next = LogPosition::after(&entry.header);
    assert_eq!(next.log_id(), entry.log_id(), "another log");
    if entry.header.plane == Plane::Control {
        let mut control = Control::new(entry.header.drive);
        if control.insert(entry).is_ok() {
            evaluate(&mut control);
        }
    }
}

/// Asks everything that depends on the rules.
fn evaluate(control: &mut Control) -> State {
    let ids: Vec<EntryId> = control.entries().map(|(id, _)| id).collect();
    for id in &ids {
        control.verdicts(id);
    }
    let mut keyring = Keyring::new(control.drive());
    let root = RootKey::from_seed(RootSeed::from_bytes([1; 32]));
    keyring.catch_up(control, Opener::Root(&root));
    control.open_names(&keyring);
    for bind in control.state().binds.keys().copied().collect::<Vec<_>>() {
        control.path_to(&bind);
        control.ended_by(&bind);
        control.tip_of(&bind);
    }
    control.missing();
    control.state().clone()
}

/// A drive with an owner and a writer, who has left.
struct Base {
    owner: TestDevice,
    founder: BindId,
}

fn base() -> Option<&'static Base> {
    static BASE: OnceLock<Option<Base>> = OnceLock::new();
    let make = || {
        let (mut owner, founded) = TestDevice::found("owner", 1).ok()?;
        let writer = owner.admit_new("writer", Role::Writer, 2).ok()?;
        owner.revoke(writer.member).ok()?;
        let founder = founded.bind;
        Some(Base { owner, founder })
    };
    BASE.get_or_init(make).as_ref()
}

/// Reads the body of a control entry, and says what is in it as the owner of a drive. Panics if one is
/// accepted that would be written differently, if the owner loses its place by anything but its own
/// leaving, or if the order of arrival makes a difference.
pub fn control(bytes: &[u8]) {
    let Ok(body) = ControlBody::decode(bytes) else {
        return;
    };
    let clear = clear_bytes(&body.ops);
    let again = clear.and_then(|clear| join(clear, body.sealed.0.clone()));
    assert_eq!(again.as_deref(), Ok(bytes), "not canonical");
    let Some(base) = base() else { return };
    let leaves = |op: &Op| match op {
        Op::Revoke(revoke) => revoke.member == base.owner.member,
        Op::RevokeDevice(revoke) => revoke.bind == base.founder,
        _ => false,
    };
    let may_leave = body.ops.iter().any(leaves);
    let draft = body.ops.iter().cloned().fold(Draft::new(), Draft::raw);
    let (owner, signer) = (&base.owner, Signer::Device(&base.owner.keys));
    let (control, keyring) = (&owner.control, &owner.keyring);
    let made = control_entry(control, &owner.at, signer, keyring, draft, &mut rng(3));
    let Ok(made) = made else { return };
    let mut after = control.clone();
    if after.insert(made.entry.clone()).is_err() {
        return;
    }
    let state = evaluate(&mut after);
    assert!(
        may_leave || state.role_of_bind(&base.founder).is_some(),
        "the owner is gone"
    );
    // Told backwards: everything waits for the genesis, which comes last.
    let mut backwards = Control::new(control.drive());
    for (_, entry) in after.entries().collect::<Vec<_>>().into_iter().rev() {
        assert!(backwards.insert(entry.clone()).is_ok(), "refused backwards");
    }
    assert_eq!(backwards.ctrl_hash(), state.ctrl_hash(), "order matters");
}

/// Reads what is sealed in content entries.
pub fn content(bytes: &[u8]) {
    if let Ok(body) = ContentBody::decode(bytes) {
        assert_eq!(body.to_bytes().as_deref(), Ok(bytes), "not canonical");
    }
    if let Ok(body) = CheckpointBody::decode(bytes) {
        assert_eq!(body.to_bytes().as_deref(), Ok(bytes), "not canonical");
    }
}

/// Reads a ticket, or a storage peer's code. Panics if one is accepted that does not say the same once written
/// again.
pub fn ticket(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(code) = StoreCode::parse(&text) {
        let again = code.to_text().ok();
        let again = again.and_then(|text| StoreCode::parse(&text).ok());
        let same =
            again.is_some_and(|again| again.address == code.address && again.secret == code.secret);
        assert!(same, "another code");
    }
    let Ok(ticket) = Ticket::parse(&text) else {
        return;
    };
    let again = ticket
        .to_text()
        .ok()
        .and_then(|text| Ticket::parse(&text).ok());
    let same = again.is_some_and(|again| {
        (again.drive, again.invite, again.role, again.not_after)
            == (ticket.drive, ticket.invite, ticket.role, ticket.not_after)
            && (again.name, again.gatekeepers) == (ticket.name, ticket.gatekeepers)
    });
    assert!(same, "another ticket");
}

/// Reads messages of a join and of coming back, and the certificate that a device shows.
pub fn join_message(bytes: &[u8]) {
    let _ = read_hello(bytes);
    let _ = reentry::who_knocks(bytes, &[1; 32]);
    let _ = reentry::read_entry(bytes);
    let _ = reentry::read_welcome(bytes);
    let mut reader = reentry::LogReader::default();
    if reader.take(bytes).is_ok() {
        let root = RootKey::from_seed(RootSeed::from_bytes([1; 32]));
        let _ = reader.judge(&root);
    }
    if let Ok(cert) = decode_cert(bytes) {
        assert_eq!(encode_cert(&cert).as_deref(), Ok(bytes), "not canonical");
        let _ = cert.verify(&cert.drive);
        cert.fingerprint();
    }
    answered(bytes);
}

/// Hears an answer as a joiner who has only just said hello.
fn answered(bytes: &[u8]) {
    let ticket = Ticket {
        drive: DriveId([1; 32]),
        name: "Plans".into(),
        invite: InviteId([2; 16]),
        secret: TicketSecret::from_bytes([3; 32]),
        gatekeepers: Vec::new(),
        role: Role::Writer,
        not_after: 1_700_003_600,
    };
    let (keys, endpoint) = (
        DriveKeys::from_bytes(&[31; 64]),
        EndpointSecret::from_bytes([32; 32]),
    );
    let me = JoinerIdentity {
        keys: &keys,
        endpoint: &endpoint,
        label: "Grace",
        device_label: "phone",
        now: 1_700_000_000,
    };
    if let Ok((mut joiner, _)) = Joiner::start(ticket, [34; 32], EndpointKey([4; 32]), &mut rng(4))
    {
        let _ = joiner.receive(bytes, &me);
    }
}

/// Opens a gossip frame, as one who holds the epoch's keys.
pub fn gossip_frame(bytes: &[u8]) {
    let secret = EpochSecret::from_bytes([3; 32]);
    let keys = EpochKeys::derive(DriveId([1; 32]), EpochId([2; 32]), secret);
    let device = DriveKeys::from_bytes(&[9; 64]);
    for channel in [Channel::Announce, Channel::Presence] {
        if let Ok(frame) = open_frame(&keys, channel, bytes) {
            frame.verify(&device.log_pk());
        }
    }
}

/// Reads the texts that people type: ids and recovery phrases. Panics if an id is read that is written
/// otherwise.
pub fn text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    macro_rules! each {
        ($($kind:ty),*) => {
            $(if let Ok(id) = text.parse::<$kind>() {
                assert_eq!(id.to_string(), text, "another id");
            })*
        };
    }
    each!(
        DriveId,
        EntryId,
        LogId,
        BindId,
        EpochId,
        MemberId,
        InviteId,
        EndpointKey,
        BlobId
    );
    if let Ok(root) = RootKey::from_phrase(&text) {
        let again = RootKey::from_phrase(&root.phrase());
        assert!(again.is_ok_and(|again| again.root_pk() == root.root_pk()));
    }
}

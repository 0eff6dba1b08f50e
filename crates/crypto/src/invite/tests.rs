use super::*;
use crate::{
    author::{Draft, brought_in},
    body::{Approve, Role},
    identity::{DriveKeys, endpoint_key},
    ids::EndpointKey,
    membership::InviteState,
    secret::{DriveSecret, EndpointSecret},
    testing::{TestDevice, TestResult, rng},
};

const NOW: u64 = 1_700_000_000;

struct Stage {
    owner: TestDevice,
    drive_secret: DriveSecret,
    ticket: String,
    keys: DriveKeys,
    endpoint: EndpointSecret,
}

fn stage(max_uses: u32, approve: Approve) -> TestResult<Stage> {
    let (mut owner, founded) = TestDevice::found("owner", 1)?;
    let offer = Offer {
        name: "Plans".into(),
        role: Role::Writer,
        max_uses,
        not_after: NOW + 3600,
        gatekeeper: owner.bind,
        addresses: vec![b"somewhere".to_vec()],
        approve,
    };
    let (invite, ticket) = new_invite(&founded.drive, offer, &mut owner.rng);
    owner.act(Draft::new().invite(invite))?;
    let mut rng = rng(2);
    Ok(Stage {
        owner,
        drive_secret: founded.drive_secret,
        ticket: ticket.to_text()?.to_string(),
        keys: DriveKeys::generate(&mut rng),
        endpoint: EndpointSecret::generate(&mut rng),
    })
}

impl Stage {
    fn me(&self) -> JoinerIdentity<'_> {
        JoinerIdentity {
            keys: &self.keys,
            endpoint: &self.endpoint,
            label: "joiner",
            device_label: "laptop",
            now: NOW,
        }
    }

    fn gate(&self) -> Admitting<'_> {
        Admitting {
            control: &self.owner.control,
            bind: self.owner.bind,
            keys: &self.owner.keys,
        }
    }

    fn gate_endpoint(&self) -> EndpointKey {
        endpoint_key(&self.owner.endpoint)
    }

    fn invite_state(&self) -> TestResult<InviteState> {
        Ok(self
            .owner
            .control
            .state()
            .invites
            .values()
            .next()
            .ok_or("no invite")?
            .clone())
    }

    /// Both sides up to the request, over connections with these exporters.
    fn up_to_request(
        &self,
        at_joiner: [u8; 32],
        at_gate: [u8; 32],
    ) -> TestResult<(Joiner, Challenged, Vec<u8>)> {
        let mut rng = rng(3);
        let ticket = Ticket::parse(&self.ticket)?;
        let (mut joiner, hello) = Joiner::start(ticket, at_joiner, self.gate_endpoint(), &mut rng)?;
        let (challenged, reply) = self
            .gate()
            .challenge(read_hello(&hello)?, &at_gate, &mut rng)?;
        match joiner.receive(&reply, &self.me())? {
            Step::Send(request) => Ok((joiner, challenged, request)),
            other => Err(format!("expected a request, got {other:?}").into()),
        }
    }

    fn request(&self, now: u64) -> TestResult<Result<(Joiner, Applicant), JoinError>> {
        let (joiner, challenged, request) = self.up_to_request([7; 32], [7; 32])?;
        let remote = endpoint_key(&self.endpoint);
        let applicant = challenged.request(&request, &self.invite_state()?, &remote, now);
        Ok(applicant.map(|a| (joiner, a)))
    }
}

fn admit(stage: &mut Stage, applicant: &Applicant) -> TestResult<Vec<u8>> {
    let mut rng = rng(4);
    let (member, draft) = applicant.admission(&mut rng);
    let entry = stage.owner.act(draft)?;
    let newcomer = Newcomer {
        member,
        bind: brought_in(&entry)[0],
        drive_secret: &stage.drive_secret,
        drive_name: "Plans",
        peers: &[b"peer".to_vec()],
    };
    let (control, keyring) = (&stage.owner.control, &stage.owner.keyring);
    Ok(applicant.welcome(control, keyring, &newcomer, &mut rng)?)
}

#[test]
fn a_holder_of_the_ticket_is_let_in_with_everything_needed() -> TestResult {
    let mut stage = stage(1, Approve::Auto)?;
    let (mut joiner, applicant) = stage.request(NOW)??;
    assert_eq!(
        (applicant.label.as_str(), applicant.role),
        ("joiner", Role::Writer)
    );
    assert!(!applicant.asks_words);
    let welcome = admit(&mut stage, &applicant)?;
    let Step::Joined(joined) = joiner.receive(&welcome, &stage.me())? else {
        return Err("not joined".into());
    };
    assert!(joined.verified);
    assert_eq!(joined.name, "Plans");
    assert_eq!(joined.peers, [b"peer".to_vec()]);
    assert_eq!(joined.drive_secret, stage.drive_secret);
    let state = joined.control.state();
    assert_eq!(state.role_of_bind(&joined.bind), Some(Role::Writer));
    assert_eq!(
        state.members[&joined.member].label.as_deref(),
        Some("joiner")
    );
    let current = state.current_epoch().ok_or("no epoch")?;
    assert!(joined.keyring.get(&current).is_some());
    Ok(())
}

#[test]
fn both_people_see_the_same_words_and_others_see_other_words() -> TestResult {
    let stage = stage(1, Approve::Words)?;
    let (mut joiner, applicant) = stage.request(NOW)??;
    assert!(applicant.asks_words);
    let Step::Wait { words } = joiner.receive(&waiting(), &stage.me())? else {
        return Err("not waiting".into());
    };
    assert_eq!(words, applicant.words());
    assert_eq!(words.split(' ').count(), 6);
    assert_eq!(
        joiner
            .receive(&refuse(Refused::Declined), &stage.me())
            .err(),
        Some(JoinError::Refused(Refused::Declined))
    );
    Ok(())
}

#[test]
fn an_expired_used_or_revoked_invite_is_refused_with_the_reason() -> TestResult {
    let mut stage = stage(1, Approve::Auto)?;
    // Five minutes of grace for clocks, and no more.
    assert!(stage.request(NOW + 3600 + 300)?.is_ok());
    let late = stage.request(NOW + 3600 + 301)?;
    assert_eq!(late.err(), Some(JoinError::Refused(Refused::Expired)));
    let (_, applicant) = stage.request(NOW)??;
    admit(&mut stage, &applicant)?;
    let again = stage.request(NOW)?;
    assert_eq!(again.err(), Some(JoinError::Refused(Refused::UsedUp)));
    // And who waited for the words meanwhile is asked again at the moment of admission.
    assert_eq!(
        applicant.still_open(&stage.invite_state()?, NOW),
        Err(Refused::UsedUp)
    );
    stage
        .owner
        .act(Draft::new().revoke_invite(applicant.invite))?;
    let revoked = stage.request(NOW)?;
    assert_eq!(revoked.err(), Some(JoinError::Refused(Refused::Revoked)));
    Ok(())
}

#[test]
fn of_a_hundred_devices_racing_for_one_use_one_gets_in() -> TestResult {
    let mut stage = stage(1, Approve::Auto)?;
    let mut waiting = Vec::new();
    for _ in 0..100 {
        waiting.push(stage.request(NOW)??.1);
    }
    let mut admitted = 0;
    for applicant in &waiting {
        if applicant.still_open(&stage.invite_state()?, NOW).is_ok() {
            admit(&mut stage, applicant)?;
            admitted += 1;
        }
    }
    assert_eq!(admitted, 1);
    Ok(())
}

#[test]
fn attack_e2_somebody_in_between_makes_both_sides_stop() -> TestResult {
    let stage = stage(1, Approve::Auto)?;
    // Two connections, so two exporters: the joiner does not accept the relayed proof.
    assert!(stage.up_to_request([7; 32], [8; 32]).is_err());
    // A request recorded on one connection is refused on another.
    let (_, _, recorded) = stage.up_to_request([7; 32], [7; 32])?;
    let (_, challenged, _) = stage.up_to_request([9; 32], [9; 32])?;
    let remote = endpoint_key(&stage.endpoint);
    let replayed = challenged.request(&recorded, &stage.invite_state()?, &remote, NOW);
    assert_eq!(replayed.err(), Some(JoinError::BadProof));
    // So is one that comes from another endpoint than its certificate names.
    let (_, challenged, request) = stage.up_to_request([7; 32], [7; 32])?;
    let stranger = EndpointKey([1; 32]);
    let moved = challenged.request(&request, &stage.invite_state()?, &stranger, NOW);
    assert_eq!(moved.err(), Some(JoinError::BadProof));
    Ok(())
}

#[test]
fn a_gatekeeper_of_another_drive_is_recognised() -> TestResult {
    let stage = stage(1, Approve::Auto)?;
    let (other, _) = TestDevice::found("mallory", 99)?;
    let mut rng = rng(3);
    let ticket = Ticket::parse(&stage.ticket)?;
    let remote = endpoint_key(&other.endpoint);
    let (mut joiner, hello) = Joiner::start(ticket, [7; 32], remote, &mut rng)?;
    let gate = Admitting {
        control: &other.control,
        bind: other.bind,
        keys: &other.keys,
    };
    let (_, reply) = gate.challenge(read_hello(&hello)?, &[7; 32], &mut rng)?;
    assert_eq!(
        joiner.receive(&reply, &stage.me()).err(),
        Some(JoinError::WrongDrive)
    );
    // And once it is over it stays over.
    assert_eq!(
        joiner.receive(&reply, &stage.me()).err(),
        Some(JoinError::Protocol)
    );
    Ok(())
}

#[test]
fn a_welcome_that_was_changed_is_not_believed() -> TestResult {
    let mut stage = stage(1, Approve::Auto)?;
    let (_, applicant) = stage.request(NOW)??;
    let welcome = admit(&mut stage, &applicant)?;
    for at in [0, 1, 5, 40, welcome.len() / 2, welcome.len() - 1] {
        let mut bad = welcome.clone();
        bad[at] ^= 1;
        // The same seeds make the same conversation again.
        let (mut joiner, ..) = stage.up_to_request([7; 32], [7; 32])?;
        assert!(joiner.receive(&bad, &stage.me()).is_err(), "byte {at}");
    }
    Ok(())
}

#[test]
fn a_damaged_ticket_is_refused_with_the_reason() -> TestResult {
    let text = stage(1, Approve::Auto)?.ticket;
    let whole = Ticket::parse(&format!(
        "  {} \n",
        text.to_uppercase().replace("JOIN", "join")
    ))?;
    assert_eq!(whole.name, "Plans");
    assert_eq!(whole.gatekeepers, [b"somewhere".to_vec()]);
    for at in "peerdrive:join#".len()..text.len() {
        let mut bad = text.clone().into_bytes();
        bad[at] = if bad[at] == b'a' { b'b' } else { b'a' };
        let bad = String::from_utf8(bad)?;
        assert_eq!(
            Ticket::parse(&bad).err(),
            Some(TicketError::Damaged),
            "character {at}"
        );
    }
    assert_eq!(
        Ticket::parse(&text[..text.len() - 3]).err(),
        Some(TicketError::Damaged)
    );
    assert_eq!(
        Ticket::parse("https://example.org").err(),
        Some(TicketError::NotATicket)
    );
    assert_eq!(Ticket::parse("").err(), Some(TicketError::NotATicket));
    assert_eq!(
        Ticket::parse(&"a".repeat(100_000)).err(),
        Some(TicketError::Damaged)
    );
    Ok(())
}

#[test]
fn a_ticket_never_prints_its_secret() -> TestResult {
    let stage = stage(1, Approve::Auto)?;
    let ticket = Ticket::parse(&stage.ticket)?;
    let shown = format!("{ticket:?}");
    let secret = ticket.secret.expose_for_sealing();
    assert!(!shown.contains(&format!("{:?}", secret)) && shown.contains("TicketSecret(secret)"));
    Ok(())
}

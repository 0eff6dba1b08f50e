//! R1 to R12 of the membership rules, each told to every replica in every order.

use peerdrive_crypto::{
    author::{Draft, Signer, brought_in, control_entry, leaving, recovery_position},
    body::{Grant, Role},
    entry::Entry,
    ids::MemberId,
    keyring::{Keyring, Opener},
    membership::{Control, State},
    testing::{TestDevice, TestResult, revocation, rng},
};

/// Inserts the entries after `base` in every order (or a thousand orders if there are more) and
/// returns the one state that all of them give.
fn in_every_order(base: &Control, entries: &[Entry]) -> TestResult<State> {
    let mut orders = vec![Vec::new()];
    for at in 0..entries.len() {
        orders = orders
            .iter()
            .flat_map(|order: &Vec<usize>| {
                (0..=order.len()).map(move |place| {
                    let mut next = order.clone();
                    next.insert(place, at);
                    next
                })
            })
            .take(1000)
            .collect();
    }
    let mut result: Option<State> = None;
    for order in orders {
        let mut replica = base.clone();
        for at in &order {
            replica.insert(entries[*at].clone())?;
        }
        assert!(replica.missing().is_empty());
        let state = replica.state().clone();
        if let Some(known) = &result {
            assert_eq!(known, &state, "order {order:?} gives another state");
        }
        result = Some(state);
    }
    result.ok_or_else(|| "no order".into())
}

fn role(state: &State, member: MemberId) -> Option<Role> {
    state.members.get(&member).and_then(|m| m.role)
}

/// An owner, two admins that it appointed, and a writer that the first admin let in.
struct Four {
    owner: TestDevice,
    a: TestDevice,
    b: TestDevice,
    c: TestDevice,
}

fn four() -> TestResult<Four> {
    let (mut owner, _) = TestDevice::found("owner", 1)?;
    let mut a = owner.admit_new("a", Role::Admin, 2)?;
    let mut b = owner.admit_new("b", Role::Admin, 3)?;
    b.hear_all(&owner.control)?;
    a.hear_all(&owner.control)?;
    let c = b.admit_new("c", Role::Writer, 4)?;
    owner.hear_all(&b.control)?;
    a.hear_all(&b.control)?;
    Ok(Four { owner, a, b, c })
}

#[test]
fn r1_a_grant_concurrent_with_the_revocation_of_its_author_is_void() -> TestResult {
    let Four {
        mut owner, mut b, ..
    } = four()?;
    let base = owner.control.clone();
    let mut d = TestDevice::new("d", base.drive(), 5);
    let grant = b.admit(&mut d, Role::Writer)?;
    let revoke = owner.revoke(b.member)?;
    let state = in_every_order(&base, &[grant, revoke])?;
    assert_eq!(role(&state, b.member), None);
    assert_eq!(role(&state, d.member), None);
    Ok(())
}

#[test]
fn r2_a_grant_that_the_revocation_knew_stays() -> TestResult {
    let Four {
        mut owner, b, c, ..
    } = four()?;
    let base = owner.control.clone();
    let revoke = owner.revoke(b.member)?;
    let state = in_every_order(&base, &[revoke])?;
    assert_eq!(role(&state, b.member), None);
    assert_eq!(role(&state, c.member), Some(Role::Writer));
    Ok(())
}

#[test]
fn r3_what_an_admin_did_while_being_demoted_is_void() -> TestResult {
    let Four {
        mut owner,
        mut b,
        c,
        ..
    } = four()?;
    let base = owner.control.clone();
    let demote =
        owner.act(Draft::new().change_role(revocation(b.member), Role::Writer, vec![b.cert()]))?;
    let revoke = b.revoke(c.member)?;
    let state = in_every_order(&base, &[demote, revoke])?;
    assert_eq!(role(&state, b.member), Some(Role::Writer));
    assert_eq!(role(&state, c.member), Some(Role::Writer));
    Ok(())
}

#[test]
fn r4_removing_and_adding_again_does_not_save_an_accomplice() -> TestResult {
    let Four {
        owner,
        mut a,
        mut b,
        c,
    } = four()?;
    let base = owner.control.clone();
    let revoke = a.revoke(c.member)?;
    let remove = b.revoke(c.member)?;
    let grant = Grant {
        member: c.member,
        role: Role::Writer,
        devices: vec![c.cert()],
        invite: None,
    };
    let again = b.act(Draft::new().grant(grant, "c"))?;
    let state = in_every_order(&base, &[revoke, remove, again])?;
    assert_eq!(role(&state, c.member), None);
    Ok(())
}

#[test]
fn r5_an_admin_cannot_undo_what_an_owner_granted_meanwhile() -> TestResult {
    let Four {
        mut owner,
        mut a,
        c,
        ..
    } = four()?;
    let base = owner.control.clone();
    let revoke = a.revoke(c.member)?;
    let grant = Grant {
        member: c.member,
        role: Role::Admin,
        devices: vec![c.cert()],
        invite: None,
    };
    let promote = owner.act(Draft::new().grant(grant, "c"))?;
    let state = in_every_order(&base, &[revoke, promote])?;
    assert_eq!(role(&state, c.member), Some(Role::Admin));
    Ok(())
}

#[test]
fn r6_two_admins_cannot_remove_each_other() -> TestResult {
    let Four {
        owner,
        mut a,
        mut b,
        ..
    } = four()?;
    let base = owner.control.clone();
    let one = a.revoke(b.member)?;
    let two = b.revoke(a.member)?;
    let state = in_every_order(&base, &[one, two])?;
    assert_eq!(role(&state, a.member), Some(Role::Admin));
    assert_eq!(role(&state, b.member), Some(Role::Admin));
    assert_eq!(state.disputes.len(), 2);
    Ok(())
}

#[test]
fn r7_an_admin_removes_the_admin_it_appointed_and_not_the_other_way_round() -> TestResult {
    let Four {
        mut owner, mut a, ..
    } = four()?;
    let mut child = a.admit_new("child", Role::Admin, 6)?;
    owner.hear_all(&a.control)?;
    let base = owner.control.clone();
    let down = a.revoke(child.member)?;
    let up = child.revoke(a.member)?;
    let state = in_every_order(&base, &[down, up])?;
    assert_eq!(role(&state, a.member), Some(Role::Admin));
    assert_eq!(role(&state, child.member), None);
    Ok(())
}

#[test]
fn r8_where_owner_and_admin_disagree_the_owner_decides() -> TestResult {
    let Four {
        mut owner,
        mut a,
        c,
        ..
    } = four()?;
    let base = owner.control.clone();
    let removed = a.revoke(c.member)?;
    let demoted = owner.revoke(a.member)?;
    let state = in_every_order(&base, &[removed, demoted])?;
    assert_eq!(role(&state, a.member), None);
    assert_eq!(role(&state, c.member), Some(Role::Writer));
    Ok(())
}

#[test]
fn r9_of_two_revocations_the_greater_cut_counts() -> TestResult {
    let Four {
        mut owner,
        mut a,
        mut c,
        ..
    } = four()?;
    let base = owner.control.clone();
    let (first, second) = (c.write(b"one")?, c.write(b"two")?);
    let cut_at = |entry: &Entry| peerdrive_crypto::body::Cut {
        log: entry.log_id(),
        seq: entry.header.seq,
        entry: entry.id(),
    };
    let revoke = |cut| {
        let mut revoke = revocation(c.member);
        revoke.cut = vec![cut];
        Draft::new().revoke(revoke)
    };
    let short = a.act(revoke(cut_at(&first)))?;
    let long = owner.act(revoke(cut_at(&second)))?;
    let state = in_every_order(&base, &[short, long])?;
    assert_eq!(role(&state, c.member), None);
    let cuts = state.binds[&c.bind].cut.as_ref().ok_or("no cut")?;
    assert_eq!(cuts[&first.log_id()], cut_at(&second));
    Ok(())
}

#[test]
fn r10_leaving_wins_over_everything_else_of_the_same_member() -> TestResult {
    let Four { owner, mut b, .. } = four()?;
    let mut second = b.enrol("b's phone", 7)?;
    let base = b.control.clone();
    let mut d = TestDevice::new("d", base.drive(), 5);
    let grant = b.admit(&mut d, Role::Writer)?;
    let leave = second.act(leaving(b.member, Vec::new()))?;
    let state = in_every_order(&base, &[grant, leave])?;
    assert_eq!(role(&state, b.member), None);
    assert_eq!(role(&state, d.member), None);
    assert_eq!(role(&state, owner.member), Some(Role::Owner));
    Ok(())
}

#[test]
fn r11_two_entries_with_one_number_both_count_and_the_device_is_flagged() -> TestResult {
    let Four { owner, mut b, .. } = four()?;
    let base = owner.control.clone();
    let mut d = TestDevice::new("d", base.drive(), 5);
    let mut e = TestDevice::new("e", base.drive(), 6);
    let (before, at) = (b.control.clone(), b.at.clone());
    let one = b.admit(&mut d, Role::Writer)?;
    b.control = before;
    b.at = at;
    let two = b.admit(&mut e, Role::Reader)?;
    assert_eq!(
        (one.log_id(), one.header.seq),
        (two.log_id(), two.header.seq)
    );
    let state = in_every_order(&base, &[one, two])?;
    assert_eq!(role(&state, d.member), Some(Role::Writer));
    assert_eq!(role(&state, e.member), Some(Role::Reader));
    assert!(state.binds[&b.bind].flagged);
    assert!(!state.binds[&owner.bind].flagged);
    Ok(())
}

#[test]
fn r12_the_recovery_phrase_brings_an_owner_back_with_everything_readable() -> TestResult {
    let (mut owner, founded) = TestDevice::found("owner", 1)?;
    let mut b = owner.admit_new("b", Role::Writer, 2)?;
    owner.revoke(b.member)?;
    b.hear_all(&owner.control)?;
    // All that is left is the phrase and what a storage peer kept.
    let phrase = founded.root.phrase();
    let root = peerdrive_crypto::identity::RootKey::from_phrase(&phrase)?;
    let mut fresh = TestDevice::new("new laptop", founded.drive, 9);
    fresh.hear_all(&owner.control)?;
    let mut keyring = Keyring::new(founded.drive);
    assert!(
        keyring
            .catch_up(&fresh.control, Opener::Root(&root))
            .is_empty()
    );
    assert_eq!(keyring.epochs().count(), 2);
    let mut rng = rng(10);
    let at = recovery_position(founded.drive, &mut rng);
    let grant = Grant {
        member: fresh.member,
        role: Role::Owner,
        devices: vec![fresh.cert()],
        invite: None,
    };
    let draft = Draft::new()
        .revoke(revocation(owner.member))
        .grant(grant, "owner again");
    let made = control_entry(
        &fresh.control,
        &at,
        Signer::Root(&root),
        &keyring,
        draft,
        &mut rng,
    )?;
    let base = fresh.control.clone();
    let state = in_every_order(&base, std::slice::from_ref(&made.entry))?;
    assert_eq!(role(&state, fresh.member), Some(Role::Owner));
    assert_eq!(role(&state, owner.member), None);
    fresh.hear(&made.entry)?;
    fresh.sit(founded.drive, brought_in(&made.entry)[0]);
    // The new device opens the newest epoch and through it every older one, and may act.
    assert_eq!(fresh.keyring.epochs().count(), 3);
    fresh.control.open_names(&fresh.keyring);
    let name = fresh
        .control
        .genesis_part()
        .and_then(|p| p.drive_name.clone());
    assert_eq!(name.as_deref(), Some("Plans"));
    fresh.admit_new("c", Role::Admin, 11)?;
    assert_eq!(
        fresh
            .control
            .state()
            .members
            .values()
            .filter(|m| m.role.is_some())
            .count(),
        2
    );
    Ok(())
}

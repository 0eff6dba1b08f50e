//! Attacks by members, admins and the removed.

use peerdrive_crypto::{
    author::{AuthorError, Draft, Signer, control_entry},
    body::{Grant, Op, Role},
    entry::Entry,
    epoch::{Parent, new_epoch},
    keyring::{Keyring, Opener},
    membership::{ContentRef, Control, Refusal},
    testing::{TestDevice, TestResult, revocation, rng},
};

/// Two entries told to two replicas in either order: the one state that both give.
fn either_order(base: &Control, one: &Entry, two: &Entry) -> TestResult<Control> {
    let (mut first, mut second) = (base.clone(), base.clone());
    first.insert(one.clone())?;
    first.insert(two.clone())?;
    second.insert(two.clone())?;
    second.insert(one.clone())?;
    assert_eq!(first.state(), second.state());
    Ok(first)
}

fn role(control: &Control, device: &TestDevice) -> Option<Role> {
    control
        .state()
        .members
        .get(&device.member)
        .and_then(|m| m.role)
}

fn judge(
    control: &Control,
    entry: &Entry,
    prev: &[peerdrive_crypto::ids::EntryId],
) -> Result<(), Refusal> {
    let content = ContentRef {
        header: &entry.header,
        prev_ctrl: prev,
        floor: None,
    };
    control.admits(&content, &mut |tip| *tip == entry.id())
}

#[test]
fn attack_n1_an_epoch_with_a_recipient_too_many_or_too_few_is_void() -> TestResult {
    let (mut owner, founded) = TestDevice::found("owner", 1)?;
    owner.admit_new("b", Role::Writer, 2)?;
    let before = owner.control.state().current_epoch();
    let outsider = TestDevice::new("outsider", founded.drive, 3);
    let readers = owner.control.state().readers().to_vec();
    let mut more = readers.clone();
    more.push(outsider.keys.kem_pk());
    let fewer = readers[1..].to_vec();
    for (case, wrong) in [more, fewer].iter().enumerate() {
        let id = before.ok_or("no epoch")?;
        let parent = Parent {
            id,
            generation: 0,
            secret: None,
        };
        let (op, _) = new_epoch(&founded.drive, &[parent], wrong, &mut rng(4))?;
        let id = op.id(&founded.drive);
        let entry = owner.act(Draft::new().raw(Op::Epoch(op)))?;
        assert!(!owner.control.verdicts(&entry.id())[0].1, "case {case}");
        assert!(!owner.control.state().usable(&id));
        assert_eq!(owner.control.state().current_epoch(), before);
    }
    // A hash that lies about the recipients: right hash, wrong wraps.
    let id = before.ok_or("no epoch")?;
    let parent = Parent {
        id,
        generation: 0,
        secret: None,
    };
    let (mut op, _) = new_epoch(&founded.drive, &[parent], &readers, &mut rng(5))?;
    op.wraps.pop();
    let entry = owner.act(Draft::new().raw(Op::Epoch(op)))?;
    assert!(!owner.control.verdicts(&entry.id())[0].1);
    Ok(())
}

#[test]
fn attack_l5_what_a_removed_writer_writes_after_its_cut_does_not_count() -> TestResult {
    let (mut owner, _) = TestDevice::found("owner", 1)?;
    let mut b = owner.admit_new("b", Role::Writer, 2)?;
    let kept = b.write(b"before")?;
    let prev = b.content_ctrl.clone();
    // Signed afterwards, claiming not to know of the removal.
    let late = b.write(b"after")?;
    let mut revoke = revocation(b.member);
    revoke.cut = vec![peerdrive_crypto::body::Cut {
        log: kept.log_id(),
        seq: kept.header.seq,
        entry: kept.id(),
    }];
    let removed = owner.act(Draft::new().revoke(revoke))?;
    assert_eq!(judge(&owner.control, &kept, &[]), Ok(()));
    assert_eq!(judge(&owner.control, &late, &prev), Err(Refusal::AfterCut));
    // A sibling with the same number as the cut's entry does not slip in either.
    let fork = ContentRef {
        header: &kept.header,
        prev_ctrl: &[],
        floor: None,
    };
    assert_eq!(
        owner.control.admits(&fork, &mut |_| false),
        Err(Refusal::AfterCut)
    );
    // An admin may let it stand after all.
    owner.act(Draft::new().extend_cut(peerdrive_crypto::body::ExtendCut {
        entry: removed.id(),
        index: 0,
        cut: vec![peerdrive_crypto::body::Cut {
            log: late.log_id(),
            seq: late.header.seq,
            entry: late.id(),
        }],
    }))?;
    assert_eq!(judge(&owner.control, &late, &prev), Ok(()));
    Ok(())
}

#[test]
fn attack_l6_a_grant_that_a_removed_admin_dates_back_is_void() -> TestResult {
    let (mut owner, _) = TestDevice::found("owner", 1)?;
    let mut b = owner.admit_new("b", Role::Admin, 2)?;
    let base = owner.control.clone();
    let revoke = owner.revoke(b.member)?;
    // B learns of it and still signs as if it had not.
    let mut accomplice = TestDevice::new("c", base.drive(), 3);
    let hidden = b.admit(&mut accomplice, Role::Admin)?;
    let after = either_order(&base, &revoke, &hidden)?;
    assert_eq!(role(&after, &b), None);
    assert_eq!(role(&after, &accomplice), None);
    assert_eq!(
        after.state().live_endpoint(&accomplice.cert().endpoint),
        None
    );
    Ok(())
}

#[test]
fn attack_l7_two_admins_removing_each_other_change_nothing_and_an_owner_is_asked() -> TestResult {
    let (mut owner, _) = TestDevice::found("owner", 1)?;
    let mut a = owner.admit_new("a", Role::Admin, 2)?;
    let mut b = owner.admit_new("b", Role::Admin, 3)?;
    a.hear_all(&owner.control)?;
    let base = owner.control.clone();
    let (one, two) = (a.revoke(b.member)?, b.revoke(a.member)?);
    let after = either_order(&base, &one, &two)?;
    assert_eq!(role(&after, &a), Some(Role::Admin));
    assert_eq!(role(&after, &b), Some(Role::Admin));
    assert_eq!(after.state().disputes.len(), 2);
    Ok(())
}

#[test]
fn attack_l8_a_chain_of_accomplices_falls_with_its_first_link() -> TestResult {
    let (mut owner, _) = TestDevice::found("owner", 1)?;
    let mut a = owner.admit_new("a", Role::Admin, 2)?;
    let base = owner.control.clone();
    let revoke = owner.revoke(a.member)?;
    let mut b = TestDevice::new("b", base.drive(), 3);
    let mut c = TestDevice::new("c", base.drive(), 4);
    let first = a.admit(&mut b, Role::Admin)?;
    let second = b.admit(&mut c, Role::Admin)?;
    let mut replica = base.clone();
    for entry in [&second, &revoke, &first] {
        replica.insert(entry.clone())?;
    }
    for device in [&a, &b, &c] {
        assert_eq!(role(&replica, device), None);
    }
    assert_eq!(replica.len(), base.len() + 3);
    Ok(())
}

#[test]
fn attack_l9_a_demoted_writer_writes_no_more_under_old_or_new_name() -> TestResult {
    let (mut owner, _) = TestDevice::found("owner", 1)?;
    let mut b = owner.admit_new("b", Role::Writer, 2)?;
    let demote = Draft::new().change_role(revocation(b.member), Role::Reader, vec![b.cert()]);
    let entry = owner.act(demote)?;
    assert_eq!(role(&owner.control, &b), Some(Role::Reader));
    let under_old = b.write(b"x")?;
    assert_eq!(
        judge(&owner.control, &under_old, &[]),
        Err(Refusal::AfterCut)
    );
    b.hear(&entry)?;
    let bind = peerdrive_crypto::author::brought_in(&entry)[0];
    b.sit(owner.control.drive(), bind);
    let under_new = b.write(b"x")?;
    assert_eq!(
        judge(&owner.control, &under_new, &[]),
        Err(Refusal::NotAuthorised)
    );
    // It still reads: the new epoch is sealed to it.
    let current = owner.control.state().current_epoch().ok_or("no epoch")?;
    assert!(b.keyring.get(&current).is_some());
    Ok(())
}

#[test]
fn attack_l15_nobody_writes_with_an_epoch_that_a_known_removed_device_reads() -> TestResult {
    let (mut owner, _) = TestDevice::found("owner", 1)?;
    let b = owner.admit_new("b", Role::Writer, 2)?;
    let mut c = owner.admit_new("c", Role::Writer, 3)?;
    let old = owner.control.state().current_epoch().ok_or("no epoch")?;
    let removed = owner.revoke(b.member)?;
    assert!(!owner.control.state().usable(&old));
    // C knows of the removal, and is made to use the old epoch's key all the same.
    let lagging = c.write(b"not knowing")?;
    c.hear(&removed)?;
    let mut forced = c.write(b"knowing")?;
    forced.header.epoch = old;
    assert_eq!(judge(&owner.control, &lagging, &[]), Ok(()));
    assert_eq!(
        judge(&owner.control, &forced, &[]),
        Err(Refusal::StaleEpoch(old))
    );
    Ok(())
}

#[test]
fn attack_x6_after_a_removal_without_a_new_epoch_nothing_may_be_written() -> TestResult {
    let (mut owner, _) = TestDevice::found("owner", 1)?;
    let mut b = owner.admit_new("b", Role::Writer, 2)?;
    // B leaves, and who leaves cannot begin an epoch: now there is none to write with.
    let leave = b.act(peerdrive_crypto::author::leaving(b.member, Vec::new()))?;
    owner.hear(&leave)?;
    assert_eq!(owner.control.state().current_epoch(), None);
    let rekey = owner.act(Draft::new().rekey())?;
    let current = owner.control.state().current_epoch().ok_or("no epoch")?;
    // And B, with everything that it ever had, does not open it.
    b.control.insert(rekey)?;
    b.keyring.catch_up(&b.control, Opener::Device(&b.keys));
    assert!(b.keyring.get(&current).is_none());
    Ok(())
}

#[test]
fn attack_l17_the_removed_open_nothing_written_afterwards() -> TestResult {
    let (mut owner, _) = TestDevice::found("owner", 1)?;
    let mut b = owner.admit_new("b", Role::Admin, 2)?;
    owner.revoke(b.member)?;
    let written = owner.write(b"after the removal")?;
    b.hear_all(&owner.control)?;
    assert!(
        b.keyring
            .epochs()
            .all(|keys| written.open_body(keys).is_err())
    );
    assert!(b.keyring.epochs().count() >= 1);
    Ok(())
}

#[test]
fn attack_l25_devices_beyond_the_cap_are_void() -> TestResult {
    let (mut owner, _) = TestDevice::found("owner", 1)?;
    let mut b = owner.admit_new("b", Role::Reader, 2)?;
    for seed in 0..20 {
        b.enrol("another", 100 + seed)?;
    }
    let live = b
        .control
        .state()
        .live_binds()
        .filter(|(_, bind)| bind.member == b.member);
    assert_eq!(live.count(), peerdrive_crypto::body::MAX_DEVICES);
    Ok(())
}

#[test]
fn attack_x8_removing_and_adding_again_does_not_shield_an_accomplice() -> TestResult {
    let (mut owner, _) = TestDevice::found("owner", 1)?;
    let mut b = owner.admit_new("b", Role::Admin, 2)?;
    let c = b.admit_new("c", Role::Writer, 3)?;
    owner.hear_all(&b.control)?;
    let base = owner.control.clone();
    let removed = owner.revoke(c.member)?;
    let grant = Grant {
        member: c.member,
        role: Role::Writer,
        devices: vec![c.cert()],
        invite: None,
    };
    let shield = b.act(Draft::new().revoke(revocation(c.member)).grant(grant, "c"))?;
    let after = either_order(&base, &removed, &shield)?;
    assert_eq!(role(&after, &c), None);
    // B itself was not removed, and may add C again knowingly: that is B's decision, visible to all.
    assert_eq!(role(&after, &b), Some(Role::Admin));
    Ok(())
}

#[test]
fn attack_l10_everything_told_twice_changes_nothing() -> TestResult {
    let (mut owner, _) = TestDevice::found("owner", 1)?;
    let b = owner.admit_new("b", Role::Admin, 2)?;
    owner.revoke(b.member)?;
    let before = owner.control.state().clone();
    let entries: Vec<Entry> = owner.control.entries().map(|(_, e)| e.clone()).collect();
    for entry in entries.iter().chain(entries.iter().rev()) {
        owner.control.insert(entry.clone())?;
    }
    assert_eq!(owner.control.state(), &before);
    Ok(())
}

#[test]
fn attack_l6_an_admin_cannot_slip_a_device_into_an_owners_seat() -> TestResult {
    // Not a row of its own: a grant under the owner's member id, with the admin's device in it.
    let (mut owner, _) = TestDevice::found("owner", 1)?;
    let mut b = owner.admit_new("b", Role::Admin, 2)?;
    let mut own = TestDevice::new("b's other", owner.control.drive(), 3);
    own.member = owner.member;
    let entry = b.admit(&mut own, Role::Admin)?;
    owner.hear(&entry)?;
    assert_eq!(
        owner.control.state().role_of_bind(&own.bind),
        Some(Role::Admin)
    );
    // It acts as the admin that let it in, and falls with it; the owner is untouched.
    let refused = own.revoke(owner.member)?;
    owner.hear(&refused)?;
    assert_eq!(role(&owner.control, &owner), Some(Role::Owner));
    owner.revoke(b.member)?;
    assert_eq!(role(&owner.control, &owner), Some(Role::Owner));
    Ok(())
}

#[test]
fn attack_s2_without_a_key_names_are_not_written_in_the_clear() -> TestResult {
    let (owner, founded) = TestDevice::found("owner", 1)?;
    let empty = Keyring::new(founded.drive);
    let mut rng = rng(2);
    let draft = Draft::new().note("a name that must not leak");
    let made = control_entry(
        &owner.control,
        &owner.at,
        Signer::Device(&owner.keys),
        &empty,
        draft,
        &mut rng,
    );
    assert_eq!(made.err(), Some(AuthorError::NoEpoch));
    let bytes = founded.genesis.to_bytes();
    for hidden in ["owner", "laptop", "Plans"] {
        assert!(!bytes.windows(hidden.len()).any(|w| w == hidden.as_bytes()));
    }
    Ok(())
}

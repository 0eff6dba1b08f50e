//! R1 to R12 of the membership rules, each told to every replica in every order.

mod histories;

use histories::History;
use peerdrive_crypto::{
    body::Role,
    membership::State,
    testing::{TestDevice, TestResult},
};

/// Inserts the entries after what everybody knows in every order (or a thousand orders if there are more)
/// and returns the one state that all of them give.
fn in_every_order(history: &History) -> TestResult<State> {
    let mut orders = vec![Vec::new()];
    for at in 0..history.entries.len() {
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
        let mut replica = history.base.clone();
        for at in &order {
            replica.insert(history.entries[*at].clone())?;
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

/// The roles of these people, in every order the same.
fn roles(history: &History, expected: &[(&str, Option<Role>)]) -> TestResult<State> {
    let state = in_every_order(history)?;
    for (name, role) in expected {
        assert_eq!(history.role(&state, name)?, *role, "{name}");
    }
    Ok(state)
}

#[test]
fn r1_a_grant_concurrent_with_the_revocation_of_its_author_is_void() -> TestResult {
    roles(&histories::r1()?, &[("b", None), ("d", None)])?;
    Ok(())
}

#[test]
fn r2_a_grant_that_the_revocation_knew_stays() -> TestResult {
    roles(&histories::r2()?, &[("b", None), ("c", Some(Role::Writer))])?;
    Ok(())
}

#[test]
fn r3_what_an_admin_did_while_being_demoted_is_void() -> TestResult {
    let writer = Some(Role::Writer);
    roles(&histories::r3()?, &[("b", writer), ("c", writer)])?;
    Ok(())
}

#[test]
fn r4_removing_and_adding_again_does_not_save_an_accomplice() -> TestResult {
    roles(&histories::r4()?, &[("c", None)])?;
    Ok(())
}

#[test]
fn r5_an_admin_cannot_undo_what_an_owner_granted_meanwhile() -> TestResult {
    roles(&histories::r5()?, &[("c", Some(Role::Admin))])?;
    Ok(())
}

#[test]
fn r6_two_admins_cannot_remove_each_other() -> TestResult {
    let admin = Some(Role::Admin);
    let state = roles(&histories::r6()?, &[("a", admin), ("b", admin)])?;
    assert_eq!(state.disputes.len(), 2);
    Ok(())
}

#[test]
fn r7_an_admin_removes_the_admin_it_appointed_and_not_the_other_way_round() -> TestResult {
    let expected = [("a", Some(Role::Admin)), ("child", None)];
    roles(&histories::r7()?, &expected)?;
    Ok(())
}

#[test]
fn r8_where_owner_and_admin_disagree_the_owner_decides() -> TestResult {
    roles(&histories::r8()?, &[("a", None), ("c", Some(Role::Writer))])?;
    Ok(())
}

#[test]
fn r9_of_two_revocations_the_greater_cut_counts() -> TestResult {
    let (history, greater) = histories::r9()?;
    let state = roles(&history, &[("c", None)])?;
    let device = state.members[&history.member("c")?].devices[0];
    let cuts = state.binds[&device].cut.as_ref().ok_or("no cut")?;
    assert_eq!(cuts[&greater.log], greater);
    Ok(())
}

#[test]
fn r10_leaving_wins_over_everything_else_of_the_same_member() -> TestResult {
    let expected = [("b", None), ("d", None), ("owner", Some(Role::Owner))];
    roles(&histories::r10()?, &expected)?;
    Ok(())
}

#[test]
fn r11_two_entries_with_one_number_both_count_and_the_device_is_flagged() -> TestResult {
    let (history, b) = histories::r11()?;
    let place = |at: usize| (history.entries[at].log_id(), history.entries[at].header.seq);
    assert_eq!(place(0), place(1));
    let expected = [("d", Some(Role::Writer)), ("e", Some(Role::Reader))];
    let state = roles(&history, &expected)?;
    let flagged: Vec<_> = state.binds.iter().filter(|(_, x)| x.flagged).collect();
    assert_eq!(flagged.len(), 1);
    assert_eq!(*flagged[0].0, b.bind);
    Ok(())
}

#[test]
fn r12_the_recovery_phrase_brings_an_owner_back_with_everything_readable() -> TestResult {
    let (history, mut fresh): (History, TestDevice) = histories::r12()?;
    let expected = [("new laptop", Some(Role::Owner)), ("owner", None)];
    roles(&history, &expected)?;
    fresh.hear(&history.entries[0])?;
    let (drive, bind) = (fresh.control.drive(), fresh.bind);
    fresh.sit(drive, bind);
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

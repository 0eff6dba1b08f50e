//! Small worlds, completely: an owner, two admins and a writer, every history of a few moves in which each
//! author knows either everything so far or only its own past, in every order of delivery.

use rand_core::Rng;

use super::{Control, reference::Reference};
use crate::{
    author::{Draft, Signer, control_entry},
    body::{Grant, Op, Role},
    entry::{Entry, LogPosition, Plane},
    ids::BindId,
    testing::{TestDevice, TestResult, revocation, rng},
};

/// What may happen: by whom (place in the cast), and what.
const MOVES: &[(usize, Move)] = &[
    (OWNER, Move::Revoke(A)),
    (OWNER, Move::Revoke(C)),
    (OWNER, Move::Grant(C, Role::Admin)),
    (A, Move::Revoke(B)),
    (A, Move::Revoke(C)),
    (A, Move::Grant(D, Role::Owner)),
    (B, Move::Revoke(A)),
    (B, Move::Regrant(C, Role::Writer)),
    (B, Move::Grant(D, Role::Admin)),
    (B, Move::Revoke(B)),
    (C, Move::Revoke(A)),
];

const OWNER: usize = 0;
const A: usize = 1;
const B: usize = 2;
const C: usize = 3;
const D: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    Revoke(usize),
    Grant(usize, Role),
    Regrant(usize, Role),
}

/// One step: which move, and whether its author knows everything that happened before.
type Step = (usize, bool);

struct World {
    cast: Vec<TestDevice>,
    base: Control,
}

impl World {
    fn new() -> TestResult<World> {
        let (mut owner, _) = TestDevice::found("owner", 1)?;
        let a = owner.admit_new("a", Role::Admin, 2)?;
        let mut b = owner.admit_new("b", Role::Admin, 3)?;
        let c = b.admit_new("c", Role::Writer, 4)?;
        let d = TestDevice::new("d", owner.control.drive(), 5);
        let base = b.control.clone();
        Ok(World {
            cast: vec![owner, a, b, c, d],
            base,
        })
    }

    fn draft(&self, step: Move) -> Draft {
        let grant = |who: usize, role| {
            let device = &self.cast[who];
            let devices = vec![device.cert()];
            Op::Grant(Grant {
                member: device.member,
                role,
                devices,
                invite: None,
            })
        };
        match step {
            Move::Revoke(who) => Draft::new().raw(Op::Revoke(revocation(self.cast[who].member))),
            Move::Grant(who, role) => Draft::new().raw(grant(who, role)),
            Move::Regrant(who, role) => Draft::new()
                .raw(Op::Revoke(revocation(self.cast[who].member)))
                .raw(grant(who, role)),
        }
    }

    /// The entries of a history.
    fn play(&self, steps: &[Step]) -> TestResult<Vec<Entry>> {
        let mut rng = rng(9);
        let mut entries: Vec<Entry> = Vec::new();
        for (at, (which, knows_all)) in steps.iter().enumerate() {
            let (who, step) = MOVES[*which];
            let device = &self.cast[who];
            let mut known = self.base.clone();
            // Its own log it always knows, and with it what that builds on.
            let own = entries.iter().rposition(|e| e.header.bind == device.bind);
            let upto = if *knows_all { at } else { 0 };
            for entry in &entries[..upto] {
                known.insert(entry.clone())?;
            }
            if let Some(own) = own.filter(|_| !knows_all) {
                for entry in past_of(&entries, own) {
                    known.insert(entry.clone())?;
                }
            }
            let drive = known.drive();
            let position = known
                .tip_of(&device.bind)
                .unwrap_or_else(|| LogPosition::open(drive, Plane::Control, device.bind, &mut rng));
            let signer = Signer::Device(&device.keys);
            let draft = self.draft(step);
            let made = control_entry(&known, &position, signer, &device.keyring, draft, &mut rng)?;
            entries.push(made.entry);
        }
        Ok(entries)
    }

    fn check(&self, steps: &[Step]) -> TestResult {
        let entries = self.play(steps)?;
        let mut all = self.base.clone();
        for entry in &entries {
            all.insert(entry.clone())?;
        }
        self.in_every_order(&entries, &all, steps)?;
        let plain = Reference::of(all.entries().map(|(_, e)| e)).outcome();
        let state = all.state();
        let live = state
            .live_binds()
            .map(|(id, b)| (*id, (b.member, b.role)))
            .collect();
        assert_eq!(plain.live_binds, live, "{steps:?}");
        assert_eq!(plain.current, state.current_epoch(), "{steps:?}");
        // No escalation: nobody but the founder is ever an owner, no writer ever granted anything.
        for (id, bind) in state.live_binds() {
            assert_eq!(
                bind.role == Role::Owner,
                *id == self.cast[OWNER].bind,
                "{steps:?}"
            );
        }
        // A superior's revocation holds.
        for (which, _) in steps {
            if let (OWNER, Move::Revoke(who)) = MOVES[*which] {
                assert_eq!(state.role_of_bind(&self.cast[who].bind), None, "{steps:?}");
            }
        }
        self.owner_recovers(&all, steps)
    }

    fn in_every_order(&self, entries: &[Entry], all: &Control, steps: &[Step]) -> TestResult {
        for order in orders(entries.len()) {
            let mut replica = self.base.clone();
            for at in &order {
                replica.insert(entries[*at].clone())?;
            }
            assert_eq!(replica.len(), all.len());
            assert_eq!(replica.state(), all.state(), "{steps:?} in {order:?}");
        }
        Ok(())
    }

    /// Whatever happened, an owner who knows of it can remove everybody else.
    fn owner_recovers(&self, all: &Control, steps: &[Step]) -> TestResult {
        let mut rng = rng(10);
        let owner = &self.cast[OWNER];
        let drive = all.drive();
        let at = LogPosition::open(drive, Plane::Control, owner.bind, &mut rng);
        let others = all.state().members.keys().filter(|m| **m != owner.member);
        let draft = others
            .fold(Draft::new(), |draft, m| {
                draft.raw(Op::Revoke(revocation(*m)))
            })
            .rekey();
        let signer = Signer::Device(&owner.keys);
        let made = control_entry(all, &at, signer, &owner.keyring, draft, &mut rng)?;
        let mut after = all.clone();
        after.insert(made.entry)?;
        let live: Vec<BindId> = after.state().live_binds().map(|(id, _)| *id).collect();
        assert_eq!(live, [owner.bind], "{steps:?}");
        let epoch = made.epoch.map(|(id, _)| id);
        assert_eq!(after.state().current_epoch(), epoch, "{steps:?}");
        Ok(())
    }
}

/// An entry and those of the list that it builds on.
fn past_of(entries: &[Entry], at: usize) -> Vec<&Entry> {
    let mut wanted = vec![entries[at].id()];
    let mut past = Vec::new();
    for entry in entries[..=at].iter().rev() {
        if wanted.contains(&entry.id()) {
            wanted.extend(
                entry
                    .header
                    .deps
                    .iter()
                    .copied()
                    .chain(entry.header.predecessor()),
            );
            past.push(entry);
        }
    }
    past.reverse();
    past
}

fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    for at in 0..count {
        let longer = orders.iter().flat_map(|order: &Vec<usize>| {
            (0..=order.len()).map(move |place| {
                let mut next = order.clone();
                next.insert(place, at);
                next
            })
        });
        orders = longer.collect();
    }
    orders
}

#[test]
fn every_history_of_one_or_two_moves_keeps_the_promises_in_every_order() -> TestResult {
    let world = World::new()?;
    for first in 0..MOVES.len() {
        world.check(&[(first, true)])?;
        for second in 0..MOVES.len() {
            for knows in [true, false] {
                world.check(&[(first, true), (second, knows)])?;
            }
        }
    }
    Ok(())
}

#[test]
fn every_history_of_three_moves_without_knowledge_of_each_other_keeps_the_promises() -> TestResult {
    let world = World::new()?;
    for first in 0..MOVES.len() {
        // Unordered, as none knows of another; an author's own moves follow each other all the same.
        for second in first..MOVES.len() {
            for third in second..MOVES.len() {
                world.check(&[(first, false), (second, false), (third, false)])?;
            }
        }
    }
    Ok(())
}

#[test]
fn histories_of_six_moves_keep_the_promises_in_all_their_720_orders() -> TestResult {
    let world = World::new()?;
    let mut rng = rng(11);
    for _ in 0..12 {
        let steps: Vec<Step> = (0..6)
            .map(|_| {
                let draw = rng.next_u64();
                ((draw % MOVES.len() as u64) as usize, draw >> 32 & 1 == 0)
            })
            .collect();
        world.check(&steps)?;
    }
    Ok(())
}

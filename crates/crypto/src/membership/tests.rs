//! The working evaluation against the plain one, on random histories with hostile authors, in every kind
//! of order.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rand_core::Rng;

use super::{
    Control,
    reference::{Outcome, Reference},
};
use crate::{
    author::{Draft, Signer, brought_in, control_entry, recovery_position},
    body::{Approve, Cut, ExtendCut, Grant, Invite, Op, Reason, Revoke, RevokeDevice, Role},
    entry::{Entry, LogPosition},
    epoch::{Parent, new_epoch},
    identity::{DeviceCert, DriveKeys, RootKey},
    ids::{BindId, EntryId, InviteId, LogId, MemberId},
    keyring::Keyring,
    testing::{TestDevice, TestResult, rng},
};

const ROLES: [Role; 4] = [Role::Reader, Role::Writer, Role::Admin, Role::Owner];

fn outcome(control: &Control) -> Outcome {
    let state = control.state();
    let mut out = Outcome {
        current: state.current_epoch(),
        ..Outcome::default()
    };
    for (id, _) in control.entries() {
        let verdicts = control.verdicts(&id);
        let valid = verdicts.iter().enumerate().filter(|(_, (_, valid))| *valid);
        out.valid.extend(valid.map(|(i, _)| (id, i as u32)));
    }
    out.live_binds = state
        .live_binds()
        .map(|(id, b)| (*id, (b.member, b.role)))
        .collect();
    let roles = state
        .members
        .iter()
        .filter_map(|(id, m)| m.role.map(|r| (*id, r)));
    out.roles = roles.collect();
    out.usable = state
        .epochs
        .iter()
        .filter(|(_, usable)| **usable)
        .map(|(id, _)| *id)
        .collect();
    out
}

/// Somebody who can sign: keys, and every device id under which they may act.
struct Actor {
    keys: DriveKeys,
    member: MemberId,
    cert: DeviceCert,
    binds: Vec<BindId>,
}

/// A history grown at random by authors who each know what they like of it.
struct Story {
    control: Control,
    root: RootKey,
    actors: Vec<Actor>,
    entries: Vec<Entry>,
    rng: rand_chacha::ChaCha20Rng,
}

impl Story {
    fn begin(seed: u64) -> TestResult<Story> {
        let (owner, founded) = TestDevice::found("owner", seed)?;
        let mut rng = rng(seed ^ 0x5eed);
        let mut actors = vec![Actor {
            member: owner.member,
            cert: owner.cert(),
            binds: vec![owner.bind],
            keys: owner.keys,
        }];
        for _ in 0..4 {
            let device = TestDevice::new("someone", founded.drive, rng.next_u64());
            let cert = device.cert();
            actors.push(Actor {
                member: device.member,
                cert,
                binds: vec![],
                keys: device.keys,
            });
        }
        let entries = vec![founded.genesis];
        Ok(Story {
            control: owner.control,
            root: founded.root,
            actors,
            entries,
            rng,
        })
    }

    fn pick(&mut self, below: usize) -> usize {
        (self.rng.next_u64() % below.max(1) as u64) as usize
    }

    /// What an author admits to knowing: everything, or the past of a few entries.
    fn knowledge(&mut self, must: &[EntryId]) -> TestResult<Control> {
        let mut known: BTreeSet<EntryId> = must.iter().copied().collect();
        if self.pick(3) == 0 {
            known.extend(self.entries.iter().map(Entry::id));
        } else {
            for _ in 0..=self.pick(2) {
                let at = self.pick(self.entries.len());
                known.insert(self.entries[at].id());
            }
        }
        let mut open: Vec<EntryId> = known.iter().copied().collect();
        while let Some(id) = open.pop() {
            let header = &self.control.entry(&id).ok_or("unknown")?.header;
            for link in header.deps.iter().copied().chain(header.predecessor()) {
                if known.insert(link) {
                    open.push(link);
                }
            }
        }
        let mut part = Control::new(self.control.drive());
        for entry in self.entries.iter().filter(|e| known.contains(&e.id())) {
            part.insert(entry.clone())?;
        }
        Ok(part)
    }

    fn some_member(&mut self) -> MemberId {
        let at = self.pick(self.actors.len());
        self.actors[at].member
    }

    fn some_bind(&mut self) -> BindId {
        let binds: Vec<BindId> = self.actors.iter().flat_map(|a| a.binds.clone()).collect();
        let at = self.pick(binds.len());
        binds[at]
    }

    fn some_cut(&mut self) -> Vec<Cut> {
        let log = LogId([self.pick(3) as u8; 32]);
        vec![Cut {
            log,
            seq: self.pick(5) as u64,
            entry: EntryId([self.pick(3) as u8; 32]),
        }]
    }

    /// An operation that the author may or may not be allowed.
    fn some_op(&mut self, knows: &Control) -> TestResult<Op> {
        Ok(match self.pick(12) {
            0..=3 => {
                let at = self.pick(self.actors.len());
                let role = ROLES[self.pick(4)];
                // Sometimes under somebody else's name, sometimes with two devices.
                let member = if self.pick(4) == 0 {
                    self.some_member()
                } else {
                    self.actors[at].member
                };
                let mut devices = vec![self.actors[at].cert.clone()];
                if self.pick(4) == 0 {
                    let other = self.pick(self.actors.len());
                    devices.push(self.actors[other].cert.clone());
                }
                Op::Grant(Grant {
                    member,
                    role,
                    devices,
                    invite: None,
                })
            }
            4..=6 => {
                let (member, cut) = (self.some_member(), self.some_cut());
                Op::Revoke(Revoke {
                    member,
                    cut,
                    reason: Reason::Retired,
                })
            }
            7 => {
                let at = self.pick(self.actors.len());
                Op::AddDevice(self.actors[at].cert.clone())
            }
            8 | 9 => {
                let (bind, cut) = (self.some_bind(), self.some_cut());
                Op::RevokeDevice(RevokeDevice {
                    bind,
                    cut,
                    reason: Reason::Retired,
                })
            }
            10 => {
                let state = knows.state();
                let mut readers = state.readers().to_vec();
                if self.pick(4) == 0 {
                    // One too many or one too few.
                    let at = self.pick(self.actors.len());
                    readers.push(self.actors[at].cert.kem_pk);
                }
                let parents: Vec<Parent<'_>> = knows
                    .epoch_tips()
                    .into_iter()
                    .map(|(id, generation)| Parent {
                        id,
                        generation,
                        secret: None,
                    })
                    .collect();
                Op::Epoch(new_epoch(&knows.drive(), &parents, &readers, &mut self.rng)?.0)
            }
            _ => {
                let at = self.pick(self.entries.len());
                let (entry, cut) = (self.entries[at].id(), self.some_cut());
                Op::ExtendCut(ExtendCut {
                    entry,
                    index: self.pick(2) as u32,
                    cut,
                })
            }
        })
    }

    fn step(&mut self) -> TestResult {
        let by_root = self.pick(25) == 0;
        let actor = self.pick(self.actors.len());
        let signers = &self.actors[actor].binds;
        let bind = if by_root || signers.is_empty() {
            None
        } else {
            let binds = signers.clone();
            let at = self.pick(binds.len());
            Some(binds[at])
        };
        if bind.is_none() && !by_root {
            return Ok(());
        }
        // Whoever acts as a device must know what brought it in; and its own log, or it forks it.
        let mut must = vec![self.entries[0].id()];
        let mut at = None;
        if let Some(bind) = bind {
            must.extend(self.control.path_to(&bind).iter().map(|e| e.id()));
            if self.pick(4) > 0 {
                at = self.control.tip_of(&bind);
                must.extend(at.iter().map(|a| EntryId(a.prev)));
            }
        }
        let knows = self.knowledge(&must)?;
        let drive = knows.drive();
        let at = at
            .filter(|a| knows.entry(&EntryId(a.prev)).is_some())
            .unwrap_or_else(|| match bind {
                Some(bind) => {
                    LogPosition::open(drive, crate::entry::Plane::Control, bind, &mut self.rng)
                }
                None => recovery_position(drive, &mut self.rng),
            });
        let mut draft = Draft::new();
        for _ in 0..=self.pick(2) {
            let op = self.some_op(&knows)?;
            draft = draft.raw(op);
        }
        if self.pick(3) == 0 {
            draft = draft.rekey();
        }
        let signer = match bind {
            Some(_) => Signer::Device(&self.actors[actor].keys),
            None => Signer::Root(&self.root),
        };
        let keyring = Keyring::new(drive);
        let made = control_entry(&knows, &at, signer, &keyring, draft, &mut self.rng)?;
        self.control.insert(made.entry.clone())?;
        for bind in brought_in(&made.entry) {
            let log_pk = self.control.log_key(&bind);
            let owner = self
                .actors
                .iter_mut()
                .find(|a| Some(a.cert.log_pk) == log_pk);
            if let Some(owner) = owner {
                owner.binds.push(bind);
            }
        }
        self.entries.push(made.entry);
        Ok(())
    }

    fn shuffled(&mut self) -> Vec<Entry> {
        let mut order = self.entries.clone();
        for at in (1..order.len()).rev() {
            let other = self.pick(at + 1);
            order.swap(at, other);
        }
        order
    }
}

fn compare(seed: u64, steps: usize) -> TestResult {
    let mut story = Story::begin(seed)?;
    for _ in 0..steps {
        story.step()?;
    }
    let expected = Reference::of(story.entries.iter()).outcome();
    let got = outcome(&story.control);
    if let Some(at) = got.valid.symmetric_difference(&expected.valid).next() {
        let verdicts = story.control.verdicts(&at.0);
        let op = verdicts.get(at.1 as usize);
        panic!("seed {seed}: only one of the two finds this valid: {at:?} {op:?}");
    }
    assert_eq!(got, expected, "seed {seed}");
    for _ in 0..4 {
        let mut replica = Control::new(story.control.drive());
        for entry in story.shuffled() {
            replica.insert(entry.clone())?;
            if story.pick(3) == 0 {
                replica.insert(entry)?;
            }
        }
        assert_eq!(replica.len(), story.entries.len(), "seed {seed}");
        assert_eq!(
            replica.state(),
            story.control.state(),
            "seed {seed}: order matters"
        );
        assert_eq!(replica.ctrl_hash(), story.control.ctrl_hash());
    }
    no_escalation(&story, &expected);
    removals_convince(&story, seed)
}

/// What a removed device may be told is enough for it to see that it was removed, and is nothing that only
/// came afterwards.
fn removals_convince(story: &Story, seed: u64) -> TestResult {
    let state = story.control.state();
    let removals = story.control.removals();
    for (endpoint, logs) in &removals {
        assert!(state.live_bind_of(endpoint).is_none(), "seed {seed}");
        let mut told = Control::new(story.control.drive());
        let may_have = |entry: &&Entry| {
            let len = logs.get(&entry.log_id());
            len.is_some_and(|len| entry.header.seq < *len)
        };
        for entry in story.entries.iter().filter(may_have) {
            told.insert(entry.clone())?;
        }
        assert!(told.missing().is_empty(), "seed {seed}: not closed");
        let known = told.state();
        let was = |binds: &super::state::State| {
            let mut all = binds.binds.values();
            all.any(|bind| bind.cert.endpoint == *endpoint)
        };
        assert!(was(known), "seed {seed}: it does not know itself");
        assert!(
            known.live_bind_of(endpoint).is_none(),
            "seed {seed}: it is not convinced"
        );
        let last = |id: &EntryId| story.control.entry(id).map(|entry| entry.log_id());
        for (log, len) in logs {
            let beyond = told.entries().any(|(id, _)| last(&id) == Some(*log));
            assert!(beyond && *len > 0, "seed {seed}: an empty log");
        }
    }
    let gone = state.binds.values().filter(|bind| !bind.live);
    for bind in gone.filter(|bind| state.live_bind_of(&bind.cert.endpoint).is_none()) {
        assert!(removals.contains_key(&bind.cert.endpoint), "seed {seed}");
    }
    Ok(())
}

/// Every valid grant was made by somebody who validly held at least that role and the right to grant.
fn no_escalation(story: &Story, outcome: &Outcome) {
    for (id, entry) in story.control.entries() {
        for (index, (op, valid)) in story.control.verdicts(&id).into_iter().enumerate() {
            let Op::Grant(grant) = op else { continue };
            if !valid || entry.header.bind == BindId::ZERO {
                continue;
            }
            let author = story.control.state().bind(&entry.header.bind);
            assert!(
                author.is_some_and(|a| a.role >= Role::Admin && a.role >= grant.role),
                "{id} {index} escalates"
            );
        }
    }
    for (bind, (_, role)) in &outcome.live_binds {
        assert_eq!(story.control.state().role_of_bind(bind), Some(*role));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_evaluations_agree_on_hostile_histories_in_any_order(seed: u64, steps in 1usize..12) {
        prop_assert!(compare(seed, steps).is_ok());
    }
}

#[test]
fn invites_with_one_id_resolve_alike_everywhere() -> TestResult {
    let (mut owner, _) = TestDevice::found("owner", 1)?;
    let mut other = owner.admit_new("other", Role::Admin, 2)?;
    let base = owner.control.clone();
    let invite = |max_uses, gatekeeper| Invite {
        id: InviteId([1; 16]),
        invite_pk: [2; 32],
        role: Role::Writer,
        max_uses,
        not_after: 0,
        gatekeeper,
        approve: Approve::Auto,
    };
    let a = owner.act(Draft::new().invite(invite(1, owner.bind)))?;
    let b = other.act(Draft::new().invite(invite(100, other.bind)))?;
    let (mut one, mut two) = (base.clone(), base);
    one.insert(a.clone())?;
    one.insert(b.clone())?;
    two.insert(b)?;
    two.insert(a)?;
    assert_eq!(one.state(), two.state());
    assert_eq!(one.state().invites.len(), 1);
    Ok(())
}

#[test]
fn a_long_ordinary_history_is_evaluated_quickly() -> TestResult {
    let (mut owner, _) = TestDevice::found("owner", 1)?;
    let mut members = BTreeMap::new();
    for at in 0..60 {
        let device = owner.admit_new("someone", Role::Writer, 100 + at)?;
        members.insert(device.member, device.bind);
    }
    for member in members.keys().take(20) {
        owner.revoke(*member)?;
    }
    let entries: Vec<Entry> = owner.control.entries().map(|(_, e)| e.clone()).collect();
    let begun = std::time::Instant::now();
    let mut replica = Control::new(owner.control.drive());
    for entry in &entries {
        replica.insert(entry.clone())?;
    }
    assert_eq!(replica.state(), owner.control.state());
    assert!(
        begun.elapsed().as_secs() < 5,
        "{} entries took {:?}",
        entries.len(),
        begun.elapsed()
    );
    Ok(())
}

#[test]
fn histories_that_once_failed() -> TestResult {
    for (seed, steps) in [
        (2_734_364_622_732_746_261, 5),
        (13_819_212_383_621_069_458, 5),
        (3_274_305_314_014_732_596, 6),
        (15_407_420_486_807_154_259, 11),
        (3_590_971_601_531_021_359, 7),
    ] {
        compare(seed, steps)?;
    }
    Ok(())
}

#[test]
fn a_history_told_backwards_is_taken_in_whole() -> TestResult {
    let (mut owner, _) = TestDevice::found("owner", 1)?;
    for at in 0..300 {
        owner.act(Draft::new().note(&at.to_string()))?;
    }
    let mut entries: Vec<Entry> = owner.control.entries().map(|(_, e)| e.clone()).collect();
    entries.reverse();
    let mut replica = Control::new(owner.control.drive());
    for entry in &entries[..300] {
        replica.insert(entry.clone())?;
        assert_eq!(replica.missing().len(), 1);
    }
    replica.insert(entries[300].clone())?;
    assert_eq!(replica.len(), 301);
    assert!(replica.missing().is_empty());
    assert_eq!(replica.state(), owner.control.state());
    Ok(())
}

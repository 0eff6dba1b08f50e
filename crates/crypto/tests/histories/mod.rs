//! The histories of R1 to R12: who is in a drive, and what they then write apart from each other. For the
//! tests of what follows and for the vectors; knows nothing of what is right.

use peerdrive_crypto::{
    author::{Draft, Signer, brought_in, control_entry, leaving, recovery_position},
    body::{Cut, Grant, Role},
    entry::Entry,
    identity::RootKey,
    ids::MemberId,
    keyring::{Keyring, Opener},
    membership::{Control, State},
    testing::{TestDevice, TestResult, revocation, rng},
};

/// What everybody knows, and what was then written without knowing of each other.
pub(crate) struct History {
    /// Which consequence.
    #[allow(dead_code, reason = "the vectors name them, the tests are named")]
    pub(crate) name: &'static str,
    pub(crate) base: Control,
    pub(crate) entries: Vec<Entry>,
    /// Who takes part, by the name in the tests.
    pub(crate) people: Vec<(&'static str, MemberId)>,
}

impl History {
    pub(crate) fn member(&self, name: &str) -> TestResult<MemberId> {
        let found = self.people.iter().find(|(known, _)| *known == name);
        Ok(found.ok_or("nobody of this name")?.1)
    }

    pub(crate) fn role(&self, state: &State, name: &str) -> TestResult<Option<Role>> {
        let member = self.member(name)?;
        Ok(state.members.get(&member).and_then(|m| m.role))
    }
}

/// An owner, two admins that it appointed, and a writer that the second admin let in.
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

impl Four {
    fn history(
        &self,
        name: &'static str,
        base: Control,
        entries: Vec<Entry>,
        more: &[(&'static str, MemberId)],
    ) -> History {
        let mut people = vec![
            ("owner", self.owner.member),
            ("a", self.a.member),
            ("b", self.b.member),
            ("c", self.c.member),
        ];
        people.extend(more);
        History {
            name,
            base,
            entries,
            people,
        }
    }
}

fn granting(device: &TestDevice, role: Role) -> Draft {
    let grant = Grant {
        member: device.member,
        role,
        devices: vec![device.cert()],
        invite: None,
    };
    Draft::new().grant(grant, &device.name)
}

pub(crate) fn r1() -> TestResult<History> {
    let mut four = four()?;
    let base = four.owner.control.clone();
    let mut d = TestDevice::new("d", base.drive(), 5);
    let grant = four.b.admit(&mut d, Role::Writer)?;
    let revoke = four.owner.revoke(four.b.member)?;
    Ok(four.history("r1", base, vec![grant, revoke], &[("d", d.member)]))
}

pub(crate) fn r2() -> TestResult<History> {
    let mut four = four()?;
    let base = four.owner.control.clone();
    let revoke = four.owner.revoke(four.b.member)?;
    Ok(four.history("r2", base, vec![revoke], &[]))
}

pub(crate) fn r3() -> TestResult<History> {
    let mut four = four()?;
    let base = four.owner.control.clone();
    let (b, cert) = (four.b.member, four.b.cert());
    let demotion = Draft::new().change_role(revocation(b), Role::Writer, vec![cert]);
    let demote = four.owner.act(demotion)?;
    let revoke = four.b.revoke(four.c.member)?;
    Ok(four.history("r3", base, vec![demote, revoke], &[]))
}

pub(crate) fn r4() -> TestResult<History> {
    let mut four = four()?;
    let base = four.owner.control.clone();
    let revoke = four.a.revoke(four.c.member)?;
    let remove = four.b.revoke(four.c.member)?;
    let again = four.b.act(granting(&four.c, Role::Writer))?;
    Ok(four.history("r4", base, vec![revoke, remove, again], &[]))
}

pub(crate) fn r5() -> TestResult<History> {
    let mut four = four()?;
    let base = four.owner.control.clone();
    let revoke = four.a.revoke(four.c.member)?;
    let promote = four.owner.act(granting(&four.c, Role::Admin))?;
    Ok(four.history("r5", base, vec![revoke, promote], &[]))
}

pub(crate) fn r6() -> TestResult<History> {
    let mut four = four()?;
    let base = four.owner.control.clone();
    let one = four.a.revoke(four.b.member)?;
    let two = four.b.revoke(four.a.member)?;
    Ok(four.history("r6", base, vec![one, two], &[]))
}

pub(crate) fn r7() -> TestResult<History> {
    let mut four = four()?;
    let mut child = four.a.admit_new("child", Role::Admin, 6)?;
    four.owner.hear_all(&four.a.control)?;
    let base = four.owner.control.clone();
    let down = four.a.revoke(child.member)?;
    let up = child.revoke(four.a.member)?;
    Ok(four.history("r7", base, vec![down, up], &[("child", child.member)]))
}

pub(crate) fn r8() -> TestResult<History> {
    let mut four = four()?;
    let base = four.owner.control.clone();
    let removed = four.a.revoke(four.c.member)?;
    let demoted = four.owner.revoke(four.a.member)?;
    Ok(four.history("r8", base, vec![removed, demoted], &[]))
}

/// With the greater of the two cuts.
pub(crate) fn r9() -> TestResult<(History, Cut)> {
    let mut four = four()?;
    let base = four.owner.control.clone();
    let (first, second) = (four.c.write(b"one")?, four.c.write(b"two")?);
    let cut_at = |entry: &Entry| Cut {
        log: entry.log_id(),
        seq: entry.header.seq,
        entry: entry.id(),
    };
    let member = four.c.member;
    let revoke = |cut| {
        let mut revoke = revocation(member);
        revoke.cut = vec![cut];
        Draft::new().revoke(revoke)
    };
    let short = four.a.act(revoke(cut_at(&first)))?;
    let long = four.owner.act(revoke(cut_at(&second)))?;
    let history = four.history("r9", base, vec![short, long], &[]);
    Ok((history, cut_at(&second)))
}

pub(crate) fn r10() -> TestResult<History> {
    let mut four = four()?;
    let mut second = four.b.enrol("b's phone", 7)?;
    let base = four.b.control.clone();
    let mut d = TestDevice::new("d", base.drive(), 5);
    let grant = four.b.admit(&mut d, Role::Writer)?;
    let leave = second.act(leaving(four.b.member, Vec::new()))?;
    Ok(four.history("r10", base, vec![grant, leave], &[("d", d.member)]))
}

/// With the device that signed one number twice.
pub(crate) fn r11() -> TestResult<(History, TestDevice)> {
    let mut four = four()?;
    let base = four.owner.control.clone();
    let mut d = TestDevice::new("d", base.drive(), 5);
    let mut e = TestDevice::new("e", base.drive(), 6);
    let (before, at) = (four.b.control.clone(), four.b.at.clone());
    let one = four.b.admit(&mut d, Role::Writer)?;
    four.b.control = before;
    four.b.at = at;
    let two = four.b.admit(&mut e, Role::Reader)?;
    let more = [("d", d.member), ("e", e.member)];
    let history = four.history("r11", base, vec![one, two], &more);
    Ok((history, four.b))
}

/// With the device that comes back, before it heard its own entry.
pub(crate) fn r12() -> TestResult<(History, TestDevice)> {
    let (mut owner, founded) = TestDevice::found("owner", 1)?;
    let mut b = owner.admit_new("b", Role::Writer, 2)?;
    owner.revoke(b.member)?;
    b.hear_all(&owner.control)?;
    // All that is left is the phrase and what a storage peer kept.
    let phrase = founded.root.phrase();
    let root = RootKey::from_phrase(&phrase)?;
    let mut fresh = TestDevice::new("new laptop", founded.drive, 9);
    fresh.hear_all(&owner.control)?;
    let mut keyring = Keyring::new(founded.drive);
    let complaints = keyring.catch_up(&fresh.control, Opener::Root(&root));
    if !complaints.is_empty() || keyring.epochs().count() != 2 {
        return Err("the phrase does not open everything".into());
    }
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
    let signer = Signer::Root(&root);
    let made = control_entry(&fresh.control, &at, signer, &keyring, draft, &mut rng)?;
    fresh.bind = *brought_in(&made.entry).first().ok_or("nobody came back")?;
    let history = History {
        name: "r12",
        base: fresh.control.clone(),
        entries: vec![made.entry],
        people: vec![
            ("owner", owner.member),
            ("b", b.member),
            ("new laptop", fresh.member),
        ],
    };
    Ok((history, fresh))
}

/// All of them.
#[allow(
    dead_code,
    reason = "the vectors want all, the tests one after the other"
)]
pub(crate) fn all() -> TestResult<Vec<History>> {
    Ok(vec![
        r1()?,
        r2()?,
        r3()?,
        r4()?,
        r5()?,
        r6()?,
        r7()?,
        r8()?,
        r9()?.0,
        r10()?,
        r11()?.0,
        r12()?.0,
    ])
}

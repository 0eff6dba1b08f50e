//! The rules once more, as plainly as they are written: no memory, no shared past, no index; only for
//! comparison with the working evaluation, on small histories.
//!
//! It reads entries, not the other's tables: pasts are walked link by link, grants and devices are looked
//! up by hashing, and every question is asked anew.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    body::{ControlBody, Genesis, MAX_DEVICES, Op, Role, bind_id, grant_id},
    entry::Entry,
    epoch::{Epoch, readers_hash},
    identity::{DeviceCert, kem_id},
    ids::{BindId, EntryId, EpochId, GrantId, MemberId},
};

/// An operation: its entry and its place there.
type At = (EntryId, u32);
/// A downward closed set of operations.
type Set = BTreeSet<At>;

struct Doc {
    header: crate::entry::EntryHeader,
    ops: Vec<Op>,
    /// Whether all certificates of each operation verify: the one thing that is not asked anew.
    certified: Vec<bool>,
}

/// A set of well-formed, signed, connected entries.
pub(crate) struct Reference {
    docs: BTreeMap<EntryId, Doc>,
}

/// What both evaluations must agree on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Outcome {
    pub(crate) valid: BTreeSet<At>,
    pub(crate) live_binds: BTreeMap<BindId, (MemberId, Role)>,
    pub(crate) roles: BTreeMap<MemberId, Role>,
    pub(crate) usable: BTreeSet<EpochId>,
    pub(crate) current: Option<EpochId>,
}

#[derive(Clone)]
struct GrantDoc {
    at: At,
    member: MemberId,
    level: u8,
    by: GrantId,
}

#[derive(Clone)]
struct BindDoc {
    at: At,
    grant: GrantId,
    parent: Option<BindId>,
    cert: DeviceCert,
}

impl Reference {
    pub(crate) fn of<'a>(entries: impl Iterator<Item = &'a Entry>) -> Reference {
        let doc = |e: &Entry| {
            let ops = ControlBody::decode(&e.body)
                .map(|b| b.ops)
                .unwrap_or_default();
            let drive = &e.header.drive;
            let certified = ops.iter().map(|op| match op {
                Op::Grant(g) => g.devices.iter().all(|c| c.verify(drive).is_ok()),
                Op::AddDevice(cert) => cert.verify(drive).is_ok(),
                _ => true,
            });
            let certified = certified.collect();
            (
                e.id(),
                Doc {
                    header: e.header.clone(),
                    ops,
                    certified,
                },
            )
        };
        Reference {
            docs: entries.map(doc).collect(),
        }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        let all = self.all();
        let mut outcome = Outcome::default();
        for at in &all {
            let valid = match self.op(at) {
                Some(Op::Epoch(_)) => self.epoch_valid(at, &all),
                _ => self.valid(at, &all),
            };
            if valid {
                outcome.valid.insert(*at);
            }
        }
        for (id, bind) in self.binds() {
            if self.bind_live(&id, &all)
                && let Some(grant) = self.grant(&bind.grant)
            {
                outcome
                    .live_binds
                    .insert(id, (grant.member, role(grant.level)));
            }
        }
        for (id, grant) in self.grants() {
            if self.grant_live(&id, &all) {
                let known = outcome
                    .roles
                    .entry(grant.member)
                    .or_insert(role(grant.level));
                *known = (*known).max(role(grant.level));
            }
        }
        let usable = self.usable(&all);
        outcome.current = usable
            .iter()
            .min_by_key(|(id, epoch)| (std::cmp::Reverse(epoch.generation), *id))
            .map(|(id, _)| *id);
        outcome.usable = usable.into_iter().map(|(id, _)| id).collect();
        outcome
    }

    fn all(&self) -> Set {
        let ops = |(id, doc): (&EntryId, &Doc)| {
            (0..doc.ops.len() as u32)
                .map(|i| (*id, i))
                .collect::<Vec<_>>()
        };
        self.docs.iter().flat_map(ops).collect()
    }

    fn op(&self, at: &At) -> Option<&Op> {
        self.docs.get(&at.0)?.ops.get(at.1 as usize)
    }

    /// `past(x)`, reflexive and transitive.
    fn past(&self, at: &At) -> Set {
        let mut set: Set = (0..=at.1).map(|i| (at.0, i)).collect();
        let mut open: Vec<EntryId> = self.links(&at.0);
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            if seen.insert(id) {
                let count = self.docs.get(&id).map_or(0, |d| d.ops.len() as u32);
                set.extend((0..count).map(|i| (id, i)));
                open.extend(self.links(&id));
            }
        }
        set
    }

    fn links(&self, id: &EntryId) -> Vec<EntryId> {
        let header = self.docs.get(id).map(|d| &d.header);
        header
            .map(|h| h.deps.iter().copied().chain(h.predecessor()).collect())
            .unwrap_or_default()
    }

    fn grants(&self) -> Vec<(GrantId, GrantDoc)> {
        let mut grants = Vec::new();
        for (id, doc) in &self.docs {
            for (index, op) in doc.ops.iter().enumerate() {
                if let Op::Grant(g) = op {
                    let by = self.acting(id);
                    let at = (*id, index as u32);
                    let level = g.role as u8;
                    grants.push((
                        grant_id(id, index as u32),
                        GrantDoc {
                            at,
                            member: g.member,
                            level,
                            by,
                        },
                    ));
                }
            }
        }
        grants
    }

    fn grant(&self, id: &GrantId) -> Option<GrantDoc> {
        self.grants()
            .into_iter()
            .find(|(known, _)| known == id)
            .map(|(_, g)| g)
    }

    fn binds(&self) -> Vec<(BindId, BindDoc)> {
        let mut binds = Vec::new();
        for (id, doc) in &self.docs {
            for (index, op) in doc.ops.iter().enumerate() {
                let index = index as u32;
                let at = (*id, index);
                match op {
                    Op::Grant(g) => {
                        let grant = grant_id(id, index);
                        for (device, cert) in g.devices.iter().enumerate() {
                            let parent = (device > 0).then(|| bind_id(id, index, 0));
                            let bind = BindDoc {
                                at,
                                grant,
                                parent,
                                cert: cert.clone(),
                            };
                            binds.push((bind_id(id, index, device as u32), bind));
                        }
                    }
                    Op::AddDevice(cert) if doc.header.bind != BindId::ZERO => {
                        let (grant, parent) = (self.acting(id), Some(doc.header.bind));
                        let bind = BindDoc {
                            at,
                            grant,
                            parent,
                            cert: cert.clone(),
                        };
                        binds.push((bind_id(id, index, 0), bind));
                    }
                    _ => {}
                }
            }
        }
        binds
    }

    fn bind(&self, id: &BindId) -> Option<BindDoc> {
        let mut at = None;
        // Without `binds`, which asks who acts in each entry, and so would ask this again.
        for (entry, doc) in &self.docs {
            for (index, op) in doc.ops.iter().enumerate() {
                let index = index as u32;
                let count = match op {
                    Op::Grant(g) => g.devices.len() as u32,
                    Op::AddDevice(_) if doc.header.bind != BindId::ZERO => 1,
                    _ => 0,
                };
                for device in 0..count {
                    if bind_id(entry, index, device) == *id {
                        at = Some((entry, doc, index, device, op));
                    }
                }
            }
        }
        let (entry, doc, index, device, op) = at?;
        match op {
            Op::Grant(g) => Some(BindDoc {
                at: (*entry, index),
                grant: grant_id(entry, index),
                parent: (device > 0).then(|| bind_id(entry, index, 0)),
                cert: g.devices.get(device as usize)?.clone(),
            }),
            Op::AddDevice(cert) => Some(BindDoc {
                at: (*entry, index),
                grant: self.acting(entry),
                parent: Some(doc.header.bind),
                cert: cert.clone(),
            }),
            _ => None,
        }
    }

    /// The grant under which an entry's author acts.
    fn acting(&self, entry: &EntryId) -> GrantId {
        let bind = self
            .docs
            .get(entry)
            .map(|d| d.header.bind)
            .unwrap_or(BindId::ZERO);
        self.bind(&bind).map_or(GrantId::ROOT, |b| b.grant)
    }

    fn author(&self, at: &At) -> BindId {
        self.docs
            .get(&at.0)
            .map(|d| d.header.bind)
            .unwrap_or(BindId::ZERO)
    }

    fn level(&self, id: &GrantId) -> u8 {
        if *id == GrantId::ROOT {
            4
        } else {
            self.grant(id).map_or(0, |g| g.level)
        }
    }

    /// The grants that `id` descends from, nearest first.
    fn anc(&self, id: &GrantId) -> Vec<GrantId> {
        let mut chain = Vec::new();
        let mut at = *id;
        while at != GrantId::ROOT {
            at = self.grant(&at).map_or(GrantId::ROOT, |g| g.by);
            chain.push(at);
        }
        chain
    }

    fn lawful(&self, id: &GrantId) -> bool {
        let Some(grant) = self.grant(id) else {
            return *id == GrantId::ROOT;
        };
        let by = self.level(&grant.by);
        self.anc(id).len() <= 16 && self.lawful(&grant.by) && by >= 2 && by >= grant.level
    }

    fn outranks(&self, a: &GrantId, t: &GrantId) -> bool {
        a != t
            && self.lawful(a)
            && (self.anc(t).contains(a) || (self.level(a) >= 2 && self.level(a) > self.level(t)))
    }

    fn enrolled(&self, a: &BindId, b: &BindId) -> bool {
        match self.bind(b).and_then(|b| b.parent) {
            Some(parent) => parent == *a || self.enrolled(a, &parent),
            None => false,
        }
    }

    fn enrolment_depth(&self, b: &BindId) -> u32 {
        self.bind(b)
            .and_then(|b| b.parent)
            .map_or(0, |p| 1 + self.enrolment_depth(&p))
    }

    /// C3, C6 and what of E1 depends on the past alone.
    fn sound(&self, at: &At) -> bool {
        let Some(op) = self.op(at) else { return false };
        let Some(doc) = self.docs.get(&at.0) else {
            return false;
        };
        let by = self.acting(&at.0);
        let level = self.level(&by);
        if !doc.certified.get(at.1 as usize).copied().unwrap_or(false) {
            return false;
        }
        let mut before = self.past(at);
        before.remove(at);
        match op {
            Op::Genesis(_) => doc.header.is_genesis(),
            Op::Grant(g) => level >= 2 && level >= g.role as u8,
            Op::Revoke(r) => self.grants().iter().any(|(id, t)| {
                let authority = *id == by || (level >= 2 && self.outranks(&by, id));
                t.member == r.member && before.contains(&t.at) && authority
            }),
            Op::RevokeDevice(d) => self.bind(&d.bind).is_some_and(|b| {
                let author = doc.header.bind;
                let own = b.grant == by && (author == d.bind || self.enrolled(&author, &d.bind));
                before.contains(&b.at) && (own || self.outranks(&by, &b.grant))
            }),
            Op::AddDevice(_) => {
                let binds = self.binds();
                let live = binds.iter().filter(|(id, b)| {
                    b.grant == by && before.contains(&b.at) && self.bind_live(id, &before)
                });
                by != GrantId::ROOT
                    && self.enrolment_depth(&doc.header.bind) < 8
                    && live.count() < MAX_DEVICES
            }
            Op::Epoch(epoch) => self.sound_epoch(doc, epoch, level, &before),
            Op::Wrap(w) => {
                let known = self.epochs(&before).iter().any(|(id, _, _)| *id == w.epoch);
                level >= 1 && known
            }
            Op::Complaint(epoch) => {
                let known = self.epochs(&before).iter().any(|(id, _, _)| id == epoch);
                by != GrantId::ROOT && known
            }
            Op::Invite(i) => level >= 2 && i.role as u8 <= level && i.role <= Role::Admin,
            Op::ExtendCut(x) => {
                let target = (x.entry, x.index);
                let reach = match self.op(&target) {
                    Some(Op::Revoke(r)) => self.grants().iter().any(|(id, t)| {
                        let earlier = before.contains(&t.at);
                        earlier && t.member == r.member && self.outranks(&by, id)
                    }),
                    Some(Op::RevokeDevice(d)) => self
                        .bind(&d.bind)
                        .is_some_and(|b| self.outranks(&by, &b.grant)),
                    _ => false,
                };
                level >= 2 && before.contains(&target) && self.sound(&target) && reach
            }
            Op::RevokeInvite(_) | Op::Lease(_) | Op::RevokeLease(_) => level >= 2,
            Op::Upgrade(_) => level >= 3,
            Op::Unknown { .. } => false,
        }
    }

    fn sound_epoch(&self, doc: &Doc, epoch: &Epoch, level: u8, before: &Set) -> bool {
        let known = self.epochs(before);
        let mut generations = Vec::new();
        for parent in &epoch.parents {
            match known.iter().find(|(id, _, _)| id == parent) {
                Some((_, _, parent)) => generations.push(parent.generation),
                None => return false,
            }
        }
        let follows = match generations.iter().max() {
            None => doc.header.is_genesis() && epoch.generation == 0,
            Some(most) => !doc.header.is_genesis() && epoch.generation == most + 1,
        };
        let readers = self.readers(before);
        let names: BTreeSet<[u8; 8]> = readers.iter().map(kem_id).collect();
        follows
            && readers_hash(&readers) == epoch.readers_hash
            && names.into_iter().eq(epoch.wraps.iter().map(|w| w.kem_id))
            && (level >= 2 || (level == 1 && self.usable(before).is_empty()))
    }

    /// KILLS, without asking whether the revocation is valid.
    fn would_kill(&self, r: &At, grant: &GrantId) -> bool {
        let (Some(Op::Revoke(op)), Some(target)) = (self.op(r), self.grant(grant)) else {
            return false;
        };
        let by = self.acting(&r.0);
        op.member == target.member
            && (by == *grant || self.outranks(&by, grant))
            && !self.past(&target.at).contains(r)
    }

    /// VALID within a set. Epochs also need [`Reference::epoch_valid`].
    fn valid(&self, at: &At, set: &Set) -> bool {
        if !set.contains(at) || !self.sound(at) {
            return false;
        }
        let by = self.acting(&at.0);
        if by == GrantId::ROOT {
            return true;
        }
        let author = self.author(at);
        let (Some(grant), Some(bind)) = (self.grant(&by), self.bind(&author)) else {
            return false;
        };
        if !self.lawful(&by) || !self.valid(&grant.at, set) || !self.valid(&bind.at, set) {
            return false;
        }
        let op = self.op(at);
        let leave = matches!(op, Some(Op::Revoke(r)) if r.member == grant.member);
        let own = match op {
            Some(Op::AddDevice(_)) => true,
            Some(Op::RevokeDevice(d)) => self.bind(&d.bind).is_some_and(|b| b.grant == by),
            _ => false,
        };
        for r in set.iter().filter(|r| self.would_kill(r, &by)) {
            let is_leave = self.acting(&r.0) == by;
            let counts = !is_leave || !(leave || own);
            if counts && !self.past(r).contains(at) && self.valid(r, set) {
                return false;
            }
        }
        let ends_itself = matches!(op, Some(Op::RevokeDevice(d)) if d.bind == author);
        for d in set {
            let ends = matches!(self.op(d), Some(Op::RevokeDevice(end)) if end.bind == author);
            let by_itself = self.author(d) == author;
            if ends
                && self.sound(d)
                && !(by_itself && ends_itself)
                && !self.past(d).contains(at)
                && self.valid(d, set)
            {
                return false;
            }
        }
        true
    }

    fn grant_live(&self, id: &GrantId, set: &Set) -> bool {
        self.grant(id).is_some_and(|grant| {
            self.lawful(id)
                && self.valid(&grant.at, set)
                && !set
                    .iter()
                    .any(|r| self.would_kill(r, id) && self.valid(r, set))
        })
    }

    fn bind_live(&self, id: &BindId, set: &Set) -> bool {
        self.bind(id).is_some_and(|bind| {
            let ends = |d: &At| {
                matches!(self.op(d), Some(Op::RevokeDevice(end)) if end.bind == *id)
                    && self.valid(d, set)
            };
            self.valid(&bind.at, set) && self.grant_live(&bind.grant, set) && !set.iter().any(ends)
        })
    }

    fn genesis(&self) -> Option<&Genesis> {
        self.docs.values().find_map(|d| match d.ops.first() {
            Some(Op::Genesis(g)) if d.header.is_genesis() => Some(g),
            _ => None,
        })
    }

    fn readers(&self, set: &Set) -> Vec<[u8; 32]> {
        let binds = self.binds();
        let live = binds.iter().filter(|(id, _)| self.bind_live(id, set));
        let mut readers: BTreeSet<[u8; 32]> = live.map(|(_, b)| b.cert.kem_pk).collect();
        readers.extend(self.genesis().map(|g| g.root_kem_pk));
        readers.into_iter().collect()
    }

    fn epochs(&self, set: &Set) -> Vec<(EpochId, At, &Epoch)> {
        set.iter()
            .filter_map(|at| match (self.op(at), self.docs.get(&at.0)) {
                (Some(Op::Epoch(e)), Some(doc)) => Some((e.id(&doc.header.drive), *at, e)),
                _ => None,
            })
            .collect()
    }

    fn epoch_valid(&self, at: &At, set: &Set) -> bool {
        let Some(Op::Epoch(epoch)) = self.op(at) else {
            return false;
        };
        let past = self.past(at);
        let known = self.epochs(set);
        self.valid(at, set)
            && epoch.parents.iter().all(|parent| {
                known
                    .iter()
                    .any(|(id, p, _)| id == parent && past.contains(p) && self.epoch_valid(p, set))
            })
    }

    /// The epochs that no removed device can have read.
    fn usable(&self, set: &Set) -> Vec<(EpochId, &Epoch)> {
        let readers = self.readers(set);
        let binds = self.binds();
        let removed: Vec<&(BindId, BindDoc)> = binds
            .iter()
            .filter(|(id, bind)| {
                set.contains(&bind.at)
                    && self.valid(&bind.at, set)
                    && !self.bind_live(id, set)
                    && !readers.contains(&bind.cert.kem_pk)
            })
            .collect();
        let mut usable: BTreeMap<EpochId, (&Epoch, bool)> = BTreeMap::new();
        for (id, at, epoch) in self.epochs(set) {
            if !self.epoch_valid(&at, set) {
                continue;
            }
            let mut before = self.past(&at);
            before.remove(&at);
            let safe = removed
                .iter()
                .all(|(id, bind)| before.contains(&bind.at) && !self.bind_live(id, &before));
            usable.entry(id).or_insert((epoch, true)).1 &= safe;
        }
        let safe = usable.into_iter().filter(|(_, (_, safe))| *safe);
        safe.map(|(id, (epoch, _))| (id, epoch)).collect()
    }
}

fn role(level: u8) -> Role {
    match level {
        0 => Role::Reader,
        1 => Role::Writer,
        2 => Role::Admin,
        _ => Role::Owner,
    }
}

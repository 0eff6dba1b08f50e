//! Who is a member, with which devices, epochs, invites and leases: what the rules say of all control
//! entries together; knows no order of arrival and no clock.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    dag::Dag,
    rules::{Eval, View},
};
use crate::{
    body::{Approve, Cut, Invite, Lease, Op, PrivatePart, Role},
    domain::context,
    identity::DeviceCert,
    ids::{BindId, EndpointKey, EntryId, EpochId, GrantId, InviteId, LogId, MemberId},
    kdf::derive_fields,
};

/// A person, or what is left of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The greatest role of the live grants; `None` once removed.
    pub role: Option<Role>,
    /// The name given with the grant, where this device could open it. Untrusted text.
    pub label: Option<String>,
    /// Every device that was ever validly brought in, live or not.
    pub devices: Vec<BindId>,
    /// The live grants.
    pub grants: Vec<GrantId>,
}

/// A device as brought in by one grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// Whose.
    pub member: MemberId,
    /// The grant it acts under.
    pub grant: GrantId,
    /// The role of that grant, also after it ended.
    pub role: Role,
    /// Its keys.
    pub cert: DeviceCert,
    /// The name given when it was brought in, where this device could open it. Untrusted text.
    pub label: Option<String>,
    /// Neither it nor its grant was ended.
    pub live: bool,
    /// It signed two entries with one number: somebody should look at it (§2.3 R11).
    pub flagged: bool,
    /// If it was ended: up to where its content stands, by log. A log not listed does not stand.
    pub cut: Option<BTreeMap<LogId, Cut>>,
}

/// An invite as replicas see it; the gatekeeper alone decides on admission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteState {
    /// As it was written.
    pub invite: Invite,
    /// Somebody who may ended it, or whoever wrote it was removed.
    pub revoked: bool,
    /// How many grants name it.
    pub uses: u32,
}

impl InviteState {
    /// Whether it can still be used at `now` (seconds since 1970).
    pub fn open(&self, now: u64) -> bool {
        !self.revoked && self.uses < self.invite.max_uses && now <= self.invite.not_after
    }

    /// Whether the inviter's person must compare words first.
    pub fn asks_words(&self) -> bool {
        self.invite.approve == Approve::Words
    }
}

/// Somebody tried to remove an equal or a superior: only an owner above both can decide (§2.3 R6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dispute {
    /// Who tried.
    pub by: MemberId,
    /// Whom.
    pub against: MemberId,
    /// Where.
    pub entry: EntryId,
}

/// The state of membership: a pure function of the set of control entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// By id.
    pub members: BTreeMap<MemberId, Member>,
    /// By id.
    pub binds: BTreeMap<BindId, Bind>,
    /// Valid epochs, and whether each may still be written with.
    pub epochs: BTreeMap<EpochId, bool>,
    /// By id.
    pub invites: BTreeMap<InviteId, InviteState>,
    /// Leases that were validly given and not ended.
    pub leases: BTreeMap<[u8; 16], Lease>,
    /// For the interface: what needs an owner.
    pub disputes: BTreeSet<Dispute>,
    current: Option<EpochId>,
    readers: Vec<[u8; 32]>,
    endpoints: BTreeMap<EndpointKey, BindId>,
    hash: [u8; 32],
}

impl State {
    /// A device, live or not.
    pub fn bind(&self, bind: &BindId) -> Option<&Bind> {
        self.binds.get(bind)
    }

    /// The role with which a device acts now; `None` if it does not act at all.
    pub fn role_of_bind(&self, bind: &BindId) -> Option<Role> {
        self.binds.get(bind).filter(|b| b.live).map(|b| b.role)
    }

    /// Who is behind a transport endpoint, if anybody: the live device of the greatest role.
    pub fn live_endpoint(&self, endpoint: &EndpointKey) -> Option<(MemberId, Role)> {
        let bind = self.binds.get(self.endpoints.get(endpoint)?)?;
        Some((bind.member, bind.role))
    }

    /// As [`State::live_endpoint`], the device itself.
    pub fn live_bind_of(&self, endpoint: &EndpointKey) -> Option<BindId> {
        self.endpoints.get(endpoint).copied()
    }

    /// The epoch to write with. `None`: nobody may write before somebody begins a new epoch (E4).
    pub fn current_epoch(&self) -> Option<EpochId> {
        self.current
    }

    /// Whether nobody who was removed can read this epoch.
    pub fn usable(&self, epoch: &EpochId) -> bool {
        self.epochs.get(epoch).copied().unwrap_or(false)
    }

    /// The KEM keys that a new epoch must be sealed to, sorted.
    pub fn readers(&self) -> &[[u8; 32]] {
        &self.readers
    }

    /// The hash of live members, roles, devices and current epoch: equal on replicas that agree.
    pub fn ctrl_hash(&self) -> [u8; 32] {
        self.hash
    }

    /// The live devices, by id.
    pub fn live_binds(&self) -> impl Iterator<Item = (&BindId, &Bind)> {
        self.binds.iter().filter(|(_, b)| b.live)
    }

    pub(super) fn of(dag: &Dag, private: &BTreeMap<u32, PrivatePart>) -> State {
        let mut eval = Eval::new(dag, View::all());
        let mut state = State::default();
        state.learn_binds(dag, &mut eval, private);
        state.learn_members(dag, &mut eval, private);
        state.learn_offers(dag, &mut eval);
        state.learn_disputes(dag);
        let usable = eval.usable_epochs();
        state.epochs = eval
            .valid_epochs()
            .into_iter()
            .map(|(id, _)| (id, usable.contains_key(&id)))
            .collect();
        state.current = eval.current_epoch();
        state.readers = eval.readers();
        state.hash = state.digest();
        state
    }

    fn learn_binds(
        &mut self,
        dag: &Dag,
        eval: &mut Eval<'_>,
        private: &BTreeMap<u32, PrivatePart>,
    ) {
        for (id, fact) in &dag.binds {
            let (Some(grant), Some(op)) = (
                dag.grants.get(fact.grant as usize),
                dag.ops.get(fact.op as usize),
            ) else {
                continue;
            };
            if !grant.lawful || !eval.valid(fact.op) || !eval.valid(grant.op) {
                continue;
            }
            let labels = private
                .get(&op.entry)
                .map(|p| p.devices.as_slice())
                .unwrap_or_default();
            let label = labels
                .iter()
                .find(|(k, _)| *k == fact.cert.log_pk)
                .map(|(_, l)| l.clone());
            let mut ends = eval.ended_by(fact.grant);
            ends.extend(eval.device_ended_by(id));
            let bind = Bind {
                member: grant.member,
                grant: grant.id,
                role: role_of(grant.level),
                cert: fact.cert.clone(),
                label,
                live: ends.is_empty(),
                flagged: false,
                cut: (!ends.is_empty()).then(|| cut_of(dag, eval, fact.grant, &ends)),
            };
            self.binds.insert(*id, bind);
        }
        for entries in dag.positions.values().filter(|e| e.len() > 1) {
            let first = entries.first().and_then(|id| dag.index.get(id));
            let author = first.and_then(|at| dag.nodes.get(*at as usize));
            if let Some(bind) = author.and_then(|n| self.binds.get_mut(&n.entry.header.bind)) {
                bind.flagged = true;
            }
        }
        for (id, bind) in self.binds.iter().filter(|(_, b)| b.live) {
            let known = self
                .endpoints
                .get(&bind.cert.endpoint)
                .and_then(|k| self.binds.get(k));
            // Iterating by ascending id, an equal role keeps the smaller one.
            if known.is_none_or(|k| k.role < bind.role) {
                self.endpoints.insert(bind.cert.endpoint, *id);
            }
        }
    }

    fn learn_members(
        &mut self,
        dag: &Dag,
        eval: &mut Eval<'_>,
        private: &BTreeMap<u32, PrivatePart>,
    ) {
        let mut places: Vec<usize> = (1..dag.grants.len()).collect();
        places.sort_by_key(|place| dag.grants.get(*place).map(|g| g.id));
        for place in places {
            let Some(grant) = dag.grants.get(place) else {
                continue;
            };
            if !grant.lawful || !eval.valid(grant.op) {
                continue;
            }
            let entry = dag.ops.get(grant.op as usize).map(|op| op.entry);
            let labels = entry
                .and_then(|e| private.get(&e))
                .map(|p| p.members.as_slice());
            let label = labels
                .unwrap_or_default()
                .iter()
                .find(|(m, _)| *m == grant.member);
            let live = eval.grant_live(place as u32);
            let member = self.members.entry(grant.member).or_insert_with(|| Member {
                role: None,
                label: None,
                devices: Vec::new(),
                grants: Vec::new(),
            });
            if live {
                member.role = member.role.max(Some(role_of(grant.level)));
                member.grants.push(grant.id);
            }
            if let Some((_, label)) = label
                && (live || member.label.is_none())
            {
                member.label = Some(label.clone());
            }
        }
        for (id, bind) in &self.binds {
            if let Some(member) = self.members.get_mut(&bind.member) {
                member.devices.push(*id);
            }
        }
        for member in self.members.values_mut() {
            member.grants.sort_unstable();
        }
    }

    fn learn_offers(&mut self, dag: &Dag, eval: &mut Eval<'_>) {
        let mut ops: Vec<u32> = (0..dag.ops.len() as u32)
            .filter(|op| eval.valid(*op))
            .collect();
        // By entry id, not by arrival: should somebody reuse an id, everyone keeps the same one.
        ops.sort_by_key(|op| dag.op(*op).map(|(fact, node, _)| (node.id, fact.index)));
        for op in &ops {
            match dag.op(*op) {
                Some((_, node, Op::Invite(invite))) => {
                    // It ends with whoever wrote it: the device that lets in by it may be another's, and
                    // would hold a door open for somebody who was removed.
                    let author = node.entry.header.bind;
                    let ended = author != BindId::ZERO
                        && self.binds.get(&author).is_none_or(|bind| !bind.live);
                    let state = InviteState {
                        invite: invite.clone(),
                        revoked: ended,
                        uses: 0,
                    };
                    self.invites.entry(invite.id).or_insert(state);
                }
                Some((_, _, Op::Lease(lease))) => {
                    self.leases.entry(lease.id).or_insert_with(|| lease.clone());
                }
                _ => {}
            }
        }
        for op in &ops {
            match dag.op(*op) {
                Some((_, _, Op::RevokeInvite(id))) => {
                    if let Some(invite) = self.invites.get_mut(id) {
                        invite.revoked = true;
                    }
                }
                Some((_, _, Op::RevokeLease(id))) => {
                    self.leases.remove(id);
                }
                Some((_, _, Op::Grant(grant))) => {
                    if let Some(state) = grant.invite.and_then(|id| self.invites.get_mut(&id)) {
                        state.uses = state.uses.saturating_add(1);
                    }
                }
                _ => {}
            }
        }
    }

    fn learn_disputes(&mut self, dag: &Dag) {
        for fact in dag.ops.iter().filter(|f| !f.sound) {
            let node = dag.nodes.get(fact.entry as usize);
            let Some((node, Op::Revoke(r))) =
                node.and_then(|n| n.body.ops.get(fact.index as usize).map(|op| (n, op)))
            else {
                continue;
            };
            let by = self.binds.get(&node.entry.header.bind).filter(|b| b.live);
            let against = self.members.get(&r.member).and_then(|m| m.role);
            if let (Some(by), Some(role)) = (by, against)
                && by.role >= Role::Admin
                && role >= Role::Admin
            {
                self.disputes.insert(Dispute {
                    by: by.member,
                    against: r.member,
                    entry: node.id,
                });
            }
        }
    }

    fn digest(&self) -> [u8; 32] {
        let mut fields: Vec<Vec<u8>> = Vec::new();
        for (id, member) in &self.members {
            if let Some(role) = member.role {
                fields.push([id.0.as_slice(), &[role as u8]].concat());
            }
        }
        for (id, bind) in self.live_binds() {
            fields.push([id.0.as_slice(), &bind.member.0, &[bind.role as u8]].concat());
        }
        fields.push(self.current.map(|e| e.0.to_vec()).unwrap_or_default());
        let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
        derive_fields(context::CTRL_HASH, &fields)
    }
}

fn role_of(level: u8) -> Role {
    match level {
        0 => Role::Reader,
        1 => Role::Writer,
        2 => Role::Admin,
        _ => Role::Owner,
    }
}

/// The effective cut: for each log the greatest of the revocations' cuts and their valid extensions.
fn cut_of(dag: &Dag, eval: &mut Eval<'_>, grant: u32, ends: &[u32]) -> BTreeMap<LogId, Cut> {
    let mut cuts = BTreeMap::new();
    for end in ends {
        match dag.op(*end) {
            Some((_, _, Op::Revoke(r))) => merge(&mut cuts, &r.cut),
            Some((_, _, Op::RevokeDevice(d))) => merge(&mut cuts, &d.cut),
            _ => {}
        }
    }
    for at in 0..dag.ops.len() as u32 {
        if let Some((_, node, Op::ExtendCut(x))) = dag.op(at) {
            let op = dag.op_at(&x.entry, x.index);
            if op.is_some_and(|op| ends.contains(&op))
                && dag.outranks(node.grant, grant)
                && eval.valid(at)
            {
                merge(&mut cuts, &x.cut);
            }
        }
    }
    cuts
}

fn merge(into: &mut BTreeMap<LogId, Cut>, cuts: &[Cut]) {
    for cut in cuts {
        let known = into.entry(cut.log).or_insert(*cut);
        // The greater number; of one number the smaller id.
        if (cut.seq, std::cmp::Reverse(cut.entry)) > (known.seq, std::cmp::Reverse(known.entry)) {
            *known = *cut;
        }
    }
}

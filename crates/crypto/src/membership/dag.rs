//! The control entries that are well formed and signed (rule C1), with all that can be told of each
//! operation from its past alone; knows nothing of which operations are valid.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::{bits::Bits, rules::Eval};
use crate::{
    body::{ControlBody, Genesis, MAX_DEVICES, Op, bind_id, drive_id, grant_id},
    entry::{Entry, Plane, kind},
    epoch::{Epoch, readers_hash},
    identity::{DeviceCert, kem_id},
    ids::{BindId, DriveId, EntryId, EpochId, GrantId, LogId, MemberId},
};

/// The longest chain of grants from the root key. Bounds recursion in the rules.
pub(super) const MAX_GRANT_DEPTH: u32 = 16;
/// The longest chain of devices enrolling devices. Bounds recursion in the rules.
pub(super) const MAX_ENROLMENT_DEPTH: u32 = 8;
/// The root key's place among the grants.
pub(super) const ROOT: u32 = 0;

/// Why an entry can never be part of this drive's control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The bytes are not an entry.
    #[error(transparent)]
    Entry(#[from] crate::entry::EntryError),
    /// The body is not a list of operations.
    #[error("the control entry's body is damaged")]
    Body,
    /// Of another drive, or a content entry.
    #[error("the entry is not of this drive's control plane")]
    Elsewhere,
    /// It claims to be the first entry of this drive, and is not.
    #[error("this is not the first entry of the drive")]
    Genesis,
    /// The predecessor is of another log, or its number does not come before.
    #[error("the control entry does not continue its log")]
    Chain,
    /// It names what it already builds on, an entry of its own log, or nothing.
    #[error("the control entry's links are not the heads of other logs")]
    Links,
    /// Its author was brought in by nothing that it builds on.
    #[error("the control entry's author is unknown in what it builds on")]
    UnknownDevice,
}

/// A grant, as it was written.
#[derive(Debug, Clone)]
pub(super) struct GrantFact {
    pub(super) id: GrantId,
    pub(super) op: u32,
    pub(super) member: MemberId,
    /// 4 for the root key, then 3 (owner) to 0 (reader).
    pub(super) level: u8,
    pub(super) by: u32,
    pub(super) depth: u32,
    /// The author could grant this, going by what is written.
    pub(super) lawful: bool,
}

/// A device, as it was brought in.
#[derive(Debug, Clone)]
pub(super) struct BindFact {
    pub(super) op: u32,
    pub(super) grant: u32,
    pub(super) parent: Option<BindId>,
    pub(super) depth: u32,
    pub(super) cert: DeviceCert,
}

/// How the rules treat an operation of a device under its grant: leaves count against the last only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// Enrols or ends a device of the author's own grant.
    Own,
    /// Ends the author's own grant.
    Leave,
    /// Everything else.
    Other,
}

/// An operation and what its past says of it.
#[derive(Debug, Clone)]
pub(super) struct OpFact {
    pub(super) entry: u32,
    pub(super) index: u32,
    pub(super) class: Class,
    /// Rules C1, C3 and C6: everything that needs only the operation's own past.
    pub(super) sound: bool,
}

/// An accepted entry.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: EntryId,
    pub(super) log: LogId,
    pub(super) entry: Entry,
    pub(super) body: ControlBody,
    /// Everything before it, itself not included.
    pub(super) past: Bits,
    pub(super) first_op: u32,
    /// Whose it is: a grant's place, [`ROOT`] for the root key.
    pub(super) grant: u32,
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Dag {
    pub(super) drive: DriveId,
    pub(super) genesis: Option<Genesis>,
    pub(super) nodes: Vec<Arc<Node>>,
    pub(super) index: HashMap<EntryId, u32>,
    pub(super) ops: Vec<OpFact>,
    pub(super) grants: Vec<GrantFact>,
    pub(super) grant_index: HashMap<GrantId, u32>,
    pub(super) binds: BTreeMap<BindId, BindFact>,
    pub(super) revokes: HashMap<MemberId, Vec<u32>>,
    pub(super) device_revokes: HashMap<BindId, Vec<u32>>,
    /// In order of arrival, which is an order of the past.
    pub(super) epochs: Vec<(EpochId, u32)>,
    /// The devices that were already gone when each sound epoch began, by its operation.
    pub(super) epoch_gone: HashMap<u32, BTreeSet<BindId>>,
    pub(super) heads: BTreeSet<EntryId>,
    pub(super) positions: HashMap<(LogId, u64), Vec<EntryId>>,
}

impl Dag {
    pub(super) fn new(drive: DriveId) -> Dag {
        let root = GrantFact {
            id: GrantId::ROOT,
            op: u32::MAX,
            member: MemberId::ZERO,
            level: 4,
            by: ROOT,
            depth: 0,
            lawful: true,
        };
        Dag {
            drive,
            genesis: None,
            nodes: Vec::new(),
            index: HashMap::new(),
            ops: Vec::new(),
            grants: vec![root],
            grant_index: HashMap::from([(GrantId::ROOT, ROOT)]),
            binds: BTreeMap::new(),
            revokes: HashMap::new(),
            device_revokes: HashMap::new(),
            epochs: Vec::new(),
            epoch_gone: HashMap::new(),
            heads: BTreeSet::new(),
            positions: HashMap::new(),
        }
    }

    /// The entries that `entry` builds on and that are not here yet.
    pub(super) fn missing(&self, entry: &Entry) -> Vec<EntryId> {
        let links = entry
            .header
            .deps
            .iter()
            .copied()
            .chain(entry.header.predecessor());
        links.filter(|id| !self.index.contains_key(id)).collect()
    }

    /// Takes an entry whose links are all here. Nothing changes if it is refused.
    pub(super) fn add(&mut self, entry: Entry) -> Result<EntryId, ControlError> {
        if entry.header.plane != Plane::Control {
            return Err(ControlError::Elsewhere);
        }
        entry.check()?;
        let id = entry.id();
        let body = ControlBody::decode(&entry.body).map_err(|_| ControlError::Body)?;
        let (past, grant) = if entry.header.is_genesis() {
            self.check_genesis(&entry, &body)?;
            (Bits::default(), ROOT)
        } else {
            if entry.header.drive != self.drive || entry.header.kind != kind::CONTROL {
                return Err(ControlError::Elsewhere);
            }
            let past = self.check_links(&entry)?;
            (past.clone(), self.check_author(&entry, &past)?)
        };
        let at = self.nodes.len() as u32;
        let first_op = self.ops.len() as u32;
        let log = entry.log_id();
        for dep in entry
            .header
            .deps
            .iter()
            .copied()
            .chain(entry.header.predecessor())
        {
            self.heads.remove(&dep);
        }
        self.heads.insert(id);
        self.index.insert(id, at);
        self.positions
            .entry((log, entry.header.seq))
            .or_default()
            .push(id);
        if let Some(Op::Genesis(genesis)) = body.ops.first()
            && entry.header.is_genesis()
        {
            self.genesis = Some(genesis.clone());
        }
        let node = Node {
            id,
            log,
            entry,
            body,
            past,
            first_op,
            grant,
        };
        self.nodes.push(Arc::new(node));
        self.learn_ops(at);
        Ok(id)
    }

    fn check_genesis(&self, entry: &Entry, body: &ControlBody) -> Result<(), ControlError> {
        let [Op::Genesis(genesis), Op::Grant(_), Op::Epoch(_)] = body.ops.as_slice() else {
            return Err(ControlError::Genesis);
        };
        if drive_id(&entry.header) != self.drive
            || self.genesis.is_some()
            || genesis.suite != entry.header.suite
            || genesis.founding_tag() != entry.header.drive
        {
            return Err(ControlError::Genesis);
        }
        Ok(entry.verify_root(&genesis.root_pk)?)
    }

    /// The past of an entry; checks that it continues its log and names heads only.
    fn check_links(&self, entry: &Entry) -> Result<Bits, ControlError> {
        let header = &entry.header;
        let mut past = Bits::default();
        let take = |id: &EntryId, past: &mut Bits| -> Result<&Arc<Node>, ControlError> {
            let at = *self.index.get(id).ok_or(ControlError::Links)?;
            let node = self.nodes.get(at as usize).ok_or(ControlError::Links)?;
            past.join(&node.past);
            past.add(at);
            Ok(node)
        };
        if let Some(prev) = header.predecessor() {
            let node = take(&prev, &mut past)?;
            if node.log != header.log_id()
                || node.entry.header.seq.checked_add(1) != Some(header.seq)
            {
                return Err(ControlError::Chain);
            }
        }
        // A dependency must not lie in the past of the predecessor or of another dependency.
        let mut below = past.clone();
        for dep in &header.deps {
            let node = take(dep, &mut past)?;
            if node.log == header.log_id() {
                return Err(ControlError::Links);
            }
            below.join(&node.past);
        }
        let redundant = header
            .deps
            .iter()
            .any(|dep| self.index.get(dep).is_some_and(|at| below.has(*at)));
        if redundant || past == Bits::default() {
            Err(ControlError::Links)
        } else {
            Ok(past)
        }
    }

    /// Whose entry it is; checks the signature.
    fn check_author(&self, entry: &Entry, past: &Bits) -> Result<u32, ControlError> {
        let bind = &entry.header.bind;
        if *bind == BindId::ZERO {
            let genesis = self.genesis.as_ref().ok_or(ControlError::UnknownDevice)?;
            entry.verify_root(&genesis.root_pk)?;
            return Ok(ROOT);
        }
        let fact = self.binds.get(bind).ok_or(ControlError::UnknownDevice)?;
        let brought_in = self
            .ops
            .get(fact.op as usize)
            .ok_or(ControlError::UnknownDevice)?;
        if !past.has(brought_in.entry) {
            return Err(ControlError::UnknownDevice);
        }
        entry.verify(&fact.cert.log_pk)?;
        Ok(fact.grant)
    }

    pub(super) fn op(&self, at: u32) -> Option<(&OpFact, &Node, &Op)> {
        let fact = self.ops.get(at as usize)?;
        let node = self.nodes.get(fact.entry as usize)?;
        Some((fact, node, node.body.ops.get(fact.index as usize)?))
    }

    /// The operation at a place of an entry.
    pub(super) fn op_at(&self, entry: &EntryId, index: u32) -> Option<u32> {
        let node = self.nodes.get(*self.index.get(entry)? as usize)?;
        ((index as usize) < node.body.ops.len()).then(|| node.first_op.saturating_add(index))
    }

    /// Whether operation `x` is `y` or in its past.
    pub(super) fn in_past(&self, x: u32, y: u32) -> bool {
        match (self.ops.get(x as usize), self.ops.get(y as usize)) {
            (Some(a), Some(b)) if a.entry == b.entry => a.index <= b.index,
            (Some(a), Some(b)) => self
                .nodes
                .get(b.entry as usize)
                .is_some_and(|n| n.past.has(a.entry)),
            _ => false,
        }
    }

    pub(super) fn is_ancestor(&self, a: u32, t: u32) -> bool {
        let mut at = t;
        // Chains are finite, as a grant's author comes before it; the root is its own author.
        while at != ROOT {
            at = self.grants.get(at as usize).map_or(ROOT, |g| g.by);
            if at == a {
                return true;
            }
        }
        false
    }

    /// AUTH of security.md §2.3 without the case of one's own grant.
    pub(super) fn outranks(&self, a: u32, t: u32) -> bool {
        match (self.grants.get(a as usize), self.grants.get(t as usize)) {
            (Some(by), Some(target)) if a != t && by.lawful => {
                self.is_ancestor(a, t) || (by.level >= 2 && by.level > target.level)
            }
            _ => false,
        }
    }

    /// Whether `a` enrolled `b`, directly or through others.
    pub(super) fn enrolled(&self, a: &BindId, b: &BindId) -> bool {
        let mut at = self.binds.get(b).and_then(|f| f.parent);
        while let Some(parent) = at {
            if parent == *a {
                return true;
            }
            at = self.binds.get(&parent).and_then(|f| f.parent);
        }
        false
    }

    fn learn_ops(&mut self, at: u32) {
        let Some(node) = self.nodes.get(at as usize).cloned() else {
            return;
        };
        for (index, op) in node.body.ops.iter().enumerate() {
            let (index, this) = (index as u32, self.ops.len() as u32);
            let class = self.classify(&node, op);
            // Pushed before it is judged, so that its own index exists; nothing in its past refers to it.
            self.ops.push(OpFact {
                entry: at,
                index,
                class,
                sound: false,
            });
            let sound = self.sound(&node, op, this);
            if let Some(fact) = self.ops.last_mut() {
                fact.sound = sound;
            }
            match op {
                Op::Grant(grant) => self.learn_grant(&node, index, this, grant),
                // The root key has no devices: one brought in by it would act with its authority.
                Op::AddDevice(cert) if node.grant != ROOT => {
                    let depth = self
                        .binds
                        .get(&node.entry.header.bind)
                        .map_or(0, |f| f.depth + 1);
                    let parent = Some(node.entry.header.bind);
                    let fact = BindFact {
                        op: this,
                        grant: node.grant,
                        parent,
                        depth,
                        cert: cert.clone(),
                    };
                    self.binds.insert(bind_id(&node.id, index, 0), fact);
                }
                Op::Revoke(r) => self.revokes.entry(r.member).or_default().push(this),
                Op::RevokeDevice(d) => self.device_revokes.entry(d.bind).or_default().push(this),
                Op::Epoch(e) => self.epochs.push((e.id(&node.entry.header.drive), this)),
                _ => {}
            }
        }
    }

    fn learn_grant(&mut self, node: &Node, index: u32, this: u32, grant: &crate::body::Grant) {
        let id = grant_id(&node.id, index);
        let place = self.grants.len() as u32;
        let by = self.grants.get(node.grant as usize);
        let depth = by.map_or(u32::MAX, |g| g.depth.saturating_add(1));
        let level = grant.role as u8;
        let lawful = depth <= MAX_GRANT_DEPTH
            && by.is_some_and(|g| g.lawful && g.level >= 2 && g.level >= level);
        self.grant_index.insert(id, place);
        let (op, member, by) = (this, grant.member, node.grant);
        self.grants.push(GrantFact {
            id,
            op,
            member,
            level,
            by,
            depth,
            lawful,
        });
        let first = bind_id(&node.id, index, 0);
        for (device, cert) in grant.devices.iter().enumerate() {
            let parent = (device > 0).then_some(first);
            let depth = u32::from(device > 0);
            let fact = BindFact {
                op: this,
                grant: place,
                parent,
                depth,
                cert: cert.clone(),
            };
            self.binds
                .insert(bind_id(&node.id, index, device as u32), fact);
        }
    }

    fn classify(&self, node: &Node, op: &Op) -> Class {
        let own = self.grants.get(node.grant as usize).map(|g| g.member);
        match op {
            Op::AddDevice(_) => Class::Own,
            Op::RevokeDevice(d)
                if self
                    .binds
                    .get(&d.bind)
                    .is_some_and(|f| f.grant == node.grant) =>
            {
                Class::Own
            }
            Op::Revoke(r) if node.grant != ROOT && own == Some(r.member) => Class::Leave,
            _ => Class::Other,
        }
    }

    /// Rules C3 and C6, and the well-formedness that needs the past.
    fn sound(&mut self, node: &Node, op: &Op, this: u32) -> bool {
        if let Op::Epoch(epoch) = op {
            return self.sound_epoch(node, epoch, this);
        }
        let level = self.grants.get(node.grant as usize).map_or(0, |g| g.level);
        let header = &node.entry.header;
        let earlier = |x: u32| x != this && self.in_past(x, this);
        match op {
            Op::Genesis(_) => header.is_genesis(),
            Op::Grant(g) => {
                level >= 2
                    && level >= g.role as u8
                    && g.devices.iter().all(|c| c.verify(&header.drive).is_ok())
            }
            Op::Revoke(r) => {
                let mut targets = self
                    .grants
                    .iter()
                    .enumerate()
                    .filter(|(_, t)| t.member == r.member);
                targets.any(|(at, t)| {
                    let own = at as u32 == node.grant;
                    earlier(t.op) && (own || (level >= 2 && self.outranks(node.grant, at as u32)))
                })
            }
            Op::RevokeDevice(d) => self.binds.get(&d.bind).is_some_and(|f| {
                let by = &header.bind;
                earlier(f.op)
                    && (self.outranks(node.grant, f.grant)
                        || (f.grant == node.grant && (*by == d.bind || self.enrolled(by, &d.bind))))
            }),
            Op::AddDevice(cert) => {
                let depth = self.binds.get(&header.bind).map_or(u32::MAX, |f| f.depth);
                node.grant != ROOT
                    && depth < MAX_ENROLMENT_DEPTH
                    && cert.verify(&header.drive).is_ok()
                    && Eval::before(self, this).live_devices_of(node.grant) < MAX_DEVICES
            }
            Op::Wrap(wrap) => {
                level >= 1
                    && self
                        .epochs
                        .iter()
                        .any(|(id, op)| *id == wrap.epoch && earlier(*op))
            }
            Op::Complaint(epoch) => {
                let known = |(id, op): &(_, u32)| id == epoch && earlier(*op);
                node.grant != ROOT && self.epochs.iter().any(known)
            }
            Op::Invite(invite) => {
                let role = invite.role as u8;
                level >= 2 && role <= level && role <= 2
            }
            Op::ExtendCut(x) => {
                let target = self.op_at(&x.entry, x.index);
                level >= 2
                    && target.is_some_and(|t| earlier(t) && self.may_extend(node.grant, t, this))
            }
            Op::RevokeInvite(_) | Op::Lease(_) | Op::RevokeLease(_) => level >= 2,
            Op::Upgrade(_) => level >= 3,
            Op::Epoch(_) | Op::Unknown { .. } => false,
        }
    }

    /// Whether somebody that the revocation ends is, in the extension's own past, below its author.
    fn may_extend(&self, by: u32, revocation: u32, this: u32) -> bool {
        match self.op(revocation) {
            // An unsound one may name what arrives only later, so it is not even looked at.
            Some((fact, _, _)) if !fact.sound => false,
            Some((_, _, Op::Revoke(r))) => self.grants.iter().enumerate().any(|(at, t)| {
                let earlier = self.in_past(t.op, this);
                earlier && t.member == r.member && self.outranks(by, at as u32)
            }),
            Some((_, _, Op::RevokeDevice(d))) => self
                .binds
                .get(&d.bind)
                .is_some_and(|f| self.outranks(by, f.grant)),
            _ => false,
        }
    }

    /// E1, except that the parents be valid, which depends on the whole.
    fn sound_epoch(&mut self, node: &Node, epoch: &Epoch, this: u32) -> bool {
        let level = self.grants.get(node.grant as usize).map_or(0, |g| g.level);
        let first = node.entry.header.is_genesis();
        let mut generation = None;
        for parent in &epoch.parents {
            let known = self
                .epochs
                .iter()
                .find(|(id, op)| id == parent && self.in_past(*op, this));
            let Some((_, _, Op::Epoch(parent))) = known.and_then(|(_, op)| self.op(*op)) else {
                return false;
            };
            generation = generation.max(Some(parent.generation));
        }
        let follows = match generation {
            None => first && epoch.generation == 0,
            Some(parent) => !first && parent.checked_add(1) == Some(epoch.generation),
        };
        if !follows {
            return false;
        }
        let mut before = Eval::before(self, this);
        let readers = before.readers();
        let mut names: Vec<[u8; 8]> = readers.iter().map(kem_id).collect();
        names.sort_unstable();
        names.dedup();
        // A mere writer may begin an epoch only where no other can be used: nobody can flood the
        // drive with epochs.
        let sound = level >= 1
            && readers_hash(&readers) == epoch.readers_hash
            && names.iter().eq(epoch.wraps.iter().map(|w| &w.kem_id))
            && (level >= 2 || before.usable_epochs().is_empty());
        if sound {
            let gone = before.gone();
            self.epoch_gone.insert(this, gone);
        }
        sound
    }
}

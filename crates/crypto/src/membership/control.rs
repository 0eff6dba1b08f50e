//! The control plane of one drive as one value: takes entries in any order, holds back those that build
//! on unknown ones, and answers from the state; knows no storage and no network.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use super::{
    bits::Bits,
    dag::{ControlError, Dag},
    pending::Pending,
    rules::{Eval, View},
    state::State,
};
use crate::{
    body::{Op, PrivatePart},
    entry::{Entry, LogPosition},
    epoch::Epoch,
    ids::{BindId, DriveId, EndpointKey, EntryId, EpochId, LogId},
    keyring::Keyring,
};

/// How many frontiers' usable epochs are remembered.
const MAX_REMEMBERED: usize = 1024;

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// It is part of the set, and so are the ones held back for it: all of them, in order.
    New(Vec<EntryId>),
    /// It was there before.
    Known,
    /// It is held back until these arrive.
    Pending(Vec<EntryId>),
}

/// See the module.
#[derive(Debug)]
pub struct Control {
    pub(super) dag: Dag,
    pending: Pending,
    private: BTreeMap<u32, PrivatePart>,
    state: OnceLock<State>,
    remembered: Mutex<HashMap<Vec<EntryId>, Arc<Vec<EpochId>>>>,
}

impl Clone for Control {
    fn clone(&self) -> Self {
        Control {
            dag: self.dag.clone(),
            pending: self.pending.clone(),
            private: self.private.clone(),
            state: self.state.clone(),
            remembered: Mutex::default(),
        }
    }
}

impl Control {
    /// Of a drive of which nothing is known yet but its id.
    pub fn new(drive: DriveId) -> Control {
        Control {
            dag: Dag::new(drive),
            pending: Pending::default(),
            private: BTreeMap::new(),
            state: OnceLock::new(),
            remembered: Mutex::default(),
        }
    }

    /// The drive.
    pub fn drive(&self) -> DriveId {
        self.dag.drive
    }

    /// Takes an entry as it came from the wire.
    ///
    /// # Errors
    /// [`ControlError`]: the entry can never be part of this drive, whatever else arrives.
    pub fn insert_bytes(&mut self, bytes: &[u8]) -> Result<Inserted, ControlError> {
        self.insert(Entry::decode(bytes)?)
    }

    /// Takes an entry. The set of entries is all that counts: order and repetition do not.
    ///
    /// # Errors
    /// As [`Control::insert_bytes`].
    pub fn insert(&mut self, entry: Entry) -> Result<Inserted, ControlError> {
        let id = entry.id();
        if self.dag.index.contains_key(&id) {
            return Ok(Inserted::Known);
        }
        let missing = self.dag.missing(&entry);
        if let Some(first) = missing.first() {
            self.pending.hold(id, entry, *first);
            return Ok(Inserted::Pending(missing));
        }
        let mut new = vec![self.dag.add(entry)?];
        self.release(&mut new);
        self.state = OnceLock::new();
        Ok(Inserted::New(new))
    }

    /// Adds everything that waited for these, and what waited for that.
    fn release(&mut self, new: &mut Vec<EntryId>) {
        let mut at = 0;
        while let Some(arrived) = new.get(at).copied() {
            at += 1;
            for (id, entry) in self.pending.released_by(&arrived) {
                match self.dag.missing(&entry).first() {
                    Some(missing) => self.pending.hold(id, entry, *missing),
                    // One that turns out bad is dropped: it was never part of the set.
                    None => new.extend(self.dag.add(entry)),
                }
            }
        }
    }

    /// What is held back, and for what: to be asked for.
    pub fn missing(&self) -> Vec<EntryId> {
        let mut missing: Vec<EntryId> = self
            .pending
            .entries()
            .flat_map(|e| self.dag.missing(e))
            .collect();
        missing.retain(|id| !self.pending.has(id));
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// The state of membership.
    pub fn state(&self) -> &State {
        self.state
            .get_or_init(|| State::of(&self.dag, &self.private))
    }

    /// The entries that nothing builds on yet, ascending.
    pub fn heads(&self) -> Vec<EntryId> {
        self.dag.heads.iter().copied().collect()
    }

    /// The hash of the state, for a sync hello.
    pub fn ctrl_hash(&self) -> [u8; 32] {
        self.state().ctrl_hash()
    }

    /// An entry of the set.
    pub fn entry(&self, id: &EntryId) -> Option<&Entry> {
        let at = self.dag.index.get(id)?;
        self.dag.nodes.get(*at as usize).map(|n| &n.entry)
    }

    /// Every entry, each after everything it builds on.
    pub fn entries(&self) -> impl Iterator<Item = (EntryId, &Entry)> {
        self.dag.nodes.iter().map(|n| (n.id, &n.entry))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.dag.nodes.len()
    }

    /// Whether not even the genesis is here.
    pub fn is_empty(&self) -> bool {
        self.dag.nodes.is_empty()
    }

    /// At how many places a device signed two entries with one number.
    pub fn forks(&self) -> u64 {
        let places = self.dag.positions.values();
        places.filter(|at| at.len() > 1).count() as u64
    }

    /// The operations of an entry, and whether each is valid: for audits.
    pub fn verdicts(&self, id: &EntryId) -> Vec<(&Op, bool)> {
        let Some(node) = self
            .dag
            .index
            .get(id)
            .and_then(|at| self.dag.nodes.get(*at as usize))
        else {
            return Vec::new();
        };
        let mut eval = Eval::new(&self.dag, View::all());
        let valid_epochs = eval.valid_epochs();
        let ops = (node.first_op..).zip(&node.body.ops);
        ops.map(|(at, op)| {
            // An epoch needs its parents valid too.
            let epoch = matches!(op, Op::Epoch(_));
            let valid = eval.valid(at) && (!epoch || valid_epochs.iter().any(|(_, o)| *o == at));
            (op, valid)
        })
        .collect()
    }

    /// What the next entry at `at` should build on: the heads of other logs that it does not have yet.
    /// At most [`crate::entry::MAX_LINKS`], the smallest ids first.
    pub fn links_for(&self, at: &LogPosition) -> Vec<EntryId> {
        let log = at.log_id();
        let prev = (at.seq > 0)
            .then(|| self.dag.index.get(&EntryId(at.prev)))
            .flatten();
        let below = prev
            .and_then(|p| self.dag.nodes.get(*p as usize))
            .map(|n| &n.past);
        let is_new = |id: &EntryId| {
            let Some(node_at) = self.dag.index.get(id) else {
                return false;
            };
            let other = self
                .dag
                .nodes
                .get(*node_at as usize)
                .is_some_and(|n| n.log != log);
            other && !below.is_some_and(|past| past.has(*node_at))
        };
        let heads = self.dag.heads.iter().copied().filter(is_new);
        heads.take(crate::entry::MAX_LINKS).collect()
    }

    /// Where the next entry of a device's own log goes: after its longest incarnation here, or a new
    /// one if it has none.
    pub fn tip_of(&self, bind: &BindId) -> Option<LogPosition> {
        let own = self
            .dag
            .nodes
            .iter()
            .filter(|n| n.entry.header.bind == *bind);
        own.max_by_key(|n| n.entry.header.seq)
            .map(|n| LogPosition::after(&n.entry.header))
    }

    /// The entries that prove a device to be of this drive: from the genesis, each entry that brought
    /// in the author of the next, ending with the one that brought in `bind`.
    pub fn path_to(&self, bind: &BindId) -> Vec<&Entry> {
        let mut path = Vec::new();
        let mut at = Some(*bind);
        while let Some(bind) = at {
            let fact = self
                .dag
                .binds
                .get(&bind)
                .and_then(|f| self.dag.ops.get(f.op as usize));
            let Some(node) = fact.and_then(|op| self.dag.nodes.get(op.entry as usize)) else {
                break;
            };
            path.push(&node.entry);
            at = (node.entry.header.bind != BindId::ZERO).then_some(node.entry.header.bind);
        }
        // A recovery is signed by the root key, which only the genesis tells.
        let genesis = self.dag.nodes.first().map(|n| &n.entry);
        if let (Some(genesis), Some(first)) = (genesis, path.last())
            && !first.header.is_genesis()
        {
            path.push(genesis);
        }
        path.reverse();
        path
    }

    /// What devices that were removed may still be told: by endpoint, what brought them in, the removals, and
    /// all that leads up to these, as how many entries of each log. Endpoints that are live under another
    /// grant are not among them.
    pub fn removals(&self) -> BTreeMap<EndpointKey, BTreeMap<LogId, u64>> {
        let state = self.state();
        let mut eval = Eval::new(&self.dag, View::all());
        let mut told: BTreeMap<EndpointKey, BTreeMap<LogId, u64>> = BTreeMap::new();
        for (id, bind) in state.binds.iter().filter(|(_, bind)| !bind.live) {
            let endpoint = bind.cert.endpoint;
            let Some(fact) = self.dag.binds.get(id) else {
                continue;
            };
            if state.live_bind_of(&endpoint).is_some() {
                continue;
            }
            let mut ops = eval.ended_by(fact.grant);
            ops.extend(eval.device_ended_by(id));
            // A removal also counts for what its author did not know of.
            ops.push(fact.op);
            let mut all = Bits::default();
            for (_, node, _) in ops.iter().filter_map(|op| self.dag.op(*op)) {
                all.join(&node.past);
                all.add(self.dag.index.get(&node.id).copied().unwrap_or_default());
            }
            let logs = told.entry(endpoint).or_default();
            for (at, node) in self.dag.nodes.iter().enumerate() {
                if all.has(at as u32) {
                    let len = logs.entry(node.log).or_default();
                    *len = (*len).max(node.entry.header.seq.saturating_add(1));
                }
            }
        }
        told
    }

    /// Opens the sealed parts that the keyring can open: names of members and devices.
    pub fn open_names(&mut self, keyring: &Keyring) {
        let mut opened = false;
        for (at, node) in self.dag.nodes.iter().enumerate() {
            let at = at as u32;
            if self.private.contains_key(&at) || node.body.sealed.is_empty() {
                continue;
            }
            let keys = keyring.for_body(&node.entry.header);
            if let Some(part) = keys.and_then(|k| node.body.open_private(&node.entry, &k).ok()) {
                self.private.insert(at, part);
                opened = true;
            }
        }
        if opened {
            self.state = OnceLock::new();
        }
    }

    /// The sealed part of an entry, once [`Control::open_names`] has opened it.
    pub fn private_part(&self, id: &EntryId) -> Option<&PrivatePart> {
        self.private.get(self.dag.index.get(id)?)
    }

    /// The sealed part of the genesis: the drive's name and lifetime secret.
    pub fn genesis_part(&self) -> Option<&PrivatePart> {
        self.private.get(&0)
    }

    /// Every epoch operation here, valid or not, with the drive field that it was made with.
    pub(crate) fn epoch_ops(&self) -> impl Iterator<Item = (EpochId, DriveId, &Epoch)> {
        self.dag
            .epochs
            .iter()
            .filter_map(|(id, op)| match self.dag.op(*op) {
                Some((_, node, Op::Epoch(epoch))) => Some((*id, node.entry.header.drive, epoch)),
                _ => None,
            })
    }

    /// The valid epochs that no valid epoch follows, with their generations, in order of arrival: what
    /// a new epoch follows.
    pub(crate) fn epoch_tips(&self) -> Vec<(EpochId, u64)> {
        let mut eval = Eval::new(&self.dag, View::all());
        let valid: Vec<(EpochId, &Epoch)> = eval
            .valid_epochs()
            .into_iter()
            .filter_map(|(id, op)| match self.dag.op(op) {
                Some((_, _, Op::Epoch(epoch))) => Some((id, epoch)),
                _ => None,
            })
            .collect();
        let followed = |id: &EpochId| valid.iter().any(|(_, e)| e.parents.contains(id));
        let tips = valid.iter().filter(|(id, _)| !followed(id));
        let mut tips: Vec<_> = tips.map(|(id, e)| (*id, e.generation)).collect();
        let most = crate::epoch::MAX_PARENTS;
        let extra = tips.len().saturating_sub(most);
        tips.drain(..extra);
        tips
    }

    /// Every wrap operation here, valid or not.
    pub(crate) fn wrap_ops(&self) -> impl Iterator<Item = &crate::body::Wrap> {
        self.dag
            .nodes
            .iter()
            .flat_map(|n| &n.body.ops)
            .filter_map(|op| match op {
                Op::Wrap(wrap) => Some(wrap),
                _ => None,
            })
    }

    /// The readers that the next epoch of an entry must be sealed to, were it to end with this entry.
    pub(crate) fn readers_after(&self, id: &EntryId) -> Vec<[u8; 32]> {
        self.eval_at(&[*id])
            .map(|mut e| e.readers())
            .unwrap_or_default()
    }

    /// Everything before these entries, and themselves; `None` if one is not here.
    pub(super) fn closure(&self, heads: &[EntryId]) -> Option<Bits> {
        let mut all = Bits::default();
        for id in heads {
            let at = *self.dag.index.get(id)?;
            all.join(&self.dag.nodes.get(at as usize)?.past);
            all.add(at);
        }
        Some(all)
    }

    fn eval_at(&self, heads: &[EntryId]) -> Option<Eval<'_>> {
        self.closure(heads)
            .map(|all| Eval::new(&self.dag, View::of(all)))
    }

    /// The epochs usable in the state that these control heads give (E6), remembered.
    pub(super) fn usable_at(&self, heads: &[EntryId]) -> Option<Arc<Vec<EpochId>>> {
        let mut remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = remembered.get(heads) {
            return Some(known.clone());
        }
        let usable = self.eval_at(heads)?.usable_epochs();
        let usable = Arc::new(usable.into_keys().collect::<Vec<_>>());
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(heads.to_vec(), usable.clone());
        Some(usable)
    }
}

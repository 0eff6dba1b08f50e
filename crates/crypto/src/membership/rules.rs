//! Which operations are valid and what follows, within one set of control entries: rules C2, C4, C5,
//! KILLS and E2 of security.md §2.3 as a memoised recursion; knows no order of arrival.
//!
//! The recursion ends because it goes down (rank of the acting grant; class of the operation; depth of
//! enrolment of the author; whether a device ends itself). Refinements of §2.3 that make this so:
//! a device acts under exactly the grant that brought it in; a leave counts against neither enrolments
//! nor evictions within its own grant; a device's ending of itself does not count against another such.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    bits::Bits,
    dag::{BindFact, Class, Dag, GrantFact, ROOT},
};
use crate::{
    body::Op,
    ids::{BindId, EpochId},
};

/// A downward closed set of operations.
#[derive(Debug, Clone)]
pub(super) struct View {
    /// `None`: all of them.
    entries: Option<Bits>,
    /// Of this entry only the operations before this one.
    partly: Option<(u32, u32)>,
}

impl View {
    pub(super) fn all() -> View {
        View {
            entries: None,
            partly: None,
        }
    }

    pub(super) fn of(entries: Bits) -> View {
        View {
            entries: Some(entries),
            partly: None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Not,
    Valid,
    Void,
}

/// See the module.
pub(super) struct Eval<'d> {
    dag: &'d Dag,
    view: View,
    memo: Vec<Known>,
}

impl<'d> Eval<'d> {
    pub(super) fn new(dag: &'d Dag, view: View) -> Self {
        Eval {
            dag,
            view,
            memo: vec![Known::Not; dag.ops.len()],
        }
    }

    /// Over everything before one operation.
    pub(super) fn before(dag: &'d Dag, op: u32) -> Self {
        let fact = dag.ops.get(op as usize);
        let node = fact.and_then(|f| dag.nodes.get(f.entry as usize));
        let entries = Some(node.map(|n| n.past.clone()).unwrap_or_default());
        Eval::new(
            dag,
            View {
                entries,
                partly: fact.map(|f| (f.entry, f.index)),
            },
        )
    }

    pub(super) fn has(&self, op: u32) -> bool {
        let Some(fact) = self.dag.ops.get(op as usize) else {
            return false;
        };
        let partly = self
            .view
            .partly
            .is_some_and(|(e, i)| fact.entry == e && fact.index < i);
        partly
            || self
                .view
                .entries
                .as_ref()
                .is_none_or(|bits| bits.has(fact.entry))
    }

    /// VALID of one operation of the view.
    pub(super) fn valid(&mut self, op: u32) -> bool {
        match self.memo.get(op as usize) {
            Some(Known::Valid) => return true,
            Some(Known::Void) | None => return false,
            Some(Known::Not) => {}
        }
        let valid = self.has(op) && self.judge(op);
        if let Some(slot) = self.memo.get_mut(op as usize) {
            *slot = if valid { Known::Valid } else { Known::Void };
        }
        valid
    }

    fn judge(&mut self, op: u32) -> bool {
        let dag = self.dag;
        let Some((fact, node, what)) = dag.op(op) else {
            return false;
        };
        if !fact.sound {
            return false;
        }
        if node.grant == ROOT {
            return true;
        }
        let author = node.entry.header.bind;
        let (Some(grant), Some(bind)) =
            (dag.grants.get(node.grant as usize), dag.binds.get(&author))
        else {
            return false;
        };
        // C2. The grant comes first: without authority nothing else matters, and the recursion
        // below relies on the grant being lawful.
        if !grant.lawful || !self.valid(grant.op) || !self.valid(bind.op) {
            return false;
        }
        let survives_kills = !self.kills(node.grant).any(|kill| {
            let counts = kill.by != node.grant || fact.class == Class::Other;
            counts && !dag.in_past(op, kill.op) && self.valid(kill.op)
        });
        let ends_itself = matches!(what, Op::RevokeDevice(d) if d.bind == author);
        survives_kills
            && !self.endings(&author).any(|end| {
                let counts = !(end.by_itself && ends_itself);
                counts && !dag.in_past(op, end.op) && self.valid(end.op)
            })
    }

    /// The revocations of the view that have authority over a grant and do not lie in its past;
    /// whether each is valid is still to be asked.
    fn kills(&self, grant: u32) -> Collected<Kill> {
        let dag = self.dag;
        let Some(target) = dag.grants.get(grant as usize) else {
            return Collected::default();
        };
        let all = dag
            .revokes
            .get(&target.member)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let found = all
            .iter()
            .copied()
            .filter(|&op| self.has(op))
            .filter_map(|op| {
                let by = dag.op(op)?.1.grant;
                let authority = by == grant || dag.outranks(by, grant);
                (authority && !dag.in_past(op, target.op)).then_some(Kill { op, by })
            });
        Collected::of(found)
    }

    /// The operations of the view that end a device.
    fn endings(&self, bind: &BindId) -> Collected<Ending> {
        let all = self
            .dag
            .device_revokes
            .get(bind)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let found = all
            .iter()
            .copied()
            .filter(|&op| self.has(op))
            .filter_map(|op| {
                let (fact, node, _) = self.dag.op(op)?;
                let by_itself = node.entry.header.bind == *bind;
                fact.sound.then_some(Ending { op, by_itself })
            });
        Collected::of(found)
    }

    /// The valid revocations that end a grant.
    pub(super) fn ended_by(&mut self, grant: u32) -> Vec<u32> {
        self.kills(grant)
            .map(|k| k.op)
            .filter(|&op| self.valid(op))
            .collect()
    }

    /// The valid operations that end a device.
    pub(super) fn device_ended_by(&mut self, bind: &BindId) -> Vec<u32> {
        self.endings(bind)
            .map(|e| e.op)
            .filter(|&op| self.valid(op))
            .collect()
    }

    pub(super) fn grant_live(&mut self, grant: u32) -> bool {
        let fact = self.dag.grants.get(grant as usize);
        grant == ROOT
            || (fact.is_some_and(|g: &GrantFact| g.lawful && self.valid(g.op))
                && !self.kills(grant).any(|k| self.valid(k.op)))
    }

    pub(super) fn bind_live(&mut self, bind: &BindId) -> bool {
        let Some(fact) = self.dag.binds.get(bind) else {
            return false;
        };
        self.valid(fact.op)
            && self.grant_live(fact.grant)
            && !self.endings(bind).any(|e| self.valid(e.op))
    }

    pub(super) fn live_devices_of(&mut self, grant: u32) -> usize {
        let dag = self.dag;
        dag.binds
            .iter()
            .filter(|(id, f)| f.grant == grant && self.bind_live(id))
            .count()
    }

    /// E1: the KEM keys of live devices, and the root key's, sorted, each once.
    pub(super) fn readers(&mut self) -> Vec<[u8; 32]> {
        let dag = self.dag;
        let live = dag.binds.iter().filter(|(id, _)| self.bind_live(id));
        let mut readers: Vec<[u8; 32]> = live.map(|(_, f)| f.cert.kem_pk).collect();
        readers.extend(dag.genesis.iter().map(|g| g.root_kem_pk));
        readers.sort_unstable();
        readers.dedup();
        readers
    }

    /// The valid operations of the view that begin epochs, in order of arrival.
    pub(super) fn valid_epochs(&mut self) -> Vec<(EpochId, u32)> {
        let dag = self.dag;
        let mut valid: Vec<(EpochId, u32)> = Vec::new();
        // In order of arrival parents come before children, so no recursion along the chain is needed.
        for (id, op) in &dag.epochs {
            let Some((_, _, Op::Epoch(epoch))) = dag.op(*op) else {
                continue;
            };
            let parents = epoch.parents.iter().all(|p| {
                valid
                    .iter()
                    .any(|(known, at)| known == p && dag.in_past(*at, *op))
            });
            if parents && self.valid(*op) {
                valid.push((*id, *op));
            }
        }
        valid
    }

    /// The devices brought in within the view that are not live in it.
    pub(super) fn gone(&mut self) -> BTreeSet<BindId> {
        let dag = self.dag;
        let all = dag
            .binds
            .iter()
            .filter(|(_, f)| self.has(f.op))
            .map(|(id, _)| *id);
        let all: Vec<BindId> = all.collect();
        all.into_iter().filter(|id| !self.bind_live(id)).collect()
    }

    /// The devices validly brought in and then ended, whose keys no live device has: what they could
    /// open, they keep.
    fn removed(&mut self) -> Vec<BindId> {
        let dag = self.dag;
        let readers = self.readers();
        let ended = |(id, fact): &(&BindId, &BindFact)| {
            self.valid(fact.op)
                && !self.bind_live(id)
                && readers.binary_search(&fact.cert.kem_pk).is_err()
        };
        dag.binds.iter().filter(ended).map(|(id, _)| *id).collect()
    }

    /// E2: the valid epochs that nobody removed can have read: whoever is gone now was gone when it
    /// began. To compare with those it was sealed to would not do, as it may have been sealed to others
    /// later, by a wrap or a welcome.
    pub(super) fn usable_epochs(&mut self) -> BTreeMap<EpochId, u64> {
        let dag = self.dag;
        let removed = self.removed();
        let (mut usable, mut spoilt) = (BTreeMap::new(), BTreeSet::new());
        for (id, op) in self.valid_epochs() {
            let gone = dag.epoch_gone.get(&op);
            if gone.is_some_and(|gone| removed.iter().all(|bind| gone.contains(bind))) {
                let generation = match dag.op(op) {
                    Some((_, _, Op::Epoch(epoch))) => epoch.generation,
                    _ => 0,
                };
                usable.insert(id, generation);
            } else {
                spoilt.insert(id);
            }
        }
        // The same epoch may be published twice, with different pasts: the less trusting one counts.
        usable.retain(|id, _| !spoilt.contains(id));
        usable
    }

    /// E3: the usable epoch of the greatest generation, then of the smallest id.
    pub(super) fn current_epoch(&mut self) -> Option<EpochId> {
        let usable = self.usable_epochs();
        let best = usable
            .iter()
            .min_by_key(|(id, generation)| (Reverse(**generation), **id));
        best.map(|(id, _)| *id)
    }
}

#[derive(Debug, Clone, Copy)]
struct Kill {
    op: u32,
    by: u32,
}

#[derive(Debug, Clone, Copy)]
struct Ending {
    op: u32,
    by_itself: bool,
}

/// A list by value, so that the evaluation may go on while it is walked.
struct Collected<T>(std::vec::IntoIter<T>);

impl<T> Collected<T> {
    fn of(items: impl Iterator<Item = T>) -> Self {
        Collected(items.collect::<Vec<_>>().into_iter())
    }
}

impl<T> Default for Collected<T> {
    fn default() -> Self {
        Collected(Vec::new().into_iter())
    }
}

impl<T> Iterator for Collected<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.next()
    }
}

//! The two halves of the verdict on content (security.md §2.4): what of an entry can be said once and for
//! all, and up to where a log stands now. Knows no entry but the one asked about.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    admit::ContentRef,
    admit::Refusal,
    control::Control,
    rules::{Eval, View},
};
use crate::{
    body::{Cut, Op, Role},
    entry::Plane,
    identity::kem_id,
    ids::{BindId, EntryId, EpochId, LogId},
    keyring::Keyring,
};

/// How often a device complains of one epoch: more often than a drive has writers who seal nonsense.
const MOST_COMPLAINTS: usize = 64;

/// How much of a content log counts, going by its author (rules K3 and K4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// All of it.
    All,
    /// Everything up to this entry.
    UpTo(Cut),
    /// Nothing.
    Nothing,
}

impl Control {
    /// Judges what never changes about a content entry: K2, K5, and that its author was a writer in what
    /// the entry knows. That the author still stands is for [`Control::stands`].
    ///
    /// # Errors
    /// [`Refusal`]; all but [`Refusal::UnknownControl`] are for good.
    pub fn admissible(&self, entry: &ContentRef<'_>) -> Result<(), Refusal> {
        let header = entry.header;
        if header.plane != Plane::Content || header.drive != self.drive() {
            return Err(Refusal::Elsewhere);
        }
        for known in header.ctrl.iter().chain(entry.prev_ctrl) {
            if self.entry(known).is_none() {
                return Err(Refusal::UnknownControl(*known));
            }
        }
        let unknown = Refusal::UnknownDevice(header.bind);
        let (Some(knows), Some(knew)) = (self.closure(&header.ctrl), self.closure(entry.prev_ctrl))
        else {
            return Err(unknown);
        };
        if !knows.covers(&knew) {
            return Err(Refusal::Forgets);
        }
        let fact = self.dag.binds.get(&header.bind).ok_or(unknown)?;
        let brought_in = self.dag.ops.get(fact.op as usize).ok_or(unknown)?;
        if !knows.has(brought_in.entry) {
            return Err(unknown);
        }
        let grant = self.dag.grants.get(fact.grant as usize).ok_or(unknown)?;
        if grant.level < Role::Writer as u8 {
            return Err(Refusal::NotAuthorised);
        }
        let usable = self.usable_at(&header.ctrl).ok_or(unknown)?;
        if usable.contains(&header.epoch) {
            Ok(())
        } else {
            Err(Refusal::StaleEpoch(header.epoch))
        }
    }

    /// Up to where a device's content log stands now.
    pub fn stands(&self, bind: &BindId, log: &LogId) -> Stands {
        match self.state().bind(bind) {
            Some(bind) if bind.role < Role::Writer => Stands::Nothing,
            Some(bind) => match &bind.cut {
                None => Stands::All,
                Some(cuts) => cuts
                    .get(log)
                    .map_or(Stands::Nothing, |cut| Stands::UpTo(*cut)),
            },
            None => Stands::Nothing,
        }
    }

    /// The valid operations that ended a device: each its entry and its place there.
    pub fn ended_by(&self, bind: &BindId) -> Vec<(EntryId, u32)> {
        let Some(fact) = self.dag.binds.get(bind) else {
            return Vec::new();
        };
        let mut eval = Eval::new(&self.dag, View::all());
        let mut ends = eval.ended_by(fact.grant);
        ends.extend(eval.device_ended_by(bind));
        let place = |op: u32| {
            let fact = self.dag.ops.get(op as usize)?;
            let node = self.dag.nodes.get(fact.entry as usize)?;
            Some((node.id, fact.index))
        };
        ends.into_iter().filter_map(place).collect()
    }

    /// The readers that `own` is to seal an epoch to, with the epochs: live ones to whom the current epoch
    /// was never sealed, directly or by a later wrap (E5), and those who complained (E7). Only epochs that
    /// the keyring holds.
    pub fn left_out(&self, keyring: &Keyring, own: &BindId) -> Vec<(EpochId, [u8; 32])> {
        let mut left = self.complaining(own);
        left.extend(self.never_sealed_to());
        left.retain(|(epoch, _)| keyring.get(epoch).is_some());
        left.sort_unstable();
        left.dedup();
        left
    }

    /// Those who came or stayed by an entry that the current epoch's author did not know.
    fn never_sealed_to(&self) -> Vec<(EpochId, [u8; 32])> {
        let Some(current) = self.state().current_epoch() else {
            return Vec::new();
        };
        let epochs = self.epoch_ops().filter(|(id, _, _)| *id == current);
        let mut sealed: Vec<_> = epochs
            .flat_map(|(_, _, epoch)| epoch.wraps.iter().map(|wrap| wrap.kem_id))
            .collect();
        let wraps = self.wrap_ops().filter(|wrap| wrap.epoch == current);
        sealed.extend(wraps.map(|wrap| wrap.sealed.kem_id));
        let live = self.state().live_binds().map(|(_, bind)| bind.cert.kem_pk);
        live.filter(|kem| !sealed.contains(&kem_id(kem)))
            .map(|kem| (current, kem))
            .collect()
    }

    /// Whoever complained and is not answered. Nobody can see whether a wrap is good but whom it is for,
    /// so who complains once is answered by one device, who complains twice by two, and so on: a
    /// device that seals nonsense cannot keep the others from sealing the secret.
    fn complaining(&self, own: &BindId) -> Vec<(EpochId, [u8; 32])> {
        let mut unanswered = Vec::new();
        for ((bind, epoch), complaints) in self.complaints() {
            let Some(of) = self.state().bind(&bind).filter(|of| of.live) else {
                continue;
            };
            let answers = self.answers(&of.cert.kem_pk, &epoch, |wrap| {
                complaints.iter().any(|said| !self.dag.in_past(wrap, *said))
            });
            if bind != *own && !answers.contains(own) && answers.len() < complaints.len() {
                unanswered.push((epoch, of.cert.kem_pk));
            }
        }
        unanswered
    }

    /// Of the epochs that a device cannot open, those that it is to complain of now: valid ones, of which
    /// it has not complained, or was sealed nonsense again since.
    pub fn to_complain_of(&self, own: &BindId, closed: &[EpochId]) -> Vec<EpochId> {
        let Some(bind) = self.state().bind(own).filter(|bind| bind.live) else {
            return Vec::new();
        };
        let complaints = self.complaints();
        let mut wanted: Vec<EpochId> = closed.to_vec();
        wanted.retain(|epoch| {
            let said = complaints.get(&(*own, *epoch));
            let said = said.map(Vec::as_slice).unwrap_or_default();
            let since = |wrap| said.iter().all(|said| !self.dag.in_past(wrap, *said));
            let again = || !self.answers(&bind.cert.kem_pk, epoch, since).is_empty();
            self.state().epochs.contains_key(epoch)
                && said.len() < MOST_COMPLAINTS
                && (said.is_empty() || again())
        });
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// The valid complaints, by device and epoch.
    fn complaints(&self) -> BTreeMap<(BindId, EpochId), Vec<u32>> {
        let mut complaints: BTreeMap<_, Vec<u32>> = BTreeMap::new();
        let mut eval = None;
        for at in 0..self.dag.ops.len() as u32 {
            if let Some((_, node, Op::Complaint(epoch))) = self.dag.op(at)
                && eval
                    .get_or_insert_with(|| Eval::new(&self.dag, View::all()))
                    .valid(at)
            {
                let by = node.entry.header.bind;
                complaints.entry((by, *epoch)).or_default().push(at);
            }
        }
        complaints
    }

    /// The devices that sealed an epoch to a reader by one of these wraps.
    fn answers(
        &self,
        kem_pk: &[u8; 32],
        epoch: &EpochId,
        counts: impl Fn(u32) -> bool,
    ) -> BTreeSet<BindId> {
        let name = kem_id(kem_pk);
        let mut by = BTreeSet::new();
        let mut eval = Eval::new(&self.dag, View::all());
        for at in 0..self.dag.ops.len() as u32 {
            if let Some((_, node, Op::Wrap(wrap))) = self.dag.op(at)
                && wrap.epoch == *epoch
                && wrap.sealed.kem_id == name
                && counts(at)
                && eval.valid(at)
            {
                by.insert(node.entry.header.bind);
            }
        }
        by
    }
}

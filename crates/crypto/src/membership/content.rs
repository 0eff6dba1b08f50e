//! The two halves of the verdict on content (security.md §2.4): what of an entry can be said once and for
//! all, and up to where a log stands now. Knows no entry but the one asked about.

use super::{
    admit::ContentRef,
    admit::Refusal,
    control::Control,
    rules::{Eval, View},
};
use crate::{
    body::{Cut, Role},
    entry::Plane,
    ids::{BindId, EntryId, EpochId, LogId},
    keyring::Keyring,
};

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

    /// The live readers to whom the current epoch was never sealed, directly or by a later wrap: those
    /// who came or stayed by an entry that its author did not know (E5).
    pub fn left_out(&self, keyring: &Keyring) -> Vec<[u8; 32]> {
        let current = self.state().current_epoch();
        match current.filter(|current| keyring.get(current).is_some()) {
            Some(current) => self.left_out_of(&current),
            None => Vec::new(),
        }
    }

    /// Whether epochs met that did not know of each other, of which one was not sealed to every live reader:
    /// what was written in it is closed to them, also if it is not the current one, until an epoch follows
    /// that holds the secrets of all. Only for a keyring that has all of these, as only then it can begin one.
    pub fn is_torn(&self, keyring: &Keyring) -> bool {
        let tips = self.epoch_tips();
        let tips = || tips.iter().map(|(id, _)| id);
        tips().count() > 1
            && tips().all(|id| keyring.get(id).is_some())
            && tips().any(|id| !self.left_out_of(id).is_empty())
    }

    fn left_out_of(&self, epoch: &EpochId) -> Vec<[u8; 32]> {
        let epochs = self.epoch_ops().filter(|(id, _, _)| id == epoch);
        let mut sealed: Vec<_> = epochs
            .flat_map(|(_, _, epoch)| epoch.wraps.iter().map(|wrap| wrap.kem_id))
            .collect();
        let wraps = self.wrap_ops().filter(|wrap| wrap.epoch == *epoch);
        sealed.extend(wraps.map(|wrap| wrap.sealed.kem_id));
        let live = self.state().live_binds().map(|(_, bind)| bind.cert.kem_pk);
        let mut left: Vec<_> = live
            .filter(|kem| !sealed.contains(&crate::identity::kem_id(kem)))
            .collect();
        left.sort_unstable();
        left.dedup();
        left
    }
}

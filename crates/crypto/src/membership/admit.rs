//! Whether one content entry counts, by itself: rules K2 to K5 of security.md §2.4; that everything it
//! builds on counts too is for the caller, who has the content plane.

use super::control::Control;
use crate::{
    body::{Cut, Role},
    entry::{EntryHeader, Plane},
    ids::{BindId, EntryId, EpochId},
};

/// A content entry as rule K looks at it.
#[derive(Debug, Clone, Copy)]
pub struct ContentRef<'a> {
    /// The entry's header; its signature was checked against the author's certificate.
    pub header: &'a EntryHeader,
    /// The control heads of the entry before it in its log (empty for the first).
    pub prev_ctrl: &'a [EntryId],
    /// The last final entry of its log, if there is one: no cut goes below it.
    pub floor: Option<Cut>,
}

/// Why a content entry does not count. It may count later, except where said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Of another drive or plane. For good.
    #[error("the entry is not of this drive's content plane")]
    Elsewhere,
    /// It names a control entry that is not here: to be asked for, and judged again.
    #[error("the entry knows a control entry that this device does not have yet: {0}")]
    UnknownControl(EntryId),
    /// It forgets what its predecessor knew (K2). For good.
    #[error("the entry knows less of the membership than the one before it")]
    Forgets,
    /// Its author is no device of this drive, or not in what it knows (K3).
    #[error("the author {0} is not a device of this drive")]
    UnknownDevice(BindId),
    /// Its author may read, not write (K3).
    #[error("the author may read this drive, not change it")]
    NotAuthorised,
    /// Its author was removed, and this is after what was let stand (K4).
    #[error("the author was removed, and this was not covered by the removal")]
    AfterCut,
    /// It is written with an epoch that somebody removed can read, going by what it knows itself (K5).
    #[error("the entry was sealed for an epoch that a removed device can read: {0}")]
    StaleEpoch(EpochId),
}

impl Control {
    /// The public key that a content entry of this author must verify under; `None` if the author was
    /// brought in by nothing known here.
    pub fn log_key(&self, bind: &BindId) -> Option<[u8; 32]> {
        self.dag.binds.get(bind).map(|fact| fact.cert.log_pk)
    }

    /// Judges one content entry by K2 to K5. `on_chain(tip)` says whether the entry is `tip` or an
    /// ancestor of it in its log; it is asked only where a removal cut the log.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn admits(
        &self,
        entry: &ContentRef<'_>,
        on_chain: &mut dyn FnMut(&EntryId) -> bool,
    ) -> Result<(), Refusal> {
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
        // The state holds only devices whose own bringing-in and whose grant are valid.
        let bind = self.state().bind(&header.bind).ok_or(unknown)?;
        if !knows.has(brought_in.entry) {
            return Err(unknown);
        }
        if bind.role < Role::Writer {
            return Err(Refusal::NotAuthorised);
        }
        if let Some(cuts) = &bind.cut {
            let cut = cuts.get(&header.log_id()).copied();
            let stands = [cut, entry.floor]
                .into_iter()
                .flatten()
                .max_by_key(|c| (c.seq, std::cmp::Reverse(c.entry)))
                .is_some_and(|c| header.seq <= c.seq && on_chain(&c.entry));
            if !stands {
                return Err(Refusal::AfterCut);
            }
        }
        let usable = self.usable_at(&header.ctrl).ok_or(unknown)?;
        if usable.contains(&header.epoch) {
            Ok(())
        } else {
            Err(Refusal::StaleEpoch(header.epoch))
        }
    }
}

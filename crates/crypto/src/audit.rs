//! Checks an exported history of a drive from its entries alone: that each is what its author signed,
//! that none is missing, and which of them count. Needs no secret and opens nothing; knows no file.
//!
//! What is proved: every entry was signed by the device that it names, which was brought in by a chain
//! of signed entries from the genesis that the drive's id commits to, and nothing between the beginning
//! and the last entry of each log was taken out, put in, or changed. What cannot be: that whoever
//! exported it knew the newest entries. That is why an export ends with the exporting device's own
//! signature over all of it.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::{
    body::Cut,
    domain::sign,
    entry::{Entry, EntryError, EntryHeader, Plane, verify_header},
    fork::{self, Forks},
    identity::{DriveKeys, verify_hash},
    ids::{BindId, DriveId, EntryId, LogId, MemberId},
    membership::{ContentRef, Control, ControlError, Inserted},
    wire::Signature,
};

/// What is wrong with a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// An entry by itself.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// An entry of the control plane.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// Something that the entry builds on is not there.
    #[error("it builds on {0}, which is not in the history: something was taken out")]
    Missing(EntryId),
    /// Twice the same entry.
    #[error("it is there twice")]
    Twice,
    /// Of another drive or plane.
    #[error("it is not an entry of this drive")]
    Elsewhere,
    /// Its author is no device of the drive.
    #[error("its author {0} is no device of this drive")]
    UnknownDevice(BindId),
    /// It does not follow the entry before it in its log.
    #[error("it does not follow the entry before it in its log: something was taken out or put in")]
    Chain,
    /// The exporting device's signature over the whole is not right.
    #[error(
        "the signature over the whole history is not right: it was changed after it was exported"
    )]
    Export,
}

/// What a history shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Entries of the control plane.
    pub control: u64,
    /// Entries of the content plane.
    pub content: u64,
    /// Control operations without effect, since the rules do not allow them.
    pub void: u64,
    /// Content entries that do not count: written without the right to, after a removal, or building on
    /// such.
    pub refused: u64,
    /// Places where a device signed two entries with one number, of both planes. In the content plane one
    /// of them counts (see [`crate::fork`]) and the others are among the refused.
    pub forks: u64,
    /// Every device, with its member and its numbers of entries in both planes.
    pub devices: BTreeMap<BindId, Authorship>,
}

/// What one device wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authorship {
    /// Whose device.
    pub member: MemberId,
    /// Its control entries.
    pub control: u64,
    /// Its content entries.
    pub content: u64,
    /// Whether it still takes part.
    pub live: bool,
}

/// Takes a history in, entry by entry: the control plane first, each entry after what it builds on.
#[derive(Debug)]
pub struct Auditor {
    control: Control,
    content: Vec<EntryHeader>,
    seen: HashSet<EntryId>,
    /// Where each content entry is in `content`.
    placed: HashMap<EntryId, usize>,
    /// What follows each content entry in its log, and what begins each log.
    followers: HashMap<fork::Place, Vec<EntryId>>,
    /// Logs with two entries of one number.
    parted: HashSet<LogId>,
}

impl Auditor {
    /// For the history of this drive.
    pub fn new(drive: DriveId) -> Self {
        Auditor {
            control: Control::new(drive),
            content: Vec::new(),
            seen: HashSet::new(),
            placed: HashMap::new(),
            followers: HashMap::new(),
            parted: HashSet::new(),
        }
    }

    /// Takes an entry of the control plane.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn control(&mut self, entry: Entry) -> Result<(), Fault> {
        match self.control.insert(entry)? {
            Inserted::New(_) => Ok(()),
            Inserted::Known => Err(Fault::Twice),
            Inserted::Pending(missing) => {
                let first = missing.first().copied();
                Err(first.map_or(Fault::Chain, Fault::Missing))
            }
        }
    }

    /// Takes the header of an entry of the content plane; its log's earlier entries came before.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn content(&mut self, header: EntryHeader, sig: &Signature) -> Result<(), Fault> {
        if header.plane != Plane::Content || header.drive != self.control.drive() {
            return Err(Fault::Elsewhere);
        }
        let key = self.control.log_key(&header.bind);
        let key = key.ok_or(Fault::UnknownDevice(header.bind))?;
        verify_header(&header, sig, &key)?;
        let (id, log) = (header.id(), header.log_id());
        if !self.seen.insert(id) {
            return Err(Fault::Twice);
        }
        let before = header.predecessor().map(|prev| self.header(&prev));
        let follows = match before {
            None => true,
            Some(before) => before.is_some_and(|before| {
                before.log_id() == log && before.seq.checked_add(1) == Some(header.seq)
            }),
        };
        if !follows {
            return Err(Fault::Chain);
        }
        let beside = self.followers.entry((log, header.prev)).or_default();
        beside.push(id);
        if beside.len() > 1 {
            self.parted.insert(log);
        }
        self.placed.insert(id, self.content.len());
        self.content.push(header);
        Ok(())
    }

    fn header(&self, id: &EntryId) -> Option<&EntryHeader> {
        self.content.get(*self.placed.get(id)?)
    }

    /// Judges the whole: that nothing it refers to is missing, and what of it counts.
    ///
    /// # Errors
    /// [`Fault::Missing`].
    pub fn finish(self) -> Result<Findings, Fault> {
        let mut findings = Findings::default();
        for header in &self.content {
            if let Some(missing) = header.deps.iter().find(|id| !self.seen.contains(id)) {
                return Err(Fault::Missing(*missing));
            }
            let control = header.ctrl.iter();
            if let Some(missing) = control.clone().find(|id| self.control.entry(id).is_none()) {
                return Err(Fault::Missing(*missing));
            }
        }
        let ids: Vec<EntryId> = self.control.entries().map(|(id, _)| id).collect();
        for id in ids {
            findings.control += 1;
            let verdicts = self.control.verdicts(&id);
            findings.void += verdicts.iter().filter(|(_, valid)| !valid).count() as u64;
            if let Some(entry) = self.control.entry(&id) {
                let author = self.authorship(&mut findings, &entry.header.bind);
                author.into_iter().for_each(|device| device.control += 1);
            }
        }
        let mut refused: HashSet<EntryId> = HashSet::new();
        for header in &self.content {
            findings.content += 1;
            let author = self.authorship(&mut findings, &header.bind);
            author.into_iter().for_each(|device| device.content += 1);
            let before = header.predecessor().and_then(|prev| self.header(&prev));
            let judged = ContentRef {
                header,
                prev_ctrl: before.map_or(&[], |before| &before.ctrl),
                floor: None::<Cut>,
            };
            let mut on_chain = |cut: &EntryId| self.leads_to(header, cut);
            if self.control.admits(&judged, &mut on_chain).is_err() {
                refused.insert(header.id());
            }
        }
        let forks = self.forks(&refused);
        findings.forks = forks.places().count() as u64 + self.control.forks();
        let begun = forks.places().flat_map(|(_, firsts)| firsts);
        refused.extend(begun.filter(|first| forks.loses(first)));
        findings.refused = self.spread(refused);
        Ok(findings)
    }

    /// Whether an entry is `cut` or comes before it in one branch of its log.
    fn leads_to(&self, header: &EntryHeader, cut: &EntryId) -> bool {
        if !self.parted.contains(&header.log_id()) {
            let cut = self.header(cut);
            let same = cut.filter(|cut| cut.log_id() == header.log_id());
            return same.is_some_and(|cut| cut.seq >= header.seq);
        }
        let id = header.id();
        let mut at = Some(*cut);
        while let Some(on) = at {
            if on == id {
                return true;
            }
            let below = self.header(&on).filter(|on| on.seq > header.seq);
            at = below.and_then(EntryHeader::predecessor);
        }
        false
    }

    /// The forks of the content plane, weighed by all that stands.
    fn forks(&self, refused: &HashSet<EntryId>) -> Forks {
        let mut forks = Forks::default();
        for (place, firsts) in self.followers.iter().filter(|(_, all)| all.len() > 1) {
            for first in firsts {
                if let Some(header) = self.header(first) {
                    forks.note(*place, header.bind, *first);
                }
            }
        }
        if forks.is_empty() {
            return forks;
        }
        let member = |bind: &BindId| self.control.state().bind(bind).map(|bind| bind.member);
        let mut waiting: HashMap<EntryId, Vec<&EntryHeader>> = HashMap::new();
        for header in &self.content {
            let mut ready = vec![header];
            while let Some(header) = ready.pop() {
                if refused.contains(&header.id()) {
                    continue;
                }
                match forks.weigh(header, member) {
                    Ok(()) => ready.extend(waiting.remove(&header.id()).unwrap_or_default()),
                    Err(below) => waiting.entry(below).or_default().push(header),
                }
            }
        }
        forks
    }

    fn authorship<'f>(
        &self,
        findings: &'f mut Findings,
        bind: &BindId,
    ) -> Option<&'f mut Authorship> {
        let known = self.control.state().bind(bind)?;
        Some(findings.devices.entry(*bind).or_insert(Authorship {
            member: known.member,
            control: 0,
            content: 0,
            live: known.live,
        }))
    }

    /// How many entries do not count, once everything that builds on one of these does not either.
    fn spread(&self, mut refused: HashSet<EntryId>) -> u64 {
        let mut builders: HashMap<EntryId, Vec<EntryId>> = HashMap::new();
        for header in &self.content {
            for below in header.deps.iter().copied().chain(header.predecessor()) {
                builders.entry(below).or_default().push(header.id());
            }
        }
        let mut waiting: Vec<EntryId> = refused.iter().copied().collect();
        while let Some(id) = waiting.pop() {
            for above in builders.get(&id).into_iter().flatten() {
                if refused.insert(*above) {
                    waiting.push(*above);
                }
            }
        }
        refused.len() as u64
    }

    /// Checks the exporting device's signature over the digest of everything before it.
    ///
    /// # Errors
    /// [`Fault::UnknownDevice`] or [`Fault::Export`].
    pub fn exported_by(
        &self,
        by: &BindId,
        digest: &[u8; 32],
        sig: &Signature,
    ) -> Result<(), Fault> {
        let key = self.control.log_key(by).ok_or(Fault::UnknownDevice(*by))?;
        if verify_hash(&key, sign::AUDIT, digest, sig) {
            Ok(())
        } else {
            Err(Fault::Export)
        }
    }
}

/// The exporting device's signature over the digest of an export.
pub fn sign_export(keys: &DriveKeys, digest: &[u8; 32]) -> Signature {
    keys.sign(sign::AUDIT, digest)
}

#[cfg(test)]
mod tests;

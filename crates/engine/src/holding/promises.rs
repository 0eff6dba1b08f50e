//! What other devices rely on this one to keep, and for how long: durable notes, written before the
//! answer is given. Whoever was told yes has let go of its own copy.

use std::collections::HashSet;

use peerdrive_net::{BlobId, Term};

use super::settings::Keeping;
use crate::drive::handle::Shared;
use crate::local::{Change, LocalError, Space};

/// What keys of promises begin with; they are longer than those of other notes about blobs.
const PREFIX: u8 = b'p';

fn key(id: &BlobId) -> Vec<u8> {
    let mut key = vec![PREFIX];
    key.extend_from_slice(id.as_bytes());
    key
}

/// The blob of a promise, if this is the key of one.
fn of_key(key: &[u8]) -> Option<BlobId> {
    let (&PREFIX, id) = key.split_first()? else {
        return None;
    };
    Some(BlobId(id.try_into().ok()?))
}

fn encode(term: Term) -> Vec<u8> {
    [term.days.to_le_bytes(), term.versions.to_le_bytes()].concat()
}

fn decode(note: &[u8]) -> Option<Term> {
    let (days, rest) = note.split_first_chunk()?;
    Some(Term {
        days: u32::from_le_bytes(*days),
        versions: u32::from_le_bytes(rest.try_into().ok()?),
    })
}

/// The longer of both, in each respect.
fn longer(one: Term, other: Term) -> Term {
    Term {
        days: one.days.max(other.days),
        versions: one.versions.max(other.versions),
    }
}

/// Notes that somebody relies on these blobs, durably.
pub(crate) fn promise(shared: &Shared, ids: &[BlobId], term: Term) -> Result<(), LocalError> {
    let mut changes: Vec<Change> = Vec::new();
    for id in ids {
        let key = key(id);
        let known = shared.local.get(Space::Blobs, &key)?;
        let known = known.and_then(|note| decode(&note));
        let now = known.map_or(term, |known| longer(known, term));
        if known != Some(now) {
            changes.push((key, Some(encode(now))));
        }
    }
    shared.local.write(Space::Blobs, &changes)
}

/// Everything that somebody relies on.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    /// The blobs.
    pub(crate) blobs: HashSet<BlobId>,
    /// The longest term of all.
    pub(crate) term: Term,
}

impl Promises {
    pub(crate) fn load(shared: &Shared) -> Result<Self, LocalError> {
        let mut all = Self::default();
        for (key, note) in shared.local.all(Space::Blobs)? {
            if let (Some(id), Some(term)) = (of_key(&key), decode(&note)) {
                all.blobs.insert(id);
                all.term = longer(all.term, term);
            }
        }
        Ok(all)
    }

    /// What has to be kept for all of them and for this device.
    pub(crate) fn keeping(&self, own: Keeping) -> Keeping {
        Keeping {
            days: own.days.max(self.term.days),
            versions: own.versions.max(self.term.versions),
            ..own
        }
    }

    /// Forgets promises about blobs that nobody can need any more.
    pub(crate) fn strike(shared: &Shared, ids: &HashSet<BlobId>) -> Result<(), LocalError> {
        let changes: Vec<Change> = ids.iter().map(|id| (key(id), None)).collect();
        shared.local.write(Space::Blobs, &changes)
    }
}

impl Keeping {
    /// How long this device needs what others hold for it.
    pub(crate) fn term(&self) -> Term {
        Term {
            days: self.days,
            versions: self.versions,
        }
    }
}

//! The epoch secrets that a device holds, found through wraps and chains and checked against their
//! commitments; knows nothing of how they are kept at rest (security.md §2.3 E5, E7).

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    entry::EntryHeader,
    epoch::{Epoch, EpochKeys, open_wrap},
    identity::{DriveKeys, RootKey, kem_id},
    ids::{DriveId, EpochId},
    membership::Control,
    secret::EpochSecret,
};

/// Whose key opens the wraps.
#[derive(Debug, Clone, Copy)]
pub enum Opener<'a> {
    /// A device.
    Device(&'a DriveKeys),
    /// The recovery phrase.
    Root(&'a RootKey),
}

impl Opener<'_> {
    fn kem(&self) -> ([u8; 32], &[u8; 32]) {
        match self {
            Opener::Device(keys) => (keys.kem_pk(), keys.kem_secret()),
            Opener::Root(root) => (root.kem_pk(), root.kem_secret()),
        }
    }
}

/// Something sealed to this device that does not hold what it should: whoever made it is at fault, and
/// another writer should begin a new epoch or seal it again (E7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Complaint {
    /// Of which epoch.
    pub epoch: EpochId,
}

/// See the module.
#[derive(Debug)]
pub struct Keyring {
    drive: DriveId,
    keys: BTreeMap<EpochId, Arc<EpochKeys>>,
    /// The genesis's own body is sealed before the drive has an id.
    founding: Option<Arc<EpochKeys>>,
}

impl Keyring {
    /// An empty one.
    pub fn new(drive: DriveId) -> Keyring {
        Keyring {
            drive,
            keys: BTreeMap::new(),
            founding: None,
        }
    }

    /// The keys of an epoch, if held.
    pub fn get(&self, epoch: &EpochId) -> Option<Arc<EpochKeys>> {
        self.keys.get(epoch).cloned()
    }

    /// By an epoch's first 8 bytes, as references to content name it.
    pub fn by_tag(&self, tag: &[u8; 8]) -> Option<Arc<EpochKeys>> {
        self.keys
            .iter()
            .find(|(id, _)| id.tag() == *tag)
            .map(|(_, keys)| keys.clone())
    }

    /// Every epoch held.
    pub fn epochs(&self) -> impl Iterator<Item = &Arc<EpochKeys>> {
        self.keys.values()
    }

    /// The keys that a header's body is sealed with.
    pub(crate) fn for_body(&self, header: &EntryHeader) -> Option<Arc<EpochKeys>> {
        if header.is_genesis() {
            self.founding.clone()
        } else {
            self.get(&header.epoch)
        }
    }

    /// Takes a secret that this device kept or was welcomed with, if it is the one that the epoch
    /// commits to. Returns whether it is (`false` also if the epoch is not known here).
    pub fn insert(&mut self, control: &Control, epoch: &EpochId, secret: EpochSecret) -> bool {
        let found = control.epoch_ops().find(|(id, _, _)| id == epoch);
        found.is_some_and(|(id, drive, op)| {
            op.matches(&drive, &secret) && self.keep(id, drive, secret)
        })
    }

    fn keep(&mut self, id: EpochId, carried_in: DriveId, secret: EpochSecret) -> bool {
        if carried_in != self.drive {
            let keys = EpochKeys::derive(carried_in, id, secret.duplicate());
            self.founding = Some(Arc::new(keys));
        }
        self.keys
            .insert(id, Arc::new(EpochKeys::derive(self.drive, id, secret)));
        true
    }

    /// Finds every secret that the control entries give to this opener: sealed to it in epochs and
    /// wraps, and within the epochs that it can open already. Every one is checked against its
    /// commitment before it is kept.
    pub fn catch_up(&mut self, control: &Control, opener: Opener<'_>) -> Vec<Complaint> {
        let (kem_pk, kem_sk) = opener.kem();
        let name = kem_id(&kem_pk);
        let epochs: Vec<(EpochId, DriveId, &Epoch)> = control.epoch_ops().collect();
        let mut complaints = Vec::new();
        for (id, drive, epoch) in &epochs {
            if self.keys.contains_key(id) || !epoch.wraps.iter().any(|w| w.kem_id == name) {
                continue;
            }
            let opened = match opener {
                Opener::Device(keys) => epoch.open(drive, keys),
                Opener::Root(root) => epoch.open_as_root(drive, root),
            };
            match opened {
                Ok(secret) => {
                    self.keep(*id, *drive, secret);
                }
                Err(_) => complaints.push(Complaint { epoch: *id }),
            }
        }
        for wrap in control.wrap_ops().filter(|w| w.sealed.kem_id == name) {
            if self.keys.contains_key(&wrap.epoch) {
                continue;
            }
            let opened = open_wrap(&self.drive, &wrap.epoch, &wrap.sealed, kem_sk);
            if !opened.is_ok_and(|secret| self.insert(control, &wrap.epoch, secret)) {
                complaints.push(Complaint { epoch: wrap.epoch });
            }
        }
        self.follow_parents(control, &epochs);
        complaints.retain(|c| !self.keys.contains_key(&c.epoch));
        complaints.sort_unstable_by_key(|c| c.epoch);
        complaints.dedup();
        complaints
    }

    /// From newer to older, so that one pass finds every chain.
    fn follow_parents(&mut self, control: &Control, epochs: &[(EpochId, DriveId, &Epoch)]) {
        for (id, drive, epoch) in epochs.iter().rev() {
            let missing = epoch.parents.iter().any(|p| !self.keys.contains_key(p));
            let Some(keys) = self.get(id).filter(|_| missing) else {
                continue;
            };
            for (parent, secret) in epoch.open_parents(drive, keys.secret()).unwrap_or_default() {
                if !self.keys.contains_key(&parent) {
                    self.insert(control, &parent, secret);
                }
            }
        }
    }
}

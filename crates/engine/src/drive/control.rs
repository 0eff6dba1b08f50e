//! The drive's control plane as the replica needs it: membership rules and epoch keys together. Knows
//! no record and no document.

use std::collections::HashMap;
use std::sync::Arc;

use peerdrive_crypto::body::Role;
use peerdrive_crypto::content::DriveLifetimeKeys;
use peerdrive_crypto::entry::Entry;
use peerdrive_crypto::epoch::EpochKeys;
use peerdrive_crypto::identity::DriveKeys;
use peerdrive_crypto::ids::{BindId, DriveId, EntryId, EpochId, MemberId};
use peerdrive_crypto::keyring::{Keyring, Opener};
use peerdrive_crypto::membership::{Bind, ContentRef, Control, Inserted, Refusal};
use peerdrive_crypto::secret::DriveSecret;
use peerdrive_net::{LogId, PeerId};

use super::handle::Members;
use super::roll::{self, InviteInfo, LeaseInfo};
use crate::keyring::SharedKeys;
use crate::voices::{Choir, Voice};

/// See the module.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    pub(crate) control: Control,
    pub(crate) keyring: Keyring,
    keys: Arc<DriveKeys>,
    bind: BindId,
}

/// What became of a control entry.
#[derive(Debug)]
pub(crate) enum Taken {
    /// It is in, with those that waited for it: all of them, each after what it builds on.
    New(Vec<EntryId>),
    /// Known before, or waiting in memory for what it builds on.
    Nothing,
    /// It can never be part of this drive.
    Refused(String),
}

/// The verdict on a content entry by itself.
#[derive(Debug)]
pub(crate) enum Admits {
    /// It may be stored; whether it counts can change.
    Yes,
    /// Something that it refers to is not here yet.
    NotYet,
    /// It never counts.
    No(String),
}

impl ControlPlane {
    /// Of a device's keys in a drive; nothing else is known yet.
    pub(crate) fn new(drive: DriveId, keys: Arc<DriveKeys>, bind: BindId) -> Self {
        Self {
            control: Control::new(drive),
            keyring: Keyring::new(drive),
            keys,
            bind,
        }
    }

    /// A second, empty one for the same device.
    pub(crate) fn emptied(&self) -> Self {
        Self::new(self.control.drive(), self.keys.clone(), self.bind)
    }

    /// Takes a control entry. `catch_up` is to be called after a batch of them.
    pub(crate) fn insert(&mut self, entry: Entry) -> Taken {
        match self.control.insert(entry) {
            Ok(Inserted::New(ids)) => Taken::New(ids),
            Ok(Inserted::Known | Inserted::Pending(_)) => Taken::Nothing,
            Err(reason) => Taken::Refused(reason.to_string()),
        }
    }

    /// Opens what new entries sealed to this device: epoch secrets and names.
    pub(crate) fn catch_up(&mut self) {
        let complaints = self
            .keyring
            .catch_up(&self.control, Opener::Device(&self.keys));
        for complaint in complaints {
            tracing::warn!(epoch = %complaint.epoch, "an epoch was sealed wrongly to this device");
        }
        self.control.open_names(&self.keyring);
    }

    /// The device that this one is in the drive now: a change of its member's role brings its keys in
    /// anew, under another id. Where it is live more than once, the greatest role counts.
    pub(crate) fn settle_bind(&mut self) -> BindId {
        let own = self.keys.log_pk();
        let live = self.control.state().live_binds();
        let mine = live.filter(|(_, bind)| bind.cert.log_pk == own);
        if let Some((id, _)) = mine.max_by_key(|(id, bind)| (bind.role, std::cmp::Reverse(**id))) {
            self.bind = *id;
        }
        self.bind
    }

    /// Judges what never changes about a content entry: signature, and what it knew. `prev_ctrl` are the
    /// control heads that the entry before it in its log knew.
    pub(crate) fn admits(&self, entry: &Entry, prev_ctrl: &[EntryId]) -> Admits {
        if entry.header.drive != self.control.drive() {
            return Admits::No("it is of another drive".to_owned());
        }
        let Some(log_key) = self.control.log_key(&entry.header.bind) else {
            return Admits::NotYet;
        };
        if let Err(reason) = entry.verify(&log_key) {
            return Admits::No(reason.to_string());
        }
        let judged = ContentRef {
            header: &entry.header,
            prev_ctrl,
            floor: None,
        };
        match self.control.admissible(&judged) {
            Ok(()) => Admits::Yes,
            Err(Refusal::UnknownControl(_)) => Admits::NotYet,
            Err(reason) => Admits::No(reason.to_string()),
        }
    }

    /// Control heads, for a content entry to name.
    pub(crate) fn heads(&self) -> Vec<EntryId> {
        self.control.heads()
    }

    /// Whether this device may change the tree now.
    pub(crate) fn may_write(&self) -> bool {
        self.control.state().role_of_bind(&self.bind) >= Some(Role::Writer)
    }

    /// This device's role; `None` once removed.
    pub(crate) fn role(&self) -> Option<Role> {
        self.control.state().role_of_bind(&self.bind)
    }

    /// Keys of the epoch to write with; `None` if there is none, or it is not here yet.
    pub(crate) fn current_epoch(&self) -> Option<Arc<EpochKeys>> {
        self.epoch(&self.control.state().current_epoch()?)
    }

    /// Keys of an epoch.
    pub(crate) fn epoch(&self, id: &EpochId) -> Option<Arc<EpochKeys>> {
        self.keyring.get(id)
    }

    /// Keys that last as long as the drive.
    pub(crate) fn lifetime(&self) -> Option<DriveLifetimeKeys> {
        let sealed = self.control.genesis_part()?.drive_secret.as_ref()?;
        Some(DriveLifetimeKeys::derive(
            &self.control.drive(),
            &DriveSecret::from(sealed),
        ))
    }

    /// Whose device wrote an entry.
    pub(crate) fn member_of(&self, bind: &BindId) -> Option<MemberId> {
        self.control.state().bind(bind).map(|bind| bind.member)
    }

    /// Hands every key that is here to the content store.
    pub(crate) fn fill(&self, shared: &SharedKeys) {
        for keys in self.keyring.epochs() {
            shared.add(keys.clone());
        }
        shared.set_current(self.current_epoch());
    }

    /// Who may be heard on the drive's topic now.
    pub(crate) fn choir(&self) -> Choir {
        let live = self.control.state().live_binds();
        let voice = |bind: &Bind| Voice {
            log_pk: bind.cert.log_pk,
            member: bind.member,
            peer: PeerId(bind.cert.endpoint.0),
        };
        Choir {
            own: self.bind,
            live: live.map(|(id, bind)| (*id, voice(bind))).collect(),
        }
    }

    /// Who takes part now.
    pub(crate) fn members(&self) -> Members {
        let state = self.control.state();
        let mut names = HashMap::new();
        for (id, member) in &state.members {
            if let Some(label) = &member.label {
                names.insert(*id, label.clone());
            }
        }
        let mut endpoints = HashMap::new();
        for (_, bind) in state.live_binds() {
            endpoints.insert(PeerId(bind.cert.endpoint.0), bind.member);
            if let Some(label) = &bind.label {
                names.entry(bind.member).or_insert_with(|| label.clone());
            }
        }
        let invites = state.invites.values();
        let devices = state.binds.iter();
        let devices = devices
            .map(|(id, bind)| (*id, (bind.member, bind.label.clone())))
            .collect();
        let removals = self.control.removals().into_iter();
        let removals = removals.map(|(endpoint, logs)| {
            let logs = logs.into_iter().map(|(log, len)| (LogId(log.0), len));
            (PeerId(endpoint.0), logs.collect())
        });
        Members {
            endpoints,
            removals: removals.collect(),
            names,
            devices,
            role: self.role(),
            list: roll::members(state, &self.bind),
            leases: state.leases.values().map(LeaseInfo::of).collect(),
            invites: invites
                .map(|invite| InviteInfo::of(invite, &self.bind))
                .collect(),
        }
    }
}

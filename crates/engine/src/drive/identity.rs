//! What this drive is asked about identities: a second device of its own member, somebody who comes
//! back with the recovery phrase, devices that are lost. Knows the rules' side, not the connection.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use peerdrive_crypto::author::{Draft, Signer, brought_in, control_entry, recovery_position};
use peerdrive_crypto::body::{Cut, Reason, RevokeDevice, Role};
use peerdrive_crypto::entry::{Entry, LogPosition};
use peerdrive_crypto::identity::RootKey;
use peerdrive_crypto::ids::{BindId, EndpointKey, LogId};
use peerdrive_crypto::invite::{Challenged, JoinError, Newcomer, Refused};
use peerdrive_crypto::reentry;
use peerdrive_crypto::secret::DriveSecret;
use tokio::sync::oneshot;

use super::actor::{Reply, when_durable};
use super::error::DriveError;
use super::invite::AdmitError;
use super::replica::Replica;
use crate::audit::Source;
use crate::devices::DeviceOffer;

/// One question, with its way back.
pub(crate) enum Ask {
    /// Takes a new device of this device's member in, if it holds the code; answers with the welcome.
    Enrol {
        enrolling: Box<Enrolling>,
        reply: oneshot::Sender<Result<Vec<u8>, AdmitError>>,
    },
    /// The control log as messages, if the drive was founded with this root key.
    FoundedBy {
        root_pk: [u8; 32],
        reply: oneshot::Sender<Option<Vec<Vec<u8>>>>,
    },
    /// Takes the entry of somebody who comes back; whether that endpoint is an owner's now.
    TakeBack {
        entry: Vec<u8>,
        endpoint: EndpointKey,
        reply: oneshot::Sender<Result<bool, DriveError>>,
    },
    /// Somebody holds another entry at one place of this log.
    Forked { log: LogId },
    /// What a history of the drive is written from, now.
    History {
        reply: oneshot::Sender<Result<Source, DriveError>>,
    },
    /// Ends, by the root key, every other device of this device's member. Answers with their names.
    EndOthers {
        root: Box<RootKey>,
        reply: oneshot::Sender<Result<Vec<String>, DriveError>>,
    },
}

/// A new device that asks to be enrolled.
pub(crate) struct Enrolling {
    pub(crate) challenged: Challenged,
    pub(crate) request: Vec<u8>,
    pub(crate) remote: EndpointKey,
    pub(crate) offer: Arc<DeviceOffer>,
    /// Addresses of devices that the new one may ask too.
    pub(crate) peers: Vec<Vec<u8>>,
}

impl Replica {
    /// Answers, at once or when what it staged is durable.
    pub(crate) fn identity(&mut self, ask: Ask) -> Option<Reply> {
        match ask {
            Ask::Enrol { enrolling, reply } => answered(reply, self.enrol(*enrolling)),
            Ask::FoundedBy { root_pk, reply } => {
                let control = &self.control.control;
                let log = reentry::is_founded_by(control, &root_pk)
                    .then(|| reentry::log_messages(control));
                let _ = reply.send(log);
                None
            }
            Ask::TakeBack {
                entry,
                endpoint,
                reply,
            } => {
                self.receive(vec![Bytes::from(entry)]);
                let role = self.control.control.state().live_endpoint(&endpoint);
                let back = role.is_some_and(|(_, role)| role == Role::Owner);
                answered(reply, Ok(back))
            }
            Ask::Forked { log } => {
                if self.writes_in(&log) {
                    self.reincarnate();
                }
                None
            }
            Ask::History { reply } => {
                let control = self.control.control.entries();
                let source = Source {
                    control: control.map(|(_, entry)| entry.clone()).collect(),
                    log: self.log.clone(),
                    bind: self.own.bind,
                    keys: self.own.keys.clone(),
                };
                // What was staged before it is to be in the record when it is read.
                answered(reply, Ok(source))
            }
            Ask::EndOthers { root, reply } => answered(reply, self.end_others(&root)),
        }
    }

    fn enrol(&mut self, enrolling: Enrolling) -> Result<Vec<u8>, AdmitError> {
        let Enrolling {
            challenged,
            request,
            remote,
            offer,
            peers,
        } = enrolling;
        let now = crate::env::now_ms() / 1000;
        let applicant = challenged.request(&request, &offer.state, &remote, now)?;
        if self.control.role() < Some(Role::Writer) {
            return Err(DriveError::NotAllowed.into());
        }
        // In the turn in which the entry is written, so that a code is good for one device.
        if offer.used.swap(true, Ordering::AcqRel) {
            return Err(Refused::UsedUp.into());
        }
        let member = self
            .control
            .member_of(&self.own.bind)
            .ok_or(Refused::NotAdmitted)?;
        let draft = Draft::new().add_device(applicant.cert.clone(), &applicant.device_label);
        let entry = self.author(draft)?;
        let bind = brought_in(&entry);
        let part = self.control.control.genesis_part();
        let part = part.ok_or(JoinError::Protocol)?;
        let secret = part.drive_secret.as_ref().map(DriveSecret::from);
        let newcomer = Newcomer {
            member,
            bind: bind.first().copied().ok_or(JoinError::Protocol)?,
            drive_secret: &secret.ok_or(JoinError::Protocol)?,
            drive_name: part.drive_name.as_deref().unwrap_or_default(),
            peers: &peers,
        };
        Ok(applicant.welcome(
            &self.control.control,
            &self.control.keyring,
            &newcomer,
            &mut crate::env::rng(),
        )?)
    }

    fn end_others(&mut self, root: &RootKey) -> Result<Vec<String>, DriveError> {
        let state = self.control.control.state();
        let member = self.control.member_of(&self.own.bind);
        let mut lost: Vec<(BindId, String)> = Vec::new();
        for (id, bind) in state.live_binds() {
            let same_keys = bind.cert.log_pk == self.own.keys.log_pk();
            if Some(bind.member) == member && !same_keys {
                lost.push((*id, bind.label.clone().unwrap_or_else(|| id.to_string())));
            }
        }
        if lost.is_empty() {
            return Ok(Vec::new());
        }
        let mut draft = Draft::new();
        for (bind, _) in &lost {
            draft = draft.revoke_device(RevokeDevice {
                bind: *bind,
                cut: self.ends_of(bind),
                reason: Reason::Compromised,
            });
        }
        let at = recovery_position(self.drive, &mut crate::env::rng());
        self.author_as(&at, Signer::Root(root), draft)?;
        Ok(lost.into_iter().map(|(_, name)| name).collect())
    }

    /// Up to where a device's content has come here.
    fn ends_of(&self, device: &BindId) -> Vec<Cut> {
        let ends = self.frontier().into_iter();
        ends.filter(|(_, bind, _, _)| bind == device)
            .map(|(log, _, seq, entry)| Cut { log, seq, entry })
            .collect()
    }

    /// Makes a control entry, tries it out, and stages it if everything in it is valid.
    pub(super) fn author_as(
        &mut self,
        at: &LogPosition,
        signer: Signer<'_>,
        draft: Draft,
    ) -> Result<Entry, DriveError> {
        let refused = |error: &dyn std::fmt::Display| DriveError::Refused(error.to_string());
        let control = &self.control.control;
        let keyring = &self.control.keyring;
        let rng = &mut crate::env::rng();
        let entry = control_entry(control, at, signer, keyring, draft, rng)
            .map_err(|error| refused(&error))?
            .entry;
        let mut trial = control.clone();
        trial
            .insert(entry.clone())
            .map_err(|error| refused(&error))?;
        if trial.verdicts(&entry.id()).iter().any(|(_, valid)| !valid) {
            return Err(if self.control.role() < Some(Role::Admin) {
                DriveError::NotAllowed
            } else {
                DriveError::NotAbove
            });
        }
        self.add_control(entry.clone())?;
        Ok(entry)
    }
}

fn answered<T, E>(reply: oneshot::Sender<Result<T, E>>, result: Result<T, E>) -> Option<Reply>
where
    T: Send + 'static,
    E: From<DriveError> + Send + 'static,
{
    match result {
        Ok(value) => Some(when_durable(reply, value)),
        Err(error) => {
            let _ = reply.send(Err(error));
            None
        }
    }
}

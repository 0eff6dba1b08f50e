//! Changing who may do what, as control entries of this device: roles, removals, invites taken back.
//! Asks the rules before anything is written; does not make them.

use peerdrive_crypto::author::{Draft, Signer};
use peerdrive_crypto::body::{Cut, Lease, Reason, Revoke, RevokeDevice, Role};
use peerdrive_crypto::entry::{Entry, Plane};
use peerdrive_crypto::ids::{BindId, InviteId, MemberId};

use super::error::DriveError;
use super::replica::Replica;

/// Most readers to whom one entry seals a key.
const MOST_WRAPS: usize = 32;

/// What is to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Gives a member another role.
    Role(MemberId, Role),
    /// Takes a member out, with all devices.
    RemoveMember(MemberId, Reason),
    /// Takes one device out.
    RemoveDevice(BindId, Reason),
    /// Lets late work of a removed device stand.
    Accept(BindId),
    /// Takes an invite back.
    RevokeInvite(InviteId),
    /// Lets a storage peer keep the drive's sealed bytes.
    Lease(Lease),
    /// Ends a lease, by its id.
    EndLease([u8; 16]),
}

impl Replica {
    /// Stages the entry that does it, if the rules let this device.
    pub(crate) fn govern(&mut self, act: Act) -> Result<(), DriveError> {
        let draft = match act {
            Act::Role(member, role) => self.role_draft(member, role)?,
            Act::RemoveMember(member, reason) => {
                self.live_member(&member)?;
                let cut = self.cuts(|bind| bind.member == member);
                Draft::new().revoke(Revoke {
                    member,
                    cut,
                    reason,
                })
            }
            Act::RemoveDevice(bind, reason) => {
                let cut = self.cuts_of(&bind);
                Draft::new().revoke_device(RevokeDevice { bind, cut, reason })
            }
            Act::Accept(device) => {
                self.at_least(Role::Admin)?;
                self.accept_draft(&device)?
            }
            Act::RevokeInvite(invite) => {
                self.at_least(Role::Admin)?;
                Draft::new().revoke_invite(invite)
            }
            Act::Lease(lease) => {
                self.at_least(Role::Admin)?;
                Draft::new().lease(lease)
            }
            Act::EndLease(lease) => {
                self.at_least(Role::Admin)?;
                Draft::new().revoke_lease(lease)
            }
        };
        self.author(draft).map(drop)
    }

    /// Sees to keys after entries met that did not know of each other: begins an epoch if there is none
    /// that nobody removed can read (E4), or if something was written in one that a live device cannot
    /// read; seals the present one to whoever was left out (E5). Returns whether anything was to do.
    pub(crate) fn tend(&mut self) -> Result<bool, DriveError> {
        if self.control.role() < Some(Role::Writer) {
            return Ok(false);
        }
        let control = &self.control.control;
        let none = control.state().current_epoch().is_none();
        let may = self.control.role() >= Some(Role::Admin);
        if none || (may && control.is_torn(&self.control.keyring)) {
            self.author(Draft::new().rekey())?;
            return Ok(true);
        }
        let left = control.left_out(&self.control.keyring);
        if left.is_empty() {
            return Ok(false);
        }
        let draft = left
            .into_iter()
            .take(MOST_WRAPS)
            .fold(Draft::new(), Draft::wrap);
        self.author(draft)?;
        Ok(true)
    }

    fn at_least(&self, role: Role) -> Result<(), DriveError> {
        if self.control.role() < Some(role) {
            return Err(DriveError::NotAllowed);
        }
        Ok(())
    }

    fn live_member(&self, member: &MemberId) -> Result<Role, DriveError> {
        let state = self.control.control.state();
        let role = state.members.get(member).and_then(|member| member.role);
        role.ok_or_else(|| DriveError::Refused("that member is not in the drive any more".into()))
    }

    fn role_draft(&self, member: MemberId, role: Role) -> Result<Draft, DriveError> {
        self.at_least(Role::Admin)?;
        let state = self.control.control.state();
        let has = self.live_member(&member)?;
        if has == role {
            return Err(DriveError::Refused(format!(
                "that member is {role} already"
            )));
        }
        if state.bind(&self.own.bind).map(|bind| bind.member) == Some(member) {
            return Err(DriveError::Refused(
                "nobody changes their own role; another owner or admin can".into(),
            ));
        }
        let mut devices: Vec<_> = state
            .live_binds()
            .filter(|(_, bind)| bind.member == member)
            .map(|(_, bind)| bind.cert.clone())
            .collect();
        // A device may be there twice, under two grants.
        devices.sort_by_key(|cert| cert.log_pk);
        devices.dedup_by_key(|cert| cert.log_pk);
        let revoke = Revoke {
            member,
            cut: self.cuts(|bind| bind.member == member),
            reason: Reason::Retired,
        };
        Ok(Draft::new().change_role(revoke, role, devices))
    }

    fn cuts_of(&self, bind: &BindId) -> Vec<Cut> {
        let mut cuts = Vec::new();
        for (log, of, seq, entry) in self.frontier() {
            if of == *bind {
                cuts.push(Cut { log, seq, entry });
            }
        }
        cuts
    }

    /// Where the content of some devices ends for this device: all that it has applied.
    fn cuts(&self, whose: impl Fn(&peerdrive_crypto::membership::Bind) -> bool) -> Vec<Cut> {
        let state = self.control.control.state();
        let mut cuts = Vec::new();
        for (log, of, seq, entry) in self.frontier() {
            if state.bind(&of).is_some_and(&whose) {
                cuts.push(Cut { log, seq, entry });
            }
        }
        cuts
    }

    /// Makes a control entry of this device, and stages it, if everything in it would be valid.
    pub(crate) fn author(&mut self, draft: Draft) -> Result<Entry, DriveError> {
        let at = self.own_position(Plane::Control);
        let keys = self.own.keys.clone();
        self.author_as(&at, Signer::Device(&keys), draft)
    }
}

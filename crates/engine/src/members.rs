//! Members, devices and invites as a door sees them: listed, found by what a person types, changed by
//! the drive's actor. Decides nothing about access.

use peerdrive_crypto::body::Role;

use crate::drive::approval::JoinRequest;
use crate::drive::error::DriveError;
use crate::drive::govern::Act;
use crate::drive::handle::DriveHandle;
use crate::drive::request::Request;
use crate::drive::review::Pending;
use crate::drive::roll::{DeviceInfo, InviteInfo, MemberInfo, RemovalReason};
use crate::local::Space;

/// Fewest characters of an id that stand for it.
const SHORTEST: usize = 4;

/// Who or what a person means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A member, with all devices.
    Member(MemberInfo),
    /// One device of this member.
    Device(MemberInfo, DeviceInfo),
}

/// Nothing, or too much, goes by what a person typed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhoError {
    /// Nothing.
    #[error("there is no {what} `{wanted}` in this drive; {list} lists them")]
    NotFound {
        /// "member", "member or device", "invite" or "request".
        what: &'static str,
        /// What was typed.
        wanted: String,
        /// The command that lists them.
        list: &'static str,
    },
    /// Several.
    #[error("several go by `{wanted}`; use more of an id: {}", ids.join(", "))]
    Ambiguous {
        /// What was typed.
        wanted: String,
        /// Which.
        ids: Vec<String>,
    },
}

/// A change of membership was not made.
#[derive(Debug, thiserror::Error)]
pub enum GovernError {
    /// Whom it is about.
    #[error(transparent)]
    Who(#[from] WhoError),
    /// The drive's rules, or its record.
    #[error(transparent)]
    Drive(#[from] DriveError),
}

impl DriveHandle {
    /// The live members, by id.
    pub fn members(&self) -> Vec<MemberInfo> {
        self.shared.members.read().list.clone()
    }

    /// Every invite that was ever written into the drive.
    pub fn invites(&self) -> Vec<InviteInfo> {
        self.shared.members.read().invites.clone()
    }

    /// Joiners who wait on this device until somebody has compared words with them.
    pub fn join_requests(&self) -> Vec<JoinRequest> {
        self.shared.approvals.all()
    }

    /// Lets a waiting joiner in, or turns them away.
    pub fn decide_join(&self, wanted: &str, yes: bool) -> Result<JoinRequest, WhoError> {
        let all = self.join_requests();
        let listed = ("request", "`peerdrive invite requests DRIVE`");
        let found = pick(wanted, listed, &all, |request| {
            (request.id.clone(), Some(request.name.clone()))
        })?;
        if self.shared.approvals.decide(&found.id, yes) {
            Ok(found)
        } else {
            Err(not_found(wanted, listed))
        }
    }

    /// Gives a member another role.
    pub async fn change_role(&self, wanted: &str, role: Role) -> Result<MemberInfo, GovernError> {
        let member = self.find_member(wanted)?;
        self.govern(Act::Role(member.id, role)).await?;
        Ok(MemberInfo { role, ..member })
    }

    /// Takes a member or a device out.
    pub async fn remove(&self, wanted: &str, reason: RemovalReason) -> Result<Target, GovernError> {
        let target = self.find(wanted)?;
        let act = match &target {
            Target::Member(member) => Act::RemoveMember(member.id, reason.into()),
            Target::Device(_, device) => Act::RemoveDevice(device.id, reason.into()),
        };
        self.govern(act).await?;
        Ok(target)
    }

    /// Takes an invite back.
    pub async fn revoke_invite(&self, wanted: &str) -> Result<InviteInfo, GovernError> {
        let listed = ("invite", "`peerdrive invites DRIVE`");
        let invite = pick(wanted, listed, &self.invites(), |invite| {
            (invite.id.to_string(), None)
        })?;
        self.govern(Act::RevokeInvite(invite.id)).await?;
        Ok(invite)
    }

    /// A member by id, unique beginning of an id, or unique name.
    pub fn find_member(&self, wanted: &str) -> Result<MemberInfo, WhoError> {
        let listed = ("member", "`peerdrive members DRIVE`");
        pick(wanted, listed, &self.members(), |member| {
            (member.id.to_string(), member.name.clone())
        })
    }

    /// A member or device. A member comes first where both go by the same name.
    pub fn find(&self, wanted: &str) -> Result<Target, WhoError> {
        match self.find_member(wanted) {
            Ok(member) => return Ok(Target::Member(member)),
            Err(ambiguous @ WhoError::Ambiguous { .. }) => return Err(ambiguous),
            Err(WhoError::NotFound { .. }) => {}
        }
        let devices: Vec<_> = self
            .members()
            .into_iter()
            .flat_map(|member| {
                let devices = member.devices.clone();
                devices
                    .into_iter()
                    .map(move |device| (member.clone(), device))
            })
            .collect();
        let listed = ("member or device", "`peerdrive members DRIVE`");
        let (member, device) = pick(wanted, listed, &devices, |(_, device)| {
            (device.id.to_string(), device.name.clone())
        })?;
        Ok(Target::Device(member, device))
    }

    /// What removed devices wrote too late to count, and nobody on this device has set aside.
    pub async fn review(&self) -> Result<Vec<Pending>, DriveError> {
        let mut pending = self.ask(|reply| Request::Pending { reply }).await?;
        let local = self.local();
        let mut set_aside = Vec::new();
        for waiting in &pending {
            let noted = local.get(Space::Config, &note_key(waiting))?;
            set_aside.push(noted == Some(waiting.entries.to_le_bytes().to_vec()));
        }
        let mut aside = set_aside.into_iter();
        pending.retain(|_| !aside.next().unwrap_or(false));
        Ok(pending)
    }

    /// Lets late work count for everyone, or sets it aside on this device.
    pub async fn decide_review(&self, wanted: &str, accept: bool) -> Result<Pending, GovernError> {
        let listed = ("device", "`peerdrive review DRIVE`");
        let found = pick(wanted, listed, &self.review().await?, |pending| {
            (pending.device.to_string(), pending.name.clone())
        })?;
        if accept {
            self.govern(Act::Accept(found.device)).await?;
        } else {
            let count = found.entries.to_le_bytes().to_vec();
            let noted = self.local().put(Space::Config, &note_key(&found), count);
            noted.map_err(DriveError::from)?;
        }
        Ok(found)
    }

    pub(crate) async fn govern(&self, act: Act) -> Result<(), DriveError> {
        self.ask(|reply| Request::Govern { act, reply }).await
    }
}

fn not_found(wanted: &str, (what, list): (&'static str, &'static str)) -> WhoError {
    WhoError::NotFound {
        what,
        wanted: wanted.to_owned(),
        list,
    }
}

/// Under which it is noted how much of a device's late work was set aside.
fn note_key(pending: &Pending) -> Vec<u8> {
    [b"aside ".as_slice(), &pending.device.0].concat()
}

/// Whether an id and a name fit what was typed.
type Fits<'a> = dyn Fn(&str, Option<&str>) -> bool + 'a;

/// The one thing that goes by `wanted`: an id counts before the beginning of one, that before a name.
pub(crate) fn pick<T: Clone>(
    wanted: &str,
    listed: (&'static str, &'static str),
    all: &[T],
    known: impl Fn(&T) -> (String, Option<String>),
) -> Result<T, WhoError> {
    let tests: [&Fits<'_>; 3] = [
        &|id, _| id == wanted,
        &|id, _| {
            let bare = id.rsplit_once('-').map_or(id, |(_, bare)| bare);
            wanted.len() >= SHORTEST && (id.starts_with(wanted) || bare.starts_with(wanted))
        },
        &|_, name| name == Some(wanted),
    ];
    for test in tests {
        let fitting: Vec<(&T, String)> = all
            .iter()
            .map(|one| (one, known(one)))
            .filter(|(_, (id, name))| test(id, name.as_deref()))
            .map(|(one, (id, _))| (one, id))
            .collect();
        match fitting.as_slice() {
            [] => {}
            [(one, _)] => return Ok((*one).clone()),
            several => {
                return Err(WhoError::Ambiguous {
                    wanted: wanted.to_owned(),
                    ids: several.iter().map(|(_, id)| id.clone()).collect(),
                });
            }
        }
    }
    Err(not_found(wanted, listed))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Known = (&'static str, Option<&'static str>);

    fn found(wanted: &str, all: &[Known]) -> Result<Known, WhoError> {
        let known = |(id, name): &Known| ((*id).to_owned(), name.map(str::to_owned));
        pick(wanted, ("member", "`members`"), all, known)
    }

    #[test]
    fn an_id_its_beginning_and_a_name_all_lead_to_the_same_one() {
        let all = [
            ("member-abcdefg", Some("Ana")),
            ("member-abcxyz", Some("Ben")),
            ("member-qqqqq", None),
        ];
        for wanted in ["member-abcdefg", "member-abcd", "abcde", "Ana"] {
            assert_eq!(found(wanted, &all), Ok(all[0]), "{wanted}");
        }
        assert!(matches!(found("abc", &all), Err(WhoError::NotFound { .. })));
        assert!(matches!(
            found("Cleo", &all),
            Err(WhoError::NotFound { .. })
        ));
        assert!(matches!(found("", &all), Err(WhoError::NotFound { .. })));
    }

    #[test]
    fn what_several_go_by_is_never_guessed() {
        let all = [
            ("member-abcdefg", Some("Ana")),
            ("member-abcdxyz", Some("Ana")),
        ];
        for wanted in ["Ana", "abcd", "member-"] {
            assert!(
                matches!(found(wanted, &all), Err(WhoError::Ambiguous { ids, .. }) if ids.len() == 2),
                "{wanted}"
            );
        }
    }
}

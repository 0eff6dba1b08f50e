//! Members, their roles, invites, and who waits to be let in.

use std::collections::HashSet;

use peerdrive_engine::DriveHandle;
use peerdrive_engine::drive::roll::{InviteInfo, InviteStanding, MemberInfo, RemovalReason};
use peerdrive_engine::members::Target;

use super::errors;
use crate::clock;
use crate::dto::{
    DecideJoinReply, DecideJoinRequest, DecideReviewReply, DecideReviewRequest, InviteLine,
    InviteState, InvitesReply, JoinRequestLine, JoinRequestsReply, Member, MemberDevice,
    MembersReply, ReviewLine, ReviewReply, RevokeInviteReply, RevokeReply, RevokeRequest,
    RoleReply, RoleRequest,
};
use crate::error::ApiError;
use crate::reply::Replies;

pub(super) async fn members(
    drive: &DriveHandle,
    replies: &mut Replies<Member>,
) -> Result<MembersReply, ApiError> {
    let peers = drive.peers().into_iter();
    let connected: HashSet<_> = peers
        .filter(|peer| peer.connected)
        .map(|peer| peer.id)
        .collect();
    for member in drive.members() {
        let MemberInfo {
            id,
            name,
            role,
            you,
            devices,
        } = member;
        let devices = devices.into_iter();
        let line = Member {
            member: id.to_string(),
            name,
            role: role.into(),
            devices: devices
                .map(|device| MemberDevice {
                    device: device.id.to_string(),
                    name: device.name,
                    you: device.you,
                    connected: device.you || connected.contains(&device.peer),
                })
                .collect(),
            you,
        };
        replies.item(&line).await?;
    }
    Ok(MembersReply {
        drive: drive.id().to_string(),
    })
}

pub(super) async fn role(
    drive: &DriveHandle,
    request: &RoleRequest,
) -> Result<RoleReply, ApiError> {
    let member = drive
        .change_role(&request.member, request.role.into())
        .await
        .map_err(|e| errors::govern(&e))?;
    Ok(RoleReply {
        member: member.id.to_string(),
        name: member.name,
        role: member.role.into(),
    })
}

pub(super) async fn revoke(
    drive: &DriveHandle,
    request: &RevokeRequest,
) -> Result<RevokeReply, ApiError> {
    let reason = if request.compromised {
        RemovalReason::Compromised
    } else {
        RemovalReason::Retired
    };
    let target = drive
        .remove(&request.who, reason)
        .await
        .map_err(|e| errors::govern(&e))?;
    Ok(match target {
        Target::Member(member) => RevokeReply {
            member: member.id.to_string(),
            device: None,
            name: member.name,
        },
        Target::Device(member, device) => RevokeReply {
            member: member.id.to_string(),
            device: Some(device.id.to_string()),
            name: device.name.or(member.name),
        },
    })
}

pub(super) async fn invites(
    drive: &DriveHandle,
    replies: &mut Replies<InviteLine>,
) -> Result<InvitesReply, ApiError> {
    let now_ms = clock::now_ms();
    for invite in drive.invites() {
        replies.item(&invite_line(&invite, now_ms)).await?;
    }
    Ok(InvitesReply {
        drive: drive.id().to_string(),
    })
}

fn invite_line(invite: &InviteInfo, now_ms: u64) -> InviteLine {
    InviteLine {
        invite: invite.id.to_string(),
        role: invite.role.into(),
        expires: invite.expires_ms,
        uses: invite.uses,
        used: invite.used,
        state: match invite.standing(now_ms) {
            InviteStanding::Open => InviteState::Open,
            InviteStanding::Expired => InviteState::Expired,
            InviteStanding::Used => InviteState::Used,
            InviteStanding::Revoked => InviteState::Revoked,
        },
        approve: invite.approve,
        here: invite.here,
    }
}

pub(super) async fn revoke_invite(
    drive: &DriveHandle,
    wanted: &str,
) -> Result<RevokeInviteReply, ApiError> {
    let invite = drive
        .revoke_invite(wanted)
        .await
        .map_err(|e| errors::govern(&e))?;
    Ok(RevokeInviteReply {
        invite: invite.id.to_string(),
        used: invite.used,
    })
}

pub(super) async fn join_requests(
    drive: &DriveHandle,
    replies: &mut Replies<JoinRequestLine>,
) -> Result<JoinRequestsReply, ApiError> {
    for request in drive.join_requests() {
        let line = JoinRequestLine {
            request: request.id,
            invite: request.invite.to_string(),
            role: request.role.into(),
            name: request.name,
            device: request.device,
            words: request.words,
            since: request.since_ms,
        };
        replies.item(&line).await?;
    }
    Ok(JoinRequestsReply {
        drive: drive.id().to_string(),
    })
}

pub(super) fn decide_join(
    drive: &DriveHandle,
    request: &DecideJoinRequest,
) -> Result<DecideJoinReply, ApiError> {
    let decided = drive
        .decide_join(&request.request, request.admit)
        .map_err(|e| errors::who(&e))?;
    Ok(DecideJoinReply {
        request: decided.id,
        name: decided.name,
        admitted: request.admit,
    })
}

pub(super) async fn review(
    drive: &DriveHandle,
    replies: &mut Replies<ReviewLine>,
) -> Result<ReviewReply, ApiError> {
    for pending in drive.review().await.map_err(|e| errors::drive(&e))? {
        let line = ReviewLine {
            device: pending.device.to_string(),
            member: pending.member.map(|member| member.to_string()),
            name: pending.name,
            entries: pending.entries,
            paths: pending.paths,
        };
        replies.item(&line).await?;
    }
    Ok(ReviewReply {
        drive: drive.id().to_string(),
    })
}

pub(super) async fn decide_review(
    drive: &DriveHandle,
    request: &DecideReviewRequest,
) -> Result<DecideReviewReply, ApiError> {
    let decided = drive
        .decide_review(&request.device, request.accept)
        .await
        .map_err(|e| errors::govern(&e))?;
    Ok(DecideReviewReply {
        device: decided.device.to_string(),
        entries: decided.entries,
        accepted: request.accept,
    })
}

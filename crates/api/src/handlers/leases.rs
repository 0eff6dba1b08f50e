//! Leases of storage peers: given, listed, ended.

use peerdrive_engine::DriveHandle;
use peerdrive_engine::leases::LeaseStatus;

use super::errors;
use crate::clock;
use crate::dto::{EndLeaseReply, LeaseLine, LeaseRequest, LeaseState, LeasesReply};
use crate::error::ApiError;
use crate::reply::Replies;

pub(super) async fn lease(
    drive: &DriveHandle,
    request: &LeaseRequest,
) -> Result<LeaseLine, ApiError> {
    let until = clock::now_ms().saturating_add(request.expires_in) / 1000;
    let lease = drive.lease(&request.code.0, request.quota, until).await;
    let lease = lease.map_err(|e| errors::lease(&e))?;
    let status = LeaseStatus {
        lease,
        connected: true,
        level: false,
        storing: None,
    };
    Ok(line(&status, clock::now_ms()))
}

pub(super) async fn leases(
    drive: &DriveHandle,
    replies: &mut Replies<LeaseLine>,
) -> Result<LeasesReply, ApiError> {
    let now_ms = clock::now_ms();
    for lease in drive.leases() {
        replies.item(&line(&lease, now_ms)).await?;
    }
    Ok(LeasesReply {
        drive: drive.id().to_string(),
    })
}

fn line(status: &LeaseStatus, now_ms: u64) -> LeaseLine {
    let LeaseStatus {
        lease,
        connected,
        level,
        storing,
    } = status;
    let state = match storing {
        _ if lease.is_over(now_ms) => LeaseState::Expired,
        _ if !connected => LeaseState::Away,
        Some(storing) if storing.refused.is_some() => LeaseState::Refused,
        Some(storing) if storing.full => LeaseState::Full,
        Some(storing) if *level && storing.named && storing.lacking == 0 => LeaseState::Stored,
        _ => LeaseState::Storing,
    };
    LeaseLine {
        lease: lease.id_text(),
        peer: lease.peer.to_string(),
        quota: lease.quota,
        expires: lease.expires_ms,
        state,
        lacking: storing
            .filter(|storing| storing.named)
            .map(|storing| storing.lacking),
    }
}

pub(super) async fn end_lease(
    drive: &DriveHandle,
    wanted: &str,
) -> Result<EndLeaseReply, ApiError> {
    let lease = drive.end_lease(wanted).await;
    let lease = lease.map_err(|e| errors::govern(&e))?;
    Ok(EndLeaseReply {
        lease: lease.id_text(),
    })
}

//! A host without an engine, for tests of what stands in front of one. It answers from what it is asked.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::dto::*;
use crate::error::{ApiError, Code};
use crate::reply::Replies;
use crate::router::Router;
use crate::schema::{Commands, NoItem};
use crate::upload::{Pieces, UploadRequest, Uploads};

#[derive(Debug, Default)]
pub(crate) struct Fake {
    pub(crate) closing: CancellationToken,
    /// Items that `tree` got rid of.
    pub(crate) listed: AtomicU64,
    /// Files that came in whole: names and bytes.
    pub(crate) files: Mutex<Vec<(String, Vec<u8>)>>,
}

impl Uploads for Fake {
    /// Takes what is for the drive `d`.
    async fn upload(&self, request: UploadRequest, mut pieces: Pieces) -> Result<Made, ApiError> {
        if request.drive != "d" {
            return Err(no_tree());
        }
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|e| ApiError::new(Code::Io, e.to_string()))?;
            bytes.extend_from_slice(&piece);
        }
        self.files.lock().push((request.name.clone(), bytes));
        Ok(Made {
            node: "n".into(),
            folder: request.folder.unwrap_or_default(),
            name: request.name,
        })
    }
}

pub(crate) fn fake() -> (Arc<Fake>, Router<Fake>) {
    let host = Arc::new(Fake::default());
    (
        host.clone(),
        Router::new(host.clone(), host.closing.clone()),
    )
}

fn some_drive(name: &str, path: PathBuf) -> DriveRef {
    DriveRef {
        drive: "d0".into(),
        name: name.into(),
        path,
    }
}

/// This host has no drives to browse.
fn no_tree() -> ApiError {
    ApiError::new(Code::DriveNotFound, "there is no drive here")
}

impl Commands for Fake {
    async fn share(
        &self,
        r: ShareRequest,
        replies: &mut Replies<NoItem>,
    ) -> Result<DriveRef, ApiError> {
        for files in 0..3 {
            replies.progress(&Progress {
                stage: "reading".into(),
                files,
                ..Progress::default()
            });
            tokio::task::yield_now().await;
        }
        Ok(some_drive(r.name.as_deref().unwrap_or("Photos"), r.path))
    }

    async fn invite(
        &self,
        r: InviteRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<InviteReply, ApiError> {
        Ok(InviteReply {
            invite: "invite-a".into(),
            ticket: TicketText("t".into()),
            link: TicketText("l".into()),
            role: r.role,
            expires: r.expires_in.unwrap_or(0),
            uses: r.uses,
            approve: r.approve.unwrap_or(false),
        })
    }

    async fn members(
        &self,
        r: MembersRequest,
        _: &mut Replies<Member>,
    ) -> Result<MembersReply, ApiError> {
        Ok(MembersReply { drive: r.drive })
    }

    async fn role(&self, r: RoleRequest, _: &mut Replies<NoItem>) -> Result<RoleReply, ApiError> {
        Ok(RoleReply {
            member: r.member,
            name: None,
            role: r.role,
        })
    }

    async fn revoke(
        &self,
        r: RevokeRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<RevokeReply, ApiError> {
        Ok(RevokeReply {
            member: r.who,
            device: None,
            name: None,
        })
    }

    async fn invites(
        &self,
        r: InvitesRequest,
        _: &mut Replies<InviteLine>,
    ) -> Result<InvitesReply, ApiError> {
        Ok(InvitesReply { drive: r.drive })
    }

    async fn revoke_invite(
        &self,
        r: RevokeInviteRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<RevokeInviteReply, ApiError> {
        Ok(RevokeInviteReply {
            invite: r.invite,
            used: 0,
        })
    }

    async fn lease(&self, r: LeaseRequest, _: &mut Replies<NoItem>) -> Result<LeaseLine, ApiError> {
        Ok(LeaseLine {
            lease: "lease-1".into(),
            peer: "p".into(),
            quota: r.quota,
            expires: r.expires_in,
            state: LeaseState::Storing,
            lacking: None,
        })
    }

    async fn leases(
        &self,
        r: LeasesRequest,
        _: &mut Replies<LeaseLine>,
    ) -> Result<LeasesReply, ApiError> {
        Ok(LeasesReply { drive: r.drive })
    }

    async fn end_lease(
        &self,
        r: EndLeaseRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<EndLeaseReply, ApiError> {
        Ok(EndLeaseReply { lease: r.lease })
    }

    async fn join_requests(
        &self,
        r: JoinRequestsRequest,
        _: &mut Replies<JoinRequestLine>,
    ) -> Result<JoinRequestsReply, ApiError> {
        Ok(JoinRequestsReply { drive: r.drive })
    }

    async fn review(
        &self,
        r: ReviewRequest,
        _: &mut Replies<ReviewLine>,
    ) -> Result<ReviewReply, ApiError> {
        Ok(ReviewReply { drive: r.drive })
    }

    async fn decide_review(
        &self,
        r: DecideReviewRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<DecideReviewReply, ApiError> {
        Ok(DecideReviewReply {
            device: r.device,
            entries: 0,
            accepted: r.accept,
        })
    }

    async fn decide_join(
        &self,
        r: DecideJoinRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<DecideJoinReply, ApiError> {
        Ok(DecideJoinReply {
            request: r.request,
            name: String::new(),
            admitted: r.admit,
        })
    }

    async fn join(&self, _: JoinRequest, _: &mut Replies<JoinWords>) -> Result<DriveRef, ApiError> {
        Err(ApiError::new(Code::BadTicket, "this is not a ticket").hint("copy all of it"))
    }

    async fn mount(&self, r: MountRequest, _: &mut Replies<NoItem>) -> Result<DriveRef, ApiError> {
        Ok(some_drive(&r.drive, r.path))
    }

    async fn unmount(
        &self,
        r: UnmountRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<UnmountReply, ApiError> {
        Ok(UnmountReply { path: r.path })
    }

    async fn status(
        &self,
        _: StatusRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<StatusReply, ApiError> {
        Ok(StatusReply {
            drives: Vec::new(),
            broken: Vec::new(),
        })
    }

    /// As many lines as the path says.
    async fn tree(
        &self,
        r: TreeRequest,
        replies: &mut Replies<TreeLine>,
    ) -> Result<TreeReply, ApiError> {
        let lines: u64 = r.path.unwrap_or_default().parse().unwrap_or(3);
        for n in 0..lines {
            let line = TreeLine {
                path: format!("f{n}"),
                id: n.to_string(),
                kind: "file".into(),
                size: n,
                mode: 0o644,
                hash: None,
            };
            replies.item(&line).await?;
            self.listed.store(n + 1, Ordering::Relaxed);
        }
        Ok(TreeReply {
            view_hash: "00".into(),
        })
    }

    async fn wait(
        &self,
        r: WaitRequest,
        replies: &mut Replies<NoItem>,
    ) -> Result<WaitReply, ApiError> {
        tokio::select! {
            error = replies.closed() => Err(error),
            () = tokio::time::sleep(Duration::from_millis(r.timeout.unwrap_or(60_000))) => {
                Err(ApiError::new(Code::TimedOut, "not level yet"))
            }
        }
    }

    async fn peers(
        &self,
        r: PeersRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<PeersReply, ApiError> {
        Ok(PeersReply {
            drive: r.drive,
            peers: Vec::new(),
        })
    }

    async fn conflicts(
        &self,
        r: ConflictsRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<ConflictsReply, ApiError> {
        Ok(ConflictsReply {
            drive: r.drive,
            conflicts: Vec::new(),
        })
    }

    async fn deletions(
        &self,
        r: DeletionsRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<DeletionsReply, ApiError> {
        Ok(DeletionsReply {
            drive: r.drive,
            waiting: 0,
        })
    }

    async fn ls(&self, _: LsRequest, _: &mut Replies<LsEntry>) -> Result<LsReply, ApiError> {
        Ok(LsReply { entries: 0 })
    }

    async fn cat(&self, _: CatRequest, _: &mut Replies<Chunk>) -> Result<CatReply, ApiError> {
        Ok(CatReply { size: 0 })
    }

    async fn device_code(
        &self,
        _: DeviceCodeRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<DeviceCodeReply, ApiError> {
        Ok(DeviceCodeReply {
            code: TicketText("c".into()),
            expires: 0,
        })
    }

    async fn address(
        &self,
        _: AddressRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<AddressReply, ApiError> {
        Ok(AddressReply {
            address: "a".into(),
        })
    }

    async fn phrase(
        &self,
        r: PhraseRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<PhraseReply, ApiError> {
        Ok(PhraseReply {
            drive: r.drive,
            phrase: None,
        })
    }

    async fn passphrase(
        &self,
        r: PassphraseRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<PassphraseReply, ApiError> {
        Ok(PassphraseReply {
            sealed: r.passphrase.is_some(),
        })
    }

    async fn backup(
        &self,
        r: BackupRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<BackupReply, ApiError> {
        Ok(BackupReply {
            path: r.out,
            drives: 0,
        })
    }

    async fn keep(&self, r: KeepRequest, _: &mut Replies<NoItem>) -> Result<DriveRef, ApiError> {
        Ok(some_drive(&r.drive, r.path))
    }

    async fn leave(
        &self,
        r: LeaveRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<LeaveReply, ApiError> {
        Ok(LeaveReply {
            drive: r.drive,
            name: String::new(),
            folder: None,
        })
    }

    async fn recover(
        &self,
        _: RecoverRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<RecoverReply, ApiError> {
        Err(ApiError::new(Code::BadTicket, "this is not a phrase").hint("copy all of it"))
    }

    async fn audit(
        &self,
        r: AuditRequest,
        _: &mut Replies<AuditLine>,
    ) -> Result<AuditReply, ApiError> {
        Ok(AuditReply {
            drive: r.drive,
            entries: 0,
        })
    }

    async fn history(
        &self,
        _: HistoryRequest,
        _: &mut Replies<Version>,
    ) -> Result<HistoryReply, ApiError> {
        Ok(HistoryReply { versions: 0 })
    }

    async fn restore(
        &self,
        _: RestoreRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<RestoreReply, ApiError> {
        Err(ApiError::new(Code::PathNotFound, "no such path").hint("give another"))
    }

    async fn trash(
        &self,
        _: TrashRequest,
        _: &mut Replies<TrashLine>,
    ) -> Result<TrashReply, ApiError> {
        Ok(TrashReply { entries: 0 })
    }

    async fn undelete(
        &self,
        r: UndeleteRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<UndeleteReply, ApiError> {
        Ok(UndeleteReply { path: r.path })
    }

    async fn pin(&self, r: PinRequest, _: &mut Replies<NoItem>) -> Result<PinReply, ApiError> {
        Ok(PinReply {
            path: r.path,
            pinned: true,
            files: 0,
            files_here: 0,
        })
    }

    async fn unpin(&self, r: PinRequest, _: &mut Replies<NoItem>) -> Result<PinReply, ApiError> {
        Ok(PinReply {
            path: r.path,
            pinned: false,
            files: 0,
            files_here: 0,
        })
    }

    async fn evict(
        &self,
        _: EvictRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<EvictReply, ApiError> {
        Ok(EvictReply {
            blobs: 0,
            bytes: 0,
            only_here: 0,
        })
    }

    async fn config(
        &self,
        r: ConfigRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<ConfigReply, ApiError> {
        Ok(ConfigReply {
            cache: r.cache.unwrap_or(1),
            cache_by_size: r.cache.is_none(),
            keep_days: r.keep_days.unwrap_or(30),
            keep_versions: r.keep_versions.unwrap_or(10),
            ignore: r.ignore.unwrap_or_default(),
            outside_links: r.outside_links.unwrap_or(false),
        })
    }

    async fn collect(
        &self,
        _: CollectRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<CollectReply, ApiError> {
        Ok(CollectReply {
            blobs: 0,
            bytes: 0,
            left: 0,
        })
    }

    async fn folder(
        &self,
        _: FolderRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<FolderReply, ApiError> {
        Err(no_tree())
    }

    async fn search(
        &self,
        _: SearchRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<SearchReply, ApiError> {
        Err(no_tree())
    }

    async fn read(&self, _: ReadRequest, _: &mut Replies<NoItem>) -> Result<ReadReply, ApiError> {
        Err(no_tree())
    }

    async fn make_folder(
        &self,
        _: MakeFolderRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<Made, ApiError> {
        Err(no_tree())
    }

    async fn create_file(
        &self,
        _: CreateFileRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<Made, ApiError> {
        Err(no_tree())
    }

    async fn rename(&self, _: RenameRequest, _: &mut Replies<NoItem>) -> Result<Made, ApiError> {
        Err(no_tree())
    }

    async fn move_nodes(
        &self,
        _: MoveRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<ChangeReply, ApiError> {
        Err(no_tree())
    }

    async fn delete_nodes(
        &self,
        _: DeleteRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<ChangeReply, ApiError> {
        Err(no_tree())
    }

    async fn drives(
        &self,
        _: DrivesRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<DrivesReply, ApiError> {
        Ok(DrivesReply {
            version: "0".into(),
            device: "device-a".into(),
            drives: Vec::new(),
            broken: Vec::new(),
        })
    }

    async fn problems(
        &self,
        _: ProblemsRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<ProblemsReply, ApiError> {
        Ok(ProblemsReply { drives: Vec::new() })
    }

    async fn transfers(
        &self,
        _: TransfersRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<TransfersReply, ApiError> {
        Ok(TransfersReply {
            transfers: Vec::new(),
        })
    }

    async fn activity(
        &self,
        r: ActivityRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<ActivityReply, ApiError> {
        Ok(ActivityReply {
            drive: r.drive,
            items: Vec::new(),
            more: false,
        })
    }

    async fn focus(
        &self,
        _: FocusRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<FocusReply, ApiError> {
        Ok(FocusReply {})
    }

    async fn presence(
        &self,
        r: PresenceRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<PresenceReply, ApiError> {
        Ok(PresenceReply {
            drive: r.drive,
            here: Vec::new(),
        })
    }

    async fn limit(
        &self,
        r: LimitRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<LimitReply, ApiError> {
        Ok(LimitReply {
            up: r.up,
            down: r.down,
        })
    }

    async fn pause(
        &self,
        r: PauseRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<PauseReply, ApiError> {
        Ok(PauseReply {
            name: r.drive.clone(),
            drive: r.drive,
            paused: true,
        })
    }

    async fn resume(
        &self,
        r: PauseRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<PauseReply, ApiError> {
        Ok(PauseReply {
            name: r.drive.clone(),
            drive: r.drive,
            paused: false,
        })
    }

    async fn stop(&self, _: StopRequest, _: &mut Replies<NoItem>) -> Result<StopReply, ApiError> {
        self.closing.cancel();
        Ok(StopReply {
            pid: std::process::id(),
        })
    }
}

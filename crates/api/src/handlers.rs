//! What answers the commands: one file a noun, each handler a few lines over the engine. Decides
//! nothing about access: the engine does.

pub mod audit;
mod browse;
mod change;
mod contents;
mod deletions;
mod drives;
pub mod errors;
mod holding;
pub mod identity;
mod leases;
mod leaving;
mod limits;
mod members;
mod mounts;
mod news;
mod overview;
mod presence;
mod preview;
mod sharing;
mod upload;
mod versions;

use std::path::PathBuf;

use peerdrive_engine::tree::node::Kind;
use peerdrive_engine::{DriveHandle, Engine, Role as EngineRole};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::dto::*;
use crate::error::ApiError;
use crate::mount_door::MountDoor;
use crate::reply::Replies;
use crate::schema::{Commands, NoItem};

/// The process that holds the engine and answers.
#[derive(Debug)]
pub struct Host<M> {
    engine: Engine,
    mounts: M,
    closing: CancellationToken,
    /// Mounts that could not be brought back: drive, mount point, why.
    absent: Mutex<Vec<AbsentMount>>,
    /// Orders of the folders that somebody looks at.
    orders: std::sync::Arc<browse::Orders>,
    /// Where what happens is told.
    news: std::sync::Arc<news::News>,
    /// What this device's windows show.
    windows: presence::Windows,
}

/// A mount that could not be brought back.
#[derive(Debug)]
struct AbsentMount {
    drive: String,
    path: PathBuf,
    error: ApiError,
}

impl<M: MountDoor> Host<M> {
    /// Answers for this engine. `closing` is cancelled by the `stop` command.
    pub fn new(engine: Engine, mounts: M, closing: CancellationToken) -> Self {
        Self {
            engine,
            mounts,
            news: std::sync::Arc::new(news::News::new(closing.clone())),
            closing,
            absent: Mutex::default(),
            orders: std::sync::Arc::default(),
            windows: presence::Windows::default(),
        }
    }

    fn drive(&self, wanted: &str) -> Result<DriveHandle, ApiError> {
        self.engine.drive(wanted).map_err(|e| errors::find(&e))
    }
}

impl<M: MountDoor> Commands for Host<M> {
    async fn share(
        &self,
        request: ShareRequest,
        replies: &mut Replies<NoItem>,
    ) -> Result<DriveRef, ApiError> {
        sharing::share(self, request, replies).await
    }

    async fn invite(
        &self,
        request: InviteRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<InviteReply, ApiError> {
        sharing::invite(&self.engine, &self.drive(&request.drive)?, &request).await
    }

    async fn join(
        &self,
        request: JoinRequest,
        replies: &mut Replies<JoinWords>,
    ) -> Result<DriveRef, ApiError> {
        sharing::join(self, request, replies).await
    }

    async fn leave(
        &self,
        request: LeaveRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<LeaveReply, ApiError> {
        leaving::leave(self, &request).await
    }

    async fn members(
        &self,
        request: MembersRequest,
        replies: &mut Replies<Member>,
    ) -> Result<MembersReply, ApiError> {
        members::members(&self.drive(&request.drive)?, replies).await
    }

    async fn role(
        &self,
        request: RoleRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<RoleReply, ApiError> {
        members::role(&self.drive(&request.drive)?, &request).await
    }

    async fn revoke(
        &self,
        request: RevokeRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<RevokeReply, ApiError> {
        members::revoke(&self.drive(&request.drive)?, &request).await
    }

    async fn invites(
        &self,
        request: InvitesRequest,
        replies: &mut Replies<InviteLine>,
    ) -> Result<InvitesReply, ApiError> {
        members::invites(&self.drive(&request.drive)?, replies).await
    }

    async fn revoke_invite(
        &self,
        request: RevokeInviteRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<RevokeInviteReply, ApiError> {
        members::revoke_invite(&self.drive(&request.drive)?, &request.invite).await
    }

    async fn lease(
        &self,
        request: LeaseRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<LeaseLine, ApiError> {
        leases::lease(&self.drive(&request.drive)?, &request).await
    }

    async fn leases(
        &self,
        request: LeasesRequest,
        replies: &mut Replies<LeaseLine>,
    ) -> Result<LeasesReply, ApiError> {
        leases::leases(&self.drive(&request.drive)?, replies).await
    }

    async fn end_lease(
        &self,
        request: EndLeaseRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<EndLeaseReply, ApiError> {
        leases::end_lease(&self.drive(&request.drive)?, &request.lease).await
    }

    async fn join_requests(
        &self,
        request: JoinRequestsRequest,
        replies: &mut Replies<JoinRequestLine>,
    ) -> Result<JoinRequestsReply, ApiError> {
        members::join_requests(&self.drive(&request.drive)?, replies).await
    }

    async fn review(
        &self,
        request: ReviewRequest,
        replies: &mut Replies<ReviewLine>,
    ) -> Result<ReviewReply, ApiError> {
        members::review(&self.drive(&request.drive)?, replies).await
    }

    async fn decide_review(
        &self,
        request: DecideReviewRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<DecideReviewReply, ApiError> {
        members::decide_review(&self.drive(&request.drive)?, &request).await
    }

    async fn decide_join(
        &self,
        request: DecideJoinRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<DecideJoinReply, ApiError> {
        members::decide_join(&self.drive(&request.drive)?, &request)
    }

    async fn mount(
        &self,
        request: MountRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<DriveRef, ApiError> {
        let mounted = self
            .mount_and_remember(&self.drive(&request.drive)?, &request.path)
            .await;
        self.may_have_changed_drives(mounted)
    }

    async fn unmount(
        &self,
        request: UnmountRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<UnmountReply, ApiError> {
        let unmounted = self.unmount_and_forget(&request.path).await;
        self.may_have_changed_drives(unmounted)
    }

    async fn status(
        &self,
        request: StatusRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<StatusReply, ApiError> {
        self.status_of(request).await
    }

    async fn drives(
        &self,
        _: DrivesRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<DrivesReply, ApiError> {
        self.cards().await
    }

    async fn problems(
        &self,
        request: ProblemsRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<ProblemsReply, ApiError> {
        self.problems_in(request.drive.as_deref()).await
    }

    async fn transfers(
        &self,
        request: TransfersRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<TransfersReply, ApiError> {
        self.transfers_in(request.drive.as_deref())
    }

    async fn activity(
        &self,
        request: ActivityRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<ActivityReply, ApiError> {
        self.activity_of(&request)
    }

    async fn focus(
        &self,
        request: FocusRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<FocusReply, ApiError> {
        self.take_focus(&request)
    }

    async fn presence(
        &self,
        request: PresenceRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<PresenceReply, ApiError> {
        Ok(presence::presence(&self.drive(&request.drive)?))
    }

    async fn tree(
        &self,
        request: TreeRequest,
        replies: &mut Replies<TreeLine>,
    ) -> Result<TreeReply, ApiError> {
        contents::tree(self.drive(&request.drive)?, request.path, replies).await
    }

    async fn wait(
        &self,
        request: WaitRequest,
        replies: &mut Replies<NoItem>,
    ) -> Result<WaitReply, ApiError> {
        drives::wait(&self.drive(&request.drive)?, request.timeout, replies).await
    }

    async fn peers(
        &self,
        request: PeersRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<PeersReply, ApiError> {
        let drive = self.drive(&request.drive)?;
        Ok(PeersReply {
            drive: drive.id().to_string(),
            peers: drives::peers(drive.peers()),
        })
    }

    async fn conflicts(
        &self,
        request: ConflictsRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<ConflictsReply, ApiError> {
        Ok(drives::conflicts(&self.drive(&request.drive)?))
    }

    async fn deletions(
        &self,
        request: DeletionsRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<DeletionsReply, ApiError> {
        deletions::answer(&self.drive(&request.drive)?, request.answer).await
    }

    async fn ls(
        &self,
        request: LsRequest,
        replies: &mut Replies<LsEntry>,
    ) -> Result<LsReply, ApiError> {
        contents::ls(
            &self.drive(&request.drive)?,
            request.path.as_deref(),
            replies,
        )
        .await
    }

    async fn cat(
        &self,
        request: CatRequest,
        replies: &mut Replies<Chunk>,
    ) -> Result<CatReply, ApiError> {
        contents::cat(&self.drive(&request.drive)?, &request.path, replies).await
    }

    async fn device_code(
        &self,
        request: DeviceCodeRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<DeviceCodeReply, ApiError> {
        identity::device_code(&self.engine, &self.drive(&request.drive)?)
    }

    async fn address(
        &self,
        _: AddressRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<AddressReply, ApiError> {
        Ok(identity::address(&self.engine))
    }

    async fn phrase(
        &self,
        request: PhraseRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<PhraseReply, ApiError> {
        identity::phrase(&self.drive(&request.drive)?, &request)
    }

    async fn passphrase(
        &self,
        request: PassphraseRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<PassphraseReply, ApiError> {
        identity::passphrase(&self.engine, &request).await
    }

    async fn backup(
        &self,
        request: BackupRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<BackupReply, ApiError> {
        identity::backup(&self.engine, &request).await
    }

    async fn keep(
        &self,
        request: KeepRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<DriveRef, ApiError> {
        let kept = identity::keep(&self.engine, &self.drive(&request.drive)?, &request.path);
        self.may_have_changed_drives(kept)
    }

    async fn recover(
        &self,
        request: RecoverRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<RecoverReply, ApiError> {
        identity::recover(self, request).await
    }

    async fn audit(
        &self,
        request: AuditRequest,
        replies: &mut Replies<AuditLine>,
    ) -> Result<AuditReply, ApiError> {
        audit::export(&self.drive(&request.drive)?, replies).await
    }

    async fn history(
        &self,
        request: HistoryRequest,
        replies: &mut Replies<Version>,
    ) -> Result<HistoryReply, ApiError> {
        versions::history(self.drive(&request.drive)?, request.path, replies).await
    }

    async fn restore(
        &self,
        request: RestoreRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<RestoreReply, ApiError> {
        versions::restore(self.drive(&request.drive)?, request).await
    }

    async fn trash(
        &self,
        request: TrashRequest,
        replies: &mut Replies<TrashLine>,
    ) -> Result<TrashReply, ApiError> {
        versions::trash(self.drive(&request.drive)?, replies).await
    }

    async fn undelete(
        &self,
        request: UndeleteRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<UndeleteReply, ApiError> {
        versions::undelete(self.drive(&request.drive)?, &request.path).await
    }

    async fn pin(
        &self,
        request: PinRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<PinReply, ApiError> {
        holding::pin(&self.drive(&request.drive)?, request).await
    }

    async fn unpin(
        &self,
        request: PinRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<PinReply, ApiError> {
        holding::unpin(&self.drive(&request.drive)?, request).await
    }

    async fn evict(
        &self,
        request: EvictRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<EvictReply, ApiError> {
        holding::evict(&self.drive(&request.drive)?, &request.path).await
    }

    async fn config(
        &self,
        request: ConfigRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<ConfigReply, ApiError> {
        holding::config(&self.drive(&request.drive)?, request).await
    }

    async fn collect(
        &self,
        _: CollectRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<CollectReply, ApiError> {
        holding::collect(&self.engine).await
    }

    async fn folder(
        &self,
        request: FolderRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<FolderReply, ApiError> {
        let drive = self.drive(&request.drive)?;
        browse::folder(drive, self.orders.clone(), request).await
    }

    async fn search(
        &self,
        request: SearchRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<SearchReply, ApiError> {
        let drive = self.drive(&request.drive)?;
        off_thread(move || browse::search(&drive, &request)).await?
    }

    async fn read(
        &self,
        request: ReadRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<ReadReply, ApiError> {
        preview::read(&self.drive(&request.drive)?, &request).await
    }

    async fn make_folder(
        &self,
        request: MakeFolderRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<Made, ApiError> {
        change::make_folder(&self.drive(&request.drive)?, &request).await
    }

    async fn create_file(
        &self,
        request: CreateFileRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<Made, ApiError> {
        change::create_file(&self.drive(&request.drive)?, request).await
    }

    async fn rename(
        &self,
        request: RenameRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<Made, ApiError> {
        change::rename(&self.drive(&request.drive)?, &request).await
    }

    async fn move_nodes(
        &self,
        request: MoveRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<ChangeReply, ApiError> {
        change::move_nodes(&self.drive(&request.drive)?, &request).await
    }

    async fn delete_nodes(
        &self,
        request: DeleteRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<ChangeReply, ApiError> {
        change::delete_nodes(&self.drive(&request.drive)?, &request).await
    }

    async fn limit(
        &self,
        request: LimitRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<LimitReply, ApiError> {
        limits::limit(&self.engine, &request)
    }

    async fn pause(
        &self,
        request: PauseRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<PauseReply, ApiError> {
        let paused = limits::pause(&self.engine, &self.drive(&request.drive)?, true).await;
        self.may_have_changed_drives(paused)
    }

    async fn resume(
        &self,
        request: PauseRequest,
        _: &mut Replies<NoItem>,
    ) -> Result<PauseReply, ApiError> {
        let resumed = limits::pause(&self.engine, &self.drive(&request.drive)?, false).await;
        self.may_have_changed_drives(resumed)
    }

    async fn stop(&self, _: StopRequest, _: &mut Replies<NoItem>) -> Result<StopReply, ApiError> {
        self.closing.cancel();
        Ok(StopReply {
            pid: std::process::id(),
        })
    }
}

impl From<EngineRole> for Role {
    fn from(role: EngineRole) -> Self {
        match role {
            EngineRole::Reader => Role::Reader,
            EngineRole::Writer => Role::Writer,
            EngineRole::Admin => Role::Admin,
            EngineRole::Owner => Role::Owner,
        }
    }
}

impl From<Role> for EngineRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Reader => EngineRole::Reader,
            Role::Writer => EngineRole::Writer,
            Role::Admin => EngineRole::Admin,
            Role::Owner => EngineRole::Owner,
        }
    }
}

/// The word for a kind.
fn kind_word(kind: Kind) -> String {
    match kind {
        Kind::File => "file",
        Kind::Folder => "folder",
        Kind::Symlink => "symlink",
    }
    .to_owned()
}

/// Runs something that reads the whole view off the threads that serve.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| errors::broke_off())
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

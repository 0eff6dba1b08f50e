//! Requests and replies of all commands, as they travel; knows nothing of how they are answered.
//!
//! Paths on this disk are absolute. Paths in a drive use `/` and do not start with one; the drive's
//! root is the empty path. Hashes and ids are text. Times are milliseconds since 1970.
//!
//! Every type here has a twin in TypeScript (`app/src/bindings/api.ts`), which a test writes and compares:
//! a new type needs `#[cfg_attr(test, derive(ts_rs::TS))]`.

mod audit;
mod browse;
mod change;
mod daemon;
mod deletions;
mod drive;
mod file;
mod holding;
mod identity;
mod lease;
mod limit;
mod live;
mod member;
mod overview;
mod review;
mod share;
mod version;

pub use audit::{AuditLine, AuditReply, AuditRequest};
pub use browse::{
    Crumb, FolderReply, FolderRequest, Hit, MAX_HITS, MAX_WINDOW, NodeKind, ReadReply, ReadRequest,
    Row, SearchReply, SearchRequest, Seek, SortKey,
};
pub use change::{
    ChangeReply, CreateFileRequest, DeleteRequest, MAX_NODES, Made, MakeFolderRequest, MoveRequest,
    Refused, RenameRequest,
};
pub use daemon::{Settings, StopReply, StopRequest};
pub use deletions::{DeletionsAnswer, DeletionsReply, DeletionsRequest};
pub use drive::{
    BrokenDrive, Conflict, ConflictsReply, ConflictsRequest, DriveRef, DriveStatus, PathStatus,
    Peer, PeersReply, PeersRequest, Problem, StatusReply, StatusRequest, WaitReply, WaitRequest,
};
pub use file::{
    CatReply, CatRequest, Chunk, LsEntry, LsReply, LsRequest, TreeLine, TreeReply, TreeRequest,
};
pub use holding::{
    CollectReply, CollectRequest, ConfigReply, ConfigRequest, EvictReply, EvictRequest, PinReply,
    PinRequest,
};
pub use identity::{
    AddressReply, AddressRequest, BackupReply, BackupRequest, DeviceCodeReply, DeviceCodeRequest,
    KeepRequest, PassphraseReply, PassphraseRequest, PhraseReply, PhraseRequest, RecoverReply,
    RecoverRequest,
};
pub use lease::{
    EndLeaseReply, EndLeaseRequest, LeaseLine, LeaseRequest, LeaseState, LeasesReply, LeasesRequest,
};
pub use limit::{LimitReply, LimitRequest, PauseReply, PauseRequest, Work};
pub use live::{
    Change, ChangeKind, Event, FocusReply, FocusRequest, Frame, Presence, PresenceReply,
    PresenceRequest, Who,
};
pub use member::{
    DecideJoinReply, DecideJoinRequest, InviteLine, InviteState, InvitesReply, InvitesRequest,
    JoinRequestLine, JoinRequestsReply, JoinRequestsRequest, JoinWords, Member, MemberDevice,
    MembersReply, MembersRequest, RevokeInviteReply, RevokeInviteRequest, RevokeReply,
    RevokeRequest, RoleReply, RoleRequest,
};
pub use overview::{
    Activity, ActivityReply, ActivityRequest, DriveCard, DriveProblems, DrivesReply, DrivesRequest,
    ProblemsReply, ProblemsRequest, Transfer, TransfersReply, TransfersRequest, Way,
};
pub use review::{DecideReviewReply, DecideReviewRequest, ReviewLine, ReviewReply, ReviewRequest};
pub use share::{
    InviteReply, InviteRequest, JoinRequest, LeaveReply, LeaveRequest, MountRequest, Place, Role,
    ShareRequest, TicketText, UnmountReply, UnmountRequest,
};
pub use version::{
    HistoryReply, HistoryRequest, RestoreReply, RestoreRequest, TrashLine, TrashReply,
    TrashRequest, UndeleteReply, UndeleteRequest, Version,
};

use serde::{Deserialize, Serialize};

/// How far a long command has come. Totals are absent while they are not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Progress {
    /// What is being done, in a word or two: `reading`, `receiving`.
    pub stage: String,
    /// Files done.
    pub files: u64,
    /// Files in all.
    pub files_total: Option<u64>,
    /// Bytes done.
    pub bytes: u64,
    /// Bytes in all.
    pub bytes_total: Option<u64>,
}

//! The list of commands: names, requests, replies, each declared once. It knows neither how a command
//! is answered nor how it travels.
//!
//! The list makes three things that cannot disagree: a marker type for each command, by which a
//! client calls it; the trait [`Commands`], whose methods are the handlers, so that a missing one does
//! not compile; and the dispatch of a name to its handler, so that none is out of reach.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::dto;
use crate::error::ApiError;
use crate::reply::{Lines, Replies};

/// A command as a client sees it.
pub trait Call: Send + Sync + 'static {
    /// Its name, the last part of the path it is posted to.
    const NAME: &'static str;
    /// What is asked.
    type Request: Serialize + DeserializeOwned + Send + Sync;
    /// What is streamed before the reply; [`NoItem`] for most.
    type Item: Serialize + DeserializeOwned + Send;
    /// What is answered at the end.
    type Reply: Serialize + DeserializeOwned + Send;
}

/// The item of commands that stream none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum NoItem {}

macro_rules! commands {
    (@item) => { NoItem };
    (@item $item:ty) => { $item };
    ($(
        $(#[doc = $doc:literal])*
        $method:ident: $call:ident($request:ty) $(streams $item:ty)? => $reply:ty;
    )+) => {
        $(
            $(#[doc = $doc])*
            #[derive(Debug, Clone, Copy)]
            pub struct $call;

            impl Call for $call {
                const NAME: &'static str = stringify!($method);
                type Request = $request;
                type Item = commands!(@item $($item)?);
                type Reply = $reply;
            }
        )+

        /// What answers the commands: one handler each.
        pub trait Commands: Send + Sync + 'static {
            $(
                $(#[doc = $doc])*
                fn $method(
                    &self,
                    request: $request,
                    replies: &mut Replies<commands!(@item $($item)?)>,
                ) -> impl Future<Output = Result<$reply, ApiError>> + Send;
            )+
        }

        /// Puts every command into the bindings of the app.
        #[cfg(test)]
        pub(crate) fn describe(book: &mut crate::bindings::Book) {
            $(book.call::<$call>(concat!($($doc),*).trim());)+
        }

        /// The names of all commands.
        pub const NAMES: &[&str] = &[$(stringify!($method)),+];

        /// Answers the command of this name; `body` is its request in JSON. An unknown name is left
        /// unanswered: see [`NAMES`].
        pub(crate) async fn dispatch<H: Commands>(host: &H, name: &str, body: &[u8], lines: Lines) {
            match name {
                $(
                    stringify!($method) => Box::pin(async move {
                        let mut replies = Replies::new(lines);
                        let answer = match Replies::<()>::request(body) {
                            Ok(request) => host.$method(request, &mut replies).await,
                            Err(error) => Err(error),
                        };
                        replies.end($call::NAME, answer).await;
                    })
                    .await,
                )+
                _ => {}
            }
        }
    };
}

commands! {
    /// Makes a folder a drive.
    share: Share(dto::ShareRequest) => dto::DriveRef;
    /// Makes a ticket that lets someone join a drive.
    invite: Invite(dto::InviteRequest) => dto::InviteReply;
    /// Joins a drive by a ticket, kept as a folder or mounted.
    join: Join(dto::JoinRequest) streams dto::JoinWords => dto::DriveRef;
    /// Gives a drive up on this device.
    leave: Leave(dto::LeaveRequest) => dto::LeaveReply;
    /// Lists who is in a drive.
    members: Members(dto::MembersRequest) streams dto::Member => dto::MembersReply;
    /// Gives a member another role.
    role: Role(dto::RoleRequest) => dto::RoleReply;
    /// Takes a member or a device out of a drive.
    revoke: Revoke(dto::RevokeRequest) => dto::RevokeReply;
    /// Lists the invites of a drive.
    invites: Invites(dto::InvitesRequest) streams dto::InviteLine => dto::InvitesReply;
    /// Takes an invite back.
    revoke_invite: RevokeInvite(dto::RevokeInviteRequest) => dto::RevokeInviteReply;
    /// Lets a storage peer keep a drive's sealed bytes.
    lease: Lease(dto::LeaseRequest) => dto::LeaseLine;
    /// Lists the leases of a drive's storage peers.
    leases: Leases(dto::LeasesRequest) streams dto::LeaseLine => dto::LeasesReply;
    /// Ends a lease.
    end_lease: EndLease(dto::EndLeaseRequest) => dto::EndLeaseReply;
    /// Lists who waits on this device to be let into a drive.
    join_requests: JoinRequests(dto::JoinRequestsRequest) streams dto::JoinRequestLine => dto::JoinRequestsReply;
    /// Lets somebody in who waits, or turns them away.
    decide_join: DecideJoin(dto::DecideJoinRequest) => dto::DecideJoinReply;
    /// Lists what removed devices wrote too late to count.
    review: Review(dto::ReviewRequest) streams dto::ReviewLine => dto::ReviewReply;
    /// Lets late work of a removed device count for everyone, or sets it aside on this device.
    decide_review: DecideReview(dto::DecideReviewRequest) => dto::DecideReviewReply;
    /// Shows a drive as a file system; comes back when the daemon starts again.
    mount: Mount(dto::MountRequest) => dto::DriveRef;
    /// Takes a mount away.
    unmount: Unmount(dto::UnmountRequest) => dto::UnmountReply;
    /// Tells how drives do: what is in them, what waits and why, who else has them.
    status: Status(dto::StatusRequest) => dto::StatusReply;
    /// Lists the drives in short, at a cost that does not grow with them.
    drives: Drives(dto::DrivesRequest) => dto::DrivesReply;
    /// Tells what waits, and why.
    problems: Problems(dto::ProblemsRequest) => dto::ProblemsReply;
    /// Tells what is being moved.
    transfers: Transfers(dto::TransfersRequest) => dto::TransfersReply;
    /// Tells who did what lately, since the daemon started.
    activity: Activity(dto::ActivityRequest) => dto::ActivityReply;
    /// Tells what a window shows, for the others to see.
    focus: Focus(dto::FocusRequest) => dto::FocusReply;
    /// Tells who is here.
    presence: Presence(dto::PresenceRequest) => dto::PresenceReply;
    /// Lists everything in a drive.
    tree: Tree(dto::TreeRequest) streams dto::TreeLine => dto::TreeReply;
    /// Waits until this device is level with every connected peer and nothing is pending.
    wait: Wait(dto::WaitRequest) => dto::WaitReply;
    /// Lists the other devices that have a drive.
    peers: Peers(dto::PeersRequest) => dto::PeersReply;
    /// Lists what was changed in two ways at once and awaits a choice.
    conflicts: Conflicts(dto::ConflictsRequest) => dto::ConflictsReply;
    /// Tells of deletions that wait for a yes, or gives it.
    deletions: Deletions(dto::DeletionsRequest) => dto::DeletionsReply;
    /// Lists one folder of a drive.
    ls: Ls(dto::LsRequest) streams dto::LsEntry => dto::LsReply;
    /// Reads a file of a drive.
    cat: Cat(dto::CatRequest) streams dto::Chunk => dto::CatReply;
    /// Makes a code by which one more device of this member is taken in.
    device_code: DeviceCode(dto::DeviceCodeRequest) => dto::DeviceCodeReply;
    /// Tells where this device can be reached.
    address: Address(dto::AddressRequest) => dto::AddressReply;
    /// Tells a drive's recovery phrase, or forgets it.
    phrase: Phrase(dto::PhraseRequest) => dto::PhraseReply;
    /// Seals this device's key under a passphrase, or leaves it in the clear.
    passphrase: Passphrase(dto::PassphraseRequest) => dto::PassphraseReply;
    /// Writes a backup of who this device is.
    backup: Backup(dto::BackupRequest) => dto::BackupReply;
    /// Keeps a drive of this device as a folder.
    keep: Keep(dto::KeepRequest) => dto::DriveRef;
    /// Comes back into a drive with its recovery phrase.
    recover: Recover(dto::RecoverRequest) => dto::RecoverReply;
    /// Tells a drive's signed history, line by line.
    audit: Audit(dto::AuditRequest) streams dto::AuditLine => dto::AuditReply;
    /// Lists every version of a file.
    history: History(dto::HistoryRequest) streams dto::Version => dto::HistoryReply;
    /// Brings back an earlier version of a file, or a subtree as it was at a time.
    restore: Restore(dto::RestoreRequest) => dto::RestoreReply;
    /// Lists what was deleted.
    trash: Trash(dto::TrashRequest) streams dto::TrashLine => dto::TrashReply;
    /// Takes something out of the trash.
    undelete: Undelete(dto::UndeleteRequest) => dto::UndeleteReply;
    /// Keeps a file or folder on this device.
    pin: Pin(dto::PinRequest) => dto::PinReply;
    /// Takes a pin away.
    unpin: Unpin(dto::PinRequest) => dto::PinReply;
    /// Lets go of cached bytes that other places hold.
    evict: Evict(dto::EvictRequest) => dto::EvictReply;
    /// Tells or sets what this device keeps of a drive.
    config: Config(dto::ConfigRequest) => dto::ConfigReply;
    /// Removes what no drive needs any more.
    collect: Collect(dto::CollectRequest) => dto::CollectReply;
    /// A window of a folder: never more than some hundred rows.
    folder: Folder(dto::FolderRequest) => dto::FolderReply;
    /// Finds files and folders by name.
    search: Search(dto::SearchRequest) => dto::SearchReply;
    /// Looks into a file, to show it.
    read: Read(dto::ReadRequest) => dto::ReadReply;
    /// Makes a folder.
    make_folder: MakeFolder(dto::MakeFolderRequest) => dto::Made;
    /// Makes a file of a few bytes of text.
    create_file: CreateFile(dto::CreateFileRequest) => dto::Made;
    /// Gives a file or folder another name.
    rename: Rename(dto::RenameRequest) => dto::Made;
    /// Moves files and folders into a folder.
    move_nodes: MoveNodes(dto::MoveRequest) => dto::ChangeReply;
    /// Puts files and folders into the trash.
    delete_nodes: DeleteNodes(dto::DeleteRequest) => dto::ChangeReply;
    /// Tells or sets how fast contents may pass on this device.
    limit: Limit(dto::LimitRequest) => dto::LimitReply;
    /// Stops sending, receiving and writing of a drive on this device.
    pause: Pause(dto::PauseRequest) => dto::PauseReply;
    /// Goes on with a paused drive.
    resume: Resume(dto::PauseRequest) => dto::PauseReply;
    /// Ends the daemon in order.
    stop: Stop(dto::StopRequest) => dto::StopReply;
}

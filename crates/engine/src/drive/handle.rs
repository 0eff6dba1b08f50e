//! What doors hold of a drive: a cheap clone that reads the shared view and asks the actor for
//! everything else. Knows no document, record or socket itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::tree::DriveTree;
use peerdrive_crypto::body::Role;
use peerdrive_crypto::ids::{BindId, DriveId, MemberId};
use peerdrive_log::DriveLog;
use peerdrive_net::{BlobId, DriveLink, DriveTag, LogHead, LogId, Net, PeerId};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::approval::Approvals;
use super::checkpoint::Known;
use super::control::ControlPlane;
use super::error::DriveError;
use super::event::DriveEvent;
use super::request::{Check, EditIfResults, EditResults, Jot, Request};
use super::roll::{InviteInfo, LeaseInfo, MemberInfo};
use super::work::{Meter, Work};
use crate::content::{ContentStore, Progress};
use crate::history::{Writer, bind_text};
use crate::holding::{Ledger, Storing};
use crate::jotter::Jotter;
use crate::keyring::SharedKeys;
use crate::listing::{self, Listed};
use crate::local::LocalTable;
use crate::presence::Presence;
use crate::voices::Voices;
use crate::working_copy::{Problem, WorkingCopy};

/// Events that a slow door may fall behind before it has to compare anew with the view.
const EVENT_BACKLOG: usize = 1024;

/// A drive on this device. Cheap to clone; dropping one never blocks.
#[derive(Clone, Debug)]
pub struct DriveHandle {
    pub(crate) shared: Arc<Shared>,
}

/// What actor, handles and tasks of one drive have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) id: DriveId,
    pub(crate) name: String,
    pub(crate) tree: Arc<RwLock<DriveTree>>,
    pub(crate) log: Arc<DriveLog>,
    pub(crate) local: LocalTable,
    pub(crate) jotter: Jotter,
    pub(crate) keyring: Arc<SharedKeys>,
    pub(crate) content: ContentStore,
    pub(crate) net: Net,
    pub(crate) link: DriveLink,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) requests: mpsc::Sender<Request>,
    pub(crate) members: RwLock<Members>,
    pub(crate) approvals: Approvals,
    pub(crate) working_copy: Mutex<Option<WorkingCopy>>,
    /// Read while bytes leave the folder, written while sealed copies go that the folder stands for.
    pub(crate) parting: Arc<tokio::sync::RwLock<()>>,
    /// Held while the folder is being taken up, so that it is once.
    pub(crate) starting: Mutex<()>,
    /// Why the folder cannot even be waited for, if so.
    pub(crate) no_folder: Mutex<Option<String>>,
    /// What is in the drive has still to arrive.
    pub(crate) awaited: AtomicBool,
    /// What is pinned may not be here although nothing changed: it could not be had, or nothing was asked.
    pub(crate) pins_missed: AtomicBool,
    events: broadcast::Sender<Arc<DriveEvent>>,
    published: AtomicU64,
    followed: Arc<Followed>,
    waiting: AtomicUsize,
    /// What people should know about the drive beside its files.
    notices: Mutex<Vec<Problem>>,
    /// How much was judged of what shows on the word of a checkpoint.
    verified: Mutex<Option<u8>>,
    /// The blobs of the newest checkpoint.
    snapshot: Mutex<Vec<BlobId>>,
    /// Held while a checkpoint is made or fetched.
    pub(crate) checkpointing: Arc<tokio::sync::Mutex<()>>,
    /// Where a checkpoint to begin from is offered to who fetches it.
    offers: mpsc::Sender<Known>,
    /// Nothing is sent, received or kept in step until it is resumed.
    pub(crate) paused: AtomicBool,
    /// Bytes of files that were read, and written, so far.
    pub(crate) taken_in: Progress,
    pub(crate) written_out: Progress,
    meter: Mutex<Meter>,
    pub(crate) presence: Presence,
    pub(crate) voices: Arc<Voices>,
    /// How the storage peers that are connected stand to what this device needs.
    storing: Mutex<HashMap<PeerId, Storing>>,
    tag: DriveTag,
    /// Grows with what [`DriveHandle::standing`] tells of.
    standing: watch::Sender<u64>,
}

/// How many events the folder of a drive has taken in account. What was published beyond that is
/// pending, also while nobody knows yet what it means.
#[derive(Debug, Default)]
pub(crate) struct Followed(AtomicU64);

impl Followed {
    pub(crate) fn up_to(&self, events: u64) {
        self.0.store(events, Ordering::Release);
    }
}

/// Who takes part now, as the last control entry left it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    /// Endpoints of live devices, this one included.
    pub(crate) endpoints: HashMap<PeerId, MemberId>,
    /// Endpoints of devices that were removed, each with what it may still be told: how many entries of which
    /// logs.
    pub(crate) removals: HashMap<PeerId, Vec<(LogId, u64)>>,
    /// Names that members or their devices go by.
    pub(crate) names: HashMap<MemberId, String>,
    /// Every device that ever took part, with its name.
    pub(crate) devices: HashMap<BindId, (MemberId, Option<String>)>,
    /// This device's role; `None` once it was removed.
    pub(crate) role: Option<Role>,
    /// The live members.
    pub(crate) list: Vec<MemberInfo>,
    /// Every invite there was.
    pub(crate) invites: Vec<InviteInfo>,
    /// The leases of storage peers that were not ended.
    pub(crate) leases: Vec<LeaseInfo>,
}

impl Members {
    /// Whether a peer may have the drive's sealed entries and blobs: a member's device, or a storage peer.
    pub(crate) fn admits(&self, peer: &PeerId) -> bool {
        self.endpoints.contains_key(peer) || self.is_store(peer)
    }

    /// Whether a peer is a storage peer with a lease in force, and nobody's device.
    pub(crate) fn is_store(&self, peer: &PeerId) -> bool {
        let now = crate::env::now_ms();
        !self.endpoints.contains_key(peer)
            && self
                .leases
                .iter()
                .any(|lease| lease.peer == *peer && !lease.is_over(now))
    }

    /// The storage peers.
    fn stores(&self) -> Vec<PeerId> {
        let mut stores: Vec<PeerId> = self.leases.iter().map(|lease| lease.peer).collect();
        stores.sort_unstable();
        stores.dedup();
        stores.retain(|peer| self.is_store(peer));
        stores
    }

    /// Who writes as a device.
    pub(crate) fn writer(&self, bind: &BindId) -> Writer {
        match self.devices.get(bind) {
            Some((member, label)) => Writer {
                member: Some(
                    self.names
                        .get(member)
                        .cloned()
                        .unwrap_or_else(|| member.to_string()),
                ),
                device: label.clone().unwrap_or_else(|| bind_text(bind)),
            },
            None => Writer {
                member: None,
                device: bind_text(bind),
            },
        }
    }
}

/// Everything that `Shared` is made of and does not make itself.
pub(crate) struct Parts {
    pub(crate) id: DriveId,
    pub(crate) name: String,
    pub(crate) tree: Arc<RwLock<DriveTree>>,
    pub(crate) log: Arc<DriveLog>,
    pub(crate) local: LocalTable,
    pub(crate) jotter: Jotter,
    pub(crate) keyring: Arc<SharedKeys>,
    pub(crate) content: ContentStore,
    pub(crate) net: Net,
    pub(crate) link: DriveLink,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) requests: mpsc::Sender<Request>,
    pub(crate) paused: bool,
    pub(crate) presence: Presence,
    pub(crate) voices: Arc<Voices>,
    pub(crate) awaited: bool,
    pub(crate) offers: mpsc::Sender<Known>,
    pub(crate) tag: DriveTag,
}

impl Shared {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            id: parts.id,
            name: parts.name,
            tree: parts.tree,
            log: parts.log,
            local: parts.local,
            jotter: parts.jotter,
            keyring: parts.keyring,
            content: parts.content,
            net: parts.net,
            link: parts.link,
            ledger: parts.ledger,
            requests: parts.requests,
            members: RwLock::default(),
            approvals: Approvals::default(),
            working_copy: Mutex::new(None),
            parting: Arc::default(),
            starting: Mutex::new(()),
            no_folder: Mutex::new(None),
            awaited: AtomicBool::new(parts.awaited),
            pins_missed: AtomicBool::new(false),
            events: broadcast::Sender::new(EVENT_BACKLOG),
            published: AtomicU64::new(0),
            followed: Arc::default(),
            waiting: AtomicUsize::new(0),
            notices: Mutex::default(),
            verified: Mutex::default(),
            snapshot: Mutex::default(),
            checkpointing: Arc::default(),
            offers: parts.offers,
            paused: AtomicBool::new(parts.paused),
            taken_in: Progress::new(),
            written_out: Progress::new(),
            meter: Mutex::default(),
            presence: parts.presence,
            voices: parts.voices,
            storing: Mutex::default(),
            tag: parts.tag,
            standing: watch::Sender::new(0),
        }
    }

    pub(crate) fn publish(&self, event: DriveEvent) {
        self.published.fetch_add(1, Ordering::AcqRel);
        if matches!(event, DriveEvent::Peers) {
            self.standing_changed();
        }
        // No receiver is no error: a drive without doors still syncs.
        let _ = self.events.send(Arc::new(event));
    }

    /// Devices came, went or became level, or the folder says something else of itself.
    pub(crate) fn standing_changed(&self) {
        self.standing
            .send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    pub(crate) fn follow_events(&self) -> broadcast::Receiver<Arc<DriveEvent>> {
        self.events.subscribe()
    }

    pub(crate) fn announce(&self, news: Vec<(LogHead, Vec<Bytes>)>) {
        self.link.announce(news);
    }

    pub(crate) fn set_waiting(&self, entries: usize) {
        self.waiting.store(entries, Ordering::Relaxed);
    }

    /// Tells doors to look again where these are new.
    pub(crate) fn set_notices(&self, notices: Vec<Problem>) {
        let before = std::mem::replace(&mut *self.notices.lock(), notices.clone());
        if before != notices {
            self.publish(DriveEvent::Members);
        }
    }

    /// Notes how the drive stands to its checkpoints. Tells doors to look again where that is new.
    pub(crate) fn set_verified(&self, verified: Option<u8>, snapshot: &[BlobId]) {
        let before = std::mem::replace(&mut *self.verified.lock(), verified);
        *self.snapshot.lock() = snapshot.to_vec();
        if before != verified {
            self.publish(DriveEvent::Peers);
        }
    }

    pub(crate) fn verified(&self) -> Option<u8> {
        *self.verified.lock()
    }

    /// Blobs that whoever joins next will ask for.
    pub(crate) fn snapshot_blobs(&self) -> Vec<BlobId> {
        self.snapshot.lock().clone()
    }

    /// Offers a checkpoint to begin from. Whether somebody takes it up.
    pub(crate) fn offer(&self, known: Known) -> bool {
        self.offers.try_send(known).is_ok()
    }

    /// What the drive is called on the wire.
    pub(crate) fn tag(&self) -> DriveTag {
        self.tag
    }

    /// How a storage peer stands, by what it said last.
    pub(crate) fn storing(&self, peer: &PeerId) -> Option<Storing> {
        self.storing.lock().get(peer).copied()
    }

    /// How many events there were.
    pub(crate) fn published(&self) -> u64 {
        self.published.load(Ordering::Acquire)
    }

    /// Notes what a storage peer said.
    pub(crate) fn note_storing(&self, peer: PeerId, storing: Storing) {
        self.storing.lock().insert(peer, storing);
    }

    /// Notes how all of them stand.
    pub(crate) fn set_storing(&self, all: Vec<(PeerId, Storing)>) {
        *self.storing.lock() = all.into_iter().collect();
    }

    pub(crate) fn notices(&self) -> Vec<Problem> {
        self.notices.lock().clone()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Brings everything that hangs on membership up to date: who may connect, with whom to keep
    /// sessions, which topic and which keys.
    pub(crate) fn membership_changed(&self, control: &ControlPlane) {
        control.fill(&self.keyring);
        let members = control.members();
        if let Some(epoch) = control.current_epoch() {
            self.link.change_topic(epoch.gossip_topic());
        }
        *self.members.write() = members;
        self.voices.set(control.choir());
        self.connect_members();
        self.presence.greet();
        self.publish(DriveEvent::Members);
    }

    /// Keeps sessions with all other devices of the drive; with none while it is paused. Nobody is called once
    /// this device was removed, as nobody would listen: should that not stand, the others call.
    pub(crate) fn connect_members(&self) {
        let own = self.net.id();
        let members = self.members.read();
        let silent = self.paused.load(Ordering::Acquire) || members.removals.contains_key(&own);
        let (others, stores) = match silent {
            true => (Vec::new(), Vec::new()),
            false => {
                let all = members.endpoints.keys().copied();
                (all.filter(|peer| *peer != own).collect(), members.stores())
            }
        };
        drop(members);
        // Storage peers first: whoever is one is not met on the topic.
        self.link.set_stores(stores);
        self.link.set_members(others);
    }

    /// See [`DriveHandle::work`].
    pub(crate) fn work(&self) -> Option<Work> {
        let copy = self.working_copy.lock().clone()?;
        let now = Instant::now();
        let passed = |progress: &Progress| progress.snapshot(now).bytes_done;
        let (taken, written) = (passed(&self.taken_in), passed(&self.written_out));
        self.meter
            .lock()
            .look(now, &copy.progress(), taken, written)
    }
}

impl DriveHandle {
    /// The drive's id.
    pub fn id(&self) -> DriveId {
        self.shared.id
    }

    /// The name it was given when it was shared. Not unique.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// What this device's member may do; `None` once removed.
    pub fn role(&self) -> Option<Role> {
        self.shared.members.read().role
    }

    /// Whether this device's member may change the drive.
    pub fn can_write(&self) -> bool {
        self.role() >= Some(Role::Writer)
    }

    /// The tree as it is now. The actor waits while this is held: never across an await, never long.
    pub fn view(&self) -> RwLockReadGuard<'_, DriveTree> {
        self.shared.tree.read()
    }

    /// One action, durable when it returns. Each edit answers for itself.
    pub async fn edit(&self, edits: Vec<Edit>) -> Result<EditResults, DriveError> {
        self.ask(|reply| Request::Edit { edits, reply }).await
    }

    /// As [`DriveHandle::edit`], with a condition on each edit; `None` for those whose condition did
    /// not hold in the moment of the edit. An edit must not refer to another of the batch that may
    /// fall away.
    pub async fn edit_if(&self, edits: Vec<(Edit, Check)>) -> Result<EditIfResults, DriveError> {
        self.edit_jotting(edits, None).await
    }

    /// As [`DriveHandle::edit_if`]; what `jot` makes of the results is jotted down such that it holds if,
    /// and only if, the edits do.
    pub(crate) async fn edit_jotting(
        &self,
        edits: Vec<(Edit, Check)>,
        jot: Option<Jot>,
    ) -> Result<EditIfResults, DriveError> {
        self.ask(|reply| Request::EditIf { edits, jot, reply })
            .await
    }

    /// The bytes of files.
    pub fn content(&self) -> &ContentStore {
        &self.shared.content
    }

    /// What happens from now on. After `Lagged`, compare anew with the view.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<DriveEvent>> {
        self.shared.events.subscribe()
    }

    /// Changes whenever another device came, went or became level, and whenever the folder has something
    /// else to say of itself (what is pending, what waits and why): a sign to look at
    /// [`DriveHandle::peers`], [`DriveHandle::pending`] and [`DriveHandle::working_copy`] again. How far
    /// the other devices are behind changes without it. The number means nothing.
    pub fn standing(&self) -> watch::Receiver<u64> {
        self.shared.standing.subscribe()
    }

    /// How far the reading or writing of the folder is, if any is under way, with the bytes of files in the
    /// middle of it. Counters only: cheap.
    pub fn work(&self) -> Option<Work> {
        self.shared.work()
    }

    /// As `subscribe`, with the number of events published before, for who reports how far it is.
    pub(crate) fn follow(&self) -> (broadcast::Receiver<Arc<DriveEvent>>, u64) {
        let published = self.shared.published.load(Ordering::Acquire);
        (self.subscribe(), published)
    }

    pub(crate) fn followed(&self) -> Arc<Followed> {
        self.shared.followed.clone()
    }

    /// Whether something was published that the folder has not looked at yet.
    pub(crate) fn has_unfollowed(&self) -> bool {
        let published = self.shared.published.load(Ordering::Acquire);
        self.shared.followed.0.load(Ordering::Acquire) < published
    }

    /// This device's notes about the drive.
    pub fn local(&self) -> &LocalTable {
        &self.shared.local
    }

    /// The folder that is kept in step, if there is one.
    pub fn working_copy(&self) -> Option<WorkingCopy> {
        self.shared.working_copy.lock().clone()
    }

    /// Everything below a path (the whole drive for `None`), folders before what is in them. `None`
    /// if there is nothing at that path.
    pub fn listing(&self, below: Option<&str>) -> Option<Vec<Listed>> {
        let tree = self.view();
        let path = below.unwrap_or_default().trim_matches('/');
        let top = tree.lookup(path)?;
        let mut listed = Vec::new();
        if !path.is_empty() {
            listed.extend(
                tree.get(top)
                    .map(|node| listing::line(&node, path.to_owned())),
            );
        }
        listing::walk(&tree, top, path, &mut |line| listed.push(line));
        Some(listed)
    }

    /// Equal on two devices exactly when they show the same drive.
    pub fn view_hash(&self) -> [u8; 32] {
        listing::view_hash(&self.view())
    }

    pub(crate) async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, DriveError>>) -> Request,
    ) -> Result<T, DriveError> {
        let (reply, answer) = oneshot::channel();
        self.shared
            .requests
            .send(request(reply))
            .await
            .map_err(|_| DriveError::Closed)?;
        answer.await.map_err(|_| DriveError::Closed)?
    }
}

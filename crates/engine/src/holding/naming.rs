//! Names to the drive's storage peers what its members need, so that they fetch and keep it: all of it when one
//! of them comes, and what changes from then on. Knows when and which blobs, not how they are stored.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use peerdrive_crypto::body::Role;
use peerdrive_net::{BlobId, DriveTag, MAX_NAMED, PeerId, StoreRefusal, StoreReply, StoreRequest};
use tokio::sync::broadcast::error::RecvError;

use super::due::Due;
use super::{HoldError, needed};
use crate::drive::handle::{DriveHandle, Shared};

/// Changes come in bursts.
const REST: Duration = Duration::from_millis(300);

/// How soon it is asked again whether what was lacking has come: at first, and at most.
const SOON: Duration = Duration::from_secs(1);
const LATEST: Duration = Duration::from_secs(60);

/// How often everything is named anew: well below the days after which what nobody names may go.
const ANEW: Duration = Duration::from_secs(24 * 3600);

/// The same while an admin could not say yet that this was all: not being level, or lacking lists of chunks.
const WORD_DUE: Duration = Duration::from_secs(3600);

/// How a storage peer stands to what this device needs of a drive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Storing {
    /// Blobs that were named and are not there yet.
    pub lacking: u64,
    /// It has no room for them.
    pub full: bool,
    /// It refuses, and why.
    pub refused: Option<StoreRefusal>,
    /// Everything was named since it came.
    pub named: bool,
    /// How many of the drive's events were taken in account.
    pub(crate) heard: u64,
}

/// What one storage peer has been told.
#[derive(Debug)]
struct Told {
    lacking: HashSet<BlobId>,
    /// When everything was named, if it was.
    all: Option<Instant>,
    /// Whether an admin's word that this is all is still due.
    word: bool,
    /// Whether what was named last really was all.
    complete: bool,
    pause: Duration,
    again: Option<Instant>,
}

impl Told {
    fn nothing() -> Self {
        Self {
            lacking: HashSet::new(),
            all: None,
            word: false,
            complete: false,
            pause: SOON,
            again: None,
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        self.is_old(now) || self.again.is_some_and(|at| at <= now)
    }

    /// Whether everything is to be named anew.
    fn is_old(&self, now: Instant) -> bool {
        let lasts = if self.word { WORD_DUE } else { ANEW };
        self.all
            .is_none_or(|at| now.saturating_duration_since(at) >= lasts)
    }
}

/// Runs as long as the drive does.
pub(crate) async fn follow(shared: Weak<Shared>) {
    let Some((mut events, mut heard, tag)) = shared.upgrade().map(|shared| {
        let events = shared.follow_events();
        (events, shared.published(), shared.tag())
    }) else {
        return;
    };
    let mut told: HashMap<PeerId, Told> = HashMap::new();
    loop {
        let mut due = Due::default();
        let next = told.values().filter_map(|told| told.again).min();
        let wait = next.map(|at| at.saturating_duration_since(Instant::now()));
        match tokio::time::timeout(wait.unwrap_or(WORD_DUE), events.recv()).await {
            Ok(Ok(event)) => due.hear(&event),
            Ok(Err(RecvError::Lagged(missed))) => due.miss(missed),
            Ok(Err(RecvError::Closed)) => return,
            Err(_) => {}
        }
        if !stores_of(&shared).is_empty() {
            tokio::time::sleep(REST).await;
        }
        if !due.hear_all(&mut events) {
            return;
        }
        let stores = stores_of(&shared);
        let Some(shared) = shared.upgrade() else {
            return;
        };
        heard += due.heard;
        told.retain(|peer, _| stores.contains(peer));
        for peer in &stores {
            told.entry(*peer).or_insert_with(Told::nothing);
        }
        match name(&shared, tag, &due, &mut told).await {
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(%error, "what is to be stored could not be told");
                // All of it is, then; and nothing counts as told until it was.
                let again = Instant::now() + LATEST;
                told.values_mut().for_each(|told| {
                    told.all = None;
                    told.again = Some(again);
                });
            }
        }
        let standing = |(peer, told): (&PeerId, &Told)| {
            let known = shared.storing(peer).unwrap_or_default();
            let standing = Storing {
                lacking: told.lacking.len() as u64,
                named: told.all.is_some(),
                heard,
                ..known
            };
            (*peer, standing)
        };
        let all: Vec<_> = told.iter().map(standing).collect();
        shared.set_storing(all);
    }
}

/// The storage peers that are connected, if this device is one whose word counts with them.
fn stores_of(shared: &Weak<Shared>) -> Vec<PeerId> {
    let Some(shared) = shared.upgrade() else {
        return Vec::new();
    };
    if shared.members.read().role < Some(Role::Writer) {
        return Vec::new();
    }
    let drive = DriveHandle { shared };
    let connected = drive.connected();
    let members = drive.shared.members.read();
    let stores = connected.into_iter();
    stores.filter(|peer| members.is_store(peer)).collect()
}

/// Tells each storage peer what is new to it, and asks for what it lacked.
async fn name(
    shared: &Arc<Shared>,
    tag: DriveTag,
    due: &Due,
    told: &mut HashMap<PeerId, Told>,
) -> Result<(), HoldError> {
    let now = Instant::now();
    // After an error only when its time has come.
    let rests = |told: &Told| told.all.is_none() && told.again.is_some_and(|at| at > now);
    let anew = |told: &Told| (due.all || told.is_old(now)) && !rests(told);
    let admin = shared.members.read().role >= Some(Role::Admin);
    let everything = match told.values().any(anew) {
        true => Some(everything(shared).await?),
        false => None,
    };
    let news = match due.nodes.is_empty() || everything.is_some() {
        true => HashSet::new(),
        false => blobs_below(shared, due).await?,
    };
    let mut telling = Vec::new();
    for (peer, told) in told.iter_mut() {
        match everything.as_ref().filter(|_| anew(told)) {
            Some(all) => {
                told.lacking = all.blobs.clone();
                told.all = Some(now);
                told.word = admin;
                told.pause = SOON;
            }
            None if !news.is_empty() => {
                told.lacking.extend(&news);
                told.pause = SOON;
            }
            None if !told.is_due(now) => continue,
            None => {}
        }
        told.complete = everything.as_ref().is_some_and(|all| all.complete);
        telling.push(tell(shared, tag, *peer, told));
    }
    futures_util::future::join_all(telling).await;
    Ok(())
}

/// Names to one storage peer what it is not known to have.
async fn tell(shared: &Arc<Shared>, tag: DriveTag, peer: PeerId, told: &mut Told) {
    let mut standing = Storing::default();
    let open: Vec<BlobId> = told.lacking.iter().copied().collect();
    let mut answered = true;
    for some in open.chunks(MAX_NAMED) {
        let request = StoreRequest::Keep {
            drive: tag,
            blobs: some.to_vec(),
        };
        match shared.net.ask_store(peer, &request).await {
            Ok(StoreReply::Kept { here, full }) => {
                standing.full |= full;
                for (id, _) in some.iter().zip(here).filter(|(_, here)| *here) {
                    told.lacking.remove(id);
                }
            }
            Ok(StoreReply::Refused(why)) => standing.refused = Some(why),
            Ok(StoreReply::Done) => {}
            Err(error) => {
                tracing::debug!(%error, %peer, "a storage peer does not answer");
                answered = false;
                break;
            }
        }
    }
    // Whoever does not know all that there is must not say that this was all.
    let may_say = told.word && told.complete && is_level(shared, &peer);
    if answered && may_say && standing.refused.is_none() {
        // Named is everything, also what has still to be fetched.
        let named = shared
            .net
            .ask_store(peer, &StoreRequest::Named { drive: tag })
            .await;
        told.word = !matches!(named, Ok(StoreReply::Done));
    }
    let satisfied = answered && told.lacking.is_empty();
    told.again = (!satisfied).then(|| Instant::now() + told.pause);
    told.pause = (told.pause * 2).min(LATEST);
    shared.note_storing(peer, standing);
}

/// Whether this device has every entry that a storage peer has, and the other way round, and has applied them.
fn is_level(shared: &Shared, peer: &PeerId) -> bool {
    let peers = shared.link.peers();
    let level = peers.iter().any(|state| state.peer == *peer && state.level);
    level && shared.waiting() == 0 && !shared.is_awaited()
}

/// The blobs of everything that somebody could ask this device for.
struct Everything {
    blobs: HashSet<BlobId>,
    /// Whether every version could be told in full: lists of chunks may not be here.
    complete: bool,
}

async fn everything(shared: &Arc<Shared>) -> Result<Everything, HoldError> {
    let mut all = Everything {
        blobs: shared.snapshot_blobs().into_iter().collect(),
        complete: true,
    };
    for needed in needed::needed(shared).await? {
        let parts = shared.content.parts(&needed.content).await?;
        all.complete &= parts.all();
        all.blobs
            .extend(parts.parts.into_iter().map(|part| part.id));
    }
    Ok(all)
}

/// The blobs of what changed.
async fn blobs_below(shared: &Arc<Shared>, due: &Due) -> Result<HashSet<BlobId>, HoldError> {
    let mut all = HashSet::new();
    for top in &due.nodes {
        let mut wanted = Vec::new();
        needed::shown(shared, *top, &mut |needed| wanted.push(needed.content));
        for content in wanted {
            let parts = shared.content.parts(&content).await?;
            all.extend(parts.parts.into_iter().map(|part| part.id));
        }
    }
    Ok(all)
}

//! The one thread that changes a drive: takes requests, commits what waits together in one disk write,
//! then tells doors and peers. Knows the order of these steps, not what the requests mean.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use peerdrive_crypto::entry::Plane;
use peerdrive_crypto::ids::{EntryId, LogId};
use peerdrive_log::{AppendError, Record};
use peerdrive_net::LogHead;
use tokio::sync::{mpsc, oneshot};

use super::error::DriveError;
use super::event::DriveEvent;
use super::handle::Shared;
use super::replica::{Committed, Replica};
use super::request::{OnCheckpoints, Request};
use crate::failpoint;
use crate::local::Change;

/// Most requests that share one disk write. A bound, so that the first is not kept waiting by the
/// stream of the others; large enough that a burst of small edits costs one fsync.
const MAX_TOGETHER: usize = 256;

/// Entries of the backlog that are taken in one turn: some tens of milliseconds, in which others wait.
const AT_ONCE: usize = 128;

/// Checkpoints whose snapshots are asked for, one after the other, before every entry is judged instead.
const MOST_TRIED: usize = 3;

/// A reply that waits until the commit is durable.
pub(super) type Reply = Box<dyn FnOnce(Result<(), Arc<AppendError>>) + Send>;

/// Starts the thread. It ends when it is asked to stop or every handle is gone.
pub(crate) fn spawn(
    replica: Replica,
    requests: mpsc::Receiver<Request>,
    shared: Weak<Shared>,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    let actor = Actor {
        replica,
        shared,
        backlog: VecDeque::new(),
        holding: false,
        tried: Vec::new(),
    };
    std::thread::Builder::new()
        .name("drive".into())
        .spawn(move || actor.run(requests))
}

struct Actor {
    replica: Replica,
    /// Weak: the handles keep a drive alive, not its actor.
    shared: Weak<Shared>,
    /// Entries that came while something else was to be done first.
    backlog: VecDeque<Received>,
    /// A checkpoint's snapshot is on its way: to judge entries now would only make it late.
    holding: bool,
    /// Those that were offered to begin from. An admin's that cannot be had must not keep another's from being
    /// used, and a few such must not keep somebody waiting.
    tried: Vec<EntryId>,
}

/// What a peer sent, as far as it is not taken in yet.
struct Received {
    entries: VecDeque<Bytes>,
    done: oneshot::Sender<()>,
}

impl Actor {
    fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        // A daemon that was killed may have left own work to be made again.
        self.replica.remake();
        self.replica.forget_false_ground();
        self.commit(Vec::new());
        self.offer();
        loop {
            let mut replies = Vec::new();
            let next = match self.is_behind() {
                true => requests.try_recv().ok(),
                false => match requests.blocking_recv() {
                    Some(next) => Some(next),
                    None => return,
                },
            };
            let mut stop = match next {
                Some(next) => self.take(next, &mut replies),
                None if requests.is_closed() => return,
                None => {
                    self.take_some(&mut replies);
                    None
                }
            };
            while stop.is_none() && replies.len() < MAX_TOGETHER {
                let Ok(next) = requests.try_recv() else { break };
                stop = self.take(next, &mut replies);
            }
            self.commit(replies);
            if self.replica.verified().is_some() {
                failpoint::pass("audit.portion");
            }
            // What is compared is what is durable.
            if self.replica.settle_ground() {
                failpoint::pass("audit.settled");
                self.commit(Vec::new());
            }
            let snapshot = self.replica.snapshot_if_due(stop.is_some());
            if let Err(error) = snapshot {
                // Costs a longer start, nothing else.
                tracing::warn!(%error, "no snapshot could be written");
            }
            if let Some(stopped) = stop {
                let _ = stopped.send(());
                return;
            }
        }
    }

    /// Carries out a request in memory. Returns the way back of a request to stop.
    fn take(&mut self, request: Request, replies: &mut Vec<Reply>) -> Option<oneshot::Sender<()>> {
        match request {
            Request::Edit { edits, reply } => match self.replica.edit(&edits) {
                Ok(results) => replies.push(when_durable(reply, results)),
                Err(error) => {
                    let _ = reply.send(Err(error));
                }
            },
            Request::EditIf { edits, jot, reply } => match self.replica.edit_if(edits) {
                Ok(results) => {
                    if let Some(jot) = jot {
                        self.jot(jot(&results));
                    }
                    replies.push(when_durable(reply, results));
                }
                Err(error) => {
                    let _ = reply.send(Err(error));
                }
            },
            Request::Receive { entries, done } if self.defers() => {
                self.backlog.push_back(Received {
                    entries: entries.into(),
                    done,
                });
            }
            Request::Receive { entries, done } => {
                self.replica.receive(entries);
                // Before any more of them are looked at.
                self.offer();
                replies.push(Box::new(move |_| {
                    let _ = done.send(());
                }));
            }
            Request::Invite { terms, reply } => match self.replica.invite(terms) {
                Ok(ticket) => replies.push(when_durable(reply, ticket)),
                Err(error) => {
                    let _ = reply.send(Err(error));
                }
            },
            Request::IsGatekeeper { invite, reply } => {
                let _ = reply.send(self.replica.is_gatekeeper_of(&invite));
            }
            Request::Challenge {
                hello,
                exporter,
                reply,
            } => {
                let _ = reply.send(self.replica.challenge(hello, &exporter));
            }
            Request::Govern { act, reply } => match self.replica.govern(act) {
                Ok(()) => replies.push(when_durable(reply, ())),
                Err(error) => {
                    let _ = reply.send(Err(error));
                }
            },
            Request::Tend { reply } => match self.replica.tend() {
                Ok(done) => replies.push(when_durable(reply, done)),
                Err(error) => {
                    let _ = reply.send(Err(error));
                }
            },
            Request::Pending { reply } => {
                let _ = reply.send(Ok(self.replica.pending()));
            }
            Request::Consider { applying, reply } => {
                let _ = reply.send(self.replica.consider(*applying));
            }
            Request::Admit {
                applicant,
                peers,
                reply,
            } => match self.replica.admit(&applicant, &peers) {
                Ok(welcome) => replies.push(when_durable(reply, welcome)),
                Err(error) => {
                    let _ = reply.send(Err(error));
                }
            },
            Request::Checkpoints(ask) => self.checkpoints(ask, replies),
            Request::Identity(ask) => replies.extend(self.replica.identity(ask)),
            Request::Stop { reply } => return Some(reply),
        }
        None
    }

    /// Whether entries are to wait for their turn: whoever works on a drive whose history is still being
    /// judged is not to wait for that.
    fn defers(&self) -> bool {
        self.holding || !self.backlog.is_empty() || self.replica.verified().is_some()
    }

    fn is_behind(&self) -> bool {
        !self.holding && !self.backlog.is_empty()
    }

    /// Takes a few of the entries that wait.
    fn take_some(&mut self, replies: &mut Vec<Reply>) {
        let Some(mut first) = self.backlog.pop_front() else {
            return;
        };
        let some = first.entries.len().min(AT_ONCE);
        self.replica.receive(first.entries.drain(..some).collect());
        match first.entries.is_empty() {
            true => replies.push(Box::new(move |_| {
                let _ = first.done.send(());
            })),
            false => self.backlog.push_front(first),
        }
    }

    fn checkpoints(&mut self, ask: OnCheckpoints, replies: &mut Vec<Reply>) {
        match ask {
            OnCheckpoints::Prepare { reply } => {
                let prepared = self.replica.prepare_checkpoint().map(Box::new);
                let _ = reply.send(Ok(prepared));
            }
            OnCheckpoints::Publish { body, deps, reply } => {
                match self.replica.publish_checkpoint(&body, deps) {
                    Ok(()) => replies.push(when_durable(reply, ())),
                    Err(error) => {
                        let _ = reply.send(Err(error));
                    }
                }
            }
            OnCheckpoints::Keep { entry, document } => self.replica.keep_ground(&entry, &document),
            OnCheckpoints::StandOn { known, loaded } => {
                self.holding = false;
                let stands = self.replica.stand_on(*known, *loaded);
                tracing::info!(stands, "a drive is shown by a checkpoint");
            }
            OnCheckpoints::GoOn => {
                self.holding = false;
                self.replica.forget_ground();
            }
            OnCheckpoints::GiveUp => self.replica.give_ground_up(),
        }
    }

    /// Offers a checkpoint to begin from, one at a time, while nothing is known of what is in the drive.
    fn offer(&mut self) {
        let awaited = |shared: &Arc<Shared>| shared.is_awaited() && shared.verified().is_none();
        let Some(shared) = self.shared.upgrade().filter(awaited) else {
            return;
        };
        if self.holding || self.tried.len() >= MOST_TRIED {
            return;
        }
        if let Some(known) = self.replica.candidate(&self.tried).cloned() {
            self.tried.push(known.entry.id());
            self.holding = shared.offer(known);
        }
    }

    /// Jots rows down that come with the entries staged last. They hold once those are durable.
    fn jot(&self, rows: Vec<Change>) {
        if let Some(shared) = self.shared.upgrade() {
            let next = self.replica.own_position(Plane::Content);
            shared.jotter.add_with(next.log_id().0, next.seq, rows);
        }
    }

    fn commit(&mut self, replies: Vec<Reply>) {
        let shared = self.shared.upgrade();
        match self.replica.commit() {
            Ok(committed) => {
                if let Some(shared) = &shared {
                    self.tell(shared, committed);
                    self.offer();
                }
                replies.into_iter().for_each(|reply| reply(Ok(())));
            }
            Err(error) => {
                tracing::error!(%error, "nothing could be written; going back to what is on disk");
                if let Err(error) = self.replica.reload() {
                    tracing::error!(%error, "the drive could not be read back");
                }
                if let Some(shared) = &shared {
                    shared.publish(DriveEvent::Reloaded);
                }
                let error = Arc::new(error);
                replies
                    .into_iter()
                    .for_each(|reply| reply(Err(error.clone())));
            }
        }
    }

    fn tell(&self, shared: &Shared, committed: Committed) {
        let news = self.news(&committed);
        if !news.is_empty() {
            shared.announce(news);
        }
        if committed.control_changed {
            shared.membership_changed(&self.replica.control);
        }
        // Before anybody is woken who looks at it.
        shared.set_verified(self.replica.verified(), &self.replica.snapshot_blobs());
        shared.set_waiting(self.replica.waiting());
        shared.set_notices(self.replica.notices());
        if committed.reloaded {
            shared.publish(DriveEvent::Reloaded);
        }
        for happened in committed.happened {
            if !happened.events.is_empty() {
                shared.publish(DriveEvent::Tree {
                    by: happened.by,
                    events: happened.events,
                });
            }
        }
    }

    /// What peers are told. Invariant 1: only what `commit` returned for.
    fn news(&self, committed: &Committed) -> Vec<(LogHead, Vec<Bytes>)> {
        let mut news: Vec<(LogHead, Vec<Bytes>)> = Vec::new();
        for record in &committed.own {
            let head = head_of(record);
            let bytes = Bytes::from(record.bytes.clone());
            match news.iter_mut().find(|(known, _)| known.log == head.log) {
                Some((known, entries)) => {
                    *known = head;
                    entries.push(bytes);
                }
                None => news.push((head, vec![bytes])),
            }
        }
        for LogId(log) in &committed.grown {
            // Without an entry: it has parted at its first.
            let nothing = || LogHead::nothing_of(peerdrive_net::LogId(*log));
            let tip = self.replica.log.tip(log);
            news.push((
                tip.map_or_else(nothing, |tip| crate::peers::head_of(&tip)),
                Vec::new(),
            ));
        }
        news
    }
}

fn head_of(record: &Record) -> LogHead {
    LogHead {
        log: peerdrive_net::LogId(record.log),
        len: record.seq + 1,
        tip: peerdrive_net::EntryId(record.id),
    }
}

pub(super) fn when_durable<T, E>(reply: oneshot::Sender<Result<T, E>>, value: T) -> Reply
where
    T: Send + 'static,
    E: From<DriveError> + Send + 'static,
{
    Box::new(move |written| {
        let _ = reply.send(
            written
                .map(|()| value)
                .map_err(|error| DriveError::Append(error).into()),
        );
    })
}

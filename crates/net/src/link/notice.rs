//! Tells a peer that was removed what has ended its membership, and nothing else. Does not know what the
//! entries mean, and takes in nothing of what the peer holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::time::timeout;

use super::NewSession;
use crate::{
    frame::{self, FrameError},
    proto::{EntrySource, LogHead, MAX_FRAME, MAX_HEADS, Message, answer, shown},
    screen::REFUSED,
    types::LogId,
};

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Messages that are read of one peer: enough for all windows of a control plane of 64 MiB.
const MOST: usize = 512;

/// What is left to tell one peer.
struct Notice {
    source: Arc<dyn EntrySource>,
    /// How far the peer may read, by log.
    removal: BTreeMap<LogId, u64>,
    /// What it does not hold yet.
    lacks: BTreeSet<LogId>,
    /// It has named all that it holds.
    named_all: bool,
}

/// Answers a peer's questions about these logs, each up to its number, until it holds them; then ends the
/// connection.
pub(super) async fn give(
    mut new: NewSession,
    source: Arc<dyn EntrySource>,
    removal: Vec<(LogId, u64)>,
) {
    let mut notice = Notice {
        source,
        lacks: removal.iter().map(|(log, _)| *log).collect(),
        removal: removal.into_iter().collect(),
        named_all: false,
    };
    let peer = new.peer;
    match timeout(LIMIT, notice.talk(&mut new)).await {
        Ok(Ok(())) => tracing::debug!(?peer, "knows that it was removed"),
        Ok(Err(error)) => tracing::debug!(?peer, %error, "was not told that it was removed"),
        Err(_) => tracing::debug!(?peer, "does not listen to why it was removed"),
    }
    new.connection.close(REFUSED, &[]);
}

impl Notice {
    async fn talk(&mut self, peer: &mut NewSession) -> Result<(), FrameError> {
        for _ in 0..MOST {
            let bytes = frame::read(&mut peer.recv, MAX_FRAME).await?;
            let Ok(message) = Message::decode(&bytes) else {
                break;
            };
            if let Some(reply) = self.hear(message) {
                frame::write(&mut peer.send, vec![reply.encode()]).await?;
            }
            if self.named_all && self.lacks.is_empty() {
                break;
            }
        }
        Ok(())
    }

    fn hear(&mut self, message: Message) -> Option<Message> {
        match message {
            Message::Heads { heads, more } => {
                heads.iter().for_each(|head| self.held(head));
                let first = !more && !self.named_all;
                self.named_all |= !more;
                (first && !self.lacks.is_empty()).then(|| self.heads())
            }
            Message::Want { log, from } => {
                let limit = *self.removal.get(&log)?;
                answer(&*self.source, &log, from, limit).map(Message::Entries)
            }
            Message::AskIds { log, seqs } => {
                let limit = *self.removal.get(&log)?;
                let id = |seq| self.source.entry_id_at(&log, seq).filter(|_| seq < limit);
                let ids = seqs.into_iter().map(|seq| (seq, id(seq))).collect();
                Some(Message::Ids { log, ids })
            }
            // Everything else is for members.
            _ => None,
        }
    }

    /// The peer holds so much of a log.
    fn held(&mut self, head: &LogHead) {
        if self
            .removal
            .get(&head.log)
            .is_some_and(|len| head.len >= *len)
        {
            self.lacks.remove(&head.log);
        }
    }

    fn heads(&self) -> Message {
        let logs = self.removal.iter();
        let heads = logs.filter_map(|(log, len)| shown(&*self.source, log, *len));
        Message::Heads {
            heads: heads.take(MAX_HEADS).collect(),
            more: false,
        }
    }
}

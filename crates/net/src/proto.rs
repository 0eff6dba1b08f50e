//! How the logs of one drive are brought level between peers, as a state machine without IO: events
//! in, events out, the time passed in. It knows lengths and ids of logs, never what entries mean.

mod event;
mod exchange;
mod fork;
mod message;
mod pair;
#[cfg(test)]
mod sim;

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

#[cfg(test)]
pub(crate) use self::message::Run;
pub(crate) use self::{
    event::{InEvent, OutEvent},
    exchange::{Exchange, answer, shown},
    message::{DecodeError, MAX_ADDRESSES, MAX_FRAME, MAX_HEADS, Message},
};
use crate::types::{EntryId, LogId};

/// How long a log is, and its last entry. Since entries are linked by hash, equal heads mean equal
/// logs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogHead {
    /// The log.
    pub log: LogId,
    /// The number of entries. At least 1, since an empty log is not mentioned; 0 only to whoever was told
    /// another length before, of a log that has parted at its first entry.
    pub len: u64,
    /// The id of entry `len - 1`; zeros if there is none.
    pub tip: EntryId,
}

impl LogHead {
    /// Of a log that was not empty, and is.
    pub fn nothing_of(log: LogId) -> Self {
        Self {
            log,
            len: 0,
            tip: EntryId([0; 32]),
        }
    }

    fn is_sound(&self) -> bool {
        self.len > 0 || *self == Self::nothing_of(self.log)
    }
}

/// The read side of a drive's logs, implemented by their keeper. Everything it returns is durable.
///
/// Called often and from the network's tasks: answers should come from memory or a quick read.
pub trait EntrySource: Send + Sync + 'static {
    /// The heads of all logs that are not empty. Peers ask in this order, so put first what others
    /// need to make sense of the rest.
    fn summary(&self) -> Vec<LogHead>;

    /// Consecutive entries from number `from` (the first is 0), as many as fit in `max_bytes` but at
    /// least one if there is one.
    fn read(&self, log: &LogId, from: u64, max_bytes: usize) -> Vec<Bytes>;

    /// The id of entry `seq`, if the log reaches so far.
    fn entry_id_at(&self, log: &LogId, seq: u64) -> Option<EntryId>;

    /// The head of one log; `None` if it is empty. Worth implementing where a summary costs more than a
    /// look-up.
    fn head(&self, log: &LogId) -> Option<LogHead> {
        self.summary().into_iter().find(|head| head.log == *log)
    }
}

impl<S: EntrySource + ?Sized> EntrySource for Arc<S> {
    fn summary(&self) -> Vec<LogHead> {
        (**self).summary()
    }

    fn read(&self, log: &LogId, from: u64, max_bytes: usize) -> Vec<Bytes> {
        (**self).read(log, from, max_bytes)
    }

    fn entry_id_at(&self, log: &LogId, seq: u64) -> Option<EntryId> {
        (**self).entry_id_at(log, seq)
    }

    fn head(&self, log: &LogId) -> Option<LogHead> {
        (**self).head(log)
    }
}

//! The messages that two peers exchange about one drive, and their bytes. Does not know streams.
//!
//! A message is postcard, in its one canonical form: bytes that decode but would not be written so
//! are refused. Every list is bounded by the frame, whose length is checked before anything is read.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::LogHead;
use crate::types::{DriveTag, EntryId, LogId};

/// The largest frame, in bytes. One entry must fit with some room to spare.
pub(crate) const MAX_FRAME: usize = 1 << 20;

/// Heads in one message: 72 bytes each, so a message stays well below the frame.
pub(crate) const MAX_HEADS: usize = 4096;

/// What one peer says to another about a drive.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// Opens a session, in both directions. The dialing peer speaks first.
    Hello {
        /// The drive that this stream is about.
        drive: DriveTag,
        /// Random per start of the sender's process: tells a restart from a second connection.
        instance: u64,
    },
    /// The sender durably holds these logs so far. News and acknowledgement in one.
    Heads {
        /// The heads that changed; after [`Message::Hello`] those of all logs.
        heads: Vec<LogHead>,
        /// Whether the list after [`Message::Hello`] goes on in the next message.
        more: bool,
    },
    /// The sender wants entries of `log`, starting with number `from`.
    Want {
        /// The log.
        log: LogId,
        /// The number of the first entry wanted.
        from: u64,
    },
    /// The answer to [`Message::Want`]: entries from number `from`, none if there are none.
    Entries(Run),
    /// New entries that the sender wrote itself, unasked.
    Push(Run),
    /// Asks for the ids of some entries, to find where two logs part.
    AskIds {
        /// The log.
        log: LogId,
        /// Numbers of entries, ascending; at most [`MAX_PROBES`].
        seqs: Vec<u64>,
    },
    /// The answer to [`Message::AskIds`]: for each number the id, if the log reaches so far.
    Ids {
        /// The log.
        log: LogId,
        /// Numbers and ids, as asked.
        ids: Vec<(u64, Option<EntryId>)>,
    },
    /// Where members of this drive can be reached: encoded addresses, opaque here.
    Addresses(Vec<Vec<u8>>),
}

/// The most numbers in one [`Message::AskIds`]: a log of a billion entries parts in six questions.
pub(super) const MAX_PROBES: usize = 32;

/// The most addresses in one [`Message::Addresses`].
pub(crate) const MAX_ADDRESSES: usize = 64;

/// The most entries in one message, so that many empty ones cannot take more memory than the frame
/// suggests.
pub(super) const MAX_ENTRIES: usize = 8192;

/// Consecutive entries of one log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    /// The sender's head of the log at the time of sending.
    pub(crate) head: LogHead,
    /// The number of the first entry.
    pub(crate) from: u64,
    /// The entries' bytes.
    #[serde(with = "bytes_list")]
    pub(crate) entries: Vec<Bytes>,
}

impl Run {
    /// The number after the last entry.
    pub(super) fn end(&self) -> u64 {
        self.from.saturating_add(self.entries.len() as u64)
    }

    /// The sum of the entries' lengths.
    pub(super) fn bytes(&self) -> usize {
        self.entries.iter().map(Bytes::len).sum()
    }
}

/// Why a frame is not a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    /// Not a message at all, or one that is not in canonical form.
    #[error("malformed")]
    Malformed,
    /// A list longer than agreed, or a length that no log has.
    #[error("beyond the limits")]
    Limits,
}

/// No log is longer; sums of lengths cannot overflow below it.
const MAX_LEN: u64 = 1 << 48;

impl Message {
    /// The bytes of the message, without a length in front.
    pub(crate) fn encode(&self) -> Vec<u8> {
        // Writing plain structures into memory has no way to fail.
        postcard::to_allocvec(self).unwrap_or_default()
    }

    /// Reads a message that takes the whole of `frame`.
    ///
    /// # Errors
    ///
    /// A [`DecodeError`] when it is no canonical message within the limits.
    pub(crate) fn decode(frame: &[u8]) -> Result<Self, DecodeError> {
        let message: Self = postcard::from_bytes(frame).map_err(|_| DecodeError::Malformed)?;
        if message.encode() != frame {
            return Err(DecodeError::Malformed);
        }
        if message.within_limits() {
            Ok(message)
        } else {
            Err(DecodeError::Limits)
        }
    }

    /// How much work the message causes, in units of a simple one: look-ups in the logs count most.
    pub(crate) fn cost(&self) -> usize {
        match self {
            Self::Heads { heads, .. } => 1 + heads.len() / 8,
            Self::AskIds { seqs, .. } => 1 + seqs.len() / 8,
            Self::Addresses(list) => 1 + list.len(),
            _ => 1,
        }
    }

    fn within_limits(&self) -> bool {
        let head = |head: &LogHead| head.is_sound() && head.len <= MAX_LEN;
        match self {
            Self::Hello { .. } => true,
            Self::Heads { heads, .. } => heads.len() <= MAX_HEADS && heads.iter().all(head),
            Self::Want { from, .. } => *from <= MAX_LEN,
            Self::Entries(run) | Self::Push(run) => head(&run.head) && run.end() <= run.head.len,
            Self::AskIds { seqs, .. } => seqs.len() <= MAX_PROBES,
            Self::Ids { ids, .. } => ids.len() <= MAX_PROBES,
            Self::Addresses(list) => list.len() <= MAX_ADDRESSES,
        }
    }
}

/// Entries as byte strings: serde would write a sequence of numbers for a `Vec<u8>`'s cousin.
mod bytes_list {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer, de::SeqAccess, ser::SerializeSeq};

    struct Slice<'a>(&'a [u8]);

    impl serde::Serialize for Slice<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(self.0)
        }
    }

    struct Owned(Bytes);

    impl<'de> Deserialize<'de> for Owned {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl serde::de::Visitor<'_> for Visitor {
                type Value = Owned;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("bytes")
                }

                fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Owned, E> {
                    Ok(Owned(Bytes::copy_from_slice(bytes)))
                }
            }
            deserializer.deserialize_bytes(Visitor)
        }
    }

    pub(super) fn serialize<S: Serializer>(
        list: &[Bytes],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(list.len()))?;
        for bytes in list {
            seq.serialize_element(&Slice(bytes))?;
        }
        seq.end()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Bytes>, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Vec<Bytes>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of entries")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Bytes>, A::Error> {
                let mut list = Vec::new();
                while let Some(Owned(bytes)) = seq.next_element()? {
                    if list.len() == super::MAX_ENTRIES {
                        return Err(serde::de::Error::custom("too many entries"));
                    }
                    list.push(bytes);
                }
                Ok(list)
            }
        }
        deserializer.deserialize_seq(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::{
        ChaCha8Rng,
        rand_core::{Rng, SeedableRng},
    };

    use super::*;

    fn messages() -> Vec<Message> {
        let log = LogId([3; 32]);
        let head = LogHead {
            log,
            len: 9,
            tip: EntryId([4; 32]),
        };
        let entries = vec![Bytes::from_static(b"one"), Bytes::new()];
        let run = Run {
            head,
            from: 7,
            entries,
        };
        vec![
            Message::Hello {
                drive: DriveTag([1; 32]),
                instance: u64::MAX,
            },
            Message::Heads {
                heads: vec![head; 3],
                more: true,
            },
            Message::Want { log, from: 0 },
            Message::Entries(run.clone()),
            Message::Push(run),
            Message::AskIds {
                log,
                seqs: vec![0, 300, 70_000],
            },
            Message::Ids {
                log,
                ids: vec![(0, None), (300, Some(EntryId([5; 32])))],
            },
            Message::Addresses(vec![vec![1, 2, 3], vec![]]),
        ]
    }

    #[test]
    fn messages_survive_their_encoding() {
        for message in messages() {
            assert_eq!(Message::decode(&message.encode()), Ok(message));
        }
    }

    #[test]
    fn attack_x4_damaged_messages_are_refused_or_canonical() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for message in messages() {
            let good = message.encode();
            for cut in 0..good.len() {
                assert_eq!(Message::decode(&good[..cut]), Err(DecodeError::Malformed));
            }
            for _ in 0..20_000 {
                let mut bad = good.clone();
                for _ in 0..=rng.next_u32() % 3 {
                    let at = rng.next_u32() as usize % bad.len();
                    bad[at] = rng.next_u32() as u8;
                }
                crate::harness::wire_message(&bad);
                crate::harness::address(&bad);
            }
        }
    }

    #[test]
    fn attack_b3_what_is_beyond_the_limits_is_refused() {
        let log = LogId([3; 32]);
        let head = |len| LogHead {
            log,
            len,
            tip: EntryId([4; 32]),
        };
        let run = |len, from, n| Run {
            head: head(len),
            from,
            entries: vec![Bytes::new(); n],
        };
        for message in [
            Message::Heads {
                heads: vec![head(1); MAX_HEADS + 1],
                more: false,
            },
            Message::Heads {
                heads: vec![head(0)],
                more: false,
            },
            Message::Heads {
                heads: vec![head(u64::MAX)],
                more: false,
            },
            Message::Want {
                log,
                from: u64::MAX,
            },
            Message::Push(run(5, 4, 2)),
            Message::Entries(run(u64::MAX, u64::MAX, 1)),
            Message::AskIds {
                log,
                seqs: vec![1; MAX_PROBES + 1],
            },
            Message::Ids {
                log,
                ids: vec![(1, None); MAX_PROBES + 1],
            },
            Message::Addresses(vec![vec![]; MAX_ADDRESSES + 1]),
        ] {
            assert_eq!(
                Message::decode(&message.encode()),
                Err(DecodeError::Limits),
                "{message:?}"
            );
        }
        let many = Message::Push(run(1 << 40, 0, MAX_ENTRIES + 1));
        assert_eq!(Message::decode(&many.encode()), Err(DecodeError::Malformed));
    }
}

//! The gossip topic of a drive: hints and presence, both sealed and signed by who says them, whoever
//! hands them over. Does not deliver entries; a lost message costs nothing but time.

use std::fmt;

use futures_util::StreamExt;
use iroh::EndpointId;
use iroh_gossip::{
    Gossip, TopicId,
    api::{Event, GossipSender},
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{mpsc, watch},
    time::{Duration, sleep},
};
use tokio_util::sync::CancellationToken;

use super::MAX_PRESENCE;
use crate::{
    proto::LogHead,
    types::{EntryId, LogId, PeerId},
};

/// Heads in one hint: up to 74 bytes each, within [`MAX_PRESENCE`] when sealed.
pub(super) const MAX_HINTS: usize = 36;

/// The largest message, in bytes: presence and a few bytes of frame. Gossip's own limit is 4096.
const MAX_WHISPER: usize = MAX_PRESENCE + 16;

/// The pause before subscribing again after the topic broke.
const AGAIN: Duration = Duration::from_secs(1);

/// Seals what this device says on a drive's topic, and opens what others say there. Gossip is handed on
/// by anyone: only this tells who spoke.
pub trait TopicSeal: fmt::Debug + Send + Sync + 'static {
    /// Seals and signs a hint, to at most 138 bytes more. `None` while this device has no say.
    fn seal_hint(&self, hint: &[u8]) -> Option<Vec<u8>>;

    /// Opens a hint. `None` unless a live member said it, under the present keys.
    fn open_hint(&self, sealed: &[u8]) -> Option<Vec<u8>>;
}

/// That somebody has these logs: length, log and tip of each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hint(Vec<(u64, LogId, EntryId)>);

impl Hint {
    /// A hint about some heads.
    pub(super) fn of(heads: &[LogHead]) -> Self {
        let told = heads.iter().take(MAX_HINTS);
        Self(told.map(|head| (head.len, head.log, head.tip)).collect())
    }

    pub(super) fn heads(self) -> Vec<LogHead> {
        let told = self.0.into_iter().take(MAX_HINTS);
        told.map(|(len, log, tip)| LogHead { log, len, tip })
            .collect()
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        // Writing plain structures into memory has no way to fail.
        postcard::to_allocvec(self).unwrap_or_default()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}

/// What is said on a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Whisper {
    /// A [`Hint`], sealed.
    Hint(Vec<u8>),
    /// A message between engines, sealed by them.
    Presence(Vec<u8>),
}

/// What comes from a topic.
#[derive(Debug)]
pub(super) enum Heard {
    /// Somebody said this.
    Said(Whisper),
    /// There is one more to hear what is said.
    Neighbour,
}

impl Whisper {
    fn encode(&self) -> Vec<u8> {
        // Writing plain structures into memory has no way to fail.
        postcard::to_allocvec(self).unwrap_or_default()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX_WHISPER {
            return None;
        }
        let whisper: Self = postcard::from_bytes(bytes).ok()?;
        (whisper.encode() == bytes).then_some(whisper)
    }
}

/// What the actor wants of a topic.
#[derive(Debug)]
pub(super) enum ToTopic {
    /// Tell everybody.
    Say(Whisper),
    /// This peer is there to talk to.
    Meet(PeerId),
}

/// Stays on the drive's topic, following it when it changes, until stopped, or until there is nobody left
/// to ask for anything; what was asked before is still said then.
pub(super) async fn stay(
    gossip: Gossip,
    mut topic: watch::Receiver<[u8; 32]>,
    mut requests: mpsc::Receiver<ToTopic>,
    heard: mpsc::Sender<Heard>,
    stop: CancellationToken,
) {
    let mut met: Vec<EndpointId> = Vec::new();
    loop {
        let id = TopicId::from_bytes(*topic.borrow_and_update());
        let subscribed = gossip.subscribe(id, met.clone()).await;
        let Ok(subscribed) = subscribed else {
            tokio::select! {
                () = sleep(AGAIN) => continue,
                () = stop.cancelled() => return,
            }
        };
        let (sender, mut events) = subscribed.split();
        let broken = loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = topic.changed() => match changed {
                    Ok(()) => break false,
                    Err(_) => return,
                },
                request = requests.recv() => match request {
                    Some(request) => if !carry_out(&sender, request, &mut met).await {
                        break true;
                    },
                    None => return,
                },
                event = events.next() => match event {
                    Some(Ok(Event::Received(message))) => {
                        if let Some(whisper) = Whisper::decode(&message.content) {
                            // Nobody is waited for: a hint that is not heard is no loss.
                            let _ = heard.try_send(Heard::Said(whisper));
                        }
                    }
                    Some(Ok(Event::NeighborUp(_))) => {
                        let _ = heard.try_send(Heard::Neighbour);
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => break true,
                },
            }
        };
        if broken {
            tokio::select! {
                () = sleep(AGAIN) => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

/// Peers that are remembered for the next subscription.
const MET: usize = 32;

/// Does what is asked; returns whether the topic still works.
async fn carry_out(sender: &GossipSender, request: ToTopic, met: &mut Vec<EndpointId>) -> bool {
    match request {
        ToTopic::Say(whisper) => sender.broadcast(whisper.encode().into()).await.is_ok(),
        ToTopic::Meet(peer) => {
            let Ok(id) = EndpointId::from_bytes(&peer.0) else {
                return true;
            };
            met.retain(|known| *known != id);
            met.push(id);
            if met.len() > MET {
                met.remove(0);
            }
            sender.join_peers(vec![id]).await.is_ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whispers_survive_their_encoding_and_fit() {
        let heads = vec![
            LogHead {
                log: LogId([1; 32]),
                len: u64::MAX,
                tip: EntryId([2; 32])
            };
            99
        ];
        let hint = Hint::of(&heads);
        assert_eq!(Hint::decode(&hint.encode()), Some(hint.clone()));
        // Sealing adds 24 bytes of nonce, 98 of who speaks and how long it is, and 16 of tag.
        assert!(hint.encode().len() + 138 <= MAX_PRESENCE);
        assert_eq!(hint.heads(), heads[..MAX_HINTS]);
        for whisper in [
            Whisper::Hint(vec![7; MAX_PRESENCE]),
            Whisper::Presence(vec![7; MAX_PRESENCE]),
        ] {
            let bytes = whisper.encode();
            assert!(bytes.len() <= MAX_WHISPER, "{}", bytes.len());
            assert_eq!(Whisper::decode(&bytes), Some(whisper));
        }
        assert_eq!(Whisper::decode(&[0; 5000]), None);
        assert_eq!(Whisper::decode(&[9, 9, 9]), None);
    }
}

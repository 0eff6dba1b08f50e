//! The gossip topic of a drive: hints and presence, both worth nothing until checked. Does not
//! deliver entries; a lost message costs nothing but time.

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

/// Heads in one hint: 72 bytes each, within what gossip carries.
pub(super) const MAX_HINTS: usize = 40;

/// The largest message, in bytes: presence and a few bytes of frame. Gossip's own limit is 4096.
const MAX_WHISPER: usize = MAX_PRESENCE + 16;

/// The pause before subscribing again after the topic broke.
const AGAIN: Duration = Duration::from_secs(1);

/// What is said on a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Whisper {
    /// Somebody has these logs: length, log and tip of each.
    Hint(Vec<(u64, LogId, EntryId)>),
    /// A message between engines, sealed by them.
    Presence(Vec<u8>),
}

impl Whisper {
    /// A hint about some heads.
    pub(super) fn hint(heads: &[LogHead]) -> Self {
        Self::Hint(
            heads
                .iter()
                .take(MAX_HINTS)
                .map(|head| (head.len, head.log, head.tip))
                .collect(),
        )
    }

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

/// Stays on the drive's topic, following it when it changes, until stopped.
pub(super) async fn stay(
    gossip: Gossip,
    mut topic: watch::Receiver<[u8; 32]>,
    mut requests: mpsc::Receiver<ToTopic>,
    heard: mpsc::Sender<Whisper>,
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
        let mut asking = true;
        let broken = loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = topic.changed() => match changed {
                    Ok(()) => break false,
                    Err(_) => return,
                },
                request = requests.recv(), if asking => match request {
                    Some(request) => asking = carry_out(&sender, request, &mut met).await,
                    None => return,
                },
                event = events.next() => match event {
                    Some(Ok(Event::Received(message))) => {
                        if let Some(whisper) = Whisper::decode(&message.content) {
                            // Nobody is waited for: a hint that is not heard is no loss.
                            let _ = heard.try_send(whisper);
                        }
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => break true,
                },
            }
        };
        if broken {
            sleep(AGAIN).await;
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
        for whisper in [
            Whisper::hint(&heads),
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
